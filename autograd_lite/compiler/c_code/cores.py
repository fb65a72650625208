"""Calls of generalized ufuncs that C computes in place, by the functions of our kernels: algebra of small matrices.

The loop over stacks is outside, and all sizes and strides are constants.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...native.kernels import FASTEST, KERNELS
from ..native_segments import Segment
from .loop_nests import Statement

_MOST = 16  # rows and columns, up to which products are a kernel's, see `native/c/products.c`
# What takes less time than the call of a loop, or not much more: larger ones would take the compiler long.
_PRODUCTS = 512  # multiplications of a product
_ROWS = 4  # of a matrix to be factored
_STEPS = 1 << 14  # multiplications of a stack, from which calling the loop costs nothing, and threads may share it
_FIRST = 6  # where the dimensions of a call begin, see `native/c/instructions.h`


class _Core(NamedTuple):
    """What computes one core.

    Attributes:
        function: in `native/c/small.h`, without the ending that names the precision.
        arguments: returns all but the addresses, for the sizes and strides of the core as the ufunc's loop has them.
        moved: returns by how many bytes the addresses move, for the same.
        can_fail: whether the function returns that the operands are invalid.
    """

    function: str
    arguments: Callable[[Sequence[int], Sequence[int]], Sequence[int]]
    moved: Callable[[Sequence[int], Sequence[int]], Sequence[int]] = lambda d, s: (0, 0, 0)
    can_fail: bool = True


def _backwards(d: Sequence[int], s: Sequence[int]) -> Sequence[int]:
    return (d[0] - 1) * (s[0] + s[1]), (d[0] - 1) * s[2], (d[0] - 1) * s[4]


_CORES: dict[Any, _Core] = {
    FASTEST.get(np.matmul): _Core("al_matmul", lambda d, s: (*d, *s), can_fail=False),
    KERNELS.get("small_cholesky"): _Core("al_cholesky", lambda d, s: (*d, *s)),
    KERNELS.get("small_cholesky_upper"): _Core("al_cholesky", lambda d, s: (*d, s[1], s[0], s[3], s[2])),
    KERNELS.get("small_solve"): _Core("al_solve", lambda d, s: (*d, *s)),
    KERNELS.get("small_solve1"): _Core("al_solve", lambda d, s: (*d, 1, *s[:3], 0, s[3], 0)),
    KERNELS.get("small_solve_lower"): _Core("al_solve_triangular", lambda d, s: (*d, *s)),
    KERNELS.get("small_solve_upper"): _Core(
        "al_solve_triangular", lambda d, s: (*d, -s[0], -s[1], -s[2], s[3], -s[4], s[5]), _backwards
    ),
    KERNELS.get("small_slogdet"): _Core("al_slogdet", lambda d, s: (*d, *s), can_fail=False),
}
_CORES.pop(None, None)  # without kernels


def _core_of(segment: Segment, s: Statement) -> tuple[Sequence[int], Sequence[int]]:
    """Return the sizes of the core of a statement, and the strides, operand by operand."""
    record = segment.code[s.record : s.record + int(segment.code[s.record + 1])].tolist()
    n, d, c = record[3:_FIRST]
    return record[_FIRST + d : _FIRST + d + c], record[_FIRST + d + c + 3 * n + d * n :]


def has_core(segment: Segment, s: Statement) -> bool:
    """Return whether C computes what a statement does in place."""
    if s.ufunc not in _CORES or s.block >= 0 or s.output.dtype.char not in "fd" or math.prod(s.dimensions) > _STEPS:
        return False
    sizes, _ = _core_of(segment, s)
    if s.ufunc is FASTEST.get(np.matmul):
        return max(sizes) <= _MOST and math.prod(sizes) <= _PRODUCTS
    return sizes[0] <= _ROWS


def core_function(segment: Segment, s: Statement) -> tuple[str, str]:
    """Return the head and the body of a function of addresses that computes one core of a statement.

    Args:
        segment: that the statement is part of.
        s: for which `has_core` is true.
    """
    core = _CORES[s.ufunc]
    names = [f"x{k}" for k in range(len(s.accesses))]
    parameters = ", ".join([f"char *{name}" for name in names])
    arguments = ", ".join([*names, *map(str, core.arguments(*_core_of(segment, s)))])
    call = f"{core.function}_{s.output.dtype.char}({arguments});"
    body = f"return {call}" if core.can_fail else f"{call}\nreturn 0;"
    return f"({parameters}) {{", f"{body}\n}}\n"


def core_calls(segment: Segment, s: Statement, name: str) -> Iterator[str]:
    """Yield the lines that call the function of this name for all cores of a statement; `wrong` is their failure."""
    sizes, steps = _core_of(segment, s)
    moved, places = _CORES[s.ufunc].moved(sizes, steps), list[str]()
    outer = [d for d in range(len(s.dimensions) - len(sizes)) if s.dimensions[d] > 1]
    for a, by in zip(s.accesses, moved, strict=False):
        terms = [f"run->memory[{a.memory}]", *[str(n) for n in (a.offset + by,) if n]]
        terms += [f"i{d} * {a.strides[d]}" for d in outer if a.strides[d]]
        places.append(" + ".join(terms))
    is_checked = clears_flags(s)
    if is_checked:
        yield "wrong = 0;"
    for d in outer:
        yield f"for (intptr_t i{d} = 0; i{d} < {s.dimensions[d]}; i{d}++) {{"
    yield f"{'wrong |= ' * is_checked}{name}({', '.join(places)});"
    yield from ["}"] * len(outer)


def clears_flags(s: Statement) -> bool:
    """Return whether the loop of a statement, for which `has_core` is true, leaves no flags but that of its failure."""
    return s.ufunc is not FASTEST.get(np.matmul)
