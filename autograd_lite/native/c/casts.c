/* Copies as ufuncs: casts, one for each dtype that is cast to, as NumPy does to operands of other dtypes than a loop's,
 * and a choice between two values, which is no ufunc in NumPy. */
#include "kernels.h"

#define CAST(FROM, TO, from, to)                                         \
    static void from##_to_##to(LOOP_ARGUMENTS) {                         \
        const npy_intp n = dimensions[0], in = steps[0], out = steps[1]; \
        const char *x = args[0];                                         \
        char *y = args[1];                                               \
        (void)data;                                                      \
        if (in == sizeof(FROM) && out == sizeof(TO)) {                   \
            for (npy_intp i = 0; i < n; i++) {                           \
                ((TO *)y)[i] = (TO)((const FROM *)x)[i];                 \
            }                                                            \
            return;                                                      \
        }                                                                \
        for (npy_intp i = 0; i < n; i++) {                               \
            *(TO *)(y + i * out) = (TO) * (const FROM *)(x + i * in);    \
        }                                                                \
    }

/* Casts from floating-point numbers to integers are undefined where they do not fit, so NumPy does them. */
#define FROM_INTEGERS(DO, TO, to)                                                        \
    DO(npy_bool, TO, bool, to) DO(npy_byte, TO, byte, to) DO(npy_ubyte, TO, ubyte, to)   \
    DO(npy_short, TO, short, to) DO(npy_ushort, TO, ushort, to) DO(npy_int, TO, int, to) \
    DO(npy_uint, TO, uint, to) DO(npy_long, TO, long, to) DO(npy_ulong, TO, ulong, to)
#define FROM_ALL(DO, TO, to) FROM_INTEGERS(DO, TO, to) DO(npy_float, TO, float, to) DO(npy_double, TO, double, to)

FROM_ALL(CAST, npy_float, float)
FROM_ALL(CAST, npy_double, double)
FROM_INTEGERS(CAST, npy_long, long)
FROM_INTEGERS(CAST, npy_int, int)
CAST(npy_bool, npy_bool, bool, bool)

enum { MOST = 11 };
static const char FROM[MOST] = {NPY_BOOL, NPY_BYTE, NPY_UBYTE, NPY_SHORT, NPY_USHORT, NPY_INT,
                                NPY_UINT, NPY_LONG, NPY_ULONG, NPY_FLOAT, NPY_DOUBLE};
#define LOOP_OF(FROM, TO, from, to) from##_to_##to,
static struct {
    const char *name;
    char type;
    int n;
    PyUFuncGenericFunction loops[MOST];
} TO[] = {
    {"f", NPY_FLOAT, 11, {FROM_ALL(LOOP_OF, npy_float, float)}},
    {"d", NPY_DOUBLE, 11, {FROM_ALL(LOOP_OF, npy_double, double)}},
    {"l", NPY_LONG, 9, {FROM_INTEGERS(LOOP_OF, npy_long, long)}},
    {"i", NPY_INT, 9, {FROM_INTEGERS(LOOP_OF, npy_int, int)}},
    {"?", NPY_BOOL, 1, {bool_to_bool}},
};
#define N_TO (sizeof TO / sizeof *TO)

#define SELECT(T, t)                                                                              \
    static void select_##t(LOOP_ARGUMENTS) {                                                      \
        const npy_intp n = dimensions[0], a = steps[0], b = steps[1], c = steps[2], d = steps[3]; \
        const char *w = args[0], *x = args[1], *y = args[2];                                      \
        char *z = args[3];                                                                        \
        (void)data;                                                                               \
        if (a == 1 && b == sizeof(T) && c == sizeof(T) && d == sizeof(T)) {                       \
            for (npy_intp i = 0; i < n; i++) {                                                    \
                const T one = ((const T *)x)[i], other = ((const T *)y)[i];                       \
                ((T *)z)[i] = w[i] ? one : other;                                                 \
            }                                                                                     \
            return;                                                                               \
        }                                                                                         \
        for (npy_intp i = 0; i < n; i++) {                                                        \
            const T one = *(const T *)(x + i * b), other = *(const T *)(y + i * c);               \
            *(T *)(z + i * d) = w[i * a] ? one : other;                                           \
        }                                                                                         \
    }
SELECT(npy_bool, bool)
SELECT(npy_int, int)
SELECT(npy_long, long)
SELECT(npy_float, float)
SELECT(npy_double, double)

static PyObject *selecting(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing)) {
    static PyUFuncGenericFunction loops[] = {select_bool, select_int, select_long, select_float, select_double};
#define TYPES(T) NPY_BOOL, T, T, T
    static const char types[] = {TYPES(NPY_BOOL), TYPES(NPY_INT), TYPES(NPY_LONG), TYPES(NPY_FLOAT), TYPES(NPY_DOUBLE)};
    static void *data[5];
    return PyUFunc_FromFuncAndData(loops, data, types, 5, 3, 1, PyUFunc_None, "select",
                                   "The second where the first is true, the third elsewhere.", 0);
}

static PyObject *casts(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing)) {
    static char types[N_TO][2 * MOST];
    static void *data[MOST];
    PyObject *found = PyDict_New();
    for (size_t k = 0; found != NULL && k < N_TO; k++) {
        for (int i = 0; i < TO[k].n; i++) {
            types[k][2 * i] = FROM[i];
            types[k][2 * i + 1] = TO[k].type;
        }
        PyObject *ufunc = PyUFunc_FromFuncAndData(TO[k].loops, data, types[k], TO[k].n, 1, 1, PyUFunc_None, "cast",
                                                  "The same number in another dtype.", 0);
        if (ufunc == NULL || PyDict_SetItemString(found, TO[k].name, ufunc) < 0) {
            Py_CLEAR(found);
        }
        Py_XDECREF(ufunc);
    }
    return found;
}

PyMethodDef cast_methods[] = {
    {"select", selecting, METH_NOARGS, "Return a ufunc that chooses between two values."},
    {"casts", casts, METH_NOARGS, "Return ufuncs that cast, by the characters of the dtypes that they cast to."},
    {NULL, NULL, 0, NULL},
};
