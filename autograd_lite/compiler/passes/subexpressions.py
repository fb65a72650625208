"""Common subexpressions: equal operations on the same values are computed once."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.op import OPS
from ...ir.edits import is_pure, known_values, reading, rebuild
from ...ir.graph_node import GraphNode, Kind
from ...ir.keys import COMPARED_BYTES, params_key, value_key
from ...ir.pure_program import PureProgram


def with_shared(program: PureProgram) -> PureProgram:
    """Compute once what the same op computes from the same values with the same parameters.

    Draws and what else has effects stay apart, and so do two arrays from outside, even if they are equal now.
    """
    first: dict[Any, str] = {}
    same: dict[str, str] = {}  # for every node that is another one again, that one
    nodes: list[GraphNode] = []
    calls: dict[str, Any] = {}
    values, names = known_values(program), same.keys()
    for node in program.graph.nodes:
        i = node.id
        if node.kind is not Kind.OP:
            key = _slot_key(node.kind, program.bindings[i], values.get(i))
        else:
            call = program.calls[i]
            if not names.isdisjoint(node.inputs):
                node, call = reading(node, call, same)
                calls[i] = call
            op, arguments, params = call
            if params:
                key = (op, len(arguments), node.inputs, params_key(params)) if is_pure(program, node) else i
            else:
                key = (op, node.inputs) if OPS.defined.get(op.name) is op else i
        other = first.setdefault(key, i)
        if other == i:
            nodes.append(node)
        else:
            same[i] = other
            calls.pop(i, None)
    if not same:
        return program
    return rebuild(program, nodes, [same.get(i, i) for i in program.graph.outputs], calls=calls)


def _slot_key(kind: Kind, content: Any, value: Any) -> Any:
    """Return what two slots with the same value have in common.

    Args:
        kind: of the slot.
        content: what fills it.
        value: its constant value, or None.
    """
    if value is None:  # two views of an array from outside, as w.T and w.T, change together
        return (
            _memory_key(content) if kind is Kind.CONSTANT and content.__class__ is np.ndarray else ("is", id(content))
        )
    if not isinstance(value, (np.ndarray, np.generic)):
        return "number", value_key(value)
    if value.nbytes > COMPARED_BYTES:
        return _memory_key(np.asarray(value))
    return value.__class__, value.strides, value_key(value)


def _memory_key(a: Any) -> Any:
    return a.__array_interface__["data"][0], a.shape, a.strides, a.dtype
