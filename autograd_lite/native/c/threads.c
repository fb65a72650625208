/* What Python sees of the pool of threads. */
#include "kernels.h"
#include "methods.h"
#include "pool.h"

static PyObject *
set_threads(PyObject *Py_UNUSED(module), PyObject *argument)
{
    const long n = PyLong_AsLong(argument);
    if (n == -1 && PyErr_Occurred()) {
        return NULL;
    }
    pool_set_threads(n < 1 ? 1 : n > POOL_MOST_THREADS ? POOL_MOST_THREADS : (int)n);
    Py_RETURN_NONE;
}

static PyObject *
get_threads(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(nothing))
{
    return PyLong_FromLong(pool_threads());
}

PyMethodDef thread_methods[] = {
    {"set_threads", set_threads, METH_O, "Let this many threads share work."},
    {"get_threads", get_threads, METH_NOARGS, "Return how many threads share work."},
    {NULL, NULL, 0, NULL},
};
