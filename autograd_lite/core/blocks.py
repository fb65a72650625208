"""Large arrays cut into blocks, so that several passes over one block stay in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

_BLOCK = 1 << 15  # elements; a few such blocks in single precision fit a core's own cache


def blocks(rows: int, width: int = 1, most: int = _BLOCK) -> Iterator[slice]:
    """Yield consecutive slices that cover range(rows).

    Args:
        rows: the number of rows.
        width: the number of elements in a row; a block has at least one row.
        most: the largest number of elements in a block (of bytes, if `width` is in bytes).

    Example:
        >>> [(s.start, s.stop) for s in blocks(5, 2**14)]
        [(0, 2), (2, 4), (4, 5)]
    """
    step = max(1, most // max(1, width))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
