"""`layers` and `weights` of functional models come in Keras's order, whatever the order in which they were made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from nn import layers, models
from tests.nn import peers

WIDTH = 3


def dense(k: Any, name: str) -> Any:
    return k.layers.Dense(WIDTH, activation="tanh", name=name)


def late_branch(k: Any) -> Any:
    """The layer nearest to the outputs is called first."""
    a, b = k.Input((WIDTH,), name="a"), k.Input((WIDTH,), name="b")
    late = dense(k, "late")(b)
    return k.Model([a, b], k.layers.Add(name="sum")([late, dense(k, "second")(dense(k, "first")(a))]))


def dict_outputs(k: Any) -> Any:
    """The keys are sorted: "a" is met before "z"."""
    x = k.Input((WIDTH,), name="x")
    h = dense(k, "h")(x)
    return k.Model(x, {"z": dense(k, "for_z")(h), "a": dense(k, "for_a")(h)})


def shared(k: Any) -> Any:
    """A shared layer is as deep as its deepest call."""
    x = k.Input((WIDTH,), name="x")
    twice, other = dense(k, "twice"), dense(k, "other")
    return k.Model(x, [dense(k, "side")(x), twice(other(twice(x)))])


def shared_with_an_output(k: Any) -> Any:
    """What comes before the call at the output is deep as well."""
    x = k.Input((WIDTH,), name="x")
    both, side = dense(k, "both"), dense(k, "side")(x)
    near = both(dense(k, "before")(x))
    return k.Model(x, [near, dense(k, "end")(dense(k, "middle")(both(x))), dense(k, "last")(side)])


def nested(k: Any) -> Any:
    """A model in the model is one layer, and has an order of its own."""
    s = k.Input((WIDTH,), name="s")
    near = dense(k, "near")(s)
    inner = k.Model(s, k.layers.Add(name="join")([near, dense(k, "far")(dense(k, "farther")(s))]), name="inner")
    x = k.Input((WIDTH,), name="x")
    tail = k.Sequential([k.Input((WIDTH,)), dense(k, "one"), dense(k, "two")], name="tail")
    short = dense(k, "short")(x)
    return k.Model(x, [short, tail(inner(x))])


def operators(k: Any) -> Any:
    """An operator counts as a call, and is not a layer."""
    x = k.Input((WIDTH,), name="x")
    direct = dense(k, "direct")(x)
    return k.Model(x, direct + dense(k, "scaled")(x) * 2.0)


def buffers(k: Any) -> Any:
    """Within a layer, what is trained comes before what is not; frozen or not."""
    x = k.Input((WIDTH,), name="x")
    model = k.Model(x, [dense(k, "short")(x), dense(k, "end")(k.layers.BatchNormalization(name="norm")(x))])
    model.get_layer("norm").trainable = False
    return model


def masks(k: Any) -> Any:
    """A mask is computed in two calls, which count for what comes before it: "deep" is one call deeper than "far"."""
    x, y = k.Input((5, WIDTH), name="x"), k.Input((5, WIDTH), name="y")
    far = dense(k, "near")(dense(k, "middle")(dense(k, "far")(y)))
    masked = k.layers.Masking(name="mask")(dense(k, "deep")(x))
    return k.Model([x, y], [far, k.layers.GlobalAveragePooling1D(name="pool")(masked)])


def joined_masks(k: Any) -> Any:
    """Masks of embeddings are joined in more calls than their vectors."""
    ids, y = k.Input((5,), dtype="int32", name="ids"), k.Input((WIDTH,), name="y")
    words, kinds = (k.layers.Embedding(9, WIDTH, mask_zero=True, name=name) for name in ("words", "kinds"))
    both = k.layers.Concatenate(name="both")([words(ids), kinds(ids)])
    near = dense(k, "near")(dense(k, "middle")(dense(k, "far")(y)))
    return k.Model([ids, y], [near, k.layers.GlobalAveragePooling1D(name="pool")(both)])


GOLDEN: list[tuple[Callable[[Any], Any], str, str]] = [
    (late_branch, "a b first late second sum", "first late second"),
    (dict_outputs, "x h for_a for_z", "h for_a for_z"),
    (shared, "x twice other side", "twice other side"),
    (shared_with_an_output, "x before both middle side end last", "before both middle side end last"),
    (nested, "x inner short tail", "farther near far short one two"),
    (operators, "x scaled direct", "scaled direct"),
    (masks, "x y deep far middle mask near pool", "deep far middle near"),
    (joined_masks, "ids words kinds y far middle both near pool", "words kinds far middle near"),
    (buffers, "x norm short end", "norm short end"),
]


def owners(model: Any) -> str:
    """Return the layers that own the weights, in order, each once."""
    names = [str(getattr(w, "path", None) or w.name).replace("/", ".").split(".")[-2] for w in model.weights]
    return " ".join(dict.fromkeys(names))


@pytest.mark.parametrize(("build", "order", "weights"), GOLDEN, ids=lambda x: getattr(x, "__name__", ""))
def test_the_order_is_keras(build: Callable[[Any], Any], order: str, weights: str) -> None:
    model = build(nn)
    assert " ".join(layer.name for layer in model.layers) == order
    assert owners(model) == weights
    assert [model.get_layer(index=i) for i in range(len(model.layers))] == model.layers
    again = type(model).from_config(model.get_config())
    assert " ".join(layer.name for layer in again.layers) == order
    before = model.get_weights()
    model.set_weights([w + 1 for w in before])
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old + 1, new)


@pytest.mark.ci
@pytest.mark.parametrize(("build", "order", "weights"), GOLDEN, ids=lambda x: getattr(x, "__name__", ""))
def test_keras_has_this_order(build: Callable[[Any], Any], order: str, weights: str) -> None:
    model = build(peers.keras())
    assert " ".join(layer.name for layer in model.layers) == order
    assert owners(model) == weights


def test_paths_parameters_and_state_keep_the_order_of_calls() -> None:
    """Files name weights by path, optimizers count `parameters()`: neither depends on what comes after a layer."""
    model = late_branch(nn)
    paths = ["late.kernel", "late.bias", "first.kernel", "first.bias", "second.kernel", "second.bias"]
    assert list(model.state_dict()) == [path for path, _ in model.named_parameters()] == paths
    assert {id(t) for t in model.weights} == {id(t) for t in model.parameters()}


def test_a_layer_lists_what_is_trained_first() -> None:
    class Own(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.seen = self.add_weight((1,), initializer="zeros", trainable=False)
            self.scale = self.add_weight((2,), initializer="ones")

    own = Own()
    own.build((None, 2))
    assert [w.shape for w in own.weights] == [(2,), (1,)]
    own.trainable = False
    assert [w.shape for w in own.weights] == [(2,), (1,)]


def test_a_chain_of_thousands_of_layers_is_ordered() -> None:
    x = nn.Input((1,))
    h = x
    for _ in range(3000):
        h = -h
    assert [layer.name for layer in models.Model(x, layers.Dense(1)(h)).layers] == ["input_layer", "dense"]


# ---- random graphs --------------------------------------------------------------------------------------------------


class Grower:
    """Grows the same random graph in either library."""

    def __init__(self, k: Any, seed: int) -> None:
        self.k, self.rng, self.count = k, np.random.default_rng(seed), 0

    def name(self) -> str:
        self.count += 1
        return f"l{self.count}"

    def pick(self, pool: list[Any]) -> Any:
        return pool[int(self.rng.integers(len(pool)))]

    def inner(self) -> Any:
        """Return a model to nest: one with two branches, one with two outputs, or a Sequential."""
        k, kind = self.k, int(self.rng.integers(3))
        if kind == 0:
            return k.Sequential([k.Input((WIDTH,)), dense(k, self.name()), dense(k, self.name())], name=self.name())
        s = k.Input((WIDTH,), name=self.name())
        near, far = dense(k, self.name())(s), dense(k, self.name())(dense(k, self.name())(s))
        return k.Model(s, near + far if kind == 1 else [near, far], name=self.name())

    def model(self) -> Any:
        k, rng = self.k, self.rng
        inputs = [k.Input((WIDTH,), name=self.name()) for _ in range(rng.integers(1, 4))]
        pool, made = list(inputs), [dense(k, self.name())]
        for _ in range(rng.integers(3, 12)):
            kind, x, y = int(rng.integers(8)), self.pick(pool), self.pick(pool)
            if kind < 3:
                made.append(dense(k, self.name()))
                out = made[-1](x)
            elif kind == 3:  # shared, a nested model perhaps
                out = self.pick(made)(x)
            elif kind == 4:
                out = k.layers.BatchNormalization(name=self.name())(x)
            elif kind == 5:
                out = k.layers.Add(name=self.name())([x, y])
            elif kind == 6:
                out = x - y * 0.5
            else:
                made.append(self.inner())
                out = made[-1](x)
            pool += out if isinstance(out, list) else [out]
        joined = pool[0]
        for x in inputs[1:]:
            joined = joined + x
        outputs = [dense(k, self.name())(joined), *(self.pick(pool[len(inputs) :]) for _ in range(rng.integers(0, 4)))]
        outputs = [dense(k, self.name())(x) for x in outputs]
        rng.shuffle(outputs)  # type: ignore[arg-type]
        kind = int(rng.integers(4))
        if kind == 0:
            return k.Model(inputs, outputs[0] if len(outputs) == 1 else outputs)
        if kind == 1:
            return k.Model(inputs, dict(zip("dbca", outputs, strict=False)))
        return k.Model(inputs, outputs)


def leaves(out: Any) -> list[Any]:
    if isinstance(out, dict):
        return [out[key] for key in sorted(out)]
    return list(out) if isinstance(out, (list, tuple)) else [out]


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras's variables
@pytest.mark.parametrize("seed", range(60))
def test_random_graphs_have_the_order_of_keras(seed: int) -> None:
    keras = peers.keras()
    mine, theirs = Grower(nn, seed).model(), Grower(keras, seed).model()
    assert [layer.name for layer in mine.layers] == [layer.name for layer in theirs.layers]
    values = [np.random.default_rng([seed, i]).uniform(0.1, 1, w.shape) for i, w in enumerate(theirs.get_weights())]
    theirs.set_weights(values)
    mine.set_weights(theirs.get_weights())
    for a, b in zip(mine.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    x = [np.random.default_rng(seed + i).normal(size=(4, WIDTH)).astype("f") for i in range(len(mine.inputs))]
    expected = leaves(theirs.predict(x, verbose=0))
    for a, b in zip(leaves(mine.predict(x)), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


class MaskedGrower(Grower):
    """Grows random graphs of sequences with masks, which Keras computes in calls that count for the depth."""

    def one(self, x: Any) -> Any:
        k, name = self.k.layers, self.name()
        makers = [
            lambda: k.LSTM(WIDTH, return_sequences=True, name=name),
            lambda: k.Bidirectional(k.GRU(WIDTH, return_sequences=True), merge_mode="sum", name=name),
            lambda: k.Dense(WIDTH, name=name),
            lambda: k.Dropout(0.1, name=name),
            lambda: k.LayerNormalization(name=name),
            lambda: k.BatchNormalization(name=name),
            lambda: k.RMSNormalization(name=name),
            lambda: k.Conv1D(WIDTH, 3, padding="same", name=name),
            lambda: k.TimeDistributed(k.Dense(WIDTH), name=name),
            lambda: k.Softmax(name=name),
            lambda: k.Masking(name=name),
            lambda: k.Activation("tanh", name=name),
        ]
        return makers[int(self.rng.integers(len(makers)))]()(x)

    def two(self, x: Any, y: Any) -> Any:
        k, name = self.k.layers, self.name()
        makers = [
            lambda: k.Add(name=name)([x, y]),
            lambda: k.Multiply(name=name)([x, y, x]),
            lambda: k.Dense(WIDTH, name=f"{name}d")(k.Concatenate(name=name)([x, y])),
            lambda: k.Attention(name=name)([x, y]),
            lambda: k.MultiHeadAttention(1, 2, name=name)(x, y),
            lambda: x * 0.5 + y,
        ]
        return makers[int(self.rng.integers(len(makers)))]()

    def inner(self) -> Any:
        s = self.k.Input((5, WIDTH), name=self.name())
        return self.k.Model(s, self.one(self.one(s)), name=self.name())

    def model(self) -> Any:
        k, rng = self.k, self.rng
        ids, x = k.Input((5,), dtype="int32", name=self.name()), k.Input((5, WIDTH), name=self.name())
        pool = [x, k.layers.Masking(name=self.name())(x)]
        pool += [k.layers.Embedding(9, WIDTH, mask_zero=True, name=self.name())(ids) for _ in range(2)]
        for _ in range(rng.integers(3, 10)):
            kind = int(rng.integers(8))
            if kind < 4:
                pool.append(self.one(self.pick(pool)))
            elif kind < 7:
                pool.append(self.two(self.pick(pool), self.pick(pool)))
            else:
                pool.append(self.inner()(self.pick(pool)))
        ends = [k.layers.GlobalAveragePooling1D(name=self.name()), k.layers.LSTM(2, name=self.name())]
        last = k.layers.Flatten(name=self.name())(k.layers.Dense(2, name=self.name())(pool[2] + pool[3]))
        return k.Model([ids, x], [*(end(self.pick(pool[1:])) for end in ends), last])


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore")  # of masks that end at a layer
@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_with_masks_have_the_order_of_keras(seed: int) -> None:
    mine, theirs = MaskedGrower(nn, seed).model(), MaskedGrower(peers.keras(), seed).model()
    assert [layer.name for layer in mine.layers] == [layer.name for layer in theirs.layers]
    assert [w.shape for w in mine.get_weights()] == [w.shape for w in theirs.get_weights()]
