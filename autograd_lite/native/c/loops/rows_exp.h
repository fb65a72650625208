/* exp of what is not above 0, the differences from a maximum, within two ulps. -inf gives 0, and NaN itself.
 *
 * 2^n is multiplied in two factors, since the result may be a denormal number.
 */

static inline __attribute__((always_inline)) npy_float
NAME(exp_below_f)(npy_float x)
{
    npy_int32 n;
    const npy_float p = NAME(exp_parts_f)(x > -104.0f ? x : -104.0f, 0, &n);
    const npy_int32 half = n >> 1 & ~0x7fffff, one = 0x3f800000;
    const npy_float e = (1 + p) * NAME(number_f)(half + one) * NAME(number_f)(n - half + one);
    return x != x ? x : e;
}

static inline __attribute__((always_inline)) npy_double
NAME(exp_below_d)(npy_double x)
{
    npy_int64 n;
    const npy_double p = NAME(exp_parts_d)(x > -750.0 ? x : -750.0, 0, &n);
    const npy_int64 half = n >> 1 & ~0xfffffffffffff, one = 0x3ff0000000000000;
    const npy_double e = (1 + p) * NAME(number_d)(half + one) * NAME(number_d)(n - half + one);
    return x != x ? x : e;
}
