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

void read_layout(Layout *l, npy_intp *first, const char *data, npy_intp step, int rank) {
    for (int i = 0; i < RANK; i++) {
        const int axis = i - (RANK - rank);
        l->window[i] = l->dilation[i] = 1;
        first[i] = axis < 0 ? 1 : *(const npy_intp *)(data + axis * step);
        l->stride[i] = axis < 0 ? 1 : *(const npy_intp *)(data + (rank + axis) * step);
        l->before[i] = axis < 0 ? 0 : *(const npy_intp *)(data + (2 * rank + axis) * step);
    }
}
