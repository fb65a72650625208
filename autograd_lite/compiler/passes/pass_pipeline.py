"""The pipeline of passes, in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from ...ir.pure_program import PureProgram
from .constants import with_constants
from .dead import without_dead
from .patterns import with_inexact_patterns, with_patterns
from .rematerialization import within
from .subexpressions import with_shared

Pass = Callable[[PureProgram], PureProgram]


class Stage(NamedTuple):
    """The program after a pass.

    Attributes:
        name: of the pass; that of the first stage is "traced".
        program: after it.
    """

    name: str
    program: PureProgram

    @property
    def operations(self) -> int:
        """The number of operations."""
        return len(self.program.calls)

    @property
    def nbytes(self) -> int:
        """The bytes that the results of all operations take together; views count like arrays."""
        return sum(node.nbytes for node in self.program.graph if node.id in self.program.calls)


# Passes that change no bit of any result, in the order in which they run.
EXACT: dict[str, Pass] = {
    "constants": with_constants,
    "patterns": with_patterns,
    "common subexpressions": with_shared,
    "dead code": without_dead,
}
# Those that may round otherwise run after these, and what they leave behind is then cleared away.
INEXACT: dict[str, Pass] = {
    "patterns up to rounding": with_inexact_patterns,
    "constants again": with_constants,
    "common subexpressions again": with_shared,
    "dead code again": without_dead,
}


def optimize(program: PureProgram, *, exact: bool = True, max_bytes: int | None = None) -> list[Stage]:
    """Run all passes, and return what each has made, the program that was given first and the one to run last.

    Args:
        program: a computation without a backward pass: gradients are results like others. It is made for
            arrays that lie in memory like those that it was traced with.
        exact: whether all results must stay the same, bit for bit.
        max_bytes: see `within`.
    """
    if program.graph.flows:
        raise ValueError("optimize: expected a program whose gradients are results; received one with a backward pass")
    stages = [Stage("traced", replace(program, recorded_values=MappingProxyType({})))]
    for name, run in (EXACT if exact else EXACT | INEXACT).items():
        stages.append(Stage(name, run(stages[-1].program)))
    if max_bytes is not None:
        stages.append(Stage("rematerialisation", within(stages[-1].program, max_bytes)))
    return stages
