/* Reductions, in the order in which NumPy carries them out: the innermost dimension by one call of the loop. */
#include "executor.h"

/* Copy one element. */
static inline void
put(char *to, const char *from, int size)
{
    switch (size) {
        case 8: memcpy(to, from, 8); break;
        case 4: memcpy(to, from, 4); break;
        default: memcpy(to, from, size);
    }
}

/* Fill the result with a value, or with the first of the elements that lead to each of its own. */
static void
begin(const Taken *call, const char *value)
{
    const npy_intp n = call->operands, dimensions = call->dimensions;
    char *to = call->at[0];
    const char *from = value != NULL ? value : call->at[1];
    npy_intp count[MOST_DIMENSIONS] = {0};
    for (;;) {
        put(to, from, call->loop->itemsize);
        npy_intp d = dimensions - 1;
        for (; d >= 0; d--) {
            const npy_intp step = call->strides[d * n], next = value != NULL ? 0 : call->strides[d * n + 1];
            if (step == 0) {
                continue; /* it is reduced */
            }
            if (++count[d] < call->shape[d]) {
                to += step;
                from += next;
                break;
            }
            to -= step * (call->shape[d] - 1);
            from -= next * (call->shape[d] - 1);
            count[d] = 0;
        }
        if (d < 0) {
            return;
        }
    }
}

/* Call the loop for the innermost dimension, without what the result began with if this is its first visit there. */
static void
inner(const Taken *call, char *to, char *from, int skips)
{
    const npy_intp d = call->dimensions - 1, n = call->operands;
    const npy_intp step = call->strides[d * n], next = call->strides[d * n + 1];
    npy_intp length = call->shape[d];
    if (skips && step != 0) {
        return; /* all of it is what the results began with */
    }
    if (skips) {
        length -= 1;
        from += next;
    }
    if (length > 0) {
        char *at[3] = {to, from, to};
        const npy_intp steps[3] = {step, next, step};
        call->loop->function(at, &length, steps, call->loop->data);
    }
}

void
reduce(const Taken *call)
{
    const npy_intp n = call->operands, last = call->dimensions - 1;
    const int copies = n == 2;
    char *to = call->at[0], *from = call->at[1];
    npy_intp count[MOST_DIMENSIONS] = {0};
    npy_intp reduced = 0; /* how many of the reduced dimensions, but the innermost, are beyond their first entry */
    begin(call, copies ? NULL : call->at[2]);
    for (;;) {
        inner(call, to, from, copies && reduced == 0);
        npy_intp d = last - 1;
        for (; d >= 0; d--) {
            const npy_intp step = call->strides[d * n], next = call->strides[d * n + 1], length = call->shape[d];
            if (++count[d] < length) {
                reduced += step == 0 && count[d] == 1;
                to += step;
                from += next;
                break;
            }
            reduced -= step == 0 && length > 1;
            to -= step * (length - 1);
            from -= next * (length - 1);
            count[d] = 0;
        }
        if (d < 0) {
            return;
        }
    }
}
