/* What layer normalization does to a row, and its derivative. */

/* The mean of a row, or 0 where there is no centering. */
static inline real FN(mean)(const real *x, npy_intp n, real center) {
    return center != 0 ? (real)(FN(sum)(x, n) / (double)n) : 0;
}

/* 1 / sqrt(mean((x - mean)^2) + epsilon). */
static inline real FN(scale)(const real *x, npy_intp n, real mean, real epsilon) {
    return (real)(1 / sqrt(FN(sum_of_products)(x, mean, x, mean, n) / (double)n + (double)epsilon));
}

static void FN(standardize_rows)(ROWS_ARGUMENTS) {
    real means[MOST_ROWS], scales[MOST_ROWS];
    for (npy_intp r = 0; r < rows; r++) {
        means[r] = FN(mean)(ROW(0, r), n, *ROW(2, r));
    }
    for (npy_intp r = 0; r < rows; r++) {
        scales[r] = FN(scale)(ROW(0, r), n, means[r], *ROW(1, r));
    }
    for (npy_intp r = 0; r < rows; r++) {
        const real *x = ROW(0, r);
        real *out = ROW(3, r);
        INDEPENDENT
        for (npy_intp i = 0; i < n; i++) {
            out[i] = (x[i] - means[r]) * scales[r];
        }
    }
}

static void FN(standardize_pullback_rows)(ROWS_ARGUMENTS) {
    real means[MOST_ROWS], means_of_g[MOST_ROWS], scales[MOST_ROWS], slopes[MOST_ROWS];
    for (npy_intp r = 0; r < rows; r++) {
        means[r] = FN(mean)(ROW(1, r), n, *ROW(3, r));
        means_of_g[r] = FN(mean)(ROW(0, r), n, *ROW(3, r));
    }
    for (npy_intp r = 0; r < rows; r++) {
        const real *g = ROW(0, r), *x = ROW(1, r);
        scales[r] = FN(scale)(x, n, means[r], *ROW(2, r));
        slopes[r] = (real)(FN(sum_of_products)(x, means[r], g, 0, n) * (double)scales[r] / (double)n);
    }
    for (npy_intp r = 0; r < rows; r++) {
        const real *g = ROW(0, r), *x = ROW(1, r);
        real *out = ROW(4, r);
        INDEPENDENT
        for (npy_intp i = 0; i < n; i++) {
            const real y = (x[i] - means[r]) * scales[r];
            out[i] = ((g[i] - means_of_g[r]) - y * slopes[r]) * scales[r];
        }
    }
}

AS_ROWS(standardize, "1001", FE_OVERFLOW)
AS_ROWS(standardize_pullback, "11001", FE_OVERFLOW)
