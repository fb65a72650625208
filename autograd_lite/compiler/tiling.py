"""Loop tiling: runs of elementwise calls on large arrays are carried out on one part of the arrays after the other.

What one call leaves in the cache the next one finds there, and what only these calls read takes the memory of one part.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from .inner_loops import loop_of
from .numpy_calls import Call, How, Ref, Spec, once_per_kind

_PART = 1 << 17  # bytes of a part of the array with the largest elements: a few of these fit a core's own cache
_FEWEST = 4  # parts, for which a loop in Python pays
_PART_IN_C = 1 << 14  # the same where the executor runs the loop, for which several fit its first cache
_FEWEST_IN_C = 2
_PURE = frozenset((How.UFUNC, How.REDUCE, How.FILL, How.LOOPS, How.OPAQUE))  # what may be called later as well
_WIDEST = 16  # bytes of the largest elements
_VECTOR = 64  # the first element of a part is a multiple of this, so that each keeps its place in a vector


class Block(NamedTuple):
    """A run of elementwise calls that is carried out part by part.

    Attributes:
        first, stop: the positions of its calls.
        shape: of all results. Operands of this shape are split, all others are read whole.
        row: how many elements stay together, in C order: the length of the operands that are broadcast along rows.
        step: how many rows a part has, apart from the last one.
    """

    first: int
    stop: int
    shape: tuple[int, ...]
    row: int
    step: int

    @property
    def rows(self) -> int:
        """The number of rows in all."""
        return math.prod(self.shape) // self.row

    @property
    def starts(self) -> range:
        """The first row of each part."""
        return range(0, self.rows, self.step)

    @property
    def part(self) -> tuple[int, ...]:
        """The shape of a part, apart from the last one."""
        return (self.step,) if self.row == 1 else (self.step, self.row)

    def nbytes(self, spec: Spec) -> int:
        """Return the memory that one part of an array takes."""
        return self.step * self.row * spec.dtype.itemsize

    def __str__(self) -> str:
        rows = f"{self.step} rows of {self.row}" if self.row > 1 else f"{self.step} elements"
        return f"calls {self.first} to {self.stop - 1} in {len(self.starts)} parts of {rows}"


def find_blocks(
    calls: Sequence[Call], specs: Sequence[Spec], start: int, end: int, replaced: Collection[int] = ()
) -> list[Block]:
    """Return the blocks among the calls from a position to another, in order.

    Args:
        calls: of the plan.
        specs: of every value.
        start, end: the positions.
        replaced: the values that new ones are written over.
    """
    blocks: list[Block] = []
    first, row, size = start, 0, 0  # of the run that ends at the call that is looked at; a row of 0: there is none
    values: set[int] = set()
    in_c = False

    def close(stop: int) -> None:
        if row and stop - first > 1 - in_c:
            block = _block(first, stop, specs[calls[first].value].shape, row, size, in_c)
            if block is not None:
                blocks.append(block)

    for position in range(start, end):
        call = calls[position]
        its_row, its_loop = _row_of(call, specs)
        if not its_row and not row:
            continue
        views = [specs[n].owner for n in call.reads if specs[n].owner != n]
        if any(n in replaced for n in views):
            its_row, its_loop = 0, False
        fits = (
            row
            and its_row
            and its_loop is in_c
            and specs[call.value].shape == specs[calls[first].value].shape
            and (row == its_row or 1 in (row, its_row))
            and not any(n in values for n in views)
        )
        if not fits:
            close(position)
            first, row, size, values, in_c = position, its_row, 0, set(), its_loop
        if its_row:
            row = max(row, its_row)
            shape = specs[call.value].shape
            size = max(size, *(specs[n].dtype.itemsize for n in (call.value, *call.reads) if specs[n].shape == shape))
            values.add(call.value)
    close(end)
    return blocks


def defer_scalars(calls: Sequence[Call], specs: Sequence[Spec]) -> list[Call]:
    """Return the calls with those that only lead to a number, such as that of a loss, behind the run that they are in.

    So what computes the loss and what leads back from it are one block.
    """
    needed: set[int] = set()  # by others
    ending: set[int] = set()
    for call in reversed(calls):
        spec = specs[call.value]
        if spec.shape == () and spec.owner == call.value and call.value not in needed and call.how in _PURE:
            ending.add(call.value)
        else:
            for n in call.reads:
                needed.add(specs[n].owner)
    if not ending:
        return list(calls)
    ordered: list[Call] = []
    waiting: list[Call] = []
    for call in calls:
        if call.value in ending and call.reads:
            waiting.append(call)
            continue
        if waiting and not (_row_of(call, specs)[0] and specs[call.value].shape == specs[waiting[0].reads[0]].shape):
            ordered += waiting
            waiting.clear()
        ordered.append(call)
    return [*ordered, *waiting]


def _block(first: int, stop: int, shape: tuple[int, ...], row: int, itemsize: int, in_c: bool) -> Block | None:
    """Return the block of some calls, or None if they would be few parts."""
    unit = _VECTOR // math.gcd(_VECTOR, row)
    part, fewest = _sizes(in_c)
    step = max(1, part // (unit * row * itemsize)) * unit
    block = Block(first, stop, shape, row, step)
    return block if block.rows >= fewest * step else None


def _sizes(in_c: bool) -> tuple[int, int]:
    """Return the bytes of a part, and the fewest parts that pay."""
    return (min(_PART, _PART_IN_C), _FEWEST_IN_C) if in_c else (_PART, _FEWEST)


@once_per_kind
def _row_of(call: Call, specs: Sequence[Spec]) -> tuple[int, bool]:
    """Return `_row` of a call, and whether the executor runs it."""
    if math.prod(specs[call.value].shape) * _WIDEST < min(math.prod(_sizes(True)), math.prod(_sizes(False))):
        return 0, False
    in_c = loop_of(call, specs) is not None
    return _row(call, specs, in_c), in_c


def _row(call: Call, specs: Sequence[Spec], in_c: bool) -> int:
    """Return how many elements of a result must stay together in a part of it; 0 if it cannot be made in parts."""
    shape = specs[call.value].shape
    if call.how is not How.UFUNC or call.function.signature is not None:  # type: ignore[attr-defined]
        return 0
    if math.prod(shape) * _WIDEST < math.prod(_sizes(in_c)):
        return 0
    row = 1
    for x in (Ref(call.value), *call.args):
        a = specs[x.value] if isinstance(x, Ref) else x
        if not isinstance(a, (Spec, np.ndarray)):
            if not isinstance(a, (int, float, complex, np.generic)):
                return 0
            continue
        size = math.prod(a.shape)
        if size == 1 or (in_c and is_one(a)):
            continue
        if not is_in_order(a):
            return 0
        if a.shape != shape:
            tail = a.shape[next(i for i, n in enumerate(a.shape) if n != 1) :] if size else ()
            if not tail or shape[len(shape) - len(tail) :] != tail or row not in (1, size):
                return 0
            row = size
    return row


def is_one(a: Any) -> bool:
    """Return whether all elements of an array lie in the same place."""
    return all(n == 1 or stride == 0 for n, stride in zip(a.shape, a.strides, strict=True))


def is_in_order(a: Any) -> bool:
    """Return whether an array's elements lie in memory in C order, without gaps."""
    expected = a.dtype.itemsize
    for n, stride in zip(reversed(a.shape), reversed(a.strides), strict=True):
        if n != 1 and stride != expected:
            return False
        expected *= n
    return True
