"""Distribution functions that have no closed form: densities integrated, and sums over a Poisson variable."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core.errors import UnsupportedError
from ...tensors.tensor import Tensor
from ..unwrapped import special as sp
from .masks import largest, shown


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
    low = shown(x) < center
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


def poisson_mixture(f: Callable[..., Any], rate: Any, *arguments: Any) -> Any:
    """Return the mean of f(j, *arguments) over a Poisson variable j of a rate.

    The sum ends 12 standard deviations and 30 above the largest rate; in compiled functions, where it is not known, at
    255, which is enough for rates up to 110.
    """
    known = shown(rate)
    most = float(largest(known, 0.0)) if isinstance(known, np.ndarray | float | int | np.generic) else None
    j = np.arange(256.0 if most is None else math.ceil(most + 12 * math.sqrt(most)) + 31.0)
    rate, *rest = (np.expand_dims(a, -1) for a in (rate, *arguments))
    return (np.exp(sp.xlogy(j, rate) - rate - sp.gammaln(j + 1)) * f(j, *rest)).sum(axis=-1)
