"""The LSTM over a whole sequence, as one op, and its adjoint, which is an op too; see `sequences`.

i, f, g, o are the gates after their activation functions, in this order, h and c the states. With s the logistic
function, at every step

    a = z + b + h_before R       i, f, o = s(a_i), s(a_f), s(a_o)       g = tanh(a_g)
    c = f c_before + i g         h = o tanh(c)

References:
    Hochreiter, Schmidhuber: Long Short-Term Memory, 1997, appendix A.1; Gers, Schmidhuber, Cummins: Learning to Forget,
    2000, equations 2.6 to 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.duck_arrays import array_namespace
from ..core.op import Op, structural
from ..core.shape_arithmetic import ShapeDtype
from ..native import threaded_functions as fast
from ..native.kernels import kernel
from .sequences import (
    apart,
    before,
    cast,
    cost_of_steps,
    floating,
    from_scan,
    into,
    is_used,
    logistic,
    over_steps,
    scan_in_python,
    together,
    zeros_like,
)

Arrays = tuple[Any, ...]


# ---- one step, in plain NumPy ---------------------------------------------------------------------------------------
def cell(z: Any, b: Any, product: Any, c: Any) -> Arrays:
    """Return h, c, and i, f, g, o in one array, given the terms of a, (..., 4, H), and c before."""
    i, f, g, o = apart(z + b + product, 4)
    i, f, g, o = logistic(i), logistic(f), fast.tanh(g), logistic(o)
    c = f * c + i * g
    return o * fast.tanh(c), c, together([i, f, g, o])


def _slopes(gates: Any) -> Any:
    """Return the derivatives of the gates by a."""
    i, f, g, o = apart(gates, 4)
    return together([i * (1 - i), f * (1 - f), (1 + g) * (1 - g), o * (1 - o)])


def _partials(gates: Any, c: Any, c_before: Any) -> Arrays:
    """Return the derivatives of c by a_i, a_f, a_g and of h by a_o, in one array; of h by c; and of c by c before."""
    (i, f, g, o), tanh_c = apart(gates, 4), fast.tanh(c)
    return together([g, c_before, i, tanh_c]) * _slopes(gates), o * (1 - tanh_c * tanh_c), f


def _pull_back(partials: Arrays, gh: Any, gc: Any, dh: Any, dc: Any, own: Any = None) -> Arrays:
    """Return the cotangents of a and of c before.

    Args:
        partials: see `_partials`.
        gh, gc: the cotangents of h and c.
        dh, dc: what later steps add to those.
        own: added to the cotangent of a.
    """
    by_a, h_by_c, c_by_c = partials
    h = gh + dh
    c = gc + dc + h * h_by_c
    d = together([c, c, c, h]) * by_a
    return d if own is None else d + own, c * c_by_c


def cell_pullback(gates: Any, c: Any, gh: Any, gc: Any, c_before: Any, dh: Any, dc: Any) -> Arrays:
    """Return the cotangents of a and of c before; see `_pull_back`."""
    return _pull_back(_partials(gates, c, c_before), gh, gc, dh, dc)


# ---- all steps, on arrays: every step's arrays stay in the cache ----------------------------------------------------
_step = kernel("lstm_cell", into(cell))
_step_back = kernel("lstm_cell_pullback", into(cell_pullback))


def _forward(*arrays: Any) -> Arrays:
    z, r, b, h, c = cast(arrays)
    (rows, n), xp = c.shape, array_namespace(z)
    steps = len(z)
    h_all, c_all = (xp.empty((steps, rows, n), z.dtype) for _ in range(2))
    gates = xp.empty((steps, rows, 4, n), z.dtype)
    product = fast.matmul(h, r) if is_used(h) else xp.zeros((rows, 4 * n), z.dtype)
    z, b, apart = z.reshape(steps, rows, 4, n), b.reshape(4, n), product.reshape(rows, 4, n)
    for t, (z_t, h_t, c_t, gates_t) in enumerate(zip(z, h_all, c_all, gates, strict=True)):
        if t:
            fast.matmul(h, r, out=product)
        _step(z_t, b, apart, c, out=(h_t, c_t, gates_t))
        h, c = h_t, c_t
    return h_all, c_all, gates


def _backward(*arrays: Any) -> Arrays:
    gh, gc, h, c, gates, r, first_h, first_c = cast(arrays)
    (steps, rows, n), xp = h.shape, array_namespace(h)
    d, back = xp.empty((steps, rows, 4, n), h.dtype), xp.ascontiguousarray(r.T)
    dh, dc = xp.zeros((rows, n), h.dtype), xp.zeros((rows, n), h.dtype)
    dz = d.reshape(steps, rows, 4 * n)
    every = list(zip(gates, c, gh, gc, [first_c, *c[:-1]], d, dz, strict=True))
    for *inputs, d_t, dz_t in reversed(every):
        _step_back(*inputs, dh, dc, out=(d_t, dc))
        fast.matmul(dz_t, back, out=dh)
    dr = over_steps(h[:-1], dz[1:])
    if is_used(first_h):
        dr += fast.matmul(first_h.T, dz[0])
    return dz, dr, dz.sum(axis=(0, 1)), dh, dc


# ---- all steps, as scans --------------------------------------------------------------------------------------------
def steps(z: Any, r: Any, b: Any, h: Any, c: Any) -> Sequence[Any]:
    """Do what `_forward` does."""
    rows, n = c.shape
    b = b.reshape(4, n)

    def step(states: Any, row: Any) -> Any:
        (h, c), (z,) = states, row
        h, c, gates = cell(z.reshape(rows, 4, n), b, fast.matmul(h, r).reshape(rows, 4, n), c)
        return (h, c), (h, c, gates)

    results: Sequence[Any] = scan_in_python(step, (h, c), (z,))[1]
    return results


def steps_back(
    gh: Any, gc: Any, h: Any, c: Any, gates: Any, r: Any, first_h: Any, first_c: Any, gates_too: Any = None
) -> Sequence[Any]:
    """Do what `_backward` does, also for a cotangent of the gates."""

    def step(states: Any, row: Any) -> Any:
        d, dc = _pull_back(row[:3], row[3], row[4], *states, *row[5:])
        dz = d.reshape(h.shape[1], r.shape[1])
        return (fast.matmul(dz, back), dc), (dz,)

    own, back = () if gates_too is None else (gates_too * _slopes(gates),), r.T
    rows = *_partials(gates, c, before(c, first_c)), gh, gc, *own
    (dh, dc), (dz,) = scan_in_python(step, (zeros_like(first_c), zeros_like(first_c)), rows, reverse=True)
    return dz, over_steps(before(h, first_h), dz), dz.sum(axis=(0, 1)), dh, dc


# ---- the records ----------------------------------------------------------------------------------------------------
def _pullback(needs: Sequence[int], g: Any, saved: Arrays, params: Any) -> list[Any]:
    """Return the cotangents of z, R, b, and of h and c before."""
    (h, c, gates), _, r, _, first_h, first_c = saved
    gh, gc = (zeros_like(h) if x is None else x for x in g[:2])
    inputs = gh, gc, h, c, gates, r, first_h, first_c
    cotangents = lstm_adjoint(*inputs) if g[2] is None else steps_back(*inputs, g[2])
    return [cotangents[k] for k in needs]


def _infer(*inputs: ShapeDtype) -> Any:
    (steps, rows, width), dtype = inputs[0].shape, floating(*[x.dtype for x in inputs])
    state = ShapeDtype((steps, rows, width // 4), dtype)
    return state, state, ShapeDtype((steps, rows, 4, width // 4), dtype)


def _infer_adjoint(*inputs: ShapeDtype) -> Any:
    dtype, (steps, rows, _), (n, width) = floating(*[x.dtype for x in inputs]), inputs[0].shape, inputs[5].shape
    shapes = (steps, rows, width), (n, width), (width,), (rows, n), (rows, n)
    return tuple([ShapeDtype(shape, dtype) for shape in shapes])


lstm_adjoint: Op = structural(
    "lstm_adjoint",
    _backward,
    infer=_infer_adjoint,
    results=5,
    saves="xyzuvwst",
    **from_scan(steps_back),
    cost=cost_of_steps(5, 2, lambda: 30),
)
lstm: Op = structural(
    "lstm",
    _forward,
    infer=_infer,
    results=3,
    result_names=("h", "c", "gates"),
    **{**from_scan(steps), "asked": _pullback, "saves": "oyuv"},
    cost=cost_of_steps(1, 1, lambda: 17),
)
