"""Regularizers, constraints and the losses that layers add: alone, in a model, in training."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.testing import check_grads
from nn import constraints, layers, models, optimizers, regularizers

from .. import peers

RNG = np.random.default_rng(0)
W = RNG.normal(size=(4, 3))

REGULARIZERS: dict[str, tuple[Any, float]] = {
    "L1": (regularizers.L1(0.3), 0.3 * np.abs(W).sum()),
    "L2": (regularizers.L2(0.3), 0.3 * (W**2).sum()),
    "L1L2": (regularizers.L1L2(0.3, 0.2), 0.3 * np.abs(W).sum() + 0.2 * (W**2).sum()),
    "L1L2, l1 alone": (regularizers.L1L2(0.3, None), 0.3 * np.abs(W).sum()),
    "L1L2, none": (regularizers.L1L2(), 0.0),
    "rows": (
        regularizers.OrthogonalRegularizer(0.3),
        0.3
        * np.mean([abs(W[i] @ W[j]) / np.linalg.norm(W[i]) / np.linalg.norm(W[j]) for i in range(4) for j in range(i)]),
    ),
    "columns": (
        regularizers.OrthogonalRegularizer(0.3, "columns"),
        0.3 * np.mean([abs(a @ b) / np.sqrt(a @ a * (b @ b)) for i, a in enumerate(W.T) for b in W.T[:i]]),
    ),
}


@pytest.mark.parametrize(("regularizer", "expected"), REGULARIZERS.values(), ids=REGULARIZERS)
def test_regularizers_are_their_formulas_and_have_gradients(regularizer: Any, expected: float) -> None:
    assert regularizer(ag.tensor(W)).item() == pytest.approx(expected, rel=1e-12)
    check_grads(regularizer, W)
    assert regularizer(ag.tensor(W, dtype="float32")).dtype == np.float32
    twin = type(regularizer).from_config(regularizer.get_config())
    assert repr(twin) == repr(regularizer)


def test_orthogonal_matrices_zero_rows_and_single_rows_have_no_penalty() -> None:
    orthogonal = regularizers.OrthogonalRegularizer(1.0)
    for matrix in (np.eye(3), np.zeros((2, 2)), np.ones((1, 4))):
        w = ag.tensor(matrix, requires_grad=True)
        penalty = orthogonal(w)
        penalty.backward()
        assert penalty.item() == 0
        assert w.grad is not None
        assert np.isfinite(w.grad.data).all()


NORMS = np.linalg.norm(W, axis=0)
CONSTRAINTS: dict[str, tuple[Any, Any]] = {
    "MaxNorm": (constraints.MaxNorm(1.5), W * np.minimum(NORMS, 1.5) / NORMS),
    "MaxNorm, rows": (
        constraints.MaxNorm(1.0, axis=1),
        W * np.minimum(1 / np.linalg.norm(W, axis=1, keepdims=True), 1),
    ),
    "MinMaxNorm": (constraints.MinMaxNorm(1.9, 2.0), W * np.clip(NORMS, 1.9, 2.0) / NORMS),
    "MinMaxNorm, half": (
        constraints.MinMaxNorm(1.9, 2.0, rate=0.5),
        W * (0.5 + 0.5 * np.clip(NORMS, 1.9, 2.0) / NORMS),
    ),
    "NonNeg": (constraints.NonNeg(), np.where(W > 0, W, 0)),
    "UnitNorm": (constraints.UnitNorm(), W / NORMS),
    "UnitNorm, both": (constraints.UnitNorm([0, 1]), W / np.linalg.norm(W)),
}


@pytest.mark.parametrize(("constraint", "expected"), CONSTRAINTS.values(), ids=CONSTRAINTS)
def test_constraints_are_their_formulas(constraint: Any, expected: Any) -> None:
    np.testing.assert_allclose(constraint(W), expected, rtol=1e-6)
    assert constraint(W.astype("float32")).dtype == np.float32
    assert np.isfinite(constraint(np.zeros((2, 2)))).all()
    once = constraint(W)
    if getattr(constraint, "rate", 1.0) == 1.0:
        np.testing.assert_allclose(constraint(once), once, rtol=1e-6)  # a projection
    assert repr(type(constraint).from_config(constraint.get_config())) == repr(constraint)


@pytest.mark.ci
@pytest.mark.parametrize("name", ["regularizers", "constraints"])
def test_they_equal_those_of_keras(name: str) -> None:
    keras = peers.keras()
    cases = REGULARIZERS if name == "regularizers" else CONSTRAINTS
    for ours, _ in cases.values():
        theirs = getattr(getattr(keras, name), type(ours).__name__)(**ours.get_config())
        expected = theirs(keras.ops.convert_to_tensor(W)).detach().numpy()
        actual = ours(ag.tensor(W)).data if name == "regularizers" else ours(W)
        np.testing.assert_allclose(actual, expected, rtol=1e-6)


# ---- in layers and models ------------------------------------------------------------------------------------------


def model(**kwargs: Any) -> Any:
    nn.set_seed(0)
    return models.Sequential([layers.Dense(5, "tanh", input_shape=(4,)), layers.Dense(2, **kwargs)])


X, Y = RNG.normal(size=(8, 4)), RNG.normal(size=(8, 2))


def test_penalties_on_weights_and_outputs_are_the_models_losses() -> None:
    made = model(kernel_regularizer="l2", bias_regularizer=regularizers.L1(0.5), activity_regularizer="l1")
    made.layers[1].bias.assign(np.array([1.0, -2.0], "float32"))
    for _ in range(2):  # the second call takes the place of the first
        out = made(X)
    kernel = made.layers[1].kernel.data
    expected = [0.01 * np.abs(out.data).sum() / len(X), 0.01 * (kernel**2).sum(), 1.5]
    assert [penalty.item() for penalty in made.losses] == pytest.approx(expected, rel=1e-6)
    assert copy.deepcopy(made.eval()).layers[1].losses[1].item() == pytest.approx(1.5)
    made.layers[1].trainable = False
    assert len(made.losses) == 1, "frozen weights have no penalty"


def test_training_adds_the_penalties_to_the_loss() -> None:
    plain, penalized = model(), model(kernel_regularizer=regularizers.L2(0.3), activity_regularizer="l2")
    for made in (plain, penalized):
        made.compile("sgd", "mse")
    out = plain.predict(X)
    kernel = plain.layers[1].kernel.numpy()
    extra = 0.3 * (kernel**2).sum() + 0.01 * (out**2).sum() / len(X)
    base = float(((out - Y) ** 2).mean())
    assert plain.evaluate(X, Y, verbose=0) == pytest.approx(base, rel=1e-5)
    assert penalized.evaluate(X, Y, verbose=0) == pytest.approx(base + extra, rel=1e-5)
    losses = [m.fit(X, Y, batch_size=8, verbose=0).history["loss"][0] for m in (plain, penalized)]
    assert losses == pytest.approx([base, base + extra], rel=1e-5)
    g = 2 * (out - Y) / Y.size
    hidden = np.tanh(X @ model().layers[0].kernel.data)
    step = hidden.T @ (g + 0.02 * out / len(X)) + 0.6 * kernel
    np.testing.assert_allclose(penalized.layers[1].kernel.data, kernel - 0.01 * step, rtol=1e-4, atol=1e-6)


def test_a_layer_of_ones_own_may_add_losses_and_weights_with_rules() -> None:
    class Scale(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight((), "ones", regularizer="l2", constraint=lambda w: np.minimum(w, 0.5))

        def call(self, x: Any) -> Any:
            self.add_loss((x * x).mean())
            return x * self.factor

    layer = Scale()
    layer(np.full((1, 2), 3.0))
    layer(np.full((1, 2), 2.0))
    assert [penalty.item() for penalty in layer.losses] == pytest.approx([4.0, 0.01])
    sgd = optimizers.SGD(0.01, parameters=layer.parameters())
    layer(np.ones((1, 2))).sum().backward()
    sgd.step()
    assert layer.factor.item() == 0.5
    with pytest.raises(ag.ShapeError, match=r"add_loss: expected a scalar; received shape \(2,\)"):
        layer.add_loss(ag.tensor([1.0, 2.0]))


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("copied", [False, True])
def test_weights_satisfy_their_constraints_after_each_step(by_hand: bool, copied: bool) -> None:
    made = model(kernel_constraint=constraints.MaxNorm(0.2), bias_constraint="non_neg")
    made = copy.deepcopy(made) if copied else made
    if by_hand:
        optimizer = optimizers.Adam(0.1, parameters=made.parameters())
        for _ in range(3):
            ((made(X) - Y) ** 2).mean().backward()
            optimizer.step()
            optimizer.zero_grad()
    else:
        made.compile(optimizers.Adam(0.1), "mse")
        made.fit(X, Y, epochs=3, verbose=0)
    dense = made.layers[1]
    assert (np.linalg.norm(dense.kernel.data, axis=0) <= 0.2 + 1e-6).all()
    assert (dense.bias.data >= 0).all()
    assert (np.linalg.norm(made.layers[0].kernel.data, axis=0) > 0.2).any()


def test_rules_are_part_of_the_configuration() -> None:
    dense = layers.Dense(2, kernel_regularizer=regularizers.L2(0.5), kernel_constraint="unit_norm")
    twin = layers.Dense.from_config(dense.get_config())
    twin(X)
    assert len(twin.losses) == 1
    assert twin.losses[0].item() == pytest.approx(0.5 * (twin.kernel.data**2).sum(), rel=1e-6)


REFUSALS: dict[str, tuple[Any, type[Exception], str]] = {
    "negative": (
        lambda: regularizers.L2(-1),
        ValueError,
        "L2: expected l2 to be a finite number of at least 0; received l2=-1",
    ),
    "no number": (lambda: regularizers.L1("a"), TypeError, "L1: expected l1 to be a finite number"),
    "NaN": (lambda: regularizers.L1L2(l2=np.nan), ValueError, "L1L2: expected l2"),
    "mode": (lambda: regularizers.OrthogonalRegularizer(mode="row"), ValueError, "one of rows, columns; .*'row'"),
    "no matrix": (
        lambda: regularizers.OrthogonalRegularizer()(ag.tensor([1.0])),
        ag.ShapeError,
        r"expected a matrix, .* received shape \(1,\)",
    ),
    "name": (lambda: regularizers.get("l3"), ValueError, "name of a regularizer; received 'l3'. Known names: l1, l2"),
    "identifier": (lambda: regularizers.get(3), TypeError, "expected a regularizer: a name"),
    "max below 0": (lambda: constraints.MaxNorm(-1), ValueError, "max_value to be a finite number of at least 0"),
    "bounds": (lambda: constraints.MinMaxNorm(2.0, 1.0), ValueError, "min_value <= max_value; .*min_value=2.0"),
    "axis": (lambda: constraints.UnitNorm("a"), TypeError, "UnitNorm: expected axis to be an integer"),
    "no such axis": (
        lambda: constraints.UnitNorm(3)(W),
        ValueError,
        r"UnitNorm: expected axis=3 to be of a weight; it has shape \(4, 3\)",
    ),
    "constraint": (lambda: constraints.get("max"), ValueError, "name of a constraint; received 'max'"),
    "no identifier": (lambda: constraints.get(3), TypeError, "expected a constraint: a name"),
    "no such weight": (
        lambda: layers.Dense(1, gamma_regularizer="l2"),
        TypeError,
        "Dense: got an unexpected keyword argument 'gamma_regularizer'",
    ),
    "in a layer": (lambda: layers.Dense(1, kernel_regularizer="l3"), ValueError, "received 'l3'"),
}


@pytest.mark.parametrize(("call", "error", "message"), REFUSALS.values(), ids=REFUSALS)
def test_refusals_say_what_was_received_and_expected(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
