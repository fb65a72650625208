"""The kernels that are in use: NumPy ufuncs by name, and functions that fall back to NumPy where there is none."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

try:
    from . import library
except ImportError as error:  # it was not built: no compiler, no headers
    library, REASON = None, f"not built ({error.msg})"
else:
    REASON = ""

CHOICE = os.environ.get("AUTOGRAD_LITE_NATIVE", "")


def _chosen() -> str:
    """Return the set of instructions whose kernels are used, or "" for none."""
    if library is None or CHOICE == "off":
        return ""
    sets = library.instruction_sets()
    return CHOICE if CHOICE in sets else sets[0]


INSTRUCTIONS = _chosen()
KERNELS: Mapping[str, np.ufunc] = MappingProxyType(library.ufuncs(INSTRUCTIONS) if INSTRUCTIONS else {})


def kernel(name: str, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of arrays that runs a kernel on float32 and float64, and another function on the rest.

    Args:
        name: of the kernel.
        otherwise: what to run where there is no kernel of this name, or none for the dtype of the first argument.
    """
    ufunc = KERNELS.get(name)
    if ufunc is None:
        return otherwise

    def chosen(x: Any, *rest: Any, **params: Any) -> Any:
        return ufunc(x, *rest, **params) if x.dtype.char in "fd" else otherwise(x, *rest, **params)

    return chosen


def row_kernel(name: str) -> Callable[..., Any]:
    """Return a function of arrays that runs a kernel over the rows along their last axis.

    It returns None where something else must be run: there is no such kernel, or none for these dtypes, the arrays
    differ in shape, or rows are not contiguous, for which NumPy's way from one operation to the next is faster.

    Args:
        name: of the kernel, whose operands are the arrays, then `numbers`.
    """
    ufunc = KERNELS.get(name)

    def chosen(x: Any, *rest: Any, numbers: tuple[float, ...] = ()) -> Any:
        char = x.dtype.char
        if ufunc is None or char not in "fd" or x.strides[-1] != x.itemsize:
            return None
        for y in rest:
            if y.dtype.char != char or y.shape != x.shape or y.strides[-1] != x.itemsize:
                return None
        return ufunc(x, *rest, *numbers)

    return chosen
