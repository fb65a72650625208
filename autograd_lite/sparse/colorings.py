"""Colorings of sparse matrices: which columns and rows may share a product, and where each nonzero is read from.

A product with a sum of columns of a Jacobian costs a pass forward, one with a sum of rows a pass backward. Columns of
one color have no row in common, so that each nonzero stands alone in the product of its color. Of a symmetric matrix an
entry may be read at either of its places, which takes fewer colors.

- Coleman and Moré (1983), Estimation of sparse Jacobian matrices and graph coloring problems; (1984), Estimation of
  sparse Hessian matrices and graph coloring problems.
- Gebremedhin, Manne and Pothen (2005), What color is your Jacobian? Graph coloring for computing derivatives.
- Gebremedhin, Tarafdar, Manne and Pothen (2007), New acyclic and star coloring algorithms with application to computing
  Hessians; with Walther (2009), Efficient computation of sparse Hessians using coloring and automatic differentiation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from .greedy import color_distance_2, color_star, order_vertices, read_places, transpose
from .pattern import Indices, Pattern

Order = Literal["natural", "largest_first", "smallest_last", "incidence"]
ORDERS: tuple[Order, ...] = ("natural", "largest_first", "smallest_last", "incidence")
Places = npt.NDArray[np.int64]


class Coloring(NamedTuple):
    """Which columns and rows of a matrix share a product, and where its nonzeros are read from.

    Attributes:
        columns: the color of each column, -1 for one that no product needs; int32 of shape (n,).
        rows: the color of each row, likewise; int32 of shape (m,).
        column_count, row_count: how many colors columns and rows have: the products forward and backward.
        source: for each nonzero, row by row, where it is in the products: those of columns, (column_count, m),
            flattened, then those of rows, (row_count, n), flattened; int64 of shape (nnz,).

    Example:
        >>> pattern = Pattern(np.array([0, 2, 5, 7], "i"), np.array([0, 1, 0, 1, 2, 1, 2], "i"), (3, 3))
        >>> coloring = color_columns(pattern)
        >>> coloring.columns.tolist(), coloring.count
        ([0, 1, 2], 3)
        >>> seeds, _ = coloring.seeds()
        >>> a = np.array([[1.0, 2, 0], [3, 4, 5], [0, 6, 7]])
        >>> recover(coloring, seeds @ a.T).tolist()
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    """

    columns: Indices
    rows: Indices
    column_count: int
    row_count: int
    source: Places

    @property
    def count(self) -> int:
        """The number of products: of colors of columns and rows."""
        return self.column_count + self.row_count

    def seeds(self, dtype: npt.DTypeLike = float) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return the directions of the products: (column_count, n) for columns, (row_count, m) for rows."""
        columns, rows = (
            (np.arange(count, dtype=np.int32)[:, None] == colors).astype(dtype)
            for colors, count in ((self.columns, self.column_count), (self.rows, self.row_count))
        )
        return columns, rows


def recover(
    coloring: Coloring, column_products: npt.NDArray[Any], row_products: npt.NDArray[Any] | None = None
) -> npt.NDArray[Any]:
    """Return the nonzeros of a matrix, row by row, from its products with the seeds of a coloring.

    Args:
        coloring: of the matrix's pattern.
        column_products: A s for each seed s of columns, of shape (column_count, m).
        row_products: A^T s for each seed s of rows, of shape (row_count, n); None if rows have no color.

    Returns:
        The nonzeros, of shape (nnz,).
    """
    products = column_products.reshape(-1)
    if row_products is not None and coloring.row_count:
        products = np.concatenate([products, row_products.reshape(-1)])
    return products.take(coloring.source)


def color_columns(pattern: Pattern, order: Order = "natural") -> Coloring:
    """Color the columns so that no two of one color have a nonzero in the same row.

    Args:
        pattern: of any matrix.
        order: in which columns get the least color that is free: "natural", "largest_first", "smallest_last" or
            "incidence" (Coleman and Moré 1983).

    Returns:
        The coloring, whose rows have no color.

    Raises:
        ValueError: if there is no such order.
    """
    lines, members, _ = transpose(*pattern[:2], pattern.shape[1])
    colors = color_distance_2(*pattern[:2], lines, members, _order(order, *pattern[:2], lines, members))
    return _coloring(pattern, colors, _none(pattern.shape[0]))


def color_rows(pattern: Pattern, order: Order = "natural") -> Coloring:
    """Color the rows so that no two of one color have a nonzero in the same column; see `color_columns`."""
    lines, members, _ = transpose(*pattern[:2], pattern.shape[1])
    colors = color_distance_2(lines, members, *pattern[:2], _order(order, lines, members, *pattern[:2]))
    return _coloring(pattern, _none(pattern.shape[1]), colors)


def color_symmetric(pattern: Pattern, order: Order = "natural") -> Coloring:
    """Color the columns of a symmetric matrix so that each entry can be read at one of its two places: a star coloring.

    Args:
        pattern: of a symmetric matrix, with as many nonzeros below its diagonal as above.
        order: in which columns get the least color that is free, as in `color_columns`; degrees are those in the
            matrix's own graph.

    Returns:
        The coloring, whose rows have no color. Both places of an entry are read from the same one.

    Raises:
        ValueError: if the pattern is not symmetric, or there is no such order.
    """
    mirror = _mirror(pattern)
    colors = color_star(*pattern[:2], _order(order, *pattern[:2]))
    count = int(colors.max(initial=-1)) + 1
    stands = read_places(*pattern[:2], colors, count) >= 0
    rows, columns = pattern.rows, pattern.indices
    low, high = np.minimum(rows, columns), np.maximum(rows, columns)  # the same for both places of an entry
    at_row = _Reading(np.where(rows < columns, stands, stands[mirror]), colors[high], low)
    at_column = _Reading(np.where(rows < columns, stands[mirror], stands), colors[low], high)
    return _readings(pattern, colors, _none(pattern.shape[0]), at_row, at_column)


def color_both(pattern: Pattern) -> Coloring:
    """Color columns and rows, so that each nonzero is read from a product of its column or of its row.

    The densest rows are read from products of rows, the others from columns; or the densest columns from columns, and
    the others from rows; or which is which is left to a star coloring of the graph that has both. Of these, the fewest
    colors count. One dense row or column does not make everything dense.

    Args:
        pattern: of any matrix.

    Returns:
        The coloring.
    """
    return min(_bidirectional(pattern), key=_cost)


def color(pattern: Pattern, symmetric: bool = False, seconds: float = 0.5) -> Coloring:
    """Return the coloring with the fewest colors of several.

    Args:
        pattern: of any matrix.
        symmetric: whether the matrix is symmetric.
        seconds: about how long it may take. Steps are counted, not seconds, so that a pattern always has the same
            coloring.

    Returns:
        The coloring.
    """
    best = None
    for coloring in _tries(pattern, symmetric):
        best = coloring if best is None or _cost(coloring) < _cost(best) else best
    assert best is not None
    return best


def _tries(pattern: Pattern, symmetric: bool) -> Iterator[Coloring]:
    for order in ORDERS:
        if symmetric:
            yield color_symmetric(pattern, order)
        yield color_columns(pattern, order)
        if not symmetric:
            yield color_rows(pattern, order)
    if not symmetric:
        yield color_both(pattern)


def _cost(coloring: Coloring) -> float:
    """Return what counts of a coloring; products of rows cost a little more, and need what forward computes."""
    return coloring.column_count + 1.001 * coloring.row_count


def _order(order: Order, *graph: Indices) -> Indices:
    if order not in ORDERS:
        raise ValueError(f"coloring: expected order to be one of {', '.join(ORDERS)}; received {order!r}")
    if order == "natural":
        return np.arange(len(graph[-2]) - 1, dtype=np.int32)
    result: Indices = order_vertices(ORDERS.index(order) - 1, *graph)
    return result


def _none(n: int) -> Indices:
    return np.full(n, -1, np.int32)


def _mirror(pattern: Pattern) -> Indices:
    """Return where the transposed place of each nonzero of a symmetric pattern is."""
    lines, members, mirror = transpose(*pattern[:2], pattern.shape[1])
    if pattern.shape[0] != pattern.shape[1]:
        raise ValueError(f"color_symmetric: expected a square matrix, received one of shape {pattern.shape}")
    if not (np.array_equal(lines, pattern.indptr) and np.array_equal(members, pattern.indices)):
        raise ValueError("color_symmetric: expected a symmetric pattern; color_columns takes any pattern")
    result: Indices = mirror
    return result


def _coloring(pattern: Pattern, columns: Indices, rows: Indices) -> Coloring:
    """Return colors of columns and rows as a coloring: each nonzero is read where it stands alone in a product.

    Raises:
        ValueError: if one stands alone nowhere.
    """
    count = int(columns.max(initial=-1)) + 1
    source = read_places(*pattern[:2], columns, count)
    forward = _Reading(source >= 0, columns[pattern.indices], pattern.rows)
    if (rows < 0).all():
        _refuse(forward.stands.all())
        return Coloring(columns, rows, count, 0, source)
    lines, members, places = transpose(*pattern[:2], pattern.shape[1])
    stands = np.empty(pattern.nnz, bool)
    stands[places] = read_places(lines, members, rows, int(rows.max(initial=-1)) + 1) >= 0
    backward = _Reading(stands, count + rows[pattern.rows], pattern.indices)
    return _readings(pattern, columns, rows, forward, backward)


class _Reading(NamedTuple):
    """Where each nonzero might be read: whether it stands alone there, in which product, and at which place of it."""

    stands: npt.NDArray[np.bool_]
    products: Indices
    at: Indices


def _readings(pattern: Pattern, columns: Indices, rows: Indices, first: _Reading, second: _Reading) -> Coloring:
    """Return colors as a coloring without those from whose products nothing need be read."""
    _refuse((first.stands | second.stands).all())
    count = int(columns.max(initial=-1)) + 1
    total = count + int(rows.max(initial=-1)) + 1
    needed, users = np.zeros(total, bool), np.zeros(total, int)
    a, b = np.where(first.stands, first.products, -1), np.where(second.stands, second.products, -1)
    for own, other in ((a, b), (b, a)):
        needed[own[(other < 0) | (other == own)]] = True
        users += np.bincount(own[own >= 0], minlength=total)
    for product in np.argsort(users, kind="stable"):
        if not needed[product]:  # what could be read from it is read from the other one
            needed[b[a == product]] = needed[a[b == product]] = True
            a[a == product] = b[b == product] = -1
    number = np.where(needed, np.cumsum(needed) - 1, -1).astype(np.int32)
    left = int(needed[:count].sum())
    m, n = pattern.shape
    starts = np.concatenate([np.arange(left) * m, left * m + np.arange(needed.sum() - left) * n])
    source = starts[number[np.where(a >= 0, a, b)]] + np.where(a >= 0, first.at, second.at)
    columns = np.append(number[:count], np.int32(-1))[columns]
    rows = np.append(np.where(needed[count:], number[count:] - left, -1).astype(np.int32), np.int32(-1))[rows]
    return Coloring(columns, rows, left, int(needed[count:].sum()), source)


def _refuse(is_right: Any) -> None:
    if not is_right:
        raise ValueError("coloring: a nonzero stands alone in no product: columns or rows of one color meet")


def _bidirectional(pattern: Pattern) -> Iterator[Coloring]:
    """Yield colorings of both: by thresholds of rows, of columns, and by stars."""
    yield from _by_threshold(pattern)
    lines, members, _ = transpose(*pattern[:2], pattern.shape[1])
    for coloring in _by_threshold(Pattern(lines, members, pattern.shape[::-1])):
        yield _coloring(pattern, coloring.rows, coloring.columns)
    m = pattern.shape[0]
    graph = (
        np.concatenate([pattern.indptr, lines[1:] + pattern.nnz]).astype(np.int32),
        np.concatenate([pattern.indices + np.int32(m), members]).astype(np.int32),
    )
    for order in ORDERS:
        colors = color_star(*graph, _order(order, *graph))
        yield _coloring(pattern, colors[m:], colors[:m])


def _by_threshold(pattern: Pattern) -> Iterable[Coloring]:
    """Yield colorings in which rows with more than a number of nonzeros are read from products of rows."""
    sizes = np.diff(pattern.indptr)
    for most in np.unique(sizes)[:-1]:
        dense = sizes > most
        taken = np.repeat(dense, sizes)
        parts = [_part(pattern, dense == is_dense, taken == is_dense) for is_dense in (False, True)]
        columns, rows = color_columns(parts[0], "largest_first").columns, color_rows(parts[1], "largest_first").rows
        yield _coloring(pattern, columns, rows)


def _part(pattern: Pattern, rows: npt.NDArray[np.bool_], nonzeros: npt.NDArray[np.bool_]) -> Pattern:
    """Return the pattern with only some rows; the others are empty."""
    sizes = np.where(rows, np.diff(pattern.indptr), 0)
    indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    return Pattern(indptr, pattern.indices[nonzeros], pattern.shape)
