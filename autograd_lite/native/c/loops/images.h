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

/* ---- pooling ----------------------------------------------------------------------------------------------------- */

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

/* ---- convolutions ------------------------------------------------------------------------------------------------ */

/* Which of the arrays of the form is computed. */
typedef enum { FORWARD, TO_KERNEL, TO_INPUT } Direction;

#define TILE 6      /* rows of a tile of products: with 2 or 4 vectors each, they fill a file of 16 or 32 registers */
#define SUMMED 128  /* the most addends that a tile sums before it adds to a total, but for sums over pixels */
#define PIXELS 256  /* about the most windows in a band */
#define ALIGNED 64  /* bytes */
#define ROUNDED(n, unit) (((n) + (unit) - 1) / (unit) * (unit))

typedef struct {
    Direction to;
    Images x, windows;         /* windows: a pixel for each of them */
    Layout layout;
    char *weights;
    npy_intp inner;            /* the channels that a row of weights belongs to a tap and one of: of x, or of windows */
    npy_intp rows, columns;    /* of the matrix of weights */
    npy_intp row_step, column_step, tap_step[RANK];
    npy_intp slices, lines;    /* of a band of windows, along the first two axes */
    npy_intp bands, all_bands; /* of an image, and of all images */
    npy_intp pixels;           /* the windows of a band */
    npy_intp extent[RANK];     /* the lengths of the part of the image that they lie on */
    int in_place;              /* whether it is read, or written, where it is */
    int is_packed;             /* whether the windows' pixels can be multiplied where they are, for a kernel's gradient */
    npy_intp *pixel, *entry;   /* offsets, in elements: of each window there, and of each row of weights in a window */
    npy_intp *place, *weight;  /* offsets, in bytes: of each window's pixel, and of each row of weights */
    npy_intp *channel;         /* 0, 1, ... */
    void *packed;              /* the weights, or the totals of their gradient */
    npy_intp parts, copied;    /* copied: the elements of a copy, with which a thread's scratch begins */
    char *scratch;
    npy_intp scratch_step;
} Convolution;

/* Find how the windows of an image are cut into bands: not at all if they are added up in the image. */
static inline void
cut_into_bands(Convolution *v, npy_intp itemsize)
{
    const Layout *l = &v->layout;
    const npy_intp *count = v->windows.size;
    const npy_intp fit = v->to == TO_INPUT ? count[1] : count[2] > 0 && count[2] < PIXELS ? PIXELS / count[2] : 1;
    const npy_intp cuts = fit > 0 ? (count[1] + fit - 1) / fit : 0;
    v->slices = v->to == TO_INPUT ? count[0] : 1;
    v->lines = cuts > 0 ? (count[1] + cuts - 1) / cuts : 0;
    v->bands = v->to == TO_INPUT ? 1 : count[0] * cuts;
    v->all_bands = v->windows.n * v->bands;
    v->pixels = v->slices * v->lines * count[2];
    v->in_place = v->x.c_step == itemsize;
    for (int i = 0; i < RANK; i++) {
        const npy_intp windows = i == 0 ? v->slices : i == 1 ? v->lines : count[2];
        const npy_intp taps = (l->window[i] - 1) * l->dilation[i];
        v->extent[i] = (windows - 1) * l->stride[i] + taps + 1;
        v->in_place &= l->before[i] == 0 && (count[i] - 1) * l->stride[i] + taps < v->x.size[i];
        v->in_place &= v->x.step[i] % itemsize == 0;
    }
}

/* Fill the tables of offsets; `width` is the number of elements of a pixel in a copy. */
static inline void
fill_tables(Convolution *v, npy_intp itemsize, npy_intp width)
{
    const Layout *l = &v->layout;
    npy_intp step[RANK] = {v->extent[1] * v->extent[2] * width, v->extent[2] * width, width};
    for (int i = 0; v->in_place && i < RANK; i++) {
        step[i] = v->x.step[i] / itemsize;
    }
    for (npy_intp n = 0; n < v->pixels; n++) {
        const npy_intp q = n % v->windows.size[2], p = n / v->windows.size[2] % v->lines;
        const npy_intp o = n / v->windows.size[2] / v->lines;
        v->pixel[n] = o * l->stride[0] * step[0] + p * l->stride[1] * step[1] + q * l->stride[2] * step[2];
        v->place[n] = o * v->windows.step[0] + p * v->windows.step[1] + q * v->windows.step[2];
    }
    for (npy_intp row = 0; row < v->rows; row++) {
        const npy_intp c = row % v->inner, tap = row / v->inner, k = tap % l->window[2];
        const npy_intp j = tap / l->window[2] % l->window[1], i = tap / l->window[2] / l->window[1];
        v->entry[row] = i * l->dilation[0] * step[0] + j * l->dilation[1] * step[1] + k * l->dilation[2] * step[2] + c;
        v->weight[row] = i * v->tap_step[0] + j * v->tap_step[1] + k * v->tap_step[2] + c * v->row_step;
        v->channel[row] = c;
    }
}

#endif
