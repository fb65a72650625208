/* The functions of the module, by the file that they are in. */
#ifndef AUTOGRAD_LITE_METHODS_H
#define AUTOGRAD_LITE_METHODS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

extern PyMethodDef cast_methods[], facts_methods[], product_methods[], sharing_methods[];

#endif
