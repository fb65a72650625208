/* What all elementwise ufuncs share: operands of any strides, of which blocks are run by one contiguous loop. */
#ifndef AUTOGRAD_LITE_ELEMENTWISE_H
#define AUTOGRAD_LITE_ELEMENTWISE_H

#include "kernels.h"

#define BLOCK 256         /* elements that are run at a time where operands are copied */
#define MOST_OPERANDS 24  /* of a kernel, results included */

/* A loop over n elements that lie one behind the other in every operand; a result may be an input's memory. */
typedef void (*Run)(char *const *operands, npy_intp n);

/* Run over n elements of operands with strides, `inputs` of them and then the results; `sizes` has their bytes. */
void elementwise(char **args, npy_intp n, const npy_intp *steps, Run run, int inputs, int operands,
                 const unsigned char *sizes);

#endif
