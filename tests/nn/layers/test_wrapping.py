"""EinsumDense, layers around a layer, the convolutional LSTM, merging as functions: closed forms, peers, bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers

from .. import peers
from ..keras_values.rows import array, their_warnings

X = np.random.default_rng(6).normal(size=(4, 5)).astype(np.float32)


# ---- EinsumDense ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equation", "output_shape", "bias_axes", "shape", "kernel", "bias", "out"),
    [
        ("ab,bc->ac", 6, "c", (2, 5), (5, 6), (6,), (2, 6)),
        ("abc,cd->abd", (None, 6), None, (2, 3, 5), (5, 6), None, (2, 3, 6)),
        ("abc,cde->abde", (3, 2, 4), "de", (2, 3, 5), (5, 2, 4), (2, 4), (2, 3, 2, 4)),
        ("abc,cde->abde", (3, 2, 4), "d", (2, 3, 5), (5, 2, 4), (2, 1), (2, 3, 2, 4)),
        ("abcd,bde->abce", (3, 4, 6), "be", (2, 3, 4, 5), (3, 5, 6), (3, 1, 6), (2, 3, 4, 6)),
        ("...x,xy->...y", 6, "y", (2, 3, 4, 5), (5, 6), (6,), (2, 3, 4, 6)),
        ("...xy,yz->...xz", (None, 6), "z", (2, 3, 4, 5), (5, 6), (6,), (2, 3, 4, 6)),
        ("ab...,bc->ac...", 6, "c", (2, 5, 3, 4), (5, 6), (6, 1, 1), (2, 6, 3, 4)),
        ("ab , bc -> ac", (6,), None, (2, 5), (5, 6), None, (2, 6)),
    ],
)
def test_an_equation_says_all_shapes(
    equation: str, output_shape: Any, bias_axes: Any, shape: Any, kernel: Any, bias: Any, out: Any
) -> None:
    layer = layers.EinsumDense(equation, output_shape, bias_axes=bias_axes, bias_initializer="random_normal")
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert layer.compute_output_shape((None, *shape[1:])) == (None, *out[1:])
    y = layer(x)
    assert (y.shape, layer.kernel.shape, None if layer.bias is None else layer.bias.shape) == (out, kernel, bias)
    wanted = np.einsum(equation.replace(" ", ""), x, layer.kernel.data)
    np.testing.assert_allclose(y.data, wanted + (0 if layer.bias is None else layer.bias.data), rtol=1e-4, atol=1e-5)


def test_the_kernel_has_the_fans_of_the_matrix_that_it_is() -> None:
    nn.set_seed(0)
    layer = layers.EinsumDense("abc,cde->abde", (None, 8, 25))
    layer.build((None, 3, 50))
    limit = np.sqrt(6 / (50 + 8 * 25))
    assert 0.99 * limit < np.abs(layer.kernel.data).max() <= limit
    orthogonal = layers.EinsumDense("ab,bc->ac", 3, kernel_initializer="orthogonal")
    orthogonal.build((None, 5))
    np.testing.assert_allclose(orthogonal.kernel.data.T @ orthogonal.kernel.data, np.eye(3), atol=1e-6)


# ---- spectral normalization -----------------------------------------------------------------------------------------


def test_the_largest_singular_value_becomes_one() -> None:
    inner = layers.Dense(6, use_bias=False, kernel_initializer="random_normal")
    layer = layers.SpectralNormalization(inner, power_iterations=50)
    layer.build((None, 5))
    weight = inner.kernel.numpy()
    np.testing.assert_array_equal(layer.eval()(np.eye(5)).data, weight)
    expected = weight / np.linalg.norm(weight, 2)
    np.testing.assert_allclose(layer.train()(np.eye(5)).data, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(inner.kernel.data, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(layer.eval()(np.eye(5)).data, inner.kernel.data)
    assert [name for name, _ in layer.named_parameters()] == ["layer.kernel"]


@pytest.mark.parametrize("steps", [1, 3])
def test_the_gradient_in_training_is_that_of_the_division(steps: int, rng: np.random.Generator) -> None:
    layer = layers.SpectralNormalization(layers.Dense(3, "tanh", dtype="float64"), steps, dtype="float64")
    x, start = rng.normal(size=(4, 2)), {"layer.kernel": rng.normal(size=(2, 3)), "vector_u": rng.normal(size=(1, 3))}
    layer.build((None, 2))

    def loss(kernel: np.ndarray) -> ag.Tensor:
        layer.load_state_dict({**layer.state_dict(), **start, "layer.kernel": kernel})
        first = layer(x)  # twice, as of real and of generated samples: the second call begins where the first ended
        return (first**3).sum() + (layer(2 * x) ** 2).sum() * 0

    loss(start["layer.kernel"]).backward()
    assert layer.layer.kernel.grad is not None
    for index in np.ndindex(2, 3):
        step = np.zeros((2, 3))
        step[index] = 1e-6
        slope = (loss(start["layer.kernel"] + step).item() - loss(start["layer.kernel"] - step).item()) / 2e-6
        assert layer.layer.kernel.grad[index].item() == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_a_kernel_of_zeros_stays() -> None:
    layer = layers.SpectralNormalization(layers.Dense(3, kernel_initializer="zeros"))
    np.testing.assert_array_equal(layer(X).data, 0)


def test_a_failed_call_gives_the_kernel_back() -> None:
    layer = layers.SpectralNormalization(layers.Dense(3))
    layer(X)
    kernel = layer.layer.kernel
    with pytest.raises(ag.ShapeError):
        layer(X[:, :2])
    assert layer.layer.kernel is kernel


@pytest.mark.ci
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("kind", ["Dense", "Conv2D"])
def test_spectral_normalization_equals_keras_in_training(kind: str, steps: int) -> None:
    keras, torch = peers.keras(), peers.torch()
    x = X if kind == "Dense" else np.random.default_rng(1).normal(size=(2, 4, 4, 3)).astype(np.float32)
    arguments = (4,) if kind == "Dense" else (4, 2)
    ours, theirs = (k.SpectralNormalization(getattr(k, kind)(*arguments), steps) for k in (layers, keras.layers))
    ours(x)
    theirs(x)
    theirs.set_weights(ours.get_weights())
    for _ in range(3):
        np.testing.assert_allclose(ours(x).data, theirs(torch.tensor(x), training=True).detach(), rtol=2e-4, atol=1e-5)
        np.testing.assert_allclose(ours.vector_u.data, theirs.vector_u.value.detach(), rtol=1e-4, atol=1e-5)
        for mine, other in zip(ours.get_weights(), theirs.weights, strict=True):
            np.testing.assert_allclose(mine, array(other.value), rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(ours.eval()(x).data, theirs(torch.tensor(x)).detach(), rtol=2e-4, atol=1e-5)


@pytest.mark.ci
def test_spectral_normalization_is_taken_to_keras_and_back(tmp_path: Any) -> None:
    keras = peers.keras()
    x = np.random.default_rng(1).normal(size=(64, 5)).astype(np.float32)
    model = nn.Sequential([nn.Input((5,)), layers.SpectralNormalization(layers.Dense(4, "tanh")), layers.Dense(1)])
    model.compile(nn.optimizers.Adam(0.05), "mse")
    model.fit(x, 3 * x[:, :1] * x[:, 1:2], epochs=3, verbose=0)
    model.save(tmp_path / "ours.keras")
    with their_warnings():
        theirs = keras.models.load_model(tmp_path / "ours.keras")
        taken = theirs.predict(x, verbose=0)
        theirs.compile("adam", "mse")
        theirs.fit(x, x[:, :1], verbose=0)
        theirs.save(tmp_path / "theirs.keras")
        trained = theirs.predict(x, verbose=0)
    np.testing.assert_allclose(taken, model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    again = nn.models.load_model(tmp_path / "theirs.keras")
    np.testing.assert_allclose(again.predict(x, verbose=0), trained, rtol=1e-4, atol=1e-5)


@pytest.mark.ci
def test_spectral_normalization_has_pytorchs_gradient_where_it_has_settled() -> None:
    torch = peers.torch()
    nn.set_seed(0)  # singular values that lie apart, so that it settles
    layer = layers.SpectralNormalization(layers.Dense(4, use_bias=False), power_iterations=60)
    layer(X)
    theirs = torch.nn.utils.parametrizations.spectral_norm(torch.nn.Linear(5, 4, bias=False), n_power_iterations=60)
    with torch.no_grad():
        theirs.parametrizations.weight.original.copy_(torch.tensor(layer.layer.kernel.numpy().T))
    (layer(X) ** 2).sum().backward()
    (theirs(torch.tensor(X)) ** 2).sum().backward()
    wanted = theirs.parametrizations.weight.original.grad.numpy().T
    np.testing.assert_allclose(layer.layer.kernel.grad.data, wanted, rtol=1e-3, atol=1e-4)


# ---- the convolutional LSTM -----------------------------------------------------------------------------------------


def clip(*more: int) -> np.ndarray:
    """Return sequences of images."""
    return np.random.default_rng(2).normal(size=(2, 4, *more, 3)).astype(np.float32)


def test_windows_of_one_pixel_are_an_lstm_at_each_pixel() -> None:
    x = clip(3, 2)
    conv, plain = layers.ConvLSTM2D(5, 1, return_sequences=True), layers.LSTM(5, return_sequences=True)
    out = conv(x)
    flat = x.transpose(0, 2, 3, 1, 4).reshape(12, 4, 3)
    plain(flat)
    for name in ("kernel", "recurrent_kernel", "bias"):
        weight = getattr(conv.cell, name).numpy()
        getattr(plain.cell, name).assign(weight.reshape(weight.shape[-2:] if name != "bias" else weight.shape))
    wanted = plain(flat).data.reshape(2, 3, 2, 4, 5).transpose(0, 3, 1, 2, 4)
    np.testing.assert_allclose(out.data, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", ["channels_last", "channels_first"])
def test_states_go_on_where_they_ended(form: str) -> None:
    x = clip(4, 3)
    x = x if form == "channels_last" else np.moveaxis(x, -1, 2)
    layer = layers.ConvLSTM2D(2, 2, data_format=form, return_state=True)
    whole, h, c = layer(x)
    _, *states = layer(x[:, :2])
    np.testing.assert_allclose(layer(x[:, 2:], initial_state=states)[0].data, whole.data, rtol=1e-4, atol=1e-6)
    assert h.shape == c.shape == layer.compute_output_shape((None, *x.shape[1:]))[1][:0] + whole.shape
    kept = layers.ConvLSTM2D(2, 2, data_format=form, stateful=True)
    kept(x)
    kept.load_state_dict(layer.state_dict() | {k: v for k, v in kept.state_dict().items() if k.startswith("states")})
    kept.reset_states()
    kept(x[:, :2])
    np.testing.assert_allclose(kept(x[:, 2:]).data, whole.data, rtol=1e-4, atol=1e-6)
    with pytest.raises(ag.ShapeError, match="expected an initial_state of shapes"):
        layer(x, initial_state=[s[:, :1] for s in states])


def test_masked_steps_are_left_out() -> None:
    x = clip(4)
    layer = layers.ConvLSTM1D(2, 2, return_sequences=True)
    mask = np.array([[True, False, True, True], [False, True, True, False]])
    out = layer(x, mask=mask).data
    for i, row in enumerate(mask):
        short = layer(x[i : i + 1, row]).data[0]
        np.testing.assert_allclose(out[i, row], short, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(out[0, 1], out[0, 0])
    np.testing.assert_array_equal(out[1, 0], 0)


def test_the_forget_gate_starts_open() -> None:
    for forget, wanted in ((True, [0, 0, 1, 1, 0, 0, 0, 0]), (False, [0] * 8)):
        layer = layers.ConvLSTM1D(2, 1, unit_forget_bias=forget)
        layer.build((None, 2, 3, 1))
        assert layer.cell.bias.tolist() == wanted


def test_each_gate_has_a_mask_of_its_own() -> None:
    nn.set_seed(0)
    layer = layers.ConvLSTM1D(1, 1, dropout=0.5, use_bias=False, kernel_initializer="ones", activation=None)
    layer(np.ones((1, 1, 6, 1)))
    cell = layer.cell
    masks = cell.draw((1, 6, 1), 0.5, np.float32)
    z = cell.project(ag.tensor(np.ones((1, 6, 1), np.float32)), masks).data
    np.testing.assert_array_equal(z[..., :], np.concatenate([m.data for m in masks], axis=-1))
    assert len({m.data.tobytes() for m in masks}) > 1
    np.testing.assert_array_equal(
        layer(np.ones((1, 1, 6, 1)), training=False).data, layer.eval()(np.ones((1, 1, 6, 1))).data
    )


# ---- the others -----------------------------------------------------------------------------------------------------


def test_penalties_on_activity_reach_the_loss() -> None:
    model = nn.Sequential([layers.Dense(3, input_shape=(5,)), layers.ActivityRegularization(l1=0.1, l2=0.01)])
    out = model(X).data
    np.testing.assert_allclose(
        sum(p.item() for p in model.losses), (0.1 * abs(out).sum() + 0.01 * (out**2).sum()) / len(X), rtol=1e-5
    )
    model.compile(loss="mse")
    zeros = np.zeros((4, 3))
    found = model.evaluate(X, zeros, verbose=0)
    assert (found["loss"] if isinstance(found, dict) else found) > (out**2).mean() + 0.01 * (out**2).sum() / len(X)


def test_merging_functions_are_their_layers() -> None:
    a, b = X, X[:, ::-1].copy()
    pairs: list[tuple[str, tuple[Any, ...]]] = [
        ("add", ()), ("subtract", ()), ("multiply", ()), ("average", ()), ("maximum", ()), ("minimum", ()),
        ("concatenate", (1,)), ("dot", (1, True)),
    ]  # fmt: skip
    for name, arguments in pairs:
        function, layer = getattr(layers, name), getattr(layers, name.capitalize())(*arguments)
        np.testing.assert_array_equal(function([a, b], *arguments).data, layer([a, b]).data)
        first, second = nn.Input((5,)), nn.Input((5,))
        model = nn.Model([first, second], function([first, second], *arguments))
        np.testing.assert_array_equal(model([a, b]).data, layer([a, b]).data)


def test_concatenation_takes_its_axis() -> None:
    parts = [np.ones((2, 1, 3)), np.zeros((2, 4, 3))]
    assert layers.concatenate(parts, axis=1).shape == (2, 5, 3)


def test_scores_of_all_integers_from_the_same_weights() -> None:
    tokens = np.array([[1, 3, 0]])
    layer = layers.ReversibleEmbedding(4, 3, mask_zero=True, logit_soft_cap=0.5)
    vectors = layer(tokens)
    logits = layer(vectors, reverse=True)
    table = layer.embeddings.data
    np.testing.assert_allclose(logits.data, 0.5 * np.tanh(table[tokens] @ table.T / 0.5), rtol=1e-5)
    assert layer.compute_mask(tokens).tolist() == [[True, True, False]]
    assert layer.compute_mask(vectors, "as before") == "as before"
    assert layers.ReversibleEmbedding(4, 3, reverse_dtype="float64")(vectors, reverse=True).dtype == np.float64


@pytest.mark.ci
@pytest.mark.parametrize("tied", [True, False])
def test_a_reversible_embedding_equals_keras(tied: bool) -> None:
    keras, torch = peers.keras(), peers.torch()
    ours, theirs = (k.ReversibleEmbedding(6, 3, tie_weights=tied, logit_soft_cap=2.0) for k in (layers, keras.layers))
    tokens = np.array([[1, 5, 0]])
    ours(tokens)
    theirs(torch.tensor(tokens))
    theirs.set_weights([w.numpy() for w in ours.parameters()])
    vectors = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    wanted = theirs(torch.tensor(vectors), reverse=True).detach().numpy()
    np.testing.assert_allclose(ours(vectors, reverse=True).data, wanted, rtol=1e-5, atol=1e-6)


def test_a_layer_is_made_from_plain_values() -> None:
    class Own(layers.Wrapper):
        """A layer of the user's."""

    config = layers.serialize(Own(layers.Dense(2)))
    assert isinstance(layers.deserialize(config, {"Own": Own}).layer, layers.Dense)
    config = {"class_name": "Dense", "config": {"units": 2, "activation": {"class_name": "function", "config": "cube"}}}

    def cube(x: Any) -> Any:
        return x**3

    made: Any = layers.deserialize(config, {"cube": cube})
    assert made.activation is cube
    with pytest.raises(ValueError, match="expected the configuration of a layer"):
        layers.deserialize({"class_name": "Nothing", "config": {}})


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "equation": (lambda: layers.EinsumDense("ab-ac", 3), "expected an equation such as 'ab,bc->ac'"),
    "dots on one side": (lambda: layers.EinsumDense("...b,bc->c", 3), "expected an equation such as"),
    "letter": (lambda: layers.EinsumDense("ab,bc->ad", 3), "letters that are in two of the three parts.*with 'd'"),
    "twice": (lambda: layers.EinsumDense("abb,bc->ac", 3), "and in none twice"),
    "lengths": (lambda: layers.EinsumDense("ab,bc->ac", 0), "expected output_shape to be a positive integer"),
    "bias": (
        lambda: layers.EinsumDense("ab,bc->ac", 3, bias_axes="b"),
        "expected bias_axes to be letters of the result",
    ),
    "axes": (lambda: layers.EinsumDense("ab,bc->ac", 3)(np.ones((2, 3, 4))), "expected 2 axes, for equation="),
    "fewer axes": (lambda: layers.EinsumDense("...abc,cd->...abd", (1, 3))(X), "expected 3 axes or more"),
    "output": (
        lambda: layers.EinsumDense("ab,bc->ac", (3, 3))(X),
        "expected an output_shape that fits the letters 'ac'",
    ),
    "shared": (
        lambda: layers.EinsumDense("abc,cd->abd", (7, 3))(np.ones((2, 3, 4))),
        "expected the same length along 'b' in input and output, 7",
    ),
    "another length": (
        lambda: twice(layers.EinsumDense("ab,bc->ac", 3)),
        "expected length 5 along 'b', since the kernel",
    ),
    "no layer": (lambda: layers.Wrapper(3), r"Wrapper: expected a layer, such as Dense\(8\); received 3"),
    "iterations": (
        lambda: layers.SpectralNormalization(layers.Dense(2), 0),
        "power_iterations to be a positive integer",
    ),
    "no kernel": (
        lambda: layers.SpectralNormalization(layers.ReLU())(X),
        "expected a layer with a kernel or embeddings",
    ),
    "penalty": (lambda: layers.ActivityRegularization(l1=-1.0), "l1"),
    "filters": (lambda: layers.ConvLSTM2D(0, 2), "ConvLSTM2D: expected filters to be a positive integer"),
    "rate": (lambda: layers.ConvLSTM1D(1, 2, dropout=1.0), "expected dropout to be a number of at least 0 and below 1"),
    "no time": (
        lambda: layers.ConvLSTM2D(1, 2)(np.ones((1, 4, 4, 1))),
        r"expected sequences of shape \(N, T, S1, S2, C\)",
    ),
    "channels": (lambda: twice(layers.ConvLSTM1D(1, 1), clip(3), clip(3)[..., :2]), "expected inputs with 3 channels"),
    "small": (lambda: layers.ConvLSTM1D(1, 5)(clip(3)), "expected spatial axes that hold a window"),
    "soft cap": (
        lambda: layers.ReversibleEmbedding(2, 2, logit_soft_cap=0),
        "expected logit_soft_cap to be a finite number above 0, or None",
    ),
    "reverse dtype": (
        lambda: layers.ReversibleEmbedding(2, 2, reverse_dtype="int8"),
        "expected a floating reverse_dtype",
    ),
    "reversed": (lambda: layers.ReversibleEmbedding(2, 3)(X, reverse=True), r"vectors of shape \(N, ..., 3\)"),
    "one tensor": (lambda: layers.add(X), "expected a list of 1 or more tensors"),
}


def twice(layer: Any, first: Any = X, second: Any = X[:, :3]) -> Any:
    """Call a layer on two inputs."""
    layer(first)
    return layer(second)


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises((ValueError, TypeError), match=message):
        call()
