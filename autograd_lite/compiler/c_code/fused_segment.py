"""Segments whose instructions a compiled function replaces, once they have run for so long that it pays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ...ir.node_labels import count_of
from ..execution_plan import Plan
from ..native_segments import Segment
from .cores import has_core
from .emit import c_text
from .fusion import Group, fuse
from .hot_segments import Fusion

_LISTED = 4  # loops, and names of functions, in a summary


class FusedSegment:
    """A segment, and the function that is compiled for it.

    Attributes:
        segment: which.
    """

    def __init__(self, plan: Plan, segment: Segment, exact: bool = True) -> None:
        self.plan, self.segment = plan, segment
        self._fusion = Fusion(lambda: c_text(plan, segment), exact)

    def text(self) -> str:
        """Return the C text of the function."""
        return c_text(self.plan, self.segment)

    def summary(self) -> Iterator[str]:
        """Yield lines on the loops, on calls that are none of their statements, and on the compiler."""
        groups = list(_without_nests(fuse(self.plan, self.segment)))
        loops = [group for group in groups if group.is_inline]
        inside = sum(len(group.statements) for group in loops)
        others = [group for group in groups if not group.is_inline]
        called = [group for group in others if not has_core(self.segment, group.statements[0])]
        cores = f", {len(others) - len(called)} of small matrices" * (len(called) < len(others))
        yield f"C: {count_of(inside, 'loop')} in {len(loops)}{cores}, {len(called)} called; {self._fusion.state}"
        longest = sorted(loops, key=lambda group: -len(group.statements))
        for group in [group for group in longest if len(group.statements) > 1][:_LISTED]:
            shape = " × ".join(f"{n:,}" for n in group.dimensions if n > 1) or "1"
            yield f"one loop over {shape}: {_names(group)}"
        if called:
            counts = Counter(group.statements[0].ufunc.__name__ for group in called)
            names = [f"{n} {name}" for name, n in counts.most_common(_LISTED)]
            yield f"no expression in C, so called: {', '.join(names)}"

    def instance(self, arena: Any) -> Any:
        """Return a function of the input values, as `Segment.instance`."""
        instance = self.segment.instance(arena)
        self._fusion.watch(instance)
        return instance


def _without_nests(groups: Sequence[Group]) -> Iterator[Group]:
    for group in groups:
        yield from _without_nests(group.inside) if group.nest is not None else (group,)


def _names(group: Group) -> str:
    """Return the names of the functions of a loop, and how often each occurs."""
    counts = Counter(statement.ufunc.__name__ for statement in group.statements)
    return ", ".join(name if n == 1 else f"{n} {name}" for name, n in counts.items())
