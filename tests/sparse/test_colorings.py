"""Colorings: a matrix with the pattern comes back from its products to the last bit, with no more colors than known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

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
