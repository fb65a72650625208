"""Recurrent networks: as ONNX's `LSTM`, `GRU` and `RNN` where the states alone are wanted, otherwise step by step.

Our ops return the gates of all steps too, for the backward pass, which ONNX's operators do not. A pattern looks at
which results are read, and at the product of the input with its kernel, which is part of ONNX's operators. ONNX Runtime
has them in single precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ....ops import gru, lstm, simple_rnn
from .emit import FLOAT, Call
from .table import RULES, Match, Origins, Rule, fuses

# ---- step by step ---------------------------------------------------------------------------------------------------


def _by_steps(steps: Callable[..., Any]) -> Rule:
    """Return the rule of an op that computes what a function in plain NumPy does, which writes nothing in place."""

    def rule(call: Call, *arrays: Any, **params: Any) -> Any:
        results = steps(*map(call.wide, arrays), **params)
        results = [x.astype(call.dtype) for x in (results if call.op.results else (results,))]
        return tuple(results) if call.op.results else results[0]

    return rule


for _name, _table in {"lstm": lstm, "gru": gru, "simple_rnn": simple_rnn}.items():
    RULES[_name], RULES[f"{_name}_adjoint"] = _by_steps(_table.steps), _by_steps(_table.steps_back)


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


def _is_zero(made: Origins, node_id: str) -> bool:
    known = made.bound.get(node_id)
    return made.op(node_id) == "" and isinstance(known, np.ndarray) and not known.any()


def _parts(made: Origins, node_id: str) -> _Parts | None:
    """Return the inputs of a recurrent op; None if they are not all of float32."""
    z, kernel, *rest = made.inputs(node_id)
    found = _Parts(*_factors(made, z), kernel, *["" if _is_zero(made, i) else i for i in rest])
    return found if all(made.nodes[i].dtype == FLOAT for i in found if i) else None


def _without_reshapes(made: Origins, node_id: str) -> str:
    while made.op(node_id) == "reshape":
        (node_id,) = made.inputs(node_id)
    return node_id


def _factors(made: Origins, z: str) -> tuple[str, str]:
    """Return the ids of the input, (T N, D), and of its kernel (D, k H), if z is their product."""
    inner = _without_reshapes(made, z)
    if made.op(inner) != "matmul":
        return z, ""
    x, w = made.inputs(inner)
    return (x, w) if len(made.nodes[x].shape) == len(made.nodes[w].shape) == 2 else (z, "")


def _turned(w: Any, order: list[int]) -> Any:
    """Return a kernel (D, k H) as (1, k H, D), with the gates in some order."""
    turned, (depth, width) = w.transpose([1, 0]), w.shape
    if order != sorted(order):
        turned = turned.reshape(len(order), width // len(order), depth).gather(np.array(order), 0)
    return turned.reshape(1, width, depth)


def _operator(call: Call, name: str, params: Any, parts: _Parts, values: dict[str, Any], shape: Any) -> list[Any]:
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
        b = b if count > 1 else np.pad(b, [(0, 0), (0, width)])
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


def _match(made: Origins, node_id: str, which: int) -> Match | None:
    """Match a recurrent op of which the states of all steps (0), the last h (1) or the last c (2) are wanted."""
    parts = _parts(made, node_id)
    if parts is None:
        return None
    inputs, shape = tuple(dict.fromkeys(i for i in parts if i)), made.nodes[made.inputs(node_id)[0]].shape

    def write(call: Call, *values: Any) -> Any:
        known = call.emitter.shared
        if node_id not in known:
            named = dict(zip(inputs, values, strict=True))
            known[node_id] = _operator(call, made.op(node_id), made.params(node_id), parts, named, shape)
        found: Any = known[node_id][which]
        return found.reshape(*call.shape)

    return Match(inputs, write)


def _is_result(made: Origins, node_id: str, index: int, names: Sequence[str]) -> bool:
    """Return whether a node is a result of this number of one of some ops."""
    return made.nodes[node_id].result == index and made.op(made.inputs(node_id)[0]) in names


@fuses("get_tuple_element")
def _all_h(made: Origins, end: str) -> Match | None:
    """What an LSTM or a GRU returns first: h at all steps."""
    return _match(made, made.inputs(end)[0], 0) if _is_result(made, end, 0, ("lstm", "gru")) else None


@fuses("getitem")
def _last_c(made: Origins, end: str) -> Match | None:
    (of, *_), index = made.inputs(end), made.params(end)["index"]
    is_last = len(index) == 1 and isinstance(index[0], int) and index[0] == -1
    return _match(made, made.inputs(of)[0], 2) if is_last and _is_result(made, of, 1, ("lstm",)) else None


@fuses("simple_rnn")
def _all_states(made: Origins, end: str) -> Match | None:
    return _match(made, end, 0)
