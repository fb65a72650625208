"""Problems of any size with sparse derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .problems import rosenbrock


def tridiagonal(x: Any) -> Any:
    """Return the equations of Broyden's tridiagonal system."""
    before, after = np.concatenate([np.zeros(1), x[:-1]]), np.concatenate([x[1:], np.zeros(1)])
    return (3 - 2 * x) * x - before - 2 * after + 1


def bratu(x: Any) -> Any:
    """Return the equations of Bratu's problem Δu + 3 exp(u) = 0 on a square, by differences."""
    k = round(x.size**0.5)
    u = np.pad(x.reshape(k, k), 1)
    stencil = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4 * u[1:-1, 1:-1]
    return (stencil * (k + 1) ** 2 + 3 * np.exp(u[1:-1, 1:-1])).ravel()


def bent(x: Any) -> Any:
    """Return equations whose Jacobian is an arrow: the first unknown is in all of them, and all are in the first."""
    return np.concatenate([x[:1] + (x[1:] ** 2).mean(keepdims=True) - 2, x[1:] ** 3 + x[1:] - 2 * x[:1]])


# Each with where it starts, for n unknowns.
EQUATIONS: dict[str, tuple[Callable[[Any], Any], Callable[[int], Any]]] = {
    "tridiagonal": (tridiagonal, lambda n: np.full(n, -1.0)),
    "bratu": (bratu, lambda n: np.full(round(n**0.5) ** 2, 0.1)),
    "arrow": (bent, lambda n: np.linspace(0.5, 1.5, n)),
}


class Program(NamedTuple):
    """A problem with constraints.

    Attributes:
        f: the objective.
        constraint: a function whose values lie between `low` and `high`.
        low, high: of the values.
        start: of n unknowns.
        bounds: of each unknown, or None.
    """

    f: Callable[[Any], Any]
    constraint: Callable[[Any], Any]
    low: float
    high: float
    start: Callable[[int], Any]
    bounds: tuple[float, float] | None = None


def _chain(x: Any) -> Any:
    """Return the constraints of problem 5.1 of Lukšan and Vlček."""
    a, b, c = x[:-2], x[1:-1], x[2:]
    return 3 * b**3 + 2 * c - 5 + np.sin(b - c) * np.sin(b + c) + 4 * b - a * np.exp(a - b) - 3


def _pendulum(x: Any) -> Any:
    """Return the defects of a pendulum that a force pushes, by trapezia; angles, speeds and forces are in a row."""
    angle, speed, force = x.reshape(3, -1)
    h, slope = 4 / (angle.size - 1), force - np.sin(angle)
    steps = [angle[1:] - angle[:-1] - h / 2 * (speed[1:] + speed[:-1])]
    steps += [speed[1:] - speed[:-1] - h / 2 * (slope[1:] + slope[:-1])]
    ends = np.stack([angle[0], speed[0], angle[-1] - np.pi, speed[-1]])
    return np.concatenate([*steps, ends])


def _effort(x: Any) -> Any:
    force = x.reshape(3, -1)[2]
    return (force**2).sum() * 4 / (force.size - 1)


PROGRAMS = {
    "chain": Program(rosenbrock, _chain, 0, 0, lambda n: np.where(np.arange(n) % 2, 1.0, -1.2)),
    "control": Program(_effort, _pendulum, 0, 0, lambda n: np.repeat([1.5, 0.5, 0.1], n // 3), (-4.0, 4.0)),
    "arrow": Program(
        lambda x: ((x[1:] - 2) ** 4).sum() + x[0] ** 2 * (x[1:] ** 2).mean() + (x[0] - 1) ** 2,
        lambda x: x[1:] * x[0] + x[1:] ** 2,
        0.5,
        1.5,
        lambda n: np.linspace(0.6, 1.2, n),
    ),
}
