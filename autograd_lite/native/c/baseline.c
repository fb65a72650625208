/* The kernels for any processor of this architecture: SSE2, NEON. */
#include "kernels.h"
#define ISA baseline
#if defined(__aarch64__)
#define HAS_FMA
#endif
#define VECTOR_BYTES 16
#if defined(__aarch64__)
#define VECTOR_REGISTERS 32
#else
#define VECTOR_REGISTERS 16
#endif
#include "table.h"
