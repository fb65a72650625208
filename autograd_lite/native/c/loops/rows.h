#define ROWS
