"""Convolution and correlation of sequences: one bilinear op, the full convolution, and slices of it."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.op import Op, composes, structural
from ..core.shapes import ShapeDtype
from .operands import operand


def _by_other(g: Any, other: Any, start: int, length: int) -> Any:
    """Correlate the cotangent with the other sequence: the adjoint of convolving with it."""
    return full_convolution(g, other[::-1])[start : start + length]


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
    lambda g, out, x, y: _by_other(g, y, y.shape[0] - 1, x.shape[0]),
    lambda g, out, x, y: _by_other(g, x, x.shape[0] - 1, y.shape[0]),
    saves=("y", "x"),
    infer=lambda x, y: ShapeDtype(
        (x.shape[0] + y.shape[0] - 1,), np.convolve(np.ones(1, x.dtype), np.ones(1, y.dtype)).dtype
    ),
    multilinear=True,
    batch=_batched_convolution,
)


def _convolve(name: str, x: Any, y: Any, mode: str, skip: int) -> Any:
    """Convolve and slice: mode "same" drops `skip` elements at the start."""
    for a, what in ((x, "a"), (y, "v")):
        if a.ndim > 1:
            raise ValueError(f"np.{name}: {what} must have one axis; received shape {a.shape}")
        if not a.size:
            raise ValueError(f"{what} cannot be empty")
    full = full_convolution(x.reshape(-1), y.reshape(-1))
    longer, shorter = max(x.size, y.size), min(x.size, y.size)
    if mode == "full":
        return full
    if mode == "valid":
        return full[shorter - 1 : longer]
    if mode == "same":
        return full[skip : skip + longer]
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
