"""Recurrent networks: as ONNX's `LSTM`, `GRU` and `RNN` where the states alone are wanted, otherwise step by step.

Our ops return the gates of all steps too, for the backward pass, which ONNX's operators do not. A pattern looks at
which results are read, and at the product of the input with its kernel, which is part of ONNX's operators. ONNX Runtime
has them in single precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import functions as f
from .emit import FLOAT, Value
from .moving import joined
from .table import Call, Made, Match, exports, fuses

_HALF = np.dtype(np.float16)


# ---- step by step ---------------------------------------------------------------------------------------------------


def _wide(call: Call, *arrays: Value) -> list[Value]:
    dtype: Any = call.dtype
    dtype = dtype[0] if call.node.has_several else dtype
    return [call.value(x, dtype).cast(FLOAT if dtype == _HALF else dtype) for x in arrays]


def _cast(call: Call, *results: Value) -> tuple[Value, ...]:
    """Return all results in their dtype."""
    return tuple([made.cast(dtype) for made, dtype in zip(results, call.dtype, strict=True)])  # type: ignore[call-overload]


def _logistic(x: Value) -> Value:
    return f.tanh(x * 0.5) * 0.5 + 0.5


def _cut(x: Value, parts: int) -> list[Value]:
    """Cut the last axis of (N, parts H) into parts."""
    n = x.shape[1] // parts
    return [x.cut((1, slice(k * n, (k + 1) * n))) for k in range(parts)]


def _stacked(steps: Sequence[Value]) -> Value:
    """Put arrays of all steps together, along a new first axis."""
    return joined([a.reshape(1, *a.shape) for a in steps], 0)


def _gates(steps: Sequence[Sequence[Value]]) -> Value:
    """Put gates (N, H) of all steps together: (T, N, gates, H)."""
    return _stacked([joined([a.reshape(a.shape[0], 1, a.shape[1]) for a in gates], 1) for gates in steps])


def _at(z: Value, t: int) -> Value:
    return z.cut((0, slice(t, t + 1))).reshape(*z.shape[1:])


def _all(z: Value) -> list[Value]:
    """Return what there is at each step."""
    return [_at(z, t) for t in range(z.shape[0])]


@exports("lstm")
def _lstm(call: Call, *arrays: Value) -> Any:
    z, r, b, h, c = _wide(call, *arrays)
    states, gates = list[tuple[Value, Value]](), list[list[Value]]()
    for z_t in _all(z + b):
        i, forget, g, o = _cut(z_t + f.product(h, r), 4)
        i, forget, g, o = _logistic(i), _logistic(forget), f.tanh(g), _logistic(o)
        c = forget * c + i * g
        h = o * f.tanh(c)
        states.append((h, c))
        gates.append([i, forget, g, o])
    return _cast(
        call,
        _stacked([h for h, _ in states]),
        _stacked([c for _, c in states]),
        _gates(gates),
    )


@exports("gru")
def _gru(call: Call, *arrays: Value, reset_after: bool) -> Any:
    z, r, b, h = _wide(call, *arrays)
    units = r.shape[0]
    ends = slice(0, 2 * units), slice(2 * units, None)
    (r_gates, r_new), (b, b2) = (r.cut((1, end)) for end in ends), _all(b)
    b_gates, b_new = (b2.cut((0, end)) for end in ends)
    states, all_gates = list[Value](), list[list[Value]]()
    for z_t in _all(z + b):
        of_gates, of_new = (z_t.cut((1, end)) for end in ends)
        update, reset = _cut(_logistic(of_gates + f.product(h, r_gates) + b_gates), 2)
        q = f.product(h, r_new) + b_new if reset_after else reset * h
        new = f.tanh(of_new + (reset * q if reset_after else b_new + f.product(q, r_new)))
        h = new + update * (h - new)
        states.append(h)
        all_gates.append([update, reset, new, q])
    return _cast(call, _stacked(states), _gates(all_gates))


@exports("simple_rnn")
def _simple_rnn(call: Call, *arrays: Value, activation: str) -> Value:
    z, r, b, h = _wide(call, *arrays)
    found: list[Value] = []
    for z_t in _all(z + b):
        a = z_t + f.product(h, r)
        h = a.emitter.run("Relu", a) if activation == "relu" else f.tanh(a)
        found.append(h)
    return _stacked(found).cast(call.dtype)


# ---- their adjoints, step by step -----------------------------------------------------------------------------------


def _apart(gates: Value) -> list[list[Value]]:
    """Return the gates of each step, (N, H) each."""
    (_, rows, count, units), steps = gates.shape, _all(gates)
    return [[a.cut((1, slice(k, k + 1))).reshape(rows, units) for k in range(count)] for a in steps]


def _over_steps(rows: list[Value], cotangents: list[Value]) -> Value:
    """Return the sum over steps of rowsᵀ cotangents."""
    return f.product(joined(rows, 0).transpose([1, 0]), joined(cotangents, 0))


def _sum_of_rows(parts: list[Value]) -> Value:
    return joined(parts, 0).sum((0,), keepdims=False)


@exports("lstm_adjoint")
def _lstm_adjoint(call: Call, *arrays: Value) -> Any:
    gh, gc, h, c, gates, r, first_h, first_c = _wide(call, *arrays)
    back, cells, deltas = r.transpose([1, 0]), _all(c), list[Value]()
    later_h = later_c = call.emitter.filled(0, first_c.shape, first_c.dtype)
    every = zip(_all(gh), _all(gc), cells, [first_c, *cells[:-1]], _apart(gates), strict=True)
    for of_h, of_c, c_t, before, (i, forget, new, o) in reversed(list(every)):
        tanh_c, of_h = f.tanh(c_t), of_h + later_h
        total = of_c + later_c + of_h * o * (1 - tanh_c * tanh_c)
        parts = [
            total * new * i * (1 - i),
            total * before * forget * (1 - forget),
            total * i * (1 - new * new),
            of_h * tanh_c * o * (1 - o),
        ]
        deltas.insert(0, joined(parts, 1))
        later_h, later_c = f.product(deltas[0], back), total * forget
    return _cast(
        call,
        _stacked(deltas),
        _over_steps([first_h, *_all(h)[:-1]], deltas),
        _sum_of_rows(deltas),
        later_h,
        later_c,
    )


@exports("gru_adjoint")
def _gru_adjoint(call: Call, *arrays: Value, reset_after: bool) -> Any:
    gh, h, gates, r, first = _wide(call, *arrays)
    units = r.shape[0]
    r_gates, r_new = r.cut((1, slice(0, 2 * units))), r.cut((1, slice(2 * units, None)))
    gates_back, new_back = r_gates.transpose([1, 0]), r_new.transpose([1, 0])
    of_gates, of_new, of_products = list[Value](), list[Value](), list[Value]()
    befores, apart = [first, *_all(h)[:-1]], _apart(gates)
    later = call.emitter.filled(0, first.shape, first.dtype)
    for of_h, before, (update, reset, new, q) in reversed(list(zip(_all(gh), befores, apart, strict=True))):
        of_h = of_h + later
        an = (1 - update) * of_h * (1 - new * new)
        au = (before - new) * of_h * update * (1 - update)
        of_q = reset * an if reset_after else f.product(an, new_back)
        ar = (q * an if reset_after else before * of_q) * reset * (1 - reset)
        both = joined([au, ar], 1)
        later = update * of_h + f.product(both, gates_back)
        later = later + (f.product(of_q, new_back) if reset_after else reset * of_q)
        of_gates.insert(0, both)
        of_new.insert(0, an)
        of_products.insert(0, of_q if reset_after else an)
    last = befores if reset_after else [q for *_, q in apart]
    sums = [_sum_of_rows(parts) for parts in (of_gates, of_new, of_gates, of_products)]
    return _cast(
        call,
        _stacked([joined(list(pair), 1) for pair in zip(of_gates, of_new, strict=True)]),
        joined([_over_steps(befores, of_gates), _over_steps(last, of_products)], 1),
        _stacked([joined(sums[:2], 0), joined(sums[2:], 0)]),
        later,
    )


@exports("simple_rnn_adjoint")
def _simple_rnn_adjoint(call: Call, *arrays: Value, activation: str) -> Any:
    g, h, r, first = _wide(call, *arrays)
    back, states, deltas = r.transpose([1, 0]), _all(h), list[Value]()
    later = call.emitter.filled(0, first.shape, first.dtype)
    for of_h, h_t in reversed(list(zip(_all(g), states, strict=True))):
        slope = (h_t > 0).cast(h_t.dtype) if activation == "relu" else 1 - h_t * h_t
        deltas.insert(0, (of_h + later) * slope)
        later = f.product(deltas[0], back)
    return _cast(
        call,
        _stacked(deltas),
        _over_steps([first, *states[:-1]], deltas),
        _sum_of_rows(deltas),
        later,
    )


# ---- by an operator -------------------------------------------------------------------------------------------------


class _Parts(NamedTuple):
    """The ids of the inputs of a recurrent op; empty where there are zeros.

    Attributes:
        x, w: whose product z is; w is empty if x is z itself.
        kernel, bias, h, c: the others, c only of an LSTM.
    """

    x: str
    w: str
    kernel: str
    bias: str
    h: str
    c: str = ""


def _is_zero(made: Made, node_id: str) -> bool:
    known = made.bound.get(node_id)
    return made.op(node_id) == "" and isinstance(known, np.ndarray) and not known.any()


def _parts(made: Made, node_id: str) -> _Parts | None:
    """Return the inputs of a recurrent op; None if they are not all of float32."""
    z, kernel, *rest = made.inputs(node_id)
    found = _Parts(*_factors(made, z), kernel, *["" if _is_zero(made, i) else i for i in rest])
    return found if all(made.nodes[i].dtype == FLOAT for i in found if i) else None


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


def _turned(w: Value, order: list[int]) -> Value:
    """Return a kernel (D, k H) as (1, k H, D), with the gates in some order."""
    turned, (depth, width) = w.transpose([1, 0]), w.shape
    if order != sorted(order):
        turned = turned.reshape(len(order), width // len(order), depth).gather(np.array(order), 0)
    return turned.reshape(1, width, depth)


def _operator(call: Call, name: str, params: Any, parts: _Parts, values: dict[str, Value], shape: Any) -> list[Value]:
    """Add one of the operators; return the states at all steps (T, 1, N, H), and the last ones (1, N, H)."""
    (steps, rows, width), emitter = shape, call.emitter
    order = [0, 3, 1, 2] if name == "lstm" else [0, 1, 2] if name == "gru" else [0]
    units = width // len(order)
    x = values[parts.x]
    # An input that is not a product is multiplied by the identity, which changes nothing.
    w = values[parts.w] if parts.w else emitter.constant(np.eye(width, dtype=FLOAT))
    b = values.get(parts.bias)
    if b is not None:
        count = b.shape[0] if len(b.shape) > 1 else 1
        if order != sorted(order):
            b = b.reshape(count, len(order), units).gather(np.array(order), 1)
        b = b.reshape(1, count * width)
        b = b if count > 1 else b.pad([0, 0], [0, width])
    states = [s if s is None else s.reshape(1, rows, units) for s in (values.get(parts.h), values.get(parts.c))]
    given = [x.reshape(steps, rows, x.shape[-1]), _turned(w, order), _turned(values[parts.kernel], order), b, None]
    given += states
    while given[-1] is None:
        given.pop()
    options: dict[str, Any] = {}
    if name == "gru":
        options["linear_before_reset"] = int(params["reset_after"])
    if name == "simple_rnn":
        options["activations"] = [params["activation"].capitalize()]
    op_type = "RNN" if name == "simple_rnn" else name.upper()
    y = emitter.call(op_type, *given, shape=(steps, 1, rows, units), hidden_size=units, **options)
    return [y, *(emitter.second(y, FLOAT, (1, rows, units)) for _ in range(2 if name == "lstm" else 1))]


def _match(made: Made, node_id: str, which: int) -> Match | None:
    """Match a recurrent op of which the states of all steps (0), the last h (1) or the last c (2) are wanted."""
    parts = _parts(made, node_id)
    if parts is None:
        return None
    inputs, shape = tuple(dict.fromkeys(i for i in parts if i)), made.nodes[made.inputs(node_id)[0]].shape

    def write(call: Call, *values: Value) -> Value:
        known = call.emitter.shared
        if node_id not in known:
            named = dict(zip(inputs, values, strict=True))
            known[node_id] = _operator(call, made.op(node_id), made.params(node_id), parts, named, shape)
        found: Value = known[node_id][which]
        return found.reshape(*call.shape)

    return Match(inputs, write)


def _is_result(made: Made, node_id: str, index: int, names: Sequence[str]) -> bool:
    """Return whether a node is a result of this number of one of some ops."""
    return made.nodes[node_id].result == index and made.op(made.inputs(node_id)[0]) in names


@fuses("get_tuple_element")
def _all_h(made: Made, end: str) -> Match | None:
    """What an LSTM or a GRU returns first: h at all steps."""
    return _match(made, made.inputs(end)[0], 0) if _is_result(made, end, 0, ("lstm", "gru")) else None


@fuses("getitem")
def _last_c(made: Made, end: str) -> Match | None:
    (of, *_), index = made.inputs(end), made.params(end)["index"]
    is_last = len(index) == 1 and isinstance(index[0], int) and index[0] == -1
    return _match(made, made.inputs(of)[0], 2) if is_last and _is_result(made, of, 1, ("lstm",)) else None


@fuses("simple_rnn")
def _all_states(made: Made, end: str) -> Match | None:
    return _match(made, end, 0)
