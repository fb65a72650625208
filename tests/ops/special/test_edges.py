"""What grids and laws do not say: edges of domains, dtypes, blocks, forward mode, results of several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("scipy.special")

from scipy import special

import autograd_lite as ag
from autograd_lite.ops.special import REFUSED, TABLE, sp
from autograd_lite.ops.special.panel import bell, bell_of_two

from .page import names


def test_every_ufunc_of_scipy_is_in_the_tables_or_refused_with_a_reason() -> None:
    missing = [name for name in names() if name not in TABLE and name not in REFUSED]
    assert not missing
    assert not REFUSED.keys() & TABLE.keys()


def test_a_refused_ufunc_says_why() -> None:
    with pytest.raises(ag.UnsupportedError, match=r"scipy\.special\.wofz .*: its result is complex.*detach"):
        special.wofz(ag.tensor(0.5))


def test_derivatives_are_zero_at_the_ends_and_nan_outside() -> None:
    slope = ag.grad(lambda a, x: special.gammainc(a, x).sum())
    np.testing.assert_array_equal(slope(np.full(3, 2.0), np.array([0.0, np.inf, 1e5])), 0)
    assert np.isnan(slope(np.array([2.0]), np.array([np.nan]))).all()
    ends = ag.grad(lambda a, b, x: special.betainc(a, b, x).sum(), argnums=(0, 1))
    np.testing.assert_array_equal(ends(*np.full((2, 2), 2.0), np.array([0.0, 1.0])), 0)


_SCORE = special.beta(-0.5, 2.2) * (special.psi(-0.5) - special.psi(1.7))


def test_a_density_below_the_normal_numbers_is_not_lost() -> None:
    a, x = np.array([51.79474679231202, 71.96856730011514]), np.array([9.999999999999999e-06, 1e-3])
    density = np.exp((a - 1) * np.log(x) - x - special.gammaln(a))
    assert np.all((density > 0) & (density < np.finfo(float).tiny))
    slope = ag.grad(lambda x: special.gammainc(a, x).sum())(x)
    np.testing.assert_allclose(slope, density, rtol=1e-7, atol=5e-324)


@pytest.mark.parametrize(
    ("f", "at", "expected"),
    [
        (lambda a: special.beta(a, 2.2), -0.5, _SCORE),
        (lambda b: special.beta(2.2, b), -0.5, _SCORE),
        (lambda b: special.betaln(b, 2.2), -0.5, special.psi(-0.5) - special.psi(1.7)),
        (special.zetac, 0.5, -3.9226461392091517),
        (special.zetac, -0.5, np.nan),
        (special.zeta, 2.0, -0.93754825431584375),
        (special.kolmogorov, -0.5, 0.0),
        (lambda x: special.tklmbda(x, 2.0), 5.0, 0.0),
        (lambda lam: special.tklmbda(5.0, lam), 2.0, 0.0),
        (lambda t: special.stdtr(np.inf, t), 1.0, np.exp(-0.5) / np.sqrt(2 * np.pi)),
        (lambda x: special.jve(1.0, x), 0.0, 0.5),
        (lambda v: special.jv(v, 0.0), 0.5, 0.0),
        # J is real there for whole orders alone, and P(0, x) is 1.
        (lambda v: special.jv(v, -1.0), 2.0, np.nan),
        (lambda v: special.iv(v, -1.0), 2.0, np.nan),
        (lambda a: special.gammainc(a, 1.0), 0.0, np.nan),
    ],
)
def test_beside_the_usual_domain(f: Callable[..., Any], at: float, expected: float) -> None:
    """A finite value has its derivative, or NaN where it has none or none is known, but never 0 instead."""
    assert np.isfinite(f(at))
    assert ag.grad(f)(at) == pytest.approx(expected, rel=1e-13, nan_ok=True)


@pytest.mark.parametrize("name", ["jv", "yv", "iv", "ive", "kv", "kve"])
def test_orders_of_too_many_oscillations_are_nan_and_disturb_no_other(name: str) -> None:
    derived = getattr(sp, f"{name}_by_order")
    v, x = np.array([0.5, 1e200, 0.5, 1.7e308, 1.5]), np.array([2.0, 0.5, 1e200, 1e-320, 3.0])
    with np.errstate(all="ignore"):
        found = derived(v, x, order=1)
    alone = [derived(v[i], x[i], order=1) for i in (0, 4)]
    np.testing.assert_allclose(found[[0, 4]], alone, rtol=1e-14)
    assert np.isfinite(alone).all()
    assert np.isnan(found[3])


def test_blocks_of_elements_are_joined() -> None:
    a = np.linspace(0.1, 9, 1300)
    whole = sp.gammainc_by_a(a, 2.0, order=1)
    parts = np.concatenate([sp.gammainc_by_a(part, 2.0, order=1) for part in np.split(a, 13)])
    np.testing.assert_allclose(whole, parts, rtol=1e-14)


def test_single_precision_gives_single_precision() -> None:
    a = ag.tensor(np.float32([0.5, 3.0]), requires_grad=True)
    special.gammainc(a, np.float32(1.5)).sum().backward()
    assert a.grad.dtype == np.float32
    np.testing.assert_allclose(a.grad.numpy(), sp.gammainc_by_a(np.array([0.5, 3.0]), 1.5, order=1), rtol=1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: special.gammainc(a, 1.7),
        lambda a: special.betainc(1.2, a, 0.4),
        lambda df: special.stdtr(df, 0.8),
        lambda df: ag.grad(special.stdtr, argnums=1)(df, 0.8),
        lambda v: special.yv(v, 1.7),
        lambda s: special.zeta(s, 0.7),
    ],
)
def test_higher_derivatives_are_those_of_lower_ones(f: Callable[..., Any]) -> None:
    h = 1e-3
    for _ in range(4):
        slope = ag.grad(f)
        differences = (8 * (f(2.3 + h) - f(2.3 - h)) - (f(2.3 + 2 * h) - f(2.3 - 2 * h))) / (12 * h)
        assert slope(2.3) == pytest.approx(float(differences), rel=1e-8)
        f = slope


def test_student_in_the_middle() -> None:
    """At t = 0 nothing depends on the degrees of freedom, but the slope does."""
    gradient = ag.grad(special.stdtr, argnums=(0, 1))
    assert gradient(3.0, 0.0)[0] == 0
    mixed = ag.grad(lambda df, t: ag.grad(special.stdtr)(df, t), argnums=1)(3.0, 0.0)
    h = 1e-3
    assert mixed == pytest.approx((gradient(3 + h, 0.0)[1] - gradient(3 - h, 0.0)[1]) / (2 * h), rel=1e-5)


def test_orders_of_bessel_functions_agree_with_the_recurrence() -> None:
    """By v + 1 and by v - 1 it is 2v/x times that by v, and its own derivative (10.6.1)."""
    slope = ag.grad(special.jv)
    v, x = 0.4, 3.3  # v - 1 is below 0
    expected = 2 / x * special.jv(v, x) + 2 * v / x * slope(v, x)
    assert slope(v - 1, x) + slope(v + 1, x) == pytest.approx(expected, rel=1e-13)


def test_several_results_keep_their_gradients_in_every_mode() -> None:
    x = ag.tensor([0.3, 1.2], requires_grad=True)
    ai, slope, *_ = special.airy(x)
    (ai.sum() + 2 * slope.sum()).backward()
    values = special.airy(x.numpy())
    np.testing.assert_allclose(x.grad.numpy(), values[1] + 2 * x.numpy() * values[0], rtol=1e-14)
    tangent = ag.jvp(lambda x: special.ellipj(x, 0.4)[0])((0.7,), (1.0,))[1]
    _, cn, dn, _ = special.ellipj(0.7, 0.4)
    assert tangent == pytest.approx(cn * dn, rel=1e-13)
    np.testing.assert_allclose(ag.vmap(lambda x: special.sici(x)[1])(np.array([0.5, 1.0])), special.sici([0.5, 1.0])[1])


def test_bells_polynomials_are_the_moments_of_cumulants() -> None:
    """Those of the normal distribution of mean 2 and variance 3, and of two independent Poisson variables' sums."""
    assert bell([2.0, 3.0, 0.0, 0.0]) == 16 + 6 * 4 * 3 + 3 * 9
    assert bell_of_two(lambda i, j: 1.0, 1, 2) == bell([1.0] * 3) == 5


def test_the_integrals_of_airys_functions_have_these_as_derivatives() -> None:
    x = np.array([0.3, 1.2, 2.5])
    expected = [f(sign * x) for sign in (1, -1) for f in (lambda t: special.airy(t)[0], lambda t: special.airy(t)[2])]
    for i, exact in enumerate(expected):
        found = ag.grad(lambda t, i=i: special.itairy(t)[i].sum())(x)
        np.testing.assert_allclose(found, exact, rtol=1e-12)
