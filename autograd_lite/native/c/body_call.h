/* A body as a function in C: a segment that is called with pointers to its arguments and results, with no Python. */
#ifndef AUTOGRAD_LITE_BODY_CALL_H
#define AUTOGRAD_LITE_BODY_CALL_H

#include "segment.h"

/* What lies where during one call. Buffers have numbers: first come the arguments, then the results, then temporaries.
 * Whoever calls may let `at` point elsewhere, to what lies like the buffer. */
typedef struct {
    Segment *segment;
    const npy_intp *slots, *copies, *copies_end;
    Py_ssize_t n_slots, n_buffers;
    char **at;
} BodyCall;

/* Fill a call with what Python describes: a tuple of a segment, of buffers, the numbers of those in its slots, and the
 * records of copies. It must be freed, also after -1 with an exception. What the tuple has must outlive it. */
int body_call_make(PyObject *description, BodyCall *call);
void body_call_free(BodyCall *call);

/* Return whether buffers in the order C hold what slots and copies take; there is an exception if not. */
int body_call_fits(const BodyCall *call, PyObject *buffers);

/* Run the segment with its arguments and results in buffers, then the copies from its results to others; return as
 * `program_run` does. The lock of the interpreter is not needed. */
int body_call_run(const BodyCall *call);

/* With the lock of the interpreter after some runs, which returned `wrong` together: return -1 with an exception if one
 * came of them. */
int body_call_settle(const BodyCall *call, int wrong);

/* Let signals be handled and other threads run; return whether an exception came of it. */
int turn_given(void);

/* Return where an array of so many numbers lies, one after the other, to read or to write; NULL with an exception for
 * anything else. */
const double *doubles_in(PyObject *array, npy_intp count, const char *name);
double *doubles_of(PyObject *array, npy_intp count, const char *name);

#endif
