/* Reductions, in the order in which NumPy carries them out: the innermost dimension by one call of the loop. */
#include "reductions.h"

/* Copy one element. */
static inline void put(char *to, const char *from, int size) {
    switch (size) {
        case 8: memcpy(to, from, 8); break;
        case 4: memcpy(to, from, 4); break;
        default: memcpy(to, from, size);
    }
}

/* Fill the result with a value, or with the first of the elements that lead to each of its own. */
static void begin(const Call *call, char *value) {
    char *at[2] = {call->at[0], value != NULL ? value : call->at[1]};
    npy_intp count[MOST_DIMENSIONS] = {0}, lengths[MOST_DIMENSIONS];
    for (npy_intp d = 0; d < call->dimensions; d++) {
        lengths[d] = call->strides[d * call->operands] == 0 ? 1 : call->shape[d]; /* 1 if it is reduced */
    }
    do {
        put(at[0], at[1], call->loop->itemsize);
    } while (next_place(call, at, value != NULL ? 1 : 2, count, call->dimensions, lengths));
}

/* Call the loop for the innermost dimension, without what the result began with if this is its first visit there. */
static void inner(const Call *call, char *to, char *from, int skips) {
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

void reduce(const Call *call) {
    const npy_intp last = call->dimensions - 1;
    char *at[2] = {call->at[0], call->at[1]};
    npy_intp count[MOST_DIMENSIONS] = {0};
    const int copies = call->operands == 2;
    begin(call, copies ? NULL : call->at[2]);
    do {
        int first = copies; /* whether the reduced dimensions, but the innermost, are at their first entry */
        for (npy_intp d = 0; d < last; d++) {
            first &= count[d] == 0 || call->strides[d * call->operands] != 0;
        }
        inner(call, at[0], at[1], first);
    } while (next_place(call, at, 2, count, last, call->shape));
}
