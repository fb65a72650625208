/* Functions that C files which stand alone have copies of, as far as they call them: `compiler/c_code/standalone.py` reads
 * this text, in which functions are between empty lines, and writes them for double, float or integers: real is the type,
 * FN(name) a function of this file for it, and LIB(name) one of the standard library. */

static real FN(maximum)(real x, real y) { return x >= y || x != x ? x : y; }

static real FN(minimum)(real x, real y) { return x <= y || x != x ? x : y; }

static real FN(fmax)(real x, real y) { return x >= y || y != y ? x : y; }

static real FN(fmin)(real x, real y) { return x <= y || y != y ? x : y; }

static real FN(sign)(real x) { return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x; }

static real FN(heaviside)(real x, real y) { return x < 0 ? 0 : x > 0 ? 1 : x == 0 ? y : x; }

static real FN(quotient)(real x, real y) {
    if (y == 0) {
        return 0;
    }
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

static real FN(modulo)(real x, real y) {
    const real rest = y == 0 ? 0 : x % y;
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

static real FN(rest)(real x, real y) { return y == 0 ? 0 : x % y; }

static real FN(left_shift)(real x, real y) { return (size_t)y < 8 * sizeof x ? x << y : 0; }

static real FN(right_shift)(real x, real y) { return (size_t)y < 8 * sizeof x ? x >> y : x < 0 ? -1 : 0; }

static real FN(remainder)(real x, real y) {
    const real rest = LIB(fmod)(x, y);
    if (rest == 0 && y != 0) {
        return LIB(copysign)(0, y);
    }
    return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

static real FN(floor_divide)(real x, real y) {
    const real rest = LIB(fmod)(x, y);
    real quotient, whole;
    if (y == 0) {
        return x / y;
    }
    quotient = (x - rest) / y - (rest != 0 && (rest < 0) != (y < 0));
    if (quotient == 0) {
        return LIB(copysign)(0, x / y);
    }
    whole = LIB(floor)(quotient);
    return quotient - whole > (real)0.5 ? whole + 1 : whole;
}

static real FN(logaddexp)(real x, real y) {
    const real gap = x - y;
    if (x == y) {
        return x + (real)0.69314718055994531;
    }
    return gap > 0 ? x + LIB(log1p)(LIB(exp)(-gap)) : gap <= 0 ? y + LIB(log1p)(LIB(exp)(gap)) : gap;
}

static real FN(logaddexp2)(real x, real y) {
    const real gap = x - y;
    if (x == y) {
        return x + 1;
    }
    return gap > 0 ? x + (real)1.4426950408889634 * LIB(log1p)(LIB(exp2)(-gap))
                   : gap <= 0 ? y + (real)1.4426950408889634 * LIB(log1p)(LIB(exp2)(gap)) : gap;
}

static real FN(sigmoid)(real x) {
    const real e = LIB(exp)(-LIB(fabs)(x));
    return (x < 0 ? e : 1) / (1 + e);
}

static real FN(silu_slope)(real x) {
    const real e = LIB(exp)(-LIB(fabs)(x)), share = 1 / (1 + e);
    return e == 0 ? (x > 0) : ((x < 0 ? e : 1) + x * e * share) * share;
}

static real FN(gelu)(real x) {
    return x == -(real)HUGE_VAL ? -(real)0 : (real)(x * (0.5 * erfc(-0.70710678118654752440 * x)));
}

static real FN(gelu_slope)(real x) {
    if (LIB(fabs)(x) > 40) {
        return x > 0;
    }
    return (real)(0.5 * erfc(-0.70710678118654752440 * x) + x * (exp(-0.5 * x * x) * 0.39894228040143267794));
}

static real FN(below)(real x, real top) {
    const real gap = x - top;
    if (top == (real)HUGE_VAL) {
        return x == top ? 0 : -(real)HUGE_VAL;
    }
    return isinf(gap) && isfinite(x) ? -LARGEST : gap;
}

static real FN(pairwise)(const real *x, int n, int step) {
    real r[8], sum = -(real)0;
    int i, j;
    if (n > 128) {
        const int half = n / 2 - n / 2 % 8;
        return FN(pairwise)(x, half, step) + FN(pairwise)(x + half * step, n - half, step);
    }
    if (n < 8) {
        for (i = 0; i < n; i++) {
            sum += x[i * step];
        }
        return sum;
    }
    for (j = 0; j < 8; j++) {
        r[j] = x[j * step];
    }
    for (i = 8; i < n - n % 8; i += 8) {
        for (j = 0; j < 8; j++) {
            r[j] += x[(i + j) * step];
        }
    }
    sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; i++) {
        sum += x[i * step];
    }
    return sum;
}

static real FN(top)(const real *x, int n) {
    real top = x[0];
    int i;
    for (i = 1; i < n; i++) {
        top = FN(maximum)(top, x[i]);
    }
    return top;
}

static void FN(softmax)(const real *x, real *out, int n) {
    const real top = FN(top)(x, n);
    double sum = 0;
    int i;
    for (i = 0; i < n; i++) {
        out[i] = LIB(exp)(FN(below)(x[i], top));
        sum += out[i];
    }
    for (i = 0; i < n; i++) {
        out[i] = (real)(out[i] / sum);
    }
}

static void FN(softmax_pullback)(const real *x, const real *y, real *out, int n) {
    double sum = 0;
    int i;
    for (i = 0; i < n; i++) {
        sum += (double)x[i] * y[i];
    }
    for (i = 0; i < n; i++) {
        out[i] = (real)(y[i] * (x[i] - sum));
    }
}

static void FN(log_softmax)(const real *x, real *out, int n) {
    const real top = FN(top)(x, n);
    double sum = 0;
    int i;
    for (i = 0; i < n; i++) {
        out[i] = FN(below)(x[i], top);
        sum += LIB(exp)(out[i]);
    }
    sum = log(sum);
    for (i = 0; i < n; i++) {
        out[i] = (real)(out[i] - sum);
    }
}

static void FN(log_softmax_pullback)(const real *x, const real *y, real *out, int n) {
    double sum = 0;
    int i;
    for (i = 0; i < n; i++) {
        sum += x[i];
    }
    for (i = 0; i < n; i++) {
        out[i] = (real)(x[i] - LIB(exp)(y[i]) * sum);
    }
}

static void FN(logsumexp)(const real *x, real *out, int n) {
    const real top = FN(top)(x, n), shift = isfinite(top) ? top : 0;
    double sum = 0;
    int i;
    for (i = 0; i < n; i++) {
        sum += LIB(exp)(x[i] - shift);
    }
    *out = (real)(log(sum) + shift);
}

static void FN(standardize)(const real *x, real epsilon, real centered, real *out, int n) {
    double mean = 0, square = 0;
    int i;
    for (i = 0; i < n && centered != 0; i++) {
        mean += x[i];
    }
    mean /= n;
    for (i = 0; i < n; i++) {
        square += (x[i] - mean) * (x[i] - mean);
    }
    square = 1 / sqrt(square / n + epsilon);
    for (i = 0; i < n; i++) {
        out[i] = (real)((x[i] - mean) * square);
    }
}

static void FN(standardize_pullback)(const real *g, const real *x, real epsilon, real centered, real *out, int n) {
    double mean = 0, mean_g = 0, square = 0, product = 0;
    int i;
    for (i = 0; i < n && centered != 0; i++) {
        mean += x[i];
        mean_g += g[i];
    }
    mean /= n;
    mean_g /= n;
    for (i = 0; i < n; i++) {
        square += (x[i] - mean) * (x[i] - mean);
        product += (x[i] - mean) * g[i];
    }
    square = 1 / sqrt(square / n + epsilon);
    product *= square * square / n;
    for (i = 0; i < n; i++) {
        out[i] = (real)((g[i] - mean_g - (x[i] - mean) * product) * square);
    }
}

static void FN(sum_of_rows)(const real *x, real *out, int m, int n) {
    int i, j;
    for (j = 0; j < n; j++) {
        double sum = 0;
        for (i = 0; i < m; i++) {
            sum += x[i * n + j];
        }
        out[j] = (real)sum;
    }
}

static int FN(cholesky)(const real *a, real *out, int n) {
    int i, j, k;
    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++) {
            real sum = a[i * n + j];
            if (j > i) {
                out[i * n + j] = 0;
                continue;
            }
            for (k = 0; k < j; k++) {
                sum -= out[i * n + k] * out[j * n + k];
            }
            if (i == j && !(sum > 0)) {
                return 1;
            }
            out[i * n + j] = i == j ? LIB(sqrt)(sum) : sum / out[j * n + j];
        }
    }
    return 0;
}

static int FN(cholesky_upper)(const real *a, real *out, int n) {
    int i, j, k;
    for (i = 0; i < n; i++) {
        for (j = 0; j < n; j++) {
            real sum = a[i * n + j];
            if (j < i) {
                out[i * n + j] = 0;
                continue;
            }
            for (k = 0; k < i; k++) {
                sum -= out[k * n + i] * out[k * n + j];
            }
            if (i == j && !(sum > 0)) {
                return 1;
            }
            out[i * n + j] = i == j ? LIB(sqrt)(sum) : sum / out[i * n + i];
        }
    }
    return 0;
}

static int FN(solve_lower)(const real *a, const real *b, real *out, int n, int m) {
    int i, j, k;
    for (i = 0; i < n; i++) {
        if (a[i * n + i] == 0) {
            return 1;
        }
        for (j = 0; j < m; j++) {
            real sum = b[i * m + j];
            for (k = 0; k < i; k++) {
                sum -= a[i * n + k] * out[k * m + j];
            }
            out[i * m + j] = sum / a[i * n + i];
        }
    }
    return 0;
}

static int FN(solve_upper)(const real *a, const real *b, real *out, int n, int m) {
    int i, j, k;
    for (i = n - 1; i >= 0; i--) {
        if (a[i * n + i] == 0) {
            return 1;
        }
        for (j = 0; j < m; j++) {
            real sum = b[i * m + j];
            for (k = i + 1; k < n; k++) {
                sum -= a[i * n + k] * out[k * m + j];
            }
            out[i * m + j] = sum / a[i * n + i];
        }
    }
    return 0;
}

/* Factor a into triangles with rows exchanged, in place; the rows of b are exchanged with them. */
static int FN(factor)(real *a, real *b, int n, int m) {
    int i, j, k, exchanges = 0;
    for (k = 0; k < n; k++) {
        int pivot = k;
        for (i = k + 1; i < n; i++) {
            if (LIB(fabs)(a[i * n + k]) > LIB(fabs)(a[pivot * n + k])) {
                pivot = i;
            }
        }
        for (j = 0; j < n && pivot != k; j++) {
            const real row = a[k * n + j];
            a[k * n + j] = a[pivot * n + j];
            a[pivot * n + j] = row;
        }
        for (j = 0; j < m && pivot != k; j++) {
            const real row = b[k * m + j];
            b[k * m + j] = b[pivot * m + j];
            b[pivot * m + j] = row;
        }
        exchanges += pivot != k;
        for (i = k + 1; i < n && a[k * n + k] != 0; i++) {
            const real factor = a[i * n + k] /= a[k * n + k];
            for (j = k + 1; j < n; j++) {
                a[i * n + j] -= factor * a[k * n + j];
            }
        }
    }
    return exchanges;
}

static int FN(solve)(const real *a, const real *b, real *out, int n, int m, real *work) {
    int i, j, k;
    for (i = 0; i < n * n; i++) {
        work[i] = a[i];
    }
    for (i = 0; i < n * m; i++) {
        out[i] = b[i];
    }
    FN(factor)(work, out, n, m);
    for (i = 0; i < n; i++) {
        for (k = 0; k < i; k++) {
            for (j = 0; j < m; j++) {
                out[i * m + j] -= work[i * n + k] * out[k * m + j];
            }
        }
    }
    for (i = n - 1; i >= 0; i--) {
        if (work[i * n + i] == 0) {
            return 1;
        }
        for (k = i + 1; k < n; k++) {
            for (j = 0; j < m; j++) {
                out[i * m + j] -= work[i * n + k] * out[k * m + j];
            }
        }
        for (j = 0; j < m; j++) {
            out[i * m + j] /= work[i * n + i];
        }
    }
    return 0;
}

static int FN(solve1)(const real *a, const real *b, real *out, int n, real *work) { return FN(solve)(a, b, out, n, 1, work); }

static int FN(inv)(const real *a, real *out, int n, real *work) {
    int i;
    for (i = 0; i < n * n; i++) {
        work[n * n + i] = i % (n + 1) == 0;
    }
    return FN(solve)(a, work + n * n, out, n, n, work);
}

static int FN(det)(const real *a, real *out, int n, real *work) {
    int i;
    for (i = 0; i < n * n; i++) {
        work[i] = a[i];
    }
    *out = FN(factor)(work, work, n, 0) % 2 ? -1 : 1;
    for (i = 0; i < n; i++) {
        *out *= work[i * n + i];
    }
    return 0;
}
