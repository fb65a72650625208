"""Convolution and correlation of sequences: the full convolution, and that of whole overlaps alone, its adjoint."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.op import Op, composes, structural
from ..core.shape_arithmetic import ShapeDtype
from .operands import operand


def _batched_convolution(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Convolve all examples at once if they share one sequence: joined end to end, with zeros in between."""
    if all(batched):
        return batching.one_by_one(op, inputs, batched, params)
    many, one = inputs if batched[0] else inputs[::-1]
    count, length = many.shape[0], many.shape[1] + one.shape[0] - 1
    gap = np.zeros((count, one.shape[0] - 1), many.dtype)
    row = np.concatenate([many, gap], axis=1).reshape(-1)
    return op(row, one)[: count * length].reshape(count, length)


full_convolution: Op = structural(
    "full_convolution",
    lambda x, y: np.convolve(x, y),
    lambda g, out, x, y: valid_convolution(g, y[::-1]),
    lambda g, out, x, y: valid_convolution(g, x[::-1]),
    saves=("y", "x"),
    infer=lambda x, y: ShapeDtype(
        (x.shape[0] + y.shape[0] - 1,), np.convolve(np.ones(1, x.dtype), np.ones(1, y.dtype)).dtype
    ),
    multilinear=True,
    batch=_batched_convolution,
    cost=lambda shapes, out, params: 2 * math.prod(shapes[0]) * shapes[1][0],
)


def _batched_valid(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Convolve all examples at once if they share one sequence, as above."""
    if all(batched):
        return batching.one_by_one(op, inputs, batched, params)
    x, y = inputs
    if batched[1]:  # the shared one is the longer one
        return _batched_convolution(full_convolution, inputs, batched, {})[:, y.shape[1] - 1 : x.shape[0]]
    count, length = x.shape
    row = np.concatenate([x.reshape(-1), np.zeros(y.shape[0] - 1, x.dtype)])
    return op(row, y).reshape(count, length)[:, : length - y.shape[0] + 1]


# Where all of the second sequence, which is not the longer one, meets the first: no more products than these.
valid_convolution: Op = structural(
    "valid_convolution",
    lambda x, y: np.convolve(x, y, "valid"),
    lambda g, out, x, y: full_convolution(g, y[::-1]),
    lambda g, out, x, y: valid_convolution(x, g[::-1])[::-1],
    saves=("y", "x"),
    infer=lambda x, y: ShapeDtype(
        (x.shape[0] - y.shape[0] + 1,), np.convolve(np.ones(1, x.dtype), np.ones(1, y.dtype)).dtype
    ),
    multilinear=True,
    batch=_batched_valid,
    cost=lambda shapes, out, params: 2 * math.prod(out) * shapes[1][0],
)


def _convolve(name: str, x: Any, y: Any, mode: str, skip: int) -> Any:
    """Convolve and slice: mode "same" drops `skip` elements at the start."""
    for a, argument in ((x, "a"), (y, "v")):
        if a.ndim > 1:
            raise ValueError(f"np.{name}: {argument} must have one axis; received shape {a.shape}")
        if not a.size:
            raise ValueError(f"{argument} cannot be empty")
    x, y = x.reshape(-1), y.reshape(-1)
    if mode == "full":
        return full_convolution(x, y)
    if mode == "valid":
        return valid_convolution(x, y) if x.size >= y.size else valid_convolution(y, x)
    if mode == "same":
        return full_convolution(x, y)[skip : skip + max(x.size, y.size)]
    raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got {mode!r})")


@composes(np.convolve)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    a, v = operand(a), operand(v)
    return _convolve("convolve", a, v, mode, (min(a.size, v.size) - 1) // 2)


@composes(np.correlate)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    a, v = operand(a).reshape(-1), operand(v).reshape(-1)
    v = np.conjugate(v) if v.dtype.kind == "c" else v
    # If the second is longer, NumPy swaps them and reverses the result: the slice is at the other end.
    skip = a.size // 2 if a.size < v.size else (v.size - 1) // 2
    return _convolve("correlate", a, v[::-1], mode, skip)
