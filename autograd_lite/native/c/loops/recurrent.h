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

/* From z, b, the product with R, each of i, f, g, o, and c before to h, c, and i, f, g, o. */
static void FN(lstm_cell_run)(char *const *operands, npy_intp n) {
    for (int gate = 0; gate < 4; gate++) {
        FN(sum_of_three)(operands[gate], operands[4 + gate], operands[8 + gate], operands[15 + gate], n);
        FN(in_place)(gate == 2 ? FN(tanh_run) : FN(sigmoid_run), operands[15 + gate], n);
    }
    GIVEN(before, 12); MADE(h, 13); MADE(c, 14); GIVEN(i, 15); GIVEN(f, 16); GIVEN(g, 17); GIVEN(o, 18);
    EACH { c[k] = MADD(f[k], before[k], i[k] * g[k]); }
    FN(tanh_run)((char *const[]){operands[14], operands[13]}, n);
    EACH { h[k] *= o[k]; }
}

CELL(lstm_cell, "4441114", 4)

/* From i, f, g, o, c, the cotangents of h and c, c before, and what later steps add to these cotangents, to the
 * cotangents of a (of i, f, g, o) and of c before. */
static void FN(lstm_cell_pullback_run)(char *const *whole, npy_intp size) {
    for (npy_intp start = 0; start < size; start += BLOCK) {
        const npy_intp n = size - start < BLOCK ? size - start : BLOCK;
        real tanh_c[BLOCK];
        char *operands[15];
        for (int k = 0; k < 15; k++) {
            operands[k] = whole[k] + start * (npy_intp)sizeof(real);
        }
        FN(tanh_run)((char *const[]){operands[4], (char *)tanh_c}, n);
        GIVEN(i, 0); GIVEN(f, 1); GIVEN(g, 2); GIVEN(o, 3); GIVEN(gh, 5); GIVEN(gc, 6); GIVEN(before, 7);
        GIVEN(dh, 8); GIVEN(dc, 9); MADE(di, 10); MADE(df, 11); MADE(dg, 12); MADE(d_o, 13); MADE(dc_before, 14);
        EACH {
            const real i_ = i[k], f_ = f[k], g_ = g[k], o_ = o[k], t = tanh_c[k];
            const real h = gh[k] + dh[k], through = h * o_;
            const real c = gc[k] + dc[k] + (through - through * t * t);
            const real c_ = before[k];
            di[k] = ((c * g_) * i_) * (1 - i_);
            df[k] = ((c * c_) * f_) * (1 - f_);
            dg[k] = ((c * i_) * (1 + g_)) * (1 - g_);
            d_o[k] = ((h * t) * o_) * (1 - o_);
            dc_before[k] = c * f_;
        }
    }
}

CELL(lstm_cell_pullback, "411111141", 7)

/* From z, the product with R, each of u, r, n, the biases of u, r, n and that of the product of n, and h before to
 * h, and u, r, n, q. */
static void FN(gru_cell_run)(char *const *operands, npy_intp n) {
    GIVEN(z, 2); GIVEN(product, 5); GIVEN(bias, 8); GIVEN(product_bias, 9); GIVEN(before, 10); MADE(h, 11);
    GIVEN(u, 12); GIVEN(r, 13); MADE(new, 14); MADE(q, 15);
    for (int gate = 0; gate < 2; gate++) {
        FN(sum_of_three)(operands[gate], operands[3 + gate], operands[6 + gate], operands[12 + gate], n);
        FN(in_place)(FN(sigmoid_run), operands[12 + gate], n);
    }
    EACH {
        const real inside = product[k] + product_bias[k];
        new[k] = MADD(r[k], inside, z[k] + bias[k]);
        q[k] = inside;
    }
    FN(in_place)(FN(tanh_run), operands[14], n);
    EACH { h[k] = MADD(before[k] - new[k], u[k], new[k]); }
}

CELL(gru_cell, "334114", 4)

/* From u, r, n, q, the cotangent of h, h before, and what later steps add to that cotangent, to the cotangents of z and
 * of the products with R (of u, r, n), and to that of h before, apart from what goes through R. */
static void FN(gru_cell_pullback_run)(char *const *operands, npy_intp n) {
    GIVEN(u, 0); GIVEN(r, 1); GIVEN(new, 2); GIVEN(q, 3); GIVEN(gh, 4); GIVEN(before, 5); GIVEN(dh, 6); MADE(du, 7);
    MADE(dr, 8); MADE(dn, 9); MADE(through_u, 10); MADE(through_r, 11); MADE(dq, 12); MADE(d_before, 13);
    EACH {
        const real h = gh[k] + dh[k], r_ = r[k], u_ = u[k];
        const real of_n = ((1 - u_) * h) * (1 - new[k] * new[k]);
        const real of_u = ((before[k] - new[k]) * h) * ((1 - u_) * u_);
        const real of_r = (q[k] * of_n) * ((1 - r_) * r_);
        dn[k] = of_n;
        du[k] = through_u[k] = of_u;
        dr[k] = through_r[k] = of_r;
        dq[k] = r_ * of_n;
        d_before[k] = h * u_;
    }
}

CELL(gru_cell_pullback, "4111331", 4)
