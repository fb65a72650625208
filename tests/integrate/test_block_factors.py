"""Matrices that are many small ones: their solutions, both ways, and what is not such a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

sparse = pytest.importorskip("scipy.sparse")
from autograd_lite.integrate.block_factors import blocks_of  # noqa: E402
from autograd_lite.integrate.equations import equations_of  # noqa: E402
from autograd_lite.integrate.rosenbrock import RODAS5P  # noqa: E402
from autograd_lite.integrate.trajectories import Points, Settings  # noqa: E402

RNG = np.random.default_rng(0)


def scattered(sizes: list[int]) -> Any:
    """Return a matrix with full blocks of these sizes, its rows and columns in another order."""
    whole = sparse.block_diag([RNG.normal(size=(s, s)) for s in sizes]).tocsr()
    order = RNG.permutation(whole.shape[0])
    matrix = sparse.csc_array(whole[order][:, order])
    matrix.sort_indices()
    return matrix


@pytest.mark.parametrize("sizes", [[3] * 40, [1] * 5 + [2] * 7 + [5] * 9], ids=["one size", "three sizes"])
@pytest.mark.parametrize("turned", [False, True])
def test_solutions(sizes: list[int], turned: bool) -> None:
    matrix = scattered(sizes)
    blocks = blocks_of(matrix.indices, matrix.indptr)
    assert blocks is not None
    factors, n = blocks.factor(matrix), matrix.shape[0]
    dense = matrix.toarray().T if turned else matrix.toarray()
    for b in RNG.normal(size=n), RNG.normal(size=(n, 3)), RNG.normal(size=n) * 1j:
        np.testing.assert_allclose(factors.solve(b, turned), np.linalg.solve(dense, b), rtol=1e-10, atol=1e-11)
    assert not factors.is_singular
    matrix.data[:] = 1
    assert blocks.factor(matrix).is_singular


def test_other_patterns() -> None:
    for matrix in scattered([30] * 20), scattered([3] * 4), scattered([1, 2, 3, 4, 5] * 9), sparse.eye_array(0):
        matrix = sparse.csc_array(matrix)
        assert blocks_of(matrix.indices, matrix.indptr) is None


def test_reactions_side_by_side_are_each_alone() -> None:
    def robertson(t: Any, y: Any, k: Any) -> Any:
        a, b, c = y.reshape(3, -1)
        there, back, on = k[0] * a, k[2] * b * c, k[1] * b**2
        return np.concatenate([back - there, there - back - on, on])

    m = 40
    k = np.array([0.04, 3e7, 1e4])
    none = Points(np.zeros(0, int), np.zeros(0)), np.zeros((0, 3))
    results = []
    for count in 1, m:
        y0, rates = np.repeat([1.0, 0, 0], count), np.repeat(k[:, None], count, axis=1)
        equations, theta = equations_of("test", robertson, 0.0, y0, (rates,))
        here = equations.at(theta)
        done = RODAS5P.solve(here, (0.0, 40.0), y0, Settings(1e-6, 1e-6))
        g = np.repeat([1.0, 1e4, 1.0], count)
        pulled, (rates,) = RODAS5P.pull(here, done.path, done.carries, 0, g, none[0], np.zeros((0, 3 * count)))
        results.append([done.carries[-1].reshape(3, -1), pulled.reshape(3, -1), rates])
    for one, many in zip(*results, strict=True):
        np.testing.assert_allclose(many, np.repeat(one, m, axis=1), rtol=1e-7)
