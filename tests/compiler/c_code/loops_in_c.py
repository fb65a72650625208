"""Loops of ufuncs beside the same loops in C, made of expressions: all rows are compiled at once."""

from __future__ import annotations

import ctypes
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.compiler.c_build.toolchain import build, find_compiler
from autograd_lite.compiler.c_code.expressions import CAREFUL, c_type, expression_of
from autograd_lite.compiler.inner_loops import CASTS
from autograd_lite.core.equivalents import UFUNCS
from autograd_lite.core.op import OPS
from autograd_lite.native.kernels import FASTEST, KERNELS

PLAIN = "?bBhHiIlLqQfdFD"
USUAL = "?ilfdD"
EXPONENTS = [sign * y for y in (0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 10.5, 64, 127.5, 128) for sign in (1, -1)]
USUAL_EXPONENTS = (0.5, 2, 2.5, -1, -3)


class Row(NamedTuple):
    """A loop and its expression.

    Attributes:
        ufunc, number: of the loop.
        exponent: the second operand of a power.
        strip: whether it is the form for loops that are vectorized.
    """

    ufunc: np.ufunc
    number: int
    exponent: float | None = None
    strip: bool = False

    @property
    def chars(self) -> str:
        """The characters of the dtypes."""
        return self.ufunc.types[self.number].replace("->", "")

    def __str__(self) -> str:
        power = "" if self.exponent is None else f" to {self.exponent}"
        return f"{self.ufunc.__name__} {self.ufunc.types[self.number]}{power}{' in strips' if self.strip else ''}"


def ufuncs() -> list[np.ufunc]:
    """Return all ufuncs whose loops instructions may call."""
    found = [op.ufunc for op in OPS.values() if op.ufunc is not None]
    found += [*FASTEST.values(), *KERNELS.values(), *CASTS.values(), *UFUNCS.values()]
    return [u for u in dict.fromkeys(found) if u.signature is None and u.nout == 1]


def rows(dtypes: str, exponents: Sequence[float]) -> Iterator[Row]:
    """Yield every loop of these dtypes that has an expression."""
    for ufunc in ufuncs():
        for number, types in enumerate(ufunc.types):
            chars = types.replace("->", "")
            if not set(chars) <= set(dtypes) or ufunc.types.index(types) != number:
                continue
            for exponent in exponents if ufunc is FASTEST.get(np.power) else (None,):
                text = expression_of(ufunc, chars, exponent)
                if text is None:
                    continue
                yield Row(ufunc, number, exponent)
                if text.partition("(")[0] in CAREFUL:
                    yield Row(ufunc, number, exponent, True)


def function_of(row: Row, name: str) -> str:
    """Return a C function that does what a loop of contiguous operands does."""
    chars, text = row.chars, expression_of(row.ufunc, row.chars, row.exponent)
    assert text is not None
    types = [c_type(np.dtype(char)) for char in chars]
    pointers = " ".join(f"{t} *const a{k} = ({t} *)args[{k}];" for k, t in enumerate(types))
    loads = [f"const {t} x{k} = a{k}[i];" for k, t in enumerate(types[:-1])]
    names = [f"x{k}" for k in range(len(types) - 1)]
    before, after, call = "", "", text
    if row.strip:
        kernel = text.partition("(")[0]
        call = text.replace(kernel, f"{kernel}_fast")
        loads.append(f"hard |= !{text.replace(kernel, f'{kernel}_easy').format(*names)};")
        before = "    int64_t hard = 0;\n"
        after = f"    if (hard) {{ feclearexcept(FE_ALL_EXCEPT); {name}_careful(args, n); }}\n"
    loop = f"    {pointers}\n    AL_LOOP for (intptr_t i = 0; i < n; i++) {{{{\n        {{}} {{}} = {{}};\n    }}}}\n"
    result = f"a{len(types) - 1}[i]"
    body = loop.format(" ".join(loads), result, call.format(*names))
    function = f"void {name}(char **args, intptr_t n) {{\n{before}{body}{after}}}\n"
    if row.strip:
        careful = loop.format(" ".join(loads[:-1]), result, text.format(*names))
        function = f"static void {name}_careful(char **args, intptr_t n) {{\n{careful}}}\n{function}"
    return function


HEAD = """#include <fenv.h>
#include "expressions.h"
#define AL_LOOP _Pragma("GCC ivdep")
typedef void Loop(char **, const intptr_t *, const intptr_t *, void *);
typedef void Code(char **, intptr_t);
/* Run a loop, or the code that is to equal it, on all elements, some at a time; note where one was invalid. */
void run(Loop *loop, void *data, Code *code, char **args, int count, const intptr_t *steps, intptr_t all, intptr_t n,
         char *invalid) {
    for (intptr_t start = 0; start < all; start += n) {
        const intptr_t m = all - start < n ? all - start : n;
        char *at[8];
        for (int k = 0; k < count; k++) {
            at[k] = args[k] + start * steps[k];
        }
        feclearexcept(FE_ALL_EXCEPT);
        if (loop) {
            loop(at, &m, steps, data);
        } else {
            code(at, m);
        }
        invalid[start / n] = fetestexcept(FE_INVALID) != 0;
    }
}
"""


class Library(NamedTuple):
    """What was compiled.

    Attributes:
        run: runs a loop or a function.
        functions: those of the rows.
    """

    run: Any
    functions: list[Any]


def compile_rows(table: Sequence[Row], folder: Path) -> Library:
    """Return a function in C for each row, with the flags of fused code; rows with the same text share it."""
    texts = [function_of(row, "row") for row in table]
    names = {text: f"row_{k}" for k, text in enumerate(dict.fromkeys(texts))}
    source = HEAD + "\n".join(re.sub(r"\brow", name, text) for text, name in names.items())
    built = ctypes.CDLL(str(build(find_compiler(), source, True, folder)))
    return Library(built.run, [getattr(built, names[text]) for text in texts])


class _Ufunc(ctypes.Structure):
    """The first fields of NumPy's struct."""

    _fields_ = (
        ("head", ctypes.c_char * object.__basicsize__),
        ("counts", ctypes.c_int * 3),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
    )


def run(library: Library, row: Row, code: Any, arrays: list[np.ndarray], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Run the code of a row, or without it the loop of its ufunc, on n elements at a time.

    Returns:
        The results, and for each time whether it raised the flag `invalid`.
    """
    every = [*arrays, np.zeros(arrays[0].size, row.chars[-1])]
    invalid = np.zeros(-(-arrays[0].size // n), bool)
    at = (ctypes.c_void_p * len(every))(*[a.ctypes.data for a in every])
    steps = (ctypes.c_ssize_t * len(every))(*[a.itemsize for a in every])
    parts = _Ufunc.from_address(id(row.ufunc))
    loop, data = parts.functions[row.number], parts.data[row.number] if parts.data else None
    pointers = [None if code else ctypes.c_void_p(loop), ctypes.c_void_p(data), code]
    sizes = [ctypes.c_ssize_t(arrays[0].size), ctypes.c_ssize_t(n)]
    library.run(*pointers, at, len(every), steps, *sizes, ctypes.c_void_p(invalid.ctypes.data))
    return every[-1], invalid


def special_values(char: str, rng: np.random.Generator, some: int = 200) -> np.ndarray:
    """Return special values of a dtype, and random ones, by their bits."""
    dtype = np.dtype(char)
    if char == "?":
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        corners = [0, 1, 2, 3, 7, info.max, info.max - 1, info.min, info.min + 1, info.max // 2, 31, 32, 63, 64]
        corners += [] if dtype.kind == "u" else [-1, -2, -7]
        corners = [c for c in corners if info.min <= c <= info.max]
        return np.concatenate([np.array(corners, dtype), rng.integers(info.min, info.max, some // 8, dtype, True)])
    if dtype.kind == "c":
        part = special_values(dtype.char.lower(), rng, some // 10)[:24]
        return np.array([complex(a, b) for a, b in itertools.product(part, part)], dtype)
    info = np.finfo(dtype)
    bits = np.dtype(f"u{dtype.itemsize}")
    quiet, sign = 1 << info.nmant - 1, 1 << 8 * dtype.itemsize - 1
    nan = int(np.array(np.nan, dtype).view(bits))
    nans = np.array([nan, nan | sign, nan | 5, nan | sign | 6], bits).view(dtype)
    size = [0, info.smallest_subnormal, info.tiny, info.eps, 1e-30, 1e-20, 0.3, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 9.25]
    size += [10, 12.875, 22, 26.5, 37.5, 40, 87, 88.5, 89, 103, 708, 709, 745, 1e4, 2.0**20, 2.0**23, 2.0**31, 2.0**52]
    size += [2.0**63, 1e15, info.max / 2, info.max, np.inf]
    size = np.array([s for s in size if s <= info.max or s == np.inf], dtype)
    near = np.concatenate([np.nextafter(size[1:-1], 0), np.nextafter(size[1:-2], info.max)])
    drawn = np.frombuffer(rng.bytes(some * dtype.itemsize), bits).copy()
    drawn[np.isnan(drawn.view(dtype))] |= quiet  # none that signals: that is for who looks for it
    usual = np.concatenate([rng.normal(size=some), rng.normal(size=some) * 30]).astype(dtype)
    return np.concatenate([nans, size, -size, near, -near, drawn.view(dtype), usual])
