"""Dead code: what no result is made from."""

from __future__ import annotations

from ...ir.edits import remade
from ...ir.pure_program import PureProgram


def without_dead(program: PureProgram) -> PureProgram:
    """Leave out what no result is made from. Draws and observations are results, and so they stay."""
    wanted = set(program.graph.outputs)
    for node in reversed(program.graph.nodes):
        if node.id in wanted:
            wanted.update(node.inputs)
    if len(wanted) == len(program.graph):
        return program
    return remade(program, [node for node in program.graph.nodes if node.id in wanted], program.graph.outputs)
