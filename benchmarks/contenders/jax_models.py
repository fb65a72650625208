"""Two of the problems of `benchmarks.models` with their time loops as `lax.scan`, as one writes them in JAX.

Unrolled by Python, as the other contenders run them, the Runge-Kutta steps take XLA more than five minutes to compile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def kalman_filter(a: Any, h: Any, q: Any, r: Any, y: Any) -> jax.Array:
    process, measurement = q @ q.T, r @ r.T

    def step(state: Any, row: jax.Array) -> Any:
        mean, covariance = state
        mean = a @ mean
        covariance = a @ covariance @ a.T + process
        error = row - h @ mean
        cross = h @ covariance
        innovation = cross @ h.T + measurement
        gain = jnp.linalg.solve(innovation, cross).T
        term = jnp.linalg.slogdet(innovation)[1] + error @ jnp.linalg.solve(innovation, error)
        return (mean + gain @ error, covariance - gain @ cross), term

    _, terms = jax.lax.scan(step, (jnp.zeros(len(a)), jnp.eye(len(a))), y)
    return 0.5 * terms.sum()


def lotka_volterra(rates: Any, start: Any, observed: Any) -> jax.Array:
    growth, coupling, h = rates[:2], rates[2:], 0.05

    def slope(u: Any) -> Any:
        return u * (growth + coupling * u[::-1])

    def step(u: Any, _: Any) -> Any:
        k1 = slope(u)
        k2 = slope(u + 0.5 * h * k1)
        k3 = slope(u + 0.5 * h * k2)
        k4 = slope(u + h * k3)
        u = u + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return u, u

    _, path = jax.lax.scan(step, start, length=len(observed))
    return jnp.mean((path - observed) ** 2)


SCANNED: dict[str, Callable[..., jax.Array]] = {f.__name__: f for f in (kalman_filter, lotka_volterra)}
