/* Libraries that were compiled while the process runs: their functions as objects, which keep them loaded. */
#include "segment.h"
#include <dlfcn.h>

const char *const FUSED = "autograd_lite.fused"; /* the name of capsules that hold a FusedFunction */

static void capsule_free(PyObject *capsule) { dlclose(PyCapsule_GetContext(capsule)); }

/* Load a library, and return a capsule with the address of a function of it. */
static PyObject *load(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *path;
    const char *function;
    if (!PyArg_ParseTuple(args, "O&s", PyUnicode_FSConverter, &path, &function)) {
        return NULL;
    }
    void *library = dlopen(PyBytes_AS_STRING(path), RTLD_NOW | RTLD_LOCAL), *address = NULL;
    if (library == NULL || (address = dlsym(library, function)) == NULL) {
        PyErr_Format(PyExc_OSError, "load: %s", dlerror());
    }
    Py_DECREF(path);
    PyObject *capsule = address == NULL ? NULL : PyCapsule_New(address, FUSED, capsule_free);
    if (capsule != NULL) {
        PyCapsule_SetContext(capsule, library);
    } else if (library != NULL) {
        dlclose(library);
    }
    return capsule;
}

PyMethodDef library_methods[] = {
    {"load", load, METH_VARARGS, "Load a library, and return a function of it, which keeps it loaded."},
    {NULL, NULL, 0, NULL},
};
