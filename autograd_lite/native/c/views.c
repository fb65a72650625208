/* Making a Tensor that is a view of another one, and noting that: see tensors/views.py, which has the same in Python. */
#include "kernels.h"

enum { DATA, NODE, SHARED, VIEW, N_SLOTS };
static const char *const SLOT_NAMES[N_SLOTS] = {"_data", "_node", "_shared", "_view"};
static Py_ssize_t slots[N_SLOTS];

#define SLOT(object, slot) (*(PyObject **)((char *)(object) + slots[slot]))

/* What a maker of views has: the list of views, one of how many these may be, what shortens it, what makes other views,
   and how many views may lie between a view and what is none. */
enum { NEW, LIMIT, SHORTEN, OTHER, DEEP };
/* What it takes: as `views.new_view`. */
enum { X, OUT, MADE_BY, OP, PARAMS, VALUE, N_ARGUMENTS };

/* Return how many views lie between a new view of a Tensor and what is none; -1 if this takes a look at more. */
static long depth_of(PyObject *const *args, PyObject *self) {
    PyObject *value = args[VALUE], *base = PyArray_BASE((PyArrayObject *)args[OUT]), *up = SLOT(args[X], VIEW);
    if (!PyArray_CheckExact(value) || (base != value && base != PyArray_BASE((PyArrayObject *)value))) {
        return -1;
    }
    if (up == NULL || up == Py_None) {
        return 0;
    }
    if (!PyTuple_CheckExact(up) || PyTuple_GET_SIZE(up) == 0) {
        return PyTuple_CheckExact(up) ? 0 : -1;
    }
    const long depth = PyLong_AsLong(PyTuple_GET_ITEM(up, PyTuple_GET_SIZE(up) - 1));
    return depth < PyLong_AsLong(PyTuple_GET_ITEM(self, DEEP)) ? depth + 1 : -1;
}

/* Note a view in the list; return -1 after an error. */
static int note(PyObject *view, PyObject *self) {
    PyObject *new = PyTuple_GET_ITEM(self, NEW), *weak = PyWeakref_NewRef(view, NULL);
    const int failed = weak == NULL || PyList_Append(new, weak) < 0;
    Py_XDECREF(weak);
    if (failed || PyList_GET_SIZE(new) <= PyLong_AsSsize_t(PyList_GET_ITEM(PyTuple_GET_ITEM(self, LIMIT), 0))) {
        return -failed;
    }
    PyObject *none = PyObject_CallNoArgs(PyTuple_GET_ITEM(self, SHORTEN));
    Py_XDECREF(none);
    return none == NULL ? -1 : 0;
}

static PyObject *new_view(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    static int is_ready = 0;
    if (n != N_ARGUMENTS || !PyArray_Check(args[OUT])) {
        return PyErr_Format(PyExc_TypeError, "new_view: expected %d arguments, the second one an array", N_ARGUMENTS);
    }
    PyTypeObject *type = Py_TYPE(args[X]);
    if (!is_ready && read_slots((PyObject *)type, SLOT_NAMES, slots, N_SLOTS) < 0) {
        return NULL;
    }
    is_ready = 1;
    const long depth = depth_of(args, self);
    if (depth < 0) {
        return PyErr_Occurred() ? NULL : PyObject_Vectorcall(PyTuple_GET_ITEM(self, OTHER), args, (size_t)n, NULL);
    }
    PyObject *views = PyLong_FromLong(depth);
    PyObject *link = views == NULL ? NULL : PyTuple_Pack(5, args[X], args[OP], args[PARAMS], args[VALUE], views);
    PyObject *view = link == NULL ? NULL : type->tp_alloc(type, 0);
    Py_XDECREF(views);
    if (view == NULL) {
        Py_XDECREF(link);
        return NULL;
    }
    SLOT(view, DATA) = Py_NewRef(args[OUT]);
    SLOT(view, NODE) = Py_NewRef(args[MADE_BY]);
    SLOT(view, SHARED) = Py_NewRef(Py_True);
    SLOT(view, VIEW) = link;
    Py_XSETREF(SLOT(args[X], SHARED), Py_NewRef(Py_True));
    if (note(view, self) < 0) {
        Py_CLEAR(view);
    }
    return view;
}

static PyObject *views_new(PyObject *Py_UNUSED(module), PyObject *args) {
    static PyMethodDef MAKER = {"new_view", (PyCFunction)(void (*)(void))new_view, METH_FASTCALL,
                                "Return a Tensor that is a view of another one, and note it."};
    PyObject *new, *limit, *shorten, *other, *deep;
    if (!PyArg_ParseTuple(args, "O!O!OOO!:views", &PyList_Type, &new, &PyList_Type, &limit, &shorten, &other,
                          &PyLong_Type, &deep)) {
        return NULL;
    }
    return PyCFunction_New(&MAKER, args);
}

PyMethodDef view_methods[] = {
    {"views", views_new, METH_VARARGS, "Return a function that makes views; see tensors/views.py."},
    {NULL, NULL, 0, NULL},
};
