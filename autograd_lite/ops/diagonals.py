"""Diagonals and triangles: reading them, and making matrices with them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from ..core import batching
from ..core.duck_arrays import array_namespace, index_like
from ..core.equivalents import Fill, Part, filled_by
from ..core.errors import ShapeError, refuse
from ..core.op import Op, composes, structural
from ..core.shape_arithmetic import ShapeDtype, normalize_axis
from .operands import Bound, composed_as, operand


def _bind_diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Bound:
    ndim = np.ndim(a)
    if ndim < 2:
        raise ShapeError(f"diagonal: expected at least two axes; received shape {np.shape(a)}")
    axis1, axis2 = normalize_axis(axis1, ndim, "axis1"), normalize_axis(axis2, ndim, "axis2")
    if axis1 == axis2:
        raise ShapeError(f"diagonal: expected two different axes; received axis {axis1} twice")
    return (a,), {"offset": int(offset), "axis1": axis1, "axis2": axis2}


def _length(rows: int, columns: int, offset: int) -> int:
    return max(0, min(rows + min(offset, 0), columns - max(offset, 0)))


def _infer_diagonal(x: ShapeDtype, *, offset: int, axis1: int, axis2: int) -> ShapeDtype:
    others = tuple(n for i, n in enumerate(x.shape) if i not in (axis1, axis2))
    return ShapeDtype((*others, _length(x.shape[axis1], x.shape[axis2], offset)), x.dtype)


def _next_axes(n: int, params: dict[str, Any]) -> dict[str, Any]:
    return {**params, "axis1": params["axis1"] + 1, "axis2": params["axis2"] + 1}


def _refuse_diagonal(x: Any, y: Any, **_: Any) -> NoReturn:
    raise ValueError(
        "np.diagonal: expected a Tensor that can be written into; received the diagonal of one of shape "
        f"{x.shape}, which can only be read, as NumPy's. Write np.fill_diagonal(t, v), or t[i, i] = v with "
        "i = np.arange(n)"
    )


diagonal: Op = structural(
    "diagonal",
    lambda x, *, offset, axis1, axis2: np.diagonal(x, offset, axis1, axis2),
    lambda g, out, x, *, offset, axis1, axis2: on_diagonal(g, offset=offset, axis1=axis1, axis2=axis2, shape=x.shape),
    infer=_infer_diagonal,
    bind=_bind_diagonal,
    numpy_functions=(np.diagonal,),
    linear=True,
    selects=True,
    batch=batching.with_leading_axis(_next_axes),
    cost=0,
    view=True,
    put=_refuse_diagonal,
)


def _on_diagonal(x: Any, *, offset: int, axis1: int, axis2: int, shape: tuple[int, ...]) -> Any:
    out = array_namespace(x).zeros(shape, x.dtype)
    # A view with the two axes last, whose diagonal is what `diagonal` reads.
    view = np.moveaxis(out, (axis1, axis2), (-2, -1))
    k = np.arange(x.shape[-1])
    view[index_like((..., k + max(-offset, 0), k + max(offset, 0)), x)] = x
    return out


@filled_by(_on_diagonal)
def _diagonal_filled(x: Any, *, offset: int, axis1: int, axis2: int, shape: tuple[int, ...]) -> Any:
    rows, columns = shape[-2:]
    if (axis1, axis2) != (len(shape) - 2, len(shape) - 1):
        return None
    first = max(-offset, 0) * columns + max(offset, 0)
    places = slice(first, first + x.shape[-1] * (columns + 1), columns + 1)
    return Fill(shape, x.dtype, [Part(..., None), Part((..., places), 0)], (*shape[:-2], rows * columns)), (x,)


# Zeros with the last axis of x on one diagonal: the transpose of reading it.
on_diagonal: Op = structural(
    "on_diagonal",
    _on_diagonal,
    lambda g, out, x, *, offset, axis1, axis2, shape: diagonal(g, offset=offset, axis1=axis1, axis2=axis2),
    infer=lambda x, *, offset, axis1, axis2, shape: ShapeDtype(shape, x.dtype),
    linear=True,
    batch=batching.with_leading_axis(lambda n, params: {**_next_axes(n, params), "shape": (n, *params["shape"])}),
    cost=0,
)


def diagonal_matrix(x: Any) -> Any:
    """Return square matrices with the last axis of `x` on their diagonals (for rules)."""
    ndim, n = x.ndim, x.shape[-1]
    return on_diagonal(x, offset=0, axis1=ndim - 1, axis2=ndim, shape=(*x.shape, n))


composed_as(np.linalg.diagonal, functools.partial(np.diagonal, axis1=-2, axis2=-1))


@composes(np.trace)
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    refuse("np.trace", "assign the result instead", out=out)
    (a,), params = _bind_diagonal(operand(a), offset, axis1, axis2)
    return diagonal(a, **params).sum(axis=-1, dtype=dtype)


composed_as(np.linalg.trace, functools.partial(_trace, axis1=-2, axis2=-1))


@composes(np.diag)
def _diag(v: Any, k: int = 0) -> Any:
    if v.ndim == 2:
        return np.diagonal(v, k)
    if v.ndim != 1:
        raise ShapeError(f"diag: expected one or two axes; received shape {v.shape}")
    n = v.shape[0] + abs(k)
    return on_diagonal(v, offset=int(k), axis1=0, axis2=1, shape=(n, n))


@composes(np.diagflat)
def _diagflat(v: Any, k: int = 0) -> Any:
    return _diag(v.reshape(-1), k)


# ---- triangles ------------------------------------------------------------------------------------------------------


def _infer_triangle(x: ShapeDtype, *, k: int) -> ShapeDtype:
    return ShapeDtype(x.shape * 2 if x.ndim == 1 else x.shape, x.dtype)  # NumPy repeats a vector to a square


def _batch_triangle(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    (x,) = inputs
    return op(np.broadcast_to(x[:, None], (*x.shape, x.shape[-1])) if x.ndim == 2 else x, **params)


def _triangle(function: Callable[..., Any]) -> Op:
    op: Op = structural(
        function.__name__,
        lambda x, *, k: function(x, k),
        lambda g, out, x, *, k: op(g, k=k),
        infer=_infer_triangle,
        bind=lambda m, k=0: ((m,), {"k": int(k)}),
        numpy_functions=(function,),
        linear=True,
        selects=True,
        batch=_batch_triangle,
        cost=0,
    )
    return op


tril = _triangle(np.tril)
triu = _triangle(np.triu)


@composes(np.vander)
def _vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    if x.ndim != 1:
        raise ShapeError(f"vander: expected one axis; received shape {x.shape}")
    powers = np.arange(x.shape[0] if N is None else N)
    return np.power(x.reshape(-1, 1), powers if increasing else powers[::-1])
