"""`optimize.root_scalar` and `optimize.minimize_scalar`: functions of one number."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

scipy_optimize = pytest.importorskip("scipy.optimize")

from autograd_lite import optimize  # noqa: E402

from .problems import Counted  # noqa: E402


def f(x: Any, c: Any = 1.0) -> Any:
    """Return a function with a root."""
    return np.cos(x) - c * x


BY_HAND = {
    "newton": {"fprime": lambda x, c: -np.sin(x) - c},
    "halley": {"fprime": lambda x, c: -np.sin(x) - c, "fprime2": lambda x, c: -np.cos(x)},
    "secant": {"x1": 0.9},
}


@pytest.mark.parametrize("compiled", [None, True, False])
@pytest.mark.parametrize("method", BY_HAND)
def test_the_root_is_that_of_scipy_with_derivatives_by_hand(method: str, compiled: Any) -> None:
    given = BY_HAND["secant"] if method == "secant" else {}
    ours = optimize.root_scalar(f, 2.0, method, x0=1.0, compiled=compiled, **given)
    theirs = scipy_optimize.root_scalar(f, 2.0, method, x0=1.0, **BY_HAND[method])
    assert ours.root == pytest.approx(theirs.root, rel=1e-14)
    assert ours.iterations == theirs.iterations
    assert ours.converged


@pytest.mark.parametrize("method", ["brentq", "brenth", "bisect", "ridder", "toms748"])
def test_brackets(method: str) -> None:
    ours = optimize.root_scalar(f, method=method, bracket=(0, 1))
    assert ours.root == scipy_optimize.root_scalar(f, method=method, bracket=(0, 1)).root


def test_the_method_by_default_is_the_best_that_the_start_allows() -> None:
    expected = {"brentq": {"bracket": (0, 1)}, "newton": {"x0": 1.0}, "secant": {"x0": 1.0, "x1": 0.9}}
    expected["halley"] = {"x0": 1.0, "fprime2": lambda x: -np.cos(x), "fprime": lambda x: -np.sin(x) - 1}
    for method, given in expected.items():
        assert optimize.root_scalar(f, **given).method == method
    with pytest.raises(ValueError, match="Unable to select a solver"):
        optimize.root_scalar(f)


def test_value_and_derivatives_take_one_evaluation() -> None:
    for method in ("newton", "halley"):
        counted = Counted(f)
        found = optimize.root_scalar(counted, method=method, x0=1.0, compiled=False)
        assert counted.calls == found.function_calls


def test_given_derivatives_and_functions_that_give_them() -> None:
    counted = Counted(lambda x: -np.sin(x) - 1)
    optimize.root_scalar(f, x0=1.0, fprime=counted)
    assert counted.calls
    both = optimize.root_scalar(lambda x: (f(x), -np.sin(x) - 1), x0=1.0, fprime=True)
    assert both.root == pytest.approx(optimize.root_scalar(f, x0=1.0).root, rel=1e-14)
    plain = optimize.root_scalar(lambda x: np.cos(x).item() - np.sum(x).item(), x0=1.0, fprime=False)
    assert plain.root == pytest.approx(both.root)


def test_what_cannot_be_differentiated_says_what_to_do() -> None:
    with pytest.raises(ag.GradError, match=r"^root_scalar: expected <lambda> .* pass fprime=False for SciPy's"):
        optimize.root_scalar(lambda x: math.cos(x) - x, x0=1.0)


@pytest.mark.parametrize("method", ["brent", "golden", "bounded"])
def test_minimize_scalar_is_scipys(method: str) -> None:
    given: dict[str, Any] = {"bounds": (0, 3)} if method == "bounded" else {"bracket": (0, 1)}
    ours = optimize.minimize_scalar(lambda x, c: ag.tensor((x - c) ** 2), args=(2.0,), method=method, **given)
    theirs = scipy_optimize.minimize_scalar(lambda x: (x - 2) ** 2, method=method, **given)
    assert (ours.x, ours.nfev) == (theirs.x, theirs.nfev)
