"""Losses and metrics have Keras's values: classes under every reduction and with weights, functions, several updates.

A row is called on targets and predictions, and where they must have another shape than (N,), on its own `weights`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn

from .. import peers
from .rows import Row, compare, rows, same, their_warnings

pytestmark = pytest.mark.ci

LOSSES = rows("""
    BinaryCrossentropy() | bits(6, 4), p(6, 4)
    BinaryCrossentropy(from_logits=True, label_smoothing=0.2) | bits(6, 4), f(6, 4)
    BinaryCrossentropy(axis=1, label_smoothing=0.1) | bits(6, 4, 2), p(6, 4, 2)
    BinaryCrossentropy(reduction="sum") | bits(6, 1), p(6, 1)
    BinaryFocalCrossentropy() | bits(6, 4), p(6, 4)
    BinaryFocalCrossentropy(True, 0.4, 3.0, True, 0.1) | bits(6, 4), f(6, 4)
    BinaryFocalCrossentropy(gamma=1.5, reduction=None) | bits(6, 4), p(6, 4)
    CategoricalCrossentropy() | hot(6, 4), p(6, 4)
    CategoricalCrossentropy(from_logits=True, label_smoothing=0.2) | hot(6, 4), f(6, 4)
    CategoricalCrossentropy(axis=1) | dist(6, 4, 3), p(6, 4, 3)
    CategoricalCrossentropy(reduction=None) | hot(6, 5, 4), dist(6, 5, 4)
    CategoricalFocalCrossentropy() | hot(6, 4), dist(6, 4)
    CategoricalFocalCrossentropy([0.2, 0.3, 0.4, 0.5], 1.0, True, 0.1) | hot(6, 4), f(6, 4)
    CategoricalGeneralizedCrossEntropy() | i(6, high=4), dist(6, 4)
    CategoricalGeneralizedCrossEntropy(q=0.9, reduction="sum") | i(6, high=4), dist(6, 4)
    CategoricalHinge() | hot(6, 4), f(6, 4)
    CategoricalHinge(reduction=None) | hot(6, 4), f(6, 4)
    Circle() | i(8, high=3), f(8, 4)
    Circle(gamma=5.0, margin=0.2, remove_diagonal=False) | i(8, high=3), f(8, 4)
    CosineSimilarity() | f(6, 4), f(6, 4)
    CosineSimilarity(axis=1, reduction=None) | f(6, 4, 3), f(6, 4, 3)
    CTC() | i(3, 3, low=1, high=5), f(3, 8, 5)
    CTC(reduction=None) | np.array([[1, 2, 0], [3, 3, 0], [4, 0, 0]]), f(3, 7, 5), weights=p(3)
    Dice() | bits(6, 4), p(6, 4)
    Dice(axis=(1, 2), reduction=None) | bits(3, 4, 2), p(3, 4, 2), weights=p(3)
    Hinge() | signs(6, 4), f(6, 4)
    Hinge(reduction="sum") | bits(6, 4), f(6, 4)
    Huber() | f(6, 4), f(6, 4)
    Huber(delta=0.3, reduction="mean_with_sample_weight") | f(6, 4), f(6, 4)
    KLDivergence() | dist(6, 4), dist(6, 4)
    KLDivergence(reduction=None) | dist(6, 5, 4), dist(6, 5, 4)
    LogCosh() | f(6, 4), f(6, 4)
    LogCosh(reduction="sum") | f(6, 4), f(6, 4)
    MeanAbsoluteError() | f(6, 4), f(6, 4)
    MeanAbsoluteError(reduction="mean") | f(6, 4, 2), f(6, 4, 2)
    MeanAbsolutePercentageError() | f(6, 4), f(6, 4)
    MeanSquaredError() | f(6, 4), f(6, 4)
    MeanSquaredError(reduction="none") | f(6, 4, 2), f(6, 4, 2)
    MeanSquaredLogarithmicError() | f(6, 4, low=0.1, high=3), f(6, 4, low=0.1, high=3)
    Poisson() | f(6, 4, low=0, high=3), f(6, 4, low=0.1, high=3)
    SparseCategoricalCrossentropy() | i(6, high=4), p(6, 4)
    SparseCategoricalCrossentropy(from_logits=True) | i(6, 1, high=4), f(6, 4)
    SparseCategoricalCrossentropy(ignore_class=2) | i(6, high=4), p(6, 4)
    SparseCategoricalCrossentropy(True, ignore_class=-1) | i(6, 5, low=-1, high=4), f(6, 5, 4), weights=p(6, 5)
    SparseCategoricalCrossentropy(axis=1, reduction=None) | i(6, 3, high=4), p(6, 4, 3)
    SquaredHinge() | signs(6, 4), f(6, 4)
    SquaredHinge(reduction="mean") | bits(6, 4), f(6, 4)
    Tversky() | bits(6, 4), p(6, 4)
    Tversky(alpha=0.3, beta=0.9, axis=(1,), reduction=None) | bits(6, 4), p(6, 4)
""")
# Losses whose targets are numbers of classes.
OF_INDICES = ("CTC", "CategoricalGeneralized", "Circle", "Sparse")
# Losses of probabilities that Keras computes by a function of PyTorch, which refuses targets outside of [0, 1].
REFUSED = ("BinaryFocal", "BinaryCrossentropy()", "BinaryCrossentropy(axis", "BinaryCrossentropy(red")
# A loss that is one number a batch has no weights.
UNWEIGHTED = {"Dice()", "Tversky()"}
FUNCTIONS = rows("""
    binary_crossentropy | bits(6, 4), p(6, 4), label_smoothing=0.1
    binary_crossentropy | bits(6, 4), f(6, 4), from_logits=True
    binary_focal_crossentropy | bits(6, 4), p(6, 4), apply_class_balancing=True, alpha=0.3, gamma=1.0
    categorical_crossentropy | hot(6, 4), p(6, 4), label_smoothing=0.1
    categorical_crossentropy | hot(6, 4), f(6, 4), from_logits=True
    categorical_focal_crossentropy | hot(6, 4), dist(6, 4), alpha=0.4, gamma=1.0
    categorical_generalized_cross_entropy | i(6, high=4), dist(6, 4), 0.4
    categorical_hinge | hot(6, 4), f(6, 4)
    cosine_similarity | f(6, 4), f(6, 4)
    ctc | i(3, 3, low=1, high=5), f(3, 8, 5)
    dice | bits(6, 4), p(6, 4)
    dice | bits(6, 4), p(6, 4), axis=-1
    hinge | bits(6, 4), f(6, 4)
    huber | f(6, 4), f(6, 4), delta=0.3
    kl_divergence | dist(6, 4), dist(6, 4)
    log_cosh | f(6, 4, low=-9, high=9), f(6, 4)
    mean_absolute_error | f(6, 4), f(6, 4)
    mean_absolute_percentage_error | f(6, 4), f(6, 4)
    mean_squared_error | f(6, 4), f(6, 4)
    mean_squared_logarithmic_error | f(6, 4, low=0.1), f(6, 4, low=0.1)
    poisson | f(6, 4, low=0, high=3), f(6, 4, low=0.1, high=3)
    sparse_categorical_crossentropy | i(6, high=4), p(6, 4)
    sparse_categorical_crossentropy | i(6, 5, high=4), f(6, 5, 4), from_logits=True, ignore_class=1
    squared_hinge | signs(6, 4), f(6, 4)
    tversky | bits(6, 4), p(6, 4), alpha=0.2, beta=0.7
    circle | i(8, high=3), f(8, 4)
""")
# Confusion matrices have whole weights: Keras 3.15 makes integers of them.
METRICS = rows("""
    AUC() | bits(30), p(30)
    AUC(num_thresholds=20, curve="PR", summation_method="majoring") | bits(30), p(30)
    AUC(curve="PR") | bits(30, 1), p(30, 1)
    AUC(curve="PRGAIN", summation_method="minoring", thresholds=[0.2, 0.5, 0.7]) | bits(30), p(30)
    AUC(multi_label=True, num_labels=3) | bits(30, 3), p(30, 3)
    AUC(multi_label=True, num_labels=3, label_weights=[0.2, 0.3, 1.0]) | bits(30, 3), p(30, 3)
    AUC(from_logits=True) | bits(30), f(30, low=-4, high=4)
    Accuracy() | i(30, high=4), i(30, high=4)
    Accuracy() | i(30, 3, high=2), i(30, 3, high=2)
    BinaryAccuracy() | bits(30, 1), p(30, 1)
    BinaryAccuracy(threshold=0.7) | bits(30, 3), p(30, 3)
    BinaryCrossentropy(label_smoothing=0.1) | bits(30, 3), p(30, 3)
    BinaryCrossentropy(from_logits=True) | bits(30, 1), f(30, 1)
    BinaryIoU([1], threshold=0.3) | bits(30), p(30), weights=i(30, high=4)
    BinaryIoU() | bits(30, 2), p(30, 2), weights=i(30, 2, high=4)
    CategoricalAccuracy() | hot(30, 4), p(30, 4)
    CategoricalAccuracy() | hot(30, 3, 4), p(30, 3, 4)
    CategoricalCrossentropy(label_smoothing=0.1) | hot(30, 4), p(30, 4)
    CategoricalCrossentropy(from_logits=True, axis=-1) | hot(30, 4), f(30, 4)
    CategoricalHinge() | hot(30, 4), f(30, 4)
    ConcordanceCorrelation() | f(30, 5), f(30, 5)
    CosineSimilarity() | f(30, 4), f(30, 4)
    CosineSimilarity(axis=1) | f(30, 4, 2), f(30, 4, 2)
    F1Score() | hot(30, 4), p(30, 4)
    F1Score(average="macro", threshold=0.4) | bits(30, 4), p(30, 4)
    F1Score(average="weighted") | hot(30, 4), p(30, 4)
    F1Score(average="micro", threshold=0.5) | bits(30, 1), p(30, 1)
    FBetaScore(beta=2.0) | hot(30, 4), p(30, 4)
    FBetaScore("macro", 0.5, 0.3) | bits(30, 4), p(30, 4)
    FalseNegatives() | bits(30), p(30)
    FalseNegatives([0.2, 0.7]) | bits(30, 2), p(30, 2)
    FalsePositives() | bits(30), p(30)
    FalsePositives([0.2, 0.7]) | bits(30, 2), p(30, 2)
    Hinge() | signs(30, 4), f(30, 4)
    IoU(4, [0, 2]) | i(30, high=4), i(30, high=4), weights=i(30, high=4)
    IoU(4, [1, 2], ignore_class=3) | i(30, 2, high=4), i(30, 2, high=4), weights=i(30, 2, high=4)
    IoU(4, [1, 2], sparse_y_pred=False) | i(30, high=4), p(30, 4), weights=i(30, high=4)
    KLDivergence() | dist(30, 4), dist(30, 4)
    LogCoshError() | f(30, 4), f(30, 4)
    MeanAbsoluteError() | f(30, 4), f(30, 4)
    MeanAbsolutePercentageError() | f(30, 4), f(30, 4)
    MeanIoU(4) | i(30, high=4), i(30, high=4), weights=i(30, high=4)
    MeanIoU(4, ignore_class=0) | i(30, 2, high=4), i(30, 2, high=4), weights=i(30, 2, high=4)
    MeanIoU(4, sparse_y_true=False, sparse_y_pred=False) | hot(30, 4), p(30, 4), weights=i(30, high=4)
    MeanMetricWrapper(lambda y, p, power: (y - p) ** power, power=2) | f(30), f(30)
    MeanSquaredError() | f(30, 4), f(30, 4)
    MeanSquaredLogarithmicError() | f(30, 4, low=0.1), f(30, 4, low=0.1)
    OneHotIoU(4, [0, 3]) | hot(30, 4), p(30, 4), weights=i(30, high=4)
    OneHotIoU(4, [0, 3], sparse_y_pred=True) | hot(30, 4), i(30, high=4), weights=i(30, high=4)
    OneHotMeanIoU(4) | hot(30, 4), p(30, 4), weights=i(30, high=4)
    OneHotMeanIoU(4, ignore_class=1) | hot(30, 4), p(30, 4), weights=i(30, high=4)
    PearsonCorrelation() | f(30, 5), f(30, 5)
    PearsonCorrelation(axis=1) | f(30, 5, 2), f(30, 5, 2)
    Poisson() | f(30, 4, low=0, high=3), f(30, 4, low=0.1, high=3)
    Precision() | bits(30), p(30)
    Precision([0.2, 0.7]) | bits(30, 2), p(30, 2)
    Precision(top_k=2) | bits(30, 4), p(30, 4)
    Precision(class_id=1) | bits(30, 4), p(30, 4)
    Precision(class_id=2, top_k=2) | bits(30, 4), p(30, 4)
    PrecisionAtRecall(0.6) | bits(30), p(30)
    PrecisionAtRecall(0.6, num_thresholds=30, class_id=1) | bits(30, 2), p(30, 2)
    R2Score() | f(30, 3), f(30, 3)
    R2Score(class_aggregation=None) | f(30, 3), f(30, 3)
    R2Score("variance_weighted_average") | f(30, 3), f(30, 3)
    R2Score(num_regressors=2) | f(30, 1), f(30, 1)
    Recall() | bits(30), p(30)
    Recall([0.2, 0.7]) | bits(30, 2), p(30, 2)
    Recall(top_k=1) | hot(30, 4), p(30, 4)
    Recall(class_id=1, thresholds=0.3) | bits(30, 4), p(30, 4)
    RecallAtPrecision(0.6) | bits(30), p(30)
    RootMeanSquaredError() | f(30, 3), f(30, 3)
    SensitivityAtSpecificity(0.6) | bits(30), p(30)
    SensitivityAtSpecificity(0.6, 20, class_id=0) | bits(30, 2), p(30, 2)
    SparseCategoricalAccuracy() | i(30, high=4), p(30, 4)
    SparseCategoricalAccuracy() | i(30, 3, high=4), p(30, 3, 4)
    SparseCategoricalAccuracy() | i(30, 1, high=4), p(30, 4)
    SparseCategoricalCrossentropy() | i(30, high=4), p(30, 4)
    SparseCategoricalCrossentropy(from_logits=True, ignore_class=1) | i(30, 3, high=4), f(30, 3, 4), weights=p(30, 3)
    SparseTopKCategoricalAccuracy(2) | i(30, high=4), p(30, 4)
    SparseTopKCategoricalAccuracy(2) | i(30, 3, high=4), p(30, 3, 4)
    SpecificityAtSensitivity(0.6) | bits(30), p(30)
    SquaredHinge() | signs(30, 4), f(30, 4)
    TopKCategoricalAccuracy(2) | hot(30, 4), p(30, 4)
    TrueNegatives() | bits(30), p(30)
    TrueNegatives([0.2, 0.7]) | bits(30, 2), p(30, 2)
    TruePositives() | bits(30), p(30)
    TruePositives([0.2, 0.7]) | bits(30, 2), p(30, 2)
    Mean() | f(30)
    Mean() | f(30, 3)
    Sum() | f(30)
    Sum() | f(30, 3)
""")
METRIC_FUNCTIONS = rows("""
    binary_accuracy | bits(6, 4), p(6, 4)
    binary_accuracy | bits(6, 4), p(6, 4), 0.7
    categorical_accuracy | hot(6, 4), p(6, 4)
    concordance_correlation | f(6, 4), f(6, 4)
    pearson_correlation | f(6, 4), f(6, 4)
    pearson_correlation | f(6, 4, 2), f(6, 4, 2), axis=1
    sparse_categorical_accuracy | i(6, high=4), p(6, 4)
    sparse_categorical_accuracy | i(6, 3, high=4), p(6, 3, 4)
    sparse_top_k_categorical_accuracy | i(6, high=4), p(6, 4), k=2
    top_k_categorical_accuracy | hot(6, 4), p(6, 4), k=2
""")


CALLS = [(row, weighted) for row in LOSSES for weighted in (False, True) if not (weighted and row.thing in UNWEIGHTED)]


@pytest.mark.parametrize(("row", "weighted"), CALLS, ids=str)
def test_losses(row: Row, weighted: bool) -> None:
    keras = peers.keras()
    (y, p), given = row.draw()
    each = np.linspace(0.5, 2, len(y), dtype=np.float32)
    more = [given.get("weights", each if p.ndim == 2 else each[:, None])] if weighted else []
    ours, theirs = (row.make(module) for module in (nn.losses, keras.losses))
    compare(lambda p: ours(y, p, *more), lambda p: theirs(y, p, *more), [p])


@pytest.mark.parametrize("row", [row for row in LOSSES if not row.thing.startswith((*OF_INDICES, *REFUSED))], ids=str)
def test_losses_of_targets_with_noise(row: Row) -> None:
    keras = peers.keras()
    (y, p), _ = row.draw()
    ours, theirs = (row.make(module) for module in (nn.losses, keras.losses))
    for scale in (0.05, 1.0):  # labels of two classes a little outside of [0, 1], and values that are negative
        noisy = (y + scale * np.random.default_rng(0).normal(size=y.shape)).astype(np.float32)
        compare(lambda p, y=noisy: ours(y, p), lambda p, y=noisy: theirs(y, p), [p])


@pytest.mark.parametrize("row", FUNCTIONS, ids=str)
def test_functions_of_losses(row: Row) -> None:
    keras = peers.keras()
    (y, *p), options = row.draw()
    ours, theirs = (row.make(module) for module in (nn.losses, keras.losses))
    compare(lambda *p: ours(y, *p, **options), lambda *p: theirs(keras.ops.array(y), *p, **options), p)


@pytest.mark.parametrize("row", METRICS, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_metrics_over_several_updates(row: Row, weighted: bool) -> None:
    keras = peers.keras()
    arrays, given = row.draw()
    each = np.linspace(0.5, 2, 30, dtype=np.float32)
    options: dict[str, Any] = {"sample_weight": given.get("weights", each)} if weighted else {}
    ours, theirs = (row.make(module) for module in (nn.metrics, keras.metrics))
    for piece in (slice(0, 7), slice(7, 20), slice(20, 30)):
        batch, weights = [a[piece] for a in arrays], {name: a[piece] for name, a in options.items()}
        ours.update_state(*batch, **weights)
        with their_warnings():
            theirs.update_state(*batch, **weights)
            expected = theirs.result()
        same(ours.result(), expected)
    ours.reset_state()
    theirs.reset_state()
    with their_warnings():
        expected = theirs(*arrays, **options)
    same(ours(*arrays, **options), expected, "after reset_state")


@pytest.mark.parametrize("row", METRIC_FUNCTIONS, ids=str)
def test_functions_of_metrics(row: Row) -> None:
    keras = peers.keras()
    arrays, options = row.draw()
    ours, theirs = (row.make(module) for module in (nn.metrics, keras.metrics))
    with their_warnings():
        expected = theirs(*arrays, **options)
    same(ours(*arrays, **options), expected)
