"""Strict readers: an array that allows a rule nothing but NumPy's protocols, and a mode that guards every op.

Whatever reads a rule instead of bare arrays (Tensors, batches, shapes, printers) has no more than `Strict` has. So its
conversions, truth values, in-place operators and item assignment raise; NumPy's functions see it only through
`__array_ufunc__` and `__array_function__`, and only those functions that the tables know. Functions composed of
others run as they do for Tensors, so that it is tested as well.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..core.errors import DtypeError
from ..core.forks import fork_safe_lock
from ..core.multi_result import each
from ..core.op import BY_FUNCTION, BY_UFUNC, COMPOSED, OPS, Op
from ..native import threaded_functions as fast

# ---- the strict double ----------------------------------------------------------------------------------------------


class StrictError(AssertionError):
    """A rule asked for more than the protocols give."""


def unwrap(x: Any) -> Any:
    """Return bare arrays in place of strict ones, in lists and tuples too."""
    if isinstance(x, Strict):
        return x._array
    if isinstance(x, (list, tuple)):
        return type(x)([unwrap(item) for item in x])
    return x


def _refusal_of(operation: str) -> Callable[..., NoReturn]:
    def refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise StrictError(f"a rule may not use {operation}")

    return refuse


def _method(name: str) -> Callable[..., Any]:
    def method(self: Strict, *args: Any, **kwargs: Any) -> Strict:
        return Strict(getattr(self._array, name)(*args, **kwargs))

    return method


class Strict(NDArrayOperatorsMixin):
    """An array seen through the protocols alone; its operators are ufunc calls, the in-place ones with `out=`."""

    __slots__ = ("_array",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, array: Any) -> None:
        self._array = np.asarray(array)

    # ---- what a rule may ask ----------------------------------------------------------------------------------------

    shape = property(lambda self: self._array.shape)
    dtype = property(lambda self: self._array.dtype)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)
    T = property(lambda self: Strict(self._array.T))
    mT = property(lambda self: Strict(self._array.mT))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method != "__call__" or kwargs:
            raise StrictError(f"a rule may only call np.{ufunc.__name__}, not {method} with {sorted(kwargs)}")
        if ufunc in COMPOSED:
            return COMPOSED[ufunc](*inputs)
        if ufunc not in BY_UFUNC:
            raise StrictError(f"np.{ufunc.__name__} is not in the tables")
        with np.errstate(all="ignore"):
            by_op = fast.matmul if ufunc is np.matmul else ufunc  # as Tensors compute it
            return Strict(by_op(*(unwrap(x) for x in inputs)))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in COMPOSED:
            return COMPOSED[function](*args, **kwargs)
        if function not in BY_FUNCTION:
            raise StrictError(f"np.{function.__name__} is not in the tables")
        with np.errstate(all="ignore"):
            return Strict(function(*unwrap(args), **{name: unwrap(value) for name, value in kwargs.items()}))

    def __apply_op__(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        with np.errstate(all="ignore"):
            return each(Strict, op.forward(*(unwrap(x) for x in inputs), **params))

    def __getitem__(self, key: Any) -> Strict:
        return Strict(self._array[key])

    sum = _method("sum")
    mean = _method("mean")
    max = _method("max")
    reshape = _method("reshape")
    transpose = _method("transpose")
    swapaxes = _method("swapaxes")
    astype = _method("astype")

    def __repr__(self) -> str:
        return f"Strict({self._array!r})"

    # ---- what no rule may do ----------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> NoReturn:
        # NumPy looks for further protocols, which must look absent.
        if name.startswith("__"):
            raise AttributeError(name)
        raise StrictError(f"a rule may not use .{name}")

    __array__ = _refusal_of("np.asarray")
    __bool__ = _refusal_of("a branch on a value")
    __float__ = _refusal_of("float()")
    __int__ = _refusal_of("int()")
    __complex__ = _refusal_of("complex()")
    __index__ = _refusal_of("an array as an index or a length")
    __iter__ = _refusal_of("iteration")
    __len__ = _refusal_of("len()")
    __contains__ = _refusal_of("in")
    __setitem__ = _refusal_of("item assignment")


# ---- strict mode ----------------------------------------------------------------------------------------------------


_LOCK = fork_safe_lock()
_BLOCKS: list[object] = []  # those that are open, in all threads; the first changes the ops, the last changes them back
_PLAIN: list[tuple[Op, Callable[..., Any]]] = []
_LOCKED: list[weakref.ref[np.ndarray]] = []


@contextmanager
def strict_mode() -> Iterator[None]:
    """Hold every op to two rules while the block runs, in all threads.

    An array that an op was given is read-only until the last block that is open ends: who changes it in place, and with
    it what the backward pass will read, gets NumPy's ValueError on that line. And arrays of different dtypes must not
    give a wider float than the narrowest of them: `float32 * float64` raises a `DtypeError`, `float32 * 2.0` is right.

    Example:
        >>> import autograd_lite as ag
        >>> a = np.ones(2)
        >>> with strict_mode():
        ...     t = ag.tensor([1.0, 2.0]) * a
        ...     a += 1
        Traceback (most recent call last):
        ValueError: output array is read-only
        >>> a += 1
    """
    block = object()
    with _LOCK:
        if not _BLOCKS:
            _PLAIN[:] = [(op, op.forward) for op in OPS.values()]
            for op, forward in _PLAIN:
                object.__setattr__(op, "forward", _guard(op, forward))
        _BLOCKS.append(block)
    try:
        yield
    finally:
        with _LOCK:
            _BLOCKS.remove(block)
            if not _BLOCKS:
                _release()


def _release() -> None:
    """Let ops and arrays be as they were."""
    for op, forward in _PLAIN:
        object.__setattr__(op, "forward", forward)
    while _LOCKED:
        array = _LOCKED.pop()()
        if array is not None:
            array.flags.writeable = True


def _guard(op: Op, forward: Callable[..., Any]) -> Callable[..., Any]:
    def with_locks(*inputs: Any, **params: Any) -> Any:
        for x in inputs:
            if x.__class__ is np.ndarray and x.flags.writeable:
                x.flags.writeable = False
                _LOCKED.append(weakref.ref(x))
        out = forward(*inputs, **params)
        for result in out if isinstance(out, tuple) else (out,):
            _refuse_widening(op, inputs, params, result)
        return out

    return with_locks


def _refuse_widening(op: Op, inputs: tuple[Any, ...], params: dict[str, Any], out: Any) -> None:
    if out.dtype.kind not in "fc" or params.get("dtype") is not None:
        return
    dtypes = {x.dtype for x in inputs if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fciu"}
    floats = [dtype for dtype in dtypes if dtype.kind in "fc"]
    if len(dtypes) < 2 or not floats:
        return
    narrowest = min(floats, key=_width)
    if _width(out.dtype) > _width(narrowest):
        received = " and ".join(sorted(str(dtype) for dtype in dtypes))
        raise DtypeError(
            f"{op.name}: strict mode expects the dtype {narrowest} to be kept; received {received}, which give "
            f"{out.dtype}. Cast one of them with .astype, or use a Python number, which takes the array's dtype"
        )


def _width(dtype: np.dtype[Any]) -> int:
    return dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize
