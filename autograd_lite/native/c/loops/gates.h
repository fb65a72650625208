#define GATES
