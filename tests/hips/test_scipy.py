"""HIPS's SciPy: SciPy's names, with functions that take Tensors in the places of those that do not."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import scipy.signal
import scipy.special

from autograd_lite.hips import grad
from autograd_lite.hips.scipy import linalg, signal, special
from autograd_lite.testing import check_grads

from ..rows import for_every

X = np.array([[0.5, 2.5, 1.0], [3.0, 0.7, 1.5]])
B = np.array([[1.0, 2.0, 0.5], [0.3, 1.0, 4.0]])
CALLS = {
    "logsumexp": (lambda x: special.logsumexp(x, axis=1, b=B), X),
    "polygamma": (lambda x: special.polygamma(2, x), X),
    "multigammaln": (lambda x: special.multigammaln(x + 2, 3), X),
    "gammaln": (special.gammaln, X),
    "expm": (linalg.expm, X[:, :2]),
    "solve_triangular": (lambda a: linalg.solve_triangular(a, np.array([1.0, 2.0]), lower=True), X[:, :2]),
    "convolve": (lambda x: signal.convolve(x, B, mode="same"), X),
}


@for_every(CALLS, name=str)
def test_functions_have_gradients(name: str) -> None:
    f, x = CALLS[name]
    assert check_grads(f, x).ok


@pytest.mark.parametrize("mode", ["full", "valid", "same"])
def test_convolve_is_scipys_and_contracts_axes(mode: str) -> None:
    a, b = np.arange(24.0).reshape(4, 6), B[:, :2]
    assert np.allclose(signal.convolve(a, b, mode=mode), scipy.signal.convolve(a, b, mode=mode))
    rows = signal.convolve(a, B, axes=([1], [1]), mode=mode)
    assert rows.shape[:2] == (4, 2)
    assert np.allclose(rows[2, 1], scipy.signal.convolve(a[2], B[1], mode=mode))
    summed = signal.convolve(a[:2], B, axes=([1], [1]), dot_axes=([0], [0]), mode=mode)
    assert np.allclose(summed, rows[0, 0] + rows[1, 1])


@pytest.mark.ci  # SciPy takes seconds to import
def test_names_are_scipys_and_ours_are_in_their_places() -> None:
    assert special.gammaln is scipy.special.gammaln
    for module in ("linalg", "signal", "integrate", "stats", "special"):
        theirs = importlib.import_module(f"scipy.{module}")
        ours = importlib.import_module(f"autograd_lite.hips.scipy.{module}")
        names = {name for name in theirs.__all__ if not isinstance(getattr(theirs, name), ModuleType)}
        assert not names - set(dir(ours))


@pytest.mark.ci
def test_distributions_are_modules() -> None:
    norm: Any = importlib.import_module("autograd_lite.hips.scipy.stats.norm")
    t: Any = importlib.import_module("autograd_lite.hips.scipy.stats.t")
    assert np.isclose(grad(norm.logpdf, 2)(1.0, 0.0, 2.0), -0.5 + 1 / 8)
    assert np.isclose(grad(t.cdf, 0)(0.3, 4.0), t.pdf(0.3, 4.0))
