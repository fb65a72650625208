"""Patterns of functions against their dense derivatives: nothing is missed, and what is exact stays so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
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
