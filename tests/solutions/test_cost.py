"""What derivatives of solutions cost: in factorizations, and in calls of the user's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse.linalg

import autograd_lite as ag
from autograd_lite.control.closure_conversion import close
from autograd_lite.solutions import closures, factors

N = 300
MATRIX = np.random.default_rng(0).standard_normal((N, N)) / np.sqrt(N) + 3 * np.eye(N)


def banded(x: Any) -> Any:
    return np.concatenate([2 * x[:1] - x[1:2], 2 * x[1:-1] - x[:-2] - x[2:], 2 * x[-1:] - x[-2:-1]])


# The linear part of F(x, a) = G(x) - G(a), and the routine that factors dF/dx.
SYSTEMS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "dense": (lambda x: MATRIX @ x, "getrf"),
    "positive": (lambda x: (MATRIX + MATRIX.T) @ x, "potrf"),
    "banded": (banded, "splu"),
}
WAYS: dict[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "gradient": lambda f: ag.grad(lambda a: f(a).sum()),
    "forward": lambda f: lambda a: ag.jvp(f)((a,), (a,)),
    "second derivative": lambda f: ag.grad(lambda a: (ag.grad(lambda a: f(a).sum())(a) ** 2).sum()),
    "forward over reverse": lambda f: lambda a: ag.jvp(ag.grad(lambda a: f(a).sum()))((a,), (a,)),
    "compiled": lambda f: ag.compile(ag.grad(lambda a: f(a).sum())),
}


@pytest.fixture
def factorizations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the names of routines that factor."""
    names: list[str] = []

    def counting(name: str, routine: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            names.append(name)
            return routine(*args, **kwargs)

        return call

    for (char, name), routine in factors._ROUTINES.items():
        if name in ("getrf", "potrf"):
            monkeypatch.setitem(factors._ROUTINES, (char, name), counting(name, routine))
    monkeypatch.setattr(scipy.sparse.linalg, "splu", counting("splu", scipy.sparse.linalg.splu))
    monkeypatch.setattr(np.linalg, "solve", counting("solve", np.linalg.solve))
    return names


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_factorizations(name: str, way: str, factorizations: list[str]) -> None:
    """A derivative of any order takes one factorization, its certificate included."""
    apply, routine = SYSTEMS[name]

    def of(x: Any) -> Any:
        return apply(x) + np.tanh(x)

    derivative = WAYS[way](ag.implicit(np.copy, lambda x, a: of(x) - of(a)))
    for k in range(4):
        factorizations.clear()
        derivative(np.linspace(-1, 1 + 0.1 * k, N) + 0.01 * list(WAYS).index(way))
    assert factorizations == [routine]


class Model:
    """What a function may read: numbers and arrays of an object."""

    def __init__(self) -> None:
        self.scale, self.matrix = 2.0, 2 * MATRIX

    def residual(self, x: Any, a: Any) -> Any:
        return self.scale * (self.matrix @ x) - a

    def solve(self, a: Any) -> Any:
        return np.linalg.solve(self.scale * self.matrix, a)


def test_a_function_runs_again_only_if_it_may_do_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    def gradient(k: int, scale: Any, a: Any) -> Any:
        f = ag.implicit(lambda a: np.sqrt(a * k), lambda x, a: x * x - a * scale)
        return ag.grad(lambda a: f(a).sum())(a)

    a = np.array([1.0, 4.0])
    recorded: list[Any] = []

    def recording(*args: Any) -> Any:
        recorded.append(args)
        return close(*args)

    monkeypatch.setattr(closures, "close", recording)
    for k in range(1, 5):
        np.testing.assert_allclose(gradient(k, ag.tensor(float(k)), a), 0.5 * np.sqrt(k / a), rtol=1e-12)
    assert len(recorded) == 2


def test_functions_of_objects_are_followed() -> None:
    """Programs are found again by what a function computes, and an object that has changed is another one."""
    model = Model()
    f = ag.implicit(model.solve, model.residual)
    a = np.linspace(0, 1, N)
    derived = []
    for scale, factor in ((2.0, 1.0), (2.0, 1.0), (3.0, 1.0), (3.0, 2.0), (2.0, 1.0)):
        model.scale = scale
        model.matrix[:] = 2 * factor * MATRIX
        received = ag.grad(lambda a: f(a).sum())(a)
        np.testing.assert_allclose(received, np.linalg.solve(MATRIX.T, np.ones(N)) / (2 * scale * factor), rtol=1e-9)
        (pure,), _ = closures.pure_functions("implicit", [model.residual], a, (a,))
        derived.append(pure)
    assert derived[0] is derived[1] is derived[4]
    assert len(set(map(id, derived))) == 3
