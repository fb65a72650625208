/* Generalized ufuncs over rows: what softmax, layer normalization and their derivatives do along an axis.
 *
 * Rows are independent, so that a call may be cut between them. What a row waits for (its maximum, its mean) is found
 * for a few rows at a time, so that the processor has something else to do meanwhile; they are still in the cache when
 * they are read again.
 */
#include "../by_rows.h"

#include <fenv.h>
#include <float.h>

#define LANES 16     /* sums have that many parts, however long the processor's vectors are */
#define PART 256     /* elements whose sum is taken at once; such sums are added with what rounding loses */
#define GROUP 16     /* rows, at most */
#define GROUPED 2048 /* elements of them, unless it is a single row */

/* What the compiler is told about loops over lanes: UNROLL to keep sums in registers, ROLL to make vectors of the rest. */
#define ROLL _Pragma("GCC unroll 1")

#define SHARED static __attribute__((noinline)) /* by several kernels */

/* Take back the exceptions of a call that the expression in NumPy does not raise. */
SHARED void
NAME(forget)(int exceptions, int before)
{
    const int raised = fetestexcept(exceptions) & ~before;
    if (raised) {
        feclearexcept(raised);
    }
}

static inline npy_intp
NAME(rows_of_group)(npy_intp n, npy_intp left)
{
    const npy_intp fit = n > GROUPED ? 1 : GROUPED / (n + (n == 0)), most = fit < GROUP ? fit : GROUP;
    return left < most ? left : most;
}

static inline double
NAME(folded)(const double *lanes)
{
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
static inline int
NAME(is_finite)(double x)
{
    return (NAME(bits_d)(x) & 0x7ff0000000000000) != 0x7ff0000000000000;
}

/* Add to a sum, and what rounding takes from it to `lost` (Knuth, 1969, theorem 4.2.2 B). */
static inline void
NAME(add)(double *sum, double *lost, double x)
{
    const double before = *sum, after = before + x;
    if (NAME(is_finite)(after)) {
        const double added = after - before;
        *lost += (before - (after - added)) + (x - added);
    }
    *sum = after;
}

/* Return the sum of TERM, an expression in i, over n elements. */
#define RETURN_SUM(n, TERM)                                                 \
    double sum = 0, lost = 0;                                               \
    if (n < LANES) {                                                        \
        for (npy_intp i = 0; i < n; i++) {                                  \
            sum += (TERM);                                                  \
        }                                                                   \
        return sum;                                                         \
    }                                                                       \
    for (npy_intp start = 0; start < n; start += PART) {                    \
        const npy_intp stop = n - start < PART ? n : start + PART;          \
        const npy_intp whole = start + (stop - start) / LANES * LANES;      \
        double lanes[LANES] = {0};                                          \
        for (npy_intp at = start; at < whole; at += LANES) {                \
            UNROLL                                                          \
            for (int l = 0; l < LANES; l++) {                               \
                const npy_intp i = at + l;                                  \
                lanes[l] += (TERM);                                         \
            }                                                               \
        }                                                                   \
        double part = NAME(folded)(lanes);                                  \
        for (npy_intp i = whole; i < stop; i++) {                           \
            part += (TERM);                                                 \
        }                                                                   \
        NAME(add)(&sum, &lost, part);                                       \
    }                                                                       \
    return sum + lost

#define AS_ROWS(name, kinds, forgotten)                                                                 \
    static void OF(name)(LOOP_ARGUMENTS)                                                                \
    {                                                                                                   \
        const int before = fetestexcept(FE_ALL_EXCEPT);                                                 \
        (void)data;                                                                                     \
        by_rows(args, dimensions, steps, OF(name##_rows), kinds, sizeof(T));                            \
        NAME(forget)(forgotten, before);                                                                \
    }

#include "rows_exp.h"

#define X f
#define T npy_float
#define LARGEST FLT_MAX
#define EXP NAME(exp_of_f)
#include "rows_softmax.h"
#include "rows_standardize.h"
#include "rows_sums.h"
#undef X
#undef T
#undef LARGEST
#undef EXP

#define X d
#define T npy_double
#define LARGEST DBL_MAX
#define EXP NAME(exp_of_d)
#include "rows_softmax.h"
#include "rows_standardize.h"
#include "rows_sums.h"
#undef X
#undef T
#undef LARGEST
#undef EXP

#undef LANES
#undef PART
#undef GROUP
#undef GROUPED
#undef SHARED
#undef ROLL
#undef RETURN_SUM
#undef AS_ROWS

#define ROW_KERNEL(name, signature, nin, doc) \
    {#name, signature, nin, 1, NAME(name##_f), NAME(name##_d), NULL, NULL, doc},
#define ROWS                                                                                                   \
    ROW_KERNEL(softmax, "(n)->(n)", 1, "exp(x) over its sum.")                                                 \
    ROW_KERNEL(softmax_pullback, "(n),(n)->(n)", 2, "y (x - <x, y>).")                                         \
    ROW_KERNEL(log_softmax, "(n)->(n)", 1, "x - logsumexp(x).")                                                \
    ROW_KERNEL(log_softmax_pullback, "(n),(n)->(n)", 2, "x - exp(y) sum(x).")                                  \
    ROW_KERNEL(logsumexp, "(n)->()", 1, "The logarithm of the sum of exp(x).")                                 \
    ROW_KERNEL(standardize, "(n),(),()->(n)", 3,                                                               \
               "(x - m) / sqrt(mean((x - m)^2) + y), where m is the mean, or 0 if z is 0.")                    \
    ROW_KERNEL(standardize_pullback, "(n),(n),(),()->(n)", 4,                                                  \
               "The derivative of standardize at the second operand, applied to the first.")                   \
    ROW_KERNEL(sum_of_rows, "(m,n)->(n)", 1, "The sum over m.")
