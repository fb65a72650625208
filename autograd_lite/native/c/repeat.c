/* A segment as the body of a loop: it runs once for each entry of some arrays, with no Python in between, or as long as
 * one of its results says so. It returns the number of steps. */
#include "segment.h"

enum { TURN = 64 }; /* steps after which signals are handled, and other threads of Python have their turn */
enum { LENGTH, FROM, FROM_OFFSET, TO, TO_OFFSET, BYTES, AXES, LENGTHS }; /* where things are in the record of a copy */

/* What lies where during one step. */
typedef struct {
    Segment *segment;
    const npy_intp *slots, *copies, *copies_end;
    Py_ssize_t n_slots, n_buffers;
    char **at;
} Repetition;

static void copied(const npy_intp *lengths, const npy_intp *from_strides, const npy_intp *to_strides, npy_intp axes,
                   npy_intp bytes, const char *from, char *to) {
    if (axes == 0) {
        if (bytes == sizeof(npy_int64)) { /* a number, faster than by a call */
            memcpy(to, from, sizeof(npy_int64));
        } else {
            memcpy(to, from, bytes);
        }
        return;
    }
    for (npy_intp k = 0; k < *lengths; k++, from += *from_strides, to += *to_strides) {
        copied(lengths + 1, from_strides + 1, to_strides + 1, axes - 1, bytes, from, to);
    }
}

/* Run one step: the segment with its arguments and results in buffers, then the copies from its results to others. */
static int step_run(const Repetition *loop) {
    char **slots = loop->segment->memory + 1 + loop->segment->fixed;
    for (Py_ssize_t k = 0; k < loop->n_slots; k++) {
        slots[k] = loop->at[loop->slots[k]];
    }
    const int invalid = segment_run(loop->segment);
    if (invalid >= CHECKED) {
        return invalid;
    }
    for (const npy_intp *copy = loop->copies; copy < loop->copies_end; copy += copy[LENGTH]) {
        const npy_intp n = copy[AXES];
        const char *from = copy[FROM] < 0 ? loop->segment->memory[-copy[FROM]] : loop->at[copy[FROM]];
        copied(copy + LENGTHS, copy + LENGTHS + n, copy + LENGTHS + 2 * n, n, copy[BYTES], from + copy[FROM_OFFSET],
               loop->at[copy[TO]] + copy[TO_OFFSET]);
    }
    return invalid;
}

/* Let signals be handled and other threads run; return whether an exception came of it. */
static int turn_given(void) {
    PyThreadState *state = PyEval_SaveThread();
    PyEval_RestoreThread(state);
    return PyErr_CheckSignals() < 0;
}

static int is_row(PyArrayObject *a) {
    return PyArray_TYPE(a) == NPY_INTP && PyArray_NDIM(a) == 1 && PyArray_IS_C_CONTIGUOUS(a);
}

/* Check that slots and copies name buffers and memory that there are. */
static int is_sound(const Repetition *loop) {
    for (Py_ssize_t k = 0; k < loop->n_slots; k++) {
        if (loop->slots[k] < 0 || loop->slots[k] >= loop->n_buffers) {
            return 0;
        }
    }
    for (const npy_intp *copy = loop->copies; copy < loop->copies_end; copy += copy[LENGTH]) {
        if (loop->copies_end - copy < LENGTHS || copy[AXES] < 0 || copy[LENGTH] != LENGTHS + 3 * copy[AXES] ||
            copy[LENGTH] > loop->copies_end - copy || copy[FROM] < -loop->segment->fixed ||
            copy[FROM] >= loop->n_buffers || copy[TO] < 0 || copy[TO] >= loop->n_buffers) {
            return 0;
        }
    }
    return 1;
}

static PyObject *repeated(PyObject *Py_UNUSED(module), PyObject *args) {
    Segment *segment;
    PyObject *buffers;
    PyArrayObject *slots, *moves, *copies;
    Py_ssize_t first, stop, step, until;
    if (!PyArg_ParseTuple(args, "O!O!O!O!O!nnnn", &SegmentType, &segment, &PyTuple_Type, &buffers, &PyArray_Type, &slots,
                          &PyArray_Type, &moves, &PyArray_Type, &copies, &first, &stop, &step, &until)) {
        return NULL;
    }
    const Py_ssize_t n = PyTuple_GET_SIZE(buffers);
    Repetition loop = {segment, PyArray_DATA(slots), PyArray_DATA(copies), NULL, PyArray_SIZE(slots), n, NULL};
    loop.copies_end = loop.copies + PyArray_SIZE(copies);
    if (!is_row(slots) || !is_row(moves) || !is_row(copies) || PyArray_SIZE(moves) != n || step == 0 ||
        (stop - first) % step != 0 || (stop - first) / step < 0 || until >= n ||
        loop.n_slots != segment->n_arguments + segment->n_results || !is_sound(&loop)) {
        PyErr_SetString(PyExc_ValueError, "repeat: the description of the loop is not sound");
        return NULL;
    }
    for (Py_ssize_t k = 0; k < n; k++) {
        if (!PyArray_Check(PyTuple_GET_ITEM(buffers, k))) {
            PyErr_SetString(PyExc_TypeError, "repeat: expected buffers that are arrays");
            return NULL;
        }
    }
    if ((loop.at = PyMem_Calloc(n + 1, sizeof *loop.at)) == NULL) {
        return PyErr_NoMemory();
    }
    const npy_intp *by = PyArray_DATA(moves);
    for (Py_ssize_t k = 0; k < n; k++) {
        loop.at[k] = PyArray_BYTES((PyArrayObject *)PyTuple_GET_ITEM(buffers, k)) + first * by[k];
    }
    int invalid = 0, failed = 0, goes_on = 1;
    Py_ssize_t count = 0;
    for (Py_ssize_t t = first; !failed && goes_on && t != stop; t += step) {
        PyThreadState *state = segment->is_long ? PyEval_SaveThread() : NULL;
        const int wrong = step_run(&loop);
        if (state != NULL) {
            PyEval_RestoreThread(state);
        }
        if (wrong >= CHECKED) {
            segment_raise(segment, wrong);
        }
        invalid |= wrong;
        failed = PyErr_Occurred() != NULL || segment_notice(segment) < 0;
        count++;
        if (!failed && (segment->is_long || count % TURN == 0)) {
            failed = turn_given();
        }
        goes_on = until < 0 || *(const npy_bool *)loop.at[until];
        for (Py_ssize_t k = 0; k < n; k++) {
            loop.at[k] += step * by[k];
        }
    }
    PyMem_Free(loop.at);
    if (!failed && invalid) {
        failed = PyUFunc_GiveFloatingpointErrors("compiled code", NPY_FPE_INVALID) < 0;
    }
    return failed ? NULL : PyLong_FromSsize_t(count);
}

PyMethodDef repeat_methods[] = {
    {"repeat", repeated, METH_VARARGS, "Run a segment once for each entry of some arrays, as long as a buffer is true, and copy its results."},
    {NULL, NULL, 0, NULL},
};
