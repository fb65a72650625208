"""A compiled function as a function of C in this process, at an address."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...core.errors import UnsupportedError
from ...tensors.record import wrap
from ..abstract_values import ArrayKind
from ..c_build.toolchain import BuildError, build, find_compiler
from ..compile_report import named_arguments
from ..trace_cache import Trace
from .standalone import Argument, CFunction, c_function
from .standalone_block import plan_in_c

_CALLER, _ENTRY = "Compiled.address", "at_address"
_MOST = 1 << 20  # bytes of work memory, which lies on the stack


class Entry(NamedTuple):
    """A function that has an address as long as its library is kept."""

    trace: Trace
    library: Any
    address: int


def make_entry(trace: Trace, f: Any, origin: str) -> Entry:
    """Return the function of a trace.

    Args:
        trace: that is replayed.
        f: the function in Python, for the names of its arguments.
        origin: its name.

    Raises:
        UnsupportedError: if it has no counterpart in C, or there is no compiler.
    """
    function = _function(trace, f, origin)
    for a in (*function.arguments, *function.results):
        if a.dtype.char != "d" and (a.shape or a.dtype.char not in "df"):
            raise UnsupportedError(
                f"{_CALLER}: expected arguments and results of float64; received {a.dtype} for {a.path}. Cast it in f"
            )
    if sum(8 * size for size in function.writer.sizes.values()) > _MOST:
        raise UnsupportedError(f"{_CALLER}: expected a function that needs less than a megabyte to work in; use to_c")
    try:
        with tempfile.TemporaryDirectory() as folder:
            text = "\n".join([function.header(), function.source(), *_lines(function)])
            library = ctypes.CDLL(str(build(find_compiler(), text, True, Path(folder))))
    except (BuildError, OSError) as error:
        raise UnsupportedError(f"{_CALLER}: expected a C compiler on this machine; {error}") from None
    address = ctypes.cast(getattr(library, _ENTRY), ctypes.c_void_p).value
    return Entry(trace, library, address or 0)


def _function(trace: Trace, f: Any, origin: str) -> CFunction:
    assert trace.replay is not None
    replay = trace.replay
    arguments = []
    for path, x in named_arguments(trace.arguments, f):
        if isinstance(x, ArrayKind):
            arguments.append((path, _example(x)))
        elif x.__class__ is float:
            raise UnsupportedError(
                f"{_CALLER}: expected numbers as np.float64, or arrays of them; received calls with the float {path}, "
                "which is a constant of the code. Call the function with np.float64 first"
            )
    program = replay.passes[-1].program
    slots = {i: wrap(a, None) for i, (_, a) in zip(program.inputs, arguments, strict=False) if i is not None}
    program = replace(program, bindings={**program.bindings, **slots})
    outputs = program.graph.outputs[: len(replay.traced.results)]
    with np.errstate(all="ignore"):
        plan = plan_in_c(program, outputs)
    results = [(f"[{k}]", np.zeros(program.graph[i].shape, program.graph[i].dtype)) for k, i in enumerate(outputs)]
    return c_function(_CALLER, "f", origin, replay.traced, program, plan, arguments, results)


def _example(kind: ArrayKind) -> Any:
    """Return an array of a kind that can be inverted, if it is a matrix."""
    array = np.ones(kind.shape, kind.dtype)
    if array.ndim > 1 and array.shape[-1] == array.shape[-2] and array.dtype.kind == "f":
        array += array.shape[-1] * np.eye(array.shape[-1], dtype=array.dtype)
    return array


def _lines(function: CFunction) -> list[str]:
    """Return the lines of the function at the address, which has all arguments in one array."""
    count = sum(a.size for a in function.arguments)
    arguments, at = list[str](), 0
    for a in function.arguments:
        arguments.append(f"x + {at}" if a.shape else f"x[{at}]")
        at += a.size
    if is_scalar(function.results):
        (result,) = function.results
        type = "float" if result.dtype.char == "f" else "double"
        return [
            f"double {_ENTRY}(int n, double *x) {{",
            f"    {type} out = 0;",
            "    f_work work;",
            f"    return n == {count} && !f({', '.join([*arguments, '&out, &work'])}) ? out : (double)NAN;",
            "}",
            "",
        ]
    places, to = list[str](), 0
    for r in function.results:
        places.append(f"out + {to}")
        to += r.size
    return [
        f"int {_ENTRY}(int n, double *x, double *out) {{",
        "    f_work work;",
        f"    return n == {count} ? f({', '.join([*arguments, *places, '&work'])}) : 1;",
        "}",
        "",
    ]


def is_scalar(results: Sequence[Argument]) -> bool:
    """Return whether there is one result, a number."""
    return len(results) == 1 and results[0].size == 1
