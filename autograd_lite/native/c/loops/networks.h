/* Activations of networks and their slopes.
 *
 * They rest on e = exp(-|x|), so that nothing overflows; with it sigmoid(x) is 1 / (1 + e) where x >= 0 and
 * e / (1 + e) elsewhere, and nothing cancels in 1 - sigmoid(x) either.
 */

/* What is far from 0, or not a number, is computed alone: `right` where x is large, and on the left by exp. */
INLINE real FN(far)(real x, real right, real factor) {
    if (!FN(numeric)(x) || FN(of)(x) > 0) {
        return FN(numeric)(x) ? right : x;
    }
    const double root = exp(0.5 * (double)x);  /* exp(x) itself may have few digits left */
    return (real)(root * factor * root);
}
/* An infinity times 0 would be NaN. (For a negative number, or one that is not used.) */
INLINE real FN(bounded)(real x) { return FN(within)(x, (real)1e4) ? x : (real)-1e4; }

/* ---- sigmoid, softplus ------------------------------------------------------------------------------------------ */

INLINE real FN(sigmoid_one)(real x) {
    const real e = FN(exp_core)(-FN(magnitude)(x));
    return (x < 0 ? e : 1) / (1 + e);
}
static real FN(sigmoid_hard)(real x) { return FN(far)(x, 1, 1); }
CAREFUL(sigmoid, near, 0)

INLINE real FN(softplus_one)(real x) {
    return FN(greatest)(x, 0) + FN(log1p_core)(FN(exp_core)(-FN(magnitude)(x)));
}
static real FN(softplus_hard)(real x) { return FN(far)(x, x, 1); }
CAREFUL(softplus, near, 0)

/* ---- silu, x sigmoid(x) ----------------------------------------------------------------------------------------- */

INLINE real FN(silu_one)(real x) {
    const real e = FN(exp_core)(-FN(magnitude)(x));
    return x * (x < 0 ? e : 1) / (1 + e);
}
static real FN(silu_hard)(real x) { return FN(far)(x, x, FN(bounded)(x)); }
CAREFUL(silu, near, 0)

INLINE real FN(silu_slope_one)(real x) {
    const real e = FN(exp_core)(-FN(magnitude)(x)), share = 1 / (1 + e);
    return ((x < 0 ? e : 1) + x * e * share) * share;
}
static real FN(silu_slope_hard)(real x) { return FN(far)(x, 1, 1 + FN(bounded)(x)) + 0; }  /* no -0 */
CAREFUL(silu_slope, near, 0)

/* ---- mish, x tanh(softplus(x)) ---------------------------------------------------------------------------------- */

/* tanh(log(1 + exp(x))) is (w² + 2w) / (w² + 2w + 2) with w = exp(x); for x > 0 both are divided by w². */
INLINE real FN(mish_one)(real x) {
    const real e = FN(exp_core)(-FN(magnitude)(x)), left = MADD(e, e, 2 * e), right = MADD(2, e, 1);
    return x * (x < 0 ? left / (left + 2) : right / MADD(2 * e, e, right));
}
static real FN(mish_hard)(real x) { return FN(far)(x, x, FN(bounded)(x)); }
CAREFUL(mish, near, 0)

/* ---- gelu, x Phi(x) --------------------------------------------------------------------------------------------- */

/* exp(z²/2) Phi(-z) = t SERIES for 1 <= z <= GELU_END. */
INLINE real FN(normal_ratio)(real z, real t) { return t * SERIES((z - GELU_CENTRE) * t, GELU); }
/* Phi(z) - 1/2 for 0 <= z <= 1. */
INLINE real FN(normal_middle)(real z) { return z * SERIES(z * z, NORMAL); }

INLINE int FN(gelu_easy)(real x) {
    const bits b = FN(of)(x);
    return (b & MAGNITUDE) <= (b < 0 ? FN(of)(GELU_END) : INFINITE - 1);
}
INLINE real FN(gelu_one)(real x) {
    real rest;
    bits n;
    const real z = FN(least)(FN(magnitude)(x), GELU_END), square = FN(square)(z, &rest);
    /* What rounding takes from the sum is put back as a factor of the exponential, 1 + p of which is not rounded. */
    const real sum = z + GELU_CENTRE, lost = (GELU_CENTRE - sum) + z, t = 1 / sum, ratio = FN(normal_ratio)(z, t);
    const real p = FN(exp_parts)((real)-0.5 * square, MADD((real)-0.5, rest, -lost * t), &n);
    const real tail = FN(select)(z < 1, (real)0.5 - FN(normal_middle)(FN(least)(z, 1)),
                                 MADD(p, ratio, ratio) * FN(from)(n + ONE));
    return x * (x > 0 ? 1 - tail : tail);
}
static real FN(gelu_hard)(real x) {
    const double y = x;
    return x != x || x > 0 ? x : (real)((y < -40 ? -40 : y) * (0.5 * erfc(-0.70710678118654752440 * (y < -40 ? -40 : y))));
}
CAREFUL(gelu, gelu_easy, 0)

/* Phi(-z) - z phi(z) for x = -z, and 1 minus that for x = z. */
INLINE real FN(gelu_slope_one)(real x) {
    real rest;
    bits n;
    const real z = FN(least)(FN(magnitude)(x), GELU_END), square = FN(square)(z, &rest);
    const real p = FN(exp_parts)((real)-0.5 * square, (real)-0.5 * rest, &n), gauss = FN(from)(FN(of)(1 + p) + n);
    const real tail = FN(select)(z < 1, (real)0.5 - FN(normal_middle)(FN(least)(z, 1)),
                                 gauss * FN(normal_ratio)(z, 1 / (z + GELU_CENTRE)));
    const real left = tail - (real)0.39894228040143267794 * z * gauss;
    return x > 0 ? 1 - left : left;
}
static real FN(gelu_slope_hard)(real x) {
    if (x != x || x > 0) {
        return x != x ? x : 1;
    }
    const double y = x < -40 ? -40 : x;
    return (real)(0.5 * erfc(-0.70710678118654752440 * y) + 0.39894228040143267794 * y * exp(-0.5 * y * y));
}
CAREFUL(gelu_slope, gelu_easy, 0)

/* ---- cotangents ------------------------------------------------------------------------------------------------- */

/* Slope times cotangent in one pass, where the slope is a kernel of x. */
PULLBACK(gelu_pullback, gelu_slope)
PULLBACK(silu_pullback, silu_slope)

/* Where it follows from the result. */
INLINE real FN(tanh_pullback_one)(real g, real out) { return g - g * out * out; }
INLINE real FN(sigmoid_pullback_one)(real g, real out) { return g * (out * (1 - out)); }
BINARY(tanh_pullback)
BINARY(sigmoid_pullback)

/* ---- relu ------------------------------------------------------------------------------------------------------- */

/* By its bits: a comparison would raise a flag for NaN, which passes. */
INLINE real FN(relu_one)(real x) {
    const bits b = FN(of)(x);
    return b < 0 && (b & MAGNITUDE) <= INFINITE ? 0 : x;
}
UNARY(relu)

#ifdef LOOP
/* ---- below a maximum -------------------------------------------------------------------------------------------- */

/* x - top: if `top` is infinite, 0 for x that is as well, -inf for others; at least the lowest finite number if both are
 * finite. No flags are raised. */
static real FN(below_hard)(real x, real top) {
    const real most = EITHER(FLT_MAX, DBL_MAX);
    const int finite = FN(within)(x, most) & FN(within)(top, most), same = !finite & (FN(of)(x) == FN(of)(top));
    const int beyond = finite & (FN(select)(finite, x, 0) / 2 - FN(select)(finite, top, 0) / 2 < -most / 2);
    /* Both are computed in the end, so what would raise a flag is replaced before. */
    const real least = FN(select)(beyond, 0, FN(select)(same, (real)NAN, x));
    const real gap = least - FN(select)(beyond, most, top);
    const int at_top = FN(of)(x) == INFINITE; /* by its bits: for NaN a comparison may raise a flag */
    return FN(select)(FN(of)(top) == INFINITE, FN(select)(at_top, 0, -(real)INFINITY), gap);
}

static void FN(below_run)(char *const *operands, npy_intp n) {
    const real *x = (const real *)operands[0], *top = (const real *)operands[1];
    real *out = (real *)operands[2];
    for (npy_intp start = 0; start < n; start += BLOCK, x += BLOCK, top += BLOCK, out += BLOCK) {
        const npy_intp m = n - start < BLOCK ? n - start : BLOCK;
        bits hard = 0;
        INDEPENDENT
        for (npy_intp i = 0; i < m; i++) {
            hard |= !FN(within)(top[i], (real)1e15);
        }
        if (!hard) {
            INDEPENDENT
            for (npy_intp i = 0; i < m; i++) {
                out[i] = x[i] - top[i];
            }
            continue;
        }
        for (npy_intp i = 0; i < m; i++) {
            out[i] = FN(below_hard)(x[i], top[i]);
        }
    }
}
LOOP(below, 2, 3)
#endif
