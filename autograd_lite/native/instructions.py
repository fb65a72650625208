"""Instructions of the executor in C, as integers; `c/executor.h` says what is where in them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

CALL, REDUCE, BLOCK, CHECKED = range(4)  # from the last one on, each kind raises an exception of its own
LINE = 64  # bytes of a cache line
THREADS = min(os.cpu_count() or 1, 64)  # that may share a block, each with scratch of its own
_LONG = 1 << 15  # elements: so much work is worth releasing the lock of the interpreter
_SHARED = 1 << 16  # so much is worth waking other threads


def call_record(
    kind: int,
    loop: int,
    dimensions: Sequence[int],
    core: Sequence[int],
    operands: Sequence[int],
    strides: Sequence[int],
) -> list[int]:
    """Return the record of a call of a loop.

    Args:
        kind: other than `BLOCK`.
        loop: its number.
        dimensions: that it goes through, outermost first.
        core: of a generalized ufunc, the sizes of its own dimensions.
        operands: one after the other, each by three: its memory, the offset there, and by how much it moves from row
            to row of a block.
        strides: of all operands, dimension by dimension, then those of the core.
    """
    rest = [*dimensions, *core, *operands, *strides]
    return [kind, 6 + len(rest), loop, len(operands) // 3, len(dimensions), len(core), *rest]


def block_record(rows: int, step: int, scratch: int, work: int, body: Sequence[int]) -> list[int]:
    """Return the record of calls that are carried out on one part of their operands after the other.

    Args:
        rows: of the operands.
        step: how many of them a part has.
        scratch: bytes that a part needs.
        work: elements that all calls go through.
        body: the records of the calls.
    """
    return [BLOCK, 6 + len(body), rows, step, scratch, THREADS if work >= _SHARED else 1, *body]


def is_long(work: int) -> bool:
    """Return whether it pays to let other threads of Python run meanwhile."""
    return work >= _LONG


def aligned(nbytes: int) -> Any:
    """Return memory that begins where a cache line does."""
    memory = np.empty(nbytes + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + nbytes]


def like(shape: Sequence[int], strides: Sequence[int], dtype: Any) -> np.ndarray:
    """Return an array that lies so, of which nothing but this may be looked at: it has no memory of its own."""
    return np.lib.stride_tricks.as_strided(np.empty((), dtype), shape, strides)
