"""Recurrent networks: as ONNX's `LSTM`, `GRU` and `RNN` where the states alone are wanted, otherwise step by step.

Our ops return the gates of all steps too, for the backward pass, which ONNX's operators do not; and they take all their
inputs in one matrix. A pattern looks at what is read off the result, and at what the matrix was put together from, down
to the product of the input with its kernel, which is part of ONNX's operators. ONNX Runtime has them in single
precision.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from . import functions as f
from .emit import FLOAT, Value
from .moving import joined
from .table import Call, Made, Match, exports, fuses

_HALF = np.dtype(np.float16)


# ---- step by step ---------------------------------------------------------------------------------------------------


def _wide(call: Call, x: Value) -> Value:
    return call.value(x, call.dtype).cast(FLOAT if call.dtype == _HALF else call.dtype)


def _logistic(x: Value) -> Value:
    return f.tanh(x * 0.5) * 0.5 + 0.5


def _cut(x: Value, parts: int) -> list[Value]:
    """Cut the last axis of (N, parts H) into parts."""
    n = x.shape[1] // parts
    return [x.cut((1, slice(k * n, (k + 1) * n))) for k in range(parts)]


def _rows(x: Value, *lengths: int) -> list[Value]:
    """Cut axis 0 into parts of some lengths, and what is left."""
    found, start = [], 0
    for n in lengths:
        found.append(x.cut((0, slice(start, start + n))))
        start += n
    return [*found, x.cut((0, slice(start, None)))]


def _stacked(steps: list[list[Value]]) -> Value:
    """Put results (N, H) of all steps together: (T, parts, N, H)."""
    rows = [joined([part.reshape(1, 1, *part.shape) for part in parts], 1) for parts in steps]
    return joined(rows, 0)


def _at(z: Value, t: int) -> Value:
    return z.cut((0, slice(t, t + 1))).reshape(*z.shape[1:])


@exports("lstm")
def _lstm(call: Call, x: Value, *, batch: int) -> Value:
    x = _wide(call, x)
    steps, units = call.shape[0], call.shape[3]
    b, r, c, z = _rows(x, 1, units, batch)
    c = c.cut((1, slice(0, units)))
    z = z.reshape(steps, batch, 4 * units) + b
    found: list[list[Value]] = []
    for t in range(steps):
        a = _at(z, t) + f.product(found[-1][4], r) if t else _at(z, t)
        parts = _cut(a, 4)
        i, forget, o = (_logistic(parts[k]) for k in (0, 1, 3))
        g = f.tanh(parts[2])
        c = forget * c + i * g
        found.append([i, forget, g, o, o * f.tanh(c), c])
    return _stacked(found).cast(call.dtype)


@exports("gru")
def _gru(call: Call, x: Value, *, batch: int, reset_after: bool) -> Value:
    x = _wide(call, x)
    steps, units = call.shape[0], call.shape[3]
    b, b2, r, h, z = _rows(x, 1, 1, units, batch)
    h = h.cut((1, slice(0, units)))
    z = z.reshape(steps, batch, 3 * units) + b
    r_gates, r_new = r.cut((1, slice(0, 2 * units))), r.cut((1, slice(2 * units, None)))
    b_gates, b_new = b2.cut((1, slice(0, 2 * units))), b2.cut((1, slice(2 * units, None)))
    found: list[list[Value]] = []
    for t in range(steps):
        own = _at(z, t)
        gates = _logistic(own.cut((1, slice(0, 2 * units))) + f.product(h, r_gates) + b_gates)
        update, reset = _cut(gates, 2)
        last = own.cut((1, slice(2 * units, None)))
        if reset_after:
            q = f.product(h, r_new) + b_new
            new = f.tanh(last + reset * q)
        else:
            q = reset * h
            new = f.tanh(last + b_new + f.product(q, r_new))
        h = new + update * (h - new)
        found.append([update, reset, new, q, h])
    return _stacked(found).cast(call.dtype)


@exports("simple_rnn")
def _simple_rnn(call: Call, x: Value, *, batch: int, activation: str) -> Value:
    x = _wide(call, x)
    steps, units = call.shape[0], call.shape[2]
    b, r, z = _rows(x, 1, units)
    z = z.reshape(steps, batch, units) + b
    found: list[Value] = []
    for t in range(steps):
        a = _at(z, t) + f.product(found[-1], r) if t else _at(z, t)
        found.append(a.emitter.run("Relu", a) if activation == "relu" else f.tanh(a))
    return joined([h.reshape(1, *h.shape) for h in found], 0).cast(call.dtype)


# ---- their adjoints, step by step -----------------------------------------------------------------------------------


def _part(a: Value, t: int, k: int) -> Value:
    """Return result k of a step, (N, H)."""
    return a.cut((0, slice(t, t + 1)), (1, slice(k, k + 1))).reshape(*a.shape[2:])


def _over_steps(rows: list[Value], cotangents: list[Value], like: Value) -> Value:
    """Return the sum over steps of rowsᵀ cotangents; zeros, as many as in `like`, if there are no steps."""
    if not rows:
        return like.emitter.filled(0, like.shape, like.dtype)
    return f.product(joined(rows, 0).transpose([1, 0]), joined(cotangents, 0))


def _sum_of_rows(parts: list[Value]) -> Value:
    return joined(parts, 0).sum((0,), keepdims=True)


def _padded(state: Value, width: int) -> Value:
    return state.pad([0, 0], [0, width - state.shape[1]])


@exports("lstm_adjoint")
def _lstm_adjoint(call: Call, g: Value, out: Value, x: Value, *, batch: int) -> Value:
    g, out, x = (_wide(call, v) for v in (g, out, x))
    steps, units = out.shape[0], out.shape[3]
    _, r, first, _ = _rows(x, 1, units, batch)
    first, back = first.cut((1, slice(0, units))), r.transpose([1, 0])
    deltas: list[Value] = []
    later_h: Value | None = None
    later_c: Value | None = None
    for t in reversed(range(steps)):
        i, forget, new, o, _, c = (_part(out, t, k) for k in range(6))
        of_i, of_f, of_new, of_o, of_h, of_c = (_part(g, t, k) for k in range(6))
        h = of_h if later_h is None else of_h + later_h
        tanh_c, before = f.tanh(c), _part(out, t - 1, 5) if t else first
        total = of_c + h * o * (1 - tanh_c * tanh_c)
        total = total if later_c is None else total + later_c
        parts = [
            (of_i + total * new) * i * (1 - i),
            (of_f + total * before) * forget * (1 - forget),
            (of_new + total * i) * (1 - new * new),
            (of_o + h * tanh_c) * o * (1 - o),
        ]
        deltas.insert(0, joined(parts, 1))
        later_h, later_c = f.product(deltas[0], back), total * forget
    assert later_c is not None
    before_r = _over_steps([_part(out, t, 4) for t in range(steps - 1)], deltas[1:], r)
    rows = [_sum_of_rows(deltas), before_r, _padded(later_c, 4 * units), *deltas]
    return joined(rows, 0).cast(call.dtype)


@exports("gru_adjoint")
def _gru_adjoint(call: Call, g: Value, out: Value, x: Value, *, batch: int, reset_after: bool) -> Value:
    g, out, x = (_wide(call, v) for v in (g, out, x))
    steps, units = out.shape[0], out.shape[3]
    _, r, first, _ = _rows(x, 2, units, batch)
    first = first.cut((1, slice(0, units)))
    gates, new_kernel = r.cut((1, slice(0, 2 * units))), r.cut((1, slice(2 * units, None)))
    gates_back, new_back = gates.transpose([1, 0]), new_kernel.transpose([1, 0])
    own: list[Value] = []
    of_gates: list[Value] = []
    of_new: list[Value] = []
    later: Value | None = None
    befores = [first, *(_part(out, t, 4) for t in range(steps - 1))]
    for t in reversed(range(steps)):
        update, reset, new, q, _ = (_part(out, t, k) for k in range(5))
        of_u, of_r, of_n, of_q, of_h = (_part(g, t, k) for k in range(5))
        h, before = of_h if later is None else of_h + later, befores[t]
        an = (of_n + (1 - update) * h) * (1 - new * new)
        au = (of_u + (before - new) * h) * update * (1 - update)
        of_q = of_q + (reset * an if reset_after else f.product(an, new_back))
        ar = (of_r + (q * an if reset_after else before * of_q)) * reset * (1 - reset)
        both = joined([au, ar], 1)
        later = update * h + f.product(both, gates_back)
        later = later + (f.product(of_q, new_back) if reset_after else reset * of_q)
        own.insert(0, joined([au, ar, an], 1))
        of_gates.insert(0, both)
        of_new.insert(0, of_q if reset_after else an)
    assert later is not None
    last = befores if reset_after else [_part(out, t, 3) for t in range(steps)]
    kernel = joined([_over_steps(befores, of_gates, gates), _over_steps(last, of_new, new_kernel)], 1)
    second = joined([_sum_of_rows(of_gates), _sum_of_rows(of_new)], 1)
    rows = [_sum_of_rows(own), second, kernel, _padded(later, 3 * units), *own]
    return joined(rows, 0).cast(call.dtype)


@exports("simple_rnn_adjoint")
def _simple_rnn_adjoint(call: Call, g: Value, out: Value, x: Value, *, batch: int, activation: str) -> Value:
    g, out, x = (_wide(call, v) for v in (g, out, x))
    steps, units = out.shape[0], out.shape[2]
    _, r, _ = _rows(x, 1, units)
    back, deltas = r.transpose([1, 0]), list[Value]()
    for t in reversed(range(steps)):
        h, total = _at(out, t), _at(g, t)
        total = total + f.product(deltas[0], back) if deltas else total
        slope = (h > 0).cast(h.dtype) if activation == "relu" else 1 - h * h
        deltas.insert(0, total * slope)
    before_r = _over_steps([_at(out, t) for t in range(steps - 1)], deltas[1:], r)
    return joined([_sum_of_rows(deltas), before_r, *deltas], 0).cast(call.dtype)


# ---- by an operator -------------------------------------------------------------------------------------------------


class _Parts(NamedTuple):
    """The ids of what a recurrent op's matrix was put together from; empty where it is zeros.

    Attributes:
        bias, kernel: of the op.
        wide: the state in the matrix, wider than it is.
        h: another state, which is in the first step's z.
        x, w: whose product z is; w is empty if x is z itself.
    """

    bias: str
    kernel: str
    wide: str
    h: str
    x: str
    w: str


def _is_zero(made: Made, node_id: str) -> bool:
    known = made.bound.get(node_id)
    return made.op(node_id) == "" and isinstance(known, np.ndarray) and not known.any()


def _parts(made: Made, node_id: str, has_state: bool) -> _Parts | None:
    """Take the matrix of a recurrent op apart; None if it was put together in another way, or not in float32."""
    (matrix,) = made.inputs(node_id)
    if made.op(matrix) != "concatenate" or made.params(matrix)["axis"] != 0:
        return None
    if len(made.inputs(matrix)) < 3 + has_state:
        return None
    top, kernel, *rest = made.inputs(matrix)
    wide = rest.pop(0) if has_state else ""
    batch, units = made.params(node_id)["batch"], made.nodes[node_id].shape[-1]
    shape = {i: made.nodes[i].shape for i in made.inputs(matrix)}
    top_rows = 2 if made.op(node_id) == "gru" else 1
    fits = shape[kernel][:1] == (units,) and shape[top][0] == top_rows and (not wide or shape[wide][0] == batch)
    body = _body(made, rest, kernel)
    if not fits or body is None:
        return None
    h, z = body
    x, w = _factors(made, z)
    given = ["" if i and _is_zero(made, i) else i for i in (top, kernel, wide, h)]
    found = _Parts(*[*given, x, w])
    single = all(made.nodes[i].dtype == FLOAT and i for i in found if i)
    return found if single and found.kernel else None


def _body(made: Made, rest: list[str], kernel: str) -> tuple[str, str] | None:
    """Return the ids of h before the first step, empty if there is none, and of z."""
    if len(rest) == 1:
        return "", rest[0]
    if len(rest) != 2 or made.op(rest[0]) != "add":
        return None
    first, product = made.inputs(rest[0])
    later = _without_reshapes(made, rest[1])
    fits = (
        made.op(product) == "matmul"
        and made.inputs(product)[1] == kernel
        and made.op(first) == made.op(later) == "getitem"
        and made.inputs(first) == made.inputs(later)
        and _same(made.params(first)["index"], (0,))
        and _same(made.params(later)["index"], (slice(1, None),))
    )
    return (made.inputs(product)[0], made.inputs(first)[0]) if fits else None


def _same(index: tuple[Any, ...], wanted: tuple[Any, ...]) -> bool:
    """Compare indices; one may hold arrays."""
    return not any(isinstance(i, np.ndarray) for i in index) and index == wanted


def _without_reshapes(made: Made, node_id: str) -> str:
    while made.op(node_id) == "reshape":
        (node_id,) = made.inputs(node_id)
    return node_id


def _factors(made: Made, z: str) -> tuple[str, str]:
    """Return the ids of the input, (T N, D), and of its kernel (D, k H), if z is their product."""
    inner = _without_reshapes(made, z)
    if made.op(inner) != "matmul":
        return z, ""
    x, w = made.inputs(inner)
    return (x, w) if len(made.nodes[x].shape) == len(made.nodes[w].shape) == 2 else (z, "")


class _Weights(NamedTuple):
    """The inputs of an ONNX operator, in its layout; None for what is zero."""

    x: Value
    w: Value
    r: Value
    b: Value | None
    h: Value | None
    wide: Value | None


def _turned(w: Value, order: list[int]) -> Value:
    """Return a kernel (D, k H) as (1, k H, D), with the gates in some order."""
    turned, (depth, width) = w.transpose([1, 0]), w.shape
    if order != sorted(order):
        turned = turned.reshape(len(order), width // len(order), depth).gather(np.array(order), 0)
    return turned.reshape(1, width, depth)


def _weights(call: Call, parts: _Parts, values: dict[str, Value], steps: int, rows: int, order: list[int]) -> _Weights:
    r = values[parts.kernel]
    units, width = r.shape
    x = values[parts.x]
    x = x.reshape(steps, rows, x.shape[-1])
    # An input that is not a product is multiplied by the identity, which changes nothing.
    w = values[parts.w] if parts.w else call.emitter.constant(np.eye(width, dtype=FLOAT))
    b = values.get(parts.bias)
    if b is not None:
        count = b.shape[0]
        if order != sorted(order):
            b = b.reshape(count, len(order), units).gather(np.array(order), 1)
        b = b.reshape(1, count * width)
        if count == 1:
            b = b.pad([0, 0], [0, width])
    h = values.get(parts.h)
    wide = values.get(parts.wide)
    return _Weights(
        x, _turned(w, order), _turned(r, order), b,
        None if h is None else h.reshape(1, rows, units),
        None if wide is None else wide.cut((1, slice(0, units))).reshape(1, rows, units),
    )  # fmt: skip


def _operator(op_type: str, call: Call, given: list[Value | None], **options: Any) -> tuple[Value, ...]:
    """Add one of the operators; return the states at all steps (T, 1, N, H), and the last ones (1, N, H)."""
    while given[-1] is None:
        given.pop()
    x, _, r = (v for v in given[:3] if v is not None)
    (steps, rows), units = x.shape[:2], r.shape[2]
    emitter = call.emitter
    y = emitter.call(op_type, *given, shape=(steps, 1, rows, units), hidden_size=units, **options)
    last = [emitter.second(y, FLOAT, (1, rows, units)) for _ in range(2 if op_type == "LSTM" else 1)]
    return y, *last


def _match(made: Made, node_id: str, has_state: bool, which: int) -> Match | None:
    """Match a recurrent op of which the states of all steps (0), the last h (1) or the last c (2) are wanted."""
    parts = _parts(made, node_id, has_state)
    if parts is None:
        return None
    name, params, inputs = made.op(node_id), made.params(node_id), tuple(i for i in parts if i)
    steps, rows = made.nodes[node_id].shape[0], params["batch"]

    def write(call: Call, *values: Value) -> Value:
        known = call.emitter.shared
        if node_id not in known:
            order = [0, 3, 1, 2] if name == "lstm" else [0, 1, 2] if name == "gru" else [0]
            g = _weights(call, parts, dict(zip(inputs, values, strict=True)), steps, rows, order)
            if name == "lstm":
                known[node_id] = _operator("LSTM", call, [g.x, g.w, g.r, g.b, None, g.h, g.wide])
            elif name == "gru":
                after = int(params["reset_after"])
                known[node_id] = _operator("GRU", call, [g.x, g.w, g.r, g.b, None, g.wide], linear_before_reset=after)
            else:
                word = params["activation"].capitalize()
                known[node_id] = _operator("RNN", call, [g.x, g.w, g.r, g.b, None, g.h], activations=[word])
        found: Value = known[node_id][which]
        return found.reshape(*call.shape)

    return Match(inputs, write)


@fuses("getitem")
def _states(made: Made, end: str) -> Match | None:
    """What is read off an LSTM or a GRU: h at all steps, or c at the last."""
    (of,) = made.inputs(end)
    if made.op(of) in ("lstm", "gru") and _same(made.params(end)["index"], (slice(None), 4)):
        return _match(made, of, True, 0)
    if made.op(of) != "getitem" or made.op(made.inputs(of)[0]) != "lstm":
        return None
    last_c = _same(made.params(of)["index"], (slice(None), 5)) and _same(made.params(end)["index"], (-1,))
    return _match(made, made.inputs(of)[0], True, 2) if last_c else None


@fuses("simple_rnn")
def _all_states(made: Made, end: str) -> Match | None:
    return _match(made, end, False, 0)
