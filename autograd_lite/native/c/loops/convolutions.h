/* Convolutions of images of T. Included once for each T.
 *
 * The matrix of windows is never made. Its element for window (o, p, q) and row (i, j, k, c) of the weights lies in the
 * image at the sum of an offset of the window and an offset of the row. So tiles of products, of TILE rows, serve all:
 *
 *     the result              rows are windows, sums are over rows of weights
 *     the kernel's gradient   rows are rows of weights, sums are over windows
 *     the image's gradient    rows are windows, sums are over channels, and each tap adds them to other pixels
 *
 * Images are cut into bands of windows. What must be padded, or lies otherwise than in C order, is copied, a band at a
 * time. How sums are grouped depends on shapes alone, not on threads. */

#define PER_VECTOR ((npy_intp)(VECTOR_BYTES / sizeof(T)))
#define WIDEST ((VECTOR_REGISTERS >= 32 ? 4 : 2) * PER_VECTOR)

/* total[r][v] += sum over t of rows[r][offset[t]] * right[t * step + v], for TILE rows and `width` columns. */
ALWAYS_INLINE void
OF(tile_of)(npy_intp width, T *const *total, const T *const *rows, const npy_intp *restrict offset,
            const T *restrict right, npy_intp step, npy_intp n)
{
    T sum[TILE][4 * PER_VECTOR];
    for (int r = 0; r < TILE; r++) {
        for (npy_intp v = 0; v < width; v++) {
            sum[r][v] = 0;
        }
    }
    const T *const a = rows[0], *const b = rows[1], *const c = rows[2];
    const T *const d = rows[3], *const e = rows[4], *const f = rows[5];
    for (npy_intp t = 0; t < n; t++) {
        const npy_intp o = offset[t];
        const T x[TILE] = {a[o], b[o], c[o], d[o], e[o], f[o]};
        for (int r = 0; r < TILE; r++) {
            for (npy_intp u = 0; u < width; u += PER_VECTOR) {
#pragma GCC unroll 1 /* so that this loop becomes one instruction, and not PER_VECTOR of them */
                for (npy_intp v = u; v < u + PER_VECTOR; v++) {
                    sum[r][v] = MADD(x[r], right[t * step + v], sum[r][v]);
                }
            }
        }
    }
    for (int r = 0; r < TILE; r++) {
        T *restrict to = total[r];
        for (npy_intp v = 0; v < width; v++) {
            to[v] += sum[r][v];
        }
    }
}

static void
OF(tile)(npy_intp width, T *const *total, const T *const *rows, const npy_intp *offset, const T *right, npy_intp step,
         npy_intp n)
{
    if (width == 4 * PER_VECTOR) {
        OF(tile_of)(4 * PER_VECTOR, total, rows, offset, right, step, n);
    }
    else if (width == 2 * PER_VECTOR) {
        OF(tile_of)(2 * PER_VECTOR, total, rows, offset, right, step, n);
    }
    else {
        OF(tile_of)(PER_VECTOR, total, rows, offset, right, step, n);
    }
}

/* The rows of a tile, and where they are added up. */
typedef struct {
    const T *rows[TILE];
    T *total[TILE];
    T spare[4 * PER_VECTOR]; /* the totals of rows that there are not, for which the last one is taken */
} OF(Tile);

/* Rows of numbers: each at its place in a table, or all one step apart. */
typedef struct {
    T *data;
    const npy_intp *at;
    npy_intp step;
} OF(Rows);

/* Take the rows from `first` on, of `count`. */
static void
OF(choose)(OF(Tile) *tile, OF(Rows) rows, OF(Rows) total, npy_intp first, npy_intp count)
{
    memset(tile->spare, 0, first + TILE > count ? sizeof tile->spare : 0);
    for (npy_intp r = 0; r < TILE; r++) {
        const npy_intp row = first + r < count ? first + r : count - 1;
        tile->rows[r] = rows.data + (rows.at == NULL ? row * rows.step : rows.at[row]);
        tile->total[r] = total.data + (total.at == NULL ? row * total.step : total.at[row]);
        tile->total[r] = first + r < count ? tile->total[r] : tile->spare;
    }
}

/* Return how many of the next columns a tile takes, when `left` of them, a multiple of PER_VECTOR, are left. */
static npy_intp
OF(width_of)(npy_intp left)
{
    npy_intp width = WIDEST;
    while (width > left) {
        width /= 2;
    }
    return width;
}

/* Copy a matrix into panels of columns, each as wide as a tile; behind the last column it is repeated. `at` has the
 * place of each row, in bytes. */
static void
OF(pack)(T *to, const char *from, const npy_intp *at, npy_intp rows, npy_intp columns, npy_intp column_step)
{
    const npy_intp all = ROUNDED(columns, PER_VECTOR);
    for (npy_intp start = 0, width; start < all; start += width) {
        width = OF(width_of)(all - start);
        const npy_intp here = columns - start < width ? columns - start : width;
        for (npy_intp row = 0; row < rows; row++, to += width) {
            const char *line = from + at[row] + start * column_step;
            if (here == width && column_step == sizeof(T)) {
                memcpy(to, line, width * sizeof(T));
                continue;
            }
            for (npy_intp v = 0; v < width; v++) {
                to[v] = *(const T *)(line + (v < here ? v : here - 1) * column_step);
            }
        }
    }
}

/* Copy `count` pixels one step apart. */
static void
OF(copy_line)(T *to, const char *from, npy_intp count, npy_intp step, npy_intp c, npy_intp c_step)
{
    if (c_step == sizeof(T) && step == c * c_step) {
        memcpy(to, from, count * step);
        return;
    }
    for (npy_intp i = 0; i < count; i++, from += step) {
        for (npy_intp j = 0; j < c; j++) {
            *to++ = *(const T *)(from + j * c_step);
        }
    }
}

/* A band of windows. */
typedef struct {
    npy_intp pixels;      /* how many windows */
    char *windows;        /* where their pixels begin */
    char *image;          /* the image that they lie on */
    npy_intp start[RANK]; /* where they begin there; below 0 in the padding */
} OF(Band);

static OF(Band)
OF(band_of)(const Convolution *v, npy_intp number)
{
    const Images *w = &v->windows;
    const npy_intp n = number / v->bands, cuts = v->bands * v->slices / w->size[0];
    const npy_intp o = number % v->bands / cuts, line = number % cuts * v->lines;
    const npy_intp lines = w->size[1] - line < v->lines ? w->size[1] - line : v->lines;
    return (OF(Band)){
        .pixels = v->slices * lines * w->size[2],
        .windows = w->data + n * w->n_step + o * w->step[0] + line * w->step[1],
        .image = v->x.data + n * v->x.n_step,
        .start = {o * v->layout.stride[0] - v->layout.before[0], line * v->layout.stride[1] - v->layout.before[1],
                  -v->layout.before[2]},
    };
}

/* Return what a band reads of an image: in place, or copied, with zeros as padding. */
static T *
OF(image_of)(const Convolution *v, const OF(Band) *band, T *copy)
{
    const Images *x = &v->x;
    const npy_intp *start = band->start;
    if (v->in_place) {
        return (T *)(band->image + start[0] * x->step[0] + start[1] * x->step[1]);
    }
    T *to = copy;
    const npy_intp line = v->extent[2] * x->c, before = start[2] < 0 ? -start[2] : 0;
    npy_intp count = x->size[2] - (start[2] + before);
    count = count < v->extent[2] - before ? count : v->extent[2] - before;
    for (npy_intp i = start[0]; i < start[0] + v->extent[0]; i++) {
        for (npy_intp j = start[1]; j < start[1] + v->extent[1]; j++, to += line) {
            if (i < 0 || i >= x->size[0] || j < 0 || j >= x->size[1] || count <= 0) {
                memset(to, 0, line * sizeof(T));
                continue;
            }
            const char *from = band->image + i * x->step[0] + j * x->step[1] + (start[2] + before) * x->step[2];
            memset(to, 0, before * x->c * sizeof(T));
            OF(copy_line)(to + before * x->c, from, count, x->step[2], x->c, x->c_step);
            memset(to + (before + count) * x->c, 0, (v->extent[2] - before - count) * x->c * sizeof(T));
        }
    }
    return copy;
}

/* Write some columns of the totals of a band. */
static void
OF(write_pixels)(const Convolution *v, const OF(Band) *band, const T *total, npy_intp start, npy_intp width)
{
    const npy_intp c_step = v->windows.c_step, here = v->columns - start < width ? v->columns - start : width;
    for (npy_intp pixel = 0; pixel < band->pixels; pixel++, total += width) {
        char *to = band->windows + v->place[pixel] + start * c_step;
        if (c_step == sizeof(T)) {
            memcpy(to, total, here * sizeof(T));
            continue;
        }
        for (npy_intp i = 0; i < here; i++) {
            *(T *)(to + i * c_step) = total[i];
        }
    }
}

/* Windows times weights, for some bands. */
static void
OF(forward_part)(void *context, ptrdiff_t part, int thread)
{
    const Convolution *v = context;
    T *const copy = (T *)(v->scratch + thread * v->scratch_step), *const total = copy + v->copied;
    const npy_intp all = ROUNDED(v->columns, PER_VECTOR), first = v->all_bands * part / v->parts;
    for (npy_intp number = first; number < v->all_bands * (part + 1) / v->parts; number++) {
        const OF(Band) band = OF(band_of)(v, number);
        T *x = OF(image_of)(v, &band, copy);
        for (npy_intp start = 0, width; start < all; start += width) {
            width = OF(width_of)(all - start);
            const T *right = (const T *)v->packed + start * v->rows;
            memset(total, 0, band.pixels * width * sizeof(T));
            for (npy_intp row = 0; row < v->rows; row += SUMMED) {
                const npy_intp count = v->rows - row < SUMMED ? v->rows - row : SUMMED;
                for (npy_intp pixel = 0; pixel < band.pixels; pixel += TILE) {
                    OF(Tile) tile;
                    OF(choose)(&tile, (OF(Rows)){x, v->pixel, 0}, (OF(Rows)){total, NULL, width}, pixel, band.pixels);
                    OF(tile)(width, tile.total, tile.rows, v->entry + row, right + row * width, width, count);
                }
            }
            OF(write_pixels)(v, &band, total, start, width);
        }
    }
}

/* The gradient of some rows of the weights: all bands, summed in order. */
static void
OF(kernel_part)(void *context, ptrdiff_t part, int thread)
{
    const Convolution *v = context;
    T *const copy = (T *)(v->scratch + thread * v->scratch_step), *const y = copy + v->copied;
    const npy_intp all = ROUNDED(v->columns, PER_VECTOR), tiles = ROUNDED(v->rows, TILE) / TILE;
    const npy_intp first = tiles * part / v->parts * TILE, end = tiles * (part + 1) / v->parts * TILE;
    const npy_intp last = end < v->rows ? end : v->rows;
    T *const total = v->packed;
    memset(total + first * all, 0, (last - first) * all * sizeof(T));
    for (npy_intp number = 0; number < v->all_bands; number++) {
        const OF(Band) band = OF(band_of)(v, number);
        T *x = OF(image_of)(v, &band, copy);
        if (!v->is_packed) {
            OF(pack)(y, band.windows, v->place, band.pixels, v->columns, v->windows.c_step);
        }
        for (npy_intp start = 0, width; start < all; start += width) {
            width = OF(width_of)(all - start);
            const T *right = v->is_packed ? (const T *)band.windows + start : y + start * band.pixels;
            const npy_intp step = v->is_packed ? all : width;
            for (npy_intp row = first; row < last; row += TILE) {
                OF(Tile) tile;
                OF(choose)(&tile, (OF(Rows)){x, v->entry, 0}, (OF(Rows)){total + start, NULL, all}, row, last);
                OF(tile)(width, tile.total, tile.rows, v->pixel, right, step, band.pixels);
            }
        }
    }
    for (npy_intp row = first; row < last; row++) {
        for (npy_intp i = 0; i < v->columns; i++) {
            *(T *)(v->weights + v->weight[row] + i * v->column_step) = total[row * all + i];
        }
    }
}

/* Write what was added up for an image, in a copy, into the image; zeros where there is nothing. */
static void
OF(write_image)(const Convolution *v, char *image, const T *total, npy_intp width)
{
    const Images *x = &v->x;
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
        if (x->c_step == sizeof(T)) {
            inside ? memcpy(to, total + from * width, x->c * sizeof(T)) : memset(to, 0, x->c * sizeof(T));
            continue;
        }
        for (npy_intp c = 0; c < x->c; c++) {
            *(T *)(to + c * x->c_step) = inside ? total[from * width + c] : 0;
        }
    }
}

/* The gradient of some images: the products of each tap are added at the pixels where it lies. */
static void
OF(input_part)(void *context, ptrdiff_t part, int thread)
{
    const Convolution *v = context;
    T *const copy = (T *)(v->scratch + thread * v->scratch_step), *const y = copy + v->copied;
    const npy_intp all = ROUNDED(v->columns, PER_VECTOR), f = v->windows.c, first = v->all_bands * part / v->parts;
    for (npy_intp number = first; number < v->all_bands * (part + 1) / v->parts; number++) {
        const OF(Band) band = OF(band_of)(v, number);
        T *const total = v->in_place ? (T *)band.image : copy;
        if (v->in_place) {
            OF(write_image)(v, band.image, NULL, 0);
        }
        else {
            memset(copy, 0, v->copied * sizeof(T));
        }
        for (npy_intp pixel = 0; pixel < band.pixels; pixel++) {
            const char *from = band.windows + v->place[pixel];
            OF(copy_line)(y + pixel * f, from, 1, f * (npy_intp)sizeof(T), f, v->windows.c_step);
        }
        for (npy_intp start = 0, width; start < all; start += width) {
            width = OF(width_of)(all - start);
            for (npy_intp row = 0, count; row < v->rows; row += count) {
                const npy_intp left = f - v->channel[row];
                count = left < SUMMED ? left : SUMMED;
                const T *right = (const T *)v->packed + start * v->rows + row * width;
                T *const here = total + start + v->entry[row] - v->channel[row];
                for (npy_intp pixel = 0; pixel < band.pixels; pixel += TILE) {
                    OF(Tile) tile;
                    OF(choose)(&tile, (OF(Rows)){y, NULL, f}, (OF(Rows)){here, v->pixel, 0}, pixel, band.pixels);
                    OF(tile)(width, tile.total, tile.rows, v->channel + v->channel[row], right, width, count);
                }
            }
        }
        if (!v->in_place) {
            OF(write_image)(v, band.image, total, all);
        }
    }
}

/* Give out memory for tables and scratch, and share the work between threads. */
static void
OF(convolve)(Convolution *v)
{
    cut_into_bands(v, sizeof(T));
    const npy_intp all = ROUNDED(v->columns, PER_VECTOR), size = sizeof(T), widest = all < WIDEST ? all : WIDEST;
    v->in_place &= v->to != TO_INPUT || v->columns == all;
    const Images *w = &v->windows;
    v->is_packed = v->columns == all && w->c_step == size && w->step[2] == all * size && w->step[1] == w->size[2] * w->step[2];
    const npy_intp width = v->to == TO_INPUT ? all : v->x.c, area = v->extent[0] * v->extent[1] * v->extent[2];
    v->copied = v->in_place ? 0 : ROUNDED(area * width, ALIGNED / size);
    const npy_intp beside = v->to == FORWARD ? widest : v->to == TO_KERNEL ? all : v->windows.c;
    v->scratch_step = ROUNDED((v->copied + v->pixels * beside) * size, ALIGNED);
    const int threads = pool_threads();
    const npy_intp tiles = ROUNDED(v->rows, TILE) / TILE; /* for a kernel's gradient each part reads all bands */
    v->parts = v->to == TO_KERNEL ? (tiles < threads ? tiles : threads)
                                  : (v->all_bands < 4 * threads ? v->all_bands : 4 * threads);
    const npy_intp packed = ROUNDED(v->rows * all * size, ALIGNED);
    const npy_intp tables = (2 * v->pixels + 3 * v->rows) * (npy_intp)sizeof(npy_intp);
    char *memory = malloc(ALIGNED + packed + threads * v->scratch_step + tables);
    if (memory == NULL) {
        no_memory();
        return;
    }
    v->packed = memory + (-(uintptr_t)memory) % ALIGNED;
    v->scratch = (char *)v->packed + packed;
    v->pixel = (npy_intp *)(v->scratch + threads * v->scratch_step);
    v->place = v->pixel + v->pixels;
    v->entry = v->place + v->pixels;
    v->weight = v->entry + v->rows;
    v->channel = v->weight + v->rows;
    fill_tables(v, size, width);
    if (v->to != TO_KERNEL) {
        OF(pack)(v->packed, v->weights, v->weight, v->rows, v->columns, v->column_step);
    }
    pool_run(v->to == FORWARD ? OF(forward_part) : v->to == TO_KERNEL ? OF(kernel_part) : OF(input_part), v, v->parts,
             threads);
    free(memory);
}

/* Read the operands: (n, S, c), (K, c, f), (O), layout, (n, O, f) of the result; (n, S, c), (n, O, f), (K), layout,
 * (K, c, f) of the kernel's gradient; (n, O, f), (K, c, f), (S), layout, (n, S, c) of the image's. */
static void
OF(convolutions)(int rank, Direction to, char **args, const npy_intp *dimensions, const npy_intp *steps)
{
    static const int places[][3] = {[FORWARD] = {0, 1, 4}, [TO_KERNEL] = {0, 4, 1}, [TO_INPUT] = {4, 1, 0}};
    const int *place = places[to]; /* of the image, the weights, and the pixels of windows among the operands */
    const npy_intp *first = dimensions + 2, *second = first + rank + 1, *third = second + rank + 1;
    const npy_intp *size = to == TO_INPUT ? third : first;
    const npy_intp *count = to == FORWARD ? third : to == TO_KERNEL ? second : first;
    const npy_intp *window = to == TO_KERNEL ? third : second;
    const npy_intp c = to == TO_INPUT ? second[rank] : first[rank], f = to == TO_INPUT ? first[rank] : second[rank];
    const npy_intp *step[5] = {steps + 5, steps + 5 + rank + 2, NULL, NULL, steps + 5 + 3 * rank + 5};
    for (npy_intp outer = 0; outer < dimensions[0]; outer++) {
        char *at[5];
        for (int k = 0; k < 5; k++) {
            at[k] = args[k] + outer * steps[k];
        }
        const npy_intp *w_step = step[place[1]];
        Convolution v = {.to = to, .weights = at[place[1]]};
        v.x = images_of(at[place[0]], rank, dimensions[1], size, c, step[place[0]]);
        v.windows = images_of(at[place[2]], rank, dimensions[1], count, f, step[place[2]]);
        read_layout(&v.layout, v.layout.dilation, at[3], step[4][-1], rank);
        v.inner = v.rows = to == TO_INPUT ? f : c;
        v.columns = to == TO_INPUT ? c : f;
        v.row_step = w_step[to == TO_INPUT ? rank + 1 : rank];
        v.column_step = w_step[to == TO_INPUT ? rank : rank + 1];
        for (int i = 0; i < rank; i++) {
            v.layout.window[RANK - rank + i] = window[i];
            v.tap_step[RANK - rank + i] = w_step[i];
            v.rows *= window[i];
        }
        OF(convolve)(&v);
    }
}

#define CONVOLUTION_LOOPS(name, to)                                                                              \
    static void OF(name##_1)(LOOP_ARGUMENTS) { (void)data; OF(convolutions)(1, to, args, dimensions, steps); }     \
    static void OF(name##_2)(LOOP_ARGUMENTS) { (void)data; OF(convolutions)(2, to, args, dimensions, steps); }     \
    static void OF(name##_3)(LOOP_ARGUMENTS) { (void)data; OF(convolutions)(3, to, args, dimensions, steps); }
CONVOLUTION_LOOPS(convolution, FORWARD)
CONVOLUTION_LOOPS(convolution_kernel, TO_KERNEL)
CONVOLUTION_LOOPS(convolution_input, TO_INPUT)
#undef CONVOLUTION_LOOPS
#undef PER_VECTOR
#undef WIDEST
