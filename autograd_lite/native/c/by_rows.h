/* What generalized ufuncs over rows share: operands of any strides, of which rows are run by contiguous loops. */
#ifndef AUTOGRAD_LITE_BY_ROWS_H
#define AUTOGRAD_LITE_BY_ROWS_H

#include "kernels.h"

#define MOST_ROW_OPERANDS 6 /* of a kernel, results included */

/* A loop over rows of n elements that lie one behind the other; `steps` lead from row to row of each operand. A result
 * may lie where an input does, row by row. */
typedef void (*RunRows)(char *const *operands, npy_intp rows, npy_intp n, const npy_intp *steps);

/* Run over rows with strides. `kinds` has a letter for each operand, the result last: a row is 'r', a number 'n'. */
void by_rows(char **args, const npy_intp *dimensions, const npy_intp *steps, RunRows run, const char *kinds,
             npy_intp itemsize);

#endif
