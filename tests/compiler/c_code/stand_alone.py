"""C files that stand alone, built and called from Python."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import autograd_lite as ag
from autograd_lite.compiler import c_code, exports
from autograd_lite.compiler.c_code.standalone import CFunction

SILENT = ("-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror")
_INCLUDES = "".join(f"#include <{name}.h>\n" for name in ("float", "math", "stdbool", "stddef", "stdint"))
_CONTRACTION = "#ifdef __clang__\n#pragma STDC FP_CONTRACT OFF\n#endif\n"


def in_c(name: str, f: Callable[..., Any], *arguments: Any) -> CFunction:
    """Return a function in C, with the values that it has in Python."""
    compiled = f if isinstance(f, exports.Exports) else ag.compile(f)
    with mock.patch.object(c_code, "write_files") as write:
        compiled.to_c(f"{name}.c", *arguments)
    function: CFunction = write.call_args.args[0]
    return function


def build(functions: Sequence[CFunction], folder: Path, *flags: str, compiler: str = "cc") -> Any:
    """Compile functions together, which takes less time, and return their library."""
    parts, helpers = list[str](), dict[str, str]()
    for f in functions:
        helpers.update(f.writer.functions)
        header, source, tables = f.header(), f.source(), list(f.writer.tables)
        work = header[header.index("typedef struct") : header.index(f"#define {f.name.upper()}_WORK")]
        start = min([source.index(f"{f.signature} {{"), *[k for t in tables if (k := source.find(f" {t}[")) >= 0]])
        start = source.rindex("\n", 0, start + 1) + 1
        body = source[start : source.index(f"#ifdef {f.name.upper()}_MAIN")]
        for table in tables:
            body = re.sub(rf"\b{table}\b", f"{table}_{f.name}", body)
        parts += [work, body]
    source = folder / "functions.c"
    source.write_text("\n".join([_CONTRACTION, _INCLUDES, *helpers.values(), *parts]))
    library = folder / "functions.so"
    command = [compiler, *SILENT, "-shared", "-fPIC", "-O1", *flags, str(source), "-o", str(library), "-lm"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


def call(library: Any, f: CFunction) -> tuple[int, list[Any]]:
    """Return what a function returns for the arguments of its example, and its results."""
    arguments, arrays = list[Any](), list[Any]()
    for a in f.arguments:
        if a.shape:
            arrays.append(np.array(a.value, order="C"))
            arguments.append(arrays[-1].ctypes.data_as(ctypes.c_void_p))
        else:
            arguments.append(np.ctypeslib.as_ctypes_type(a.dtype)(a.value.item()))
    results = [np.full(r.shape, 77, r.dtype) for r in f.results]
    arguments += [r.ctypes.data_as(ctypes.c_void_p) for r in results]
    work = ctypes.create_string_buffer(8 * sum(f.writer.sizes.values()) + 64)
    return getattr(library, f.name)(*arguments, work), results


def distance(result: Any, expected: Any, scaled: bool = False) -> float:
    """Return how far results are from those expected, in units in the last place; 0 for the same numbers.

    Args:
        result, expected: arrays.
        scaled: whether the units are those of the largest number that is expected.
    """
    if expected.dtype.kind != "f":
        return 0.0 if np.array_equal(result, expected) else np.inf
    with np.errstate(all="ignore"):
        same = (result == expected) | (np.isnan(result) & np.isnan(expected))
        sizes = np.where(np.isfinite(expected), np.abs(expected), 0)
        sizes = np.maximum(sizes.max(initial=0) if scaled else sizes, np.finfo(expected.dtype).tiny)
        gap = np.abs(result.astype(float) - expected) / np.spacing(sizes.astype(expected.dtype))
        return float(np.max(np.where(same, 0, np.where(np.isnan(gap), np.inf, gap)), initial=0))
