/* Elementwise kernels from inline functions of one element. Included once for each set of instructions.
 *
 * A kernel is a function `NAME(kernel_one_f)` of one element, another for double, and a line for each:
 *
 *     UNARY(kernel, f)    the ufunc's loop `NAME(kernel_f)` of one operand; BINARY and TERNARY take two and three
 *     CAREFUL(kernel, f)  the same where some arguments need care, see below
 *
 * A kernel of other operands writes its contiguous loop `static void NAME(kernel_run_f)(char *const *operands,
 * npy_intp n)` itself, with INDEPENDENT before its loops, and takes LOOP(kernel, f, inputs, sizes of operands...).
 *
 * `one` has no branches, so that the loop is vectorised, and gives the same bits in vectors and alone, which is so
 * without effort as long as multiplications that may be fused are written MADD_f or MADD_d.
 */

/* A name in a header that is included once for each dtype, of which X is the letter. */
#define OF(name) JOIN(JOIN(name, X), ISA)

#define TYPE_f npy_float
#define TYPE_d npy_double
#define BITS_f npy_int32
#define BITS_d npy_int64

/* A loop is vectorised only if all that it calls is part of it. */
#define INLINE static inline __attribute__((always_inline))

/* Before a loop whose elements do not depend on one another although results may lie in an input's memory, and before a
 * short one within it, which must be unrolled for the outer one to be vectorised. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#define UNROLL _Pragma("GCC unroll 32")
#endif

/* The bits of a number and back. */
static inline npy_int32 NAME(bits_f)(npy_float x) { npy_int32 b; memcpy(&b, &x, sizeof b); return b; }
static inline npy_int64 NAME(bits_d)(npy_double x) { npy_int64 b; memcpy(&b, &x, sizeof b); return b; }
static inline npy_float NAME(number_f)(npy_int32 b) { npy_float x; memcpy(&x, &b, sizeof x); return x; }
static inline npy_double NAME(number_d)(npy_int64 b) { npy_double x; memcpy(&x, &b, sizeof x); return x; }

/* The ufunc's loop around a contiguous one. */
#define LOOP(kernel, X, inputs, ...) LOOP_(kernel, X, inputs, __VA_ARGS__)
#define LOOP_(kernel, X, inputs, ...)                                                                      \
    static void NAME(kernel##_##X)(LOOP_ARGUMENTS)                                                        \
    {                                                                                                     \
        static const unsigned char sizes[] = {__VA_ARGS__};                                               \
        (void)data;                                                                                       \
        elementwise(args, dimensions[0], steps, NAME(kernel##_run_##X), inputs, (int)sizeof sizes, sizes); \
    }

#define UNARY(kernel, X) UNARY_(kernel, X)
#define UNARY_(kernel, X)                                                  \
    static void NAME(kernel##_run_##X)(char *const *operands, npy_intp n) \
    {                                                                     \
        const TYPE_##X *x = (const TYPE_##X *)operands[0];                \
        TYPE_##X *out = (TYPE_##X *)operands[1];                          \
        INDEPENDENT                                                       \
        for (npy_intp i = 0; i < n; i++) {                                \
            out[i] = NAME(kernel##_one_##X)(x[i]);                        \
        }                                                                 \
    }                                                                     \
    LOOP(kernel, X, 1, sizeof(TYPE_##X), sizeof(TYPE_##X))

#define BINARY(kernel, X) BINARY_(kernel, X)
#define BINARY_(kernel, X)                                                          \
    static void NAME(kernel##_run_##X)(char *const *operands, npy_intp n)          \
    {                                                                              \
        const TYPE_##X *x = (const TYPE_##X *)operands[0];                         \
        const TYPE_##X *y = (const TYPE_##X *)operands[1];                         \
        TYPE_##X *out = (TYPE_##X *)operands[2];                                   \
        INDEPENDENT                                                                \
        for (npy_intp i = 0; i < n; i++) {                                         \
            out[i] = NAME(kernel##_one_##X)(x[i], y[i]);                           \
        }                                                                          \
    }                                                                              \
    LOOP(kernel, X, 2, sizeof(TYPE_##X), sizeof(TYPE_##X), sizeof(TYPE_##X))

#define TERNARY(kernel, X) TERNARY_(kernel, X)
#define TERNARY_(kernel, X)                                                                  \
    static void NAME(kernel##_run_##X)(char *const *operands, npy_intp n)                   \
    {                                                                                       \
        const TYPE_##X *x = (const TYPE_##X *)operands[0];                                  \
        const TYPE_##X *y = (const TYPE_##X *)operands[1];                                  \
        const TYPE_##X *z = (const TYPE_##X *)operands[2];                                  \
        TYPE_##X *out = (TYPE_##X *)operands[3];                                            \
        INDEPENDENT                                                                         \
        for (npy_intp i = 0; i < n; i++) {                                                  \
            out[i] = NAME(kernel##_one_##X)(x[i], y[i], z[i]);                              \
        }                                                                                   \
    }                                                                                       \
    LOOP(kernel, X, 3, sizeof(TYPE_##X), sizeof(TYPE_##X), sizeof(TYPE_##X), sizeof(TYPE_##X))

/* A kernel of one operand some of whose arguments need care (not a number, infinite, far out): `kernel_easy_X` returns
 * whether one does not, by its bits, since comparing raises flags for NaN; `kernel_hard_X` computes such an element
 * alone, with the flags that belong to it. `kernel_one_X` never sees one: it gets TAME instead, so it needs no thought
 * for flags. It runs over whole vectors only, the last one filled up with TAME. */
#define VECTOR 16

#define CAREFUL(kernel, X, TAME) CAREFUL_(kernel, X, TAME)
#define CAREFUL_(kernel, X, TAME)                                                                     \
    static void __attribute__((noinline))                                                            \
    NAME(kernel##_vectors_##X)(const TYPE_##X *x, TYPE_##X *out, npy_intp vectors)                   \
    {                                                                                                \
        INDEPENDENT                                                                                  \
        for (npy_intp i = 0; i < vectors * VECTOR; i++) {                                            \
            out[i] = NAME(kernel##_one_##X)(x[i]);                                                   \
        }                                                                                            \
    }                                                                                                \
    static void __attribute__((noinline, cold))                                                      \
    NAME(kernel##_with_care_##X)(const TYPE_##X *x, TYPE_##X *out, npy_intp n)                       \
    {                                                                                                \
        TYPE_##X tame[BLOCK];                                                                        \
        const npy_intp vectors = (n + VECTOR - 1) / VECTOR;                                          \
        for (npy_intp i = 0; i < vectors * VECTOR; i++) {                                            \
            tame[i] = i < n && NAME(kernel##_easy_##X)(x[i]) ? x[i] : TAME;                          \
        }                                                                                            \
        NAME(kernel##_vectors_##X)(tame, tame, vectors);                                              \
        for (npy_intp i = 0; i < n; i++) {                                                           \
            out[i] = NAME(kernel##_easy_##X)(x[i]) ? tame[i] : NAME(kernel##_hard_##X)(x[i]);        \
        }                                                                                            \
    }                                                                                                \
    static void NAME(kernel##_run_##X)(char *const *operands, npy_intp n)                            \
    {                                                                                                \
        const TYPE_##X *x = (const TYPE_##X *)operands[0];                                           \
        TYPE_##X *out = (TYPE_##X *)operands[1];                                                     \
        for (npy_intp start = 0; start < n; start += BLOCK) {                                        \
            const npy_intp m = n - start < BLOCK ? n - start : BLOCK;                                \
            BITS_##X hard = m % VECTOR;                                                              \
            for (npy_intp i = start; i < start + m; i++) {                                           \
                hard |= !NAME(kernel##_easy_##X)(x[i]);                                              \
            }                                                                                        \
            if (hard) {                                                                              \
                NAME(kernel##_with_care_##X)(x + start, out + start, m);                             \
            }                                                                                        \
            else {                                                                                   \
                NAME(kernel##_vectors_##X)(x + start, out + start, m / VECTOR);                      \
            }                                                                                        \
        }                                                                                            \
    }                                                                                                \
    LOOP(kernel, X, 1, sizeof(TYPE_##X), sizeof(TYPE_##X))

/* The product of a second operand with another kernel of the first, in one pass. */
#define PULLBACK(kernel, slope, X) PULLBACK_(kernel, slope, X)
#define PULLBACK_(kernel, slope, X)                                                    \
    static void NAME(kernel##_run_##X)(char *const *operands, npy_intp n)              \
    {                                                                                  \
        const TYPE_##X *y = (const TYPE_##X *)operands[1];                             \
        TYPE_##X *out = (TYPE_##X *)operands[2];                                       \
        TYPE_##X slopes[BLOCK];                                                        \
        for (npy_intp start = 0; start < n; start += BLOCK) {                          \
            const npy_intp m = n - start < BLOCK ? n - start : BLOCK;                  \
            char *const part[] = {operands[0] + start * sizeof *y, (char *)slopes};    \
            NAME(slope##_run_##X)(part, m);                                            \
            INDEPENDENT                                                                \
            for (npy_intp i = 0; i < m; i++) {                                         \
                out[start + i] = y[start + i] * slopes[i];                             \
            }                                                                          \
        }                                                                              \
    }                                                                                  \
    LOOP(kernel, X, 2, sizeof(TYPE_##X), sizeof(TYPE_##X), sizeof(TYPE_##X))
