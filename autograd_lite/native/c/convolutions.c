/* Convolutions: how they are cut, and what is copied. The products are left to what is compiled for each dtype.
 *
 * Images are cut into bands of windows. What must be padded, or lies otherwise than in C order, is copied, a band at a
 * time. How sums are grouped depends on shapes alone, not on threads. */
#include "images.h"

#define PIXELS 256    /* about the most windows in a band */
#define PROPORTION 64 /* of a copy to all operands together, at most */

/* Find how the windows of an image are cut into bands: not at all if they are added up in the image. */
static void cut_into_bands(Convolution *v) {
    const npy_intp itemsize = v->tiles->itemsize;
    const Layout *l = &v->layout;
    const npy_intp *count = v->windows.size;
    const npy_intp fit = v->to == TO_INPUT ? count[1] : count[2] > 0 && count[2] < PIXELS ? PIXELS / count[2] : 1;
    const npy_intp cuts = fit > 0 ? (count[1] + fit - 1) / fit : 0;
    v->slices = v->to == TO_INPUT ? count[0] : 1;
    v->lines = cuts > 0 ? (count[1] + cuts - 1) / cuts : 0;
    v->bands = v->to == TO_INPUT ? 1 : count[0] * cuts;
    v->all_bands = v->windows.n * v->bands;
    v->pixels = v->slices * v->lines * count[2];
    v->in_place = v->x.c_step == itemsize && (v->to != TO_INPUT || v->columns == v->all);
    for (int i = 0; i < RANK; i++) {
        const npy_intp windows = i == 0 ? v->slices : i == 1 ? v->lines : count[2];
        const npy_intp taps = (l->window[i] - 1) * l->dilation[i];
        v->extent[i] = (windows - 1) * l->stride[i] + taps + 1;
        v->in_place &= l->before[i] == 0 && (count[i] - 1) * l->stride[i] + taps < v->x.size[i];
    }
    const Images *w = &v->windows;
    v->is_whole = w->c_step == itemsize && w->c % v->tiles->per_vector == 0;
    v->is_packed = v->is_whole && w->step[2] == w->c * itemsize && w->step[1] == w->size[2] * w->step[2];
}

/* Fill the tables of offsets; `width` is the number of elements of a pixel in a copy. */
static void fill_tables(Convolution *v, npy_intp width) {
    const Layout *l = &v->layout;
    const npy_intp size = v->tiles->itemsize;
    npy_intp step[RANK] = {v->extent[1] * v->extent[2] * width * size, v->extent[2] * width * size, width * size};
    if (v->in_place) {
        memcpy(step, v->x.step, sizeof step);
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
        v->entry[row] = i * l->dilation[0] * step[0] + j * l->dilation[1] * step[1] + k * l->dilation[2] * step[2];
        v->entry[row] += v->to == TO_INPUT ? 0 : c * size;
        v->weight[row] = i * v->tap_step[0] + j * v->tap_step[1] + k * v->tap_step[2] + c * v->row_step;
        v->channel[row] = c * size;
    }
}

npy_intp width_of(const Convolution *v, npy_intp left) {
    npy_intp width = v->tiles->widest;
    while (width > left) {
        width /= 2;
    }
    return width;
}

void pack(const Convolution *v, char *to, const char *from, const npy_intp *at, npy_intp rows, npy_intp column_step) {
    const npy_intp size = v->tiles->itemsize;
    for (npy_intp start = 0, width; start < v->all; start += width) {
        width = width_of(v, v->all - start);
        const npy_intp here = v->columns - start < width ? v->columns - start : width;
        for (npy_intp row = 0; row < rows; row++, to += width * size) {
            const char *line = from + at[row] + start * column_step;
            copy_elements(to, size, line, column_step, here, size);
            copy_elements(to + here * size, size, line + (here - 1) * column_step, 0, width - here, size);
        }
    }
}

Band band_of(const Convolution *v, npy_intp number) {
    const Images *w = &v->windows;
    const npy_intp n = number / v->bands, cuts = v->bands * v->slices / w->size[0];
    const npy_intp o = number % v->bands / cuts, line = number % cuts * v->lines;
    const npy_intp lines = w->size[1] - line < v->lines ? w->size[1] - line : v->lines;
    return (Band){
        .pixels = v->slices * lines * w->size[2],
        .windows = w->data + n * w->n_step + o * w->step[0] + line * w->step[1],
        .image = v->x.data + n * v->x.n_step,
        .start = {o * v->layout.stride[0] - v->layout.before[0], line * v->layout.stride[1] - v->layout.before[1],
                  -v->layout.before[2]},
    };
}

char *image_of(const Convolution *v, const Band *band, char *copy) {
    const Images *x = &v->x;
    const npy_intp *start = band->start, size = v->tiles->itemsize, pixel = x->c * size;
    if (v->in_place) {
        return band->image + start[0] * x->step[0] + start[1] * x->step[1];
    }
    char *to = copy;
    const npy_intp line = v->extent[2] * pixel, before = start[2] < 0 ? -start[2] : 0;
    npy_intp count = x->size[2] - (start[2] + before);
    count = count < v->extent[2] - before ? count : v->extent[2] - before;
    for (npy_intp i = start[0]; i < start[0] + v->extent[0]; i++) {
        for (npy_intp j = start[1]; j < start[1] + v->extent[1]; j++, to += line) {
            if (i < 0 || i >= x->size[0] || j < 0 || j >= x->size[1] || count <= 0) {
                memset(to, 0, line);
                continue;
            }
            const char *from = band->image + i * x->step[0] + j * x->step[1] + (start[2] + before) * x->step[2];
            memset(to, 0, before * pixel);
            if (x->c_step == size && x->step[2] == pixel) {
                memcpy(to + before * pixel, from, count * pixel);
            } else {
                for (npy_intp k = 0; k < count; k++) {
                    copy_elements(to + (before + k) * pixel, size, from + k * x->step[2], x->c_step, x->c, size);
                }
            }
            memset(to + (before + count) * pixel, 0, (v->extent[2] - before - count) * pixel);
        }
    }
    return copy;
}

void write_image(const Convolution *v, char *image, const char *total) {
    const Images *x = &v->x;
    const npy_intp size = v->tiles->itemsize;
    const double zero = 0;
    for (npy_intp pixel = 0; pixel < x->size[0] * x->size[1] * x->size[2]; pixel++) {
        const npy_intp line = pixel / x->size[2], at[RANK] = {line / x->size[1], line % x->size[1], pixel % x->size[2]};
        npy_intp from = 0;
        int inside = total != NULL;
        char *to = image;
        for (int i = 0; i < RANK; i++) {
            const npy_intp place = at[i] + v->layout.before[i];
            inside &= place >= 0 && place < v->extent[i];
            from = from * v->extent[i] + place;
            to += at[i] * x->step[i];
        }
        if (inside) {
            copy_elements(to, x->c_step, total + from * v->all * size, size, x->c, size);
        } else if (x->c_step == size) {
            memset(to, 0, x->c * size);
        } else {
            copy_elements(to, x->c_step, (const char *)&zero, 0, x->c, size);
        }
    }
}

static double elements_of(const Images *x) { return (double)x->n * x->size[0] * x->size[1] * x->size[2] * x->c; }

/* Whether a copy with its padding is out of all proportion to the operands: touching it could end the process. */
static int is_too_large(const Convolution *v) {
    const double area = (double)v->extent[0] * v->extent[1] * v->extent[2];
    const double given = elements_of(&v->x) + elements_of(&v->windows) + (double)v->rows * v->columns;
    return !v->in_place && area * (v->to == TO_INPUT ? v->all : v->x.c) > PROPORTION * given + (1 << 24);
}

/* Give out memory for tables and scratch, and share the work between threads. */
static void run(Convolution *v) {
    const npy_intp size = v->tiles->itemsize, widest = v->all < v->tiles->widest ? v->all : v->tiles->widest;
    cut_into_bands(v);
    if (is_too_large(v)) {
        no_memory();
        return;
    }
    const npy_intp width = v->to == TO_INPUT ? v->all : v->x.c, area = v->extent[0] * v->extent[1] * v->extent[2];
    const npy_intp beside = v->to == FORWARD ? widest : v->to == TO_KERNEL ? v->all : v->windows.c;
    v->copied = v->in_place ? 0 : ROUNDED(area * width * size, ALIGNED);
    v->scratch_step = ROUNDED(v->copied + v->pixels * beside * size, ALIGNED);
    const int few = v->all_bands * v->pixels * v->rows * v->columns < FEW_PRODUCTS, threads = few ? 1 : pool_threads();
    const npy_intp tiles = ROUNDED(v->rows, TILE) / TILE; /* for a kernel's gradient each part reads all bands */
    const npy_intp units = v->to == TO_KERNEL ? tiles : v->all_bands, most = v->to == TO_KERNEL ? threads : 4 * threads;
    v->parts = units < most ? units : most;
    const npy_intp packed = ROUNDED(v->rows * v->all * size, ALIGNED);
    const npy_intp tables = (2 * v->pixels + 3 * v->rows) * (npy_intp)sizeof(npy_intp);
    char *memory = malloc(ALIGNED + packed + threads * v->scratch_step + tables);
    if (memory == NULL) {
        no_memory();
        return;
    }
    v->packed = memory + (-(uintptr_t)memory) % ALIGNED;
    v->scratch = v->packed + packed;
    v->pixel = (npy_intp *)(v->scratch + threads * v->scratch_step);
    v->place = v->pixel + v->pixels;
    v->entry = v->place + v->pixels;
    v->weight = v->entry + v->rows;
    v->channel = v->weight + v->rows;
    fill_tables(v, width);
    if (v->to != TO_KERNEL) {
        pack(v, v->packed, v->weights, v->weight, v->rows, v->column_step);
    }
    pool_run(v->tiles->parts[v->to], v, v->parts, threads);
    free(memory);
}

static int is_empty(const npy_intp *shape, int axes) {
    int found = 0;
    for (int i = 0; i < axes; i++) {
        found |= shape[i] == 0;
    }
    return found;
}

/* The operands are (n, S, c), (K, c, f), (O), layout, (n, O, f) for the result; (n, S, c), (n, O, f), (K), layout,
 * (K, c, f) for the kernel's gradient; (n, O, f), (K, c, f), (S), layout, (n, S, c) for the image's. */
void convolve(int rank, Direction to, const Tiles *tiles, LOOP_OPERANDS) {
    static const int places[][3] = {[FORWARD] = {0, 1, 4}, [TO_KERNEL] = {0, 4, 1}, [TO_INPUT] = {4, 1, 0}};
    const int *place = places[to]; /* of the image, the weights, and the pixels of windows among the operands */
    const npy_intp *first = dimensions + 2, *second = first + rank + 1, *third = second + rank + 1;
    const npy_intp *size = to == TO_INPUT ? third : first, *window = to == TO_KERNEL ? third : second;
    const npy_intp *count = to == FORWARD ? third : to == TO_KERNEL ? second : first;
    const npy_intp c = to == TO_INPUT ? second[rank] : first[rank], f = to == TO_INPUT ? first[rank] : second[rank];
    const npy_intp *step[5] = {steps + 5, steps + 5 + rank + 2, NULL, NULL, steps + 5 + 3 * rank + 5};
    for (npy_intp outer = 0; outer < dimensions[0]; outer++) {
        char *at[5];
        for (int k = 0; k < 5; k++) {
            at[k] = args[k] + outer * steps[k];
        }
        const npy_intp *w_step = step[place[1]];
        Convolution v = {.to = to, .tiles = tiles, .weights = at[place[1]]};
        v.x = images_of(at[place[0]], rank, dimensions[1], size, c, step[place[0]], tiles->itemsize);
        v.windows = images_of(at[place[2]], rank, dimensions[1], count, f, step[place[2]], tiles->itemsize);
        const LayoutOperand operand = {at[3], step[4][-1], third[rank], size, count, window, rank};
        if (!read_layout(&v.layout, &operand)) {
            return;
        }
        v.inner = v.rows = to == TO_INPUT ? f : c;
        v.columns = to == TO_INPUT ? c : f;
        v.all = ROUNDED(v.columns, tiles->per_vector);
        v.row_step = w_step[to == TO_INPUT ? rank + 1 : rank];
        v.column_step = w_step[to == TO_INPUT ? rank : rank + 1];
        for (int i = 0; i < rank; i++) {
            v.tap_step[RANK - rank + i] = w_step[i];
            v.rows *= window[i];
        }
        if (is_empty(dimensions + 1, 3 * rank + 3)) {
            npy_intp shape[RANK + 2] = {dimensions[1]};
            memcpy(shape + (to != TO_KERNEL), third, rank * sizeof *shape);
            shape[rank] = to == TO_KERNEL ? c : shape[rank];
            shape[rank + 1] = to == TO_INPUT ? c : f;
            fill(at[4], rank + 2, shape, step[4], tiles->itemsize, 0); /* sums of nothing */
        } else {
            run(&v);
        }
    }
}
