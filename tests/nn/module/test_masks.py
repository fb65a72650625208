"""Masks: where they come from, which way they go, where they end, and what layers make of them."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.graph import Program
from nn import layers
from nn.module.masks import MASKS, mask_of

from ..masked import MASK, TOKENS, N, T, masked

# ---- where they come from -------------------------------------------------------------------------------------------


def test_an_embedding_and_masking_make_one() -> None:
    np.testing.assert_array_equal(mask_of(masked()), MASK)
    assert mask_of(layers.Embedding(9, 4)(TOKENS)) is None
    np.testing.assert_array_equal(mask_of(layers.TokenAndPositionEmbedding(9, T, 4, mask_zero=True)(TOKENS)), MASK)
    x = np.where(MASK[..., None], np.ones(3), -1.0)
    x[0, 0, 0] = -1.0  # one feature of three is not padding
    out = layers.Masking(-1.0)(x)
    np.testing.assert_array_equal(mask_of(out), MASK)
    np.testing.assert_array_equal(out.numpy(), np.where(MASK[..., None], x, 0))


def test_a_mask_lives_as_long_as_its_tensor() -> None:
    gc.collect()
    before = len(MASKS)
    h = layers.Dense(2)(masked())
    assert len(MASKS) == before + 1
    del h
    assert len(MASKS) == before
    model = nn.Sequential([layers.Embedding(9, 3, mask_zero=True), layers.LSTM(2)])
    model(TOKENS).sum().backward()
    assert len(MASKS) == before


def test_no_other_tensor_gets_it() -> None:
    h = masked()
    assert mask_of(h * 1.0) is None
    assert mask_of(h.detach()) is None


# ---- which way they go ----------------------------------------------------------------------------------------------

PASS: dict[str, Callable[[Any], Any]] = {
    "Dense": lambda k: k.Dense(3),
    "Activation": lambda k: k.Activation("relu"),
    "ReLU": lambda k: k.ReLU(),
    "PReLU": lambda k: k.PReLU(),
    "Dropout": lambda k: k.Dropout(0.5),
    "SpatialDropout1D": lambda k: k.SpatialDropout1D(0.5),
    "GaussianNoise": lambda k: k.GaussianNoise(0.5),
    "AlphaDropout": lambda k: k.AlphaDropout(0.5),
    "BatchNormalization": lambda k: k.BatchNormalization(),
    "LayerNormalization": lambda k: k.LayerNormalization(),
    "GroupNormalization": lambda k: k.GroupNormalization(2),
    "UnitNormalization": lambda k: k.UnitNormalization(),
    "Identity": lambda k: k.Identity(),
    "GRU, sequences": lambda k: k.GRU(3, return_sequences=True),
    "LSTM, sequences and states": lambda k: k.LSTM(3, return_sequences=True, return_state=True),
    "Bidirectional, sequences": lambda k: k.Bidirectional(k.GRU(3, return_sequences=True)),
    "Bidirectional, not merged": lambda k: k.Bidirectional(k.GRU(3, return_sequences=True), merge_mode=None),
    "TimeDistributed": lambda k: k.TimeDistributed(k.Dense(3)),
}
END: dict[str, Callable[[Any], Any]] = {
    "LSTM": lambda k: k.LSTM(3),
    "LSTM, states": lambda k: k.LSTM(3, return_state=True),
    "Bidirectional": lambda k: k.Bidirectional(k.GRU(3)),
    "GlobalAveragePooling1D": lambda k: k.GlobalAveragePooling1D(),
}
LOSE: dict[str, Callable[[Any], Any]] = {
    "Flatten": lambda k: k.Flatten(),
    "Reshape": lambda k: k.Reshape((4, 5)),
    "Permute": lambda k: k.Permute((2, 1)),
    "Conv1D": lambda k: k.Conv1D(3, 2),
    "MaxPooling1D": lambda k: k.MaxPooling1D(),
    "GlobalMaxPooling1D": lambda k: k.GlobalMaxPooling1D(),
    "ZeroPadding1D": lambda k: k.ZeroPadding1D(1),
}
OWN: dict[str, Callable[[Any], Any]] = {  # not Keras's: it loses the mask at the first, and cannot call the second
    "RMSNormalization": lambda k: k.RMSNormalization(),
    "Softmax": lambda k: k.Softmax(),
    "PositionalEmbedding": lambda k: k.PositionalEmbedding(T),
    "SinusoidalEmbedding": lambda k: k.SinusoidalEmbedding(),
    "RotaryEmbedding": lambda k: k.RotaryEmbedding(),
    "Residual": lambda k: k.Residual(k.Dense(4)),
    "TransformerBlock": lambda k: k.TransformerBlock(2),
}


def parts_of(out: Any) -> list[Any]:
    """Return what a layer returned as a list."""
    return list(out) if isinstance(out, (list, tuple)) else [out]


@pytest.mark.parametrize("name", [*PASS, *OWN])
def test_a_mask_goes_on(name: str) -> None:
    layer = {**PASS, **OWN}[name](layers)
    out = parts_of(layer(masked()))
    with_mask = 2 if "not merged" in name else 1
    for part in out[:with_mask]:
        np.testing.assert_array_equal(mask_of(part), MASK)
    assert all(mask_of(state) is None for state in out[with_mask:])


@pytest.mark.parametrize("name", END)
def test_a_mask_ends_where_there_are_no_steps(name: str) -> None:
    assert all(mask_of(part) is None for part in parts_of(END[name](layers)(masked())))


@pytest.mark.parametrize("name", LOSE)
def test_a_mask_is_not_lost_silently(name: str) -> None:
    layer = LOSE[name](layers)
    with pytest.warns(UserWarning, match=r"was given an input with a mask, which it does not pass on"):
        assert mask_of(layer(masked())) is None


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore:.*mask:UserWarning")  # of layers that lose it
@pytest.mark.parametrize("name", [*PASS, *END, *LOSE])
def test_masks_go_where_those_of_keras_go(name: str) -> None:
    from .. import peers

    keras = peers.keras()
    theirs = keras.layers.Embedding(9, 4, mask_zero=True)(TOKENS)
    make = {**PASS, **END, **LOSE}[name]
    found = [keras.src.backend.get_keras_mask(part) for part in parts_of(make(keras.layers)(theirs))]
    own = [mask_of(part) for part in parts_of(make(layers)(masked()))]
    assert [m is None for m in own] == [m is None for m in found]
    for a, b in zip(own, found, strict=True):
        if a is not None:
            np.testing.assert_array_equal(a, b.numpy())


def test_operators_on_symbols_pass_it_on_and_other_functions_lose_it() -> None:
    x = nn.Input((T,), dtype="int32")
    h = layers.Embedding(9, 4, mask_zero=True)(x)
    plain = layers.Embedding(9, 4)(x)
    np.testing.assert_array_equal(mask_of(nn.Model(x, np.tanh(h * 2.0 + h))(TOKENS)), MASK)
    assert mask_of(nn.Model(x, h + plain)(TOKENS)) is None, "as with Add, a tensor without a mask has all its steps"
    with pytest.warns(UserWarning, match="does not pass on"):
        assert mask_of(nn.Model(x, h[:, ::2])(TOKENS)) is None


def test_a_mask_that_the_caller_gives_goes_before_and_on() -> None:
    other = np.array([[True, False, True, False, True]] * N)
    h, layer = masked(), layers.LSTM(3, return_sequences=True)
    out = layer(h, mask=other)
    np.testing.assert_array_equal(mask_of(out), other)
    np.testing.assert_array_equal(out.numpy(), layer(h.detach(), mask=other).numpy())
    np.testing.assert_array_equal(layer(h, None, None).numpy(), layer(h.detach(), mask=MASK).numpy())
    MASKS.clear()  # as where no other tensor has a mask
    out = layer(np.ones((N, T, 4)), mask=MASK.tolist())
    np.testing.assert_array_equal(mask_of(out), MASK)


def test_a_recurrent_layer_with_first_states_reads_it_too() -> None:
    h, layer = masked(), layers.LSTM(3)
    states = [ag.tensor(np.ones((N, 3), np.float32)) for _ in range(2)]
    out = layer(h, initial_state=states)
    np.testing.assert_array_equal(out.numpy(), layer(h.detach(), initial_state=states, mask=MASK).numpy())


def test_a_mask_of_elements_is_none_of_steps() -> None:
    h = masked(3)
    out = layers.Softmax()(h, mask=np.array([True, True, False]))
    assert (out.numpy()[..., 2] == 0).all()
    np.testing.assert_array_equal(mask_of(out), MASK)


def test_a_cast_keeps_the_mask() -> None:
    h = masked()
    np.testing.assert_array_equal(mask_of(layers.Dense(2, dtype="float64")(h)), MASK)
    both = layers.Add(dtype="float64")([h, h])
    assert both.dtype == np.float64
    np.testing.assert_array_equal(mask_of(both), MASK)
    lstm = layers.LSTM(3, dtype="float64")
    inside = nn.Sequential([lstm], dtype="float64")(h)
    np.testing.assert_array_equal(inside.numpy(), lstm(h.numpy(), mask=MASK).numpy())


MERGED = {
    "both": (MASK, MASK[:, ::-1]),
    "the first": (MASK, None),
    "none": (None, None),
}


@pytest.mark.parametrize("masks", MERGED.values(), ids=MERGED)
@pytest.mark.parametrize("kind", ["Add", "Multiply", "Maximum", "Subtract", "Concatenate", "Concatenate 1", "Dot"])
def test_merging_layers(kind: str, masks: tuple[Any, Any]) -> None:
    inputs = []
    for mask in masks:
        x = np.ones((N, T, 2)) if mask is None else np.where(mask[..., None], 1.0, 0.0) * np.ones((N, T, 2))
        inputs.append(ag.tensor(x) if mask is None else layers.Masking()(x))
    name, _, axis = kind.partition(" ")
    if name == "Dot":
        layer: Any = layers.Dot(axes=(1, 1))
    else:
        layer = getattr(layers, name)(**({"axis": int(axis)} if axis else {}))
    found = mask_of(layer(inputs))
    full = [np.ones((N, T), bool) if m is None else m for m in masks]
    if name == "Dot" or masks[0] is None or (masks[1] is None and name != "Concatenate"):
        assert found is None
    elif axis:
        np.testing.assert_array_equal(found, np.concatenate(full, axis=1))
    else:
        np.testing.assert_array_equal(found, full[0] | full[1])


@pytest.mark.ci
@pytest.mark.parametrize("second", [True, False])
@pytest.mark.parametrize("kind", ["Add", "Average", "Concatenate", "Concatenate 1"])
def test_merging_layers_as_in_keras(kind: str, second: bool) -> None:
    from .. import peers

    keras = peers.keras()
    name, _, axis = kind.partition(" ")
    found = []
    for k in (keras.layers, layers):
        layer = getattr(k, name)(**({"axis": int(axis)} if axis else {}))
        other = k.Embedding(9, 4, mask_zero=second)(TOKENS[:, ::-1].copy())
        found.append(layer([k.Embedding(9, 4, mask_zero=True)(TOKENS), other]))
    theirs = keras.src.backend.get_keras_mask(found[0])
    mine = mask_of(found[1])
    assert (mine is None) == (theirs is None)
    if mine is not None:
        np.testing.assert_array_equal(mine, theirs.numpy())


# ---- custom layers --------------------------------------------------------------------------------------------------


class Scale(layers.Layer):
    """A layer that knows nothing of masks."""

    def call(self, x: Any) -> Any:
        return x * 2.0


class Transparent(Scale):
    """A layer that says that its steps are its input's."""

    supports_masking = True


class EverySecond(layers.Layer):
    """A layer that says which steps its result has."""

    def call(self, x: Any) -> Any:
        return x[:, ::2]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return None if previous_mask is None else previous_mask[:, ::2]


class Wrong(EverySecond):
    """A layer whose mask is not that of its result."""

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return previous_mask


class Around(layers.Layer):
    """A layer that returns what its part returns."""

    def __init__(self) -> None:
        super().__init__()
        self.part = layers.Dense(2)

    def call(self, x: Any) -> Any:
        return self.part(x)


class Counting(layers.Layer):
    """A layer that is given masks of its arguments."""

    supports_masking = True

    def call(self, x: Any, other: Any, other_mask: Any = None) -> Any:
        return x + (0 if other_mask is None else int(other_mask.sum()))


def test_layers_of_ones_own() -> None:
    h = masked()
    with pytest.warns(UserWarning, match=r"layer 'scale' \(Scale\).*set supports_masking = True in the class Scale"):
        assert mask_of(Scale()(h)) is None
    np.testing.assert_array_equal(mask_of(Transparent()(h)), MASK)
    np.testing.assert_array_equal(mask_of(EverySecond()(h)), MASK[:, ::2])
    np.testing.assert_array_equal(mask_of(Around()(h)), MASK)
    with pytest.raises(ag.ShapeError, match=r"\(Wrong\): expected a mask of the first axes.*\(4, 3, 4\).*\(4, 5\)"):
        Wrong()(h)
    counted = Counting()(ag.tensor(np.zeros((N, 1))), h)
    assert counted.numpy().tolist() == [[float(MASK.sum())]] * N
    assert mask_of(counted) is None, "it is the mask of the first argument that goes on"


def test_a_model_of_ones_own_and_a_loop_without_a_model() -> None:
    embedding, lstm = layers.Embedding(9, 4, mask_zero=True), layers.LSTM(3)

    class Own(nn.Model):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.lstm = embedding, lstm

        def call(self, x: Any) -> Any:
            return self.lstm(self.embedding(x))

    expected = lstm(embedding(TOKENS).detach(), mask=MASK).numpy()
    np.testing.assert_array_equal(Own()(TOKENS).numpy(), expected)
    np.testing.assert_array_equal(lstm(embedding(TOKENS)).numpy(), expected)


@pytest.mark.parametrize("inner", ["Sequential", "functional", "custom"])
def test_masks_go_into_models_that_are_layers_and_out_of_them(inner: str) -> None:
    first, second = layers.LSTM(4, return_sequences=True), layers.Dense(4)

    class Own(nn.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = first, second

        def call(self, x: Any) -> Any:
            return self.second(self.first(x))

    h = nn.Input((T, 4))
    models = {
        "Sequential": lambda: nn.Sequential([first, second]),
        "functional": lambda: nn.Model(h, second(first(h))),
        "custom": Own,
    }
    model, embedding, last = models[inner](), layers.Embedding(9, 4, mask_zero=True), layers.GRU(2)
    x = nn.Input((T,), dtype="int32")
    whole = nn.Model(x, [last(model(embedding(x))), model(model(embedding(x)))])  # shared, called three times
    short, twice = whole(TOKENS)
    e = embedding(TOKENS).detach()

    def by_hand(a: Any) -> Any:
        return second(first(a, mask=MASK).detach())

    np.testing.assert_array_equal(short.numpy(), last(by_hand(e), mask=MASK).numpy())
    np.testing.assert_array_equal(twice.numpy(), by_hand(by_hand(e)).numpy())
    np.testing.assert_array_equal(mask_of(twice), MASK)


# ---- layers that read masks -----------------------------------------------------------------------------------------


def test_bidirectional_outputs_of_masked_steps_are_zero() -> None:
    layer = layers.Bidirectional(layers.LSTM(3, return_sequences=True))
    out = layer(masked()).numpy()
    assert (out[~MASK] == 0).all()
    assert (out[MASK] != 0).all()


def test_time_distributed_hands_the_rest_of_a_mask_on() -> None:
    words = np.stack([TOKENS, TOKENS[::-1]], axis=1)  # (N, 2 sentences, T words)
    embedding, lstm = layers.Embedding(9, 4, mask_zero=True), layers.LSTM(3)
    h = layers.TimeDistributed(embedding)(words)
    np.testing.assert_array_equal(mask_of(h), words != 0)
    np.testing.assert_array_equal(mask_of(layers.TimeDistributed(layers.Dense(2))(h)), words != 0)
    out = layers.TimeDistributed(lstm)(h)
    for i in range(2):
        np.testing.assert_allclose(out.numpy()[:, i], lstm(embedding(words[:, i])).numpy(), rtol=1e-6, atol=1e-7)
    steps = layers.TimeDistributed(layers.LSTM(3))
    there = np.array([[True, False]] * N)
    np.testing.assert_array_equal(mask_of(steps(h.detach(), mask=there)), there)
    with pytest.raises(ag.ShapeError, match=r"\(TimeDistributed\): expected a mask of shape \(4, 2\).*\(4, 3\)"):
        steps(h, mask=np.ones((N, 3), bool))


def test_the_mean_of_a_sequence_is_that_of_its_steps() -> None:
    x = np.random.default_rng(0).normal(size=(N, T, 3))
    layer = layers.GlobalAveragePooling1D(dtype="float64")
    h = layers.Masking()(np.where(MASK[..., None], x, 0))
    expected = np.stack([x[i, MASK[i]].mean(0) for i in range(N)])
    np.testing.assert_allclose(layer(h).numpy(), expected, rtol=1e-6)
    first = layers.GlobalAveragePooling1D("channels_first", keepdims=True, dtype="float64")
    np.testing.assert_allclose(first(x.transpose(0, 2, 1), mask=MASK).numpy()[..., 0], expected)
    assert (layer(x, mask=np.zeros((N, T), bool)).numpy() == 0).all()
    with pytest.raises(ag.ShapeError, match=r"expected a mask of shape \(4, 5\).*received shape \(5, 4\)"):
        layer(x, mask=MASK.T)


# ---- other tokens ---------------------------------------------------------------------------------------------------

ENDS: dict[str, Callable[[Any], Any]] = {
    "Dense": lambda h: layers.Dense(2)(h),
    "LSTM": lambda h: layers.LSTM(3)(h),
    "attention": lambda h: layers.MultiHeadAttention(2, 3)(h, h),
    "GlobalAveragePooling1D": lambda h: layers.GlobalAveragePooling1D()(h),
    "TransformerBlock": lambda h: layers.TransformerBlock(2)(h),
    "GroupQueryAttention": lambda h: layers.GroupQueryAttention(2, 4, 2, sliding_window=3, use_gate=True)(h, h),
    "Attention": lambda h: layers.Attention()([h, layers.RotaryEmbedding()(h)]),
    "AdditiveAttention": lambda h: layers.AdditiveAttention()([h, h]),
    "Bidirectional": lambda h: layers.Bidirectional(layers.LSTM(2, return_sequences=True))(h),
    "Masking and Concatenate": lambda h: layers.GRU(2)(layers.Concatenate()([h, layers.Masking()(h)])),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_traced_model_computes_its_masks_from_its_own_inputs(end: str) -> None:
    nn.set_seed(0)
    x = nn.Input((T,), dtype="int64")
    model = nn.Model(x, ENDS[end](layers.Embedding(9, 4, mask_zero=True)(x))).eval()
    program = Program.trace(model, TOKENS)
    others = np.ascontiguousarray(TOKENS[::-1, ::-1])
    np.testing.assert_allclose(program(others), model(others).numpy(), rtol=1e-5, atol=1e-6)
    assert np.abs(program(others) - model(TOKENS).numpy()).max() > 1e-4


@pytest.mark.ci
@pytest.mark.parametrize("end", ENDS)
def test_so_does_an_exported_one(end: str) -> None:
    runtime = pytest.importorskip("onnxruntime")
    nn.set_seed(0)
    x = nn.Input((T,), dtype="int64")
    model = nn.Model(x, ENDS[end](layers.Embedding(9, 4, mask_zero=True)(x))).eval()
    session = runtime.InferenceSession(Program.trace(model, TOKENS).to_onnx())
    others = np.ascontiguousarray(TOKENS[::-1, ::-1])
    (found,) = session.run(None, {session.get_inputs()[0].name: others})
    np.testing.assert_allclose(found, model(others).numpy(), rtol=1e-5, atol=1e-6)


def test_a_layer_gets_a_mask_where_its_call_is_recorded() -> None:
    seen = []

    class Reader(layers.Layer):
        supports_masking = True

        def call(self, x: Any, mask: Any = None) -> Any:
            assert mask is not None
            seen.append(mask.shape == x.shape[:2])
            return x * np.expand_dims(mask, -1)

    x = nn.Input((None,), dtype="int32")
    embedded = layers.Embedding(5, 2, mask_zero=True)(x)
    model = nn.Model(x, Reader()(layers.Dense(2)(embedded)))
    assert all(seen)
    assert embedded.mask_ndim == 2
    assert x.mask_ndim == layers.Flatten()(embedded[:, :3]).mask_ndim == 0
    out = model(np.array([[1, 2, 0]]))
    assert (out.data[0, 2] == 0).all()
    assert (out.data[0, 1] != 0).any()
