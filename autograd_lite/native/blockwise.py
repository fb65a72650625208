"""Elementwise ufuncs on large arrays, part by part, so that each part stays in the cache."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from .instructions import CALL, THREADS, aligned_memory, block_record, call_record, is_long, like
from .kernels import library

Array: TypeAlias = npt.NDArray[Any]
Call: TypeAlias = tuple[Any, ...]  # a function in C and its arguments

_PART = 1 << 14  # bytes of an array that the executor takes at a time: several such parts fit the first-level cache
# NumPy may give these more than two operands one day, so their result must be named, which costs 20 ns.
NAMED_OUT = (np.maximum, np.minimum)
_held = threading.local()  # a segment owns its scratch memory, so each thread has its own segments
_MOST = 32  # segments that a thread keeps


def blockwise(
    calls: Sequence[Call], arrays: Sequence[Array], numbers: Sequence[float], piece: int = 1 << 16
) -> Iterator[Call]:
    """Yield calls in C that run elementwise ufuncs, on one part of the arrays after the other.

    Args:
        calls: in order; each a ufunc of one result, the places of its operands, and that of its result. A place is a
            position in the list of arrays followed by numbers; places beyond its end are intermediate results.
        arrays: of one shape, with at least one axis, and one floating dtype.
        numbers: are cast to this dtype.
        piece: the number of elements that NumPy takes at a time, if there is no executor.

    Example:
        >>> from operator import call
        >>> x, y = np.array([1.0, 2.0]), np.array([3.0, 5.0])
        >>> for function, *args in blockwise([(np.multiply, 1, 2, 3), (np.add, 0, 3, 0)], [x, y], [10.0]):
        ...     _ = function(*args)
        >>> x
        array([31., 52.])

    Raises:
        TypeError: if calls, arrays or numbers do not have this form.
    """
    try:
        fits = _fit(calls, arrays, numbers)
    except (AttributeError, TypeError):
        fits = False
    if not fits:
        raise TypeError(
            "blockwise: expected calls as tuples of a ufunc and the places of its operands and of its one result, "
            f"arrays of one shape and dtype, and numbers; received calls={calls!r:.80}, arrays={arrays!r:.80} and "
            f"numbers={numbers!r:.80}"
        )
    if all(a.flags.c_contiguous for a in arrays):
        arrays = [a.reshape(-1) for a in arrays]
        if arrays[0].dtype.char in "fd" and library and arrays[0].size:
            segment = _segment(tuple(calls), len(arrays), len(numbers), arrays[0].size, arrays[0].dtype)
            if segment is not None:
                return iter([(segment, *arrays, *numbers)])
    return _in_pieces(calls, arrays, numbers, piece)


def _fit(calls: Sequence[Call], arrays: Sequence[Array], numbers: Sequence[float]) -> bool:
    kind = arrays[0].shape, arrays[0].dtype, np.ndarray
    return (
        len(kind[0]) > 0
        and all((a.shape, a.dtype, a.__class__) == kind for a in arrays)
        and all(isinstance(x, float | int) for x in numbers)
        and len(calls) > 0
        and all(c[0].__class__ is np.ufunc and c[0].nout == 1 and len(c) == c[0].nin + 2 for c in calls)
        and all(place >= 0 for _, *places in calls for place in places)
    )


def _in_pieces(calls: Sequence[Call], arrays: Sequence[Array], numbers: Sequence[float], piece: int) -> Iterator[Call]:
    first, dtype = arrays[0], arrays[0].dtype
    rows = max(1, piece * len(first) // max(first.size, 1))
    inputs = len(arrays) + len(numbers)
    count = max(chain(*(places for _, *places in calls))) + 1 - inputs
    scratch = _scratch(count, rows * (first.size // max(len(first), 1)), piece, dtype)
    cells = [np.array(x, dtype) for x in numbers]  # 0-d arrays are faster operands than numbers
    templates = [
        (ufunc, itemgetter(*places[:-1]), places[-1]) if ufunc in NAMED_OUT else (ufunc, itemgetter(*places), None)
        for ufunc, *places in calls
    ]
    for start in range(0, len(first), rows):
        views = [a[start : start + rows] for a in arrays]
        shape, size = views[0].shape, views[0].size
        here = [*views, *cells, *[a[:size].reshape(shape) for a in scratch]]
        for ufunc, chosen, place in templates:
            if place is None:
                yield ufunc, *chosen(here)
            else:
                yield partial(ufunc, out=here[place]), *chosen(here)


def _scratch(count: int, size: int, piece: int, dtype: np.dtype[Any]) -> list[Array]:
    """Return arrays for intermediate results; each thread keeps those of the usual size."""
    whole = max(count, 0) * max(size, piece) * dtype.itemsize
    held = getattr(_held, "bytes", None)
    if held is None or held.nbytes < whole:
        held = np.empty(whole, np.uint8)
        if size <= piece:
            _held.bytes = held
    return list(held[:whole].view(dtype).reshape(count, -1)) if count > 0 else []


def _segment(calls: tuple[Call, ...], arrays: int, numbers: int, size: int, dtype: np.dtype[Any]) -> Any:
    """Return the calls compiled for the executor, a function of arrays and numbers; None if it lacks a loop."""
    held = _held.__dict__.setdefault("segments", {})
    key = calls, arrays, numbers, size, dtype.char
    if key not in held:
        if len(held) >= _MOST:
            held.clear()
        held[key] = _make_segment(calls, arrays, numbers, size, dtype)
    return held[key]


def _make_segment(calls: tuple[Call, ...], arrays: int, numbers: int, size: int, dtype: np.dtype[Any]) -> Any:
    inputs, rows = arrays + numbers, _PART // dtype.itemsize
    loops: dict[tuple[np.ufunc, int], int] = {}
    body: list[int] = []
    for ufunc, *places in calls:
        types = f"{dtype.char * ufunc.nin}->{dtype.char}"
        if types not in ufunc.types:
            return None
        loop = loops.setdefault((ufunc, ufunc.types.index(types)), len(loops))
        steps = [0 if arrays <= place < inputs else dtype.itemsize for place in places]
        operands: list[int] = []
        for place, step in zip(places, steps, strict=True):
            operands += (place + 1, 0, step) if place < inputs else (0, (place - inputs) * _PART, 0)
        body += call_record(CALL, loop, [1], [], operands, steps)
    scratch = max(0, max(chain(*(places for _, *places in calls))) + 1 - inputs) * _PART
    written = {places[-1] for _, *places in calls}
    array, number = like((size,), (dtype.itemsize,), dtype), like((), (), dtype)
    kinds: list[Any] = [(array, False, place in written, False) for place in range(arrays)]
    kinds += [(number, True, False, True)] * numbers
    work = len(calls) * size
    code = np.array(block_record(size, rows, scratch, work, body), np.intp)
    return library.Segment(
        code, tuple(loops), (), tuple(kinds), (), aligned_memory(scratch * THREADS), is_long(work), ()
    )
