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
    npy_intp itemsize, index_size, parts;
    char *scratch; /* of each thread: a row of TAP, and a line for each role */
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

/* One line of `count` elements that do not lie side by side: copied, computed, and copied back. */
static void copied_line(const Walk *walk, char *const *at, const npy_intp *step, npy_intp count, npy_intp tap,
                        char *scratch) {
    char *copy[ROLES];
    for (int role = 0; role < INDEX; role++) {
        copy[role] = scratch + role * walk->line_step;
        copy_elements(copy[role], walk->itemsize, at[role], step[role], count, walk->itemsize);
    }
    walk->lines(walk->kind, copy, step, 1, count, tap);
    const int into = walk->kind >= POOL_PUT ? IMAGE : WINDOW;
    copy_elements(at[into], step[into], copy[into], walk->itemsize, count, walk->itemsize);
    if (walk->kind == POOL_MAX) {
        copy_elements(at[TAP], step[TAP], copy[TAP], walk->itemsize, count, walk->itemsize);
    }
}

/* One tap of `count` windows in a row: along channels, or along the row where that is longer. */
static void pool_tap(const Walk *walk, char *const *start, npy_intp count, npy_intp tap, char *scratch) {
    const npy_intp c = walk->of[WINDOW].c;
    npy_intp along[ROLES], across[ROLES];
    int dense = 1;
    for (int role = 0; role < INDEX; role++) {
        const Images *a = &walk->of[role];
        along[role] = a->c_step;
        across[role] = a->step[RANK - 1] * (role == IMAGE ? walk->layout.stride[RANK - 1] : 1);
        dense &= a->c_step == walk->itemsize;
    }
    const int turned = c < 8 && c < count;
    if (dense && !turned) {
        walk->lines(walk->kind, start, across, count, c, tap);
        return;
    }
    for (npy_intp i = 0; i < (turned ? c : count); i++) {
        char *at[ROLES];
        for (int role = 0; role < INDEX; role++) {
            at[role] = start[role] + i * (turned ? along : across)[role];
        }
        copied_line(walk, at, turned ? across : along, turned ? count : c, tap, scratch);
    }
}

/* The taps of window number o along an axis that lie in the image: from *first up to the result. */
static npy_intp inside(const Layout *l, int axis, npy_intp size, npy_intp o, npy_intp *first) {
    const npy_intp start = o * l->stride[axis] - l->before[axis], end = size - start;
    *first = start < 0 ? -start : 0;
    return end < l->window[axis] ? end : l->window[axis];
}

/* The tap after k, in none of whose windows it is inside: between what two windows next to each other have of the image. */
static npy_intp next_tap(const Layout *l, npy_intp count, npy_intp k) {
    const npy_intp left = l->before[2] - k - 1, o = left / l->stride[2];
    return left < 0 ? l->window[2] : l->before[2] - (o < count ? o : count - 1) * l->stride[2];
}

/* The taps (i, j, k), for all k, of the windows in row (o, p) of an image; `row` is where roles have them, and the first
 * of the taps has the number `tap`. */
static void pool_line(const Walk *walk, char *const *row, npy_intp tap, char *scratch) {
    const Layout *l = &walk->layout;
    const npy_intp size = walk->of[IMAGE].size[2], count = walk->of[WINDOW].size[2];
    for (npy_intp k = 0, next, first; k < l->window[2]; k = next) {
        const npy_intp last = reach(k, size, count, l->stride[2], l->before[2], &first);
        next = first < last ? k + 1 : next_tap(l, count, k);
        if (first < last) {
            const npy_intp at = first * l->stride[2] + k - l->before[2];
            char *start[ROLES];
            for (int role = 0; role < INDEX; role++) {
                start[role] = row[role] + (role == IMAGE ? at : first) * walk->of[role].step[2];
            }
            pool_tap(walk, start, last - first, tap + k, scratch);
        }
    }
}

/* All taps of the windows in row (o, p) of an image, but for those in the padding: windows may be far longer. */
static void pool_row(const Walk *walk, char *const *image, npy_intp o, npy_intp p, char *scratch) {
    const Layout *l = &walk->layout;
    const npy_intp *size = walk->of[IMAGE].size;
    npy_intp first[2];
    const npy_intp last[2] = {inside(l, 0, size[0], o, &first[0]), inside(l, 1, size[1], p, &first[1])};
    for (npy_intp i = first[0]; i < last[0]; i++) {
        for (npy_intp j = first[1]; j < last[1]; j++) {
            const npy_intp at[2] = {o * l->stride[0] + i - l->before[0], p * l->stride[1] + j - l->before[1]};
            char *row[ROLES];
            for (int role = 0; role < INDEX; role++) {
                const npy_intp *step = walk->of[role].step;
                row[role] = image[role] + (role == IMAGE ? at[0] : o) * step[0] + (role == IMAGE ? at[1] : p) * step[1];
            }
            const npy_uintp tap = ((npy_uintp)i * l->window[1] + j) * l->window[2]; /* unsigned: it may be too large */
            pool_line(walk, row, (npy_intp)tap, scratch);
        }
    }
}

/* n numbers of taps to those of INDEX, or back. */
#define CONVERT(T, U)                                                  \
    if (write && step == sizeof(U)) {                                  \
        for (npy_intp i = 0; i < n; i++) {                             \
            ((U *)index)[i] = (U)((const T *)taps)[i];                 \
        }                                                              \
    } else if (write) {                                                \
        for (npy_intp i = 0; i < n; i++) {                             \
            *(U *)(index + i * step) = (U)((const T *)taps)[i];        \
        }                                                              \
    } else {                                                           \
        for (npy_intp i = 0; i < n; i++) {                             \
            ((T *)taps)[i] = (T) * (const U *)(index + i * step);      \
        }                                                              \
    }

/* Write a row of TAP to a row of INDEX, or read it. */
static void convert_row(const Walk *walk, char *taps, char *index, int write) {
    const Images *a = &walk->of[INDEX];
    const int joined = a->step[2] == a->c * a->c_step;
    const npy_intp n = joined ? a->c * a->size[2] : a->c, step = a->c_step;
    for (npy_intp i = 0; i < (joined ? 1 : a->size[2]); i++) {
        if (walk->itemsize == 4 && walk->index_size == 1) {
            CONVERT(npy_int32, npy_uint8)
        } else if (walk->itemsize == 4) {
            CONVERT(npy_int32, npy_intp)
        } else if (walk->index_size == 1) {
            CONVERT(npy_int64, npy_uint8)
        } else {
            CONVERT(npy_int64, npy_intp)
        }
        taps += n * walk->itemsize;
        index += a->step[2];
    }
}

/* The images of one part. Rows of windows go backwards: each element then gets its addends in the order of taps. */
static void pool_part(void *context, ptrdiff_t part, int thread) {
    const Walk *walk = context;
    const Images *w = &walk->of[WINDOW], *into = &walk->of[walk->kind >= POOL_PUT ? IMAGE : WINDOW];
    const Images *index = &walk->of[INDEX];
    const int covered = walk->kind == POOL_PUT_APART && are_apart(&walk->layout, into, w) == 2;
    const int invalid = fetestexcept(FE_INVALID);
    char *scratch = walk->scratch + thread * walk->scratch_step;
    for (npy_intp n = w->n * part / walk->parts; n < w->n * (part + 1) / walk->parts; n++) {
        char *image[ROLES];
        for (int role = 0; role < ROLES; role++) {
            image[role] = walk->of[role].data + n * walk->of[role].n_step;
        }
        image[TAP] = scratch + ROLES * walk->line_step;
        if (!covered) {
            const npy_intp shape[] = {into->size[0], into->size[1], into->size[2], into->c};
            const npy_intp steps[] = {into->step[0], into->step[1], into->step[2], into->c_step};
            fill(image[into - walk->of], 4, shape, steps, walk->itemsize, walk->kind == POOL_MAX ? -INFINITY : 0);
        }
        for (npy_intp row = w->size[0] * w->size[1]; row-- > 0;) {
            const npy_intp o = row / w->size[1], p = row % w->size[1];
            char *indices = image[INDEX] + o * index->step[0] + p * index->step[1];
            if (walk->kind == POOL_MAX) {
                memset(image[TAP], -1, w->size[2] * walk->of[TAP].step[2]);
            } else if (index->data != NULL) {
                convert_row(walk, image[TAP], indices, 0);
            }
            pool_row(walk, image, o, p, scratch);
            if (walk->kind == POOL_MAX) {
                convert_row(walk, image[TAP], indices, 1);
            }
        }
    }
    if (walk->kind == POOL_MAX && !invalid) {
        feclearexcept(FE_INVALID); /* which comparing NaN raises */
    }
}

#define MOST_OPERANDS 5

static int operands_of(PoolKind kind) {
    return kind == POOL_MAX || kind == POOL_PUT ? MOST_OPERANDS : 4;
}

/* Read the operands of one call; see `pool`. Return 0 with an exception if the layout is not one. */
static int read_walk(Walk *walk, int rank, char **at, const npy_intp *dimensions, const npy_intp *steps) {
    enum { SHAPE = -1, LAYOUT = -2 };
    static const int roles[][MOST_OPERANDS] = {
        [POOL_MAX] = {IMAGE, SHAPE, LAYOUT, WINDOW, INDEX},
        [POOL_SUM] = {IMAGE, SHAPE, LAYOUT, WINDOW},
        [POOL_TAKE] = {IMAGE, INDEX, LAYOUT, WINDOW},
        [POOL_PUT] = {WINDOW, INDEX, SHAPE, LAYOUT, IMAGE},
        [POOL_SPREAD] = {WINDOW, SHAPE, LAYOUT, IMAGE},
    };
    const int *role = roles[walk->kind], operands = operands_of(walk->kind);
    const npy_intp *first = dimensions + 2, *other = first + rank + 1, c = first[rank];
    steps += operands;
    for (int k = 0; k < operands; k++) {
        if (role[k] == SHAPE) {
            steps += rank;
        } else if (role[k] == LAYOUT) {
            const int images_first = role[0] == IMAGE;
            const LayoutOperand operand = {.data = at[k], .step = *steps++, .numbers = other[rank], .rank = rank,
                                           .size = images_first ? first : other, .count = images_first ? other : first};
            if (!read_layout(&walk->layout, &operand)) {
                return 0;
            }
        } else {
            const int same = (role[k] == IMAGE) == (role[0] == IMAGE);
            const npy_intp itemsize = role[k] == INDEX ? walk->index_size : walk->itemsize;
            walk->of[role[k]] = images_of(at[k], rank, dimensions[1], same ? first : other, c, steps, itemsize);
            steps += rank + 2;
        }
    }
    Images *tap = &walk->of[TAP];
    tap->c_step = walk->itemsize;
    tap->step[2] = c * walk->itemsize;
    if (walk->kind == POOL_PUT && are_apart(&walk->layout, &walk->of[IMAGE], &walk->of[WINDOW])) {
        walk->kind = POOL_PUT_APART;
    }
    return 1;
}

/* All kernels have the core dimensions n, those of their first operand's images, c, and those of the other's. */
void pool(int rank, PoolKind kind, PoolLines *lines, npy_intp itemsize, npy_intp index_size, LOOP_OPERANDS) {
    const int operands = operands_of(kind);
    for (npy_intp outer = 0; outer < dimensions[0]; outer++) {
        Walk walk = {.kind = kind, .lines = lines, .itemsize = itemsize, .index_size = index_size};
        char *at[MOST_OPERANDS];
        for (int k = 0; k < operands; k++) {
            at[k] = args[k] + outer * steps[k];
        }
        if (!read_walk(&walk, rank, at, dimensions, steps)) {
            return;
        }
        const npy_intp c = walk.of[WINDOW].c, count = walk.of[WINDOW].size[2];
        const npy_intp *size = walk.of[IMAGE].size;
        const int few = dimensions[1] * size[0] * size[1] * size[2] * c < FEW_ELEMENTS;
        const int threads = few ? 1 : pool_threads();
        walk.parts = dimensions[1] < 4 * threads ? dimensions[1] : 4 * threads;
        walk.line_step = ROUNDED((c > count ? c : count) * itemsize, ALIGNED);
        walk.scratch_step = ROUNDED(ROLES * walk.line_step + count * c * itemsize, ALIGNED);
        walk.scratch = malloc(threads * walk.scratch_step + 1);
        if (walk.scratch == NULL) {
            no_memory();
            return;
        }
        pool_run(pool_part, &walk, walk.parts, threads);
        free(walk.scratch);
    }
}
