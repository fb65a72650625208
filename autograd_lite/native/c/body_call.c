/* Calls of bodies. */
#include "body_call.h"

enum { LENGTH, FROM, FROM_OFFSET, TO, TO_OFFSET, BYTES, AXES, LENGTHS }; /* where things are in the record of a copy */

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

int body_call_run(const BodyCall *call) {
    char **slots = call->segment->memory + 1 + call->segment->fixed;
    for (Py_ssize_t k = 0; k < call->n_slots; k++) {
        slots[k] = call->at[call->slots[k]];
    }
    const int invalid = segment_run(call->segment);
    if (invalid >= CHECKED) {
        return invalid;
    }
    for (const npy_intp *copy = call->copies; copy < call->copies_end; copy += copy[LENGTH]) {
        const npy_intp n = copy[AXES];
        const char *from = copy[FROM] < 0 ? call->segment->memory[-copy[FROM]] : call->at[copy[FROM]];
        copied(copy + LENGTHS, copy + LENGTHS + n, copy + LENGTHS + 2 * n, n, copy[BYTES], from + copy[FROM_OFFSET],
               call->at[copy[TO]] + copy[TO_OFFSET]);
    }
    return invalid;
}

int turn_given(void) {
    PyThreadState *state = PyEval_SaveThread();
    PyEval_RestoreThread(state);
    return PyErr_CheckSignals() < 0;
}

int body_call_settle(const BodyCall *call, int wrong) {
    if (wrong >= CHECKED) {
        segment_raise(call->segment, wrong);
    }
    return PyErr_Occurred() != NULL || segment_notice(call->segment) < 0 ? -1 : 0;
}

static int is_row(PyArrayObject *a) {
    return PyArray_TYPE(a) == NPY_INTP && PyArray_NDIM(a) == 1 && PyArray_IS_C_CONTIGUOUS(a);
}

/* Check that slots and copies name buffers and memory that there are. */
static int is_sound(const BodyCall *call) {
    for (Py_ssize_t k = 0; k < call->n_slots; k++) {
        if (call->slots[k] < 0 || call->slots[k] >= call->n_buffers) {
            return 0;
        }
    }
    for (const npy_intp *copy = call->copies; copy < call->copies_end; copy += copy[LENGTH]) {
        if (call->copies_end - copy < LENGTHS || copy[AXES] < 0 || copy[LENGTH] != LENGTHS + 3 * copy[AXES] ||
            copy[LENGTH] > call->copies_end - copy || copy[FROM] < -call->segment->fixed ||
            copy[FROM] >= call->n_buffers || copy[TO] < 0 || copy[TO] >= call->n_buffers) {
            return 0;
        }
    }
    return 1;
}

/* Return whether elements of so many bytes, which lie so from an offset on, are within so many bytes. */
static int is_within(npy_intp all, npy_intp offset, npy_intp bytes, npy_intp axes, const npy_intp *lengths,
                     const npy_intp *strides) {
    npy_intp low = offset, high = offset + bytes;
    for (npy_intp d = 0; d < axes; d++) {
        if (lengths[d] <= 0) {
            return lengths[d] == 0;
        }
        const npy_intp reach = (lengths[d] - 1) * strides[d];
        *(reach < 0 ? &low : &high) += reach;
    }
    return low >= 0 && high <= all;
}

int body_call_fits(const BodyCall *call, PyObject *buffers) {
    const Segment *segment = call->segment;
    int fits = 1;
    for (Py_ssize_t k = 0; k < call->n_slots && fits; k++) {
        const Kind *kind =
            k < segment->n_arguments ? segment->arguments + k : segment->results + (k - segment->n_arguments);
        PyArrayObject *a = (PyArrayObject *)PyTuple_GET_ITEM(buffers, call->slots[k]);
        fits = PyArray_IS_C_CONTIGUOUS(a) && PyArray_EquivTypes(PyArray_DESCR(a), kind->dtype) &&
               is_within(PyArray_NBYTES(a), 0, PyArray_ITEMSIZE(a), kind->dimensions, kind->shape, kind->strides);
    }
    for (const npy_intp *copy = call->copies; copy < call->copies_end && fits; copy += copy[LENGTH]) {
        const npy_intp n = copy[AXES], *lengths = copy + LENGTHS;
        PyArrayObject *to = (PyArrayObject *)PyTuple_GET_ITEM(buffers, copy[TO]);
        PyArrayObject *from = copy[FROM] < 0 ? NULL : (PyArrayObject *)PyTuple_GET_ITEM(buffers, copy[FROM]);
        fits = copy[BYTES] >= 0 && PyArray_ISCARRAY(to) &&
               is_within(PyArray_NBYTES(to), copy[TO_OFFSET], copy[BYTES], n, lengths, lengths + 2 * n) &&
               (from == NULL || (PyArray_IS_C_CONTIGUOUS(from) && is_within(PyArray_NBYTES(from), copy[FROM_OFFSET],
                                                                            copy[BYTES], n, lengths, lengths + n)));
    }
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "the buffers of a call do not have what its slots and copies take");
    }
    return fits;
}

int body_call_make(PyObject *description, BodyCall *call) {
    PyObject *buffers;
    PyArrayObject *slots, *copies;
    memset(call, 0, sizeof *call);
    if (!PyArg_ParseTuple(description, "O!O!O!O!", &SegmentType, &call->segment, &PyTuple_Type, &buffers, &PyArray_Type,
                          &slots, &PyArray_Type, &copies)) {
        return -1;
    }
    call->n_buffers = PyTuple_GET_SIZE(buffers);
    call->n_slots = PyArray_SIZE(slots);
    call->slots = PyArray_DATA(slots);
    call->copies = PyArray_DATA(copies);
    call->copies_end = call->copies + PyArray_SIZE(copies);
    if (!is_row(slots) || !is_row(copies) || call->n_slots != call->segment->n_arguments + call->segment->n_results ||
        !is_sound(call)) {
        PyErr_SetString(PyExc_ValueError, "the description of a call is not sound");
        return -1;
    }
    if ((call->at = PyMem_Calloc(call->n_buffers + 1, sizeof *call->at)) == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (Py_ssize_t k = 0; k < call->n_buffers; k++) {
        PyObject *buffer = PyTuple_GET_ITEM(buffers, k);
        if (!PyArray_Check(buffer)) {
            PyErr_SetString(PyExc_TypeError, "expected buffers that are arrays");
            return -1;
        }
        call->at[k] = PyArray_BYTES((PyArrayObject *)buffer);
    }
    return 0;
}

void body_call_free(BodyCall *call) {
    PyMem_Free(call->at);
    call->at = NULL;
}

const double *doubles_in(PyObject *array, npy_intp count, const char *name) {
    PyArrayObject *a = (PyArrayObject *)array;
    if (!PyArray_Check(array) || PyArray_TYPE(a) != NPY_DOUBLE || !PyArray_ISCARRAY_RO(a) || PyArray_SIZE(a) != count) {
        PyErr_Format(PyExc_ValueError, "%s: expected %zd numbers of float64, one after the other", name,
                     (Py_ssize_t)count);
        return NULL;
    }
    return PyArray_DATA(a);
}

double *doubles_of(PyObject *array, npy_intp count, const char *name) {
    if (doubles_in(array, count, name) == NULL) {
        return NULL;
    }
    if (!PyArray_ISWRITEABLE((PyArrayObject *)array)) {
        PyErr_Format(PyExc_ValueError, "%s: expected an array that can be written to", name);
        return NULL;
    }
    return PyArray_DATA((PyArrayObject *)array);
}

/* Call a body once. */
static PyObject *call_body(PyObject *Py_UNUSED(module), PyObject *description) {
    BodyCall call;
    int failed = !PyTuple_Check(description);
    if (failed) {
        return PyErr_Format(PyExc_TypeError, "call_body: expected a tuple");
    }
    failed = body_call_make(description, &call) < 0;
    if (!failed) {
        PyThreadState *state = call.segment->is_long ? PyEval_SaveThread() : NULL;
        const int wrong = body_call_run(&call);
        if (state != NULL) {
            PyEval_RestoreThread(state);
        }
        failed = body_call_settle(&call, wrong) < 0;
    }
    body_call_free(&call);
    return failed ? NULL : Py_NewRef(Py_None);
}

PyMethodDef body_call_methods[] = {
    {"call_body", call_body, METH_O, "Call a body once: a segment, buffers, the numbers of those in its slots, copies."},
    {NULL, NULL, 0, NULL},
};
