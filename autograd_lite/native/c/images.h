/* Images and how windows lie on them, for loops over one to three spatial axes with channels last: what is the same for
 * all dtypes and sets of instructions. */
#ifndef AUTOGRAD_LITE_IMAGES_H
#define AUTOGRAD_LITE_IMAGES_H

#include "operands.h"
#include "pool.h"

#define RANK 3 /* the most spatial axes; with fewer, the first ones have length 1 */
#define ALIGNED 64 /* bytes, of scratch memory */
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define LOOP_OPERANDS char **args, const npy_intp *dimensions, const npy_intp *steps

/* An array of images: the batch, the spatial axes, channels. Steps are in bytes. */
typedef struct {
    char *data;
    npy_intp n, size[RANK], c;
    npy_intp n_step, step[RANK], c_step;
} Images;

/* How windows lie along each axis. The last operand of each kernel has a number for each field and axis: the first are
 * the windows' lengths in pooling, and the distances of their taps in convolutions. */
typedef struct {
    npy_intp window[RANK], dilation[RANK], stride[RANK], before[RANK];
} Layout;

/* That operand, and the lengths of images and of arrays with an element for each window. */
typedef struct {
    const char *data;
    npy_intp step, numbers;      /* how many numbers it has */
    const npy_intp *size, *count;
    const npy_intp *window;      /* of a convolution; NULL where the windows' lengths are in the operand */
    int rank;
} LayoutOperand;

/* Read an operand of a loop whose core dimensions are n, the spatial ones and c. */
Images images_of(char *data, int rank, npy_intp n, const npy_intp *size, npy_intp c, const npy_intp *steps,
                 npy_intp itemsize);

/* Read a layout. Return 0 with a ValueError unless exactly this many windows fit on images of this size: all places
 * that follow from the layout then are in the image or in its padding, and no arithmetic on them overflows. */
int read_layout(Layout *l, const LayoutOperand *operand);

/* Fill an array of some axes with a value. */
void fill(char *data, int axes, const npy_intp *shape, const npy_intp *steps, npy_intp itemsize, double value);

/* ---- pooling ----------------------------------------------------------------------------------------------------- */

/* What a walk over windows computes; the last one where no two windows share an element. */
typedef enum { POOL_MAX, POOL_SUM, POOL_TAKE, POOL_PUT, POOL_SPREAD, POOL_PUT_APART } PoolKind;

/* The roles of operands: the image; the others have an element for each window. TAP is scratch for a row of windows, of
 * integers of the dtype's size: the number of the tap that counts, or -1. INDEX has all of them, as bytes or npy_intp. */
enum { IMAGE, WINDOW, TAP, INDEX, ROLES };

/* What is compiled for a dtype and a set of instructions: one tap of `count` windows that are one step apart, each of c
 * elements side by side. */
typedef void PoolLines(PoolKind kind, char *const *start, const npy_intp *step, npy_intp count, npy_intp c,
                       npy_intp tap);

/* Work that is too little for several threads: elements of pooling, multiplications. */
#define FEW_ELEMENTS (1 << 14)
#define FEW_PRODUCTS (1 << 18)

/* A loop of a ufunc: read the operands, and share the images between threads. */
void pool(int rank, PoolKind kind, PoolLines *lines, npy_intp itemsize, npy_intp index_size, LOOP_OPERANDS);

/* ---- convolutions ------------------------------------------------------------------------------------------------ */

/* Which of the arrays of the form is computed: the result, or the gradient of another. */
typedef enum { FORWARD, TO_KERNEL, TO_INPUT } Direction;

#define TILE 6     /* rows of a tile of products: with 2 or 4 vectors each, they fill a file of 16 or 32 registers */
#define SUMMED 128 /* the most addends that a tile sums before it adds to a total, but for sums over pixels */
#define ROUNDED(n, unit) (((n) + (unit) - 1) / (unit) * (unit))

/* What is compiled for a dtype and a set of instructions. */
typedef struct {
    npy_intp itemsize, per_vector; /* per_vector: elements */
    npy_intp widest;               /* the columns of the widest tile */
    void (*parts[3])(void *context, ptrdiff_t part, int thread); /* for each direction */
} Tiles;

typedef struct {
    const Tiles *tiles;
    Direction to;
    Images x, windows;         /* windows: a pixel for each of them */
    Layout layout;
    char *weights;
    npy_intp inner;            /* how many rows of weights belong to a tap: channels of x, or of the windows' pixels */
    npy_intp rows, columns;    /* of the matrix of weights */
    npy_intp all;              /* columns, rounded up to whole vectors */
    npy_intp row_step, column_step, tap_step[RANK];
    npy_intp slices, lines;    /* of a band of windows, along the first two axes */
    npy_intp bands, all_bands; /* of an image, and of all images */
    npy_intp pixels;           /* the windows of a band */
    npy_intp extent[RANK];     /* the lengths of the part of the image that they lie on */
    int in_place;              /* whether it is read, or written, where it is */
    int is_whole, is_packed;   /* whether pixels of windows are whole vectors; whether they also lie side by side */
    npy_intp *pixel, *entry;   /* where in it, in bytes, each window lies, and each row of weights in a window */
    npy_intp *place, *weight;  /* the same of each window's pixel, and of each row in the weights */
    npy_intp *channel;         /* the same of a row in its tap */
    char *packed;              /* the weights, or the totals of their gradient */
    npy_intp parts;
    char *scratch;             /* of each thread: the copy of a band's part of the image, then other things */
    npy_intp scratch_step, copied;
} Convolution;

/* A band of windows. */
typedef struct {
    npy_intp pixels;      /* how many windows */
    char *windows;        /* where their pixels begin */
    char *image;          /* the image that they lie on */
    npy_intp start[RANK]; /* where they begin there; below 0 in the padding */
} Band;

/* A loop of a ufunc: read the operands, and share the work between threads. */
void convolve(int rank, Direction to, const Tiles *tiles, LOOP_OPERANDS);

/* Return a band, by its number. */
Band band_of(const Convolution *v, npy_intp number);

/* Return what a band reads of an image: in place, or copied, with zeros as padding. */
char *image_of(const Convolution *v, const Band *band, char *copy);

/* Copy the rows of a matrix, at some places, into panels of columns, each as wide as a tile; behind the last column it
 * is repeated. */
void pack(const Convolution *v, char *to, const char *from, const npy_intp *at, npy_intp rows, npy_intp column_step);

/* Write what was added up in a copy of an image into the image, with zeros around it; for NULL nothing but zeros. */
void write_image(const Convolution *v, char *image, const char *total);

/* Return how many of the next columns a tile takes, when `left` of them, whole vectors, are left. */
npy_intp width_of(const Convolution *v, npy_intp left);

#endif
