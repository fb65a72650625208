"""Networks of layers that are one operation each: which ONNX operators they become, and that those agree with ours.

In single precision ONNX Runtime multiplies, sums and evaluates `tanh` in ways of its own; what it returns is compared
in units of the last place of the largest element of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.core.op import OPS
from autograd_lite.graph import Program
from nn import layers

from .onnx_tools import assert_exports, assert_same, checked, op_types, run

LIMIT = 32.0
RNG = np.random.default_rng(3)


def drawn(*shape: int, dtype: Any = "float32") -> Any:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(dtype)


def cnn() -> Any:
    return nn.Sequential(
        [
            layers.Conv2D(4, 3, activation="relu", input_shape=(12, 12, 1)),
            layers.MaxPooling2D(2),
            layers.Conv2D(6, 3, padding="same", strides=2),
            layers.AveragePooling2D(2, padding="same"),
            layers.Flatten(),
            layers.Dense(5, activation="softmax"),
        ]
    )


def sequence(*inner: Any) -> Callable[[], Any]:
    def make() -> Any:
        nn.set_seed(1)
        return nn.Sequential([layer() for layer in inner])

    return make


# A model, the shape of an example, and the operators that it must have.
NETWORKS: dict[str, tuple[Callable[[], Any], tuple[int, ...], set[str]]] = {
    "cnn": (cnn, (12, 12, 1), {"Conv", "MaxPool", "AveragePool"}),
    "one dimension": (sequence(lambda: layers.Conv1D(4, 3, dilation_rate=2, groups=2)), (9, 4), {"Conv"}),
    "three dimensions": (sequence(lambda: layers.Conv3D(2, 2), lambda: layers.MaxPooling3D(2)), (5, 5, 5, 3), {"Conv"}),
    "depthwise": (sequence(lambda: layers.DepthwiseConv2D(3, depth_multiplier=2)), (6, 6, 3), {"Conv"}),
    "transposed": (
        sequence(lambda: layers.Conv2DTranspose(3, 3, strides=2, padding="same")), (4, 4, 2), {"ConvTranspose"},
    ),
    "lstm classifier": (
        sequence(lambda: layers.LSTM(8, return_sequences=True), lambda: layers.LSTM(4), lambda: layers.Dense(3)),
        (6, 5),
        {"LSTM"},
    ),
    "gru": (sequence(lambda: layers.GRU(6, return_sequences=True)), (6, 5), {"GRU"}),
    "gru, reset before": (sequence(lambda: layers.GRU(6, reset_after=False)), (6, 5), {"GRU"}),
    "simple rnn": (sequence(lambda: layers.SimpleRNN(6, "relu")), (6, 5), {"RNN"}),
    "both ways": (sequence(lambda: layers.Bidirectional(layers.LSTM(3, return_sequences=True))), (4, 5), {"LSTM"}),
    "transformer": (sequence(lambda: layers.TransformerBlock(2, causal=True)), (6, 8), {"Softmax"}),
}  # fmt: skip


def built(name: str) -> tuple[Any, tuple[int, ...]]:
    nn.set_seed(2)
    make, shape, _ = NETWORKS[name]
    model = make()
    model(drawn(2, *shape))
    return model.eval(), shape


@pytest.mark.parametrize("name", NETWORKS)
def test_networks(name: str) -> None:
    model, shape = built(name)
    x = drawn(5, *shape)
    program = Program.trace(model, x)
    for opset in (17, 18):
        found = checked(assert_exports(program, [x], LIMIT, opset=opset))
        assert set(op_types(found)) >= NETWORKS[name][2]
        # One operator for each layer: nothing is left of the ops that it stands for.
        assert not {"Tanh", "ReduceSum"} & set(op_types(found))


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_at_any_batch_size(name: str) -> None:
    model, shape = built(name)
    model_file = Program.trace(model, drawn(7, *shape)).to_onnx(dynamic_batch=True)
    assert set(op_types(checked(model_file))) >= NETWORKS[name][2]
    for n in (1, 2, 7, 9):
        want = model(drawn(n, *shape)).numpy()
        assert_same(run(model_file, [drawn(n, *shape)])[0], want, LIMIT, np.abs(want).max())


@pytest.mark.ci
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_with_their_gradients(name: str) -> None:
    model, shape = built(name)

    def program(n: int) -> Program:
        return Program.trace(lambda x: (model(x) ** 2).mean(), drawn(n, *shape), backward=True)

    exported = program(7).to_onnx(gradients=True, dynamic_batch=True)
    checked(exported)
    for n in (7, 3):
        x = drawn(n, *shape)
        gradients = program(n).gradients(x)
        # That of the keys' bias is 0 but for rounding: softmax takes no notice of it.
        largest = [max(float(np.abs(g).max()), 1e-3) for g in gradients.values()]
        expected = [program(n)(x), *gradients.values()]
        for got, want, size in zip(run(exported, [x]), expected, [1.0, *largest], strict=True):
            assert_same(got, want, 256, size)


@pytest.mark.parametrize("mask_zero", [False, True])
def test_a_classifier_of_texts(mask_zero: bool) -> None:
    """From words to classes; masked steps are left out on the way, and the LSTM is one operator all the same."""
    nn.set_seed(0)
    model = nn.Sequential([layers.Embedding(9, 8, mask_zero=mask_zero), layers.LSTM(6), layers.Dense(3)])
    words = [np.random.default_rng(n).integers(0, 9, (n, 5)) for n in (7, 2, 1, 9)]
    model(words[0])
    found = Program.trace(model.eval(), words[0]).to_onnx(dynamic_batch=True)
    assert "LSTM" in op_types(checked(found))
    for x in words:
        want = model(x).numpy()
        assert_same(run(found, [x])[0], want, LIMIT, np.abs(want).max())


# ---- recurrent ops --------------------------------------------------------------------------------------------------

T, N, D, H = 5, 3, 4, 6


def weights(gates: int, dtype: str = "float32") -> list[Any]:
    shapes = (T, N, gates * H), (H, gates * H), (2, gates * H) if gates == 3 else (gates * H,), (N, H), (N, H)
    return [(RNG.normal(size=shape) / 2).astype(dtype) for shape in shapes]


STATES: dict[str, tuple[int, Callable[..., Any], str]] = {
    "lstm": (4, lambda z, r, b, h, c: ag.lstm(z, r, b)[0], "LSTM"),
    "lstm from h": (4, lambda z, r, b, h, c: ag.lstm(z, r, None, h)[0], "LSTM"),
    "lstm from c": (4, lambda z, r, b, h, c: ag.lstm(z, r, b, None, c)[0][-1], "LSTM"),
    "lstm, its last states": (4, lambda z, r, b, h, c: [s[-1] for s in ag.lstm(z, r, b, h, c)], "LSTM"),
    "gru": (3, lambda z, r, b, h, c: ag.gru(z, r, b, h), "GRU"),
    "gru, no bias": (3, lambda z, r, b, h, c: ag.gru(z, r, reset_after=False), "GRU"),
    "gru, reset before": (3, lambda z, r, b, h, c: ag.gru(z, r, b, h, reset_after=False)[-1], "GRU"),
    "simple rnn": (1, lambda z, r, b, h, c: ag.simple_rnn(z, r, b, h), "RNN"),
    "simple rnn, relu": (1, lambda z, r, b, h, c: ag.simple_rnn(z, r, activation="relu"), "RNN"),
}


@pytest.mark.parametrize("name", STATES)
def test_states_come_from_one_operator_in_single_precision(name: str) -> None:
    gates, f, operator = STATES[name]
    for dtype in ("float32", "float64"):
        arrays = weights(gates, dtype)
        program = Program.trace(f, *arrays)
        found = op_types(checked(assert_exports(program, arrays, LIMIT)))
        assert (operator in found) == (dtype == "float32")
        assert found.count(operator) <= 1


def test_what_no_operator_returns_is_computed_step_by_step() -> None:
    arrays = weights(4)
    program = Program.trace(lambda z, r, b, h, c: ag.lstm(z, r, b, h, c)[1], *arrays)
    assert "LSTM" not in op_types(checked(assert_exports(program, arrays, LIMIT)))


# ---- windows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32"])
def test_other_dtypes_pool_too(dtype: str) -> None:
    x = (drawn(2, 5, 4, 3) * 4).astype(dtype)
    program = Program.trace(lambda x: ag.max_pooling(x, 2, 1, "same"), x)
    assert_exports(program, [x], 0)


def test_a_sum_over_another_number_is_no_average_pooling() -> None:
    x, lengths = drawn(2, 4, 4, 3), {"window": (2, 2), "stride": (2, 2), "padding": ((0, 0), (0, 0))}
    for factor in (0.25, 0.5):
        program = Program.trace(lambda x, factor=factor: OPS["window_sum"](x, **lengths) * factor, x)
        found = op_types(checked(assert_exports(program, [x])))
        assert ("AveragePool" in found) == (factor == 0.25)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("pairs", [((9, 0),), ((0, 9),), ((5, 5),)])
def test_taps_may_lie_in_the_padding_alone(dtype: str, pairs: Any) -> None:
    params = {"stride": (2,), "padding": pairs, "dilation": (2,), "groups": 1}
    y, w = drawn(2, (3 + sum(pairs[0]) - 7) // 2 + 1, 3, dtype=dtype), drawn(4, 2, 3, dtype=dtype)
    program = Program.trace(lambda y, w: OPS["convolution_input"](y, w, size=(3,), **params), y, w)
    assert_exports(program, [y, w], LIMIT)


# ---- axes that were joined ------------------------------------------------------------------------------------------


def test_an_axis_taken_apart_gives_the_batch_back() -> None:
    def f(x: Any) -> Any:
        n, t, d = x.shape
        return x.transpose(1, 0, 2).reshape(t * n, d).reshape(t, n, d) * 2

    for t in (4, 14):
        model = Program.trace(f, drawn(7, t, 3)).to_onnx(dynamic_batch=True)
        for n in (2, 5, 14):
            (got,) = run(model, [drawn(n, t, 3)])
            np.testing.assert_array_equal(got, f(drawn(n, t, 3)))
    with pytest.raises(ag.UnsupportedError, match=r"no axis, or not just one, of the new shape \(7, 7, 3\)"):
        Program.trace(f, drawn(7, 7, 3)).to_onnx(dynamic_batch=True)
