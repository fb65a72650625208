"""Ops that move values without changing them: reshape, transpose, broadcast, join, pad, cast."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from ..core import batching
from ..core.equivalents import Fill, Part, filled_by
from ..core.errors import ShapeError
from ..core.hooks import HOOKS
from ..core.mode import MODE, TAPES
from ..core.op import Op, structural
from ..core.rewrites import Rewrite
from ..core.shape_arithmetic import ShapeDtype, cast_back, normalize_axis, require_fit, resolve_reshape
from .memory_order import reshape_in_order
from .operands import Bound, Finished, cast, several


def _bind_reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Bound | Finished:
    if order != "C":
        return Finished(reshape_in_order(a, shape, order, "reshape"))
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (int(shape),)
    return (a,), {"shape": resolve_reshape(a.size, shape)}


def _infer_reshape(x: ShapeDtype, *, shape: Any) -> ShapeDtype:
    require_fit(x.size == math.prod(shape), "reshape", x.shape, shape)
    return ShapeDtype(shape, x.dtype)


reshape: Op = structural(
    "reshape",
    lambda x, *, shape: x.reshape(shape),
    lambda g, out, x, *, shape: g.reshape(x.shape),
    infer=_infer_reshape,
    bind=_bind_reshape,
    numpy_functions=(np.reshape,),
    linear=True,
    batch=batching.with_leading_axis(lambda n, params: {"shape": (n, *params["shape"])}),
    cost=0,
    view=True,
    put=lambda x, y, *, shape: reshape(y, shape=x.shape),
    onnx="Reshape",
    rewrites=(
        Rewrite(lambda x, shape: reshape(x, shape=shape), lambda x, shape: x),
        Rewrite(lambda x, a, b: reshape(reshape(x, shape=a), shape=b), lambda x, a, b: reshape(x, shape=b)),
    ),
)


def _bind_transpose(a: Any, axes: Sequence[int] | None = None) -> Bound:
    ndim = np.ndim(a)
    order = tuple(range(ndim))[::-1] if axes is None else tuple(normalize_axis(i, ndim, "axes") for i in axes)
    if sorted(order) != list(range(ndim)):
        raise ShapeError(f"transpose: expected axes to be a permutation of {ndim} axes; received {axes}")
    return (a,), {"axes": order}


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


transpose: Op = structural(
    "transpose",
    lambda x, *, axes: x.transpose(axes),
    lambda g, out, x, *, axes: g.transpose(_inverse(axes)),
    infer=lambda x, *, axes: ShapeDtype(tuple(x.shape[i] for i in axes), x.dtype),
    bind=_bind_transpose,
    numpy_functions=(np.transpose,),
    linear=True,
    batch=batching.with_leading_axis(lambda n, params: {"axes": (0, *(i + 1 for i in params["axes"]))}),
    cost=0,
    view=True,
    put=lambda x, y, *, axes: transpose(y, axes=_inverse(axes)),
    glyph="ᵀ",
    onnx="Transpose",
    rewrites=(
        Rewrite(lambda x, axes: transpose(x, axes=axes), lambda x, axes: x),
        Rewrite(
            lambda x, a, b: transpose(transpose(x, axes=a), axes=b),
            lambda x, a, b: transpose(x, axes=tuple(a[i] for i in b)),
        ),
    ),
)


def _bind_broadcast_to(array: Any, shape: Any, subok: bool = False) -> Bound:
    return (array,), {"shape": tuple(shape) if isinstance(shape, (tuple, list)) else (int(shape),)}


def _batched_broadcast_to(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    (x,), shape = inputs, params["shape"]
    ones = (1,) * (len(shape) + 1 - x.ndim)
    return op(x.reshape(x.shape[0], *ones, *x.shape[1:]) if ones else x, shape=(x.shape[0], *shape))


# An array of this many elements or fewer costs less than a view of one number.
_FEW = 512


def _broadcast_to(x: Any, *, shape: tuple[int, ...]) -> Any:
    if x.__class__ is np.float64 or (x.__class__ is np.ndarray and x.ndim == 0):
        # The cotangent of every loss comes through here, and np.broadcast_to is written in Python.
        every = np.ndarray(shape, x.dtype, np.asarray(x), 0, (0,) * len(shape))
        every.flags.writeable = False
        return every
    return np.broadcast_to(x, shape)


def repeat_number(x: Any, shape: tuple[int, ...]) -> Any:
    """Return one number as an array of a shape; None unless it is a float64, or a Tensor on a tape in its place."""
    if x.__class__ is not np.float64:
        # On a tape a Tensor takes its place where nothing is recorded otherwise; the memory layout must be the same.
        if not TAPES or x.__class__ is not HOOKS.tensor or x.dtype != np.float64 or x.ndim or math.prod(shape) > _FEW:
            return None
        mode = MODE.get()
        return copy(broadcast_to(x, shape=shape)) if mode.tape is not None and not mode.record else None
    if math.prod(shape) > _FEW:
        return _broadcast_to(x, shape=shape)
    every = np.empty(shape)
    every.fill(x)
    return every


def _refuse_repeated(x: Any, y: Any, *, shape: Any) -> NoReturn:
    raise ValueError(
        "np.broadcast_to: expected a Tensor of elements of its own to write into; received one that repeats those of a "
        f"Tensor of shape {x.shape}, which NumPy refuses too. Write t = np.broadcast_to(x, {shape}).copy()"
    )


# The engine sums the cotangent of every rule back down, so nothing is left to do here.
def _infer_broadcast_to(x: ShapeDtype, *, shape: Any) -> ShapeDtype:
    ends = shape[len(shape) - x.ndim :]
    require_fit(
        x.ndim <= len(shape) and all(n in (1, m) for n, m in zip(x.shape, ends, strict=True)),
        "broadcast_to",
        x.shape,
        shape,
    )
    return ShapeDtype(shape, x.dtype)


broadcast_to: Op = structural(
    "broadcast_to",
    _broadcast_to,
    lambda g, out, x, *, shape: g,
    infer=_infer_broadcast_to,
    bind=_bind_broadcast_to,
    numpy_functions=(np.broadcast_to,),
    linear=True,
    batch=_batched_broadcast_to,
    cost=0,
    view=True,
    put=_refuse_repeated,
    onnx="Expand",
    rewrites=(
        Rewrite(lambda x, shape: broadcast_to(x, shape=shape), lambda x, shape: x),
        Rewrite(
            lambda x, a, b: broadcast_to(broadcast_to(x, shape=a), shape=b), lambda x, a, b: broadcast_to(x, shape=b)
        ),
    ),
)


# ---- joining --------------------------------------------------------------------------------------------------------
def _bind_concatenate(
    arrays: Sequence[Any], /, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Bound:
    parts = several("concatenate", arrays)
    if dtype is not None:
        parts = [cast(p, dtype, casting) for p in parts]
    if axis is None:
        parts, axis = [p.reshape(-1) for p in parts], 0
    return tuple(parts), {"axis": normalize_axis(axis, parts[0].ndim)}


def _slices(g: Any, out: Any, *parts: Any, axis: int) -> list[Any]:
    before = (slice(None),) * axis
    ends = list(itertools.accumulate(p.shape[axis] for p in parts))
    return [g[(*before, slice(end - p.shape[axis], end))] for p, end in zip(parts, ends, strict=True)]


def _infer_concatenate(*parts: ShapeDtype, axis: int) -> ShapeDtype:
    shape = list(parts[0].shape)
    others = {p.shape[:axis] + p.shape[axis + 1 :] if p.ndim == len(shape) else None for p in parts}
    require_fit(len(others) == 1, "concatenate", *(p.shape for p in parts))
    shape[axis] = sum(p.shape[axis] for p in parts)
    return ShapeDtype(tuple(shape), np.result_type(*(p.dtype for p in parts)))


@filled_by(np.concatenate)
def _join_fill(arrays: Sequence[Any], axis: Any = 0) -> Any:
    first = arrays[0]
    if axis is None or len({len(a.shape) for a in arrays}) > 1:
        return None
    axis = normalize_axis(axis, len(first.shape))
    stops = list(itertools.accumulate(a.shape[axis] for a in arrays))
    before = (slice(None),) * axis
    starts = [stop - a.shape[axis] for stop, a in zip(stops, arrays, strict=True)]
    places = [(*before, slice(*ends)) for ends in zip(starts, stops, strict=True)]
    parts = [Part(place, k) for k, place in enumerate(places)]
    shape = (*first.shape[:axis], stops[-1], *first.shape[axis + 1 :])
    return Fill(shape, np.result_type(*(a.dtype for a in arrays)), parts), tuple(arrays)


concatenate = structural(
    "concatenate",
    lambda *parts, axis: np.concatenate(parts, axis=axis),
    together=_slices,
    infer=_infer_concatenate,
    bind=_bind_concatenate,
    numpy_functions=(np.concatenate,),
    linear=True,
    batch=batching.along_axis,
    cost=0,
    onnx="Concat",
)


# ---- padding --------------------------------------------------------------------------------------------------------
def _unpad(g: Any, out: Any, x: Any, *, width: Any, value: Any) -> Any:
    return g[tuple(slice(before, before + n) for (before, _), n in zip(width, x.shape, strict=True))]


def _infer_pad(x: ShapeDtype, *, width: Any, value: Any) -> ShapeDtype:
    return ShapeDtype(tuple(n + sum(w) for n, w in zip(x.shape, width, strict=True)), x.dtype)


def _batched_padding(n: int, params: dict[str, Any]) -> dict[str, Any]:
    width, value = params["width"], params["value"]
    if np.ndim(value):
        value = ((0, 0), *(tuple(pair) for pair in np.broadcast_to(value, (len(width), 2)).tolist()))
    return {"width": ((0, 0), *width), "value": value}


def _pad(x: Any, *, width: Any, value: Any) -> Any:
    return np.pad(x, width, constant_values=value)


@filled_by(_pad)
def _pad_fill(x: Any, *, width: Any, value: Any) -> Any:
    if value.__class__ not in (int, float) or value != 0 or math.copysign(1, value) < 0:
        return None
    shape = tuple(n + sum(w) for n, w in zip(x.shape, width, strict=True))
    inside = tuple(slice(before, before + n) for (before, _), n in zip(width, x.shape, strict=True))
    return Fill(shape, x.dtype, [Part(..., None), Part(inside, 0)]), [x]


pad_constant: Op = structural(
    "pad",
    _pad,
    _unpad,
    infer=_infer_pad,
    jvp=lambda tangents, out, x, *, width, value: pad_constant(tangents[0], width=width, value=0),
    batch=batching.with_leading_axis(_batched_padding),
    cost=0,
    onnx="Pad",
)


# ---- dtype ----------------------------------------------------------------------------------------------------------
astype: Op = structural(
    "astype",
    lambda x, *, dtype: x.astype(dtype),
    lambda g, out, x, *, dtype: cast_back(g, x.dtype),
    infer=lambda x, *, dtype: ShapeDtype(x.shape, dtype),
    linear=True,
    batch=batching.elementwise,
    glyph="cast",
    onnx="Cast",
    rewrites=(Rewrite(lambda x, dtype: astype(x, dtype=dtype), lambda x, dtype: x),),
    cost=1,
)


copy: Op = structural(
    "copy",
    lambda x: x.copy("K") if x.__class__ is np.ndarray else x.copy(),
    lambda g, out, x: g,
    infer=lambda x: x,
    bind=lambda a, order="K", subok=False: ((a,), {}),
    numpy_functions=(np.copy,),
    linear=True,
    batch=batching.elementwise,
    cost=0,
    onnx="Identity",
    rewrites=(Rewrite(lambda x: copy(x), lambda x: x),),
)
