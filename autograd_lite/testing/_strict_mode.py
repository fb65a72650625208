"""Strict mode: while it is on, what ops are given is read-only, and a dtype that widens unasked is an error."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core.errors import DtypeError
from ..core.forks import fork_safe_lock
from ..core.op import OPS, Op

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
                object.__setattr__(op, "forward", _guarded(op, forward))
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


def _guarded(op: Op, forward: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(*inputs: Any, **params: Any) -> Any:
        for x in inputs:
            if x.__class__ is np.ndarray and x.flags.writeable:
                x.flags.writeable = False
                _LOCKED.append(weakref.ref(x))
        out = forward(*inputs, **params)
        _refuse_widening(op, inputs, params, out)
        return out

    return guarded


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
