"""Patterns of functions against their dense derivatives: nothing is missed, and what is exact stays so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.errors import TraceError
from autograd_lite.sparse.patterns import hessian_pattern, jacobian_pattern

A = np.eye(6, k=1) + 2 * np.eye(6, k=-2)
X, Y = np.random.default_rng(0).standard_normal((2, 4, 6))

# Functions of an array of shape (4, 6), and how many places more than needed their patterns may have.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "neighbours": (lambda x: x[:, 1:] * x[:, :-1], 0),
    "constant matrix": (lambda x: A @ x[0] + x[1] @ A, 0),
    "constant mask": (lambda x: np.where(A[:4] != 0, x, x[:, :1]), 0),
    "sums": (lambda x: np.sum(x, axis=1) + np.mean(x), 0),
    "matmul": (lambda x: x @ x.T, 0),
    "outer": (lambda x: np.einsum("ij,ik->ijk", x, x), 0),
    "padding": (lambda x: np.pad(x, 1)[1:, 1:].T, 0),
    "shift": (lambda x: np.roll(x, 1, axis=0) - x, 0),
    "joined": (lambda x: np.concatenate([x.ravel(), np.zeros(3)]), 0),
    "inverse": (lambda x: np.linalg.inv(x[:, :4]), 0),
    "independent": (lambda x: np.floor(x), 0),
    "constant": (lambda x: np.ones(3), 0),
    "tree": (lambda x: {"a": x[0], "b": (x[1] * x[2],)}, 0),
}


def dense(f: Callable[[Any], Any], x: Any) -> Any:
    """Return where the Jacobian at x is not 0, the results one after the other."""
    parts = ag.tree.leaves(f(x))
    rows = [ag.jacobian(lambda x, k=k: ag.tree.leaves(f(x))[k] + 0 * np.sum(x))(x) for k in range(len(parts))]
    return np.concatenate([np.reshape(r, (-1, x.size)) for r in rows]) != 0


@pytest.mark.parametrize("name", FUNCTIONS)
def test_patterns_hold_the_jacobian(name: str) -> None:
    f, surplus = FUNCTIONS[name]
    expected = dense(f, X)
    pattern = jacobian_pattern(f, X).toarray()
    assert pattern.shape == expected.shape
    assert not (expected & ~pattern).any()
    assert (pattern & ~expected).sum() == surplus


@pytest.mark.parametrize("name", FUNCTIONS)
def test_patterns_hold_the_hessian(name: str) -> None:
    f = lambda x: sum(np.sum(np.cos(np.arange(t.size)) * t.ravel() ** 2) for t in ag.tree.leaves(f_of(x)))  # noqa: E731
    f_of, _ = FUNCTIONS[name]
    expected = ag.hessian(lambda x: f(x) + 0 * np.sum(x**3))(X).reshape(X.size, X.size) != 0
    pattern = hessian_pattern(f, X).toarray()
    assert not (expected & ~pattern).any()
    assert np.array_equal(pattern, pattern.T)


def test_local_patterns_drop_what_is_zero_here() -> None:
    x = np.array([-1.0, 2.0, -3.0])
    pattern = jacobian_pattern(lambda x: np.maximum(x, 0), x, local=True)
    assert pattern.toarray().tolist() == np.diag(x > 0).tolist()
    assert jacobian_pattern(lambda x: np.maximum(x, 0), x).nnz == 3


def test_a_computed_index_may_be_any() -> None:
    x = np.array([3.0, 1.0, 2.0])
    assert jacobian_pattern(lambda x: x[np.argsort(x)], x).nnz == 9
    assert jacobian_pattern(lambda x: x[np.argsort(x)], x, local=True).nnz == 3


def test_zeros_that_are_zero_whatever_the_argument_make_no_places() -> None:
    x = np.arange(1.0, 7.0)
    weights = np.ones(3)
    assert hessian_pattern(lambda x, w: np.sum(w * np.sin(x)[2:5]), x, weights).nnz == 3
    assert hessian_pattern(lambda x: np.sum(np.pad(x, 1)[1:] * np.pad(x, 1)[:-1]), x).nnz == 10
    assert hessian_pattern(lambda x: np.sum(x ** np.arange(6)), x).nnz == 4
    assert hessian_pattern(lambda x: np.sum(np.abs(x)), x).nnz == 0
    assert hessian_pattern(np.prod, x).nnz == 30
    assert jacobian_pattern(lambda x: np.concatenate([np.zeros(3), x[3:]]) * x[0], x).nnz == 6


def test_known_matrices_with_an_unknown_one_are_as_dense_as_they_must_be() -> None:
    x = np.arange(1.0, 7.0)
    pattern = jacobian_pattern(lambda x: np.linalg.solve(np.pad(np.diag(x[:3]), ((0, 0), (0, 0))), x[3:]), x)
    assert pattern.nnz == 18
    columns = jacobian_pattern(lambda b: np.linalg.solve(np.eye(2) + 1.0, b), np.ones((2, 3)))
    assert columns.nnz == 12


def test_an_index_that_differs_makes_another_selection() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.permutation(2000), rng.permutation(2000)
    a[0], b[0] = a[np.argmin(a)], b[np.argmin(b)]
    pattern = jacobian_pattern(lambda x: x[a] + x[b], np.ones(2000))
    expected = np.zeros((2000, 2000), bool)
    expected[np.arange(2000), a] = expected[np.arange(2000), b] = True
    assert np.array_equal(pattern.toarray(), expected)


def test_a_function_that_depends_on_values_is_refused() -> None:
    with pytest.raises(TraceError, match="test_patterns.py"):
        jacobian_pattern(lambda x: x if x[0] > 0 else -x, np.ones(2))
    with pytest.raises(ag.GradError, match="floats"):
        jacobian_pattern(lambda x: x, np.arange(3))
    with pytest.raises(TypeError, match="argnums"):
        jacobian_pattern(lambda x: x, np.ones(3), argnums=1)


def test_complex_arguments_have_patterns() -> None:
    z = np.arange(1.0, 4.0) + 1j
    assert jacobian_pattern(lambda z: np.real(z[1:]) * np.conj(z[:-1]), z).nnz == 4
    assert jacobian_pattern(np.fft.fft, z).nnz == 9


def test_a_product_with_a_number_that_is_zero_depends_on_nothing() -> None:
    assert jacobian_pattern(lambda x: np.einsum(",i->i", np.array(0.0), x), np.ones(3)).nnz == 0
    assert jacobian_pattern(lambda x: np.einsum(",i->i", np.array(2.0), x), np.ones(3)).nnz == 3
