/* The sum of many rows. */

#define COLUMNS 64 /* that are summed in registers */

/* Add rows up in their order, as NumPy does, COLUMNS of them. */
static inline void FN(add_columns)(const char *x, npy_intp rows, npy_intp step, real *out) {
    real sums[COLUMNS] = {0};
    for (npy_intp r = 0; r < rows; r++, x += step) {
#pragma GCC unroll 64
        for (int i = 0; i < COLUMNS; i++) {
            sums[i] += ((const real *)x)[i];
        }
    }
    memcpy(out, sums, sizeof sums);
}

/* The same of fewer. */
static inline void FN(add_some)(const char *x, npy_intp rows, npy_intp step, real *out, npy_intp columns) {
    real sums[COLUMNS] = {0};
    for (npy_intp r = 0; r < rows; r++, x += step) {
        for (npy_intp i = 0; i < columns; i++) {
            sums[i] += ((const real *)x)[i];
        }
    }
    memcpy(out, sums, (size_t)columns * sizeof(real));
}

static void FN(sum_of_rows)(LOOP_ARGUMENTS) {
    const npy_intp m = dimensions[1], n = dimensions[2], s = sizeof(real), s_x = steps[3], s_out = steps[4];
    const npy_intp together = s_x == s && s_out == s ? COLUMNS : 1;
    (void)data;
    for (npy_intp k = 0; k < dimensions[0]; k++) {
        for (npy_intp start = 0; start < n; start += together) {
            const char *x = args[0] + k * steps[0] + start * s_x;
            real *out = (real *)(args[1] + k * steps[1] + start * s_out);
            const npy_intp width = n - start < together ? n - start : together;
            if (width == COLUMNS) {
                FN(add_columns)(x, m, steps[2], out);
            } else {
                FN(add_some)(x, m, steps[2], out, width);
            }
        }
    }
}
