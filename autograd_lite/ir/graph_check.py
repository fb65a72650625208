"""Checks that a graph could have been recorded: that its ops give the shapes and dtypes that its nodes state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ..core.multi_result import Dtypes
from ..core.op import OPS, Op
from ..core.shape_arithmetic import ShapeDtype
from .graph_node import ArrayDigest, Flow, GraphNode, Kind, Opaque, Role

_REPAIRS = (Role.CAST, Role.UNBROADCAST, Role.ACCUMULATE)
# A Python number for each kind of dtype; it gives way to the dtypes of other operands.
_WEAK = {"b": True, "i": 1, "f": 1.0, "c": 1j}


class Inconsistent(ValueError):
    """No computation can have this graph.

    Attributes:
        where: the id of the node, and its attribute if only that is wrong, as "n3.shape"; or "flows[0]".
        expected, received: at that place.
    """

    def __init__(self, where: str, expected: str, received: str) -> None:
        self.where, self.expected, self.received = where, expected, f"{received:.200}"
        super().__init__(
            f"Graph.check: expected {expected} at {where}; received {self.received}. A node that is changed or put in "
            "must say what its op makes of its arguments: op.infer(*specs, **params)"
        )


def check(nodes: Sequence[GraphNode], flows: Iterable[Flow]) -> None:
    """Raise an error unless nodes and flows are those of a computation.

    Args:
        nodes: of a graph, so that they read earlier ones only.
        flows: between them.

    Raises:
        Inconsistent: if none can have them.
    """
    nodes_by_id: dict[str, GraphNode] = {}
    for node in nodes:
        _check_node(node, nodes_by_id)
        nodes_by_id[node.id] = node
    for node in nodes:
        for name, i in (("of", node.of), ("toward", node.toward)):
            if i and (i not in nodes_by_id or nodes_by_id[i].backward):
                _refuse(f"{node.id}.{name}", "a node of the forward pass", ascii(i))
    for n, flow in enumerate(flows):
        _check_flow(flow, nodes_by_id, f"flows[{n}]")


def _check_flow(flow: Flow, nodes_by_id: Mapping[str, GraphNode], where: str) -> None:
    for i in (flow.op, flow.into, flow.contribution, flow.total):
        if i not in nodes_by_id:
            _refuse(where, "nodes of the graph", ascii(i))
    op = nodes_by_id[flow.op]
    if op.kind is Kind.INPUT:  # an op that is cut off, in a part of a graph: its arguments are not known
        fits = not nodes_by_id[flow.into].backward
    else:
        fits = op.kind is Kind.OP and op.inputs[flow.argument : flow.argument + 1] == (flow.into,)
    if op.backward or not fits:
        _refuse(where, "an operation of the forward pass, and one of its arguments", repr(tuple(flow)))
    if not (nodes_by_id[flow.contribution].backward and nodes_by_id[flow.total].backward):
        _refuse(where, "cotangents of the backward pass", repr(tuple(flow)))


def _check_node(node: GraphNode, nodes_by_id: Mapping[str, GraphNode]) -> None:
    if node.size >= 2**63 or not all(n < 2**63 for shape, _ in node.kinds for n in shape):
        _refuse(f"{node.id}.shape", "a shape that an array can have", repr(node.shape))
    if not node.backward and any(nodes_by_id[i].backward for i in node.inputs):
        _refuse(node.id, "that the forward pass reads nothing of the backward pass", repr(node.inputs))
    if not all(i < len(node.inputs) for i in node.needs) or len(set(node.needs)) < len(node.needs):
        _refuse(f"{node.id}.needs", "positions of its arguments, each once", repr(node.needs))
    if len({p.name for p in node.params}) < len(node.params):
        _refuse(f"{node.id}.params", "parameters of different names", repr([p.name for p in node.params]))
    if node.kind is not Kind.OP:
        if node.has_several:
            _refuse(f"{node.id}.shape", f"one shape and one dtype of {node.kind}", repr(node.shape))
        if node.op or node.inputs or node.params:
            _refuse(node.id, f"no op, edges and parameters of {node.kind}", node.op or "some")
        return
    if not node.op or (not node.inputs and node.role in _REPAIRS):
        _refuse(node.id, "an op, and what it is applied to", repr(node.op))
    if node.op in OPS:
        _check_op(node, [nodes_by_id[i] for i in node.inputs])


def _check_op(node: GraphNode, inputs: Sequence[GraphNode]) -> None:
    """Refuse an op of ours whose arguments and parameters do not give the node's shape and dtype."""
    op, inputs = OPS[node.op], [x for x in inputs if x.kind is not Kind.STATE]
    arity = len(op.rules) if isinstance(op.rules, tuple) else op.ufunc.nin if op.ufunc is not None else len(inputs)
    hidden = any(_is_hidden(p.value) for p in node.params)  # such as an index that is an array, or one more input
    if len(inputs) < arity or (len(inputs) > arity and not hidden):
        _refuse(node.id, f"{arity} arguments of {node.op}", str(len(inputs)))
    if hidden:
        return
    params = {p.name: p.value for p in node.params}
    stated = ShapeDtype(tuple(node.shape), node.dtype)
    inferred = _infer_with_dtypes(op, inputs, _promoted_dtypes([x.dtype for x in inputs], inputs), params)
    if inferred != stated and any(x.weak for x in inputs):
        # Except where the number means something else: the exponent of ldexp stays an integer next to floats, and the
        # order of a Bessel function stays real next to complex numbers.
        real = [np.empty(0, x.dtype).real.dtype for x in inputs]
        orders = [r if x.weak else x.dtype for x, r in zip(inputs, _promoted_dtypes(real, inputs), strict=True)]
        plain = [x.dtype for x in inputs]
        inferred = (
            stated
            if any(_infer_with_dtypes(op, inputs, dtypes, params) == stated for dtypes in (plain, orders))
            else inferred
        )
    if inferred != stated:
        attribute = "dtype" if isinstance(inferred, ShapeDtype) and inferred.shape == node.shape else "shape"
        inferred_part = getattr(inferred, attribute, inferred)
        expected = f"what {node.op} makes of these arguments and parameters, {inferred_part}"
        _refuse(f"{node.id}.{attribute}", expected, str(getattr(node, attribute)))


def _promoted_dtypes(dtypes: Sequence[Any], inputs: Sequence[GraphNode]) -> list[Any]:
    """Return these dtypes of the inputs; a Python number gets the one that NumPy gives it next to the others."""
    pairs = list(zip(dtypes, inputs, strict=True))
    strong = [dtype for dtype, x in pairs if not x.weak]
    return [np.result_type(*strong, _WEAK[dtype.kind]) if x.weak and strong else dtype for dtype, x in pairs]


def _infer_with_dtypes(
    op: Op, inputs: Sequence[GraphNode], dtypes: Iterable[Any], params: Mapping[str, Any]
) -> ShapeDtype | str:
    return _infer(op, [ShapeDtype(x.shape, dtype) for x, dtype in zip(inputs, dtypes, strict=True)], params)


def _infer(op: Op, specs: Sequence[ShapeDtype], params: Mapping[str, Any]) -> ShapeDtype | str:
    try:
        result = op.infer(*specs, **params)
        if op.results is not None:
            shapes: Any = tuple([tuple(x.shape) for x in result])
            dtypes: Any = Dtypes([x.dtype for x in result])
            return ShapeDtype(shapes, dtypes)
        return ShapeDtype(tuple(result.shape), result.dtype)
    except Exception as error:  # a shape rule gets what no caller would pass
        return f"{type(error).__name__}: {error!s:.80}"


def _refuse(where: str, expected: str, received: str) -> NoReturn:
    raise Inconsistent(where, expected, received)


def _is_hidden(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_hidden, value.values()))
    if isinstance(value, (tuple, list)) and not isinstance(value, ArrayDigest):
        return any(map(_is_hidden, value))
    return isinstance(value, (ArrayDigest, Opaque))
