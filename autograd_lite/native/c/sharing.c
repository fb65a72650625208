/* What Python sees of the pool of threads: their number, and ufuncs whose large calls they share.
 *
 * A ufunc keeps tables of loops, and of a pointer for each loop. `share` puts loops into them that cut a call over many
 * elements into parts, which the former loops then run. So everything that calls the ufunc has it, operators of arrays
 * included, and NumPy still checks types, allocates, casts, and looks at floating-point flags. Ufuncs that this module
 * made have tables that can be written to. */
#include "operands.h"
#include "pool.h"

#define ROUND 64           /* parts begin at multiples of it: no two threads write to one cache line */
#define MOST_OPERANDS 16

typedef struct {
    PyUFuncGenericFunction loop; /* the former one */
    void *data;
    int inputs, operands, cores; /* cores: the core dimensions of a generalized ufunc */
    npy_intp least;              /* elements of a part */
    const npy_uint32 *flags;     /* of the core dimensions */
} Shared;

typedef struct {
    const Shared *shared;
    char **args;
    const npy_intp *dimensions, *steps;
    npy_intp part; /* how long one is */
} Call;

static void run_part(void *context, ptrdiff_t part, int Py_UNUSED(thread)) {
    const Call *call = context;
    const Shared *shared = call->shared;
    const npy_intp start = part * call->part, left = call->dimensions[0] - start;
    npy_intp dimensions[1 + NPY_MAXDIMS];
    char *args[MOST_OPERANDS];
    memcpy(dimensions, call->dimensions, (1 + shared->cores) * sizeof *dimensions);
    dimensions[0] = left < call->part ? left : call->part;
    for (int i = 0; i < shared->operands; i++) {
        args[i] = call->args[i] + start * call->steps[i];
    }
    shared->loop(args, dimensions, call->steps, shared->data);
}

/* Whether the elements may be computed in any order. NumPy sees to it, except in reductions and accumulations, which
 * call the same loops. A loop over core dimensions gets a copy of an operand that a result lies over, unless it is the very
 * same array. */
static int any_order(const Shared *shared, char **args, npy_intp n, const npy_intp *steps) {
    for (int out = shared->inputs; out < shared->operands; out++) {
        if (steps[out] == 0) {
            return 0;
        }
    }
    return shared->cores > 0 || !in_order(args, n, steps, shared->inputs, shared->operands);
}

/* The loop of a shared ufunc. */
static void shared_loop(char **args, const npy_intp *dimensions, const npy_intp *steps, void *data) {
    const Shared *shared = data;
    const npy_intp n = dimensions[0];
    npy_intp each = 1; /* elements of core dimensions, apart from a fixed few, such as the gates of a cell */
    for (int i = 0; i < shared->cores; i++) {
        each *= shared->flags[i] & UFUNC_CORE_DIM_SIZE_INFERRED ? dimensions[1 + i] : 1;
    }
    if (n < 2 || n * each < 2 * shared->least || pool_threads() == 1 || !any_order(shared, args, n, steps)) {
        shared->loop(args, dimensions, steps, shared->data);
        return;
    }
    const npy_intp most = n * each / shared->least, threads = pool_threads(), round = shared->cores ? 1 : ROUND;
    const npy_intp parts = most < threads ? most : threads;
    Call call = {shared, args, dimensions, steps, ((n + parts - 1) / parts + round - 1) / round * round};
    pool_run(run_part, &call, (n + call.part - 1) / call.part, (int)threads);
}

/* Whether a loop has floating-point numbers among its operands, and nothing that the lock of the interpreter guards. */
static int is_sharable(const char *types, int operands) {
    int floats = 0;
    for (int i = 0; i < operands; i++) {
        if (types[i] > NPY_DOUBLE) {
            return 0;
        }
        floats |= types[i] == NPY_FLOAT || types[i] == NPY_DOUBLE;
    }
    return floats;
}

/* Let calls of a ufunc be shared; what is shared already stays so. */
static PyObject *share(PyObject *Py_UNUSED(module), PyObject *arguments) {
    PyUFuncObject *ufunc;
    Py_ssize_t least;
    if (!PyArg_ParseTuple(arguments, "O!n:share", &PyUFunc_Type, &ufunc, &least)) {
        return NULL;
    }
    const int n = ufunc->ntypes, operands = ufunc->nargs;
    if (operands > MOST_OPERANDS || ufunc->core_num_dim_ix > NPY_MAXDIMS || least < 1 || n < 1 || ufunc->data == NULL) {
        return PyErr_Format(PyExc_ValueError, "share: '%s' cannot be cut into parts of %zd", ufunc->name, least);
    }
    Shared *shared = PyMem_RawCalloc(n, sizeof *shared); /* lives as long as the process, as the loops' table does */
    if (shared == NULL) {
        return PyErr_NoMemory();
    }
    void **data = (void **)ufunc->data;
    for (int i = 0; i < n; i++) {
        if (ufunc->functions[i] != shared_loop && is_sharable(ufunc->types + i * operands, operands)) {
            const int cores = ufunc->core_enabled ? ufunc->core_num_dim_ix : 0;
            shared[i] = (Shared){ufunc->functions[i], data[i], ufunc->nin,           operands,
                                 cores,               least,   ufunc->core_dim_flags};
            ufunc->functions[i] = shared_loop;
            data[i] = &shared[i];
        }
    }
    Py_RETURN_NONE;
}

static PyObject *is_shared(PyObject *Py_UNUSED(module), PyObject *ufunc) {
    const PyUFuncObject *of = (PyUFuncObject *)ufunc;
    int found = 0;
    for (int i = 0; PyObject_TypeCheck(ufunc, &PyUFunc_Type) && i < of->ntypes; i++) {
        found |= of->functions[i] == shared_loop;
    }
    return PyBool_FromLong(found);
}

static PyObject *set_threads(PyObject *Py_UNUSED(module), PyObject *argument) {
    const long n = PyLong_AsLong(argument);
    if (n == -1 && PyErr_Occurred()) {
        return NULL;
    }
    pool_set_threads(n > POOL_MOST_THREADS ? POOL_MOST_THREADS : (int)n);
    Py_RETURN_NONE;
}

static PyObject *get_threads(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing)) {
    return PyLong_FromLong(pool_threads());
}

PyMethodDef sharing_methods[] = {
    {"set_threads", set_threads, METH_O, "Let this many threads share work."},
    {"get_threads", get_threads, METH_NOARGS, "Return how many threads share work."},
    {"is_shared", is_shared, METH_O, "Return whether large calls of a ufunc are shared by threads."},
    {"share", share, METH_VARARGS, "Let large calls of a ufunc be shared by threads, in parts of this many elements or more."},
    {NULL, NULL, 0, NULL},
};
