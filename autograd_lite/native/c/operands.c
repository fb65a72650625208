/* Operands of any strides: what is not contiguous goes through copies, so that a result never depends on how its
 * operands lie. */
#include "operands.h"

#include <stdarg.h>

#define MOST_BYTES 8   /* of an element */
#define GROUPED 2048   /* elements of the rows that are run at a time, unless it is a single one */

void copy_elements(char *to, npy_intp to_step, const char *from, npy_intp from_step, npy_intp n, npy_intp itemsize) {
    if (to_step == itemsize && from_step == itemsize) {
        memcpy(to, from, n * itemsize);
    } else if (itemsize == 4) {
        for (npy_intp i = 0; i < n; i++, to += to_step, from += from_step) {
            memcpy(to, from, 4);
        }
    } else {
        for (npy_intp i = 0; i < n; i++, to += to_step, from += from_step) {
            memcpy(to, from, 8);
        }
    }
}

void no_memory(void) {
    NPY_ALLOW_C_API_DEF
    NPY_ALLOW_C_API;
    PyErr_NoMemory();
    NPY_DISABLE_C_API;
}

void refuse(const char *format, ...) {
    NPY_ALLOW_C_API_DEF
    NPY_ALLOW_C_API;
    va_list values;
    va_start(values, format);
    PyErr_FormatV(PyExc_ValueError, format, values);
    va_end(values);
    NPY_DISABLE_C_API;
}

int in_order(char **args, npy_intp n, const npy_intp *steps, int inputs, int operands) {
    for (int j = inputs; j < operands; j++) {
        for (int k = 0; k < inputs; k++) {
            if (args[j] == args[k] && steps[j] == steps[k] && steps[j] != 0) {
                continue;
            }
            const char *a = args[j], *a_end = a + (n - 1) * steps[j];
            const char *b = args[k], *b_end = b + (n - 1) * steps[k];
            if ((a < a_end ? a : a_end) <= (b < b_end ? b_end : b) && (b < b_end ? b : b_end) <= (a < a_end ? a_end : a)) {
                return 1;
            }
        }
    }
    return 0;
}

void elementwise(char **args, npy_intp n, const npy_intp *steps, Run run, int inputs, int operands, int itemsize) {
    if (n <= 1) {
        if (n == 1) {
            run(args, 1);
        }
        return;
    }
    int contiguous = 1;
    for (int k = 0; k < operands; k++) {
        contiguous &= steps[k] == itemsize;
    }
    const npy_intp most = inputs > 1 && in_order(args, n, steps, inputs, operands) ? 1 : BLOCK;
    if (contiguous && most > 1) {
        run(args, n);
        return;
    }
    char buffers[3][BLOCK * MOST_BYTES] __attribute__((aligned(64))), *block[3];
    for (npy_intp start = 0; start < n; start += most) {
        const npy_intp m = n - start < most ? n - start : most;
        for (int k = 0; k < operands; k++) {
            char *const at = args[k] + start * steps[k];
            block[k] = steps[k] == itemsize ? at : buffers[k];
            /* An operand that is repeated is copied once, unless it is also a result. */
            if (block[k] != at && k < inputs && (start == 0 || steps[k] != 0 || most == 1)) {
                copy_elements(buffers[k], itemsize, at, steps[k], m, itemsize);
            }
        }
        run(block, m);
        for (int k = inputs; k < operands; k++) {
            if (block[k] == buffers[k]) {
                copy_elements(args[k] + start * steps[k], steps[k], buffers[k], itemsize, m, itemsize);
            }
        }
    }
}

void by_rows(char **args, const npy_intp *dimensions, const npy_intp *steps, RunRows run, const char *counts,
             int inputs, int itemsize) {
    char *first[MOST_PARTS], *row[MOST_PARTS], *copies = NULL;
    npy_intp outer[MOST_PARTS], inner[MOST_PARTS];
    const npy_intp several = counts[0] > '1', n = dimensions[several ? 2 : 1], fit = GROUPED / (n > 0 ? n : 1);
    const npy_intp *core = steps + strlen(counts);
    int parts = 0, given = 0, contiguous = 1;
    for (int k = 0; counts[k]; k++) {
        const npy_intp between = counts[k] > '1' ? *core++ : 0, step = counts[k] > '0' ? *core++ : itemsize;
        const int end = parts + (counts[k] > '0' ? counts[k] - '0' : 1);
        for (int i = 0; parts < end; i++, parts++) {
            first[parts] = args[k] + i * between;
            outer[parts] = steps[k];
            inner[parts] = n == 1 ? itemsize : step;
            contiguous &= inner[parts] == itemsize;
        }
        given = k < inputs ? parts : given;
    }
    if (n == 0 && counts[strlen(counts) - 1] > '0') {
        return; /* the results have no elements */
    }
    if (!contiguous && (copies = malloc(parts * n * itemsize + 1)) == NULL) {
        no_memory();
        return;
    }
    const npy_intp most = several || !contiguous || fit < 1 ? 1 : fit < MOST_ROWS ? fit : MOST_ROWS;
    for (npy_intp r = 0, rows; r < dimensions[0]; r += rows) {
        rows = dimensions[0] - r < most ? dimensions[0] - r : most;
        for (int k = 0; k < parts; k++) {
            row[k] = first[k] + r * outer[k];
        }
        for (int k = 0; k < parts && !contiguous; k++) {
            if (inner[k] != itemsize) {
                row[k] = copies + k * n * itemsize;
                copy_elements(row[k], itemsize, first[k] + r * outer[k], inner[k], k < given ? n : 0, itemsize);
            }
        }
        run(row, rows, n, outer);
        for (int k = given; k < parts && !contiguous; k++) {
            if (inner[k] != itemsize) {
                copy_elements(first[k] + r * outer[k], inner[k], row[k], itemsize, n, itemsize);
            }
        }
    }
    free(copies);
}
