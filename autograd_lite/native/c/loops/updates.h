#define UPDATES
