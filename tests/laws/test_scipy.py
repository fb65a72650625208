"""What the laws do not say of `scipy.special`: how it is found, what it refuses, where series take over."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import BY_UFUNC, OPS
from autograd_lite.ops.special import TABLE, scipy_op, sp

special = pytest.importorskip("scipy.special")


def derivatives(f: Callable[..., Any], x: float, order: int) -> list[float]:
    """Return f(x), f'(x), … up to `order`."""
    found = [float(f(x))]
    for _ in range(order):
        f = ag.grad(f)
        found.append(float(f(x)))
    return found


def test_more_than_two_hundred_functions_have_derivatives() -> None:
    assert sum(len(known.facts.get("by_result", "1")) for known in TABLE.values()) > 200
    assert all(any(not isinstance(p, str) for p in known.partials) for known in TABLE.values())


def test_importing_the_engine_and_then_scipy_is_enough_and_imports_nothing_before() -> None:
    program = """
import sys
import numpy as np
import autograd_lite as ag
assert not [m for m in sys.modules if m.startswith("scipy")]
x = ag.tensor([0.5], requires_grad=True)
try:
    np.frexp(x)
except ag.UnsupportedError:
    pass
assert not [m for m in sys.modules if m.startswith("scipy")]
assert not [name for name in ag.core.op.OPS if name.startswith("special.")]
from scipy.special import i0e
i0e(x).sum().backward()
print(x.grad.item())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(special.i1e(0.5) - special.i0e(0.5), rel=1e-14)


def test_a_record_is_made_once_and_knows_aliases() -> None:
    x = ag.tensor([0.5, 2.0])
    assert special.digamma(x).op is None  # nothing is recorded where nothing needs it
    leaf = ag.tensor([0.5, 2.0], requires_grad=True)
    assert special.digamma(leaf).op is special.psi(leaf).op is OPS["special.psi"] is sp.psi
    assert BY_UFUNC[special.psi] is OPS["special.psi"]
    assert special.jn(1, leaf).op is special.jv(1, leaf).op is OPS["special.jv"]
    assert special.zeta(2.0, leaf).op is OPS["special.zeta"]


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("struve", lambda v: special.struve(v, 1.0)),
        ("hyp1f1", lambda a: special.hyp1f1(2.0, a, 0.5)),
        ("pbdv", lambda v: special.pbdv(v, 1.0)[0]),
    ],
)
def test_an_unknown_derivative_is_refused_whenever_it_is_wanted(name: str, call: Callable[[Any], Any]) -> None:
    wanted = ag.tensor(0.7, requires_grad=True)
    for _ in range(2):  # the second time the record is there already
        with pytest.raises(ag.UnsupportedError, match=rf"special\.{name}: .* the derivative by it is not known"):
            call(wanted + 1.0)
    with pytest.raises(ag.UnsupportedError, match=rf"special\.{name}: .* the derivative by it is not known"):
        ag.jvp(call)((0.7,), (1.0,))
    assert not call(wanted.detach() + 1.0).requires_grad
    np.testing.assert_array_equal(call(ag.stop_gradient(wanted) + 1.0).detach().numpy(), call(1.7))


def test_forward_mode_and_batches_take_them_as_any_other_op() -> None:
    x, t = np.array([0.3, 0.6]), np.array([1.0, -2.0])
    for f in (special.erf, lambda x: special.betainc(2.0, 3.0, x), lambda x: special.jv(1, x), special.gammaln):
        value, tangent = ag.jvp(f)((x,), (t,))
        np.testing.assert_allclose(value, f(x), rtol=1e-15)
        np.testing.assert_allclose(tangent, ag.vmap(ag.grad(f))(x) * t, rtol=1e-14)
        hessian = ag.hessian(lambda x, f=f: f(x).sum())(x)
        np.testing.assert_allclose(hessian, np.diag([ag.grad(ag.grad(f))(a) for a in x]), rtol=1e-12)


def test_other_ufuncs_of_the_same_name_are_not_taken_for_scipys() -> None:
    assert scipy_op(np.exp2, ()) is None
    assert scipy_op(np.frompyfunc(abs, 1, 1), ()) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda x: special.logsumexp(x),
        lambda x: special.softmax(x),
        lambda x: special.log_softmax(x),
        lambda x: special.polygamma(1, x),
        lambda x: special.multigammaln(x + 3, 2),
        lambda x: special.lambertw(x),
        lambda x: special.kelvin(x),
        lambda x: special.nctdtr(2.0, 0.5, x),
    ],
)
def test_what_cannot_dispatch_raises_and_loses_no_gradient(call: Callable[[Any], Any]) -> None:
    with pytest.raises((ag.UnsupportedError, ag.GradError)):
        call(ag.tensor([0.5, 0.7], requires_grad=True))


@pytest.mark.parametrize(
    ("f", "at"),
    [
        (special.ellipk, 0.0),
        (special.ellipe, 0.0),
        (special.ellipkm1, 1.0),
        (special.spence, 1.0),
        (lambda y: special.inv_boxcox(2.0, y), 0.0),
        (lambda y: special.inv_boxcox1p(2.0, y), 0.0),
    ],
    ids=["ellipk", "ellipe", "ellipkm1", "spence", "inv_boxcox", "inv_boxcox1p"],
)
def test_series_and_formula_meet(f: Callable[..., Any], at: float) -> None:
    """On either side of the border, and through the middle, a derivative's differences are the next derivative."""
    first, second = ag.grad(f), ag.grad(ag.grad(f))
    for x in (0.0, 0.01, 0.0299, 0.0301, 0.06, -0.0149, -0.0151, -0.0301):
        h = 1e-4
        fine = (f(at + x + h) - f(at + x - h)) / (2 * h)
        assert first(at + x) == pytest.approx(float(fine), rel=1e-6), x
        slope = (first(at + x + h) - first(at + x - h)) / (2 * h)
        assert second(at + x) == pytest.approx(float(slope), rel=1e-5), x


def test_second_derivatives_at_zero_are_those_of_the_power_series() -> None:
    assert derivatives(special.ellipk, 0.0, 2) == pytest.approx([np.pi / 2, np.pi / 8, 9 * np.pi / 64], rel=1e-14)
    assert derivatives(special.ellipe, 0.0, 2) == pytest.approx([np.pi / 2, -np.pi / 8, -3 * np.pi / 64], rel=1e-14)
    assert derivatives(special.spence, 1.0, 3) == pytest.approx([0, -1, 1 / 2, -2 / 3], abs=1e-13)
    assert derivatives(special.exprel, 0.0, 3) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4], rel=1e-13)


@pytest.mark.parametrize(
    ("f", "values"),
    [
        (lambda x: special.eval_legendre(0, x), [1, 0, 0]),
        (lambda x: special.eval_legendre(3, x), [-0.4375, 0.375, 7.5]),
        (lambda x: special.eval_chebyt(3, x), [-1, 0, 12]),
        (lambda x: special.eval_laguerre(2, x), [0.125, -1.5, 1]),
    ],
)
def test_polynomials_of_integer_order(f: Callable[..., Any], values: list[float]) -> None:
    assert derivatives(f, 0.5, 2) == pytest.approx(values, rel=1e-13, abs=1e-14)


def test_the_reciprocal_gamma_function_on_both_sides_of_one_half() -> None:
    exact = (np.euler_gamma + 2 * np.log(2)) / np.sqrt(np.pi)
    assert ag.grad(special.rgamma)(0.5) == pytest.approx(exact, rel=1e-14)
    assert ag.grad(special.rgamma)(np.nextafter(0.5, 0)) == pytest.approx(exact, rel=1e-14)


def test_log_ndtr_is_exact_far_to_the_left() -> None:
    """Where the density and the distribution function both underflow, their quotient is -x + 1/(-x) - …"""
    x = -1e6
    assert ag.grad(special.log_ndtr)(x) == pytest.approx(1e6 + 1e-6, rel=1e-15)


def test_a_complex_argument_of_a_scaled_function_is_refused() -> None:
    z = ag.tensor([1.0 + 1.0j], requires_grad=True)
    with pytest.raises(ag.UnsupportedError, match="no complex derivative"):
        special.ive(1, z).backward(np.ones(1, complex))


def test_complex_error_function() -> None:
    z = ag.tensor([0.3 + 0.4j], requires_grad=True)
    special.erf(z).backward(np.ones(1, complex))
    exact = 2 / np.sqrt(np.pi) * np.exp(-((0.3 + 0.4j) ** 2))
    np.testing.assert_allclose(z.grad.numpy(), [np.conj(exact)], rtol=1e-14)


def test_no_derivative_at_infinity_hangs() -> None:
    """SciPy's hyp1f1 does not return for an infinite argument, which log(0) makes of it."""
    x = ag.tensor(0.0)
    power = ag.tensor(-0.5, requires_grad=True)
    with np.errstate(all="ignore"):
        special.boxcox(x, power).backward()
    assert power.grad.numpy() == np.inf
