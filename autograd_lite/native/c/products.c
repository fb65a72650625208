/* Products of matrices: small ones by our own kernel, others by BLAS, on the pool of threads.
 *
 * A call of BLAS takes longer than a product of up to 16 rows and columns, which code that is made for a function computes
 * in place, too (see small.h).
 *
 * The workers of OpenBLAS, which NumPy brings, keep a processor for milliseconds after a product, looking for the next
 * one; two pools then want the same processors. So the loops of np.matmul are replaced by ones that call the former loop
 * on parts, each in one thread of ours, while OpenBLAS is told to use no other. How a product is cut depends on its
 * shape and on the numbers of threads alone, never on who is free: so do its last bits. */
#include "kernels.h"
#include "pool.h"

#include <dlfcn.h>
#include <pthread.h>

#define ALONE (1 << 18)    /* multiplications up to which OpenBLAS works in one thread by itself */
#define ALONE_VECTOR 9215  /* and those of a product with a vector */
#define ROUND 8         /* rows or columns of which a part has a multiple */
#define SMALL 16        /* rows and columns, up to which a kernel of ours multiplies */

static int (*blas_threads)(void);
static void (*set_blas_threads)(int);

/* A former loop, which is the data of the one in its place. */
typedef struct {
    PyUFuncGenericFunction loop, small; /* the second one of our kernel for small matrices; NULL if there is none */
    void *data;
} Former;

/* ---- one thread for OpenBLAS, while any product of ours runs ------------------------------------------------------ */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int running, threads_before;

static void hold_blas(void) {
    pthread_mutex_lock(&lock);
    if (running++ == 0) {
        threads_before = blas_threads();
        set_blas_threads(1);
    }
    pthread_mutex_unlock(&lock);
}

static void release_blas(void) {
    pthread_mutex_lock(&lock);
    if (--running == 0) {
        set_blas_threads(threads_before);
    }
    pthread_mutex_unlock(&lock);
}

/* How many threads OpenBLAS has while no product of ours runs; 1 if there is none, whose threads could be held. */
static int threads_of_blas(void) {
    if (blas_threads == NULL) {
        return 1;
    }
    pthread_mutex_lock(&lock);
    const int n = running ? threads_before : blas_threads();
    pthread_mutex_unlock(&lock);
    return n;
}

static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork_in_parent(void) { pthread_mutex_unlock(&lock); }

static void after_fork_in_child(void) {
    if (running) { /* in threads that do not exist here */
        running = 0;
        set_blas_threads(threads_before);
    }
    pthread_mutex_unlock(&lock);
}

/* ---- the loops ---------------------------------------------------------------------------------------------------- */
enum { A, B, C, A_ROWS, A_COLUMNS, B_ROWS, B_COLUMNS, C_ROWS, C_COLUMNS }; /* the steps */
enum { PRODUCTS, M, K, P };                                                /* the dimensions: (m, k) @ (k, p) */

typedef struct {
    char **args;
    const npy_intp *dimensions, *steps;
    npy_intp products, rows, columns; /* of a part */
    npy_intp down, across;            /* how many parts a product has */
    const Former *former;
    int small;
} Call;

/* Whether products are small, which is so of all parts of a call or of none: only numbers of them are cut. */
static int is_small(const Former *former, const npy_intp *dimensions) {
    return former->small != NULL && dimensions[M] <= SMALL && dimensions[K] <= SMALL && dimensions[P] <= SMALL;
}

static void run_former(const Former *former, char **args, const npy_intp *dimensions, const npy_intp *steps, int small) {
    (small ? former->small : former->loop)(args, dimensions, steps, small ? NULL : former->data);
}

static void run_part(void *context, ptrdiff_t part, int Py_UNUSED(thread)) {
    const Call *call = context;
    const npy_intp *full = call->dimensions, *steps = call->steps;
    const npy_intp across = part % call->across, down = part / call->across % call->down;
    const npy_intp product = part / call->across / call->down * call->products;
    const npy_intp row = down * call->rows, column = across * call->columns;
    npy_intp dimensions[4] = {full[PRODUCTS] - product, full[M] - row, full[K], full[P] - column};
    dimensions[PRODUCTS] = dimensions[PRODUCTS] < call->products ? dimensions[PRODUCTS] : call->products;
    dimensions[M] = dimensions[M] < call->rows ? dimensions[M] : call->rows;
    dimensions[P] = dimensions[P] < call->columns ? dimensions[P] : call->columns;
    char *args[3] = {
        call->args[A] + product * steps[A] + row * steps[A_ROWS],
        call->args[B] + product * steps[B] + column * steps[B_COLUMNS],
        call->args[C] + product * steps[C] + row * steps[C_ROWS] + column * steps[C_COLUMNS],
    };
    run_former(call->former, args, dimensions, steps, call->small);
}

/* Return how long parts are if `most` of them have a length together. */
static npy_intp part_of(npy_intp length, npy_intp most) {
    const npy_intp part = ((length + most - 1) / most + ROUND - 1) / ROUND * ROUND;
    return part < length ? part : length;
}

static void product(char **args, const npy_intp *dimensions, const npy_intp *steps, void *data) {
    const Former *former = data;
    const npy_intp n = dimensions[PRODUCTS], m = dimensions[M], k = dimensions[K], p = dimensions[P];
    const npy_intp size = m * k * p;
    const int small = is_small(former, dimensions);
    if (small && n * size <= ALONE) {
        former->small(args, dimensions, steps, NULL);
        return;
    }
    const int own = blas_threads == NULL ? 1 : pool_threads(), blas = threads_of_blas();
    /* x @ x.T is one product of a symmetric matrix to BLAS, which fills one half from the other. */
    const int symmetric = args[A] == args[B] && steps[A_ROWS] == steps[B_COLUMNS] && m == p;
    /* Whether OpenBLAS would wake its own threads. With one thread of ours it may. */
    const int alone = own > 1 && blas > 1 && size > (m == 1 || p == 1 ? ALONE_VECTOR : ALONE);
    if (n * size <= ALONE || own == 1 || (n == 1 && (blas == 1 || symmetric))) {
        if (alone) {
            hold_blas();
        }
        run_former(former, args, dimensions, steps, small);
        if (alone) {
            release_blas();
        }
        return;
    }
    Call call = {args, dimensions, steps, 1, m, p, 1, 1, former, small};
    if (alone && n < own && !symmetric) {
        const npy_intp most = own < blas ? own : blas, each = (most + n - 1) / n;
        call.rows = m >= p ? part_of(m, each) : m;
        call.columns = m >= p ? p : part_of(p, each);
        call.down = (m + call.rows - 1) / call.rows;
        call.across = (p + call.columns - 1) / call.columns;
    } else {
        call.products = (n + own - 1) / own;
    }
    if (alone) {
        hold_blas();
    }
    pool_run(run_part, &call, (n + call.products - 1) / call.products * call.down * call.across, own);
    if (alone) {
        release_blas();
    }
}

/* ---- what Python calls -------------------------------------------------------------------------------------------- */
static int found_blas(const char *path) {
    static const char *const NAMES[][2] = {
        {"scipy_openblas_get_num_threads64_", "scipy_openblas_set_num_threads64_"},
        {"scipy_openblas_get_num_threads", "scipy_openblas_set_num_threads"},
        {"openblas_get_num_threads64_", "openblas_set_num_threads64_"},
        {"openblas_get_num_threads", "openblas_set_num_threads"},
    };
    void *numpy = dlopen(path, RTLD_LAZY | RTLD_NOLOAD); /* searched together with the libraries that it needs */
    for (size_t i = 0; numpy != NULL && i < sizeof NAMES / sizeof *NAMES; i++) {
        *(void **)&blas_threads = dlsym(numpy, NAMES[i][0]);
        *(void **)&set_blas_threads = dlsym(numpy, NAMES[i][1]);
        if (blas_threads != NULL && set_blas_threads != NULL) {
            return 1;
        }
    }
    return 0;
}

/* The loop of a ufunc for one type; NULL if it has none. */
static PyUFuncGenericFunction loop_of(const PyUFuncObject *ufunc, char type) {
    for (int i = 0; i < ufunc->ntypes; i++) {
        if (ufunc->types[i * ufunc->nargs] == type) {
            return ufunc->functions[i];
        }
    }
    return NULL;
}

static PyObject *share_products(PyObject *Py_UNUSED(module), PyObject *arguments) {
    static Former formers[NPY_CDOUBLE + 1];
    PyUFuncObject *matmul, *small;
    const char *path;
    if (!PyArg_ParseTuple(arguments, "O!O!s:share_products", &PyUFunc_Type, &matmul, &PyUFunc_Type, &small, &path)) {
        return NULL;
    }
    if (matmul->nargs != 3 || matmul->data == NULL || formers[NPY_DOUBLE].loop != NULL) {
        return PyBool_FromLong(set_blas_threads != NULL);
    }
    const int found = found_blas(path);
    if (found) {
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    }
    for (int i = 0; i < matmul->ntypes; i++) {
        const char *types = matmul->types + 3 * i, type = types[0];
        const int shared = type == NPY_FLOAT || type == NPY_DOUBLE || type == NPY_CFLOAT || type == NPY_CDOUBLE;
        if (shared && types[1] == type && types[2] == type) {
            Former *former = &formers[(int)type];
            *former = (Former){matmul->functions[i], loop_of(small, type), matmul->data[i]};
            matmul->functions[i] = product;
            ((void **)matmul->data)[i] = former;
        }
    }
    return PyBool_FromLong(found);
}

static PyObject *blas_threads_(PyObject *Py_UNUSED(module), PyObject *argument) {
    const long n = PyLong_AsLong(argument);
    if (n == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (set_blas_threads != NULL && n > 0) {
        set_blas_threads((int)n);
    }
    return PyLong_FromLong(set_blas_threads == NULL ? 0 : blas_threads());
}

PyMethodDef product_methods[] = {
    {"blas_threads", blas_threads_, METH_O,
     "Return how many threads OpenBLAS has, after setting the number unless it is 0; 0 if products are not shared."},
    {"share_products", share_products, METH_VARARGS,
     "Let products of matrices be shared by threads, if NumPy, the library at a path, has an OpenBLAS; return whether."},
    {NULL, NULL, 0, NULL},
};
