/* What generalized ufuncs over rows share: operands of any strides, of which rows are run by contiguous loops. */
#include "by_rows.h"

static void
copy_row(char *to, npy_intp to_step, const char *from, npy_intp from_step, npy_intp n, npy_intp itemsize)
{
    if (itemsize == sizeof(npy_float)) {
        for (npy_intp i = 0; i < n; i++) {
            *(npy_float *)(to + i * to_step) = *(const npy_float *)(from + i * from_step);
        }
    }
    else {
        for (npy_intp i = 0; i < n; i++) {
            *(npy_double *)(to + i * to_step) = *(const npy_double *)(from + i * from_step);
        }
    }
}

/* Run row by row, on copies of rows whose elements lie apart. */
static void
by_copies(char **args, const npy_intp *dimensions, const npy_intp *steps, RunRows run, const char *kinds,
          npy_intp itemsize)
{
    const npy_intp n = dimensions[1];
    const int operands = (int)strlen(kinds), last = operands - 1;
    char *memory = PyMem_RawMalloc((size_t)(operands * n * itemsize) + 1), *row[MOST_ROW_OPERANDS];
    if (memory == NULL) {
        NPY_ALLOW_C_API_DEF
        NPY_ALLOW_C_API
        PyErr_NoMemory();
        NPY_DISABLE_C_API
        return;
    }
    for (npy_intp r = 0; r < dimensions[0]; r++) {
        const npy_intp *step = steps + operands;
        for (int k = 0; k < operands; k++) {
            char *operand = args[k] + r * steps[k];
            row[k] = operand;
            if (kinds[k] == 'r' && *step++ != itemsize) {
                row[k] = memory + k * n * itemsize;
                if (k != last) {
                    copy_row(row[k], itemsize, operand, step[-1], n, itemsize);
                }
            }
        }
        run(row, 1, n, steps);
        if (row[last] != args[last] + r * steps[last]) {
            copy_row(args[last] + r * steps[last], step[-1], row[last], itemsize, n, itemsize);
        }
    }
    PyMem_RawFree(memory);
}

void
by_rows(char **args, const npy_intp *dimensions, const npy_intp *steps, RunRows run, const char *kinds,
        npy_intp itemsize)
{
    const npy_intp *step = steps + strlen(kinds);
    for (const char *kind = kinds; *kind; kind++) {
        if (*kind == 'r' && *step++ != itemsize) {
            by_copies(args, dimensions, steps, run, kinds, itemsize);
            return;
        }
    }
    run(args, dimensions[0], dimensions[1], steps);
}
