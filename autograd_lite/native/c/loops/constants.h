/* The constants of formulas that are written once for both precisions. */

/* Floating-point numbers as bits. */
#define SHIFT (sizeof(real) == sizeof(float) ? 23 : 52)  /* of an exponent */
#define BIAS (sizeof(real) == sizeof(float) ? 127 : 1023)
#define SIGN ((bits)((uint64_t)1 << (8 * sizeof(bits) - 1)))
#define MAGNITUDE (~SIGN)                       /* all bits but the sign's */
#define HIGH_HALF (-((bits)2 << SHIFT / 2))     /* the bits of a number whose square is exact */
#define LEAST_NORMAL ((bits)1 << SHIFT)
#define INFINITE ((bits)(2 * BIAS + 1) << SHIFT)
#define ONE ((bits)BIAS << SHIFT)
#define COUNT ((real)((bits)1 << SHIFT))        /* its last bit counts */
#define TO_INTEGER ((real)1.5 * COUNT)          /* adding it rounds to an integer, which the lowest bits hold */

#define SERIES(x, name) SERIES_(x, JOIN(SERIES_##name, X))
#define SERIES_(x, ...) FN(horner)(x, (const real[]){__VA_ARGS__}, sizeof((const real[]){__VA_ARGS__}) / sizeof(real))

#define LN2_HIGH EITHER(6.9313812256e-01f, 6.93147180369123816490e-01)  /* times an exponent it is exact */
#define LN2_LOW EITHER(9.0580006145e-06f, 1.90821492927058770002e-10)
#define EXP_END EITHER(87, 708)         /* exp of it and its opposite are normal numbers */
#define GELU_END EITHER(12.875, 37.5)   /* Phi(-z) is a normal number */
#define ERFC_END EITHER(9.25, 26.5)     /* exp(-z²) is a normal number */
#define TANH_ENDS EITHER(10, 22)        /* tanh is 1 from here on */

/* Coefficients, by rising powers, of (exp(r) - 1 - r) / r² for |r| <= 0.42. */
#define SERIES_EXP_f 5.e-01f, 1.6666667e-01f, 4.1666232e-02f, 8.333285e-03f, 1.3954659e-03f, 1.9914318e-04f
#define SERIES_EXP_d                                                                                \
    0.5, 0.1666666666666667, 0.04166666666666667, 0.008333333333326084, 0.0013888888888883711,      \
        0.0001984126987500228, 2.480158732567746e-05, 2.755725517000089e-06, 2.755727347871858e-07, \
        2.5105312729622103e-08, 2.09147553258932e-09
/* (log((1 + s) / (1 - s)) / s - 2) / s² in s², for |s| <= 0.172. */
#define SERIES_LOG_f 6.6666687e-01f, 3.9988735e-01f, 2.9582024e-01f
#define SERIES_LOG_d                                                                                     \
    0.666666666666667, 0.3999999999989827, 0.2857142862653362, 0.22222211043776857, 0.18182895750119193, \
        0.1533150161114533, 0.1461916613488797
/* erf(x) / x - 1 in x², for |x| <= 1. */
#define SERIES_ERF_f                                                                                  \
    1.2837917e-01f, -3.7612638e-01f, 1.1283782e-01f, -2.686543e-02f, 5.2210316e-03f, -8.4840803e-04f, \
        1.1265959e-04f, -9.667045e-06f
#define SERIES_ERF_d                                                                                             \
    0.12837916709551257, -0.3761263890318375, 0.11283791670954879, -0.026866170645076792, 0.0052239776248180145, \
        -0.000854832698083379, 0.0001205533111164271, -1.4925595266831182e-05, 1.6461000484121368e-06,           \
        -1.6350312701054695e-07, 1.4659775274047436e-08, -1.1372848856791674e-09, 5.957176147748911e-11
/* (z + c) exp(z²) erfc(z) in (z - c) / (z + c), for 0.75 <= z <= ERFC_END. */
#define ERFC_CENTRE EITHER(1.0625, 2)
#define SERIES_ERFC_f                                                                             \
    8.735706e-01f, -2.7704924e-01f, -8.083605e-02f, 2.563019e-02f, 2.4925038e-02f, 5.444035e-03f, \
        -3.7851576e-03f, -1.9202059e-03f, -5.171044e-03f, 3.3886225e-03f
#define SERIES_ERFC_d                                                                                    \
    1.021582705242023, -0.6871606844138107, 0.2794720925560585, -0.03644223150685567,                    \
        -0.021510661889879476, 0.006479185066582033, 0.0030906120755222607, -0.0008372960420483092,      \
        -0.0006630738498747174, 3.437138561254201e-05, 0.0001444748262083248, 3.414612273665936e-05,     \
        -2.172365257088102e-05, -1.6082188109811063e-05, -1.0300280423685076e-06, 3.418443084504042e-06, \
        1.9077889811642133e-06, 6.143103622156099e-07, -9.160540049384095e-07, -8.8585964702331e-07,     \
        8.001694213764853e-07, -1.5895048672889898e-07
/* (z + c) exp(z²/2) Phi(-z) in (z - c) / (z + c), Phi the normal distribution function, for 1 <= z <= GELU_END. */
#define GELU_CENTRE EITHER(1.5703125, 2.875)
#define SERIES_GELU_f                                                                               \
    6.2687874e-01f, -2.164814e-01f, -4.7850426e-02f, 2.3571037e-02f, 1.645099e-02f, 1.6585451e-03f, \
        -3.2352593e-03f, -2.1980205e-03f, -1.4575875e-03f, 1.613474e-03f
#define SERIES_GELU_d                                                                                     \
    0.7242799060488403, -0.4924970428536366, 0.206556236841742, -0.031433390391637936,                    \
        -0.014194582244833493, 0.005323802600741922, 0.0019210592473699452, -0.0007444010449124867,       \
        -0.0004254451897106249, 6.594319212812259e-05, 0.00010097602139038289, 1.3479457672479558e-05,    \
        -1.8451678791973994e-05, -9.682509780031483e-06, 7.527893774407329e-07, 2.7545834256083778e-06,   \
        1.0311461739321827e-06, -1.9137201026680885e-07, -3.907034045579444e-07, -2.6362402591892007e-07, \
        7.72069155871536e-08, 1.695274812469395e-07, -6.665004418298911e-08
/* (Phi(z) - 1/2) / z in z², for |z| <= 1. */
#define SERIES_NORMAL_f 3.989423e-01f, -6.649036e-02f, 9.973329e-03f, -1.186344e-03f, 1.135023e-04f, -7.660538e-06f
#define SERIES_NORMAL_d                                                                                 \
    0.3989422804014327, -0.06649038006690543, 0.009973557010035022, -0.0011873282154680343,             \
        0.00011543468751655941, -9.444655793103845e-06, 6.659679879655231e-07, -4.1224107514160815e-08, \
        2.2704137585676e-09, -1.106432828275589e-10, 4.0743269774266276e-12
