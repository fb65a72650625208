/* A segment as the body of a loop: it runs once for each entry of some arrays, with no Python in between, or as long as
 * one of its results says so. It returns the number of steps. */
#include "body_call.h"

enum { TURN = 64 }; /* steps after which signals are handled, and other threads of Python have their turn */

static PyObject *repeated(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *description;
    PyArrayObject *moves;
    Py_ssize_t first, stop, step, until;
    if (!PyArg_ParseTuple(args, "O!O!nnnn", &PyTuple_Type, &description, &PyArray_Type, &moves, &first, &stop, &step,
                          &until)) {
        return NULL;
    }
    BodyCall call;
    if (body_call_make(description, &call) < 0) {
        body_call_free(&call);
        return NULL;
    }
    const Py_ssize_t n = call.n_buffers;
    if (PyArray_TYPE(moves) != NPY_INTP || !PyArray_IS_C_CONTIGUOUS(moves) || PyArray_SIZE(moves) != n || step == 0 ||
        (stop - first) % step != 0 || (stop - first) / step < 0 || until >= n) {
        body_call_free(&call);
        PyErr_SetString(PyExc_ValueError, "repeat: the description of the loop is not sound");
        return NULL;
    }
    const npy_intp *by = PyArray_DATA(moves);
    for (Py_ssize_t k = 0; k < n; k++) {
        call.at[k] += first * by[k];
    }
    int invalid = 0, failed = 0, goes_on = 1;
    Py_ssize_t count = 0;
    for (Py_ssize_t t = first; !failed && goes_on && t != stop; t += step) {
        PyThreadState *state = call.segment->is_long ? PyEval_SaveThread() : NULL;
        const int wrong = body_call_run(&call);
        if (state != NULL) {
            PyEval_RestoreThread(state);
        }
        invalid |= wrong;
        failed = body_call_settle(&call, wrong) < 0;
        count++;
        if (!failed && (call.segment->is_long || count % TURN == 0)) {
            failed = turn_given();
        }
        goes_on = until < 0 || *(const npy_bool *)call.at[until];
        for (Py_ssize_t k = 0; k < n; k++) {
            call.at[k] += step * by[k];
        }
    }
    body_call_free(&call);
    if (!failed && invalid) {
        failed = PyUFunc_GiveFloatingpointErrors("compiled code", NPY_FPE_INVALID) < 0;
    }
    return failed ? NULL : PyLong_FromSsize_t(count);
}

PyMethodDef repeat_methods[] = {
    {"repeat", repeated, METH_VARARGS, "Run a segment once for each entry of some arrays, as long as a buffer is true, and copy its results."},
    {NULL, NULL, 0, NULL},
};
