"""Dead code: what no result is made from."""

from __future__ import annotations

from ...ir.edits import rebuild
from ...ir.pure_program import PureProgram


def without_dead(program: PureProgram) -> PureProgram:
    """Leave out what no result is made from. Draws and observations are results, and so they stay."""
    needed = set(program.graph.outputs)
    for node in reversed(program.graph.nodes):
        if node.id in needed:
            needed.update(node.inputs)
    if len(needed) == len(program.graph):
        return program
    return rebuild(program, [node for node in program.graph.nodes if node.id in needed], program.graph.outputs)
