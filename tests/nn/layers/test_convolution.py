"""Convolution and pooling: equal to loops, to SciPy, to PyTorch; properties; arguments that are refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers

rng = np.random.default_rng(3)


def values(layer: Any, x: Any) -> np.ndarray:
    """Return what a layer computes in float64."""
    layer._dtype = np.dtype("float64")
    with ag.no_grad():
        return layer(x).numpy()


# ---- against SciPy ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_convolution_is_scipys_correlation(rank: int, padding: str) -> None:
    signal = pytest.importorskip("scipy.signal")
    x, w = rng.normal(size=(2, *(6, 5, 4)[:rank], 3)), rng.normal(size=(*(3, 3, 3)[:rank], 3, 2))
    expected = np.stack(
        [
            np.stack(
                [sum(signal.correlate(x[n, ..., c], w[..., c, f], padding) for c in range(3)) for f in range(2)],
                axis=-1,
            )
            for n in range(2)
        ]
    )
    np.testing.assert_allclose(ag.convolution(x, w, padding=padding), expected, rtol=1e-12, atol=1e-12)


def test_a_large_input_is_cut_into_blocks_and_gives_the_same() -> None:
    """More bytes of windows in one sample than a block holds, and several samples in one block."""
    for size in ((300, 40), (9, 8)):
        x, w = rng.normal(size=(5, *size, 8)), rng.normal(size=(3, 3, 8, 4))
        taps = [
            np.tensordot(x[:, i : i + size[0] - 2, j : j + size[1] - 2], w[i, j], 1) for i in range(3) for j in range(3)
        ]
        np.testing.assert_allclose(ag.convolution(x, w), sum(taps), rtol=1e-12, atol=1e-12)
        y = rng.normal(size=taps[0].shape)
        x_bar, w_bar = ag.vjp(ag.convolution, (0, 1))(x, w)[1](y)
        np.testing.assert_allclose(np.sum(x_bar * x), np.sum(y * sum(taps)), rtol=1e-10)
        np.testing.assert_allclose(np.sum(w_bar * w), np.sum(y * sum(taps)), rtol=1e-10)
        pad = np.pad(y, ((0, 0), (2, 2), (2, 2), (0, 0)))
        turned = [
            np.tensordot(pad[:, 2 - i : 2 - i + size[0], 2 - j : 2 - j + size[1]], w[i, j], (3, 1))
            for i in range(3)
            for j in range(3)
        ]
        np.testing.assert_allclose(x_bar, sum(turned), rtol=1e-12, atol=1e-12)


# ---- against PyTorch -------------------------------------------------------------------------------------------------


def carried(kernel: np.ndarray, torch: Any) -> Any:
    """Return a kernel (*K, I, O) in PyTorch's layout (O, I, *K)."""
    return torch.tensor(np.moveaxis(kernel, (-1, -2), (0, 1)).copy(), requires_grad=True)


def channels_first(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, -1, 1).copy()


@pytest.mark.ci
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    ("stride", "dilation", "groups", "padding"), [(1, 1, 1, 0), (2, 1, 2, 1), (1, 2, 1, 2), (3, 1, 4, 0)]
)
def test_values_and_gradients_are_pytorchs(rank: int, stride: int, dilation: int, groups: int, padding: int) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    x, w = rng.normal(size=(2, *(7, 8, 6)[:rank], 4)), rng.normal(size=(*(3, 2, 3)[:rank], 4 // groups, 8))
    out, pull = ag.vjp(lambda a, b: ag.convolution(a, b, stride, padding, dilation, groups), (0, 1))(x, w)
    g = rng.normal(size=out.shape)
    tx, tw = torch.tensor(channels_first(x), requires_grad=True), carried(w, torch)
    conv = (functional.conv1d, functional.conv2d, functional.conv3d)[rank - 1]
    theirs = conv(tx, tw, None, stride, padding, dilation, groups)
    np.testing.assert_allclose(channels_first(out), theirs.detach().numpy(), rtol=1e-10, atol=1e-12)
    theirs.backward(torch.tensor(channels_first(g)))
    x_bar, w_bar = pull(g)
    np.testing.assert_allclose(channels_first(x_bar), tx.grad.numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(np.moveaxis(w_bar, (-1, -2), (0, 1)), tw.grad.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.ci
@pytest.mark.parametrize(("stride", "padding", "more"), [(1, 0, 0), (2, 1, 1), (3, 0, 2)])
def test_a_transposed_convolution_is_pytorchs(stride: int, padding: int, more: int) -> None:
    torch = pytest.importorskip("torch")
    x, w = rng.normal(size=(2, 4, 5, 3)), rng.normal(size=(3, 3, 2, 3))
    size = tuple((n - 1) * stride + 3 - 2 * padding + more for n in (4, 5))
    out = ag.transposed_convolution(x, w, stride, padding, size=size)
    tw = torch.tensor(np.moveaxis(w, (-1, -2), (0, 1)).copy())
    theirs = torch.nn.functional.conv_transpose2d(torch.tensor(channels_first(x)), tw, None, stride, padding, more)
    np.testing.assert_allclose(channels_first(out), theirs.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.ci
@pytest.mark.parametrize(("window", "stride", "padding"), [(2, 2, 0), (3, 1, 1), (3, 2, 1)])
def test_pooling_is_pytorchs(window: int, stride: int, padding: int) -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    x = rng.integers(-2, 3, (2, 7, 6, 3)).astype(float)  # with ties
    pairs = (
        (ag.max_pooling, functional.max_pool2d, {}),
        (ag.average_pooling, functional.avg_pool2d, {"count_include_pad": False}),
    )
    for ours, theirs, options in pairs:
        out, pull = ag.vjp(lambda a, f=ours: f(a, window, stride, padding))(x)
        tx = torch.tensor(channels_first(x), requires_grad=True)
        expected = theirs(tx, window, stride, padding, **options)
        np.testing.assert_allclose(channels_first(out), expected.detach().numpy(), rtol=1e-12)
        g = rng.normal(size=out.shape)
        expected.backward(torch.tensor(channels_first(g)))
        pulled = pull(g)
        np.testing.assert_allclose(channels_first(pulled[0] if isinstance(pulled, tuple) else pulled), tx.grad.numpy())


# ---- properties ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [lambda: layers.Conv2D(2, 3), lambda: layers.MaxPooling2D(3, 1)])
def test_a_shifted_image_gives_a_shifted_result(layer: Any) -> None:
    x, made = rng.normal(size=(1, 8, 9, 2)), layer()
    whole = values(made, x)
    np.testing.assert_allclose(values(made, x[:, 1:, 2:]), whole[:, 1:, 2:], rtol=1e-12, atol=1e-12)


def test_a_causal_convolution_does_not_look_ahead() -> None:
    layer, x = layers.Conv1D(3, 3, padding="causal", dilation_rate=2), rng.normal(size=(1, 9, 2))
    before = values(layer, x)
    x[:, 5] += 1
    after = values(layer, x)
    assert after.shape == (1, 9, 3)
    np.testing.assert_array_equal(after[:, :5], before[:, :5])
    assert not np.allclose(after[:, 5], before[:, 5])


MAKERS = [
    lambda f: layers.Conv1D(4, 3, 2, "same", data_format=f, groups=2),
    lambda f: layers.Conv2D(3, 2, data_format=f, activation="softplus"),
    lambda f: layers.Conv3D(2, 2, data_format=f),
    lambda f: layers.DepthwiseConv2D(2, depth_multiplier=3, data_format=f),
    lambda f: layers.SeparableConv2D(3, 2, data_format=f),
    lambda f: layers.Conv2DTranspose(3, 3, 2, data_format=f),
    lambda f: layers.MaxPooling2D(2, 1, "same", data_format=f),
    lambda f: layers.AveragePooling3D(2, data_format=f),
    lambda f: layers.ZeroPadding2D((1, 2), data_format=f),
]


@pytest.mark.parametrize("make", MAKERS)
def test_the_order_of_channels_changes_only_the_order(make: Any) -> None:
    last, first = make(None), make("channels_first")
    x = rng.normal(size=(2, *(4, 5, 6)[: last.rank], 2))
    expected = values(last, x)
    values(first, channels_first(x))
    first.load_state_dict(last.state_dict())
    np.testing.assert_allclose(values(first, channels_first(x)), channels_first(expected), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [3, 5, 6])
@pytest.mark.parametrize("window", [1, 2, 3, 4])
def test_same_gives_as_many_windows_as_strides(stride: int, size: int, window: int) -> None:
    for layer in (layers.Conv1D(2, window, stride, "same"), layers.MaxPooling1D(window, stride, "same")):
        out = values(layer, rng.normal(size=(1, size, 2)))
        assert out.shape == layer.compute_output_shape((1, size, 2)) == (1, math.ceil(size / stride), 2)
    up = layers.Conv1DTranspose(2, window, stride, "same")
    assert values(up, rng.normal(size=(1, size, 2))).shape == (1, size * stride, 2)
    up = layers.Conv1DTranspose(2, window, stride)
    expected = size * stride + max(window - stride, 0)
    assert values(up, rng.normal(size=(1, size, 2))).shape == (1, expected, 2)


def test_a_transposed_layer_is_the_transpose_of_a_convolution() -> None:
    x, y = rng.normal(size=(2, 8, 6, 2)), rng.normal(size=(2, 4, 3, 5))
    for padding in ("same", "valid"):
        down, up = layers.Conv2D(5, 2, 2, padding, use_bias=False), layers.Conv2DTranspose(2, 2, 2, padding)
        values(up, y)
        image = values(down, x)
        up.load_state_dict({"kernel": down.kernel, "bias": np.zeros(2, np.float32)})
        np.testing.assert_allclose(np.sum(image * y), np.sum(x * values(up, y)), rtol=1e-6)


def test_a_depthwise_convolution_is_one_of_each_channel() -> None:
    layer, x = layers.DepthwiseConv2D(2, depth_multiplier=3), rng.normal(size=(2, 4, 4, 2))
    out, kernel = values(layer, x), layer.kernel.numpy()
    for c in range(2):
        alone = ag.convolution(x[..., c : c + 1], kernel[:, :, c : c + 1, :])
        np.testing.assert_allclose(out[..., 3 * c : 3 * c + 3], alone, rtol=1e-12)


def test_a_separable_convolution_is_a_depthwise_and_a_dense_one() -> None:
    layer, x = layers.SeparableConv1D(4, 3, depth_multiplier=2), rng.normal(size=(2, 6, 3))
    out = values(layer, x)
    depthwise = layers.DepthwiseConv1D(3, depth_multiplier=2, use_bias=False)
    values(depthwise, x)
    depthwise.load_state_dict({"kernel": layer.depthwise_kernel})
    np.testing.assert_allclose(out, values(depthwise, x) @ layer.pointwise_kernel.numpy()[0], rtol=1e-12, atol=1e-12)


def test_average_pooling_leaves_the_padding_out() -> None:
    layer = layers.AveragePooling2D(2, 1, "same")
    np.testing.assert_allclose(values(layer, np.ones((1, 3, 3, 1))), np.ones((1, 3, 3, 1)))


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_the_largest_of_a_window_with_nan_is_nan_and_infinities_are_kept(padding: str) -> None:
    x = np.array([-np.inf, -np.inf, np.nan, 1.0, 2.0, np.inf, -np.inf]).reshape(1, 7, 1)
    expected = [-np.inf, np.nan, np.inf, *([-np.inf] if padding == "same" else [])]
    np.testing.assert_array_equal(values(layers.MaxPooling1D(2, padding=padding), x).ravel(), expected)


def test_the_gradient_of_a_tie_goes_to_the_first() -> None:
    x = ag.tensor(np.ones((1, 4, 1)), requires_grad=True)
    ag.max_pooling(x, 2).sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy().ravel(), [1, 0, 1, 0])


def test_pooling_keeps_its_result_and_a_byte_for_each_window_and_nothing_else() -> None:
    x = ag.relu(ag.tensor(rng.normal(size=(2, 8, 8, 3)), requires_grad=True))
    out = ag.max_pooling(x, 2)
    (largest, index), edge = out._node.inputs[0].saved
    assert np.shares_memory(largest, out.data)
    assert index.nbytes == out.size
    assert not isinstance(edge, np.ndarray)


def test_every_other_shape_of_a_kernel_has_its_fans() -> None:
    nn.set_seed(0)
    layer = layers.Conv2D(64, 3, input_shape=(8, 8, 32))
    values(layer, np.zeros((1, 8, 8, 32)))
    limit = math.sqrt(6 / (9 * 32 + 9 * 64))
    assert 0.95 * limit < np.abs(layer.kernel.numpy()).max() <= limit


# ---- what is refused -------------------------------------------------------------------------------------------------

BAD_LAYERS = [
    (lambda: layers.Conv2D(0, 3), "Conv2D: expected filters to be a positive integer; received filters=0"),
    (lambda: layers.Conv2D(2, (3,)), r"Conv2D: expected kernel_size .* 2 of them"),
    (lambda: layers.Conv1D(2, 0), "Conv1D: expected kernel_size to be a positive integer; received kernel_size=0"),
    (lambda: layers.Conv2D(2, 3, padding="full"), "expected padding to be one of valid, same; received padding='full'"),
    (lambda: layers.Conv2D(2, 3, padding="causal"), "expected padding to be one of valid, same"),
    (lambda: layers.Conv2D(2, 3, data_format="NCHW"), "expected data_format to be one of channels_last, channels_fi"),
    (lambda: layers.Conv2D(4, 3, groups=3), "expected groups to divide filters=4; received groups=3"),
    (lambda: layers.Conv2D(2, 3, strides=2, dilation_rate=2), "expected strides or dilation_rate to be 1"),
    (lambda: layers.Conv1DTranspose(2, 3, padding="causal"), "expected padding to be one of valid, same"),
    (lambda: layers.Conv1DTranspose(2, 3, 2, output_padding=2), "expected output_padding less than strides"),
    (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "expected depth_multiplier to be a positive integer"),
    (lambda: layers.MaxPooling2D(pool_size=(2, 0)), "MaxPooling2D: expected pool_size"),
    (lambda: layers.ZeroPadding2D(-1), "ZeroPadding2D: expected padding to be a non-negative integer"),
    (lambda: layers.ZeroPadding2D((1, 2, 3)), "ZeroPadding2D: expected padding"),
]


@pytest.mark.parametrize(("make", "message"), BAD_LAYERS)
def test_a_wrong_argument_is_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


BAD_INPUTS = [
    (lambda: layers.Conv2D(2, 3), (4, 8, 8), r"expected inputs of shape \(N, S1, S2, C\), 4 axes; .*x\[..., None\]"),
    (lambda: layers.Conv2D(2, 5), (1, 4, 8, 1), "expected spatial axes that hold a window"),
    (lambda: layers.MaxPooling2D(5), (1, 4, 8, 1), "expected spatial axes that hold a window"),
    (lambda: layers.Conv2D(4, 3, groups=2), (1, 4, 8, 3), "channels that groups=2 divides"),
    (lambda: layers.GlobalMaxPooling1D(), (1, 4), r"expected inputs of shape \(N, S, C\)"),
]


@pytest.mark.parametrize(("make", "shape", "message"), BAD_INPUTS)
def test_an_input_that_does_not_fit_is_refused(make: Any, shape: tuple[int, ...], message: str) -> None:
    layer = make()
    with pytest.raises(ag.ShapeError, match=message):
        layer(np.zeros(shape))
    assert not layer.built


def test_other_channels_than_it_was_built_for_are_refused() -> None:
    layer = layers.Conv2D(2, 3)
    layer(np.zeros((1, 4, 4, 3)))
    with pytest.raises(ag.ShapeError, match="expected inputs with 3 channels.*channels_last"):
        layer(np.zeros((1, 4, 4, 2)))
    assert layer(np.zeros((1, 4, 4, 3))).shape == (1, 2, 2, 2)


X, W = np.zeros((1, 5, 4)), np.zeros((3, 2, 6))
BAD_CALLS = [
    (lambda: ag.convolution(X[0], W), r"convolution: expected x of shape \(N, \*S, C\)"),
    (lambda: ag.convolution(X, W), "convolution: expected x with 2 channels"),
    (lambda: ag.convolution(X, W, groups=4), "expected groups to be a positive integer that divides w's 6 channels"),
    (lambda: ag.convolution(X, W[0], groups=2), "convolution: expected w to have 3 axes"),
    (lambda: ag.convolution(X, W, 0, groups=2), "convolution: expected stride to be a positive integer"),
    (lambda: ag.convolution(X, W, padding="full", groups=2), "expected padding to be 'valid', 'same', an integer"),
    (lambda: ag.convolution(X, W, padding=-1, groups=2), "expected padding to be 'valid', 'same', an integer"),
    (lambda: ag.transposed_convolution(X, W), "transposed_convolution: expected x with 6 channels"),
    (lambda: ag.transposed_convolution(np.zeros((1, 5, 6)), W, size=99), "expected a size that `convolution` maps"),
    (lambda: ag.max_pooling(X, 2, padding=2), "max_pooling: expected less padding than the window"),
    (lambda: ag.average_pooling(X, 9), "average_pooling: expected spatial axes that hold a window"),
]


@pytest.mark.parametrize(("call", "message"), BAD_CALLS)
def test_a_call_that_does_not_fit_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ag.ShapeError, match=message):
        call()
