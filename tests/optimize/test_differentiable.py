"""Results of solvers have derivatives: those of the equations that they fulfil, by whatever method they are found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag

pytest.importorskip("scipy.optimize")

from autograd_lite import optimize

from .problems import METHODS

C = 0.8
T = np.linspace(0, 2, 12)
Y = 2 * np.exp(-1.1 * T) + 0.2 * np.sin(9 * T)


class Kind(NamedTuple):
    """A problem that depends on a number.

    Attributes:
        solve: `(c, **keywords) -> number`, from the result of a solver.
        methods: of the solver; keywords for each.
    """

    solve: Callable[..., Any]
    methods: dict[str, dict[str, Any]]


def _by_method(*names: str, **more: Any) -> dict[str, dict[str, Any]]:
    return {name: {"method": name, **more} for name in names}


def equations(x: Any, c: Any) -> Any:
    """Return left-hand sides that are not linear, near a root at (1, 1)."""
    return [x[0] ** 2 + x[1] * c - 1.5, x[1] ** 3 - x[0] + 0.3 * c]


def energy(x: Any, c: Any) -> Any:
    """Return a function with one minimum, which moves with c."""
    return (x[0] - c) ** 2 + np.cosh(x[1] - c * x[0]) + 0.1 * (x[0] - x[1] + c) ** 4 + c**3


def decay(t: Any, a: Any, k: Any) -> Any:
    """Return a model of measurements."""
    return a * np.exp(-k * t)


def misfit(p: Any, c: Any) -> Any:
    """Return residuals that are not zero at the solution."""
    return decay(T, p[0], p[1]) - Y * c**2 - 0.1 * c


def _fit(c: Any, entry: int = 0, **more: Any) -> Any:
    return optimize.curve_fit(decay, T * c, Y + c * T**2 / 9, [1.0, 1.0], sigma=0.2 + 0.1 * c * T, **more)[entry].sum()


def _of(result: Any, *names: str) -> Any:
    return sum(np.sum(getattr(result, name)) for name in names)


CONVEX = sorted(name for name, takes in METHODS.items() if name not in ("ipopt", "cobyla", "cobyqa"))
KINDS: dict[str, Kind] = {
    "root": Kind(
        lambda c, **more: _of(optimize.root(equations, [1.0, 1.0], (c,), **more), "x"),
        _by_method("hybr", "lm", "newton", "krylov", "broyden1", "df-sane"),
    ),
    "root_scalar": Kind(
        lambda c, **more: optimize.root_scalar(lambda x: np.cos(x) - c * x, **more).root,
        {
            **_by_method("brentq", "brenth", "bisect", "ridder", "toms748", bracket=(0.0, 2.0)),
            **_by_method("newton", "halley", x0=1.0),
            "secant": {"method": "secant", "x0": 1.0, "x1": 0.9},
        },
    ),
    "minimize": Kind(
        lambda c, **more: _of(optimize.minimize(lambda x: energy(x, c), [0.0, 0.0], **more), "x", "fun", "covariance"),
        _by_method(*CONVEX),
    ),
    "minimize_scalar": Kind(
        lambda c, **more: _of(optimize.minimize_scalar(lambda x: (x - c) ** 4 + np.cosh(x), **more), "x", "fun"),
        {**_by_method("brent", "golden"), "bounded": {"method": "bounded", "bounds": (-1.0, 2.0)}},
    ),
    "minimize_scalar, at a bound": Kind(
        lambda c, **more: _of(
            optimize.minimize_scalar(lambda x: (x - 3) ** 2 * c, bounds=(-1.0, c**2), **more), "x", "fun"
        ),
        _by_method("bounded"),
    ),
    "least_squares": Kind(
        lambda c, **more: _of(
            optimize.least_squares(misfit, [1.0, 1.0], args=(c,), **more), "x", "cost", "fun", "jac", "covariance"
        ),
        _by_method("trf", "dogbox", "lm"),
    ),
    "curve_fit": Kind(lambda c, **more: _fit(c, 0, **more), _by_method("lm", "trf", "dogbox")),
    "curve_fit, covariance": Kind(lambda c, **more: 100 * _fit(c, 1, **more), _by_method("lm", "trf")),
}
# What cannot be refined is solved as closely as the solver can.
TIGHT = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
for _loss in ("soft_l1", "huber", "cauchy", "arctan"):
    KINDS[f"least_squares, {_loss}"] = Kind(
        lambda c, **more: _of(
            optimize.least_squares(misfit, [1.0, 1.0], args=(c,), **more), "x", "cost", "jac", "covariance"
        ),
        {"trf": {"loss": _loss, "f_scale": 0.15}},
    )
KINDS["least_squares, at a bound"] = Kind(
    lambda c, **more: _of(
        optimize.least_squares(misfit, [1.0, 0.5], bounds=([0, 0], [5, c]), args=(1 + c / 9,), **more), "x", "cost"
    ),
    _by_method("trf", "dogbox", **TIGHT),
)
ROWS = [(name, method) for name, kind in KINDS.items() for method in kind.methods]


def exactly(name: str, method: str) -> Callable[[Any], Any]:
    """Return a solve as a function of c, as exact as it can be."""
    keywords = KINDS[name].methods[method]
    return lambda c: KINDS[name].solve(c, **keywords, **({} if "xtol" in keywords else {"refine": True}))


def difference(f: Callable[[float], Any], c: float, h: float = 5e-4) -> float:
    """Return the slope of a function to fourth order in h."""
    values = [float(f(np.float64(c + k * h))) for k in (-2, -1, 1, 2)]
    return (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)


@pytest.mark.parametrize(("name", "method"), ROWS)
def test_a_derivative_is_that_of_the_solve(name: str, method: str) -> None:
    f = exactly(name, method)
    assert ag.grad(f)(C) == pytest.approx(difference(f, C), rel=2e-6)


@pytest.mark.parametrize("name", KINDS)
def test_higher_derivatives_and_all_transformations(name: str) -> None:
    f = exactly(name, next(iter(KINDS[name].methods)))
    first = ag.grad(f)
    second, slope = ag.grad(first), first(C)
    assert second(C) == pytest.approx(difference(first, C), rel=1e-6, abs=1e-8)
    assert ag.grad(second)(C) == pytest.approx(difference(second, C), rel=1e-5, abs=1e-7)
    assert ag.jvp(f)((C,), (1.0,))[1] == pytest.approx(slope, rel=1e-9)
    assert ag.jvp(first)((C,), (1.0,))[1] == pytest.approx(second(C), rel=1e-9, abs=1e-11)
    points = np.array([C, 0.85])
    np.testing.assert_allclose(ag.vmap(first)(points), [first(c) for c in points], rtol=1e-12)
    compiled = ag.compile(first)
    np.testing.assert_allclose([compiled(c) for c in (0.7, 0.9, 0.85, C)], [first(c) for c in (0.7, 0.9, 0.85, C)])
