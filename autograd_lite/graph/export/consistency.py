"""Whether nodes that were read are a graph that could have been recorded: what faces rely on beyond types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from ...core.op import OPS
from ...core.shapes import ShapeDtype
from ...ir.node import ArrayDigest, Flow, GraphNode, Kind, Opaque, Role

_REPAIRS = (Role.CAST, Role.UNBROADCAST, Role.ACCUMULATE)


def check_consistent(nodes: Sequence[GraphNode], flows: Iterable[Flow]) -> None:
    """Raise unless nodes and flows are those of a computation.

    Args:
        nodes: of a graph, so that they read earlier ones only.
        flows: between them.

    Raises:
        ValueError: if none can have them.
    """
    known: dict[str, GraphNode] = {}
    for node in nodes:
        _check_node(node, known)
        known[node.id] = node
    for node in nodes:
        for name, i in (("of", node.of), ("toward", node.toward)):
            if i and (i not in known or known[i].backward):
                _refuse(f"graph.nodes.{node.id}.{name}", "a node of the forward pass", ascii(i))
    for n, flow in enumerate(flows):
        for i in (flow.op, flow.into, flow.contribution, flow.total):
            if i not in known:
                _refuse(f"flows[{n}]", "nodes of the graph", ascii(i))
        op = known[flow.op]
        if op.kind is Kind.INPUT:  # an op that is cut off, in a part of a graph: its arguments are not known
            fits = not known[flow.into].backward
        else:
            fits = op.kind is Kind.OP and op.inputs[flow.argument : flow.argument + 1] == (flow.into,)
        if op.backward or not fits:
            _refuse(f"flows[{n}]", "an operation of the forward pass, and one of its arguments", repr(tuple(flow)))
        if not (known[flow.contribution].backward and known[flow.total].backward):
            _refuse(f"flows[{n}]", "cotangents of the backward pass", repr(tuple(flow)))


def _check_node(node: GraphNode, known: Mapping[str, GraphNode]) -> None:
    where = f"graph.nodes.{node.id}"
    if node.size >= 2**63 or not all(n < 2**63 for n in node.shape):
        _refuse(f"{where}.shape", "a shape that an array can have", repr(node.shape))
    if not node.backward and any(known[i].backward for i in node.inputs):
        _refuse(where, "that the forward pass reads nothing of the backward pass", repr(node.inputs))
    if not all(i < len(node.inputs) for i in node.needs) or len(set(node.needs)) < len(node.needs):
        _refuse(f"{where}.needs", "positions of its arguments, each once", repr(node.needs))
    if len({p.name for p in node.params}) < len(node.params):
        _refuse(f"{where}.params", "parameters of different names", repr([p.name for p in node.params]))
    if node.kind is not Kind.OP:
        if node.op or node.inputs or node.params:
            _refuse(where, f"no op, edges and parameters of {node.kind}", node.op or "some")
        return
    if not node.op or (not node.inputs and node.role in _REPAIRS):
        _refuse(where, "an op, and what it is applied to", repr(node.op))
    if node.op in OPS:
        _check_shape(node, [known[i] for i in node.inputs], where)


def _check_shape(node: GraphNode, inputs: Sequence[GraphNode], where: str) -> None:
    """Refuse an op of ours whose arguments and parameters do not give its shape."""
    op, inputs = OPS[node.op], [x for x in inputs if x.kind is not Kind.STATE]
    arity = len(op.rules) if isinstance(op.rules, tuple) else op.ufunc.nin if op.ufunc is not None else len(inputs)
    if arity != len(inputs):
        _refuse(where, f"{arity} arguments of {node.op}", str(len(inputs)))
    if any(_is_hidden(p.value) for p in node.params):  # such as an index that is an array
        return
    try:
        found = op.infer(*(ShapeDtype(x.shape, x.dtype) for x in inputs), **{p.name: p.value for p in node.params})
        shape: Any = tuple(found.shape)
    except Exception as error:  # a shape rule is told what no caller would tell it
        shape = f"{type(error).__name__}: {error!s:.80}"
    if shape != node.shape:
        _refuse(where, f"what {node.op} makes of these arguments and parameters, {shape}", repr(node.shape))


def _refuse(where: str, expected: str, received: str) -> NoReturn:
    raise ValueError(
        f"Graph.from_json: expected {expected} at {where}; received {received:.200}. Read what Graph.to_json wrote"
    )


def _is_hidden(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_hidden, value.values()))
    if isinstance(value, (tuple, list)) and not isinstance(value, ArrayDigest):
        return any(map(_is_hidden, value))
    return isinstance(value, (ArrayDigest, Opaque))
