"""The text of the function that does what a segment does, a loop for each of its groups."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from ...native.instructions import BLOCK, CHECKED
from ..execution_plan import Plan
from ..native_segments import Segment
from ..numpy_calls import Call
from .fusion import Group, fuse
from .loop_nests import Access, Nest, Statement, number_at
from .loops import Loop, is_literal, lay_out


def c_text(plan: Plan, segment: Segment) -> str:
    """Return the text of a file with the function of a segment."""
    file = _File(segment)
    calls, clean = file.calls(fuse(plan, segment))
    head = ["int run(const FusedRun *run) {", "int invalid = 0, wrong = 0;", "fused_clear();"]
    function = "\n".join(lay_out([*head, *calls, *_end(clean)]))
    head = ['#include "fused.h"', '#include "expressions.h"', "", *_memory(plan, segment), ""]
    return "\n".join([*head, *file.functions, function]) + "\n"


def _memory(plan: Plan, segment: Segment) -> list[str]:
    """Return comments on the memory that the function works on."""
    fixed = [x if isinstance(x, str) else f"{x.dtype} {x.shape}, constant" for x in segment.fixed]
    values = [*segment.input_values, *segment.output_values]
    texts = [*fixed, *[f"v{n}, {plan.specs[n].dtype} {plan.specs[n].shape}" for n in values]]
    return [f"/* m{k}: {text} */" for k, text in enumerate(texts, 1) if "(), constant" not in text]


def _end(clean: bool) -> list[str]:
    return ["(void)wrong;", "return invalid;" if clean else "return invalid | fused_invalid();", "}"]


class _File:
    """The functions of a file.

    Attributes:
        functions: the texts of those that were needed so far.
    """

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self.functions: list[str] = []

    def calls(self, groups: Sequence[Group]) -> tuple[list[str], bool]:
        """Return the lines that run groups, and whether all flags are taken into account after them."""
        calls, clean = list[str](), False
        for group in groups:
            notes = _notes(group.plan, group.statements)
            if group.nest is not None:
                calls += [f"wrong = {self._steps(group, group.nest)}(run);", f"if (wrong >= {CHECKED}) return wrong;"]
                calls.append("invalid |= wrong;")
                clean = True
            elif group.is_inline:
                name = f"loop_{len(self.functions)}"
                self.functions.append(Loop(group, name, _numbers(self._segment, group), notes).text())
                calls.append(f"invalid |= {name}(run);")
                clean = False
            else:
                calls += notes
                calls += [] if clean else ["invalid |= fused_invalid();"]
                calls += self._call(group.statements[0])
                clean = True
        return calls, clean

    def _call(self, first: Statement) -> list[str]:
        """Return the lines that let the executor run a record."""
        record = first.record if first.block < 0 else first.block
        kind = int(self._segment.code[record])
        is_checked = kind >= CHECKED and kind != BLOCK
        end = f"if (wrong) return {kind};" if is_checked else "invalid |= wrong;"
        return [f"wrong = fused_call(run, {record});", end]

    def _steps(self, group: Group, nest: Nest) -> str:
        """Add the function that runs groups step by step, and return its name."""
        calls, _ = self.calls(group.inside)
        name = f"steps_{len(self.functions)}"
        rows = [f"static int {name}(const FusedRun *run) {{", "int invalid = 0, wrong = 0;"]
        rows += [f"run->memory[{to}] = run->memory[{start}] + {offset};" for to, start, offset, _ in nest.moves]
        rows += [f"for (intptr_t t = 0; t < {nest.steps}; t++) {{", *calls]
        rows += [f"run->memory[{to}] += {step};" for to, _, _, step in nest.moves]
        self.functions.append("\n".join(lay_out([*rows, "}", *_end(False)])) + "\n")
        return name


def _numbers(segment: Segment, group: Group) -> Mapping[Access, Any]:
    """Return the numbers that accesses of one element always read, where C can write them."""
    accesses = {a for s in group.statements for a in s.inputs}
    numbers = {a: number_at(segment, a) for a in accesses}
    return {a: number for a, number in numbers.items() if number is not None and is_literal(number)}


@functools.lru_cache(maxsize=4)
def _calls_of(plan: Plan) -> Mapping[int, Call]:
    return {call.value: call for call in plan.calls}


def _notes(plan: Plan, statements: Sequence[Statement]) -> list[str]:
    """Return comments on what statements do, with the user's lines."""
    at = _calls_of(plan)
    rows, line = list[str](), ""
    for value in dict.fromkeys(s.value for s in statements):
        if value not in at:
            continue
        call = at[value]
        here = plan.line_of(call)
        note = f"v{value} = {call.name}({', '.join(f'v{n}' for n in call.reads)})"
        rows.append(f"/* {note}{f'  {here}' if here not in ('', line) else ''}".replace("*/", "* /") + " */")
        line = here or line
    return rows
