"""Colorings: a matrix with the pattern comes back from its products to the last bit, with no more colors than known."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, strategies as st

from autograd_lite.core.errors import ShapeError
from autograd_lite.native.kernels import REASON, library
from autograd_lite.sparse import colorings, greedy, pattern as patterns
from autograd_lite.sparse.colorings import (
    Coloring,
    color,
    color_both,
    color_columns,
    color_rows,
    color_symmetric,
    recover,
)
from autograd_lite.sparse.line_colorings import ORDERS
from autograd_lite.sparse.pattern import Pattern, pattern_of_array

PLAIN: dict[str, Callable[[Pattern], Coloring]] = {
    **{f"columns, {order}": lambda p, order=order: color_columns(p, order) for order in ORDERS},
    **{f"rows, {order}": lambda p, order=order: color_rows(p, order) for order in ORDERS},
    "both": color_both,
    "the fewest": color,
    "the first": lambda p: color(p, seconds=0.0),
}
SYMMETRIC: dict[str, Callable[[Pattern], Coloring]] = {
    **{f"star, {order}": lambda p, order=order: color_symmetric(p, order) for order in ORDERS},
    **{f"acyclic, {order}": lambda p, order=order: color_symmetric(p, order, "acyclic") for order in ORDERS},
    "the fewest": lambda p: color(p, symmetric=True),
}


def banded(n: int, width: int = 1) -> Any:
    """Return where a matrix with a number of diagonals on either side has nonzeros."""
    return abs(np.subtract.outer(np.arange(n), np.arange(n))) <= width


def ring(n: int) -> Any:
    """Return where each of n places on a ring has itself and its neighbors."""
    near = banded(n)
    near[0, -1] = near[-1, 0] = True
    return near


def arrow(n: int, width: int = 1, size: int = 1) -> Any:
    """Return blocks along the diagonal, with the first rows and columns."""
    near = np.kron(np.eye(n), np.ones((size, size))) > 0
    near[:width] = near[:, :width] = True
    return near


def stencil(*lines: Any) -> Any:
    """Return the stencil of the neighbors along each axis of a grid, by those along each alone."""
    near = np.zeros((1, 1), bool)
    for line in lines:
        near = np.kron(near, np.eye(len(line))) + np.kron(np.eye(len(near)), line) > 0
    return near


def dense_row(n: int) -> Any:
    """Return a bidiagonal matrix with one dense row."""
    near = np.triu(banded(n))
    near[n // 2] = True
    return near


def grid(n: int) -> tuple[Any, Any, tuple[int, int]]:
    """Return the pattern of five points on a grid of n x n."""
    number = np.arange(n * n)
    across, down = number % n, number // n
    steps = np.array([-n, -1, 0, 1, n])
    inside = np.stack([down > 0, across > 0, number >= 0, across < n - 1, down < n - 1], axis=1)
    indptr = np.concatenate([[0], np.cumsum(inside.sum(1))]).astype(np.int32)
    return indptr, (number[:, None] + steps)[inside].astype(np.int32), (n * n, n * n)


class Shape(NamedTuple):
    """A pattern, how many colors it needs, and how many of a star and an acyclic coloring if it is symmetric."""

    near: Any
    count: int
    star: int = 0
    acyclic: int = 0


SHAPES = {
    "nothing": Shape(np.zeros((0, 0), bool), 0),
    "no rows": Shape(np.zeros((0, 3), bool), 0),
    "empty": Shape(np.zeros((3, 4), bool), 0),
    "diagonal": Shape(np.eye(7, dtype=bool), 1, 1, 1),
    "pairs": Shape(np.kron(np.eye(5), [[0, 1], [1, 0]]) > 0, 1, 1, 1),
    "blocks": Shape(arrow(5, 0, 3), 3, 3, 3),
    "dense": Shape(np.ones((6, 6), bool), 6, 6, 6),
    "tridiagonal": Shape(banded(20), 3, 3, 2),
    "banded": Shape(banded(30, 4), 9, 9, 5),
    "wide": Shape(banded(30, 4)[:9], 9),
    "arrow": Shape(arrow(15), 3, 2, 2),
    "arrow of blocks": Shape(arrow(20, 4, 3), 11, 7, 7),
    "dense row": Shape(dense_row(20), 3),
    "dense column": Shape(dense_row(20).T, 3),
    # Fertin, Raspaud and Reed (2004): grids need five colors of a star coloring. Three would suffice without circles.
    "five points": Shape(stencil(banded(9), banded(8)), 5, 5, 4),
    "five points, periodic": Shape(stencil(ring(10), ring(15)), 5, 5, 4),
    "seven points": Shape(stencil(banded(7), banded(6), banded(5)), 7, 7, 5),
    "nine points": Shape(np.kron(banded(9), banded(8)), 9, 9, 6),
}


def is_symmetric(near: Any) -> bool:
    """Return whether a pattern is symmetric."""
    return near.shape[0] == near.shape[1] and bool((near == near.T).all())


def check(coloring: Coloring, near: Any) -> None:
    """Check that a matrix with this pattern comes back from its products."""
    a = np.where(near, np.random.default_rng(0).integers(1, 10**6, near.shape), 0)
    a = np.triu(a) + np.triu(a, 1).T if is_symmetric(near) else a
    column_seeds, row_seeds = coloring.seeds(int)
    assert column_seeds.shape == (coloring.column_count, near.shape[1])
    assert row_seeds.shape == (coloring.row_count, near.shape[0])
    np.testing.assert_array_equal(recover(coloring, column_seeds @ a.T, row_seeds @ a), a[near])
    assert column_seeds.any(1).all()
    assert row_seeds.any(1).all()


@pytest.mark.parametrize("name", SHAPES)
def test_structured_matrices_come_back_from_as_few_products_as_are_known_to_do(name: str) -> None:
    near, *counts = SHAPES[name]
    pattern = pattern_of_array(near)
    for coloring in (*PLAIN.values(), *(SYMMETRIC.values() if is_symmetric(near) else ())):
        check(coloring(pattern), near)
    received = [color(pattern).count]
    if counts[1]:
        acyclic = min(color_symmetric(pattern, order, "acyclic").count for order in ORDERS)
        received += [color(pattern, symmetric=True).count, acyclic]
    assert received == counts[: len(received)]


@st.composite
def matrices(draw: st.DrawFn) -> Any:
    """Draw where a matrix has nonzeros, with rows and columns that are empty or dense."""
    m, n, share = draw(st.integers(0, 12)), draw(st.integers(0, 12)), draw(st.sampled_from([0.1, 0.2, 0.4, 0.8]))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    near = random.random((m, n)) < share
    near[:, random.random(n) < 0.1], near[random.random(m) < 0.1] = True, True
    near[:, random.random(n) < 0.1], near[random.random(m) < 0.1] = False, False
    return near


@given(matrices())
def test_any_matrix_comes_back(near: Any) -> None:
    for coloring in PLAIN.values():
        check(coloring(pattern_of_array(near)), near)


@given(matrices())
def test_any_symmetric_matrix_comes_back(near: Any) -> None:
    n = min(near.shape)
    near = near[:n, :n] | near[:n, :n].T
    for coloring in SYMMETRIC.values():
        check(coloring(pattern_of_array(near)), near)


@given(matrices())
def test_colors_that_are_merged_give_another_matrix(near: Any) -> None:
    pattern = pattern_of_array(near)
    coloring = color_columns(pattern)
    a = np.where(near, np.random.default_rng(0).integers(1, 10**6, near.shape), 0)
    for one, other in combinations(range(coloring.count), 2):
        merged = coloring._replace(columns=np.where(coloring.columns == other, one, coloring.columns))
        assert (recover(merged, merged.seeds(int)[0] @ a.T) != a[near]).any()
        with pytest.raises(ValueError, match="^coloring: a nonzero stands alone in no product"):
            colorings._coloring(pattern, merged.columns.astype(np.int32), coloring.rows)


@given(matrices())
def test_no_more_colors_than_scipy(near: Any) -> None:
    numdiff = pytest.importorskip("scipy.optimize._numdiff")
    assert color(pattern_of_array(near)).count <= len(np.unique(numdiff.group_columns(near)))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ([[1, 2]], {}, "expected the pattern to be a matrix: .*; received"),
        ([[[1]], "forward"], {}, "expected products to be one of any, columns, rows, both; received 'forward'"),
        ([banded(3)[:2]], {"symmetric": True}, r"expected a symmetric pattern; received one of shape \(2, 3\)"),
        ([np.triu(banded(3))], {"symmetric": True}, "expected a symmetric pattern; received one that differs"),
    ],
)
def test_bad_input_is_one_error(arguments: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises((ShapeError, ValueError), match=f"^sparse.color: {message}"):
        color(*arguments, **options)


def test_matrices_of_any_kind_are_colored() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    expected = color(pattern_of_array(arrow(5)))
    for a in (arrow(5), arrow(5).astype(float).tolist(), sparse.coo_array(arrow(5))):
        for ours, theirs in zip(color(a), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.ci
def test_a_million_unknowns_are_quick_and_small() -> None:
    near = Pattern(*grid(1000))
    for symmetric in (False, True):
        start = time.process_time()
        coloring = color(near, symmetric=symmetric)
        assert time.process_time() - start < 1.5
        assert coloring.count == 5
    tracemalloc.start()
    color(near, symmetric=True)
    assert tracemalloc.get_traced_memory()[1] < 3e8
    tracemalloc.stop()


@pytest.mark.skipif(library is None, reason=f"the native extension is {REASON}")
@given(matrices(), st.integers(0, 2))
def test_kernels_give_what_python_gives(near: Any, kind: int) -> None:
    pattern = pattern_of_array(near)
    indptr, indices, _ = pattern
    lines = _same("transpose_pattern", patterns._transpose, indptr, indices, near.shape[1])
    order = _same("order_vertices", greedy._order, kind, indptr, indices, *lines[:2])
    colors = _same("color_distance_2", greedy._distance_2, indptr, indices, *lines[:2], order[::-1].copy())
    _same("read_places", greedy._read_places, indptr, indices, colors, int(colors.max(initial=-1)) + 1)
    n = min(near.shape)
    indptr, indices, _ = pattern_of_array(near[:n, :n] | near[:n, :n].T)
    order = _same("order_vertices", greedy._order, kind, indptr, indices)
    _same("color_star", greedy._star, indptr, indices, order)
    _same("color_star", greedy._star, indptr, indices, order[::2].copy())
    colors = _same("color_acyclic", greedy._acyclic, indptr, indices, order)
    mirror = patterns.transpose(indptr, indices, n)[2]
    _same("peel_places", greedy._peel, indptr, indices, mirror, colors, int(colors.max(initial=-1)) + 1)
    digits = np.stack([indices % 3, indices // 3], axis=1).reshape(-1)
    for k in range(1, 8):
        _same("periodic_factors", greedy._periodic_factors, indptr, digits, 2, k)


def _same(name: str, otherwise: Callable[..., Any], *args: Any) -> Any:
    """Check that a kernel and its Python have the same result, and return that."""
    ours, theirs = getattr(library, name)(*args), otherwise(*args)
    both = zip(ours, theirs, strict=True) if isinstance(ours, tuple) else [(ours, theirs)]
    for a, b in both:
        np.testing.assert_array_equal(a, b, strict=True)
    return ours


@pytest.mark.skipif(library is None, reason=f"the native extension is {REASON}")
def test_kernels_refuse_what_is_no_pattern() -> None:
    ends, places, order = (np.array(a, np.int32) for a in ([0, 1, 2], [0, 1], [0, 1]))
    assert library.color_star(ends, places, order).tolist() == [0, 0]
    for bad in (
        (ends, np.array([0, 2], np.int32), order),
        (ends, np.array([0, -1], np.int32), order),
        (np.array([0, 3, 2], np.int32), places, order),
        (ends[1:], places, order),
        (ends[:0], places, order),
        (ends, places, np.array([0, 0], np.int32)),
        (ends, places, np.array([0, 2], np.int32)),
        (ends, places.astype(np.int64), order),
        (ends, places[::-1], order),
    ):
        with pytest.raises(ValueError, match="^coloring: expected"):
            library.color_star(*bad)
    with pytest.raises(ValueError, match="^coloring: expected colors below 1"):
        library.read_places(ends, places, order, 1)
