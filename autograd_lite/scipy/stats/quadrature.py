"""Distribution functions that have no closed form: densities integrated, and sums over a Poisson variable."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.errors import UnsupportedError
from ...tensors.tensor import Tensor
from .masks import largest, may_hold, without_derivative
from .rows import HALF_LOG_2PI, stirling


def tanh_sinh(step: float) -> tuple[Any, Any, Any]:
    """Return nodes of (0, 1), counted from below and, without cancellation, from above; and their weights."""
    t = np.arange(-math.floor(3.5 / step), math.floor(3.5 / step) + 1) * step
    below, above = 1 / (1 + np.exp(-math.pi * np.sinh(t))), 1 / (1 + np.exp(math.pi * np.sinh(t)))
    return below, above, step * math.pi * np.cosh(t) * below * above


# Nodes of (0, ∞) for densities that decay exponentially.
_S = np.arange(-144, 225) / 32
_RAY = np.exp(_S - np.exp(-_S))
_RAY_WEIGHTS = _RAY * (1 + np.exp(-_S)) / 32


def integral(
    log_density: Callable[..., Any], x: Any, shapes: Sequence[Any], positive: bool, center: Any
) -> tuple[Any, Any]:
    """Return the integral of a density from x to the end on the other side of a center, and where that is below x.

    The rule has 369 nodes x ± exp(t - exp(-t)), on the axis of log x if the support is x > 0, for densities whose tails
    decay exponentially.

    Args:
        log_density: the formula.
        x: where.
        shapes: of the density.
        positive: whether the support is x > 0; otherwise it is unbounded.
        center: about where the density is.

    References:
        Takahasi, Mori: Double exponential formulas for numerical integration, 1974, equation 3.19.
    """
    if positive:
        x, center = np.log(x), np.log(center)
    x, center, *shapes = (np.expand_dims(a, -1) for a in (x, center, *shapes))
    low = without_derivative(x) < center
    at = np.clip(x + np.where(low, -_RAY, _RAY), -700.0, 700.0)
    log = log_density(np.exp(at), *shapes) + at if positive else log_density(at, *shapes)
    return (np.exp(log) * _RAY_WEIGHTS).sum(axis=-1), low[..., 0]


def total(log_mass: Callable[..., Any], k: Any, shapes: Sequence[Any], lower: Any) -> Any:
    """Return the sum of probabilities from the lower end of the support to k, whose values must be known.

    Raises:
        UnsupportedError: in a compiled function, if k or a shape that ends the support is one of its arguments.
    """
    if isinstance(k, Tensor) or isinstance(lower, Tensor):
        raise UnsupportedError(
            "scipy.stats: a distribution function that is a sum of probabilities expects an array k, whose values tell "
            "where to end; received a Tensor whose values are not known. Pass k as a constant"
        )
    k, lower, *shapes = (np.expand_dims(a, -1) for a in (k, lower, *shapes))
    j = lower + np.arange(largest(k - lower, 0) + 1)
    return np.where(j > k, 0.0, np.exp(log_mass(np.minimum(j, k), *shapes))).sum(axis=-1)


def _counts(peak: Any) -> Any:
    """Return the numbers around the largest term, 12 standard deviations and 30; from 0 to 255 where it is not known.

    The latter, in compiled functions, is enough for rates up to 110.
    """
    if not isinstance(peak, np.ndarray | float | int | np.generic):
        return np.arange(256.0)
    reach = 12 * np.sqrt(np.fmax(peak, 0.0)) + 30
    first = np.floor(np.fmax(peak - reach, 0.0))
    return np.expand_dims(first, -1) + np.arange(largest(np.ceil(peak + reach) - first, 0.0) + 1)


def _log_weight(j: Any, rate: Any) -> Any:
    """Return the log of the probability of j, without large terms that cancel."""
    some = np.maximum(j, 1.0)
    peak = HALF_LOG_2PI + 0.5 * np.log(some) + stirling(1 / some)
    return np.where(j == 0, -rate, some * np.log1p((rate - some) / some) - (rate - some) - peak)


def poisson_mixture(f: Callable[..., Any], rate: Any, *arguments: Any) -> Any:
    """Return the mean of f(j, *arguments) over a Poisson variable j of a rate."""
    j = _counts(without_derivative(rate))
    rates, *rest = (np.expand_dims(a, -1) for a in (rate, *arguments))
    none = without_derivative(rates) == 0
    some = np.where(none, 1.0, rates) if may_hold(none) else rates
    value = (np.exp(_log_weight(j, some)) * f(j, *rest)).sum(axis=-1)
    if not may_hold(none):
        return value
    first = f(np.arange(3.0), *rest)  # for rate 0 the value, the first and the second derivative
    rise = first[..., 1] - first[..., 0]
    bend = first[..., 2] - first[..., 1] - rise
    return np.where(none[..., 0], first[..., 0] + rate * (rise + 0.5 * rate * bend), value)


def log_poisson_mixture(f: Callable[..., Any], rate: Any, *arguments: Any, peak: Any) -> Any:
    """Return the log of the mean of exp(f(j, *arguments)), whose terms are largest at a peak."""
    j = _counts(peak)
    rates, *rest = (np.expand_dims(a, -1) for a in (rate, *arguments))
    none = without_derivative(rates) == 0
    some = np.where(none, 1.0, rates) if may_hold(none) else rates
    log = _log_weight(j, some) + f(j, *rest)
    most = without_derivative(log).max(axis=-1, keepdims=True)
    value = np.log(np.exp(log - most).sum(axis=-1)) + most[..., 0]
    if not may_hold(none):
        return value
    first = f(np.arange(3.0), *rest)
    ratios = np.exp(first - first[..., :1])
    rise = ratios[..., 1] - 1
    bend = ratios[..., 2] - ratios[..., 1] - rise
    return np.where(none[..., 0], first[..., 0] + np.log1p(rate * (rise + 0.5 * rate * bend)), value)
