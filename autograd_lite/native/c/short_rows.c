/* Arithmetic on matrices whose rows are short. NumPy calls a loop for each row, which takes longer than the row itself;
 * each element is one operation, so these give the same bits. They are built once, for any processor: of rows so short
 * hardly more would fit into wider vectors. */
#include "kernels.h"

/* One row; the steps, in elements, are constants, so that the loop is made into vectors. */
#define ROW(name, real, step_a, step_b, expression)                                          \
    static void name(const char *a, const char *b, char *c, npy_intp n) {                    \
        for (npy_intp i = 0; i < n; i++) {                                                   \
            const real x = ((const real *)a)[i * step_a], y = ((const real *)b)[i * step_b]; \
            ((real *)c)[i] = expression;                                                     \
        }                                                                                    \
    }

typedef void Row(const char *, const char *, char *, npy_intp);

/* Go through all rows. Operands may have any steps, 0 where they are repeated. */
static inline void over_rows(LOOP_ARGUMENTS, Row *of_both, Row *of_first, Row *of_second, npy_intp size) {
    const npy_intp rows = dimensions[1], n = dimensions[2], in_a = steps[4], in_b = steps[6], in_c = steps[8];
    Row *const row = in_c != size                      ? NULL
                     : in_a == size && in_b == size    ? of_both
                     : in_a == size && in_b == 0       ? of_first
                     : in_a == 0 && in_b == size       ? of_second
                                                       : NULL;
    (void)data;
    for (npy_intp k = 0; k < dimensions[0]; k++) {
        const char *a = args[0] + k * steps[0], *b = args[1] + k * steps[1];
        char *c = args[2] + k * steps[2];
        for (npy_intp j = 0; j < rows; j++, a += steps[3], b += steps[5], c += steps[7]) {
            if (row != NULL) {
                row(a, b, c, n);
                continue;
            }
            for (npy_intp i = 0; i < n; i++) {
                of_both(a + i * in_a, b + i * in_b, c + i * in_c, 1);
            }
        }
    }
}

#define ROWS(name, real, expression)                                                                       \
    ROW(name##_of_both, real, 1, 1, expression)                                                            \
    ROW(name##_of_first, real, 1, 0, expression)                                                           \
    ROW(name##_of_second, real, 0, 1, expression)                                                          \
    static void name(LOOP_ARGUMENTS) {                                                                     \
        over_rows(args, dimensions, steps, data, name##_of_both, name##_of_first, name##_of_second, sizeof(real)); \
    }
#define OPERATION(name, expression)           \
    ROWS(name##_single, npy_float, expression) \
    ROWS(name##_double, npy_double, expression)

OPERATION(add, x + y)
OPERATION(subtract, x - y)
OPERATION(multiply, x *y)
OPERATION(divide, x / y)

#define COPY(name, real)                                                                               \
    static void name(LOOP_ARGUMENTS) {                                                                 \
        const npy_intp rows = dimensions[1], n = dimensions[2], in = steps[3], out = steps[5];         \
        (void)data;                                                                                    \
        for (npy_intp k = 0; k < dimensions[0]; k++) {                                                 \
            const char *a = args[0] + k * steps[0];                                                    \
            char *c = args[1] + k * steps[1];                                                          \
            for (npy_intp j = 0; j < rows; j++, a += steps[2], c += steps[4]) {                        \
                for (npy_intp i = 0; i < n; i++) {                                                     \
                    *(real *)(c + i * out) = *(const real *)(a + i * in);                              \
                }                                                                                      \
            }                                                                                          \
        }                                                                                              \
    }
COPY(copy_single, npy_float)
COPY(copy_double, npy_double)

/* The sum of each of some rows of at most 128 elements, and of some columns, to what each begins with; both in the order
 * of NumPy's reductions: with eight sums side by side, if there are that many. */
#define SUMS(type, real)                                                                                         \
    static inline __attribute__((always_inline)) real row_sum_##type(const char *x, npy_intp n, npy_intp step) { \
        real sum = (real)-0.0; /* so that no zero changes its sign */                                            \
        npy_intp i = 0;                                                                                          \
        if (n >= 8) {                                                                                            \
            real sums[8];                                                                                        \
            for (int j = 0; j < 8; j++) {                                                                        \
                sums[j] = *(const real *)(x + j * step);                                                         \
            }                                                                                                    \
            for (i = 8; i + 8 <= n; i += 8) {                                                                    \
                for (int j = 0; j < 8; j++) {                                                                    \
                    sums[j] += *(const real *)(x + (i + j) * step);                                              \
                }                                                                                                \
            }                                                                                                    \
            sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));     \
        }                                                                                                        \
        for (; i < n; i++) {                                                                                     \
            sum += *(const real *)(x + i * step);                                                                \
        }                                                                                                        \
        return sum;                                                                                              \
    }                                                                                                            \
    static void row_sums_##type(LOOP_ARGUMENTS) {                                                                \
        const npy_intp n = dimensions[1], step = steps[3];                                                       \
        (void)data;                                                                                              \
        for (npy_intp k = 0; k < dimensions[0]; k++) {                                                           \
            const char *x = args[0] + k * steps[0];                                                              \
            const real sum = step == sizeof(real) ? row_sum_##type(x, n, sizeof(real)) : row_sum_##type(x, n, step); \
            *(real *)(args[2] + k * steps[2]) = *(const real *)(args[1] + k * steps[1]) + sum;                   \
        }                                                                                                        \
    }                                                                                                            \
    static inline __attribute__((always_inline)) void columns_##type(                                            \
        const char *x, npy_intp rows, const npy_intp *step, real begin, char *to, npy_intp to_step, const int n) { \
        real sum[4] = {begin, begin, begin, begin};                                                              \
        for (npy_intp i = 0; i < rows; i++, x += step[0]) {                                                      \
            for (int j = 0; j < n; j++) {                                                                        \
                sum[j] += *(const real *)(x + j * step[1]);                                                      \
            }                                                                                                    \
        }                                                                                                        \
        for (int j = 0; j < n; j++) {                                                                            \
            *(real *)(to + j * to_step) = sum[j];                                                                \
        }                                                                                                        \
    }                                                                                                            \
    static void column_sums_##type(LOOP_ARGUMENTS) {                                                             \
        const npy_intp rows = dimensions[1], next = steps[5];                                                    \
        (void)data;                                                                                              \
        for (npy_intp k = 0; k < dimensions[0]; k++) {                                                           \
            const char *x = args[0] + k * steps[0];                                                              \
            const real begin = *(const real *)(args[1] + k * steps[1]);                                          \
            char *to = args[2] + k * steps[2];                                                                   \
            npy_intp left = dimensions[2];                                                                       \
            for (; left >= 4; left -= 4, x += 4 * steps[4], to += 4 * next) {                                    \
                columns_##type(x, rows, steps + 3, begin, to, next, 4);                                          \
            }                                                                                                    \
            switch (left) {                                                                                      \
                case 3: columns_##type(x, rows, steps + 3, begin, to, next, 3); break;                           \
                case 2: columns_##type(x, rows, steps + 3, begin, to, next, 2); break;                           \
                case 1: columns_##type(x, rows, steps + 3, begin, to, next, 1); break;                           \
                default: break;                                                                                  \
            }                                                                                                    \
        }                                                                                                        \
    }
SUMS(f, npy_float)
SUMS(d, npy_double)

static struct {
    const char *name, *signature;
    int operands;
    PyUFuncGenericFunction loops[2];
} OPERATIONS[] = {
    {"add", "(m,n),(m,n)->(m,n)", 2, {add_single, add_double}},
    {"subtract", "(m,n),(m,n)->(m,n)", 2, {subtract_single, subtract_double}},
    {"multiply", "(m,n),(m,n)->(m,n)", 2, {multiply_single, multiply_double}},
    {"divide", "(m,n),(m,n)->(m,n)", 2, {divide_single, divide_double}},
    {"copy", "(m,n)->(m,n)", 1, {copy_single, copy_double}},
};

static PyObject *short_rows(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing)) {
    static char types[2][6] = {{NPY_FLOAT, NPY_FLOAT, NPY_DOUBLE, NPY_DOUBLE},
                               {NPY_FLOAT, NPY_FLOAT, NPY_FLOAT, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE}};
    static void *data[2];
    PyObject *found = PyDict_New();
    for (size_t k = 0; found != NULL && k < sizeof OPERATIONS / sizeof *OPERATIONS; k++) {
        PyObject *ufunc = PyUFunc_FromFuncAndDataAndSignature(
            OPERATIONS[k].loops, data, types[OPERATIONS[k].operands - 1], 2, OPERATIONS[k].operands, 1, PyUFunc_None,
            OPERATIONS[k].name, "The same of matrices, for those with short rows.", 0, OPERATIONS[k].signature);
        if (ufunc == NULL || PyDict_SetItemString(found, OPERATIONS[k].name, ufunc) < 0) {
            Py_CLEAR(found);
        }
        Py_XDECREF(ufunc);
    }
    return found;
}

static PyObject *short_sums(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing)) {
    static PyUFuncGenericFunction rows[] = {row_sums_f, row_sums_d}, columns[] = {column_sums_f, column_sums_d};
    static char types[] = {NPY_FLOAT, NPY_FLOAT, NPY_FLOAT, NPY_DOUBLE, NPY_DOUBLE, NPY_DOUBLE};
    static void *data[2];
    PyObject *of_rows = PyUFunc_FromFuncAndDataAndSignature(rows, data, types, 2, 2, 1, PyUFunc_None, "row_sums",
                                                            "The sum of each row.", 0, "(n),()->()");
    PyObject *of_columns = PyUFunc_FromFuncAndDataAndSignature(columns, data, types, 2, 2, 1, PyUFunc_None, "column_sums",
                                                               "The sum of each column.", 0, "(m,n),()->(n)");
    return of_rows == NULL || of_columns == NULL ? NULL : Py_BuildValue("{s(NN)}", "add", of_rows, of_columns);
}

PyMethodDef short_row_methods[] = {
    {"short_rows", short_rows, METH_NOARGS, "Return ufuncs that do arithmetic on short rows, by the names of NumPy's, and `copy`."},
    {"short_sums", short_sums, METH_NOARGS, "Return ufuncs that reduce short rows, and columns that are few, by the names of NumPy's."},
    {NULL, NULL, 0, NULL},
};
