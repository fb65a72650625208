"""Sparse matrices that are many small ones, as those of reactions that go on side by side: all factored at once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..core.late import needs
from ..solutions.factors import Factors

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    from scipy.sparse import csc_array
    from scipy.sparse.csgraph import connected_components

# The largest block, how many blocks there are at least, and of how many sizes at most.
_LARGEST, _LEAST, _SIZES = 24, 16, 4


class _Group(NamedTuple):
    """N blocks of s unknowns.

    Attributes:
        unknowns: their numbers, shape (s, N).
        source: which nonzeros of the matrix lie in these blocks.
        place: where each goes in an array of shape (s, s, N).
    """

    unknowns: Any
    source: Any
    place: Any


class Blocks:
    """The blocks of matrices of one pattern: sets of unknowns that nothing connects.

    Args:
        groups: by size.
    """

    def __init__(self, groups: list[_Group]) -> None:
        self._groups = groups

    def factor(self, a: Any) -> Factors:
        """Factor a sparse matrix by columns that has the pattern."""
        parts = []
        for group in self._groups:
            lu, order = _eliminate(self._fill(group, a.data))
            parts.append((lu, group.unknowns, np.take_along_axis(group.unknowns, order, axis=0)))

        def solve(b: Any, turned: bool) -> Any:
            x = np.empty(b.shape, np.result_type(a.dtype, b.dtype))
            for lu, unknowns, rows in parts:  # the rows of the matrix are in another order than the unknowns
                if turned:
                    x[rows] = _solve_turned(lu, b[unknowns].astype(x.dtype, copy=False))
                else:
                    x[unknowns] = _solve(lu, b[rows].astype(x.dtype, copy=False))
            return x

        singular = any((lu[k, k] == 0).any() for lu, *_ in parts for k in range(len(lu)))
        return Factors("blocks", a, solve, lambda: np.nan, singular)

    def _fill(self, group: _Group, data: Any) -> Any:
        s, count = group.unknowns.shape
        full = np.zeros(s * s * count, data.dtype)
        full[group.place] = data[group.source]
        return full.reshape(s, s, count)


def blocks_of(indices: Any, indptr: Any) -> Blocks | None:
    """Return the blocks of a pattern by columns; None if they are few, large, or of many sizes."""
    n = len(indptr) - 1
    pattern = csc_array((np.ones(len(indices), np.int8), indices, indptr), (n, n))
    count, labels = connected_components(pattern, directed=False)
    sizes = np.bincount(labels, minlength=count)
    different = np.unique(sizes)
    if count < _LEAST or len(different) > _SIZES or different[-1] > _LARGEST:
        return None
    order, starts = np.argsort(labels, kind="stable"), np.cumsum(sizes) - sizes
    within = np.empty(n, np.intp)  # the number of an unknown in its block
    within[order] = np.arange(n) - np.repeat(starts, sizes)
    columns = np.repeat(np.arange(n), np.diff(indptr))
    groups = []
    for s in different.tolist():
        members = np.flatnonzero(sizes == s)
        number = np.full(count, -1)
        number[members] = np.arange(len(members))
        source = np.flatnonzero(number[labels[columns]] >= 0)
        row, column = indices[source], columns[source]
        place = (within[row] * s + within[column]) * len(members) + number[labels[column]]
        groups.append(_Group(order[starts[members] + np.arange(s)[:, None]], source, place))
    return Blocks(groups)


def _eliminate(a: Any) -> tuple[Any, Any]:
    """Factor N matrices, shape (s, s, N), in their place; return them and the order of rows, shape (s, N)."""
    s, _, count = a.shape
    order, every = np.repeat(np.arange(s)[:, None], count, axis=1), np.arange(count)
    for k in range(s - 1):
        best = k + np.abs(a[k:, k]).argmax(axis=0)
        if (best != k).any():
            rows, numbers = a[best, :, every].T, order[best, every]
            a[best, :, every], order[best, every] = a[k].T, order[k]
            a[k], order[k] = rows, numbers
        with np.errstate(all="ignore"):
            a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= a[k + 1 :, k, None] * a[k, k + 1 :]
    return a, order


def _solve(lu: Any, x: Any) -> Any:
    """Solve, for rows in the order of the factors, in their place, shape (s, N) or (s, N, p)."""
    lu, s = _like(lu, x), len(lu)
    for k in range(s - 1):
        x[k + 1 :] -= lu[k + 1 :, k] * x[k]
    for k in reversed(range(s)):
        x[k] /= lu[k, k]
        if k:
            x[:k] -= lu[:k, k] * x[k]
    return x


def _solve_turned(lu: Any, x: Any) -> Any:
    """Solve with the transposes, in the same way."""
    lu, s = _like(lu, x), len(lu)
    for k in range(s):
        x[k] /= lu[k, k]
        if k + 1 < s:
            x[k + 1 :] -= lu[k, k + 1 :] * x[k]
    for k in reversed(range(1, s)):
        x[:k] -= lu[k, :k] * x[k]
    return x


def _like(lu: Any, x: Any) -> Any:
    return lu.reshape(lu.shape + (1,) * (x.ndim - 2))
