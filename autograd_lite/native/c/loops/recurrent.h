/* Cells of the LSTM and the GRU and their derivatives.
 *
 * Operands are contiguous here. A result may be an operand's memory, as dc before is dc's: such a one is written after
 * the last loop that reads the operand, or in it. The names of gates are those in ops/lstm.py and ops/gru.py.
 */
#define EACH    \
    INDEPENDENT \
    for (npy_intp k = 0; k < n; k++)
#define GIVEN(name, at) const real *name = (const real *)operands[at]
#define MADE(name, at) real *name = (real *)operands[at]
/* The ufunc's loop around one over a row; see by_rows. */
#define CELL(kernel, counts, inputs)                                                       \
    static void FN(kernel##_rows)(ROWS_ARGUMENTS) {                                        \
        (void)rows, (void)steps; /* there is one */                                        \
        FN(kernel##_run)(operands, n);                                                     \
    }                                                                                      \
    static void FN(kernel)(LOOP_ARGUMENTS) {                                               \
        (void)data;                                                                        \
        by_rows(args, dimensions, steps, FN(kernel##_rows), counts, inputs, sizeof(real)); \
    }

static inline void FN(sum_of_three)(const char *x, const char *y, const char *z, char *out, npy_intp n) {
    const real *a = (const real *)x, *b = (const real *)y, *c = (const real *)z;
    real *sum = (real *)out;
    EACH { sum[k] = a[k] + b[k] + c[k]; }
}

static inline void FN(in_place)(Run run, char *x, npy_intp n) {
    char *const operands[] = {x, x};
    run(operands, n);
}

/* From z, b, the product with R, each of i, f, g, o, and c before to i, f, g, o, h, c. */
static void FN(lstm_cell_run)(char *const *operands, npy_intp n) {
    for (int gate = 0; gate < 4; gate++) {
        FN(sum_of_three)(operands[gate], operands[4 + gate], operands[8 + gate], operands[13 + gate], n);
        FN(in_place)(gate == 2 ? FN(tanh_run) : FN(sigmoid_run), operands[13 + gate], n);
    }
    GIVEN(before, 12); GIVEN(i, 13); GIVEN(f, 14); GIVEN(g, 15); GIVEN(o, 16); MADE(h, 17); MADE(c, 18);
    EACH { c[k] = MADD(f[k], before[k], i[k] * g[k]); }
    FN(tanh_run)((char *const[]){operands[18], operands[17]}, n);
    EACH { h[k] *= o[k]; }
}

CELL(lstm_cell, "44416", 4)

/* From i, f, g, o, h, c, the cotangents of these, c before, and what later steps add to the cotangents of h and c, to
 * the cotangents of a (of i, f, g, o) and of c before. */
static void FN(lstm_cell_pullback_run)(char *const *operands, npy_intp n) {
    GIVEN(i, 0); GIVEN(f, 1); GIVEN(g, 2); GIVEN(o, 3); GIVEN(gi, 6); GIVEN(gf, 7); GIVEN(gg, 8); GIVEN(go, 9);
    GIVEN(gh, 10); GIVEN(gc, 11); GIVEN(before, 12); GIVEN(dh, 13); GIVEN(dc, 14); MADE(di, 15); MADE(df, 16);
    MADE(dg, 17); MADE(d_o, 18); MADE(dc_before, 19);
    FN(tanh_run)((char *const[]){operands[5], operands[18]}, n);
    EACH {
        const real tanh_c = d_o[k], h = gh[k] + dh[k], through = h * o[k];
        const real c = gc[k] + dc[k] + (through - through * tanh_c * tanh_c);
        di[k] = (MADD(c, g[k], gi[k]) * i[k]) * (1 - i[k]);
        df[k] = (MADD(c, before[k], gf[k]) * f[k]) * (1 - f[k]);
        dg[k] = (MADD(c, i[k], gg[k]) * (1 + g[k])) * (1 - g[k]);
        d_o[k] = (MADD(h, tanh_c, go[k]) * o[k]) * (1 - o[k]);
        dc_before[k] = c * f[k];
    }
}

CELL(lstm_cell_pullback, "6611141", 5)

/* From z, the product with R, each of u, r, n, the biases of u, r, n and that of the product of n, and h before to
 * u, r, n, q, h. */
static void FN(gru_cell_run)(char *const *operands, npy_intp n) {
    GIVEN(z, 2); GIVEN(product, 5); GIVEN(bias, 8); GIVEN(product_bias, 9); GIVEN(before, 10); GIVEN(u, 11);
    GIVEN(r, 12); MADE(new, 13); MADE(q, 14); MADE(h, 15);
    for (int gate = 0; gate < 2; gate++) {
        FN(sum_of_three)(operands[gate], operands[3 + gate], operands[6 + gate], operands[11 + gate], n);
        FN(in_place)(FN(sigmoid_run), operands[11 + gate], n);
    }
    EACH {
        q[k] = product[k] + product_bias[k];
        new[k] = MADD(r[k], q[k], z[k] + bias[k]);
    }
    FN(in_place)(FN(tanh_run), operands[13], n);
    EACH { h[k] = MADD(before[k] - new[k], u[k], new[k]); }
}

CELL(gru_cell, "33415", 4)

/* From u, r, n, q, h, the cotangents of these, h before, and what later steps add to the cotangent of h, to the
 * cotangents of z and of the products with R (of u, r, n), and to that of h before, apart from what goes through R. */
static void FN(gru_cell_pullback_run)(char *const *operands, npy_intp n) {
    GIVEN(u, 0); GIVEN(r, 1); GIVEN(new, 2); GIVEN(q, 3); GIVEN(gu, 5); GIVEN(gr, 6); GIVEN(gn, 7); GIVEN(gq, 8);
    GIVEN(gh, 9); GIVEN(before, 10); GIVEN(dh, 11); MADE(du, 12); MADE(dr, 13); MADE(dn, 14); MADE(through_u, 15);
    MADE(through_r, 16); MADE(dq, 17); MADE(d_before, 18);
    EACH {
        const real h = gh[k] + dh[k];
        const real n_ = MADD(1 - u[k], h, gn[k]) * (1 - new[k] * new[k]);
        const real u_ = MADD(before[k] - new[k], h, gu[k]) * ((1 - u[k]) * u[k]);
        const real r_ = MADD(q[k], n_, gr[k]) * ((1 - r[k]) * r[k]);
        dn[k] = n_;
        du[k] = through_u[k] = u_;
        dr[k] = through_r[k] = r_;
        dq[k] = MADD(r[k], n_, gq[k]);
        d_before[k] = h * u[k];
    }
}

CELL(gru_cell_pullback, "5511331", 4)
