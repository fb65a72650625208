/* What ufuncs of ours share: operands of any strides, of which parts that are contiguous are run by one loop. */
#ifndef AUTOGRAD_LITE_OPERANDS_H
#define AUTOGRAD_LITE_OPERANDS_H

#include "kernels.h"

#define BLOCK 256         /* elements that are run at a time where operands are copied */
#define MOST_PARTS 24     /* operands of a kernel, results included; each row of several counts */
#define MOST_ROWS 16      /* that are run at a time */

/* Copy `n` elements of 4 or 8 bytes from some steps to others. */
void copy_elements(char *to, npy_intp to_step, const char *from, npy_intp from_step, npy_intp n, npy_intp itemsize);

/* Report that there is no memory for scratch, from a loop that runs without Python's lock. */
void no_memory(void);

/* Raise a ValueError from such a loop. */
void refuse(const char *format, ...);

/* Whether elements have an order: a result is read as an input of a later element, as `reduce` and `accumulate` do. */
int in_order(char **args, npy_intp n, const npy_intp *steps, int inputs, int operands);

/* A loop over n elements that lie one behind the other in every operand; a result may be an input's memory. */
typedef void (*Run)(char *const *operands, npy_intp n);

/* Run over n elements of operands with strides, `inputs` of them and then the results. */
void elementwise(char **args, npy_intp n, const npy_intp *steps, Run run, int inputs, int operands, int itemsize);

/* A loop over at most MOST_ROWS rows of n elements that lie one behind the other; `steps` lead from row to row of each
 * operand. A result may lie where an input does, row by row. */
#define ROWS_ARGUMENTS char *const *operands, npy_intp rows, npy_intp n, const npy_intp *steps
typedef void (*RunRows)(ROWS_ARGUMENTS);

/* Run over the rows of a generalized ufunc, whose operands are one row (n), a number (), or several rows (k, n).
 *
 * `counts` has for each the digit 1, 0, or k; what `run` gets is an operand for each row. Where the first one has
 * several, rows are run one by one. */
void by_rows(char **args, const npy_intp *dimensions, const npy_intp *steps, RunRows run, const char *counts,
             int inputs, int itemsize);

#endif
