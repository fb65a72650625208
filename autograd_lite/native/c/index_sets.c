/* Unions of sorted sets of numbers: see sparse/index_sets.py, which has the same in NumPy. */
#include "kernels.h"

#define TOO_MANY \
    "sparse: expected a pattern of less than 2**31 places; received more. The derivative is too dense to be sparse"
#define SHORT 48 /* sets of fewer entries in all are sorted by insertion */

typedef struct {
    const int32_t *starts, *stops, *indices;
    PyArrayObject *arrays[3];
} Part;

typedef struct {
    const int32_t *first;
    int64_t n;
} Run;

typedef struct {
    int32_t *entries, *sorted;  /* the result so far; room for one set */
    uint32_t *stamps, stamp;    /* which numbers are in the set of now */
    int64_t used, room, width;
    Run *runs, *before; /* what is united in this row, and what was in the one before */
    int64_t n_runs, n_before;
} Union;

static int64_t merge(const int32_t *a, int64_t n, const int32_t *b, int64_t m, int32_t *out) {
    int64_t i = 0, j = 0, k = 0;
    while (i < n && j < m) {
        const int32_t x = a[i], y = b[j];
        out[k++] = x < y ? x : y;
        i += x <= y;
        j += y <= x;
    }
    memcpy(out + k, a + i, (size_t)(n - i) * sizeof *out);
    k += n - i;
    memcpy(out + k, b + j, (size_t)(m - j) * sizeof *out);
    return k + m - j;
}

/* Sort different numbers; `room` has as many places. */
static void sort(int32_t *a, int32_t *room, int64_t n) {
    if (n <= SHORT) {
        for (int64_t i = 1; i < n; i++) {
            const int32_t x = a[i];
            int64_t j = i;
            for (; j > 0 && a[j - 1] > x; j--) {
                a[j] = a[j - 1];
            }
            a[j] = x;
        }
        return;
    }
    sort(a, room, n / 2);
    sort(a + n / 2, room, n - n / 2);
    memcpy(room, a, (size_t)n * sizeof *a);
    merge(room, n / 2, room + n / 2, n - n / 2, a);
}

/* Write the union of the runs, which have `total` entries; return its length. */
static int64_t unite_runs(Union *u, int32_t *out, int64_t total) {
    if (u->n_runs == 1) {
        memcpy(out, u->runs[0].first, (size_t)total * sizeof *out);
        return total;
    }
    if (u->n_runs == 2) {
        return merge(u->runs[0].first, u->runs[0].n, u->runs[1].first, u->runs[1].n, out);
    }
    int64_t n = 0;
    if (++u->stamp == 0) {
        memset(u->stamps, 0, (size_t)u->width * sizeof *u->stamps);
        u->stamp = 1;
    }
    int32_t least = INT32_MAX, most = 0;
    for (int64_t k = 0; k < u->n_runs && n < u->width; k++) {
        const Run run = u->runs[k];
        least = run.first[0] < least ? run.first[0] : least;
        most = run.first[run.n - 1] > most ? run.first[run.n - 1] : most;
        for (int64_t i = 0; i < run.n; i++) {
            const int32_t x = run.first[i];
            if (u->stamps[x] != u->stamp) {
                u->stamps[x] = u->stamp;
                out[n++] = x;
            }
        }
    }
    if (n > SHORT && most - least < 16 * n) {
        n = 0;
        for (int32_t x = least; x <= most; x++) {
            if (u->stamps[x] == u->stamp) {
                out[n++] = x;
            }
        }
    } else {
        sort(out, u->sorted, n);
    }
    return n;
}

/* Add a row; return -1 without memory, -2 where there are too many entries. */
static int add_row(Union *u, int32_t *start, int32_t *stop) {
    if (u->n_runs == u->n_before && u->n_runs > 0 &&
        memcmp(u->runs, u->before, (size_t)u->n_runs * sizeof *u->runs) == 0) {
        *start = start[-1];
        *stop = stop[-1];
        return 0;
    }
    int64_t total = 0;
    for (int64_t k = 0; k < u->n_runs; k++) {
        total += u->runs[k].n;
    }
    const int64_t most = u->n_runs > 2 && total > u->width ? u->width : total;
    if (u->used + most > u->room) {
        const int64_t room = u->used + most + u->room / 2;
        int32_t *entries = realloc(u->entries, (size_t)room * sizeof *entries);
        if (entries == NULL) {
            return -1;
        }
        u->entries = entries;
        u->room = room;
    }
    *start = (int32_t)u->used;
    u->used += total == 0 ? 0 : unite_runs(u, u->entries + u->used, total);
    *stop = (int32_t)u->used;
    Run *const before = u->before;
    u->before = u->runs;
    u->n_before = u->n_runs;
    u->runs = before;
    return u->used > INT32_MAX ? -2 : 0;
}

static void add_run(Union *u, const Part *part, int64_t m) {
    const Run run = {part->indices + part->starts[m], part->stops[m] - part->starts[m]};
    if (run.n > 0 && (u->n_runs == 0 || u->runs[u->n_runs - 1].first != run.first || u->runs[u->n_runs - 1].n != run.n)) {
        u->runs[u->n_runs++] = run;
    }
}

static int unite_rows(Union *u, const Part *parts, int64_t n_parts, const int32_t *indptr, const int32_t *members,
                      int64_t rows, int32_t *starts, int32_t *stops) {
    int failed = 0;
    for (int64_t r = 0; r < rows && !failed; r++) {
        u->n_runs = 0;
        if (indptr == NULL) {
            for (int64_t k = 0; k < n_parts; k++) {
                add_run(u, parts + k, r);
            }
        } else {
            for (int64_t k = indptr[r]; k < indptr[r + 1]; k++) {
                add_run(u, parts, members[k]);
            }
        }
        failed = add_row(u, starts + r, stops + r);
    }
    return failed;
}

/* Return how many entries unions of parts have at least; rows like the one before share theirs. */
static int64_t least_entries(const Part *parts, int64_t n_parts, int64_t rows) {
    int64_t total = 0;
    for (int64_t r = 0; r < rows; r++) {
        int64_t most = 0;
        int like_before = r > 0;
        for (int64_t k = 0; k < n_parts; k++) {
            const int32_t *starts = parts[k].starts, *stops = parts[k].stops;
            const int64_t n = stops[r] - starts[r];
            most = n > most ? n : most;
            like_before = like_before && starts[r] == starts[r - 1] && stops[r] == stops[r - 1];
        }
        total += like_before ? 0 : most;
    }
    return total;
}

static PyArrayObject *as_int32(PyObject *x) { return (PyArrayObject *)PyArray_FROM_OTF(x, NPY_INT32, NPY_ARRAY_IN_ARRAY); }

static void free_entries(PyObject *capsule) { free(PyCapsule_GetPointer(capsule, NULL)); }

/* Return the entries as an array that owns them. */
static PyObject *array_of(Union *u) {
    npy_intp n = u->used;
    int32_t *entries = realloc(u->entries, (size_t)(n > 0 ? n : 1) * sizeof *entries);
    u->entries = entries == NULL ? u->entries : entries;
    PyObject *array = PyArray_SimpleNewFromData(1, &n, NPY_INT32, u->entries);
    PyObject *owner = array == NULL ? NULL : PyCapsule_New(u->entries, NULL, free_entries);
    if (owner != NULL) {
        u->entries = NULL; /* it is the capsule's now */
        if (PyArray_SetBaseObject((PyArrayObject *)array, owner) < 0) {
            Py_CLEAR(array);
        }
    } else {
        Py_CLEAR(array);
    }
    return array;
}

static int read_parts(PyObject *tuple, Part *parts, Py_ssize_t n) {
    for (Py_ssize_t k = 0; k < n; k++) {
        PyObject *triple = PyTuple_GET_ITEM(tuple, k);
        if (!PyTuple_Check(triple) || PyTuple_GET_SIZE(triple) < 3) {
            PyErr_SetString(PyExc_TypeError, "unite: expected tuples of starts, stops and indices");
            return -1;
        }
        const int32_t *data[3];
        for (int j = 0; j < 3; j++) {
            if ((parts[k].arrays[j] = as_int32(PyTuple_GET_ITEM(triple, j))) == NULL) {
                return -1;
            }
            data[j] = PyArray_DATA(parts[k].arrays[j]);
        }
        parts[k].starts = data[0];
        parts[k].stops = data[1];
        parts[k].indices = data[2];
    }
    return 0;
}

/* Return (starts, stops, indices). */
static PyObject *unite(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *tuple, *indptr_of, *members_of, *result = NULL;
    Py_ssize_t width;
    if (!PyArg_ParseTuple(args, "O!OOn", &PyTuple_Type, &tuple, &indptr_of, &members_of, &width)) {
        return NULL;
    }
    const Py_ssize_t n_parts = PyTuple_GET_SIZE(tuple);
    Part *parts = PyMem_RawCalloc((size_t)(n_parts + 1), sizeof *parts);
    PyArrayObject *indptr = NULL, *members = NULL, *ends[2] = {NULL, NULL};
    Union u = {.width = width};
    if (parts == NULL || n_parts == 0) {
        PyErr_SetString(PyExc_ValueError, "unite: expected sets");
        goto done;
    }
    if (read_parts(tuple, parts, n_parts) < 0 ||
        (indptr_of != Py_None && ((indptr = as_int32(indptr_of)) == NULL || (members = as_int32(members_of)) == NULL))) {
        goto done;
    }
    npy_intp rows = indptr == NULL ? PyArray_SIZE(parts[0].arrays[0]) : PyArray_SIZE(indptr) - 1;
    int64_t most = n_parts;
    const int32_t *pointers = indptr == NULL ? NULL : PyArray_DATA(indptr);
    for (npy_intp r = 0; pointers != NULL && r < rows; r++) {
        most = pointers[r + 1] - pointers[r] > most ? pointers[r + 1] - pointers[r] : most;
    }
    if (indptr == NULL && least_entries(parts, n_parts, rows) > INT32_MAX) {
        PyErr_SetString(PyExc_MemoryError, TOO_MANY);
        goto done;
    }
    u.room = 2 * rows + 16;
    u.entries = malloc((size_t)u.room * sizeof *u.entries);
    u.sorted = malloc((size_t)(width + 1) * sizeof *u.sorted);
    u.stamps = calloc((size_t)width + 1, sizeof *u.stamps);
    u.runs = malloc((size_t)(most + 1) * sizeof *u.runs);
    u.before = malloc((size_t)(most + 1) * sizeof *u.before);
    ends[0] = (PyArrayObject *)PyArray_SimpleNew(1, &rows, NPY_INT32);
    ends[1] = (PyArrayObject *)PyArray_SimpleNew(1, &rows, NPY_INT32);
    if (u.entries == NULL || u.sorted == NULL || u.stamps == NULL || u.runs == NULL || u.before == NULL || ends[0] == NULL ||
        ends[1] == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    int failed;
    Py_BEGIN_ALLOW_THREADS
    failed = unite_rows(&u, parts, n_parts, pointers, members == NULL ? NULL : PyArray_DATA(members), rows,
                        PyArray_DATA(ends[0]), PyArray_DATA(ends[1]));
    Py_END_ALLOW_THREADS
    if (failed) {
        PyErr_SetString(PyExc_MemoryError, failed == -1 ? "sparse: out of memory" : TOO_MANY);
        goto done;
    }
    PyObject *indices = array_of(&u);
    result = indices == NULL ? NULL : Py_BuildValue("(OON)", ends[0], ends[1], indices);
done:
    for (Py_ssize_t k = 0; parts != NULL && k < n_parts; k++) {
        for (int j = 0; j < 3; j++) {
            Py_XDECREF(parts[k].arrays[j]);
        }
    }
    PyMem_RawFree(parts);
    Py_XDECREF(indptr);
    Py_XDECREF(members);
    Py_XDECREF(ends[0]);
    Py_XDECREF(ends[1]);
    free(u.entries);
    free(u.sorted);
    free(u.stamps);
    free(u.runs);
    free(u.before);
    return result;
}

PyMethodDef index_set_methods[] = {
    {"unite", unite, METH_VARARGS,
     "Return unions of sorted sets: of those of several parts, or of the members of each row."},
    {NULL, NULL, 0, NULL},
};
