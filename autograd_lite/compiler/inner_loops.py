"""Inner loops of ufuncs: which one computes a call, and how it goes through memory, as NumPy would have it."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..native.kernels import FASTEST, library
from .numpy_calls import Call, How, Ref, Spec, once_per_kind

# The dtypes of which loops need no lock, and no more than a number's memory.
_PLAIN = frozenset("?bBhHiIlLqQfdFD")
_NUMBERS = (int, float, complex)
_BOOL = np.dtype(bool)
_MOST_OPERANDS = 16
CASTS: dict[str, np.ufunc] = library.casts() if library else {}  # by what they cast to
_SHORT = 32  # elements of a row, up to which going from row to row takes longer than the rows
_SHORTEST = 4  # up to which that is so even where elements do not lie side by side
_ROWS: dict[str, np.ufunc] = library.short_rows() if library else {}
_COPY = next((rows for name, rows in _ROWS.items() if not isinstance(getattr(np, name), np.ufunc)), None)
SHORT_ROWS: dict[np.ufunc, np.ufunc] = {CASTS[char]: _COPY for char in "fd" if _COPY} | {
    ufunc: rows
    for name, rows in _ROWS.items()
    if rows is not _COPY
    for ufunc in (getattr(np, name), FASTEST[getattr(np, name)])
}
SHORT_SUMS: dict[np.ufunc, Sequence[np.ufunc]] = {
    ufunc: sums
    for name, sums in (library.short_sums() if library else {}).items()
    for ufunc in (getattr(np, name), FASTEST[getattr(np, name)])
}
_MOST = 128, 8  # elements of a row, up to which NumPy adds them in one block; columns, where it goes row by row


class Loop(NamedTuple):
    """One of the loops of a ufunc.

    Attributes:
        ufunc: whose it is.
        number: among those of the ufunc.
        dtypes: of the operands, the results last.
    """

    ufunc: np.ufunc
    number: int
    dtypes: tuple[np.dtype[Any], ...]


@functools.lru_cache(maxsize=1024)
def _loop(ufunc: np.ufunc, dtypes: tuple[Any, ...]) -> Loop | None:
    try:
        resolved = ufunc.resolve_dtypes((*dtypes, *[None] * ufunc.nout))
    except (TypeError, OverflowError):
        return None
    chars = "".join(dtype.char for dtype in resolved)
    if not _PLAIN.issuperset(chars) or not all(dtype.isnative for dtype in resolved):
        return None
    text = f"{chars[: ufunc.nin]}->{chars[ufunc.nin :]}"
    return Loop(ufunc, ufunc.types.index(text), resolved) if text in ufunc.types else None


@functools.lru_cache(maxsize=256)
def cast(start: np.dtype[Any], end: np.dtype[Any]) -> Loop | None:
    """Return the loop that casts, or None if only NumPy does."""
    ufunc = CASTS.get(end.char)
    text = f"{start.char}->{end.char}"
    return Loop(ufunc, ufunc.types.index(text), (start, end)) if ufunc and text in ufunc.types else None


def of_short_rows(loop: Loop, dimensions: Sequence[int], steps: Sequence[Sequence[int]]) -> Loop | None:
    """Return the loop of all rows at once that computes what another does row by row; None if there is none.

    Args:
        loop: of an elementwise ufunc.
        dimensions: that it goes through, the last one by itself.
        steps: of all operands, dimension by dimension.
    """
    whole, dtype = SHORT_ROWS.get(loop.ufunc), loop.dtypes[0]
    if whole is None or dtype.char not in "fd" or len(dimensions) < 2 or dimensions[-1] > _SHORT:
        return None
    if any(other != dtype for other in loop.dtypes):
        return None
    *operands, out = steps[-1]
    size = dtype.itemsize
    plain = out == size and any(operands) and all(step in (0, size) for step in operands)
    any_steps = whole.nin == 1 or dimensions[-1] <= _SHORTEST
    return loop._replace(ufunc=whole, number="fd".index(dtype.char)) if plain or any_steps else None


def is_copy(loop: Loop) -> bool:
    """Return whether a loop only copies."""
    first, last = loop.dtypes[0], loop.dtypes[-1]
    return first == last and loop.ufunc in (_COPY, CASTS.get(last.char))


def rows_loop(ufunc: np.ufunc, dtype: np.dtype[Any]) -> Loop | None:
    """Return the loop of a kernel for rows of this dtype, or None if there is none."""
    return _loop(ufunc, (dtype, *[np.dtype(np.intp)] * (ufunc.nin - 1)))


@once_per_kind
def loop_of(call: Call, specs: Sequence[Spec]) -> Loop | None:
    """Return the loop that computes a call of a ufunc, or None if that is left to NumPy.

    Args:
        call: any call.
        specs: of every value.
    """
    if not library or call.how is not How.UFUNC or call.kwargs or call.function.__class__ is not np.ufunc:
        return None
    ufunc: Any = call.function
    if ufunc.nargs > _MOST_OPERANDS or ufunc.nout != 1 or 0 in specs[call.value].shape:
        return None
    kinds: list[Any] = []
    for x in call.args:
        a = specs[x.value] if x.__class__ is Ref else x
        if a.__class__ is Spec and a.weak is not None:
            kinds.append(float if a.weak is float else None)
        else:
            kinds.append(
                a.__class__
                if a.__class__ in _NUMBERS
                else _BOOL
                if a is True or a is False
                else getattr(a, "dtype", None)
            )
        if kinds[-1] is None or 0 in getattr(a, "shape", ()):
            return None
    loop = _loop(ufunc, tuple(kinds))
    if loop is None or specs[call.value].dtype != loop.dtypes[-1]:
        return None
    for x, kind, dtype in zip(call.args, kinds, loop.dtypes, strict=False):
        if kind.__class__ is type:  # of a number
            if x.__class__ is Ref and dtype.char not in "fd":
                return None
        elif not kind.isnative or (kind != dtype and (ufunc.signature is not None or cast(kind, dtype) is None)):
            return None
    return loop


def generalized_loop(ufunc: np.ufunc, operands: Sequence[Any]) -> Loop | None:
    """Return the loop of a generalized ufunc that takes operands, the results among them, as they are; or None."""
    loop = _loop(ufunc, tuple([a.dtype for a in operands[: ufunc.nin]])) if library else None
    fits = loop is not None and all(
        a.dtype == d and 0 not in a.shape for a, d in zip(operands, loop.dtypes, strict=True)
    )
    return loop if fits and ufunc.nargs <= _MOST_OPERANDS else None


@functools.lru_cache(maxsize=256)
def initial(ufunc: np.ufunc, dtype: np.dtype[Any]) -> Any:
    """Return what a reduction begins with, as NumPy has it; None if that is the first of the elements."""
    if ufunc.identity is None:
        return None
    value = np.array(ufunc.identity, dtype)
    if value == 0 and dtype.kind == "f" and math.copysign(1, ufunc.reduce(-value.reshape(1))) < 0:
        return -value
    return value


@once_per_kind
def reduction_of(call: Call, specs: Sequence[Spec]) -> Loop | None:
    """Return the loop of a reduction, or None if that is left to NumPy."""
    if not library or call.how is not How.REDUCE or len(call.args) != 1 or call.args[0].__class__ is not Ref:
        return None
    ufunc: Any = call.function
    x, out, kwargs = specs[call.args[0].value], specs[call.value], call.kwargs
    plain = ufunc.__class__ is np.ufunc and kwargs.keys() <= {"axis", "keepdims", "dtype"}
    if (
        not plain
        or (ufunc.nin, ufunc.nout) != (2, 1)
        or x.dtype != out.dtype
        or 0 in x.shape
        or any(s < 0 for s in x.strides)
    ):
        return None
    if kwargs.get("dtype") not in (None, x.dtype):
        return None
    loop = _loop(ufunc, (x.dtype, x.dtype))
    return loop if loop is not None and set(loop.dtypes) == {x.dtype} else None


def short_sums(loop: Loop, dimensions: Sequence[int], steps: Sequence[int]) -> tuple[Loop, int] | None:
    """Return the loop that adds up short rows, or few columns, all at once, and how many dimensions are its core's.

    Args:
        loop: of the reduction.
        dimensions: that it goes through, outermost first.
        steps: of the result, 0 where it is reduced.
    """
    dtype = loop.dtypes[0]
    sums = SHORT_SUMS.get(loop.ufunc)
    if sums is None or dtype.char not in "fd" or len(dimensions) < 2:
        return None
    reduced = [step == 0 for step in steps]
    for core, (ufunc, most) in enumerate(zip(sums, _MOST, strict=True), 1):
        if dimensions[-1] <= most and reduced[-core:] == [True, False][:core] and not any(reduced[:-core]):
            return Loop(ufunc, "fd".index(dtype.char), (dtype,) * 3), core
    return None


def reduced_axes(call: Call, ndim: int) -> tuple[int, ...]:
    """Return the axes that a reduction sums over, or whatever else it does."""
    axis = call.kwargs.get("axis", 0)
    if axis is None:
        return tuple(range(ndim))
    return tuple(k % ndim for k in (axis if axis.__class__ is tuple else (axis,))) if ndim else ()


def broadcast(shape: Sequence[int], strides: Sequence[int], to: Sequence[int]) -> tuple[int, ...]:
    """Return the strides of an array that is broadcast to a shape."""
    new = len(to) - len(shape)
    return (*[0] * new, *(0 if n == 1 else step for n, step in zip(shape, strides, strict=True)))


def order_axes(shape: Sequence[int], strides: Sequence[Sequence[int]]) -> tuple[list[int], list[tuple[int, ...]]]:
    """Return dimensions and for each of these the strides of all operands, outermost first, as NumPy's iterator has it.

    The axes are sorted by their strides, with those of C order where these do not tell, and joined where they can be.

    Args:
        shape: of the iteration.
        strides: of every operand, 0 where it is broadcast.
    """
    if len(shape) < 2:
        return ([], []) if not shape or shape[0] == 1 else (list(shape), [tuple([s[0] for s in strides])])
    order: list[int] = []  # from the innermost to the outermost
    for axis in reversed(range(len(shape))):
        place = len(order)
        for k in reversed(range(len(order))):
            pairs = [(abs(s[axis]), abs(s[order[k]])) for s in strides if s[axis] and s[order[k]]]
            if not pairs:
                continue
            if all(new < old for new, old in pairs):
                place = k
            else:
                break
        order.insert(place, axis)
    dimensions: list[int] = []
    steps: list[tuple[int, ...]] = []
    for axis in order:
        n, step = shape[axis], tuple(s[axis] for s in strides)
        if n == 1:
            continue
        if dimensions and all(before * dimensions[-1] == s for before, s in zip(steps[-1], step, strict=True)):
            dimensions[-1] *= n
            continue
        dimensions.append(n)
        steps.append(step)
    return dimensions[::-1], steps[::-1]


def core_of(loop: Loop, operands: Sequence[Any]) -> tuple[list[int], list[int], list[int]] | None:
    """Return the core of a call of a generalized ufunc.

    Args:
        loop: of the ufunc.
        operands: with the shapes and strides.

    Returns:
        The sizes of the core's dimensions, the strides of the operands along theirs, and of each operand how many
        dimensions are its core's; None if the signature has something that is left to NumPy.
    """
    text = loop.ufunc.signature or "->".join(",".join(["()"] * n) for n in (loop.ufunc.nin, loop.ufunc.nout))
    parts = [part.strip("()") for part in text.replace("->", ",").replace(" ", "").replace("),(", ")|(").split("|")]
    names_of = [[name for name in part.split(",") if name] for part in parts]
    sizes: dict[str, int] = {}
    missing: set[str] = set()
    for names, a in zip(names_of[: loop.ufunc.nin], operands, strict=False):
        if len(a.shape) < len(names):
            missing.update(name for name in names if name.endswith("?"))
    for names, a in zip(names_of, operands, strict=True):
        present = [name for name in names if name not in missing]
        if len(present) > len(a.shape) or any(name.isdigit() for name in names):
            return None
        sizes.update(zip(present, a.shape[len(a.shape) - len(present) :], strict=True))
    strides: list[int] = []
    counts = []
    for names, a in zip(names_of, operands, strict=True):
        present = [name for name in names if name not in missing]
        steps = iter(a.strides[len(a.strides) - len(present) :])
        for name in names:  # as NumPy has it: what has one entry has no stride
            step = 0 if name in missing else next(steps)
            strides.append(0 if name in missing or sizes[name] == 1 else step)
        counts.append(len(present))
    order = list(dict.fromkeys(name.rstrip("?") for names in names_of for name in names))
    plain = {name.rstrip("?"): n for name, n in sizes.items()}
    return [plain.get(name, 1) for name in order], strides, counts
