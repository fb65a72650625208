"""Distributions of vectors and matrices: values are SciPy's, and derivatives those of the values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.stats

import autograd_lite as ag
from autograd_lite.scipy import stats
from autograd_lite.testing import check_grads

RNG = np.random.default_rng(5)
X = RNG.normal(size=(4, 3))
CENTER = RNG.normal(size=3)
SHAPE = np.cov(RNG.normal(size=(3, 12))) + np.eye(3)
OTHER = np.cov(RNG.normal(size=(3, 12))) + np.eye(3)
SINGULAR = SHAPE[:, :2] @ np.diag([1.0, 2.0]) @ SHAPE[:, :2].T
ALPHA = np.array([0.5, 1.2, 3.0])
SHARES = RNG.dirichlet(ALPHA, size=4).T


class Case(NamedTuple):
    """A call with the stats in use, Tensors or arrays; matrices that must be symmetric are made so in it."""

    name: str
    call: Callable[..., Any]
    arguments: tuple[Any, ...]


def even(matrix: Any) -> Any:
    return 0.5 * (matrix + matrix.T) if isinstance(matrix, ag.Tensor) else matrix


CASES = [
    Case("normal", lambda s, x, m, c: s.multivariate_normal.logpdf(x, m, even(c)), (X, CENTER, SHAPE)),
    Case("normal, one point", lambda s, x, m, c: s.multivariate_normal(m, even(c)).pdf(x), (X[0], CENTER, SHAPE)),
    Case("normal, variances", lambda s, x, m, c: s.multivariate_normal.logpdf(x, m, c), (X, CENTER, np.ones(3))),
    Case("normal, one variance", lambda s, x, m, c: s.multivariate_normal.logpdf(x, m, c), (X, CENTER, np.array(0.7))),
    Case("normal, one axis", lambda s, x, c: s.multivariate_normal.logpdf(x, 0.3, c), (X[0], np.array(0.7))),
    Case("normal, entropy", lambda s, c: s.multivariate_normal.entropy(CENTER, even(c)), (SHAPE,)),
    Case(
        "normal, singular allowed",
        lambda s, x, m, c: s.multivariate_normal.logpdf(x, m, even(c), allow_singular=True),
        (X, CENTER, SHAPE),
    ),
    Case(
        "normal, singular",
        lambda s, w, m: s.multivariate_normal.logpdf(m + w @ SHAPE[:, :2].T, m, SINGULAR, allow_singular=True),
        (X[:, :2], CENTER),
    ),
    Case("t", lambda s, x, m, c, d: s.multivariate_t.logpdf(x, m, even(c), d), (X, CENTER, SHAPE, np.array(3.3))),
    Case("t, entropy", lambda s, c, d: s.multivariate_t.entropy(None, even(c), d), (SHAPE, np.array(3.3))),
    Case("dirichlet", lambda s, a: s.dirichlet.logpdf(SHARES, a), (ALPHA,)),
    Case("dirichlet, last share left out", lambda s, x, a: s.dirichlet.pdf(x, a), (SHARES[:2, 0], ALPHA)),
    Case("dirichlet, entropy", lambda s, a: s.dirichlet.entropy(a), (ALPHA,)),
    Case("wishart", lambda s, x, c: s.wishart.logpdf(even(x), 4.4, even(c)), (OTHER, SHAPE)),
    Case("wishart, several", lambda s, c: s.wishart.logpdf(np.stack([OTHER, SHAPE], -1), 4.4, even(c)), (SHAPE,)),
    Case("invwishart", lambda s, x, c: s.invwishart.logpdf(even(x), 4.4, even(c)), (OTHER, SHAPE)),
    Case(
        "matrix normal",
        lambda s, x, m, r, c: s.matrix_normal.logpdf(x, m, even(r), even(c)),
        (X[:2], X[2:], SHAPE[:2, :2], OTHER),
    ),
    Case("multinomial", lambda s, p: s.multinomial.logpmf([[1, 2, 4], [0, 7, 0]], 7, p), (np.array([0.2, 0.3, 0.5]),)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_values_are_scipys(case: Case) -> None:
    expected = case.call(scipy.stats, *case.arguments)
    found = case.call(stats, *map(ag.tensor, case.arguments)).numpy()
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    np.testing.assert_array_equal(case.call(stats, *case.arguments), expected)


@pytest.mark.ci
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_first_and_second_derivatives(case: Case) -> None:
    def f(*arguments: Any) -> Any:
        tensors = [a if isinstance(a, ag.Tensor) else ag.tensor(a) for a in arguments]
        return case.call(stats, *tensors)

    arguments = case.arguments
    if case.name.startswith("dirichlet,"):
        arguments = tuple(a * 1.0 for a in arguments)
    assert check_grads(f, *arguments, order=2, rtol=1e-5).ok


@pytest.mark.parametrize("name", ["wishart", "invwishart"])
def test_degrees_of_freedom(name: str) -> None:
    """SciPy takes a number alone for them, so the value is compared here and the derivative by differences of it."""
    distribution, original = getattr(stats, name), getattr(scipy.stats, name)
    by_df = ag.grad(lambda df: distribution.logpdf(OTHER, df, SHAPE))(4.4)
    step = 1e-4
    difference = original.logpdf(OTHER, 4.4 + step, SHAPE) - original.logpdf(OTHER, 4.4 - step, SHAPE)
    assert by_df == pytest.approx(difference / (2 * step), rel=1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda: stats.dirichlet.logpdf(SHARES, ag.tensor([-0.5, 1.2, 3.0])),
        lambda: stats.dirichlet.entropy(ag.tensor([-0.5, 1.2, 3.0])),
        lambda: stats.wishart.logpdf(OTHER, ag.tensor(1.7), SHAPE),
        lambda: stats.invwishart.logpdf(OTHER, ag.tensor(1.7), SHAPE),
    ],
)
def test_parameters_out_of_range_give_nan(call: Callable[[], Any]) -> None:
    assert np.isnan(call().numpy()).all()


def test_what_cannot_be_counted_has_the_probability_0() -> None:
    x, p = [[1, 2, 4], [1, 2, 5], [1.5, 1.5, 4], [-1, 4, 4]], np.array([0.2, 0.3, 0.5])
    found = stats.multinomial.logpmf(x, 7, ag.tensor(p))
    np.testing.assert_allclose(found.numpy(), scipy.stats.multinomial.logpmf(x, 7, p), rtol=1e-12)


def test_off_the_plane_of_a_singular_normal_distribution_the_density_is_0() -> None:
    x, mean = ag.tensor(CENTER + np.array([[0.0, 0.0, 1.0]]), requires_grad=True), ag.tensor(CENTER)
    assert stats.multivariate_normal.logpdf(x, mean, SINGULAR, allow_singular=True).item() == -np.inf
    with pytest.raises(np.linalg.LinAlgError):
        stats.multivariate_normal.logpdf(x, mean, -SHAPE)


def test_compiled_and_batched() -> None:
    def f(m: Any, c: Any) -> Any:
        return stats.multivariate_normal.logpdf(X, m, c).sum()

    expected = scipy.stats.multivariate_normal.logpdf(X, CENTER, SHAPE).sum()
    value, grads = ag.compile(ag.value_and_grad(f, argnums=(0, 1)))(CENTER, SHAPE)
    assert value == pytest.approx(expected, rel=1e-13)
    np.testing.assert_allclose(grads[0], (np.linalg.inv(SHAPE) @ (X - CENTER).T).sum(axis=1), rtol=1e-10)
    batch = ag.vmap(f, in_axes=(None, 0))(CENTER, np.stack([SHAPE, OTHER]))
    np.testing.assert_allclose(batch, [f(CENTER, SHAPE), f(CENTER, OTHER)], rtol=1e-13)
