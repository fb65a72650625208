/* What a compiled function rests on, looked at in one call: see compiler/facts.py, which has the same in Python. */
#include "kernels.h"

#include <structmember.h>

#include "methods.h"

/* In the order of the names below. */
typedef enum {
    ARRAY, VALUES, GRADIENT, NO_GRADIENT, LEAF, NO_LEAF, HOOKS, ITEM, EQUAL_ITEM, RESULT, EQUAL_RESULT, N_KINDS
} Kind;

static const char *const KINDS[N_KINDS] = {"array", "values", "gradient",   "no gradient", "leaf",        "no leaf",
                                           "hooks", "item",   "equal item", "result",      "equal result"};

typedef struct {
    Kind kind;
    PyObject *owner, *key, *value;
    PyArray_Descr *descr;         /* of an array, with its lengths and then its strides */
    int ndim;
    npy_intp *dims;
    Py_ssize_t taken;             /* the place of the array in the result, or -1 */
    int written;                  /* whether it must be the owner's alone */
} Row;

/* Where a Tensor keeps what facts are about: it has slots, no dict. */
enum { DATA, GRAD, NODE, HOOKS_OF, SHARED, N_SLOTS };
static const char *const SLOT_NAMES[N_SLOTS] = {"_data", "_grad", "_node", "_hooks", "_shared"};

typedef struct {
    PyObject_HEAD
    Py_ssize_t n, n_taken;
    Row *rows;
    Py_ssize_t slots[N_SLOTS];
    PyObject *leaf, *writable;
} Facts;

#define SLOT(object, offset) (*(PyObject **)((char *)(object) + (offset)))

static int
is_none(const PyObject *x)
{
    return x == NULL || x == Py_None;
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

static int
is_like(const Row *row, PyObject *a)
{
    if (PyArray_Check(a)) {
        const PyArrayObject *array = (PyArrayObject *)a;
        const size_t nbytes = (size_t)row->ndim * sizeof(npy_intp);
        return PyArray_NDIM(array) == row->ndim &&
               (row->ndim == 0 || (memcmp(PyArray_DIMS(array), row->dims, nbytes) == 0 &&
                                   memcmp(PyArray_STRIDES(array), row->dims + row->ndim, nbytes) == 0)) &&
               (PyArray_DESCR(array) == row->descr || PyArray_EquivTypes(PyArray_DESCR(array), row->descr));
    }
    if (row->ndim != 0 || !PyArray_IsScalar(a, Generic)) {
        return 0;
    }
    PyArray_Descr *descr = PyArray_DescrFromScalar(a);
    const int same = descr != NULL && PyArray_EquivTypes(descr, row->descr);
    Py_XDECREF(descr);
    return same;
}

/* Return the array of a row, or NULL where there is none; it is a new reference. */
static PyObject *
array_of(const Facts *facts, const Row *row)
{
    PyObject *t = row->owner, *a = t;
    if (row->kind == GRADIENT) {
        t = SLOT(t, facts->slots[GRAD]);
        if (is_none(t)) {
            return NULL;
        }
    }
    if (row->kind != ARRAY) {
        a = SLOT(t, facts->slots[DATA]);
    }
    if (row->written) {
        const PyObject *node = SLOT(t, facts->slots[NODE]), *shared = SLOT(t, facts->slots[SHARED]);
        const int own = (shared == NULL || shared == Py_False) && (node == facts->leaf || node == Py_None);
        if (!own || !PyArray_CheckExact(a) || !PyArray_ISWRITEABLE((PyArrayObject *)a)) {
            return PyObject_CallMethodNoArgs(t, facts->writable);
        }
    }
    Py_XINCREF(a);
    return a;
}

static int
array_holds(const Facts *facts, const Row *row, PyObject *found)
{
    PyObject *a = array_of(facts, row);
    if (a == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    const int holds = is_like(row, a);
    if (holds && row->taken >= 0) {
        PyTuple_SET_ITEM(found, row->taken, a);
    }
    else {
        Py_DECREF(a);
    }
    return holds;
}

/* Return what is found at a key, or what a function returns; it is a new reference. */
static PyObject *
value_of(const Row *row)
{
    if (row->kind == RESULT || row->kind == EQUAL_RESULT) {
        return PyObject_Call(row->owner, row->key, NULL);
    }
    if (PyDict_CheckExact(row->owner)) {
        PyObject *value = PyDict_GetItemWithError(row->owner, row->key);
        Py_XINCREF(value);
        return value;
    }
    return PyObject_GetItem(row->owner, row->key);
}

static int
value_holds(const Row *row)
{
    PyObject *value = value_of(row);
    if (value == NULL) {
        if (PyErr_Occurred() && PyErr_ExceptionMatches(PyExc_LookupError)) {
            PyErr_Clear();
        }
        return PyErr_Occurred() ? -1 : 0;
    }
    int holds = value == row->value;
    if (!holds && (row->kind == EQUAL_ITEM || row->kind == EQUAL_RESULT) && Py_IS_TYPE(value, Py_TYPE(row->value))) {
        holds = PyObject_RichCompareBool(value, row->value, Py_EQ);
    }
    Py_DECREF(value);
    return holds;
}

static int
hooks_hold(PyObject *hooks, PyObject *before)
{
    if (hooks == NULL || PyList_GET_SIZE(hooks) == 0) {
        return PyList_GET_SIZE(before) == 0;
    }
    return PyObject_RichCompareBool(hooks, before, Py_EQ);
}

/* Return whether a row holds, and put its array into the result; -1 for an error. */
static int
row_holds(const Facts *facts, const Row *row, PyObject *found)
{
    switch (row->kind) {
        case ARRAY:
        case VALUES:
        case GRADIENT:
            return array_holds(facts, row, found);
        case NO_GRADIENT:
            return is_none(SLOT(row->owner, facts->slots[GRAD]));
        case LEAF:
            return SLOT(row->owner, facts->slots[NODE]) == facts->leaf;
        case NO_LEAF:
            return SLOT(row->owner, facts->slots[NODE]) != facts->leaf;
        case HOOKS:
            return hooks_hold(SLOT(row->owner, facts->slots[HOOKS_OF]), row->value);
        default:
            return value_holds(row);
    }
}

static PyObject *
facts_found(PyObject *self, PyObject *Py_UNUSED(nothing))
{
    const Facts *facts = (Facts *)self;
    PyObject *found = PyTuple_New(facts->n_taken);
    for (Py_ssize_t k = 0; found != NULL && k < facts->n; k++) {
        const int holds = row_holds(facts, &facts->rows[k], found);
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

static int
read_lengths(PyObject *lengths, npy_intp *into, int ndim)
{
    for (int i = 0; i < ndim; i++) {
        into[i] = PyLong_AsSsize_t(PyTuple_GetItem(lengths, i));
    }
    return PyErr_Occurred() ? -1 : 0;
}

/* Read the shape, the strides and the dtype of an array. */
static int
read_like(Row *row)
{
    PyObject *shape, *strides, *descr;
    if (!PyArg_ParseTuple(row->value, "O!O!O!", &PyTuple_Type, &shape, &PyTuple_Type, &strides, &PyArrayDescr_Type,
                          &descr)) {
        return -1;
    }
    row->ndim = (int)PyTuple_GET_SIZE(shape);
    row->dims = PyMem_Calloc(2 * (size_t)row->ndim + 1, sizeof *row->dims);
    if (row->dims == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    row->descr = (PyArray_Descr *)Py_NewRef(descr);
    if (read_lengths(shape, row->dims, row->ndim) < 0) {
        return -1;
    }
    return read_lengths(strides, row->dims + row->ndim, row->ndim);
}

/* Read a row of Python: a kind, an owner, a key, and a value. */
static int
read_row(Row *row, PyObject *fact, PyObject *tensor)
{
    const char *kind;
    PyObject *owner, *key, *value, *told;
    if (!PyArg_ParseTuple(fact, "sOOOO", &kind, &owner, &key, &value, &told)) {
        return -1;
    }
    row->owner = Py_NewRef(owner);
    row->key = Py_NewRef(key);
    row->value = Py_NewRef(value);
    row->taken = -1;
    row->kind = 0;
    while (row->kind < N_KINDS && strcmp(kind, KINDS[row->kind]) != 0) {
        row->kind++;
    }
    const int of_tensor = row->kind >= VALUES && row->kind <= HOOKS;
    if (row->kind == N_KINDS || (of_tensor && PyObject_IsInstance(owner, tensor) != 1) ||
        (row->kind == HOOKS && !PyList_Check(value)) ||
        ((row->kind == RESULT || row->kind == EQUAL_RESULT) && !PyTuple_Check(key))) {
        PyErr_Format(PyExc_TypeError, "facts: expected a row of a known kind; received %R", fact);
        return -1;
    }
    return row->kind <= GRADIENT ? read_like(row) : 0;
}

static int
read_slots(Py_ssize_t *slots, PyObject *tensor)
{
    for (int k = 0; k < N_SLOTS; k++) {
        PyObject *descr = PyObject_GetAttrString(tensor, SLOT_NAMES[k]);
        if (descr == NULL || !Py_IS_TYPE(descr, &PyMemberDescr_Type)) {
            Py_XDECREF(descr);
            PyErr_Format(PyExc_TypeError, "facts: expected %s to be a slot", SLOT_NAMES[k]);
            return -1;
        }
        slots[k] = ((PyMemberDescrObject *)descr)->d_member->offset;
        Py_DECREF(descr);
    }
    return 0;
}

static int
read_rows(Facts *facts, PyObject *rows, PyObject *taken, PyObject *tensor)
{
    facts->rows = PyMem_Calloc((size_t)PyList_GET_SIZE(rows) + 1, sizeof(Row));
    if (facts->rows == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (; facts->n < PyList_GET_SIZE(rows); facts->n++) {
        if (read_row(&facts->rows[facts->n], PyList_GET_ITEM(rows, facts->n), tensor) < 0) {
            facts->n++;  /* so that what it has is let go */
            return -1;
        }
    }
    facts->n_taken = PyList_GET_SIZE(taken);
    for (Py_ssize_t place = 0; place < facts->n_taken; place++) {
        Py_ssize_t k;
        int written;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(taken, place), "np", &k, &written)) {
            return -1;
        }
        if (k < 0 || k >= facts->n || facts->rows[k].kind > GRADIENT || facts->rows[k].taken >= 0) {
            PyErr_SetString(PyExc_ValueError, "facts: expected the numbers of different rows on arrays");
            return -1;
        }
        facts->rows[k].taken = place;
        facts->rows[k].written = written;
    }
    return 0;
}

static int
facts_traverse(Facts *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    for (Py_ssize_t k = 0; k < self->n; k++) {
        Py_VISIT(self->rows[k].owner);
        Py_VISIT(self->rows[k].key);
        Py_VISIT(self->rows[k].value);
    }
    return 0;
}

static int
facts_clear(Facts *self)
{
    const Py_ssize_t n = self->n;
    self->n = 0;
    for (Py_ssize_t k = 0; k < n; k++) {
        Row *row = &self->rows[k];
        Py_CLEAR(row->owner);
        Py_CLEAR(row->key);
        Py_CLEAR(row->value);
        Py_CLEAR(row->descr);
        PyMem_Free(row->dims);
    }
    PyMem_Free(self->rows);
    self->rows = NULL;
    return 0;
}

static void
facts_dealloc(Facts *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    facts_clear(self);
    Py_CLEAR(self->leaf);
    Py_CLEAR(self->writable);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef FOUND[] = {
    {"found", facts_found, METH_NOARGS, "Return the arrays that are taken; None if one of the facts does not hold."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot FACTS_SLOTS[] = {
    {Py_tp_traverse, facts_traverse},
    {Py_tp_clear, facts_clear},
    {Py_tp_dealloc, facts_dealloc},
    {Py_tp_methods, FOUND},
    {0, NULL},
};

static PyType_Spec FACTS = {
    "autograd_lite.native.library.Facts", sizeof(Facts), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, FACTS_SLOTS,
};

static PyObject *
facts_new(PyObject *Py_UNUSED(module), PyObject *args)
{
    static PyTypeObject *type = NULL;
    PyObject *tensor, *leaf, *rows, *taken;
    if (!PyArg_ParseTuple(args, "OOO!O!:facts", &tensor, &leaf, &PyList_Type, &rows, &PyList_Type, &taken)) {
        return NULL;
    }
    if (type == NULL && (type = (PyTypeObject *)PyType_FromSpec(&FACTS)) == NULL) {
        return NULL;
    }
    Facts *facts = (Facts *)type->tp_alloc(type, 0);  /* filled with zeros */
    if (facts == NULL) {
        return NULL;
    }
    facts->leaf = Py_NewRef(leaf);
    facts->writable = PyUnicode_InternFromString("_writable");
    if (facts->writable == NULL || read_slots(facts->slots, tensor) < 0 || read_rows(facts, rows, taken, tensor) < 0) {
        Py_DECREF(facts);
        return NULL;
    }
    return (PyObject *)facts;
}

/* ---- containers ------------------------------------------------------------------------------------------------- */

/* Return whether the items of an iterable are the next of these objects, from `*k` on. */
static int
goes_on(PyObject *container, PyObject *objects, Py_ssize_t *k)
{
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

static PyObject *
same_objects(PyObject *Py_UNUSED(module), PyObject *args)
{
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
static PyObject *
stamp(PyObject *Py_UNUSED(module), PyObject *args)
{
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

PyMethodDef facts_methods[] = {
    {"stamp", stamp, METH_VARARGS, "Give tensors the next stamp, which says when they were changed."},
    {"facts", facts_new, METH_VARARGS, "Return facts whose method `found` looks at them; see compiler/facts.py."},
    {"same_objects", same_objects, METH_VARARGS,
     "Return whether containers have these objects in them, one after the other; of dicts, their values."},
    {NULL, NULL, 0, NULL},
};
