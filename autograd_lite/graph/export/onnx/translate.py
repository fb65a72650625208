"""From the operations of a program to ONNX nodes; what cannot be said is collected, so that one error names it all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ....core.errors import UnsupportedError
from ....core.op import Op
from ....ir.graph_node import GraphNode, Kind, Role
from ....random import Generator
from .emit import Call, Emitter, Scalar, Value, wrong_dtype
from .table import PATTERNS, Calls as Calls, Match, Origins, Refused, reason_of
from .wire import data_type

DOMAIN = "autograd_lite"


class Refusal(NamedTuple):
    """An operation that has no counterpart, and why."""

    node: GraphNode
    reason: str


class Translation(NamedTuple):
    """The nodes written for a graph.

    Attributes:
        emitter: holds them.
        values: for each node of the graph its Value, or a Python number.
        named: for constants that stand for a slot of the graph, the slot's id.
        custom: the operations that were written into a domain of our own.
    """

    emitter: Emitter
    values: dict[str, Value | Scalar]
    named: dict[str, str]
    custom: list[Refusal]


def translate(
    nodes: Sequence[GraphNode],
    calls: Calls,
    bound: Mapping[str, Any],
    inputs: Mapping[str, Value],
    emitter: Emitter,
    *,
    outputs: Sequence[str],
    custom_domain: bool = False,
) -> Translation:
    """Write nodes for operations.

    Args:
        nodes: what is wanted, in recorded order.
        calls: the op, the inputs and the parameters of each operation.
        bound: the arrays, numbers and generators of slots.
        inputs: the Values of slots that are inputs of the model.
        emitter: to write to.
        outputs: the ids of the nodes that are wanted; what they do not need is left out.
        custom_domain: write what has no counterpart as an operator of our own.

    Raises:
        UnsupportedError: if an operation or a dtype has no counterpart, naming all of them.
    """
    values: dict[str, Any] = {}  # of a call with several results a tuple
    named: dict[str, str] = {}
    refused: list[Refusal] = []
    matches, needed = _planned(nodes, Origins({node.id: node for node in nodes}, calls, bound), outputs)
    for node in nodes:
        if node.kind is Kind.STATE or (node.id not in needed and node.id not in inputs):
            continue
        if node.result is not None and node.id not in matches:
            emitter.at(node)
            values[node.id] = values[node.inputs[0]][node.result]
            emitter.finish(values[node.id], 0)
            continue
        wrong = _wrong(node)
        if wrong:
            refused.append(Refusal(node, wrong))
            values[node.id] = _as_one(node, [Value(emitter, "", dtype, shape) for shape, dtype in node.kinds])
        elif node.kind is not Kind.OP:
            values[node.id] = inputs[node.id] if node.id in inputs else _slot(node, bound, emitter, named)
        else:
            match = matches.get(node.id)
            values[node.id] = (
                _operation(node, calls, values, emitter, refused)
                if match is None
                else _fused(node, match, calls, values, emitter)
            )
    hopeless = [r for r in refused if not custom_domain or r.node.kind is not Kind.OP or _wrong(r.node)]
    if hopeless:
        raise UnsupportedError(_message(refused))
    emitter.leave_out_unread([values[i] for i in outputs if isinstance(values[i], Value)])
    return Translation(emitter, values, named, refused)


def _planned(nodes: Sequence[GraphNode], made: Origins, outputs: Sequence[str]) -> tuple[dict[str, Match], set[str]]:
    """Return which nodes end a pattern that one operator stands for, and which nodes are needed then."""
    matches: dict[str, Match] = {}
    needed = set(outputs)
    for node in reversed(nodes):
        if node.id not in needed:
            continue
        pattern = PATTERNS.get(node.op) if node.kind is Kind.OP and node.size else None
        match = None if pattern is None else pattern(made, node.id)
        if match is not None:
            matches[node.id] = match
        needed.update(made.inputs(node.id) if match is None else match.inputs)
    return matches, needed


def _fused(
    node: GraphNode, match: Match, calls: Calls, values: Mapping[str, Value | Scalar], emitter: Emitter
) -> Value:
    emitter.at(node)
    mark = len(emitter.nodes)
    found = match.write(Call(emitter, calls[node.id][0], (), {}, node.kinds), *(values[i] for i in match.inputs))
    assert (found.dtype, found.shape) == (node.dtype, node.shape), (node, found.dtype, found.shape)
    emitter.finish(found, mark)
    return found


def _slot(node: GraphNode, bound: Mapping[str, Any], emitter: Emitter, named: dict[str, str]) -> Value | Scalar:
    thing = bound[node.id]
    if node.weak:
        return thing
    if node.role is Role.SEED and node.shape:
        return emitter.full(node.shape, 1, node.dtype)
    if node.kind is Kind.CONSTANT and not node.name:
        return emitter.array(np.asarray(thing))
    value = emitter.constant(thing)
    named[value.name] = node.id
    return value


def _operation(
    node: GraphNode, calls: Calls, values: Mapping[str, Any], emitter: Emitter, refused: list[Refusal]
) -> Any:
    op, arguments, params = calls[node.id]
    inputs = tuple([values[a] for a in arguments])
    params = {k: v for k, v in params.items() if not isinstance(v, Generator)}
    emitter.at(node)
    mark = len(emitter.nodes)
    try:
        if reason := reason_of(op):
            raise Refused(reason)
        result = _empty(node, op, inputs, params, emitter)
        if result is None:
            result = emitter.write(op, inputs, params, node.kinds)
        results = result if isinstance(result, tuple) else (result,)
        assert [(v.shape, v.dtype) for v in results] == node.kinds, (node, results)
        if not node.has_several:  # those who take the results out of a call name them
            emitter.finish(result, mark)
        return result
    except Refused as error:
        refused.append(Refusal(node, str(error)))
    emitter.back_to(mark)
    (shape, dtype), *others = node.kinds
    first = emitter.call(
        op.name,
        *[x if isinstance(x, Value) else emitter.constant(np.asarray(x)) for x in inputs],
        dtype=dtype,
        shape=shape,
        domain=DOMAIN,
        **_attributes(params),
    )
    if not others:
        emitter.finish(first, mark)
    return _as_one(node, [first, *(emitter.second(first, dtype, shape) for shape, dtype in others)])


def _as_one(node: GraphNode, values: Sequence[Value]) -> Any:
    return tuple(values) if node.has_several else values[0]


def _empty(
    node: GraphNode, op: Op, inputs: Sequence[Value | Scalar], params: Mapping[str, Any], emitter: Emitter
) -> Any:
    """Return the result as a constant if it depends on no value, since there is none; runtimes differ on that."""
    if not node.size:
        return _as_one(node, [emitter.constant(np.zeros(shape, dtype)) for shape, dtype in node.kinds])
    arrays = [x for x in inputs if isinstance(x, Value)]
    if not arrays or any(0 not in x.shape for x in arrays):
        return None
    with np.errstate(all="ignore"):
        out = op.forward(*(np.zeros(x.shape, x.dtype) if isinstance(x, Value) else x for x in inputs), **params)
    return _as_one(node, [emitter.constant(np.asarray(a)) for a in (out if node.has_several else (out,))])


def _wrong(node: GraphNode) -> str:
    return next(filter(None, [wrong_dtype(dtype) for _, dtype in node.kinds]), "")


def _attributes(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as attributes: whatever is not a number, string, array or sequence of numbers goes as text."""
    made: dict[str, Any] = {}
    for name, value in params.items():
        if value is None:
            continue
        plain = isinstance(value, (bool, int, float, str, np.integer, np.floating, np.ndarray))
        numbers = isinstance(value, (tuple, list)) and all(isinstance(v, (int, float)) for v in value)
        fits = not isinstance(value, np.ndarray) or data_type(value.dtype)
        made[name] = value if (plain or numbers) and fits else str(value)
    return made


def _message(refused: Sequence[Refusal]) -> str:
    lines = [f"  {r.node.op or r.node.kind} ({r.node.id}{_at(r.node)}): {r.reason}" for r in refused[:_MANY]]
    if len(refused) > _MANY:
        lines.append(f"  and {len(refused) - _MANY} more")
    names = sorted({r.node.op for r in refused if r.node.op})
    fix = (
        "Compute these outside of what is exported"
        if any(_wrong(r.node) for r in refused)
        else f"Pass custom_domain=True to write {', '.join(names)} as operators of the domain {DOMAIN!r}, which the "
        "reader of the file must supply, or compute them outside of what is exported"
    )
    return "\n".join(["to_onnx: expected operations that ONNX can express; received", *lines, fix])


_MANY = 20


def _at(node: GraphNode) -> str:
    return f", {node.source}" if node.source else ""
