/* Single precision, for the formulas that are written once for both: the type, its letter X, and its constants. */
#define X f
#define real npy_float
#define bits npy_int32
#define FN(name) NAME(JOIN(name, f))
#define MADD MADD_f
#define MAGNITUDE INT32_MAX             /* all bits but the sign's */
#define SIGN INT32_MIN
#define HIGH_HALF (-(1 << 12))           /* the bits of a number whose square is exact */
#define INFINITE 0x7f800000             /* bits of infinity, the least normal number, and sqrt(1/2) */
#define LEAST_NORMAL 0x00800000
#define SQRT_HALF 0x3f3504f3
#define ONE 0x3f800000
#define SHIFT 23                        /* of an exponent */
#define UNSIGNED npy_uint32
#define TO_INTEGER 12582912.0f          /* 1.5 * 2^23: adding it rounds to an integer, which the lowest bits hold */
#define COUNTS 0x4b000000               /* bits of 2^23 */
#define COUNT 8388608.0f
#define BIAS 127
#define LN2_HIGH 6.9313812256e-01f      /* ends in zeros, so that its product with an exponent is exact */
#define LN2_LOW 9.0580006145e-06f
#define EXP_END 0x42ae0000              /* bits of 87: exp of it and its opposite are normal numbers */
#define EXP_END_VALUE 87.0f
#define GELU_END 12.875f               /* Phi(-z) is a normal number */
#define GELU_END_BITS 0x414e0000
#define ERFC_END 9.25f                  /* exp(-z²) is a normal number */
#define ERFC_END_BITS 0x41140000
#define TANH_ENDS 10.0f                 /* tanh is 1 from here on */
#define LIBM(name) name##f

/* (exp(r) - 1 - r) / r² for |r| <= 0.42. */
#define EXP_SERIES 5.e-01f, 1.6666667e-01f, 4.1666232e-02f, 8.333285e-03f, 1.3954659e-03f, 1.9914318e-04f
/* (log((1 + s) / (1 - s)) / s - 2) / s² in s², for |s| <= 0.172. */
#define LOG_SERIES 6.6666687e-01f, 3.9988735e-01f, 2.9582024e-01f
/* erf(x) / x - 1 in x², for |x| <= 1. */
#define ERF_SERIES                                                                                              \
    1.2837917e-01f, -3.7612638e-01f, 1.1283782e-01f, -2.686543e-02f, 5.2210316e-03f, -8.4840803e-04f,           \
        1.1265959e-04f, -9.667045e-06f
/* (z + c) exp(z²) erfc(z) in (z - c) / (z + c), for 0.75 <= z <= ERFC_END. */
#define ERFC_CENTRE 1.0625f
#define ERFC_SERIES                                                                                             \
    8.735706e-01f, -2.7704924e-01f, -8.083605e-02f, 2.563019e-02f, 2.4925038e-02f, 5.444035e-03f,               \
        -3.7851576e-03f, -1.9202059e-03f, -5.171044e-03f, 3.3886225e-03f
/* (z + c) exp(z²/2) Phi(-z) in (z - c) / (z + c), Phi the normal distribution function, for 1 <= z <= GELU_END. */
#define GELU_CENTRE 1.5703125f
#define GELU_SERIES                                                                                             \
    6.2687874e-01f, -2.164814e-01f, -4.7850426e-02f, 2.3571037e-02f, 1.645099e-02f, 1.6585451e-03f,             \
        -3.2352593e-03f, -2.1980205e-03f, -1.4575875e-03f, 1.613474e-03f
/* (Phi(z) - 1/2) / z in z², for |z| <= 1. */
#define NORMAL_SERIES 3.989423e-01f, -6.649036e-02f, 9.973329e-03f, -1.186344e-03f, 1.135023e-04f, -7.660538e-06f
