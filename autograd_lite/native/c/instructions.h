/* Instructions, each of which calls the inner loop of a ufunc, NumPy's or another's; the executor runs them.
 *
 * Instructions are records of integers, one after the other. A record begins with its kind and its size; the rest is
 *     CALL, REDUCE:  loop, n operands, n dimensions, n integers after the dimensions' strides,
 *                    dimensions (of a generalized ufunc, those of its core follow), outermost first,
 *                    then for each operand: memory, offset, what it moves by from row to row of a block,
 *                    then the strides: for each dimension those of all operands (those of the core follow)
 *     BLOCK:         rows, rows of a part, bytes of scratch for a part, how many threads may share the parts,
 *                    then the records of its calls
 *     REPEAT:        steps, how many pointers move,
 *                    then for each of these: its memory, 0, the memory and the offset where it begins, and by how much
 *                    it moves from step to step; then the records of one step
 * A kind of CHECKED + k is a CALL that ends the program if it is invalid, with the k-th of some exceptions.
 * `memory` is a number: 0 is the scratch of a block, of which each thread has its own. */
#ifndef AUTOGRAD_LITE_INSTRUCTIONS_H
#define AUTOGRAD_LITE_INSTRUCTIONS_H

#include "fused.h"
#include "kernels.h"

enum { CALL, REDUCE, BLOCK, REPEAT, CHECKED };
enum { KIND, SIZE, LOOP, OPERANDS, DIMENSIONS, CORE, FIRST };  /* where things are in the record of a call */
enum { ROWS = 2, STEP, SCRATCH, SHARED, BODY };                /* in that of a block */
enum { STEPS = 2, MOVING, MOVES, MOVE = 5 };                    /* in that of a loop; a move is five integers */
enum { MOST_OPERANDS = 16, MOST_DIMENSIONS = 16 };

typedef struct {
    const npy_intp *code;
    npy_intp size;
    const Loop *loops;
    char **memory;
    char *scratch; /* of all threads, one after the other */
    _Atomic(FusedFunction *) fused; /* does the same; NULL if there is none. It may come and go between runs */
} Program;

/* One call's parts: its record, taken apart. */
typedef struct {
    const Loop *loop;
    npy_intp operands, dimensions;
    const npy_intp *shape, *strides;
    char *at[MOST_OPERANDS];
} Call;

/* Move some of a call's operands to the next place of its first dimensions, whose lengths are given: the last dimension
 * changes first. Return 0 where there is none; then they are back at the first place. */
static inline int next_place(const Call *call, char **at, npy_intp moved, npy_intp *count, npy_intp dimensions,
                             const npy_intp *lengths) {
    for (npy_intp d = dimensions - 1; d >= 0; d--) {
        const npy_intp *strides = call->strides + d * call->operands;
        const int goes_on = ++count[d] < lengths[d];
        for (npy_intp i = 0; i < moved; i++) {
            at[i] += goes_on ? strides[i] : -strides[i] * (lengths[d] - 1);
        }
        if (goes_on) {
            return 1;
        }
        count[d] = 0;
    }
    return 0;
}

#endif
