"""HIPS's SciPy: what it has besides SciPy's own functions, against them and finite differences."""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
import pytest
import scipy.special as sp

from autograd_lite.hips.scipy import linalg, special
from autograd_lite.testing import check_grads

X = np.array([[0.5, 2.5, 1.0], [3.0, 0.7, 1.5]])
B = np.array([[1.0, 2.0, 0.5], [0.3, 1.0, 4.0]])


@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("b", [None, B])
def test_logsumexp(axis: int | tuple[int, ...] | None, keepdims: bool, b: np.ndarray | None) -> None:
    found = special.logsumexp(800 * X, axis=axis, b=b, keepdims=keepdims)
    expected = sp.logsumexp(800 * X, axis=axis, b=b, keepdims=keepdims)
    assert np.shape(found) == np.shape(expected)
    assert np.allclose(found, expected, rtol=1e-14)
    assert check_grads(lambda x: special.logsumexp(x, axis=axis, b=b, keepdims=keepdims), X, order=2).ok


def test_logsumexp_of_signs_and_infinities() -> None:
    found = special.logsumexp(X, b=-B, return_sign=True, axis=1)
    expected = sp.logsumexp(X, b=-B, return_sign=True, axis=1)
    assert np.allclose(found, expected, rtol=1e-14)
    with np.errstate(divide="ignore"):
        assert special.logsumexp([-np.inf, -np.inf]) == -np.inf
    assert special.logsumexp([-np.inf, 1.0]) == 1.0


@pytest.mark.parametrize("n", [0, 1, 2, 4])
def test_polygamma(n: int) -> None:
    assert np.allclose(special.polygamma(n, X), sp.polygamma(n, X), rtol=1e-13)
    assert check_grads(lambda x: special.polygamma(n, x), X, order=2).ok


def test_polygamma_of_several_orders() -> None:
    n = np.array([0, 1, 3])
    assert np.allclose(special.polygamma(n, X), sp.polygamma(n, X), rtol=1e-13)


def test_multigammaln() -> None:
    assert np.allclose(special.multigammaln(X + 2, 3), sp.multigammaln(X + 2, 3), rtol=1e-14)
    assert check_grads(lambda x: special.multigammaln(x + 2, 3), X).ok


@pytest.mark.ci  # SciPy takes seconds to import
def test_names_are_scipys_and_ours_are_in_their_places() -> None:
    assert special.gammaln is sp.gammaln
    assert check_grads(lambda a: linalg.expm(a), np.array([[0.1, 0.2], [0.3, -0.4]])).ok
    for module in ("linalg", "signal", "integrate", "stats", "special"):
        theirs = importlib.import_module(f"scipy.{module}")
        ours = importlib.import_module(f"autograd_lite.hips.scipy.{module}")
        names = {name for name in theirs.__all__ if not isinstance(getattr(theirs, name), ModuleType)}
        assert not names - set(dir(ours))
