"""What losses, metrics and training make of masks: padded steps do not count, and the batch size does not matter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
import nn
from nn import layers, losses, metrics
from nn.module.masks import mask_of

from ..masked import MASK, TOKENS, N, T, masked

# ---- losses ---------------------------------------------------------------------------------------------------------


def sequences(outputs: int = 3, activation: str = "softmax") -> nn.Sequential:
    """Return a model that tells a class for each step."""
    nn.set_seed(0)
    return nn.Sequential(
        [
            layers.Embedding(9, 4, mask_zero=True),
            layers.GRU(4, return_sequences=True),
            layers.Dense(outputs, activation=activation),
        ]
    )


LABELS = np.random.default_rng(1).integers(0, 3, (N, T))
ONE_HOT = np.eye(3, dtype=np.float32)[LABELS]
LOSSES = {
    "sparse_categorical_crossentropy": LABELS,
    "categorical_crossentropy": ONE_HOT,
    "mse": ONE_HOT,
    "binary_crossentropy": ONE_HOT,
    "cosine_similarity": ONE_HOT,
    "hinge": ONE_HOT,
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_and_its_gradient_are_those_of_the_steps_that_count(name: str) -> None:
    model, y, loss = sequences(), LOSSES[name], losses.get(name)
    value = loss(y, model(TOKENS))
    value.backward()
    found = [p.grad.numpy() for p in model.parameters() if p.grad is not None]
    model.zero_grad()
    y_pred = model(TOKENS)
    expected = loss(y[MASK], y_pred[np.nonzero(MASK)])
    expected.backward()
    np.testing.assert_allclose(value.item(), expected.item(), rtol=1e-6)
    for a, b in zip(found, [p.grad.numpy() for p in model.parameters() if p.grad is not None], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)


def test_a_function_that_takes_the_mean_itself_is_left_to_it() -> None:
    model = sequences()
    model.compile("sgd", lambda y, p: np.abs(p - y).mean(), metrics=[lambda y, p: np.abs(p - y).mean()])
    p = model(TOKENS).numpy()
    np.testing.assert_allclose(model.evaluate(TOKENS, ONE_HOT, verbose=0), [np.abs(p - ONE_HOT).mean()] * 2, rtol=1e-6)


def test_a_mask_of_another_shape_than_the_losses() -> None:
    y_pred = masked(3)
    assert losses.MeanSquaredError()(np.zeros((N, T, 3)), y_pred).shape == ()
    wide = layers.Masking()(np.where(MASK[..., None, None], 1.0, 0.0) * np.ones((N, T, 2, 3)))
    assert mask_of(wide).shape == (N, T, 2)
    halves = losses.MeanSquaredError()(np.zeros((N, T, 2, 3)), wide)
    np.testing.assert_allclose(halves.item(), 1.0)
    kept = layers.Identity()(ag.tensor(wide.numpy()))
    np.testing.assert_allclose(losses.MeanSquaredError()(np.zeros((N, T, 2, 3)), kept, mask=MASK).item(), 1.0)


@pytest.mark.parametrize("weights", ["(N,)", "(N, 1)", "(N, T)"])
def test_sample_weights_and_masks_multiply(weights: str) -> None:
    rng = np.random.default_rng(2)
    w = rng.random({"(N,)": (N,), "(N, 1)": (N, 1), "(N, T)": (N, T)}[weights])
    full = np.broadcast_to(w if w.ndim == 2 else w[:, None], (N, T))
    model = sequences()
    y_pred = model(TOKENS)
    each = losses.SparseCategoricalCrossentropy(reduction=None)(LABELS, ag.tensor(y_pred.numpy())).numpy()
    sums = {
        "sum": (each * full)[MASK].sum(),
        "mean": (each * full)[MASK].mean(),
        "mean_with_sample_weight": (each * full)[MASK].sum() / full[MASK].sum(),
    }
    for reduction, expected in sums.items():
        loss = losses.SparseCategoricalCrossentropy(reduction=reduction)
        np.testing.assert_allclose(loss(LABELS, y_pred, w).item(), expected, rtol=1e-5)


# ---- metrics --------------------------------------------------------------------------------------------------------

METRICS: dict[str, tuple[Callable[[], metrics.Metric], np.ndarray]] = {
    "accuracy": (lambda: metrics.get("accuracy"), LABELS),
    "top 2": (lambda: metrics.SparseTopKCategoricalAccuracy(2), LABELS),
    "categorical": (metrics.CategoricalAccuracy, ONE_HOT),
    "binary": (metrics.BinaryAccuracy, ONE_HOT),
    "mse": (metrics.MeanSquaredError, ONE_HOT),
    "rmse": (metrics.RootMeanSquaredError, ONE_HOT),
    "crossentropy": (metrics.SparseCategoricalCrossentropy, LABELS),
    "ignoring": (lambda: metrics.SparseCategoricalCrossentropy(ignore_class=1), LABELS),
    "precision": (metrics.Precision, ONE_HOT),
    "recall": (metrics.Recall, ONE_HOT),
    "auc": (metrics.AUC, ONE_HOT),
    "a function": (lambda: metrics.get(lambda y, p: np.abs(y - p).sum(axis=-1)), ONE_HOT),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_that_of_the_steps_that_count(name: str, weighted: bool) -> None:
    make, y = METRICS[name]
    model, w = sequences(), np.random.default_rng(3).random((N, T)).astype(np.float32)
    loss = "mse" if y is ONE_HOT else "sparse_categorical_crossentropy"
    model.compile("sgd", loss, **({"weighted_metrics": [make()]} if weighted else {"metrics": [make()]}))
    _, found = model.evaluate(TOKENS, y, batch_size=3, sample_weight=w, verbose=0)
    one = make()
    p = model(TOKENS).numpy()
    for i in range(N):  # so that functions see batches of steps
        one.update_state(y[i][MASK[i]], p[i][MASK[i]], *([w[i][MASK[i]]] if weighted else []))
    np.testing.assert_allclose(found, one.result(), rtol=1e-5)


def test_metrics_of_ones_own_loop_read_the_mask_of_predictions() -> None:
    y_pred = sequences()(TOKENS)
    p = y_pred.numpy()
    for make in (metrics.SparseCategoricalAccuracy, lambda: metrics.get("accuracy")):
        found, expected = make(), make()
        found.update_state(LABELS, y_pred)
        expected.update_state(LABELS[MASK], p[MASK])
        assert found.result() == expected.result()
    number = metrics.get(lambda y, p: float(np.mean(p)))
    number.update_state(LABELS, y_pred)
    np.testing.assert_allclose(number.result(), p.mean(), rtol=1e-6)


class NoWeights(metrics.Metric):
    """A metric of a user's that takes no weights."""

    def __init__(self) -> None:
        super().__init__("no_weights")

    def reset_state(self) -> None:
        self.steps = 0

    def update_state(self, y_true: Any, y_pred: Any) -> None:  # type: ignore[override]
        self.steps += y_pred.shape[0] * y_pred.shape[1]

    def result(self) -> float:
        return float(self.steps)


def test_a_metric_that_takes_no_weights_is_shown_all() -> None:
    model = sequences()
    model.compile("sgd", "mse", metrics=[NoWeights()])
    assert model.evaluate(TOKENS, ONE_HOT, verbose=0)[1] == N * T


# ---- any batch size -------------------------------------------------------------------------------------------------


def two_outputs() -> nn.Model:
    """Return a model with an output of steps, whose padding is masked, and one of sequences."""
    nn.set_seed(0)
    x = nn.Input((T,), dtype="int32")
    h = layers.GRU(4, return_sequences=True)(layers.Embedding(9, 4, mask_zero=True)(x))
    steps = layers.Dense(3, activation="softmax", name="steps")(h)
    return nn.Model(x, [steps, layers.Dense(1, name="whole", kernel_regularizer="l2")(layers.GRU(2)(h))])


REDUCTIONS = ["sum_over_batch_size", "sum", "mean_with_sample_weight"]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_values_of_an_epoch_do_not_depend_on_the_batch_size(reduction: str, data: st.DataObject) -> None:
    rows = data.draw(st.integers(2, 7))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    tokens = rng.integers(0, 9, (rows, T)) * (rng.random((rows, T)) < data.draw(st.floats(0.1, 1.0)))
    labels, w = rng.integers(0, 3, (rows, T)), rng.random((rows, 1)).astype(np.float32)
    weights = data.draw(st.sampled_from([None, w]))
    one = sequences()
    ignoring = losses.SparseCategoricalCrossentropy(ignore_class=2, reduction=reduction)
    one.compile("sgd", ignoring, metrics=["accuracy"], weighted_metrics=[metrics.SparseTopKCategoricalAccuracy(2)])
    two = two_outputs()
    parts = [losses.SparseCategoricalCrossentropy(reduction=reduction), losses.MeanSquaredError(reduction=reduction)]
    two.compile("sgd", parts, metrics=[["accuracy"], ["mae"]], loss_weights=[0.7, 2.0])
    for model, y in ((one, labels), (two, [labels, rng.normal(size=(rows, 1))])):
        sample_weight = weights if model is one or weights is None else weights[:, 0]
        values = [
            model.evaluate(tokens, y, batch_size=size, sample_weight=sample_weight, verbose=0)
            for size in (1, 2, 3, rows)
        ]
        for other in values[1:]:
            np.testing.assert_allclose(other, values[0], rtol=2e-5, atol=1e-6)


def test_each_output_may_have_weights_of_its_own() -> None:
    rng = np.random.default_rng(5)
    y = {"steps": LABELS, "whole": rng.normal(size=(N, 1)).astype(np.float32)}
    w = {"steps": rng.random((N, T)).astype(np.float32), "whole": rng.random(N).astype(np.float32)}
    model = two_outputs()
    model.compile("sgd", {"steps": "sparse_categorical_crossentropy", "whole": "mse"}, weighted_metrics=[[], ["mae"]])
    found = model.evaluate(TOKENS, [y["steps"], y["whole"]], batch_size=3, sample_weight=w, return_dict=True, verbose=0)
    steps, whole = (part.numpy() for part in model(TOKENS))
    each = losses.SparseCategoricalCrossentropy(reduction=None)(LABELS, steps).numpy()
    np.testing.assert_allclose(found["steps_loss"], (each * w["steps"])[MASK].mean(), rtol=1e-5)
    np.testing.assert_allclose(found["whole_loss"], (((whole - y["whole"]) ** 2)[:, 0] * w["whole"]).mean(), rtol=1e-5)
    away = np.abs(whole - y["whole"])[:, 0]
    np.testing.assert_allclose(found["whole_mae"], np.average(away, weights=w["whole"]), rtol=1e-5)


def test_an_epoch_in_which_nothing_counts() -> None:
    model = sequences()
    model(TOKENS)
    model.compile("sgd", "sparse_categorical_crossentropy")
    before = model.get_weights()
    history = model.fit(np.zeros((3, T), int), LABELS[:3], batch_size=2, verbose=0).history
    assert history["loss"] == [0.0]
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)


# ---- the same as Keras ----------------------------------------------------------------------------------------------

MIDDLES: dict[str, Callable[[Any, Any], Any]] = {
    "LSTM": lambda k, h: k.LSTM(4, return_sequences=True)(h),
    "Bidirectional": lambda k, h: k.Bidirectional(k.GRU(3, return_sequences=True))(h),
    "attention": lambda k, h: k.MultiHeadAttention(2, 3)(h, h),
    "Attention": lambda k, h: k.Attention()([h, h]),
    "BatchNormalization": lambda k, h: k.BatchNormalization()(h),
    "TimeDistributed": lambda k, h: k.TimeDistributed(k.Dense(3, activation="tanh"))(h),
    "Add": lambda k, h: k.Add()([h, k.Dense(4)(h)]),
    "Concatenate": lambda k, h: k.Concatenate()([h, k.Dense(2)(h)]),
}


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's, with NumPy 2
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("middle", MIDDLES)
def test_training_is_that_of_keras(middle: str, weighted: bool) -> None:
    from .. import peers

    keras = peers.keras()
    rng = np.random.default_rng(4)
    made = []
    for k in (keras, nn):
        x = k.Input((T,), dtype="int32")
        h = MIDDLES[middle](k.layers, k.layers.Embedding(9, 4, mask_zero=True)(x))
        model = k.Model(x, k.layers.Dense(3, activation="softmax")(h))
        model.compile(
            k.optimizers.SGD(0.5),
            "sparse_categorical_crossentropy",
            metrics=["accuracy"],
            weighted_metrics=["sparse_categorical_crossentropy"],
        )
        made.append(model)
    theirs, ours = made
    values = [
        rng.uniform(0.5, 1.0, w.shape) if "variance" in w.path else rng.normal(0, 0.5, w.shape) for w in theirs.weights
    ]
    theirs.set_weights(values)
    ours.set_weights([np.asarray(v, np.float32) for v in values])
    w = rng.random((N, T)).astype(np.float32) if weighted else None
    options: dict[str, Any] = {"batch_size": N, "verbose": 0, "sample_weight": w}
    first, second = (m.evaluate(TOKENS, LABELS, return_dict=True, **options) for m in made)
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_allclose(second[name], value, rtol=1e-5, err_msg=name)
    fits = [m.fit(TOKENS, LABELS, epochs=3, shuffle=False, **options).history for m in made]
    for name, value in fits[0].items():
        np.testing.assert_allclose(fits[1][name], value, rtol=1e-5, err_msg=name)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
