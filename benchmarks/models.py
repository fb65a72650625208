"""Problems of scientific computing, and rotary positions, each written once, as a plain NumPy function.

`xp` is the NumPy that the reader brings: NumPy itself for autograd_lite, which reads such functions as they are,
`autograd.numpy` for HIPS autograd, `jax.numpy` for JAX. PyTorch, whose functions have other names, has the same in
`contenders/torch_models.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.problems import Array, Model


def gaussian_process(xp: Any, theta: Any, x: Any, y: Any) -> Any:
    """The negative log marginal likelihood of a Gaussian process with a squared-exponential kernel.

    `theta` has the logarithms of amplitude, length scale and noise variance; K = L Lᵀ and z = L⁻¹ y give
    zᵀz / 2 + Σ log L_ii + n/2 log 2π.
    """
    amplitude, scale, noise = xp.exp(theta[0]), xp.exp(theta[1]), xp.exp(theta[2])
    distance = (x[:, None] - x[None, :]) / scale
    kernel = amplitude * xp.exp(-0.5 * distance * distance) + noise * xp.eye(len(x))
    factor = xp.linalg.cholesky(kernel)
    z = xp.linalg.solve(factor, y)
    return 0.5 * (z @ z) + xp.sum(xp.log(xp.diag(factor))) + 0.5 * len(x) * math.log(2 * math.pi)


def kalman_filter(xp: Any, a: Any, h: Any, q: Any, r: Any, y: Any) -> Any:
    """The negative log-likelihood (without its constant) of a linear Gaussian state-space model.

    x' = a x + noise of covariance q qᵀ, y = h x + noise of covariance r rᵀ, from a standard normal state.
    """
    process, measurement = q @ q.T, r @ r.T
    mean, covariance = xp.zeros(len(a)), xp.eye(len(a))
    total = 0.0
    for t in range(len(y)):
        mean = a @ mean
        covariance = a @ covariance @ a.T + process
        error = y[t] - h @ mean
        cross = h @ covariance
        innovation = cross @ h.T + measurement
        gain = xp.linalg.solve(innovation, cross).T
        mean = mean + gain @ error
        covariance = covariance - gain @ cross
        total = total + xp.linalg.slogdet(innovation)[1] + error @ xp.linalg.solve(innovation, error)
    return 0.5 * total


def lotka_volterra(xp: Any, rates: Any, start: Any, observed: Any) -> Any:
    """The mean squared error of predator and prey, integrated by the classical Runge-Kutta method.

    du/dt = u (growth + coupling · (the other species)); `rates` has the two growths, then the two couplings.
    """
    growth, coupling, h = rates[:2], rates[2:], 0.05

    def slope(u: Any) -> Any:
        return u * (growth + coupling * u[::-1])

    u, path = start, []
    for _ in range(len(observed)):
        k1 = slope(u)
        k2 = slope(u + 0.5 * h * k1)
        k3 = slope(u + 0.5 * h * k2)
        k4 = slope(u + h * k3)
        u = u + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(u)
    return xp.mean((xp.stack(path) - observed) ** 2)


def logistic(xp: Any, w: Any, x: Any, sign: Any) -> Any:
    """The mean log-loss of logistic regression with labels of -1 and 1, with a ridge penalty."""
    return xp.mean(xp.logaddexp(0.0, -sign * (x @ w))) + 0.005 * (w @ w)


def rosenbrock(xp: Any, x: Any) -> Any:
    """Rosenbrock's function of N variables: Σ 100 (x_{i+1} - x_i²)² + (1 - x_i)²."""
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rotary(xp: Any, x: Any, cos: Any, sin: Any, weight: Any) -> Any:
    """A weighted sum of rotary embeddings: pairs of features, of which one is in each half, turned by angles."""
    a, b = xp.split(x, 2, axis=-1)
    return xp.sum(xp.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1) * weight)


def rotary_interleaved(xp: Any, x: Any, cos: Any, sin: Any, weight: Any) -> Any:
    """The same of pairs that are neighbors."""
    a, b = x[..., ::2], x[..., 1::2]
    return xp.sum(xp.stack([a * cos - b * sin, b * cos + a * sin], axis=-1).reshape(x.shape) * weight)


# ---- with data ------------------------------------------------------------------------------------------------------


def gaussian_process_model(n: int = 100) -> Model:
    """Noisy observations of a sine on a line; three hyperparameters."""
    rng = np.random.default_rng(3)
    x = np.sort(rng.uniform(0, 10, n))
    y = np.sin(x) + 0.2 * rng.normal(size=n)
    theta = np.log([1.3, 0.8, 0.1])
    return Model("gaussian_process", gaussian_process, {"theta": theta}, {"x": x, "y": y})


def kalman_model(steps: int = 100) -> Model:
    """A damped oscillator in four states, seen through two noisy sensors; gradients by all four matrices."""
    rng = np.random.default_rng(4)
    a = 0.9 * np.linalg.qr(rng.normal(size=(4, 4)))[0]
    h = rng.normal(size=(2, 4))
    q = 0.3 * np.tril(rng.normal(size=(4, 4))) + 0.2 * np.eye(4)
    r = 0.2 * np.tril(rng.normal(size=(2, 2))) + 0.4 * np.eye(2)
    state, observed = rng.normal(size=4), []
    for _ in range(steps):
        state = a @ state + q @ rng.normal(size=4)
        observed.append(h @ state + r @ rng.normal(size=2))
    return Model("kalman_filter", kalman_filter, {"a": a, "h": h, "q": q, "r": r}, {"y": np.array(observed)})


def lotka_volterra_model(steps: int = 100) -> Model:
    """A trajectory to be met from other rates and another start."""
    truth = {"rates": np.array([1.1, -0.4, -0.4, 0.1]), "start": np.array([10.0, 5.0])}
    path: list[Array] = []

    class Recorder:
        """NumPy with a stack that keeps what it made."""

        stack = staticmethod(lambda parts: path.append(np.stack(parts)) or path[-1])
        mean = staticmethod(np.mean)

    lotka_volterra(Recorder, truth["rates"], truth["start"], np.zeros((steps, 2)))
    observed = path[0] + 0.1 * np.random.default_rng(5).normal(size=(steps, 2))
    inputs = {"rates": truth["rates"] * [1.05, 0.95, 1.02, 0.9], "start": truth["start"] + [0.5, -0.3]}
    return Model("lotka_volterra", lotka_volterra, inputs, {"observed": observed})


def logistic_model(n: int = 500, d: int = 20) -> Model:
    """Random rows with labels that a linear rule explains in part; gradient and Hessian."""
    rng = np.random.default_rng(6)
    x, w = rng.normal(size=(n, d)), rng.normal(size=d)
    sign = np.where(x @ w + rng.normal(size=n) > 0, 1.0, -1.0)
    return Model("logistic", logistic, {"w": 0.5 * w}, {"x": x, "sign": sign}, want="hessian")


def rosenbrock_model(n: int) -> Model:
    """A point off the valley and a direction; the product of the Hessian with the direction."""
    rng = np.random.default_rng(7)
    return Model("rosenbrock", rosenbrock, {"x": rng.normal(size=n)}, {}, "hvp", rng.normal(size=n))


def rotary_model(function: Any = rotary, rows: int = 16, steps: int = 64, heads: int = 8, features: int = 64) -> Model:
    """Random queries, in float32; the gradient by them."""
    rng = np.random.default_rng(8)
    x, weight = rng.normal(size=(2, rows, steps, heads, features)).astype(np.float32)
    angle = np.multiply.outer(np.arange(steps), 10_000.0 ** (-np.arange(features // 2) * 2 / features))[:, None]
    waves = {"cos": np.cos(angle).astype(np.float32), "sin": np.sin(angle).astype(np.float32)}
    return Model(function.__name__, function, {"x": x}, {**waves, "weight": weight})
