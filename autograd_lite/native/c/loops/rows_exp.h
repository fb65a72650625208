/* exp of what is not above 0, the differences from a maximum, within an ulp. -inf gives 0, and NaN itself.
 *
 * exp(x) = 2^n exp(r): adding a number whose last bit counts ones rounds x / log 2 to n; r = x - n log 2, in two steps
 * of which the first is exact. 2^n is multiplied in two factors, since the result may be a denormal number.
 */

static inline npy_float
NAME(exp_below_f)(npy_float x)
{
    const npy_float low = x > -104.0f ? x : -104.0f, large = 0x1.8p23f;
    const npy_float t = MADD_f(low, 0x1.715476p+0f, large), n = t - large;
    const npy_float r = MADD_f(n, 0x1.bd0106p-13f, MADD_f(n, -0x1.63p-1f, low));
    npy_float p = 1.9875691500e-4f; /* of Cephes' expf: exp(r) = 1 + r + r^2 p(r) */
    p = MADD_f(p, r, 1.3981999507e-3f);
    p = MADD_f(p, r, 8.3334519073e-3f);
    p = MADD_f(p, r, 4.1665795894e-2f);
    p = MADD_f(p, r, 1.6666665459e-1f);
    p = MADD_f(p, r, 5.0000001201e-1f);
    p = MADD_f(p * r, r, r) + 1;
    const npy_int32 power = NAME(bits_f)(t) - NAME(bits_f)(large), half = power >> 1;
    p *= NAME(number_f)((half + 127) << 23);
    p *= NAME(number_f)((power - half + 127) << 23);
    return x != x ? x : p;
}

static inline npy_double
NAME(exp_below_d)(npy_double x)
{
    const npy_double low = x > -750.0 ? x : -750.0, large = 0x1.8p52;
    const npy_double t = MADD_d(low, 0x1.71547652b82fep+0, large), n = t - large;
    const npy_double r = MADD_d(n, -0x1.a39ef35793c76p-33, MADD_d(n, -0x1.62e42feep-1, low));
    npy_double p = 1 / 6227020800.0; /* Taylor's series: the next term is a twentieth of an ulp */
    p = MADD_d(p, r, 1 / 479001600.0);
    p = MADD_d(p, r, 1 / 39916800.0);
    p = MADD_d(p, r, 1 / 3628800.0);
    p = MADD_d(p, r, 1 / 362880.0);
    p = MADD_d(p, r, 1 / 40320.0);
    p = MADD_d(p, r, 1 / 5040.0);
    p = MADD_d(p, r, 1 / 720.0);
    p = MADD_d(p, r, 1 / 120.0);
    p = MADD_d(p, r, 1 / 24.0);
    p = MADD_d(p, r, 1 / 6.0);
    p = MADD_d(p, r, 0.5);
    p = MADD_d(p * r, r, r) + 1;
    const npy_int64 power = NAME(bits_d)(t) - NAME(bits_d)(large), half = power >> 1;
    p *= NAME(number_d)((half + 1023) << 52);
    p *= NAME(number_d)((power - half + 1023) << 52);
    return x != x ? x : p;
}
