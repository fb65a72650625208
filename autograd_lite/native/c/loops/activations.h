/* Activations of networks. */

/* By its bits: a comparison would raise a flag for NaN, which passes. */
static inline npy_float NAME(relu_one_f)(npy_float x)
{
    const npy_int32 b = NAME(bits_f)(x);
    return b < 0 && (b & INT32_MAX) <= 0x7f800000 ? 0.0f : x;
}
static inline npy_double NAME(relu_one_d)(npy_double x)
{
    const npy_int64 b = NAME(bits_d)(x);
    return b < 0 && (b & INT64_MAX) <= 0x7ff0000000000000 ? 0.0 : x;
}
UNARY(relu, f)
UNARY(relu, d)

#define ACTIVATIONS {"relu", NULL, 1, 1, NAME(relu_f), NAME(relu_d), NULL, NULL, "The larger of x and 0."},
