/* Pooling: one tap of some windows in a row. See pooling.c for what calls it. */

#define OPERAND(role) (((real *)at[role])[i])
#define TAP_AT (((bits *)at[TAP])[i])

/* One tap of one window. The first of equal elements is the one that counts, and NaN is the largest. */
ALWAYS_INLINE void FN(pool_line)(PoolKind kind, char *const *at, npy_intp n, bits tap) {
    INDEPENDENT
    for (npy_intp i = 0; i < n; i++) {
        if (kind == POOL_MAX) {
            const real best = OPERAND(WINDOW), x = OPERAND(IMAGE);
            const bits before = TAP_AT, better = (x > best) | ((x != x) & (best == best)) | (before < 0);
            OPERAND(WINDOW) = ((x < best) | (best != best)) ? best : x;
            TAP_AT = better ? tap : before;
        } else if (kind == POOL_SUM) {
            OPERAND(WINDOW) += OPERAND(IMAGE);
        } else if (kind == POOL_SPREAD) {
            OPERAND(IMAGE) += OPERAND(WINDOW);
        } else {
            const bits hit = -(bits)(TAP_AT == tap);
            const real chosen = FN(from)(FN(of)(kind == POOL_TAKE ? OPERAND(IMAGE) : OPERAND(WINDOW)) & hit);
            if (kind == POOL_TAKE) {
                OPERAND(WINDOW) += chosen;
            } else if (kind == POOL_PUT_APART) {
                OPERAND(IMAGE) = chosen;
            } else {
                OPERAND(IMAGE) += chosen;
            }
        }
    }
}

#define LINES(kind)                                    \
    case kind:                                         \
        for (npy_intp i = 0; i < count; i++) {         \
            FN(pool_line)(kind, at, c, tap);               \
            for (int role = 0; role < INDEX; role++) { \
                at[role] += step[role];                \
            }                                          \
        }                                              \
        break;

/* One tap of some windows in a row. */
static void FN(pool_lines)(PoolKind kind, char *const *start, const npy_intp *step, npy_intp count, npy_intp c,
                           npy_intp tap) {
    char *at[] = {start[0], start[1], start[2]};
    switch (kind) {
        LINES(POOL_MAX)
        LINES(POOL_SUM)
        LINES(POOL_TAKE)
        LINES(POOL_PUT)
        LINES(POOL_SPREAD)
        LINES(POOL_PUT_APART)
    }
}

WINDOW_LOOPS(window_max, pool, POOL_MAX, FN(pool_lines), sizeof(real), sizeof(npy_uint8))
WINDOW_LOOPS(window_max_wide, pool, POOL_MAX, FN(pool_lines), sizeof(real), sizeof(npy_intp))
WINDOW_LOOPS(window_take, pool, POOL_TAKE, FN(pool_lines), sizeof(real), sizeof(npy_uint8))
WINDOW_LOOPS(window_take_wide, pool, POOL_TAKE, FN(pool_lines), sizeof(real), sizeof(npy_intp))
WINDOW_LOOPS(window_put, pool, POOL_PUT, FN(pool_lines), sizeof(real), sizeof(npy_uint8))
WINDOW_LOOPS(window_put_wide, pool, POOL_PUT, FN(pool_lines), sizeof(real), sizeof(npy_intp))
WINDOW_LOOPS(window_sum, pool, POOL_SUM, FN(pool_lines), sizeof(real), 0)
WINDOW_LOOPS(window_spread, pool, POOL_SPREAD, FN(pool_lines), sizeof(real), 0)
