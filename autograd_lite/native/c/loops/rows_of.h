/* The loops over rows for one type: included by rows.h for float32 and for float64, whence T, X and so on.
 *
 * `args` has a pointer for each operand; `dimensions` the number of rows and their length; `steps` the stride from row
 * to row of each operand, then the stride within a row of each operand that has one.
 */

/* ---- softmax and its family --------------------------------------------------------------------------------------- */

/* The maximum of a row. NaN is left out: it comes back in the sum of the exponentials. */
INLINE T
OF(top)(const char *x, npy_intp s_x, npy_intp n)
{
    T lanes[LANES], top = (T)-INFINITY;
    npy_intp at = 0;
    if (n >= LANES) {
        for (int l = 0; l < LANES; l++) {
            lanes[l] = AT(x, l);
        }
        for (at = LANES; at + LANES <= n; at += LANES) {
            for (int l = 0; l < LANES; l++) {
                lanes[l] = AT(x, at + l) > lanes[l] ? AT(x, at + l) : lanes[l];
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
        top = AT(x, at) > top ? AT(x, at) : top;
    }
    return top;
}

/* Whether a difference from this maximum may overflow, or is to be taken as a limit. */
INLINE int
OF(is_odd)(T top)
{
    return !(top < (T)1e15 && top > (T)-1e15);
}

/* Write x - top where that is odd: an infinite top is a limit, and what overflows becomes the lowest number. */
static __attribute__((noinline)) void
OF(odd_differences)(const char *x, npy_intp s_x, char *out, npy_intp s_out, npy_intp n, T top)
{
    for (npy_intp i = 0; i < n; i++) {
        const T a = AT(x, i), difference = a - top;
        if (top == (T)INFINITY) {
            AT(out, i) = a == top ? 0 : a != a ? a : (T)-INFINITY;
        }
        else {
            AT(out, i) = difference < -LARGEST && a >= -LARGEST ? -LARGEST : difference;
        }
    }
}

INLINE void
OF(softmax_rows)(char **args, npy_intp rows, npy_intp n, const npy_intp *steps, npy_intp s_x, npy_intp s_out)
{
    T tops[GROUP], shares[GROUP];
    for (npy_intp first = 0, group; first < rows; first += group) {
        const char *x = args[0] + first * steps[0], *x_0 = x;
        char *out = args[1] + first * steps[1], *out_0 = out;
        group = NAME(rows_of_group)(n, rows - first);
        for (npy_intp r = 0; r < group; r++, x += steps[0]) {
            tops[r] = OF(top)(x, s_x, n);
        }
        x = x_0;
        for (npy_intp r = 0; r < group; r++, x += steps[0], out += steps[1]) {
            const T top = tops[r];
            if (OF(is_odd)(top)) {
                OF(odd_differences)(x, s_x, out, s_out, n, top);
                for (npy_intp i = 0; i < n; i++) {
                    AT(out, i) = EXP(AT(out, i));
                }
            }
            else {
                for (npy_intp i = 0; i < n; i++) {
                    AT(out, i) = EXP(AT(x, i) - top);
                }
            }
            SUM_ROW(sum, n, AT(out, i));
            shares[r] = (T)(1 / sum);
        }
        out = out_0;
        for (npy_intp r = 0; r < group; r++, out += steps[1]) {
            for (npy_intp i = 0; i < n; i++) {
                AT(out, i) *= shares[r];
            }
        }
    }
}

INLINE void
OF(log_softmax_rows)(char **args, npy_intp rows, npy_intp n, const npy_intp *steps, npy_intp s_x, npy_intp s_out)
{
    T tops[GROUP], rests[GROUP];
    for (npy_intp first = 0, group; first < rows; first += group) {
        const char *x = args[0] + first * steps[0], *x_0 = x;
        char *out = args[1] + first * steps[1], *out_0 = out;
        group = NAME(rows_of_group)(n, rows - first);
        for (npy_intp r = 0; r < group; r++, x += steps[0]) {
            tops[r] = OF(top)(x, s_x, n);
        }
        x = x_0;
        for (npy_intp r = 0; r < group; r++, x += steps[0], out += steps[1]) {
            const T top = tops[r];
            if (OF(is_odd)(top)) {
                OF(odd_differences)(x, s_x, out, s_out, n, top);
            }
            else {
                for (npy_intp i = 0; i < n; i++) {
                    AT(out, i) = AT(x, i) - top;
                }
            }
            SUM_ROW(sum, n, EXP(AT(out, i)));
            rests[r] = (T)log(sum);
        }
        out = out_0;
        for (npy_intp r = 0; r < group; r++, out += steps[1]) {
            for (npy_intp i = 0; i < n; i++) {
                AT(out, i) -= rests[r];
            }
        }
    }
}

#define QUIET_LOOP(name)                                                                                    \
    static void OF(name)(LOOP_ARGUMENTS)                                                                    \
    {                                                                                                       \
        const int before = fetestexcept(FE_ALL_EXCEPT);                                                     \
        (void)data;                                                                                         \
        if (steps[2] == sizeof(T) && steps[3] == sizeof(T)) {                                               \
            OF(name##_rows)(args, dimensions[0], dimensions[1], steps, sizeof(T), sizeof(T));               \
        }                                                                                                   \
        else {                                                                                              \
            OF(name##_rows)(args, dimensions[0], dimensions[1], steps, steps[2], steps[3]);                 \
        }                                                                                                   \
        NAME(forget)(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW, before);                                      \
    }
QUIET_LOOP(softmax)
QUIET_LOOP(log_softmax)
#undef QUIET_LOOP

INLINE T
OF(logsumexp_row)(const char *x, npy_intp s_x, npy_intp n)
{
    const T top = OF(top)(x, s_x, n), shift = NAME(is_finite)(top) ? top : 0;
    if (top == (T)INFINITY) {
        T total = 0;
        for (npy_intp i = 0; i < n; i++) {
            total += AT(x, i) != AT(x, i) ? AT(x, i) : 0; /* NaN wins */
        }
        return total + top;
    }
    SUM_ROW(sum, n, EXP(AT(x, i) - shift));
    return (T)(log(sum) + (double)shift);
}

static void
OF(logsumexp)(LOOP_ARGUMENTS)
{
    const npy_intp n = dimensions[1];
    const int before = fetestexcept(FE_ALL_EXCEPT);
    (void)data;
    for (npy_intp r = 0; r < dimensions[0]; r++) {
        const char *x = args[0] + r * steps[0];
        *(T *)(args[1] + r * steps[1]) =
            steps[2] == sizeof(T) ? OF(logsumexp_row)(x, sizeof(T), n) : OF(logsumexp_row)(x, steps[2], n);
    }
    NAME(forget)(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW, before);
}

INLINE void
OF(softmax_pullback_rows)(char **args, npy_intp rows, npy_intp n, const npy_intp *steps, npy_intp s_g, npy_intp s_y,
                          npy_intp s_out)
{
    T common[GROUP];
    for (npy_intp first = 0, group; first < rows; first += group) {
        const char *g = args[0] + first * steps[0], *y = args[1] + first * steps[1], *g_0 = g, *y_0 = y;
        char *out = args[2] + first * steps[2];
        group = NAME(rows_of_group)(n, rows - first);
        for (npy_intp r = 0; r < group; r++, g += steps[0], y += steps[1]) {
            SUM_ROW(sum, n, AT(g, i) * AT(y, i));
            common[r] = (T)sum;
        }
        g = g_0, y = y_0;
        for (npy_intp r = 0; r < group; r++, g += steps[0], y += steps[1], out += steps[2]) {
            for (npy_intp i = 0; i < n; i++) {
                AT(out, i) = (AT(g, i) - common[r]) * AT(y, i);
            }
        }
    }
}

static void
OF(softmax_pullback)(LOOP_ARGUMENTS)
{
    const npy_intp s = sizeof(T);
    (void)data;
    if (steps[3] == s && steps[4] == s && steps[5] == s) {
        OF(softmax_pullback_rows)(args, dimensions[0], dimensions[1], steps, sizeof(T), sizeof(T), sizeof(T));
    }
    else {
        OF(softmax_pullback_rows)(args, dimensions[0], dimensions[1], steps, steps[3], steps[4], steps[5]);
    }
}

/* ---- standardize -------------------------------------------------------------------------------------------------- */

/* The mean of a row, or 0 where there is no centering. */
INLINE T
OF(mean)(const char *x, npy_intp s_x, npy_intp n, int center)
{
    if (!center) {
        return 0;
    }
    SUM_ROW(sum, n, AT(x, i));
    return (T)(sum / (double)n);
}

/* 1 / sqrt(mean((x - mean)^2) + epsilon). */
INLINE T
OF(scale)(const char *x, npy_intp s_x, npy_intp n, T mean, T epsilon)
{
    SUM_ROW(sum, n, (double)(AT(x, i) - mean) * (double)(AT(x, i) - mean));
    return (T)(1 / sqrt(sum / (double)n + (double)epsilon));
}

INLINE void
OF(standardize_rows)(char **args, npy_intp rows, npy_intp n, const npy_intp *steps, npy_intp s_x, npy_intp s_out)
{
    T means[GROUP], scales[GROUP];
    if (n == 0) {
        return; /* no mean is looked for */
    }
    for (npy_intp first = 0, group; first < rows; first += group) {
        const char *x = args[0] + first * steps[0], *x_0 = x;
        char *out = args[3] + first * steps[3];
        group = NAME(rows_of_group)(n, rows - first);
        for (npy_intp r = 0; r < group; r++, x += steps[0]) {
            means[r] = OF(mean)(x, s_x, n, *(T *)(args[2] + (first + r) * steps[2]) != 0);
        }
        x = x_0;
        for (npy_intp r = 0; r < group; r++, x += steps[0]) {
            scales[r] = OF(scale)(x, s_x, n, means[r], *(T *)(args[1] + (first + r) * steps[1]));
        }
        x = x_0;
        for (npy_intp r = 0; r < group; r++, x += steps[0], out += steps[3]) {
            for (npy_intp i = 0; i < n; i++) {
                AT(out, i) = (AT(x, i) - means[r]) * scales[r];
            }
        }
    }
}

static void
OF(standardize)(LOOP_ARGUMENTS)
{
    const npy_intp s = sizeof(T);
    const int before = fetestexcept(FE_ALL_EXCEPT);
    (void)data;
    if (steps[4] == s && steps[5] == s) {
        OF(standardize_rows)(args, dimensions[0], dimensions[1], steps, sizeof(T), sizeof(T));
    }
    else {
        OF(standardize_rows)(args, dimensions[0], dimensions[1], steps, steps[4], steps[5]);
    }
    NAME(forget)(FE_OVERFLOW, before);
}

INLINE void
OF(standardize_pullback_rows)(char **args, npy_intp rows, npy_intp n, const npy_intp *steps, npy_intp s_g,
                              npy_intp s_x, npy_intp s_out)
{
    T means[GROUP], means_of_g[GROUP], scales[GROUP], slopes[GROUP];
    if (n == 0) {
        return;
    }
    for (npy_intp first = 0, group; first < rows; first += group) {
        const char *g = args[0] + first * steps[0], *x = args[1] + first * steps[1], *g_0 = g, *x_0 = x;
        char *out = args[4] + first * steps[4];
        group = NAME(rows_of_group)(n, rows - first);
        for (npy_intp r = 0; r < group; r++, g += steps[0], x += steps[1]) {
            const int center = *(T *)(args[3] + (first + r) * steps[3]) != 0;
            means[r] = OF(mean)(x, s_x, n, center);
            means_of_g[r] = OF(mean)(g, s_g, n, center);
        }
        g = g_0, x = x_0;
        for (npy_intp r = 0; r < group; r++, g += steps[0], x += steps[1]) {
            const T mean = means[r];
            scales[r] = OF(scale)(x, s_x, n, mean, *(T *)(args[2] + (first + r) * steps[2]));
            SUM_ROW(sum, n, (double)(AT(x, i) - mean) * (double)AT(g, i));
            slopes[r] = (T)(sum * (double)scales[r] / (double)n);
        }
        g = g_0, x = x_0;
        for (npy_intp r = 0; r < group; r++, g += steps[0], x += steps[1], out += steps[4]) {
            for (npy_intp i = 0; i < n; i++) {
                const T y = (AT(x, i) - means[r]) * scales[r];
                AT(out, i) = ((AT(g, i) - means_of_g[r]) - y * slopes[r]) * scales[r];
            }
        }
    }
}

static void
OF(standardize_pullback)(LOOP_ARGUMENTS)
{
    const npy_intp s = sizeof(T);
    const int before = fetestexcept(FE_ALL_EXCEPT);
    (void)data;
    if (steps[5] == s && steps[6] == s && steps[7] == s) {
        OF(standardize_pullback_rows)(args, dimensions[0], dimensions[1], steps, sizeof(T), sizeof(T), sizeof(T));
    }
    else {
        OF(standardize_pullback_rows)(args, dimensions[0], dimensions[1], steps, steps[5], steps[6], steps[7]);
    }
    NAME(forget)(FE_OVERFLOW, before);
}
