"""The checker on gradients that are not ours: a derivative written by hand, and arrays computed elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from autograd_lite.testing import GradientMismatch, check_grads

X = np.array([0.5, 1.25, -2.0])
A = np.array([[1.0, 0.5], [-0.25, 2.0], [0.75, 1.5]])

PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[Any, ...]]] = {
    "a number's gradient": (lambda x: np.sum(x**2), lambda x: 2 * x, (X,)),
    "element by element": (np.sin, np.cos, (X,)),
    "broadcast": (lambda x, y: x * y, lambda x, y: (y + 0 * x, x + 0 * y), (X, A[:, :1])),
    "a Jacobian": (lambda x: x @ A, lambda x: A.T, (X,)),
    "a Jacobian of a matrix": (
        lambda a, x: a @ x,
        lambda a, x: (np.einsum("ij,k->ijk", np.eye(2), x), a),
        (A.T.copy(), X),
    ),
    "one of one": (np.exp, np.exp, (np.array([0.5]),)),
    "complex": (lambda x: np.abs(x), lambda x: x / np.abs(x), (np.array([1.0 + 2j, -0.5 + 1j]),)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_a_right_pair_passes_and_a_wrong_one_fails(name: str) -> None:
    f, derivative, inputs = PAIRS[name]
    report = check_grads(f, *inputs, gradients=derivative)
    assert report.ok
    assert sum(entry.n_checked for entry in report.inputs.values()) >= sum(np.size(x) for x in inputs)

    def slightly_wrong(*args: Any) -> Any:
        found = derivative(*args)
        return tuple(1.0001 * d for d in found) if isinstance(found, tuple) else 1.0001 * found

    with pytest.raises(GradientMismatch, match=r"1\.0001") as caught:
        check_grads(f, *inputs, gradients=slightly_wrong)
    assert "gradients=slightly_wrong" in caught.value.snippet


def test_only_what_is_asked_for_needs_a_derivative() -> None:
    assert check_grads(lambda x, y: x * y, X, 2.0, wrt="x", gradients=lambda x, y: y + 0 * x).ok


def test_a_pair_that_does_not_fit_says_how_it_should() -> None:
    with pytest.raises(ValueError, match=r"by 'x' to have the shape \(3, 3\) .* or \(3,\) .* received \(2,\)"):
        check_grads(np.sin, X, gradients=lambda x: np.ones(2))
    with pytest.raises(ValueError, match="expected 2 derivatives, by x, y; received 1"):
        check_grads(lambda x, y: x * y, X, X, gradients=lambda x, y: y)
    for gradients in (np.cos, [np.cos(X)]):
        with pytest.raises(ValueError, match="expected order=1, since .* gradients= cannot be differentiated"):
            check_grads(np.sin, X, gradients=gradients, order=2)
    with pytest.raises(ValueError, match="expected cotangent= along with gradients="):
        check_grads(np.sin, X, gradients=np.cos, cotangent=X)
    with pytest.raises(ValueError, match="expected 1 gradients, for x; received 2"):
        check_grads(np.sin, X, gradients=[X, X])


def test_a_pair_that_draws_random_numbers_is_told_so() -> None:
    with pytest.raises(GradientMismatch, match="non-deterministic"):
        check_grads(lambda x: x * np.random.default_rng().normal(), X, gradients=lambda x: np.ones(3))


def test_gradients_computed_elsewhere_are_those_of_a_cotangent() -> None:
    c = np.array([2.0, -1.0, 0.5])
    assert check_grads(np.sin, X, gradients=[c * np.cos(X)], cotangent=c).ok
    assert check_grads(lambda x, y: x * y, X, 2.0, gradients=[None, X.sum()]).ok
    with pytest.raises(GradientMismatch, match="x\\[0\\]"):
        check_grads(np.sin, X, gradients=[np.cos(X)], cotangent=c)
