"""Segments whose instructions a compiled function replaces, once they have run often enough for that to pay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...ir.node_labels import count_of
from ...native import c_compiler
from ...native.instructions import BLOCK
from ..execution_plan import Plan
from ..native_segments import Segment
from .emit import c_text
from .fusion import Group, fuse

_PAYS = 2e7  # nanoseconds of a segment's calls, after which it is compiled
_CALL, _POINT = 30, 0.5  # of a call of a loop, and of each of its points


_LISTED = 4  # loops, and names of functions, in a summary


class FusedSegment:
    """A segment, and the function that is compiled for it.

    Attributes:
        segment: which.
        state: of the compilation; None before it was asked for.
    """

    def __init__(self, plan: Plan, segment: Segment) -> None:
        self.plan, self.segment = plan, segment
        self.state: c_compiler.Compilation | None = None
        self._function: Any = None
        self._instances: list[Any] = []

    def text(self) -> str:
        """Return the C text of the function."""
        return c_text(self.plan, self.segment)

    def summary(self) -> Iterator[str]:
        """Yield lines on the loops, on calls that are none of their statements, and on the compiler."""
        groups = fuse(self.plan, self.segment)
        loops = [group for group in groups if group.is_inline]
        inside = sum(len(group.statements) for group in loops)
        state = "not compiled yet" if self.state is None else str(self.state)
        yield f"C: {count_of(inside, 'loop')} in {len(loops)}, {len(groups) - len(loops)} called; {state}"
        longest = sorted(loops, key=lambda group: -len(group.statements))
        for group in [group for group in longest if len(group.statements) > 1][:_LISTED]:
            shape = " × ".join(f"{n:,}" for n in group.dimensions if n > 1) or "1"
            yield f"one loop over {shape}: {_names(group)}"
        called = Counter(group.statements[0].ufunc.__name__ for group in groups if not group.is_inline)
        if called:
            names = [f"{n} {name}" for name, n in called.most_common(_LISTED)]
            yield f"no expression in C, so called: {', '.join(names)}"

    def instance(self, arena: Any) -> Any:
        """Return a function of the input values, as `Segment.instance`."""
        instance = self.segment.instance(arena)
        self._instances.append(instance)  # before the look at the function, which another thread may set between
        if self._function is not None:
            instance.fuse(self._function)
            return instance
        if c_compiler.is_eager():
            self._request()
        elif self.state is None:
            instance.watch(self._calls_until_hot(), self._request)
        return instance

    def _calls_until_hot(self) -> int:
        """Return after how many calls the function would have paid."""
        code, at, cost = self.segment.code.tolist(), 0, 1.0
        while at < len(code):
            if code[at] == BLOCK:
                at += 6
                continue
            points = 1
            for n in code[at + 6 : at + 6 + code[at + 4] + code[at + 5]]:
                points *= n
            cost += _CALL + _POINT * points
            at += code[at + 1]
        return max(10, int(_PAYS / cost))

    def _request(self) -> None:
        if self.state is None:
            self.state = c_compiler.request(self.text, self._ready)

    def _ready(self, function: Any) -> None:
        self._function = function
        for instance in [*self._instances]:
            instance.fuse(function)


def _names(group: Group) -> str:
    """Return the names of the functions of a loop, and how often each occurs."""
    counts = Counter(statement.ufunc.__name__ for statement in group.statements)
    return ", ".join(name if n == 1 else f"{n} {name}" for name, n in counts.items())
