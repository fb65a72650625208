/* Generalized ufuncs over rows: what softmax, layer normalization and their derivatives do along an axis.
 *
 * Rows are independent, so that a call may be cut between them. What a row waits for (its maximum, its mean) is found
 * for a few rows at a time, so that the processor has something else to do meanwhile; they are still in the cache when
 * they are read again. This is what both precisions share.
 */
#include <fenv.h>
#include <float.h>

#define LANES 16     /* sums have that many parts, however long the processor's vectors are */
#define PART 256     /* elements whose sum is taken at once; such sums are added with what rounding loses */

/* What the compiler is told about loops over lanes: UNROLL to keep sums in registers, ROLL to make vectors of the rest. */
#define ROLL _Pragma("GCC unroll 1")

#define SHARED static __attribute__((noinline)) /* by several kernels */

/* Take back the exceptions of a call that the expression in NumPy does not raise. */
SHARED void NAME(forget)(int exceptions, int before) {
    const int raised = fetestexcept(exceptions) & ~before;
    if (raised) {
        feclearexcept(raised);
    }
}

static inline double NAME(folded)(const double *lanes) {
    double eight[8], four[4];
    for (int l = 0; l < 8; l++) {
        eight[l] = lanes[l] + lanes[l + 8];
    }
    for (int l = 0; l < 4; l++) {
        four[l] = eight[l] + eight[l + 4];
    }
    return (four[0] + four[2]) + (four[1] + four[3]);
}

/* By its bits, since comparing raises a flag for NaN. */
static inline int NAME(is_finite)(double x) {
    npy_int64 b;
    memcpy(&b, &x, sizeof b);
    return (b & 0x7ff0000000000000) != 0x7ff0000000000000;
}

/* Add to a sum, and what rounding takes from it to `lost` (Knuth, 1969, theorem 4.2.2 B). */
static inline void NAME(add)(double *sum, double *lost, double x) {
    const double before = *sum, after = before + x;
    if (NAME(is_finite)(after)) {
        const double added = after - before;
        *lost += (before - (after - added)) + (x - added);
    }
    *sum = after;
}

/* Return the sum of TERM, an expression in i, over n elements. */
#define RETURN_SUM(n, TERM)                                            \
    double sum = 0, lost = 0;                                          \
    if (n < LANES) {                                                   \
        for (npy_intp i = 0; i < n; i++) {                             \
            sum += (TERM);                                             \
        }                                                              \
        return sum;                                                    \
    }                                                                  \
    for (npy_intp start = 0; start < n; start += PART) {               \
        const npy_intp stop = n - start < PART ? n : start + PART;     \
        const npy_intp whole = start + (stop - start) / LANES * LANES; \
        double lanes[LANES] = {0};                                     \
        for (npy_intp at = start; at < whole; at += LANES) {           \
            UNROLL                                                     \
            for (int l = 0; l < LANES; l++) {                          \
                const npy_intp i = at + l;                             \
                lanes[l] += (TERM);                                    \
            }                                                          \
        }                                                              \
        double part = NAME(folded)(lanes);                             \
        for (npy_intp i = whole; i < stop; i++) {                      \
            part += (TERM);                                            \
        }                                                              \
        NAME(add)(&sum, &lost, part);                                  \
    }                                                                  \
    return sum + lost

/* Row r of the k-th operand, or the number there. */
#define ROW(k, r) ((real *)(operands[k] + (r) * steps[k]))

/* The ufunc's loop around one over rows; see by_rows for `counts`. The last operand is the result. */
#define AS_ROWS(kernel, counts, forgotten)                                                                 \
    static void FN(kernel)(LOOP_ARGUMENTS) {                                                               \
        const int before = fetestexcept(FE_ALL_EXCEPT);                                                    \
        (void)data;                                                                                        \
        by_rows(args, dimensions, steps, FN(kernel##_rows), counts, (int)sizeof counts - 2, sizeof(real)); \
        NAME(forget)(forgotten, before);                                                                   \
    }
