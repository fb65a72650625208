"""Ops that move values without changing them: reshape, transpose, broadcast, join, pad, cast."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import ShapeError, UnsupportedError, refuse
from ..core.op import structural
from ..core.shapes import ShapeDtype, normalize_axis, resolve_reshape

_Bound = tuple[tuple[Any, ...], dict[str, Any]]


def _bind_reshape(a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> _Bound:
    if order != "C":
        raise UnsupportedError(
            f"np.reshape: order={order!r} is not supported on Tensors; transpose first, then reshape"
        )
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (int(shape),)
    return (a,), {"shape": resolve_reshape(a.size, shape)}


reshape = structural(
    "reshape",
    lambda x, *, shape: x.reshape(shape),
    lambda g, out, x, *, shape: g.reshape(x.shape),
    infer=lambda x, *, shape: ShapeDtype(shape, x.dtype),
    bind=_bind_reshape,
    numpy_functions=(np.reshape,),
    linear=True,
    cost=0,
    onnx="Reshape",
)


def _bind_transpose(a: Any, axes: Sequence[int] | None = None) -> _Bound:
    ndim = np.ndim(a)
    order = tuple(range(ndim))[::-1] if axes is None else tuple(normalize_axis(i, ndim, "axes") for i in axes)
    if sorted(order) != list(range(ndim)):
        raise ShapeError(f"transpose: expected axes to be a permutation of {ndim} axes; received {axes}")
    return (a,), {"axes": order}


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


transpose = structural(
    "transpose",
    lambda x, *, axes: x.transpose(axes),
    lambda g, out, x, *, axes: g.transpose(_inverse(axes)),
    infer=lambda x, *, axes: ShapeDtype(tuple(x.shape[i] for i in axes), x.dtype),
    bind=_bind_transpose,
    numpy_functions=(np.transpose,),
    linear=True,
    cost=0,
    glyph="ᵀ",
    onnx="Transpose",
)


def _bind_broadcast_to(array: Any, shape: Any, subok: bool = False) -> _Bound:
    return (array,), {"shape": tuple(shape) if isinstance(shape, (tuple, list)) else (int(shape),)}


# Summing the cotangent back down is what the engine does for every rule, so nothing is left to do here.
broadcast_to = structural(
    "broadcast_to",
    lambda x, *, shape: np.broadcast_to(x, shape),
    lambda g, out, x, *, shape: g,
    infer=lambda x, *, shape: ShapeDtype(shape, x.dtype),
    bind=_bind_broadcast_to,
    numpy_functions=(np.broadcast_to,),
    linear=True,
    cost=0,
    onnx="Expand",
)


# ---- joining --------------------------------------------------------------------------------------------------------
def _bind_concatenate(
    arrays: Sequence[Any], /, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> _Bound:
    refuse("np.concatenate", "cast with .astype first", out=out, dtype=dtype)
    parts = tuple(arrays)
    if not parts:
        raise ShapeError("concatenate: expected at least one array; received none")
    if axis is None:
        parts, axis = tuple(p.reshape(-1) if hasattr(p, "reshape") else np.ravel(p) for p in parts), 0
    return parts, {"axis": normalize_axis(axis, np.ndim(parts[0]))}


def _slice_of(i: int) -> Callable[..., Any]:
    def vjp(g: Any, out: Any, *parts: Any, axis: int) -> Any:
        start = sum(p.shape[axis] for p in parts[:i])
        return g[(slice(None),) * axis + (slice(start, start + parts[i].shape[axis]),)]

    return vjp


def _infer_concatenate(*parts: ShapeDtype, axis: int) -> ShapeDtype:
    shape = list(parts[0].shape)
    shape[axis] = sum(p.shape[axis] for p in parts)
    return ShapeDtype(tuple(shape), np.result_type(*(p.dtype for p in parts)))


concatenate = structural(
    "concatenate",
    lambda *parts, axis: np.concatenate(parts, axis=axis),
    each=_slice_of,
    infer=_infer_concatenate,
    bind=_bind_concatenate,
    numpy_functions=(np.concatenate,),
    linear=True,
    cost=0,
    onnx="Concat",
)


# ---- padding --------------------------------------------------------------------------------------------------------
def _unpad(g: Any, out: Any, x: Any, *, width: Any, value: Any) -> Any:
    return g[tuple(slice(before, before + n) for (before, _), n in zip(width, x.shape, strict=True))]


def _infer_pad(x: ShapeDtype, *, width: Any, value: Any) -> ShapeDtype:
    return ShapeDtype(tuple(n + sum(w) for n, w in zip(x.shape, width, strict=True)), x.dtype)


pad_constant = structural(
    "pad",
    lambda x, *, width, value: np.pad(x, width, constant_values=value),
    _unpad,
    infer=_infer_pad,
    cost=0,
    onnx="Pad",
)

# ---- dtype ----------------------------------------------------------------------------------------------------------
astype = structural(
    "astype",
    lambda x, *, dtype: x.astype(dtype),
    lambda g, out, x, *, dtype: g.astype(x.dtype),
    infer=lambda x, *, dtype: ShapeDtype(x.shape, dtype),
    linear=True,
    glyph="cast",
    onnx="Cast",
)


def _bind_copy(a: Any, order: str = "K", subok: bool = False) -> _Bound:
    return (a,), {}


copy = structural(
    "copy",
    lambda x: x.copy(),
    lambda g, out, x: g,
    infer=lambda x: x,
    bind=_bind_copy,
    numpy_functions=(np.copy,),
    linear=True,
    cost=0,
    onnx="Identity",
)
