/* The kernels for processors with AVX-512, as of Skylake's servers. */
#include "kernels.h"
#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,bmi2"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,bmi2,prefer-vector-width=512")
#endif
#define ISA avx512
#define HAS_FMA
#define VECTOR_BYTES 64
#define VECTOR_REGISTERS 32
#include "table.h"
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
