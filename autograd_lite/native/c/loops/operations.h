/* What NumPy's loops do to one element where C has no operator that does so, without a flag for NaN. */

INLINE real FN(negative)(real x) { return FN(from)(FN(of)(x) ^ SIGN); } /* by its bits: nothing is folded into it */

/* Comparisons of numbers as integers: for NaN compilers raise a flag even in isless(x, y). */
INLINE bits FN(rank)(real x) { return FN(of)(x) ^ (FN(of)(x) >> (8 * sizeof(bits) - 1) & MAGNITUDE); }
INLINE int FN(less)(real x, real y) {
    const int are_zero = ((FN(of)(x) | FN(of)(y)) & MAGNITUDE) == 0;
    return (FN(rank)(x) < FN(rank)(y)) & !are_zero & !isunordered(x, y);
}
INLINE int FN(less_equal)(real x, real y) { return ((FN(rank)(x) < FN(rank)(y)) | (x == y)) & !isunordered(x, y); }
INLINE int FN(isinf)(real x) { return (FN(of)(x) & MAGNITUDE) == INFINITE; }
INLINE int FN(isfinite)(real x) { return (FN(of)(x) & MAGNITUDE) < INFINITE; }
INLINE int FN(signbit)(real x) { return FN(of)(x) < 0; }

/* A choice. What is chosen from is computed before, with the flags that belong to it. */
INLINE real FN(where)(int x, real yes, real no) { return FN(select)(x != 0, yes, no); }
INLINE real FN(maximum)(real x, real y) { return FN(select)(FN(less)(y, x) | (x != x), x, y); }
INLINE real FN(minimum)(real x, real y) { return FN(select)(FN(less)(x, y) | (x != x), x, y); }
INLINE real FN(clip)(real x, real low, real high) { return FN(minimum)(FN(maximum)(x, low), high); }
INLINE real FN(sign)(real x) { return x == 0 ? 0 : x != x ? x : FN(with_sign)(1, x); }
INLINE real FN(heaviside)(real x, real at_zero) {
    return FN(select)(x == 0, at_zero, x != x ? (real)NAN : FN(signbit)(x) ? 0 : 1);
}
INLINE real FN(zero_mask)(real x, real y) { return FN(select)((x != x) & (y == 0), 0, x); }

/* The remainder with the sign of y. */
INLINE real FN(remainder)(real x, real y) {
    const real rest = LIBM(fmod)(x, y);
    return y == 0 ? rest : rest == 0 ? FN(with_sign)(0, y) : FN(signbit)(y) != FN(signbit)(rest) ? rest + y : rest;
}

/* ---- complex numbers -------------------------------------------------------------------------------------------- */

#define COMPLEX real _Complex
INLINE COMPLEX FN(complex)(real re, real im) {
    COMPLEX z;
    __real__ z = re;
    __imag__ z = im;
    return z;
}
INLINE COMPLEX FN(complex_negative)(COMPLEX x) {
    return FN(complex)(FN(negative)(__real__ x), FN(negative)(__imag__ x));
}
INLINE COMPLEX FN(complex_conjugate)(COMPLEX x) { return FN(complex)(__real__ x, FN(negative)(__imag__ x)); }
INLINE COMPLEX FN(complex_where)(int x, COMPLEX yes, COMPLEX no) {
    return FN(complex)(FN(where)(x, __real__ yes, __real__ no), FN(where)(x, __imag__ yes, __imag__ no));
}
INLINE COMPLEX FN(complex_zero_mask)(COMPLEX x, COMPLEX y) {
    return FN(complex_where)((x != x) & (y == 0), FN(complex)(0, 0), x);
}
/* NumPy's product, which takes fused multiply-adds where its own instructions have them. */
INLINE COMPLEX FN(complex_product)(COMPLEX x, COMPLEX y) {
    return FN(complex)(__real__ x * __real__ y - __imag__ x * __imag__ y,
                       __real__ x * __imag__ y + __imag__ x * __real__ y);
}
INLINE COMPLEX FN(complex_fused_product)(COMPLEX x, COMPLEX y) {
    return FN(complex)(LIBM(__builtin_fma)(__real__ x, __real__ y, -(__imag__ x * __imag__ y)),
                       LIBM(__builtin_fma)(__real__ x, __imag__ y, __imag__ x * __real__ y));
}
/* Smith's quotient. What is not wanted is computed of zeros and ones, since a loop may do without branches. */
INLINE COMPLEX FN(complex_quotient)(COMPLEX x, COMPLEX y) {
    const real c = __real__ y, d = __imag__ y, size = FN(magnitude)(c);
    const int wide = size >= FN(magnitude)(d); /* as in NumPy, with a flag for NaN */
    const int zero = wide & (size == 0) & (d == 0);
    const real a = FN(select)(zero, 0, __real__ x), b = FN(select)(zero, 0, __imag__ x), by = FN(select)(zero, size, 1);
    const real large = FN(select)(zero, 1, FN(select)(wide, c, d)), small = FN(select)(wide, d, c);
    const real ratio = small / large, scale = 1 / (large + small * ratio);
    const real of_b = FN(select)(wide, 1, ratio), of_a = FN(select)(wide, ratio, 1);
    const real re = (FN(select)(wide, a, b) + FN(select)(wide, b, a) * ratio) * scale;
    const real im = (b * of_b - a * of_a) * scale;
    return FN(complex)(FN(select)(zero, FN(select)(zero, __real__ x, 1) / by, re),
                       FN(select)(zero, FN(select)(zero, __imag__ x, 1) / by, im));
}
#undef COMPLEX
