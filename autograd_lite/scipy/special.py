"""`scipy.special` on Tensors: SciPy's ufuncs, which take them by themselves, and its functions that do not ask NumPy.

`python -m autograd_lite help special` says which ufuncs have derivatives by which arguments. Whatever is not defined
here is SciPy's own.

Example:
    >>> import numpy as np
    >>> import autograd_lite as ag
    >>> from autograd_lite.scipy import special
    >>> ag.grad(special.logsumexp)(np.zeros(4)).tolist()
    [0.25, 0.25, 0.25, 0.25]
    >>> ag.grad(special.gammaln)(1.0) == special.digamma(1.0)
    np.True_
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..functions import activation_functions
from .calls import takes_tensors
from .unwrapped import special

__all__ = sorted({*special.__all__})
__dir__ = __all__.copy


def __getattr__(name: str) -> Any:
    """Return SciPy's function of a name that is not defined here."""
    return getattr(special, name)


@takes_tensors(special.logsumexp, by="a, b")
def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """Return log(sum b exp(a)) without overflow; elements with b = 0 have no part in it."""
    if b is None and not return_sign and a.dtype.kind != "c":
        return activation_functions.logsumexp(a, axis, keepdims)
    if b is not None:
        a, b = np.broadcast_arrays(a, b)
        a = np.where(b == 0, -np.inf, a)
    largest = np.max(np.real(a), axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    if hasattr(largest, "detach"):
        largest = largest.detach()  # the result does not depend on it
    terms = np.exp(a - largest)
    total = np.sum(terms if b is None else b * terms, axis=axis, keepdims=True)
    sign = np.sign(total)
    result = np.log(total * np.conj(sign) if return_sign else total) + largest
    if not keepdims:
        result, sign = np.squeeze(result, axis), np.squeeze(sign, axis)
    return (result, sign) if return_sign else result


@takes_tensors(special.softmax, by="x")
def softmax(x: Any, axis: Any = None) -> Any:
    """Return exp(x) over its sum along the axes."""
    return activation_functions.softmax(x, axis)


@takes_tensors(special.log_softmax, by="x")
def log_softmax(x: Any, axis: Any = None) -> Any:
    """Return the logarithm of softmax."""
    return activation_functions.log_softmax(x, axis)


def softplus(x: Any, **kwargs: Any) -> Any:
    """Return log(1 + exp(x)), as `scipy.special.softplus`, which is new in SciPy 1.17."""
    return np.logaddexp(0, x, **kwargs)


@takes_tensors(special.polygamma, by="x", note="n counts")
def polygamma(n: Any, x: Any) -> Any:
    """Return the n-th derivative of digamma, by Hurwitz's zeta function."""
    n = np.asarray(n)
    if n.ndim == 0 and n == 0:
        return special.psi(x)
    higher = (-1.0) ** (n + 1) * special.gamma(n + 1.0) * special.zeta(n + 1.0, x)
    return higher if np.all(n > 0) else np.where(n == 0, special.psi(x), higher)


@takes_tensors(special.multigammaln, by="a", note="d counts")
def multigammaln(a: Any, d: int) -> Any:
    """Return the logarithm of the multivariate gamma function, a sum of d of those of one variable.

    Raises:
        ValueError: if d is not a whole number.
    """
    if np.ndim(d) or int(d) != d:
        raise ValueError(f"expected d to be a whole number, received {d!r}; it is the dimension")
    return d * (d - 1) / 4 * math.log(math.pi) + np.sum(special.gammaln(a[..., None] - np.arange(d) / 2.0), axis=-1)


@takes_tensors(special.comb, by="N, k", note="not with exact=True")
def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """Return N over k, of any real numbers; 0 where k is not between 0 and N."""
    _refuse_exact("comb", exact)
    if repetition:
        return np.where((k == 0) & (N >= 0), 1.0, comb(N + k - 1, k))
    return np.where((k <= N) & (N >= 0) & (k >= 0), special.binom(N, k), 0.0)


@takes_tensors(special.perm, by="N, k", note="not with exact=True")
def perm(N: Any, k: Any, exact: bool = False) -> Any:
    """Return N! / (N - k)!, of any real numbers; 0 where k is not between 0 and N."""
    _refuse_exact("perm", exact)
    return np.where((k <= N) & (N >= 0) & (k >= 0), special.poch(N - k + 1, k), 0.0)


@takes_tensors(special.factorial, by="n", note="not with exact=True")
def factorial(n: Any, exact: bool = False, extend: str = "zero") -> Any:
    """Return Γ(n + 1); 0 for negative n, unless extend is "complex"."""
    _refuse_exact("factorial", exact)
    result = special.gamma(n + 1.0)
    return result if extend == "complex" else np.where(n < 0, 0.0, result)


def _refuse_exact(name: str, exact: bool) -> None:
    if exact:
        raise ValueError(f"scipy.special.{name}: expected exact=False, received True; detach the Tensors")


def _of_order(f: Any, v: Any, z: Any, n: int, sign: int) -> Any:
    """Return the n-th derivative of a Bessel function by z, over its neighbors (10.6.7, 10.29.5)."""
    if n == 0:
        return f(v, z)
    terms = [math.comb(n, k) * sign**k * f(v - n + 2 * k, z) for k in range(n + 1)]
    return sum(terms[1:], terms[0]) / 2.0**n


@takes_tensors(special.jvp, by="v, z", note="n counts")
def jvp(v: Any, z: Any, n: int = 1) -> Any:
    """Return the n-th derivative of jv by z."""
    return _of_order(special.jv, v, z, n, -1)


@takes_tensors(special.yvp, by="v, z", note="n counts")
def yvp(v: Any, z: Any, n: int = 1) -> Any:
    """Return the n-th derivative of yv by z."""
    return _of_order(special.yv, v, z, n, -1)


@takes_tensors(special.ivp, by="v, z", note="n counts")
def ivp(v: Any, z: Any, n: int = 1) -> Any:
    """Return the n-th derivative of iv by z."""
    return _of_order(special.iv, v, z, n, 1)


@takes_tensors(special.kvp, by="v, z", note="n counts")
def kvp(v: Any, z: Any, n: int = 1) -> Any:
    """Return the n-th derivative of kv by z."""
    return (-1) ** n * _of_order(special.kv, v, z, n, 1)


@takes_tensors(special.spherical_jn, by="z", note="n counts, z is positive")
def spherical_jn(n: Any, z: Any, derivative: bool = False) -> Any:
    """Return the spherical Bessel function of the first kind (10.47.3), or its derivative (10.51.2)."""
    return _spherical(special.jv, 1, n, z, derivative)


@takes_tensors(special.spherical_yn, by="z", note="n counts, z is positive")
def spherical_yn(n: Any, z: Any, derivative: bool = False) -> Any:
    """Return the spherical Bessel function of the second kind (10.47.4), or its derivative (10.51.2)."""
    return _spherical(special.yv, 1, n, z, derivative)


@takes_tensors(special.spherical_in, by="z", note="n counts, z is positive")
def spherical_in(n: Any, z: Any, derivative: bool = False) -> Any:
    """Return the modified spherical Bessel function of the first kind (10.47.7), or its derivative (10.51.5)."""
    return _spherical(special.iv, -1, n, z, derivative)


@takes_tensors(special.spherical_kn, by="z", note="n counts, z is positive")
def spherical_kn(n: Any, z: Any, derivative: bool = False) -> Any:
    """Return the modified spherical Bessel function of the second kind (10.47.9), or its derivative (10.51.5)."""
    return _spherical(special.kv, 1, n, z, derivative)


def _spherical(f: Any, sign: int, n: Any, z: Any, derivative: bool) -> Any:
    n = np.asarray(n)
    factor = np.sqrt((0.5 * math.pi) / z)
    value = factor * f(n + 0.5, z)
    return n / z * value - sign * factor * f(n + 1.5, z) if derivative else value
