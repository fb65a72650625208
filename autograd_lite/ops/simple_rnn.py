"""The simple recurrent network over a whole sequence, as one op, and its adjoint, an op too; see `sequences`.

With h the state, h' that of the step before, and f = tanh or f = relu, at every step

    h = f(z + b + h' R)

The slope of f is a function of h.

References:
    Elman: Finding Structure in Time, 1990, figure 2. Werbos: Backpropagation Through Time: What It Does and How to Do
    It, 1990, equations 12 to 17.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.duck_arrays import array_namespace
from ..core.op import Op, structural
from ..core.shape_arithmetic import ShapeDtype
from ..native import threaded_functions as fast
from .sequences import before, cast, cost_of_steps, floating, from_scan, is_used, over_steps, scan_in_python, zeros_like


def _slope(h: Any, activation: str) -> Any:
    return (h > 0).astype(h.dtype) if activation == "relu" else 1 - h * h


# ---- all steps, on arrays -------------------------------------------------------------------------------------------
def _forward(*arrays: Any, activation: str) -> Any:
    z, r, b, first = cast(arrays)
    out, relu = z + b, activation == "relu"
    product = fast.matmul(first, r) if is_used(first) else array_namespace(z).zeros(first.shape, z.dtype)
    h_before = None
    for h in out:
        h += product if h_before is None else fast.matmul(h_before, r, out=product)
        h_before = h
        if relu:
            np.maximum(h, 0, out=h)
        else:
            fast.tanh(h, out=h)
    return out


def _backward(*arrays: Any, activation: str) -> tuple[Any, ...]:
    g, h, r, first = cast(arrays)
    xp, slopes = array_namespace(h), _slope(h, activation)
    dz, dh, back = xp.empty(h.shape, h.dtype), xp.zeros(first.shape, h.dtype), xp.ascontiguousarray(r.T)
    for g_t, slope, dz_t in reversed(list(zip(g, slopes, dz, strict=True))):
        np.add(g_t, dh, out=dz_t)
        dz_t *= slope
        fast.matmul(dz_t, back, out=dh)
    return dz, over_steps(before(h, first), dz), dz.sum(axis=(0, 1)), dh


# ---- all steps, as scans --------------------------------------------------------------------------------------------
def steps(z: Any, r: Any, b: Any, h: Any, *, activation: str) -> Any:
    """Do what `_forward` does."""

    def step(h: Any, row: Any) -> Any:
        a = row[0] + b + fast.matmul(h, r)
        h = np.maximum(a, 0) if activation == "relu" else fast.tanh(a)
        return h, (h,)

    return scan_in_python(step, h, (z,))[1][0]


def steps_back(g: Any, h: Any, r: Any, first: Any, *, activation: str) -> Sequence[Any]:
    """Do what `_backward` does."""

    back = r.T

    def step(dh: Any, row: Any) -> Any:
        dz = (row[0] + dh) * row[1]
        return fast.matmul(dz, back), (dz,)

    dh, (dz,) = scan_in_python(step, zeros_like(first), (g, _slope(h, activation)), reverse=True)
    return dz, over_steps(before(h, first), dz), dz.sum(axis=(0, 1)), dh


# ---- the records ----------------------------------------------------------------------------------------------------
def _pullback(needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: Any) -> list[Any]:
    """Return the cotangents of z, R, b and h before."""
    h, _, r, _, first = saved
    cotangents = simple_rnn_adjoint(g, h, r, first, **params)
    return [cotangents[k] for k in needs]


def _infer(*inputs: ShapeDtype, activation: str) -> ShapeDtype:
    return ShapeDtype(inputs[0].shape, floating(*[x.dtype for x in inputs]))


def _infer_adjoint(*inputs: ShapeDtype, activation: str) -> Any:
    dtype, r = floating(*[x.dtype for x in inputs]), inputs[2].shape
    return tuple([ShapeDtype(s, dtype) for s in (inputs[0].shape, r, r[1:], inputs[3].shape)])


simple_rnn_adjoint: Op = structural(
    "simple_rnn_adjoint",
    _backward,
    infer=_infer_adjoint,
    results=4,
    saves="xyzu",
    **from_scan(steps_back),
    cost=cost_of_steps(2, 2, lambda activation: 4 if activation == "relu" else 5),
)
simple_rnn: Op = structural(
    "simple_rnn",
    _forward,
    infer=_infer,
    **{**from_scan(steps), "asked": _pullback, "saves": "oyu"},
    cost=cost_of_steps(1, 1, lambda activation: 3),
)
