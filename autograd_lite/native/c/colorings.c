/* Greedy colorings of sparse patterns, and what they need: see sparse/greedy.py, which has the same in Python. */
#include "kernels.h"
#include <stdlib.h>

/* For each of n vertices or lines those that it meets: index[start[v]] up to index[start[v + 1]]. */
typedef struct {
    const int32_t *start, *index;
    npy_intp n, size;
} Rows;

/* The entries for the neighbors of vertices, by their color. Those of v begin at start[v] of its row: a row has as many
   colors as neighbors at most. */
typedef struct {
    int32_t *color, *first, *length; /* the last one by vertex */
    uint8_t *state;
} Tables;
enum { SEVERAL = 1, LEAF = 2 }; /* neighbors have the color; the first one, if alone, has others of the vertex's color */

static int numbers_of(PyObject *object, npy_intp least, const int32_t **data, npy_intp *n) {
    PyArrayObject *array = (PyArrayObject *)object;
    if (!PyArray_Check(object) || PyArray_TYPE(array) != NPY_INT32 || PyArray_NDIM(array) != 1 ||
        !PyArray_ISCARRAY_RO(array) || PyArray_DIM(array, 0) < least) {
        PyErr_Format(PyExc_ValueError, "coloring: expected arrays of int32, in order, of one dimension");
        return -1;
    }
    *data = PyArray_DATA(array);
    *n = PyArray_DIM(array, 0);
    return 0;
}

/* Read rows, whose members are below `width`. */
static int rows_of(PyObject *start, PyObject *index, npy_intp width, Rows *rows) {
    if (numbers_of(start, 1, &rows->start, &rows->n) < 0 || numbers_of(index, 0, &rows->index, &rows->size) < 0) {
        return -1;
    }
    rows->n--;
    int is_right = rows->start[0] == 0 && rows->start[rows->n] == rows->size;
    for (npy_intp v = 0; v < rows->n; v++) {
        is_right &= rows->start[v] <= rows->start[v + 1];
    }
    for (npy_intp k = 0; k < rows->size; k++) {
        is_right &= rows->index[k] >= 0 && rows->index[k] < width;
    }
    if (!is_right) {
        PyErr_Format(PyExc_ValueError, "coloring: expected rows of indices below %zd", (Py_ssize_t)width);
    }
    return is_right ? 0 : -1;
}

/* Read vertices in an order, each once. */
static int order_of(PyObject *object, npy_intp n, const int32_t **order, npy_intp *length) {
    if (numbers_of(object, 0, order, length) < 0) {
        return -1;
    }
    uint8_t *seen = PyMem_RawCalloc(n + 1, 1);
    int is_right = seen != NULL;
    for (npy_intp k = 0; is_right && k < *length; k++) {
        const int32_t v = (*order)[k];
        is_right = v >= 0 && v < n && !seen[v];
        if (is_right) {
            seen[v] = 1;
        }
    }
    PyMem_RawFree(seen);
    if (!is_right) {
        PyErr_Format(PyExc_ValueError, "coloring: expected an order of vertices below %zd", (Py_ssize_t)n);
    }
    return is_right ? 0 : -1;
}

static PyObject *new_array(npy_intp n, int type, void *data) {
    PyObject *array = PyArray_SimpleNew(1, &n, type);
    if (array != NULL) {
        *(void **)data = PyArray_DATA((PyArrayObject *)array);
    }
    return array;
}

static int32_t *numbers(npy_intp n, int32_t value) {
    int32_t *data = PyMem_RawMalloc((n + 1) * sizeof *data);
    for (npy_intp k = 0; data != NULL && k <= n; k++) {
        data[k] = value;
    }
    return data;
}

/* ---- the transposed pattern ----------------------------------------------------------------------------------- */

static PyObject *transpose_pattern(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *indptr, *indices;
    Py_ssize_t n;
    Rows rows;
    if (!PyArg_ParseTuple(args, "OOn:transpose_pattern", &indptr, &indices, &n) || rows_of(indptr, indices, n, &rows)) {
        return NULL;
    }
    int32_t *start, *index, *places;
    PyObject *a = new_array(n + 1, NPY_INT32, &start), *b = new_array(rows.size, NPY_INT32, &index),
             *c = new_array(rows.size, NPY_INT32, &places);
    if (a == NULL || b == NULL || c == NULL) {
        Py_XDECREF(a), Py_XDECREF(b), Py_XDECREF(c);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    memset(start, 0, (n + 1) * sizeof *start);
    for (npy_intp k = 0; k < rows.size; k++) {
        start[rows.index[k] + 1]++;
    }
    for (npy_intp j = 0; j < n; j++) {
        start[j + 1] += start[j];
    }
    for (npy_intp i = 0; i < rows.n; i++) { /* start[j] moves to the end of j, */
        for (int32_t k = rows.start[i]; k < rows.start[i + 1]; k++) {
            const int32_t to = start[rows.index[k]]++;
            index[to] = (int32_t)i;
            places[to] = k;
        }
    }
    memmove(start + 1, start, n * sizeof *start); /* which is where the next one begins */
    start[0] = 0;
    Py_END_ALLOW_THREADS;
    return Py_BuildValue("NNN", a, b, c);
}

/* ---- orders ---------------------------------------------------------------------------------------------------- */

/* Vertices in lists by their number; what comes last into a list leaves it first. */
typedef struct {
    int32_t *head, *next, *before, *number;
} Buckets;

static void put(Buckets *lists, int32_t v) {
    const int32_t first = lists->head[lists->number[v]];
    lists->next[v] = first;
    lists->before[v] = -1;
    if (first >= 0) {
        lists->before[first] = v;
    }
    lists->head[lists->number[v]] = v;
}

static void take(Buckets *lists, int32_t v) {
    if (lists->before[v] >= 0) {
        lists->next[lists->before[v]] = lists->next[v];
    } else {
        lists->head[lists->number[v]] = lists->next[v];
    }
    if (lists->next[v] >= 0) {
        lists->before[lists->next[v]] = lists->before[v];
    }
}

/* Write the neighbors of v, each once, and return how many there are. */
static npy_intp neighbors(const Rows *rows, const Rows *lines, int32_t v, int32_t *seen, int32_t *near) {
    npy_intp n = 0;
    seen[v] = v;
    const int32_t own = v, *line = lines == NULL ? &own : lines->index + lines->start[v];
    const int32_t *end = lines == NULL ? &own + 1 : lines->index + lines->start[v + 1];
    for (; line < end; line++) {
        for (int32_t k = rows->start[*line]; k < rows->start[*line + 1]; k++) {
            const int32_t w = rows->index[k];
            if (seen[w] != v) {
                seen[w] = v;
                near[n++] = w;
            }
        }
    }
    return n;
}

static void by_degree(const int32_t *degrees, npy_intp n, int32_t *counts, int32_t *order) {
    for (npy_intp v = 0; v < n; v++) {
        counts[n - degrees[v]]++; /* below n: the first is the largest */
    }
    int32_t sum = 0;
    for (npy_intp d = 0; d <= n; d++) {
        const int32_t count = counts[d];
        counts[d] = sum;
        sum += count;
    }
    for (npy_intp v = 0; v < n; v++) {
        order[counts[n - degrees[v]]++] = (int32_t)v;
    }
}

static void by_lists(Buckets *lists, const Rows *rows, const Rows *lines, npy_intp n, npy_intp most, int is_last,
                     int32_t *seen, int32_t *near, int32_t *order) {
    npy_intp at = is_last ? 0 : most;
    for (npy_intp v = n - 1; v >= 0; v--) {
        lists->number[v] = is_last ? lists->number[v] : 0;
        put(lists, (int32_t)v);
        seen[v] = -1;
    }
    for (npy_intp k = 0; k < n; k++) {
        while (lists->head[at] < 0) {
            at += is_last ? 1 : -1;
        }
        const int32_t v = lists->head[at];
        take(lists, v);
        lists->number[v] = -1;
        order[is_last ? n - 1 - k : k] = v;
        const npy_intp count = neighbors(rows, lines, v, seen, near);
        for (npy_intp j = 0; j < count; j++) {
            const int32_t w = near[j];
            if (lists->number[w] >= 0) {
                take(lists, w);
                lists->number[w] += is_last ? -1 : 1;
                put(lists, w);
            }
        }
        at = is_last ? at - (at > 0) : at + (at < most);
    }
}

static PyObject *order_vertices(PyObject *Py_UNUSED(module), PyObject *args) {
    int kind;
    PyObject *indptr, *indices, *lines_start = NULL, *lines_index = NULL;
    Rows rows, lines, *through = NULL;
    npy_intp n = 0;
    if (!PyArg_ParseTuple(args, "iOO|OO:order_vertices", &kind, &indptr, &indices, &lines_start, &lines_index)) {
        return NULL;
    }
    if (lines_index != NULL) {
        const int32_t *start;
        through = &lines;
        if (numbers_of(indptr, 1, &start, &n) < 0 || rows_of(lines_start, lines_index, n - 1, &lines) < 0 ||
            rows_of(indptr, indices, n = lines.n, &rows) < 0) {
            return NULL;
        }
    } else if (numbers_of(indptr, 1, &rows.start, &n) < 0 || rows_of(indptr, indices, --n, &rows) < 0) {
        return NULL;
    }
    int32_t *order, *seen = numbers(n, -1), *near = numbers(n, 0), *degrees = numbers(n, 0);
    Buckets lists = {numbers(n, kind == 0 ? 0 : -1), numbers(n, -1), numbers(n, -1), degrees};
    PyObject *result = new_array(n, NPY_INT32, &order);
    const int is_right = seen != NULL && near != NULL && degrees != NULL && lists.head != NULL && lists.next != NULL &&
                         lists.before != NULL && result != NULL;
    if (is_right) {
        Py_BEGIN_ALLOW_THREADS;
        npy_intp most = 0;
        for (npy_intp v = 0; v < n; v++) {
            degrees[v] = (int32_t)neighbors(&rows, through, (int32_t)v, seen, near);
            most = degrees[v] > most ? degrees[v] : most;
        }
        if (kind == 0) {
            by_degree(degrees, n, lists.head, order);
        } else {
            by_lists(&lists, &rows, through, n, most, kind == 1, seen, near, order);
        }
        Py_END_ALLOW_THREADS;
    }
    int32_t *const all[] = {seen, near, degrees, lists.head, lists.next, lists.before};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) {
        PyMem_RawFree(all[k]);
    }
    if (!is_right) {
        Py_XDECREF(result);
        return PyErr_NoMemory();
    }
    return result;
}

/* ---- colorings ------------------------------------------------------------------------------------------------- */

static PyObject *color_distance_2(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *indptr, *indices, *lines_start, *lines_index, *in_order;
    Rows rows, lines;
    const int32_t *order;
    npy_intp length;
    if (!PyArg_ParseTuple(args, "OOOOO:color_distance_2", &indptr, &indices, &lines_start, &lines_index, &in_order) ||
        numbers_of(indptr, 1, &rows.start, &rows.n) < 0 ||
        rows_of(lines_start, lines_index, rows.n - 1, &lines) < 0 || rows_of(indptr, indices, lines.n, &rows) < 0 ||
        order_of(in_order, lines.n, &order, &length) < 0) {
        return NULL;
    }
    int32_t *colors, *taken = numbers(lines.n, -1);
    PyObject *result = new_array(lines.n, NPY_INT32, &colors);
    if (taken == NULL || result == NULL) {
        PyMem_RawFree(taken);
        Py_XDECREF(result);
        return PyErr_NoMemory();
    }
    Py_BEGIN_ALLOW_THREADS;
    memset(colors, -1, lines.n * sizeof *colors);
    for (npy_intp j = 0; j < length; j++) {
        const int32_t v = order[j];
        if (lines.start[v] == lines.start[v + 1]) {
            continue;
        }
        for (int32_t i = lines.start[v]; i < lines.start[v + 1]; i++) {
            const int32_t line = lines.index[i];
            for (int32_t k = rows.start[line]; k < rows.start[line + 1]; k++) {
                const int32_t color = colors[rows.index[k]];
                if (color >= 0) {
                    taken[color] = v;
                }
            }
        }
        int32_t color = 0;
        for (; taken[color] == v; color++) {
        }
        colors[v] = color;
    }
    Py_END_ALLOW_THREADS;
    PyMem_RawFree(taken);
    return result;
}

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

static PyObject *color_star(PyObject *Py_UNUSED(module), PyObject *args) { return color_symmetric(args, 0); }

static PyObject *color_acyclic(PyObject *Py_UNUSED(module), PyObject *args) { return color_symmetric(args, 1); }

/* ---- periodic colorings ---------------------------------------------------------------------------------------- */

enum { MOST_DIGITS = 4, MOST_COLORS = 64 };

/* Return whether no row has a color twice, where a vertex's color is the sum of its digits times factors, mod k. */
static int is_free(const Rows *rows, const int32_t *digits, const int64_t *factors, int n, int k) {
    for (npy_intp i = 0; i < rows->n; i++) {
        uint64_t seen = 0;
        for (int32_t at = rows->start[i]; at < rows->start[i + 1]; at++) {
            int64_t sum = 0;
            for (int d = 0; d < n; d++) {
                sum += factors[d] * digits[(npy_intp)at * n + d];
            }
            const uint64_t own = (uint64_t)1 << sum % k;
            if (seen & own) {
                return 0;
            }
            seen |= own;
        }
    }
    return 1;
}

/* Set the next factors, which count up from 0, the first of them by the divisors of k alone, since all may be
   multiplied by a number without a common divisor with k; return 0 after the last ones. */
static int next_factors(int64_t *factors, int n, int k) {
    for (int d = 0; d < n; d++) {
        do {
            factors[d]++;
        } while (d == 0 && factors[d] < k && k % factors[d] != 0);
        if (factors[d] < k) {
            return 1;
        }
        factors[d] = 0;
    }
    return 0;
}

static PyObject *periodic_factors(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *indptr, *digits_of;
    int n, k;
    const int32_t *digits;
    Rows rows;
    if (!PyArg_ParseTuple(args, "OOii:periodic_factors", &indptr, &digits_of, &n, &k) ||
        numbers_of(indptr, 1, &rows.start, &rows.n) < 0 || numbers_of(digits_of, 0, &digits, &rows.size) < 0) {
        return NULL;
    }
    rows.n--;
    int is_right = n > 0 && n <= MOST_DIGITS && k > 0 && k <= MOST_COLORS && rows.start[0] == 0 &&
                   (int64_t)rows.start[rows.n] * n == rows.size;
    for (npy_intp i = 0; i < rows.n; i++) {
        is_right &= rows.start[i] <= rows.start[i + 1];
    }
    for (npy_intp i = 0; i < rows.size; i++) {
        is_right &= digits[i] >= 0;
    }
    if (!is_right) {
        return PyErr_Format(PyExc_ValueError, "coloring: expected rows of %d digits of vertices, and up to %d colors", n,
                            MOST_COLORS);
    }
    int64_t factors[MOST_DIGITS] = {0}, found = 0;
    Py_BEGIN_ALLOW_THREADS;
    while (!(found = is_free(&rows, digits, factors, n, k)) && next_factors(factors, n, k)) {
    }
    Py_END_ALLOW_THREADS;
    int32_t *result;
    PyObject *array = new_array(found ? n : 0, NPY_INT32, &result);
    for (int d = 0; array != NULL && found && d < n; d++) {
        result[d] = (int32_t)factors[d];
    }
    return array;
}

/* ---- recovery -------------------------------------------------------------------------------------------------- */

static PyObject *read_places(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *indptr, *indices, *colors_of;
    Py_ssize_t count;
    Rows rows;
    const int32_t *colors;
    npy_intp n;
    if (!PyArg_ParseTuple(args, "OOOn:read_places", &indptr, &indices, &colors_of, &count) ||
        numbers_of(colors_of, 0, &colors, &n) < 0 || rows_of(indptr, indices, n, &rows) < 0) {
        return NULL;
    }
    for (npy_intp v = 0; v < n; v++) {
        if (colors[v] >= count) {
            return PyErr_Format(PyExc_ValueError, "coloring: expected colors below %zd", count);
        }
    }
    int64_t *places;
    int32_t *times = numbers(count, 0);
    PyObject *result = new_array(rows.size, NPY_INT64, &places);
    if (times == NULL || result == NULL) {
        PyMem_RawFree(times);
        Py_XDECREF(result);
        return PyErr_NoMemory();
    }
    Py_BEGIN_ALLOW_THREADS;
    for (npy_intp i = 0; i < rows.n; i++) {
        const int32_t start = rows.start[i], end = rows.start[i + 1];
        for (int32_t k = start; k < end; k++) {
            const int32_t color = colors[rows.index[k]];
            if (color >= 0) {
                times[color]++;
            }
        }
        for (int32_t k = start; k < end; k++) {
            const int32_t color = colors[rows.index[k]];
            places[k] = color >= 0 && times[color] == 1 ? (int64_t)color * rows.n + i : -1;
        }
        for (int32_t k = start; k < end; k++) {
            const int32_t color = colors[rows.index[k]];
            if (color >= 0) {
                times[color] = 0;
            }
        }
    }
    Py_END_ALLOW_THREADS;
    PyMem_RawFree(times);
    return result;
}

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

static PyObject *peel_places(PyObject *Py_UNUSED(module), PyObject *args) {
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

PyMethodDef coloring_methods[] = {
    {"transpose_pattern", transpose_pattern, METH_VARARGS,
     "Return the transposed pattern, and where its nonzeros are in the pattern."},
    {"order_vertices", order_vertices, METH_VARARGS, "Return the vertices in an order for a greedy coloring."},
    {"color_distance_2", color_distance_2, METH_VARARGS, "Color vertices so that no line has a color twice."},
    {"color_star", color_star, METH_VARARGS, "Color vertices so that each edge can be read from one product."},
    {"color_acyclic", color_acyclic, METH_VARARGS,
     "Color vertices so that each edge can be read once others have been."},
    {"periodic_factors", periodic_factors, METH_VARARGS,
     "Return factors of digits by which no row has a color twice, or no numbers."},
    {"read_places", read_places, METH_VARARGS, "Return where nonzeros stand alone in products."},
    {"peel_places", peel_places, METH_VARARGS,
     "Return where nonzeros are read, each after others, and after how many in turn."},
    {NULL, NULL, 0, NULL},
};
