"""Filters and integrators, as scans."""

from __future__ import annotations

from typing import Any

import numpy as np

from .space import Function, Space, program, rng

_TRACK = np.cumsum(rng(20).normal(size=(100, 2)), axis=0)


@program("filters and integrators as scans", np.array([-1.0, 0.0]))
def kalman(s: Space) -> Function:
    """The likelihood of a track under constant velocity (Särkkä, 2013, section 4.3), and its gradient."""
    move = np.eye(4) + np.diag([0.1, 0.1], 2)
    see = np.eye(2, 4)

    def likelihood(logs: Any) -> Any:
        noise, error = s.np.exp(logs[0]) * np.eye(4), s.np.exp(logs[1]) * np.eye(2)

        def step(carry: Any, y: Any) -> Any:
            m, p = carry
            m, p = move @ m, move @ p @ move.T + noise
            v, c = y - see @ m, see @ p @ see.T + error
            gain = s.np.linalg.solve(c, see @ p).T
            term = 0.5 * (s.np.linalg.slogdet(c)[1] + v @ s.np.linalg.solve(c, v))
            return (m + gain @ v, p - gain @ c @ gain.T), term

        return s.np.sum(s.scan(step, (np.zeros(4), np.eye(4)), _TRACK)[1])

    return s.grad(likelihood)


_SEEN = np.abs(rng(21).normal(size=(200, 2))) + 0.5


@program("filters and integrators as scans", np.array([1.1, 0.4, 0.1, 0.4]))
def predators(s: Space) -> Function:
    """A fit of Lotka and Volterra's equations by Runge and Kutta's fourth-order steps: the gradient."""

    def rate(y: Any, p: Any) -> Any:
        return s.np.stack([p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]])

    def misfit(p: Any) -> Any:
        def step(y: Any, seen: Any) -> Any:
            k1 = rate(y, p)
            k2 = rate(y + 0.025 * k1, p)
            k3 = rate(y + 0.025 * k2, p)
            k4 = rate(y + 0.05 * k3, p)
            y = y + 0.05 / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
            return y, s.np.sum((y - seen) ** 2)

        return s.np.sum(s.scan(step, np.array([2.0, 1.0]), _SEEN)[1])

    return s.grad(misfit)


@program("filters and integrators as scans", rng(22).normal(size=20))
def springs(s: Space) -> Function:
    """The energy of Fermi, Pasta and Ulam's chain after 150 leapfrog steps, by its first positions."""

    def force(x: Any) -> Any:
        stretch = s.np.concatenate([x, np.zeros(1)]) - s.np.concatenate([np.zeros(1), x])
        pull = stretch + 0.3 * stretch**3
        return pull[1:] - pull[:-1]

    def end(x: Any) -> Any:
        def step(carry: Any, _: Any) -> Any:
            x, v = carry
            v = v + 0.025 * force(x)
            x = x + 0.05 * v
            return (x, v + 0.025 * force(x)), None

        x, v = s.scan(step, (x, np.zeros(20)), np.zeros(150))[0]
        return s.np.sum(v * v) + s.np.sum(x[:5] ** 2)

    return s.grad(end)


_RETURNS = rng(23).standard_t(5, size=400)


@program("filters and integrators as scans", np.array([0.1, 0.1, 0.8]))
def volatility(s: Space) -> Function:
    """Bollerslev's GARCH(1, 1) likelihood (1986): value's gradient by a scan over numbers."""

    def likelihood(p: Any) -> Any:
        def step(variance: Any, r: Any) -> Any:
            variance = p[0] + p[1] * r * r + p[2] * variance
            return variance, s.np.log(variance) + r * r / variance

        return 0.5 * s.np.sum(s.scan(step, s.np.exp(0.0 * p[0]), _RETURNS)[1])

    return s.grad(likelihood)
