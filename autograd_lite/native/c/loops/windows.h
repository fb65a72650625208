#define WINDOWS
