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
from .standalone import CFunction, c_function
from .standalone_block import plan_in_c

_CALLER, _ENTRY = "Compiled.address", "at_address"
_MOST = 1 << 20  # bytes of work memory, which lies on the stack


class Entry(NamedTuple):
    """A function that has an address as long as its library is kept.

    Attributes:
        replay: that it does the same as.
        library: that it is in.
        address: its address.
    """

    replay: Any
    library: Any
    address: int


def make_entry(replay: Any, arguments: Sequence[tuple[str, Any]], origin: str) -> Entry:
    """Return the function of a replay.

    Args:
        replay: which.
        arguments: of a call, each with its path, and with an `ArrayKind` for each array.
        origin: the name in Python.

    Raises:
        UnsupportedError: if it has no counterpart in C, or there is no compiler.
    """
    function = _function(replay, arguments, origin)
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
    return Entry(replay, library, ctypes.cast(getattr(library, _ENTRY), ctypes.c_void_p).value or 0)


def _function(replay: Any, arguments: Sequence[tuple[str, Any]], origin: str) -> CFunction:
    for path, x in arguments:
        if x.__class__ is float:
            raise UnsupportedError(
                f"{_CALLER}: expected numbers as np.float64, or arrays of them; received calls with the float {path}, "
                "which is a constant of the code. Call the function with np.float64 first"
            )
    examples = [(path, _example(x)) for path, x in arguments if isinstance(x, ArrayKind)]
    program = replay.passes[-1].program
    slots = {i: wrap(a, None) for i, (_, a) in zip(program.inputs, examples, strict=False) if i is not None}
    program = replace(program, bindings={**program.bindings, **slots})
    outputs = program.graph.outputs[: len(replay.traced.results)]
    with np.errstate(all="ignore"):
        plan = plan_in_c(program, outputs)
    results = [(f"[{k}]", np.zeros(program.graph[i].shape, program.graph[i].dtype)) for k, i in enumerate(outputs)]
    return c_function(_CALLER, "f", origin, replay.traced, program, plan, examples, results)


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
    if len(function.results) == 1 and function.results[0].size == 1:
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
