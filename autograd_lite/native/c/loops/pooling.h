/* Pooling: one tap of some windows in a row. See pooling.c for what calls it. */

#define OPERAND(role) (((real *)at[role])[i])
#define DONE_AT (((bits *)at[DONE])[i])

/* One tap of one window. The first of equal elements is the one that counts, and NaN equals NaN. */
ALWAYS_INLINE void FN(pool_line)(PoolKind kind, char *const *at, npy_intp n) {
    INDEPENDENT
    for (npy_intp i = 0; i < n; i++) {
        if (kind == POOL_MAX) {
            const real best = OPERAND(WINDOW), x = OPERAND(IMAGE);
            OPERAND(WINDOW) = ((x < best) | (best != best)) ? best : x;
        } else if (kind == POOL_SUM) {
            OPERAND(WINDOW) += OPERAND(IMAGE);
        } else if (kind == POOL_SPREAD) {
            OPERAND(IMAGE_2) += OPERAND(WINDOW);
        } else {
            const real y = OPERAND(IMAGE), z = OPERAND(WINDOW_2);
            const bits done = DONE_AT, equal = -(bits)((y == z) | ((y != y) & (z != z))), hit = equal & ~done;
            const real chosen = FN(from)(FN(of)(kind == POOL_TAKE ? OPERAND(IMAGE_2) : OPERAND(WINDOW)) & hit);
            DONE_AT = done | equal;
            if (kind == POOL_TAKE) {
                OPERAND(WINDOW) += chosen;
            } else if (kind == POOL_PUT_APART) {
                OPERAND(IMAGE_2) = chosen;
            } else {
                OPERAND(IMAGE_2) += chosen;
            }
        }
    }
}

#define LINES(kind)                                    \
    case kind:                                         \
        for (npy_intp i = 0; i < count; i++) {         \
            FN(pool_line)(kind, at, c);                \
            for (int role = 0; role < ROLES; role++) { \
                at[role] += step[role];                \
            }                                          \
        }                                              \
        break;

/* One tap of some windows in a row. */
static void FN(pool_lines)(PoolKind kind, char *const *start, const npy_intp *step, npy_intp count, npy_intp c) {
    char *at[ROLES] = {start[0], start[1], start[2], start[3], start[4]};
    switch (kind) {
        LINES(POOL_MAX)
        LINES(POOL_SUM)
        LINES(POOL_TAKE)
        LINES(POOL_PUT)
        LINES(POOL_SPREAD)
        LINES(POOL_PUT_APART)
    }
}

WINDOW_LOOPS(window_max, pool, POOL_MAX, FN(pool_lines), sizeof(real))
WINDOW_LOOPS(window_sum, pool, POOL_SUM, FN(pool_lines), sizeof(real))
WINDOW_LOOPS(window_take_equal, pool, POOL_TAKE, FN(pool_lines), sizeof(real))
WINDOW_LOOPS(window_put_equal, pool, POOL_PUT, FN(pool_lines), sizeof(real))
WINDOW_LOOPS(window_spread, pool, POOL_SPREAD, FN(pool_lines), sizeof(real))
