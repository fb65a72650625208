/* What the colorings of sparse patterns share: see sparse/greedy.py. */
#ifndef AUTOGRAD_LITE_COLORINGS_H
#define AUTOGRAD_LITE_COLORINGS_H

#include "kernels.h"

/* For each of n vertices or lines those that it meets: index[start[v]] up to index[start[v + 1]]. */
typedef struct {
    const int32_t *start, *index;
    npy_intp n, size;
} Rows;

/* Read an array of int32 of at least this many numbers; return -1 after an error. */
int numbers_of(PyObject *object, npy_intp least, const int32_t **data, npy_intp *n);

/* Read rows, whose members are below `width`. */
int rows_of(PyObject *start, PyObject *index, npy_intp width, Rows *rows);

/* Read vertices in an order, each once. */
int order_of(PyObject *object, npy_intp n, const int32_t **order, npy_intp *length);

/* Return an array of one dimension, and where its data is. */
PyObject *new_array(npy_intp n, int type, void *data);

/* Return n numbers and one more, all of them the same; NULL if there is no room. */
int32_t *numbers(npy_intp n, int32_t value);

/* Functions of the module: colorings of symmetric patterns, and how their entries are read. */
PyObject *color_star(PyObject *module, PyObject *args);
PyObject *color_acyclic(PyObject *module, PyObject *args);
PyObject *peel_places(PyObject *module, PyObject *args);

#endif
