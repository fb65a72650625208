"""Arrays as squares and cubes: where each cell is, and how its faces are drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .look import Look

__all__ = ["Block", "block_of", "draw_block", "new_sheet", "words"]

Array = npt.NDArray[Any]
DEPTH = np.array([0.42, 0.34])  # how far a sheet lies to the right and above the one before it
_ASIDE = 1.0  # between boxes
_MOST = 8  # longer axes are drawn as two cells, dots and the last cell
_SHADES = {"front": 0.30, "top": 0.16, "right": 0.48}


class Place(NamedTuple):
    """Where the cells of an entry are drawn along an axis; `left_out` if they are dots, for all between the others."""

    entry: int
    position: int
    left_out: bool = False


class Block(NamedTuple):
    """An array to draw.

    Attributes:
        shape: of the array, at most four axes.
        values: written on the cells that face the reader, or None.
        places: for each of four axes, those of its cells.
    """

    shape: tuple[int, ...]
    values: Array | None
    places: tuple[tuple[Place, ...], ...]

    @property
    def depth(self) -> int:
        """The number of sheets, 0 for flat arrays."""
        return len(self.places[1]) if len(self.shape) > 2 else 0

    @property
    def box(self) -> float:
        """The width of the cells of the last three axes."""
        return float(len(self.places[3]) + DEPTH[0] * self.depth)

    @property
    def size(self) -> tuple[float, float]:
        """The width and height, in cells."""
        boxes = len(self.places[0])
        return boxes * self.box + (boxes - 1) * _ASIDE, float(len(self.places[2]) + DEPTH[1] * self.depth)

    def corner(self, box: int, sheet: int, row: int, column: int) -> Array:
        """Return the top left corner of a cell's front, y downwards, by its positions."""
        left = box * (self.box + _ASIDE) + column + DEPTH[0] * sheet
        return np.array([left, row + DEPTH[1] * (self.depth - sheet)])


def block_of(shape: Sequence[int], values: Array | None = None) -> Block:
    """Return the block that shows an array of a shape, with its values if they fit."""
    full = (1,) * (4 - len(shape)) + tuple(shape)
    places = tuple(tuple(_places(length)) for length in full)
    legible = values is not None and values.size <= 64 and max(map(len, words(values).flat), default=9) <= 4
    return Block(tuple(shape), values if legible else None, places)


def _places(length: int) -> Iterator[Place]:
    if length <= _MOST:
        yield from (Place(i, i) for i in range(length))
    else:
        yield from (Place(0, 0), Place(1, 1), Place(2, 2, left_out=True), Place(length - 1, 3))


def words(values: Array) -> Array:
    """Return the values of an array as short text, an array of strings."""

    def word(value: Any) -> str:
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        return text.replace("-", "−")

    flat = [word(value) for value in np.asarray(values).ravel().tolist()]
    return np.array(flat, dtype=object).reshape(np.shape(values))


def draw_block(
    ax: Any, block: Block, at: tuple[float, float], color: str, look: Look, *, real: Array | None = None
) -> None:
    """Draw a block with its top left corner at a point.

    Args:
        ax: matplotlib Axes with y downwards.
        block: what to draw.
        at: the corner.
        color: of the cells.
        look: the colors of the picture.
        real: for each cell, whether it is one in memory; the others are only repeated, and are paler. By default all.
    """
    shape = (1,) * (4 - len(block.shape)) + block.shape
    solid = np.ones(shape, bool) if real is None else np.broadcast_to(real, block.shape).reshape(shape)
    texts = None if block.values is None else words(block.values).reshape(shape)
    boxes, sheets, rows, columns = block.places
    for box, sheet, row, column in product(boxes, reversed(sheets), rows, columns):  # from the back to the front
        corner = block.corner(box.position, sheet.position, row.position, column.position) + at
        index = (box.entry, sheet.entry, row.entry, column.entry)
        cut = box.left_out or sheet.left_out or row.left_out or column.left_out
        if box.left_out:
            continue
        full = bool(solid[index]) and not cut
        front = sheet is sheets[0]
        sides = {"front": front, "top": block.depth and row is rows[0], "right": block.depth and column is columns[-1]}
        for side in (side for side, seen in sides.items() if seen):
            _draw_face(ax, corner, side, color, full, look)
        if not front:
            continue
        style = {"ha": "center", "va": "center", "color": look.ink if full else look.soft, "fontsize": 9}
        if row.left_out or column.left_out:
            dots = ("⋮", "⋱")[column.left_out] if row.left_out else "⋯"
            ax.text(*(corner + 0.5), dots, **style, gid="dots")
        elif texts is not None:
            ax.text(*(corner + 0.5), texts[index], **style, gid="value")
    for box in (box for box in boxes if box.left_out):
        middle = np.array([block.box / 2, len(rows) / 2])
        x, y = block.corner(box.position, 0, 0, 0) + middle + at
        ax.text(x, y, "⋯", ha="center", va="center", color=look.soft, fontsize=16, gid="dots")


def _draw_face(ax: Any, corner: Array, face: str, color: str, full: bool, look: Look) -> None:
    """Draw one side of a cube, paler if it is not full; the cube's front has this top left corner."""
    from matplotlib.patches import Polygon

    right, down, back = np.array([1.0, 0.0]), np.array([0.0, 1.0]), DEPTH * [1, -1]
    start, one, other = {
        "front": (corner, right, down),
        "top": (corner, right, back),
        "right": (corner + right, down, back),
    }[face]
    outline = np.array([start, start + one, start + one + other, start + other])
    ax.add_patch(Polygon(outline, facecolor=look.paper, edgecolor="none", gid="paper"))
    style: dict[str, Any] = {"linewidth": 0.9, "linestyle": "-" if full else (0, (2, 2)), "joinstyle": "round"}
    ax.add_patch(
        Polygon(
            outline, facecolor=color, alpha=_SHADES[face] * (1 if full else 0.25), edgecolor="none", gid=f"{face} fill"
        )
    )
    ax.add_patch(Polygon(outline, fill=False, edgecolor=color, alpha=1 if full else 0.6, **style, gid=face))


def new_sheet(ax: Any, width: float, height: float) -> None:
    """Make axes into a sheet of paper for cells: equal scales, y downwards, no lines and numbers."""
    ax.set(xlim=(-0.3, width + 0.3), ylim=(height + 0.3, -0.3), aspect="equal")
    ax.axis("off")
