"""How passes make one program from another: nodes keep their ids, so that two programs can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from ..core.live import Live
from ..core.op import OPS
from ..ir.graph import PureGraph
from ..ir.node import GraphNode, Kind
from ..ir.program import PureProgram
from ..random import Generator

Calls = Mapping[str, tuple[Any, tuple[str, ...], Mapping[str, Any]]]


def is_pure(program: PureProgram, node: GraphNode) -> bool:
    """Return whether a call of the op gives the same for the same arguments, and does nothing else.

    A draw reads and changes a generator. What an op does that is not in the table, only its author knows.
    """
    op, _, params = program.calls[node.id]
    return OPS.get(op.name) is op and not (params and any(isinstance(v, Generator) for v in params.values()))


def remade(
    program: PureProgram,
    nodes: Sequence[GraphNode],
    outputs: Sequence[str],
    *,
    calls: Calls = MappingProxyType({}),
    constants: Mapping[str, Any] = MappingProxyType({}),
) -> PureProgram:
    """Return a program of these nodes.

    Args:
        program: what it is made from.
        nodes: in order. New ones may have any text as their id; all are numbered anew then.
        outputs: the ids of the results, one for each result of `program`.
        calls: of operations that are new or read something else.
        constants: what fills slots that are new, and will never change.
    """
    ids = {node.id: node.id for node in nodes}
    if any(i not in program.calls for i in ids.keys() & (calls.keys() | constants.keys())):
        ids = {node.id: f"n{k}" for k, node in enumerate(nodes)}
        nodes = [replace(node, id=ids[node.id], inputs=tuple([ids[i] for i in node.inputs])) for node in nodes]
    old = {new: i for i, new in ids.items()}
    made, bindings = {}, {}
    for node in nodes:
        i = old[node.id]
        if node.kind is Kind.OP:
            op, arguments, params = calls[i] if i in calls else program.calls[i]
            made[node.id] = (op, node.inputs[: len(arguments)], params)
        else:
            bindings[node.id] = constants[i] if i in constants else program.bindings[i]
    return replace(
        program,
        graph=type(program.graph)(tuple(nodes), tuple([ids[i] for i in outputs])),
        inputs=tuple([ids.get(i) if i is not None else None for i in program.inputs]),
        bindings=MappingProxyType(bindings),
        known=MappingProxyType({}),
        calls=MappingProxyType(made),
        late=frozenset([i for i in made if old[i] in program.late]),
        fixed=frozenset([i for i in bindings if old[i] in constants or old[i] in program.fixed]),
    )


def reading(node: GraphNode, call: Any, named: Mapping[str, str]) -> tuple[GraphNode, Any]:
    """Return an operation and its call with other ids in place of some of those that it reads."""
    inputs = tuple([named.get(i, i) for i in node.inputs])
    op, arguments, params = call
    return replace(node, inputs=inputs), (op, inputs[: len(arguments)], params)


def constant(node_id: str, value: Any) -> GraphNode:
    """Return the slot of a value that never changes: an array, or a Python number, which promotes nothing."""
    weak = value.__class__ in (bool, int, float, complex)
    array = np.asarray(value)
    text = repr(value) if weak else str(array[()]) if not array.ndim else ""
    return GraphNode(node_id, Kind.CONSTANT, "", "", (), (), array.shape, array.dtype, value=text, weak=weak)


def known_value(program: PureProgram, node: GraphNode) -> Any:
    """Return what a slot always holds, an array or a number; None if it may hold something else, or is an operation."""
    if node.kind is Kind.OP or not (node.weak or node.id in program.fixed):
        return None
    thing = program.bindings[node.id]
    return None if thing.__class__ is Live else getattr(thing, "_data", thing)


def uses(graph: PureGraph) -> dict[str, int]:
    """Return how many operations and results read each node."""
    found = dict.fromkeys((node.id for node in graph), 0)
    for i in _read(graph):
        found[i] += 1
    return found


def _read(graph: PureGraph) -> Iterable[str]:
    for node in graph:
        yield from node.inputs
    yield from graph.outputs
