"""The text of one loop: its statements in phases, over strips of points, with reductions at the end."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .expressions import CAREFUL, c_type
from .fusion import Group
from .loop_nests import FOLD, SCRATCH, Access, Statement

_STRIP = 256  # points of the innermost dimension that go through the phases of a loop at a time, at most
_LEAF = 128  # elements that NumPy adds up in one block
_CACHE = 1 << 15  # bytes of what phases leave for one another
_PHASE = 48  # statements of one phase: more of them spill registers, and take the compiler long
_VECTORS = 32  # points of a row, below which loops over all points of some rows are faster
_SHORT = 8  # points of a loop that is unrolled, and of a sum that NumPy takes from left to right
_NEAR = 1 << 15  # points of a loop whose operands stay in the cache, so that it may go through them again and again
_SHARED = 1 << 16  # steps of a loop from which waking other threads pays
_ALONE = re.compile("|".join(sorted(name for name in CAREFUL if np.power.__name__ not in name)))
_FUNCTION = re.compile(r"\bal_\w+(?=\()")


class _Phase(NamedTuple):
    """Statements of a strip: those of one loop, or one whose loop is called."""

    statements: list[int]
    is_call: bool


class Loop:
    """The function of one group.

    Args:
        group: the statements.
        name: of the function.
        constants: the numbers that accesses of one element always read.
        notes: comments for the head of the function.
        inlines: whether careful functions are inlined, or their loops called where rows are long enough.
    """

    def __init__(
        self, group: Group, name: str, constants: Mapping[Access, Any], notes: Sequence[str], inlines: bool
    ) -> None:
        self.name, self.group, self.numbers, self.notes = name, group, constants, notes
        self.dimensions, self.statements = _collapse(*_interchange(group.dimensions, group.statements))
        self.n, self.depth = self.dimensions[-1], len(self.dimensions) - 1
        # As comments have them; without comments loops that do the same have the same text.
        values = [s.value for s in self.statements] if notes else range(len(self.statements))
        self._numbers = _numbers(values)
        self.inlines = inlines
        self.templates = [s.expression for s in self.statements]
        if not inlines and self.n >= _VECTORS:
            self.templates = [None if t and _ALONE.search(t) else t for t in self.templates]
        self.hoisted: dict[Access, str] = {}  # names of numbers that are the same along the innermost dimension
        self.sources = self._sources()
        self.phases = self._phases()
        self._phase = [p for p, phase in enumerate(self.phases) for _ in phase.statements]
        self._last_phase = {
            k: p for row, p in zip(self.sources, self._phase, strict=True) for k in row if k.__class__ is int
        }
        self.sums = [k for k, s in enumerate(self.statements) if _is_sum(s)]
        self.careful = [
            not phase.is_call and any(self._careful_functions(k) for k in phase.statements) for phase in self.phases
        ]
        several = len(self.phases) > 1 or self.phases[0].is_call or bool(self.sums)
        self.is_cut = several or (any(self.careful) and math.prod(self.dimensions) > _SHORT)
        self.buffers: dict[str, str] = {}  # names and types of arrays of one strip
        self._choose_strip()

    def _choose_strip(self) -> None:
        crossing = sum(self._is_passed_on(k) for k in range(len(self.statements)))
        width = max(s.output.dtype.itemsize for s in self.statements)
        self.strip = max(64, min(_STRIP, _CACHE // max(1, crossing * width) // 64 * 64))
        is_short = self.depth > 0 and 2 * self.n <= self.strip and not self.sums
        self.rows = self.strip // self.n if self.is_cut and is_short else 0  # of a strip, where they are short
        if self.sums:
            self.strip = _LEAF
        self._index = "j" if self.rows else "(s + j)" if self.is_cut else "i" if self.n > 1 else "0"
        self._go_through(False)

    def _go_through(self, is_flat: bool) -> None:
        """Let places be those of a loop over all points of a strip of rows, or over its rows and their points."""
        self._spot = f"r * {self.n} + j" if self.rows and not is_flat else "j"
        self._row = "s" if is_flat else f"i{self.depth - 1}"

    def _is_flat(self, k: int) -> bool:
        """Return whether a statement goes through its operands in even steps from row to row."""
        s = self.statements[k]
        places = [a for a, source in zip(s.inputs, self.sources[k], strict=True) if not _is_number(source)]
        places = [a for a in places if any(a.strides[-2:])] + [s.output] * self.group.stores[k]
        return s.kind != FOLD and all(a.strides[-2] == a.strides[-1] * self.n for a in places)

    def _careful_functions(self, k: int) -> set[str]:
        template = self.templates[k]
        return set(_FUNCTION.findall(template)) & CAREFUL if template else set()

    def _phases(self) -> list[_Phase]:
        phases: list[_Phase] = []
        slow = any(t is None or self._careful_functions(k) for k, t in enumerate(self.templates))
        by_rows = slow and self.depth > 0 and self.n < _VECTORS and not any(map(_is_sum, self.statements))
        folds = careful = False  # whether the last phase takes points into results, or may run twice: never both
        for k, (template, s) in enumerate(zip(self.templates, self.statements, strict=True)):
            its_folds, its_careful = s.kind == FOLD and not _is_sum(s), bool(self._careful_functions(k))
            is_full = bool(phases) and len(phases[-1].statements) >= _PHASE and self.n > _SHORT
            apart = self.n > _SHORT and ((folds and its_careful) or (careful and its_folds))
            apart = apart or (by_rows and k > 0 and self._is_flat(k) != self._is_flat(k - 1))
            if template is None or not phases or phases[-1].is_call or is_full or apart:
                phases.append(_Phase([k], template is None))
                folds = careful = False
            else:
                phases[-1].statements.append(k)
            folds, careful = folds or its_folds, careful or its_careful
        return phases

    def _sources(self) -> list[list[Any]]:
        """Return for each statement where its operands come from: a statement, the name of a number, or memory."""
        latest: dict[Access, int] = {}
        at_place: dict[tuple[int, int], list[Access]] = {}  # the same by memory and offset
        sources: list[list[Any]] = []
        for k, s in enumerate(self.statements):
            row: list[Any] = []
            for a in s.inputs:
                if a in latest:
                    row.append(latest[a])
                elif a in self.numbers and self.templates[k] is not None:
                    row.append(_literal(self.numbers[a], a.dtype))
                elif a.strides[-1] == 0 and self.templates[k] is not None:
                    row.append(self.hoisted.setdefault(a, f"c{len(self.hoisted)}"))
                else:
                    row.append(a)
            sources.append(row)
            if s.kind != FOLD:
                for other in at_place.pop(s.output[:2], ()):
                    del latest[other]
                latest[s.output] = k
                at_place[s.output[:2]] = [s.output]
        return sources

    # ---- the function ------------------------------------------------------------------------------------------------

    def text(self) -> str:
        """Return the function."""
        size, shared = self.dimensions[0], self._is_shared()
        body = list(self._body())
        outer = self.depth - bool(self.rows)
        limits = "intptr_t first, intptr_t last" if shared else ""
        rows = list(self._head())
        if not shared and self.depth + self.is_cut + (self.n > 1):
            rows.append(f"enum {{ first = 0, last = {size} }};")
        rows += self._initial_values()
        for d in range(outer):
            rows.append(f"for (intptr_t i{d} = {'first' if d == 0 else 0}; i{d} < {self._end(d)}; i{d}++) {{")
        rows += body
        rows += ["}"] * outer
        rows.append("return invalid;")
        name = f"{self.name}_part" if shared else self.name
        arguments = ", ".join(filter(None, ["const FusedRun *run", limits]))
        text = [*self.notes, *self._sum_function(), f"static int {name}({arguments}) {{", *rows, "}"]
        if shared:
            text.append(f"FUSED_SHARE({self.name}, {size})")
        return "\n".join(lay_out(text)) + "\n"

    def _head(self) -> Iterator[str]:
        """Yield the declarations."""
        used = {a.memory for row in self.sources for a in row if isinstance(a, Access)}
        used |= {a.memory for a in self.hoisted}
        used |= {s.output.memory for s, stored in zip(self.statements, self.group.stores, strict=True) if stored}
        for m in sorted(used - {SCRATCH}):
            yield f"char *const m{m} = run->memory[{m}];"
        if not self.sums:
            yield from self._buffer_rows()
        yield "int invalid = 0;"

    def _buffer_rows(self) -> Iterator[str]:
        points = self.n * self.rows if self.rows else min(self.strip, self.n)
        for name, kind in self.buffers.items():
            yield f"{kind} {name}[{points}] __attribute__((aligned(64)));"

    def _end(self, d: int) -> str:
        return "last" if d == 0 else str(self.dimensions[d])

    def _is_shared(self) -> bool:
        folds_rows = any(s.kind == FOLD and s.output.strides[0] == 0 for s in self.statements)
        return self.group.work >= _SHARED and self.dimensions[0] > 1 and not folds_rows

    def _initial_values(self) -> Iterator[str]:
        """Yield the loops that fill the results of reductions with what these begin with."""
        for k, s in enumerate(self.statements):
            if s.kind != FOLD or self._begin(k) is None:
                continue
            axes = [d for d in range(self.depth + 1) if s.output.strides[d] and self.dimensions[d] > 1]
            for d in axes:
                yield f"for (intptr_t i{d} = {'first' if d == 0 else 0}; i{d} < {self._end(d)}; i{d}++)"
            yield f"    {self._at(s.output, f'i{self.depth}')} = {self._begin(k)};"

    def _begin(self, k: int) -> str | None:
        """Return what a reduction begins with; None if that is the first of the elements."""
        s = self.statements[k]
        if s.start is not None:
            return s.start
        if len(s.inputs) < 2:
            return None
        source = self.sources[k][1]
        return self._at(s.inputs[1], None) if source in self.hoisted.values() else str(source)

    # ---- its loops ---------------------------------------------------------------------------------------------------

    def _body(self) -> Iterator[str]:
        """Yield the lines inside the outer loops."""
        if self.sums:
            yield from self._sum_rows()
        elif not self.is_cut:
            yield from self._hoist()
            yield from self._plain_loop()
        else:
            d = self.depth - bool(self.rows)
            step, end, count = self.rows or self.strip, self._end(d), "rows" if self.rows else "n"
            yield f"for (intptr_t s = {'first' if d == 0 else 0}; s < {end}; s += {step}) {{"
            yield f"const intptr_t {count} = {end} - s < {step} ? {end} - s : {step};"
            if not self.rows:
                yield from self._hoist()
            yield from self._strip_rows()
            yield "}"

    def _hoist(self, is_flat: bool = False) -> Iterator[str]:
        for access, name in self.hoisted.items():
            if not (is_flat and access.strides[-2]):
                yield f"const {c_type(access.dtype)} {name} = {self._at(access, None)};"

    def _plain_loop(self) -> Iterator[str]:
        if self.n == 1:
            yield "{"
        else:
            yield "FUSED_INDEPENDENT" if self.n > _SHORT else "FUSED_UNROLL"
            start, end = ("first", "last") if self.depth == 0 else ("0", str(self.n))
            yield f"for (intptr_t i = {start}; i < {end}; i++) {{"
        yield from self._points(self.phases[0].statements, 0, {})
        yield "}"

    def _strip_rows(self) -> Iterator[str]:
        """Yield the phases of one strip, of n points or of some rows."""
        for p, phase in enumerate(self.phases):
            yield from self._call(phase.statements[0]) if phase.is_call else self._inline_phase(p)

    def _inline_phase(self, p: int) -> Iterator[str]:
        """Yield the loop of a phase over one strip, and again for the strips with points that need care."""
        statements, careful = self.phases[p].statements, self.careful[p]
        is_flat = bool(self.rows) and all(map(self._is_flat, statements))
        self._go_through(is_flat)
        saved = self._overwritten(statements) if careful else {}
        if careful:
            yield f"int64_t hard_{p} = 0;"
            yield f"const int before_{p} = fused_invalid();"
        rows = list(self._points(statements, p, saved, fast=careful))
        yield from self._over_strip(rows, "FUSED_INDEPENDENT", is_flat)
        if careful:
            yield f"if (hard_{p}) {{"
            yield f"if (!before_{p}) fused_clear();"
            yield from self._over_strip(list(self._points(statements, p, saved, again=True)), "", is_flat)
            yield "}"
        self._go_through(False)

    def _over_strip(self, rows: Sequence[str], pragma: str, is_flat: bool) -> Iterator[str]:
        """Yield the loops over the points of a strip."""
        by_rows = bool(self.rows) and not is_flat
        if self.rows:
            yield "for (intptr_t r = 0; r < rows; r++) {" if by_rows else "{"
            yield from [f"const intptr_t {self._row} = s + r;"] * by_rows
            yield from self._hoist(is_flat)
        if pragma:
            yield pragma
        yield f"for (intptr_t j = 0; j < {f'rows * {self.n}' if is_flat else self.n if by_rows else 'n'}; j++) {{"
        yield from rows
        yield "}"
        if self.rows:
            yield "}"

    # ---- sums, in NumPy's order --------------------------------------------------------------------------------------

    def _sum_function(self) -> Iterator[str]:
        """Yield the function that adds up n points from s on: leaves in one block, longer runs in two halves."""
        if not self.sums:
            return
        kinds = [c_type(self.statements[k].output.dtype) for k in self.sums]
        fields = [f"{kind} t{self._numbers[k]};" for k, kind in zip(self.sums, kinds, strict=True)]
        yield f"typedef struct {{ {' '.join(fields)} "
        yield f"int invalid; }} {self.name}_sums;"
        indices = [f"i{d}" for d in range(self.depth)]
        takes = ", ".join(["const FusedRun *run", *[f"intptr_t {i}" for i in indices], "intptr_t s, intptr_t n"])
        yield f"static {self.name}_sums {self.name}_sum({takes}) {{"
        rows = list(self._strip_rows())
        if self.n > _LEAF:
            start = ", ".join(["run", *indices])
            yield f"if (n > {_LEAF}) {{"
            yield "const intptr_t half = n / 2 - n / 2 % 8;"
            yield f"{self.name}_sums a = {self.name}_sum({start}, s, half);"
            yield f"const {self.name}_sums b = {self.name}_sum({start}, s + half, n - half);"
            yield from (f"a.t{n} += b.t{n};" for n in [self._numbers[k] for k in self.sums])
            yield "a.invalid |= b.invalid;"
            yield "return a;"
            yield "}"
        yield from self._head()
        yield from self._buffer_rows()
        yield from self._hoist()
        yield from rows
        sums = ", ".join(f"fused_sum_{self.statements[k].output.dtype.char}(t{self._numbers[k]}, n)" for k in self.sums)
        yield f"return ({self.name}_sums){{{sums}, invalid}};"
        yield "}"

    def _sum_rows(self) -> Iterator[str]:
        indices = "".join(f"i{d}, " for d in range(self.depth))
        start, n = ("first", "last - first") if self.depth == 0 else ("0", str(self.n))
        yield f"const {self.name}_sums sums = {self.name}_sum(run, {indices}{start}, {n});"
        yield "invalid |= sums.invalid;"
        for k in self.sums:
            yield f"{self._at(self.statements[k].output, None)} += sums.t{self._numbers[k]};"

    # ---- points ------------------------------------------------------------------------------------------------------

    def _overwritten(self, statements: Sequence[int]) -> dict[Access, str]:
        """Return what a phase reads from memory and writes over, with the names of arrays that keep it."""
        stored = {self.statements[k].output for k in statements if self.group.stores[k]}
        read = [a for k in statements for a in self.sources[k] if isinstance(a, Access)]
        saved = {a: f"old{n}" for n, a in enumerate(dict.fromkeys(a for a in read if a in stored))}
        self.buffers |= {name: c_type(a.dtype) for a, name in saved.items()}
        return saved

    def _points(
        self, statements: Sequence[int], p: int, saved: Mapping[Access, str], fast: bool = False, again: bool = False
    ) -> Iterator[str]:
        """Yield the lines for one point of some statements.

        Args:
            statements: their numbers.
            p: the phase.
            saved: arrays for inputs that the phase writes over.
            fast: whether to take the functions that note where care is needed.
            again: whether this runs after that, and so reads these arrays.
        """
        loads, count = dict[Access, str](), itertools.count()
        for k in statements:
            s, template, names = self.statements[k], self.templates[k], list[str]()
            for source, access in zip(self.sources[k], s.inputs, strict=True):
                if isinstance(source, str):
                    names.append(source)
                elif isinstance(source, int):
                    names.append(self._value(source, p))
                else:
                    if access not in loads:
                        loads[access] = f"x{next(count)}"
                        old = f"{saved[access]}[{self._spot}]" if access in saved else ""
                        yield (
                            f"const {c_type(access.dtype)} {loads[access]} = "
                            f"{old if again and old else self._at(access, self._index)};"
                        )
                        if old and not again:
                            yield f"{old} = {loads[access]};"
                    names.append(loads[access])
            if s.kind == FOLD:
                yield from self._fold(k, names[0])
                continue
            assert template is not None
            if again or not (fast or self.inlines):
                template = _ALONE.sub(r"\g<0>_alone", template)
            for function in sorted(self._careful_functions(k)) if fast else ():
                arguments = template.format(*names)
                yield f"hard_{p} |= !{arguments.replace(f'{function}(', f'{function}_easy(')};"
                template = template.replace(f"{function}(", f"{function}_fast(")
            kind = c_type(s.output.dtype)
            yield f"const {kind} v{self._numbers[k]} = {template.format(*names)};"
            if self.group.stores[k]:
                yield f"{self._at(s.output, self._index)} = v{self._numbers[k]};"
            if self._is_passed_on(k):
                self.buffers[f"s{self._numbers[k]}"] = kind
                yield f"s{self._numbers[k]}[{self._spot}] = v{self._numbers[k]};"
            loads.pop(s.output, None)

    def _fold(self, k: int, x: str) -> Iterator[str]:
        """Yield the lines that take a point into a reduction."""
        s, template = self.statements[k], self.templates[k]
        if k in self.sums:
            self.buffers[f"t{self._numbers[k]}"] = c_type(s.output.dtype)
            yield f"t{self._numbers[k]}[j] = {x};"
            return
        assert template is not None
        at = self._at(s.output, self._index)
        one = template.format(at, x)
        if self._begin(k) is None:
            reduced = [d for d in range(self.depth) if s.output.strides[d] == 0 and self.dimensions[d] > 1]
            one = f"{' && '.join(f'i{d} == 0' for d in reduced)} ? {x} : {one}" if reduced else x
        yield f"{at} = {one};"

    def _is_passed_on(self, k: int) -> bool:
        """Return whether a later phase reads what a statement computes."""
        if self.templates[k] is None:
            return not self.group.stores[k]
        return self._last_phase.get(k, -1) > self._phase[k]

    def _value(self, k: int, p: int) -> str:
        """Return the name of what a statement computes, for a phase."""
        if self._phase[k] == p:
            return f"v{self._numbers[k]}"
        if self.templates[k] is None and self.group.stores[k]:
            return self._at(self.statements[k].output, self._index)
        return f"s{self._numbers[k]}[{self._spot}]"

    # ---- calls of loops ----------------------------------------------------------------------------------------------

    def _call(self, k: int) -> Iterator[str]:
        """Yield the call of a loop for one strip."""
        s, operands = self.statements[k], list[tuple[str, Access]]()
        for source, access in zip(self.sources[k], s.inputs, strict=True):
            is_stored = isinstance(source, int) and self.templates[source] is None and self.group.stores[source]
            operands.append(
                self._operand(f"s{self._numbers[source]}" if isinstance(source, int) and not is_stored else "", access)
            )
        operands.append(self._operand("" if self.group.stores[k] else f"s{self._numbers[k]}", s.output))
        steps = [a.strides[-1] for _, a in operands]
        yield "invalid |= fused_invalid();"
        if not self.rows:
            yield from self._call_of(k, [name or self._place(a, "s") for name, a in operands], steps, "n")
        elif all(a.strides[-2] == a.strides[-1] * self.n for _, a in operands):
            self._go_through(True)
            places = [name or self._place(a, None) for name, a in operands]
            self._go_through(False)
            yield from self._call_of(k, places, steps, f"rows * {self.n}")
        else:
            yield "for (intptr_t r = 0; r < rows; r++) {"
            yield f"const intptr_t i{self.depth - 1} = s + r;"
            places = [f"{name} + r * {a.strides[-2]}" if name else self._place(a, None) for name, a in operands]
            yield from self._call_of(k, places, steps, str(self.n))
            yield "}"
        yield "invalid |= fused_invalid();"

    def _operand(self, buffer: str, access: Access) -> tuple[str, Access]:
        """Return the buffer of an operand, as bytes, and how that is gone through; or nothing and its own access."""
        if not buffer:
            return "", access
        self.buffers[buffer] = c_type(access.dtype)
        size = access.dtype.itemsize
        outer = [self.n * size] if self.depth else []
        return f"(char *){buffer}", access._replace(strides=(*access.strides[:-2], *outer, size))

    def _call_of(self, k: int, places: Sequence[str], steps: Sequence[int], n: str) -> Iterator[str]:
        size = self.statements[k].output.dtype.itemsize  # a result has a step even where it has one element
        yield "{"
        yield f"char *at[] = {{{', '.join(places)}}};"
        yield f"const intptr_t steps[] = {{{', '.join(map(str, [*steps[:-1], steps[-1] or size]))}}};"
        yield f"fused_loop(run, {self.statements[k].loop}, at, {n}, steps);"
        yield "}"

    def _place(self, access: Access, index: str | None) -> str:
        """Return the address of an element, in bytes."""
        terms = [f"m{access.memory}"] + ([str(access.offset)] if access.offset else [])
        indices = [*[f"i{d}" for d in range(self.depth - 1)], *[self._row] * (self.depth > 0), index]
        terms += [f"{i} * {step}" for i, step in zip(indices, access.strides, strict=True) if step and i is not None]
        return " + ".join(terms)

    def _at(self, access: Access, index: str | None) -> str:
        """Return an element."""
        return f"*({c_type(access.dtype)} *)({self._place(access, index)})"


def _numbers(values: Sequence[int]) -> list[str]:
    """Return the numbers of values as text, with the number of the step where several lead to a value; or "copy"."""
    counts, steps = Counter(values), Counter[int]()
    numbers = []
    for n in values:
        steps[n] += 1
        name = str(n) if n >= 0 else "_copy"
        numbers.append(f"{name}_{steps[n]}" if counts[n] > 1 else name)
    return numbers


def _is_number(source: Any) -> bool:
    """Return whether a source of an operand is a literal."""
    return isinstance(source, str) and not source.startswith("c")


def _literal(x: Any, dtype: np.dtype[Any]) -> str:
    """Return a number as C has it."""
    if dtype.kind == "f":
        return repr(float(x)) + "f" * (dtype.char == "f")
    return f"({c_type(dtype)}){int(x)}"


def is_literal(x: Any) -> bool:
    """Return whether a number can be written in C."""
    return bool(np.isfinite(x)) if x.dtype.char in "fd" else x.dtype.kind in "iub" and abs(int(x)) < 1 << 62


def lay_out(rows: Iterable[str]) -> Iterator[str]:
    """Yield lines of C indented by their braces."""
    depth = 0
    for row in rows:
        depth -= row.startswith("}")
        yield ("    " * depth + row) if row else row
        depth += row.endswith("{")


def _is_sum(s: Statement) -> bool:
    """Return whether a statement adds up the innermost dimension, for which NumPy has an order of its own."""
    return s.kind == FOLD and s.output.strides[-1] == 0 and s.dimensions[-1] > 1


def _interchange(
    dimensions: tuple[int, ...], statements: Sequence[Statement]
) -> tuple[tuple[int, ...], list[Statement]]:
    """Return a loop whose innermost dimension, if it is short and added up, has become the outermost one.

    So few elements are added up one by one, so that the sums of many rows may be vectors.
    """
    n, points = dimensions[-1], math.prod(dimensions)
    folds = [s for s in statements if s.kind == FOLD]
    if n >= _SHORT or len(dimensions) < 2 or points > _NEAR or not any(map(_is_sum, folds)):
        return dimensions, list(statements)
    outer = [(m, step) for s in folds for m, step in zip(dimensions[:-1], s.output.strides[:-1], strict=True)]
    if any(m > 1 and step == 0 for m, step in outer):  # sums of rows are added up then
        return dimensions, list(statements)

    def turn(x: tuple[int, ...]) -> tuple[int, ...]:
        return (x[-1], *x[:-1])

    moved = []
    for s in statements:
        inputs = tuple([a._replace(strides=turn(a.strides)) for a in s.inputs])
        output = s.output._replace(strides=turn(s.output.strides))
        moved.append(s._replace(dimensions=turn(s.dimensions), inputs=inputs, output=output))
    return turn(dimensions), moved


def _collapse(shape: tuple[int, ...], statements: list[Statement]) -> tuple[tuple[int, ...], list[Statement]]:
    """Return dimensions with those joined that all accesses go through in one step, and the statements with these."""
    dimensions = list(shape)
    for d in reversed(range(len(dimensions))):
        accesses = [a for s in statements for a in s.accesses]
        inner = d + 1 < len(dimensions)
        if dimensions[d] == 1 and len(dimensions) > 1:
            into = d
        elif inner and all(a.strides[d] == a.strides[d + 1] * dimensions[d + 1] for a in accesses):
            if d + 2 == len(dimensions) and any(map(_is_sum, statements)):
                continue  # the length of a row decides about the order of its sum
            dimensions[d + 1] *= dimensions[d]
            into = d
        else:
            continue
        del dimensions[into]
        statements = [
            s._replace(
                dimensions=tuple(dimensions),
                inputs=tuple([_without(a, into) for a in s.inputs]),
                output=_without(s.output, into),
            )
            for s in statements
        ]
    return tuple(dimensions), statements


def _without(access: Access, d: int) -> Access:
    return access._replace(strides=access.strides[:d] + access.strides[d + 1 :])
