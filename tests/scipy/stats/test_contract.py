"""What a distribution is to its users: SciPy's where there are no Tensors, and clear errors where there is no more."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats

import autograd_lite as ag
from autograd_lite.core.errors import UnsupportedError
from autograd_lite.scipy import stats

from .cases import CONTINUOUS, DISCRETE, KNOWN, selected

X = np.array([0.3, 1.1, 2.4])


@pytest.mark.parametrize("name", selected(KNOWN))
def test_every_moment_is_scipys_or_has_no_formula(name: str) -> None:
    distribution = getattr(stats, name)
    for shapes in KNOWN[name]:
        if shapes in ((), (0.0,)):  # without shapes they are SciPy's numbers; SciPy 1.13 lacks some limits at 0
            continue
        real = [
            s if by in distribution.row.integers else ag.tensor(float(s))
            for s, by in zip(shapes, distribution.shapes, strict=True)
        ]
        for moment in ("mean", "var", "std", "entropy"):
            try:
                found = getattr(distribution(*real), moment)()
            except UnsupportedError:
                assert distribution.row.moment(moment.replace("std", "var")) is None
                continue
            if isinstance(found, ag.Tensor):
                with np.errstate(all="ignore"):
                    expected = getattr(scipy.stats, name)(*shapes)
                np.testing.assert_allclose(found.numpy(), getattr(expected, moment)(), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(
    ("moment", "distribution", "by", "expected"),
    [
        ("mean", lambda c: stats.gamma(c, 1.0, 2.0), 3.0, 2.0),
        ("var", lambda s: stats.norm(0.3, s), 2.0, 4.0),
        ("std", lambda s: stats.norm(0.3, s), 2.0, 1.0),
        ("entropy", lambda s: stats.expon(scale=s), 4.0, 0.25),
        ("median", lambda s: stats.expon(scale=s), 4.0, np.log(2)),
        ("mean", lambda p: stats.binom(5, p), 0.3, 5.0),
        ("var", lambda p: stats.binom(5, p), 0.3, 2.0),
        ("mean", lambda loc: stats.poisson(2.5, loc), 1.0, 1.0),
    ],
)
def test_moments_have_gradients(moment: str, distribution: Callable[..., Any], by: float, expected: float) -> None:
    assert ag.grad(lambda v: getattr(distribution(v), moment)())(by) == pytest.approx(expected)


MOMENTS = ("mean", "var", "std", "median", "entropy")


@pytest.mark.parametrize(
    ("name", "moment"), [*itertools.product(("norm", "gamma"), MOMENTS), ("poisson", "mean"), ("poisson", "var")]
)
def test_moments_have_the_shape_of_all_parameters(name: str, moment: str) -> None:
    parameters = (*KNOWN[name][0], np.arange(3.0), *([] if name in DISCRETE else [np.array([[1.0], [2.5]])]))
    found = getattr(getattr(stats, name)(*map(ag.tensor, parameters)), moment)()
    expected = getattr(getattr(scipy.stats, name)(*parameters), moment)()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


def test_without_tensors_it_is_scipys() -> None:
    assert stats.norm.original is scipy.stats.norm
    np.testing.assert_array_equal(stats.gamma.logpdf(X, 2.0, scale=3.0), scipy.stats.gamma.logpdf(X, 2.0, scale=3.0))
    np.testing.assert_array_equal(stats.gamma(2.0).interval(0.9), scipy.stats.gamma(2.0).interval(0.9))
    np.testing.assert_array_equal(stats.expon.fit(X, floc=0), scipy.stats.expon.fit(X, floc=0))
    assert stats.norm.rvs(size=3, random_state=1).tolist() == scipy.stats.norm.rvs(size=3, random_state=1).tolist()
    assert repr(stats.norm) == "<autograd_lite.scipy.stats.norm>"
    assert "norm" in dir(stats)


def test_ways_to_call_agree() -> None:
    c, scale = ag.tensor(1.5), ag.tensor(2.0)
    expected = scipy.stats.weibull_min.logpdf(X, 1.5, 0.0, 2.0)
    weibull = stats.weibull_min
    for found in (
        weibull.logpdf(X, c, 0, scale),
        weibull.logpdf(X, c=c, scale=scale),
        weibull(c, scale=scale).logpdf(X.tolist()),
        weibull(1.5, 0, 2).logpdf(ag.tensor(X)),
    ):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-15)


def test_x_may_be_given_by_the_name_that_it_has_in_scipy() -> None:
    shapes = {"h": 0.2, "k": 0.1}
    for name, method, x, parameters in (
        ("norm", "cdf", {"x": 0.3}, {"loc": 0.2, "scale": 1.3}),
        ("norm", "ppf", {"q": 0.3}, {"loc": 0.2, "scale": 1.3}),
        ("binom", "pmf", {"k": 3}, {"n": 5, "p": 0.3}),
        ("binom", "cdf", {"k": 3}, {"n": 5, "p": 0.3}),
        ("kappa4", "pdf", {"x": 0.3}, shapes),
        ("kappa4", "isf", {"q": 0.3}, shapes),
        ("multivariate_normal", "logpdf", {"x": X}, {"mean": X + 1}),
    ):
        ours = getattr(stats, name)
        expected = getattr(getattr(scipy.stats, name), method)(**x, **parameters)
        tensors = {key: ag.tensor(v) for key, v in parameters.items()}
        for found in (getattr(ours, method)(**x, **tensors), getattr(ours(**tensors), method)(**x)):
            np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    with pytest.raises(TypeError, match=r"binom.pmf: expected k first, or by name; received none"):
        stats.binom.pmf(n=5, p=ag.tensor(0.3))


def test_shapes_broadcast_against_x() -> None:
    c, x = ag.tensor([[0.7], [1.6]], requires_grad=True), ag.tensor(X)
    found = stats.gengamma.sf(x, 2.0, c)
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found.numpy(), scipy.stats.gengamma.sf(X, 2.0, c.data), rtol=1e-14)
    found.sum().backward()
    assert c.grad.shape == (2, 1)


@pytest.mark.parametrize("name", ["norm", "weibull_min"])
def test_values_of_single_precision_are_in_double_precision_as_scipys_and_gradients_are_not(name: str) -> None:
    single, shapes = X.astype(np.float32), KNOWN[name][0]
    x = ag.tensor(single, requires_grad=True)
    value = getattr(stats, name).logpdf(x, *shapes)
    assert value.dtype == getattr(scipy.stats, name).logpdf(single, *shapes).dtype == np.float64
    value.sum().backward()
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda t: stats.gamma.logpdf(t), TypeError, r"gamma.logpdf: expected the parameters a, loc, scale"),
        (lambda t: stats.gamma(1.0, a=t), TypeError, r"received 1 by position, a="),
        (lambda t: stats.norm.logpdf(t, 0, 1, 2), TypeError, r"received 3 by position; write norm.logpdf\(x, loc"),
        (lambda t: stats.norm.logpdf(t, mean=0), TypeError, r"received 0 by position, mean="),
        (lambda t: stats.alpha.mean(t), UnsupportedError, r"alpha.mean: expected arrays, received Tensors"),
        (lambda t: stats.wishart.entropy(t, np.eye(2)), UnsupportedError, r"wishart.entropy: expected arrays"),
        (
            lambda t: stats.dirichlet.logpdf(t, np.ones(3)),
            ValueError,
            r"the sum 1; received shape \(3,\), sums from 3.8",
        ),
        (lambda t: stats.multivariate_normal.logpdf(t, np.zeros(3), np.eye(2)), ValueError, r"shape \(3, 3\)"),
        (lambda t: stats.hypergeom, AttributeError, r"its parameters count"),
        (lambda t: stats.zscore, AttributeError, r"scipy.stats has it for arrays"),
        (lambda t: ag.compile(lambda k: stats.zipf.cdf(k, 2.5))(X), UnsupportedError, r"Pass k as a constant"),
    ],
)
def test_errors_say_what_was_expected(call: Callable[..., Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call(ag.tensor(X))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda t: scipy.stats.norm.logpdf(t), "norm"),
        (lambda t: scipy.stats.norm(loc=t).pdf(0.3), "norm"),
        (lambda t: scipy.stats.gamma(2.0).cdf(t), "gamma"),
        (lambda t: scipy.stats.poisson.logpmf(2, t), "poisson"),
        (lambda t: scipy.stats.multivariate_normal.logpdf(t), "multivariate_normal"),
    ],
)
def test_scipys_own_functions_refuse_and_name_ours(call: Callable[..., Any], name: str) -> None:
    words = rf"autograd_lite\.scipy\.stats\.{name}\S* takes Tensors"
    with pytest.raises(ag.GradError, match=words):
        call(ag.tensor(X, requires_grad=True))
    with pytest.raises(ag.GradError, match=words):
        ag.jvp(call)((X,), (X,))
    with pytest.raises(ag.TraceError):
        ag.compile(call)(X)


def test_every_distribution_of_scipy_has_a_row_or_a_reason() -> None:
    kinds = (scipy.stats.rv_continuous, scipy.stats.rv_discrete)
    known = {name for name, found in vars(scipy.stats).items() if isinstance(found, kinds)}
    assert known <= {*stats.ROWS, *stats.LEFT_OUT, "trapz"}  # trapezoid, as older versions spelled it
    assert not {*stats.ROWS} & {*stats.LEFT_OUT}
    assert set(CONTINUOUS) | set(DISCRETE) == set(stats.ROWS)


def test_counts_have_no_gradient_and_the_mass_between_integers_is_0() -> None:
    k, mu = ag.tensor([0.0, 1.5, 3.0, -1.0], requires_grad=True), ag.tensor(2.0, requires_grad=True)
    value = stats.poisson.logpmf(k, mu)
    np.testing.assert_array_equal(np.isneginf(value.data), [False, True, False, True])
    value[np.array([0, 2])].sum().backward()
    assert k.grad is None or not k.grad.numpy().any()
    assert mu.grad.item() == pytest.approx(-2 + 3 / 2)
    assert not isinstance(stats.poisson.ppf(0.5, 2.0), ag.Tensor)
    assert stats.poisson.ppf(0.5, mu).item() == 2


def test_between_integers_distribution_functions_are_flat_steps() -> None:
    k = np.array([-0.5, 0.0, 0.99, 1.0, 2.7])
    for name in ("poisson", "binom", "skellam", "zipf"):
        original, shapes = getattr(scipy.stats, name), KNOWN[name][-1]
        for method in ("cdf", "sf"):
            found = getattr(getattr(stats, name), method)(ag.tensor(k), *shapes)
            np.testing.assert_allclose(found.numpy(), getattr(original, method)(k, *shapes), rtol=1e-12)


def test_moments_of_parameters_out_of_range_are_nan() -> None:
    for distribution in (
        stats.gamma(ag.tensor(-1.0)),
        stats.norm(0.0, ag.tensor(-2.0)),
        stats.binom(5, ag.tensor(1.5)),
    ):
        assert np.isnan(distribution.mean().item())
        assert np.isnan(distribution.var().item())


@pytest.mark.parametrize(
    "d", [stats.norm, stats.norm(0, 1), stats.poisson, stats.poisson(2.0), stats.wishart], ids=repr
)
def test_completion_shows_scipys_methods(d: Any) -> None:
    names = dir(d)
    assert {"entropy", "rvs"} <= set(names)
    assert len(names) == len(set(names)) < 30
    assert [name for name in names if name.startswith("_") or not hasattr(d, name)] == []
    assert {"answer", "refuse", "describe", "methods", "original"} & set(names) == set()
