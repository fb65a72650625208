/* Pooling: walks over the windows of images, whose lines of elements are left to what is compiled for each dtype.
 *
 * A walk goes over the rows of windows, for each over the taps of a window in C order, and for each over the windows in
 * the row. Images are shared between threads. */
#include "images.h"

#include <fenv.h>

typedef struct {
    Images of[ROLES]; /* those that a kind lacks have no data */
    Layout layout;
    PoolKind kind;
    PoolLines *lines;
    npy_intp itemsize, parts;
    char *scratch; /* of each thread: a row of DONE, and a line for each role */
    npy_intp scratch_step, line_step;
} Walk;

/* Find the windows of `count` for which a tap lies inside an axis of length `size`: from *first up to the result. */
static npy_intp reach(npy_intp tap, npy_intp size, npy_intp count, npy_intp stride, npy_intp before, npy_intp *first) {
    const npy_intp start = before - tap, end = size + before - tap;
    *first = start <= 0 ? 0 : (start + stride - 1) / stride;
    const npy_intp last = end <= 0 ? 0 : (end + stride - 1) / stride;
    return last < count ? last : count;
}

/* Return whether no two windows share an element, and in addition 2 if they cover the whole image. */
static int are_apart(const Layout *l, const Images *image, const Images *windows) {
    int apart = 1, tiles = 1;
    for (int i = 0; i < RANK; i++) {
        apart &= l->stride[i] >= l->window[i];
        tiles &= l->stride[i] == l->window[i] && l->before[i] == 0 && windows->size[i] * l->window[i] == image->size[i];
    }
    return tiles ? 2 : apart;
}

/* Fill an image, or all windows of one. */
static void fill(const Walk *walk, const Images *a, char *data, int axis, double value) {
    if (axis < RANK) {
        for (npy_intp i = 0; i < a->size[axis]; i++) {
            fill(walk, a, data + i * a->step[axis], axis + 1, value);
        }
    } else if (value == 0 && a->c_step == walk->itemsize) {
        memset(data, 0, a->c * walk->itemsize);
    } else {
        for (npy_intp i = 0; i < a->c; i++) {
            if (walk->itemsize == sizeof(npy_float)) {
                *(npy_float *)(data + i * a->c_step) = (npy_float)value;
            } else {
                *(npy_double *)(data + i * a->c_step) = value;
            }
        }
    }
}

/* One line of `count` elements that do not lie side by side: copied, computed, and copied back. */
static void copied_line(const Walk *walk, char *const *at, const npy_intp *step, npy_intp count, char *scratch) {
    char *copy[ROLES];
    for (int role = 0; role < ROLES; role++) {
        copy[role] = scratch + role * walk->line_step;
        if (walk->of[role].data != NULL || role == DONE) {
            copy_elements(copy[role], walk->itemsize, at[role], step[role], count, walk->itemsize);
        }
    }
    walk->lines(walk->kind, copy, step, 1, count);
    const int into = walk->kind >= POOL_PUT ? IMAGE_2 : WINDOW;
    copy_elements(at[into], step[into], copy[into], walk->itemsize, count, walk->itemsize);
    copy_elements(at[DONE], step[DONE], copy[DONE], walk->itemsize, count, walk->itemsize);
}

/* One tap of `count` windows in a row: along channels, or along the row where that is longer. */
static void pool_tap(const Walk *walk, char *const *start, npy_intp count, char *scratch) {
    const npy_intp c = walk->of[WINDOW].c;
    npy_intp along[ROLES], across[ROLES];
    int dense = 1;
    for (int role = 0; role < ROLES; role++) {
        const Images *a = &walk->of[role];
        along[role] = a->c_step;
        across[role] = a->step[RANK - 1] * (role <= IMAGE_2 ? walk->layout.stride[RANK - 1] : 1);
        dense &= a->data == NULL || a->c_step == walk->itemsize;
    }
    const int turned = c < 8 && c < count;
    if (dense && !turned) {
        walk->lines(walk->kind, start, across, count, c);
        return;
    }
    for (npy_intp i = 0; i < (turned ? c : count); i++) {
        char *at[ROLES];
        for (int role = 0; role < ROLES; role++) {
            at[role] = start[role] + i * (turned ? along : across)[role];
        }
        copied_line(walk, at, turned ? across : along, turned ? count : c, scratch);
    }
}

/* All taps of the windows in row (o, p) of an image. */
static void pool_row(const Walk *walk, char *const *image, npy_intp o, npy_intp p, char *scratch) {
    const Layout *l = &walk->layout;
    const npy_intp *size = walk->of[walk->kind == POOL_SPREAD ? IMAGE_2 : IMAGE].size;
    for (npy_intp tap = 0; tap < l->window[0] * l->window[1] * l->window[2]; tap++) {
        const npy_intp k = tap % l->window[2], j = tap / l->window[2] % l->window[1];
        const npy_intp a = o * l->stride[0] + tap / l->window[2] / l->window[1] - l->before[0];
        const npy_intp b = p * l->stride[1] + j - l->before[1];
        npy_intp first;
        const npy_intp last = reach(k, size[2], walk->of[WINDOW].size[2], l->stride[2], l->before[2], &first);
        if (a < 0 || a >= size[0] || b < 0 || b >= size[1] || first >= last) {
            continue;
        }
        char *start[ROLES];
        for (int role = 0; role < ROLES; role++) {
            const npy_intp *step = walk->of[role].step;
            const npy_intp at[RANK] = {a, b, first * l->stride[2] + k - l->before[2]}, window[RANK] = {o, p, first};
            const npy_intp *here = role <= IMAGE_2 ? at : window;
            start[role] = image[role] + here[0] * step[0] + here[1] * step[1] + here[2] * step[2];
        }
        pool_tap(walk, start, last - first, scratch);
    }
}

/* The images of one part. Rows of windows go backwards: each element then gets its addends in the order of taps. */
static void pool_part(void *context, ptrdiff_t part, int thread) {
    const Walk *walk = context;
    const Images *w = &walk->of[WINDOW], *into = &walk->of[walk->kind >= POOL_PUT ? IMAGE_2 : WINDOW];
    const int covered = walk->kind == POOL_PUT_APART && are_apart(&walk->layout, into, w) == 2;
    const int invalid = fetestexcept(FE_INVALID);
    char *scratch = walk->scratch + thread * walk->scratch_step;
    for (npy_intp n = w->n * part / walk->parts; n < w->n * (part + 1) / walk->parts; n++) {
        char *image[ROLES];
        for (int role = 0; role < DONE; role++) {
            image[role] = walk->of[role].data + n * walk->of[role].n_step;
        }
        image[DONE] = scratch + ROLES * walk->line_step;
        if (!covered) {
            fill(walk, into, image[into - walk->of], 0, walk->kind == POOL_MAX ? -INFINITY : 0);
        }
        for (npy_intp row = w->size[0] * w->size[1]; row-- > 0;) {
            memset(image[DONE], 0, w->size[2] * walk->of[DONE].step[2]);
            pool_row(walk, image, row / w->size[1], row % w->size[1], scratch);
        }
    }
    if (walk->kind == POOL_MAX && !invalid) {
        feclearexcept(FE_INVALID); /* which comparing NaN raises */
    }
}

/* Read the operands of one call; see `pool`. */
static void read_walk(Walk *walk, int rank, char **at, const npy_intp *dimensions, const npy_intp *steps) {
    enum { SHAPE = -1, LAYOUT = -2 };
    static const int roles[][5] = {
        [POOL_MAX] = {IMAGE, SHAPE, LAYOUT, WINDOW},
        [POOL_SUM] = {IMAGE, SHAPE, LAYOUT, WINDOW},
        [POOL_TAKE] = {IMAGE_2, IMAGE, WINDOW_2, LAYOUT, WINDOW},
        [POOL_PUT] = {WINDOW, IMAGE, WINDOW_2, LAYOUT, IMAGE_2},
        [POOL_SPREAD] = {WINDOW, SHAPE, LAYOUT, IMAGE_2},
    };
    const int *role = roles[walk->kind], operands = walk->kind == POOL_TAKE || walk->kind == POOL_PUT ? 5 : 4;
    const npy_intp *first = dimensions + 2, *other = first + rank + 1, c = first[rank];
    steps += operands;
    for (int k = 0; k < operands; k++) {
        if (role[k] == SHAPE) {
            steps += rank;
        } else if (role[k] == LAYOUT) {
            read_layout(&walk->layout, walk->layout.window, at[k], *steps++, rank);
        } else {
            const int same = (role[k] <= IMAGE_2) == (role[0] <= IMAGE_2);
            walk->of[role[k]] = images_of(at[k], rank, dimensions[1], same ? first : other, c, steps, walk->itemsize);
            steps += rank + 2;
        }
    }
    Images *done = &walk->of[DONE];
    done->c_step = walk->itemsize;
    done->step[2] = c * walk->itemsize;
    if (walk->kind == POOL_PUT && are_apart(&walk->layout, &walk->of[IMAGE_2], &walk->of[WINDOW])) {
        walk->kind = POOL_PUT_APART;
    }
}

/* All kernels have the core dimensions n, those of their first operand's images, c, and those of the other's. */
void pool(int rank, PoolKind kind, PoolLines *lines, npy_intp itemsize, LOOP_OPERANDS) {
    const int operands = kind == POOL_TAKE || kind == POOL_PUT ? 5 : 4;
    for (npy_intp outer = 0; outer < dimensions[0]; outer++) {
        Walk walk = {.kind = kind, .lines = lines, .itemsize = itemsize};
        char *at[5];
        for (int k = 0; k < operands; k++) {
            at[k] = args[k] + outer * steps[k];
        }
        read_walk(&walk, rank, at, dimensions, steps);
        const npy_intp c = walk.of[WINDOW].c, count = walk.of[WINDOW].size[2];
        const npy_intp *size = walk.of[kind >= POOL_PUT ? IMAGE_2 : IMAGE].size;
        const int few = dimensions[1] * size[0] * size[1] * size[2] * c < FEW_ELEMENTS;
        const int threads = few ? 1 : pool_threads();
        walk.parts = dimensions[1] < 4 * threads ? dimensions[1] : 4 * threads;
        walk.line_step = ROUNDED((c > count ? c : count) * itemsize, ALIGNED);
        walk.scratch_step = ROUNDED(ROLES * walk.line_step + count * c * itemsize, ALIGNED);
        walk.scratch = malloc(threads * walk.scratch_step);
        if (walk.scratch == NULL) {
            no_memory();
            return;
        }
        pool_run(pool_part, &walk, walk.parts, threads);
        free(walk.scratch);
    }
}
