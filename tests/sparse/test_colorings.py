"""Colorings: a matrix with the pattern comes back from its products to the last bit, with no more colors than known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from autograd_lite.native.kernels import REASON, library
from autograd_lite.sparse import greedy
from autograd_lite.sparse.colorings import (
    ORDERS,
    Coloring,
    color,
    color_both,
    color_columns,
    color_rows,
    color_symmetric,
    recover,
)
from autograd_lite.sparse.pattern import Pattern, pattern_of_array

PLAIN: dict[str, Callable[[Pattern], Coloring]] = {
    **{f"columns, {order}": lambda p, order=order: color_columns(p, order) for order in ORDERS},
    **{f"rows, {order}": lambda p, order=order: color_rows(p, order) for order in ORDERS},
    "both": color_both,
    "the fewest": color,
}
SYMMETRIC: dict[str, Callable[[Pattern], Coloring]] = {
    **{f"star, {order}": lambda p, order=order: color_symmetric(p, order) for order in ORDERS},
    "the fewest": lambda p: color(p, symmetric=True),
}


def banded(n: int, width: int) -> Any:
    """Return where a matrix with a number of diagonals on either side has nonzeros."""
    return abs(np.subtract.outer(np.arange(n), np.arange(n))) <= width


def arrow(n: int) -> Any:
    """Return an arrow: a diagonal, the first row and the first column."""
    near = np.eye(n, dtype=bool)
    near[:1] = near[:, :1] = True
    return near


def blocks(n: int, size: int) -> Any:
    """Return dense blocks along the diagonal."""
    return np.kron(np.eye(n), np.ones((size, size))) > 0


def stencil(n: int) -> Any:
    """Return the five-point stencil on a square grid."""
    return np.kron(np.eye(n), banded(n, 1)) + np.kron(banded(n, 1), np.eye(n)) > 0


def dense_row(n: int) -> Any:
    """Return a bidiagonal matrix with one dense row."""
    near = np.triu(banded(n, 1))
    near[n // 2] = True
    return near


SHAPES = {
    "nothing": np.zeros((0, 0), bool),
    "no rows": np.zeros((0, 3), bool),
    "empty": np.zeros((3, 4), bool),
    "tridiagonal": banded(20, 1),
    "banded": banded(30, 4),
    "arrow": arrow(15),
    "blocks": blocks(5, 3),
    "stencil": stencil(9),
    "dense": np.ones((6, 6), bool),
    "diagonal": np.eye(7, dtype=bool),
    "pairs": np.kron(np.eye(5), [[0, 1], [1, 0]]) > 0,
    "dense row": dense_row(20),
    "dense column": dense_row(20).T,
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


@pytest.mark.parametrize("shape", SHAPES)
def test_structured_matrices_come_back(shape: str) -> None:
    near = SHAPES[shape]
    for coloring in (*PLAIN.values(), *(SYMMETRIC.values() if is_symmetric(near) else ())):
        check(coloring(pattern_of_array(near)), near)


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


@pytest.mark.skipif(library is None, reason=f"the native extension is {REASON}")
@given(matrices(), st.integers(0, 2))
def test_kernels_give_what_python_gives(near: Any, kind: int) -> None:
    pattern = pattern_of_array(near)
    indptr, indices, _ = pattern
    lines = _same("transpose_pattern", greedy._transpose, indptr, indices, near.shape[1])
    order = _same("order_vertices", greedy._order, kind, indptr, indices, *lines[:2])
    colors = _same("color_distance_2", greedy._distance_2, indptr, indices, *lines[:2], order[::-1].copy())
    _same("read_places", greedy._read_places, indptr, indices, colors, int(colors.max(initial=-1)) + 1)
    n = min(near.shape)
    indptr, indices, _ = pattern_of_array(near[:n, :n] | near[:n, :n].T)
    order = _same("order_vertices", greedy._order, kind, indptr, indices)
    _same("color_star", greedy._star, indptr, indices, order)
    _same("color_star", greedy._star, indptr, indices, order[::2].copy())


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
