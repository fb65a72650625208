"""Colorings of sparse matrices: which columns and rows may share a product, and where each nonzero is read from.

A product with a sum of columns of a Jacobian costs a pass forward, one with a sum of rows a pass backward. Columns of
one color have no row in common, so that each nonzero stands alone in the product of its color. Of a symmetric matrix an
entry may be read at either of its places, which takes fewer colors.

- Coleman and Moré (1983), Estimation of sparse Jacobian matrices and graph coloring problems; (1984), Estimation of
  sparse Hessian matrices and graph coloring problems.
- Hossain and Steihaug (1998), Computing a sparse Jacobian matrix by rows and columns.
- Gebremedhin, Manne and Pothen (2005), What color is your Jacobian? Graph coloring for computing derivatives.
- Gebremedhin, Tarafdar, Manne and Pothen (2007), New acyclic and star coloring algorithms with application to computing
  Hessians; with Walther (2009), Efficient computation of sparse Hessians using coloring and automatic differentiation.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from .greedy import color_acyclic, color_star, peel_places, read_places
from .line_colorings import ORDERS, Budget, Lines, Order, arrange, count_colors, lines_at, lines_of
from .pattern import Indices, Pattern, as_pattern, transpose

Places = npt.NDArray[np.int64]
# Which products a coloring may have.
Products = Literal["any", "columns", "rows", "both"]
_PRODUCTS = ("any", "columns", "rows", "both")
# What a product backward costs, in products forward.
_BACKWARD = 1.4
# And what products of both kinds cost beyond that, for the function is evaluated once more and the parts are joined.
_BOTH = 1.5


class Level(NamedTuple):
    """Nonzeros of a symmetric matrix that are known when others have been subtracted, by places among the nonzeros.

    Attributes:
        targets: those from which others are subtracted; `mirrors` has their transposed places.
        mirrors: for each of them.
        starts: where in `sources` those to subtract from each begin.
        sources: those that are subtracted.
    """

    targets: npt.NDArray[np.intp]
    mirrors: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    sources: npt.NDArray[np.intp]


class Coloring(NamedTuple):
    """Which columns and rows of a matrix share a product, and where its nonzeros are read from.

    Attributes:
        columns: the color of each column, -1 for one that no product needs; int32 of shape (n,).
        rows: the color of each row, or -1 for none; int32 of shape (m,).
        column_count, row_count: how many colors columns and rows have: the products forward and backward.
        source: for each nonzero, row by row, where it is in the products: those of columns, (column_count, m),
            flattened, then those of rows, (row_count, n), flattened; int64 of shape (nnz,).
        levels: of the nonzeros that are subtracted then; empty but for an acyclic coloring.

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
    levels: tuple[Level, ...] = ()

    @property
    def count(self) -> int:  # type: ignore[override]  # not the method of tuples
        """The number of products: of colors of columns and rows."""
        return self.column_count + self.row_count

    @property
    def products(self) -> npt.NDArray[np.intp]:
        """The product from which each nonzero is read: those of columns come first, then those of rows."""
        starts = _starts(len(self.rows), len(self.columns), self.column_count, self.row_count)
        return np.searchsorted(starts, self.source, "right") - 1

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
    return read_nonzeros(coloring, products)


def read_nonzeros(coloring: Coloring, products: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the same from all products as one vector."""
    nonzeros = products.take(coloring.source)
    for targets, mirrors, starts, sources in coloring.levels:
        nonzeros[targets] -= np.add.reduceat(nonzeros[sources], starts)
        nonzeros[mirrors] = nonzeros[targets]
    return nonzeros


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
    return _coloring(pattern, lines_of(pattern)[0].greedy(order), _none(pattern.shape[0]))


def color_rows(pattern: Pattern, order: Order = "natural") -> Coloring:
    """Color the rows so that no two of one color have a nonzero in the same column; see `color_columns`."""
    return _coloring(pattern, _none(pattern.shape[1]), lines_of(pattern)[1].greedy(order))


def color_symmetric(
    pattern: Pattern, order: Order = "natural", method: Literal["star", "acyclic"] = "star"
) -> Coloring:
    """Color the columns of a symmetric matrix so that each entry can be read at one of its two places.

    In the graph whose edges are the entries off the diagonal, no path of four vertices may have two colors (a star
    coloring, for which entries are read as they are), or no circle (an acyclic coloring, for which others must be
    subtracted first; see `Coloring.levels`. It has fewer colors, and loses some accuracy).

    Args:
        pattern: of a symmetric matrix, with as many nonzeros below its diagonal as above.
        order: in which columns get the least color that is free, as in `color_columns`; degrees are those in the
            matrix's own graph.
        method: "star" or "acyclic".

    Returns:
        The coloring, whose rows have no color. Both places of an entry are read from the same one.

    Raises:
        ValueError: if the pattern is not symmetric, or there is no such order or method.
    """
    if method not in ("star", "acyclic"):
        raise ValueError(f"color_symmetric: expected method 'star' or 'acyclic'; received {method!r}")
    mirror, in_order = _mirror(pattern), arrange(order, *pattern[:2])
    colors = (color_star if method == "star" else color_acyclic)(*pattern[:2], in_order)
    return _symmetric(pattern, mirror, colors)


def color_both(pattern: Pattern, seconds: float | None = None) -> Coloring:
    """Color columns and rows, so that each nonzero is read from a product of its column or of its row.

    The densest rows are read from products of rows, the others from products of columns; or the densest columns from
    products of columns, and the others from products of rows. Each such cover of the nonzeros by columns and rows also
    gets a star bicoloring, in which the vertices outside of the cover are neutral (Gebremedhin, Manne and Pothen 2005,
    section 7). One dense row or column does not make everything dense.

    Args:
        pattern: of any matrix.
        seconds: as of `color`.

    Returns:
        The coloring with the fewest colors, even if one of columns alone has fewer; of columns alone if all rows, and
        all columns, have as many nonzeros.
    """
    sides = lines_of(pattern)
    budget = _budget(sides, seconds)
    best = _best(_divisions(pattern, sides, np.inf, budget), budget, None)
    return color(pattern, "columns", seconds=seconds) if best is None else best


def color(
    pattern: Any, products: Products = "any", *, symmetric: bool = False, seconds: float | None = None
) -> Coloring:
    """Return the coloring with the fewest colors of several; five colors of rows cost as much as seven of columns.

    Args:
        pattern: a `Pattern`, or a matrix of any shape: a sparse one of SciPy, or an array.
        products: those of "columns", of "rows", of "both", or "any" of these.
        symmetric: whether the matrix is symmetric: then only columns have colors, and an entry may be read at both of
            its places.
        seconds: about how long it may take; None for some greedy colorings, and at most 0.3. Steps are counted, not
            seconds, so that a pattern always has the same coloring.

    Returns:
        The coloring.

    Raises:
        ShapeError: if it is not a matrix.
        ValueError: if there are no such products, or a matrix that is said to be symmetric is not.

    Example:
        >>> arrow = np.eye(9)
        >>> arrow[0] = arrow[:, 0] = 1
        >>> color(arrow).count, color(arrow, "columns").count, color(arrow, symmetric=True).count
        (3, 9, 2)
    """
    if products not in _PRODUCTS:
        raise ValueError(f"sparse.color: expected products to be one of {', '.join(_PRODUCTS)}; received {products!r}")
    pattern = pattern if isinstance(pattern, Pattern) else as_pattern("sparse.color", pattern, "the pattern")
    if products == "both" and not symmetric:
        return color_both(pattern, seconds)
    sides = lines_of(pattern)
    budget = _budget(sides, seconds)
    by_columns, by_rows = (
        _Candidate(weight * lines.least, lines.steps, partial(_on_lines, pattern, lines, budget, is_transposed))
        for is_transposed, lines, weight in ((False, sides[0], 1.0), (True, sides[1], _BACKWARD))
    )
    simple = {"columns": [by_columns], "rows": [by_rows]}.get(products, sorted([by_columns, by_rows], key=_least))
    if symmetric:
        is_full = sides[0].least == sides[0].n and pattern.nnz == sides[0].n ** 2
        simple = [by_columns] if is_full else [_stars(pattern, budget), by_columns]
    best = _best(simple, budget, None)
    if products == "any" and not symmetric:
        below = np.inf if best is None else _cost(best)
        best = _best(_divisions(pattern, sides, below, budget), budget, best)
    if best is None:  # all of them take longer
        is_dense = pattern.nnz * 8 > pattern.shape[0] * pattern.shape[1]
        best = _one_by_one(pattern, products) if is_dense else min(simple, key=_steps).make()
    return best


# ---- candidates -----------------------------------------------------------------------------------------------------


class _Candidate(NamedTuple):
    """A coloring that might be made: its products cost at least so much, and it takes this many steps."""

    least: float
    steps: float
    make: Callable[[], Coloring]


def _best(candidates: Iterable[_Candidate], budget: Budget, best: Coloring | None) -> Coloring | None:
    """Return the cheapest coloring, the first of several, of those that the budget allows."""
    for candidate in candidates:
        if (best is None or candidate.least < _cost(best)) and budget.allows(candidate.steps):
            coloring = candidate.make()
            best = coloring if best is None or _cost(coloring) < _cost(best) else best
    return best


def _cost(coloring: Coloring) -> float:
    both = _BOTH if coloring.column_count and coloring.row_count else 0.0
    return coloring.column_count + _BACKWARD * coloring.row_count + both


def _budget(sides: tuple[Lines, Lines], seconds: float | None) -> Budget:
    return Budget(min(0.3, 0.004 + 16 * min(lines.seconds for lines in sides)) if seconds is None else seconds)


def _least(candidate: _Candidate) -> float:
    return candidate.least


def _steps(candidate: _Candidate) -> float:
    return candidate.steps


def _on_lines(pattern: Pattern, lines: Lines, budget: Budget, is_transposed: bool) -> Coloring:
    colors = lines.fewest(budget)
    none = _none(pattern.shape[is_transposed])
    return _coloring(pattern, *((none, colors) if is_transposed else (colors, none)))


def _stars(pattern: Pattern, budget: Budget) -> _Candidate:
    """Return the star colorings in all orders, as far as the budget allows."""
    mirror = _mirror(pattern)
    sizes = np.diff(pattern.indptr).astype(np.int64)
    steps = float(sizes @ np.minimum(sizes, 32))

    def make() -> Coloring:
        orders = itertools.takewhile(lambda order: order == "natural" or budget.allows(3 * steps), ORDERS)
        tries = [color_star(*pattern[:2], arrange(order, *pattern[:2])) for order in orders]
        return _symmetric(pattern, mirror, min(tries, key=count_colors))

    return _Candidate(1, steps, make)


def _divisions(pattern: Pattern, sides: tuple[Lines, Lines], below: float, budget: Budget) -> list[_Candidate]:
    """Return colorings of both that may cost less than `below`: the densest lines of a side have their own products.

    If lines with more than `most` nonzeros have products of their own, the others need `most` colors at least, and the
    dense ones as many as there are on a place.
    """
    candidates = []
    for is_transposed, lines, others, own in ((False, sides[0], 1.0, _BACKWARD), (True, sides[1], _BACKWARD, 1.0)):
        sizes = np.diff(lines.indptr)
        counts = np.bincount(sizes, minlength=1)
        nonzeros = np.cumsum(counts * np.arange(len(counts)))
        steps = np.cumsum(counts * np.arange(len(counts), dtype=float) ** 2)
        distinct = np.flatnonzero(counts)[::-1]
        on_place, last = np.zeros(lines.n, np.int64), len(counts)
        for most in distinct[np.unique(np.geomspace(1, len(distinct) + 1, 32).astype(int))[:-2]].tolist():
            if others * most + own * (nonzeros[-1] - nonzeros[most]) / lines.n >= below:
                continue
            rows = np.flatnonzero((sizes > most) & (sizes < last))
            last = most + 1
            on_place += np.bincount(lines_at(lines.indptr, lines.indices, rows)[1], minlength=lines.n)
            densest = int(on_place.max(initial=0))
            if own * densest >= below:
                break
            cost = others * most + own * densest
            if cost < below:
                make = partial(_divide, pattern, lines, sizes > most, budget, is_transposed)
                candidates.append(_Candidate(cost, 5.0 * (steps[most] + on_place @ on_place), make))
    return sorted(candidates, key=_least)


def _divide(
    pattern: Pattern, lines: Lines, dense: npt.NDArray[np.bool_], budget: Budget, is_transposed: bool
) -> Coloring:
    """Return the coloring in which the dense lines have products of their own, or that of stars with the same cover."""
    m = len(dense)
    sparse_part, dense_part = (Pattern(*_rows_where(lines, rows), (m, lines.n)) for rows in (~dense, dense))
    columns, rows = lines_of(sparse_part)[0].fewest(budget), lines_of(dense_part)[1].fewest(budget)
    graph = (
        np.concatenate([lines.indptr, lines.starts[1:] + lines.indptr[-1]]),
        np.concatenate([lines.indices + np.int32(m), lines.lines]),
    )
    stars = color_star(
        *graph, np.concatenate([np.flatnonzero(columns >= 0) + m, np.flatnonzero(dense)]).astype(np.int32)
    )
    pairs = (columns, rows), (stars[m:], stars[:m])
    both = [_coloring(pattern, *(pair[::-1] if is_transposed else pair)) for pair in pairs]
    return min(both, key=_cost)


def _rows_where(lines: Lines, mask: npt.NDArray[np.bool_]) -> tuple[Indices, Indices]:
    """Return the CSR of some lines; the others are empty."""
    sizes = np.diff(lines.indptr)
    indptr = np.concatenate([[0], np.cumsum(np.where(mask, sizes, 0))]).astype(np.int32)
    return indptr, lines.indices[np.repeat(mask, sizes)]


def _one_by_one(pattern: Pattern, products: Products) -> Coloring:
    """Return the coloring in which each column, or each row if they are fewer, has a product of its own."""
    m, n = pattern.shape
    by_rows = products == "rows" or (products == "any" and m < n)
    colors = (_none(n), np.arange(m, dtype=np.int32)) if by_rows else (np.arange(n, dtype=np.int32), _none(m))
    return _coloring(pattern, *colors)


def _none(n: int) -> Indices:
    return np.full(n, -1, np.int32)


# ---- recovery -------------------------------------------------------------------------------------------------------


def _symmetric(pattern: Pattern, mirror: Indices, colors: Indices) -> Coloring:
    """Return a star or an acyclic coloring with the places of its entries, without colors that none is read from.

    Each entry is the last of a product's entry that is not read elsewhere, and the others are subtracted.
    """
    n, count = pattern.shape[0], count_colors(colors)
    source, depths = peel_places(*pattern[:2], mirror, colors, count)
    _refuse(source)
    levels = _levels(pattern, mirror, colors, source, depths)
    has_entries = np.zeros(count + 1, bool)
    has_entries[colors[pattern.indices[pattern.indices == pattern.rows]]] = True
    if not has_entries[:count].all():
        has_entries[source // max(n, 1)] = True
        numbers = np.where(has_entries, np.cumsum(has_entries) - 1, -1).astype(np.int32)
        source = numbers[source // max(n, 1)].astype(np.int64) * n + source % max(n, 1)
        colors, count = numbers[colors], int(has_entries.sum())
    return Coloring(colors, _none(n), count, 0, source, levels)


def _levels(pattern: Pattern, mirror: Indices, colors: Indices, source: Places, depths: Indices) -> tuple[Level, ...]:
    """Return the subtractions from entries that are read where others are."""
    if not depths.any():
        return ()
    n = pattern.shape[0]
    entries = colors[pattern.indices].astype(np.int64) * n + pattern.rows
    readers = np.full(int(entries.max()) + 1, -1)  # which nonzero is read from an entry of the products
    own = np.flatnonzero(entries == source)
    readers[source[own]] = own
    targets = readers[entries]
    sources = np.flatnonzero((targets >= 0) & (targets != np.arange(pattern.nnz)))
    targets = targets[sources]
    in_order = np.lexsort((targets, depths[targets]))
    targets, sources = targets[in_order], sources[in_order]
    ends = np.searchsorted(depths[targets], np.arange(1, int(depths.max()) + 2))
    levels = []
    for a, b in itertools.pairwise(ends.tolist()):
        each, starts = np.unique(targets[a:b], return_index=True)
        levels.append(Level(each, mirror[each].astype(np.intp), starts, sources[a:b]))
    return tuple(levels)


def _mirror(pattern: Pattern) -> Indices:
    """Return where the transposed place of each nonzero of a symmetric pattern is."""
    lines, members, mirror = transpose(*pattern[:2], pattern.shape[1])
    is_square = pattern.shape[0] == pattern.shape[1]
    if not (is_square and np.array_equal(lines, pattern.indptr) and np.array_equal(members, pattern.indices)):
        received = "one that differs from its transpose" if is_square else f"one of shape {pattern.shape}"
        raise ValueError(
            f"sparse.color: expected a symmetric pattern; received {received}. Without symmetric=True, any will do"
        )
    result: Indices = mirror
    return result


def _coloring(pattern: Pattern, columns: Indices, rows: Indices) -> Coloring:
    """Return colors of columns and rows as a coloring: each nonzero is read where it stands alone in a product.

    Raises:
        ValueError: if one stands alone nowhere.
    """
    m, n = pattern.shape
    count = count_colors(columns)
    first = read_places(*pattern[:2], columns, count)
    row_count = count_colors(rows)
    if not row_count:
        _refuse(first)
        return Coloring(columns, rows, count, 0, first)
    lines, members, places = transpose(*pattern[:2], n)
    second = np.empty(pattern.nnz, np.int64)
    second[places] = read_places(lines, members, rows, row_count)
    if not count:
        _refuse(second)
        return Coloring(columns, rows, 0, row_count, second)
    second[second >= 0] += count * m
    return _readings(pattern, columns, rows, first, second)


def _readings(pattern: Pattern, columns: Indices, rows: Indices, first: Places, second: Places) -> Coloring:
    """Return colors as a coloring without those from whose products nothing need be read.

    Args:
        pattern: of the matrix.
        columns, rows: the colors.
        first, second: where each nonzero may be read, or -1.

    Raises:
        ValueError: if one may be read nowhere.
    """
    _refuse(np.maximum(first, second))
    m, n = pattern.shape
    count, row_count = count_colors(columns), count_colors(rows)
    needed = np.zeros(count + row_count, bool)
    starts = _starts(m, n, count, row_count)
    a, b = (np.where(place < 0, -1, np.searchsorted(starts, place, "right") - 1) for place in (first, second))
    users = np.zeros(len(needed), int)
    for own, other in ((a, b), (b, a)):
        needed[own[(own >= 0) & ((other < 0) | (other == own))]] = True
        users += np.bincount(own[own >= 0], minlength=len(needed))
    for product in np.argsort(users, kind="stable"):
        if not needed[product]:  # what could be read from it is read from the other one
            for own, other in ((a, b), (b, a)):
                needed[other[own == product]] = True
                own[own == product] = -1
    number = np.append(np.where(needed, np.cumsum(needed) - 1, -1), -1).astype(np.int32)
    left, right = int(needed[:count].sum()), int(needed[count:].sum())
    place, product = np.where(a >= 0, first, second), np.where(a >= 0, a, b)
    source = place - starts[product] + _starts(m, n, left, right)[number[product]]
    rows = np.where(rows < 0, -1, np.maximum(number[np.where(rows < 0, -1, rows + count)] - left, -1)).astype(np.int32)
    return Coloring(number[columns], rows, left, right, source)


def _starts(m: int, n: int, column_count: int, row_count: int) -> npt.NDArray[np.intp]:
    """Return where each product of a matrix of m rows and n columns begins, among all flattened ones."""
    return np.concatenate([np.arange(column_count) * m, column_count * m + np.arange(row_count) * n])


def _refuse(places: Places) -> None:
    if (places < 0).any():
        raise ValueError("coloring: a nonzero stands alone in no product: columns or rows of one color meet")
