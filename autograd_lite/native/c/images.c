/* Images and how windows lie on them; see the header. */
#include "images.h"

Images
images_of(char *data, int rank, npy_intp n, const npy_intp *size, npy_intp c, const npy_intp *steps,
          npy_intp itemsize)
{
    Images x = {.data = data, .n = n, .c = c, .n_step = steps[0], .c_step = steps[rank + 1]};
    x.c_step = c == 1 ? itemsize : x.c_step; /* of one element NumPy gives the step 0 */
    for (int i = 0; i < RANK; i++) {
        const int axis = i - (RANK - rank);
        x.size[i] = axis < 0 ? 1 : size[axis];
        x.step[i] = axis < 0 ? 0 : steps[1 + axis];
    }
    return x;
}

void
read_layout(Layout *l, npy_intp *first, const char *data, npy_intp step, int rank)
{
    for (int i = 0; i < RANK; i++) {
        const int axis = i - (RANK - rank);
        l->window[i] = l->dilation[i] = 1;
        first[i] = axis < 0 ? 1 : *(const npy_intp *)(data + axis * step);
        l->stride[i] = axis < 0 ? 1 : *(const npy_intp *)(data + (rank + axis) * step);
        l->before[i] = axis < 0 ? 0 : *(const npy_intp *)(data + (2 * rank + axis) * step);
    }
}

void
copy_elements(char *to, npy_intp to_step, const char *from, npy_intp from_step, npy_intp count, npy_intp itemsize)
{
    if (to_step == itemsize && from_step == itemsize) {
        memcpy(to, from, count * itemsize);
        return;
    }
    for (npy_intp i = 0; i < count; i++, to += to_step, from += from_step) {
        if (itemsize == 4) {
            memcpy(to, from, 4);
        }
        else {
            memcpy(to, from, 8);
        }
    }
}

void
no_memory(void)
{
    NPY_ALLOW_C_API_DEF
    NPY_ALLOW_C_API;
    PyErr_NoMemory();
    NPY_DISABLE_C_API;
}
