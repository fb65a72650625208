/* The pool of threads that share work. */
#ifndef AUTOGRAD_LITE_POOL_H
#define AUTOGRAD_LITE_POOL_H

#include <stddef.h>

/* How many threads share work, the caller included: 1 if there is no pool. */
int pool_threads(void);

/* Call `work(context, part)` once for each part from 0 to parts - 1, in any order, on several threads; return when all
 * are done. It needs no Python and no lock of the interpreter. Within a part it may not be called again. */
void pool_run(void (*work)(void *context, ptrdiff_t part), void *context, ptrdiff_t parts);

#endif
