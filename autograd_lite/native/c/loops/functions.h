/* Exponentials, logarithms, tanh and error functions.
 *
 * All of them reduce the argument, sum a polynomial in the rest and put the result together, without branches, so that
 * loops over them are vectorised. The polynomials interpolate at Chebyshev nodes, computed to 60 digits. Reduction is
 * Cody and Waite's (Software Manual for the Elementary Functions, 1980); the logarithm follows Sun's fdlibm.
 * `..._core` functions are for arguments in the range that they name and raise no flags there.
 */

INLINE bits FN(of)(real x) { bits b; memcpy(&b, &x, sizeof b); return b; }
INLINE real FN(from)(bits b) { real x; memcpy(&x, &b, sizeof x); return x; }
INLINE real FN(magnitude)(real x) { return FN(from)(FN(of)(x) & MAGNITUDE); }
/* yes or no; both are computed, in vectors, where a compiler may have made branches of x ? yes : no. */
INLINE real FN(select)(int x, real yes, real no) {
    const bits mask = -(bits)x;
    return FN(from)((FN(of)(yes) & mask) | (FN(of)(no) & ~mask));
}
/* The lesser, the greater. A bound that limits what is computed must be one of these: a compiler that makes branches of
 * x < y ? x : y may compute with both, and raise the flags of the one that is out of bounds. */
INLINE real FN(least)(real x, real y) { return FN(select)(x < y, x, y); }
INLINE real FN(greatest)(real x, real y) { return FN(select)(x > y, x, y); }
/* x with the sign of y. */
INLINE real FN(with_sign)(real x, real y) { return FN(from)((FN(of)(x) & MAGNITUDE) | (FN(of)(y) & SIGN)); }
/* Whether x lies within the bounds; by bits, since comparing raises a flag for NaN. */
INLINE int FN(within)(real x, real bound) { return (FN(of)(x) & MAGNITUDE) <= FN(of)(bound); }
INLINE int FN(near)(real x) { return FN(within)(x, EXP_END); }
INLINE int FN(numeric)(real x) { return FN(within)(x, (real)INFINITY); }

/* Horner's scheme, by rising powers. */
INLINE real FN(horner)(real x, const real *c, int n) {
    real sum = c[n - 1];
    UNROLL
    for (int k = n - 2; k >= 0; k--) {
        sum = MADD(sum, x, c[k]);
    }
    return sum;
}

/* Return p with exp(x + low) = 2^n (1 + p), `low` far below x, and n as the bits that add it to an exponent. */
INLINE real FN(exp_parts)(real x, real low, bits *n) {
    const real sum = MADD(x, (real)1.44269504088896340736, TO_INTEGER), whole = sum - TO_INTEGER;
    const real r = MADD(whole, -LN2_LOW, MADD(whole, -LN2_HIGH, x)) + low;
    *n = (bits)((ubits)FN(of)(sum) << SHIFT);
    return MADD(r * r, SERIES(r, EXP), r);
}

/* ---- exp, expm1, tanh ------------------------------------------------------------------------------------------- */

/* exp(x) for |x| <= EXP_END. */
INLINE real FN(exp_core)(real x) {
    bits n;
    const real p = FN(exp_parts)(x, 0, &n);
    return FN(from)(FN(of)(1 + p) + n);
}

INLINE real FN(exp_one)(real x) { return FN(exp_core)(x); }
static real FN(exp_hard)(real x) { return LIBM(exp)(x); }
CAREFUL(exp, near, 0)

/* exp(x) - 1 for |x| <= EXP_END. */
INLINE real FN(expm1_core)(real x) {
    bits n;
    const real p = FN(exp_parts)(x, 0, &n), scale = FN(from)(n + ONE);
    return MADD(scale, p, scale - 1);
}

INLINE real FN(expm1_one)(real x) {
    /* The series leaves the sign of -0, and the flags of the smallest numbers, to chance. */
    return FN(magnitude)(x) < (real)1e-30 ? x : FN(expm1_core)(x);
}
static real FN(expm1_hard)(real x) { return LIBM(expm1)(x); }
CAREFUL(expm1, near, 0)

INLINE real FN(tanh_one)(real x) {
    /* -e / (2 + e) with e = exp(-2 |x|) - 1; most of what rounding takes from 2 + e is put back. */
    const real e = FN(expm1_core)(-2 * FN(least)(FN(magnitude)(x), TANH_ENDS)), below = 2 + e;
    const real part = e / below, lost = (2 - below) + e;
    return FN(with_sign)(MADD(part, -lost, part), x);
}
static real FN(tanh_hard)(real x) { return x; }
CAREFUL(tanh, numeric, 0)

/* ---- log, log1p ------------------------------------------------------------------------------------------------- */

/* log(1 + f) + k log 2 for sqrt(1/2) <= 1 + f <= sqrt(2). */
INLINE real FN(log_parts)(real f, real k) {
    const real s = f / (2 + f), z = s * s, half = (real)0.5 * f * f;
    const real rest = MADD(s, half + z * SERIES(z, LOG), k * LN2_LOW);
    return MADD(k, LN2_HIGH, f - (half - rest));
}

/* log(x) for normal x, and the k that it takes out. */
INLINE real FN(log_core)(real x) {
    const bits b = FN(of)(x), shifted = b - FN(of)((real)0.70710678118654752440) + ONE;
    const bits n = (bits)((ubits)shifted >> SHIFT);  /* k, biased */
    const real k = FN(from)(n + FN(of)(COUNT)) - (COUNT + BIAS);
    const real m = FN(from)(b - (bits)((ubits)(n - BIAS) << SHIFT));
    return FN(log_parts)(m - 1, k);
}

INLINE int FN(log_easy)(real x) { return (int)(FN(of)(x) >= LEAST_NORMAL) & (FN(of)(x) < INFINITE); }
INLINE real FN(log_one)(real x) { return FN(log_core)(x); }
static real FN(log_hard)(real x) { return LIBM(log)(x); }
CAREFUL(log, log_easy, 1)

/* log(1 + x) for 0 <= x <= 1: no digit of x is lost. */
INLINE real FN(log1p_core)(real x) {
    const int upper = x > (real)0.4142;
    return FN(log_parts)(upper ? (real)0.5 * (x - 1) : x, upper ? 1 : 0);
}

INLINE int FN(log1p_easy)(real x) {
    const bits b = FN(of)(x);
    return b < 0 ? (b & MAGNITUDE) < ONE - (1 << 3) : b < INFINITE - ((bits)2 << SHIFT);
}
INLINE real FN(log1p_one)(real x) {
    /* What rounding takes from 1 + x is put back divided by it. */
    const real u = 1 + x, lost = x >= 1 ? 1 - (u - x) : x - (u - 1), value = FN(log_core)(u) + lost / u;
    return FN(magnitude)(x) < (real)1e-20 ? x : value;
}
static real FN(log1p_hard)(real x) { return LIBM(log1p)(x); }
CAREFUL(log1p, log1p_easy, 1)

/* ---- erf, erfc -------------------------------------------------------------------------------------------------- */

/* z² as a number that is exact, and the rest of it. */
INLINE real FN(square)(real z, real *rest) {
    const real high = FN(from)(FN(of)(z) & HIGH_HALF);
    *rest = (z - high) * (z + high);
    return high * high;
}

/* erfc(z) for 0.75 <= z <= ERFC_END: exp(-z²) times a ratio, without rounding 1 + p. */
INLINE real FN(erfc_core)(real z) {
    real rest;
    bits n;
    const real square = FN(square)(z, &rest), p = FN(exp_parts)(-square, -rest, &n);
    const real t = 1 / (z + ERFC_CENTRE), ratio = t * SERIES((z - ERFC_CENTRE) * t, ERFC);
    return MADD(p, ratio, ratio) * FN(from)(n + ONE);
}

/* erf(x) for |x| <= 1. */
INLINE real FN(erf_core)(real x) { return MADD(x, SERIES(x * x, ERF), x); }

INLINE real FN(erf_one)(real x) {
    const real z = FN(least)(FN(magnitude)(x), (real)0.7 * ERFC_END);
    const real inner = FN(erf_core)(FN(least)(z, 1)), outer = 1 - FN(erfc_core)(z);
    return FN(with_sign)(FN(select)(z < 1, inner, outer), x);
}
static real FN(erf_hard)(real x) { return x; }
CAREFUL(erf, numeric, 0)

INLINE int FN(erfc_easy)(real x) {
    const bits b = FN(of)(x);
    return (b & MAGNITUDE) <= (b < 0 ? INFINITE : FN(of)(ERFC_END));
}
INLINE real FN(erfc_one)(real x) {
    const real z = FN(least)(FN(magnitude)(x), ERFC_END), tail = FN(erfc_core)(z);
    const real middle = 1 - FN(erf_core)(FN(greatest)(-1, FN(least)(x, 1)));
    return FN(select)(z < (real)0.75, middle, x > 0 ? tail : 2 - tail);
}
static real FN(erfc_hard)(real x) { return LIBM(erfc)(x); }
CAREFUL(erfc, erfc_easy, 0)
