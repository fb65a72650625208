"""What users of other libraries have reported on eigenpairs, roots of matrices, linear systems: right, or refused.

References:
    HIPS/autograd issues 418, 433, 522 and 556; PythonOT/POT issue 773; Jutho/KrylovKit.jl issue 98; jax-ml/jax issue
    10527.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..rows import for_every

pytest.importorskip("scipy")
from autograd_lite import sparse
from autograd_lite.scipy import linalg

RNG = np.random.default_rng(0)
R, S, M = (RNG.random((2, 2)) + 1j * RNG.random((2, 2)) for _ in range(3))
A = RNG.normal(size=(4, 4)) / 4
TRIDIAGONAL = sparse.diags([[2.0, 3.0, 4.0], [0.5, 0.7], [0.1, 0.2]], offsets=[0, 1, -1])


def hips_418(x: Any) -> Any:
    """The sum of the eigenvalues of a matrix with nine equal ones; there was no derivative."""
    return np.linalg.eigvalsh(np.ones((10, 10)) + x).sum()


def hips_433(x: Any) -> Any:
    """A loss of the solution of a sparse system; there was no derivative."""
    return (sparse.spsolve(TRIDIAGONAL.with_data(TRIDIAGONAL.data * x), np.ones(3)) ** 2).sum()


def hips_522(a: Any) -> Any:
    """The lowest eigenvalue of a Hermitian matrix, by an imaginary number in it; the gradient was 0."""
    return np.linalg.eigh(ag.array([[1.0, 1j * a], [-1j * a, 2.0]]))[0][0]


def hips_556(x: Any) -> Any:
    """A solve by conjugate gradients for columns, with a matrix Aᵀ diag(b) A; it raised."""
    b = np.exp(x * np.arange(4.0))
    columns = [ag.linear_solve(lambda v: A.T @ (b * (A @ v)) + v, c, positive=True) for c in np.eye(4)]
    return (np.stack(columns, axis=1) ** 2).sum()


def pot_773(x: Any) -> Any:
    """A root of the identity; it was NaN."""
    return linalg.sqrtm(np.eye(3) + (x - 0.7) * np.arange(9.0).reshape(3, 3) / 9)[0, 1]


def krylovkit_98(x: Any) -> Any:
    """One of two eigenvalues of equal size, and its vector; the gradient was wrong."""
    zero = np.zeros((2, 2))
    w, v = np.linalg.eig(np.block([[zero, R * x], [S, zero]]))
    k = int(np.argmax(np.asarray(ag.stop_gradient(np.real(w)))))
    return np.abs((np.conj(v[:2, k]) * (M @ v[:2, k])).sum()) / np.abs(v[:2, k]).sum()


def jax_10527(x: Any) -> Any:
    """The top vector of a matrix of rank one, whose other eigenvalues are equal; NaN, or wrong numbers."""
    y = np.array([1.0, 2.0, 3.0]) + x * np.array([0.3, -0.2, 0.5])
    return (np.linalg.eigh(np.outer(y, y))[1][:, 2] @ np.array([1.0, 0.0, -1.0])) ** 2


RECORDED: list[Callable[[Any], Any]] = [hips_418, hips_433, hips_522, hips_556, pot_773, krylovkit_98, jax_10527]


@pytest.mark.filterwarnings("ignore:degenerate eigenvalues")  # of tangents of vectors that are not used
@for_every(RECORDED, name=lambda f: f.__name__)
def test_derivatives_of_both_orders_are_those_of_differences(f: Callable[[Any], Any]) -> None:
    x, h = 0.7, 1e-3

    def numeric(f: Callable[[Any], Any]) -> float:
        f = lambda x, of=f: float(of(np.float64(x)))  # noqa: E731
        return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)

    first = ag.grad(f)
    np.testing.assert_allclose(float(first(x)), numeric(f), rtol=1e-7, atol=1e-9)
    if f is hips_418:  # a sum whose second derivative the rule cannot tell from that of other functions
        assert np.isnan(ag.grad(first)(x))
    else:
        np.testing.assert_allclose(float(ag.grad(first)(x)), numeric(first), rtol=1e-7, atol=1e-8)


def test_all_vectors_of_a_matrix_of_rank_one_are_refused() -> None:
    """jax-ml/jax 10527 as it was reported: a gradient through vectors that can be any of a subspace."""
    x = np.array([1.0, 2.0, 3.0])
    with pytest.warns(RuntimeWarning, match="degenerate eigenvalues"):
        assert np.isnan(ag.grad(lambda x: (np.linalg.eigh(np.outer(x, x))[1] @ x)[0])(x)).any()
