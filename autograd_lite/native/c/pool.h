/* The pool of threads that share work. */
#ifndef AUTOGRAD_LITE_POOL_H
#define AUTOGRAD_LITE_POOL_H

#include <stddef.h>

#define POOL_MOST_THREADS 64

/* How many threads share work, the caller included: 1 if there is no pool, at most POOL_MOST_THREADS. */
int pool_threads(void);

/* Let n threads share work, the caller included. They are created when there is work. */
void pool_set_threads(int n);

/* Call `work(context, part, thread)` once for each part from 0 to parts - 1, in any order; return when all are done.
 *
 * At most `threads` threads take part, the caller among them, whose number is 0. No two calls at the same time have the
 * same number, which is below `threads`: scratch memory for each is safe. If the workers are busy, with another call or
 * with the one that this is made from, the caller does everything itself. Floating-point flags that are raised in
 * workers are raised in the caller, whose rounding mode they take. It needs no Python and no lock of the interpreter. */
void pool_run(void (*work)(void *context, ptrdiff_t part, int thread), void *context, ptrdiff_t parts, int threads);

#endif
