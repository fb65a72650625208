"""The gated recurrent unit over a whole sequence, as one op, and its adjoint, which is an op too; see `sequences`.

u (update), r (reset) and n (new values) are the gates after their activation functions, in this order, h the state, h'
that of the step before. With s the logistic function, at every step

    u = s(z_u + b_u + b'_u + h' R_u)        r = s(z_r + b_r + b'_r + h' R_r)        h = u h' + (1 - u) n
    reset after:     q = h' R_n + b'_n      n = tanh(z_n + b_n + r q)
    reset before:    q = r h'               n = tanh(z_n + b_n + b'_n + q R_n)

References:
    Cho et al.: Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation, 2014,
    equations 5 to 8 (reset before); Appleyard, Kocisky, Blunsom: Optimizing Performance of Recurrent Neural Networks on
    GPUs, 2016, section 2 (one product for all gates).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

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
    logistic,
    over_steps,
    scan_in_python,
    together,
    zeros_like,
)

Arrays = tuple[Any, ...]


# ---- one step, in plain NumPy ---------------------------------------------------------------------------------------
def cell(z: Any, product: Any, b: Any, h: Any) -> Arrays:
    """Return h, and u, r, n, q in one array, with the reset gate after the product.

    Args:
        z: the input's contribution, (..., 3, H).
        product: h R, (..., 3, H).
        b: the biases of u, of r and of n outside and inside of its product, (4, H).
        h: before.
    """
    gates = logistic(z[..., :2, :] + product[..., :2, :] + b[:2])
    q = product[..., 2, :] + b[3]
    new = fast.tanh(z[..., 2, :] + b[2] + gates[..., 1, :] * q)
    return _end_step(gates, new, q, h)


def _end_step(gates: Any, new: Any, q: Any, h: Any) -> Arrays:
    update, reset = apart(gates, 2)
    return new + update * (h - new), together([update, reset, new, q])


def _cell_before(z: Any, r: Any, b: Any, h: Any) -> Arrays:
    """Do what `cell` does, with the reset gate before the product, which is in the middle of the step then."""
    n = h.shape[-1]
    gates = logistic(z[..., :2, :] + fast.matmul(h, r[:, : 2 * n]).reshape(-1, 2, n) + b[:2])
    q = gates[..., 1, :] * h
    return _end_step(gates, fast.tanh(z[..., 2, :] + b[2] + b[3] + fast.matmul(q, r[:, 2 * n :])), q, h)


def _slopes(gates: Any) -> Any:
    """Return the derivatives of u, r, n by the functions' arguments, and of q."""
    u, r, new, q = apart(gates, 4)
    return together([(1 - u) * u, (1 - r) * r, 1 - new * new, np.ones_like(q)])


def _partials(gates: Any, h: Any, after: bool) -> Arrays:
    """Return the derivatives of h by a_u and by a_n, of a_n, or else of q, by a_r; u, and r."""
    u, r, new, q = apart(gates, 4)
    return (h - new) * ((1 - u) * u), (1 - u) * (1 - new * new), (q if after else h) * ((1 - r) * r), u, r


def _pull_back(partials: Arrays, gh: Any, dh: Any, own: Any = None, back: Any = None) -> Arrays:
    """Return the cotangents of z and of the products with R, and that of h before, apart from what goes through R.

    Args:
        partials: see `_partials`.
        gh: the cotangent of h.
        dh: what later steps add to that.
        own: added to the cotangents of a_u, a_r, a_n and q.
        back: where the reset gate is before the product, the part of R for that, transposed.
    """
    by_u, by_n, by_r, u, r = partials
    more = [0] * 4 if own is None else apart(own, 4)
    dh = gh + dh
    of_u, of_n = dh * by_u + more[0], dh * by_n + more[2]
    of_q = (r * of_n if back is None else fast.matmul(of_n, back)) + more[3]
    of_r = (of_n if back is None else of_q) * by_r + more[1]
    last, d_before = (of_q, dh * u) if back is None else (of_n, dh * u + r * of_q)
    return together([of_u, of_r, of_n]), together([of_u, of_r, last]), d_before


def cell_pullback(gates: Any, gh: Any, h: Any, dh: Any, back: Any = None) -> Arrays:
    """Return the cotangents of z and of the products with R, and that of h before; see `_pull_back`."""
    return _pull_back(_partials(gates, h, back is None), gh, dh, None, back)


def _biases(b: Any) -> Any:
    """Return what `cell` adds, from b and b' (2, 3 H)."""
    b = b.reshape(2, 3, b.shape[1] // 3)
    return np.concatenate([b[0, :2] + b[1, :2], b[:, 2]], axis=0)


# ---- all steps, on arrays: every step's arrays stay in the cache ----------------------------------------------------
_step = kernel("gru_cell", into(cell))
_step_back = kernel("gru_cell_pullback", into(cell_pullback))


def _forward(*arrays: Any, reset_after: bool) -> Arrays:
    z, r, b, h = cast(arrays)
    (rows, n), xp, b = h.shape, array_namespace(z), _biases(b)
    h_all, gates = xp.empty((len(z), rows, n), z.dtype), xp.empty((len(z), rows, 4, n), z.dtype)
    z, product = z.reshape(len(z), rows, 3, n), xp.empty((rows, 3 * n), z.dtype)
    apart = product.reshape(rows, 3, n)
    for z_t, h_t, gates_t in zip(z, h_all, gates, strict=True):
        if reset_after:
            fast.matmul(h, r, out=product)
            _step(z_t, apart, b, h, out=(h_t, gates_t))
        else:
            h_t[...], gates_t[...] = _cell_before(z_t, r, b, h)
        h = h_t
    return h_all, gates


def _backward(*arrays: Any, reset_after: bool) -> Arrays:
    gh, h, gates, r, first = cast(arrays)
    (steps, rows, n), xp = h.shape, array_namespace(h)
    dz, through = xp.empty((steps, rows, 3, n), h.dtype), xp.empty((steps, rows, 3, n), h.dtype)
    dh, product, back = xp.zeros((rows, n), h.dtype), xp.empty((rows, n), h.dtype), xp.ascontiguousarray(r.T)
    own = through.reshape(steps, rows, 3 * n)
    every = list(zip(gates, gh, [first, *h[:-1]], dz, through, own, strict=True))
    for gates_t, gh_t, h_t, dz_t, through_t, own_t in reversed(every):
        inputs = gates_t, gh_t, h_t, dh
        if reset_after:
            _step_back(*inputs, out=(dz_t, through_t, dh))
            dh += fast.matmul(own_t, back, out=product)
        else:
            dz_t[...], through_t[...], dh = cell_pullback(*inputs, back[2 * n :])
            dh += fast.matmul(own_t[:, : 2 * n], back[: 2 * n], out=product)
    return _sum_over_steps(dz, through, h, gates, first, dh, reset_after)


def _sum_over_steps(dz: Any, through: Any, h: Any, gates: Any, first: Any, dh: Any, reset_after: bool) -> Arrays:
    """Return all cotangents, by those of the steps."""
    steps, rows, n = h.shape
    befores, dz, through = before(h, first), dz.reshape(steps, rows, 3 * n), through.reshape(steps, rows, 3 * n)
    if reset_after:
        dr = over_steps(befores, through)
    else:
        parts = [over_steps(befores, through[..., : 2 * n]), over_steps(gates[..., 3, :], through[..., 2 * n :])]
        dr = np.concatenate(parts, axis=1)
    return dz, dr, np.stack([dz.sum(axis=(0, 1)), through.sum(axis=(0, 1))]), dh


# ---- all steps, as scans --------------------------------------------------------------------------------------------
def steps(z: Any, r: Any, b: Any, h: Any, *, reset_after: bool) -> Sequence[Any]:
    """Do what `_forward` does."""
    (rows, n), b = h.shape, _biases(b)

    def step(h: Any, row: Any) -> Any:
        z = row[0].reshape(rows, 3, n)
        outputs = cell(z, fast.matmul(h, r).reshape(rows, 3, n), b, h) if reset_after else _cell_before(z, r, b, h)
        return outputs[0], outputs

    results: Sequence[Any] = scan_in_python(step, h, (z,))[1]
    return results


def steps_back(
    gh: Any, h: Any, gates: Any, r: Any, first: Any, gates_too: Any = None, *, reset_after: bool
) -> Sequence[Any]:
    """Do what `_backward` does, also for a cotangent of the gates."""
    _, rows, n = h.shape

    new_back = None if reset_after else r[:, 2 * n :].T
    back = r.T if reset_after else r[:, : 2 * n].T

    def step(dh: Any, row: Any) -> Any:
        dz, through, dh = _pull_back(row[:5], row[5], dh, row[6] if row[6:] else None, new_back)
        own = through.reshape(rows, 3 * n)
        return dh + fast.matmul(own if reset_after else own[:, : 2 * n], back), (dz, through)

    own = () if gates_too is None else (gates_too * _slopes(gates),)
    every = *_partials(gates, before(h, first), reset_after), gh, *own
    dh, (dz, through) = scan_in_python(step, zeros_like(first), every, reverse=True)
    return _sum_over_steps(dz, through, h, gates, first, dh, reset_after)


# ---- the records ----------------------------------------------------------------------------------------------------
def _pullback(needs: Sequence[int], g: Any, saved: Arrays, params: Any) -> list[Any]:
    """Return the cotangents of z, R, b and h before."""
    (h, gates), _, r, _, first = saved
    inputs = zeros_like(h) if g[0] is None else g[0], h, gates, r, first
    cotangents = gru_adjoint(*inputs, **params) if g[1] is None else steps_back(*inputs, g[1], **params)
    return [cotangents[k] for k in needs]


def _infer(*inputs: ShapeDtype, reset_after: bool) -> Any:
    (steps, rows, width), dtype = inputs[0].shape, floating(*[x.dtype for x in inputs])
    n = width // 3
    return ShapeDtype((steps, rows, n), dtype), ShapeDtype((steps, rows, 4, n), dtype)


def _infer_adjoint(*inputs: ShapeDtype, reset_after: bool) -> Any:
    dtype, (steps, rows, _), (n, width) = floating(*[x.dtype for x in inputs]), inputs[0].shape, inputs[3].shape
    return tuple([ShapeDtype(s, dtype) for s in ((steps, rows, width), (n, width), (2, width), (rows, n))])


gru_adjoint: Op = structural(
    "gru_adjoint",
    _backward,
    infer=_infer_adjoint,
    results=4,
    saves="xyzuv",
    **from_scan(steps_back),
    cost=cost_of_steps(3, 2, lambda reset_after: 25),
)
gru: Op = structural(
    "gru",
    _forward,
    infer=_infer,
    results=2,
    result_names=("h", "gates"),
    **{**from_scan(steps), "asked": _pullback, "saves": "oyu"},
    cost=cost_of_steps(1, 1, lambda reset_after: 15 if reset_after else 17),
)
