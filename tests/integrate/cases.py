"""Right-hand sides for laws: small and large, dense and sparse, real and complex."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Case(NamedTuple):
    """A right-hand side `fun(t, y, *args)` with an example of y and arguments."""

    fun: Callable[..., Any]
    y: Any
    args: tuple[Any, ...] = ()


def lotka_volterra(t, y, a, b, c, d):
    return [a * y[0] - b * y[0] * y[1], -c * y[1] + d * y[0] * y[1]]


def robertson(t, y, k):
    a, b, c = y.reshape(3, -1)
    first, second, third = k[0] * a, k[1] * b * c, k[2] * b**2
    return np.concatenate([second - first, first - second - third, third])


def forced(t, y, k):
    return np.cos(k * t) * np.sin(y) - t**2 * y[::-1]


def network(t, y, v, w):
    return v @ np.tanh(w @ y)


def heat(t, y, d):
    return d * np.concatenate([[-2.0 * y[0] + y[1]], y[2:] - 2 * y[1:-1] + y[:-2], [y[-2] - 2 * y[-1]]])


def brusselator(t, y, d):
    u, v = y.reshape(2, -1)
    reaction = u**2 * v
    return np.concatenate([1 + reaction - 4 * u + heat(t, u, d), 3 * u - reaction + heat(t, v, d)])


def oscillation(t, y, w):
    return 1j * w * y + 0.1 * y[::-1] ** 2


def constant(t, y, k):
    return np.stack([k, 2 * k])


def _random(*shape: int) -> Any:
    return np.random.default_rng(0).uniform(0.2, 1.2, shape)


CASES = {
    "two, by a list": Case(lotka_volterra, _random(2), (1.5, 1.0, 3.0, 1.0)),
    "three": Case(robertson, _random(3), (np.array([0.04, 10.0, 30.0]),)),
    "with the time": Case(forced, _random(4), (0.7,)),
    "dense": Case(network, _random(40), (_random(40, 5), _random(5, 40) / 9)),
    "sparse": Case(brusselator, _random(140), (2.0,)),
    "sparse blocks": Case(robertson, _random(150), (np.array([0.04, 10.0, 30.0]),)),
    "sparse and linear": Case(heat, _random(110), (3.0,)),
    "complex": Case(oscillation, _random(3) * (1 + 2j), (np.array([1.0, 2.0, 3.0]) + 0j,)),
    "without y": Case(constant, _random(2), (0.5,)),
}
