"""Padding: by constants as one op, by copies of elements as indexing."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.arguments import describe
from ..core.errors import ShapeError, UnsupportedError
from ..core.op import composes
from .shape import pad_constant

_BY_INDEX = ("edge", "reflect", "symmetric", "wrap")


@composes(np.pad)
def pad(array: Any, pad_width: Any, mode: str = "constant", **kwargs: Any) -> Any:
    if isinstance(pad_width, dict):
        pad_width = [pad_width.get(i, pad_width.get(i - array.ndim, (0, 0))) for i in range(array.ndim)]
        pad_width = [w if isinstance(w, (tuple, list)) else (w, w) for w in pad_width]
    width = _widths(pad_width, array.ndim)
    if mode == "constant":
        value = kwargs.pop("constant_values", 0)
        _refuse_pad(mode, kwargs)
        return pad_constant(array, width=width, value=_pad_value(value))
    if mode not in _BY_INDEX or callable(mode):
        raise UnsupportedError(
            f"np.pad: mode={mode!r} is not supported on Tensors; use 'constant' or one of {_BY_INDEX}"
        )
    kind = kwargs.pop("reflect_type", "even")
    _refuse_pad(mode, kwargs | ({"reflect_type": kind} if kind != "even" else {}))
    # np.pad applied to the positions tells which element each position of the result copies.
    for axis, w in enumerate(width):
        if w != (0, 0):
            array = array[(slice(None),) * axis + (np.pad(np.arange(array.shape[axis]), w, mode=mode),)]  # type: ignore[call-overload]
    return array


def _widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    """Return the numbers of elements before and after each axis."""
    try:
        widths = np.broadcast_to(pad_width, (ndim, 2))
        if widths.dtype.kind not in "iub" or widths.min(initial=0) < 0:
            raise ValueError
    except (ValueError, TypeError):
        raise ShapeError(
            f"np.pad: expected pad_width to be an integer of at least 0, a pair (before, after), or one pair for each "
            f"of {ndim} axes; received pad_width={describe(pad_width)}"
        ) from None
    return tuple((int(b), int(a)) for b, a in widths)


def _pad_value(value: Any) -> Any:
    return value if np.ndim(value) == 0 else tuple(tuple(v) if np.ndim(v) else v for v in value)


def _refuse_pad(mode: str, kwargs: dict[str, Any]) -> None:
    if kwargs:
        raise UnsupportedError(
            f"np.pad: with mode={mode!r} the arguments {sorted(kwargs)} are not supported on Tensors"
        )
