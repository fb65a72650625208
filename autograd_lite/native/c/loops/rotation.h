/* Pairs of numbers as points of a plane, turned: (a, b) to (a c - b s, b c + a s), with the roundings of NumPy's ops. */

#define TURN(A, B, C, S, P, Q)                       \
    for (npy_intp i = 0; i < n; i++) {               \
        const real a = A, b = B, c = C, s = S;       \
        P = a * c - b * s;                           \
        Q = b * c + a * s;                           \
    }
#define PLACE(k) (*(real *)(at[k] + i * core[k]))

static void FN(rotate)(LOOP_ARGUMENTS) {
    const npy_intp n = dimensions[1], *core = steps + 6, size = sizeof(real);
    int apart = 1, mixed = core[2] == size && core[3] == size;
    (void)data;
    for (int k = 0; k < 6; k++) {
        apart &= core[k] == size;
        mixed &= core[k] == 2 * size || k == 2 || k == 3;
    }
    for (npy_intp r = 0; r < dimensions[0]; r++) {
        char *at[6];
        for (int k = 0; k < 6; k++) {
            at[k] = args[k] + r * steps[k];
        }
        const real *x = (const real *)at[0], *y = (const real *)at[1], *cos = (const real *)at[2];
        const real *sin = (const real *)at[3];
        real *p = (real *)at[4], *q = (real *)at[5];
        if (apart) {
            INDEPENDENT
            TURN(x[i], y[i], cos[i], sin[i], p[i], q[i])
        } else if (mixed && y == x + 1 && q == p + 1) {
            INDEPENDENT
            TURN(x[2 * i], x[2 * i + 1], cos[i], sin[i], p[2 * i], p[2 * i + 1])
        } else {
            TURN(PLACE(0), PLACE(1), PLACE(2), PLACE(3), PLACE(4), PLACE(5))
        }
    }
}
