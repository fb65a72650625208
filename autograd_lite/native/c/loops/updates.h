/* What optimizers compute of a gradient: running means, and steps over roots. The operations are those of the NumPy
 * expressions, in their order and without fused multiply-adds, so that the results are the same bits. */

/* A loop over two arrays `a` and `b`, with one or three operands after them that are numbers as a rule: `p`, `q`, `r`. */
#define UPDATE(kernel, numbers, EXPRESSION)                                                                 \
    static inline void                                                                                      \
    FN(kernel##_apart)(const real *as, const real *bs, real p, real q, real r, real *out, npy_intp n) {     \
        (void)q, (void)r;                                                                                   \
        INDEPENDENT                                                                                         \
        for (npy_intp i = 0; i < n; i++) {                                                                  \
            const real a = as[i], b = bs[i];                                                                \
            out[i] = EXPRESSION;                                                                            \
        }                                                                                                   \
    }                                                                                                       \
    static void FN(kernel)(LOOP_ARGUMENTS) {                                                                \
        const npy_intp n = dimensions[0], size = sizeof(real);                                              \
        const npy_intp iq = numbers > 1 ? 3 : 2, ir = numbers > 1 ? 4 : 2, io = numbers + 2;                \
        (void)data;                                                                                         \
        if (steps[0] == size && steps[1] == size && steps[io] == size && steps[2] == 0 && steps[iq] == 0 && \
            steps[ir] == 0) {                                                                               \
            FN(kernel##_apart)((real *)args[0], (real *)args[1], *(real *)args[2], *(real *)args[iq],       \
                               *(real *)args[ir], (real *)args[io], n);                                     \
            return;                                                                                         \
        }                                                                                                   \
        for (npy_intp i = 0; i < n; i++) {                                                                  \
            FN(kernel##_apart)((real *)(args[0] + i * steps[0]), (real *)(args[1] + i * steps[1]),          \
                               *(real *)(args[2] + i * steps[2]), *(real *)(args[iq] + i * steps[iq]),      \
                               *(real *)(args[ir] + i * steps[ir]), (real *)(args[io] + i * steps[io]), 1); \
        }                                                                                                   \
    }

UPDATE(running_mean, 1, (b - a) * p + a)
UPDATE(running_mean_square, 1, (b * b - a) * p + a)
UPDATE(over_root, 3, a / (LIBM(sqrt)(b + p) + q) * r)
