"""Loop nests: the records of a segment, decoded into statements that say which elements each reads and writes."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...native.instructions import BLOCK, CALL, REDUCE, REPEAT
from ...native.kernels import KERNELS
from ..inner_loops import CASTS, SHORT_ROWS, SHORT_SUMS
from ..native_segments import Segment
from .expressions import expression_of, of_numpy

MAP, FOLD, OTHER = "map", "fold", "other"  # kinds of statements
SCRATCH = 0  # the memory of a block's parts, of which each holds the values of one part at a time
_FIRST, _BODY = 6, 6  # where the dimensions of a call and the records of a block begin, see `native/c/instructions.h`
_COPIES = set(CASTS.values())
# Loops of all short rows at once, or of all short sums, and the ufuncs that they stand for.
_OF_ROWS = {rows: ufunc for ufunc, rows in SHORT_ROWS.items()}
_SUM_OF_ROWS = KERNELS.get("sum_of_rows")
_OF_SUMS = {sums: (ufunc, core) for ufunc, both in SHORT_SUMS.items() for core, sums in enumerate(both, 1)}


@functools.lru_cache(maxsize=1 << 12)
def _reach(strides: tuple[int, ...], dimensions: tuple[int, ...]) -> tuple[int, int]:
    """Return where elements with these strides begin, the first and the last one in memory."""
    ends = [(n - 1) * step for n, step in zip(dimensions, strides, strict=True)]
    return sum(e for e in ends if e < 0), sum(e for e in ends if e > 0)


class Access(NamedTuple):
    """The elements that a statement reads or writes, one for each point of its iteration space.

    Attributes:
        memory: the number of the memory, as in records.
        offset: of the first element, in bytes.
        strides: for each dimension, in bytes.
        dtype: of the elements.
    """

    memory: int
    offset: int
    strides: tuple[int, ...]
    dtype: np.dtype[Any]

    def span(self, dimensions: Sequence[int]) -> tuple[int, int]:
        """Return where its bytes begin and end."""
        below, above = _reach(self.strides, tuple(dimensions))
        return self.offset + below, self.offset + above + self.dtype.itemsize


class Statement(NamedTuple):
    """What one record does.

    Attributes:
        kind: MAP of a ufunc, whose elements may be computed in any order; FOLD of a ufunc into results, in the order of
            the dimensions, where the innermost one is reduced pairwise if it is added up; OTHER for the rest.
        ufunc: of the record; of a kernel that does the same for many rows, the ufunc that it stands for.
        dimensions: of the iteration space, outermost first.
        inputs: of a FOLD the last one is the value that its results begin with, if there is one.
        output: with strides of 0 along reduced dimensions.
        loop: the number of the loop.
        record: where the record begins in the code of the segment.
        block: where the block that it is part of begins, or -1.
        value: the number of the value that it is a step to.
        start: of a FOLD without an input for it, the number that its results begin with, or None for the first element.
        more: further outputs, of an OTHER.
        exponent: the second input of a power, if it is always this number.
    """

    kind: str
    ufunc: np.ufunc
    dimensions: tuple[int, ...]
    inputs: tuple[Access, ...]
    output: Access
    loop: int
    record: int
    block: int
    value: int
    start: str | None = None
    more: tuple[Access, ...] = ()
    exponent: float | None = None

    @property
    def size(self) -> int:
        """The number of points of the iteration space."""
        return math.prod(self.dimensions)

    @property
    def chars(self) -> str:
        """The characters of its dtypes, the result's last."""
        return "".join([a.dtype.char for a in self.accesses])

    @property
    def expression(self) -> str | None:
        """The result at one point, see `expression_of`; None if its loop must be called."""
        return expression_of(self.ufunc, self.chars if self.kind != FOLD else self.output.dtype.char * 3, self.exponent)

    @property
    def accesses(self) -> tuple[Access, ...]:
        """The inputs, then the outputs."""
        return (*self.inputs, self.output, *self.more)


class Nest(NamedTuple):
    """Statements that run step by step.

    Attributes:
        steps: how often.
        moves: for each pointer that moves its memory, the memory and the offset where it begins, and by how many bytes.
        inside: the statements, and nests of them.
        value: the number of the value that the call of the plan computes, of which the function is `Steps`.
    """

    steps: int
    moves: tuple[tuple[int, int, int, int], ...]
    inside: tuple[Any, ...]
    value: int


def statements_of(segment: Segment) -> list[Statement | Nest]:
    """Return what the records of a segment do, in order."""
    code = segment.code.tolist()
    return _read(segment, code, 0, len(code), iter(segment.values))


def _read(
    segment: Segment, code: Sequence[int], at: int, end: int, values: Iterator[int], block: int = -1
) -> list[Statement | Nest]:
    statements = list[Statement | Nest]()
    while at < end:
        stop = at + code[at + 1]
        if code[at] == BLOCK:
            statements += _read(segment, code, at + _BODY, stop, values, at)
        elif code[at] == REPEAT:
            value, body = next(values), at + 4 + 5 * code[at + 3]
            moves = [(code[k], code[k + 2], code[k + 3], code[k + 4]) for k in range(at + 4, body, 5)]
            inside = _read(segment, code, body, stop, values)
            statements.append(Nest(code[at + 2], tuple(moves), tuple(inside), value))
        else:
            statements.append(_statement(segment, code, at, block, next(values)))
        at = stop
    return statements


def _statement(segment: Segment, code: Sequence[int], at: int, block: int, value: int) -> Statement:
    kind, _, loop, n, d, c = code[at : at + _FIRST]
    ufunc, number = segment.loops[loop]
    dimensions, core = code[at + _FIRST : at + _FIRST + d], code[at + _FIRST + d : at + _FIRST + d + c]
    operands = code[at + _FIRST + d + c : at + _FIRST + d + c + 3 * n]
    flat = code[at + _FIRST + d + c + 3 * n : at + code[at + 1]]
    strides = [tuple(flat[k : d * n : n]) for k in range(n)]
    chars = ufunc.types[number].replace("->", "")
    dtypes = [np.dtype(char) for char in chars] if kind != REDUCE else [np.dtype(chars[0])] * n
    reads, writes = slice(0, n - 1), n - 1
    form, of, start = OTHER, ufunc, None
    if kind == REDUCE:
        form, reads, writes = FOLD, slice(1, n), 0
    elif ufunc in _OF_ROWS:
        form, of = MAP, _OF_ROWS[ufunc]
        steps = flat[d * n :]
        strides = [(*s, steps[2 * k], steps[2 * k + 1]) for k, s in enumerate(strides)]
        dimensions = [*dimensions, *core]
    elif ufunc in _OF_SUMS:
        form, (of, cores) = FOLD, _OF_SUMS[ufunc]
        steps = flat[d * n :]
        ends = [tuple(steps[:cores]), (0,) * cores, (0, *steps[cores:])[:cores]]
        strides = [(*s, *end) for s, end in zip(strides, ends, strict=True)]
        dimensions = [*dimensions, *core]
    elif ufunc is _SUM_OF_ROWS:
        form, of, start = FOLD, np.add, "0"
        steps = flat[d * n :]
        strides = [(*strides[0], *steps[:2]), (*strides[1], 0, steps[2])]
        dimensions = [*dimensions, *core]
    elif ufunc.signature is None and kind == CALL and ufunc.nout == 1:
        form = MAP
    elif ufunc.signature is not None:
        strides = [(*s, *end) for s, end in zip(strides, _core_strides(ufunc.signature, flat[d * n :]), strict=True)]
        dimensions = [*dimensions, *core]
    if block >= 0:
        rows, row = code[block + 2], math.prod(dimensions)
        outer = [
            move if memory != SCRATCH else row * step[-1]
            for (memory, move), step in zip(zip(operands[::3], operands[2::3], strict=True), strides, strict=True)
        ]
        strides = [(first, step[-1]) for first, step in zip(outer, strides, strict=True)]
        dimensions = [rows, row]
    strides = [tuple([0 if n == 1 else s for n, s in zip(dimensions, steps, strict=True)]) for steps in strides]
    accesses = [
        Access(operands[3 * k], operands[3 * k + 1], steps, dtype)
        for k, (steps, dtype) in enumerate(zip(strides, dtypes, strict=True))
    ]
    if ufunc.nout > 1:
        reads, writes = slice(0, ufunc.nin), ufunc.nin
    places = tuple(accesses[reads]), accesses[writes]
    more = tuple(accesses[ufunc.nin + 1 :]) if ufunc.nout > 1 else ()
    number = number_at(segment, accesses[1]) if of_numpy(ufunc) is np.power else None
    exponent = None if number is None else float(number)
    return Statement(form, of, tuple(dimensions), *places, loop, at, block, value, start, more, exponent)


def number_at(segment: Segment, access: Access) -> Any:
    """Return the number that an access always reads; None if there is none."""
    if any(access.strides) or not 0 < access.memory <= len(segment.fixed):
        return None
    a = segment.fixed[access.memory - 1]
    is_number = not isinstance(a, str) and a.size == 1 and a.dtype == access.dtype
    return a.reshape(())[()] if is_number else None


def _core_strides(signature: str, steps: Sequence[int]) -> list[list[int]]:
    """Return for each operand of a generalized ufunc its strides along the dimensions of the core."""
    names = [re.findall(r"\w+", part) for part in re.findall(r"\(([^)]*)\)", signature)]
    order = list(dict.fromkeys(itertools.chain.from_iterable(names)))
    rest = iter(steps)
    strides = [list(zip(part, rest, strict=False)) for part in names]  # a diagonal, where a name is there twice
    return [[sum(step for other, step in row if other == name) for name in order] for row in strides]


def refine(dimensions: Sequence[int], others: Sequence[int]) -> tuple[int, ...] | None:
    """Return dimensions that both of two iteration spaces can be cut into, in the same order; None if there are none.

    Example:
        >>> refine((12,), (3, 4)), refine((6, 2), (3, 4)), refine((6,), (4,))
        ((3, 4), (3, 2, 2), None)
    """
    first, second, common = list(dimensions), list(others), list[int]()
    while first and second:
        a, b = first.pop(), second.pop()
        if 1 in (a, b):
            (first if b == 1 else second).append(max(a, b))
            continue
        least = min(a, b)
        if max(a, b) % least:
            return None
        common.append(least)
        if a > least:
            first.append(a // least)
        if b > least:
            second.append(b // least)
    return tuple(common[::-1]) or (1,) if math.prod(first) == math.prod(second) == 1 else None


def cut(access: Access, dimensions: Sequence[int], into: Sequence[int]) -> Access:
    """Return an access with the strides of an iteration space that is cut into more dimensions."""
    strides, rest = list[int](), list(into)
    for n, step in zip(reversed(dimensions), reversed(access.strides), strict=True):
        size = 1
        while size < n:
            part = rest.pop()
            strides.append(step * size)
            size *= part
    strides += [0] * len(rest)
    return access._replace(strides=tuple(strides[::-1]))
