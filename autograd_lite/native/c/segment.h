/* A segment: instructions together with the memory that they work on. */
#ifndef AUTOGRAD_LITE_SEGMENT_H
#define AUTOGRAD_LITE_SEGMENT_H

#include "executor.h"

/* What is known of an argument or result: it is an array whose dtype and layout are another one's, or a number. */
typedef struct {
    PyArray_Descr *dtype;
    int dimensions, is_number, is_written, is_scalar;
    npy_intp *shape, *strides;
    npy_clongdouble cell; /* where a number or scalar lies */
} Kind;

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    Program program;
    PyObject *given, *errors; /* all that this was made of, the exceptions among it */
    PyObject *functions; /* a list of those that have been fused into this: a call may be running them still */
    PyObject *when_hot;  /* called once, after so many calls that other code for this would pay; or NULL */
    Py_ssize_t calls_left;
    Loop *loops;
    char **memory;
    Kind *arguments, *results;
    Py_ssize_t fixed, n_arguments, n_results;
    int is_long; /* so long that the lock of the interpreter is worth releasing */
} Segment;

/* Raise an exception like the one that a record names which has ended the program. */
void segment_raise(const Segment *segment, int invalid);

/* Count some calls, and call what waits for enough of them; an exception of that is dropped. */
void segment_count(Segment *segment, Py_ssize_t calls);

extern PyTypeObject SegmentType;
extern const char *const FUSED;

#endif
