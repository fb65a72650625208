/* Star and acyclic colorings of symmetric patterns: see sparse/greedy.py, which has the same in Python. */
#include "colorings.h"

/* The entries for the neighbors of vertices, by their color. Those of v begin at start[v] of its row: a row has as many
   colors as neighbors at most. */
typedef struct {
    int32_t *color, *first, *length; /* the last one by vertex */
    uint8_t *state;
} Tables;
enum { SEVERAL = 1, LEAF = 2 }; /* neighbors have the color; the first one, if alone, has others of the vertex's color */

/* Return where the entry of a color is in the table of a vertex, which gets one if it has none. */
static int32_t entry_of(Tables *tables, const Rows *rows, int32_t v, int32_t color, int32_t first) {
    const int32_t start = rows->start[v], end = start + tables->length[v];
    for (int32_t k = start; k < end; k++) {
        if (tables->color[k] == color) {
            return k;
        }
    }
    tables->length[v]++;
    tables->color[end] = color;
    tables->first[end] = first;
    tables->state[end] = 0;
    return end;
}

static int tables_new(Tables *tables, const Rows *rows) {
    *tables = (Tables){numbers(rows->size, 0), numbers(rows->size, 0), numbers(rows->n, 0),
                       PyMem_RawCalloc(rows->size + 1, 1)};
    return tables->color != NULL && tables->first != NULL && tables->length != NULL && tables->state != NULL ? 0 : -1;
}

static void tables_free(Tables *tables) {
    PyMem_RawFree(tables->color), PyMem_RawFree(tables->first), PyMem_RawFree(tables->length);
    PyMem_RawFree(tables->state);
}

static int has_loop(const Rows *rows, int32_t v) {
    for (int32_t k = rows->start[v]; k < rows->start[v + 1]; k++) {
        if (rows->index[k] == v) {
            return 1;
        }
    }
    return 0;
}

/* Note that v, a neighbor of w, has got its color. */
static void enter_star(Tables *tables, const Rows *rows, const int32_t *colors, int32_t v, int32_t w) {
    const int32_t before = tables->length[w], other = colors[w];
    const int32_t entry = entry_of(tables, rows, w, colors[v], v);
    const int is_second = tables->length[w] == before;
    tables->state[entry] |= is_second ? SEVERAL : 0;
    if (other < 0) {
        return;
    }
    const int32_t own = entry_of(tables, rows, v, other, w);
    if (tables->state[own] & SEVERAL) {
        tables->state[entry] |= LEAF;
    }
    if (is_second) {
        tables->state[own] |= LEAF;
        tables->state[entry_of(tables, rows, tables->first[entry], other, w)] |= LEAF;
    }
}

static void star(const Rows *rows, const int32_t *order, npy_intp length, int32_t *colors, const uint8_t *is_ordered,
                 const uint8_t *loops, Tables *tables, int32_t *taken, uint8_t *several) {
    for (npy_intp j = 0; j < length; j++) {
        const int32_t v = order[j], start = rows->start[v], end = rows->start[v + 1];
        for (int32_t k = start; k < start + tables->length[v]; k++) {
            several[tables->color[k]] = tables->state[k] & SEVERAL;
        }
        for (int32_t i = start; i < end; i++) {
            const int32_t w = rows->index[i], color = colors[w];
            if (w == v || (color < 0 && is_ordered[w])) {
                continue;
            }
            const int all = color < 0 || several[color];
            for (int32_t k = rows->start[w]; k < rows->start[w] + tables->length[w]; k++) {
                if (all || (tables->state[k] & LEAF)) {
                    taken[tables->color[k]] = v;
                }
            }
            if (color >= 0 && (loops[v] || loops[w])) {
                taken[color] = v;
            }
        }
        int32_t color = 0;
        for (; taken[color] == v; color++) {
        }
        colors[v] = color;
        for (int32_t i = start; i < end; i++) {
            if (rows->index[i] != v) {
                enter_star(tables, rows, colors, v, rows->index[i]);
            }
        }
    }
}

static int32_t root_of(int32_t *parents, int32_t k) {
    while (parents[k] != k) {
        k = parents[k] = parents[parents[k]];
    }
    return k;
}

/* Entries of tables are joined to trees, each of the edges between two colors; `visits` has two places for each. */
static void acyclic(const Rows *rows, const int32_t *order, npy_intp length, int32_t *colors, const uint8_t *loops,
                    Tables *tables, int32_t *taken, int32_t *parents, int32_t *visits) {
    for (npy_intp k = 0; k < rows->size; k++) {
        parents[k] = (int32_t)k;
    }
    for (npy_intp j = 0; j < length; j++) {
        const int32_t v = order[j], start = rows->start[v], end = rows->start[v + 1];
        for (int32_t i = start; i < end; i++) {
            const int32_t w = rows->index[i], color = colors[w];
            if (w == v || color < 0) {
                continue;
            }
            if (loops[v] || loops[w]) {
                taken[color] = v;
            }
            for (int32_t k = rows->start[w]; k < rows->start[w] + tables->length[w]; k++) {
                int32_t *visit = visits + 2 * (npy_intp)root_of(parents, k) + (color < tables->color[k]);
                if (*visit == v) { /* v would close a circle of two colors */
                    taken[tables->color[k]] = v;
                }
                *visit = v;
            }
        }
        int32_t color = 0;
        for (; taken[color] == v; color++) {
        }
        colors[v] = color;
        for (int32_t i = start; i < end; i++) {
            const int32_t w = rows->index[i];
            if (w == v) {
                continue;
            }
            const int32_t entry = entry_of(tables, rows, w, color, v);
            if (colors[w] >= 0) {
                parents[root_of(parents, entry)] = root_of(parents, entry_of(tables, rows, v, colors[w], w));
            }
        }
    }
}

/* Color by stars or by trees: a function of both, since they need the same. */
static PyObject *color_symmetric(PyObject *args, int by_trees) {
    PyObject *indptr, *indices, *in_order;
    Rows rows;
    const int32_t *order;
    npy_intp length, n;
    if (!PyArg_ParseTuple(args, "OOO", &indptr, &indices, &in_order) || numbers_of(indptr, 1, &rows.start, &n) < 0 ||
        rows_of(indptr, indices, n - 1, &rows) < 0 || order_of(in_order, rows.n, &order, &length) < 0) {
        return NULL;
    }
    int32_t *colors, *taken = numbers(rows.n, -1), *parents = numbers(by_trees ? rows.size : 0, 0),
                     *visits = numbers(by_trees ? 2 * rows.size : 0, -1);
    uint8_t *is_ordered = PyMem_RawCalloc(rows.n + 1, 1), *loops = PyMem_RawCalloc(rows.n + 1, 1),
            *several = PyMem_RawCalloc(rows.n + 1, 1);
    Tables tables;
    PyObject *result = new_array(rows.n, NPY_INT32, &colors);
    const int is_right = tables_new(&tables, &rows) == 0 && taken != NULL && parents != NULL && visits != NULL &&
                         is_ordered != NULL && loops != NULL && several != NULL && result != NULL;
    if (is_right) {
        Py_BEGIN_ALLOW_THREADS;
        memset(colors, -1, rows.n * sizeof *colors);
        for (npy_intp j = 0; j < length; j++) {
            is_ordered[order[j]] = 1;
        }
        for (npy_intp v = 0; v < rows.n; v++) {
            loops[v] = has_loop(&rows, (int32_t)v);
        }
        if (by_trees) {
            acyclic(&rows, order, length, colors, loops, &tables, taken, parents, visits);
        } else {
            star(&rows, order, length, colors, is_ordered, loops, &tables, taken, several);
        }
        Py_END_ALLOW_THREADS;
    }
    tables_free(&tables);
    PyMem_RawFree(taken), PyMem_RawFree(parents), PyMem_RawFree(visits);
    PyMem_RawFree(is_ordered), PyMem_RawFree(loops), PyMem_RawFree(several);
    if (!is_right) {
        Py_XDECREF(result);
        return PyErr_NoMemory();
    }
    return result;
}

PyObject *color_star(PyObject *Py_UNUSED(module), PyObject *args) { return color_symmetric(args, 0); }

PyObject *color_acyclic(PyObject *Py_UNUSED(module), PyObject *args) { return color_symmetric(args, 1); }

/* ---- recovery -------------------------------------------------------------------------------------------------- */

/* Read edges, one by one, where all others of a product's entry are known: write where, and after how many others. */
static int peel(const Rows *rows, const int32_t *mirror, const int32_t *colors, npy_intp entries, int64_t *places,
                int32_t *levels) {
    int32_t *left = numbers(entries, 0), *sums = numbers(entries, 0), *depths = numbers(entries, 0);
    int64_t *queue = PyMem_RawMalloc((entries + 1) * sizeof *queue);
    const npy_intp n = rows->n;
    npy_intp first = 0, last = 0;
    const int has_room = left != NULL && sums != NULL && depths != NULL && queue != NULL;
    for (npy_intp v = 0; has_room && v < n; v++) {
        for (int32_t k = rows->start[v]; k < rows->start[v + 1]; k++) {
            const int64_t entry = (int64_t)colors[rows->index[k]] * n + v;
            left[entry]++;
            sums[entry] ^= k; /* of one alone this is its place */
        }
    }
    for (npy_intp entry = 0; has_room && entry < entries; entry++) {
        if (left[entry] == 1) {
            queue[last++] = entry;
        }
    }
    while (first < last) {
        const int64_t entry = queue[first++];
        if (left[entry] != 1) {
            continue;
        }
        const int32_t k = sums[entry], w = rows->index[k];
        const int64_t other = (int64_t)colors[entry % n] * n + w;
        places[k] = places[mirror[k]] = entry;
        levels[k] = levels[mirror[k]] = depths[entry];
        left[entry] = 0;
        if (mirror[k] == k) {
            continue;
        }
        sums[other] ^= mirror[k];
        depths[other] = depths[other] > depths[entry] ? depths[other] : depths[entry] + 1;
        if (--left[other] == 1) {
            queue[last++] = other;
        }
    }
    PyMem_RawFree(left), PyMem_RawFree(sums), PyMem_RawFree(depths), PyMem_RawFree(queue);
    return has_room ? 0 : -1;
}

PyObject *peel_places(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *indptr, *indices, *mirror_of, *colors_of;
    Py_ssize_t count;
    Rows rows;
    const int32_t *mirror, *colors;
    npy_intp n, size;
    if (!PyArg_ParseTuple(args, "OOOOn:peel_places", &indptr, &indices, &mirror_of, &colors_of, &count) ||
        numbers_of(colors_of, 0, &colors, &n) < 0 || rows_of(indptr, indices, n, &rows) < 0 ||
        numbers_of(mirror_of, 0, &mirror, &size) < 0) {
        return NULL;
    }
    int is_right = rows.n == n && size == rows.size;
    for (npy_intp v = 0; v < n; v++) {
        is_right &= colors[v] >= 0 && colors[v] < count;
    }
    for (npy_intp v = 0; is_right && v < n; v++) {
        for (int32_t k = rows.start[v]; is_right && k < rows.start[v + 1]; k++) {
            const int32_t other = mirror[k], w = rows.index[k];
            is_right = other >= rows.start[w] && other < rows.start[w + 1] && rows.index[other] == v;
        }
    }
    if (!is_right) {
        return PyErr_Format(PyExc_ValueError, "coloring: expected a symmetric pattern, and colors below %zd", count);
    }
    int64_t *places;
    int32_t *levels;
    PyObject *a = new_array(rows.size, NPY_INT64, &places), *b = new_array(rows.size, NPY_INT32, &levels);
    int failed = a == NULL || b == NULL;
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS;
        memset(places, -1, rows.size * sizeof *places);
        memset(levels, 0, rows.size * sizeof *levels);
        failed = peel(&rows, mirror, colors, count * n, places, levels) < 0;
        Py_END_ALLOW_THREADS;
    }
    if (failed) {
        Py_XDECREF(a), Py_XDECREF(b);
        return PyErr_NoMemory();
    }
    return Py_BuildValue("NN", a, b);
}
