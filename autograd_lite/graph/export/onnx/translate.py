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
        nodes: to write, in recorded order.
        calls: the op, the inputs and the parameters of each operation.
        bound: the arrays, numbers and generators of slots.
        inputs: the Values of slots that are inputs of the model.
        emitter: to write to.
        outputs: the ids of the results; what they do not need is left out.
        custom_domain: write what has no counterpart as an operator of our own.

    Raises:
        UnsupportedError: if an operation or a dtype has no counterpart, naming all of them.
    """
    values: dict[str, Any] = {}  # of a call with several results a tuple
    named: dict[str, str] = {}
    refused: list[Refusal] = []
    matches, needed = _plan(nodes, Origins({node.id: node for node in nodes}, calls, bound), outputs)
    for node in nodes:
        if node.kind is Kind.STATE or (node.id not in needed and node.id not in inputs):
            continue
        emitter.at(node)
        mark = len(emitter.nodes)
        try:
            if reason := _wrong(node):
                raise Refused(reason)
            if node.kind is not Kind.OP:
                values[node.id] = inputs[node.id] if node.id in inputs else _slot(node, bound, emitter, named)
                continue
            result = _result(node, matches.get(node.id), calls, values, emitter)
        except Refused as error:
            refused.append(Refusal(node, str(error)))
            emitter.back_to(mark)
            result = _custom(node, calls, values, emitter)
        if not node.has_several:  # those who take the results out of a call name them
            emitter.finish(result, 0 if node.result is not None else mark)
        values[node.id] = result
    hopeless = [r for r in refused if not custom_domain or r.node.kind is not Kind.OP or _wrong(r.node)]
    if hopeless:
        raise UnsupportedError(_message(refused))
    emitter.leave_out_unread([values[i] for i in outputs if isinstance(values[i], Value)])
    return Translation(emitter, values, named, refused)


def _plan(nodes: Sequence[GraphNode], origins: Origins, outputs: Sequence[str]) -> tuple[dict[str, Match], set[str]]:
    """Return which nodes end a pattern that one operator stands for, and which nodes are needed then."""
    matches: dict[str, Match] = {}
    needed = set(outputs)
    for node in reversed(nodes):
        if node.id not in needed:
            continue
        pattern = PATTERNS.get(node.op) if node.kind is Kind.OP and node.size else None
        match = None if pattern is None else pattern(origins, node.id)
        if match is not None:
            matches[node.id] = match
        needed.update(origins.inputs(node.id) if match is None else match.inputs)
    return matches, needed


def _slot(node: GraphNode, bound: Mapping[str, Any], emitter: Emitter, named: dict[str, str]) -> Value | Scalar:
    number = bound[node.id]
    if node.weak:
        return number
    if node.role is Role.SEED and node.shape:
        return emitter.full(node.shape, 1, node.dtype)
    array = np.asarray(number)
    value = emitter.array(array) if node.kind is Kind.CONSTANT and not node.name else emitter.constant(array)
    if value.name in emitter.constants:
        named[value.name] = node.id
    return value


def _result(node: GraphNode, match: Match | None, calls: Calls, values: Mapping[str, Any], emitter: Emitter) -> Any:
    """Write an operation and return its result, a tuple of several."""
    op, arguments, params = calls[node.id]
    if match is not None:
        result = match.write(Call(emitter, op, (), {}, node.kinds), *[values[i] for i in match.inputs])
    elif node.result is not None:
        return values[node.inputs[0]][node.result]
    elif reason := reason_of(op):
        raise Refused(reason)
    else:
        inputs = tuple([values[i] for i in arguments])
        params = {k: v for k, v in params.items() if not isinstance(v, Generator)}
        result = _empty(node, op, inputs, params, emitter)
        if result is None:
            result = emitter.write(op, inputs, params, node.kinds)
    results = result if isinstance(result, tuple) else (result,)
    assert [(v.shape, v.dtype) for v in results] == node.kinds, (node, results)
    return result


def _empty(
    node: GraphNode, op: Op, inputs: Sequence[Value | Scalar], params: Mapping[str, Any], emitter: Emitter
) -> Any:
    """Return the result as a constant if it depends on no value, since there is none; runtimes differ on that."""
    arrays = [x for x in inputs if isinstance(x, Value)]
    if not node.size:
        results: Any = [np.zeros(shape, dtype) for shape, dtype in node.kinds]
    elif not arrays or any(0 not in x.shape for x in arrays):
        return None
    else:
        with np.errstate(all="ignore"):
            out = op.forward(*(np.zeros(x.shape, x.dtype) if isinstance(x, Value) else x for x in inputs), **params)
        results = out if node.has_several else (out,)
    return _as_one(node, list(map(emitter.constant, results)))


def _custom(node: GraphNode, calls: Calls, values: Mapping[str, Any], emitter: Emitter) -> Any:
    """Write an operation into a domain of our own, as it is."""
    if _wrong(node):  # which is an error in the end
        return _as_one(node, [Value(emitter, "", dtype, shape) for shape, dtype in node.kinds])
    op, arguments, params = calls[node.id]
    inputs = [values[i] if isinstance(values[i], Value) else emitter.constant(values[i]) for i in arguments]
    (shape, dtype), *others = node.kinds
    first = emitter.call(op.name, *inputs, dtype=dtype, shape=shape, domain=DOMAIN, **_attributes(params))
    return _as_one(node, [first, *[emitter.second(first, dtype, shape) for shape, dtype in others]])


def _as_one(node: GraphNode, values: Sequence[Value]) -> Any:
    return tuple(values) if node.has_several else values[0]


def _wrong(node: GraphNode) -> str:
    return next(filter(None, [wrong_dtype(dtype) for _, dtype in node.kinds]), "")


def _attributes(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as attributes: whatever is not a number, string, array or sequence of numbers goes as text."""
    attributes: dict[str, Any] = {}
    for name, value in params.items():
        if value is None or isinstance(value, Generator):
            continue
        plain = isinstance(value, (bool, int, float, str, np.integer, np.floating, np.ndarray))
        numbers = isinstance(value, (tuple, list)) and all(isinstance(v, (int, float)) for v in value)
        fits = not isinstance(value, np.ndarray) or data_type(value.dtype)
        attributes[name] = value if (plain or numbers) and fits else str(value)
    return attributes


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
