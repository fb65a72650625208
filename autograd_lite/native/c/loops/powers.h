/* Powers by whole numbers, and by halves of them, as products, which is many times as fast as the general power.
 *
 * Each product of float64 keeps what rounding takes from it (Dekker, A floating-point technique for extending the
 * available precision, 1971), so that a result is off by its last rounding and hardly more, and has the same bits with
 * and without fused multiply-adds; float32 takes products of float64. Where that needs care (0, infinities, NaN, bases
 * so small or large that a product on the way loses digits) the C library computes, whose flags are right. What has
 * another exponent takes the loop that was there before this one.
 *
 * Included once for each set of instructions, in double precision. */

#define MOST_HALVES 256 /* of an exponent that is made of products */
#define FULL 800        /* down to 2^-FULL, and up to its inverse, what products of products lack has all its digits */

/* What rounding has taken from the product p of a and b: an exact number. */
INLINE real FN(lost)(real a, real b, real p) {
#ifdef HAS_FMA
    return MADD(a, b, -p);
#else
    const real s = 134217729 * a, t = 134217729 * b, a_high = s - (s - a), b_high = t - (t - b);
    const real a_low = a - a_high, b_low = b - b_high;
    return ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low;
#endif
}

/* A number as a sum: the second is what the first lacks. */
typedef struct {
    real high, low;
} FN(Sum);

INLINE FN(Sum) FN(sum_product)(FN(Sum) x, FN(Sum) y, int is_plain) {
    const real p = x.high * y.high;
    const real e = is_plain ? 0 : FN(lost)(x.high, y.high, p) + (x.high * y.low + x.low * y.high), sum = p + e;
    return (FN(Sum)){sum, is_plain ? 0 : e - (sum - p)};
}

INLINE FN(Sum) FN(sum_root)(real given, int is_plain) {
    const real root = LIBM(sqrt)(given), p = root * root;
    return (FN(Sum)){root, is_plain ? 0 : ((given - p) - FN(lost)(root, root, p)) / (2 * root)};
}

INLINE real FN(sum_inverse)(FN(Sum) x, int is_plain) {
    const real ratio = 1 / x.high, p = ratio * x.high;
    return is_plain ? ratio : ratio + ratio * (((1 - p) - FN(lost)(ratio, x.high, p)) - ratio * x.low);
}

/* Return how many halves an exponent is, without its sign; -1 if it is not made of products. */
INLINE int FN(halves)(real y) {
    const real twice = 2 * FN(magnitude)(y);
    return FN(within)(y, MOST_HALVES / 2) && (real)(int)twice == twice ? (int)twice : -1;
}

#ifndef LOOP
/* x to a number of halves that is a constant, or to its opposite; x needs no care. */
INLINE real FN(sum_power)(real x, int halves, int is_inverse, int is_plain) {
    const int times = halves % 2 ? halves : halves / 2;
    const FN(Sum) base = halves % 2 ? FN(sum_root)(x, is_plain) : (FN(Sum)){x, 0};
    FN(Sum) power = base;
    UNROLL
    for (int k = 7; k >= 0; k--) {
        const int seen = times >> k; /* the first bits of the exponent */
        power = seen > 1 ? FN(sum_product)(power, power, is_plain) : power;
        power = seen > 1 && seen % 2 ? FN(sum_product)(power, base, is_plain) : power;
    }
    return is_inverse ? FN(sum_inverse)(power, is_plain) : power.high;
}

/* x to the power of y, a constant that is made of products, and more than one of them. */
#define POWER(T, t, raise, is_plain, most, libm)                                                                   \
    INLINE int JOIN(NAME(power_##t), easy)(T x, T y) {                                                             \
        const int halves = FN(halves)(y);                                                                          \
        const bits reach = 2 * most / halves < most ? 2 * most / halves : most;                                    \
        const bits size = FN(of)((real)x) & (halves % 2 ? -1 : MAGNITUDE);                                         \
        return (int)(size >= (bits)(BIAS - reach) << SHIFT) & (int)(size <= (bits)(BIAS + reach) << SHIFT);        \
    }                                                                                                              \
    INLINE T JOIN(NAME(power_##t), fast)(T x, T y) { return (T)FN(sum_power)(x, FN(halves)(y), y < 0, is_plain); } \
    static __attribute__((noinline, cold)) T JOIN(NAME(power_##t), hard)(T x, T y) {                               \
        const volatile T exponent = y; /* a compiler that knows it may put a root in its place, also of -0 */      \
        return libm(x, exponent);                                                                                  \
    }                                                                                                              \
    INLINE T NAME(power_##t)(T x, T y) {                                                                           \
        return JOIN(NAME(power_##t), easy)(x, y) ? JOIN(NAME(power_##t), fast)(x, y)                               \
                                                 : JOIN(NAME(power_##t), hard)(x, y);                              \
    }
#else
/* Such numbers, one by one. */
typedef struct {
    real high[BLOCK] __attribute__((aligned(64))), low[BLOCK] __attribute__((aligned(64)));
} FN(Sums);

INLINE void FN(sums_product)(FN(Sums) *out, const FN(Sums) *x, const FN(Sums) *y, npy_intp n, int is_plain) {
    INDEPENDENT
    for (npy_intp i = 0; i < n; i++) {
        const FN(Sum) a = {x->high[i], x->low[i]}, b = {y->high[i], y->low[i]};
        const FN(Sum) product = FN(sum_product)(a, b, is_plain);
        out->high[i] = product.high;
        out->low[i] = product.low;
    }
}

INLINE void FN(sums_root)(FN(Sums) *x, npy_intp n, int is_plain) {
    INDEPENDENT
    for (npy_intp i = 0; i < n; i++) {
        const FN(Sum) root = FN(sum_root)(x->high[i], is_plain);
        x->high[i] = root.high;
        x->low[i] = root.low;
    }
}

INLINE void FN(sums_inverse)(FN(Sums) *x, npy_intp n, int is_plain) {
    INDEPENDENT
    for (npy_intp i = 0; i < n; i++) {
        x->high[i] = FN(sum_inverse)((FN(Sum)){x->high[i], x->low[i]}, is_plain);
    }
}

/* Raise numbers, none of which needs care, to some halves, or to their opposite; return where the results are. */
INLINE FN(Sums) *FN(sums_power)(FN(Sums) *x, FN(Sums) *out, npy_intp n, int halves, int is_inverse, int is_plain) {
    const int times = halves % 2 ? halves : halves / 2;
    FN(Sums) *power = x;
    int bit = 1;
    for (; 2 * bit <= times; bit *= 2) {}
    if (halves % 2) {
        FN(sums_root)(x, n, is_plain);
    } else {
        memset(x->low, 0, n * sizeof(real));
    }
    while ((bit /= 2) > 0) {
        FN(sums_product)(out, power, power, n, is_plain);
        if (times & bit) {
            FN(sums_product)(out, out, x, n, is_plain);
        }
        power = out;
    }
    if (is_inverse) {
        FN(sums_inverse)(power, n, is_plain);
    }
    return power;
}

#define RAISE(name, is_plain)                                                                  \
    static FN(Sums) *__attribute__((noinline))                                                 \
    FN(name)(FN(Sums) *x, FN(Sums) *out, npy_intp n, int halves, int is_inverse) {             \
        return FN(sums_power)(x, out, n, halves, is_inverse, is_plain);                        \
    }
RAISE(power_with_rests, 0)
RAISE(power_without, 1)

/* `power_run` raises numbers to one exponent, the first of the second operand; `power` is the ufunc's loop. */
#define FILL_WITH(value)               \
    INDEPENDENT                        \
    for (npy_intp i = 0; i < n; i++) { \
        out[i] = value;                \
    }                                  \
    return

#define POWER(T, x, raise, is_plain, most, libm)                                                   \
    static void NAME(power_run_##x)(char *const *operands, npy_intp n) {                           \
        const T *in = (const T *)operands[0], y = *(const T *)operands[1];                         \
        T *out = (T *)operands[2];                                                                 \
        const int halves = FN(halves)(y), is_inverse = y < 0;                                      \
        switch (is_inverse ? -halves : halves) {                                                   \
            case 0: FILL_WITH(1);                                                                  \
            case 2: FILL_WITH(in[i]);                                                              \
            case 4: FILL_WITH(in[i] * in[i]);                                                      \
            case -2: FILL_WITH(1 / in[i]);                                                         \
        }                                                                                          \
        const bits reach = 2 * most / halves < most ? 2 * most / halves : most;                    \
        const bits least = (BIAS - reach) << SHIFT, last = (BIAS + reach) << SHIFT;                \
        const bits kept = halves % 2 ? -1 : MAGNITUDE;                                             \
        FN(Sums) given, other;                                                                     \
        for (npy_intp start = 0; start < n; start += BLOCK, in += BLOCK, out += BLOCK) {           \
            const npy_intp m = n - start < BLOCK ? n - start : BLOCK;                              \
            bits hard = 0;                                                                         \
            INDEPENDENT                                                                            \
            for (npy_intp i = 0; i < m; i++) {                                                     \
                const bits b = FN(of)((real)in[i]), size = b & kept;                               \
                const bits is_hard = -(bits)((size < least) | (size > last));                      \
                given.high[i] = FN(from)((b & ~is_hard) | (ONE & is_hard));                        \
                hard |= is_hard;                                                                   \
            }                                                                                      \
            const real *power = FN(raise)(&given, &other, m, halves, is_inverse)->high;            \
            if (!hard) {                                                                           \
                INDEPENDENT                                                                        \
                for (npy_intp i = 0; i < m; i++) {                                                 \
                    out[i] = (T)power[i];                                                          \
                }                                                                                  \
                continue;                                                                          \
            }                                                                                      \
            for (npy_intp i = 0; i < m; i++) {                                                     \
                const bits size = FN(of)((real)in[i]) & kept;                                      \
                out[i] = size < least || size > last ? libm(in[i], y) : (T)power[i];               \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    static void NAME(power_##x)(LOOP_ARGUMENTS) {                                                  \
        const npy_intp n = dimensions[0], several = steps[1] == 0 ? n > 0 : n, one = 1;            \
        const Replaced *replaced = data;                                                           \
        npy_intp whole = 0;                                                                        \
        for (npy_intp i = 0; i < several; i++) {                                                   \
            whole += FN(halves)(*(T *)(args[1] + i * steps[1])) >= 0;                              \
        }                                                                                          \
        if (whole > 0 && several == 1) {                                                           \
            elementwise(args, n, steps, NAME(power_run_##x), 2, 3, sizeof(T));                     \
            return;                                                                                \
        }                                                                                          \
        if (whole == 0 && replaced != NULL) {                                                      \
            replaced->loop(args, dimensions, steps, replaced->data);                               \
            return;                                                                                \
        }                                                                                          \
        for (npy_intp i = 0; i < n; i++) {                                                         \
            char *at[] = {args[0] + i * steps[0], args[1] + i * steps[1], args[2] + i * steps[2]}; \
            const T exponent = *(T *)at[1];                                                        \
            if (FN(halves)(exponent) >= 0) {                                                       \
                NAME(power_run_##x)(at, 1);                                                        \
            } else if (replaced != NULL) {                                                         \
                replaced->loop(at, &one, steps, replaced->data);                                   \
            } else {                                                                               \
                *(T *)at[2] = libm(*(T *)at[0], exponent);                                         \
            }                                                                                      \
        }                                                                                          \
    }
#endif

POWER(float, f, power_without, 1, 1000, powf)
POWER(double, d, power_with_rests, 0, FULL, pow)
