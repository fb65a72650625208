"""Every loss against its formula in plain NumPy, finite differences, Keras and PyTorch, under every reduction."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
from autograd_lite.testing import check_grads
from nn import losses, metrics

from .loss_cases import CASES, EMBEDDINGS, INDICES, KINDS, LOGITS, ONE_HOT, N, P, softmax

PUBLIC = {name: getattr(losses, name) for name in losses.__all__}
FUNCTIONS = {
    name: function
    for name, function in PUBLIC.items()
    if inspect.isfunction(function) and function.__module__.startswith("autograd_lite.nn.losses.")
}


def test_every_loss_has_a_case_and_a_function() -> None:
    classes = {n for n, c in PUBLIC.items() if isinstance(c, type) and issubclass(c, losses.Loss)} - {"Loss"}
    assert {case.make.__name__ for case in CASES.values()} == classes
    assert {type(losses.get(name)).__name__ for name in FUNCTIONS} == classes
    assert len(classes) == len(FUNCTIONS) == 22


@pytest.mark.parametrize("name", CASES)
def test_formula_under_every_reduction(name: str) -> None:
    case = CASES[name]
    y, p, expected = case.y, ag.tensor(case.p), case.expected
    number = len(expected) if case.counted is None else case.counted.sum()
    for reduction in ("sum_over_batch_size", "mean", "mean_with_sample_weight"):
        np.testing.assert_allclose(case.loss(reduction=reduction)(y, p).item(), expected.sum() / number, rtol=1e-6)
    np.testing.assert_allclose(case.loss(reduction="sum")(y, p).item(), expected.sum(), rtol=1e-6)
    np.testing.assert_allclose(case.loss(reduction=None)(y, p).numpy(), expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_weights_and_masks(name: str) -> None:
    case = CASES[name]
    y, p, expected = case.y, case.p, case.expected
    weights = np.arange(len(expected)) / 2
    mask = np.arange(len(expected)) % 3 != 0
    counted = mask if case.counted is None else mask & case.counted
    masked = np.where(mask, expected, 0)

    def value(reduction: str, *args: Any) -> float:
        return case.loss(reduction=reduction)(y, p, *args).item()

    all_counted = np.ones(len(expected), bool) if case.counted is None else case.counted
    close: Any = {"rtol": 1e-6}
    total = (expected * weights).sum()
    np.testing.assert_allclose(value("sum_over_batch_size", weights), total / all_counted.sum(), **close)
    np.testing.assert_allclose(value("mean_with_sample_weight", weights), total / weights[all_counted].sum(), **close)
    np.testing.assert_allclose(value("mean", None, mask), masked.sum() / counted.sum(), **close)
    np.testing.assert_allclose(value("sum", None, mask), masked.sum(), **close)
    total = (masked * weights).sum()
    np.testing.assert_allclose(value("mean", weights, mask), total / counted.sum(), **close)
    np.testing.assert_allclose(value("mean_with_sample_weight", weights, mask), total / weights[counted].sum(), **close)


@pytest.mark.parametrize("name", CASES)
def test_gradients_to_second_order(name: str) -> None:
    case = CASES[name]
    assert check_grads(lambda p: case.loss()(case.y, p), case.p, order=2).ok


@pytest.mark.parametrize("name", CASES)
def test_float32_stays_float32(name: str) -> None:
    case = CASES[name]
    p = ag.tensor(case.p.astype(np.float32), requires_grad=True)
    result = case.loss()(case.y, p)
    result.backward()
    assert result.dtype == np.float32
    assert p.grad is not None
    assert p.grad.dtype == np.float32
    np.testing.assert_allclose(result.item(), case.loss()(case.y, case.p).item(), rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("circle", "ctc")])
def test_a_loss_of_all_samples_is_that_of_each(name: str) -> None:
    case = CASES[name]
    whole = case.loss(reduction=None)(case.y, case.p).numpy()
    parts = [case.loss(reduction=None)(case.y[i : i + 1], case.p[i : i + 1]).numpy() for i in range(len(case.p))]
    np.testing.assert_allclose(whole, np.concatenate(parts), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", CASES)
def test_as_a_function(name: str) -> None:
    case = CASES[name]
    function = next(f for n, f in FUNCTIONS.items() if type(losses.get(n)) is case.make)
    np.testing.assert_array_equal(
        function(case.y, case.p, **case.arguments).numpy(), case.loss(reduction="none")(case.y, case.p).numpy()
    )


@pytest.mark.parametrize("name", ["mse", "mape", "huber", "log_cosh", "kl", "cosine", "hinge", "bce", "dice", "msle"])
def test_columns_against_rows_are_refused(name: str) -> None:
    case = CASES[name]
    y = np.ones(N)
    for pair in ((y, y[:, None]), (y[:, None], y)):
        with pytest.raises(ag.ShapeError, match="same shape"):
            case.make()(*pair)


# ---- single losses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [losses.CategoricalCrossentropy, losses.CategoricalFocalCrossentropy])
def test_classes_along_another_axis(make: Any) -> None:
    y, z = ONE_HOT.reshape(2, 3, 4), LOGITS.reshape(2, 3, 4)
    expected = make(from_logits=True, label_smoothing=0.1, reduction=None)(y, z).numpy()
    moved = make(from_logits=True, label_smoothing=0.1, axis=1, reduction=None)
    np.testing.assert_allclose(moved(y.swapaxes(1, 2), z.swapaxes(1, 2)).numpy(), expected, rtol=1e-12)
    probabilities = make(label_smoothing=0.1, axis=1)(y.swapaxes(1, 2), ag.softmax(ag.tensor(z.swapaxes(1, 2)), axis=1))
    np.testing.assert_allclose(probabilities.item(), expected.mean(), rtol=1e-9)


def test_sparse_classes_along_another_axis() -> None:
    loss = losses.SparseCategoricalCrossentropy(axis=1, from_logits=True, reduction=None)
    got = loss(INDICES.reshape(2, 3), LOGITS.reshape(2, 3, 4).swapaxes(1, 2)).numpy()
    np.testing.assert_allclose(got.ravel(), -np.log(P[np.arange(N), INDICES]), rtol=1e-12)


def test_an_ignored_sample_may_have_any_prediction() -> None:
    z = ag.tensor([[0.0, 1.0], [np.nan, np.inf]], requires_grad=True)
    with np.errstate(invalid="ignore"):
        loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)([1, 255], z)
        loss.backward()
    np.testing.assert_allclose(loss.item(), math.log1p(math.exp(-1)), rtol=1e-12)
    assert losses.SparseCategoricalCrossentropy(ignore_class=0)([0, 0], P[:2]).item() == 0.0
    with pytest.raises(ValueError, match="class indices from 0 to 1"):
        losses.SparseCategoricalCrossentropy(ignore_class=255)([2], [[0.5, 0.5]])


def test_log_cosh_of_large_errors_is_finite() -> None:
    p = ag.tensor([[1e5, -1e5]], requires_grad=True)
    loss = losses.LogCosh()([[0.0, 0.0]], p)
    loss.backward()
    np.testing.assert_allclose(loss.item(), 1e5 - math.log(2), rtol=1e-12)
    assert p.grad is not None
    assert p.grad.tolist() == [[0.5, -0.5]]


def test_the_cosine_of_a_zero_vector_is_0() -> None:
    p = ag.tensor([[0.0, 0.0]], requires_grad=True)
    loss = losses.CosineSimilarity()([[1.0, 1.0]], p)
    loss.backward()
    assert loss.item() == 0
    assert p.grad is not None
    assert np.isfinite(p.grad.numpy()).all()


def test_without_its_axis_dice_is_one_number_a_batch() -> None:
    assert losses.Dice(reduction=None)(ONE_HOT, P).shape == ()
    with pytest.raises(ag.ShapeError, match="Give the loss an axis"):
        losses.Dice()(ONE_HOT, P, np.ones(N))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_laws(seed: int) -> None:
    rng = np.random.default_rng(seed)
    y, p = rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    q, r = softmax(y), softmax(p)
    assert losses.KLDivergence()(q, r).item() >= 0
    np.testing.assert_allclose(losses.KLDivergence()(q, q).item(), 0, atol=1e-15)
    np.testing.assert_allclose(losses.CosineSimilarity()(y, 3 * y).item(), -1, rtol=1e-12)
    np.testing.assert_allclose(losses.LogCosh()(y, p).item(), losses.LogCosh()(p, y).item(), rtol=1e-9)
    np.testing.assert_allclose(
        losses.Tversky(0.5, 0.5, axis=1)(ONE_HOT, P).item(), losses.Dice(axis=1)(ONE_HOT, P).item(), rtol=1e-6
    )
    # Focal losses with gamma = 0 are the plain ones; with q near 0 or 1 the generalized one is known too.
    np.testing.assert_allclose(
        losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=0.0)(q, r).item(),
        losses.CategoricalCrossentropy()(q, r).item(),
        rtol=1e-12,
    )
    labels = rng.integers(0, 4, size=3)
    np.testing.assert_allclose(
        losses.CategoricalGeneralizedCrossEntropy(q=1e-6)(labels, r).item(),
        losses.SparseCategoricalCrossentropy()(labels, r).item(),
        rtol=1e-4,
    )
    order = rng.permutation(N)
    np.testing.assert_allclose(
        losses.Circle()(KINDS[order], EMBEDDINGS[order]).item(), losses.Circle()(KINDS, EMBEDDINGS).item(), rtol=1e-9
    )


# Keras's formulas; y is not made a label of.
OF_NOISE: dict[str, Any] = {
    "BinaryCrossentropy": lambda y, p: -y * np.log(p) - (1 - y) * np.log(1 - p),
    "BinaryFocalCrossentropy": lambda y, p: (
        (1 - y * p - (1 - y) * (1 - p)) ** 2 * (-y * np.log(p) - (1 - y) * np.log(1 - p))
    ),
    "Hinge": lambda y, p: np.maximum(1 - y * p, 0),
    "SquaredHinge": lambda y, p: np.maximum(1 - y * p, 0) ** 2,
    "KLDivergence": lambda y, p: N * (np.maximum(y, 1e-7).clip(None, 1) * np.log(np.clip(y, 1e-7, 1) / p)),
    "MeanSquaredLogarithmicError": lambda y, p: (np.log1p(np.maximum(y, 1e-7)) - np.log1p(p)) ** 2,
    "Poisson": lambda y, p: p - y * np.log(p + 1e-7),
    "CategoricalCrossentropy": lambda y, p: -N * y * np.log(p / p.sum(-1, keepdims=True)),
}


@pytest.mark.parametrize("name", OF_NOISE)
@pytest.mark.parametrize("scale", [0.05, 1.0])
def test_labels_with_noise_and_negative_targets(name: str, scale: float, rng: np.random.Generator) -> None:
    y, p = rng.integers(0, 2, (6, N)) + scale * rng.normal(size=(6, N)), rng.uniform(0.1, 0.9, (6, N))
    loss = getattr(losses, name)()
    expected = OF_NOISE[name](y, p).mean()
    compiled = ag.compile(lambda y, p: loss(y, p))
    np.testing.assert_allclose([loss(y, p).item(), *(float(compiled(y, p)) for _ in range(4))], expected, rtol=1e-6)


@pytest.mark.parametrize("name", [name for name in OF_NOISE if "Bin" in name or "Hinge" in name or "Cat" in name])
def test_numbers_of_other_classes_are_no_noise(name: str) -> None:
    with pytest.raises(ValueError, match="expected (targets|one-hot)"):
        getattr(losses, name)()([[-1.0, 2.0]], [[0.5, 0.5]])


BAD: dict[str, tuple[Any, str]] = {
    "reduction": (lambda: losses.Huber(reduction="average"), "expected reduction"),
    "delta": (lambda: losses.Huber(delta=0.0), "delta to be a finite number above 0"),
    "gamma": (lambda: losses.BinaryFocalCrossentropy(gamma=-1.0), "gamma to be a finite number of at least 0"),
    "alpha": (lambda: losses.BinaryFocalCrossentropy(alpha=2.0), "alpha to be a number from 0 to 1"),
    "alphas": (lambda: losses.CategoricalFocalCrossentropy(alpha=[-1.0, 1.0]), "one a class"),
    "alphas of other classes": (lambda: losses.CategoricalFocalCrossentropy([1.0, 2.0])(ONE_HOT, P), "of 4 classes"),
    "q": (lambda: losses.CategoricalGeneralizedCrossEntropy(q=1.0), "below 1"),
    "no such axis": (lambda: losses.CategoricalCrossentropy(axis=2)(ONE_HOT, P), "axis=2, other than the batch's"),
    "margin": (lambda: losses.Circle(margin=-0.1), "margin to be a number"),
    "hinge of 2": (lambda: losses.Hinge()([[2.0]], [[1.0]]), "-1 and 1, or 0 and 1"),
    "mask": (lambda: losses.Huber()(P, P, mask=np.ones(2)), "expected mask of shape"),
    "ctc of two axes": (lambda: losses.CTC()([[1]], [[0.0, 1.0]]), "logits \\(N, T, K\\)"),
    "ctc with a blank between": (lambda: losses.CTC()([[1, 0, 1]], np.zeros((1, 4, 2))), "behind the labels only"),
    "ctc with a label too large": (lambda: losses.CTC()([[2]], np.zeros((1, 4, 2))), "integers from 1 to 1"),
    "circle of reals": (lambda: losses.Circle()([0.5, 1.0], np.ones((2, 2))), "integer labels"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        call()


# ---- peers ----------------------------------------------------------------------------------------------------------


@pytest.mark.ci
def test_ctc_equals_that_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    z = rng.normal(size=(3, 12, 5))
    labels = np.array([[1, 1, 2, 4], [3, 3, 3, 0], [4, 0, 0, 0]])
    p, q = ag.tensor(z, requires_grad=True), torch.tensor(z, requires_grad=True)
    losses.CTC("sum")(labels, p).backward()
    theirs = torch.nn.functional.ctc_loss(
        q.log_softmax(-1).transpose(0, 1), torch.tensor(labels), [12] * 3, [4, 3, 1], reduction="sum"
    )
    theirs.backward()
    np.testing.assert_allclose(losses.CTC("sum")(labels, z).item(), theirs.item(), rtol=1e-12)
    assert p.grad is not None
    np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-9, atol=1e-14)


def test_a_divergence_has_a_gradient_by_its_targets() -> None:
    q, r = np.array([[0.3, 0.7]]), np.array([[0.4, 0.6]])
    y = ag.tensor(q, requires_grad=True)
    losses.KLDivergence()(y, ag.tensor(r)).backward()
    assert y.grad is not None
    np.testing.assert_allclose(y.grad.numpy(), np.log(q / r) + 1)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_losses_and_gradients_of_zeros_are_finite(name: str, dtype: str) -> None:
    """In half precision an epsilon may be 0, and what is divided by it NaN."""
    case = CASES[name]
    loss, zeros = case.loss(), np.zeros(case.p.shape, dtype)
    with np.errstate(over="ignore"):  # of gradients beyond half precision
        for y in (np.zeros_like(case.y), case.y):
            value, g = ag.value_and_grad(lambda p, y=y: loss(y.astype(dtype) if y.dtype.kind == "f" else y, p))(zeros)
            exact = ag.grad(lambda p, y=y: loss(y, p))(zeros.astype(float))
            assert np.isfinite(value)
            np.testing.assert_allclose(g, exact.astype(dtype), rtol=2e-3, atol=1e-6)
            assert np.isfinite(g).all() or (dtype == "float16" and np.abs(exact).max() > 65504)


METRICS = [
    kind
    for kind in (getattr(metrics, name) for name in metrics.__all__)
    if isinstance(kind, type) and issubclass(kind, metrics.MeanMetricWrapper | metrics.RootMeanSquaredError)
    if kind not in (metrics.MeanMetricWrapper, metrics.PearsonCorrelation)  # NaN where nothing varies
]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("kind", METRICS)
def test_metrics_of_zeros_are_finite(kind: Any, dtype: str) -> None:
    zeros = np.zeros((2, 3), dtype)
    metric = kind()
    metric.update_state(np.zeros(2, int) if kind.__name__.startswith("Sparse") else zeros, zeros)
    assert np.isfinite(metric.result())
