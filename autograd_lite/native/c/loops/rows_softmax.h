/* Softmax and its family, for the type T that rows.h sets. */

/* ---- what they are made of ---------------------------------------------------------------------------------------- */

/* The maximum of a row. NaN is left out: it comes back in the sum of the exponentials. */
SHARED T
OF(top)(const T *x, npy_intp n)
{
    T lanes[LANES], top = (T)-INFINITY;
    npy_intp at = 0;
    if (n >= LANES) {
        for (int l = 0; l < LANES; l++) {
            lanes[l] = x[l];
        }
        for (at = LANES; at + LANES <= n; at += LANES) {
            ROLL
            for (int l = 0; l < LANES; l++) {
                lanes[l] = x[at + l] > lanes[l] ? x[at + l] : lanes[l];
            }
        }
        for (int l = 0; l < 8; l++) {
            lanes[l] = lanes[l + 8] > lanes[l] ? lanes[l + 8] : lanes[l];
        }
        for (int l = 0; l < 8; l++) {
            top = lanes[l] > top ? lanes[l] : top;
        }
    }
    for (; at < n; at++) {
        top = x[at] > top ? x[at] : top;
    }
    return top;
}

/* Whether a difference from this maximum may overflow, or is to be taken as a limit. */
static inline int
OF(is_odd)(T top)
{
    return !(top < (T)1e15 && top > (T)-1e15);
}

/* Write x - top where that is odd: an infinite top is a limit, and what overflows becomes the lowest number. */
SHARED void
OF(odd_differences)(const T *x, T *out, npy_intp n, T top)
{
    for (npy_intp i = 0; i < n; i++) {
        const T difference = x[i] - top;
        if (top == (T)INFINITY) {
            out[i] = x[i] == top ? 0 : x[i] != x[i] ? x[i] : (T)-INFINITY;
        }
        else {
            /* Not `difference < -LARGEST`, which GCC 14 takes to be false for ARM. */
            out[i] = x[i] >= -LARGEST && !(difference >= -LARGEST) ? -LARGEST : difference;
        }
    }
}

SHARED double
OF(sum)(const T *x, npy_intp n)
{
    RETURN_SUM(n, x[i]);
}

SHARED double
OF(sum_of_exp)(const T *x, npy_intp n, T top)
{
    RETURN_SUM(n, EXP(x[i] - top));
}

/* The sum of (x - p) (y - q). */
SHARED double
OF(sum_of_products)(const T *x, T p, const T *y, T q, npy_intp n)
{
    RETURN_SUM(n, (double)(x[i] - p) * (double)(y[i] - q));
}

/* ---- the kernels -------------------------------------------------------------------------------------------------- */

static void
OF(softmax_rows)(char *const *operands, npy_intp rows, npy_intp n, const npy_intp *steps)
{
    T tops[GROUP], shares[GROUP];
    for (npy_intp first = 0, group; first < rows; first += group) {
        const char *from = operands[0] + first * steps[0];
        char *to = operands[1] + first * steps[1];
        group = NAME(rows_of_group)(n, rows - first);
        for (npy_intp r = 0; r < group; r++) {
            tops[r] = OF(top)((const T *)(from + r * steps[0]), n);
        }
        for (npy_intp r = 0; r < group; r++) {
            const T *x = (const T *)(from + r * steps[0]);
            T *out = (T *)(to + r * steps[1]), top = tops[r];
            if (OF(is_odd)(top)) {
                OF(odd_differences)(x, out, n, top);
                x = out, top = 0;
            }
            INDEPENDENT
            for (npy_intp i = 0; i < n; i++) {
                out[i] = EXP(x[i] - top);
            }
            shares[r] = (T)(1 / OF(sum)(out, n));
        }
        for (npy_intp r = 0; r < group; r++) {
            T *out = (T *)(to + r * steps[1]);
            for (npy_intp i = 0; i < n; i++) {
                out[i] *= shares[r];
            }
        }
    }
}

static void
OF(log_softmax_rows)(char *const *operands, npy_intp rows, npy_intp n, const npy_intp *steps)
{
    T tops[GROUP], rests[GROUP];
    for (npy_intp first = 0, group; first < rows; first += group) {
        const char *from = operands[0] + first * steps[0];
        char *to = operands[1] + first * steps[1];
        group = NAME(rows_of_group)(n, rows - first);
        for (npy_intp r = 0; r < group; r++) {
            tops[r] = OF(top)((const T *)(from + r * steps[0]), n);
        }
        for (npy_intp r = 0; r < group; r++) {
            const T *x = (const T *)(from + r * steps[0]);
            T *out = (T *)(to + r * steps[1]);
            if (OF(is_odd)(tops[r])) {
                OF(odd_differences)(x, out, n, tops[r]);
                rests[r] = (T)log(OF(sum_of_exp)(out, n, 0));
            }
            else {
                rests[r] = (T)log(OF(sum_of_exp)(x, n, tops[r]));
                INDEPENDENT
                for (npy_intp i = 0; i < n; i++) {
                    out[i] = x[i] - tops[r];
                }
            }
        }
        for (npy_intp r = 0; r < group; r++) {
            T *out = (T *)(to + r * steps[1]);
            for (npy_intp i = 0; i < n; i++) {
                out[i] -= rests[r];
            }
        }
    }
}

static T
OF(logsumexp_of)(const T *x, npy_intp n)
{
    const T top = OF(top)(x, n), shift = NAME(is_finite)(top) ? top : 0;
    if (top == (T)INFINITY) {
        T total = 0;
        for (npy_intp i = 0; i < n; i++) {
            total += x[i] != x[i] ? x[i] : 0; /* NaN wins */
        }
        return total + top;
    }
    return (T)(log(OF(sum_of_exp)(x, n, shift)) + (double)shift);
}

static void
OF(logsumexp_rows)(char *const *operands, npy_intp rows, npy_intp n, const npy_intp *steps)
{
    for (npy_intp r = 0; r < rows; r++) {
        *(T *)(operands[1] + r * steps[1]) = OF(logsumexp_of)((const T *)(operands[0] + r * steps[0]), n);
    }
}

static void
OF(softmax_pullback_rows)(char *const *operands, npy_intp rows, npy_intp n, const npy_intp *steps)
{
    T common[GROUP];
    for (npy_intp first = 0, group; first < rows; first += group) {
        const char *of_g = operands[0] + first * steps[0], *of_y = operands[1] + first * steps[1];
        char *to = operands[2] + first * steps[2];
        group = NAME(rows_of_group)(n, rows - first);
        for (npy_intp r = 0; r < group; r++) {
            const T *g = (const T *)(of_g + r * steps[0]), *y = (const T *)(of_y + r * steps[1]);
            common[r] = (T)OF(sum_of_products)(g, 0, y, 0, n);
        }
        for (npy_intp r = 0; r < group; r++) {
            const T *g = (const T *)(of_g + r * steps[0]), *y = (const T *)(of_y + r * steps[1]);
            T *out = (T *)(to + r * steps[2]);
            INDEPENDENT
            for (npy_intp i = 0; i < n; i++) {
                out[i] = (g[i] - common[r]) * y[i];
            }
        }
    }
}

static void
OF(log_softmax_pullback_rows)(char *const *operands, npy_intp rows, npy_intp n, const npy_intp *steps)
{
    for (npy_intp r = 0; r < rows; r++) {
        const T *g = (const T *)(operands[0] + r * steps[0]), *y = (const T *)(operands[1] + r * steps[1]);
        T *out = (T *)(operands[2] + r * steps[2]);
        const T total = (T)OF(sum)(g, n);
        INDEPENDENT
        for (npy_intp i = 0; i < n; i++) {
            out[i] = g[i] - EXP(y[i]) * total;
        }
    }
}

AS_ROWS(softmax, "rr", FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW)
AS_ROWS(log_softmax, "rr", FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW)
AS_ROWS(logsumexp, "rn", FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW)
AS_ROWS(softmax_pullback, "rrr", 0)
AS_ROWS(log_softmax_pullback, "rrr", 0)
