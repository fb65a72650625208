"""Problems 67 to 87."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .problem import Problem, few, many, total


def erf(x: Any) -> Any:
    """Return the error function of a number, a Tensor or a symbol of CasADi."""
    if hasattr(x, "erf"):
        return x.erf()
    from autograd_lite.scipy import special

    return special.erf(x)


# ---- 67: an alkylation plant, whose inner iterations have solutions in closed form (roots of quadratic equations) ----


def plant(x: Any) -> list[Any]:
    """Return y2 to y8 of problem 67."""
    x1, x2, x3 = (x[i] for i in range(3))
    # y2 = 0.01 x1 (112 + 13.167 y6 - 0.6667 y6^2) where y6 = (x2 + 1.22 y2 - x1) / x1, so y2 = x1 (y6 + 1 - x2/x1)/1.22
    linear = 0.13167 - 1 / 1.22
    constant = 1.12 - (1 - x2 / x1) / 1.22
    y6 = (linear + np.sqrt(linear**2 + 4 * 0.006667 * constant)) / (2 * 0.006667)
    y3 = x1 * y6 - x2
    y2 = (y3 + x1) / 1.22
    # y4 (y2 y7 + 1000 x3) = 98000 x3 where y7 = high - slope y4
    slope = 0.222 * 3 * 0.325
    high = 35.82 + 0.222 * 133 - 0.666 * (86.35 + 1.098 * y6 - 0.038 * y6**2 - 0.325 * 89)
    half = (high * y2 + 1000 * x3) / 2
    y4 = 98000 * x3 / (half + np.sqrt(half**2 - slope * y2 * 98000 * x3))
    y5 = 86.35 + 1.098 * y6 - 0.038 * y6**2 + 0.325 * (y4 - 89)
    y8 = 3 * y5 - 133
    return [y2, y3, y4, y5, y6, 35.82 - 0.222 * y8, y8]


LOW67 = [0, 0, 85, 90, 3, 0.01, 145]
HIGH67 = [5000, 2000, 93, 95, 12, 4, 162]


def f67(x: Any) -> Any:
    y = plant(x)
    return -(0.063 * y[0] * y[3] - 5.04 * x[0] - 3.36 * y[1] - 0.035 * x[1] - 10 * x[2])


def ge67(x: Any) -> list[Any]:
    y = plant(x)
    return [y[i] - LOW67[i] for i in range(7)] + [HIGH67[i] - y[i] for i in range(7)]


# ---- 68, 69: cost-optimal inspection plans ---------------------------------------------------------------------------


def normal_cdf(x: Any) -> Any:
    return 0.5 + 0.5 * erf(x / np.sqrt(2))


def inspection(number: int, a: float, b: float, d: float, n: int, best: float, at: list[float]) -> Problem:
    def f(x1: Any, x2: Any, x3: Any, x4: Any) -> Any:
        grown = np.exp(x1) - 1
        return (a * n - (b * grown - x3) * x4 / (grown + x4)) / x1

    def eq(x1: Any, x2: Any, x3: Any, x4: Any) -> list[Any]:
        shift = d * np.sqrt(n)
        return [x3 - 2 * normal_cdf(-x2), x4 - normal_cdf(-x2 + shift) - normal_cdf(-x2 - shift)]

    return few(number, [1, 1, 1, 1], f, best, at, eq=eq, low=[1e-4, 0, 0, 0], high=[100, 100, 2, 2])


# ---- 70 --------------------------------------------------------------------------------------------------------------

C70 = np.array([0.1, *range(1, 19)])
Y70 = np.array([
    0.00189, 0.1038, 0.268, 0.506, 0.577, 0.604, 0.725, 0.898, 0.947, 0.845,
    0.702, 0.528, 0.385, 0.257, 0.159, 0.0869, 0.0453, 0.01509, 0.00189,
])  # fmt: skip


def f70(x1: Any, x2: Any, x3: Any, x4: Any) -> Any:
    b = x3 + (1 - x3) * x4
    first = (1 + 1 / (12 * x2)) * x3 * b**x2 * (x2 / 6.2832) ** 0.5
    first = first * (C70 / 7.685) ** (x2 - 1) * np.exp(x2 - b * C70 * x2 / 7.658)
    second = (1 + 1 / (12 * x1)) * (1 - x3) * (b / x4) ** x1 * (x1 / 6.2832) ** 0.5
    second = second * (C70 / 7.658) ** (x1 - 1) * np.exp(x1 - b * C70 * x1 / (7.658 * x4))
    return total((first + second - Y70) ** 2)


# ---- 72 to 81 --------------------------------------------------------------------------------------------------------


def network(number: int, a: float, best: float, at: list[float]) -> Problem:
    """Problems 74 and 75."""
    return few(
        number,
        [0, 0, 0, 0],
        lambda x1, x2, x3, x4: 3 * x1 + 1e-6 * x1**3 + 2 * x2 + 2e-6 / 3 * x2**3,
        best,
        at,
        ge=lambda x1, x2, x3, x4: [x4 - x3 + a, x3 - x4 + a],
        eq=lambda x1, x2, x3, x4: [
            1000 * np.sin(-x3 - 0.25) + 1000 * np.sin(-x4 - 0.25) + 894.8 - x1,
            1000 * np.sin(x3 - 0.25) + 1000 * np.sin(x3 - x4 - 0.25) + 894.8 - x2,
            1000 * np.sin(x4 - 0.25) + 1000 * np.sin(x4 - x3 - 0.25) + 1294.8,
        ],
        low=[0, 0, -a, -a],
        high=[1200, 1200, a, a],
    )


def eq78(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any) -> list[Any]:
    return [x1**2 + x2**2 + x3**2 + x4**2 + x5**2 - 10, x2 * x3 - 5 * x4 * x5, x1**3 + x2**3 + 1]


def exponential(number: int, f: Callable[..., Any]) -> Problem:
    """Problems 80 and 81."""
    at = [-1.717143, 1.595709, 1.827247, -0.7636413, -0.7636450]
    bounds = np.array([2.3, 2.3, 3.2, 3.2, 3.2])
    return few(number, [-2, 2, 2, -1, -1], f, 0.0539498478, at, eq=eq78, low=-bounds, high=bounds)


# ---- 83, 84: Colville's third problem; Himmelblau's 24th -------------------------------------------------------------


def ge83(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any) -> list[Any]:
    first = 85.334407 + 0.0056858 * x2 * x5 + 0.0006262 * x1 * x4 - 0.0022053 * x3 * x5
    second = 80.51249 + 0.0071317 * x2 * x5 + 0.0029955 * x1 * x2 + 0.0021813 * x3**2 - 90
    third = 9.300961 + 0.0047026 * x3 * x5 + 0.0012547 * x1 * x3 + 0.0019085 * x3 * x4 - 20
    return [first, 92 - first, second, 20 - second, third, 5 - third]


A84 = np.array(
    [
        [-8720288.849, 150512.5253, -156.6950325, 476470.3222, 729482.8271],
        [-145421.402, 2931.1506, -40.427932, 5106.192, 15711.36],
        [-155011.1084, 4360.53352, 12.9492344, 10236.884, 13176.786],
        [-326669.5104, 7390.68412, -27.8986976, 16643.076, 30988.146],
    ]
)


def row84(row: int, x: Any) -> Any:
    return x[0] * (A84[row, 0] + sum(A84[row, j] * x[j] for j in range(1, 5)))


def ge84(x: Any) -> list[Any]:
    sides = [row84(row, x) for row in (1, 2, 3)]
    return [*sides, *(top - side for top, side in zip([294000, 294000, 277200], sides, strict=True))]


# ---- 85: Himmelblau's 23rd -------------------------------------------------------------------------------------------

LOW85 = np.array([
    213.1, 17.505, 11.275, 214.228, 7.458, 0.961, 1.612, 0.146, 107.99, 922.693, 926.832,
    18.766, 1072.163, 8961.448, 0.063, 71084.33, 2802713,
])  # fmt: skip
HIGH85 = np.array([
    405.23, 1053.6667, 35.03, 665.585, 584.463, 265.916, 7.046, 0.222, 273.366, 1286.105, 1444.046,
    537.141, 3247.039, 26844.086, 0.386, 140000, 12146108,
])  # fmt: skip


def mill(x: Any) -> tuple[list[Any], list[Any]]:
    """Return y and c of problem 85, whose first elements are unused."""
    x1, x2, x3, x4, x5 = (x[i] for i in range(5))
    y: list[Any] = [0.0] * 18
    c: list[Any] = [0.0] * 18
    y[1] = x2 + x3 + 41.6
    c[1] = 0.024 * x4 - 4.62
    y[2] = 12.5 / c[1] + 12
    c[2] = 0.0003535 * x1**2 + 0.5311 * x1 + 0.08705 * y[2] * x1
    c[3] = 0.052 * x1 + 78 + 0.002377 * y[2] * x1
    y[3] = c[2] / c[3]
    y[4] = 19 * y[3]
    c[4] = 0.04782 * (x1 - y[3]) + 0.1956 * (x1 - y[3]) ** 2 / x2 + 0.6376 * y[4] + 1.594 * y[3]
    c[5] = 100 * x2
    c[6] = x1 - y[3] - y[4]
    c[7] = 0.95 - c[4] / c[5]
    y[5] = c[6] * c[7]
    y[6] = x1 - y[5] - y[4] - y[3]
    c[8] = (y[5] + y[4]) * 0.995
    y[7] = c[8] / y[1]
    y[8] = c[8] / 3798
    c[9] = y[7] - 0.0663 * y[7] / y[8] - 0.3153
    y[9] = 96.82 / c[9] + 0.321 * y[1]
    y[10] = 1.29 * y[5] + 1.258 * y[4] + 2.29 * y[3] + 1.71 * y[6]
    y[11] = 1.71 * x1 - 0.452 * y[4] + 0.58 * y[3]
    c[10] = 12.3 / 752.3
    c[11] = 1.75 * y[2] * 0.995 * x1
    c[12] = 0.995 * y[10] + 1998
    y[12] = c[10] * x1 + c[11] / c[12]
    y[13] = c[12] - 1.75 * y[2]
    y[14] = 3623 + 64.4 * x2 + 58.4 * x3 + 146312 / (y[9] + x5)
    c[13] = 0.995 * y[10] + 60.8 * x2 + 48 * x4 - 0.1121 * y[14] - 5095
    y[15] = y[13] / c[13]
    y[16] = 148000 - 331000 * y[15] + 40 * y[13] - 61 * y[15] * y[13]
    c[14] = 2324 * y[10] - 28740000 * y[2]
    y[17] = 14130000 - 1328 * y[10] - 531 * y[11] + c[14] / c[12]
    c[15] = y[13] / y[15] - y[13] / 0.52
    c[16] = 1.104 - 0.72 * y[15]
    c[17] = y[9] + x5
    return y, c


def f85(x: Any) -> Any:
    y, c = mill(x)
    value = -5.843e-7 * y[17] + 1.17e-4 * y[14] + 0.1365 + 2.358e-5 * y[13] + 1.502e-6 * y[16]
    return value + 0.0321 * y[12] + 0.004324 * y[5] + 1e-4 * c[15] / c[16] + 37.48 * y[2] / c[12]


def ge85(x: Any) -> list[Any]:
    y, c = mill(x)
    rows = [1.5 * x[1] - x[2], y[4] - 0.28 * y[5] / 0.72, 21 - 3496 * y[2] / c[12], 62212 / c[17] - 110.6 - y[1]]
    return rows + [y[i + 1] - LOW85[i] for i in range(17)] + [HIGH85[i] - y[i + 1] for i in range(17)]


# ---- 86: Colville's first problem; 117 is its dual -------------------------------------------------------------------

E86 = np.array([-15.0, -27, -36, -18, -12])
D86 = np.array([4.0, 8, 10, 6, 2])
C86 = np.array(
    [
        [30.0, -20, -10, 32, -10],
        [-20, 39, -6, -31, 32],
        [-10, -6, 10, -6, -10],
        [32, -31, -6, 39, -20],
        [-10, 32, -10, -20, 30],
    ]
)
A86 = np.array(
    [
        [-16.0, 2, 0, 1, 0],
        [0, -2, 0, 4, 2],
        [-3.5, 0, 2, 0, 0],
        [0, -2, 0, -4, -1],
        [0, -9, -2, 1, -2.8],
        [2, 0, -4, 0, 0],
        [-1, -1, -1, -1, -1],
        [-1, -2, -3, -2, -1],
        [1, 2, 3, 4, 5],
        [1, 1, 1, 1, 1],
    ]
)
B86 = np.array([-40, -2, -0.25, -4, -4, -1, -40, -60, 5, 1])


# ---- 87: costs with jumps --------------------------------------------------------------------------------------------


def eq87(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any) -> list[Any]:
    a, b, c, angle = 131.078, 1.48477, 0.90798, 1.47588
    real, imaginary = c * np.cos(angle) / a, c * np.sin(angle) / a
    return [
        300 - x1 - x3 * x4 / a * np.cos(b - x6) + real * x3**2,
        -x2 - x3 * x4 / a * np.cos(b + x6) + real * x4**2,
        -x5 - x3 * x4 / a * np.sin(b + x6) + imaginary * x4**2,
        200 - x3 * x4 / a * np.sin(b - x6) + imaginary * x3**2,
    ]


def f87(x1: Any, x2: Any, x3: Any, x4: Any, x5: Any, x6: Any) -> Any:
    return x1 * (30 + (x1 >= 300)) + x2 * (28 + (x2 >= 100) + (x2 >= 200))


PROBLEMS: list[Problem] = [
    many(
        67,
        [1745, 12000, 110],
        f67,
        -1162.036507,
        [1728.371286, 16000, 98.14151402],
        ge=ge67,
        low=1e-5,
        high=[2000, 16000, 120],
        optimum=-1162.02698,
        note="the book's inner iterations end at a tolerance of 0.001, its optimum with them",
    ),
    inspection(68, 0.0001, 1, 1, 24, -0.920425026, [0.06785874, 3.6461717, 0.00026617, 0.8948622]),
    inspection(69, 0.1, 1000, 1, 4, -956.71288, [0.02937141742, 1.190253413, 0.2339467577, 0.7916678]),
    few(
        70,
        [2, 4, 0.04, 2],
        f70,
        0.007498464,
        [12.27695, 4.631788, 0.3128625, 2.029290],
        ge=lambda x1, x2, x3, x4: [x3 + (1 - x3) * x4],
        low=1e-5,
        high=[100, 100, 1, 100],
        optimum=0.009401973254,
        note="the published optimum is not that of the published formula: cannot be established",
    ),
    few(
        71,
        [1, 5, 5, 1],
        lambda x1, x2, x3, x4: x1 * x4 * (x1 + x2 + x3) + x3,
        17.0140173,
        [1, 4.7429994, 3.8211503, 1.3794082],
        ge=lambda x1, x2, x3, x4: [x1 * x2 * x3 * x4 - 25],
        eq=lambda x1, x2, x3, x4: [x1**2 + x2**2 + x3**2 + x4**2 - 40],
        low=1,
        high=5,
    ),
    few(
        72,
        [1, 1, 1, 1],
        lambda x1, x2, x3, x4: 1 + x1 + x2 + x3 + x4,
        727.67937,
        [193.4071, 179.5475, 185.0186, 168.7062],
        ge=lambda x1, x2, x3, x4: [
            0.0401 - 4 / x1 - 2.25 / x2 - 1 / x3 - 0.25 / x4,
            0.010085 - 0.16 / x1 - 0.36 / x2 - 0.64 / x3 - 0.64 / x4,
        ],
        low=0.001,
        high=[4e5, 3e5, 2e5, 1e5],
    ),
    few(
        73,
        [1, 1, 1, 1],
        lambda x1, x2, x3, x4: 24.55 * x1 + 26.75 * x2 + 39 * x3 + 40.50 * x4,
        29.894378,
        [0.6355216, 0, 0.3127019, 0.05177655],
        ge=lambda x1, x2, x3, x4: [
            2.3 * x1 + 5.6 * x2 + 11.1 * x3 + 1.3 * x4 - 5,
            12 * x1
            + 11.9 * x2
            + 41.8 * x3
            + 52.1 * x4
            - 21
            - 1.645 * (0.28 * x1**2 + 0.19 * x2**2 + 20.5 * x3**2 + 0.62 * x4**2) ** 0.5,
        ],
        eq=lambda x1, x2, x3, x4: [x1 + x2 + x3 + x4 - 1],
        low=0,
    ),
    network(74, 0.55, 5126.4981, [679.9453, 1026.067, 0.1188764, -0.3962336]),
    network(75, 0.48, 5174.4129, [776.1592, 925.1949, 0.05110879, -0.4288911]),
    few(
        76,
        [0.5, 0.5, 0.5, 0.5],
        lambda x1, x2, x3, x4: x1**2 + 0.5 * x2**2 + x3**2 + 0.5 * x4**2 - x1 * x3 + x3 * x4 - x1 - 3 * x2 + x3 - x4,
        -4.681818181,
        [0.2727273, 2.090909, 0, 0.5454545],
        ge=lambda x1, x2, x3, x4: [5 - x1 - 2 * x2 - x3 - x4, 4 - 3 * x1 - x2 - 2 * x3 + x4, x2 + 4 * x3 - 1.5],
        low=0,
    ),
    few(
        77,
        [2, 2, 2, 2, 2],
        lambda x1, x2, x3, x4, x5: (x1 - 1) ** 2 + (x1 - x2) ** 2 + (x3 - 1) ** 2 + (x4 - 1) ** 4 + (x5 - 1) ** 6,
        0.24150513,
        [1.166172, 1.182111, 1.380257, 1.506036, 0.6109203],
        eq=lambda x1, x2, x3, x4, x5: [
            x1**2 * x4 + np.sin(x4 - x5) - 2 * np.sqrt(2),
            x2 + x3**4 * x4**2 - 8 - np.sqrt(2),
        ],
    ),
    few(
        78,
        [-2, 1.5, 2, -1, -1],
        lambda x1, x2, x3, x4, x5: x1 * x2 * x3 * x4 * x5,
        -2.91970041,
        [-1.717142, 1.595708, 1.827248, -0.7636429, -0.7636435],
        eq=eq78,
    ),
    few(
        79,
        [2, 2, 2, 2, 2],
        lambda x1, x2, x3, x4, x5: (x1 - 1) ** 2 + (x1 - x2) ** 2 + (x2 - x3) ** 2 + (x3 - x4) ** 4 + (x4 - x5) ** 4,
        0.0787768209,
        [1.191127, 1.362603, 1.472818, 1.635017, 1.679081],
        eq=lambda x1, x2, x3, x4, x5: [
            x1 + x2**2 + x3**3 - 2 - 3 * np.sqrt(2),
            x2 - x3**2 + x4 + 2 - 2 * np.sqrt(2),
            x1 * x5 - 2,
        ],
    ),
    exponential(80, lambda x1, x2, x3, x4, x5: np.exp(x1 * x2 * x3 * x4 * x5)),
    exponential(81, lambda x1, x2, x3, x4, x5: np.exp(x1 * x2 * x3 * x4 * x5) - 0.5 * (x1**3 + x2**3 + 1) ** 2),
    few(
        83,
        [78, 33, 27, 27, 27],
        lambda x1, x2, x3, x4, x5: 5.3578547 * x3**2 + 0.8356891 * x1 * x5 + 37.293239 * x1 - 40792.141,
        -30665.53867,
        [78, 33, 29.99526, 45, 36.77581],
        ge=ge83,
        low=[78, 33, 27, 27, 27],
        high=[102, 45, 45, 45, 45],
    ),
    many(
        84,
        [2.52, 2, 37.5, 9.25, 6.8],
        lambda x: 24345 - row84(0, x),
        -5280335.133,
        [4.53743097, 2.4, 60, 9.3, 7],
        ge=ge84,
        low=[0, 1.2, 20, 9, 6.5],
        high=[1000, 2.4, 60, 9.3, 7],
    ),
    many(
        85,
        [900, 80, 115, 267, 27],
        f85,
        -1.90513375,
        [705.180328772, 68.6000529, 102.90001, 282.324999, 37.585041],
        ge=ge85,
        low=[704.4148, 68.6, 0, 193, 25],
        high=[906.3855, 288.88, 134.75, 287.0966, 84.1988],
        optimum=-1.905155,
        note="more digits than the book's",
    ),
    many(
        86,
        [0, 0, 0, 0, 1],
        lambda x: E86 @ x + x @ (C86 @ x) + D86 @ x**3,
        -32.34867897,
        [0.3, 0.33346761, 0.4, 0.42831010, 0.22396487],
        ge=lambda x: A86 @ x - B86,
        low=0,
    ),
    few(
        87,
        [390, 1000, 419.5, 340.5, 198.175, 0.5],
        f87,
        8927.5977,
        [107.8119, 196.3186, 373.8307, 420, 21.30713, 0.1532920],
        eq=eq87,
        low=[0, 0, 340, 340, -1000, 0],
        high=[400, 1000, 420, 420, 10000, 0.5236],
    ),
]
