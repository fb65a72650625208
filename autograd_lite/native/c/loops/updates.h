/* What optimizers compute of a gradient: running means, and steps over roots. The operations are those of the NumPy
 * expressions, in their order and without fused multiply-adds, so that the results are the same bits. */

/* A loop over two arrays `a` and `b`, with one or three operands after them that are numbers as a rule: `p`, `q`, `r`. */
#define UPDATE_(NAME_, T, X, N_NUMBERS, EXPRESSION)                                                         \
    static inline void NAME(NAME_##_apart_##X)(const T *a_, const T *b_, T p, T q, T r, T *out, npy_intp n) \
    {                                                                                                       \
        (void)q, (void)r;                                                                                   \
        INDEPENDENT                                                                                         \
        for (npy_intp i = 0; i < n; i++) {                                                                  \
            const T a = a_[i], b = b_[i];                                                                   \
            out[i] = EXPRESSION;                                                                            \
        }                                                                                                   \
    }                                                                                                       \
    static void NAME(NAME_##_##X)(LOOP_ARGUMENTS)                                                           \
    {                                                                                                       \
        const npy_intp n = dimensions[0], size = sizeof(T), last = N_NUMBERS + 1;                           \
        const npy_intp iq = N_NUMBERS > 1 ? 3 : 2, ir = N_NUMBERS > 1 ? 4 : 2, io = last + 1;               \
        (void)data;                                                                                         \
        if (steps[0] == size && steps[1] == size && steps[io] == size && steps[2] == 0 && steps[iq] == 0 && \
            steps[ir] == 0) {                                                                               \
            NAME(NAME_##_apart_##X)((const T *)args[0], (const T *)args[1], *(T *)args[2], *(T *)args[iq],  \
                                    *(T *)args[ir], (T *)args[io], n);                                      \
            return;                                                                                         \
        }                                                                                                   \
        for (npy_intp i = 0; i < n; i++) {                                                                  \
            const T a = *(T *)(args[0] + i * steps[0]), b = *(T *)(args[1] + i * steps[1]);                 \
            const T p = *(T *)(args[2] + i * steps[2]), q = *(T *)(args[iq] + i * steps[iq]);               \
            const T r = *(T *)(args[ir] + i * steps[ir]);                                                   \
            (void)q, (void)r;                                                                               \
            *(T *)(args[io] + i * steps[io]) = EXPRESSION;                                                  \
        }                                                                                                   \
    }
#define UPDATE(NAME_, N_NUMBERS, EXPRESSION, EXPRESSION_F)      \
    UPDATE_(NAME_, npy_float, f, N_NUMBERS, EXPRESSION_F)       \
    UPDATE_(NAME_, npy_double, d, N_NUMBERS, EXPRESSION)

UPDATE(running_mean, 1, (b - a) * p + a, (b - a) * p + a)
UPDATE(running_mean_square, 1, (b * b - a) * p + a, (b * b - a) * p + a)
UPDATE(over_root, 3, a / (sqrt(b + p) + q) * r, a / (sqrtf(b + p) + q) * r)

#define UPDATES                                                                                                        \
    {"running_mean", NULL, 3, 1, NAME(running_mean_f), NAME(running_mean_d), NULL, NULL, "(y - x) * z + x."},          \
    {"running_mean_square", NULL, 3, 1, NAME(running_mean_square_f), NAME(running_mean_square_d), NULL, NULL,          \
     "(y * y - x) * z + x."},                                                                                          \
    {"over_root", NULL, 5, 1, NAME(over_root_f), NAME(over_root_d), NULL, NULL, "x / (sqrt(y + z) + u) * v."},
