"""The simple recurrent network over a whole sequence, as one op, and its adjoint, which is an op too.

Letters: T steps, N rows (the batch), H units; h the state, h' that of the step before. At every step

    h = f(z + b + h' R)        with f = tanh or f = relu

All inputs are packed into one matrix x with H columns, so that one backward recursion gives all gradients at once. Its
rows, from the top: b, 1 row; R, H rows; z, T N rows, grouped by step. h before the first step is 0: the contribution of
another h, h R, is part of the first step's z. The result is h of all steps, (T, N, H).

Derivatives work as those of the GRU do, see `gru`; the slope of f is a function of h.

References:
    Elman: Finding Structure in Time, 1990, figure 2. Werbos: Backpropagation Through Time: What It Does and How to Do
    It, 1990, equations 12 to 17.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core import batching
from ..core.foreign import home
from ..core.op import Op, structural
from ..core.shapes import ShapeDtype
from ..native import functions as fast
from .sequences import advanced, delayed, floating, over_steps, times


class _Rows(NamedTuple):
    """The parts of x: b (H,), R (H, H), z (T, N, H)."""

    b: Any
    r: Any
    z: Any


def _rows(x: Any, batch: int) -> _Rows:
    n = x.shape[1]
    return _Rows(x[0], x[1 : 1 + n], x[1 + n :].reshape(-1, batch, n))


def _slope(h: Any, activation: str) -> Any:
    return (h > 0).astype(h.dtype) if activation == "relu" else 1 - h * h


# ---- forward and adjoint, on arrays ---------------------------------------------------------------------------------
def _forward(x: Any, *, batch: int, activation: str) -> Any:
    x = home(x).ascontiguousarray(x, floating(x.dtype))
    b, r, z = _rows(x, batch)
    out = z + b
    product, relu = home(x).empty(out.shape[1:], x.dtype), activation == "relu"
    for t, h in enumerate(out):
        if t:
            h += fast.matmul(out[t - 1], r, out=product)
        if relu:
            np.maximum(h, 0, out=h)
        else:
            fast.tanh(h, out=h)
    return out


def _backward(g: Any, out: Any, x: Any, *, batch: int, activation: str) -> Any:
    dtype = floating(g.dtype, out.dtype, x.dtype)
    g, out, x = (home(x).ascontiguousarray(a, dtype) for a in (g, out, x))
    r = _rows(x, batch).r
    result = home(x).empty(x.shape, dtype)
    db, dr, dz = _rows(result, batch)
    back, product, slopes = home(x).ascontiguousarray(r.T), home(x).empty(out.shape[1:], dtype), _slope(out, activation)
    for t in range(len(out) - 1, -1, -1):
        d = dz[t]
        if t + 1 < len(out):
            np.add(g[t], fast.matmul(dz[t + 1], back, out=product), out=d)
            d *= slopes[t]
        else:
            np.multiply(g[t], slopes[t], out=d)
    np.sum(dz, axis=(0, 1), out=db)
    n = len(r)
    fast.matmul(out[:-1].reshape(-1, n).T, dz[1:].reshape(-1, n), out=dr)
    return result


# ---- the derivatives, in plain NumPy --------------------------------------------------------------------------------
def _push(own: Any, slopes: Any, r: Any) -> tuple[Any, Any]:
    """Return the tangents of f's arguments and of h, given a term to add to the former."""
    found: list[tuple[Any, Any]] = []
    for t in range(own.shape[0]):
        a = own[t] + fast.matmul(found[-1][1], r) if t else own[t]
        found.append((a, slopes[t] * a))
    return np.stack([a for a, _ in found]), np.stack([h for _, h in found])


def _pull(sources: Any, slopes: Any, r: Any, bends: Any = None) -> tuple[Any, Any]:
    """Return the cotangents of f's arguments and of h, given terms to add to those of h and of the arguments."""
    found: list[tuple[Any, Any]] = []
    for t in reversed(range(sources.shape[0])):
        h = sources[t] + fast.matmul(found[-1][0], r.T) if found else sources[t]
        a = slopes[t] * h
        found.append((a if bends is None else a + bends[t], h))
    found = found[::-1]
    return np.stack([a for a, _ in found]), np.stack([h for _, h in found])


def _packed(b: Any, r: Any, z: Any) -> Any:
    return np.concatenate([b[None], r, z.reshape(-1, r.shape[1])], axis=0)


def _pushed(w: _Rows, out: Any, x: Any, batch: int, activation: str) -> tuple[Any, Any]:
    return _push(w.z + w.b + times(delayed(out), w.r), _slope(out, activation), _rows(x, batch).r)


def _tangent(dx: Any, out: Any, x: Any, *, batch: int, activation: str) -> Any:
    """Return the tangent of the result, given the tangent of x."""
    return _pushed(_rows(dx, batch), out, x, batch, activation)[1]


def _adjoint_by_out(g: Any, out: Any, x: Any, y: Any, z: Any, *, batch: int, activation: str) -> Any:
    """Return the derivative of <g, adjoint> by the result of the network, on which the slopes depend."""
    w = _rows(g, batch)
    a, _ = _pushed(w, y, z, batch, activation)
    ca, ch = _pull(x, _slope(y, activation), _rows(z, batch).r)
    by_r = advanced(times(ca, w.r.T))
    return by_r if activation == "relu" else by_r - 2 * y * ch * a


def _adjoint_by_x(g: Any, out: Any, x: Any, y: Any, z: Any, *, batch: int, activation: str) -> Any:
    """Return the derivative of <g, adjoint> by x: only R matters."""
    rows = _rows(z, batch)
    _, h = _pushed(_rows(g, batch), y, z, batch, activation)
    ca, _ = _pull(x, _slope(y, activation), rows.r)
    zeros = np.zeros_like(rows.z)
    return _packed(np.zeros_like(rows.b), over_steps(delayed(h), ca), zeros)


def _adjoint_jvp(tangents: Any, out: Any, x: Any, y: Any, z: Any, *, batch: int, activation: str) -> Any:
    """Differentiate the equations of `_pull`: the change of an equation's coefficients is a source term of it."""
    dx, dy, dz = (np.zeros_like(a) if d is None else d for d, a in zip(tangents, (x, y, z), strict=True))
    slopes, r, w = _slope(y, activation), _rows(z, batch).r, _rows(dz, batch)
    ca, ch = _pull(x, slopes, r)
    bends = None if activation == "relu" else -2 * y * dy * ch
    new, _ = _pull(dx + advanced(times(ca, w.r.T)), slopes, r, bends)
    return _packed(new.sum(axis=(0, 1)), over_steps(delayed(dy), ca) + over_steps(delayed(y), new), new)


# ---- the records ----------------------------------------------------------------------------------------------------
def _infer(x: ShapeDtype, *, batch: int, activation: str) -> ShapeDtype:
    n = x.shape[1]
    return ShapeDtype(((x.shape[0] - 1 - n) // batch, batch, n), floating(x.dtype))


simple_rnn_adjoint: Op = structural(
    "simple_rnn_adjoint",
    _backward,
    lambda g, out, x, y, z, **params: _tangent(g, y, z, **params),
    _adjoint_by_out,
    _adjoint_by_x,
    saves=("yz", "xyz", "xyz"),
    infer=lambda x, y, z, **params: ShapeDtype(z.shape, floating(x.dtype, y.dtype, z.dtype)),
    jvp=_adjoint_jvp,
    batch=batching.one_by_one,
)

simple_rnn: Op = structural(
    "simple_rnn",
    _forward,
    lambda g, out, x, **params: simple_rnn_adjoint(g, out, x, **params),
    saves="ox",
    infer=_infer,
    jvp=lambda tangents, out, x, **params: _tangent(tangents[0], out, x, **params),
    batch=batching.one_by_one,
)
