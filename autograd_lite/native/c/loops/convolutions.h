/* Convolutions of images of T. Included once for each T.
 *
 * The matrix of windows is never made. Its element for pixel (o, p, q) and entry (i, j, k, c) lies in the image at the
 * sum of an offset of the pixel and an offset of the entry. So one tile of products serves both kernels: the forward one
 * has pixels as rows and sums over entries, the gradient of the weights has entries as rows and sums over pixels.
 *
 * Images are cut into bands of rows. What must be padded, or lies otherwise than in C order, is copied, a band at a time.
 * How sums are grouped depends on shapes alone, not on threads. */

#define LANES ((npy_intp)(VECTOR_BYTES / sizeof(T)))
#define WIDEST ((VECTOR_REGISTERS >= 32 ? 4 : 2) * LANES)

/* total[r][v] += sum over t of rows[r][offset[t]] * right[t * step + v], for TILE rows and `width` columns. */
ALWAYS_INLINE void
OF(tile_of)(npy_intp width, T *restrict total, const T *const *rows, const npy_intp *restrict offset,
            const T *restrict right, npy_intp step, npy_intp n)
{
    T sum[TILE][4 * LANES];
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
            for (npy_intp u = 0; u < width; u += LANES) {
#pragma GCC unroll 1 /* so that this loop becomes one instruction, and not LANES of them */
                for (npy_intp v = u; v < u + LANES; v++) {
                    sum[r][v] = MADD(x[r], right[t * step + v], sum[r][v]);
                }
            }
        }
    }
    for (int r = 0; r < TILE; r++) {
        for (npy_intp v = 0; v < width; v++) {
            total[r * width + v] += sum[r][v];
        }
    }
}

static void
OF(tile)(npy_intp width, T *restrict total, const T *const *rows, const npy_intp *restrict offset,
         const T *restrict right, npy_intp step, npy_intp n)
{
    if (width == 4 * LANES) {
        OF(tile_of)(4 * LANES, total, rows, offset, right, step, n);
    }
    else if (width == 2 * LANES) {
        OF(tile_of)(2 * LANES, total, rows, offset, right, step, n);
    }
    else {
        OF(tile_of)(LANES, total, rows, offset, right, step, n);
    }
}

/* Return how many of the next columns a tile takes, when `left` of them, a multiple of LANES, are left. */
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
OF(packed)(T *to, const char *from, const npy_intp *at, npy_intp rows, npy_intp columns, npy_intp column_step)
{
    const npy_intp all = ROUNDED(columns, LANES);
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

/* Copy `count` rows of channels one step apart. */
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

/* Return the part of an image that a band of rows of windows reads: in place, or copied, with zeros as padding. */
static const T *
OF(band_of)(const Convolution *v, npy_intp band, T *copy)
{
    const Images *x = &v->x;
    const Layout *l = &v->layout;
    npy_intp start[RANK] = {band / v->bands % v->windows.size[0], band % v->bands * v->rows, 0};
    const char *data = x->data + band / v->bands / v->windows.size[0] * x->n_step;
    for (int i = 0; i < RANK; i++) {
        start[i] = start[i] * l->stride[i] - l->before[i];
    }
    if (v->in_place) {
        return (const T *)(data + start[0] * x->step[0] + start[1] * x->step[1]);
    }
    T *to = copy;
    const npy_intp line = v->band[2] * x->c, before = start[2] < 0 ? -start[2] : 0;
    npy_intp count = x->size[2] - (start[2] + before);
    count = count < v->band[2] - before ? count : v->band[2] - before;
    for (npy_intp i = start[0]; i < start[0] + v->band[0]; i++) {
        for (npy_intp j = start[1]; j < start[1] + v->band[1]; j++, to += line) {
            if (i < 0 || i >= x->size[0] || j < 0 || j >= x->size[1] || count <= 0) {
                memset(to, 0, line * sizeof(T));
                continue;
            }
            const char *from = data + i * x->step[0] + j * x->step[1] + (start[2] + before) * x->step[2];
            memset(to, 0, before * x->c * sizeof(T));
            OF(copy_line)(to + before * x->c, from, count, x->step[2], x->c, x->c_step);
            memset(to + (before + count) * x->c, 0, (v->band[2] - before - count) * x->c * sizeof(T));
        }
    }
    return copy;
}

/* Return how many pixels of windows a band has, and where they begin in the windows' array. */
static npy_intp
OF(pixels_of)(const Convolution *v, npy_intp band, char **data)
{
    const Images *w = &v->windows;
    const npy_intp row = band % v->bands * v->rows, rows = w->size[1] - row < v->rows ? w->size[1] - row : v->rows;
    const npy_intp o = band / v->bands;
    *data = w->data + o / w->size[0] * w->n_step + o % w->size[0] * w->step[0] + row * w->step[1];
    return rows * w->size[2];
}

/* Choose TILE places of a table from `first` on, the last of them again and again if there are fewer. */
static void
OF(choose)(const T **rows, const T *data, const npy_intp *offset, npy_intp first, npy_intp count)
{
    for (npy_intp r = 0; r < TILE; r++) {
        rows[r] = data + offset[first + r < count ? first + r : count - 1];
    }
}

/* Windows times weights, for some bands. */
static void
OF(forward_part)(void *context, ptrdiff_t part, int thread)
{
    const Convolution *v = context;
    T *const copy = (T *)(v->scratch + thread * v->scratch_step), *const total = copy + v->copied;
    const npy_intp all = ROUNDED(v->columns, LANES), first = v->all_bands * part / v->parts;
    for (npy_intp band = first; band < v->all_bands * (part + 1) / v->parts; band++) {
        const T *x = OF(band_of)(v, band, copy);
        char *out;
        const npy_intp pixels = OF(pixels_of)(v, band, &out);
        for (npy_intp start = 0, width; start < all; start += width) {
            width = OF(width_of)(all - start);
            const T *right = (const T *)v->packed + start * v->entries;
            memset(total, 0, ROUNDED(pixels, TILE) * width * sizeof(T));
            for (npy_intp e = 0; e < v->entries; e += SUMMED) {
                const npy_intp count = v->entries - e < SUMMED ? v->entries - e : SUMMED;
                for (npy_intp pixel = 0; pixel < pixels; pixel += TILE) {
                    const T *rows[TILE];
                    OF(choose)(rows, x, v->pixel, pixel, pixels);
                    OF(tile)(width, total + pixel * width, rows, v->entry + e, right + e * width, width, count);
                }
            }
            const npy_intp here = v->columns - start < width ? v->columns - start : width;
            const npy_intp c_step = v->windows.c_step;
            for (npy_intp pixel = 0; pixel < pixels; pixel++) {
                char *to = out + v->place[pixel] + start * c_step;
                if (c_step == sizeof(T)) {
                    memcpy(to, total + pixel * width, here * sizeof(T));
                    continue;
                }
                for (npy_intp i = 0; i < here; i++) {
                    *(T *)(to + i * c_step) = total[pixel * width + i];
                }
            }
        }
    }
}

/* The gradient of some rows of the weights: all bands, summed in order. */
static void
OF(kernel_part)(void *context, ptrdiff_t part, int thread)
{
    const Convolution *v = context;
    T *const copy = (T *)(v->scratch + thread * v->scratch_step), *const y = copy + v->copied;
    const npy_intp all = ROUNDED(v->columns, LANES), tiles = ROUNDED(v->entries, TILE) / TILE;
    const npy_intp first = tiles * part / v->parts * TILE, last = tiles * (part + 1) / v->parts * TILE;
    T *const total = (T *)v->packed;
    memset(total + first * all, 0, (last - first) * all * sizeof(T));
    for (npy_intp band = 0; band < v->all_bands; band++) {
        const T *x = OF(band_of)(v, band, copy);
        char *data;
        const npy_intp pixels = OF(pixels_of)(v, band, &data);
        OF(packed)(y, data, v->place, pixels, v->columns, v->windows.c_step);
        for (npy_intp start = 0, width; start < all; start += width) {
            width = OF(width_of)(all - start);
            for (npy_intp e = first; e < last; e += TILE) {
                const T *rows[TILE];
                OF(choose)(rows, x, v->entry, e, v->entries);
                OF(tile)(width, total + e * all + start * TILE, rows, v->pixel, y + start * pixels, width, pixels);
            }
        }
    }
    for (npy_intp e = first; e < last && e < v->entries; e++) {
        const T *from = total + e / TILE * TILE * all;
        for (npy_intp start = 0, width; start < all; start += width) {
            width = OF(width_of)(all - start);
            for (npy_intp i = 0; i < width && start + i < v->columns; i++) {
                *(T *)(v->weights + v->weight[e] + (start + i) * v->column_step) =
                    from[start * TILE + e % TILE * width + i];
            }
        }
    }
}

/* Give out memory for tables and scratch, and share the work between threads. */
static void
OF(convolve)(Convolution *v, const npy_intp *weight_step, int gradient)
{
    cut_into_bands(v, sizeof(T));
    const npy_intp pixels = v->rows * v->windows.size[2], all = ROUNDED(v->columns, LANES);
    const int threads = pool_threads();
    const npy_intp units = gradient ? ROUNDED(v->entries, TILE) / TILE : v->all_bands;
    const npy_intp most = gradient ? threads : 4 * threads; /* in the gradient each part reads all bands */
    v->parts = units < most ? units : most;
    v->copied = ROUNDED(v->copied, ALIGNED / (npy_intp)sizeof(T));
    const npy_intp more = gradient ? pixels * all : ROUNDED(pixels, TILE) * (all < WIDEST ? all : WIDEST);
    v->scratch_step = ROUNDED((v->copied + more) * (npy_intp)sizeof(T), ALIGNED);
    const npy_intp packed = ROUNDED(ROUNDED(v->entries, TILE) * all * (npy_intp)sizeof(T), ALIGNED);
    const npy_intp tables = 2 * (pixels + v->entries) * (npy_intp)sizeof(npy_intp);
    char *memory = malloc(ALIGNED + packed + threads * v->scratch_step + tables);
    if (memory == NULL) {
        no_memory();
        return;
    }
    v->packed = memory + (-(uintptr_t)memory) % ALIGNED;
    v->scratch = (char *)v->packed + packed;
    v->pixel = (npy_intp *)(v->scratch + threads * v->scratch_step);
    v->place = v->pixel + pixels;
    v->entry = v->place + pixels;
    v->weight = v->entry + v->entries;
    fill_tables(v, sizeof(T), weight_step);
    if (!gradient) {
        OF(packed)(v->packed, v->weights, v->weight, v->entries, v->columns, v->column_step);
    }
    pool_run(gradient ? OF(kernel_part) : OF(forward_part), v, v->parts, threads);
    free(memory);
}

/* Read the operands: of the forward kernel (n, S, c), (K, c, f), (O), layout, (n, O, f); of the gradient (n, S, c),
 * (n, O, f), (K), layout, (K, c, f). */
static void
OF(convolutions)(int rank, int gradient, char **args, const npy_intp *dimensions, const npy_intp *steps)
{
    const npy_intp *size = dimensions + 2, c = size[rank], *second = size + rank + 1, f = second[rank];
    const npy_intp *window = gradient ? second + rank + 1 : second, *count = gradient ? second : second + rank + 1;
    const npy_intp *x_step = steps + 5, *y_step = x_step + rank + 2, *out_step = y_step + 2 * rank + 3;
    const npy_intp *w_step = gradient ? out_step : y_step, *windows_step = gradient ? y_step : out_step;
    for (npy_intp outer = 0; outer < dimensions[0]; outer++) {
        char *at[5];
        for (int k = 0; k < 5; k++) {
            at[k] = args[k] + outer * steps[k];
        }
        Convolution v = {.columns = f, .column_step = w_step[rank + 1], .weights = at[gradient ? 4 : 1]};
        v.x = images_of(at[0], rank, dimensions[1], size, c, x_step);
        v.windows = images_of(at[gradient ? 1 : 4], rank, dimensions[1], count, f, windows_step);
        read_layout(&v.layout, v.layout.dilation, at[3], out_step[-1], rank);
        v.entries = c;
        npy_intp weight_step[RANK + 1] = {0, 0, 0, w_step[rank]};
        for (int i = 0; i < rank; i++) {
            v.layout.window[RANK - rank + i] = window[i];
            weight_step[RANK - rank + i] = w_step[i];
            v.entries *= window[i];
        }
        OF(convolve)(&v, weight_step, gradient);
    }
}

#define CONVOLUTION_LOOPS(name, gradient)                                                                              \
    static void OF(name##_1)(LOOP_ARGUMENTS) { (void)data; OF(convolutions)(1, gradient, args, dimensions, steps); }     \
    static void OF(name##_2)(LOOP_ARGUMENTS) { (void)data; OF(convolutions)(2, gradient, args, dimensions, steps); }     \
    static void OF(name##_3)(LOOP_ARGUMENTS) { (void)data; OF(convolutions)(3, gradient, args, dimensions, steps); }
CONVOLUTION_LOOPS(convolution, 0)
CONVOLUTION_LOOPS(convolution_kernel, 1)
#undef CONVOLUTION_LOOPS
#undef LANES
#undef WIDEST
