"""Large arrays cut into blocks, so that what several passes over one read and write stays in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

_BLOCK = 1 << 15  # elements: a few such arrays of single precision are a share of a processor's own cache


def blocks(rows: int, width: int = 1, most: int = _BLOCK) -> Iterator[slice]:
    """Yield consecutive slices that cover range(rows).

    Args:
        rows: how many there are.
        width: elements of a row; a block has at least one row.
        most: how many elements a block may have; with width in bytes, bytes.

    Example:
        >>> [(s.start, s.stop) for s in blocks(5, 2**14)]
        [(0, 2), (2, 4), (4, 5)]
    """
    step = max(1, most // max(1, width))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
