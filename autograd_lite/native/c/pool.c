/* The pool of threads that share work. */
#include "pool.h"

int
pool_threads(void)
{
    return 1;
}

void
pool_run(void (*work)(void *context, ptrdiff_t part), void *context, ptrdiff_t parts)
{
    for (ptrdiff_t part = 0; part < parts; part++) {
        work(context, part);
    }
}
