/* Elementwise ufuncs on operands of any strides: what is not contiguous goes through small buffers, so that a result
 * never depends on how its operands lie. */
#include "elementwise.h"

#define MOST_BYTES 8  /* of an element */

static void
copy(char *to, npy_intp to_step, const char *from, npy_intp from_step, int size, npy_intp n)
{
    switch (size) {
        case 8:
            for (npy_intp i = 0; i < n; i++) {
                *(npy_uint64 *)(to + i * to_step) = *(const npy_uint64 *)(from + i * from_step);
            }
            break;
        case 4:
            for (npy_intp i = 0; i < n; i++) {
                *(npy_uint32 *)(to + i * to_step) = *(const npy_uint32 *)(from + i * from_step);
            }
            break;
        default:
            for (npy_intp i = 0; i < n; i++) {
                memcpy(to + i * to_step, from + i * from_step, size);
            }
    }
}

/* Whether elements have an order: a result is read as an input of a later element, as `reduce` and `accumulate` do. */
static int
in_order(char **args, npy_intp n, const npy_intp *steps, int inputs, int operands)
{
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

void
elementwise(char **args, npy_intp n, const npy_intp *steps, Run run, int inputs, int operands,
            const unsigned char *sizes)
{
    if (n <= 1) {
        if (n == 1) {
            run(args, 1);
        }
        return;
    }
    int contiguous = 1;
    for (int k = 0; k < operands; k++) {
        contiguous &= steps[k] == sizes[k];
    }
    const npy_intp most = inputs > 1 && in_order(args, n, steps, inputs, operands) ? 1 : BLOCK;
    if (contiguous && most > 1) {
        run(args, n);
        return;
    }
    char buffers[MOST_OPERANDS][BLOCK * MOST_BYTES] __attribute__((aligned(64)));
    char *block[MOST_OPERANDS];
    for (npy_intp start = 0; start < n; start += most) {
        const npy_intp m = n - start < most ? n - start : most;
        for (int k = 0; k < operands; k++) {
            char *const at = args[k] + start * steps[k];
            block[k] = steps[k] == sizes[k] ? at : buffers[k];
            /* An operand that is repeated is copied once, unless it is also a result. */
            if (block[k] != at && k < inputs && (start == 0 || steps[k] != 0 || most == 1)) {
                copy(buffers[k], sizes[k], at, steps[k], sizes[k], m);
            }
        }
        run(block, m);
        for (int k = inputs; k < operands; k++) {
            if (block[k] == buffers[k]) {
                copy(args[k] + start * steps[k], steps[k], buffers[k], sizes[k], sizes[k], m);
            }
        }
    }
}
