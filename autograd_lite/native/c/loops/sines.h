/* Sine and cosine in double precision. (NumPy's loops for single precision are vectorised everywhere.)
 *
 * x - n pi/2 is computed from pi/2 in three pieces of 33 bits and a rest, whose products with n are exact, as two
 * numbers; the polynomials are those of functions.h. Far out, the C library reduces by pi to as many digits as needed.
 *
 * References: Payne, Hanek: Radian Reduction for Trigonometric Functions, 1983; Sun's fdlibm, k_sin.c and k_cos.c.
 */

#define SINES_END 0x4130000000000000 /* bits of 2^20 */

typedef struct {
    npy_double sine, cosine;
    npy_int64 quarter; /* its last two bits are n modulo 4 */
} NAME(Turn);

INLINE NAME(Turn) NAME(turn)(npy_double x)
{
    const npy_double sum = MADD_d(x, 0.63661977236758134308, 6755399441055744.0), n = sum - 6755399441055744.0;
    const npy_double a = x - n * 1.5707963267341256, w = n * 6.077100506303966e-11, b = a - w;
    const npy_double low = MADD_d(n, -8.4784276603689e-32, MADD_d(n, -2.0222662487111665e-21, (a - b) - w));
    const npy_double r = b + low, t = (b - r) + low, z = r * r, v = z * r;
    npy_double s = 1.5916726193889336e-10, c = -1.1381754653662937e-11;
    s = MADD_d(s, z, -2.5051112272573243e-08);
    s = MADD_d(s, z, 2.755731600817155e-06);
    s = MADD_d(s, z, -0.0001984126983657571);
    s = MADD_d(s, z, 0.008333333333330827);
    c = MADD_d(c, z, 2.0876134024090145e-09);
    c = MADD_d(c, z, -2.755731721268659e-07);
    c = MADD_d(c, z, 2.4801587298651292e-05);
    c = MADD_d(c, z, -0.0013888888888887322);
    c = MADD_d(c, z, 0.041666666666666664);
    const npy_double half = 0.5 * z, one = 1 - half;
    /* Where r is so small that its square vanishes, -0 stays -0. */
    const npy_double sine = r - ((z * (0.5 * t - v * s) - t) + v * 0.16666666666666666);
    return (NAME(Turn)){x == 0 ? x : sine, one + (((1 - one) - half) + (z * z * c - r * t)), NAME(of_d)(sum)};
}

INLINE npy_double NAME(sin_one_d)(npy_double x)
{
    const NAME(Turn) at = NAME(turn)(x);
    const npy_double value = at.quarter & 1 ? at.cosine : at.sine;
    return NAME(from_d)(NAME(of_d)(value) ^ (npy_int64)((npy_uint64)(at.quarter & 2) << 62));
}

INLINE npy_double NAME(cos_one_d)(npy_double x)
{
    const NAME(Turn) at = NAME(turn)(x);
    const npy_double value = at.quarter & 1 ? at.sine : at.cosine;
    return NAME(from_d)(NAME(of_d)(value) ^ (npy_int64)((npy_uint64)((at.quarter + 1) & 2) << 62));
}

INLINE int NAME(sin_easy_d)(npy_double x) { return NAME(within_d)(x, SINES_END); }
static npy_double NAME(sin_hard_d)(npy_double x) { return sin(x); }
CAREFUL(sin, d, 0)

INLINE int NAME(cos_easy_d)(npy_double x) { return NAME(within_d)(x, SINES_END); }
static npy_double NAME(cos_hard_d)(npy_double x) { return cos(x); }
CAREFUL(cos, d, 0)
