"""The Faddeeva function with its derivatives of any order, and Voigt's profile, which is its real part."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .records import UfuncRow, own_row, scipy_row, sp, ufunc_named

FAR = 6.0  # of |Re z| + |Im z|: from here on TERMS steps of the recurrence have all digits
TERMS = 40


def derivative_of_w(n: int, z: Any) -> Any:
    """Return the n-th derivative of w(z) = exp(-z²) erfc(-iz), for z in the upper half plane.

    Near 0 by wⁿ⁺¹ = -2z wⁿ - 2n wⁿ⁻¹ (DLMF 7.10.3), whose terms cancel far from 0. There wⁿ = (2i)ⁿ n! yₙ, where the
    repeated integrals yₙ = exp(-z²) iⁿerfc(-iz) have ratios that a backward recurrence gives (DLMF 7.18.7).
    """
    w = ufunc_named("wofz")(z)
    if n == 0:
        return w
    before, near = w, 2j / math.sqrt(math.pi) - 2 * z * w
    for k in range(1, n):
        before, near = near, -2 * z * near - 2 * k * before
    far = np.abs(z.real) + np.abs(z.imag) > FAR
    u = -1j * np.where(far, z, FAR * 1j)
    ratio, product = np.zeros_like(u), np.ones_like(u)
    for k in range(TERMS + n, 0, -1):
        ratio = 1 / (2 * u + 2 * (k + 1) * ratio)  # of yₖ to yₖ₋₁
        product = product * ratio if k <= n else product
    return np.where(far, (2j) ** n * math.factorial(n) * w * product, near)


def _part(part: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return the real or imaginary part of a derivative of w at a + ib."""

    def f(a: Any, b: Any, order: int = 0) -> Any:
        return part(derivative_of_w(order, a + 1j * b))

    return f


_C = 1 / (2 * math.sqrt(math.pi))


def _voigt(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return a partial of Re w((x + iγ) / (σ√2)) / (σ√(2π)); by σ it is the second one by x, times σ."""

    def partial(out: Any, x: Any, sigma: Any, gamma: Any) -> Any:
        width = sigma * math.sqrt(2)
        return rule(x / width, gamma / width) / (sigma * sigma)

    return partial


FADDEEVA: dict[str, UfuncRow] = {
    "faddeeva_real": own_row(
        _part(np.real),
        lambda out, x, y, order=0: sp.faddeeva_real(x, y, order=order + 1),
        lambda out, x, y, order=0: -sp.faddeeva_imag(x, y, order=order + 1),
        saves="xy",
        domain=("any", "positive"),
    ),
    "faddeeva_imag": own_row(
        _part(np.imag),
        lambda out, x, y, order=0: sp.faddeeva_imag(x, y, order=order + 1),
        lambda out, x, y, order=0: sp.faddeeva_real(x, y, order=order + 1),
        saves="xy",
        domain=("any", "positive"),
    ),
    "voigt_profile": scipy_row(
        _voigt(lambda a, b: sp.faddeeva_real(a, b, order=1) * _C),
        _voigt(lambda a, b: sp.faddeeva_real(a, b, order=2) * (_C / math.sqrt(2))),
        _voigt(lambda a, b: sp.faddeeva_imag(a, b, order=1) * -_C),
        saves="xyz",
        domain=("any", "positive", "positive"),
    ),
}
