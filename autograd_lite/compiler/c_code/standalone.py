"""C code out: a compiled function as a file of C99 that needs nothing but libm, with a header and a check of itself."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...core.errors import UnsupportedError
from ...core.node import is_hidden
from ...files.atomic_writes import path_of, write_file
from ...ir.observing import Assumption, Check
from ...ir.pure_program import PureProgram
from ...ir.tape import OBSERVE
from ...tensors.tensor import Tensor
from ...tree import items
from ..execution_plan import Plan
from ..trace import Recording
from .standalone_block import Block
from .standalone_calls import statements_of
from .standalone_names import TYPES, Names, assigned_names, literal
from .standalone_writer import Memory, View, Writer, dense, member, table_lines

# How far results may be from those in Python in the check of a file, relative to the largest one.
_TOLERANCE = {"d": 1e-10, "f": 1e-4}


class Argument(NamedTuple):
    """An argument or a result of the C function.

    Attributes:
        name, shape, dtype: of it.
        path: of it in Python.
        value: an example.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    path: str
    value: Any

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape))

    def view(self, by_value: bool) -> View:
        """Return its elements."""
        return dense(Memory(self.dtype, self.size, self.name, by_value), self.shape)

    def declaration(self, is_result: bool) -> str:
        """Return how the C function declares it."""
        type = TYPES[self.dtype.char]
        if not self.shape:
            return f"{type} *{self.name}" if is_result else f"{type} {self.name}"
        return f"{'' if is_result else 'const '}{type} {self.name}[{self.size}]"


class CFunction(NamedTuple):
    """A function in C.

    Attributes:
        name: of it.
        origin: its name in Python.
        arguments, results: of it.
        writer: has its text.
    """

    name: str
    origin: str
    arguments: tuple[Argument, ...]
    results: tuple[Argument, ...]
    writer: Writer

    @property
    def signature(self) -> str:
        """Its declaration."""
        parts = [a.declaration(False) for a in self.arguments] + [r.declaration(True) for r in self.results]
        return f"int {self.name}({', '.join([*parts, f'{self.name}_work *work'])})"

    def header(self) -> str:
        """Return the text of its header."""
        guard = f"{self.name.upper()}_H"
        sizes = self.writer.sizes or {"double": 0}
        rows = [f"    {type} {member(type)}[{max(size, 1)}];" for type, size in sizes.items()]
        places = [*[(a, "in") for a in self.arguments], *[(r, "out") for r in self.results]]
        width = max(len(a.name) for a, _ in places)
        notes = [f" *     {a.name:<{width}}  {way:<3}  {a.dtype} {a.shape}  {a.path}".rstrip() for a, way in places]
        fails = "1 where Python raises an exception (a matrix that is singular, an index out of range)"
        return "\n".join(
            [
                f"/* {self.origin}, in C99.",
                " *",
                *notes,
                " *",
                " * Arrays are in C order; results must not overlap anything else. `work` is memory that the caller",
                " * lends while the function runs: two calls at a time need two. Nothing is allocated.",
                f" * Returns 0{f', or {fails}' if self.writer.can_fail else ''}. */",
                f"#ifndef {guard}",
                f"#define {guard}",
                "",
                "#include <stdbool.h>",
                "#include <stdint.h>",
                "",
                "#ifdef __cplusplus",
                'extern "C" {',
                "#endif",
                "",
                "typedef struct {",
                *rows,
                f"}} {self.name}_work;",
                f"#define {self.name.upper()}_WORK_BYTES sizeof({self.name}_work)",
                "",
                f"{self.signature};",
                "",
                "#ifdef __cplusplus",
                "}",
                "#endif",
                "",
                "#endif",
                "",
            ]
        )

    def source(self) -> str:
        """Return the text of the file, after the header."""
        writer, body = self.writer, "\n".join(self.writer.lines)
        unused = [a.name for a in (*self.arguments, *self.results) if not re.search(rf"\b{a.name}\b", body)]
        unused += [] if re.search(r"\bwork\b", body) else ["work"]
        tables = [line for name, lines in writer.tables.items() if re.search(rf"\b{name}\b", body) for line in lines]
        functions = "\n\n".join(writer.functions.values())
        return "\n".join(
            [
                "#ifdef __clang__ /* GCC does so by itself, with -std=c99 */",
                "#pragma STDC FP_CONTRACT OFF",
                "#endif",
                "#include <float.h>",
                "#include <math.h>",
                "#include <stddef.h>",
                "",
                *([functions, ""] if functions else []),
                *([*tables, ""] if tables else []),
                f"{self.signature} {{",
                *[f"    (void){name};" for name in unused],
                *writer.lines,
                "    return 0;",
                "}",
                "",
                *self._main(),
                "",
            ]
        )

    def _main(self) -> list[str]:
        """Return the lines of a program that compares the results for the example's arguments with those in Python."""
        lines, calls = list[str](), list[str]()
        for a in self.arguments:
            lines += _indent(_definition(f"{a.name}_", a))
            calls.append(f"{a.name}_" if a.shape else f"{a.name}_[0]")
        checks = []
        for r in self.results:
            lines += _indent(_definition(f"{r.name}_expected", r))
            lines.append(f"    static {TYPES[r.dtype.char]} {r.name}_[{max(r.size, 1)}];")
            calls.append(f"{r.name}_")
            near = 0.0 if self.writer.is_exact or r.dtype.kind != "f" else _TOLERANCE[r.dtype.char]
            finite = np.abs(r.value[np.isfinite(r.value)])
            gap = near * float(finite.max(initial=0)) if r.dtype.kind == "f" else 0.0
            checks += [
                f"    for (i = 0; i < {r.size}; i++) {{",
                f'        wrong += differs("{r.name}", i, {r.name}_[i], {r.name}_expected[i], {gap!r});',
                "    }",
            ]
        return [
            f"#ifdef {self.name.upper()}_MAIN /* a program that compares the results with those in Python */",
            "#include <stdio.h>",
            "",
            "static int differs(const char *name, int i, double received, double expected, double tolerance) {",
            "    if (received == expected || (received != received && expected != expected)",
            "        || fabs(received - expected) <= tolerance) {",
            "        return 0;",
            "    }",
            '    printf("%s[%d]: expected %.17g, received %.17g\\n", name, i, expected, received);',
            "    return 1;",
            "}",
            "",
            "int main(void) {",
            f"    static {self.name}_work work_;",
            *lines,
            "    int i, wrong = 0;",
            f"    if ({self.name}({', '.join([*calls, '&work_'])})) {{",
            f'        printf("{self.name}: failed\\n");',
            "        return 1;",
            "    }",
            *checks,
            f'    printf("{self.name}: %d of {sum(r.size for r in self.results)} numbers differ\\n", wrong);',
            "    return wrong != 0;",
            "}",
            "#endif",
        ]


def _definition(name: str, a: Argument) -> list[str]:
    array = np.asarray(a.value)
    if array.size == 1:
        return [f"static const {TYPES[a.dtype.char]} {name}[1] = {{{literal(array.reshape(-1)[0], a.dtype)}}};"]
    return table_lines(f"static const {TYPES[a.dtype.char]} {name}[{a.size}]", array)


def _indent(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def c_function(
    caller: str,
    name: str,
    origin: str,
    recording: Recording,
    program: PureProgram,
    plan: Plan,
    arguments: Sequence[tuple[str, Any]],
    values: Sequence[tuple[str, Any]],
) -> CFunction:
    """Return a recorded function in C.

    Args:
        caller: the call, for error messages.
        name: of it in C.
        origin: its name in Python.
        recording: of one run.
        program: of that, after the passes.
        plan: of the program's results.
        arguments: the paths and the values of the arrays that it was called with, in C order.
        values: the paths and the values of its results.

    Raises:
        UnsupportedError: if it does something that has no counterpart in C, naming the operation and the line.
    """
    _refuse_effects(caller, recording)
    names = Names([name, f"{name}_work"])
    inputs = [_argument(names, path, path, a) for path, a in arguments]
    results = list(_results(names, values, program, plan))
    if not results:
        raise UnsupportedError(f"{caller}: expected a function that returns arrays; received one that returns none")
    for a in (*inputs, *results):
        if a.dtype.char not in TYPES or a.size == 0:
            kind = f"an empty array {a.shape}" if a.size == 0 else f"dtype {a.dtype}"
            raise UnsupportedError(
                f"{caller}: expected arguments and results of real numbers or integers; received {kind} for {a.path}"
            )
    writer = Writer(names, _caller())
    views = [a.view(not a.shape) for a in inputs]
    fixed = [_host_value(writer, x) for x in recording.slots]
    block = Block(writer, program, plan, [*views, *fixed], statements_of)
    ends = [r.view(False) for r in results]
    for view, end in zip(block.write(ends), ends, strict=True):
        if view.memory.name != end.memory.name:
            block.copy(view, end)
    return CFunction(name, origin, tuple(inputs), tuple(results), writer)


def _caller() -> tuple[str, int]:
    """Return the file and the line of the user's call."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_hidden(frame.f_code):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _argument(names: Names, wish: str, path: str, value: Any) -> Argument:
    array = np.asarray(value)
    return Argument(names.new(wish), array.shape, array.dtype, path, array)


def results_of(out: Any) -> list[tuple[str, Any]]:
    """Return the paths and the values of the arrays that a function has returned."""
    return [(path, np.array(t._data, order="C")) for path, t in items(out) if isinstance(t, Tensor)]


def _results(names: Names, results: Sequence[tuple[str, Any]], program: PureProgram, plan: Plan) -> Iterator[Argument]:
    """Yield the results, with the names of the user's variables where these are known."""
    variables = assigned_names([c for c in plan.calls if c.node in program.graph], plan.sources)
    for (path, value), number in zip(results, plan.outputs, strict=True):
        key = re.search(r"'(\w+)'\]$", path)
        yield _argument(names, key[1] if key else variables.get(number) or f"out{path}", f"the result{path}", value)


def _host_value(writer: Writer, x: Any) -> View:
    """Return a number or a Tensor that the function has read elsewhere, as it was."""
    array = np.asarray(x._data if isinstance(x, Tensor) else getattr(x, "value", x))
    return dense(writer.table(np.ascontiguousarray(array), ""), array.shape)


def _refuse_effects(caller: str, recording: Recording) -> None:
    """Raise if a function does more than to compute.

    Raises:
        UnsupportedError: if it does.
    """
    program, why, node = recording.program, "", ""
    if recording.obstacle:
        why = recording.obstacle
    elif recording.assigned or recording.put:
        why = "it assigns to what it does not own"
    elif recording.gradients:
        why = "it calls backward, which changes .grad; use grad or value_and_grad"
    for i in recording.effects:
        op, _, params = program.calls[i]
        if op is not OBSERVE or not isinstance(params["function"], Check | Assumption):
            node, why = i, f"'{op.name}' draws numbers" if op is not OBSERVE else "it shows values"
    if why:
        source = program.graph[node].source if node else None
        at = f" at {source.brief}" if source is not None else ""
        raise UnsupportedError(
            f"{caller}: expected a function that only computes; received one that does not: {why}{at}"
        )


def as_c_argument(x: Any) -> Any:
    """Return an argument as C has it: an array in C order without a history, or a float as one."""
    if isinstance(x, Tensor):
        x = x._data
    if isinstance(x, np.ndarray):
        return np.array(x, order="C")
    return np.float64(x) if x.__class__ is float else x


def name_of_file(caller: str, path: str | os.PathLike[str]) -> str:
    """Return the name of the C function in a file.

    Raises:
        TypeError, ValueError: if the path is not one of a C file.
    """
    target = Path(path_of(caller, path))
    if target.suffix != ".c":
        raise ValueError(f"{caller}: expected the path of a file that ends in .c; received {target.name!r}")
    return Names().new(target.stem)


def write_files(function: CFunction, path: str | os.PathLike[str]) -> None:
    """Write the source and its header."""
    target = Path(path)
    header = target.with_suffix(".h")
    write_file(header, function.header().encode(), caller="to_c")
    write_file(target, f'#include "{header.name}"\n\n{function.source()}'.encode(), caller="to_c")
