"""Pictures of sparsity patterns: where the nonzeros are, and from which product each is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..graph.picture import DrawnPicture
from ..graph.pictures.boxes import Line
from ..graph.pictures.draw import Element, element, text
from ..graph.pictures.sheet import Sample, Sheet, box_sample, page
from ..graph.pictures.style import Stylesheet, rule
from ..graph.pictures.view import EdgeKind
from ..graph.pictures.widths import text_width
from ..ir.node_labels import count_of, visible
from .colorings import Coloring
from .pattern import Pattern, as_pattern

# The looks of products, in turn; and that of cells in which several products meet.
_LOOKS = ("input", "output", "parameter", "backward", "removed", "state", "changed", "exploding")
_SEVERAL = "op"
# The most cells along a side, and as many as a short side has if there are places for them; the longest and shortest
# side, the largest cell, and the smallest ones with a number and with a gap around.
_CELLS, _FEW, _LONGEST, _SHORTEST, _CELL, _NUMBERED, _SPACED, _TEXT = 300, 12, 450.0, 24.0, 26.0, 15.0, 4.0, 10.0
_LINES = (rule(".cells .pill", stroke_width="0"), rule(".cells .box", stroke_width="0.8", stroke_dasharray="none"))


class _Cells(NamedTuple):
    """The cells with nonzeros: rows, columns, and the product that they are read from, -1 where there are several."""

    rows: npt.NDArray[np.intp]
    columns: npt.NDArray[np.intp]
    products: npt.NDArray[np.intp]


def picture(pattern: Any, coloring: Coloring | None = None, title: str = "Sparsity pattern") -> DrawnPicture:
    """Return a picture of a pattern, with a color for each product from which nonzeros are read.

    A cell is a place of the matrix, with the number of the color, or of a larger matrix many places. Filled cells are
    read from products of columns, framed ones from products of rows.

    Args:
        pattern: a `Pattern`, or a matrix: a sparse one of SciPy, or an array.
        coloring: of the pattern; None for the pattern alone.
        title: above the picture.

    Returns:
        The picture, with `.save`, for `.svg`, `.png` and `.pdf`; a notebook shows it.

    Raises:
        ShapeError: if it is not a matrix.
        ValueError: if the coloring is of a matrix of another shape.

    Example:
        >>> picture([[1, 0], [1, 1]])
        <DrawnPicture: Sparsity pattern>
    """
    pattern = pattern if isinstance(pattern, Pattern) else as_pattern("sparse.picture", pattern, "the pattern")
    m, n = pattern.shape
    if coloring is not None:
        expected, received = (
            "{} × {} with {} nonzeros".format(*sizes)
            for sizes in ((m, n, pattern.nnz), (len(coloring.rows), len(coloring.columns), len(coloring.source)))
        )
        if expected != received:
            raise ValueError(
                f"sparse.picture: expected the coloring of a matrix of {expected}; received one of {received}"
            )
    longest = max(m, n, 1)
    cell = min(_CELL, _LONGEST / min(longest, _CELLS))
    # A longer matrix has as many cells to either side as make it as high and as wide as it is.
    grid = (m, n) if longest <= _CELLS else (_share(m, longest), _share(n, longest))
    height, width = (max(count * cell, _SHORTEST) for count in grid)
    cells = _cells(pattern, coloring, grid)
    drawn = _paint(cells, coloring, width / max(grid[1], 1), height / max(grid[0], 1))
    drawing = [*_edges(pattern.shape, width, height), *drawn]
    used = np.unique(cells.products)
    looks = list(dict.fromkeys(_look(product) for product in used.tolist())) or [_SEVERAL]
    style = Stylesheet(looks, (EdgeKind.DATA,), (), more=_LINES)
    caption = ", ".join(_facts(pattern, coloring, grid))
    legend = list(_legend(coloring, used)) if coloring is not None else []
    sheet = Sheet(visible(title), (caption,), legend, style, heading=True)
    left = 10 + text_width(f"{max(m - 1, 0):,}", _TEXT)
    return DrawnPicture(page(sheet, drawing, -left, width + 12, 24.0, height))


def _share(size: int, longest: int) -> int:
    return min(size, max(_CELLS * size // longest, _FEW))


def _cells(pattern: Pattern, coloring: Coloring | None, grid: tuple[int, int]) -> _Cells:
    """Return the cells of a pattern on a grid of fewer rows and columns."""
    m, n = pattern.shape
    rows, columns = (
        places.astype(np.int64) * count // max(size, 1)
        for places, count, size in ((pattern.rows, grid[0], m), (pattern.indices, grid[1], n))
    )
    places = rows * grid[1] + columns
    products = np.zeros(pattern.nnz, np.intp) if coloring is None else coloring.products
    low = np.full(grid[0] * grid[1], np.iinfo(np.intp).max)
    high = np.full(grid[0] * grid[1], -1)
    np.minimum.at(low, places, products)
    np.maximum.at(high, places, products)
    (occupied,) = np.nonzero(high >= 0)
    low, high = low[occupied], high[occupied]
    return _Cells(*np.divmod(occupied, grid[1]), np.where(low == high, low, -1))


def _look(product: int) -> str:
    return _SEVERAL if product < 0 else _LOOKS[product % len(_LOOKS)]


def _paint(cells: _Cells, coloring: Coloring | None, width: float, height: float) -> Iterator[Element]:
    """Yield the cells of each product as one path, and their numbers where there is room."""
    cell = min(width, height)
    gap = 1.0 if cell >= _SPACED else 0.0
    for product in np.unique(cells.products).tolist():
        chosen = cells.products == product
        by_rows = coloring is not None and product >= coloring.column_count
        rows, columns = cells.rows[chosen], cells.columns[chosen]
        # Neighbors become one piece where there is no gap between them.
        lines, along = (rows, columns) if by_rows else (columns, rows)
        order = np.lexsort((along, lines))
        lines, along = lines[order], along[order]
        begins = np.ones(len(lines), bool)
        begins[1:] = (np.diff(lines) != 0) | (np.diff(along) != 1) | (gap > 0)
        firsts = np.flatnonzero(begins)
        lengths = np.diff(np.append(firsts, len(lines)))
        pieces: list[Any] = []
        for line, start, length in zip(lines[firsts].tolist(), along[firsts].tolist(), lengths.tolist(), strict=True):
            (x, y), (w, h) = ((start, line), (length, 1)) if by_rows else ((line, start), (1, length))
            w, h = w * width - gap, h * height - gap
            pieces += [("M", x * width + gap / 2, y * height + gap / 2), ("h", w), ("v", h), ("h", -w), ("z",)]
        parts = [element("path", "box" if by_rows else "pill", d=pieces)]
        if coloring is not None and product >= 0 and cell >= _NUMBERED:
            number = str(product - coloring.column_count if by_rows else product)
            line = Line(number, _TEXT, "soft" if by_rows else "pilled")
            parts += [
                text(line, (x + 0.5) * width, (y + 0.5) * height)
                for y, x in zip(rows.tolist(), columns.tolist(), strict=True)
            ]
        yield element("g", f"{_look(product)} cells", *parts, tip=_name(coloring, product))


def _edges(shape: tuple[int, int], width: float, height: float) -> Iterator[Element]:
    """Yield the frame around the cells, and the numbers of the first and last row and column."""
    yield element(
        "path", "edge quiet", d=(("M", -2, -2), ("h", width + 4), ("v", height + 4), ("h", -width - 4), ("z",))
    )
    m, n = shape
    for size, length, is_row in ((n, width, False), (m, height, True)):
        for number, at, anchor in ((0, 0.0, "start"), (size - 1, length, "end")):
            if size > 1 and (number == 0 or length > 40):
                line = Line(f"{number:,}", _TEXT, "soft")
                inside = 5.0 if number == 0 else -5.0
                yield text(line, *((-6.0, at + inside, "end") if is_row else (at, -10.0, anchor)))


def _facts(pattern: Pattern, coloring: Coloring | None, grid: tuple[int, int]) -> Iterator[str]:
    m, n = pattern.shape
    yield f"{m:,} × {n:,}"
    yield count_of(pattern.nnz, "nonzero")
    if coloring is not None:
        yield count_of(coloring.count, "product")
    if (m, n) != grid:
        sizes = [-(-size // max(count, 1)) for size, count in zip((m, n), grid, strict=True)]
        yield f"a cell is {sizes[0]:,} × {sizes[1]:,} places"


def _legend(coloring: Coloring, used: npt.NDArray[np.intp]) -> Iterator[Sample]:
    """Yield samples of the products, or of the two kinds of them if they are many."""
    names: dict[int, str] = {}
    if coloring.count <= len(_LOOKS):
        names = {product: _name(coloring, product) for product in used[used >= 0].tolist()}
    elif coloring.column_count:
        names[0] = f"{coloring.column_count:,} colors of columns"
    if coloring.count > len(_LOOKS) and coloring.row_count:
        names[coloring.column_count] = f"{coloring.row_count:,} colors of rows"
    if (used < 0).any():
        names[-1] = _name(coloring, -1)
    for product, name in names.items():
        css = "box" if product >= coloring.column_count else "pill"
        yield box_sample(f"{_look(product)} cells", [element("rect", css, x=0, y=-6.5, width=13, height=13)], name)


def _name(coloring: Coloring | None, product: int) -> str:
    """Return the name of a product."""
    if coloring is None:
        return "nonzero"
    if product < 0:
        return "several colors"
    by_rows = product >= coloring.column_count
    color = product - coloring.column_count * by_rows
    count = int((coloring.rows == color).sum() if by_rows else (coloring.columns == color).sum())
    return f"color {color}: {count_of(count, 'row' if by_rows else 'column')}"
