"""Arrays that are not NumPy's but implement its protocols, as CuPy's and Dask's do: what NumPy cannot hand over.

A call with an array among its arguments NumPy hands over by itself. The rest is here: making arrays, which `home` asks
an array for, adding at indices that name an element twice, copies, and the one way to NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from . import dask_arrays
from .errors import UnsupportedError

_ndarray = np.ndarray
_OURS = frozenset({"autograd_lite", "nn"})
# Which classes are foreign, of those that were met.
FOREIGN: dict[type, bool] = dict.fromkeys((np.ndarray, np.float64, np.float32, float, int, bool, complex), False)


class ArrayKind(NamedTuple):
    """What the arrays of a library do in their own way.

    Attributes:
        add_at: `f(out, index, values)` returns the sum, at an index that may name an element twice.
        elementwise: `f(function, *inputs)` returns what NumPy computes, for functions that the library lacks.
        check_index: `f(index)` returns an index, or raises where the library would not do what NumPy does.
        spread: `f(g, x)` broadcasts to the shape of x, for arrays that are lazy and in chunks.
    """

    add_at: Callable[[Any, Any, Any], Any] | None = None
    elementwise: Callable[..., Any] | None = None
    check_index: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None = None
    spread: Callable[[Any, Any], Any] | None = None


# By the name of the library.
KINDS = {
    "dask": ArrayKind(dask_arrays.add_at, dask_arrays.elementwise, dask_arrays.check_index, dask_arrays.spread),
}
_DEFAULT = ArrayKind()
# The classes of arrays that were met whose values are computed on demand.
LAZY: set[type] = set()


def is_foreign(x: Any) -> bool:
    """Return whether something is an array of another library, which implements NumPy's protocols.

    Example:
        >>> is_foreign(np.ones(2)), is_foreign(2.0), is_foreign([1.0])
        (False, False, False)
    """
    known = FOREIGN.get(x.__class__)
    return _judged(x.__class__) if known is None else known


def _judged(cls: type) -> bool:
    FOREIGN[cls] = found = (
        not issubclass(cls, (np.ndarray, np.generic))
        and hasattr(cls, "__array_function__")
        and hasattr(cls, "__array_ufunc__")
        and not hasattr(cls, "__apply_op__")
        and cls.__module__.partition(".")[0] not in _OURS  # they stand for NumPy's
    )
    if found and _kind_of_class(cls).spread is not None:
        LAZY.add(cls)
    return found


def _kind_of_class(cls: type) -> ArrayKind:
    return KINDS.get(cls.__module__.partition(".")[0], _DEFAULT)


def kind_of(x: Any) -> ArrayKind:
    """Return what the class of a foreign array does in its own way."""
    return _kind_of_class(x.__class__)


def is_lazy(*arrays: Any) -> bool:
    """Return whether the values of one of some arrays are computed on demand, so that none may be asked for."""
    return any(is_foreign(x) and x.__class__ in LAZY for x in arrays)


# ---- making arrays --------------------------------------------------------------------------------------------------


class _Home:
    """NumPy's functions that make arrays; they make them of the kind, and on the device, of a foreign array."""

    __slots__ = ("_like",)

    def __init__(self, like: Any) -> None:
        self._like = like

    def __getattr__(self, name: str) -> Any:
        return partial(_made, getattr(np, name), self._like)


def _made(function: Callable[..., Any], like: Any, /, *args: Any, **kwargs: Any) -> Any:
    with _device_of(like):
        return function(*args, like=like, **kwargs)


def _device_of(a: Any) -> AbstractContextManager[Any]:
    device: Any = getattr(a, "device", None)
    return device if hasattr(device, "__enter__") else nullcontext()


def home(x: Any) -> Any:
    """Return where arrays that are to meet `x` are made: `numpy`, or what stands for it beside a foreign array.

    Args:
        x: an array, a Tensor, or what else rules are read with.

    Example:
        >>> home(np.ones(2)).zeros(3)
        array([0., 0., 0.])
    """
    if x.__class__ is _ndarray:
        return np
    x = innermost(x)
    return _Home(x) if is_foreign(x) else np


def innermost(x: Any) -> Any:
    """Return the array that a Tensor holds, also where its values stand for several, or anything else itself."""
    while hasattr(x, "__inside__"):
        x = x.__inside__
    return x


def placed(constant: Any, like: Any) -> Any:
    """Return an array of NumPy where it can meet another: itself, or a copy on the device of a foreign array.

    Args:
        constant: of NumPy.
        like: as for `home`.
    """
    xp = home(like)
    return constant if xp is np or is_foreign(constant) else xp.asarray(constant)


def as_array(x: Any, dtype: Any = None) -> Any:
    """Return an array as it is, of NumPy or foreign, and NumPy's array of anything else."""
    known = FOREIGN.get(x.__class__)  # as `is_foreign`, without a call
    if known is False or not is_foreign(x):
        return np.asarray(x, dtype)
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def copied(x: Any) -> Any:
    """Return a new array with the same values, of the same kind."""
    known = FOREIGN.get(x.__class__)
    return np.array(x) if known is False or not is_foreign(x) else x.copy()


def to_numpy(x: Any) -> Any:
    """Return the values of an array of any kind as an array of NumPy."""
    if not is_foreign(x):
        return np.asarray(x)
    convert = next((way for name, way in _WAYS.items() if hasattr(x, name)), np.asarray)
    return np.asarray(convert(x))


_WAYS: dict[str, Callable[[Any], Any]] = {"get": lambda x: x.get(), "compute": lambda x: x.compute()}


def by_numpy(function: Callable[..., Any], *inputs: Any) -> Any:
    """Return what NumPy computes, element by element and with broadcasting, of arrays of which one is foreign."""
    there = next(filter(is_foreign, inputs))
    by_chunks = kind_of(there).elementwise
    return placed(function(*map(to_numpy, inputs)), there) if by_chunks is None else by_chunks(function, *inputs)


def spread(g: Any, x: Any) -> Any:
    """Broadcast an array, or a Tensor, to the shape of x, in its chunks if it is lazy; None if it is not."""
    whole = innermost(x)
    if whole.__class__ not in LAZY or whole.shape != x.shape:
        return None
    lay_out = kind_of(whole).spread
    assert lay_out is not None
    return lay_out(g, whole) if is_foreign(g) else g * np.ones_like(whole, dtype=g.dtype)


def refuse_lazy(*arrays: Any) -> None:
    """Refuse arrays that are computed on demand where parts of an array are written into, which are copies of theirs.

    Raises:
        UnsupportedError: if one of the arrays is lazy.
    """
    if LAZY and is_lazy(*arrays):
        raise UnsupportedError("arrays that are computed on demand are not supported here; compute them: t.numpy()")


def taken(x: Any, dtype: Any, copy: bool) -> Any:
    """Return a foreign array of a dtype; new, unless it may be the array itself."""
    if dtype is not None and x.dtype != dtype:
        return x.astype(dtype)
    return x.copy() if copy else x


def may_write(data: Any) -> bool:
    """Return whether the values of a Tensor are an array that can be written into."""
    return bool(data.flags.writeable) if data.__class__ is _ndarray else is_foreign(data)


# ---- indices --------------------------------------------------------------------------------------------------------


def here(index: tuple[Any, ...], x: Any) -> tuple[Any, ...]:
    """Return an index for `x`: NumPy's arrays in it go to where a foreign array is."""
    if not is_foreign(x):
        return index
    if is_lazy(x):
        check = kind_of(x).check_index
        return index if check is None else check(index)
    return tuple([placed(i, x) if isinstance(i, _ndarray) else i for i in index])


def add_at(out: Any, index: tuple[Any, ...], values: Any) -> Any:
    """Return `out` with values added at an index that may name an element more than once; it may be written into."""
    add = kind_of(out).add_at if is_foreign(out) else None
    if add is not None:
        return add(out, index, values)
    np.add.at(out, index, values)
    return out
