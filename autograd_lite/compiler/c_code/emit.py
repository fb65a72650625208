"""The text of the function that does what a segment does, a loop for each of its groups."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...native.instructions import BLOCK, CHECKED
from ..execution_plan import Plan
from ..native_segments import Segment
from ..numpy_calls import Call
from .cores import clears_flags, core_calls, core_function, has_core
from .expressions import CAREFUL
from .fusion import Group, fuse
from .loop_nests import Access, Nest, Statement, number_at
from .loops import Loop, is_literal, lay_out

_NAME = "loop_N"
_ALIKE = 3  # loops that differ in places alone, from which they are one function
_MANY = 16  # calls of such loops, from which they are a table
_CALL = re.compile(r"invalid \|= (loop_\d+)\(run, (at_.*)\);")
_PLACE = re.compile(r"\bm(\d+)(?: \+ (\d+)(?!\d| \*))?")
_MEMORY = re.compile(r" *char \*const m(\d+) = run->memory\[\1\];\n")

_COMPILED = 800  # statements of all loops of one file: a compiler takes a millisecond or two for each
_INLINED = 48  # functions such as exp in one file, which take the compiler some ms each


def c_text(plan: Plan, segment: Segment) -> str:
    """Return the text of a file with the function of a segment."""
    groups = fuse(plan, segment)
    file = _File(segment, groups)
    calls, clean = file.calls(groups)
    head = ["int run(const FusedRun *run) {", "int invalid = 0, wrong = 0;", "fused_clear();"]
    function = "\n".join(lay_out([*head, *calls, *_end(clean)]))
    headers = [f'#include "{name}.h"' for name in ("fused", "expressions", *["small"] * bool(file.cores))]
    head = [*headers, "", *_memory(plan, segment), ""]
    return "\n".join([*head, *file.functions, function]) + "\n"


def _memory(plan: Plan, segment: Segment) -> list[str]:
    """Return comments on the memory that the function works on."""
    fixed = [x if isinstance(x, str) else f"{x.dtype} {x.shape}, constant" for x in segment.fixed]
    values = [*segment.input_values, *segment.output_values]
    texts = [*fixed, *[f"v{n}, {plan.specs[n].dtype} {plan.specs[n].shape}" for n in values]]
    return [f"/* m{k}: {text} */" for k, text in enumerate(texts, 1) if "(), constant" not in text]


def _count_careful(groups: Sequence[Group]) -> int:
    """Return how many expressions are functions such as exp, which take a compiler ten times as long as a product."""
    inside = sum(_count_careful(group.inside) for group in groups if group.nest is not None)
    statements = [s for group in groups if group.is_inline for s in group.statements]
    return inside + sum(any(f"{name}(" in (s.expression or "") for name in CAREFUL) for s in statements)


def _end(clean: bool) -> list[str]:
    return ["(void)wrong;", "return invalid;" if clean else "return invalid | fused_invalid();", "}"]


class _Loops:
    """The texts of all loops, with names for their places.

    Attributes:
        texts: for the id of a group its text, and the memory and offset of each place; not if a compiler would take
            too long for all of them, so that the executor runs this one.
        uses: for each text the places that it occurs with, numbered.
    """

    def __init__(self, segment: Segment, groups: Sequence[Group]) -> None:
        self._segment, self._inlines = segment, _count_careful(groups) <= _INLINED
        self.texts: dict[int, tuple[str, tuple[int, ...]]] = {}
        self.uses: dict[str, dict[tuple[int, ...], int]] = {}
        self._left = _COMPILED
        self._add(groups)

    def _add(self, groups: Sequence[Group]) -> None:
        for group in groups:
            self._add(group.inside)
            if not group.is_inline:
                continue
            text, places = _name_places(self.text_of(group, _NAME, ()))
            if text not in self.uses:
                self._left -= len(group.statements)
            if text in self.uses or self._left >= 0:
                self.texts[id(group)] = text, places
                rows = self.uses.setdefault(text, {})
                rows.setdefault(places, len(rows))

    def text_of(self, group: Group, name: str, notes: Sequence[str]) -> str:
        """Return the function of a loop."""
        return Loop(group, name, _numbers(self._segment, group), notes, self._inlines).text()


def _name_places(text: str) -> tuple[str, tuple[int, ...]]:
    """Return the text of a loop with a name for each place, and the memory and the offset of each."""
    places: dict[tuple[int, int], str] = {}
    if "FUSED_SHARE" in text or f"{_NAME}_" in text:  # its places are in several functions
        return text, ()

    def name_of(match: re.Match[str]) -> str:
        return places.setdefault((int(match[1]), int(match[2] or 0)), f"p{len(places)}")

    named = _PLACE.sub(name_of, _MEMORY.sub("", text))
    numbers = tuple([n for place in places for n in place])
    return (named, numbers) if max(numbers, default=0) < 1 << 31 else (text, ())


def _with_places(text: str, name: str, uses: Iterable[tuple[int, ...]]) -> str:
    """Return a function that takes its places, and a table of these."""
    rows = [f"    {{{', '.join(map(str, row))}}}," for row in uses]
    size = rows[0].count(",")
    table = f"static const int32_t at_{name}[][{size}] = {{\n" + "\n".join(rows) + "\n};\n"
    head, body = text.replace(_NAME, name).split("{\n", 1)
    head = head.replace("static int", "static __attribute__((noinline)) int").replace(
        "*run)", "*run, const int32_t *at)"
    )
    places = [f"    char *const p{k} = run->memory[at[{2 * k}]] + at[{2 * k + 1}];\n" for k in range(size // 2)]
    return f"{table}{head}{{\n{''.join(places)}{body}"


class _File:
    """The functions of a file.

    Attributes:
        functions: the texts of those that were needed so far.
        cores: the names of functions of small matrices among them, by their texts.
    """

    def __init__(self, segment: Segment, groups: Sequence[Group]) -> None:
        self._segment, self._loops = segment, _Loops(segment, groups)
        self._names: dict[str, str] = {}
        self.functions: list[str] = []
        self.cores: dict[str, str] = {}

    def calls(self, groups: Sequence[Group]) -> tuple[list[str], bool]:
        """Return the lines that run groups, and whether all flags are taken into account after them."""
        calls, clean = list[str](), False
        loops = list[str]()
        for group in groups:
            notes = _notes(group.plan, group.statements)
            if id(group) in self._loops.texts:
                line = self._loop(group, notes)
                if loops and bool(_CALL.fullmatch(line)) != bool(_CALL.fullmatch(loops[-1])):
                    calls += self._in_table(loops)
                    loops = []
                loops.append(line)
                clean = False
                continue
            calls += self._in_table(loops)
            loops = []
            if group.nest is not None:
                calls += [f"wrong = {self._steps(group, group.nest)}(run);", f"if (wrong >= {CHECKED}) return wrong;"]
                calls.append("invalid |= wrong;")
                clean = True
            elif has_core(self._segment, group.statements[0]):
                lines, clean = self._core(group.statements[0], notes, clean)
                calls += lines
            else:
                calls += notes
                calls += [] if clean else ["invalid |= fused_invalid();"]
                records = dict.fromkeys(s.record if s.block < 0 else s.block for s in group.statements)
                calls += itertools.chain.from_iterable(map(self._call, records))
                clean = True
        return calls + self._in_table(loops), clean

    def _loop(self, group: Group, notes: Sequence[str]) -> str:
        """Return the line that runs a loop: a function of its own, or one of many that differ in places alone."""
        text, places = self._loops.texts[id(group)]
        uses = self._loops.uses[text]
        name = f"loop_{len(self.functions)}"
        if len(uses) < _ALIKE:
            self.functions.append(self._loops.text_of(group, name, notes))
            return f"invalid |= {name}(run);"
        if text not in self._names:
            self._names[text] = name
            self.functions.append("\n".join([*notes, _with_places(text, name, uses)]))
        name = self._names[text]
        return f"invalid |= {name}(run, at_{name}[{uses[places]}]);"

    def _in_table(self, calls: list[str]) -> list[str]:
        """Return lines that run many loops one after the other, in the place of a call for each."""
        rows = [match for call in calls if (match := _CALL.fullmatch(call))]
        if len(rows) < _MANY or len(rows) < len(calls):
            return calls
        name = f"calls_{len(self.functions)}"
        table = "\n".join([f"    {{{row[1]}, {row[2]}}}," for row in rows])
        self.functions.append(f"static const FusedCall {name}[] = {{\n{table}\n}};\n")
        loop = f"for (intptr_t k = 0; k < {len(rows)}; k++) {{"
        return [loop, f"invalid |= {name}[k].function(run, {name}[k].places);", "}"]

    def _call(self, record: int) -> list[str]:
        """Return the lines that let the executor run a record."""
        return [f"wrong = fused_call(run, {record});", self._end_of(record)]

    def _end_of(self, record: int) -> str:
        """Return the line after a record, which was invalid if `wrong`."""
        kind = int(self._segment.code[record])
        is_checked = kind >= CHECKED and kind != BLOCK
        return f"if (wrong) return {kind};" if is_checked else "invalid |= wrong;"

    def _core(self, s: Statement, notes: Sequence[str], clean: bool) -> tuple[list[str], bool]:
        """Add the function of a statement that has a core, and return the lines that run it, and if flags are known."""
        head, body = core_function(self._segment, s)
        if head + body not in self.cores:
            self.cores[head + body] = name = f"core_{len(self.functions)}"
            self.functions.append(f"static __attribute__((noinline)) int {name}{head}\n    {body}")
        calls = [*notes, *core_calls(self._segment, s, self.cores[head + body])]
        if not clears_flags(s):
            return calls, False
        before = [] if clean else ["invalid |= fused_invalid();"]
        return [*before, *calls, "fused_clear();", self._end_of(s.record)], True

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
