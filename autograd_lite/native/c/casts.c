/* Copies as ufuncs: casts, one for each dtype that is cast to, as NumPy does to operands of other dtypes than a loop's,
 * and what is no ufunc in NumPy: a choice between two values, parts of complex numbers, masks,
 * checks. */
#include "kernels.h"

#include <complex.h>
#include <fenv.h>

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
#define FROM_ANY(DO, TO, to) FROM_ALL(DO, TO, to) DO(npy_cfloat, TO, cfloat, to) DO(npy_cdouble, TO, cdouble, to)
FROM_ANY(CAST, npy_cfloat, cfloat)
FROM_ANY(CAST, npy_cdouble, cdouble)
FROM_INTEGERS(CAST, npy_long, long)
FROM_INTEGERS(CAST, npy_int, int)
CAST(npy_bool, npy_bool, bool, bool)

enum { MOST = 13 };
static const char FROM[MOST] = {NPY_BOOL, NPY_BYTE, NPY_UBYTE, NPY_SHORT, NPY_USHORT, NPY_INT,
                                NPY_UINT, NPY_LONG, NPY_ULONG, NPY_FLOAT, NPY_DOUBLE, NPY_CFLOAT, NPY_CDOUBLE};
#define LOOP_OF(FROM, TO, from, to) from##_to_##to,
static struct {
    const char *name;
    char type;
    int n;
    PyUFuncGenericFunction loops[MOST];
} TO[] = {
    {"f", NPY_FLOAT, 11, {FROM_ALL(LOOP_OF, npy_float, float)}},
    {"d", NPY_DOUBLE, 11, {FROM_ALL(LOOP_OF, npy_double, double)}},
    {"F", NPY_CFLOAT, 13, {FROM_ANY(LOOP_OF, npy_cfloat, cfloat)}},
    {"D", NPY_CDOUBLE, 13, {FROM_ANY(LOOP_OF, npy_cdouble, cdouble)}},
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
SELECT(npy_cfloat, cfloat)
SELECT(npy_cdouble, cdouble)

/* Loops of one operand, and of two of the same dtype. */
#define LOOP_1(name, FROM, TO, VALUE)                                                             \
    static void name(LOOP_ARGUMENTS) {                                                            \
        (void)data;                                                                               \
        for (npy_intp i = 0; i < dimensions[0]; i++) {                                            \
            const FROM x = *(const FROM *)(args[0] + i * steps[0]);                               \
            *(TO *)(args[1] + i * steps[1]) = VALUE;                                              \
        }                                                                                         \
    }
#define LOOP_2(name, T, VALUE)                                                                    \
    static void name(LOOP_ARGUMENTS) {                                                            \
        (void)data;                                                                               \
        for (npy_intp i = 0; i < dimensions[0]; i++) {                                            \
            const T x = *(const T *)(args[0] + i * steps[0]), y = *(const T *)(args[1] + i * steps[1]); \
            *(T *)(args[2] + i * steps[2]) = VALUE;                                               \
        }                                                                                         \
    }
LOOP_1(real_cfloat, npy_cfloat, npy_float, crealf(x))
LOOP_1(real_cdouble, npy_cdouble, npy_double, creal(x))
LOOP_1(imag_cfloat, npy_cfloat, npy_float, cimagf(x))
LOOP_1(imag_cdouble, npy_cdouble, npy_double, cimag(x))
LOOP_2(masked_float, npy_float, isnan(x) && y == 0 ? 0 : x)
LOOP_2(masked_double, npy_double, isnan(x) && y == 0 ? 0 : x)
LOOP_2(masked_cfloat, npy_cfloat, (isnan(crealf(x)) || isnan(cimagf(x))) && y == 0 ? 0 : x)
LOOP_2(masked_cdouble, npy_cdouble, (isnan(creal(x)) || isnan(cimag(x))) && y == 0 ? 0 : x)

/* Copies that raise the invalid flag where there is a NaN. */
#define WITHOUT_NAN(t, T, IS_NAN)                                                                 \
    static void without_nan_##t(LOOP_ARGUMENTS) {                                                 \
        int any = 0;                                                                              \
        (void)data;                                                                               \
        for (npy_intp i = 0; i < dimensions[0]; i++) {                                            \
            const T x = *(const T *)(args[0] + i * steps[0]);                                     \
            any |= IS_NAN;                                                                        \
            *(T *)(args[1] + i * steps[1]) = x;                                                   \
        }                                                                                         \
        if (any) {                                                                                \
            feraiseexcept(FE_INVALID);                                                            \
        }                                                                                         \
    }
WITHOUT_NAN(float, npy_float, isnan(x))
WITHOUT_NAN(double, npy_double, isnan(x))
WITHOUT_NAN(cfloat, npy_cfloat, isnan(crealf(x)) | isnan(cimagf(x)))
WITHOUT_NAN(cdouble, npy_cdouble, isnan(creal(x)) | isnan(cimag(x)))

/* The ufuncs of these loops, by their number of inputs, with the types of all operands, loop after loop. */
enum { MOST_LOOPS = 7 };
static const struct {
    const char *name, *doc;
    int n, inputs;
    char types[4 * MOST_LOOPS];
    PyUFuncGenericFunction loops[MOST_LOOPS];
} CHOICES[] = {
#define TYPES(T) NPY_BOOL, T, T, T
    {"select", "The second where the first is true, the third elsewhere.", 7, 3,
     {TYPES(NPY_BOOL), TYPES(NPY_INT), TYPES(NPY_LONG), TYPES(NPY_FLOAT), TYPES(NPY_DOUBLE), TYPES(NPY_CFLOAT),
      TYPES(NPY_CDOUBLE)},
     {select_bool, select_int, select_long, select_float, select_double, select_cfloat, select_cdouble}},
    {"real", "The real part.", 2, 1, {NPY_CFLOAT, NPY_FLOAT, NPY_CDOUBLE, NPY_DOUBLE}, {real_cfloat, real_cdouble}},
    {"imag", "The imaginary part.", 2, 1, {NPY_CFLOAT, NPY_FLOAT, NPY_CDOUBLE, NPY_DOUBLE}, {imag_cfloat, imag_cdouble}},
#define SAME(T) T, T, T
    {"zero_mask", "The first, but 0 where it is NaN and the second is 0.", 4, 2,
     {SAME(NPY_FLOAT), SAME(NPY_DOUBLE), SAME(NPY_CFLOAT), SAME(NPY_CDOUBLE)},
     {masked_float, masked_double, masked_cfloat, masked_cdouble}},
    {"without_nan", "The same; invalid where there is a NaN.", 4, 1,
     {NPY_FLOAT, NPY_FLOAT, NPY_DOUBLE, NPY_DOUBLE, NPY_CFLOAT, NPY_CFLOAT, NPY_CDOUBLE, NPY_CDOUBLE},
     {without_nan_float, without_nan_double, without_nan_cfloat, without_nan_cdouble}},
};

static PyObject *choices(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing)) {
    static void *data[MOST_LOOPS];
    PyObject *found = PyDict_New();
    for (size_t k = 0; found != NULL && k < sizeof CHOICES / sizeof *CHOICES; k++) {
        PyObject *ufunc =
            PyUFunc_FromFuncAndData((PyUFuncGenericFunction *)CHOICES[k].loops, data, (char *)CHOICES[k].types,
                                    CHOICES[k].n, CHOICES[k].inputs, 1, PyUFunc_None, CHOICES[k].name, CHOICES[k].doc, 0);
        if (ufunc == NULL || PyDict_SetItemString(found, CHOICES[k].name, ufunc) < 0) {
            Py_CLEAR(found);
        }
        Py_XDECREF(ufunc);
    }
    return found;
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
    {"choices", choices, METH_NOARGS, "Return ufuncs of copies that depend on values, by their names."},
    {"casts", casts, METH_NOARGS, "Return ufuncs that cast, by the characters of the dtypes that they cast to."},
    {NULL, NULL, 0, NULL},
};
