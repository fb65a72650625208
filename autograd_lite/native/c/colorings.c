/* Greedy colorings of sparse patterns, and what they need: see sparse/greedy.py, which has the same in Python. */
#include "colorings.h"

int numbers_of(PyObject *object, npy_intp least, const int32_t **data, npy_intp *n) {
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

int rows_of(PyObject *start, PyObject *index, npy_intp width, Rows *rows) {
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

int order_of(PyObject *object, npy_intp n, const int32_t **order, npy_intp *length) {
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

PyObject *new_array(npy_intp n, int type, void *data) {
    PyObject *array = PyArray_SimpleNew(1, &n, type);
    if (array != NULL) {
        void *const first = PyArray_DATA((PyArrayObject *)array);
        memcpy(data, &first, sizeof first);
    }
    return array;
}

int32_t *numbers(npy_intp n, int32_t value) {
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
