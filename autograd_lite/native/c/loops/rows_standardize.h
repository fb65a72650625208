/* What layer normalization does to a row, and its derivative, for the type T that rows.h sets. */

/* The mean of a row, or 0 where there is no centering. */
static inline T
OF(mean)(const T *x, npy_intp n, T center)
{
    return center != 0 ? (T)(OF(sum)(x, n) / (double)n) : 0;
}

/* 1 / sqrt(mean((x - mean)^2) + epsilon). */
static inline T
OF(scale)(const T *x, npy_intp n, T mean, T epsilon)
{
    return (T)(1 / sqrt(OF(sum_of_products)(x, mean, x, mean, n) / (double)n + (double)epsilon));
}

#define NUMBER(k, r) (*(const T *)(operands[k] + (first + (r)) * steps[k]))

static void
OF(standardize_rows)(char *const *operands, npy_intp rows, npy_intp n, const npy_intp *steps)
{
    T means[GROUP], scales[GROUP];
    for (npy_intp first = 0, group; first < rows && n > 0; first += group) {
        const char *from = operands[0] + first * steps[0];
        char *to = operands[3] + first * steps[3];
        group = NAME(rows_of_group)(n, rows - first);
        for (npy_intp r = 0; r < group; r++) {
            means[r] = OF(mean)((const T *)(from + r * steps[0]), n, NUMBER(2, r));
        }
        for (npy_intp r = 0; r < group; r++) {
            scales[r] = OF(scale)((const T *)(from + r * steps[0]), n, means[r], NUMBER(1, r));
        }
        for (npy_intp r = 0; r < group; r++) {
            const T *x = (const T *)(from + r * steps[0]);
            T *out = (T *)(to + r * steps[3]);
            INDEPENDENT
            for (npy_intp i = 0; i < n; i++) {
                out[i] = (x[i] - means[r]) * scales[r];
            }
        }
    }
}

static void
OF(standardize_pullback_rows)(char *const *operands, npy_intp rows, npy_intp n, const npy_intp *steps)
{
    T means[GROUP], means_of_g[GROUP], scales[GROUP], slopes[GROUP];
    for (npy_intp first = 0, group; first < rows && n > 0; first += group) {
        const char *of_g = operands[0] + first * steps[0], *of_x = operands[1] + first * steps[1];
        char *to = operands[4] + first * steps[4];
        group = NAME(rows_of_group)(n, rows - first);
        for (npy_intp r = 0; r < group; r++) {
            means[r] = OF(mean)((const T *)(of_x + r * steps[1]), n, NUMBER(3, r));
            means_of_g[r] = OF(mean)((const T *)(of_g + r * steps[0]), n, NUMBER(3, r));
        }
        for (npy_intp r = 0; r < group; r++) {
            const T *g = (const T *)(of_g + r * steps[0]), *x = (const T *)(of_x + r * steps[1]);
            scales[r] = OF(scale)(x, n, means[r], NUMBER(2, r));
            slopes[r] = (T)(OF(sum_of_products)(x, means[r], g, 0, n) * (double)scales[r] / (double)n);
        }
        for (npy_intp r = 0; r < group; r++) {
            const T *g = (const T *)(of_g + r * steps[0]), *x = (const T *)(of_x + r * steps[1]);
            T *out = (T *)(to + r * steps[4]);
            INDEPENDENT
            for (npy_intp i = 0; i < n; i++) {
                const T y = (x[i] - means[r]) * scales[r];
                out[i] = ((g[i] - means_of_g[r]) - y * slopes[r]) * scales[r];
            }
        }
    }
}

#undef NUMBER

AS_ROWS(standardize, "rnnr", FE_OVERFLOW)
AS_ROWS(standardize_pullback, "rrnnr", FE_OVERFLOW)
