"""Functions of `scipy.special` besides its ufuncs, as expressions of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sp

from ...numpy.covers import asarray


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """Compute log(sum b exp(a)) without overflow, as `scipy.special.logsumexp`.

    Args:
        a: real or complex, of any shape.
        axis: an axis or a tuple of them; all by default.
        b: factors, broadcastable to a.
        keepdims: keep the axes, with length 1.
        return_sign: return (log |sum|, sign).

    Example:
        >>> logsumexp([1000.0, 1000.0])
        np.float64(1000.6931471805599)
    """
    a = asarray(a)
    largest = np.max(np.real(a), axis=axis, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0.0)
    if hasattr(largest, "detach"):
        largest = largest.detach()  # the result does not depend on it
    terms = np.exp(a - largest)
    total = np.sum(terms if b is None else b * terms, axis=axis, keepdims=True)
    sign = np.sign(total)
    result = np.log(total * sign if return_sign else total) + largest
    if not keepdims:
        result, sign = np.squeeze(result, axis), np.squeeze(sign, axis)
    return (result[()], sign[()]) if return_sign else result[()]


def polygamma(n: Any, x: Any) -> Any:
    """Compute the n-th derivative of digamma, as `scipy.special.polygamma`.

    Example:
        >>> polygamma(1, 1.0)
        np.float64(1.6449340668482266)
    """
    n = np.asarray(n)
    if not n.ndim and n == 0:
        return sp.psi(x)
    higher = (-1.0) ** (n + 1) * sp.gamma(n + 1.0) * sp.zeta(n + 1.0, x)
    return higher if np.all(n > 0) else np.where(n == 0, sp.psi(x), higher)


def multigammaln(a: Any, d: int) -> Any:
    """Compute the logarithm of the multivariate gamma function, as `scipy.special.multigammaln`."""
    a = asarray(a)
    parts = sp.gammaln(a[..., None] - np.arange(d) / 2.0)
    return d * (d - 1) / 4 * math.log(math.pi) + np.sum(parts, axis=-1)


ADDITIONS = {f.__name__: f for f in (logsumexp, polygamma, multigammaln)}
