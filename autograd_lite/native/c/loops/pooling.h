/* Pooling of elements of T; B is an integer of T's size. Included once for each T. See pooling.c for what calls it. */

#define OPERAND(role) (((T *)at[role])[i])
#define DONE_AT (((B *)at[DONE])[i])

/* One tap of one window. The first of equal elements is the one that counts, and NaN equals NaN. */
ALWAYS_INLINE void
OF(pool_line)(PoolKind kind, char *const *at, npy_intp n)
{
    INDEPENDENT
    for (npy_intp i = 0; i < n; i++) {
        if (kind == POOL_MAX) {
            const T best = OPERAND(WINDOW), x = OPERAND(IMAGE);
            OPERAND(WINDOW) = ((x < best) | (best != best)) ? best : x;
        }
        else if (kind == POOL_SUM) {
            OPERAND(WINDOW) += OPERAND(IMAGE);
        }
        else if (kind == POOL_SPREAD) {
            OPERAND(IMAGE_2) += OPERAND(WINDOW);
        }
        else {
            const T y = OPERAND(IMAGE), z = OPERAND(WINDOW_2);
            const B done = DONE_AT, equal = -(B)((y == z) | ((y != y) & (z != z))), hit = equal & ~done;
            const T chosen = OF(number)(OF(bits)(kind == POOL_TAKE ? OPERAND(IMAGE_2) : OPERAND(WINDOW)) & hit);
            DONE_AT = done | equal;
            if (kind == POOL_TAKE) {
                OPERAND(WINDOW) += chosen;
            }
            else if (kind == POOL_PUT_APART) {
                OPERAND(IMAGE_2) = chosen;
            }
            else {
                OPERAND(IMAGE_2) += chosen;
            }
        }
    }
}
#undef OPERAND
#undef DONE_AT

#define LINES(kind)                                                   \
    case kind:                                                        \
        for (npy_intp i = 0; i < count; i++) {                        \
            OF(pool_line)(kind, at, c);                               \
            for (int role = 0; role < ROLES; role++) {                \
                at[role] += step[role];                               \
            }                                                         \
        }                                                             \
        break;

/* One tap of some windows in a row. */
static void
OF(pool_lines)(PoolKind kind, char *const *start, const npy_intp *step, npy_intp count, npy_intp c)
{
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
#undef LINES

#define POOL_(name, kind, rank)                                                  \
    static void OF(name##_##rank)(LOOP_ARGUMENTS)                                \
    {                                                                            \
        (void)data;                                                              \
        pool(rank, kind, OF(pool_lines), sizeof(T), args, dimensions, steps);    \
    }
#define POOL_LOOPS(name, kind) POOL_(name, kind, 1) POOL_(name, kind, 2) POOL_(name, kind, 3)
POOL_LOOPS(window_max, POOL_MAX)
POOL_LOOPS(window_sum, POOL_SUM)
POOL_LOOPS(window_take_equal, POOL_TAKE)
POOL_LOOPS(window_put_equal, POOL_PUT)
POOL_LOOPS(window_spread, POOL_SPREAD)
#undef POOL_LOOPS
#undef POOL_
