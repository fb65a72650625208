"""Patterns through loops, branches and calls against dense derivatives, by each way to go through a body."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.sparse import control_patterns
from autograd_lite.sparse.patterns import hessian_pattern, jacobian_pattern

X = np.random.default_rng(0).standard_normal(8)
PLACES = np.arange(8)


def ring(c: Any) -> Any:
    return c + 0.1 * np.sin(np.roll(c, 1))


def rotate(c: Any, t: Any) -> tuple[Any, Any]:
    return np.tanh(c[::-1] + t), c


compiled = ag.compile(lambda x: ring(x) * x)

# How many places more than the dense derivatives the Jacobian and the Hessian may have.
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], int, int]] = {
    "time steps": (lambda x: ag.scan(lambda c, _: (ring(c), None), x, length=3)[0], 0, 0),
    "recurrence": (lambda x: ag.scan(lambda c, t: (np.tanh(c * t), c * t * t), x[0], x)[1], 0, 0),
    "reverse": (lambda x: ag.scan(lambda c, t: (np.tanh(c * t), c * t * t), x[0], x, reverse=True)[1], 0, 0),
    "map": (lambda x: ag.scan(lambda c, t: (c, np.sin(t)), 0.0, x)[1], 0, 0),
    "collocation": (lambda x: ag.scan(lambda c, t: (t, t - c * np.sin(c)), x[0], x[1:])[1], 0, 0),
    "by index": (lambda x: ag.scan(lambda c, i: (c, x[i + 1] - x[i] * np.sin(x[i])), 0.0, PLACES[:-1])[1], 0, 0),
    "checkpointed": (lambda x: ag.scan(lambda c, t: (np.sin(c) * t, c), x[0], x, max_bytes=20)[1], 0, 0),
    "hidden state": (lambda x: ag.scan(rotate, x[:2], np.reshape(x, (4, 2)))[1], 0, 0),
    "cond": (lambda x: ag.cond(np.sum(x) > 0, lambda x: x * x[0], lambda x: x[::-1] * x, x), 0, 0),
    "while": (lambda x: ag.while_loop(lambda c: np.sum(c) < 10, ring, x, max_steps=3), 0, 0),
    "fori": (lambda x: ag.fori_loop(0, 3, lambda i, c: c * x[i], x), 0, 0),
    "call": (lambda x: compiled(x) * x, 0, 0),
}


def square(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    weights = np.cos(np.arange(f(ag.tensor(X)).size))
    return lambda x: np.sum(weights * np.reshape(f(x), -1) ** 2)


@cache
def dense(name: str) -> tuple[Any, Any]:
    """Return where the Jacobian and the Hessian of the square are not 0 at one of some points."""
    f = FUNCTIONS[name][0]
    points = [X + np.random.default_rng(k).standard_normal(X.shape) for k in range(4)]
    derivatives = (ag.compile(ag.jacobian(f)), ag.compile(ag.hessian(square(f))))
    one, two = (np.any([abs(np.reshape(d(x), (-1, X.size))) > 1e-13 for x in points], axis=0) for d in derivatives)
    return one, two


WAYS = {"step by step": 20_000, "by rows": 40, "fixed point": 2}


@pytest.mark.parametrize("most", [pytest.param(n, id=k, marks=[pytest.mark.ci] * (n == 40)) for k, n in WAYS.items()])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_patterns_hold_dense_derivatives(name: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_patterns, "MOST_CALLS", most)
    f, *surplus = FUNCTIONS[name]
    patterns = jacobian_pattern(f, X).toarray(), hessian_pattern(square(f), X).toarray()
    for pattern, expected, more in zip(patterns, dense(name), surplus, strict=True):
        assert not (expected & ~pattern).any()
        assert most < 20_000 or (pattern & ~expected).sum() == more


@pytest.mark.parametrize("name", FUNCTIONS)
def test_local_patterns_hold_dense_derivatives(name: str) -> None:
    f = FUNCTIONS[name][0]
    g = square(f)
    assert not (
        (np.reshape(ag.jacobian(f)(X), (-1, X.size)) != 0) & ~jacobian_pattern(f, X, local=True).toarray()
    ).any()
    assert not ((ag.hessian(g)(X) != 0) & ~hessian_pattern(g, X, local=True).toarray()).any()


def test_a_branch_that_is_known_is_taken_alone() -> None:
    f = FUNCTIONS["cond"][0]
    assert jacobian_pattern(f, abs(X), local=True).nnz == 15
    assert jacobian_pattern(f, -abs(X), local=True).nnz == 16


def test_a_loop_of_many_elements_and_steps_takes_time_of_its_places() -> None:
    """Collocation of 5,000 steps: two entries in each row; a loop without a bound whose carry is elementwise."""
    x = np.ones(5_000)
    assert jacobian_pattern(FUNCTIONS["collocation"][0], x).nnz == 2 * x.size - 2
    f = lambda x: ag.while_loop(lambda c: np.sum(c) < 10, lambda c: c * np.exp(c), x)  # noqa: E731
    assert jacobian_pattern(f, x).nnz == x.size


@pytest.mark.ci
@pytest.mark.parametrize("name", FUNCTIONS)
def test_sparse_derivatives_are_the_dense_ones(name: str) -> None:
    """At other values than those of the first call, too: the pattern is found while the products are compiled."""
    f = FUNCTIONS[name][0]
    jacobian, hessian = ag.sparse.jacobian(f), ag.sparse.hessian(square(f))
    for x in (X, -X, abs(X)):
        np.testing.assert_allclose(jacobian(x).toarray(), np.reshape(ag.jacobian(f)(x), (-1, X.size)), atol=1e-12)
        np.testing.assert_allclose(hessian(x).toarray(), ag.hessian(square(f))(x), atol=1e-12)
