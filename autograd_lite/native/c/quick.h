/* Calls of few numbers, in double precision, by operations of which each element is one: they take less time here than
 * the call of a loop, and give the same bits. */
#ifndef AUTOGRAD_LITE_QUICK_H
#define AUTOGRAD_LITE_QUICK_H

#include "executor.h"

enum { SLOW, ADD, SUBTRACT, MULTIPLY, DIVIDE, NEGATIVE, COPY };
enum { FEW = 4 };

/* Return what a loop does if it is one of the quick ones. */
static inline int quick_of(const PyUFuncObject *ufunc, int i) {
    static const char *names[] = {"add", "subtract", "multiply", "divide", "negative", "positive", "cast"};
    static const int kinds[] = {ADD, SUBTRACT, MULTIPLY, DIVIDE, NEGATIVE, COPY, COPY};
    for (int k = 0; k < ufunc->nargs; k++) {
        if (ufunc->core_enabled || ufunc->types[i * ufunc->nargs + k] != NPY_DOUBLE) {
            return SLOW;
        }
    }
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (strcmp(ufunc->name, names[k]) == 0 && ufunc->nargs == (kinds[k] < NEGATIVE ? 3 : 2)) {
            return kinds[k];
        }
    }
    return SLOW;
}

/* Run a call of few numbers; its loop is quick. */
static inline void quick_run(const npy_intp *record, const Program *program) {
    const npy_intp *operand = record + FIRST + 1, *strides = operand + 3 * record[OPERANDS];
    const char *a = program->memory[operand[0]] + operand[1], *b = program->memory[operand[3]] + operand[4];
    char *c = (char *)b;
    const int quick = program->loops[record[LOOP]].quick;
    npy_intp by[3] = {strides[0], strides[1], strides[1]};
    if (quick < NEGATIVE) {
        c = program->memory[operand[6]] + operand[7];
        by[2] = strides[2];
    }
    for (npy_intp i = 0; i < record[FIRST]; i++, a += by[0], b += by[1], c += by[2]) {
        const npy_double x = *(const npy_double *)a;
        npy_double *to = (npy_double *)c;
        switch (quick) {
            case ADD: *to = x + *(const npy_double *)b; break;
            case SUBTRACT: *to = x - *(const npy_double *)b; break;
            case MULTIPLY: *to = x * *(const npy_double *)b; break;
            case DIVIDE: *to = x / *(const npy_double *)b; break;
            case NEGATIVE: *to = -x; break;
            default: *to = x;
        }
    }
}

static inline int is_quick(const npy_intp *record, const Program *program) {
    if (record[KIND] != CALL || record[DIMENSIONS] != 1 || record[FIRST] > FEW || record[CORE] != 0) {
        return 0;
    }
    const int quick = program->loops[record[LOOP]].quick;
    return quick != SLOW && record[OPERANDS] == (quick < NEGATIVE ? 3 : 2);
}

#endif
