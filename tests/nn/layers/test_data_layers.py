"""Layers that prepare data: what `adapt` finds, encodings in closed form and as Keras has them, and bad input."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers

from .. import peers

DATA = np.random.default_rng(1).normal(3.0, 5.0, (50, 4, 3))
TOKENS = np.random.default_rng(2).integers(0, 6, (5, 7))


def batches(data: np.ndarray, kind: str) -> Any:
    """Return data in one of the ways that `adapt` takes them."""
    parts = [data[:7], data[7:8], data[8:8], data[8:]]
    if kind == "tensor":
        return ag.tensor(data)
    if kind == "nested list":
        return data.tolist()
    if kind == "list":
        return parts
    if kind == "generator":
        return (part for part in parts)
    if kind == "pairs":
        return [(part, np.zeros(len(part))) for part in parts]
    if kind == "loader":
        return nn.data.DataLoader(data, batch_size=16)
    return data


KINDS = ["array", "tensor", "nested list", "list", "generator", "pairs", "loader"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("axis", [-1, 1, (1, 2), (-1, -2), None])
def test_adapt_finds_mean_and_variance(axis: Any, kind: str) -> None:
    layer = layers.Normalization(axis, dtype="float64")
    layer.adapt(DATA[:3])  # what it found before does not count
    layer.adapt(batches(DATA, kind))
    kept = {-1: (2,), 1: (1,), None: ()}.get(axis, (1, 2))
    over = tuple(a for a in range(3) if a not in kept)
    np.testing.assert_allclose(layer.mean.data, DATA.mean(axis=over), rtol=1e-6)
    np.testing.assert_allclose(layer.variance.data, DATA.var(axis=over), rtol=1e-6)
    assert layer.count.item() == np.prod([DATA.shape[a] for a in over])
    out = layer(DATA).data
    np.testing.assert_allclose(out.mean(axis=over), 0, atol=1e-6)
    np.testing.assert_allclose(out.std(axis=over), 1, rtol=1e-6)
    back = layers.Normalization(axis, layer.mean.data, layer.variance.data, invert=True, dtype="float64")
    np.testing.assert_allclose(back(out).data, DATA, rtol=1e-6)


def test_large_means_keep_their_variance() -> None:
    layer = layers.Normalization(dtype="float64")
    layer.adapt([1e8 + DATA[:20, 0], 1e8 + DATA[20:, 0]])
    np.testing.assert_allclose(layer.variance.data, DATA[:, 0].var(axis=0), rtol=1e-6)


def test_a_constant_feature_becomes_zero() -> None:
    layer = layers.Normalization()
    layer.adapt(np.full((4, 2), 7.0))
    np.testing.assert_array_equal(layer(np.full((2, 2), 7.0)).data, 0)


def test_what_was_found_is_saved(tmp_path: Path) -> None:
    scaled, binned, looked = layers.Normalization(), layers.Discretization(num_bins=4), layers.IntegerLookup()
    scaled.adapt(DATA[:, 0])
    binned.adapt(DATA)
    looked.adapt(TOKENS)
    x, t = nn.Input((3,)), nn.Input((7,), dtype="int64")
    model = nn.Model([x, t], [scaled(x), binned(x), looked(t)])
    model.save(tmp_path / "m.nn")
    again = nn.models.load_model(tmp_path / "m.nn")
    given = [DATA[:5, 0].astype(np.float32), TOKENS]
    for a, b in zip(model(given), again(given), strict=True):
        np.testing.assert_array_equal(a.data, b.data)
    again.get_layer("discretization").adapt(DATA)  # a loaded layer can be adapted again


@pytest.mark.parametrize("failing", ["nothing", "numbers", "shape"])
def test_a_failed_adapt_changes_nothing(failing: str) -> None:
    bad: Any = {"nothing": [], "numbers": ["a"], "shape": [DATA[:, 0], DATA[:, 0, :2]]}[failing]
    layer = layers.Normalization()
    with pytest.raises((ValueError, ag.ShapeError), match="expected"):
        layer.adapt(bad)
    assert not layer.built
    layer.adapt(DATA[:, 0])
    state = layer.state_dict()
    with pytest.raises((ValueError, ag.ShapeError), match="expected"):
        layer.adapt(bad)
    for key, value in layer.state_dict().items():
        np.testing.assert_array_equal(value, state[key])


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 1), (5, 2, 3), (5,)])
def test_encodings_in_closed_form(mode: str, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    x = rng.integers(0, 4, shape)
    got = layers.CategoryEncoding(4, mode)(x).data
    hot = np.eye(4)[x]
    if mode == "one_hot":
        wanted = hot[:, 0] if shape == (5, 1) else hot
    else:
        axis = 1 if x.ndim > 1 else 0
        wanted = hot.max(axis=axis) if mode == "multi_hot" else hot.sum(axis=axis)
    np.testing.assert_array_equal(got, wanted)


def test_counts_are_weighted_and_differentiable() -> None:
    weights = ag.tensor(np.arange(35.0).reshape(5, 7), requires_grad=True)
    layer = layers.CategoryEncoding(6, "count", dtype="float64")
    out = layer(TOKENS, count_weights=weights)
    wanted = [np.bincount(row, weights=w, minlength=6) for row, w in zip(TOKENS, weights.data, strict=True)]
    np.testing.assert_allclose(out.data, wanted)
    factor = np.arange(6.0)
    (out * factor).sum().backward()
    np.testing.assert_array_equal(weights.grad.data, factor[TOKENS])


def test_bins_are_numpys_and_hold_equal_shares() -> None:
    edges = [-2.0, 0.5, 3.0]
    x = np.array([[-5.0, -2.0, -1.9, 0.5, 2.9, 3.0, 100.0]])
    np.testing.assert_array_equal(layers.Discretization(edges)(x).data, np.digitize(x, edges))
    layer = layers.Discretization(num_bins=8, epsilon=0.001)
    layer.adapt([DATA[:10], DATA[10:]])
    shares = np.bincount(layer(DATA.ravel()).data) / DATA.size
    np.testing.assert_allclose(shares, 1 / 8, atol=0.01)


def test_boundaries_interpolate_the_distribution() -> None:
    few = np.array([4.0, 1.0, 2.0, 9.0, 5.0])
    layer = layers.Discretization(num_bins=3)
    layer.adapt(few)
    wanted = np.quantile(few, [1 / 3, 2 / 3], method="interpolated_inverted_cdf")
    np.testing.assert_allclose(layer.bin_boundaries, wanted)
    layer.adapt([np.full((3,), 5.0)])
    assert layer.compute_output_shape((None, 2)) == (None, 2)


def test_a_vocabulary_in_the_order_of_frequency() -> None:
    layer = layers.IntegerLookup()
    layer.adapt([np.array([[7, 7, 3]]), np.array([[3, 9, 7]])])
    assert layer.get_vocabulary() == [-1, 7, 3, 9]
    assert layer.get_vocabulary(include_special_tokens=False) == [7, 3, 9]
    assert layer.vocabulary_size() == 4
    assert layer(np.array([[3, 8, 7]])).tolist() == [[2, 0, 1]]
    short = layers.IntegerLookup(max_tokens=3)
    short.adapt(np.array([[7, 7, 3, 3, 9]]))
    assert short.get_vocabulary() == [-1, 7, 3]
    again = layers.IntegerLookup.from_config(short.get_config())
    assert again.get_vocabulary() == [-1, 7, 3]


def test_places_for_padding_and_for_unknown_integers() -> None:
    layer = layers.IntegerLookup(num_oov_indices=2, mask_token=0, vocabulary=[10, 20])
    x = np.array([[0, 10, 20, 30, 31]])
    assert layer.get_vocabulary() == [0, -1, -1, 10, 20]
    assert layer(x).tolist() == [[0, 3, 4, 1, 2]]
    counted = layers.IntegerLookup(10, 1, 0, vocabulary=[10, 20], output_mode="count", pad_to_max_tokens=True)
    assert counted(x).tolist() == [[2.0, 1.0, 1.0, *[0.0] * 7]]
    back = layers.IntegerLookup(num_oov_indices=2, mask_token=0, vocabulary=[10, 20], invert=True)
    assert back(np.array([[0, 3, 4, 1, 2, 9]])).tolist() == [[0, 10, 20, -1, -1, -1]]
    same = layers.IntegerLookup(vocabulary=[-1, 10, 20])
    assert same.get_vocabulary() == [-1, 10, 20]


@pytest.mark.ci
@pytest.mark.parametrize("axis", [-1, 1, (1, 2), None])
def test_normalization_equals_keras(axis: Any) -> None:
    keras = peers.keras()
    ours, theirs = layers.Normalization(axis), keras.layers.Normalization(axis)
    data = DATA.astype(np.float32)
    ours.adapt([data[:20], data[20:]])
    theirs.adapt(data)
    np.testing.assert_allclose(ours(data).data, theirs(data).detach().numpy(), rtol=1e-4, atol=1e-5)
    weights = {weight.name: weight.value.detach().numpy() for weight in theirs.weights}
    assert [(name, w.shape) for name, w in weights.items()] == [(name, t.shape) for name, t in ours.named_buffers()]
    for name in ("mean", "variance"):
        np.testing.assert_allclose(getattr(ours, name).data, weights[name], rtol=1e-4)


@pytest.mark.ci
@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 1), (4,)])
def test_encodings_equal_keras(mode: str, shape: tuple[int, ...], rng: np.random.Generator) -> None:
    keras = peers.keras()
    x = rng.integers(0, 4, shape)
    theirs = keras.layers.CategoryEncoding(4, mode)
    np.testing.assert_array_equal(layers.CategoryEncoding(4, mode)(x).data, np.asarray(theirs(x)))


@pytest.mark.ci
@pytest.mark.parametrize(("size", "epsilon", "bins"), [(20, 0.01, 4), (100, 0.01, 3), (3000, 0.01, 7), (500, 0.1, 5)])
def test_bins_equal_keras(size: int, epsilon: float, bins: int, rng: np.random.Generator) -> None:
    keras = peers.keras()
    data = rng.normal(size=size).astype(np.float32)
    ours, theirs = (k.Discretization(num_bins=bins, epsilon=epsilon) for k in (layers, keras.layers))
    ours.adapt([data[: size // 3], data[size // 3 :]])
    for part in (data[: size // 3], data[size // 3 :]):  # what its `adapt` does, which needs TensorFlow
        theirs.update_state(part)
    theirs.finalize_state()
    np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, rtol=1e-4, atol=1e-5)
    given = [k.Discretization(bin_boundaries=[-0.5, 0.1, 0.9]) for k in (layers, keras.layers)]
    np.testing.assert_array_equal(given[0](data).data, np.asarray(given[1](data)))


@pytest.mark.ci
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"fft_length": 256, "sequence_stride": 100, "num_mel_bins": 30, "min_freq": 100.0, "max_freq": 3000.0},
        {"fft_length": 512, "sequence_length": 300, "window": "hamming", "sampling_rate": 8000, "num_mel_bins": 20},
        {"fft_length": 512, "power_to_db": False, "mag_exp": 1.0, "num_mel_bins": 20},
        {"fft_length": 512, "top_db": 10.0, "ref_power": 3.0, "window": None, "num_mel_bins": 20},
    ],
)
def test_spectrograms_equal_keras(arguments: dict[str, Any], rng: np.random.Generator) -> None:
    keras, torch = peers.keras(), peers.torch()
    time = np.arange(6000) / 8000
    x = (np.sin(2 * np.pi * 500 * time**2) + 0.01 * rng.normal(size=(2, 6000))).astype(np.float32)
    wanted = keras.layers.MelSpectrogram(**arguments)(torch.tensor(x)).numpy()
    np.testing.assert_allclose(layers.MelSpectrogram(**arguments)(x).data, wanted, rtol=1e-3, atol=2e-2)


def test_a_tone_is_in_its_band() -> None:
    time = np.arange(8000) / 16000
    layer = layers.MelSpectrogram(1024, 256, num_mel_bins=50, min_freq=0.0)
    edges = 700 * np.expm1(np.linspace(0, np.log1p(8000 / 700), 52))
    for band in (10, 25, 40):
        out = layer(np.sin(2 * np.pi * edges[band + 1] * time)[None]).data[0]
        assert (out[:, 4:-4].argmax(axis=0) == band).all()
        assert out.max() - out.min() <= 80


BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "mean alone": (lambda: layers.Normalization(mean=1.0), "expected mean and variance, both or none"),
    "negative variance": (lambda: layers.Normalization(mean=0.0, variance=-1.0), "a variance that is not negative"),
    "mean of two axes": (lambda: layers.Normalization(-1, [[1.0]], [[1.0]]), "a mean of at most one axis for each"),
    "batch axis": (lambda: layers.Normalization(0)(DATA), "none of them the batch axis"),
    "mean of another length": (
        lambda: layers.Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0])(DATA),
        r"expected a mean and a variance of shape \(3,\)",
    ),
    "adapt with a given mean": (
        lambda: layers.Normalization(mean=0.0, variance=1.0).adapt(DATA),
        "expected a layer without given mean and variance",
    ),
    "other features": (
        lambda: adapted(layers.Normalization())(DATA[..., :2]),
        r"expected inputs of lengths \(3,\) along axis=\(-1,\)",
    ),
    "scale that widens": (lambda: layers.Rescaling([1.0, 2.0])(np.ones((2, 1))), "that broadcast to the input's shape"),
    "signal": (lambda: layers.MelSpectrogram(8)(np.ones((2, 4))), r"expected signals of shape \(N, T\) with T > 4"),
    "sequence": (lambda: layers.MelSpectrogram(8, sequence_length=9), "expected a sequence_length of at most fft_len"),
    "bands": (lambda: layers.MelSpectrogram(8, min_freq=9000.0), "expected min_freq < max_freq"),
    "window": (lambda: layers.MelSpectrogram(8, window="kaiser"), "expected window to be 'hann', 'hamming', values or"),
    "values": (lambda: layers.MelSpectrogram(8, window=[1.0]), r"expected a window of shape \(8,\)"),
    "mode": (lambda: layers.CategoryEncoding(3, "int"), "expected output_mode to be one of one_hot, multi_hot, count"),
    "sparse": (lambda: layers.CategoryEncoding(3, sparse=True), "expected sparse=False, since arrays are dense"),
    "out of range": (
        lambda: layers.CategoryEncoding(3)(np.array([[1, 3]])),
        "from 0 to 2; received 1 to 3",
    ),
    "fractions": (lambda: layers.CategoryEncoding(3)(np.array([[0.5]])), "values that are not whole numbers"),
    "weights": (
        lambda: layers.CategoryEncoding(3)(np.array([[1]]), count_weights=np.ones((1, 1))),
        "expected count_weights with output_mode='count' only",
    ),
    "both": (lambda: layers.Discretization([1.0], 3), "expected bin_boundaries or num_bins, one of them"),
    "neither": (lambda: layers.Discretization(), "expected bin_boundaries or num_bins, one of them"),
    "order": (lambda: layers.Discretization([2.0, 1.0]), "to be numbers in ascending order"),
    "epsilon": (
        lambda: layers.Discretization(num_bins=3, epsilon=0),
        "expected epsilon to be a number above 0 and at most 1",
    ),
    "not adapted": (lambda: layers.Discretization(num_bins=3)(DATA), r"Call adapt\(data\) first"),
    "adapt with boundaries": (lambda: layers.Discretization([1.0]).adapt(DATA), "expected a layer made with num_bins"),
    "no data": (lambda: layers.Discretization(num_bins=3).adapt([]), "expected at least one sample; received none"),
    "no vocabulary": (lambda: layers.IntegerLookup()(TOKENS), "expected a vocabulary; this layer has none yet"),
    "vocabulary": (lambda: layers.IntegerLookup(vocabulary=[1, 1]), "expected a vocabulary of integers, none twice"),
    "too many": (lambda: layers.IntegerLookup(3, vocabulary=[1, 2, 3]), "expected at most max_tokens=3 indices"),
    "no room": (lambda: layers.IntegerLookup(1), "expected more max_tokens than special ones"),
    "unknown": (
        lambda: layers.IntegerLookup(num_oov_indices=0, vocabulary=[1])(TOKENS),
        "integers of the vocabulary",
    ),
    "inverted": (
        lambda: layers.IntegerLookup(invert=True, output_mode="count"),
        "output_mode='int' with invert",
    ),
    "padded": (lambda: layers.IntegerLookup(pad_to_max_tokens=True), "expected max_tokens with pad_to_max_tokens"),
    "places": (
        lambda: layers.IntegerLookup(num_oov_indices=-1),
        "to be a non-negative integer",
    ),
}


def adapted(layer: Any) -> Any:
    """Return the layer after it has seen the data."""
    layer.adapt(DATA)
    return layer


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises((ValueError, ag.ShapeError), match=message):
        call()
