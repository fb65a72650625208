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
    PyObject *notice, *references; /* what is called once the instructions have taken some time; weak references */
    int64_t left; /* nanoseconds until then */
    unsigned runs;
    Loop *loops;
    char **memory;
    Kind *arguments, *results;
    Py_ssize_t fixed, n_arguments, n_results;
    int is_long; /* so long that the lock of the interpreter is worth releasing */
} Segment;

/* Run the instructions, or the function that is fused into the segment, and count the time until `notice`. */
int segment_run(Segment *segment);

/* Call `notice` if it is time; return -1 after an exception. */
int segment_notice(Segment *segment);

/* Raise an exception like the one that a record names which has ended the program. */
void segment_raise(const Segment *segment, int invalid);

extern PyTypeObject SegmentType;
extern const char *const FUSED;

#endif
