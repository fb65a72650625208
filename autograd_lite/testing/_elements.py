"""The numbers that strategies draw: a grid of eighths, on which every value is exact and has neighbours far away.

Hypothesis shrinks towards the first value of a list, so each list begins with the roundest numbers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

from ._hypothesis import st

# What each domain of numbers contains, as (lowest, highest, whether the number belongs).
DOMAINS: dict[str, Any] = {
    "real": lambda v: True,
    "any": lambda v: True,
    "distinct": lambda v: True,
    "positive": lambda v: v > 0,
    "negative": lambda v: v < 0,
    "nonzero": lambda v: v != 0,
    "unit": lambda v: -1 < v < 1,
    "share": lambda v: 0 < v < 1,
    "above one": lambda v: v > 1,
}
# Domains that whole arrays belong to, not single numbers.
MATRICES = ("spd", "invertible", "onehot")
DISCRETE = {"int": range(-4, 5), "bool": (False, True)}
_HIGHEST = 8


def _roundness(value: float) -> tuple[int, float, bool]:
    denominator = value.as_integer_ratio()[1]
    return denominator, abs(value), value < 0


@functools.cache
def grid(low: float = -_HIGHEST, high: float = _HIGHEST) -> tuple[float, ...]:
    """Return the points of a dyadic grid in [low, high], roundest first: eighths, or finer in a short range.

    Example:
        >>> grid(0.0, 1.0)[:6]
        (0.0, 1.0, 0.5, 0.25, 0.75, 0.125)
    """
    if not low <= high:
        raise ValueError(f"strategies: expected a range (low, high) with low <= high; received ({low}, {high})")
    step = 0.125 if high - low >= 2 or high == low else 2.0 ** math.floor(math.log2((high - low) / 16))
    points = [i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)] or [low]
    return tuple(sorted(points, key=_roundness))


@functools.cache
def off_grid() -> tuple[float, ...]:
    """Return the odd eighths: no two are nearer than 1/4, and none is a multiple of 1/4, where steps and kinks lie."""
    return tuple(v for v in grid() if v * 8 % 2 == 1)


def _range(domain: tuple[float, float]) -> tuple[float, ...]:
    low, high = domain
    low = max(low, min(-_HIGHEST, high - 2 * _HIGHEST)) if math.isinf(low) else low
    high = low + 2 * _HIGHEST if math.isinf(high) else high
    return grid(float(low), float(high))


def _points(domain: Any) -> Sequence[Any]:
    if isinstance(domain, tuple):
        return _range(domain)
    if domain in DISCRETE:
        return sorted(DISCRETE[domain], key=lambda v: (abs(v), v < 0))
    if domain not in DOMAINS:
        known = ", ".join([*DOMAINS, *DISCRETE, *MATRICES])
        raise ValueError(
            f"strategies: expected a domain among {known}, a range (low, high) or a strategy; received {domain!r}"
        )
    return [v for v in grid() if DOMAINS[domain](v)]


def elements(domain: Any = "real", *, kinks: str = "any", extent: float = _HIGHEST) -> Any:
    """Draw one number.

    Args:
        domain: "real" (or "any"), "positive", "negative", "nonzero", "unit" (inside -1 … 1), "share"
            (inside 0 … 1), "above one", "distinct" (here the
            same as "real"), "int", "bool", a range (low, high), or any strategy, which is returned as it is.
        extent: the largest size of a number of a named domain.
        kinks: "any"; "avoid" draws off the multiples of 1/4; "seek" draws 0, ±1 and ±2 where the domain has them.
    """
    if hasattr(domain, "example"):
        return domain
    points = _points(domain)
    if isinstance(domain, str) and domain not in DISCRETE:
        points = [v for v in points if abs(v) <= extent]
    if kinks == "avoid" and isinstance(domain, str) and domain not in DISCRETE:
        points = [v for v in off_grid() if v in points] or points
    if kinks == "seek":
        points = [v for v in points if v in (0, 1, -1, 2, -2)] or points[:2]
    return st.sampled_from(points)


def simplest(domain: Any) -> Any:
    """Return a number of the domain that is nothing special: neither 0 nor 1 if that can be helped."""
    if domain in DISCRETE:
        return DISCRETE[domain][-1]
    points = _points(domain)
    return next((v for v in (1.5, 0.5, *points) if v in points), points[0])
