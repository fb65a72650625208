/* Systems of equations with triangular matrices, by substitution: a kernel with the loops of NumPy's solver, which it calls
 * for other matrices. */

typedef real FN(wide) __attribute__((vector_size(64)));
#define WIDE (64 / (npy_intp)sizeof(real))
#define ACROSS 4 /* vectors of columns that are solved for at a time */

/* Whether a matrix has nothing but zeros on the right of its diagonal. */
static int FN(is_lower)(const char *a, npy_intp n, npy_intp row, npy_intp column) {
    for (npy_intp i = 0; i < n; i++, a += row + column) {
        int other = 0;
        for (npy_intp j = 1; j < n - i; j++) {
            other |= *(const real *)(a + j * column) != 0;
        }
        if (other) {
            return 0;
        }
    }
    return 1;
}

/* One column: the rows of x that are known times those of the triangle, in WIDE sums. */
static void FN(solve_column)(const real *t, npy_intp n, real *x) {
    for (npy_intp i = 0; i < n; i++, t += n) {
        FN(wide) sums = {0};
        real sum = x[i];
        npy_intp j = 0;
        for (; j + WIDE <= i; j += WIDE) {
            FN(wide) u, v;
            memcpy(&u, t + j, sizeof u);
            memcpy(&v, x + j, sizeof v);
            sums += u * v;
        }
        for (; j < i; j++) {
            sum -= t[j] * x[j];
        }
        for (npy_intp l = 0; l < WIDE; l++) {
            sum -= sums[l];
        }
        x[i] = sum / t[i];
    }
}

/* ACROSS * WIDE columns. */
static void FN(solve_columns)(const real *t, npy_intp n, FN(wide) (*x)[ACROSS]) {
    for (npy_intp i = 0; i < n; i++, t += n) {
        FN(wide) a = x[i][0], b = x[i][1], c = x[i][2], d = x[i][3];
        for (npy_intp j = 0; j < i; j++) {
            a -= t[j] * x[j][0];
            b -= t[j] * x[j][1];
            c -= t[j] * x[j][2];
            d -= t[j] * x[j][3];
        }
        x[i][0] = a / t[i];
        x[i][1] = b / t[i];
        x[i][2] = c / t[i];
        x[i][3] = d / t[i];
    }
}

/* One system with a lower triangle, of n rows and p columns; `s` has the strides of all operands, rows first. Return 1 if
 * the diagonal has a zero, 0 if it is solved, -1 with an exception if there is no memory. */
static int FN(substitute)(const char *a, const char *b, char *x, npy_intp n, npy_intp p, const npy_intp *s) {
    const npy_intp columns = ACROSS * WIDE, some = p == 1 ? 1 : columns;
    char *const scratch = malloc((n * n + n * some) * sizeof(real) + 64);
    if (scratch == NULL) {
        no_memory();
        return -1;
    }
    real *const part = (real *)(scratch + (64 - (npy_uintp)scratch % 64)), *const t = part + n * some;
    for (npy_intp i = 0; i < n; i++) {
        for (npy_intp j = 0; j <= i; j++) {
            t[i * n + j] = *(const real *)(a + i * s[0] + j * s[1]);
        }
        if (t[i * n + i] == 0) {
            free(scratch);
            return 1;
        }
    }
    for (npy_intp at = 0; at < p; at += some) {
        const npy_intp width = p - at < some ? p - at : some;
        for (npy_intp i = 0; i < n; i++) {
            for (npy_intp j = 0; j < some; j++) {
                part[i * some + j] = j < width ? *(const real *)(b + i * s[2] + (at + j) * s[3]) : 0;
            }
        }
        if (some == 1) {
            FN(solve_column)(t, n, part);
        } else {
            FN(solve_columns)(t, n, (FN(wide)(*)[ACROSS])part);
        }
        for (npy_intp i = 0; i < n; i++) {
            for (npy_intp j = 0; j < width; j++) {
                *(real *)(x + i * s[4] + (at + j) * s[5]) = part[i * some + j];
            }
        }
    }
    free(scratch);
    return 0;
}

/* A stack of systems. The flags are those of NumPy's loops: that of an invalid operation where a matrix is singular. */
static void FN(solve_each)(char **args, npy_intp count, const npy_intp *dimensions, const npy_intp *steps, npy_intp p,
                           const npy_intp *s, const Replaced *theirs) {
    const npy_intp n = dimensions[1], one[] = {1, dimensions[1], p};
    int before = fetestexcept(FE_INVALID), wrong = 0;
    for (npy_intp k = 0; k < count; k++) {
        char *at[] = {args[0] + k * steps[0], args[1] + k * steps[1], args[2] + k * steps[2]};
        int failed = 1;
        if (FN(is_lower)(at[0], n, s[0], s[1])) {
            failed = FN(substitute)(at[0], at[1], at[2], n, p, s);
        } else if (FN(is_lower)(at[0], n, s[1], s[0])) { /* an upper triangle is a lower one, backwards */
            const npy_intp last = n - 1, back[] = {-s[0], -s[1], -s[2], s[3], -s[4], s[5]};
            failed = FN(substitute)(at[0] + last * (s[0] + s[1]), at[1] + last * s[2], at[2] + last * s[4], n, p, back);
        }
        if (failed > 0 && theirs != NULL) {
            feclearexcept(FE_INVALID);
            theirs->loop(at, one, steps, theirs->data);
            failed = fetestexcept(FE_INVALID) != 0;
        } else if (failed > 0) {
            const npy_intp shape[] = {n, p}, to[] = {s[4], s[5]};
            fill(at[2], 2, shape, to, sizeof(real), NAN);
        }
        wrong |= failed > 0;
    }
    feclearexcept(FE_ALL_EXCEPT);
    if (wrong || before) {
        feraiseexcept(FE_INVALID);
    }
}

static void FN(solve)(LOOP_ARGUMENTS) {
    FN(solve_each)(args, dimensions[0], dimensions, steps, dimensions[2], steps + 3, data);
}

static void FN(solve1)(LOOP_ARGUMENTS) {
    const npy_intp s[] = {steps[3], steps[4], steps[5], 0, steps[6], 0};
    FN(solve_each)(args, dimensions[0], dimensions, steps, 1, s, data);
}

#undef WIDE
