"""Recurrent networks: as ONNX's `LSTM`, `GRU` and `RNN` where only the states are read, otherwise step by step.

Our ops return the gates of all steps too, for the backward pass, which ONNX's operators do not. A pattern looks at
which results are read, and at the product of the input with its kernel, which is part of ONNX's operators. ONNX Runtime
has them in single precision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

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


def _is_zero(origins: Origins, node_id: str) -> bool:
    array = origins.bound.get(node_id)
    return origins.op(node_id) == "" and isinstance(array, np.ndarray) and not array.any()


def _factors(origins: Origins, z: str) -> tuple[str, str]:
    """Return the ids of the input, (T N, D), and of its kernel (D, k H), if z is their product; else z and ""."""
    inner = z
    while origins.op(inner) == "reshape":
        (inner,) = origins.inputs(inner)
    if origins.op(inner) != "matmul":
        return z, ""
    x, w = origins.inputs(inner)
    return (x, w) if len(origins.nodes[x].shape) == len(origins.nodes[w].shape) == 2 else (z, "")


def _reorder(w: Any, order: list[int]) -> Any:
    """Reorder the gates, which lie side by side along axis 0."""
    if order == sorted(order):
        return w
    return w.reshape(len(order), -1, *w.shape[1:])[order].reshape(w.shape)


def _operator(
    call: Call, name: str, params: Any, shape: Any, x: Any, w: Any, kernel: Any, b: Any, *states: Any
) -> list[Any]:
    """Add one of the operators; return the states at all steps (T, 1, N, H), and the last ones (1, N, H).

    Args:
        call: of the node that is written.
        name, params: of the recurrent op.
        shape: of z, the product of x and w.
        x, w: its factors; w is None if x is z itself.
        kernel, b: of the steps; without a bias b is None.
        states: h before the first step, and of an LSTM c; None for zeros.
    """
    (steps, rows, width), emitter = shape, call.emitter
    # Our gates are i, f, g, o and ONNX's i, o, f, g; those of a GRU are in the same order.
    order = [0, 3, 1, 2] if name == "lstm" else [0, 1, 2] if name == "gru" else [0]
    units = width // len(order)
    # An input that is not a product is multiplied by the identity, which changes nothing.
    w = emitter.constant(np.eye(width, dtype=FLOAT)) if w is None else w
    if b is not None:  # one for the product with the input, and one for that with the state
        b = np.concatenate([_reorder(row, order) for row in b.reshape(-1, width)])
        b = np.pad(b, (0, 2 * width - b.size)).reshape(1, 2 * width)
    inputs = [x.reshape(steps, rows, x.shape[-1]), *[_reorder(m.T, order)[None] for m in (w, kernel)], b, None]
    inputs += [s if s is None else s.reshape(1, rows, units) for s in states]
    while inputs[-1] is None:
        inputs.pop()
    options: dict[str, Any] = {}
    if name == "gru":
        options["linear_before_reset"] = int(params["reset_after"])
    if name == "simple_rnn":
        options["activations"] = [params["activation"].capitalize()]
    op_type = "RNN" if name == "simple_rnn" else name.upper()
    y = emitter.call(op_type, *inputs, shape=(steps, 1, rows, units), hidden_size=units, **options)
    return [y, *[emitter.second(y, FLOAT, (1, rows, units)) for _ in states]]


def _match(origins: Origins, node_id: str, which: int) -> Match | None:
    """Match a recurrent op of which the states of all steps (0), the last h (1) or the last c (2) are read."""
    z, kernel, *rest = origins.inputs(node_id)
    ids = [*_factors(origins, z), kernel, *["" if _is_zero(origins, i) else i for i in rest]]
    inputs = tuple(dict.fromkeys(filter(None, ids)))
    if any(origins.nodes[i].dtype != FLOAT for i in inputs):
        return None

    def write(call: Call, *values: Any) -> Any:
        shared, value_of = call.emitter.shared, dict(zip(inputs, values, strict=True)).get
        if node_id not in shared:
            name, params, shape = origins.op(node_id), origins.params(node_id), origins.nodes[z].shape
            shared[node_id] = _operator(call, name, params, shape, *map(value_of, ids))
        return shared[node_id][which].reshape(call.shape)

    return Match(inputs, write)


def _is_result(origins: Origins, node_id: str, index: int, names: Sequence[str]) -> bool:
    """Return whether a node is a result of this number of one of some ops."""
    return origins.nodes[node_id].result == index and origins.op(origins.inputs(node_id)[0]) in names


@fuses("get_tuple_element")
def _all_h(origins: Origins, end: str) -> Match | None:
    """The first result of an LSTM or a GRU: h at all steps."""
    return _match(origins, origins.inputs(end)[0], 0) if _is_result(origins, end, 0, ("lstm", "gru")) else None


@fuses("getitem")
def _last_c(origins: Origins, end: str) -> Match | None:
    (of, *_), index = origins.inputs(end), origins.params(end)["index"]
    is_last = len(index) == 1 and isinstance(index[0], int) and index[0] == -1
    return _match(origins, origins.inputs(of)[0], 2) if is_last and _is_result(origins, of, 1, ("lstm",)) else None


@fuses("simple_rnn")
def _all_states(origins: Origins, end: str) -> Match | None:
    return _match(origins, end, 0)
