/* The kernels for processors with AVX2 and FMA. */
#include "kernels.h"
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi2"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,bmi2")
#endif
#define ISA avx2
#define HAS_FMA
#define VECTOR_BYTES 32
#define VECTOR_REGISTERS 16
#include "table.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
