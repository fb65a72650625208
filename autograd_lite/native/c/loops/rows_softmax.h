/* Softmax and its family. */

/* ---- what they are made of ---------------------------------------------------------------------------------------- */

/* exp of the elements of rows, which are differences from a maximum for the most part, to an ulp (all float32 tried).
 * 2^n is multiplied in two factors, since the result may be a denormal number. Far arguments, and NaN, are found by
 * their bits: comparing would raise a flag for NaN. */
INLINE real FN(row_exp)(real x) {
    const bits size = FN(of)(x) & MAGNITUDE, far = FN(of)(EITHER(104, 750));
    bits n;
    const real near = FN(with_sign)(FN(from)(size < far ? size : far), x);
    const real p = FN(exp_parts)(near, 0, &n);
    const bits half = n >> 1 & -LEAST_NORMAL;
    const real e = (1 + p) * FN(from)(half + ONE) * FN(from)(n - half + ONE);
    return size > INFINITE ? x : e;
}

/* The maximum of a row. NaN is left out: it comes back in the sum of the exponentials. */
SHARED real FN(top)(const real *x, npy_intp n) {
    real lanes[LANES], top = (real)-INFINITY;
    npy_intp at = 0;
    if (n >= LANES) {
        for (int l = 0; l < LANES; l++) {
            lanes[l] = x[l];
        }
        for (at = LANES; at + LANES <= n; at += LANES) {
            ROLL
            for (int l = 0; l < LANES; l++) {
                lanes[l] = x[at + l] > lanes[l] ? x[at + l] : lanes[l];
            }
        }
        for (int l = 0; l < 8; l++) {
            lanes[l] = lanes[l + 8] > lanes[l] ? lanes[l + 8] : lanes[l];
        }
        for (int l = 0; l < 8; l++) {
            top = lanes[l] > top ? lanes[l] : top;
        }
    }
    for (; at < n; at++) {
        top = x[at] > top ? x[at] : top;
    }
    return top;
}

/* Whether a difference from this maximum may overflow, or is to be taken as a limit. */
static inline int FN(is_odd)(real top) { return !(top < (real)1e15 && top > (real)-1e15); }

/* Write x - top where that is odd: an infinite top is a limit, and what overflows becomes the lowest number. */
SHARED void FN(odd_differences)(const real *x, real *out, npy_intp n, real top) {
    const real lowest = -EITHER(FLT_MAX, DBL_MAX);
    for (npy_intp i = 0; i < n; i++) {
        const real difference = x[i] - top;
        if (top == (real)INFINITY) {
            out[i] = x[i] == top ? 0 : x[i] != x[i] ? x[i] : (real)-INFINITY;
        } else {
            /* Not `difference < lowest`, which GCC 14 takes to be false for ARM. */
            out[i] = x[i] >= lowest && !(difference >= lowest) ? lowest : difference;
        }
    }
}

SHARED double FN(sum)(const real *x, npy_intp n) { RETURN_SUM(n, x[i]); }

SHARED double FN(sum_of_exp)(const real *x, npy_intp n, real top) { RETURN_SUM(n, FN(row_exp)(x[i] - top)); }

/* The sum of (x - p) (y - q). */
SHARED double FN(sum_of_products)(const real *x, real p, const real *y, real q, npy_intp n) {
    RETURN_SUM(n, (double)(x[i] - p) * (double)(y[i] - q));
}

/* Take the logarithm of sums, in float64 in vectors where all of them are plain numbers. */
SHARED void FN(logs)(double *sums, npy_intp n) {
    int is_plain = sizeof(real) == sizeof(double);
    for (npy_intp i = 0; i < n; i++) {
        is_plain &= NAME(is_finite)(sums[i]) && sums[i] >= 1;
    }
    if (!is_plain) {
        for (npy_intp i = 0; i < n; i++) {
            sums[i] = log(sums[i]);
        }
        return;
    }
    INDEPENDENT
    for (npy_intp i = 0; i < MOST_ROWS; i++) {
        sums[i] = (double)FN(log_one)((real)sums[i]);
    }
}

/* For rows of fewer than LANES elements, one after the other: the exponentials of what they lack to some shifts, and the
 * sums of these. Longer loops make vectors of rows. */
SHARED void FN(short_exps)(const char *x, npy_intp step, npy_intp rows, npy_intp n, const real *shifts, real *exps,
                           double *sums) {
    for (npy_intp r = 0; r < rows; r++, x += step) {
        for (npy_intp i = 0; i < n; i++) {
            exps[r * n + i] = ((const real *)x)[i] - shifts[r];
        }
    }
    INDEPENDENT
    for (npy_intp i = 0; i < rows * n; i++) {
        exps[i] = FN(row_exp)(exps[i]);
    }
    for (npy_intp r = 0; r < rows; r++) {
        sums[r] = 0;
        for (npy_intp i = 0; i < n; i++) {
            sums[r] += exps[r * n + i];
        }
    }
}

/* ---- the kernels -------------------------------------------------------------------------------------------------- */

static void FN(softmax_rows)(ROWS_ARGUMENTS) {
    real tops[MOST_ROWS], shares[MOST_ROWS];
    int is_odd = 0;
    for (npy_intp r = 0; r < rows; r++) {
        tops[r] = FN(top)(ROW(0, r), n);
        is_odd |= FN(is_odd)(tops[r]);
    }
    if (n < LANES && !is_odd) {
        real exps[MOST_ROWS * LANES];
        double sums[MOST_ROWS];
        FN(short_exps)(operands[0], steps[0], rows, n, tops, exps, sums);
        for (npy_intp r = 0; r < rows; r++) {
            const real share = (real)(1 / sums[r]);
            for (npy_intp i = 0; i < n; i++) {
                ROW(1, r)[i] = exps[r * n + i] * share;
            }
        }
        return;
    }
    for (npy_intp r = 0; r < rows; r++) {
        const real *x = ROW(0, r);
        real *out = ROW(1, r), top = tops[r];
        if (FN(is_odd)(top)) {
            FN(odd_differences)(x, out, n, top);
            x = out, top = 0;
        }
        INDEPENDENT
        for (npy_intp i = 0; i < n; i++) {
            out[i] = FN(row_exp)(x[i] - top);
        }
        shares[r] = (real)(1 / FN(sum)(out, n));
    }
    for (npy_intp r = 0; r < rows; r++) {
        real *out = ROW(1, r);
        for (npy_intp i = 0; i < n; i++) {
            out[i] *= shares[r];
        }
    }
}

static void FN(log_softmax_rows)(ROWS_ARGUMENTS) {
    real tops[MOST_ROWS], rests[MOST_ROWS];
    for (npy_intp r = 0; r < rows; r++) {
        tops[r] = FN(top)(ROW(0, r), n);
    }
    for (npy_intp r = 0; r < rows; r++) {
        const real *x = ROW(0, r);
        real *out = ROW(1, r);
        if (FN(is_odd)(tops[r])) {
            FN(odd_differences)(x, out, n, tops[r]);
            rests[r] = (real)log(FN(sum_of_exp)(out, n, 0));
        } else {
            rests[r] = (real)log(FN(sum_of_exp)(x, n, tops[r]));
            INDEPENDENT
            for (npy_intp i = 0; i < n; i++) {
                out[i] = x[i] - tops[r];
            }
        }
    }
    for (npy_intp r = 0; r < rows; r++) {
        real *out = ROW(1, r);
        for (npy_intp i = 0; i < n; i++) {
            out[i] -= rests[r];
        }
    }
}

static real FN(logsumexp_of)(const real *x, npy_intp n) {
    const real top = FN(top)(x, n), shift = NAME(is_finite)(top) ? top : 0;
    if (top == (real)INFINITY) {
        real total = 0;
        for (npy_intp i = 0; i < n; i++) {
            total += x[i] != x[i] ? x[i] : 0; /* NaN wins */
        }
        return total + top;
    }
    return (real)(log(FN(sum_of_exp)(x, n, shift)) + (double)shift);
}

static void FN(logsumexp_rows)(ROWS_ARGUMENTS) {
    real tops[MOST_ROWS], exps[MOST_ROWS * LANES];
    double sums[MOST_ROWS] = {0};
    int is_odd = n >= LANES;
    for (npy_intp r = 0; r < rows && !is_odd; r++) {
        tops[r] = FN(top)(ROW(0, r), n);
        is_odd |= !NAME(is_finite)(tops[r]);
    }
    if (!is_odd) {
        FN(short_exps)(operands[0], steps[0], rows, n, tops, exps, sums);
        FN(logs)(sums, rows);
        for (npy_intp r = 0; r < rows; r++) {
            *ROW(1, r) = (real)(sums[r] + (double)tops[r]);
        }
        return;
    }
    for (npy_intp r = 0; r < rows; r++) {
        *ROW(1, r) = FN(logsumexp_of)(ROW(0, r), n);
    }
}

static void FN(softmax_pullback_rows)(ROWS_ARGUMENTS) {
    real common[MOST_ROWS];
    for (npy_intp r = 0; r < rows; r++) {
        common[r] = (real)FN(sum_of_products)(ROW(0, r), 0, ROW(1, r), 0, n);
    }
    for (npy_intp r = 0; r < rows; r++) {
        const real *g = ROW(0, r), *y = ROW(1, r);
        real *out = ROW(2, r);
        INDEPENDENT
        for (npy_intp i = 0; i < n; i++) {
            out[i] = (g[i] - common[r]) * y[i];
        }
    }
}

static void FN(log_softmax_pullback_rows)(ROWS_ARGUMENTS) {
    for (npy_intp r = 0; r < rows; r++) {
        const real *g = ROW(0, r), *y = ROW(1, r), total = (real)FN(sum)(g, n);
        real *out = ROW(2, r);
        INDEPENDENT
        for (npy_intp i = 0; i < n; i++) {
            out[i] = g[i] - FN(row_exp)(y[i]) * total;
        }
    }
}

AS_ROWS(softmax, "11", FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW)
AS_ROWS(log_softmax, "11", FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW)
AS_ROWS(logsumexp, "10", FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW)
AS_ROWS(softmax_pullback, "111", 0)
AS_ROWS(log_softmax_pullback, "111", 0)
