"""Symbols of unknown lengths: every layer takes those that it can have, and says which lengths of its result follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers, ops
from tests.nn import peers
from tests.nn.keras_values.layer_rows import LAYERS
from tests.nn.layers.layer_cases import Input as CaseInput, LayerCase, all_cases

Shape = tuple[int | None, ...]
CASES = {case.name: case for case in all_cases()}


def shapes_of(case: LayerCase) -> list[tuple[int, ...]]:
    return [i.shape if isinstance(i, CaseInput) else i for i in case.inputs]


def openings(shapes: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Return the axes that are opened: each that all inputs have, and both of images."""
    rank = min(map(len, shapes))
    return [*((axis,) for axis in range(1, rank)), *([(1, 2)] if rank == 4 else [])]


def opened(shape: tuple[int, ...], axes: tuple[int, ...]) -> Shape:
    return tuple(None if axis in axes else n for axis, n in enumerate(shape))


def results(out: Any) -> list[Shape]:
    """Return the shapes of the tensors or symbols of a result."""
    if isinstance(out, dict):
        out = list(out.values())
    return [s for part in out for s in results(part)] if isinstance(out, (list, tuple)) else [tuple(out.shape)]


def really(case: LayerCase, axes: tuple[int, ...], times: int) -> tuple[list[Shape], list[Shape]] | None:
    """Return the shapes of a new layer's results and weights for inputs that many times as long; None if it fails."""
    arrays = case.draw()
    for axis in axes:
        arrays = [np.repeat(a, times, axis=axis) for a in arrays]
    arrays = [a.astype("f") if a.dtype.kind == "f" else a for a in arrays]
    layer = case.make()
    try:
        with ag.no_grad(), np.errstate(all="ignore"):
            out = layer(*case.args(arrays), training=False)
    except Exception:
        return None
    return results(out), [w.shape for w in layer.weights]


def symbolic(arguments: Any, axes: tuple[int, ...], k: Any) -> Any:
    """Return arguments with symbols for arrays, some of whose axes are open."""
    if isinstance(arguments, (list, tuple)):
        return type(arguments)(symbolic(part, axes, k) for part in arguments)
    kind = {"f": "float32", "U": "string"}.get(arguments.dtype.kind, arguments.dtype.name)
    return k.Input(opened(arguments.shape, axes)[1:], dtype=kind)


def fits(stated: list[Shape], real: list[Shape]) -> bool:
    return [len(s) for s in stated] == [len(s) for s in real] and all(
        n is None or n == m for s, r in zip(stated, real, strict=True) for n, m in zip(s, r, strict=True)
    )


def check(case: LayerCase) -> None:
    for axes in openings(shapes_of(case)):
        real = [really(case, axes, times) for times in (1, 2, 3)]
        found = [r for r in real if r is not None]
        if len(found) < 2 or any(weights != found[0][1] for _, weights in found):
            continue  # it has one length alone, or weights made for one
        if len({tuple(map(len, shapes)) for shapes, _ in found}) > 1:
            continue  # an axis of length 1 that is dropped
        stated = results(case.make()(*symbolic(case.args(case.draw()), axes, nn)))
        assert all(fits(stated, shapes) for shapes, _ in found), (axes, stated, found)


@pytest.mark.parametrize("name", sorted(CASES)[::6])
def test_a_layer_takes_open_lengths(name: str) -> None:
    check(CASES[name])


@pytest.mark.ci
def test_every_layer_takes_open_lengths() -> None:
    for case in CASES.values():
        check(case)


@pytest.mark.ci
def test_shapes_are_those_of_keras() -> None:
    keras, wrong, compared = peers.keras(), {}, 0
    for row in LAYERS:
        arguments, options = row.draw()
        if options:
            continue
        for axes in openings([a.shape for a in nn.tree.flatten(arguments)]):
            try:
                theirs = results(row.make(keras.layers)(*symbolic(arguments, axes, keras)))
            except Exception:  # Keras does not take this axis open, or runs its layer at lengths that do not suit
                continue
            compared += 1
            ours = results(row.make(nn.layers)(*symbolic(arguments, axes, nn)))
            if ours != theirs:
                wrong[str(row), axes] = (ours, theirs)
    assert wrong == {}
    assert compared > 250


def drawn(k: Any, rng: np.random.Generator) -> tuple[Any, Shape]:
    """Return a random layer, and the shape of a sample that it takes, with open axes."""
    window, stride = int(rng.integers(1, 6)), int(rng.integers(1, 4))
    padding = str(rng.choice(["valid", "same"]))
    image = tuple(None if rng.random() < 0.7 else int(n) for n in rng.integers(12, 20, 2))
    sequence = None if rng.random() < 0.8 else 12
    makers = [
        (lambda: k.layers.Conv2D(4, window, stride, padding), (*image, 3)),
        (lambda: k.layers.Conv2D(4, window, padding=padding, dilation_rate=stride), (*image, 3)),
        (lambda: k.layers.Conv2DTranspose(4, window, stride, padding), (*image, 3)),
        (lambda: k.layers.DepthwiseConv2D(window, stride, padding), (*image, 3)),
        (lambda: k.layers.SeparableConv2D(4, window, stride, padding), (*image, 3)),
        (lambda: k.layers.MaxPooling2D(window, stride, padding), (*image, 3)),
        (lambda: k.layers.AveragePooling2D(window, stride, padding), (*image, 3)),
        (lambda: k.layers.GlobalMaxPooling2D(keepdims=stride == 1), (*image, 3)),
        (lambda: k.layers.UpSampling2D((window, stride)), (*image, 3)),
        (lambda: k.layers.ZeroPadding2D((window, stride)), (*image, 3)),
        (lambda: k.layers.Flatten(), (*image, 3)),
        (lambda: k.layers.Reshape((-1, 3)), (*image, 3)),
        (lambda: k.layers.Conv1D(4, window, stride, "causal"), (sequence, 3)),
        (lambda: k.layers.MaxPooling1D(window, stride, padding), (sequence, 3)),
        (lambda: k.layers.LSTM(4, return_sequences=stride > 1, return_state=window > 3), (sequence, 3)),
        (lambda: k.layers.Bidirectional(k.layers.GRU(2, return_sequences=stride > 1)), (sequence, 3)),
        (lambda: k.layers.TimeDistributed(k.layers.Dense(window)), (sequence, 3)),
        (lambda: k.layers.TimeDistributed(k.layers.Conv2D(2, 3)), (sequence, *image, 3)),
        (lambda: k.layers.Dense(window), (sequence, 3)),
        (lambda: k.layers.GlobalAveragePooling1D(), (sequence, 3)),
    ]
    make, shape = makers[int(rng.integers(len(makers)))]
    return make(), shape


@pytest.mark.ci
@pytest.mark.parametrize("seed", range(60))
def test_random_layers_have_the_shapes_of_keras(seed: int) -> None:
    keras = peers.keras()
    shapes = []
    for k in (nn, keras):
        layer, sample = drawn(k, np.random.default_rng(seed))
        shapes.append(results(layer(k.Input(sample))))
    assert shapes[0] == shapes[1]


# ---- layers that can only be run ------------------------------------------------------------------------------------


class TokensAndPlaces(layers.Layer):
    """As in Keras's guides: places beyond the last one have no vector."""

    def __init__(self, maxlen: int) -> None:
        super().__init__()
        self.token = layers.Embedding(50, 4)
        self.place = layers.Embedding(maxlen, 4)

    def call(self, x: Any) -> Any:
        return self.token(x) + self.place(ops.arange(0, ops.shape(x)[-1], 1))


class Table(layers.Layer):
    """Takes one length alone."""

    def call(self, x: Any) -> Any:
        return x + np.ones((20, 3), np.float32)


class FlatDense(layers.Layer):
    """Its weights are made for one length."""

    def __init__(self) -> None:
        super().__init__()
        self.flat, self.dense = layers.Flatten(), layers.Dense(4)

    def call(self, x: Any) -> Any:
        return self.dense(self.flat(x))


class Built(layers.Layer):
    """Keeps the shape that it is built for."""

    def build(self, input_shape: Any) -> None:
        self.seen = input_shape
        self.scale = self.add_weight(shape=(input_shape[-1],), name="scale")

    def call(self, x: Any) -> Any:
        return x * self.scale


@pytest.mark.parametrize("maxlen", [1, 2, 10, 32, 100])
def test_places_of_any_number(maxlen: int) -> None:
    ids = nn.Input((None,), dtype="int32")
    model = nn.Model(ids, layers.Dense(2)(TokensAndPlaces(maxlen)(ids)))
    assert model.output_shape == (None, 1 if maxlen == 1 else None, 2)
    assert model.predict(np.zeros((3, maxlen), np.int32)).shape == (3, maxlen, 2)
    nn.set_seed(0)
    one = TokensAndPlaces(maxlen)
    one(np.zeros((2, maxlen), np.int32))
    nn.set_seed(0)
    other = TokensAndPlaces(maxlen)
    other(ids)
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def stated(k: Any) -> list[Any]:
    """Return the shapes of results of layers that state them."""

    class OfShape(k.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x[:, ::2]

        def compute_output_shape(self, input_shape: Any) -> Any:
            return (input_shape[0], None, input_shape[2])

    class OfSpec(OfShape):
        def compute_output_spec(self, x: Any) -> Any:
            return k.KerasTensor((x.shape[0], None, 3), dtype="float32")

    return [kind()(k.Input((n, 3))).shape for kind in (OfShape, OfSpec) for n in (None, 8)]


def test_a_layer_states_what_is_unknown() -> None:
    assert stated(nn) == [(None, None, 3), (None, 4, 3)] * 2  # where all is known, a run tells more than Keras says
    # A window that is longer than all lengths that are tried has one result for each of them.
    assert layers.AveragePooling1D(700, padding="same")(nn.Input((None, 3))).shape == (None, None, 3)
    assert nn.KerasTensor((None, 3), name="x").dtype == np.float32
    assert isinstance(nn.Input((3,)), nn.KerasTensor)


@pytest.mark.ci
def test_keras_states_what_is_unknown() -> None:
    assert stated(peers.keras()) == [(None, None, 3)] * 4


def test_one_length_alone_is_known() -> None:
    assert Table()(nn.Input((None, 3))).shape == (None, 20, 3)


def test_weights_do_not_follow_an_unknown_length() -> None:
    layer = FlatDense()
    with pytest.raises(ag.ShapeError, match=r"layer 'flat_dense' .*weights.*received \(None, None, 3\)\. Give Input"):
        layer(nn.Input((None, 3)))
    with pytest.raises(ag.ShapeError, match=r"known D; received shape \(None, None\)\. Give Input"):
        layers.Dense(2)(layers.Flatten()(nn.Input((None, None, 3))))
    assert layer(nn.Input((5, 3))).shape == (None, 4)


def test_a_layer_is_built_for_what_is_known() -> None:
    layer = Built()
    layer(nn.Input((None, 3)))
    assert layer.seen == (None, None, 3)
    inner = nn.Sequential([Built(), layers.Conv1D(4, 5, 3)])
    x = nn.Input((None, 3))
    model = nn.Model(x, layers.GlobalMaxPooling1D()(inner(x)))
    assert [layer.output_shape for layer in inner.layers] == [(None, None, 3), (None, None, 4)]
    assert inner.input.shape == (None, None, 3)
    lines: list[str] = []
    model.summary(print_fn=lines.append, expand_nested=True)
    assert "(None, None, 4)" in lines[0]
    assert "32" not in lines[0]


def test_models_with_open_lengths_are_saved_and_cloned(tmp_path: Any) -> None:
    class Own(nn.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = layers.Conv1D(2, 3)

        def call(self, x: Any) -> Any:
            return ops.max(self.inner(x), axis=1)

    nn.saving.register_keras_serializable("free lengths")(Own)
    x = nn.Input((None, 3))
    own = Own()
    model = nn.Model(x, own(x))
    data = np.random.default_rng(0).normal(size=(2, 9, 3)).astype("f")
    for kind in (model, own):
        kind.save(tmp_path / "m.nn")
        again = nn.models.load_model(tmp_path / "m.nn")
        np.testing.assert_array_equal(again.predict(data), kind.predict(data))
        assert nn.models.clone_model(kind).predict(data[:, :7]).shape == (2, 2)


# ---- messages -------------------------------------------------------------------------------------------------------


def test_errors_show_what_is_unknown_as_none() -> None:
    x = nn.Input((None, 3))
    for call, said in [
        (lambda: layers.Add()([nn.Input((3,)), nn.Input((4,))]), "received shapes (None, 3), (None, 4)"),
        (lambda: layers.Add()([x, nn.Input((None, 4))]), "received shapes (None, None, 3), (None, None, 4)"),
        (lambda: layers.Conv2D(3, 3)(x), "received shape (None, None, 3)"),
        (lambda: layers.RepeatVector(3)(x), "received shape (None, None, 3)"),
        (lambda: x @ np.ones((4, 2)), "(None, None, 3)"),
        (lambda: ops.concatenate([x, nn.Input((None, 4))], axis=1), "shape (None, None, 4)"),
    ]:
        with pytest.raises(ag.ShapeError) as caught:
            call()
        assert said in str(caught.value)
    dense = layers.Dense(2)
    dense(nn.Input((3,)))
    with pytest.raises(ag.ShapeError, match=r"last axis has length 3, .*kernel.*\(3, 2\); received shape \(None, 4\)"):
        dense(nn.Input((4,)))


def fit_on(x: Any) -> Any:
    model = nn.Sequential([nn.Input((4,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    return model.fit(x, np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (lambda x: 1 if x > 0 else 2, r"expected values to decide by; received Symbol.*nn\.ops\.where"),
        (float, r"expected a number; received Symbol\(shape=\(None, 4\).*no values yet"),
        (lambda x: range(x), "expected a number; received Symbol"),
        (np.asarray, r"expected an array; received Symbol.*nn\.Model\(inputs, outputs\)"),
        (list, r"expected a known length to iterate over; received Symbol.*unstack"),
        (len, "expected a known length; received Symbol"),
        (fit_on, r"Sequential\.fit: expected an array; received Symbol"),
        (
            lambda x: layers.Dense(2)([x, x]),
            r"layer 'dense' \(Dense\): expected one tensor; received a list of 2, .*Conc",
        ),
        (lambda x: x[{}], "expected an index of .* received dict"),
    ],
)
def test_a_symbol_has_no_values(mistake: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        mistake(nn.Input((4,)))


def test_the_missing_input_is_named() -> None:
    a, b = nn.Input((3,)), nn.Input((2,), name="missing")
    with pytest.raises(ValueError, match=r"they also need Symbol\(.*name='missing'\)\. Add it to inputs"):
        nn.Model(a, layers.Dense(1)(layers.Concatenate()([a, b])))


def test_operators_are_those_of_numpy() -> None:
    x, y = nn.Input((4,)), nn.Input((4,))
    a, b = (np.random.default_rng(i).normal(size=(3, 4)).astype("f") for i in (0, 1))

    def values(x: Any, y: Any) -> list[Any]:
        positive, negative = x > 0, y <= 0
        logical = [positive & negative, positive | negative, positive ^ negative, ~positive, x != y, x < y, x >= y]
        return [x // y, 2 // x, x % y, 3 % x, abs(x), -x, 2**x, x**2, x[:, [0, 2]], 1 - x, *logical]

    model = nn.Model([x, y], values(x, y))
    for each in (model, nn.Model.from_config(model.get_config())):
        for ours, wanted in zip(each([a, b]), values(a, b), strict=True):
            np.testing.assert_array_equal(ours.data, wanted)
