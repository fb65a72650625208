/* The kernels for any processor of this architecture: SSE2, NEON. */
#include "kernels.h"
#define ISA baseline
#if defined(__aarch64__)
#define HAS_FMA
#endif
#include "table.h"
