"""Losses against formulas in plain NumPy, finite differences, PyTorch, and each other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
from autograd_lite import Tensor
from nn import layers, losses, metrics, models
from nn.utils import to_categorical

N, K = 6, 4
Array = np.ndarray


def softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def cross_entropy(y: Array, p: Array) -> Array:
    return np.array([-sum(y[i, k] * math.log(p[i, k]) for k in range(y.shape[1])) for i in range(len(y))])


def binary_cross_entropy(y: Array, p: Array) -> Array:
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(axis=-1)


RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(N, K)) * 2
INDICES = RNG.integers(0, K, size=N)
ONE_HOT = np.eye(K)[INDICES]
SOFT = softmax(RNG.normal(size=(N, K)))
BITS = RNG.integers(0, 2, size=(N, K)).astype(float)
REALS = RNG.normal(size=(N, K))

# What is called, targets, predictions, and the losses of the samples by an independent formula.
CASES: dict[str, tuple[losses.Loss, Array, Array, Array]] = {
    "mse": (losses.MeanSquaredError(), REALS, LOGITS, ((REALS - LOGITS) ** 2).mean(axis=1)),
    "mae": (losses.MeanAbsoluteError(), REALS, LOGITS, abs(REALS - LOGITS).mean(axis=1)),
    "cce": (losses.CategoricalCrossentropy(), ONE_HOT, softmax(LOGITS), cross_entropy(ONE_HOT, softmax(LOGITS))),
    "cce soft": (losses.CategoricalCrossentropy(), SOFT, softmax(LOGITS), cross_entropy(SOFT, softmax(LOGITS))),
    "cce unnormalised": (
        losses.CategoricalCrossentropy(),
        ONE_HOT,
        3 * softmax(LOGITS),
        cross_entropy(ONE_HOT, softmax(LOGITS)),
    ),
    "cce logits": (
        losses.CategoricalCrossentropy(from_logits=True),
        ONE_HOT,
        LOGITS,
        cross_entropy(ONE_HOT, softmax(LOGITS)),
    ),
    "cce smoothed": (
        losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2),
        ONE_HOT,
        LOGITS,
        cross_entropy(0.8 * ONE_HOT + 0.05, softmax(LOGITS)),
    ),
    "sparse": (
        losses.SparseCategoricalCrossentropy(),
        INDICES,
        softmax(LOGITS),
        cross_entropy(ONE_HOT, softmax(LOGITS)),
    ),
    "sparse logits": (
        losses.SparseCategoricalCrossentropy(from_logits=True),
        INDICES.astype(np.uint8),
        LOGITS,
        cross_entropy(ONE_HOT, softmax(LOGITS)),
    ),
    "bce": (losses.BinaryCrossentropy(), BITS, sigmoid(LOGITS), binary_cross_entropy(BITS, sigmoid(LOGITS))),
    "bce soft": (losses.BinaryCrossentropy(), SOFT, sigmoid(LOGITS), binary_cross_entropy(SOFT, sigmoid(LOGITS))),
    "bce logits": (
        losses.BinaryCrossentropy(from_logits=True),
        BITS,
        LOGITS,
        binary_cross_entropy(BITS, sigmoid(LOGITS)),
    ),
    "bce smoothed": (
        losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2),
        BITS,
        LOGITS,
        binary_cross_entropy(0.8 * BITS + 0.1, sigmoid(LOGITS)),
    ),
}


def with_reduction(loss: losses.Loss, reduction: str | None) -> losses.Loss:
    arguments = {k: v for k, v in vars(loss).items() if k in ("from_logits", "label_smoothing")}
    return type(loss)(**arguments, reduction=reduction)


# ---- values and gradients -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_formula_under_every_reduction(case: str) -> None:
    loss, y, p, expected = CASES[case]
    y_pred = ag.tensor(p)
    np.testing.assert_allclose(loss(y, y_pred).item(), expected.mean(), rtol=1e-12)
    np.testing.assert_allclose(with_reduction(loss, "sum")(y, y_pred).item(), expected.sum(), rtol=1e-12)
    for none in (None, "none"):
        np.testing.assert_allclose(with_reduction(loss, none)(y, y_pred).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_sample_weights_multiply_the_losses_of_the_samples(case: str) -> None:
    loss, y, p, expected = CASES[case]
    weights = np.arange(N) / 2
    np.testing.assert_allclose(loss(y, ag.tensor(p), weights).item(), (expected * weights).mean(), rtol=1e-12)
    np.testing.assert_allclose(loss(y, p, np.ones(N)).item(), loss(y, p).item(), rtol=1e-14)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum"])
def test_gradient_against_finite_differences(case: str, reduction: str) -> None:
    loss, y, p, _ = CASES[case]
    loss = with_reduction(loss, reduction)
    y_pred = ag.tensor(p, requires_grad=True)
    loss(y, y_pred).backward()
    assert y_pred.grad is not None
    step = 1e-6
    for i in np.ndindex(p.shape):
        above, below = p.copy(), p.copy()
        above[i] += step
        below[i] -= step
        numeric = (loss(y, above).item() - loss(y, below).item()) / (2 * step)
        np.testing.assert_allclose(y_pred.grad.numpy()[i], numeric, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("case", CASES)
def test_float32_stays_float32(case: str) -> None:
    loss, y, p, expected = CASES[case]
    y_pred = ag.tensor(p.astype(np.float32), requires_grad=True)
    result = loss(y, y_pred)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result.item(), expected.mean(), rtol=1e-5)


@pytest.mark.parametrize("case", CASES)
def test_axes_between_batch_and_classes(case: str) -> None:
    loss, y, p, expected = CASES[case]
    shape = (2, N // 2)
    deep = with_reduction(loss, None)(y.reshape(*shape, *y.shape[1:]), ag.tensor(p.reshape(*shape, K)))
    np.testing.assert_allclose(deep.numpy(), expected.reshape(shape), rtol=1e-12)


def test_a_loss_is_a_scalar_to_call_backward_on() -> None:
    model = models.Sequential([layers.Dense(K, activation="softmax", input_shape=(3,))])
    loss = losses.CategoricalCrossentropy()(ONE_HOT, model(np.ones((N, 3))))
    assert loss.shape == ()
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


def test_targets_may_be_tensors_and_get_gradients() -> None:
    y = ag.tensor(REALS, requires_grad=True)
    losses.MeanSquaredError()(y, ag.tensor(LOGITS)).backward()
    assert y.grad is not None
    np.testing.assert_allclose(y.grad.numpy(), 2 * (REALS - LOGITS) / REALS.size, rtol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_targets_as_tensors_give_the_same_loss(case: str) -> None:
    loss, y, p, expected = CASES[case]
    np.testing.assert_allclose(loss(ag.tensor(y), ag.tensor(p)).item(), expected.mean(), rtol=1e-12)


# ---- logits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "y"),
    [(losses.CategoricalCrossentropy, ONE_HOT), (losses.SparseCategoricalCrossentropy, INDICES)],
)
def test_behind_a_softmax_the_loss_is_that_of_the_logits_bit_for_bit(make: Any, y: Array) -> None:
    gradients, values = [], []
    for from_logits in (False, True):
        z = ag.tensor(LOGITS.astype(np.float32), requires_grad=True)
        loss = make(from_logits=from_logits)(y, z * 1 if from_logits else ag.softmax(z * 1))
        loss.backward()
        assert z.grad is not None
        gradients.append(z.grad.numpy())
        values.append(loss.numpy())
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(gradients[0], gradients[1])


def test_behind_a_sigmoid_the_loss_is_that_of_the_logits_bit_for_bit() -> None:
    gradients, values = [], []
    for from_logits in (False, True):
        z = ag.tensor(LOGITS.astype(np.float32), requires_grad=True)
        loss = losses.BinaryCrossentropy(from_logits=from_logits)(BITS, z * 1 if from_logits else ag.sigmoid(z * 1))
        loss.backward()
        assert z.grad is not None
        gradients.append(z.grad.numpy())
        values.append(loss.numpy())
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_array_equal(gradients[0], gradients[1])


@pytest.mark.parametrize("kind", [losses.MeanSquaredError, metrics.MeanSquaredError, metrics.MeanMetricWrapper])
def test_a_column_of_weights_is_one_weight_a_sample(kind: Any) -> None:
    y, p, w = np.zeros((4, 1)), np.arange(4.0)[:, None], np.arange(4.0)
    make = kind if kind is not metrics.MeanMetricWrapper else lambda: kind(losses.mean_squared_error)
    assert float(make()(y, p, w[:, None])) == float(make()(y, p, w))
    with pytest.raises(ag.ShapeError, match=r"sample_weight of shape \(4,\)"):
        make()(y, p, np.ones((4, 2)))


def test_huge_logits_behind_a_softmax() -> None:
    z = ag.tensor(np.array([[1000.0, -1000.0]], np.float32), requires_grad=True)
    loss = losses.CategoricalCrossentropy()([[0.0, 1.0]], ag.softmax(z * 1))
    loss.backward()
    assert loss.item() == 2000.0
    assert z.grad is not None
    assert z.grad.tolist() == [[1.0, -1.0]]


@pytest.mark.parametrize(("z", "y", "expected", "slope"), [(-1000.0, 1.0, 1000.0, -1.0), (1000.0, 0.0, 1000.0, 1.0)])
def test_huge_logits_behind_a_sigmoid(z: float, y: float, expected: float, slope: float) -> None:
    logits = ag.tensor([[z]], dtype=np.float32, requires_grad=True)
    loss = losses.BinaryCrossentropy()([[y]], ag.sigmoid(logits * 1))
    loss.backward()
    assert loss.item() == expected
    assert logits.grad is not None
    assert logits.grad.item() == slope


def test_binary_cross_entropy_of_logits_keeps_its_digits_at_both_ends() -> None:
    loss = losses.BinaryCrossentropy(from_logits=True)
    for z, y in ((20.0, 1.0), (-20.0, 0.0)):
        value = loss([[y]], ag.tensor([[z]], dtype=np.float32)).item()
        np.testing.assert_allclose(value, math.log1p(math.exp(-20)), rtol=1e-6)


def test_bare_probabilities_are_clipped() -> None:
    p = ag.tensor([[0.0, 1.0]], requires_grad=True)
    loss = losses.CategoricalCrossentropy()([[1.0, 0.0]], p)
    np.testing.assert_allclose(loss.item(), -math.log(losses.probabilities.EPSILON), rtol=1e-12)
    loss.backward()
    assert p.grad is not None
    assert np.isfinite(p.grad.numpy()).all()
    for y, value in ((1.0, 0.0), (0.0, 1.0)):
        loss = losses.BinaryCrossentropy()([[y]], [[value]])
        np.testing.assert_allclose(loss.item(), -math.log(losses.probabilities.EPSILON), rtol=1e-8)


def test_a_softmax_over_another_axis_hides_no_logits() -> None:
    p = ag.softmax(ag.tensor(LOGITS, requires_grad=True), axis=0)
    value = losses.CategoricalCrossentropy()(ONE_HOT, p).item()
    rows = p.numpy() / p.numpy().sum(axis=1, keepdims=True)
    np.testing.assert_allclose(value, cross_entropy(ONE_HOT, rows).mean(), rtol=1e-12)


def test_a_softmax_hides_no_logits_from_the_binary_loss() -> None:
    p = ag.softmax(ag.tensor(LOGITS, requires_grad=True))
    value = losses.BinaryCrossentropy()(BITS, p).item()
    np.testing.assert_allclose(value, binary_cross_entropy(BITS, softmax(LOGITS)).mean(), rtol=1e-12)


def test_the_loss_after_backward_falls_back_to_the_probabilities() -> None:
    p = ag.softmax(ag.tensor(LOGITS, requires_grad=True) * 1)
    first = losses.CategoricalCrossentropy()(ONE_HOT, p)
    p.sum().backward()  # frees what the softmax saved
    np.testing.assert_allclose(losses.CategoricalCrossentropy()(ONE_HOT, p).item(), first.item(), rtol=1e-12)


@pytest.mark.parametrize(("activation", "units", "loss"), [("softmax", 3, "cce"), ("sigmoid", 1, "bce")])
def test_evaluate_reports_the_loss_of_the_logits_although_nothing_is_recorded(
    activation: str, units: int, loss: str
) -> None:
    names = {"cce": "categorical_crossentropy", "bce": "binary_crossentropy"}
    model = models.Sequential([layers.Dense(units, activation=activation, input_shape=(2,))])
    model.layers[0].kernel.assign(1000.0 * np.arange(1, 2 * units + 1).reshape(2, units))
    x = np.eye(2)
    y = np.eye(3)[[0, 1]] if loss == "cce" else np.zeros((2, 1))
    model.compile(loss=names[loss])
    logits = model.layers[0].kernel.numpy().astype(np.float64)
    exact = losses.get(names[loss])
    exact.from_logits = True
    expected = exact(y, logits).item()
    assert expected >= 1000
    assert model.evaluate(x, y, verbose=0) == expected
    # Unrecorded probabilities of unknown origin are clipped.
    assert losses.get(names[loss])(y, model.predict(x)).item() <= -math.log(losses.probabilities.EPSILON) + 1


def test_evaluate_takes_no_logits_from_an_activation_of_another_loss() -> None:
    model = models.Sequential([layers.Dense(K, activation="softmax", input_shape=(3,))])
    model.compile(loss="binary_crossentropy")
    x = RNG.normal(size=(N, 3))
    expected = binary_cross_entropy(BITS, model(x).numpy().astype(np.float64)).mean()
    np.testing.assert_allclose(model.evaluate(x, BITS, verbose=0), expected, rtol=1e-5)


# ---- laws -----------------------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.integers(1, 5), st.integers(2, 5), st.integers(0, 2**32 - 1), st.floats(-50, 50))
def test_laws_of_cross_entropy(n: int, k: int, seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    z, labels = rng.normal(size=(n, k)) * 5, rng.integers(0, k, size=n)
    dense = losses.CategoricalCrossentropy(from_logits=True)
    sparse = losses.SparseCategoricalCrossentropy(from_logits=True)
    one_hot = to_categorical(labels, k)
    value = dense(one_hot, z).item()
    np.testing.assert_allclose(sparse(labels, z).item(), value, rtol=1e-12)
    np.testing.assert_allclose(sparse(labels[:, None], z).item(), value, rtol=1e-12)
    np.testing.assert_allclose(dense(one_hot, z + shift).item(), value, rtol=1e-9, atol=1e-12)
    order = rng.permutation(k)
    np.testing.assert_allclose(dense(one_hot[:, order], z[:, order]).item(), value, rtol=1e-12)
    # Gibbs: no distribution has a smaller cross-entropy with p than p itself.
    p = softmax(z)
    assert dense(p, z).item() <= dense(p, z + rng.normal(size=(n, k))).item() + 1e-12


def test_a_function_is_a_loss() -> None:
    def largest(y_true: Array, y_pred: Tensor) -> Tensor:
        return np.abs(y_pred - y_true).max(axis=-1)

    expected = abs(REALS - LOGITS).max(axis=1).mean()
    for loss in (losses.get(largest), losses.get(lambda y, p: largest(y, p).mean())):
        np.testing.assert_allclose(loss(REALS, LOGITS).item(), expected, rtol=1e-12)
    assert losses.get(largest).name == "largest"


@pytest.mark.parametrize("name", ["mse", "MSE", "MeanSquaredError", "mean_squared_error"])
def test_names(name: str) -> None:
    assert isinstance(losses.get(name), losses.MeanSquaredError)
    assert isinstance(losses.get(losses.MeanSquaredError), losses.MeanSquaredError)


# ---- PyTorch --------------------------------------------------------------------------------------------------------


def torch_losses(torch: Any) -> dict[str, Callable[[Any, Any], Any]]:
    f = torch.nn.functional
    return {
        "mse": lambda y, p: f.mse_loss(p, y),
        "mae": lambda y, p: f.l1_loss(p, y),
        "cce": lambda y, p: f.nll_loss(p.log(), y.argmax(1)),
        "cce logits": lambda y, z: f.cross_entropy(z, y),
        "cce smoothed": lambda y, z: f.cross_entropy(z, y, label_smoothing=0.2),
        "sparse logits": lambda y, z: f.cross_entropy(z, y.long()),
        "bce": lambda y, p: f.binary_cross_entropy(p, y),
        "bce soft": lambda y, p: f.binary_cross_entropy(p, y),
        "bce logits": lambda y, z: f.binary_cross_entropy_with_logits(z, y),
    }


@pytest.mark.ci
def test_values_and_gradients_equal_those_of_pytorch() -> None:
    torch = pytest.importorskip("torch")
    for case, reference in torch_losses(torch).items():
        loss, y, p, _ = CASES[case]
        y_pred, peer = ag.tensor(p, requires_grad=True), torch.tensor(p, requires_grad=True)
        ours, theirs = loss(y, y_pred), reference(torch.tensor(y), peer)
        ours.backward()
        theirs.backward()
        np.testing.assert_allclose(ours.item(), theirs.item(), rtol=1e-12, err_msg=case)
        assert y_pred.grad is not None
        if case != "cce":  # we divide by the sum, whose gradient PyTorch's nll_loss does not have
            np.testing.assert_allclose(y_pred.grad.numpy(), peer.grad.numpy(), rtol=1e-9, atol=1e-14, err_msg=case)
