/* What expressions of generated code call: the kernels of loops/ as functions of one element, and what NumPy's loops do
 * where C has no operator for it. HAS_FMA is defined where the kernels in use have fused multiply-adds.
 *
 * A kernel some of whose arguments need care is three functions: `al_exp_d(x)`, and for loops that are vectorised
 * `al_exp_d_fast(x)`, which may be anything, and raise flags, where `al_exp_d_easy(x)` is 0;
 * and a fourth, `al_exp_d_alone(x)`, which is the first one, but not inlined: that saves the compiler time. */
#ifndef AUTOGRAD_LITE_EXPRESSIONS_H
#define AUTOGRAD_LITE_EXPRESSIONS_H

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAME(name) JOIN(al, name)

#include "loops/macros.h"
#include "loops/constants.h"

#define UNARY(kernel) INLINE real FN(kernel)(real x) { return FN(kernel##_one)(x); }
#define BINARY(kernel) INLINE real FN(kernel)(real x, real y) { return FN(kernel##_one)(x, y); }
#define CAREFUL(kernel, test, TAME)                                                                     \
    INLINE int JOIN(FN(kernel), easy)(real x) { return FN(test)(x); }                                   \
    INLINE real JOIN(FN(kernel), fast)(real x) { return FN(kernel##_one)(x); }                          \
    static __attribute__((noinline, cold)) real JOIN(FN(kernel), hard)(real x) {                        \
        __asm__ volatile(""); /* so that nobody calls it, or `one`, without need */                     \
        return FN(kernel##_hard)(x);                                                                    \
    }                                                                                                   \
    INLINE real FN(kernel)(real x) { return FN(test)(x) ? FN(kernel##_one)(x) : JOIN(FN(kernel), hard)(x); } \
    static __attribute__((noinline)) real JOIN(FN(kernel), alone)(real x) { return FN(kernel)(x); }
#define PULLBACK(kernel, slope)                                                                         \
    INLINE int JOIN(FN(kernel), easy)(real x, real y) { (void)y; return JOIN(FN(slope), easy)(x); }     \
    INLINE real JOIN(FN(kernel), fast)(real x, real y) { return y * JOIN(FN(slope), fast)(x); }         \
    INLINE real FN(kernel)(real x, real y) { return y * FN(slope)(x); }                                 \
    static __attribute__((noinline)) real JOIN(FN(kernel), alone)(real x, real y) { return FN(kernel)(x, y); }

#define X f
#define real float
#define bits int32_t
#define ubits uint32_t
#include "loops/functions.h"
#include "loops/networks.h"
#include "loops/operations.h"
#undef X
#undef real
#undef bits
#undef ubits

#define X d
#define real double
#define bits int64_t
#define ubits uint64_t
#include "loops/functions.h"
#include "loops/networks.h"
#include "loops/operations.h"
#include "loops/sines.h"
#include "loops/powers.h"
#undef X
#undef real
#undef bits
#undef ubits

#endif
