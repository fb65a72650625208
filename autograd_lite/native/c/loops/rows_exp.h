INLINE npy_float
NAME(exp_f)(npy_float x)
{
    const npy_float low = x > -104.f ? x : x != x ? x : -104.f, magic = 12582912.f;
    const npy_float t = MADD_f(low, 1.44269504f, magic), n = t - magic;
    npy_float r = MADD_f(n, -0.693359375f, low);
    r = MADD_f(n, 2.12194440e-4f, r);
    npy_float p = 1.9875691500e-4f;
    p = MADD_f(p, r, 1.3981999507e-3f);
    p = MADD_f(p, r, 8.3334519073e-3f);
    p = MADD_f(p, r, 4.1665795894e-2f);
    p = MADD_f(p, r, 1.6666665459e-1f);
    p = MADD_f(p, r, 5.0000001201e-1f);
    p = MADD_f(p * r, r, r) + 1;
    int32_t bits, half;
    memcpy(&bits, &t, 4);
    bits -= 0x4b400000;
    half = bits >> 1;
    int32_t a = (half + 127) << 23, b = (bits - half + 127) << 23;
    npy_float fa, fb;
    memcpy(&fa, &a, 4);
    memcpy(&fb, &b, 4);
    return p * fa * fb;
}
INLINE npy_double
NAME(exp_d)(npy_double x)
{
    return exp(x);
}
