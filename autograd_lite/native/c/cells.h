/* Cells of recurrent networks: generalized ufuncs of rows, in which all elements of all operands go together. */
#ifndef AUTOGRAD_LITE_CELLS_H
#define AUTOGRAD_LITE_CELLS_H

#include "elementwise.h"

/* Run over the elements of each row of a generalized ufunc whose operands are (k, n) or (n), the first one (k, n).
 *
 * `counts` has the k of each operand, 1 for (n), and ends in 0. What `run` gets is one operand for each of the k.
 */
void cell_rows(char **args, const npy_intp *dimensions, const npy_intp *steps, Run run, const unsigned char *counts,
               int inputs, int size);

#endif
