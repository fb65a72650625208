"""Differential-algebraic problems of the literature, in NumPy's functions.

References:
    Mazzia, Magherini: Test Set for Initial Value Problem Solvers, 2008: the transistor amplifier.
    Hairer, Wanner: Solving Ordinary Differential Equations II, 1996, sections VI.1 and VII.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

RATES = np.array([0.04, 1e4, 3e7])
ROBERTSON_END = np.array([0.7158270687193941, 0.9185534764557338e-5, 0.2841637457458299])  # at 40


def robertson(t: Any, y: Any, yp: Any, k: Any) -> Any:
    fast = k[1] * y[1] * y[2]
    return [yp[0] + k[0] * y[0] - fast, yp[1] - k[0] * y[0] + fast + k[2] * y[1] ** 2, y[0] + y[1] + y[2] - 1]


def pendulum(t: Any, y: Any, yp: Any, g: Any) -> Any:
    """A mass on a rod, with the second derivative of the constraint for the tension, y[4]."""
    x, z, u, v, tension = y
    return [
        yp[0] - u,
        yp[1] - v,
        yp[2] + tension * x,
        yp[3] + tension * z + g,
        u * u + v * v - tension * (x * x + z * z) - g * z,
    ]


CAPACITIES, RESISTANCES = np.arange(1, 6) * 1e-6, np.full(9, 9000.0)
AMPLIFIER_START = np.array([0, 3, 3, 6, 3, 3, 6, 0.0])
AMPLIFIER_END = np.array(  # at 0.2
    [
        -0.5562145012262709e-2,
        0.3006522471903042e1,
        0.2849958788608128e1,
        0.2926422536206241e1,
        0.2704617865010554e1,
        0.2761837778393145e1,
        0.4770927631616772e1,
        0.1236995868091548e1,
    ]
)


def amplifier_mass(c: Any) -> Any:
    """Capacities between nodes, and between nodes and ground: of rank 5."""
    mass = np.zeros((5, 8, 8))
    for k, (i, j) in enumerate([(0, 1), (2, 2), (3, 4), (5, 5), (6, 7)]):
        mass[k, i, i] = mass[k, j, j] = -1
        if i != j:
            mass[k, i, j] = mass[k, j, i] = 1
    return np.tensordot(c, mass, 1)


def amplifier_slopes(t: Any, y: Any, r: Any) -> Any:
    first, second = (1e-6 * (np.exp((y[i] - y[i + 1]) / 0.026) - 1) for i in (1, 4))
    return np.stack(
        [
            (y[0] - 0.1 * np.sin(200 * np.pi * t)) / 1000,
            y[1] * (1 / r[0] + 1 / r[1]) - 6 / r[1] + 0.01 * first,
            y[2] / r[2] - first,
            (y[3] - 6) / r[3] + 0.99 * first,
            y[4] * (1 / r[4] + 1 / r[5]) - 6 / r[5] + 0.01 * second,
            y[5] / r[6] - second,
            (y[6] - 6) / r[7] + 0.99 * second,
            y[7] / r[8],
        ]
    )


def heat(t: Any, u: Any, up: Any, k: Any, loss: Any) -> Any:
    """Conduction, with sin 3t at the left end, and a loss in proportion at the right one."""
    h = 1 / (u.shape[0] - 1)
    inside = up[1:-1] - k * (u[2:] - 2 * u[1:-1] + u[:-2]) / h**2
    left, right = u[0] - np.sin(3 * t), k * (u[-1] - u[-2]) / h + loss * u[-1]
    return np.concatenate([left[None], inside, right[None]])
