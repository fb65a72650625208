/* What kernels are written with. Included once for each set of instructions, before precision.h, which is included once
 * for each precision: it finds X, the letter of the type, `real`, the type, and `bits`, an integer of its size.
 *
 * An elementwise kernel is a function `FN(kernel_one)` of one element, and one line:
 *
 *     UNARY(kernel)                a kernel of one operand; BINARY takes two
 *     CAREFUL(kernel, test, TAME)  the same where some arguments need care
 *     PULLBACK(kernel, slope)      a second operand times a CAREFUL kernel of the first
 *
 * which is a loop of a ufunc by ufunc_loops.h, and a function for generated code by ../expressions.h. What is for loops
 * alone is under `#ifdef LOOP`.
 *
 * `one` has no branches, so that the loop is vectorised, and gives the same bits in vectors and alone, which is so
 * without effort as long as multiplications that may be fused are written MADD.
 */

/* A name for a precision, and things that differ between them. */
#define FN(name) NAME(JOIN(name, X))
#define EITHER(f, d) ((real)(sizeof(real) == sizeof(float) ? (f) : (d)))
#define MADD JOIN(MADD, X)
#define LIBM(function) JOIN(LIBM, X)(function)
#define LIBM_f(function) function##f
#define LIBM_d(function) function

/* A loop is vectorised only if all that it calls is part of it. */
#define INLINE static inline __attribute__((always_inline))

#ifdef HAS_FMA
#define MADD_f(a, b, c) __builtin_fmaf(a, b, c)
#define MADD_d(a, b, c) __builtin_fma(a, b, c)
#else
#define MADD_f(a, b, c) ((a) * (b) + (c))
#define MADD_d(a, b, c) ((a) * (b) + (c))
#endif

/* Before a loop whose elements do not depend on one another although results may lie in an input's memory, and before a
 * short one within it, which must be unrolled for the outer one to be vectorised. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#define UNROLL _Pragma("GCC unroll 32")
#endif
