"""Update rules that look at a parameter as a whole, so that each parameter has calls of its own; see `rules`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .rules import Hyper, State, adam


def lamb(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Adam's step, made as long as the parameter is, times lr.

    m' = m + (1 - beta_1) * (g - m);  v' = v + (1 - beta_2) * (g**2 - v);
    d = m' / (1 - beta_1**t) / (sqrt(v' / (1 - beta_2**t)) + epsilon);  delta = lr * d * norm(p) / norm(d),
    where the quotient of norms is 1 if one of them is 0.

    References:
        Yang You and others, "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", 2020,
        algorithm 2, with the identity for phi.
    """
    t = hyper["iterations"]
    m = (g - state["momentum"]) * (1 - hyper["beta_1"]) + state["momentum"]
    v = (g * g - state["velocity"]) * (1 - hyper["beta_2"]) + state["velocity"]
    root = (v * (1 / (1 - hyper["beta_2"] ** t))) ** 0.5 + hyper["epsilon"]
    d = m * (1 / (1 - hyper["beta_1"] ** t)) / root
    length, size = (p * p).sum() ** 0.5, (d * d).sum() ** 0.5
    both = (length > 0) & (size > 0)
    ratio = np.where(both, length, 1) / np.where(both, size, 1)
    return d * (ratio * hyper["learning_rate"]), {"momentum": m, "velocity": v}


def adafactor(p: Any, g: Any, state: State, hyper: Hyper) -> tuple[Any, State]:
    """Adam without running mean, whose mean squares are kept as those of rows and columns where g has both.

    With b = 1 - t**beta_2_decay and s = g**2 + epsilon_1:  r' = b * r + (1 - b) * mean(s, -1);
    c' = b * c + (1 - b) * mean(s, -2);  v' = r' / mean(r', -1) * c', as an outer product; or, with fewer than two axes,
    v' = b * v + (1 - b) * s.  u = g / sqrt(v');
    delta = min(lr, 1 / sqrt(t)) * max(epsilon_2, rms(p)) * u / max(1, rms(u) / clip_threshold).

    References:
        Noam Shazeer, Mitchell Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", 2018,
        algorithms 4 and 5.
    """
    t = hyper["iterations"]
    fresh = t ** hyper["beta_2_decay"]
    s = g * g + hyper["epsilon_1"]
    if "row" in state:
        row = (_mean(s, -1) - state["row"]) * fresh + state["row"]
        column = (_mean(s, -2) - state["column"]) * fresh + state["column"]
        new = {"row": row, "column": column}
        share = row / (row.sum(axis=-1, keepdims=True) / max(row.shape[-1], 1))
        v = share[..., None] * column[..., None, :]
    else:
        v = (s - state["velocity"]) * fresh + state["velocity"]
        new = {"velocity": v}
    u = g / v**0.5
    rate = np.maximum(_rms(p), hyper["epsilon_2"]) * min(hyper["learning_rate"], t**-0.5)
    return u * (rate / np.maximum(_rms(u) / hyper["clip_threshold"], 1)), new


def muon(p: Any, g: Any, state: State, hyper: Hyper, nesterov: bool = True, ns_steps: int = 5) -> tuple[Any, State]:
    """For a matrix: step along the nearest orthogonal matrix to the momentum; Adam where the state holds "velocity".

    m' = momentum * m + g;  d = orthogonalized(g + momentum * m'), or of m' itself without `nesterov`;
    delta = lr * sqrt(max(D, K)) * rms_rate * d for p of shape (D, K), so that the root of the mean square of delta is
    about lr * rms_rate; without the two factors where there is no rms_rate.

    References:
        Keller Jordan and others, "Muon: An optimizer for hidden layers in neural networks", 2024.
        Jingyuan Liu and others, "Muon is Scalable for LLM Training", 2025, equation 4 (the factors).
    """
    if "velocity" in state:
        own = {"learning_rate": hyper["learning_rate"] * hyper["adam_lr_ratio"], "iterations": hyper["iterations"]}
        own |= {"beta_1": hyper["adam_beta_1"], "beta_2": hyper["adam_beta_2"], "epsilon": hyper["epsilon"]}
        return adam(p, g, state, own)
    m = state["momentum"] * hyper["momentum"] + g
    d = m * hyper["momentum"] + g if nesterov else m
    coefficients = hyper["muon_a"], hyper["muon_b"], hyper["muon_c"]
    scale = math.sqrt(max(p.shape)) * hyper["rms_rate"] if "rms_rate" in hyper else 1.0
    return orthogonalized(d, ns_steps, coefficients) * (hyper["learning_rate"] * scale), {"momentum": m}


def orthogonalized(x: Any, steps: int, coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315)) -> Any:
    """Return about the nearest matrix with orthonormal rows, or columns if those are fewer: U V' for x = U S V'.

    x over its norm, then `steps` times x <- a x + (b A + c A A) x with A = x x'. With the usual coefficients the
    singular values end between about 0.7 and 1.2, which does as well, in five steps.

    Args:
        x: shape (D, K).
        steps: number of iterations.
        coefficients: a, b, c.

    Example:
        >>> d = orthogonalized(np.array([[3.0, 0.0], [0.0, 0.1]]), 8)
        >>> bool((np.abs(np.linalg.svd(d)[1] - 0.95) < 0.35).all())
        True

    References:
        Åke Björck, Clazett Bowie, "An Iterative Algorithm for Computing the Best Estimate of an Orthogonal Matrix",
        1971; Keller Jordan and others, "Muon", 2024 (the coefficients).
    """
    a, b, c = coefficients
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / ((x * x).sum() ** 0.5 + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = x * a + (gram * b + (gram @ gram) * c) @ x
    return x.T if tall else x


def _mean(s: Any, axis: int) -> Any:
    return s.sum(axis=axis) / max(s.shape[axis], 1)


def _rms(x: Any) -> Any:
    return ((x * x).sum() / max(x.size, 1)) ** 0.5
