/* The loops of ufuncs around kernels of one element, see macros.h. */

/* The ufunc's loop around a contiguous one. */
#define LOOP(kernel, inputs, operands)                                                             \
    static void FN(kernel)(LOOP_ARGUMENTS) {                                                       \
        (void)data;                                                                                \
        elementwise(args, dimensions[0], steps, FN(kernel##_run), inputs, operands, sizeof(real)); \
    }

#define UNARY(kernel)                                                 \
    static void FN(kernel##_run)(char *const *operands, npy_intp n) { \
        const real *x = (const real *)operands[0];                    \
        real *out = (real *)operands[1];                              \
        INDEPENDENT                                                   \
        for (npy_intp i = 0; i < n; i++) {                            \
            out[i] = FN(kernel##_one)(x[i]);                          \
        }                                                             \
    }                                                                 \
    LOOP(kernel, 1, 2)

#define BINARY(kernel)                                                             \
    static void FN(kernel##_run)(char *const *operands, npy_intp n) {              \
        const real *x = (const real *)operands[0], *y = (const real *)operands[1]; \
        real *out = (real *)operands[2];                                           \
        INDEPENDENT                                                                \
        for (npy_intp i = 0; i < n; i++) {                                         \
            out[i] = FN(kernel##_one)(x[i], y[i]);                                 \
        }                                                                          \
    }                                                                              \
    LOOP(kernel, 2, 3)

/* A kernel of other operands writes its contiguous loop `static void FN(kernel_run)(char *const *operands, npy_intp n)`
 * itself, with INDEPENDENT before its loops, and takes LOOP(kernel, inputs, operands).
 *
 * A CAREFUL one has one operand, some of whose arguments need care (not a number, infinite, far out): `FN(test)` returns
 * whether one does not, by its bits, since comparing raises flags for NaN; `FN(kernel_hard)` computes such an element
 * alone, with the flags that belong to it. `FN(kernel_one)` never sees one: it gets TAME instead, so it needs no
 * thought for flags. It runs over whole vectors only, the last one filled up with TAME. */
#define VECTOR 16

#define CAREFUL(kernel, test, TAME)                                       \
    static void __attribute__((noinline))                                 \
    FN(kernel##_vectors)(const real *x, real *out, npy_intp vectors) {    \
        INDEPENDENT                                                       \
        for (npy_intp i = 0; i < vectors * VECTOR; i++) {                 \
            out[i] = FN(kernel##_one)(x[i]);                              \
        }                                                                 \
    }                                                                     \
    static void __attribute__((noinline, cold))                           \
    FN(kernel##_with_care)(const real *x, real *out, npy_intp n) {        \
        real tame[BLOCK];                                                 \
        const npy_intp vectors = (n + VECTOR - 1) / VECTOR;               \
        for (npy_intp i = 0; i < vectors * VECTOR; i++) {                 \
            tame[i] = i < n && FN(test)(x[i]) ? x[i] : TAME;              \
        }                                                                 \
        FN(kernel##_vectors)(tame, tame, vectors);                        \
        for (npy_intp i = 0; i < n; i++) {                                \
            out[i] = FN(test)(x[i]) ? tame[i] : FN(kernel##_hard)(x[i]);  \
        }                                                                 \
    }                                                                     \
    static void FN(kernel##_run)(char *const *operands, npy_intp n) {     \
        const real *x = (const real *)operands[0];                        \
        real *out = (real *)operands[1];                                  \
        for (npy_intp start = 0; start < n; start += BLOCK) {             \
            const npy_intp m = n - start < BLOCK ? n - start : BLOCK;     \
            bits hard = m % VECTOR;                                       \
            for (npy_intp i = start; i < start + m; i++) {                \
                hard |= !FN(test)(x[i]);                                  \
            }                                                             \
            if (hard) {                                                   \
                FN(kernel##_with_care)(x + start, out + start, m);        \
            } else {                                                      \
                FN(kernel##_vectors)(x + start, out + start, m / VECTOR); \
            }                                                             \
        }                                                                 \
    }                                                                     \
    LOOP(kernel, 1, 2)

/* The product of a second operand with another kernel of the first, in one pass. */
#define PULLBACK(kernel, slope)                                                     \
    static void FN(kernel##_run)(char *const *operands, npy_intp n) {               \
        const real *y = (const real *)operands[1];                                  \
        real *out = (real *)operands[2], slopes[BLOCK];                             \
        for (npy_intp start = 0; start < n; start += BLOCK) {                       \
            const npy_intp m = n - start < BLOCK ? n - start : BLOCK;               \
            char *const part[] = {operands[0] + start * sizeof *y, (char *)slopes}; \
            FN(slope##_run)(part, m);                                               \
            INDEPENDENT                                                             \
            for (npy_intp i = 0; i < m; i++) {                                      \
                out[start + i] = y[start + i] * slopes[i];                          \
            }                                                                       \
        }                                                                           \
    }                                                                               \
    LOOP(kernel, 2, 3)

/* The loops of a kernel over windows, for each number of spatial axes: `call` gets it, what else is given, and the
 * operands. */
#define WINDOW_LOOPS(kernel, call, ...)                                                                       \
    static void FN(kernel##_1)(LOOP_ARGUMENTS) { (void)data; call(1, __VA_ARGS__, args, dimensions, steps); } \
    static void FN(kernel##_2)(LOOP_ARGUMENTS) { (void)data; call(2, __VA_ARGS__, args, dimensions, steps); } \
    static void FN(kernel##_3)(LOOP_ARGUMENTS) { (void)data; call(3, __VA_ARGS__, args, dimensions, steps); }
