"""The LSTM over a whole sequence, as one op, and its adjoint, which is an op too.

Letters: T steps, N rows (the batch), H units; i, f, g, o the gates after their activation functions, in this order,
h and c the states. With s the logistic function, at every step

    a = z + b + h_before R       i, f, o = s(a_i), s(a_f), s(a_o)       g = tanh(a_g)
    c = f c_before + i g         h = o tanh(c)

All inputs are packed into one matrix x with 4 H columns, so that one backward recursion gives all gradients at once.
Its rows, from the top: b, 1 row; R, H rows; c before the first step, N rows whose first H columns count; z, T N rows,
grouped by step. h before the first step is 0: the contribution of another h, h R, is part of the first step's z.

The result has shape (T, 6, N, H): i, f, g, o, h, c of every step, each contiguous.

Derivatives. A tangent of a gives tangents of h and c by a linear recursion (`_push`), and cotangents of h and c give
one of a by the transposed recursion (`_pull`), with the same local partials (`_Local`). The adjoint is linear in its
first input; its other derivatives follow from the equations of both recursions, each of which has the other's solution
as its multiplier.

References:
    Hochreiter, Schmidhuber: Long Short-Term Memory, 1997, appendix A.1; Gers, Schmidhuber, Cummins: Learning to Forget,
    2000, equations 2.6 to 3.2. For derivatives of solutions of linear equations: Giles: Collected Matrix Derivative
    Results for Forward and Reverse Mode Algorithmic Differentiation, 2008, section 2.3.1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core import batching
from ..core.foreign import home
from ..core.op import Op, structural
from ..core.shapes import ShapeDtype
from ..native import functions as fast
from ..native.kernels import kernel
from .sequences import advanced, cut, delayed, floating, over_steps, times


class _Rows(NamedTuple):
    """The parts of x."""

    b: Any
    r: Any
    c: Any
    z: Any


def _rows(x: Any, batch: int) -> _Rows:
    n = x.shape[1] // 4
    top = 1 + n + batch
    steps = (x.shape[0] - top) // batch
    return _Rows(x[0], x[1 : 1 + n], x[1 + n : top, :n], x[top:].reshape(steps, batch, 4 * n))


# ---- forward and adjoint, on arrays: every step's arrays stay in the cache ------------------------------------------
def _cell(z: Any, b: Any, product: Any, c: Any, out: Any) -> None:
    """Write i, f, g, o, h, c of one step into `out` (N, 6, H), given the terms of a (N, 4, H) and c before (N, H)."""
    half, is_new = _gate_constants(z)
    row = out.swapaxes(0, 1)
    a = row[:4]
    np.add(z.swapaxes(0, 1), b.swapaxes(0, 1), out=a)
    a += product.swapaxes(0, 1)
    # s(a) = (1 + tanh(a/2)) / 2: one call for all four gates, and no overflow.
    a *= half
    fast.tanh(a, out=a)
    a *= half
    a += half * (1 - is_new)
    i, f, g, o, h, new = row
    np.multiply(f, c, out=new)
    new += i * g
    fast.tanh(new, out=h)
    h *= o


def _cell_pullback(row: Any, g: Any, before: Any, dh: Any, dc: Any, out: tuple[Any, Any]) -> None:
    """Write the cotangents of a (N, 4, H) and of c before (N, H) into `out`, and over dh.

    Args:
        row: the result at one step, (N, 6, H).
        g: its cotangent.
        before: c before, (N, H).
        dh, dc: what later steps add to the cotangents of h and c.
        out: the results.
    """
    _, is_new = _gate_constants(row)
    row, g, (apart, dc_before) = row.swapaxes(0, 1), g.swapaxes(0, 1), out
    i, f, new, o, _, c = row
    d = np.empty_like(row[:4])
    di, df, dg, do = d
    tanh_c = fast.tanh(c)
    dh += g[4]
    np.multiply(dh, tanh_c, out=do)
    # dh o (1 - tanh(c)²)
    dh *= o
    dc = dc + dh
    tanh_c *= tanh_c
    dc -= dh * tanh_c
    dc += g[5]
    np.multiply(dc, new, out=di)
    np.multiply(dc, before, out=df)
    np.multiply(dc, i, out=dg)
    d += g[:4]
    # u (1 - u) for the logistic function, (1 + u) (1 - u) for tanh.
    gates = row[:4]
    d *= gates + is_new
    np.multiply(d, 1 - gates, out=apart.swapaxes(0, 1))
    np.multiply(dc, f, out=dc_before)


def _gate_constants(like: Any) -> tuple[Any, Any]:
    """Return rows with 1/2 for i, f and o and 1 for g; and with 0 for i, f and o and 1 for g."""
    is_new = home(like).array([0, 0, 1, 0], like.dtype).reshape(4, 1, 1)
    return (is_new + 1) / 2, is_new


_step = kernel("lstm_cell", _cell)
_step_back = kernel("lstm_cell_pullback", _cell_pullback)


def _forward(x: Any, *, batch: int) -> Any:
    x = home(x).ascontiguousarray(x, floating(x.dtype))
    b, r, c, z = _rows(x, batch)
    n = r.shape[0]
    out, b = home(x).empty((len(z), 6, batch, n), x.dtype), b.reshape(1, 4, n)
    product, h = home(x).zeros((batch, 4 * n), x.dtype), None
    apart = product.reshape(batch, 4, n)
    for given, row, rows in zip(z.reshape(-1, batch, 4, n), out, out.swapaxes(1, 2), strict=True):
        if h is not None:
            fast.matmul(h, r, out=product)
        _step(given, b, apart, c, out=rows)
        h, c = row[4], row[5]
    return out


def _backward(g: Any, out: Any, x: Any, *, batch: int) -> Any:
    dtype = floating(g.dtype, out.dtype, x.dtype)
    g, out, x = (home(x).ascontiguousarray(a, dtype) for a in (g, out, x))
    _, r, first, _ = _rows(x, batch)
    n = r.shape[0]
    result = home(x).empty(x.shape, dtype)
    result[1 + n : 1 + n + batch, n:] = 0
    db, dr, dfirst, dz = _rows(result, batch)
    xp = home(x)
    dh, dc, back = xp.zeros((batch, n), dtype), xp.zeros((batch, n), dtype), home(x).ascontiguousarray(r.T)
    apart, rows, g = dz.reshape(-1, batch, 4, n), out.swapaxes(1, 2), g.swapaxes(1, 2)
    for t in range(len(out) - 1, -1, -1):
        _step_back(rows[t], g[t], out[t - 1, 5] if t else first, dh, dc, out=(apart[t], dc))
        if t:
            fast.matmul(dz[t], back, out=dh)
    np.sum(dz, axis=(0, 1), out=db)
    before = home(x).ascontiguousarray(out[:-1, 4]).reshape(-1, n)
    fast.matmul(before.T, dz[1:].reshape(-1, 4 * n), out=dr)
    dfirst[:] = dc
    return result


# ---- the derivatives, in plain NumPy --------------------------------------------------------------------------------
class _Local(NamedTuple):
    """The states and gates at all steps, and the local partials: of c by a_i, a_f, a_g; of h by a_o and by c."""

    i: Any
    f: Any
    g: Any
    o: Any
    c_before: Any
    h_before: Any
    tanh_c: Any
    c_by_i: Any
    c_by_f: Any
    c_by_g: Any
    h_by_o: Any
    h_by_c: Any


def _local(out: Any, first: Any) -> _Local:
    i, f, g, o, h, c = (out[:, k] for k in range(6))
    before, tanh_c = delayed(c, first), fast.tanh(c)
    return _Local(
        i, f, g, o, before, delayed(h), tanh_c,
        g * i * (1 - i), before * f * (1 - f), i * (1 - g * g), tanh_c * o * (1 - o), o * (1 - tanh_c * tanh_c),
    )  # fmt: skip


def _slopes(p: _Local) -> list[Any]:
    """Return the derivatives of the gates by a."""
    return [p.i * (1 - p.i), p.f * (1 - p.f), 1 - p.g * p.g, p.o * (1 - p.o)]


def _bends(p: _Local) -> list[Any]:
    """Return the derivatives of the slopes by the gates."""
    return [1 - 2 * p.i, 1 - 2 * p.f, -2 * p.g, 1 - 2 * p.o]


def _push(sources: Any, dc: Any, p: _Local, r: Any) -> tuple[Any, Any, Any]:
    """Return the tangents of a, h and c, given a term to add to that of a, and that of c before the first step."""
    tangents: list[tuple[Any, Any, Any]] = []
    for t in range(sources.shape[0]):
        a = sources[t] + fast.matmul(tangents[-1][1], r) if t else sources[t]
        i, f, g, o = cut(a, 4)
        dc = p.f[t] * dc + p.c_by_i[t] * i + p.c_by_f[t] * f + p.c_by_g[t] * g
        tangents.append((a, p.h_by_c[t] * dc + p.h_by_o[t] * o, dc))
    return (
        np.stack([a for a, _, _ in tangents]),
        np.stack([h for _, h, _ in tangents]),
        np.stack([c for _, _, c in tangents]),
    )


def _pull(sources: Any, p: _Local, r: Any) -> tuple[Any, Any, Any]:
    """Return the cotangents of a, h and c, given terms to add to them: (T, N, 6 H), a's first."""
    found: list[tuple[Any, Any, Any]] = []
    steps = sources.shape[0]
    for t in reversed(range(steps)):
        i, f, g, o, h, c = cut(sources[t], 6)
        if found:
            h = h + fast.matmul(found[-1][0], r.T)
            c = c + p.f[t + 1] * found[-1][2]
        c = c + p.h_by_c[t] * h
        a = [i + p.c_by_i[t] * c, f + p.c_by_f[t] * c, g + p.c_by_g[t] * c, o + p.h_by_o[t] * h]
        found.append((np.concatenate(a, axis=1), h, c))
    found = found[::-1]
    return np.stack([a for a, _, _ in found]), np.stack([h for _, h, _ in found]), np.stack([c for _, _, c in found])


def _sources(g: Any, p: _Local) -> Any:
    """Return what the cotangent of the result adds to the cotangents of a, h and c, (T, N, 6 H)."""
    of_a = [g[:, k] * slope for k, slope in enumerate(_slopes(p))]
    return np.concatenate([*of_a, g[:, 4], g[:, 5]], axis=2)


def _packed(b: Any, r: Any, c: Any, z: Any) -> Any:
    """Pack the parts of x; None means zeros."""
    width = r.shape[1]
    top = home(r).zeros((1, width), r.dtype) if b is None else b[None]
    pad = home(r).zeros((c.shape[0], width - c.shape[1]), r.dtype)
    return np.concatenate([top, r, np.concatenate([c, pad], axis=1), z.reshape(-1, width)], axis=0)


def _tangent(dx: Any, out: Any, x: Any, batch: int) -> Any:
    """Return the tangent of the result, given the tangent of x."""
    rows, change = _rows(x, batch), _rows(dx, batch)
    p = _local(out, rows.c)
    a, h, c = _push(change.z + change.b + times(p.h_before, change.r), change.c, p, rows.r)
    gates = [part * slope for part, slope in zip(cut(a, 4), _slopes(p), strict=True)]
    return np.stack([*gates, h, c], axis=1)


def _adjoint_by_out(g: Any, cotangent: Any, out: Any, x: Any, batch: int) -> Any:
    """Return the derivative of <g, adjoint> by the result of the LSTM, on which the local partials depend."""
    rows, w = _rows(x, batch), _rows(g, batch)
    p = _local(out, rows.c)
    a, _, dc = _push(w.z + w.b + times(p.h_before, w.r), w.c, p, rows.r)
    delta, eta_h, eta_c = _pull(_sources(cotangent, p), p, rows.r)
    parts = cut(a, 4)
    i, f, g_, o = (cotangent[:, k] * parts[k] * bend for k, bend in enumerate(_bends(p)))
    ai, af, ag, ao = (eta_c * part if k < 3 else eta_h * part for k, part in enumerate(parts))
    by_c = 1 - p.tanh_c * p.tanh_c
    through_c = eta_h * dc
    i = i + ai * p.g * (1 - 2 * p.i) + ag * (1 - p.g * p.g)
    f = f + af * p.c_before * (1 - 2 * p.f) + eta_c * delayed(dc, w.c)
    g_ = g_ + ai * p.i * (1 - p.i) - 2 * ag * p.i * p.g
    o = o + ao * p.tanh_c * (1 - 2 * p.o) + through_c * by_c
    h = advanced(times(delta, w.r.T))
    c = ao * by_c * p.o * (1 - p.o) - 2 * through_c * p.o * p.tanh_c * by_c + advanced(af * p.f * (1 - p.f))
    return np.stack([i, f, g_, o, h, c], axis=1)


def _adjoint_by_x(g: Any, cotangent: Any, out: Any, x: Any, batch: int) -> Any:
    """Return the derivative of <g, adjoint> by x: by R, and by c before the first step."""
    rows, w = _rows(x, batch), _rows(g, batch)
    p = _local(out, rows.c)
    a, h, _ = _push(w.z + w.b + times(p.h_before, w.r), w.c, p, rows.r)
    delta, _, eta_c = _pull(_sources(cotangent, p), p, rows.r)
    n = rows.r.shape[0]
    by_c = eta_c[0] * a[0, :, n : 2 * n] * p.f[0] * (1 - p.f[0])
    return _packed(None, over_steps(delayed(h), delta), by_c, home(delta).zeros(rows.z.shape, delta.dtype))


def _change_of_local(p: _Local, dout: Any, dfirst: Any) -> _Local:
    """Return the tangents of the results of `_local`."""
    i, f, g, o, h, c = (dout[:, k] for k in range(6))
    before, by_c = delayed(c, dfirst), (1 - p.tanh_c * p.tanh_c)
    tanh_c = by_c * c
    return _Local(
        i, f, g, o, before, delayed(h), tanh_c,
        g * p.i * (1 - p.i) + p.g * (1 - 2 * p.i) * i,
        before * p.f * (1 - p.f) + p.c_before * (1 - 2 * p.f) * f,
        i * (1 - p.g * p.g) - 2 * p.i * p.g * g,
        tanh_c * p.o * (1 - p.o) + p.tanh_c * (1 - 2 * p.o) * o,
        o * by_c - 2 * p.o * p.tanh_c * tanh_c,
    )  # fmt: skip


def _adjoint_jvp(tangents: Any, out: Any, x: Any, y: Any, z: Any, *, batch: int) -> Any:
    """Differentiate the equations of `_pull`: the change of an equation's coefficients is a source term of it."""
    dx, dy, dz = (np.zeros_like(a) if d is None else d for d, a in zip(tangents, (x, y, z), strict=True))
    rows, change = _rows(z, batch), _rows(dz, batch)
    p = _local(y, rows.c)
    d = _change_of_local(p, dy, change.c)
    delta, eta_h, eta_c = _pull(_sources(x, p), p, rows.r)
    changes = (d.i, d.f, d.g, d.o)
    by_slope = np.concatenate([x[:, k] * bend * changes[k] for k, bend in enumerate(_bends(p))], axis=2)
    of_a = np.concatenate([d.c_by_i * eta_c, d.c_by_f * eta_c, d.c_by_g * eta_c, d.h_by_o * eta_h], axis=2)
    of_h = advanced(times(delta, change.r.T))
    of_c = d.h_by_c * eta_h + advanced(d.f * eta_c)
    new, _, new_c = _pull(_sources(dx, p) + np.concatenate([by_slope + of_a, of_h, of_c], axis=2), p, rows.r)
    by_r = over_steps(d.h_before, delta) + over_steps(p.h_before, new)
    return _packed(new.sum(axis=(0, 1)), by_r, d.f[0] * eta_c[0] + p.f[0] * new_c[0], new)


# ---- the records ----------------------------------------------------------------------------------------------------
def _infer(x: ShapeDtype, *, batch: int) -> ShapeDtype:
    n = x.shape[1] // 4
    return ShapeDtype(((x.shape[0] - 1 - n - batch) // batch, 6, batch, n), floating(x.dtype))


lstm_adjoint: Op = structural(
    "lstm_adjoint",
    _backward,
    lambda g, out, x, y, z, *, batch: _tangent(g, y, z, batch),
    lambda g, out, x, y, z, *, batch: _adjoint_by_out(g, x, y, z, batch),
    lambda g, out, x, y, z, *, batch: _adjoint_by_x(g, x, y, z, batch),
    saves=("yz", "xyz", "xyz"),
    infer=lambda x, y, z, *, batch: ShapeDtype(z.shape, floating(x.dtype, y.dtype, z.dtype)),
    jvp=_adjoint_jvp,
    batch=batching.one_by_one,
)

lstm: Op = structural(
    "lstm",
    _forward,
    lambda g, out, x, *, batch: lstm_adjoint(g, out, x, batch=batch),
    saves="ox",
    infer=_infer,
    jvp=lambda tangents, out, x, *, batch: _tangent(tangents[0], out, x, batch),
    batch=batching.one_by_one,
)
