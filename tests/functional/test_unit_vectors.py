"""Unit vectors in Jacobians: operations on the elements that are not zero give what they give on whole matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.functional import dense_jacobians
from autograd_lite.functional.vmap_transform import Batched

RNG = np.random.default_rng(0)
A, B, C = RNG.normal(size=(5, 3)), RNG.normal(size=(4, 6)), RNG.normal(size=(7, 2, 3))

# Functions with the shape of their argument: what keeps unit vectors as they are, and what mixes their elements.
CASES: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "products": (lambda x: np.tanh(x @ A) * np.sum(x[:2] ** 2), (5,)),
    "matrix on the right": (lambda x: (np.sin(x) @ A).sum(axis=0) * 2, (4, 5)),
    "matrix on the left": (lambda x: B.T @ np.exp(x), (4, 5)),
    "matrix and vector": (lambda x: B @ x, (6,)),
    "inner": (lambda x: x @ x, (5,)),
    "form": (lambda x: x @ (A @ A.T) @ x, (5,)),
    "parts": (lambda x: np.concatenate([x[::2] * 3, x[1:] ** 2 / x[0], x[np.array([1, 1, 4])]]), (6,)),
    "outer": (lambda x: x[:, None] * x[None, :] - x, (4,)),
    "sums": (lambda x: (x**2).sum(axis=1, keepdims=True) / x + x.sum(axis=0), (4, 3)),
    "einsum": (lambda x: np.einsum("abc,ac->b", C, x), (7, 3)),
    "einsum of more": (lambda x: np.einsum("ac,abc->cab", x, C), (7, 3)),
    "turned": (lambda x: (np.broadcast_to(x, (2, 2, 3)).T.reshape(-1)[:5] + 1) / 3, (2, 3)),
    "choice": (lambda x: np.where(x > 0, x, -2 * x).sum(), (5,)),
    "softmax": (lambda x: np.exp(x) / np.exp(x).sum(), (5,)),
    "complex": (lambda x: (x * (1 + 2j)).real - np.abs(x * 1j), (3,)),
    "a number": (lambda x: x * 2.0, ()),
    "no elements": (lambda x: x * 2.0, (0,)),
}


def whole(x: Any, start: int, count: int, level: Any) -> Batched:
    """Return the unit vectors as matrices."""
    units = np.zeros((count, x.size), x.dtype)
    units[start + np.arange(x.size), np.arange(x.size)] = 1
    return Batched(units.reshape((count, *x.shape)), level)


@pytest.mark.parametrize("name", CASES)
def test_jacobians_are_those_by_whole_matrices(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    f, shape = CASES[name]
    x = RNG.normal(size=shape)
    modes = [ag.jacobian(f, mode=mode) for mode in ("forward", "reverse")]
    modes += [ag.hessian(lambda x: f(x).sum()), ag.jacobian(lambda x: ag.jacobian(f)(x).sum(axis=-1))] if shape else []
    found = [jacobian(x) for jacobian in modes]
    for jacobian, expected in zip(modes, found, strict=True):
        compiled = ag.compile(jacobian)
        np.testing.assert_array_equal([compiled(x) for _ in range(3)][-1], expected)
    monkeypatch.setattr(dense_jacobians, "_units_of", whole)
    for jacobian, value in zip(modes, found, strict=True):
        np.testing.assert_allclose(value, jacobian(x), rtol=1e-12, atol=1e-13)


def test_several_arguments_and_batches_of_points() -> None:
    x, y = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 2))

    def f(x: Any, y: Any) -> Any:
        return np.sin(x).sum() * y + x[:2] * y

    by_x, by_y = ag.vmap(ag.jacobian(f, (0, 1), mode="forward"))(x, y)
    for k in range(3):
        expected = np.cos(x[k]) * y[k][:, None] + np.eye(2, 4) * y[k][:, None]
        np.testing.assert_allclose(by_x[k], expected, rtol=1e-12)
        np.testing.assert_allclose(by_y[k], np.diag(np.sin(x[k]).sum() + x[k][:2]), rtol=1e-12)


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_a_zero_times_infinity_does_not_count(mode: str) -> None:
    a = np.array([[np.inf, 1.0, 2.0], [3.0, 4.0, np.nan]])
    value = ag.jacobian(lambda x: x @ a, mode=mode)(np.ones(2))
    np.testing.assert_array_equal(value, a.T)
