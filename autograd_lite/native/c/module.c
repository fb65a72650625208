/* The extension module: chooses a table of kernels, and makes ufuncs of its rows. */
#define AUTOGRAD_LITE_MODULE
#include "segment.h"

static const char *const NAMES[] = {
#if defined(__x86_64__)
    "avx512", "avx2", "baseline",
#elif defined(__aarch64__)
    "neon",
#else
    "baseline",
#endif
};
#define N_SETS ((int)(sizeof NAMES / sizeof *NAMES))

/* Return the table of a set of instructions, or NULL if this processor lacks it. */
static const Kernel *table_of(int set) {
#if defined(__x86_64__)
    if (set == 0) {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                       __builtin_cpu_supports("fma")
                   ? kernels_avx512
                   : NULL;
    }
    if (set == 1) {
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? kernels_avx2 : NULL;
    }
#endif
    (void)set;
    return kernels_baseline;
}

/* Return a ufunc of a kernel. What it points to lives as long as the process. */
static PyObject *ufunc_of(const Kernel *kernel) {
    const int n = kernel->nin + kernel->nout;
    PyUFuncGenericFunction *loops = PyMem_RawCalloc(2, sizeof *loops);
    char *types = PyMem_RawCalloc(2 * n, 1);
    void **data = PyMem_RawCalloc(2, sizeof *data);
    if (loops == NULL || types == NULL || data == NULL) {
        return PyErr_NoMemory();
    }
    int found = 0;
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < n && kernel->loops[k] != NULL; i++) {
            const char type = kernel->types[k] == NULL ? "fd"[k] : kernel->types[k][i];
            types[found * n + i] = (char)PyArray_DescrFromType(type)->type_num;
        }
        loops[found] = kernel->loops[k];
        found += kernel->loops[k] != NULL;
    }
    return PyUFunc_FromFuncAndDataAndSignature(loops, data, types, found, kernel->nin, kernel->nout, PyUFunc_None,
                                               kernel->name, kernel->doc, 0, kernel->signature);
}

/* Return a ufunc like `theirs` with the loops of `ours` for the dtypes whose characters are given. */
static PyObject *with_loops(PyObject *Py_UNUSED(module), PyObject *args) {
    PyUFuncObject *theirs, *ours;
    const char *chars;
    if (!PyArg_ParseTuple(args, "O!O!s", &PyUFunc_Type, &theirs, &PyUFunc_Type, &ours, &chars)) {
        return NULL;
    }
    const int n = theirs->nargs;
    if (n != ours->nargs || theirs->nin != ours->nin) {
        return PyErr_Format(PyExc_ValueError, "with_loops: expected ufuncs with as many operands, received '%s' and '%s'",
                            theirs->name, ours->name);
    }
    PyUFuncGenericFunction *loops = PyMem_RawCalloc(theirs->ntypes, sizeof *loops);
    void **data = PyMem_RawCalloc(theirs->ntypes, sizeof *data);
    Replaced *replaced = PyMem_RawCalloc(theirs->ntypes, sizeof *replaced);
    if (loops == NULL || data == NULL || replaced == NULL) {
        return PyErr_NoMemory();
    }
    for (int k = 0; k < theirs->ntypes; k++) {
        const char *types = theirs->types + k * n;
        loops[k] = theirs->functions[k];
        data[k] = theirs->data == NULL ? NULL : (void *)theirs->data[k];
        for (int j = 0; j < ours->ntypes; j++) {
            const char type = types[0] == NPY_FLOAT ? 'f' : types[0] == NPY_DOUBLE ? 'd' : '\0';
            if (memcmp(types, ours->types + j * n, n) == 0 && type != '\0' && strchr(chars, type) != NULL) {
                replaced[k] = (Replaced){loops[k], data[k]};
                loops[k] = ours->functions[j];
                data[k] = &replaced[k];
            }
        }
    }
    PyObject *made = PyUFunc_FromFuncAndDataAndSignatureAndIdentity(
        loops, data, (char *)theirs->types, theirs->ntypes, theirs->nin, theirs->nout, theirs->identity, theirs->name,
        theirs->doc, 0, theirs->core_signature, theirs->identity_value);
    if (made != NULL) { /* which loop mixed dtypes have */
        ((PyUFuncObject *)made)->type_resolver = theirs->type_resolver;
    }
    return made;
}

/* Put ufuncs of all kernels of a table into a dictionary. */
static int add_ufuncs(PyObject *to, const Kernel *kernel) {
    int failed = 0;
    for (; !failed && kernel->name != NULL; kernel++) {
        PyObject *ufunc = ufunc_of(kernel);
        failed = ufunc == NULL || PyDict_SetItemString(to, kernel->name, ufunc) < 0;
        Py_XDECREF(ufunc);
    }
    return failed ? -1 : 0;
}

static PyObject *ufuncs(PyObject *Py_UNUSED(module), PyObject *argument) {
    const char *wanted = PyUnicode_AsUTF8(argument);
    if (wanted == NULL) {
        return NULL;
    }
    for (int set = 0; set < N_SETS; set++) {
        if (strcmp(wanted, NAMES[set]) != 0) {
            continue;
        }
        const Kernel *table = table_of(set);
        if (table == NULL) {
            break;
        }
        PyObject *found = PyDict_New();
        if (found == NULL || add_ufuncs(found, table) < 0 || add_ufuncs(found, kernels_small) < 0) {
            Py_CLEAR(found);
        }
        return found;
    }
    return PyErr_Format(PyExc_ValueError, "ufuncs: this processor lacks the instructions of '%s'", wanted);
}

static PyObject *instruction_sets(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing)) {
    PyObject *found = PyList_New(0);
    for (int set = 0; found != NULL && set < N_SETS; set++) {
        if (table_of(set) == NULL) {
            continue;
        }
        PyObject *name = PyUnicode_FromString(NAMES[set]);
        if (name == NULL || PyList_Append(found, name) < 0) {
            Py_CLEAR(found);
        }
        Py_XDECREF(name);
    }
    return found;
}

static PyMethodDef METHODS[] = {
    {"ufuncs", ufuncs, METH_O, "Return the kernels, built for a set of instructions, by their names."},
    {"with_loops", with_loops, METH_VARARGS,
     "Return a ufunc like the first one with the loops of the second for the dtypes of the characters given."},
    {"instruction_sets", instruction_sets, METH_NOARGS,
     "Return the sets of instructions that this was built for and the processor has, the best first."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "library", "Kernels in C.", -1, NULL, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit_library(void) {
    if (PyArray_ImportNumPyAPI() < 0 || PyUFunc_ImportUFuncAPI() < 0) {
        return NULL;
    }
    PyObject *module = PyModule_Create(&MODULE);
    PyMethodDef *const methods[] = {METHODS,         body_call_methods, cast_methods,        coloring_methods,
                                    guards_methods,  gather_methods,    index_set_methods,   library_methods,
                                    product_methods, repeat_methods,    rosenbrock_methods,  runge_kutta_methods,
                                    sharing_methods, short_row_methods, view_methods};
    for (size_t k = 0; module != NULL && k < sizeof methods / sizeof *methods; k++) {
        if (PyModule_AddFunctions(module, methods[k]) < 0) {
            Py_CLEAR(module);
        }
    }
    if (module != NULL && (PyModule_AddType(module, &SegmentType) < 0 || PyModule_AddIntMacro(module, INTERFACE) < 0)) {
        Py_CLEAR(module);
    }
    return module;
}
