/* Convolutions: products of windows that are never copied.
 *
 * The matrix of windows is never made. Its element for window (o, p, q) and row (i, j, k, c) of the weights lies in the
 * image at the sum of an offset of the window and an offset of the row. So tiles of products, of TILE rows, serve all:
 *
 *     the result              rows are windows, sums are over rows of weights
 *     the kernel's gradient   rows are rows of weights, sums are over windows
 *     the image's gradient    rows are windows, sums are over channels, and each tap adds them to other pixels
 *
 * See convolutions.c for what calls them. */

#define PER_VECTOR ((npy_intp)(VECTOR_BYTES / sizeof(real)))
#define WIDEST ((VECTOR_REGISTERS >= 32 ? 4 : 2) * PER_VECTOR)

/* total[r][v] += sum over t of x(r, t) * right[t * step + v], for TILE rows and `width` columns, where x(r, t) lies
 * offset[t] bytes behind rows[r]. */
ALWAYS_INLINE void FN(tile_of)(npy_intp width, real *const *total, const char *const *rows,
                      const npy_intp *restrict offset, const real *restrict right, npy_intp step, npy_intp n) {
    real sum[TILE][4 * PER_VECTOR];
    for (int r = 0; r < TILE; r++) {
        for (npy_intp v = 0; v < width; v++) {
            sum[r][v] = 0;
        }
    }
    const char *const a = rows[0], *const b = rows[1], *const c = rows[2];
    const char *const d = rows[3], *const e = rows[4], *const f = rows[5];
    for (npy_intp t = 0; t < n; t++) {
        const npy_intp o = offset[t];
        const real x[TILE] = {*(const real *)(a + o), *(const real *)(b + o), *(const real *)(c + o),
                           *(const real *)(d + o), *(const real *)(e + o), *(const real *)(f + o)};
        UNROLL
        for (int r = 0; r < TILE; r++) {
            UNROLL
            for (npy_intp u = 0; u < width; u += PER_VECTOR) {
#pragma GCC unroll 1 /* so that this loop becomes one instruction, and not PER_VECTOR of them */
                for (npy_intp v = u; v < u + PER_VECTOR; v++) {
                    sum[r][v] = MADD(x[r], right[t * step + v], sum[r][v]);
                }
            }
        }
    }
    for (int r = 0; r < TILE; r++) {
        real *restrict to = total[r];
        for (npy_intp v = 0; v < width; v++) {
            to[v] += sum[r][v];
        }
    }
}

/* The rows of a tile, and where they are added up. */
typedef struct {
    const char *rows[TILE];
    real *total[TILE];
    real spare[4 * PER_VECTOR]; /* the totals of rows that there are not, for which the last one is taken */
} FN(Tile);

/* A tile of one of the three widths. */
static void
FN(tile)(npy_intp width, const FN(Tile) *tile, const npy_intp *offset, const real *right, npy_intp step, npy_intp n) {
    if (width == 4 * PER_VECTOR) {
        FN(tile_of)(4 * PER_VECTOR, tile->total, tile->rows, offset, right, step, n);
    } else if (width == 2 * PER_VECTOR) {
        FN(tile_of)(2 * PER_VECTOR, tile->total, tile->rows, offset, right, step, n);
    } else {
        FN(tile_of)(PER_VECTOR, tile->total, tile->rows, offset, right, step, n);
    }
}

/* Rows of numbers: each at its place in a table, or all one step apart; in bytes. */
typedef struct {
    char *data;
    const npy_intp *at;
    npy_intp step;
} FN(Rows);

/* Take the rows from `first` on, of `count`. */
static __attribute__((noinline)) void
FN(choose)(FN(Tile) *tile, FN(Rows) rows, FN(Rows) total, npy_intp first, npy_intp count) {
    memset(tile->spare, 0, first + TILE > count ? sizeof tile->spare : 0);
    for (npy_intp r = 0; r < TILE; r++) {
        const npy_intp row = first + r < count ? first + r : count - 1;
        tile->rows[r] = rows.data + (rows.at == NULL ? row * rows.step : rows.at[row]);
        tile->total[r] = (real *)(total.data + (total.at == NULL ? row * total.step : total.at[row]));
        tile->total[r] = first + r < count ? tile->total[r] : tile->spare;
    }
}

/* Windows times weights, for some bands; summed in the result if its pixels are whole vectors. */
static void FN(forward_part)(void *context, ptrdiff_t part, int thread) {
    const Convolution *v = context;
    char *const copy = v->scratch + thread * v->scratch_step, *const sums = copy + v->copied;
    for (npy_intp n = v->all_bands * part / v->parts; n < v->all_bands * (part + 1) / v->parts; n++) {
        const Band band = band_of(v, n);
        char *const x = image_of(v, &band, copy);
        for (npy_intp start = 0, width; start < v->all; start += width) {
            width = width_of(v, v->all - start);
            const real *right = (const real *)v->packed + start * v->rows;
            const FN(Rows) rows = {x, v->pixel, 0}, out = {band.windows + start * sizeof(real), v->place, 0};
            const FN(Rows) total = v->is_whole ? out : (FN(Rows)){sums, NULL, width * sizeof(real)};
            for (npy_intp pixel = 0; pixel < band.pixels; pixel++) {
                memset(v->is_whole ? out.data + out.at[pixel] : sums + pixel * total.step, 0, width * sizeof(real));
            }
            for (npy_intp row = 0; row < v->rows; row += SUMMED) {
                const npy_intp count = v->rows - row < SUMMED ? v->rows - row : SUMMED;
                for (npy_intp pixel = 0; pixel < band.pixels; pixel += TILE) {
                    FN(Tile) tile;
                    FN(choose)(&tile, rows, total, pixel, band.pixels);
                    FN(tile)(width, &tile, v->entry + row, right + row * width, width, count);
                }
            }
            const npy_intp c_step = v->windows.c_step, here = v->columns - start < width ? v->columns - start : width;
            for (npy_intp pixel = 0; pixel < band.pixels && !v->is_whole; pixel++) {
                char *to = band.windows + v->place[pixel] + start * c_step;
                copy_elements(to, c_step, sums + pixel * total.step, sizeof(real), here, sizeof(real));
            }
        }
    }
}

/* The gradient of some rows of the weights: all bands, summed in order. */
static void FN(kernel_part)(void *context, ptrdiff_t part, int thread) {
    const Convolution *v = context;
    char *const copy = v->scratch + thread * v->scratch_step, *const y = copy + v->copied;
    const npy_intp tiles = ROUNDED(v->rows, TILE) / TILE, first = tiles * part / v->parts * TILE;
    const npy_intp end = tiles * (part + 1) / v->parts * TILE, last = end < v->rows ? end : v->rows;
    real *const total = (real *)v->packed;
    memset(total + first * v->all, 0, (last - first) * v->all * sizeof(real));
    for (npy_intp n = 0; n < v->all_bands; n++) {
        const Band band = band_of(v, n);
        char *const x = image_of(v, &band, copy);
        if (!v->is_packed) {
            pack(v, y, band.windows, v->place, band.pixels, v->windows.c_step);
        }
        for (npy_intp start = 0, width; start < v->all; start += width) {
            width = width_of(v, v->all - start);
            const real *right = v->is_packed ? (const real *)band.windows + start : (const real *)y + start * band.pixels;
            const npy_intp step = v->is_packed ? v->all : width;
            const FN(Rows) sums = {(char *)(total + start), NULL, v->all * sizeof(real)};
            for (npy_intp row = first; row < last; row += TILE) {
                FN(Tile) tile;
                FN(choose)(&tile, (FN(Rows)){x, v->entry, 0}, sums, row, last);
                FN(tile)(width, &tile, v->pixel, right, step, band.pixels);
            }
        }
    }
    for (npy_intp row = first; row < last; row++) {
        const char *from = (const char *)(total + row * v->all);
        copy_elements(v->weights + v->weight[row], v->column_step, from, sizeof(real), v->columns, sizeof(real));
    }
}

/* The gradient of some images: the products of each tap are added at the pixels where it lies. */
static void FN(input_part)(void *context, ptrdiff_t part, int thread) {
    const Convolution *v = context;
    char *const copy = v->scratch + thread * v->scratch_step, *const y = copy + v->copied;
    const npy_intp size = sizeof(real), f = v->windows.c * size;
    for (npy_intp n = v->all_bands * part / v->parts; n < v->all_bands * (part + 1) / v->parts; n++) {
        const Band band = band_of(v, n);
        char *const total = v->in_place ? band.image : copy;
        if (v->in_place) {
            write_image(v, band.image, NULL);
        } else {
            memset(copy, 0, v->copied);
        }
        for (npy_intp pixel = 0; pixel < band.pixels; pixel++) {
            copy_elements(y + pixel * f, size, band.windows + v->place[pixel], v->windows.c_step, v->windows.c, size);
        }
        for (npy_intp start = 0, width; start < v->all; start += width) {
            width = width_of(v, v->all - start);
            for (npy_intp row = 0, count; row < v->rows; row += count) {
                const npy_intp left = v->windows.c - v->channel[row] / size;
                count = left < SUMMED ? left : SUMMED;
                const real *right = (const real *)v->packed + start * v->rows + row * width;
                const FN(Rows) rows = {y, NULL, f}, sums = {total + start * size + v->entry[row], v->pixel, 0};
                for (npy_intp pixel = 0; pixel < band.pixels; pixel += TILE) {
                    FN(Tile) tile;
                    FN(choose)(&tile, rows, sums, pixel, band.pixels);
                    FN(tile)(width, &tile, v->channel + row % v->inner, right, width, count);
                }
            }
        }
        if (!v->in_place) {
            write_image(v, band.image, copy);
        }
    }
}

static const Tiles FN(tiles) = {sizeof(real), PER_VECTOR, WIDEST, {FN(forward_part), FN(kernel_part), FN(input_part)}};

WINDOW_LOOPS(convolution, convolve, FORWARD, &FN(tiles))
WINDOW_LOOPS(convolution_kernel, convolve, TO_KERNEL, &FN(tiles))
WINDOW_LOOPS(convolution_input, convolve, TO_INPUT, &FN(tiles))
