"""The text of the function that does what a segment does, a loop for each of its groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...native.instructions import BLOCK, CHECKED
from ..execution_plan import Plan
from ..native_segments import Segment
from .fusion import Group, fuse
from .loop_nests import Access, Statement
from .loops import Loop, is_literal, lay_out


def c_text(plan: Plan, segment: Segment) -> str:
    """Return the text of a file with the function of a segment."""
    groups = fuse(plan, segment)
    functions, calls, clean = list[str](), list[str](), False
    for k, group in enumerate(groups):
        notes = _notes(plan, group.statements)
        if group.is_inline:
            functions.append(Loop(group, f"loop_{k}", _numbers(segment, group), notes).text())
            calls.append(f"invalid |= loop_{k}(run);")
            clean = False
            continue
        first = group.statements[0]
        record = first.record if first.block < 0 else first.block
        kind = int(segment.code[record])
        calls += notes
        calls += [] if clean else ["invalid |= fused_invalid();"]
        calls.append(f"wrong = fused_call(run, {record});")
        calls.append(f"if (wrong) return {kind};" if kind >= CHECKED and kind != BLOCK else "invalid |= wrong;")
        clean = True
    end = "return invalid;" if clean else "return invalid | fused_invalid();"
    head = ["int run(const FusedRun *run) {", "int invalid = 0, wrong = 0;", "fused_clear();"]
    function = "\n".join(lay_out([*head, *calls, "(void)wrong;", end, "}"]))
    return "\n".join(['#include "fused.h"', '#include "expressions.h"', "", *functions, function]) + "\n"


def _numbers(segment: Segment, group: Group) -> Mapping[Access, Any]:
    """Return the numbers that accesses of one element always read, where C can write them."""
    numbers = {}
    for access in {a for s in group.statements for a in s.inputs}:
        if any(access.strides) or not 0 < access.memory <= len(segment.fixed):
            continue
        a = segment.fixed[access.memory - 1]
        if not isinstance(a, str) and a.size == 1 and a.dtype == access.dtype and is_literal(a.reshape(())[()]):
            numbers[access] = a.reshape(())[()]
    return numbers


def _notes(plan: Plan, statements: Sequence[Statement]) -> list[str]:
    """Return comments on what statements do, with the user's lines."""
    at = {call.value: call for call in plan.calls}
    rows, line = list[str](), ""
    for value in dict.fromkeys(s.value for s in statements):
        call = at[value]
        here = plan.line_of(call)
        note = f"v{value} = {call.name}({', '.join(f'v{n}' for n in call.reads)})"
        rows.append(f"/* {note}{f'  {here}' if here not in ('', line) else ''}".replace("*/", "* /") + " */")
        line = here or line
    return rows
