/* What a compiled function rests on, looked at in one call: see compiler/guards.py, which has the same in Python. */
#include "kernels.h"

#include <structmember.h>


/* In the order of the names below. */
typedef enum {
    ARRAY, VALUES, GRADIENT, NO_GRADIENT, LEAF, NO_LEAF, HOOKS, ITEM, RESULT, CELL, CLASS_ITEM, CONTENTS, ELEMENTS,
    FUNCTION, N_KINDS
} Kind;

static const char *const KINDS[N_KINDS] = {"array",   "values", "gradient",   "no gradient", "leaf",
                                           "no leaf", "hooks",  "item",       "result",      "cell",
                                           "class item", "contents", "elements", "function"};

/* The objects belong to the tuples of Python that this was read from. */
typedef struct {
    Kind kind;
    PyObject *owner, *key, *value; /* of arrays, the dtype is the key, and the value lies like them */
    Py_ssize_t taken;              /* the place of the array in the result, or -1 */
    int written;                   /* whether it must be the owner's alone */
} Row;

typedef struct {
    Py_ssize_t n, n_taken;
    Row rows[];
} Guards;

/* Where a Tensor keeps what guards are about: it has slots, no dict. */
enum { DATA, GRAD, NODE, HOOKS_OF, SHARED, N_SLOTS };
static const char *const SLOT_NAMES[N_SLOTS] = {"_data", "_grad", "_node", "_hooks", "_shared"};
static Py_ssize_t slots[N_SLOTS];
static PyObject *leaf_node, *writable; /* what the node of a leaf is, and the name of a method */
static PyObject *missing;              /* the value of a row where there is nothing */

#define SLOT(object, slot) (*(PyObject **)((char *)(object) + slots[slot]))

static int is_none(const PyObject *x) { return x == NULL || x == Py_None; }

/* ---- looking ---------------------------------------------------------------------------------------------------- */

static int is_like(const Row *row, PyObject *a) {
    PyArrayObject *like = (PyArrayObject *)row->value;
    PyArray_Descr *dtype = (PyArray_Descr *)row->key;
    const int ndim = PyArray_NDIM(like);
    if (PyArray_Check(a)) {
        PyArrayObject *array = (PyArrayObject *)a;
        const size_t nbytes = (size_t)ndim * sizeof(npy_intp);
        return PyArray_NDIM(array) == ndim &&
               (ndim == 0 || (memcmp(PyArray_DIMS(array), PyArray_DIMS(like), nbytes) == 0 &&
                              memcmp(PyArray_STRIDES(array), PyArray_STRIDES(like), nbytes) == 0)) &&
               (PyArray_DESCR(array) == dtype || PyArray_EquivTypes(PyArray_DESCR(array), dtype));
    }
    if (ndim != 0 || !PyArray_IsScalar(a, Generic)) {
        return 0;
    }
    PyArray_Descr *descr = PyArray_DescrFromScalar(a);
    const int same = descr != NULL && PyArray_EquivTypes(descr, dtype);
    Py_XDECREF(descr);
    return same;
}

/* Return the array of a row, or NULL where there is none; it is a new reference. */
static PyObject *array_of(const Row *row) {
    PyObject *t = row->owner, *a = t;
    if (row->kind == GRADIENT) {
        t = SLOT(t, GRAD);
        if (is_none(t)) {
            return NULL;
        }
    }
    if (row->kind != ARRAY) {
        a = SLOT(t, DATA);
        if (a == Py_None) { /* a stale view, which gets its values when something reads it */
            return PyObject_GetAttrString(t, SLOT_NAMES[DATA]);
        }
    }
    if (row->written) {
        const PyObject *node = SLOT(t, NODE), *shared = SLOT(t, SHARED);
        const int own = (shared == NULL || shared == Py_False) && (node == leaf_node || node == Py_None);
        if (!own || !PyArray_CheckExact(a) || !PyArray_ISWRITEABLE((PyArrayObject *)a)) {
            return PyObject_CallMethodNoArgs(t, writable);
        }
    }
    Py_XINCREF(a);
    return a;
}

static int array_holds(const Row *row, PyObject *found) {
    PyObject *a = array_of(row);
    if (a == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    const int holds = is_like(row, a);
    if (holds && row->taken >= 0) {
        PyTuple_SET_ITEM(found, row->taken, a);
    } else {
        Py_DECREF(a);
    }
    return holds;
}

/* Return whether two objects are one, or numbers or texts of one class and the same value; of floats, the same bits;
   of tuples, whether this is so for all that is in them. */
static int is_same(PyObject *x, PyObject *value) {
    if (x == value) {
        return 1;
    }
    if (!Py_IS_TYPE(x, Py_TYPE(value))) {
        return 0;
    }
    if (PyFloat_Check(x)) {
        const double a = PyFloat_AS_DOUBLE(x), b = PyFloat_AS_DOUBLE(value);
        return memcmp(&a, &b, sizeof a) == 0;
    }
    if (PyComplex_Check(x)) {
        const Py_complex a = PyComplex_AsCComplex(x), b = PyComplex_AsCComplex(value);
        return memcmp(&a, &b, sizeof a) == 0;
    }
    if (PyLong_Check(x) || PyUnicode_Check(x) || PyBytes_Check(x) || PyArray_IsScalar(x, Generic)) {
        return PyObject_RichCompareBool(x, value, Py_EQ);
    }
    if (PyTuple_CheckExact(x)) {
        const Py_ssize_t n = PyTuple_GET_SIZE(x);
        int same = n == PyTuple_GET_SIZE(value) && Py_EnterRecursiveCall(" in guards") == 0;
        if (!same) {
            return PyErr_Occurred() ? -1 : 0;
        }
        for (Py_ssize_t k = 0; same > 0 && k < n; k++) {
            same = is_same(PyTuple_GET_ITEM(x, k), PyTuple_GET_ITEM(value, k));
        }
        Py_LeaveRecursiveCall();
        return same;
    }
    return 0;
}

/* Return what is at a key, or what a function returns, or NULL where there is nothing; it is a new reference. */
static PyObject *value_of(const Row *row) {
    PyObject *value;
    switch (row->kind) {
        case RESULT:
            return PyObject_Call(row->owner, row->key, NULL);
        case CELL:
            return Py_XNewRef(PyCell_GET(row->owner));
        case CLASS_ITEM:
            return Py_XNewRef(_PyType_Lookup((PyTypeObject *)row->owner, row->key));
        default:
            if (PyDict_CheckExact(row->owner)) {
                value = PyDict_GetItemWithError(row->owner, row->key);
                return Py_XNewRef(value);
            }
            return PyObject_GetItem(row->owner, row->key);
    }
}

static int value_holds(const Row *row) {
    PyObject *value = value_of(row);
    if (value == NULL) {
        if (PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_LookupError)) {
            PyErr_Clear();
        }
        return PyErr_Occurred() ? -1 : row->value == missing;
    }
    const int holds = is_same(value, row->value);
    Py_DECREF(value);
    return holds;
}

/* Return whether a container has the same in it: of a dict, keys and values in order. */
static int contents_hold(const Row *row) {
    PyObject *owner = row->owner, *const before = row->value;
    const Py_ssize_t n = PyTuple_GET_SIZE(before);
    if (PyDict_Check(owner)) {
        PyObject *key, *value;
        Py_ssize_t position = 0, k = 0;
        if (2 * PyDict_GET_SIZE(owner) != n) {
            return 0;
        }
        while (k < n && PyDict_Next(owner, &position, &key, &value)) {
            const int same = is_same(key, PyTuple_GET_ITEM(before, k));
            const int holds = same > 0 ? is_same(value, PyTuple_GET_ITEM(before, k + 1)) : same;
            if (holds <= 0) {
                return holds;
            }
            k += 2;
        }
        return k == n;
    }
    PyObject *items = PySequence_Fast(owner, "guards: expected a container");
    if (items == NULL) {
        return -1;
    }
    int holds = PySequence_Fast_GET_SIZE(items) == n;
    for (Py_ssize_t k = 0; holds > 0 && k < n; k++) {
        holds = is_same(PySequence_Fast_GET_ITEM(items, k), PyTuple_GET_ITEM(before, k));
    }
    Py_DECREF(items);
    return holds;
}

/* Return whether an array has the same elements, bit for bit. */
static int elements_hold(const Row *row) {
    if (!PyArray_Check(row->owner)) {
        return 0;
    }
    PyArrayObject *a = (PyArrayObject *)row->owner, *before = (PyArrayObject *)row->value;
    if (PyArray_NDIM(a) != PyArray_NDIM(before) || !PyArray_EquivTypes(PyArray_DESCR(a), PyArray_DESCR(before)) ||
        !PyArray_CompareLists(PyArray_DIMS(a), PyArray_DIMS(before), PyArray_NDIM(a))) {
        return 0;
    }
    PyArrayObject *now = PyArray_GETCONTIGUOUS(a);
    if (now == NULL) {
        return -1;
    }
    const int holds = memcmp(PyArray_DATA(now), PyArray_DATA(before), (size_t)PyArray_NBYTES(now)) == 0;
    Py_DECREF(now);
    return holds;
}

static int function_holds(const Row *row) {
    const PyFunctionObject *f = (const PyFunctionObject *)row->owner;
    PyObject *const *before = &PyTuple_GET_ITEM(row->value, 0);
    return f->func_code == before[0] && (f->func_defaults == NULL ? Py_None : f->func_defaults) == before[1] &&
           (f->func_kwdefaults == NULL ? Py_None : f->func_kwdefaults) == before[2];
}

static int hooks_hold(PyObject *hooks, PyObject *before) {
    if (hooks == NULL || PyList_GET_SIZE(hooks) == 0) {
        return PyList_GET_SIZE(before) == 0;
    }
    return PyObject_RichCompareBool(hooks, before, Py_EQ);
}

/* Return whether a row holds, and put its array into the result; -1 for an error. */
static int row_holds(const Row *row, PyObject *found) {
    switch (row->kind) {
        case ARRAY:
        case VALUES:
        case GRADIENT:
            return array_holds(row, found);
        case NO_GRADIENT:
            return is_none(SLOT(row->owner, GRAD));
        case LEAF:
            return SLOT(row->owner, NODE) == leaf_node;
        case NO_LEAF:
            return SLOT(row->owner, NODE) != leaf_node;
        case HOOKS:
            return hooks_hold(SLOT(row->owner, HOOKS_OF), row->value);
        case CONTENTS:
            return contents_hold(row);
        case ELEMENTS:
            return elements_hold(row);
        case FUNCTION:
            return function_holds(row);
        default:
            return value_holds(row);
    }
}

static PyObject *guards_check(PyObject *self, PyObject *Py_UNUSED(nothing)) {
    const Guards *guards = (const Guards *)PyBytes_AS_STRING(PyTuple_GET_ITEM(self, 1));
    PyObject *found = PyTuple_New(guards->n_taken);
    for (Py_ssize_t k = 0; found != NULL && k < guards->n; k++) {
        const int holds = row_holds(&guards->rows[k], found);
        if (holds <= 0) {
            Py_DECREF(found);
            if (holds < 0) {
                return NULL;
            }
            Py_RETURN_NONE;
        }
    }
    return found;
}

/* ---- making ----------------------------------------------------------------------------------------------------- */

/* Read a row of Python: a kind, an owner, a key, and a value. */
static int read_row(Row *row, PyObject *guard, PyObject *tensor) {
    const char *kind;
    *row = (Row){.taken = -1};
    if (!PyArg_ParseTuple(guard, "sOOO", &kind, &row->owner, &row->key, &row->value)) {
        return -1;
    }
    while (row->kind < N_KINDS && strcmp(kind, KINDS[row->kind]) != 0) {
        row->kind++;
    }
    const int of_tensor = row->kind >= VALUES && row->kind <= HOOKS;
    if (row->kind == N_KINDS || (of_tensor && PyObject_IsInstance(row->owner, tensor) != 1) ||
        (row->kind <= GRADIENT && !(PyArray_DescrCheck(row->key) && PyArray_Check(row->value))) ||
        (row->kind == HOOKS && !PyList_Check(row->value)) || (row->kind == RESULT && !PyTuple_Check(row->key)) ||
        (row->kind == CELL && !PyCell_Check(row->owner)) ||
        (row->kind == CLASS_ITEM && !(PyType_Check(row->owner) && PyUnicode_CheckExact(row->key))) ||
        (row->kind == CONTENTS && !PyTuple_CheckExact(row->value)) ||
        (row->kind == CONTENTS && PyDict_Check(row->owner) && PyTuple_GET_SIZE(row->value) % 2 != 0) ||
        (row->kind == ELEMENTS && !(PyArray_Check(row->value) && PyArray_IS_C_CONTIGUOUS((PyArrayObject *)row->value))) ||
        (row->kind == FUNCTION && !(PyFunction_Check(row->owner) && PyTuple_CheckExact(row->value) &&
                                    PyTuple_GET_SIZE(row->value) == 3))) {
        PyErr_Format(PyExc_TypeError, "guards: expected a row of a known kind; received %R", guard);
        return -1;
    }
    return 0;
}

/* Note which rows' arrays are taken, given as pairs of a row's number and whether it is written. */
static int read_taken(Guards *guards, PyObject *taken) {
    guards->n_taken = PyTuple_GET_SIZE(taken);
    for (Py_ssize_t place = 0; place < guards->n_taken; place++) {
        Py_ssize_t k;
        int written;
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(taken, place), "np", &k, &written)) {
            return -1;
        }
        if (k < 0 || k >= guards->n || guards->rows[k].kind > GRADIENT || guards->rows[k].taken >= 0) {
            PyErr_SetString(PyExc_ValueError, "guards: expected the numbers of different rows on arrays");
            return -1;
        }
        guards->rows[k].taken = place;
        guards->rows[k].written = written;
    }
    return 0;
}

int read_slots(PyObject *type, const char *const *names, Py_ssize_t *places, int n) {
    for (int k = 0; k < n; k++) {
        PyObject *descr = PyObject_GetAttrString(type, names[k]);
        if (descr == NULL || !Py_IS_TYPE(descr, &PyMemberDescr_Type)) {
            Py_XDECREF(descr);
            PyErr_Format(PyExc_TypeError, "expected %s to be a slot", names[k]);
            return -1;
        }
        places[k] = ((PyMemberDescrObject *)descr)->d_member->offset;
        Py_DECREF(descr);
    }
    return 0;
}

static PyObject *guards_new(PyObject *Py_UNUSED(module), PyObject *args) {
    static PyMethodDef FOUND = {"found", guards_check, METH_NOARGS,
                                "Return the arrays that are taken; None if one of the guards does not hold."};
    PyObject *tensor, *leaf, *nothing, *rows, *taken;
    if (!PyArg_ParseTuple(args, "OOOO!O!:guards", &tensor, &leaf, &nothing, &PyTuple_Type, &rows, &PyTuple_Type,
                          &taken) ||
        read_slots(tensor, SLOT_NAMES, slots, N_SLOTS) < 0 || (writable = PyUnicode_InternFromString("_writable")) == NULL) {
        return NULL;
    }
    Py_XSETREF(leaf_node, Py_NewRef(leaf));
    Py_XSETREF(missing, Py_NewRef(nothing));
    const Py_ssize_t n = PyTuple_GET_SIZE(rows);
    PyObject *memory = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)sizeof(Guards) + n * (Py_ssize_t)sizeof(Row));
    PyObject *self = memory == NULL ? NULL : PyTuple_Pack(2, rows, memory), *found = NULL;
    if (self != NULL) {
        Guards *guards = (Guards *)PyBytes_AS_STRING(memory);
        int failed = 0;
        for (guards->n = 0; !failed && guards->n < n; guards->n++) {
            failed = read_row(&guards->rows[guards->n], PyTuple_GET_ITEM(rows, guards->n), tensor) < 0;
        }
        found = failed || read_taken(guards, taken) < 0 ? NULL : PyCFunction_New(&FOUND, self);
    }
    Py_XDECREF(memory);
    Py_XDECREF(self);
    return found;
}

/* ---- containers ------------------------------------------------------------------------------------------------- */

/* Return whether the items of an iterable are the next of these objects, from `*k` on. */
static int goes_on(PyObject *container, PyObject *objects, Py_ssize_t *k) {
    const Py_ssize_t n = PyTuple_GET_SIZE(objects);
    if (PyDict_CheckExact(container)) {
        PyObject *value;
        Py_ssize_t position = 0;
        while (PyDict_Next(container, &position, NULL, &value)) {
            if (*k == n || value != PyTuple_GET_ITEM(objects, (*k)++)) {
                return 0;
            }
        }
        return 1;
    }
    PyObject *items = PyObject_GetIter(container), *item = NULL;
    int same = items != NULL;
    while (same && (item = PyIter_Next(items)) != NULL) {
        same = *k < n && item == PyTuple_GET_ITEM(objects, (*k)++);
        Py_DECREF(item);
    }
    Py_XDECREF(items);
    return PyErr_Occurred() ? -1 : same;
}

static PyObject *same_objects(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *containers, *objects;
    if (!PyArg_ParseTuple(args, "O!O!:same_objects", &PyTuple_Type, &containers, &PyTuple_Type, &objects)) {
        return NULL;
    }
    Py_ssize_t k = 0;
    int same = 1;
    for (Py_ssize_t c = 0; same == 1 && c < PyTuple_GET_SIZE(containers); c++) {
        same = goes_on(PyTuple_GET_ITEM(containers, c), objects, &k);
    }
    return same < 0 ? NULL : PyBool_FromLong(same && k == PyTuple_GET_SIZE(objects));
}

/* Note that tensors were changed now, all of them or, after an error, none that anyone could see. */
static PyObject *stamp(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *tensors, *name, *next, *now;
    if (!PyArg_ParseTuple(args, "O!UO:stamp", &PyList_Type, &tensors, &name, &next) ||
        (now = PyObject_CallNoArgs(next)) == NULL) {
        return NULL;
    }
    int failed = 0;
    for (Py_ssize_t k = 0; !failed && k < PyList_GET_SIZE(tensors); k++) {
        failed = PyObject_SetAttr(PyList_GET_ITEM(tensors, k), name, now) < 0;
    }
    Py_DECREF(now);
    if (failed) {
        return NULL;
    }
    Py_RETURN_NONE;
}

/* ---- NaN among results --------------------------------------------------------------------------------------------- */

enum { MOST_LOOKED_AT = 1 << 12 }; /* elements: of more, threads are faster */

/* Return whether an array or scalar is sure to hold no NaN: here are those of a few numbers without gaps. */
static int is_free_of_nan(PyObject *x) {
    npy_intp n = 1;
    int type;
    const char *at;
    npy_cdouble cell;
    if (PyArray_CheckExact(x)) {
        PyArrayObject *a = (PyArrayObject *)x;
        type = PyArray_TYPE(a);
        if (PyTypeNum_ISINTEGER(type) || PyTypeNum_ISBOOL(type)) {
            return 1;
        }
        n = PyArray_SIZE(a);
        at = PyArray_BYTES(a);
        if (n > MOST_LOOKED_AT || !(PyArray_IS_C_CONTIGUOUS(a) || PyArray_IS_F_CONTIGUOUS(a)) ||
            !PyArray_ISBEHAVED_RO(a)) {
            return 0;
        }
    } else if (PyArray_IsScalar(x, Double)) {
        type = NPY_DOUBLE;
        PyArray_ScalarAsCtype(x, &cell);
        at = (const char *)&cell;
    } else {
        return 0;
    }
    int any = 0;
    if (type == NPY_DOUBLE || type == NPY_CDOUBLE) {
        for (npy_intp i = 0; i < (type == NPY_DOUBLE ? n : 2 * n); i++) {
            any |= isnan(((const double *)at)[i]);
        }
    } else if (type == NPY_FLOAT || type == NPY_CFLOAT) {
        for (npy_intp i = 0; i < (type == NPY_FLOAT ? n : 2 * n); i++) {
            any |= isnan(((const float *)at)[i]);
        }
    } else {
        return 0;
    }
    return !any;
}

static PyObject *free_of_nan(PyObject *Py_UNUSED(module), PyObject *values) {
    int free = PyTuple_Check(values);
    for (Py_ssize_t k = 0; free && k < PyTuple_GET_SIZE(values); k++) {
        free = is_free_of_nan(PyTuple_GET_ITEM(values, k));
    }
    return PyBool_FromLong(free);
}

PyMethodDef guards_methods[] = {
    {"stamp", stamp, METH_VARARGS, "Give tensors the next stamp, which says when they were changed."},
    {"guards", guards_new, METH_VARARGS, "Return a function that looks at guards; see compiler/guards.py."},
    {"free_of_nan", free_of_nan, METH_O, "Return whether a tuple is sure to hold no NaN: a few numbers are looked at."},
    {"same_objects", same_objects, METH_VARARGS,
     "Return whether containers have these objects in them, one after the other; of dicts, their values."},
    {NULL, NULL, 0, NULL},
};
