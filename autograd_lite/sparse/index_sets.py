"""For every element of an array, the set of the inputs that it depends on; and unions of such sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..native.kernels import library
from .pattern import Pattern

Positions = npt.NDArray[np.int32]
_MOST = 2**31 - 1


class IndexSets(NamedTuple):
    """For each of some elements (in C order) a set of numbers below `width`, ascending and without repetitions.

    Sets may share memory: that of element r is `indices[starts[r]:stops[r]]`. So to take, to repeat and to leave out
    elements copies no set.

    Attributes:
        starts, stops: where each set lies; int32 of shape (rows,).
        indices: int32.
        width: the number of inputs.

    Example:
        >>> sets = identity(3)
        >>> subset = take(sets, np.array([2, 2, -1]))
        >>> [s.tolist() for s in subset.rows()]
        [[2], [2], []]
        >>> [s.tolist() for s in unite(np.array([0, 2, 3]), np.array([0, 1, 2]), sets).rows()]
        [[0, 1], [2]]
    """

    starts: Positions
    stops: Positions
    indices: Positions
    width: int

    @property
    def size(self) -> int:
        """The number of sets."""
        return len(self.starts)

    def rows(self) -> list[Positions]:
        """Return the sets, one array each."""
        return [self.indices[a:b] for a, b in zip(self.starts.tolist(), self.stops.tolist(), strict=True)]

    def to_pattern(self) -> Pattern:
        """Return the sets as the rows of a matrix."""
        own = compact(self)
        return Pattern(pointers(own.stops - own.starts), own.indices, (self.size, self.width))


def pointers(counts: npt.NDArray[np.integer]) -> Positions:
    """Return where each of some runs begins, and the end.

    Raises:
        MemoryError: if there are 2**31 entries or more.
    """
    total = int(counts.sum(dtype=np.int64))
    if total > _MOST:
        raise MemoryError(
            f"sparse: expected a pattern of less than 2**31 places; received {total}. The derivative is too dense to "
            "be sparse"
        )
    indptr = np.zeros(len(counts) + 1, np.int32)
    np.cumsum(counts, out=indptr[1:])
    return indptr


def _entries(starts: Positions, stops: Positions, indptr: Positions) -> Positions:
    """Return the positions of the entries of all sets, one after the other."""
    return np.arange(indptr[-1], dtype=np.int32) + np.repeat(starts - indptr[:-1], stops - starts)


def identity(n: int, start: int = 0, width: int | None = None) -> IndexSets:
    """Return n sets, of which set r has start + r alone."""
    places = np.arange(n + 1, dtype=np.int32)
    return IndexSets(places[:-1], places[1:], places[:-1] + np.int32(start), n if width is None else width)


def empty(n: int, width: int) -> IndexSets:
    """Return n empty sets."""
    nothing = np.zeros(n, np.int32)
    return IndexSets(nothing, nothing, nothing[:0], width)


def take(sets: IndexSets, positions: npt.NDArray[np.integer]) -> IndexSets:
    """Return the sets at some positions; that of -1 is empty."""
    if not sets.size:
        return empty(len(positions), sets.width)
    subset = sets._replace(starts=sets.starts[positions], stops=sets.stops[positions])
    nothing = positions < 0
    if nothing.any():
        subset.stops[nothing] = subset.starts[nothing]
    return subset


def keep(sets: IndexSets, mask: npt.NDArray[np.bool_]) -> IndexSets:
    """Return the sets where the mask is True, and empty ones elsewhere."""
    return sets._replace(stops=np.where(mask, sets.stops, sets.starts))


def unite(indptr: npt.NDArray[np.integer], members: npt.NDArray[np.integer], sets: IndexSets) -> IndexSets:
    """Return unions: set r is that of all `members[indptr[r]:indptr[r + 1]]`."""
    if library:
        indptr, members = indptr.astype(np.int32, copy=False), members.astype(np.int32, copy=False)
        starts, stops, indices = library.unite((sets,), indptr, members, sets.width)
        return IndexSets(starts, stops, indices, sets.width)
    parts = take(sets, members)
    counts = parts.stops - parts.starts
    width = np.int64(max(sets.width, 1))
    owners = np.repeat(np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)), counts)
    entries = sets.indices[_entries(parts.starts, parts.stops, pointers(counts))]
    rows, columns = np.divmod(np.unique(owners * width + entries), width)
    outer = pointers(np.bincount(rows, minlength=len(indptr) - 1))
    return IndexSets(outer[:-1], outer[1:], columns.astype(np.int32), sets.width)


def group(sets: IndexSets, groups: npt.NDArray[np.integer], count: int) -> IndexSets:
    """Return for each of `count` groups the union of its sets; `groups` has the group of each set, -1 for none."""
    members = np.argsort(groups, kind="stable")[np.count_nonzero(groups < 0) :]
    return unite(pointers(np.bincount(groups[members], minlength=count)), members, sets)


def union(parts: Sequence[IndexSets]) -> IndexSets:
    """Return the unions of the sets at the same place of several."""
    distinct = [p for k, p in enumerate(parts) if not any(p is q for q in parts[:k]) and len(p.indices)]
    if len(distinct) < 2:
        return (distinct or parts)[0]
    n, width, count = distinct[0].size, distinct[0].width, len(distinct)
    if library:
        starts, stops, indices = library.unite(tuple(distinct), None, None, width)
        return IndexSets(starts, stops, indices, width)
    members = np.arange(n)[:, None] + n * np.arange(count)
    return unite(np.arange(n + 1) * count, members.ravel(), stack(distinct))


def stack(parts: Sequence[IndexSets]) -> IndexSets:
    """Return the sets of several, one after the other; memory that they share stays so."""
    if len(parts) == 1:
        return parts[0]
    memory = {id(p.indices): p.indices for p in parts}
    offsets = dict(zip(memory, pointers(np.array([len(a) for a in memory.values()])), strict=False))
    return IndexSets(
        np.concatenate([p.starts + offsets[id(p.indices)] for p in parts]),
        np.concatenate([p.stops + offsets[id(p.indices)] for p in parts]),
        np.concatenate([*memory.values()]),
        parts[0].width,
    )


def compact(sets: IndexSets) -> IndexSets:
    """Return the sets in memory of their own, one after the other."""
    indptr = pointers(sets.stops - sets.starts)
    if np.array_equal(sets.starts, indptr[:-1]) and len(sets.indices) == indptr[-1]:
        return sets
    return IndexSets(indptr[:-1], indptr[1:], sets.indices[_entries(sets.starts, sets.stops, indptr)], sets.width)


def same(a: IndexSets, b: IndexSets) -> bool:
    """Return whether the sets are the same."""
    if a is b:
        return True
    a, b = compact(a), compact(b)
    return np.array_equal(a.stops, b.stops) and np.array_equal(a.indices, b.indices)
