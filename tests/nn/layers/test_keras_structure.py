"""Layers beside Keras's, apart from their values: weights, names, shapes, configurations; and its seeds and dtypes."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import initializers, layers

from .. import peers
from .layer_table import EXAMPLES

# Examples that Keras's layer cannot be made from, or called on, where there is no TensorFlow.
NOT_THERE = {"StringLookup", "TextVectorization", "Hashing", "HashedCrossing", "IntegerLookup"}
OURS_ALONE = {
    "FixedPoint",
    "Residual",
    "PositionalEmbedding",
    "RotaryEmbedding",
    "SinusoidalEmbedding",
    "TokenAndPositionEmbedding",
    "TransformerBlock",
}
BESIDE = {name: row for name, row in EXAMPLES.items() if name not in NOT_THERE | OURS_ALONE}
# Keras's class has another name.
OTHER_NAME = {"GroupQueryAttention"}
# These pass masks on here: their results have the steps of their inputs.
MASKS_HERE = {"Embedding", "ReversibleEmbedding", "RMSNormalization"}
# Keras leaves lengths open that the equation gives; its Pipeline has no shape function.
OTHER_SHAPE = {"EinsumDense", "Pipeline"}


def given(row: tuple[Any, ...]) -> tuple[bool, list[np.ndarray]]:
    """Return whether the arguments of an example are one list, and the arguments."""
    kind, shapes = (row[1], row[2:]) if isinstance(row[1], str) else ("float32", row[1:])
    listed = isinstance(shapes[0], list)
    return listed, [np.ones((2, *s), "int32" if kind == "int" else kind) for s in (shapes[0] if listed else shapes)]


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore:.*Tensor.T is deprecated")
@pytest.mark.parametrize("name", BESIDE)
def test_weights_names_and_shapes_are_those_of_keras(name: str) -> None:
    keras = peers.keras()
    source, listed, arrays = BESIDE[name][0], *given(BESIDE[name])
    theirs = eval(source, {n: getattr(keras.layers, n) for n in dir(keras.layers)})
    ours = eval(source, {n: getattr(layers, n) for n in layers.__all__})
    out = theirs(arrays) if listed else theirs(*arrays)
    with ag.no_grad():
        result = ours(arrays) if listed else ours(*arrays)
    if not isinstance(out, (list, tuple)):
        assert result.shape == tuple(out.shape)

    # The state of Keras's random generators is among its weights; ours is not.
    weights = [w for w in theirs.weights if "seed_generator" not in w.path and str(w.dtype).startswith("float")]
    mine = [t for t in ours.weights if t.dtype.kind == "f"]
    assert [(t.name.rpartition(".")[2], t.shape, t.requires_grad) for t in mine] == [
        (w.path.rpartition("/")[2], tuple(w.shape), w.trainable) for w in weights
    ]
    assert ours.count_params() == theirs.count_params()
    if name not in OTHER_NAME:
        assert ours.name == _base(theirs.name)
    if name not in MASKS_HERE:
        assert bool(ours.supports_masking) == bool(theirs.supports_masking)
    if name not in OTHER_SHAPE and (listed or len(arrays) == 1):
        shapes = [(None, *a.shape[1:]) for a in arrays]
        asked = shapes if listed else shapes[0]
        assert tuple(ours.compute_output_shape(asked)) == tuple(theirs.compute_output_shape(asked))


def _base(name: str) -> str:
    """Return a name without the number that Keras counts its layers with."""
    head, _, tail = name.rpartition("_")
    return head if tail.isdigit() else name


# ---- seeds ----------------------------------------------------------------------------------------------------------

IMAGES = np.arange(2 * 8 * 8 * 3, dtype=np.float32).reshape(2, 8, 8, 3)
SEEDED = {
    "Dropout": (lambda seed: layers.Dropout(0.5, seed=seed), IMAGES),
    "GaussianNoise": (lambda seed: layers.GaussianNoise(0.5, seed=seed), IMAGES),
    "GaussianDropout": (lambda seed: layers.GaussianDropout(0.5, seed=seed), IMAGES),
    "AlphaDropout": (lambda seed: layers.AlphaDropout(0.5, seed=seed), IMAGES),
    "SpatialDropout2D": (lambda seed: layers.SpatialDropout2D(0.5, seed=seed), IMAGES),
    "RandomTranslation": (lambda seed: layers.RandomTranslation(0.5, 0.5, seed=seed), IMAGES),
    "RandomBrightness": (lambda seed: layers.RandomBrightness(0.5, seed=seed), IMAGES),
    "RandomColorJitter": (lambda seed: layers.RandomColorJitter(brightness_factor=0.5, seed=seed), IMAGES),
    "CutMix": (lambda seed: layers.CutMix((1.0, 1.0), seed=seed), IMAGES),
    "LSTM": (lambda seed: layers.LSTM(3, dropout=0.5, seed=seed, kernel_initializer="ones"), IMAGES[:, 0] / 99),
    "MultiHeadAttention": (lambda seed: layers.MultiHeadAttention(1, 2, dropout=0.5, seed=seed), IMAGES[:, 0]),
}


@pytest.mark.parametrize("name", SEEDED)
def test_layers_take_a_seed_generator(name: str) -> None:
    make, x = SEEDED[name]

    def drawn(layer: Any) -> np.ndarray:
        nn.set_seed(0)  # of initial weights
        return layer(*[x] * (2 if name == "MultiHeadAttention" else 1), training=True).numpy()

    first = drawn(make(nn.random.SeedGenerator(7)))
    np.testing.assert_array_equal(drawn(make(nn.random.SeedGenerator(7))), first)
    if name != "RandomColorJitter":  # of which each part has a stream of its own
        np.testing.assert_array_equal(drawn(make(7)), first)
    shared = nn.random.SeedGenerator(7)
    again = [drawn(make(shared)) for _ in range(5)]
    assert any(not np.array_equal(again[0], other) for other in again[1:])
    layer = make(nn.random.SeedGenerator(7))
    assert layer.get_config()["seed"] == 7
    np.testing.assert_array_equal(drawn(type(layer).from_config(layer.get_config())), drawn(make(7)))
    np.testing.assert_array_equal(drawn(copy.deepcopy(layer)), first)
    keras = {"class_name": "SeedGenerator", "config": {"name": "seed_generator", "seed": 7}}
    np.testing.assert_array_equal(drawn(make(keras)), drawn(make(7)))


RANDOM = ["glorot_uniform", "he_normal", "lecun_uniform", "random_normal", "random_uniform", "orthogonal"]


@pytest.mark.parametrize("name", [*RANDOM, "truncated_normal"])
def test_initializers_take_a_seed_generator(name: str) -> None:
    kind = type(initializers.get(name))
    seed = nn.random.SeedGenerator(3)
    same = kind(seed=3)((4, 4)).numpy()
    draws = [kind(seed=seed)((4, 4)).numpy() for _ in range(2)]
    np.testing.assert_array_equal(draws[0], same)
    assert not np.array_equal(draws[0], draws[1])
    assert kind(seed=seed).get_config()["seed"] == 3


# ---- dtypes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["float32", "float64", "float16"])
def test_a_dtype_may_be_a_policy(name: str) -> None:
    described = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": name}, "registered_name": None}
    for dtype in (nn.mixed_precision.DTypePolicy(name), described, name, np.dtype(name)):
        layer = layers.Dense(2, dtype=dtype)
        assert layer([[1.0]]).dtype == name
        assert layer.dtype_policy.name == layer.compute_dtype.name == layer.variable_dtype.name == name
        again = layers.Dense.from_config(layer.get_config())
        assert again.dtype == name


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_other_policies_are_refused_by_name(policy: str) -> None:
    for dtype in (policy, {"class_name": "DTypePolicy", "config": {"name": policy}}):
        with pytest.raises(ValueError, match=f"one of float32, float64, float16; received name='{policy}'"):
            layers.Dense(2, dtype=dtype)


@pytest.mark.parametrize("kind", [layers.DepthwiseConv1D, layers.DepthwiseConv2D])
def test_rules_of_depthwise_kernels_have_the_name_of_keras(kind: Any) -> None:
    layer = kind(2, depthwise_regularizer="l2", depthwise_constraint="non_neg", depthwise_initializer="ones")
    layer(np.ones((1, 3, 3, 1))[:, :, 0] if kind is layers.DepthwiseConv1D else np.ones((1, 3, 3, 1)))
    assert [round(float(loss), 4) for loss in layer.losses] == [0.01 * layer.kernel.size]


# ---- input specs ----------------------------------------------------------------------------------------------------

SPECS: list[dict[str, Any]] = [
    {"ndim": 2},
    {"min_ndim": 2},
    {"max_ndim": 2},
    {"min_ndim": 2, "max_ndim": 3},
    {"axes": {-1: 3}},
    {"axes": {1: 3, 2: None}},
    {"ndim": 3, "axes": {-1: 3, 1: 4}},
    {"shape": (None, 3)},
    {"shape": (2, None, 3)},
    {"shape": (None, 3, 1), "allow_last_axis_squeeze": True},
    {"shape": (None, 3), "allow_last_axis_squeeze": True},
    {"dtype": "float32"},
    {"dtype": "int32", "ndim": 2},
]
SHAPES = [(2,), (2, 3), (2, 4), (2, 4, 3), (2, 3, 1), (3, 3, 2), (2, 3, 1, 1), (2, 4, 3, 3)]


def accepts(layer: Any, x: np.ndarray) -> bool:
    """Return whether a layer takes an input."""
    try:
        layer(x)
    except (ValueError, IndexError):  # Keras does not check that the axis is there
        return False
    return True


@pytest.mark.ci
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_input_specs_let_through_what_they_do_in_keras(spec: dict[str, Any]) -> None:
    keras = peers.keras()

    def found(library: Any) -> list[bool]:
        class Same(library.layers.Layer):
            def __init__(self) -> None:
                super().__init__()
                self.input_spec = library.layers.InputSpec(**spec)

            def call(self, x: Any) -> Any:
                return x

        return [accepts(Same(), np.ones(shape, "float32")) for shape in SHAPES]

    ours = found(nn)
    assert ours == found(keras)
    assert len(set(ours)) == 2 or spec == {"dtype": "float32"} or "int32" in spec.values()


def test_input_specs_of_several_inputs_and_symbols() -> None:
    class Both(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.input_spec = [nn.InputSpec(ndim=2, name="left"), nn.InputSpec(min_ndim=3)]

        def call(self, x: Any) -> Any:
            return x[0]

    assert Both()([np.ones((2, 3)), np.ones((2, 3, 1))]).shape == (2, 3)
    with pytest.raises(ag.ShapeError, match=r"\(Both\): expected the input 'left' of 2 axes; received shape \(2,\)"):
        Both()([np.ones(2), np.ones((2, 3, 1))])
    with pytest.raises(ag.ShapeError, match="expected 2 inputs; received 3"):
        Both()([np.ones((2, 3))] * 3)
    with pytest.raises(ag.ShapeError, match=r"expected inputs of at least 3 axes; received shape \(None, 5\)"):
        Both()([nn.Input((3,)), nn.Input((5,))])
    assert Both()([nn.Input((3,)), nn.Input((None, 5))]).shape == (None, 3)


def test_lists_and_dicts_of_arrays_are_several_inputs_of_ones_own_layers() -> None:
    class Sum(layers.Layer):
        def call(self, x: Any) -> Any:
            parts = x if isinstance(x, list) else list(x.values())
            assert all(isinstance(part, ag.Tensor) and part.dtype == "float32" for part in parts)
            return parts[0] + parts[1].sum()

    a, b = np.ones((2, 3)), np.ones((2, 3))
    np.testing.assert_array_equal(Sum()([a, b]).numpy(), 7.0)
    np.testing.assert_array_equal(Sum()([a, b[:1]]).numpy(), 4.0)
    np.testing.assert_array_equal(Sum()({"a": a, "b": b}).numpy(), 7.0)
    assert layers.Dense(1)([np.ones(3), np.ones(3)]).shape == (2, 1)  # rows of a batch


def test_inputs_are_dense_and_needed() -> None:
    assert nn.Input((3,), 2, "int32", False, None, None, "x", None, False).name == "x"
    for kind in ("sparse", "ragged", "optional"):
        with pytest.raises(ValueError, match=f"expected no {kind}=, since inputs are dense arrays"):
            nn.Input((3,), **{kind: True})
