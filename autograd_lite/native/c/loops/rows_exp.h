/* exp of the elements of rows, which are differences from a maximum for the most part, to an ulp (all float32 tried).
 *
 * 2^n is multiplied in two factors, since the result may be a denormal number. Far arguments, and NaN, are found by
 * their bits: comparing would raise a flag for NaN.
 */

static inline __attribute__((always_inline)) npy_float
NAME(exp_of_f)(npy_float x)
{
    const npy_int32 size = NAME(bits_f)(x) & INT32_MAX, far = 0x42d00000 /* 104 */, one = 0x3f800000;
    npy_int32 n;
    const npy_float near = NAME(number_f)((size < far ? size : far) | (NAME(bits_f)(x) & INT32_MIN));
    const npy_float p = NAME(exp_parts_f)(near, 0, &n);
    const npy_int32 half = n >> 1 & ~0x7fffff;
    const npy_float e = (1 + p) * NAME(number_f)(half + one) * NAME(number_f)(n - half + one);
    return size > 0x7f800000 ? x : e;
}

static inline __attribute__((always_inline)) npy_double
NAME(exp_of_d)(npy_double x)
{
    const npy_int64 size = NAME(bits_d)(x) & INT64_MAX, far = 0x4087700000000000 /* 750 */, one = 0x3ff0000000000000;
    npy_int64 n;
    const npy_double near = NAME(number_d)((size < far ? size : far) | (NAME(bits_d)(x) & INT64_MIN));
    const npy_double p = NAME(exp_parts_d)(near, 0, &n);
    const npy_int64 half = n >> 1 & ~0xfffffffffffff;
    const npy_double e = (1 + p) * NAME(number_d)(half + one) * NAME(number_d)(n - half + one);
    return size > 0x7ff0000000000000 ? x : e;
}
