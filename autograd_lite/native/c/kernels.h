/* What a kernel is: one row of a table, from which NumPy gets a ufunc. */
#ifndef AUTOGRAD_LITE_KERNELS_H
#define AUTOGRAD_LITE_KERNELS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#define NPY_NO_DEPRECATED_API NPY_2_0_API_VERSION
#define NPY_TARGET_VERSION NPY_2_0_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL autograd_lite_array_api
#define PY_UFUNC_UNIQUE_SYMBOL autograd_lite_ufunc_api
#ifndef AUTOGRAD_LITE_MODULE
#define NO_IMPORT_ARRAY
#define NO_IMPORT_UFUNC
#endif
#include <numpy/arrayobject.h>
#include <numpy/ufuncobject.h>

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#define INTERFACE 21 /* see ../kernels.py */

typedef struct {
    const char *name;
    const char *signature;        /* of a generalized ufunc; NULL for an elementwise one */
    int nin, nout;
    PyUFuncGenericFunction loops[2]; /* for float32 and float64; NULL if there is none */
    const char *types[2]; /* a character of NumPy's for each operand; NULL where all are the loop's own */
    const char *doc;
} Kernel;

/* The loop that one of ours took the place of in a copy of NumPy's ufunc: what ours gets as its data. */
typedef struct {
    PyUFuncGenericFunction loop;
    void *data;
} Replaced;

/* The tables, one for each set of instructions that this was built for; the last row has no name. */
extern const Kernel kernels_baseline[], kernels_small[]; /* the second for all of them */
#if defined(__x86_64__)
extern const Kernel kernels_avx2[];
extern const Kernel kernels_avx512[];
#endif

/* The functions of the module, by the file that they are in. */
extern PyMethodDef body_call_methods[], cast_methods[], coloring_methods[], guards_methods[], gather_methods[],
    index_set_methods[], library_methods[], product_methods[], repeat_methods[], rosenbrock_methods[],
    runge_kutta_methods[], sharing_methods[], short_row_methods[], view_methods[];

/* Find where objects of a type keep what is in slots of these names; return -1 after an error. */
int read_slots(PyObject *type, const char *const *names, Py_ssize_t *places, int n);

#define LOOP_ARGUMENTS char **args, const npy_intp *dimensions, const npy_intp *steps, void *data

#endif
