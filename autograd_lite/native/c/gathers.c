/* Gathers and scatters, as generalized ufuncs: rows that are read, added up or replaced where arrays of indices say.
 *
 * Rows are of k elements; `whole` has a place for a row at each of its first axes' indices, `rows` one for each of the
 * m indices. These are taken in order, so that sums have the bits of np.add.at. */
#include "kernels.h"

enum { MOST_INDICES = 3, MOST_AXES = MOST_INDICES + 1 };

/* What a ufunc is for: how many arrays of indices, and the axis that the first one is for, as errors tell it. */
typedef struct {
    int indices, axis;
} Kind;

typedef struct {
    Kind kind;
    npy_intp m, k, shape[MOST_AXES];                     /* of the whole, k included */
    npy_intp whole_steps[MOST_AXES], rows_steps[2], index_steps[MOST_INDICES];
    char *whole, *rows, *index[MOST_INDICES];
} Task;

#define NOWHERE NPY_MIN_INTP

/* Return how far from the begin of the whole row i belongs, NOWHERE if there is no such place. */
static inline npy_intp place_of(const Task *t, int indices, npy_intp i) {
    npy_intp found = 0;
    for (int r = 0; r < indices; r++) {
        npy_intp index = *(const npy_intp *)(t->index[r] + i * t->index_steps[r]);
        index += index < 0 ? t->shape[r] : 0;
        if ((npy_uintp)index >= (npy_uintp)t->shape[r]) {
            return NOWHERE;
        }
        found += index * t->whole_steps[r];
    }
    return found;
}

/* Raise NumPy's error for the first index that is out of bounds; it looks at one array after the other. */
static void refuse_index(const Task *t) {
    NPY_ALLOW_C_API_DEF
    NPY_ALLOW_C_API;
    for (int r = 0; r < t->kind.indices && !PyErr_Occurred(); r++) {
        for (npy_intp i = 0; i < t->m; i++) {
            const npy_intp index = *(const npy_intp *)(t->index[r] + i * t->index_steps[r]), n = t->shape[r];
            if (index < -n || index >= n) {
                PyErr_Format(PyExc_IndexError, "index %zd is out of bounds for axis %d with size %zd", index,
                             t->kind.axis + r, n);
                break;
            }
        }
    }
    NPY_DISABLE_C_API;
}

/* Write zeros along some axes. */
static void zero(char *at, const npy_intp *steps, const npy_intp *shape, int axes, npy_intp itemsize) {
    npy_intp dense = itemsize;
    int is_dense = 1;
    for (int d = axes - 1; d >= 0; dense *= shape[d--]) {
        is_dense &= shape[d] == 1 || steps[d] == dense;
    }
    if (is_dense) {
        memset(at, 0, dense);
        return;
    }
    for (npy_intp i = 0; i < shape[0]; i++) {
        zero(at + i * steps[0], steps + 1, shape + 1, axes - 1, itemsize);
    }
}

/* Do something to the elements of all rows: `at` is in the whole, `row` is not. Return 0 at an index out of bounds.
 * Where elements lie one behind the other, DO is for as many as V has. */
#define EACH(name, T, V, DO)                                                                                 \
    static inline __attribute__((always_inline)) int name##_rows(const Task *t, int indices, npy_intp k,     \
                                                                 int is_dense) {                             \
        const npy_intp at_step = is_dense ? (npy_intp)sizeof(T) : t->whole_steps[indices];                   \
        const npy_intp row_step = is_dense ? (npy_intp)sizeof(T) : t->rows_steps[1], most = sizeof(V) / sizeof(T);     \
        for (npy_intp i = 0; i < t->m; i++) {                                                                \
            const npy_intp place = place_of(t, indices, i);                                                  \
            if (place == NOWHERE) {                                                                          \
                return 0;                                                                                    \
            }                                                                                                \
            char *at = t->whole + place, *row = t->rows + i * t->rows_steps[0];                              \
            npy_intp j = 0;                                                                                  \
            for (; is_dense && j + most <= k; j += most, at += sizeof(V), row += sizeof(V)) {                \
                DO(V);                                                                                       \
            }                                                                                                \
            for (; j < k; j++, at += at_step, row += row_step) {                                             \
                DO(T);                                                                                       \
            }                                                                                                \
        }                                                                                                    \
        return 1;                                                                                            \
    }                                                                                                        \
    static int name(const Task *t) {                                                                         \
        const int indices = t->kind.indices;                                                                 \
        if (indices == 1 && t->k == 1) {                                                                     \
            return name##_rows(t, 1, 1, 0);                                                                  \
        }                                                                                                    \
        if (t->whole_steps[indices] == sizeof(T) && t->rows_steps[1] == sizeof(T)) {                         \
            return indices > 1   ? name##_rows(t, indices, t->k, 1)                                          \
                   : t->k == 2 ? name##_rows(t, 1, 2, 1) /* places in the plane and in space */              \
                   : t->k == 3 ? name##_rows(t, 1, 3, 1)                                                     \
                               : name##_rows(t, 1, t->k, 1);                                                 \
        }                                                                                                    \
        return name##_rows(t, indices, t->k, 0);                                                             \
    }

/* Several elements, which need not lie where a vector would. */
#define SEVERAL(T, name) typedef T name __attribute__((vector_size(32), aligned(sizeof(T)), may_alias));
SEVERAL(npy_uint8, Bytes)
SEVERAL(npy_uint16, Shorts)
SEVERAL(npy_uint32, Ints)
SEVERAL(npy_uint64, Longs)
SEVERAL(npy_float, Floats)
SEVERAL(npy_double, Doubles)
typedef struct {
    npy_float real, imag;
} Complex64;
typedef struct {
    npy_double real, imag;
} Complex128;

#define TAKE(T) *(T *)row = *(const T *)at
#define PUT(T) *(T *)at = *(const T *)row
#define ADD(T) *(T *)at += *(const T *)row
#define ADD_COMPLEX(T) ((T *)at)->real += ((const T *)row)->real, ((T *)at)->imag += ((const T *)row)->imag

#define EACH_SIZE(name, DO)                    \
    EACH(name##_1, npy_uint8, Bytes, DO)       \
    EACH(name##_2, npy_uint16, Shorts, DO)     \
    EACH(name##_4, npy_uint32, Ints, DO)       \
    EACH(name##_8, npy_uint64, Longs, DO)      \
    EACH(name##_16, Complex128, Complex128, DO)

EACH_SIZE(take, TAKE)
EACH_SIZE(put, PUT)
EACH(add_1, npy_uint8, Bytes, ADD)
EACH(add_2, npy_uint16, Shorts, ADD)
EACH(add_4, npy_uint32, Ints, ADD)
EACH(add_8, npy_uint64, Longs, ADD)
EACH(add_f, npy_float, Floats, ADD)
EACH(add_d, npy_double, Doubles, ADD)
EACH(add_F, Complex64, Complex64, ADD_COMPLEX)
EACH(add_D, Complex128, Complex128, ADD_COMPLEX)

/* A loop of a ufunc: what it does to rows, and the size of their elements. */
typedef struct {
    Kind kind;
    int (*rows)(const Task *);
    npy_intp itemsize;
    int is_sum; /* then the whole is zeros before */
} Data;

/* Run a task for all entries of the outer dimension, with the operands of this order. */
static void run(Task *t, const Data *d, char **args, npy_intp n, const npy_intp *steps, int whole, int rows, int index) {
    for (npy_intp i = 0; i < n; i++) {
        t->whole = args[whole] + i * steps[whole];
        t->rows = args[rows] + i * steps[rows];
        for (int r = 0; r < d->kind.indices; r++) {
            t->index[r] = args[index + r] + i * steps[index + r];
        }
        if (d->is_sum) {
            zero(t->whole, t->whole_steps, t->shape, d->kind.indices + 1, d->itemsize);
        }
        if (!d->rows(t)) {
            refuse_index(t);
            return;
        }
    }
}

/* The whole, indices, and rows: the core has the dimensions n, …, k, m. */
static void taking(LOOP_ARGUMENTS) {
    const Data *d = data;
    const int r = d->kind.indices;
    const npy_intp *core = steps + r + 2;
    Task t = {.kind = d->kind, .k = dimensions[1 + r], .m = dimensions[2 + r]};
    memcpy(t.shape, dimensions + 1, (r + 1) * sizeof *core);
    memcpy(t.whole_steps, core, (r + 1) * sizeof *core);
    memcpy(t.index_steps, core + r + 1, r * sizeof *core);
    memcpy(t.rows_steps, core + 2 * r + 1, sizeof t.rows_steps);
    run(&t, d, args, dimensions[0], steps, 0, r + 1, 1);
}

/* Rows, indices, and the whole: the core has the dimensions m, k, n, …. */
static void giving(LOOP_ARGUMENTS) {
    const Data *d = data;
    const int r = d->kind.indices;
    const npy_intp *core = steps + r + 2;
    Task t = {.kind = d->kind, .m = dimensions[1], .k = dimensions[2]};
    memcpy(t.shape, dimensions + 3, r * sizeof *core);
    t.shape[r] = t.k;
    memcpy(t.rows_steps, core, sizeof t.rows_steps);
    memcpy(t.index_steps, core + 2, r * sizeof *core);
    memcpy(t.whole_steps, core + 2 + r, (r + 1) * sizeof *core);
    run(&t, d, args, dimensions[0], steps, r + 1, 0, 1);
}

/* ---- ufuncs of these ----------------------------------------------------------------------------------------------- */

typedef struct {
    char type;
    int itemsize;
    int (*take)(const Task *), (*put)(const Task *), (*add)(const Task *);
} Row;

#define BY_SIZE(n) n, take_##n, put_##n
#define INTEGER(type, n) {type, BY_SIZE(n), add_##n}
#define WHOLE_NUMBER(type, T) {type, sizeof(T), sizeof(T) == 8 ? take_8 : take_4, sizeof(T) == 8 ? put_8 : put_4, \
                               sizeof(T) == 8 ? add_8 : add_4}
static const Row ROWS[] = {
    {NPY_BOOL, BY_SIZE(1), NULL},
    INTEGER(NPY_BYTE, 1),
    INTEGER(NPY_UBYTE, 1),
    INTEGER(NPY_SHORT, 2),
    INTEGER(NPY_USHORT, 2),
    INTEGER(NPY_INT, 4),
    INTEGER(NPY_UINT, 4),
    WHOLE_NUMBER(NPY_LONG, npy_long),
    WHOLE_NUMBER(NPY_ULONG, npy_ulong),
    INTEGER(NPY_LONGLONG, 8),
    INTEGER(NPY_ULONGLONG, 8),
    {NPY_FLOAT, BY_SIZE(4), add_f},
    {NPY_DOUBLE, BY_SIZE(8), add_d},
    {NPY_CFLOAT, BY_SIZE(8), add_F},
    {NPY_CDOUBLE, BY_SIZE(16), add_D},
};
enum { N_ROWS = sizeof ROWS / sizeof *ROWS };

typedef struct {
    const char *name, *doc;
    int is_sum;
    PyUFuncGenericFunction loop;
} Family;

static const Family FAMILIES[] = {
    {"take_rows", "The rows of the first operand at some indices.", 0, taking},
    {"add_rows", "For each index the sum of the rows that it belongs to, in order; `out` tells how many there are.", 1,
     giving},
    {"put_rows", "Rows written where indices say; `out` keeps the others.", 0, giving},
};
enum { N_FAMILIES = sizeof FAMILIES / sizeof *FAMILIES };
static const char *const TAKES[] = {"(n,k),(m)->(m,k)", "(n,p,k),(m),(m)->(m,k)", "(n,p,q,k),(m),(m),(m)->(m,k)"};
static const char *const GIVES[] = {"(m,k),(m)->(n,k)", "(m,k),(m),(m)->(n,p,k)", "(m,k),(m),(m),(m)->(n,p,q,k)"};

/* Return a ufunc. What it points to lives as long as the process. */
static PyObject *ufunc_of(const Family *family, Kind kind) {
    const int operands = kind.indices + 2, takes = family->loop == taking;
    Data *rows = PyMem_RawCalloc(N_ROWS, sizeof *rows);
    void **data = PyMem_RawCalloc(N_ROWS, sizeof *data);
    PyUFuncGenericFunction *loops = PyMem_RawCalloc(N_ROWS, sizeof *loops);
    char *types = PyMem_RawCalloc(N_ROWS, operands);
    if (rows == NULL || data == NULL || loops == NULL || types == NULL) {
        return PyErr_NoMemory();
    }
    int n = 0;
    for (const Row *row = ROWS; row < ROWS + N_ROWS; row++) {
        rows[n] = (Data){kind, takes ? row->take : family->is_sum ? row->add : row->put, row->itemsize, family->is_sum};
        if (rows[n].rows == NULL) {
            continue;
        }
        data[n] = rows + n;
        loops[n] = family->loop;
        memset(types + n * operands, NPY_INTP, operands);
        types[n * operands] = types[(n + 1) * operands - 1] = row->type;
        n++;
    }
    return PyUFunc_FromFuncAndDataAndSignature(loops, data, types, n, operands - 1, 1, PyUFunc_None, family->name,
                                               family->doc, 0, (takes ? TAKES : GIVES)[kind.indices - 1]);
}

static PyObject *gathers(PyObject *Py_UNUSED(module), PyObject *args) {
    Kind kind;
    if (!PyArg_ParseTuple(args, "ii:gathers", &kind.indices, &kind.axis)) {
        return NULL;
    }
    if (kind.indices < 1 || kind.indices > MOST_INDICES) {
        return PyErr_Format(PyExc_ValueError, "gathers: expected 1 to %d arrays of indices", MOST_INDICES);
    }
    PyObject *found = PyTuple_New(N_FAMILIES);
    for (int f = 0; found != NULL && f < N_FAMILIES; f++) {
        PyObject *ufunc = ufunc_of(FAMILIES + f, kind);
        if (ufunc == NULL) {
            Py_CLEAR(found);
        } else {
            PyTuple_SET_ITEM(found, f, ufunc);
        }
    }
    return found;
}

PyMethodDef gather_methods[] = {
    {"gathers", gathers, METH_VARARGS,
     "Return ufuncs that take, add and put rows by n arrays of indices, the first one for the axis given."},
    {NULL, NULL, 0, NULL},
};
