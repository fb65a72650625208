"""Edits of programs by passes: nodes keep their ids, so that two programs can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ..core.dynamic_scalars import DynamicScalar
from ..core.op import OPS
from ..random import Generator
from .graph_node import GraphNode, Kind
from .pure_graph import PureGraph
from .pure_program import PureProgram

NUMBERS = frozenset((bool, int, float, complex))
Calls = Mapping[str, tuple[Any, tuple[str, ...], Mapping[str, Any]]]


def is_pure(program: PureProgram, node: GraphNode) -> bool:
    """Return whether a call of the op gives the same for the same arguments, and does nothing else.

    A draw reads and changes a generator. What an op does that is not in the table, only its author knows.
    """
    op, _, params = program.calls[node.id]
    return OPS.defined.get(op.name) is op and not (params and any(isinstance(v, Generator) for v in params.values()))


def rebuild(
    program: PureProgram,
    nodes: Sequence[GraphNode],
    outputs: Sequence[str],
    *,
    calls: Calls = MappingProxyType({}),
    constants: Mapping[str, Any] = MappingProxyType({}),
) -> PureProgram:
    """Return a program of these nodes.

    Args:
        program: the program to edit.
        nodes: in order. New ones may have any text as their id; all are numbered anew then.
        outputs: the ids of the results, one for each result of `program`.
        calls: of operations that are new or read something else.
        constants: what fills slots that are new, and will never change.
    """
    ids = {node.id for node in nodes}
    if any(i in ids and i not in program.calls for i in (*calls, *constants)):
        return _numbered_anew(program, nodes, outputs, calls, constants)
    new_calls = {i: calls.get(i, call) for i, call in program.calls.items() if i in ids and i not in constants}
    bindings = {i: value for i, value in program.bindings.items() if i in ids}
    new_constants = {i: value for i, value in constants.items() if i in ids}
    return replace(
        program,
        graph=program.graph.of_part(tuple(nodes), tuple(outputs)),
        inputs=tuple([i if i in ids else None for i in program.inputs]),
        bindings=MappingProxyType(bindings | new_constants),
        recorded_values=MappingProxyType({}),
        calls=MappingProxyType(new_calls),
        late=program.late & new_calls.keys(),
        fixed=(program.fixed & ids) | new_constants.keys(),
    )


def _numbered_anew(
    program: PureProgram, nodes: Sequence[GraphNode], outputs: Sequence[str], calls: Calls, constants: Mapping[str, Any]
) -> PureProgram:
    """Return a program of nodes of which some are new; the arguments are those of `rebuild`."""
    ids = {node.id: f"n{k}" for k, node in enumerate(nodes)}
    nodes = [node.replace(id=ids[node.id], inputs=tuple([ids[i] for i in node.inputs])) for node in nodes]
    old = {new: i for i, new in ids.items()}
    new_calls, bindings = {}, {}
    for node in nodes:
        i = old[node.id]
        if node.kind is Kind.OP:
            op, arguments, params = calls[i] if i in calls else program.calls[i]
            new_calls[node.id] = (op, node.inputs[: len(arguments)], params)
        else:
            bindings[node.id] = constants[i] if i in constants else program.bindings[i]
    return replace(
        program,
        graph=program.graph.of_part(tuple(nodes), tuple([ids[i] for i in outputs])),
        inputs=tuple([ids.get(i) if i is not None else None for i in program.inputs]),
        bindings=MappingProxyType(bindings),
        recorded_values=MappingProxyType({}),
        calls=MappingProxyType(new_calls),
        late=frozenset([i for i in new_calls if old[i] in program.late]),
        fixed=frozenset([i for i in bindings if old[i] in constants or old[i] in program.fixed]),
    )


def reading(node: GraphNode, call: Any, named: Mapping[str, str]) -> tuple[GraphNode, Any]:
    """Return an operation and its call with other ids in place of some of those that it reads."""
    inputs = tuple([named.get(i, i) for i in node.inputs])
    op, arguments, params = call
    return node.replace(inputs=inputs), (op, inputs[: len(arguments)], params)


def constant(node_id: str, value: Any) -> GraphNode:
    """Return the slot of a value that never changes: an array, or a Python number, which promotes nothing."""
    weak = value.__class__ in NUMBERS
    array = np.asarray(value)
    text = repr(value) if weak else str(array[()]) if not array.ndim else ""
    return GraphNode(node_id, Kind.CONSTANT, "", "", (), (), array.shape, array.dtype, value=text, weak=weak)


def known_values(program: PureProgram) -> dict[str, Any]:
    """Return what slots hold that always hold the same: arrays and numbers."""
    values = {}
    for i, value in program.bindings.items():
        if value.__class__ in NUMBERS:
            values[i] = value
        elif i in program.fixed and value.__class__ is not DynamicScalar:
            values[i] = getattr(value, "_data", value)
    return values


def uses(graph: PureGraph) -> dict[str, int]:
    """Return how many operations and results read each node."""
    values = dict.fromkeys([node.id for node in graph.nodes], 0)
    for node in graph.nodes:
        for i in node.inputs:
            values[i] += 1
    for i in graph.outputs:
        values[i] += 1
    return values
