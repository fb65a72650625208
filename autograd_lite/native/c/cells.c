/* Cells of recurrent networks: from generalized ufuncs of rows to loops over elements. */
#include "cells.h"

void
cell_rows(char **args, const npy_intp *dimensions, const npy_intp *steps, Run run, const unsigned char *counts,
          int inputs, int size)
{
    char *first[MOST_OPERANDS], *row[MOST_OPERANDS];
    npy_intp outer[MOST_OPERANDS], inner[MOST_OPERANDS];
    unsigned char sizes[MOST_OPERANDS];
    int operands = 0, given = 0, contiguous = 1;
    const npy_intp n = dimensions[2], *core = steps;
    for (const unsigned char *count = counts; *count; count++) {
        core++;
    }
    for (int k = 0; counts[k]; k++) {
        const npy_intp between = counts[k] > 1 ? *core++ : 0, step = *core++;
        for (int i = 0; i < counts[k]; i++, operands++) {
            first[operands] = args[k] + i * between;
            outer[operands] = steps[k];
            inner[operands] = step;
            sizes[operands] = (unsigned char)size;
            contiguous &= step == size;
            given += k < inputs;
        }
    }
    for (npy_intp r = 0; r < dimensions[0]; r++) {
        for (int k = 0; k < operands; k++) {
            row[k] = first[k] + r * outer[k];
        }
        if (contiguous) {
            run(row, n);
        }
        else {
            elementwise(row, n, inner, run, given, operands, sizes);
        }
    }
}
