/* Kernels for stacks of small matrices; what they compute of each is in small.h. They are built once, for any processor:
 * the bits are the same on all, and wider vectors would hardly be filled. */
#include "operands.h"
#include "small.h"

#include <fenv.h>

/* Compute one result, for a matrix of n rows and p columns on the other side; return whether that was invalid. `s` has the
 * strides of rows and columns, operand by operand. */
typedef int One(char *const *at, npy_intp n, npy_intp p, const npy_intp *s);

/* A ufunc's loop. Where a matrix is invalid, the result is not a number. The flags are those of NumPy's linear algebra:
 * that of an invalid operation if there is such a matrix, and no others. */
static void each_of(One *one, int operands, npy_intp p, char *const *args, const npy_intp *dimensions,
                    const npy_intp *steps, const npy_intp *s, int itemsize) {
    const npy_intp n = dimensions[1], *const last = s + 2 * (operands - 1);
    int wrong = 0;
    if (n > AL_MOST) {
        refuse("kernel for small matrices: expected at most %d rows, received %zd", AL_MOST, (Py_ssize_t)n);
        return;
    }
    for (npy_intp i = 0; i < dimensions[0]; i++) {
        char *at[3];
        for (int k = 0; k < operands; k++) {
            at[k] = args[k] + i * steps[k];
        }
        const int failed = one(at, n, p, s);
        for (npy_intp j = 0; j < (failed ? n * p : 0); j++) {
            memset(at[operands - 1] + j % n * last[0] + j / n * last[1], 0xff, itemsize);
        }
        wrong |= failed;
    }
    feclearexcept(FE_ALL_EXCEPT);
    if (wrong) {
        feraiseexcept(FE_INVALID);
    }
}

/* Functions and loops of a precision; in double precision, the smallest matrices have code of their own. */
#define ONE(name, real, CALL)                                                                                   \
    static int name(char *const *at, npy_intp n, npy_intp p, const npy_intp *s) {                               \
        const npy_intp few = sizeof(real) == sizeof(double) ? n : 0;                                            \
        (void)p;                                                                                                \
        return few == 2 ? CALL(2) : few == 3 ? CALL(3) : few == 4 ? CALL(4) : CALL(n);                          \
    }
#define LOOPS(X, real)                                                                                          \
    ONE(cholesky_##X, real, CHOLESKY_##X)                                                                       \
    ONE(general_##X, real, GENERAL_##X)                                                                         \
    ONE(triangular_##X, real, TRIANGULAR_##X)                                                                   \
    ONE(slogdet_##X, real, SLOGDET_##X)                                                                         \
    static void small_cholesky_##X(LOOP_ARGUMENTS) {                                                            \
        (void)data;                                                                                             \
        each_of(cholesky_##X, 2, dimensions[1], args, dimensions, steps, steps + 2, sizeof(real));              \
    }                                                                                                           \
    static void small_cholesky_upper_##X(LOOP_ARGUMENTS) {                                                      \
        const npy_intp transposed[] = {steps[3], steps[2], steps[5], steps[4]};                                 \
        (void)data;                                                                                             \
        each_of(cholesky_##X, 2, dimensions[1], args, dimensions, steps, transposed, sizeof(real));             \
    }                                                                                                           \
    static void small_solve_##X(LOOP_ARGUMENTS) {                                                               \
        (void)data;                                                                                             \
        each_of(general_##X, 3, dimensions[2], args, dimensions, steps, steps + 3, sizeof(real));               \
    }                                                                                                           \
    static void small_solve1_##X(LOOP_ARGUMENTS) {                                                              \
        const npy_intp s[] = {steps[3], steps[4], steps[5], 0, steps[6], 0};                                    \
        (void)data;                                                                                             \
        each_of(general_##X, 3, 1, args, dimensions, steps, s, sizeof(real));                                   \
    }                                                                                                           \
    static void small_inv_##X(LOOP_ARGUMENTS) {                                                                 \
        const npy_intp size = sizeof(real), s[] = {steps[2], steps[3], AL_MOST * size, size, steps[4], steps[5]}; \
        const npy_intp along[] = {steps[0], 0, steps[1]};                                                       \
        real ones[AL_MOST * AL_MOST] = {0};                                                                     \
        char *const operands[] = {args[0], (char *)ones, args[1]};                                              \
        (void)data;                                                                                             \
        for (int i = 0; i < AL_MOST; i++) {                                                                     \
            ones[i * (AL_MOST + 1)] = 1;                                                                        \
        }                                                                                                       \
        each_of(general_##X, 3, dimensions[1], operands, dimensions, along, s, sizeof(real));                   \
    }                                                                                                           \
    static void small_solve_lower_##X(LOOP_ARGUMENTS) {                                                         \
        (void)data;                                                                                             \
        each_of(triangular_##X, 3, dimensions[2], args, dimensions, steps, steps + 3, sizeof(real));            \
    }                                                                                                           \
    static void small_solve_upper_##X(LOOP_ARGUMENTS) { /* from the last row to the first */                    \
        const npy_intp s[] = {-steps[3], -steps[4], -steps[5], steps[6], -steps[7], steps[8]};                  \
        const npy_intp last = 1 - dimensions[1];                                                                \
        char *const ends[] = {args[0] + last * (s[0] + s[1]), args[1] + last * s[2], args[2] + last * s[4]};    \
        (void)data;                                                                                             \
        each_of(triangular_##X, 3, dimensions[2], ends, dimensions, steps, s, sizeof(real));                    \
    }                                                                                                           \
    static void small_slogdet_##X(LOOP_ARGUMENTS) {                                                             \
        (void)data;                                                                                             \
        each_of(slogdet_##X, 3, 0, args, dimensions, steps, steps + 3, sizeof(real));                           \
    }
#define CHOLESKY_f(n) al_cholesky_f(at[0], at[1], n, s[0], s[1], s[2], s[3])
#define GENERAL_f(n) al_solve_f(at[0], at[1], at[2], n, p, s[0], s[1], s[2], s[3], s[4], s[5])
#define TRIANGULAR_f(n) al_solve_triangular_f(at[0], at[1], at[2], n, p, s[0], s[1], s[2], s[3], s[4], s[5])
#define SLOGDET_f(n) (al_slogdet_f(at[0], at[1], at[2], n, s[0], s[1]), 0)
#define CHOLESKY_d(n) al_cholesky_d(at[0], at[1], n, s[0], s[1], s[2], s[3])
#define GENERAL_d(n) al_solve_d(at[0], at[1], at[2], n, p, s[0], s[1], s[2], s[3], s[4], s[5])
#define TRIANGULAR_d(n) al_solve_triangular_d(at[0], at[1], at[2], n, p, s[0], s[1], s[2], s[3], s[4], s[5])
#define SLOGDET_d(n) (al_slogdet_d(at[0], at[1], at[2], n, s[0], s[1]), 0)
LOOPS(f, npy_float)
LOOPS(d, npy_double)

#define ROW(name, signature, nin, nout, doc) {#name, signature, nin, nout, {name##_f, name##_d}, {NULL}, doc}
const Kernel kernels_small[] = {
    ROW(small_cholesky, "(n,n)->(n,n)", 1, 1, "The lower Cholesky factor of x, of which the upper triangle is not read."),
    ROW(small_cholesky_upper, "(n,n)->(n,n)", 1, 1, "The upper Cholesky factor, the lower triangle not read."),
    ROW(small_inv, "(n,n)->(n,n)", 1, 1, "The inverse."),
    ROW(small_solve, "(n,n),(n,p)->(n,p)", 2, 1, "z with x @ z = y."),
    ROW(small_solve1, "(n,n),(n)->(n)", 2, 1, "z with x @ z = y, a vector."),
    ROW(small_solve_lower, "(n,n),(n,p)->(n,p)", 2, 1, "z with x @ z = y, the upper triangle of x not read."),
    ROW(small_solve_upper, "(n,n),(n,p)->(n,p)", 2, 1, "z with x @ z = y, the lower triangle of x not read."),
    ROW(small_slogdet, "(n,n)->(),()", 1, 2, "The sign of the determinant, and the logarithm of its absolute value."),
    {.name = NULL},
};
