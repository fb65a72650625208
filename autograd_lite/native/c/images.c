/* Images and how windows lie on them; see the header. */
#include "images.h"

Images images_of(char *data, int rank, npy_intp n, const npy_intp *size, npy_intp c, const npy_intp *steps,
                 npy_intp itemsize) {
    Images x = {.data = data, .n = n, .c = c, .n_step = steps[0], .c_step = steps[rank + 1]};
    x.c_step = c == 1 ? itemsize : x.c_step; /* of one element NumPy gives the step 0 */
    for (int i = 0; i < RANK; i++) {
        const int axis = i - (RANK - rank);
        x.size[i] = axis < 0 ? 1 : size[axis];
        x.step[i] = axis < 0 ? 0 : steps[1 + axis];
    }
    return x;
}

/* The fields of a layout, each with a number for every axis, and the least that it may be. */
enum { LENGTHS, STRIDES, BEFORE, BEHIND, FIELDS };
static const npy_intp LEAST[FIELDS] = {1, 1, 0, 0};
#define MOST (NPY_MAX_INTP / 16)

/* Whether `count` windows, no more and no less, fit along an axis: (padded - span) / stride + 1, rounded down, where a
 * window spans (window - 1) * dilation + 1 elements. */
static int fits(npy_intp size, npy_intp count, npy_intp window, npy_intp dilation, const npy_intp *field) {
    npy_intp span;
    for (int k = 0; k < FIELDS; k++) {
        if (field[k] < LEAST[k] || field[k] > MOST) {
            return 0;
        }
    }
    if (size > MOST || __builtin_mul_overflow(window - 1, dilation, &span) || span > MOST) {
        return 0;
    }
    const npy_intp left = size + field[BEFORE] + field[BEHIND] - span - 1, stride = field[STRIDES];
    return (left < 0 ? (left + 1) / stride - 1 : left / stride) + 1 == count;
}

int read_layout(Layout *l, const LayoutOperand *operand) {
    const int rank = operand->rank;
    int sound = operand->numbers == FIELDS * rank;
    for (int i = 0; i < RANK; i++) {
        const int axis = i - (RANK - rank);
        l->window[i] = l->dilation[i] = l->stride[i] = 1;
        l->before[i] = 0;
        if (axis < 0 || !sound) {
            continue;
        }
        npy_intp field[FIELDS];
        for (int k = 0; k < FIELDS; k++) {
            field[k] = *(const npy_intp *)(operand->data + (k * rank + axis) * operand->step);
        }
        *(operand->window == NULL ? &l->window[i] : &l->dilation[i]) = field[LENGTHS];
        l->window[i] = operand->window == NULL ? l->window[i] : operand->window[axis];
        l->stride[i] = field[STRIDES];
        l->before[i] = field[BEFORE];
        sound = fits(operand->size[axis], operand->count[axis], l->window[i], l->dilation[i], field);
    }
    if (!sound) {
        refuse("kernel over windows: expected a layout of %d numbers, the lengths or dilations, strides, padding before "
               "and padding behind for each of %d axes, by which as many windows fit on the images as there are; "
               "received %zd numbers that do not fit the shapes. The functions of autograd_lite make it: call those",
               FIELDS * rank, rank, (Py_ssize_t)operand->numbers);
    }
    return sound;
}

/* One line of elements; side by side, so that vectors fill it, or not. */
#define FILL(T)                                                                \
    for (npy_intp i = 0; i < shape[0] && steps[0] == sizeof(T); i++) {         \
        ((T *)data)[i] = (T)value;                                             \
    }                                                                          \
    for (npy_intp i = 0; i < shape[0] && steps[0] != sizeof(T); i++) {         \
        *(T *)(data + i * steps[0]) = (T)value;                                \
    }

void fill(char *data, int axes, const npy_intp *shape, const npy_intp *steps, npy_intp itemsize, double value) {
    const npy_intp whole[1] = {axes > 1 ? shape[0] * shape[1] : 0};
    if (axes == 2 && steps[1] == itemsize && steps[0] == shape[1] * itemsize) { /* one behind the other */
        fill(data, 1, whole, steps + 1, itemsize, value);
    } else if (axes > 1) {
        for (npy_intp i = 0; i < shape[0]; i++) {
            fill(data + i * steps[0], axes - 1, shape + 1, steps + 1, itemsize, value);
        }
    } else if (itemsize == sizeof(npy_float)) {
        FILL(npy_float)
    } else {
        FILL(npy_double)
    }
}
