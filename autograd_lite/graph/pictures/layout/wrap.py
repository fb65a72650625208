"""A row that would be wider than a screen is broken into two: every other box goes below its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

# How wide a row may be; what a box takes beside its own width.
ROW = 1500.0
_BESIDE = 26.0


def wrapped(layers: Sequence[int], widths: Sequence[float], most: float = ROW) -> list[int]:
    """Return the layers, with those broken that are wider than `most`.

    No edge joins two boxes of a layer, so one may be below the other; what leads past a box needs little room beside
    it. More than two rows would gain nothing: then all the room is between the lines.

    Args:
        layers: of the boxes, from 0 on.
        widths: of the boxes.
        most: the width of a row.

    Example:
        >>> wrapped([0, 0, 0, 0, 1], [40.0] * 5, most=200.0)
        [0, 1, 0, 1, 2]
    """
    rows: list[list[int]] = [[] for _ in range(max(layers, default=-1) + 1)]
    for i, layer in enumerate(layers):
        rows[layer].append(i)
    new, count = [0] * len(layers), 0
    for row in rows:
        parts = 2 if sum(widths[i] + _BESIDE for i in row) - _BESIDE > most else 1
        for place, i in enumerate(row):
            new[i] = count + place % parts
        count += parts
    return new
