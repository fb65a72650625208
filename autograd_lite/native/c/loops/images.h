/* Images and how windows lie on them, for loops over one to three spatial axes with channels last. */
#ifndef AUTOGRAD_LITE_IMAGES_H
#define AUTOGRAD_LITE_IMAGES_H

#include "../kernels.h"
#include "../pool.h"

#include <fenv.h>

#define RANK 3 /* the most spatial axes; with fewer, the first ones have length 1 */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* An array of images: the batch, the spatial axes, channels. Steps are in bytes. */
typedef struct {
    char *data;
    npy_intp n, size[RANK], c;
    npy_intp n_step, step[RANK], c_step;
} Images;

/* How windows lie along each axis. The last operand of each kernel has three numbers for each axis: the first are the
 * windows' lengths in pooling, and the distances of their taps in convolutions. */
typedef struct {
    npy_intp window[RANK], dilation[RANK], stride[RANK], before[RANK];
} Layout;

/* Read an operand of a loop whose core dimensions are n, the spatial ones and c. */
static inline Images
images_of(char *data, int rank, npy_intp n, const npy_intp *size, npy_intp c, const npy_intp *steps)
{
    Images x = {.data = data, .n = n, .c = c, .n_step = steps[0], .c_step = steps[rank + 1]};
    for (int i = 0; i < RANK; i++) {
        const int axis = i - (RANK - rank);
        x.size[i] = axis < 0 ? 1 : size[axis];
        x.step[i] = axis < 0 ? 0 : steps[1 + axis];
    }
    return x;
}

/* Read the last operand: `first` is where its first numbers go, and the other one of the two is 1. */
static inline void
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

/* Find the windows of `count` for which a tap lies inside an axis of length `size`: from *first up to the result. */
static inline npy_intp
reach(npy_intp tap, npy_intp size, npy_intp count, npy_intp stride, npy_intp before, npy_intp *first)
{
    const npy_intp start = before - tap, end = size + before - tap;
    *first = start <= 0 ? 0 : (start + stride - 1) / stride;
    const npy_intp last = end <= 0 ? 0 : (end + stride - 1) / stride;
    return last < count ? last : count;
}

/* Report that there is no memory for scratch, from a loop that runs without Python's lock. */
static inline void
no_memory(void)
{
    NPY_ALLOW_C_API_DEF
    NPY_ALLOW_C_API;
    PyErr_NoMemory();
    NPY_DISABLE_C_API;
}

/* ---- pooling ------------------------------------------------------------------------------------------------------ */

/* What a walk over windows computes. */
typedef enum { POOL_MAX, POOL_SUM, POOL_TAKE, POOL_PUT, POOL_SPREAD } PoolKind;

/* The roles of operands: two have the shape of the image, the others an element for each window. */
enum { IMAGE, IMAGE_2, WINDOW, WINDOW_2, DONE, ROLES };

typedef struct {
    Images of[ROLES]; /* those that a kind lacks have no data */
    Layout layout;
    PoolKind kind;
    npy_intp parts;
    char *scratch; /* of each thread a row of DONE */
    npy_intp scratch_step;
} Walk;

/* Return whether no two windows share an element. */
static inline int
are_apart(const Layout *l)
{
    int apart = 1;
    for (int i = 0; i < RANK; i++) {
        apart &= l->stride[i] >= l->window[i];
    }
    return apart;
}

/* Return whether windows cover the whole image without sharing an element. */
static inline int
are_tiles(const Layout *l, const Images *image, const Images *windows)
{
    int tiles = 1;
    for (int i = 0; i < RANK; i++) {
        tiles &= l->stride[i] == l->window[i] && l->before[i] == 0 && windows->size[i] * l->window[i] == image->size[i];
    }
    return tiles;
}

/* ---- convolutions ------------------------------------------------------------------------------------------------- */

#define TILE 6      /* of a tile of products: with 2 or 4 vectors each, they fill a file of 16 or 32 registers */
#define SUMMED 128  /* the most addends that a tile of the forward kernel sums before it adds to a total */
#define PIXELS 256  /* about the most in a band */
#define ALIGNED 64  /* bytes */
#define ROUNDED(n, unit) (((n) + (unit) - 1) / (unit) * (unit))

typedef struct {
    Images x, windows;             /* windows: one pixel for each of them */
    Layout layout;
    npy_intp entries, columns;     /* of the matrix of weights */
    char *weights;
    npy_intp column_step;
    npy_intp rows, bands;          /* of windows in a band; bands for each o */
    npy_intp all_bands;            /* of all images */
    npy_intp band[RANK];           /* the lengths of what a band reads of an image */
    int in_place;                  /* whether it is read where it lies */
    npy_intp *pixel, *entry;       /* offsets in a band, in elements: of each window, and of each entry in a window */
    npy_intp *place, *weight;      /* offsets in bytes: of each window's pixel, and of each entry's row of weights */
    void *packed;                  /* the weights, or the totals of their gradient */
    npy_intp parts, copied;        /* copied: the elements of the copy of a band, with which a thread's scratch begins */
    char *scratch;
    npy_intp scratch_step;
} Convolution;

/* Find how the images are cut into bands. */
static inline void
cut_into_bands(Convolution *v, npy_intp itemsize)
{
    const Layout *l = &v->layout;
    const npy_intp *count = v->windows.size, fit = count[2] > 0 && count[2] < PIXELS ? PIXELS / count[2] : 1;
    v->bands = (count[1] + fit - 1) / fit;
    v->rows = v->bands > 0 ? (count[1] + v->bands - 1) / v->bands : 0;
    v->all_bands = v->windows.n * count[0] * v->bands;
    v->in_place = v->x.c_step == itemsize || v->x.c == 1;
    for (int i = 0; i < RANK; i++) {
        const npy_intp windows = i == 0 ? 1 : i == 1 ? v->rows : count[2], taps = (l->window[i] - 1) * l->dilation[i];
        v->band[i] = (windows - 1) * l->stride[i] + taps + 1;
        v->in_place &= l->before[i] == 0 && (count[i] - 1) * l->stride[i] + taps < v->x.size[i];
        v->in_place &= v->x.step[i] % itemsize == 0;
    }
    v->copied = v->in_place ? 0 : v->band[0] * v->band[1] * v->band[2] * v->x.c;
}

/* Fill the tables of offsets. `weight_step` has the steps of the weights' spatial axes and of c. */
static inline void
fill_tables(Convolution *v, npy_intp itemsize, const npy_intp *weight_step)
{
    const Layout *l = &v->layout;
    npy_intp step[RANK] = {v->band[1] * v->band[2] * v->x.c, v->band[2] * v->x.c, v->x.c};
    for (int i = 0; v->in_place && i < RANK; i++) {
        step[i] = v->x.step[i] / itemsize;
    }
    for (npy_intp n = 0; n < v->rows * v->windows.size[2]; n++) {
        const npy_intp p = n / v->windows.size[2], q = n % v->windows.size[2];
        v->pixel[n] = p * l->stride[1] * step[1] + q * l->stride[2] * step[2];
        v->place[n] = p * v->windows.step[1] + q * v->windows.step[2];
    }
    for (npy_intp e = 0; e < v->entries; e++) {
        const npy_intp c = e % v->x.c, k = e / v->x.c % l->window[2], j = e / v->x.c / l->window[2] % l->window[1];
        const npy_intp i = e / v->x.c / l->window[2] / l->window[1];
        v->entry[e] = i * l->dilation[0] * step[0] + j * l->dilation[1] * step[1] + k * l->dilation[2] * step[2] + c;
        v->weight[e] = i * weight_step[0] + j * weight_step[1] + k * weight_step[2] + c * weight_step[3];
    }
}

#endif
