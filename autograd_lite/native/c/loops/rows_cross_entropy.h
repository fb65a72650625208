/* Cross-entropy of softmax units: -log p of one class of each row, and its derivative, without the other logarithms. */

/* exp(x) for x <= 0, or NaN, to |x| + 1 ulp: as good as a difference that was rounded. What is below the normal numbers
 * is 0. */
INLINE real FN(share)(real x) {
    const real shift = TO_INTEGER + BIAS, sum = MADD(x, (real)1.44269504088896340736, shift), whole = sum - shift;
#ifdef HAS_FMA
    const real r = MADD(whole, -(real)0.693147180559945309417, x);
#else
    const real r = (x - whole * LN2_HIGH) - whole * LN2_LOW;
#endif
    const real scale = FN(from)((bits)((ubits)FN(of)(sum) << SHIFT)), p = MADD(r * r, SERIES(r, SHARE), r);
    const real e = MADD(p, scale, scale);
    return x < -EXP_END ? 0 : e;
}

/* The maximum of a row: NaN is left out. */
#define COLUMNS_OF_LANES (4 * LANES)
SHARED real FN(highest)(const real *x, npy_intp n) {
    real lanes[COLUMNS_OF_LANES];
    if (n < COLUMNS_OF_LANES) {
        return FN(top)(x, n);
    }
    memcpy(lanes, x, sizeof lanes);
    for (npy_intp at = COLUMNS_OF_LANES; at + COLUMNS_OF_LANES <= n; at += COLUMNS_OF_LANES) {
        UNROLL
        for (int l = 0; l < COLUMNS_OF_LANES; l++) {
            lanes[l] = x[at + l] > lanes[l] ? x[at + l] : lanes[l];
        }
    }
    const real rest = FN(top)(x + n / COLUMNS_OF_LANES * COLUMNS_OF_LANES, n % COLUMNS_OF_LANES), most = FN(top)(lanes, COLUMNS_OF_LANES);
    return rest > most ? rest : most;
}

SHARED double FN(sum_of_shares)(const real *x, npy_intp n, real top) { RETURN_SUM(n, FN(share)(x[i] - top)); }

/* log of the sum of exp(x - top) where such a difference is odd. */
SHARED double FN(odd_rest)(const real *x, npy_intp n, real top) {
    real part[PART];
    double sum = 0;
    for (npy_intp start = 0; start < n; start += PART) {
        const npy_intp m = n - start < PART ? n - start : PART;
        FN(odd_differences)(x + start, part, m, top);
        sum += FN(sum_of_exp)(part, m, 0);
    }
    return log(sum);
}

static inline int FN(is_label)(const char *label, npy_intp n) {
    return *(const npy_intp *)label >= 0 && *(const npy_intp *)label < n;
}

static void FN(cross_entropy_rows)(ROWS_ARGUMENTS) {
    for (npy_intp r = 0; r < rows; r++) {
        const real *x = ROW(0, r), top = FN(highest)(x, n);
        const char *label = (const char *)ROW(1, r);
        const int odd = FN(is_odd)(top);
        const real rest = (real)(odd ? FN(odd_rest)(x, n, top) : log(FN(sum_of_shares)(x, n, top)));
        real at = (real)NAN;
        if (FN(is_label)(label, n)) {
            at = x[*(const npy_intp *)label];
            if (odd) {
                FN(odd_differences)(&at, &at, 1, top);
            } else {
                at -= top;
            }
        }
        *ROW(2, r) = rest - at;
        *ROW(3, r) = top;
        *ROW(4, r) = rest;
    }
}

static void FN(cross_entropy_pullback_rows)(ROWS_ARGUMENTS) {
    for (npy_intp r = 0; r < rows; r++) {
        const real g = *ROW(0, r), *x = ROW(1, r), rest = *ROW(4, r);
        const char *label = (const char *)ROW(2, r);
        real *out = ROW(5, r), top = *ROW(3, r);
        if (FN(is_odd)(top)) {
            FN(odd_differences)(x, out, n, top);
            x = out, top = 0;
        }
        INDEPENDENT
        for (npy_intp i = 0; i < n; i++) {
            out[i] = FN(share)((x[i] - top) - rest) * g;
        }
        if (FN(is_label)(label, n)) {
            out[*(const npy_intp *)label] -= g;
        }
    }
}

/* The ufuncs' loops. The only flag that the first leaves is that of a label which is none. */
static void FN(cross_entropy)(LOOP_ARGUMENTS) {
    (void)data;
    by_rows(args, dimensions, steps, FN(cross_entropy_rows), "10000", 2, sizeof(real));
    feclearexcept(FE_ALL_EXCEPT);
    for (npy_intp r = 0; r < dimensions[0]; r++) {
        if (!FN(is_label)(args[1] + r * steps[1], dimensions[1])) {
            feraiseexcept(FE_INVALID);
            return;
        }
    }
}

AS_ROWS(cross_entropy_pullback, "010001", FE_INVALID | FE_OVERFLOW)

#undef COLUMNS_OF_LANES
