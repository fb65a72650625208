/* Reductions in the order in which NumPy carries them out. */
#ifndef AUTOGRAD_LITE_REDUCTIONS_H
#define AUTOGRAD_LITE_REDUCTIONS_H

#include "instructions.h"

/* Run a reduction: operands are the result, what is reduced, and if there is one, the value that it begins with. */
void reduce(const Call *call);

#endif
