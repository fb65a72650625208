"""The kernels that are in use: NumPy ufuncs by name, and functions that fall back to NumPy where there is none."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

INTERFACE = 21  # raised, here and in c/kernels.h, with every change of the extension's arguments or results
extension: Any = None  # the extension module, if it is installed
SETS: tuple[str, ...] = ()  # the instruction sets that this processor has kernels for, the best first

try:
    from . import library as _built
except (ImportError, RuntimeError) as error:  # the second from NumPy, if it is older than the one it was built with
    missing = getattr(error, "name", "") == __package__  # the package lacks the name: there is no such file
    REASON = "not built" if missing else f"built, but not usable here: {error}"
else:
    if getattr(_built, "INTERFACE", 0) == INTERFACE:
        extension, SETS, REASON = _built, tuple(_built.instruction_sets()), ""
    else:
        REASON = "built from other sources"


def choose_instructions(choice: str) -> str:
    """Return the instruction set whose kernels are used: the best by default, "" for none.

    Args:
        choice: the value of the environment variable AUTOGRAD_LITE_NATIVE.

    Raises:
        ValueError: if there are no kernels for the choice: nothing else takes its place.
    """
    if choice in ("", "off"):
        return "" if choice else next(iter(SETS), "")
    if choice not in SETS:
        there = f"or a set of instructions that this processor has ({', '.join(SETS)})"
        there = there if SETS else f"since native kernels are {REASON}"
        raise ValueError(f"AUTOGRAD_LITE_NATIVE: expected off, {there}, received {choice!r}; unset it for the best")
    return choice


CHOICE = os.environ.get("AUTOGRAD_LITE_NATIVE", "")
INSTRUCTIONS = choose_instructions(CHOICE)
if SETS and not INSTRUCTIONS:
    REASON = "switched off by AUTOGRAD_LITE_NATIVE"
library: Any = extension if INSTRUCTIONS else None  # the extension, where it is in use
KERNELS: Mapping[str, np.ufunc] = MappingProxyType(library.ufuncs(INSTRUCTIONS) if library else {})

# NumPy's loops that are at least as fast as ours, by set of instructions: those for AVX-512 are Intel's; those for NEON
# are written by hand, where there are any.
NUMPYS: Mapping[str, Mapping[str, str]] = {
    "avx512": {"tanh": "f", "log1p": "fd"},
    "baseline": {"exp": "d", "log": "d", "sin": "d", "cos": "d"},
    "neon": {"exp": "f", "log": "f", "tanh": "fd"},
}


# NumPy's ufuncs that ops call copies of, whose large calls are shared by threads (see `threads`), by the least number
# of elements for a thread: it falls with the cost of an element, about 0.1, 1, and 5 ns. np.matmul is not in it.
LEAST = {
    32768: "absolute add divide maximum minimum multiply negative reciprocal square subtract",
    8192: "arccos arcsin arctan cbrt exp exp2 expm1 log log10 log1p log2 sqrt tan tanh",
    2048: "arccosh arcsinh arctan2 arctanh cos cosh hypot logaddexp power sin sinh",
}


def _copy_ufunc(name: str) -> tuple[np.ufunc, np.ufunc]:
    """Return NumPy's ufunc of this name, and a copy with our loops where they are faster."""
    theirs: np.ufunc = getattr(np, name)
    ours = KERNELS.get(name)
    numpys = NUMPYS.get(INSTRUCTIONS, {}).get(name, "")
    chars = "".join(loop[0] for loop in ours.types if loop[0] not in numpys) if ours else ""
    return theirs, library.with_loops(theirs, ours or theirs, chars)


FASTEST: Mapping[np.ufunc, np.ufunc] = MappingProxyType(
    dict(_copy_ufunc(name) for name in [*" ".join(LEAST.values()).split(), "matmul"] if library)
)

# Copies of the ufuncs behind np.linalg.solve, for matrices and for vectors, that substitute if a matrix is triangular.
SOLVERS: Mapping[str, np.ufunc] = MappingProxyType(
    {
        name: library.with_loops(theirs, KERNELS[name], "fd")
        for name in (("solve", "solve1") if library else ())
        if isinstance(theirs := getattr(getattr(np.linalg, "_umath_linalg", None), name, None), np.ufunc)
    }
)

_FLOAT, _DOUBLE = np.dtype("f"), np.dtype("d")
# The classes that kernels take; duck arrays run the NumPy expression, by NumPy's protocols.
NATIVE: set[type[Any]] = {np.ndarray, np.float32, np.float64}


def _is_real(y: Any) -> bool:
    """Return whether a kernel takes an operand: a Python number, or an array of float32 or float64."""
    return y.dtype.char in "fd" if y.__class__ in NATIVE else y.__class__ is float or y.__class__ is int


def kernel(name: str, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of arrays that runs a kernel on float32 and float64, and another function on the rest.

    Args:
        name: the name of the kernel.
        otherwise: the function for other dtypes, or if there is no kernel of this name.
    """
    ufunc = KERNELS.get(name)
    if ufunc is None:
        return otherwise

    def either(x: Any, *rest: Any, **params: Any) -> Any:
        native = x.__class__ in NATIVE and x.dtype.char in "fd" and (not rest or all(map(_is_real, rest)))
        return ufunc(x, *rest, **params) if native else otherwise(x, *rest, **params)

    def of_two(x: Any, y: Any) -> Any:  # the rules of small arrays: this takes half the time
        dtype = x.dtype
        plain = (dtype is _FLOAT or dtype is _DOUBLE) and y.__class__ in NATIVE and y.dtype is dtype
        plain = plain and x.__class__ in NATIVE
        return ufunc(x, y) if plain else either(x, y)

    return of_two if ufunc.nin == 2 and ufunc.signature is None else either


def row_kernel(name: str) -> Callable[..., Any]:
    """Return a function of arrays that runs a kernel over the rows along their last axis.

    It returns None if the caller must compute the result: there is no such kernel, or none for these dtypes, the arrays
    differ in shape, or rows are not contiguous, for which NumPy's operations one by one are faster.

    Args:
        name: the name of the kernel, whose operands are the arrays, then `numbers`.
    """
    ufunc = KERNELS.get(name)

    def by_rows(x: Any, *rest: Any, numbers: tuple[float, ...] = ()) -> Any:
        char = x.dtype.char
        if ufunc is None or x.__class__ not in NATIVE or char not in "fd" or x.strides[-1] != x.itemsize:
            return None
        for y in rest:
            if y.__class__ not in NATIVE or y.dtype.char != char or y.shape != x.shape or y.strides[-1] != x.itemsize:
                return None
        return ufunc(x, *rest, *numbers)

    return by_rows
