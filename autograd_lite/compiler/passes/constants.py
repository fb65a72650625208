"""Constant folding: values computed from constants alone are computed once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...core.errors import REFUSALS
from ...core.indices import indices_in
from ...ir.edits import constant, is_pure, known_values, rebuild
from ...ir.graph_node import GraphNode, Kind
from ...ir.pure_program import PureProgram

# A result may have this many bytes more than its inputs: it is kept for as long as the program.
_GROWTH = 1 << 20


def with_constants(program: PureProgram) -> PureProgram:
    """Compute what depends only on Python numbers, and on arrays that were made inside and never change.

    What comes from outside, captured arrays and Tensors too, is read at every run; nothing is folded that reads it.
    """
    constants: dict[str, Any] = {}
    nodes: dict[str, GraphNode] = {}
    values = known_values(program)
    names = values.keys()
    last_reads = {i: node.id for node in program.graph.nodes for i in node.inputs}
    needed = set(program.graph.outputs)  # by the operations that stay
    with np.errstate(all="ignore"):
        for node in program.graph.nodes:
            inputs = node.inputs
            if node.kind is Kind.OP and inputs and names >= set(inputs):
                value = _compute(program, node, values)
                if value is not None:
                    values[node.id] = value
                    if not node.has_several:  # what takes its results out is constant, too
                        constants[node.id] = value
                        node = constant(node.id, value)
            nodes[node.id] = node
            needed.update(node.inputs)
            for i in inputs:  # what only led to other constants would take their memory again
                if last_reads[i] == node.id and i in constants and i not in needed:
                    del constants[i], nodes[i], values[i]
                    last_reads[i] = ""
    return rebuild(program, [*nodes.values()], program.graph.outputs, constants=constants) if constants else program


def _compute(program: PureProgram, node: GraphNode, values: Mapping[str, Any]) -> Any:
    """Return the value of an operation, or None if it is not to be kept."""
    op, arguments, params = program.calls[node.id]
    if not is_pure(program, node) or next(indices_in(params), None) is not None:
        return None
    inputs = [values[i] for i in arguments]
    if node.nbytes > _GROWTH + sum(getattr(x, "nbytes", 0) for x in inputs) and op.cost != 0:
        return None
    try:
        return op.forward(*inputs, **params)
    except REFUSALS:  # as it would be in a run, and there it belongs
        return None
