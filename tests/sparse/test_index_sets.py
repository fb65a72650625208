"""Unions of sets of inputs: those in C, those in NumPy and Python's own."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from autograd_lite.native.kernels import library
from autograd_lite.sparse import index_sets
from autograd_lite.sparse.index_sets import IndexSets, group, identity, keep, pointers, stack, take, union, unite


def draw_sets(rng: Any, rows: int, width: int, density: float) -> IndexSets:
    mask = rng.random((rows, width)) < density
    indptr = pointers(mask.sum(1))
    sets = IndexSets(indptr[:-1], indptr[1:], np.nonzero(mask)[1].astype(np.int32), width)
    return take(sets, rng.integers(-1, rows, rows)) if rows else sets  # so that some share memory, and some are empty


def as_lists(sets: IndexSets) -> list[list[int]]:
    return [row.tolist() for row in sets.rows()]


def unions(rows: list[list[list[int]]]) -> list[list[int]]:
    return [sorted(set().union(*row)) for row in rows]


@pytest.mark.parametrize("native", [pytest.param(True, marks=pytest.mark.skipif(not library, reason="no C")), False])
@pytest.mark.parametrize("density", [0.0, 0.01, 0.2, 0.9, 1.0])
def test_unions_are_those_of_python(native: bool, density: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_sets, "library", library if native else None)
    rng = np.random.default_rng(int(100 * density))
    for rows, width in [(0, 3), (1, 1), (7, 5), (40, 300), (300, 40), (5, 0)]:
        parts = [draw_sets(rng, rows, width, density) for _ in range(3)]
        lists = [as_lists(p) for p in parts]
        assert as_lists(union(parts)) == unions(list(zip(*lists, strict=True)))
        assert as_lists(stack(parts)) == [row for part in lists for row in part]
        groups = rng.integers(-1, 4, rows)
        expected = [[row for row, g in zip(lists[0], groups, strict=True) if g == k] for k in range(4)]
        assert as_lists(group(parts[0], groups, 4)) == unions(expected)
        indptr = pointers(rng.integers(0, 9, 6) if rows else np.zeros(6, int))
        members = rng.integers(0, max(rows, 1), indptr[-1])
        expected = [[lists[0][m] for m in members[a:b]] for a, b in pairwise(indptr)]
        assert as_lists(unite(indptr, members, parts[0])) == unions(expected)
        mask = rng.random(rows) < 0.5
        pattern = keep(parts[0], mask).to_pattern()
        assert pattern.shape == (rows, width)
        assert [pattern.indices[a:b].tolist() for a, b in pairwise(pattern.indptr)] == [
            row if m else [] for row, m in zip(lists[0], mask, strict=True)
        ]


def test_too_many_places_are_refused() -> None:
    with pytest.raises(MemoryError, match=r"2\*\*31"):
        pointers(np.full(3, 2**30))


@pytest.mark.skipif(not library, reason="no C")
def test_too_many_places_are_refused_before_they_are_made() -> None:
    n = 2**16
    every = take(group(identity(n), np.zeros(n, int), 1), np.zeros(n, int))
    assert len(union([every, take(identity(n), np.zeros(n, int))]).indices) == n
    with pytest.raises(MemoryError, match=r"2\*\*31"):
        union([every, identity(n)])
