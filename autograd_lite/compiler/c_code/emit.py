"""The text of the function that does what a segment does, a loop for each of its groups."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...native.instructions import BLOCK, CHECKED
from ..execution_plan import Plan
from ..native_segments import Segment
from .expressions import CAREFUL, expression_of
from .fusion import Group, fuse
from .loop_nests import Access, Statement

_STRIP = 256  # points of the innermost dimension that go through the phases of a loop at a time
_SHARED = 1 << 16  # steps of a loop from which waking other threads pays
_TYPES = {"?": "uint8_t", "f": "float", "d": "double", "F": "float _Complex", "D": "double _Complex"}
_FUNCTION = re.compile(r"\bal_\w+(?=\()")


def c_type(dtype: np.dtype[Any]) -> str:
    """Return the type of an element."""
    return _TYPES.get(dtype.char) or f"{'u' * (dtype.kind == 'u')}int{8 * dtype.itemsize}_t"


def c_text(plan: Plan, segment: Segment) -> str:
    """Return the text of a file with the function of a segment."""
    groups = fuse(plan, segment)
    functions, calls, clean = list[str](), list[str](), False
    code = segment.code
    for k, group in enumerate(groups):
        if group.is_inline:
            functions.append(_Loop(plan, group, f"loop_{k}").text())
            calls.append(f"invalid |= loop_{k}(run);")
            clean = False
            continue
        first = group.statements[0]
        record = first.record if first.block < 0 else first.block
        calls += _notes(plan, group.statements)
        if not clean:
            calls.append("invalid |= al_invalid(run);")
        calls.append(f"wrong = al_call(run, {record});")
        kind = int(code[record])
        calls.append(f"if (wrong) return {kind};" if kind >= CHECKED and kind != BLOCK else "invalid |= wrong;")
        clean = True
    body = "\n    ".join(["int invalid = 0, wrong = 0;", "al_clear(run);", *calls])
    end = "return invalid | wrong | al_invalid(run);" if not clean else "return invalid;"
    run = f"int run(const AlRun *run) {{\n    {body}\n    (void)wrong;\n    {end}\n}}\n"
    return "\n".join(['#include "fused.h"\n', *functions, run])


def _notes(plan: Plan, statements: Sequence[Statement]) -> list[str]:
    """Return comments on what statements do, with the user's lines."""
    at = {call.value: call for call in plan.calls}
    rows, line = list[str](), ""
    for value in dict.fromkeys(s.value for s in statements):
        call = at[value]
        here = plan.line_of(call)
        note = f"v{value} = {call.name}({', '.join(f'v{n}' for n in call.reads)})"
        rows.append(f"/* {note}{f'  {here}' if here not in ('', line) else ''} */".replace("*/ */", "*/"))
        line = here or line
    return rows


class _Phase(NamedTuple):
    """Statements of a strip: those of one loop, or one that is called."""

    statements: list[int]
    is_call: bool


class _Loop:
    """The function of one group."""

    def __init__(self, plan: Plan, group: Group, name: str) -> None:
        self.plan, self.name, self.group = plan, name, group
        self.dimensions, self.statements = _collapse(group)
        self.n = self.dimensions[-1]
        self.templates = [expression_of(s.ufunc, s.chars) for s in self.statements]
        self.phases = self._phases()
        self.careful = [
            not phase.is_call and any(self._functions(k) & CAREFUL for k in phase.statements) for phase in self.phases
        ]
        self.is_cut = len(self.phases) > 1 or any(self.careful) and self.n > 1
        self.buffers: dict[str, str] = {}  # names and types of arrays of one strip
        self.constants: dict[Access, str] = {}  # what is the same along the innermost dimension

    def _functions(self, k: int) -> set[str]:
        template = self.templates[k]
        return set(_FUNCTION.findall(template)) if template else set()

    def _phases(self) -> list[_Phase]:
        phases: list[_Phase] = []
        for k, template in enumerate(self.templates):
            if template is None:
                phases.append(_Phase([k], True))
            elif phases and not phases[-1].is_call:
                phases[-1].statements.append(k)
            else:
                phases.append(_Phase([k], False))
        return phases

    def text(self) -> str:
        """Return the function."""
        body = list(self._body())
        depth = len(self.dimensions) - 1
        shared = self._is_shared()
        head = [f"char *const m{m} = run->memory[{m}];" for m in sorted(self._memories())]
        head += [f"{kind} {name}[{min(_STRIP, self.n)}] __attribute__((aligned(64)));" for name, kind in self.buffers.items()]
        head += ["int invalid = 0;"]
        loops, indent = [], "    "
        for d in range(depth):
            limits = ("first", "last") if d == 0 else ("0", str(self.dimensions[d]))
            loops.append(f"{indent}for (intptr_t i{d} = {limits[0]}; i{d} < {limits[1]}; i{d}++) {{")
            indent += "    "
        rows = [f"    {row}" for row in head] + loops + [indent + row for row in body]
        rows += [f"{'    ' * (d + 1)}}}" for d in reversed(range(depth))]
        notes = "\n".join(_notes(self.plan, self.statements))
        part = f"{notes}\nstatic int {self.name}_part(const AlRun *run, intptr_t first, intptr_t last) {{\n"
        text = part + "\n".join(rows) + "\n    return invalid;\n}\n"
        size = self.dimensions[0]
        if shared:
            return text + f"AL_SHARE({self.name}, {size})\n"
        return text + f"static int {self.name}(const AlRun *run) {{ return {self.name}_part(run, 0, {size}); }}\n"

    def _is_shared(self) -> bool:
        return self.group.statements[0].size * len(self.statements) >= _SHARED and self.dimensions[0] > 1

    def _memories(self) -> set[int]:
        used = {a.memory for k, s in enumerate(self.statements) for a in s.inputs} | {
            s.output.memory for s, stored in zip(self.statements, self.group.stores, strict=True) if stored
        }
        return {m for m in used if m}

    def _body(self) -> Iterator[str]:
        """Yield the lines inside the outer loops."""
        sources = self._sources()
        for access, name in self.constants.items():
            yield f"const {c_type(access.dtype)} {name} = {self._at(access, None)};"
        first, last = ("first", "last") if len(self.dimensions) == 1 else ("0", str(self.n))
        if not self.is_cut:
            yield from self._plain_loop(sources, first, last)
            return
        yield f"for (intptr_t s = {first}; s < {last}; s += {_STRIP}) {{"
        yield f"    const intptr_t n = {last} - s < {_STRIP} ? {last} - s : {_STRIP};"
        for p, phase in enumerate(self.phases):
            rows = self._call(phase.statements[0], sources) if phase.is_call else self._strip(p, sources)
            for row in rows:
                yield "    " + row
        yield "}"

    def _plain_loop(self, sources: Any, first: str, last: str) -> Iterator[str]:
        if self.n == 1:
            yield "const intptr_t i = 0;"
            yield "{"
        else:
            yield "AL_INDEPENDENT" if self.n > 8 else f"AL_UNROLL({self.n})"
            yield f"for (intptr_t i = {first}; i < {last}; i++) {{"
        for row in self._points(self.phases[0].statements, sources, 0, {}):
            yield "    " + row
        yield "}"

    def _strip(self, p: int, sources: Any) -> Iterator[str]:
        """Yield the loop of a phase over one strip, and again for the points that need care."""
        phase = self.phases[p]
        saved = self._overwritten(phase.statements, sources) if self.careful[p] else {}
        if self.careful[p]:
            yield f"int64_t hard_{p} = 0;"
            yield "const int before = al_invalid(run);"
        yield "AL_INDEPENDENT"
        yield "for (intptr_t j = 0; j < n; j++) {"
        yield "    const intptr_t i = s + j;"
        for row in self._points(phase.statements, sources, p, saved, fast=self.careful[p]):
            yield "    " + row
        yield "}"
        if self.careful[p]:
            yield f"if (hard_{p}) {{"
            yield "    if (!before) al_clear(run);"
            yield "    for (intptr_t j = 0; j < n; j++) {"
            yield "        const intptr_t i = s + j;"
            for row in self._points(phase.statements, sources, p, saved, again=True):
                yield "        " + row
            yield "    }"
            yield "}"

    def _sources(self) -> list[list[str | Access]]:
        """Return for each statement where its operands come from: a value of a statement, a constant, or memory."""
        latest: dict[Access, int] = {}
        sources: list[list[Any]] = []
        for k, s in enumerate(self.statements):
            row: list[Any] = []
            for a in s.inputs:
                if a in latest:
                    row.append(latest[a])
                elif a.strides[-1] == 0 and self.templates[k] is not None:
                    row.append(self.constants.setdefault(a, f"c{len(self.constants)}"))
                else:
                    row.append(a)
            sources.append(row)
            for other in [a for a in latest if a[:2] == s.output[:2]]:
                del latest[other]
            latest[s.output] = k
        return sources

    def _phase_of(self, k: int) -> int:
        return next(p for p, phase in enumerate(self.phases) if k in phase.statements)

    def _overwritten(self, statements: Sequence[int], sources: Any) -> dict[Access, str]:
        """Return what a phase reads from memory and writes over, with the names of arrays that keep it."""
        stored = {self.statements[k].output for k in statements if self.group.stores[k]}
        read = [a for k in statements for a in sources[k] if isinstance(a, Access)]
        saved = {a: f"old{n}" for n, a in enumerate(dict.fromkeys(a for a in read if a in stored))}
        self.buffers |= {name: c_type(a.dtype) for a, name in saved.items()}
        return saved

    def _points(
        self,
        statements: Sequence[int],
        sources: Any,
        p: int,
        saved: Mapping[Access, str],
        fast: bool = False,
        again: bool = False,
    ) -> Iterator[str]:
        """Yield the lines for one point of some statements."""
        loads: dict[Access, str] = {}
        for k in statements:
            s, template = self.statements[k], self.templates[k]
            assert template is not None
            names = []
            for source, access in zip(sources[k], s.inputs, strict=True):
                if isinstance(source, str):
                    names.append(source)
                elif isinstance(source, int):
                    names.append(self._value(source, p))
                else:
                    if access not in loads:
                        loads[access] = f"x{len(loads)}"
                        at = f"{saved[access]}[j]" if again and access in saved else self._at(access, "i")
                        yield f"const {c_type(access.dtype)} {loads[access]} = {at};"
                        if access in saved and not again:
                            yield f"{saved[access]}[j] = {loads[access]};"
                    names.append(loads[access])
            kind = c_type(s.output.dtype)
            if fast:
                for function in sorted(self._functions(k) & CAREFUL):
                    yield f"hard_{p} |= !{function}_easy({names[0]});"
                    template = template.replace(f"{function}(", f"{function}_fast(")
            yield f"const {kind} v{k} = {template.format(*names)};"
            if self.group.stores[k]:
                yield f"{self._at(s.output, 'i')} = v{k};"
            if self._is_passed_on(k, sources):
                self.buffers[f"s{k}"] = kind
                yield f"s{k}[j] = v{k};"
            loads.pop(s.output, None)

    def _is_passed_on(self, k: int, sources: Any) -> bool:
        """Return whether a later phase reads what a statement computes."""
        p = self._phase_of(k)
        return any(k in row and self._phase_of(j) > p for j, row in enumerate(sources))

    def _value(self, k: int, p: int) -> str:
        """Return the name of what a statement computes, for a phase."""
        if self._phase_of(k) == p:
            return f"v{k}"
        if self.templates[k] is None and self.group.stores[k]:
            return self._at(self.statements[k].output, "i")
        return f"s{k}[j]"

    def _call(self, k: int, sources: Any) -> Iterator[str]:
        """Yield the call of a loop for one strip."""
        s = self.statements[k]
        at, steps = list[str](), list[int]()
        for source, access in zip(sources[k], s.inputs, strict=True):
            if isinstance(source, int) and not (self.templates[source] is None and self.group.stores[source]):
                self.buffers[f"s{source}"] = c_type(access.dtype)
                at.append(f"(char *)s{source}")
                steps.append(access.dtype.itemsize)
            else:
                at.append(self._place(access, "s"))
                steps.append(access.strides[-1])
        if self.group.stores[k]:
            at.append(self._place(s.output, "s"))
            steps.append(s.output.strides[-1])
        else:
            self.buffers[f"s{k}"] = c_type(s.output.dtype)
            at.append(f"(char *)s{k}")
            steps.append(s.output.dtype.itemsize)
        yield "invalid |= al_invalid(run);"
        yield "{"
        yield f"    char *at[] = {{{', '.join(at)}}};"
        yield f"    const intptr_t steps[] = {{{', '.join(map(str, steps))}}};"
        yield f"    al_loop(run, {s.loop}, at, n, steps);"
        yield "}"
        yield "invalid |= al_invalid(run);"

    def _place(self, access: Access, index: str | None) -> str:
        """Return the address of an element, in bytes."""
        terms = [f"m{access.memory}"] + ([str(access.offset)] if access.offset else [])
        indices = [f"i{d}" for d in range(len(self.dimensions) - 1)] + [index]
        terms += [f"{i} * {step}" for i, step in zip(indices, access.strides, strict=True) if step and i is not None]
        return " + ".join(terms)

    def _at(self, access: Access, index: str | None) -> str:
        """Return an element."""
        return f"*({c_type(access.dtype)} *)({self._place(access, index)})"


def _collapse(group: Group) -> tuple[tuple[int, ...], list[Statement]]:
    """Return dimensions with those joined that all accesses go through in one step, and the statements with these."""
    statements = list(group.statements)
    dimensions = list(group.dimensions)
    d = len(dimensions) - 1
    while d >= 0:
        n = dimensions[d]
        accesses = [a for s in statements for a in s.accesses]
        if n == 1 and len(dimensions) > 1:
            into = d
        elif d and all(a.strides[d - 1] == a.strides[d] * n for a in accesses):
            dimensions[d] *= dimensions[d - 1]
            into = d - 1
        else:
            d -= 1
            continue
        del dimensions[into]
        statements = [
            s._replace(inputs=tuple([_without(a, into) for a in s.inputs]), output=_without(s.output, into))
            for s in statements
        ]
        d = min(d, len(dimensions)) - 1 if into == d else d - 1
    return tuple(dimensions), [s._replace(dimensions=tuple(dimensions)) for s in statements]


def _without(access: Access, d: int) -> Access:
    return access._replace(strides=access.strides[:d] + access.strides[d + 1 :])
