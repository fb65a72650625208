"""Each optimizer's steps once more, in plain NumPy and float64, as its paper or Keras's documentation writes them.

Every function takes the parameter, a function that returns the gradient at it, the number of steps and the
hyperparameters, and returns the parameter after each step. None of them shares a line with nn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Gradient = Callable[[Array], Array]


def sgd(p: Array, grad: Gradient, n: int, lr: float = 0.01, momentum: float = 0.0, nesterov: bool = False) -> Any:
    velocity = 0.0 * p
    for _ in range(n):
        g = grad(p)
        velocity = momentum * velocity - lr * g
        p = p + (momentum * velocity - lr * g if nesterov else velocity)
        yield p


def rmsprop(
    p: Array, grad: Gradient, n: int, lr: float = 1e-3, rho: float = 0.9, momentum: float = 0.0, centered: bool = False
) -> Any:
    square, mean, m = 0.0 * p, 0.0 * p, 0.0 * p
    for _ in range(n):
        g = grad(p)
        square = rho * square + (1 - rho) * g**2
        mean = rho * mean + (1 - rho) * g
        variance = square - mean**2 if centered else square
        m = momentum * m + lr * g / np.sqrt(variance + 1e-7)
        p = p - m
        yield p


def adam(p: Array, grad: Gradient, n: int, lr: float = 1e-3, amsgrad: bool = False, decay: float = 0.0) -> Any:
    m, v, largest = 0.0 * p, 0.0 * p, 0.0 * p
    for t in range(1, n + 1):
        g = grad(p)
        p = p - lr * decay * p
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        largest = np.maximum(largest, v)
        root = np.sqrt(largest if amsgrad else v)
        p = p - lr * math.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (root + 1e-7)
        yield p


def adamax(p: Array, grad: Gradient, n: int, lr: float = 1e-3) -> Any:
    m, u = 0.0 * p, 0.0 * p
    for t in range(1, n + 1):
        g = grad(p)
        m, u = 0.9 * m + 0.1 * g, np.maximum(0.999 * u, abs(g))
        p = p - lr / (1 - 0.9**t) * m / (u + 1e-7)
        yield p


def nadam(p: Array, grad: Gradient, n: int, lr: float = 1e-3) -> Any:
    m, v = 0.0 * p, 0.0 * p
    momenta = [0.9 * (1 - 0.5 * 0.96**t) for t in range(1, n + 2)]
    for t in range(1, n + 1):
        g = grad(p)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        m_hat = momenta[t] * m / (1 - math.prod(momenta[: t + 1]))
        m_hat = m_hat + (1 - momenta[t - 1]) * g / (1 - math.prod(momenta[:t]))
        p = p - lr * m_hat / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
        yield p


def adagrad(p: Array, grad: Gradient, n: int, lr: float = 1e-3) -> Any:
    total = 0.1 + 0.0 * p
    for _ in range(n):
        g = grad(p)
        total = total + g**2
        p = p - lr * g / np.sqrt(total + 1e-7)
        yield p


def adadelta(p: Array, grad: Gradient, n: int, lr: float = 1e-3, rho: float = 0.95) -> Any:
    squares, steps = 0.0 * p, 0.0 * p
    for _ in range(n):
        g = grad(p)
        squares = rho * squares + (1 - rho) * g**2
        step = np.sqrt((steps + 1e-7) / (squares + 1e-7)) * g
        steps = rho * steps + (1 - rho) * step**2
        p = p - lr * step
        yield p


def ftrl(
    p: Array, grad: Gradient, n: int, lr: float = 1e-3, l1: float = 0.0, l2: float = 0.0, beta: float = 0.0
) -> Any:
    squares, z = 0.1 + 0.0 * p, 0.0 * p
    for _ in range(n):
        g = grad(p)
        sigma = (np.sqrt(squares + g**2) - np.sqrt(squares)) / lr
        squares, z = squares + g**2, z + g - sigma * p
        far = np.abs(z) > l1
        p = np.where(far, -(z - np.sign(z) * l1) / ((beta + np.sqrt(squares)) / lr + 2 * l2), 0.0)
        yield p


def lion(p: Array, grad: Gradient, n: int, lr: float = 1e-3, decay: float = 0.0) -> Any:
    m = 0.0 * p
    for _ in range(n):
        g = grad(p)
        p = p - lr * (np.sign(0.9 * m + 0.1 * g) + decay * p)
        m = 0.99 * m + 0.01 * g
        yield p


def lamb(p: Array, grad: Gradient, n: int, lr: float = 1e-3, decay: float = 0.0) -> Any:
    m, v = 0.0 * p, 0.0 * p
    for t in range(1, n + 1):
        g = grad(p)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        p = p - lr * decay * p
        r = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
        p = p - lr * np.linalg.norm(p) / np.linalg.norm(r) * r
        yield p


def adafactor(p: Array, grad: Gradient, n: int, lr: float = 1e-3) -> Any:
    v, r, c = 0.0 * p, 0.0, 0.0
    for t in range(1, n + 1):
        g = grad(p)
        b = 1 - t**-0.8
        if p.ndim == 2:
            r = b * r + (1 - b) * (g**2 + 1e-30).mean(axis=1)
            c = b * c + (1 - b) * (g**2 + 1e-30).mean(axis=0)
            v = np.outer(r, c) / np.mean(r)
        else:
            v = b * v + (1 - b) * (g**2 + 1e-30)
        u = g / np.sqrt(v)
        u = u / max(1.0, math.sqrt(np.mean(u**2)))
        p = p - max(1e-3, math.sqrt(np.mean(p**2))) * min(lr, 1 / math.sqrt(t)) * u
        yield p


def muon(p: Array, grad: Gradient, n: int, lr: float = 1e-3) -> Any:
    m = 0.0 * p
    for _ in range(n):
        g = grad(p)
        p = p - lr * 0.004 * p
        m = 0.95 * m + g
        u, s, vh = np.linalg.svd(g + 0.95 * m, full_matrices=False)
        s = s / (np.linalg.norm(s) + 1e-7)
        for _ in range(5):  # an odd polynomial of the matrix is that of its singular values
            s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
        p = p - lr * 0.2 * math.sqrt(max(p.shape)) * (u * s) @ vh
        yield p


def schedule_free(p: Array, grad: Gradient, n: int, lr: float = 0.0025) -> Any:
    z, x, v = p, p, 0.0 * p
    for t in range(1, n + 1):
        g = grad(0.1 * z + 0.9 * x)
        v = 0.999 * v + 0.001 * g**2
        z = z - lr * g / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        x = (1 - 1 / t) * x + z / t
        yield 0.1 * z + 0.9 * x
