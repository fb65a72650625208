"""Bessel functions of real positive argument, derived by their order, any number of times.

J and I are Schläfli's integrals of exp(x sinh t - v t) and exp(x cosh t - v t) over t, from infinity - πi to
infinity + πi (10.9.19); here the way leads through the saddle point, down which the integrand falls off, so that no
digits cancel where these functions are small. Y and K are integrals of positive functions, and of an oscillation of
size 1 (10.9.7, 10.32.9). To derive by v is to multiply the integrand by -t.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .panel import DEPTH, NODES, WEIGHTS, elementwise_in_double

_RADIANS = 25.0  # of an oscillation, for which one panel has nodes enough
_ROOM = 16_000  # nodes at a time, which stay in the cache
_MOST = 2**17  # panels; with more the phase of the oscillation has lost its digits, and the result is NaN
Wave = Callable[[Any], Any]


def _panels(count: int) -> tuple[Any, Any]:
    """Return nodes and weights on [0, 1] in that number of equal panels."""
    return ((np.arange(count)[:, None] + NODES) / count).reshape(-1), np.tile(WEIGHTS / count, count)


def _integral(start: Any, width: Any, radians: Any, f: Callable[..., Any], *parameters: Any) -> Any:
    """Return the integrals of f(t, *parameters) from `start` on, in as many panels as its oscillation asks for."""
    panels = 2 ** np.ceil(np.log2(np.maximum(radians / _RADIANS, 2)))
    integral = np.full(start.shape, np.nan)
    for count in np.unique(panels[panels <= _MOST]):
        nodes, weights = _panels(int(count))
        alike = np.flatnonzero(panels == count)
        step = max(1, _ROOM // nodes.size)
        for rows in (alike[i : i + step] for i in range(0, alike.size, step)):
            t = start[rows, None] + width[rows, None] * nodes
            integral[rows] = width[rows] * (f(t, *(p[rows, None] for p in parameters)) @ weights)
    return integral


def _peak(mu: Any, x: Any, wave: Wave) -> Any:
    """Return where mu t - x wave(t) is largest, for t of 0 and more."""
    quotient = mu / x
    return np.arccosh(np.maximum(quotient, 1)) if wave is np.sinh else np.arcsinh(np.maximum(quotient, 0))


def _reach(mu: Any, x: Any, start: Any, wave: Wave) -> Any:
    """Return beyond which t the exponent mu t - x wave(t) is DEPTH below its largest value from `start` on."""
    slope = np.cosh if wave is np.sinh else np.sinh
    top = np.maximum(_peak(mu, x, wave), start)
    highest = mu * top - x * wave(top)
    t = top + 2 + np.log1p(2 * DEPTH / np.maximum(x * np.cosh(top), 1e-300))
    for _ in range(8):  # Newton's steps down a convex function stay above its root
        t = t - (highest - DEPTH - mu * t + x * wave(t)) / (x * slope(t) - mu)
    return t


def _power(t: Any, k: int) -> Any:
    return 1.0 if k == 0 else functools.reduce(lambda total, _: total * t, range(k - 1), t)


def _schlaefli(v: Any, x: Any, k: int, wave: Wave, scaled: bool) -> Any:
    """Return J (wave = sinh) or I (cosh), derived k times by v; scaled, I times exp(-x)."""
    alpha = _peak(v, x, wave)
    falls, turns = x * wave(alpha), x * (np.cosh(alpha) if wave is np.sinh else np.sinh(alpha))
    shift = x if scaled else 0.0
    width = np.arccos(np.maximum(1 - DEPTH / np.maximum(falls, 1e-300), -1.0))

    def down(theta: Any, v: Any, falls: Any, turns: Any, alpha: Any) -> Any:
        half = np.sin(0.5 * theta)
        inside = np.exp(-2 * falls * half * half + 1j * (turns * np.sin(theta) - v * theta))
        return (inside * _power(-alpha - 1j * theta, k)).real

    zero = np.zeros(v.shape)
    radians = (np.abs(v) + turns) * width
    over = np.exp(falls - v * alpha - shift) * _integral(zero, width, radians, down, v, falls, turns, alpha)

    def along(t: Any, v: Any, x: Any, shift: Any) -> Any:
        inside = np.exp(-x * wave(t) - v * t - shift)
        turned = np.exp(-1j * math.pi * np.remainder(v, 2))
        return (inside * (turned * _power(-t - 1j * math.pi, k))).imag

    end = _reach(-v, x, alpha, wave)
    return (over + _integral(alpha, end - alpha, zero, along, v, x, shift + zero)) / math.pi


def _weber(v: Any, x: Any, k: int) -> Any:
    """Return Y, derived k times by v."""
    zero = np.zeros(v.shape)

    def around(theta: Any, v: Any, x: Any) -> Any:
        return (np.exp(1j * (x * np.sin(theta) - v * theta)) * _power(-1j * theta, k)).imag

    def rising(t: Any, v: Any, x: Any) -> Any:
        return np.exp(v * t - x * np.sinh(t)) * _power(t, k)

    def falling(t: Any, v: Any, x: Any) -> Any:
        turned = np.exp(-1j * math.pi * np.remainder(v, 2)) * _power(-t - 1j * math.pi, k)
        return np.exp(-v * t - x * np.sinh(t)) * turned.real

    total = _integral(zero, zero + math.pi, (np.abs(v) + x) * math.pi, around, v, x)
    for mu, part in ((v, rising), (-v, falling)):
        # A sharp peak, for orders of some hundred, has separate panels.
        total = total - _integral(zero, _reach(mu, x, zero, np.sinh), 4 * _RADIANS + np.abs(v), part, v, x)
    return total / math.pi


def _macdonald(v: Any, x: Any, k: int, scaled: bool) -> Any:
    """Return K, derived k times by v; scaled, times exp(x)."""
    shift = 1.0 if scaled else 0.0
    zero, sign = np.zeros(v.shape), (-1.0) ** k

    def inside(t: Any, v: Any, x: Any) -> Any:
        fall = x * (2 * np.square(np.sinh(0.5 * t)) + (1 - shift))
        return 0.5 * (np.exp(v * t - fall) + sign * np.exp(-v * t - fall)) * _power(t, k)

    v, sign_of_v = np.abs(v), np.where(v < 0, sign, 1.0)
    return sign_of_v * _integral(zero, _reach(v, x, zero, np.cosh), 4 * _RADIANS + v, inside, v, x)


def _positive(v: Any, x: Any) -> Any:
    return (x > 0) & (x < np.inf) & (np.abs(v) < np.inf)


def _zeros(at_0: bool, at_infinity: bool) -> Callable[..., Any]:
    """Return where a function is 0 for all orders near v. At negative x it is complex for most of them."""

    def zero(v: Any, x: Any) -> Any:
        return (at_0 & (x == 0) & (v > 0)) | (at_infinity & (x == np.inf) & (np.abs(v) < np.inf))

    return zero


def _by_order(
    compute: Callable[..., Any], *how: Any, at_0: bool = False, at_infinity: bool = True
) -> Callable[..., Any]:
    return elementwise_in_double(_positive, lambda v, x, order: compute(v, x, order, *how), _zeros(at_0, at_infinity))


jv_by_order = _by_order(_schlaefli, np.sinh, False, at_0=True)
yv_by_order = _by_order(_weber)
iv_by_order = _by_order(_schlaefli, np.cosh, False, at_0=True, at_infinity=False)
ive_by_order = _by_order(_schlaefli, np.cosh, True, at_0=True)
kv_by_order = _by_order(_macdonald, False)
kve_by_order = _by_order(_macdonald, True)
