"""Common subexpressions: what is computed twice from the same values is computed once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.indices import IndexArray
from ..ir.node import GraphNode, Kind
from ..ir.program import PureProgram
from .edits import is_pure, known_value, reading, remade

# Values of constants up to this size are compared; a larger one is only the same as itself.
_COMPARED_BYTES = 4096


def with_shared(program: PureProgram) -> PureProgram:
    """Compute once what the same op computes from the same values with the same parameters.

    Draws and what else has effects stay apart, and so do two arrays from outside, even if they are equal now.
    """
    first: dict[Any, str] = {}
    same: dict[str, str] = {}  # for every node that is another one again, that one
    nodes: list[GraphNode] = []
    calls: dict[str, Any] = {}
    for node in program.graph:
        if not same.keys().isdisjoint(node.inputs):
            node, calls[node.id] = reading(node, program.calls[node.id], same)
        key = _op_key(program, node) if node.kind is Kind.OP else _slot_key(program, node)
        known = node.id if key is None else first.setdefault(key, node.id)
        if known == node.id:
            nodes.append(node)
        else:
            same[node.id] = known
    if not same:
        return program
    kept = {node.id for node in nodes}
    return remade(
        program,
        nodes,
        [same.get(i, i) for i in program.graph.outputs],
        calls={i: c for i, c in calls.items() if i in kept},
    )


def _op_key(program: PureProgram, node: GraphNode) -> Any:
    """Return what two operations with the same result have in common, or None if there can be no two."""
    if not is_pure(program, node):
        return None
    op, arguments, params = program.calls[node.id]
    if not params:
        return op, node.inputs
    return op, len(arguments), node.inputs, tuple([(name, value_key(params[name])) for name in sorted(params)])


def _slot_key(program: PureProgram, node: GraphNode) -> Any:
    value = known_value(program, node)
    if value is None:
        return "is", id(program.bindings[node.id])
    if not isinstance(value, (np.ndarray, np.generic)):
        return "number", value_key(value)
    if value.nbytes > _COMPARED_BYTES:
        a = np.asarray(value)
        return a.__array_interface__["data"][0], a.shape, a.strides, a.dtype
    return value.__class__, value.strides, value_key(value)


def value_key(value: Any) -> Any:
    """Return what two parameters that mean the same have in common; 1, 1.0 and True do not, nor do 0.0 and -0.0."""
    kind = value.__class__
    if kind in (float, complex):
        return kind, repr(value)
    if kind in (bool, int, str) or value is None or value is Ellipsis:
        return kind, value
    if kind is IndexArray:  # where its values come from is among the inputs
        return kind
    if kind in (tuple, list):
        return kind, tuple([value_key(v) for v in value])
    if kind is slice:
        return kind, value_key(value.start), value_key(value.stop), value_key(value.step)
    if kind is dict:
        return kind, tuple([(k, value_key(v)) for k, v in value.items()])
    if isinstance(value, np.dtype):
        return np.dtype, value
    if isinstance(value, (np.ndarray, np.generic)) and value.nbytes <= _COMPARED_BYTES and not value.dtype.hasobject:
        return kind, value.dtype, value.shape, value.tobytes()
    return "is", id(value)
