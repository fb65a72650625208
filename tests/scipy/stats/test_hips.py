"""HIPS autograd as a peer: the eight distributions that it has, by every argument that it has a derivative for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.scipy import stats

pytestmark = pytest.mark.ci

X = np.array([0.3, 0.7, 1.9])
COVARIANCE = np.array([[2.0, 0.3, 0.1], [0.3, 1.0, -0.2], [0.1, -0.2, 0.8]])
CALLS: list[tuple[str, str, tuple[Any, ...], tuple[int, ...]]] = [
    *(("norm", method, (X, 0.4, 1.3), (0, 1, 2)) for method in ("pdf", "cdf", "sf", "logpdf", "logcdf", "logsf")),
    *(("t", method, (X, 3.3, 0.4, 1.3), (0, 1, 2, 3)) for method in ("pdf", "logpdf")),
    *(("t", method, (X, 3.3, 0.4, 1.3), (0, 2)) for method in ("cdf", "logcdf")),
    *(("gamma", method, (X, 2.2), (0, 1)) for method in ("pdf", "logpdf")),
    ("gamma", "cdf", (X, 2.2), (0,)),
    *(("beta", method, (X / 2, 2.2, 0.8), (0, 1, 2)) for method in ("pdf", "logpdf")),
    ("beta", "cdf", (X / 2, 2.2, 0.8), (0,)),
    # By df it has nothing, and by x silently 0 unless df is whole.
    *(("chi2", method, (X, 3.0), (0,)) for method in ("pdf", "logpdf", "cdf")),
    *(("poisson", method, (np.array([0, 2, 5]), 2.4), (1,)) for method in ("pmf", "logpmf", "cdf")),
    *(("dirichlet", method, (X / X.sum(), np.array([0.7, 1.2, 3.0])), (1,)) for method in ("pdf", "logpdf")),
    *(("multivariate_normal", m, (np.stack([X, -X]), np.zeros(3), COVARIANCE), (0, 1, 2)) for m in ("pdf", "logpdf")),
    ("multivariate_normal", "entropy", (np.zeros(3), COVARIANCE), (1,)),
]


@pytest.mark.parametrize(("name", "method", "arguments", "by"), CALLS, ids=lambda v: v if isinstance(v, str) else "")
def test_values_and_gradients_are_those_of_hips(name: str, method: str, arguments: tuple[Any, ...], by: Any) -> None:
    autograd = pytest.importorskip("autograd")
    import autograd.numpy as anp
    import autograd.scipy.stats as theirs

    def f(*args: Any) -> Any:
        return anp.sum(getattr(getattr(theirs, name), method)(*args))

    def g(*args: Any) -> Any:
        return getattr(getattr(stats, name), method)(*args).sum()

    value, gradients = ag.value_and_grad(g, argnums=by)(*arguments)
    assert value == pytest.approx(f(*arguments), rel=1e-12)
    for i, found in zip(by, gradients, strict=True):
        np.testing.assert_allclose(found, autograd.grad(f, i)(*arguments), rtol=1e-9, atol=1e-12)
