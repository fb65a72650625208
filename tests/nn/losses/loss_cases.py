"""One table of losses: how each is made, targets, predictions, and the samples' losses by a formula in plain NumPy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nn import losses

Array = np.ndarray
N, K = 6, 4
RNG = np.random.default_rng(0)


def softmax(z: Array, axis: int = -1) -> Array:
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


class Case(NamedTuple):
    """A loss with its arguments, data, and the expected losses of the samples."""

    make: Callable[..., losses.Loss]
    arguments: dict[str, Any]
    y: Array
    p: Array
    expected: Array
    counted: Array | None = None  # which samples count

    def loss(self, **more: Any) -> losses.Loss:
        return self.make(**{**self.arguments, **more})


REALS = RNG.normal(size=(N, K)).round(2)
GUESSES = REALS + RNG.choice([-2.5, -0.4, 0.3, 3.0], size=(N, K)) * RNG.uniform(0.8, 1.2, size=(N, K))
COUNTS = RNG.integers(0, 5, size=(N, K)).astype(float)
RATES = RNG.uniform(0.2, 4, size=(N, K))
LOGITS = RNG.normal(size=(N, K)) * 2
P = softmax(LOGITS)
SOFT = softmax(RNG.normal(size=(N, K)))
INDICES = RNG.integers(0, K, size=N)
ONE_HOT = np.eye(K)[INDICES]
BITS = RNG.integers(0, 2, size=(N, K)).astype(float)
SOME = np.where([True, True, False, True, False, True], INDICES, -1)
KEPT = SOME >= 0
PICKED = P[np.arange(N), INDICES]
ALPHA = [0.1, 0.2, 0.3, 0.4]


def hinge(y: Array, p: Array) -> Array:
    return np.maximum(1 - y * p, 0)


def binary_focal(y: Array, p: Array, gamma: float, alpha: float | None = None) -> Array:
    p_t = np.where(y == 1, p, 1 - p)
    weights = 1.0 if alpha is None else np.where(y == 1, alpha, 1 - alpha)
    return (-weights * (1 - p_t) ** gamma * np.log(p_t)).mean(axis=-1)


def ctc(labels: list[int], p: Array) -> float:
    """Return the loss by listing every alignment."""
    total = 0.0
    for path in itertools.product(range(p.shape[1]), repeat=len(p)):
        spelled = [s for s, _ in itertools.groupby(path) if s]
        if spelled == labels:
            total += math.prod(p[t, s] for t, s in enumerate(path))
    return -math.log(total)


def circle(labels: Array, e: Array, gamma: float, m: float) -> Array:
    out = []
    for i in range(len(e)):
        d = 1 - e @ e[i]
        near = [math.exp(-gamma * (m + d[j]) * (m - d[j])) for j in range(len(e)) if j != i and labels[j] == labels[i]]
        far = [math.exp(gamma * max(1 + m - d[j], 0) * (1 - m - d[j])) for j in range(len(e)) if labels[j] != labels[i]]
        out.append(math.log1p(sum(near) * sum(far)))
    return np.array(out)


LABELS = np.array([[1, 2], [1, 1], [2, 0], [0, 0]])
SPEECH = RNG.normal(size=(4, 4, 3))
EMBEDDINGS = (lambda e: e / np.linalg.norm(e, axis=1, keepdims=True))(RNG.normal(size=(N, 3)) + 1)
KINDS = np.array([0, 0, 1, 1, 1, 2])
IMAGES = RNG.integers(0, 2, size=(3, 2, 2)).astype(float)
MAPS = RNG.uniform(0.05, 0.95, size=(3, 2, 2))
L, E = losses, GUESSES - REALS
CASES: dict[str, Case] = {
    "mse": Case(L.MeanSquaredError, {}, REALS, GUESSES, (E**2).mean(1)),
    "mae": Case(L.MeanAbsoluteError, {}, REALS, GUESSES, abs(E).mean(1)),
    "mape": Case(L.MeanAbsolutePercentageError, {}, REALS, GUESSES, (100 * abs(E / REALS)).mean(1)),
    "msle": Case(
        L.MeanSquaredLogarithmicError, {}, COUNTS + 1, RATES, (np.log((COUNTS + 2) / (RATES + 1)) ** 2).mean(1)
    ),
    "huber": Case(L.Huber, {}, REALS, GUESSES, np.where(abs(E) < 1, E**2 / 2, abs(E) - 0.5).mean(1)),
    "huber 2.7": Case(
        L.Huber, {"delta": 2.7}, REALS, GUESSES, np.where(abs(E) < 2.7, E**2 / 2, 2.7 * abs(E) - 2.7**2 / 2).mean(1)
    ),
    "log_cosh": Case(L.LogCosh, {}, REALS, GUESSES, np.log(np.cosh(E)).mean(1)),
    "poisson": Case(L.Poisson, {}, COUNTS, RATES, (RATES - COUNTS * np.log(RATES + 1e-7)).mean(1)),
    "kl": Case(L.KLDivergence, {}, SOFT, P, (SOFT * np.log(SOFT / P)).sum(1)),
    "cosine": Case(
        L.CosineSimilarity,
        {},
        REALS,
        GUESSES,
        -(REALS * GUESSES).sum(1) / np.linalg.norm(REALS, axis=1) / np.linalg.norm(GUESSES, axis=1),
    ),
    "hinge": Case(L.Hinge, {}, 2 * BITS - 1, LOGITS, hinge(2 * BITS - 1, LOGITS).mean(1)),
    "hinge 0 1": Case(L.Hinge, {}, BITS, LOGITS, hinge(2 * BITS - 1, LOGITS).mean(1)),
    "squared_hinge": Case(L.SquaredHinge, {}, BITS, LOGITS, (hinge(2 * BITS - 1, LOGITS) ** 2).mean(1)),
    "categorical_hinge": Case(
        L.CategoricalHinge,
        {},
        ONE_HOT,
        LOGITS + 3,
        np.maximum(1 + ((1 - ONE_HOT) * (LOGITS + 3)).max(1) - (ONE_HOT * (LOGITS + 3)).sum(1), 0),
    ),
    "bce": Case(L.BinaryCrossentropy, {}, BITS, sigmoid(LOGITS), binary_focal(BITS, sigmoid(LOGITS), 0)),
    "bfce": Case(L.BinaryFocalCrossentropy, {}, BITS, sigmoid(LOGITS), binary_focal(BITS, sigmoid(LOGITS), 2)),
    "bfce logits": Case(
        L.BinaryFocalCrossentropy,
        {"from_logits": True, "apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5},
        BITS,
        LOGITS,
        binary_focal(BITS, sigmoid(LOGITS), 1.5, 0.3),
    ),
    "cce": Case(L.CategoricalCrossentropy, {}, SOFT, P, -(SOFT * np.log(P)).sum(1)),
    "cfce": Case(L.CategoricalFocalCrossentropy, {}, SOFT, P, -(0.25 * (1 - P) ** 2 * SOFT * np.log(P)).sum(1)),
    "cfce logits": Case(
        L.CategoricalFocalCrossentropy,
        {"from_logits": True, "alpha": ALPHA, "gamma": 1.5, "label_smoothing": 0.1},
        ONE_HOT,
        LOGITS,
        -(np.array(ALPHA) * (1 - P) ** 1.5 * (0.9 * ONE_HOT + 0.025) * np.log(P)).sum(1),
    ),
    "scce": Case(L.SparseCategoricalCrossentropy, {}, INDICES, P, -np.log(PICKED)),
    "scce ignoring": Case(
        L.SparseCategoricalCrossentropy,
        {"ignore_class": -1, "from_logits": True},
        SOME,
        LOGITS,
        np.where(KEPT, -np.log(PICKED), 0),
        KEPT,
    ),
    "gce": Case(L.CategoricalGeneralizedCrossEntropy, {"q": 0.7}, INDICES, P, (1 - PICKED**0.7) / 0.7),
    "dice": Case(
        L.Dice,
        {"axis": (1, 2)},
        IMAGES,
        MAPS,
        1 - 2 * (IMAGES * MAPS).sum((1, 2)) / (IMAGES.sum((1, 2)) + MAPS.sum((1, 2)) + 1e-7),
    ),
    "tversky": Case(
        L.Tversky,
        {"axis": (1, 2), "alpha": 0.3, "beta": 0.9},
        IMAGES,
        MAPS,
        1
        - (IMAGES * MAPS).sum((1, 2))
        / (
            (IMAGES * MAPS).sum((1, 2))
            + 0.3 * (IMAGES * (1 - MAPS)).sum((1, 2))
            + 0.9 * ((1 - IMAGES) * MAPS).sum((1, 2))
            + 1e-7
        ),
    ),
    "circle": Case(
        L.Circle,
        {"gamma": 4.0, "margin": 0.3},
        KINDS,
        EMBEDDINGS,
        circle(KINDS, EMBEDDINGS, 4.0, 0.3),
        KINDS != 2,
    ),
    "ctc": Case(
        L.CTC,
        {},
        LABELS,
        SPEECH,
        np.array([ctc([i for i in y if i], softmax(z)) for y, z in zip(LABELS.tolist(), SPEECH, strict=True)]),
    ),
}
