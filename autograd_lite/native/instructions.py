"""Instructions of the executor in C, as integers, in the format of `c/executor.h`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

CALL, REDUCE, BLOCK, REPEAT, CHECKED = range(5)  # kinds from CHECKED on raise an exception, each its own
LINE = 64  # bytes of a cache line
THREADS = min(os.cpu_count() or 1, 64)  # that may share a block, each with its own scratch memory
_LONG = 1 << 15  # elements from which releasing the lock of the interpreter pays
_SHARED = 1 << 16  # elements from which waking other threads pays


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
        kind: any kind but `BLOCK`.
        loop: the number of the loop.
        dimensions: the lengths of its dimensions, outermost first.
        core: the sizes of the core dimensions of a generalized ufunc.
        operands: three integers each: its memory, the offset there, and its step from row to row of a block.
        strides: of all operands, dimension by dimension, then those of the core.
    """
    rest = [*dimensions, *core, *operands, *strides]
    return [kind, 6 + len(rest), loop, len(operands) // 3, len(dimensions), len(core), *rest]


def block_record(rows: int, step: int, scratch: int, work: int, body: Sequence[int]) -> list[int]:
    """Return the record of calls that run on one part of their operands after the other.

    Args:
        rows: the number of rows of the operands.
        step: the number of rows of a part.
        scratch: the bytes that a part needs for intermediate results.
        work: the number of elements of all calls.
        body: the records of the calls.
    """
    return [BLOCK, 6 + len(body), rows, step, scratch, THREADS if work >= _SHARED else 1, *body]


def repeat_record(steps: int, moves: Sequence[int], body: Sequence[int]) -> list[int]:
    """Return the record of calls that run again and again.

    Args:
        steps: how often.
        moves: five integers for each pointer that moves: its memory, 0, the memory and the offset where it begins, and
            by how many bytes it moves from step to step.
        body: the records of the calls.
    """
    return [REPEAT, 4 + len(moves) + len(body), steps, len(moves) // 5, *moves, *body]


def is_long(work: int) -> bool:
    """Return whether it pays to release the interpreter's lock."""
    return work >= _LONG


def aligned_memory(nbytes: int) -> Any:
    """Return memory that begins at a cache line."""
    memory = np.empty(nbytes + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + nbytes]


def like(shape: Sequence[int], strides: Sequence[int], dtype: Any) -> np.ndarray:
    """Return an array with this layout but without memory, so that its elements must not be read."""
    return np.lib.stride_tricks.as_strided(np.empty((), dtype), shape, strides)
