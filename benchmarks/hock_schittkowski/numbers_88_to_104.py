"""Problems 88 to 104."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import brentq

from .problem import Problem, few, many, total

# ---- 88 to 92: heating a rod, a series of cosines --------------------------------------------------------------------

MU = np.array([brentq(lambda z: z * np.sin(z) - np.cos(z), k * np.pi, (k + 0.5) * np.pi) for k in range(30)])
SCALE = 2 * np.sin(MU) / (MU + np.sin(MU) * np.cos(MU))
OVERLAP = 0.5 * np.sinc((MU[:, None] + MU) / np.pi) + 0.5 * np.sinc((MU[:, None] - MU) / np.pi)
MIXED = (np.sin(MU) / MU - np.cos(MU)) / MU**2  # of a cosine with (1 - s^2) / 2


def ge88(x: Any) -> list[Any]:
    """Return 1e-4 less the integral over s of (sum_j mu_j^2 A_j rho_j cos(mu_j s) - (1 - s^2) / 2)^2."""
    n = len(x)
    tail = 0.0
    rho = (-1.0) ** n
    for i in reversed(range(n)):
        tail = tail + x[i] ** 2
        rho = rho + (-1.0) ** i * (1 if i == 0 else 2) * np.exp(-(MU**2) * tail)
    weights = -rho * SCALE
    return [1e-4 - (total(weights * (OVERLAP @ weights)) - 2 * total(weights * MIXED) + 2 / 15)]


def rod(n: int) -> Problem:
    start = 0.5 * (-1.0) ** np.arange(n)
    at = [1.074319, -0.4566137] + [0.0] * (n - 2)
    return many(86 + n, start, lambda x: (x * x).sum(), 1.36265681, at, ge=ge88)


# ---- 93: a transformer -----------------------------------------------------------------------------------------------


def f93(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any) -> Any:
    core, winding = x1 * x4 * (x1 + x2 + x3), x2 * x3 * (x1 + 1.57 * x2 + x4)
    return 0.0204 * core + 0.0187 * winding + 0.0607 * core * x5**2 + 0.0437 * winding * x6**2


def ge93(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any) -> list[Any]:
    core, winding = x1 * x4 * (x1 + x2 + x3), x2 * x3 * (x1 + 1.57 * x2 + x4)
    return [0.001 * x1 * x2 * x3 * x4 * x5 * x6 - 2.07, 1 - 0.00062 * core * x5**2 - 0.00058 * winding * x6**2]


# ---- 95 to 98 --------------------------------------------------------------------------------------------------------


def mixture(number: int, b: list[float], best: float, at: list[float], **more: Any) -> Problem:
    def ge(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any) -> list[Any]:
        first = 17.1 * x1 + 38.2 * x2 + 204.2 * x3 + 212.3 * x4 + 623.4 * x5 + 1495.5 * x6
        first = first - 169 * x1 * x3 - 3580 * x3 * x5 - 3810 * x4 * x5 - 18500 * x4 * x6 - 24300 * x5 * x6
        second = 17.9 * x1 + 36.8 * x2 + 113.9 * x3 + 169.7 * x4 + 337.8 * x5 + 1385.2 * x6
        second = second - 139 * x1 * x3 - 2450 * x4 * x5 - 16600 * x4 * x6 - 17200 * x5 * x6
        third = -273 * x2 - 70 * x4 - 819 * x5 + 26000 * x4 * x5
        fourth = 159.9 * x1 - 311 * x2 + 587 * x4 + 391 * x5 + 2198 * x6 - 14000 * x1 * x6
        return [value - side for value, side in zip([first, second, third, fourth], b, strict=True)]

    def f(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any) -> Any:
        return 4.3 * x1 + 31.8 * x2 + 63.3 * x3 + 15.8 * x4 + 68.5 * x5 + 4.7 * x6

    high = [0.31, 0.046, 0.068, 0.042, 0.028, 0.0134]
    return few(number, [0, 0, 0, 0, 0, 0], f, best, at, ge=ge, low=0, high=high, **more)


# ---- 99: a rocket ----------------------------------------------------------------------------------------------------

A99 = [0.0, 50, 50, 75, 75, 75, 100, 100]
T99 = [0.0, 25, 50, 100, 150, 200, 290, 380]


def flight(x: Any) -> tuple[Any, Any, Any]:
    """Return r, q and s after the last step."""
    r = q = s = 0.0
    for i in range(1, 8):
        step = T99[i] - T99[i - 1]
        r = A99[i] * step * np.cos(x[i - 1]) + r
        climb = A99[i] * np.sin(x[i - 1]) - 32
        q = 0.5 * step**2 * climb + step * s + q
        s = step * climb + s
    return r, q, s


def eq99(x: Any) -> list[Any]:
    _, q, s = flight(x)
    return [q - 1e5, s - 1e3]


# ---- 100 to 104 ------------------------------------------------------------------------------------------------------


def f100(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any, x7: Any) -> Any:
    value = (x1 - 10) ** 2 + 5 * (x2 - 12) ** 2 + x3**4 + 3 * (x4 - 11) ** 2 + 10 * x5**6 + 7 * x6**2
    return value + x7**4 - 4 * x6 * x7 - 10 * x6 - 8 * x7


def geometric(number: int, a: float, best: float, at: list[float]) -> Problem:
    """Problems 101 to 103: sums of products of powers."""

    def f(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any, x7: Any) -> Any:
        value = 10 * x1 / x2 * x4**2 / x6**3 * x7**a + 15 / x1 / x2**2 * x3 * x4 / x5 * x7**-0.5
        return value + 20 / x1**2 * x2 / x4 / x5**2 * x6 + 25 * x1**2 * x2**2 / x3 * x5**0.5 / x6**2 * x7

    def ge(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any, x7: Any) -> list[Any]:
        first = 0.5 * x1**0.5 / x3 / x6**2 * x7 + 0.7 * x1**3 * x2 / x3**2 * x6 * x7**0.5
        first = first + 0.2 / x2 * x3 * x4**-0.5 * x6 ** (2 / 3) * x7**0.25
        second = 1.3 * x1**-0.5 * x2 / x3 / x5 * x6 + 0.8 * x3 / x4 / x5 * x6**2
        second = second + 3.1 / x1 * x2**0.5 / x4**2 / x5 * x6 ** (1 / 3)
        third = 2 * x1 * x3**-1.5 * x5 / x6 * x7 ** (1 / 3) + 0.1 * x2 * x3**-0.5 * x5 / x6 * x7**-0.5
        third = third + x2 / x1 * x3**0.5 * x5 + 0.65 / x2**2 * x3 * x5 / x6 * x7
        fourth = 0.2 / x1**2 * x2 / x4 * x5**0.5 * x7 ** (1 / 3)
        fourth = fourth + 0.3 * x1**0.5 * x2**2 * x3 * x4 ** (1 / 3) * x5 ** (-2 / 3) * x7**0.25
        fourth = fourth + 0.4 / x1**3 / x2**2 * x3 * x5 * x7**0.75 + 0.5 / x3**2 * x4 * x7**0.5
        value = f(x1, x2, x3, x4, x5, x6, x7)
        return [1 - first, 1 - second, 1 - third, 1 - fourth, value - 100, 3000 - value]

    return few(number, [6] * 7, f, best, at, ge=ge, low=[0.1] * 6 + [0.01], high=10)


def f104(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any, x7: Any, x8: Any) -> Any:
    return 0.4 * x1**0.67 * x7**-0.67 + 0.4 * x2**0.67 * x8**-0.67 + 10 - x1 - x2


def ge104(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any, x7: Any, x8: Any) -> list[Any]:
    value = f104(x1, x2, x3, x4, x5, x6, x7, x8)
    return [
        1 - 0.0588 * x5 * x7 - 0.1 * x1,
        1 - 0.0588 * x6 * x8 - 0.1 * x1 - 0.1 * x2,
        1 - 4 * x3 / x5 - 2 * x3**-0.71 / x5 - 0.0588 * x3**-1.3 * x7,
        1 - 4 * x4 / x6 - 2 * x4**-0.71 / x6 - 0.0588 * x4**-1.3 * x8,
        value - 1,
        4.2 - value,
    ]


LAST = [0, 0, 0, 0, 0, 0.003323304]  # a minimizer of 95 and 96
THIRD = [0.268565, 0, 0, 0, 0.028, 0.0134]  # of 97 and 98

PROBLEMS: list[Problem] = [
    *(rod(n) for n in range(2, 7)),
    few(
        93,
        [5.54, 4.4, 12.02, 11.82, 0.702, 0.852],
        f93,
        135.075961,
        [5.332666, 4.656744, 10.43299, 12.08230, 0.7526074, 0.87865084],
        ge=ge93,
        low=0,
    ),
    mixture(95, [4.97, -1.88, -29.08, -78.02], 0.015619514, LAST),
    mixture(96, [4.97, -1.88, -69.08, -118.02], 0.015619514, LAST),
    mixture(97, [32.97, 25.12, -29.08, -78.02], 3.1358091, THIRD, others=(4.0712463,)),
    mixture(98, [32.97, 25.12, -124.08, -173.02], 3.1358091, THIRD, others=(4.0712463,)),
    many(
        99,
        [0.5] * 7,
        lambda x: -(flight(x)[0] ** 2),
        -0.831079892e9,
        [0.5424603, 0.5290159, 0.5084506, 0.4802693, 0.4512352, 0.4091878, 0.3527847],
        eq=eq99,
        low=0,
        high=1.58,
    ),
    few(
        100,
        [1, 2, 0, 4, 0, 1, 1],
        f100,
        680.6300573,
        [2.330499, 1.951372, -0.4775414, 4.365726, -0.6244870, 1.038131, 1.594227],
        ge=lambda x1, x2, x3, x4, x5, x6, x7: [
            127 - 2 * x1**2 - 3 * x2**4 - x3 - 4 * x4**2 - 5 * x5,
            282 - 7 * x1 - 3 * x2 - 10 * x3**2 - x4 + x5,
            196 - 23 * x1 - x2**2 - 6 * x6**2 + 8 * x7,
            -4 * x1**2 - x2**2 + 3 * x1 * x2 - 2 * x3**2 - 5 * x6 + 11 * x7,
        ],
    ),
    geometric(101, -0.25, 1809.76476, [2.856159, 0.6108230, 2.150813, 4.712874, 0.9994875, 1.347508, 0.03165277]),
    geometric(
        102, 0.125, 911.880571, [3.8962608, 0.80935814, 2.6643801, 4.3008859, 0.85355224, 1.0952831, 0.027310186]
    ),
    geometric(103, 0.5, 543.667958, [4.3941036, 0.85446879, 2.8432297, 3.3999791, 0.72292604, 0.87040639, 0.024638833]),
    few(
        104,
        [6, 3, 0.4, 0.2, 6, 6, 1, 0.5],
        f104,
        3.9511634396,
        [6.465114, 2.232709, 0.6673975, 0.5957564, 5.932676, 5.527235, 1.013322, 0.4006682],
        ge=ge104,
        low=0.1,
        high=10,
    ),
]
