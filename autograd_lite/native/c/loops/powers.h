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

/* Numbers as sums: the second is what the first lacks. */
typedef struct {
    real high[BLOCK] __attribute__((aligned(64))), low[BLOCK] __attribute__((aligned(64)));
} FN(Sums);

INLINE void FN(sums_product)(FN(Sums) *out, const FN(Sums) *x, const FN(Sums) *y, npy_intp n, int is_plain) {
    INDEPENDENT
    for (npy_intp i = 0; i < n; i++) {
        const real a = x->high[i], b = y->high[i], p = a * b;
        const real e = is_plain ? 0 : FN(lost)(a, b, p) + (a * y->low[i] + x->low[i] * b), sum = p + e;
        out->high[i] = sum;
        out->low[i] = is_plain ? 0 : e - (sum - p);
    }
}

INLINE void FN(sums_root)(FN(Sums) *x, npy_intp n, int is_plain) {
    INDEPENDENT
    for (npy_intp i = 0; i < n; i++) {
        const real given = x->high[i], root = LIBM(sqrt)(given), p = root * root;
        x->high[i] = root;
        x->low[i] = is_plain ? 0 : ((given - p) - FN(lost)(root, root, p)) / (2 * root);
    }
}

INLINE void FN(sums_inverse)(FN(Sums) *x, npy_intp n, int is_plain) {
    INDEPENDENT
    for (npy_intp i = 0; i < n; i++) {
        const real of = x->high[i], ratio = 1 / of, p = ratio * of;
        x->high[i] = is_plain ? ratio : ratio + ratio * (((1 - p) - FN(lost)(ratio, of, p)) - ratio * x->low[i]);
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

/* Return how many halves an exponent is, without its sign; -1 if it is not made of products. */
INLINE int FN(halves)(real y) {
    const real twice = 2 * FN(magnitude)(y);
    return FN(within)(y, MOST_HALVES / 2) && (real)(int)twice == twice ? (int)twice : -1;
}

/* `power_run` raises numbers to one exponent, the first of the second operand; `power` is the ufunc's loop. */
#define FILL_WITH(value)               \
    INDEPENDENT                        \
    for (npy_intp i = 0; i < n; i++) { \
        out[i] = value;                \
    }                                  \
    return

#define POWER(T, x, raise, most, libm)                                                             \
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

POWER(npy_float, f, power_without, 1000, powf)
POWER(npy_double, d, power_with_rests, FULL, pow)
