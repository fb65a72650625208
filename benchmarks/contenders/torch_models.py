"""The five problems of `benchmarks.models` in PyTorch: the same formulas, with functions of its own where better.

The Cholesky factor is solved as a triangular matrix, which NumPy has no function for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def gaussian_process(theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
    amplitude, scale, noise = torch.exp(theta[0]), torch.exp(theta[1]), torch.exp(theta[2])
    distance = (x[:, None] - x[None, :]) / scale
    kernel = amplitude * torch.exp(-0.5 * distance * distance) + noise * torch.eye(len(x), dtype=x.dtype)
    factor = torch.linalg.cholesky(kernel)
    z = torch.linalg.solve_triangular(factor, y[:, None], upper=False)[:, 0]
    return 0.5 * (z @ z) + torch.log(torch.diag(factor)).sum() + 0.5 * len(x) * math.log(2 * math.pi)


def kalman_filter(a: Tensor, h: Tensor, q: Tensor, r: Tensor, y: Tensor) -> Tensor:
    process, measurement = q @ q.T, r @ r.T
    mean, covariance = torch.zeros(len(a), dtype=a.dtype), torch.eye(len(a), dtype=a.dtype)
    total: Any = 0.0
    for row in y:
        mean = a @ mean
        covariance = a @ covariance @ a.T + process
        error = row - h @ mean
        cross = h @ covariance
        innovation = cross @ h.T + measurement
        gain = torch.linalg.solve(innovation, cross).T
        mean = mean + gain @ error
        covariance = covariance - gain @ cross
        total = total + torch.linalg.slogdet(innovation)[1] + error @ torch.linalg.solve(innovation, error)
    return 0.5 * total


def lotka_volterra(rates: Tensor, start: Tensor, observed: Tensor) -> Tensor:
    growth, coupling, h = rates[:2], rates[2:], 0.05

    def slope(u: Tensor) -> Tensor:
        return u * (growth + coupling * u.flip(0))

    u, path = start, []
    for _ in range(len(observed)):
        k1 = slope(u)
        k2 = slope(u + 0.5 * h * k1)
        k3 = slope(u + 0.5 * h * k2)
        k4 = slope(u + h * k3)
        u = u + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(u)
    return ((torch.stack(path) - observed) ** 2).mean()


def logistic(w: Tensor, x: Tensor, sign: Tensor) -> Tensor:
    # Not softplus, which is cut off at 20 and then right to nine digits only.
    margin = -sign * (x @ w)
    return torch.logaddexp(torch.zeros((), dtype=w.dtype), margin).mean() + 0.005 * (w @ w)


def rosenbrock(x: Tensor) -> Tensor:
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


def rotary(x: Tensor, cos: Tensor, sin: Tensor, weight: Tensor) -> Tensor:
    a, b = x.chunk(2, dim=-1)
    return (torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1) * weight).sum()


def rotary_interleaved(x: Tensor, cos: Tensor, sin: Tensor, weight: Tensor) -> Tensor:
    a, b = x[..., ::2], x[..., 1::2]
    return (torch.stack([a * cos - b * sin, b * cos + a * sin], dim=-1).reshape(x.shape) * weight).sum()


LOSSES: dict[str, Callable[..., Tensor]] = {
    f.__name__: f
    for f in (gaussian_process, kalman_filter, lotka_volterra, logistic, rosenbrock, rotary, rotary_interleaved)
}
