/* Sine and cosine in double precision. (NumPy's loops for single precision are vectorised everywhere.)
 *
 * x - n pi/2 is computed from pi/2 in three pieces of 33 bits and a rest, whose products with n are exact, as two
 * numbers; the polynomials are those of functions.h. Far out, the C library reduces by pi to as many digits as needed.
 *
 * References: Payne, Hanek: Radian Reduction for Trigonometric Functions, 1983; Sun's fdlibm, k_sin.c and k_cos.c.
 */

#define SINES_END 1048576.0 /* 2^20 */
#define SERIES_SINE_d \
    0.008333333333330827, -0.0001984126983657571, 2.755731600817155e-06, -2.5051112272573243e-08, 1.5916726193889336e-10
#define SERIES_COSINE_d                                                                           \
    0.041666666666666664, -0.0013888888888887322, 2.4801587298651292e-05, -2.755731721268659e-07, \
        2.0876134024090145e-09, -1.1381754653662937e-11

typedef struct {
    real sine, cosine;
    int64_t quarter; /* its last two bits are n modulo 4 */
} NAME(Turn);

INLINE NAME(Turn) NAME(turn)(real x) {
    const real sum = MADD(x, 0.63661977236758134308, TO_INTEGER), n = sum - TO_INTEGER;
    const real a = x - n * 1.5707963267341256, w = n * 6.077100506303966e-11, b = a - w;
    const real low = MADD(n, -8.4784276603689e-32, MADD(n, -2.0222662487111665e-21, (a - b) - w));
    const real r = b + low, t = (b - r) + low, z = r * r, v = z * r;
    const real s = SERIES(z, SINE), c = SERIES(z, COSINE);
    const real half = 0.5 * z, one = 1 - half;
    /* Where r is so small that its square vanishes, -0 stays -0. */
    const real sine = r - ((z * (0.5 * t - v * s) - t) + v * 0.16666666666666666);
    return (NAME(Turn)){x == 0 ? x : sine, one + (((1 - one) - half) + (z * z * c - r * t)), FN(of)(sum)};
}

INLINE real FN(sin_one)(real x) {
    const NAME(Turn) at = NAME(turn)(x);
    const real value = at.quarter & 1 ? at.cosine : at.sine;
    return FN(from)(FN(of)(value) ^ (bits)((ubits)(at.quarter & 2) << 62));
}

INLINE real FN(cos_one)(real x) {
    const NAME(Turn) at = NAME(turn)(x);
    const real value = at.quarter & 1 ? at.sine : at.cosine;
    return FN(from)(FN(of)(value) ^ (bits)((ubits)((at.quarter + 1) & 2) << 62));
}

INLINE int FN(turn_easy)(real x) { return FN(within)(x, SINES_END); }
static real FN(sin_hard)(real x) { return sin(x); }
CAREFUL(sin, turn_easy, 0)

static real FN(cos_hard)(real x) { return cos(x); }
CAREFUL(cos, turn_easy, 0)
