"""Every metric against its formula, and under the laws of streams: any batches, any order, weights as repetitions."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
import nn
from nn import losses, metrics
from tests.nn import peers

from .metric_cases import BITS, CASES, GRID, GUESSED, GUESSES, LABELS, MANY, ONE_HOT, REALS, SCORES, K, N, P

ONES = np.ones(N)
CLOSE: Any = {"rtol": 1e-6, "atol": 1e-9}


def test_every_metric_has_a_case() -> None:
    classes = {
        c.__name__
        for c in (getattr(metrics, name) for name in metrics.__all__)
        if isinstance(c, type) and issubclass(c, metrics.Metric)
    }
    tested_alone = {"Metric", "Mean", "Sum", "MeanTensor"}
    assert {case.make.__name__ for case in CASES.values()} == classes - tested_alone
    assert len(classes) == 49


@pytest.mark.parametrize("name", CASES)
def test_formula(name: str) -> None:
    case = CASES[name]
    for weights in (None, np.linspace(0.5, 2, N)):
        metric = case.metric()
        metric.update_state(case.y, case.p, weights)
        expected = case.value(case.y, case.p, ONES if weights is None else weights)
        np.testing.assert_allclose(metric.result(), expected, **CLOSE)


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_batches_and_their_order_change_nothing(name: str, data: st.DataObject) -> None:
    case = CASES[name]
    cuts = sorted(data.draw(st.lists(st.integers(0, N), max_size=5)))
    weights = data.draw(st.sampled_from([None, np.linspace(0, 3, N)]))
    parts = [part for part in np.split(data.draw(st.permutations(range(N))), cuts) if len(part)]
    whole, streamed = case.metric(), case.metric()
    whole.update_state(case.y, case.p, weights)
    for part in parts:
        rows = np.asarray(part, np.intp)
        streamed.update_state(case.y[rows], case.p[rows], None if weights is None else weights[rows])
    np.testing.assert_allclose(streamed.result(), whole.result(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_a_weight_is_a_number_of_repetitions(name: str) -> None:
    case = CASES[name]
    times = np.random.default_rng(0).integers(0, 3, size=N)
    weighted, repeated = case.metric(), case.metric()
    weighted.update_state(case.y, case.p, times)
    repeated.update_state(case.y.repeat(times, axis=0), case.p.repeat(times, axis=0))
    np.testing.assert_allclose(weighted.result(), repeated.result(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_reset_and_call(name: str) -> None:
    case = CASES[name]
    metric = case.metric()
    first = metric(case.y, case.p)
    metric.update_state(case.y[::-1], case.p)
    metric.reset_state()
    np.testing.assert_array_equal(metric(ag.tensor(case.y), ag.tensor(case.p)), first)
    assert case.metric().name in repr(metric)


@pytest.mark.parametrize("name", [name for name in CASES if name != "of a function"])
def test_a_copy_goes_on_from_the_same_state(name: str) -> None:
    case = CASES[name]
    metric = case.metric()
    metric.update_state(case.y[:9], case.p[:9])
    copy = pickle.loads(pickle.dumps(metric))
    np.testing.assert_array_equal(copy(case.y[9:], case.p[9:]), metric(case.y[9:], case.p[9:]))


@pytest.mark.parametrize("name", CASES)
def test_wrong_weights_are_refused_and_leave_the_state(name: str) -> None:
    case = CASES[name]
    metric = case.metric()
    before = metric(case.y, case.p)
    for wrong in (np.ones(N + 1), np.ones((N, 7))):
        with pytest.raises(ag.ShapeError, match="expected sample_weight of shape"):
            metric.update_state(case.y, case.p, wrong)
    np.testing.assert_array_equal(metric.result(), before)


@pytest.mark.parametrize("name", ["mse", "rmse", "binary accuracy", "accuracy", "precision", "roc auc", "mean iou"])
def test_columns_against_rows_are_refused(name: str) -> None:
    y = np.zeros(3)
    with pytest.raises(ag.ShapeError, match="same shape"):
        CASES[name].metric().update_state(y, y[:, None])


# ---- sums, means and single metrics ---------------------------------------------------------------------------------


def test_mean_sum_and_mean_tensor() -> None:
    x, w = np.arange(6.0).reshape(3, 2), np.array([1.0, 0.0, 3.0])
    mean, total, tensor = metrics.Mean(), metrics.Sum(), metrics.MeanTensor()
    for metric in (mean, total, tensor):
        assert metric.name in ("mean", "sum", "mean_tensor")
        metric.update_state(x[0])
        metric.update_state(x[1:] if metric is not tensor else x[1])
    assert (mean.result(), total.result(), tensor.result().tolist()) == (2.5, 15.0, [1.0, 2.0])
    for metric in (mean, total, tensor):
        metric.reset_state()
        metric.update_state(x, sample_weight=w)
    assert mean.result() == np.average(x.mean(1), weights=w)
    assert total.result() == (w[:, None] * x).sum()
    np.testing.assert_array_equal(tensor.result(), np.where(w[:, None] > 0, x, np.nan))
    with pytest.raises(ag.ShapeError, match="as the first was"):
        tensor.update_state(x[0])
    assert np.isnan(metrics.Mean().result())
    assert np.isnan(metrics.MeanTensor().result())
    mean.reset_state()
    mean.update_state(4.0)
    assert mean.result() == 4.0


def test_a_function_of_a_batch_has_no_weights() -> None:
    metric = metrics.MeanMetricWrapper(lambda y, p: abs(y - p).mean())
    metric.update_state(REALS, GUESSES)
    np.testing.assert_allclose(metric.result(), abs(REALS - GUESSES).mean(), rtol=1e-12)
    with pytest.raises(ag.ShapeError, match="one value a sample"):
        metric.update_state(REALS, GUESSES, ONES)


def test_ignored_samples_are_no_part_of_the_mean() -> None:
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=2)
    for rows in (slice(0, 7), slice(7, N)):
        metric.update_state(LABELS[rows], P[rows], ONES[rows] * 3)
    kept = LABELS != 2
    np.testing.assert_allclose(metric.result(), -np.log(P[kept, LABELS[kept]]).mean(), rtol=1e-9)


@pytest.mark.parametrize("shape", [(N,), (N, 1), (N // 2, 2)])
def test_without_weights_ignored_samples_count_as_zeros(shape: tuple[int, ...]) -> None:
    """As in Keras, which the next test asks."""
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=2)
    p = P.reshape(*shape, K) if shape[-1] == 2 else P
    metric.update_state(LABELS.reshape(shape), p)
    kept = LABELS != 2
    np.testing.assert_allclose(metric.result(), -np.log(P[kept, LABELS[kept]]).sum() / N, rtol=1e-6)


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras's variables
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [(N,), (N // 2, 2)])
def test_ignored_samples_as_in_keras(shape: tuple[int, ...], weighted: bool) -> None:
    w = np.linspace(0, 2, N, dtype=np.float32).reshape(shape) if weighted else None

    def run(k: Any) -> float:
        metric = k.metrics.SparseCategoricalCrossentropy(ignore_class=2)
        for rows in (slice(0, 3), slice(3, N)):
            p = P.reshape(*shape, K)[rows].astype(np.float32)
            metric.update_state(LABELS.reshape(shape)[rows], p, sample_weight=None if w is None else w[rows])
        return float(metric.result())

    np.testing.assert_allclose(run(nn), run(peers.keras()), rtol=1e-5)


def test_r2_keeps_its_digits_far_from_zero() -> None:
    near, far = metrics.R2Score(), metrics.R2Score()
    near.update_state(REALS, GUESSES)
    far.update_state(REALS + 1e8, GUESSES + 1e8)
    np.testing.assert_allclose(far.result(), near.result(), rtol=1e-6)
    constant = metrics.R2Score(class_aggregation=None)
    constant.update_state([[0.1, 0.1]] * 3, [[0.1, 0.2]] * 3)
    assert constant.result().tolist() == [1.0, 0.0]
    adjusted = metrics.R2Score(num_regressors=2)
    adjusted.update_state(REALS[:, :1], GUESSES[:, :1])
    near.reset_state()
    near.update_state(REALS[:, :1], GUESSES[:, :1])
    np.testing.assert_allclose(adjusted.result(), 1 - (1 - near.result()) * (N - 1) / (N - 3), rtol=1e-12)


@pytest.mark.parametrize("curve", ["ROC", "PR", "PRGAIN"])
def test_the_sums_of_an_area_are_in_order(curve: str) -> None:
    areas = []
    for method in ("minoring", "interpolation", "majoring"):
        areas.append(metrics.AUC(curve=curve, summation_method=method, num_thresholds=11)(BITS, GRID))
    assert areas == sorted(areas)
    assert areas[0] < areas[2]


def test_area_of_logits_and_label_weights() -> None:
    logits = np.log(SCORES / (1 - SCORES))
    of_probabilities = metrics.AUC(multi_label=True, num_labels=K, label_weights=[1, 0, 0, 0])(MANY, SCORES)
    np.testing.assert_allclose(of_probabilities, metrics.AUC()(MANY[:, 0], SCORES[:, 0]), rtol=1e-12)
    np.testing.assert_allclose(metrics.AUC(label_weights=[1, 0, 0, 0])(MANY, SCORES), of_probabilities, rtol=1e-12)
    np.testing.assert_allclose(metrics.AUC(from_logits=True)(MANY, logits), metrics.AUC()(MANY, SCORES), rtol=1e-12)


def test_scores_equal_to_a_threshold_are_not_above_it_in_either_precision() -> None:
    for dtype in (np.float32, np.float64):
        scores = np.array([0.3, 0.7, np.nan], dtype)
        assert metrics.TruePositives([0.3, 0.7, 0.29])([1, 1, 1], scores).tolist() == [1.0, 0.0, 2.0]


def test_nothing_seen() -> None:
    for metric in (metrics.Precision(), metrics.Recall(), metrics.MeanIoU(3), metrics.SensitivityAtSpecificity(0.5)):
        assert metric.result() == 0.0
    for metric in (metrics.F1Score(), metrics.R2Score(), metrics.AutoAccuracy()):
        assert np.isnan(metric.result())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("accuracy", metrics.AutoAccuracy),
        ("AUC", metrics.AUC),
        ("precision", metrics.Precision),
        ("F1Score", metrics.F1Score),
        ("f1_score", metrics.F1Score),
        ("RootMeanSquaredError", metrics.RootMeanSquaredError),
        ("kld", metrics.KLDivergence),
        ("r2_score", metrics.R2Score),
        ("SparseTopKCategoricalAccuracy", metrics.SparseTopKCategoricalAccuracy),
    ],
)
def test_names(name: str, kind: type) -> None:
    assert type(metrics.get(name)) is kind
    assert metrics.get(name).name == name


def test_functions_of_metrics() -> None:
    assert metrics.mean_squared_error is losses.mean_squared_error
    functions: list[tuple[Callable[..., Any], Any, Any, str]] = [
        (metrics.binary_accuracy, MANY, SCORES, "binary accuracy"),
        (metrics.categorical_accuracy, ONE_HOT, P, "categorical accuracy"),
        (metrics.sparse_categorical_accuracy, LABELS, P, "sparse accuracy"),
        (lambda y, p: metrics.top_k_categorical_accuracy(y, p, k=2), ONE_HOT, SCORES, "top 2"),
        (lambda y, p: metrics.sparse_top_k_categorical_accuracy(y, p, k=2), LABELS, SCORES, "sparse top 2"),
        (metrics.pearson_correlation, REALS, GUESSES, "pearson"),
        (metrics.concordance_correlation, REALS, GUESSES, "concordance"),
    ]
    for function, y, p, name in functions:
        values = function(y, p)
        assert len(values) == N
        np.testing.assert_allclose(values.mean(), CASES[name].value(y, p, ONES), **CLOSE)


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "k": (lambda: metrics.TopKCategoricalAccuracy(k=0), "k to be a positive integer"),
    "thresholds": (lambda: metrics.Precision(thresholds=[0.5, 2.0]), "thresholds to be numbers from 0 to 1"),
    "top_k": (lambda: metrics.Recall(top_k=0), "top_k to be a positive integer, or None"),
    "class_id": (lambda: metrics.Recall(class_id=9)(MANY, SCORES), "class_id=9"),
    "curve": (lambda: metrics.AUC(curve="RPC"), "one of ROC, PR, PRGAIN"),
    "num_thresholds": (lambda: metrics.AUC(num_thresholds=1), "at least 2"),
    "num_labels": (lambda: metrics.AUC(num_labels=2), "only with multi_label"),
    "labels": (lambda: metrics.AUC(multi_label=True, num_labels=3)(MANY, SCORES), "shape \\(N, 3\\)"),
    "logits": (lambda: metrics.AUC()(BITS, 5 * GRID), "expected probabilities"),
    "soft targets": (lambda: metrics.AUC()(GRID, GRID), "targets 0 and 1"),
    "specificity": (lambda: metrics.SensitivityAtSpecificity(2.0), "specificity to be a number"),
    "average": (lambda: metrics.F1Score(average="mean"), "expected average"),
    "beta": (lambda: metrics.FBetaScore(beta=0.0), "above 0"),
    "num_classes": (lambda: metrics.MeanIoU(num_classes=1), "at least 2"),
    "target_class_ids": (lambda: metrics.IoU(2, [2]), "target_class_ids to be indices from 0 to 1"),
    "classes": (lambda: metrics.MeanIoU(2)(LABELS, GUESSED), "integers from 0 to 1"),
    "class_aggregation": (lambda: metrics.R2Score("mean"), "class_aggregation"),
    "num_regressors": (lambda: metrics.R2Score(num_regressors=-1), "num_regressors"),
    "a name that needs arguments": (lambda: metrics.get("MeanIoU"), "MeanIoU\\(num_classes=…\\)"),
    "a class that needs arguments": (lambda: metrics.get(metrics.IoU), "needs num_classes and target_class_ids"),
    "sparse targets": (lambda: metrics.SparseCategoricalAccuracy()(ONE_HOT, P), "expected class indices"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()


# ---- peers ----------------------------------------------------------------------------------------------------------


@pytest.mark.ci
@pytest.mark.parametrize("curve", ["ROC", "PR", "PRGAIN"])
@pytest.mark.parametrize("method", ["minoring", "interpolation", "majoring"])
def test_areas_equal_those_of_keras(curve: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    arguments: dict[str, Any] = {"curve": curve, "summation_method": method}
    for more in ({"num_thresholds": 38}, {"thresholds": [0.2, 0.5, 0.775]}):
        ours = metrics.AUC(**arguments, **more)(BITS, GRID)  # type: ignore[arg-type]
        np.testing.assert_allclose(ours, float(keras.metrics.AUC(**arguments, **more)(BITS, GRID)), rtol=1e-4)


def test_values_equal_those_of_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    w = np.linspace(0.5, 2, N)
    binary: dict[str, Any] = {"sample_weight": w}
    pairs = {
        "roc auc": (metrics.AUC(num_thresholds=51)(BITS, GRID, w), sk.roc_auc_score(BITS, GRID, sample_weight=w)),
        "precision": (metrics.Precision()(BITS, GRID, w), sk.precision_score(BITS, GRID > 0.5, **binary)),
        "recall": (metrics.Recall()(BITS, GRID, w), sk.recall_score(BITS, GRID > 0.5, **binary)),
        "r2": (metrics.R2Score()(REALS, GUESSES, w), sk.r2_score(REALS, GUESSES, sample_weight=w)),
        "confusion": (metrics.ConfusionMatrix(K)(LABELS, GUESSED, w), sk.confusion_matrix(LABELS, GUESSED, **binary)),
        "iou": (metrics.MeanIoU(K)(LABELS, GUESSED, w), sk.jaccard_score(LABELS, GUESSED, average="macro", **binary)),
        "top k": (
            metrics.SparseTopKCategoricalAccuracy(k=2)(LABELS, P, w),
            sk.top_k_accuracy_score(LABELS, P, k=2, sample_weight=w),
        ),
        "log loss": (metrics.SparseCategoricalCrossentropy()(LABELS, P), sk.log_loss(LABELS, P)),
        "hinge": (metrics.Hinge()(BITS[:, None], GRID[:, None]), sk.hinge_loss(BITS, GRID)),
        "rmse": (
            metrics.RootMeanSquaredError()(BITS, GRID, w),
            sk.root_mean_squared_error(BITS, GRID, sample_weight=w),
        ),
        "mape": (
            metrics.MeanAbsolutePercentageError()(REALS, GUESSES),
            100 * sk.mean_absolute_percentage_error(REALS, GUESSES),
        ),
    }
    for average in ("micro", "macro", "weighted", None):
        pairs[f"f2 {average}"] = (
            metrics.FBetaScore(average, 2.0, 0.4)(MANY, SCORES, w),
            sk.fbeta_score(MANY, SCORES > 0.4, beta=2.0, average=average, sample_weight=w),
        )
    for name, (ours, theirs) in pairs.items():
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, err_msg=name)


def test_a_metric_with_variables_as_in_keras() -> None:
    class TruePositives(metrics.Metric):
        def __init__(self, name: str = "true_positives", **kwargs: Any) -> None:
            super().__init__(name=name, **kwargs)
            self.found = self.add_variable(shape=(), initializer="zeros", name="found")
            self.seen, self.batches = self.add_variable(), self.add_variable((), "zeros", name="found")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.found.assign_add(np.sum((y_true > 0.5) & (y_pred > 0.5)))
            self.seen.assign_add(len(y_true))
            self.batches.assign_add(1)

        def result(self) -> Any:
            return self.found

    class Resetting(TruePositives):
        def reset_state(self) -> None:
            self.found.assign(0)

    y, p = np.array([1, 1, 0, 1.0]), np.array([0.9, 0.2, 0.8, 0.7])
    for kind in (TruePositives, Resetting):
        metric = kind()
        assert float(metric(y, p)) == 2
        assert float(metric(y, p)) == 4
        assert (float(metric.seen), float(metric.batches)) == (8, 2)
        metric.reset_state()
        assert float(metric.result()) == 0
        assert float(metric.seen) + float(metric.batches) == (0 if kind is TruePositives else 10)
    assert next(iter(inspect.signature(metrics.TopKCategoricalAccuracy).parameters)) == "k"
