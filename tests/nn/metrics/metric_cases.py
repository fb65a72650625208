"""One table of metrics: how each is made, targets, predictions, and its value by a formula in plain NumPy.

A formula takes targets, predictions and one weight a sample.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nn import metrics

from ..losses.loss_cases import softmax

Array = np.ndarray
N, K = 30, 4
RNG = np.random.default_rng(3)


class Case(NamedTuple):
    """A metric with its arguments, data, and its value by another way."""

    make: Callable[..., metrics.Metric]
    arguments: dict[str, Any]
    y: Array
    p: Array
    value: Callable[[Array, Array, Array], Any]

    def metric(self) -> metrics.Metric:
        return self.make(**self.arguments)


def mean_of(values: Callable[[Array, Array], Array]) -> Callable[[Array, Array, Array], float]:
    """Return the weighted mean of the samples' values, a formula."""

    def value(y: Array, p: Array, w: Array) -> float:
        rows = np.asarray(values(y, p), float)
        return float(np.average(rows.reshape(len(rows), -1).mean(axis=1), weights=w))

    return value


def counts(y: Array, p: Array, w: Array, threshold: float = 0.5) -> tuple[float, float, float, float]:
    """Return TP, FP, TN and FN by going through all elements."""
    total = dict.fromkeys(((1, 1), (0, 1), (0, 0), (1, 0)), 0.0)
    for i in np.ndindex(y.shape):
        total[int(y[i]), int(p[i] > threshold)] += w[i[0]]
    return total[1, 1], total[0, 1], total[0, 0], total[1, 0]


def at_best(wanted: str, enough: str, least: float, thresholds: Array) -> Callable[[Array, Array, Array], float]:
    """Return the largest of one rate where another is large enough."""

    def value(y: Array, p: Array, w: Array) -> float:
        best = 0.0
        for t in thresholds:
            tp, fp, tn, fn = counts(y, p, w, t)
            rates = {
                "sensitivity": tp / (tp + fn),
                "specificity": tn / (tn + fp),
                "precision": tp / (tp + fp) if tp + fp else 0.0,
            }
            if rates[enough] >= least:
                best = max(best, rates[wanted])
        return best

    return value


def roc_auc(y: Array, p: Array, w: Array) -> float:
    """Return the share of pairs, one of each class, that are in order; equal ones count one half."""
    order = (p[y == 1][:, None] > p[y == 0]) + 0.5 * (p[y == 1][:, None] == p[y == 0])
    return float(w[y == 1] @ order @ w[y == 0] / (w[y == 1].sum() * w[y == 0].sum()))


def gain_area(y: Array, p: Array, w: Array) -> float:
    """Return the area under precision gain over recall gain by the trapezes between ten thresholds."""
    odds, points = w[y == 1].sum() / w[y == 0].sum(), []
    for t in [-1e-7, *np.arange(1, 10) / 10, 1 + 1e-7]:
        tp, fp, _, fn = counts(y, p, w, t)
        points.append((max(1 - odds * fn / tp, 0.0), 1 - odds * fp / tp) if tp else (0.0, 1.0))
    return sum((a[0] - b[0]) * (a[1] + b[1]) / 2 for a, b in itertools.pairwise(points))


def f_scores(beta: float, threshold: float | None) -> Callable[[Array, Array, Array], Array]:
    def value(y: Array, p: Array, w: Array) -> Array:
        positive = p == p.max(1, keepdims=True) if threshold is None else p > threshold
        out = []
        for k in range(y.shape[1]):
            tp = w[(y[:, k] == 1) & positive[:, k]].sum()
            precision, recall = tp / max(w[positive[:, k]].sum(), 1e-30), tp / w[y[:, k] == 1].sum()
            out.append((1 + beta**2) * precision * recall / max(beta**2 * precision + recall, 1e-30))
        return np.array(out)

    return value


def iou(classes: list[int]) -> Callable[[Array, Array, Array], float]:
    def value(y: Array, p: Array, w: Array) -> float:
        return float(np.mean([w[(y == k) & (p == k)].sum() / w[(y == k) | (p == k)].sum() for k in classes]))

    return value


def r2(y: Array, p: Array, w: Array) -> Array:
    mean = np.average(y, axis=0, weights=w)
    return 1 - (w[:, None] * (y - p) ** 2).sum(0) / (w[:, None] * (y - mean) ** 2).sum(0)


def ranks_above(y: Array, p: Array) -> Array:
    return np.array([(row > row[i]).sum() for i, row in zip(y, p, strict=True)])


def correlation(y: Array, p: Array) -> Array:
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(y, p, strict=True)])


def concordance(y: Array, p: Array) -> Array:
    rows = zip(y, p, strict=True)
    return np.array(
        [2 * np.cov(a, b, bias=True)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2) for a, b in rows]
    )


REALS = RNG.normal(size=(N, K)) + 5
GUESSES = REALS + RNG.normal(size=(N, K))
LABELS = np.concatenate([np.arange(K), RNG.integers(0, K, size=N - K)])
GUESSED = np.where(RNG.uniform(size=N) < 0.6, LABELS, RNG.integers(0, K, size=N))
ONE_HOT = np.eye(K)[LABELS]
P = softmax(2 * ONE_HOT + RNG.normal(size=(N, K)))
SOFT = softmax(RNG.normal(size=(N, K)))
BITS = np.concatenate([[0.0, 1.0], RNG.integers(0, 2, size=N - 2)])
GRID = (np.clip(BITS * 0.3 + RNG.uniform(0, 0.7, size=N), 0, 0.999) * 50).astype(int) / 50 + 0.01
MANY = np.concatenate([np.zeros((1, K)), np.ones((1, K)), RNG.integers(0, 2, size=(N - 2, K))])
SCORES = RNG.uniform(0.02, 0.98, size=(N, K))
EVEN = np.linspace(0, 1, 200)
M = metrics
CASES: dict[str, Case] = {
    "mse": Case(M.MeanSquaredError, {}, REALS, GUESSES, mean_of(lambda y, p: (y - p) ** 2)),
    "mae": Case(M.MeanAbsoluteError, {}, REALS, GUESSES, mean_of(lambda y, p: abs(y - p))),
    "mape": Case(M.MeanAbsolutePercentageError, {}, REALS, GUESSES, mean_of(lambda y, p: 100 * abs((y - p) / y))),
    "msle": Case(
        M.MeanSquaredLogarithmicError, {}, REALS, GUESSES, mean_of(lambda y, p: np.log((1 + y) / (1 + p)) ** 2)
    ),
    "rmse": Case(
        M.RootMeanSquaredError, {}, REALS, GUESSES, lambda y, p, w: np.sqrt(np.average((y - p) ** 2, 0, w).mean())
    ),
    "logcosh": Case(M.LogCoshError, {}, REALS, GUESSES, mean_of(lambda y, p: np.log(np.cosh(y - p)))),
    "poisson": Case(M.Poisson, {}, REALS, GUESSES, mean_of(lambda y, p: p - y * np.log(p + 1e-7))),
    "kl": Case(M.KLDivergence, {}, SOFT, P, mean_of(lambda y, p: (y * np.log(y / p)).sum(1))),
    "cosine": Case(
        M.CosineSimilarity,
        {},
        REALS,
        GUESSES,
        mean_of(lambda y, p: (y * p).sum(1) / np.sqrt((y * y).sum(1) * (p * p).sum(1))),
    ),
    "hinge": Case(M.Hinge, {}, MANY, SCORES, mean_of(lambda y, p: np.maximum(1 - (2 * y - 1) * p, 0))),
    "squared hinge": Case(
        M.SquaredHinge, {}, 2 * MANY - 1, SCORES, mean_of(lambda y, p: np.maximum(1 - y * p, 0) ** 2)
    ),
    "categorical hinge": Case(
        M.CategoricalHinge,
        {},
        ONE_HOT,
        P,
        mean_of(lambda y, p: np.maximum(1 + np.where(y == 1, 0, p).max(1) - (y * p).sum(1), 0)),
    ),
    "bce": Case(M.BinaryCrossentropy, {}, MANY, SCORES, mean_of(lambda y, p: -np.log(np.where(y == 1, p, 1 - p)))),
    "cce": Case(M.CategoricalCrossentropy, {}, SOFT, P, mean_of(lambda y, p: -(y * np.log(p)).sum(1))),
    "scce": Case(
        M.SparseCategoricalCrossentropy, {}, LABELS, P, mean_of(lambda y, p: -np.log(p[np.arange(len(y)), y]))
    ),
    "pearson": Case(M.PearsonCorrelation, {}, REALS, GUESSES, mean_of(correlation)),
    "concordance": Case(M.ConcordanceCorrelation, {}, REALS, GUESSES, mean_of(concordance)),
    "r2": Case(M.R2Score, {}, REALS, GUESSES, lambda y, p, w: r2(y, p, w).mean()),
    "r2 of outputs": Case(M.R2Score, {"class_aggregation": None}, REALS, GUESSES, r2),
    "r2 by variance": Case(
        M.R2Score,
        {"class_aggregation": "variance_weighted_average"},
        REALS,
        GUESSES,
        lambda y, p, w: np.average(r2(y, p, w), weights=[np.cov(c, aweights=w, ddof=0) for c in y.T]),
    ),
    "accuracy": Case(M.Accuracy, {}, LABELS, GUESSED, mean_of(lambda y, p: y == p)),
    "binary accuracy": Case(M.BinaryAccuracy, {}, MANY, SCORES, mean_of(lambda y, p: (p > 0.5) == (y == 1))),
    "categorical accuracy": Case(
        M.CategoricalAccuracy, {}, ONE_HOT, P, mean_of(lambda y, p: p.argmax(1) == y.argmax(1))
    ),
    "sparse accuracy": Case(M.SparseCategoricalAccuracy, {}, LABELS, P, mean_of(lambda y, p: p.argmax(1) == y)),
    "auto accuracy": Case(M.AutoAccuracy, {}, LABELS, P, mean_of(lambda y, p: p.argmax(1) == y)),
    "top 2": Case(
        M.TopKCategoricalAccuracy, {"k": 2}, ONE_HOT, SCORES, mean_of(lambda y, p: ranks_above(y.argmax(1), p) < 2)
    ),
    "sparse top 2": Case(
        M.SparseTopKCategoricalAccuracy, {"k": 2}, LABELS, SCORES, mean_of(lambda y, p: ranks_above(y, p) < 2)
    ),
    "sorted top 2": Case(
        M.SparseTopKCategoricalAccuracy,
        {"k": 2, "from_sorted_ids": True},
        LABELS,
        np.argsort(-SCORES, axis=1),
        mean_of(lambda y, p: (p[:, 0] == y) | (p[:, 1] == y)),
    ),
    "tp": Case(M.TruePositives, {}, MANY, SCORES, lambda y, p, w: counts(y, p, w)[0]),
    "fp": Case(M.FalsePositives, {}, MANY, SCORES, lambda y, p, w: counts(y, p, w)[1]),
    "tn": Case(M.TrueNegatives, {}, MANY, SCORES, lambda y, p, w: counts(y, p, w)[2]),
    "fn at several": Case(
        M.FalseNegatives,
        {"thresholds": [0.7, 0.2]},
        MANY,
        SCORES,
        lambda y, p, w: [counts(y, p, w, t)[3] for t in (0.7, 0.2)],
    ),
    "precision": Case(M.Precision, {}, MANY, SCORES, lambda y, p, w: counts(y, p, w)[0] / sum(counts(y, p, w)[:2])),
    "precision of a class": Case(
        M.Precision,
        {"class_id": 2, "thresholds": 0.3},
        MANY,
        SCORES,
        lambda y, p, w: w[(y[:, 2] == 1) & (p[:, 2] > 0.3)].sum() / w[p[:, 2] > 0.3].sum(),
    ),
    "precision at top 2": Case(
        M.Precision,
        {"top_k": 2},
        MANY,
        SCORES,
        lambda y, p, w: (w[:, None] * y * (np.sort(p, 1)[:, [-2]] <= p)).sum() / (2 * w.sum()),
    ),
    "recall": Case(M.Recall, {}, MANY, SCORES, lambda y, p, w: counts(y, p, w)[0] / (w[:, None] * y).sum()),
    "roc auc": Case(M.AUC, {"num_thresholds": 51}, BITS, GRID, roc_auc),
    "gain auc": Case(M.AUC, {"num_thresholds": 11, "curve": "PRGAIN"}, MANY[:, 0], SCORES[:, 0], gain_area),
    "roc auc of labels": Case(
        M.AUC,
        {"num_thresholds": 20001, "multi_label": True},
        MANY,
        SCORES,
        lambda y, p, w: np.mean([roc_auc(y[:, k], p[:, k], w) for k in range(K)]),
    ),
    "sensitivity at specificity": Case(
        M.SensitivityAtSpecificity,
        {"specificity": 0.6},
        BITS,
        GRID,
        at_best("sensitivity", "specificity", 0.6, EVEN),
    ),
    "specificity at sensitivity": Case(
        M.SpecificityAtSensitivity,
        {"sensitivity": 0.7},
        BITS,
        GRID,
        at_best("specificity", "sensitivity", 0.7, EVEN),
    ),
    "precision at recall": Case(
        M.PrecisionAtRecall, {"recall": 0.6}, BITS, GRID, at_best("precision", "sensitivity", 0.6, EVEN)
    ),
    "recall at precision": Case(
        M.RecallAtPrecision, {"precision": 0.7}, BITS, GRID, at_best("sensitivity", "precision", 0.7, EVEN)
    ),
    "f1": Case(M.F1Score, {}, ONE_HOT, P, f_scores(1, None)),
    "f2 macro": Case(
        M.FBetaScore,
        {"beta": 2.0, "average": "macro", "threshold": 0.4},
        MANY,
        SCORES,
        lambda y, p, w: f_scores(2, 0.4)(y, p, w).mean(),
    ),
    "f1 weighted": Case(
        M.F1Score,
        {"average": "weighted"},
        ONE_HOT,
        P,
        lambda y, p, w: np.average(f_scores(1, None)(y, p, w), weights=w @ y),
    ),
    "f1 micro": Case(
        M.F1Score,
        {"average": "micro", "threshold": 0.5},
        MANY,
        SCORES,
        lambda y, p, w: (lambda tp, fp, _, fn: 2 * tp / (2 * tp + fp + fn))(*counts(y, p, w)),
    ),
    "iou": Case(M.IoU, {"num_classes": K, "target_class_ids": [0, 2]}, LABELS, GUESSED, iou([0, 2])),
    "mean iou": Case(M.MeanIoU, {"num_classes": K}, LABELS, GUESSED, iou([0, 1, 2, 3])),
    "mean iou ignoring": Case(
        M.MeanIoU,
        {"num_classes": K, "ignore_class": 1},
        LABELS,
        GUESSED,
        lambda y, p, w: iou([0, 1, 2, 3])(y[y != 1], p[y != 1], w[y != 1]),
    ),
    "binary iou": Case(
        M.BinaryIoU, {"threshold": 0.4}, BITS, GRID, lambda y, p, w: iou([0, 1])(y, (p >= 0.4).astype(float), w)
    ),
    "one-hot iou": Case(
        M.OneHotIoU,
        {"num_classes": K, "target_class_ids": [1, 3]},
        ONE_HOT,
        P,
        lambda y, p, w: iou([1, 3])(y.argmax(1), p.argmax(1), w),
    ),
    "one-hot mean iou": Case(
        M.OneHotMeanIoU,
        {"num_classes": K},
        ONE_HOT,
        P,
        lambda y, p, w: iou([0, 1, 2, 3])(y.argmax(1), p.argmax(1), w),
    ),
    "confusion matrix": Case(
        M.ConfusionMatrix,
        {"num_classes": K},
        LABELS,
        GUESSED,
        lambda y, p, w: [[w[(y == i) & (p == j)].sum() for j in range(K)] for i in range(K)],
    ),
    "of a function": Case(
        M.MeanMetricWrapper,
        {"fn": lambda y, p, power: (abs(y - p) ** power).max(axis=-1), "power": 3},
        REALS,
        GUESSES,
        mean_of(lambda y, p: (abs(y - p) ** 3).max(axis=-1)),
    ),
}
