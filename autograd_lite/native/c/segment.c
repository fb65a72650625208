/* A segment: instructions together with the memory that they work on, which is called from Python with some arrays. */
#include "quick.h"
#include "segment.h"
#include <numpy/arrayscalars.h>
#include <stdatomic.h>
#include <structmember.h>
#include <time.h>

/* ---- from Python's objects to C ------------------------------------------------------------------------------------ */

static void *zeros(Py_ssize_t n, size_t size) {
    void *memory = PyMem_Calloc(n + 1, size);
    return memory != NULL ? memory : PyErr_NoMemory();
}

/* Read tuples of an array and three flags; what was read before an exception is returned too. */
static Kind *kinds_of(PyObject *tuple) {
    Kind *found = zeros(PyTuple_GET_SIZE(tuple), sizeof *found);
    for (Py_ssize_t k = 0; found != NULL && k < PyTuple_GET_SIZE(tuple); k++) {
        PyArrayObject *like;
        Kind *kind = found + k;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(tuple, k), "O!ppp", &PyArray_Type, &like, &kind->is_number,
                              &kind->is_written, &kind->is_scalar)) {
            break;
        }
        kind->dtype = PyArray_DESCR(like);
        kind->dimensions = PyArray_NDIM(like);
        kind->shape = PyArray_DIMS(like);
        kind->strides = PyArray_STRIDES(like);
    }
    return found;
}

/* Find the loops, which are given as pairs of a ufunc and a number, in the same way. */
static Loop *loops_of(PyObject *tuple) {
    Loop *found = zeros(PyTuple_GET_SIZE(tuple), sizeof *found);
    for (Py_ssize_t k = 0; found != NULL && k < PyTuple_GET_SIZE(tuple); k++) {
        PyUFuncObject *ufunc;
        int i;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(tuple, k), "O!i", &PyUFunc_Type, &ufunc, &i)) {
            break;
        }
        if (i < 0 || i >= ufunc->ntypes || ufunc->functions == NULL || ufunc->functions[i] == NULL) {
            PyErr_Format(PyExc_ValueError, "Segment: %s has no loop %d", ufunc->name, i);
            break;
        }
        found[k].function = ufunc->functions[i];
        found[k].quick = quick_of(ufunc, i);
        found[k].data = ufunc->data == NULL ? NULL : ufunc->data[i];
        PyArray_Descr *dtype = PyArray_DescrFromType((unsigned char)ufunc->types[(i + 1) * ufunc->nargs - 1]);
        found[k].itemsize = (int)PyDataType_ELSIZE(dtype);
        Py_DECREF(dtype);
    }
    return found;
}

static int moves_are_sound(const npy_intp *moves, const npy_intp *end, npy_intp memory) {
    for (; moves < end; moves += MOVE) {
        if (moves[0] < 1 || moves[0] >= memory || moves[2] < 1 || moves[2] >= memory) {
            return 0;
        }
    }
    return 1;
}

/* Check that records are whole, and that they name loops and memory that there are. */
static int is_sound(const npy_intp *code, npy_intp size, npy_intp loops, npy_intp memory, npy_intp errors,
                    int in_block) {
    const npy_intp *end = code + size;
    for (const npy_intp *at = code; at < end; at += at[SIZE]) {
        const npy_intp left = end - at;
        if (left < FIRST || at[SIZE] < FIRST || at[SIZE] > left || at[KIND] < 0 || at[KIND] >= CHECKED + errors) {
            return 0;
        }
        if (at[KIND] == BLOCK) {
            if (in_block || at[STEP] < 1 || !is_sound(at + BODY, at[SIZE] - BODY, loops, memory, 0, 1)) {
                return 0;
            }
            continue;
        }
        if (at[KIND] == REPEAT) {
            const npy_intp body = MOVES + MOVE * at[MOVING];
            if (in_block || at[MOVING] < 0 || at[MOVING] > memory || at[SIZE] < body ||
                !moves_are_sound(at + MOVES, at + body, memory) ||
                !is_sound(at + body, at[SIZE] - body, loops, memory, errors, 0)) {
                return 0;
            }
            continue;
        }
        const npy_intp n = at[OPERANDS], d = at[DIMENSIONS];
        if (at[LOOP] < 0 || at[LOOP] >= loops || n < 1 || n > MOST_OPERANDS || d < 1 || d > MOST_DIMENSIONS ||
            at[CORE] < 0 || at[CORE] >= MOST_DIMENSIONS || FIRST + d + at[CORE] + 3 * n + d * n > at[SIZE]) {
            return 0;
        }
        for (npy_intp i = 0; i < n; i++) {
            const npy_intp where = at[FIRST + d + at[CORE] + 3 * i];
            if (where < !in_block || where >= memory) {
                return 0;
            }
        }
    }
    return 1;
}

static void segment_free(PyObject *object) {
    Segment *self = (Segment *)object;
    if (self->references != NULL) {
        PyObject_ClearWeakRefs(object);
    }
    Py_XDECREF(self->given);
    Py_XDECREF(self->functions);
    Py_XDECREF(self->notice);
    PyMem_Free(self->loops);
    PyMem_Free(self->memory);
    PyMem_Free(self->arguments);
    PyMem_Free(self->results);
    PyObject_Free(object);
}

static PyObject *segment_call(PyObject *, PyObject *const *, size_t, PyObject *);

/* Make what a segment needs of what is given, which it keeps; with an exception if that is not sound. */
static void segment_fill(Segment *self, PyArrayObject *code, PyObject *loops, PyObject *memory, PyObject *arguments,
                         PyObject *results, PyArrayObject *scratch) {
    self->vectorcall = segment_call;
    self->fixed = PyTuple_GET_SIZE(memory);
    self->n_arguments = PyTuple_GET_SIZE(arguments);
    self->n_results = PyTuple_GET_SIZE(results);
    const Py_ssize_t n = 1 + self->fixed + self->n_arguments + self->n_results;
    if ((self->memory = zeros(n, sizeof *self->memory)) == NULL || (self->arguments = kinds_of(arguments)) == NULL ||
        PyErr_Occurred() || (self->results = kinds_of(results)) == NULL || PyErr_Occurred() ||
        (self->loops = loops_of(loops)) == NULL || PyErr_Occurred()) {
        return;
    }
    for (Py_ssize_t i = 0; i < self->fixed; i++) {
        PyArrayObject *a = (PyArrayObject *)PyTuple_GET_ITEM(memory, i);
        if (!PyArray_Check(a)) {
            PyErr_SetString(PyExc_TypeError, "Segment: expected memory that is arrays");
            return;
        }
        self->memory[1 + i] = PyArray_BYTES(a);
    }
    if (PyArray_TYPE(code) != NPY_INTP || PyArray_NDIM(code) != 1 || !PyArray_IS_C_CONTIGUOUS(code)) {
        PyErr_SetString(PyExc_ValueError, "Segment: expected code that is a row of integers");
        return;
    }
    self->program = (Program){PyArray_DATA(code), PyArray_SIZE(code), self->loops, self->memory,
                              PyArray_BYTES(scratch), NULL};
    if (!is_sound(self->program.code, self->program.size, PyTuple_GET_SIZE(loops), n, PyTuple_GET_SIZE(self->errors),
                  0)) {
        PyErr_SetString(PyExc_ValueError, "Segment: the code is not sound");
    }
}

static PyObject *segment_new(PyTypeObject *type, PyObject *args, PyObject *Py_UNUSED(keywords)) {
    PyArrayObject *code, *scratch;
    PyObject *loops, *memory, *arguments, *results, *errors;
    int is_long;
    if (!PyArg_ParseTuple(args, "O!O!O!O!O!O!pO!", &PyArray_Type, &code, &PyTuple_Type, &loops, &PyTuple_Type, &memory,
                          &PyTuple_Type, &arguments, &PyTuple_Type, &results, &PyArray_Type, &scratch, &is_long,
                          &PyTuple_Type, &errors)) {
        return NULL;
    }
    Segment *self = PyObject_New(Segment, type);
    if (self == NULL) {
        return NULL;
    }
    memset((char *)self + sizeof(PyObject), 0, sizeof *self - sizeof(PyObject));
    self->given = Py_NewRef(args);
    self->errors = errors;
    self->is_long = is_long;
    segment_fill(self, code, loops, memory, arguments, results, scratch);
    if (PyErr_Occurred()) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

/* ---- a call -------------------------------------------------------------------------------------------------------- */

/* Return an array of this kind with the values of something that lies otherwise: a copy. */
static PyArrayObject *fitted(const Kind *kind, PyObject *given) {
    npy_intp before = 0, after = PyDataType_ELSIZE(kind->dtype);
    for (int d = 0; d < kind->dimensions; d++) {
        const npy_intp reach = kind->shape[d] == 0 ? 0 : (kind->shape[d] - 1) * kind->strides[d];
        before += reach < 0 ? -reach : 0;
        after += reach > 0 ? reach : 0;
    }
    npy_intp bytes = before + after;
    PyArrayObject *from = (PyArrayObject *)PyArray_FromAny(given, NULL, 0, 0, 0, NULL);
    PyArrayObject *memory = (PyArrayObject *)PyArray_SimpleNew(1, &bytes, NPY_UBYTE);
    PyArrayObject *made = NULL;
    if (from != NULL && memory != NULL) {
        Py_INCREF(kind->dtype);
        made = (PyArrayObject *)PyArray_NewFromDescr(&PyArray_Type, kind->dtype, kind->dimensions, kind->shape,
                                                     kind->strides, PyArray_BYTES(memory) + before,
                                                     NPY_ARRAY_BEHAVED, NULL);
    }
    if (made != NULL && PyArray_SetBaseObject(made, Py_NewRef(memory)) == 0 && PyArray_CopyInto(made, from) < 0) {
        Py_CLEAR(made);
    }
    Py_XDECREF(from);
    Py_XDECREF(memory);
    return made;
}

static inline int lies_so(const Kind *kind, PyArrayObject *a) {
    const size_t size = kind->dimensions * sizeof(npy_intp);
    return (PyArray_DESCR(a) == kind->dtype || PyArray_EquivTypes(PyArray_DESCR(a), kind->dtype)) &&
           PyArray_NDIM(a) == kind->dimensions && memcmp(PyArray_DIMS(a), kind->shape, size) == 0 &&
           memcmp(PyArray_STRIDES(a), kind->strides, size) == 0 && PyArray_ISALIGNED(a);
}

/* Return where an argument lies, NULL with an exception if it does not fit; a copy of it is put into a list. */
static char *place_of(Kind *kind, PyObject *given, PyObject **copies) {
    if (kind->is_number) {
        const double value = PyFloat_AsDouble(given);
        if (value == -1 && PyErr_Occurred()) {
            return NULL;
        }
        const float single = (float)value;
        const int is_single = kind->dtype->type_num == NPY_FLOAT;
        memcpy(&kind->cell, is_single ? (const void *)&single : &value, is_single ? sizeof single : sizeof value);
        return (char *)&kind->cell;
    }
    if (PyArray_CheckExact(given) && lies_so(kind, (PyArrayObject *)given)) {
        if (!kind->is_written || PyArray_ISWRITEABLE((PyArrayObject *)given)) {
            return PyArray_BYTES((PyArrayObject *)given);
        }
        PyErr_SetString(PyExc_ValueError, "Segment: an array that is written to is read-only");
        return NULL;
    }
    if (kind->dimensions == 0 && Py_TYPE(given) == kind->dtype->typeobj) {
        PyArray_ScalarAsCtype(given, &kind->cell);
        return (char *)&kind->cell;
    }
    PyObject *copy = (PyObject *)fitted(kind, given);
    if (copy == NULL || (*copies == NULL && (*copies = PyList_New(0)) == NULL)) {
        Py_XDECREF(copy);
        return NULL;
    }
    PyObject *pair = PyTuple_Pack(2, kind->is_written ? given : Py_None, copy);
    const int failed = pair == NULL || PyList_Append(*copies, pair) < 0;
    char *where = PyArray_BYTES((PyArrayObject *)copy);
    Py_XDECREF(pair);
    Py_DECREF(copy);
    return failed ? NULL : where;
}

/* Write what was written into copies where it belongs. */
static int written_back(PyObject *copies) {
    for (Py_ssize_t k = 0; k < PyList_GET_SIZE(copies); k++) {
        PyObject *pair = PyList_GET_ITEM(copies, k), *to = PyTuple_GET_ITEM(pair, 0);
        if (PyArray_Check(to) &&
            PyArray_CopyInto((PyArrayObject *)to, (PyArrayObject *)PyTuple_GET_ITEM(pair, 1)) < 0) {
            return -1;
        }
    }
    return 0;
}

void segment_raise(const Segment *segment, int invalid) {
    PyObject *like = PyTuple_GET_ITEM(segment->errors, invalid - CHECKED);
    PyObject *given = PyObject_GetAttrString(like, "args"); /* for an exception of this call's own */
    if (given != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(like), given);
        Py_DECREF(given);
    }
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

int segment_run(Segment *segment) {
    const int each = segment->is_long ? 1 : 16; /* of so many runs one is timed, since a clock costs as much as a loop */
    if (segment->notice == NULL || ++segment->runs % each != 0) {
        return program_run(&segment->program);
    }
    const int64_t start = now();
    const int invalid = program_run(&segment->program);
    segment->left -= each * (now() - start);
    return invalid;
}

int segment_notice(Segment *segment) {
    if (segment->notice == NULL || segment->left > 0) {
        return 0;
    }
    PyObject *notice = segment->notice;
    segment->notice = NULL;
    PyObject *nothing = PyObject_CallNoArgs(notice);
    Py_DECREF(notice);
    Py_XDECREF(nothing);
    return nothing == NULL ? -1 : 0;
}

static PyObject *segment_call(PyObject *callable, PyObject *const *args, size_t nargsf, PyObject *names) {
    Segment *self = (Segment *)callable;
    if (PyVectorcall_NARGS(nargsf) != self->n_arguments || names != NULL) {
        return PyErr_Format(PyExc_TypeError, "Segment: expected %zd arguments", self->n_arguments);
    }
    char **memory = self->memory + 1 + self->fixed;
    PyObject *copies = NULL, *results = PyTuple_New(self->n_results);
    int failed = results == NULL;
    for (Py_ssize_t k = 0; !failed && k < self->n_arguments; k++) {
        failed = (*memory++ = place_of(self->arguments + k, args[k], &copies)) == NULL;
    }
    for (Py_ssize_t k = 0; !failed && k < self->n_results; k++) {
        Kind *kind = self->results + k;
        if (kind->is_scalar) {
            *memory++ = (char *)&kind->cell;
            continue;
        }
        Py_INCREF(kind->dtype); /* `is_number` of a result: in Fortran's order */
        PyObject *made = PyArray_Empty(kind->dimensions, kind->shape, kind->dtype, kind->is_number);
        if ((failed = made == NULL) == 0) {
            PyTuple_SET_ITEM(results, k, made);
            *memory++ = PyArray_BYTES((PyArrayObject *)made);
        }
    }
    int invalid = 0;
    if (!failed) {
        PyThreadState *state = self->is_long ? PyEval_SaveThread() : NULL;
        invalid = segment_run(self);
        if (state != NULL) {
            PyEval_RestoreThread(state);
        }
        failed = PyErr_Occurred() != NULL || (copies != NULL && written_back(copies) < 0) || segment_notice(self) < 0;
    }
    Py_XDECREF(copies);
    if (!failed && invalid >= CHECKED) {
        segment_raise(self, invalid);
        failed = 1;
    }
    for (Py_ssize_t k = 0; !failed && k < self->n_results; k++) {
        Kind *kind = self->results + k;
        if (kind->is_scalar) {
            PyObject *scalar = PyArray_Scalar(&kind->cell, kind->dtype, NULL);
            failed = scalar == NULL;
            PyTuple_SET_ITEM(results, k, scalar);
        }
    }
    if (!failed && invalid) {
        failed = PyUFunc_GiveFloatingpointErrors("compiled code", NPY_FPE_INVALID) < 0;
    }
    if (failed || self->n_results == 1) {
        PyObject *only = failed ? NULL : Py_NewRef(PyTuple_GET_ITEM(results, 0));
        Py_XDECREF(results);
        return only;
    }
    return results;
}

/* Let a function do the work of the instructions from the next call on, or None no longer. */
static PyObject *segment_fuse(PyObject *object, PyObject *function) {
    Segment *self = (Segment *)object;
    FusedFunction *fused = NULL;
    if (function != Py_None) {
        void *address = PyCapsule_GetPointer(function, FUSED);
        if (address == NULL || (self->functions == NULL && (self->functions = PyList_New(0)) == NULL) ||
            PyList_Append(self->functions, function) < 0) {
            return NULL;
        }
        memcpy(&fused, &address, sizeof fused);
    }
    atomic_store_explicit(&self->program.fused, fused, memory_order_release);
    Py_RETURN_NONE;
}

/* Let a function be called once, after the call in which the instructions have run for some nanoseconds in all. */
static PyObject *segment_watch(PyObject *object, PyObject *args) {
    Segment *self = (Segment *)object;
    long long left;
    PyObject *notice;
    if (!PyArg_ParseTuple(args, "LO:watch", &left, &notice)) {
        return NULL;
    }
    self->left = left;
    Py_XSETREF(self->notice, Py_NewRef(notice));
    Py_RETURN_NONE;
}

static PyMethodDef SEGMENT_METHODS[] = {
    {"watch", segment_watch, METH_VARARGS, "Call a function once the instructions have run for some nanoseconds in all."},
    {"fuse", segment_fuse, METH_O, "Let a function do the work of the instructions, one of `load`; None: no longer."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef MEMBERS[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Segment, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject SegmentType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "autograd_lite.native.library.Segment",
    .tp_basicsize = sizeof(Segment),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL,
    .tp_doc = "Instructions with the memory that they work on.",
    .tp_vectorcall_offset = offsetof(Segment, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_members = MEMBERS,
    .tp_methods = SEGMENT_METHODS,
    .tp_weaklistoffset = offsetof(Segment, references),
    .tp_new = segment_new,
    .tp_dealloc = segment_free,
};
