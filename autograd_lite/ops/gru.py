"""The gated recurrent unit over a whole sequence, as one op, and its adjoint, which is an op too.

Letters: T steps, N rows (the batch), H units; u (update), r (reset) and n (new values) the gates after their activation
functions, in this order, h the state, h' that of the step before. With s the logistic function, at every step

    u = s(z_u + b_u + b'_u + h' R_u)        r = s(z_r + b_r + b'_r + h' R_r)        h = u h' + (1 - u) n
    reset after:     q = h' R_n + b'_n      n = tanh(z_n + b_n + r q)
    reset before:    q = r h'               n = tanh(z_n + b_n + b'_n + q R_n)

All inputs are packed into one matrix x with 3 H columns, so that one backward recursion gives all gradients at once.
Its rows, from the top: b and b', 2 rows; R, H rows; h before the first step, N rows whose first H columns count; z, T N
rows, grouped by step. The result has shape (T, 5, N, H): u, r, n, q, h of every step, each contiguous.

Derivatives. `_push` is the recursion of tangents, `_pull` the transposed one of cotangents, with the same coefficients.
The adjoint is linear in its first input; its other derivatives follow from the equations of `_push`, of which those of
`_pull` are the multipliers: the derivative of every coefficient, times what it multiplies, times the multiplier.

References:
    Cho et al.: Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine Translation, 2014,
    equations 5 to 8 (reset before); Appleyard, Kocisky, Blunsom: Optimizing Performance of Recurrent Neural Networks on
    GPUs, 2016, section 2 (one product for all gates). For derivatives of solutions of linear equations: Giles:
    Collected Matrix Derivative Results for Forward and Reverse Mode Algorithmic Differentiation, 2008, section 2.3.1.
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
from .sequences import advanced, by_gate, cut, delayed, floating, over_steps, times


class _Rows(NamedTuple):
    """The parts of x: b and b' (2, 3 H), R (H, 3 H), h (N, H), z (T, N, 3 H)."""

    b: Any
    r: Any
    h: Any
    z: Any


def _rows(x: Any, batch: int) -> _Rows:
    n = x.shape[1] // 3
    top = 2 + n + batch
    return _Rows(x[:2], x[2 : 2 + n], x[2 + n : top, :n], x[top:].reshape(-1, batch, 3 * n))


# ---- forward and adjoint, on arrays: every step's arrays stay in the cache ------------------------------------------
def _gates(a: Any) -> None:
    """Replace the arguments of gates by their values; s(a) = (1 + tanh(a/2)) / 2 does not overflow."""
    half = a.dtype.type(0.5)
    a *= half
    fast.tanh(a, out=a)
    a *= half
    a += half


def _cell(z: Any, product: Any, b: Any, h: Any, out: Any) -> None:
    """Write u, r, n, q, h of one step into `out` (N, 5, H), with the reset gate after the product.

    Args:
        z: the input's contribution, (N, 3, H).
        product: h R, (N, 3, H).
        b: the biases of u, of r and of n outside and inside of its product, (1, 4, H).
        h: before, (N, H).
        out: the result.
    """
    row, b = out.swapaxes(0, 1), b[0]
    gates, new, q, now = row[:2], row[2], row[3], row[4]
    np.add(z[:, :2], b[:2], out=out[:, :2])
    gates += product[:, :2].swapaxes(0, 1)
    _gates(gates)
    np.add(product[:, 2], b[3], out=q)
    np.multiply(row[1], q, out=new)
    new += z[:, 2] + b[2]
    fast.tanh(new, out=new)
    np.subtract(h, new, out=now)
    now *= row[0]
    now += new


def _cell_pullback(row: Any, g: Any, before: Any, dh: Any, out: tuple[Any, Any, Any]) -> None:
    """Write the cotangents of z and of the products with R (N, 3, H), and that of h before (N, H), over dh as well.

    Args:
        row: the result at one step, (N, 5, H).
        g: its cotangent.
        before: h before, (N, H).
        dh: what later steps add to the cotangent of h.
        out: the results; what goes through R is not part of the last one.
    """
    apart, through, d_before = out
    u, r, new, q, _ = row.swapaxes(0, 1)
    dh += g[:, 4]
    dn = apart[:, 2]
    np.multiply(1 - u, dh, out=dn)
    dn += g[:, 2]
    dn *= 1 - new * new
    np.multiply(before - new, dh, out=apart[:, 0])
    np.multiply(q, dn, out=apart[:, 1])
    gates = row[:, :2]
    apart[:, :2] += g[:, :2]
    apart[:, :2] *= (1 - gates) * gates
    through[:, :2] = apart[:, :2]
    np.multiply(r, dn, out=through[:, 2])
    through[:, 2] += g[:, 3]
    np.multiply(dh, u, out=d_before)


_step = kernel("gru_cell", _cell)
_step_back = kernel("gru_cell_pullback", _cell_pullback)


def _forward(x: Any, *, batch: int, reset_after: bool) -> Any:
    x = home(x).ascontiguousarray(x, floating(x.dtype))
    b, r, h, z = _rows(x, batch)
    n, dtype = len(r), x.dtype
    out = home(x).empty((len(z), 5, batch, n), dtype)
    if not reset_after:
        _reset_before(b, r, h, z, out)
        return out
    product, b = (
        home(x).empty((batch, 3 * n), dtype),
        np.concatenate([b[0, : 2 * n] + b[1, : 2 * n], b[:, 2 * n :].ravel()]),
    )
    apart, b = product.reshape(batch, 3, n), b.reshape(1, 4, n)
    for given, row, rows in zip(z.reshape(-1, batch, 3, n), out, out.swapaxes(1, 2), strict=True):
        fast.matmul(h, r, out=product)
        _step(given, apart, b, h, out=rows)
        h = row[4]
    return out


def _reset_before(b: Any, r: Any, h: Any, z: Any, out: Any) -> None:
    """Write all steps into `out`, with the reset gate before the product, which is in the middle of a step then."""
    batch, n = h.shape
    both, r_new, r = b[0] + b[1], home(r).ascontiguousarray(r[:, 2 * n :]), home(r).ascontiguousarray(r[:, : 2 * n])
    gate_bias, new_bias = both[: 2 * n].reshape(2, 1, n), both[2 * n :]
    product = home(z).empty((batch, 2 * n), z.dtype)
    apart = by_gate(product, n)
    for given, row in zip(by_gate(z, n), out, strict=True):
        gates, new, q, now = row[:2], row[2], row[3], row[4]
        fast.matmul(h, r, out=product)
        np.add(given[:2], apart, out=gates)
        gates += gate_bias
        _gates(gates)
        np.multiply(row[1], h, out=q)
        fast.matmul(q, r_new, out=new)
        new += given[2]
        new += new_bias
        fast.tanh(new, out=new)
        np.subtract(h, new, out=now)
        now *= row[0]
        now += new
        h = now


def _backward(g: Any, out: Any, x: Any, *, batch: int, reset_after: bool) -> Any:
    dtype = floating(g.dtype, out.dtype, x.dtype)
    g, out, x = (home(x).ascontiguousarray(a, dtype) for a in (g, out, x))
    _, r, first, _ = _rows(x, batch)
    n = len(r)
    result = home(x).empty(x.shape, dtype)
    result[2 + n : 2 + n + batch, n:] = 0
    db, dr, dfirst, dz = _rows(result, batch)
    befores = np.concatenate([first[None], out[:-1, 4]])
    # The part of a step's cotangents that goes through R; with the reset gate before the product, that of z itself.
    through = np.empty_like(dz) if reset_after else dz
    dh = _back_after(g, out, befores, r, dz, through) if reset_after else _back_before(g, out, befores, r, dz)
    np.sum(dz, axis=(0, 1), out=db[0])
    np.sum(through, axis=(0, 1), out=db[1])
    befores, rows = befores.reshape(-1, n).T, through.reshape(-1, 3 * n)
    if reset_after:
        fast.matmul(befores, rows, out=dr)
    else:
        dr[:, : 2 * n] = fast.matmul(befores, rows[:, : 2 * n])
        dr[:, 2 * n :] = fast.matmul(home(out).ascontiguousarray(out[:, 3]).reshape(-1, n).T, rows[:, 2 * n :])
    dfirst[:] = dh
    return result


def _back_after(g: Any, out: Any, befores: Any, r: Any, dz: Any, through: Any) -> Any:
    """Write the cotangents of z and of what goes through R, and return that of h before the first step."""
    batch, n = befores.shape[1:]
    xp = home(r)
    back, dh, product = xp.ascontiguousarray(r.T), xp.zeros((batch, n), dz.dtype), xp.empty((batch, n), dz.dtype)
    apart, apart_through = (a.reshape(-1, batch, 3, n) for a in (dz, through))
    rows, g = out.swapaxes(1, 2), g.swapaxes(1, 2)
    for t in range(len(out) - 1, -1, -1):
        _step_back(rows[t], g[t], befores[t], dh, out=(apart[t], apart_through[t], dh))
        dh += fast.matmul(through[t], back, out=product)
    return dh


def _back_before(g: Any, out: Any, befores: Any, r: Any, dz: Any) -> Any:
    """As `_back_after`, with the reset gate before the product."""
    batch, n = befores.shape[1:]
    back, new_back = home(r).ascontiguousarray(r[:, : 2 * n].T), home(r).ascontiguousarray(r[:, 2 * n :].T)
    xp = home(dz)
    z_by_gate, d, dh = by_gate(dz, n), xp.empty((3, batch, n), dz.dtype), xp.zeros((batch, n), dz.dtype)
    (du, d_reset, dn), dq, part, slope = d, np.empty_like(dh), np.empty_like(dh), np.empty_like(d[:2])
    for t in range(len(out) - 1, -1, -1):
        row, given, before = out[t], g[t], befores[t]
        gates, (u, reset, new, _, _) = row[:2], row
        dh += given[4]
        np.multiply(np.subtract(1, u, out=part), dh, out=dn)
        dn += given[2]
        dn *= np.subtract(1, np.multiply(new, new, out=part), out=part)
        np.subtract(before, new, out=du)
        du *= dh
        fast.matmul(dn, new_back, out=dq)
        dq += given[3]
        np.multiply(before, dq, out=d_reset)
        d[:2] += given[:2]
        d[:2] *= np.multiply(np.subtract(1, gates, out=slope), gates, out=slope)
        z_by_gate[t] = d
        dh *= u
        dh += np.multiply(reset, dq, out=part)
        dh += fast.matmul(dz[t, :, : 2 * n], back)
    return dh


# ---- the derivatives, in plain NumPy --------------------------------------------------------------------------------
class _Local(NamedTuple):
    """The gates at all steps, the states before them, the slopes of the gates, R, and where the reset gate acts."""

    u: Any
    r: Any
    n: Any
    q: Any
    before: Any
    su: Any
    sr: Any
    sn: Any
    kernel: Any
    after: bool


class _Parts(NamedTuple):
    """Tangents, or cotangents, of the arguments of the gates (au, ar, an), of the gates, of q and h at all steps.

    `before` holds that of h before each step; for cotangents, only before the first.
    """

    au: Any
    ar: Any
    an: Any
    u: Any
    r: Any
    n: Any
    q: Any
    h: Any
    before: Any


def _local(out: Any, rows: _Rows, after: bool) -> _Local:
    u, r, n, q, h = (out[:, k] for k in range(5))
    before = delayed(h, rows.h)
    return _Local(u, r, n, q, before, u * (1 - u), r * (1 - r), 1 - n * n, rows.r, after)


def _push(own: Any, through: Any, first: Any, p: _Local) -> _Parts:
    """Return all tangents.

    Args:
        own: added to the tangents of the gates' arguments, (T, N, 3 H).
        through: added to the tangents of the products with R, (T, N, 3 H).
        first: the tangent of h before the first step.
        p: the coefficients.
    """
    units = first.shape[1]
    found: list[tuple[Any, ...]] = []
    for t in range(own.shape[0]):
        (zu, zr, zn), (yu, yr, yn) = cut(own[t], 3), cut(through[t], 3)
        gates = fast.matmul(first, p.kernel[:, : 2 * units])
        au, ar = zu + yu + gates[:, :units], zr + yr + gates[:, units:]
        u, r = p.su[t] * au, p.sr[t] * ar
        if p.after:
            q = yn + fast.matmul(first, p.kernel[:, 2 * units :])
            an = zn + p.q[t] * r + p.r[t] * q
        else:
            q = p.before[t] * r + p.r[t] * first
            an = zn + yn + fast.matmul(q, p.kernel[:, 2 * units :])
        n = p.sn[t] * an
        h = (p.before[t] - p.n[t]) * u + p.u[t] * first + (1 - p.u[t]) * n
        found.append((au, ar, an, u, r, n, q, h, first))
        first = h
    return _Parts(*(np.stack(parts) for parts in zip(*found, strict=True)))


def _pull(sources: list[Any], p: _Local, bends: list[Any] | None = None) -> _Parts:
    """Return all cotangents, given terms to add to those of u, r, n, q and h, and to those of the gates' arguments."""
    found: list[tuple[Any, ...]] = []
    later: Any = None
    units = p.kernel.shape[0]
    gates, new = p.kernel[:, : 2 * units], p.kernel[:, 2 * units :]
    for t in reversed(range(sources[0].shape[0])):
        u, r, n, q, h = (s[t] for s in sources)
        h = h if later is None else h + later
        n = n + (1 - p.u[t]) * h
        u = u + (p.before[t] - p.n[t]) * h
        an = p.sn[t] * n if bends is None else p.sn[t] * n + bends[2][t]
        if p.after:
            q = q + p.r[t] * an
            r = r + p.q[t] * an
            later = p.u[t] * h + fast.matmul(q, new.T)
        else:
            q = q + fast.matmul(an, new.T)
            r = r + p.before[t] * q
            later = p.u[t] * h + p.r[t] * q
        au = p.su[t] * u if bends is None else p.su[t] * u + bends[0][t]
        ar = p.sr[t] * r if bends is None else p.sr[t] * r + bends[1][t]
        later = later + fast.matmul(np.concatenate([au, ar], axis=1), gates.T)
        found.append((au, ar, an, u, r, n, q, h))
    return _Parts(*[*(np.stack(parts) for parts in zip(*found[::-1], strict=True)), later])


def _joined(*parts: Any) -> Any:
    return np.concatenate(parts, axis=2)


def _through(w: _Rows, p: _Local) -> Any:
    """Return what tangents of R and b' add to the tangents of the products with R."""
    units = w.r.shape[0]
    last = p.before if p.after else p.q
    return _joined(times(p.before, w.r[:, : 2 * units]), times(last, w.r[:, 2 * units :])) + w.b[1]


def _pushed(w: _Rows, p: _Local) -> _Parts:
    return _push(w.z + w.b[0], _through(w, p), w.h, p)


def _tangent(dx: Any, out: Any, x: Any, batch: int, after: bool) -> Any:
    """Return the tangent of the result, given the tangent of x."""
    d = _pushed(_rows(dx, batch), _local(out, _rows(x, batch), after))
    return np.stack([d.u, d.r, d.n, d.q, d.h], axis=1)


def _packed(b: Any, r: Any, h: Any, z: Any) -> Any:
    """Pack the parts of x; None means zeros."""
    width = r.shape[1]
    pad = home(r).zeros((h.shape[0], width - h.shape[1]), r.dtype)
    top = home(r).zeros((2, width), r.dtype) if b is None else b
    return np.concatenate([top, r, np.concatenate([h, pad], axis=1), z.reshape(-1, width)], axis=0)


def _by_kernel(before: Any, q: Any, c: _Parts, after: bool) -> Any:
    """Return the sum over all steps of the transposed factor of R times the cotangents of the products."""
    if after:
        return over_steps(before, _joined(c.au, c.ar, c.q))
    return np.concatenate([over_steps(before, _joined(c.au, c.ar)), over_steps(q, c.an)], axis=1)


def _by_state(w: Any, d: Any, c: _Parts, after: bool) -> Any:
    """Return the coefficient of a change of h before each step, for changes w of R and d of the gates."""
    units = w.shape[0]
    found = d.u * c.h + times(_joined(c.au, c.ar), w[:, : 2 * units].T)
    return found + (times(c.q, w[:, 2 * units :].T) if after else d.r * c.q)


def _adjoint_by_out(g: Any, cotangent: Any, out: Any, x: Any, batch: int, after: bool) -> Any:
    """Return the derivative of <g, adjoint> by the result of the GRU, on which the coefficients depend."""
    w, p = _rows(g, batch), _local(out, _rows(x, batch), after)
    d, c = _pushed(w, p), _pull([cotangent[:, k] for k in range(5)], p)
    u = c.u * (1 - 2 * p.u) * d.au + c.h * (d.before - d.n)
    r = c.r * (1 - 2 * p.r) * d.ar + (c.an * d.q if after else c.q * d.before)
    n = -2 * p.n * c.n * d.an - c.h * d.u
    q = c.an * d.r if after else times(c.an, w.r[:, 2 * w.r.shape[0] :].T)
    return np.stack([u, r, n, q, advanced(_by_state(w.r, d, c, after))], axis=1)


def _adjoint_by_x(g: Any, cotangent: Any, out: Any, x: Any, batch: int, after: bool) -> Any:
    """Return the derivative of <g, adjoint> by x: by R, and by h before the first step."""
    rows, w = _rows(x, batch), _rows(g, batch)
    p = _local(out, rows, after)
    d, c = _pushed(w, p), _pull([cotangent[:, k] for k in range(5)], p)
    by_first = _by_state(w.r, d, c, after)[0]
    return _packed(None, _by_kernel(d.before, d.q, c, after), by_first, np.zeros_like(rows.z))


class _Changes(NamedTuple):
    """Changes of the gates."""

    u: Any
    r: Any


def _adjoint_jvp(tangents: Any, out: Any, x: Any, y: Any, z: Any, *, batch: int, reset_after: bool) -> Any:
    """Differentiate the equations of `_pull`: the change of an equation's coefficients is a source term of it."""
    after = reset_after
    dx, dy, dz = (np.zeros_like(a) if d is None else d for d, a in zip(tangents, (x, y, z), strict=True))
    rows, w = _rows(z, batch), _rows(dz, batch)
    p = _local(y, rows, after)
    c = _pull([x[:, k] for k in range(5)], p)
    u, r, n, q, h = (dy[:, k] for k in range(5))
    before, units = delayed(h, w.h), w.r.shape[0]
    to_state = _by_state(w.r, _Changes(u, r), c, after)
    more = [
        (before - n) * c.h,
        q * c.an if after else before * c.q,
        -u * c.h,
        r * c.an if after else times(c.an, w.r[:, 2 * units :].T),
        advanced(to_state),
    ]
    bends = [(1 - 2 * p.u) * u * c.u, (1 - 2 * p.r) * r * c.r, -2 * p.n * n * c.n]
    new = _pull([dx[:, k] + source for k, source in enumerate(more)], p, bends)
    by_r = _by_kernel(before, q, c, after) + _by_kernel(p.before, p.q, new, after)
    through = _joined(new.au, new.ar, new.q if after else new.an)
    own = _joined(new.au, new.ar, new.an)
    b = np.stack([own.sum(axis=(0, 1)), through.sum(axis=(0, 1))])
    return _packed(b, by_r, new.before + to_state[0], own)


# ---- the records ----------------------------------------------------------------------------------------------------
def _infer(x: ShapeDtype, *, batch: int, reset_after: bool) -> ShapeDtype:
    n = x.shape[1] // 3
    return ShapeDtype(((x.shape[0] - 2 - n - batch) // batch, 5, batch, n), floating(x.dtype))


gru_adjoint: Op = structural(
    "gru_adjoint",
    _backward,
    lambda g, out, x, y, z, *, batch, reset_after: _tangent(g, y, z, batch, reset_after),
    lambda g, out, x, y, z, *, batch, reset_after: _adjoint_by_out(g, x, y, z, batch, reset_after),
    lambda g, out, x, y, z, *, batch, reset_after: _adjoint_by_x(g, x, y, z, batch, reset_after),
    saves=("yz", "xyz", "xyz"),
    infer=lambda x, y, z, **params: ShapeDtype(z.shape, floating(x.dtype, y.dtype, z.dtype)),
    jvp=_adjoint_jvp,
    batch=batching.one_by_one,
)

gru: Op = structural(
    "gru",
    _forward,
    lambda g, out, x, **params: gru_adjoint(g, out, x, **params),
    saves="ox",
    infer=_infer,
    jvp=lambda tangents, out, x, *, batch, reset_after: _tangent(tangents[0], out, x, batch, reset_after),
    batch=batching.one_by_one,
)
