"""Colors of vertices that differ along lines: of columns that meet in rows of a matrix, or of rows, in columns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from .greedy import color_distance_2, order_vertices, periodic_factors, read_places
from .pattern import Indices, Pattern, transpose

Order = Literal["natural", "largest_first", "smallest_last", "incidence"]
ORDERS: tuple[Order, ...] = ("natural", "largest_first", "smallest_last", "incidence")
# Steps of a greedy coloring in a second; on how many lines periods are tried, with how many digits and factors.
_SPEED, _SAMPLE, _MOST_DIGITS, _MOST_FACTORS = 2.5e8, 64, 4, 4096


class Budget:
    """How many steps are left; they are counted, since by the clock, results would differ.

    Args:
        seconds: about how long the steps take.

    Example:
        >>> budget = Budget(1.0)
        >>> budget.allows(2e8), budget.allows(2e8)
        (True, False)
    """

    def __init__(self, seconds: float) -> None:
        self.left = seconds * _SPEED

    def allows(self, steps: float) -> bool:
        """Return whether this many steps are left, which then are spent."""
        enough = steps <= self.left
        self.left -= steps * enough
        return enough


class Lines(NamedTuple):
    """Vertices on lines: those of each line, and the lines of each vertex, both as CSR.

    Example:
        >>> lines = lines_of(Pattern(np.array([0, 2, 3], "i"), np.array([0, 1, 1], "i"), (2, 3)))[0]
        >>> lines.least, lines.steps, lines.greedy().tolist(), lines.fewest(Budget(1.0)).tolist()
        (2, 5, [0, 1, -1], [0, 1, -1])
    """

    indptr: Indices
    indices: Indices
    starts: Indices
    lines: Indices

    @property
    def n(self) -> int:
        """The number of vertices."""
        return len(self.starts) - 1

    @property
    def least(self) -> int:
        """The length of the longest line: no coloring has fewer colors."""
        return int(np.diff(self.indptr).max(initial=0))

    @property
    def steps(self) -> int:
        """The number of steps of a greedy coloring."""
        sizes = np.diff(self.indptr).astype(np.int64)
        return self.n if self.least == self.n else int(sizes @ sizes)

    @property
    def seconds(self) -> float:
        """About how long a greedy coloring takes where no line is dense."""
        sizes = np.minimum(np.diff(self.indptr), 32).astype(np.int64)
        return int(sizes @ sizes) / _SPEED

    def greedy(self, order: Order = "natural") -> Indices:
        """Return the colors of the vertices, in turn the least that is free; -1 where a vertex is on no line.

        Raises:
            ValueError: if there is no such order.
        """
        in_order = arrange(order, *self)
        if self.least == self.n:
            return np.arange(self.n, dtype=np.int32)
        colors: Indices = color_distance_2(*self, in_order)
        return colors

    def fewest(self, budget: Budget) -> Indices:
        """Return the colors of a coloring that has the fewest of several: a periodic one, if there is, else greedy."""
        best, least, steps = self.greedy(), self.least, self.steps
        if count_colors(best) > least:
            periodic = self._periodic(count_colors(best))
            if periodic is not None:
                return periodic
        for order in ORDERS[1:]:
            if count_colors(best) == least or not budget.allows(3 * steps):
                break
            colors = self.greedy(order)
            best = colors if count_colors(colors) < count_colors(best) else best
        return best

    def _periodic(self, below: int) -> Indices | None:
        """Return the periodic coloring with the fewest colors, fewer than `below`, or None.

        On grids, as of difference equations, colors that are a sum of multiples of the coordinates, mod k, need fewer
        than greedy ones: five for the stencil of five points, instead of seven; see Goldfarb and Toint (1984), Optimal
        estimation of Jacobian and Hessian matrices that arise in finite difference calculations. Coordinates are digits
        of a vertex's number, by strides that are found from lines here and there. Where other lines do not fit, these
        are looked at too.
        """
        sample = np.unique(np.linspace(0, len(self.indptr) - 2, _SAMPLE).astype(int))
        chains = list(_chains(self._strides(sample)))
        vertices = np.arange(self.n, dtype=np.int32)
        for k, strides in itertools.product(range(self.least, min(below, 65)), chains):
            for _ in range(8 if k ** (len(strides) - 1) <= _MOST_FACTORS else 0):
                starts, members = lines_at(self.indptr, self.indices, sample)
                factors = periodic_factors(starts, _digits(members, strides).reshape(-1), len(strides), k)
                if not len(factors):
                    break
                colors = (_digits(vertices, strides) @ factors % k).astype(np.int32)
                colors[np.diff(self.starts) == 0] = -1
                wrong = np.flatnonzero(read_places(self.indptr, self.indices, colors, k) < 0)
                if not len(wrong):
                    return _renumber(colors, k)
                sample = np.union1d(sample, np.searchsorted(self.indptr, wrong[:: len(wrong) // 8 + 1], "right") - 1)
        return None

    def _strides(self, sample: npt.NDArray[np.int_]) -> list[int]:
        """Return the distances above 1 that vertices often have from the middle of their line, or from its number."""
        starts, members = lines_at(self.indptr, self.indices, sample)
        owner = np.repeat(np.arange(len(sample)), np.diff(starts))
        middle = members[np.minimum((starts[:-1] + starts[1:]) // 2, len(members) - 1)] if len(members) else members
        centers = [middle, sample] if len(self.indptr) - 1 == self.n else [middle]
        far = np.concatenate([abs(members - center[owner]) for center in centers])
        distances, counts = np.unique(
            np.unique(np.stack([far, np.tile(owner, len(centers))]), axis=1)[0], return_counts=True
        )
        often = (counts * 4 >= len(sample)) & (distances > 1)
        return [int(distance) for distance in distances[often]][:24]


def lines_of(pattern: Pattern) -> tuple[Lines, Lines]:
    """Return the columns of a matrix on its rows, and the rows on its columns."""
    indptr, indices, shape = pattern
    starts, members, _ = transpose(indptr, indices, shape[1])
    return Lines(indptr, indices, starts, members), Lines(starts, members, indptr, indices)


def count_colors(colors: Indices) -> int:
    """Return how many colors there are."""
    return int(colors.max(initial=-1)) + 1


def arrange(order: Order, *graph: Indices) -> Indices:
    """Return the vertices in an order.

    Args:
        order: "natural", "largest_first", "smallest_last" or "incidence".
        graph: the vertices as `Lines`, or the neighbors of each as CSR.

    Raises:
        ValueError: if there is no such order.
    """
    if order not in ORDERS:
        raise ValueError(f"coloring: expected order to be one of {', '.join(ORDERS)}; received {order!r}")
    if order == "natural":
        return np.arange(len(graph[-2]) - 1, dtype=np.int32)
    result: Indices = order_vertices(ORDERS.index(order) - 1, *graph)
    return result


def _renumber(colors: Indices, k: int) -> Indices:
    """Return colors below k without gaps."""
    used = np.bincount(colors + 1, minlength=k + 1) > 0
    used[0] = True
    numbers: Indices = (np.cumsum(used) - 2).astype(np.int32)
    return numbers[colors + 1]


def lines_at(indptr: Indices, indices: Indices, lines: npt.NDArray[np.int_]) -> tuple[Indices, Indices]:
    """Return some lines of a CSR."""
    sizes = np.diff(indptr)[lines]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    places = np.arange(starts[-1]) + np.repeat(indptr[lines] - starts[:-1], sizes)
    return starts, indices[places]


def _chains(strides: list[int]) -> Iterator[list[int]]:
    """Yield lists of strides, each a multiple of the one before, beginning with 1; none is a part of another."""

    def extend(chain: list[int], others: list[int]) -> Iterator[list[int]]:
        longer = [s for s in others if s > chain[-1] and s % chain[-1] == 0]
        direct = [s for s in longer if not any(s % t == 0 for t in longer if t < s)]
        if not direct or len(chain) == _MOST_DIGITS:
            yield chain
        for stride in direct if len(chain) < _MOST_DIGITS else ():
            yield from extend([*chain, stride], longer)

    yield from itertools.islice(extend([1], strides), 8)


def _digits(vertices: Indices, strides: list[int]) -> Indices:
    """Return the digits of the numbers of vertices, of shape (vertices, strides)."""
    ends = [*strides[1:], 2**31 - 1]
    return np.stack([vertices % end // stride for stride, end in zip(strides, ends, strict=True)], axis=-1)
