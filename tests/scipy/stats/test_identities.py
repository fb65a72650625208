"""Laws that tie the methods of a distribution to each other, over the whole table or some of each family."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats

import autograd_lite as ag
from autograd_lite.scipy import stats
from autograd_lite.testing import check_grads

from ...rows import for_every
from .cases import CONTINUOUS, DISCRETE, KNOWN, selected

ALL = [name for name in CONTINUOUS if name in KNOWN]
# Densities with a corner, or most of their mass in a small part, on which polynomials do not settle fast.
KINKED = ("trapezoid", "triang", "irwinhall", "dweibull", "laplace_asymmetric", "loglaplace", "skewcauchy", "levy")
KINKED += ("levy_l", "laplace")
FEW = [
    "weibull_min",
    *(
        pytest.param(name, marks=pytest.mark.ci)
        for name in ("norm", "gamma", "fisk", "truncnorm", "genextreme", "gompertz")
    ),
]


def points(name: str, shares: Any = (0.11, 0.4, 0.82), which: int = -1) -> tuple[Any, tuple[float, ...]]:
    """Return quantiles for a set of shapes, and the shapes."""
    shapes = KNOWN[name][which]
    return getattr(scipy.stats, name).ppf(np.asarray(shares), *shapes), shapes


def tensors(*values: Any) -> list[Any]:
    return [ag.tensor(np.asarray(v, float), requires_grad=True) for v in values]


@pytest.mark.parametrize("name", selected(ALL))
def test_moving_and_scaling_x_undoes_loc_and_scale(name: str) -> None:
    """log f((x - loc) / scale) - log scale: the derivatives by loc and x are opposite, x f_x + scale f_scale = -1."""
    x, shapes = points(name)
    x, loc, scale = tensors(0.4 + 1.7 * x, np.full(x.shape, 0.4), np.full(x.shape, 1.7))
    getattr(stats, name).logpdf(x, *shapes, loc, scale).sum().backward()
    np.testing.assert_allclose(loc.grad, -x.grad.numpy(), rtol=1e-12)
    around = (x - loc) * x.grad + scale * scale.grad
    np.testing.assert_allclose(around.detach(), -np.ones(3), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("name", selected(ALL))
def test_the_density_is_the_derivative_of_the_distribution_function(name: str) -> None:
    x, shapes = points(name)
    distribution = getattr(stats, name)
    density = scipy_density(name, x, shapes)
    for method, sign in (("cdf", 1), ("sf", -1)):
        (t,) = tensors(x)
        getattr(distribution, method)(t, *shapes).sum().backward()
        np.testing.assert_allclose(t.grad, sign * density, rtol=1e-8, err_msg=method)


def scipy_density(name: str, x: Any, shapes: Any) -> Any:
    return getattr(scipy.stats, name).pdf(x, *shapes)


@pytest.mark.parametrize("name", selected(ALL))
def test_the_density_integrates_to_the_probability_between_quantiles(name: str) -> None:
    (low, high), shapes = points(name, (0.02, 0.98))
    nodes, weights = np.polynomial.legendre.leggauss(80)
    pieces = np.linspace(low, high, 9)
    half = 0.5 * np.diff(pieces)[:, None]
    x = (pieces[:-1, None] + half) + half * nodes
    mass = (getattr(stats, name).pdf(ag.tensor(x), *shapes).numpy() * weights * half).sum()
    assert mass == pytest.approx(0.96, abs=1e-4 if name in KINKED else 1e-8)


@pytest.mark.parametrize("name", selected(ALL))
def test_quantiles_undo_the_distribution_function_with_all_first_derivatives(name: str) -> None:
    x, shapes = points(name)
    parameters = (*shapes, 0.4, 1.7)
    distribution = getattr(stats, name)
    x, *rest = tensors(0.4 + 1.7 * x, *parameters)
    back = distribution.ppf(distribution.cdf(x, *rest), *rest)
    np.testing.assert_allclose(back.numpy(), x.numpy(), rtol=1e-6)
    back.sum().backward()
    np.testing.assert_allclose(x.grad, np.ones(3), rtol=1e-6)
    for parameter in rest:
        assert abs(parameter.grad.item()) < 1e-6, parameter


@pytest.mark.parametrize("name", FEW)
def test_quantiles_have_second_and_third_derivatives(name: str) -> None:
    """ppf(cdf(x; θ); θ) is x, so that all its derivatives but one are 0; mixed ones by shapes included."""
    x, shapes = points(name, (0.3,))
    distribution = getattr(stats, name)
    at = np.array([x[0], *shapes, 0.1])

    def back(v: Any) -> Any:
        return distribution.ppf(distribution.cdf(v[0], *v[1:-1], v[-1]), *v[1:-1], v[-1])

    np.testing.assert_allclose(ag.hessian(back)(at), np.zeros((at.size, at.size)), atol=1e-7)
    third = ag.jvp(ag.hessian(back))((at,), (np.linspace(0.5, 1.0, at.size),))[1]
    np.testing.assert_allclose(third, np.zeros((at.size, at.size)), atol=1e-5)


@pytest.mark.ci
@pytest.mark.parametrize(
    "name", ["norm", "gamma", "beta", "weibull_min", "genextreme", "truncnorm", "kappa4", "gengamma"]
)
def test_second_derivatives(name: str) -> None:
    x, shapes = points(name)
    distribution = getattr(stats, name)
    for method in ("logpdf", "logsf"):
        report = check_grads(getattr(distribution, method), x, *map(np.array, shapes), order=2, invariants=False)
        assert report.ok, report


@pytest.mark.parametrize("name", FEW)
def test_transformations_agree(name: str) -> None:
    x, shapes = points(name)
    distribution = getattr(stats, name)
    shape = np.array(shapes[0] if shapes else 0.3)
    rest = shapes[1:]
    for method in ("logpdf", "cdf", "logsf", "ppf"):

        def f(v: Any, s: Any, method: str = method) -> Any:
            return getattr(distribution, method)(v, s, *rest) if shapes else getattr(distribution, method)(v, s)

        at = np.array([0.11, 0.4, 0.82]) if method == "ppf" else x
        value, pull = ag.vjp(f, argnums=(0, 1))(at, shape)
        _, tangent = ag.jvp(f)((at, shape), (np.ones(3), np.array(0.5)))
        by_x, by_shape = pull(np.ones(3))
        assert tangent.sum() == pytest.approx(by_x.sum() + 0.5 * by_shape)
        batch = ag.vmap(f, in_axes=(None, 0))(at, shape + np.array([0.0, 0.01]))
        np.testing.assert_allclose(batch[0], value, rtol=1e-14)
        np.testing.assert_allclose(batch[1], f(ag.tensor(at), shape + 0.01).numpy(), rtol=1e-14)
        compiled = ag.compile(ag.value_and_grad(lambda v, s, f=f: f(v, s).sum(), argnums=(0, 1)))
        for _ in range(2):
            found, grads = compiled(at, shape)
            assert found == pytest.approx(value.sum())
            np.testing.assert_allclose(grads[0], by_x, rtol=1e-12)
            np.testing.assert_allclose(grads[1], by_shape, rtol=1e-12)


@pytest.mark.parametrize("name", FEW)
def test_compiled_functions_know_the_support_at_every_call(name: str) -> None:
    """What lies within the support in the traced call may lie outside in the next."""
    x, shapes = points(name)
    original = getattr(scipy.stats, name)
    f = ag.compile(lambda v, s: getattr(stats, name).logpdf(v, *shapes, 0.0, s))
    for at, scale in ((x, 1.0), (np.array([-1e3, x[0], 1e3]), 1.0), (x, -1.0), (x, 2.0)):
        np.testing.assert_allclose(f(at, scale), original.logpdf(at, *shapes, 0.0, scale), rtol=1e-12)


BOUNDED = [n for n in ALL if np.isfinite(getattr(scipy.stats, n).support(*KNOWN[n][-1])).any()]


@pytest.mark.parametrize("name", selected(BOUNDED))
def test_outside_of_the_support_densities_are_0_and_flat(name: str) -> None:
    shapes = KNOWN[name][-1]
    original, distribution = getattr(scipy.stats, name), getattr(stats, name)
    low, high = original.support(*shapes)
    at = np.array([v for v in (low - 0.5, low - 1e3, high + 0.5, high + 1e3) if np.isfinite(v)] + [np.inf, -np.inf])
    at = np.append(at, original.ppf(0.5, *shapes))
    for method in ("logpdf", "cdf", "sf"):
        x, loc, scale, *rest = tensors(at, np.zeros_like(at), np.ones_like(at), *(np.full(at.shape, s) for s in shapes))
        value = getattr(distribution, method)(x, *rest, loc, scale)
        np.where(np.isfinite(value.data), value, 0).sum().backward()
        with np.errstate(all="ignore"):
            expected = getattr(original, method)(at, *shapes)
        limits = np.isinf(at) & np.isnan(expected)  # SciPy's formulas may be inf - inf there
        np.testing.assert_allclose(value.numpy()[~limits], expected[~limits], rtol=1e-7)
        for t in (x, loc, scale, *rest):
            assert (t.grad.numpy()[:-1] == 0).all(), (method, t)
            assert np.isfinite(t.grad.numpy()[-1]), (method, t)


@pytest.mark.parametrize("name", ["norm", "gamma", "beta", "truncnorm", "poisson", "binom"])
def test_parameters_out_of_range_and_nan_give_nan(name: str) -> None:
    shapes = KNOWN[name][-1]
    original, distribution = getattr(scipy.stats, name), getattr(stats, name)
    methods = ("logpmf", "pmf", "cdf") if name in DISCRETE else ("logpdf", "pdf", "cdf", "logsf", "ppf")
    bad: list[tuple[Any, ...]] = [(0.5, *shapes[:-1], -3.0)] if shapes else []
    if name not in DISCRETE:
        bad += [(0.5, *shapes, 0.0, -1.0), (np.nan, *shapes, 0.0, 1.0)]
    for method in methods:
        for call in bad:
            with np.errstate(all="ignore"):
                expected = getattr(original, method)(*call)
                found = getattr(distribution, method)(ag.tensor(call[0]), *call[1:])
            np.testing.assert_array_equal(found.numpy(), expected)
            assert np.isnan(expected)


@for_every(KNOWN, name=str)
def test_nan_gives_nan_and_other_elements_their_values(name: str) -> None:
    shapes = KNOWN[name][-1]
    x = np.array([np.nan, *[getattr(scipy.stats, name).ppf(0.4, *shapes)] * 2])
    for method in ("pmf", "cdf", "logsf") if name in DISCRETE else ("pdf", "cdf", "logsf"):
        found = getattr(getattr(stats, name), method)(ag.tensor(x), *shapes).numpy()
        assert np.isnan(found).tolist() == [True, False, False], method


@for_every(KNOWN, name=str)
def test_shapes_that_are_nan_give_nan(name: str) -> None:
    shapes = KNOWN[name][-1]
    x = ag.tensor(np.asarray(getattr(scipy.stats, name).ppf(0.4, *shapes), float))
    for i in range(len(shapes)):
        for method in ("pmf", "cdf") if name in DISCRETE else ("pdf", "cdf"):
            found = getattr(getattr(stats, name), method)(x, *shapes[:i], np.nan, *shapes[i + 1 :])
            assert np.isnan(found.numpy()), (method, i)


def test_shapes_at_which_a_formula_has_a_limit_have_the_derivative_of_the_limit() -> None:
    x = np.array([0.3, 1.2])
    (c,) = tensors([0.0, 0.0])
    stats.genpareto.logpdf(x, c).sum().backward()
    np.testing.assert_allclose(c.grad, 0.5 * x * x - x, rtol=1e-14)
    (c,) = tensors([0.0, 0.0])
    stats.genextreme.logpdf(x, c).sum().backward()
    np.testing.assert_allclose(c.grad, x - 0.5 * x * x * (1 - np.exp(-x)), rtol=1e-14)
    (c,) = tensors([1.0, 1.0])
    stats.weibull_min.logpdf(x, c).sum().backward()
    np.testing.assert_allclose(c.grad, 1 + np.log(x) * (1 - x), rtol=1e-14)
    (a,) = tensors(1.0)
    assert stats.gamma.logpdf(0.0, a).item() == 0
