"""Files of the real Keras load here, and ours load there, with equal predictions, weights and further training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn

from ... import peers
from ...keras_values.layer_rows import LAYERS
from ...keras_values.rows import Row, their_warnings
from .models import MODELS

pytestmark = [pytest.mark.ci, pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")]


def inputs(model: Any, rng: np.random.Generator) -> Any:
    """Return a batch for a model of either library, nested as its inputs."""
    named = isinstance(getattr(model, "input", None), dict)
    draw = {
        name: rng.integers(1, 7, (4, 6)).astype("int32")
        if "int" in str(s.dtype)
        else rng.normal(size=(4, *(n or 6 for n in s.shape[1:]))).astype("float32")
        for name, s in zip(sorted(model.input) if named else range(9), model.inputs, strict=False)
    }
    found = list(draw.values())
    return draw if named else found if len(found) > 1 else found[0]


def randomized(model: Any, rng: np.random.Generator) -> Any:
    """Give a model weights that differ from those of any new one."""
    model.set_weights([w if w.dtype.kind != "f" else rng.uniform(0.2, 1.0, w.shape) for w in model.get_weights()])
    return model


def same(ours: Any, theirs: Any) -> None:
    for a, b in zip(nn.tree.flatten(ours), nn.tree.flatten(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_models_from_keras(name: str, rng: np.random.Generator, tmp_path: Path) -> None:
    keras = peers.keras()
    theirs = randomized(MODELS[name](keras), rng)
    x = inputs(theirs, rng)
    theirs.save(tmp_path / "m.keras")
    ours = nn.models.load_model(tmp_path / "m.keras")
    same(ours.predict(x), theirs.predict(x, verbose=0))
    assert [a.shape for a in ours.get_weights()] == [a.shape for a in theirs.get_weights()]
    assert len(ours.trainable_weights) == len(theirs.trainable_weights)
    theirs.save_weights(tmp_path / "m.weights.h5")
    fresh = randomized(MODELS[name](nn), rng)
    fresh.load_weights(tmp_path / "m.weights.h5")
    same(fresh.predict(x), theirs.predict(x, verbose=0))


@pytest.mark.parametrize("name", MODELS)
def test_models_to_keras(name: str, rng: np.random.Generator, tmp_path: Path) -> None:
    keras = peers.keras()
    ours = randomized(MODELS[name](nn), rng)
    x = inputs(ours, rng)
    ours.save(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    same(ours.predict(x), theirs.predict(x, verbose=0))
    assert len(ours.trainable_weights) == len(theirs.trainable_weights)
    same(nn.models.load_model(tmp_path / "m.keras").predict(x), ours.predict(x))
    ours.save_weights(tmp_path / "m.weights.h5")
    fresh = randomized(MODELS[name](keras), rng)
    fresh.load_weights(tmp_path / "m.weights.h5")
    same(ours.predict(x), fresh.predict(x, verbose=0))


def around(k: Any, layer: Any, given: Any) -> tuple[Any, Any]:
    """Return a functional model that makes a call, and the arrays that it takes."""
    arrays: list[np.ndarray] = []
    starts: list[Any] = []

    def start(x: Any) -> Any:
        if isinstance(x, (list, tuple)):
            return type(x)(start(part) for part in x)
        if isinstance(x, dict):
            return {key: start(part) for key, part in x.items()}
        if not isinstance(x, np.ndarray):
            return x
        arrays.append(x)
        starts.append(k.Input(x.shape[1:], dtype=x.dtype.name))
        return starts[-1]

    arguments, options = start(given)
    model = k.Model(starts, layer(*arguments, **options))
    return model, arrays if len(arrays) > 1 else arrays[0]


# The first row of each class, without those that no file can be made of: the code of a lambda is refused, and in Keras
# a call of Equalization on symbols refers to itself.
_NOT_IN_FILES = ("Lambda(lambda", "Equalization(")
ROWS = list(
    {str(row).partition("(")[0]: row for row in reversed(LAYERS) if not str(row).startswith(_NOT_IN_FILES)}.values()
)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_layers(row: Row, rng: np.random.Generator, tmp_path: Path) -> None:
    keras, given = peers.keras(), row.draw()
    with their_warnings():
        theirs, x = around(keras, row.make(keras.layers), given)
        randomized(theirs, rng).save(tmp_path / "theirs.keras")
        expected = theirs.predict(x, verbose=0)
        same(nn.models.load_model(tmp_path / "theirs.keras").predict(x), expected)
        ours, _ = around(nn, row.make(nn.layers), given)
        ours.set_weights(theirs.get_weights())
        ours.save(tmp_path / "ours.keras")
        same(keras.models.load_model(tmp_path / "ours.keras").predict(x, verbose=0), expected)


# ---- training goes on -----------------------------------------------------------------------------------------------

OPTIMIZERS: dict[str, Any] = {
    "SGD": lambda o: o.SGD(0.01, momentum=0.9, nesterov=True),
    "SGD, schedule": lambda o: o.SGD(o.schedules.ExponentialDecay(0.01, 3, 0.5), momentum=0.9),
    "Adam": lambda o: o.Adam(0.01),
    "Adam, amsgrad": lambda o: o.Adam(0.01, amsgrad=True, clipnorm=1.0),
    "Adam, accumulated": lambda o: o.Adam(0.01, gradient_accumulation_steps=3),
    "Adam, averaged": lambda o: o.Adam(0.01, use_ema=True, ema_overwrite_frequency=4),
    "AdamW": lambda o: o.AdamW(0.01, weight_decay=0.1),
    "RMSprop": lambda o: o.RMSprop(0.01, momentum=0.5, centered=True),
    "Nadam": lambda o: o.Nadam(0.01),
    "Adagrad": lambda o: o.Adagrad(0.1),
    "Adadelta": lambda o: o.Adadelta(1.0),
    "Adamax": lambda o: o.Adamax(0.01),
    "Ftrl": lambda o: o.Ftrl(0.1),
    "Lamb": lambda o: o.Lamb(0.01),
    "Lion": lambda o: o.Lion(0.01),
    "Muon": lambda o: o.Muon(0.01),
}


def branched(k: Any) -> Any:
    x = k.Input((4,))
    h = k.layers.Dense(5, "tanh")(x)
    return k.Model(
        x, k.layers.Dense(1)(k.layers.Add()([k.layers.Dense(3)(k.layers.Dense(2)(h)), k.layers.Dense(3)(h)]))
    )


@pytest.mark.parametrize("there", [False, True], ids=["from Keras", "to Keras"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_goes_on(name: str, there: bool, rng: np.random.Generator, tmp_path: Path) -> None:
    keras = peers.keras()
    first, second = (nn, keras) if there else (keras, nn)
    x, y = rng.normal(size=(64, 4)).astype("float32"), rng.normal(size=(64, 1)).astype("float32")

    def losses(model: Any, start: int) -> list[float]:
        return [float(np.ravel(model.train_on_batch(x[i : i + 8], y[i : i + 8]))[0]) for i in range(start, 56, 8)]

    model = branched(first)
    model.compile(OPTIMIZERS[name](first.optimizers), "mse", metrics=["mae"])
    begun = losses(model, 16)
    model.save(tmp_path / "m.keras")
    again = second.models.load_model(tmp_path / "m.keras")
    assert int(np.asarray(again.optimizer.iterations)) == int(np.asarray(model.optimizer.iterations)) > 0
    np.testing.assert_allclose(losses(again, 0), losses(model, 0), rtol=1e-4)
    assert len(begun) == 5


def test_what_it_was_compiled_with(tmp_path: Path, rng: np.random.Generator) -> None:
    keras = peers.keras()
    x = rng.normal(size=(8, 4)).astype("float32")
    targets = {"y": rng.integers(0, 2, (8, 2)).astype("float32"), "z": rng.normal(size=(8, 3)).astype("float32")}
    given = [x, x[::-1].copy()]
    for first, second in ((nn, keras), (keras, nn)):
        model = randomized(MODELS["branches"](first), rng)
        model.compile(
            "adam",
            {"y": first.losses.BinaryCrossentropy(from_logits=True), "z": "huber"},
            loss_weights={"y": 0.5, "z": 2.0},
            metrics={"y": ["accuracy", first.metrics.AUC(from_logits=True)], "z": ["mae"]},
        )
        model.save(tmp_path / "m.keras")
        again = second.models.load_model(tmp_path / "m.keras")
        a, b = (m.evaluate(given, targets, return_dict=True, verbose=0) for m in (model, again))
        assert list(a) == list(b)
        np.testing.assert_allclose(list(a.values()), list(b.values()), rtol=1e-4, atol=1e-5)
        uncompiled = second.models.load_model(tmp_path / "m.keras", compile=False)
        assert getattr(uncompiled, "optimizer", None) is None


# ---- custom classes and functions -----------------------------------------------------------------------------------


def custom(k: Any) -> Any:
    """Return a custom layer class, model class and function, registered in a library."""

    @k.saving.register_keras_serializable("both", "Twist")
    class Twist(k.layers.Layer):
        def __init__(self, factor: float, inner: Any = None, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.factor, self.inner = factor, inner or k.layers.Dense(3)

        length = 1

        def build(self, input_shape: Any) -> None:
            length = self.length
            self.shift = self.add_weight(shape=(length,), initializer="ones", name="shift")
            self.seen = self.add_weight(shape=(2,), initializer="zeros", trainable=False, name="seen")

        def call(self, x: Any) -> Any:
            return self.inner(x) * self.factor + self.shift

        def get_build_config(self) -> dict[str, Any]:
            return {"length": self.length}

        def build_from_config(self, config: dict[str, Any]) -> None:
            self.length = config["length"]
            self.build((None, 3))

        def get_config(self) -> dict[str, Any]:
            config = super().get_config()
            return {**config, "factor": self.factor, "inner": k.saving.serialize_keras_object(self.inner)}

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            config = dict(config)
            inner = k.saving.deserialize_keras_object(config.pop("inner"))
            return cls(inner=inner, **config)

    @k.saving.register_keras_serializable("both", "Stack")
    class Stack(k.Model):
        def __init__(self, width: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.width = width
            self.blocks, self.alone = [k.layers.Dense(width, "relu"), k.layers.Dense(width)], k.layers.Dense(1)
            self.more = {"b": [k.layers.LayerNormalization()], "a": Twist(2.0)}

        def call(self, x: Any) -> Any:
            for block in [*self.blocks, *self.more["b"]]:
                x = block(x)
            return self.alone(self.more["a"](x))

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "width": self.width}

    @k.saving.register_keras_serializable("both", "bent")
    def bent(x: Any) -> Any:
        return k.ops.sqrt(x * x + 1.0) - 1.0

    @k.saving.register_keras_serializable("both", "far")
    def far(y_true: Any, y_pred: Any) -> Any:
        return k.ops.max(k.ops.abs(y_true - y_pred), axis=-1)

    return Twist, Stack, bent, far


@pytest.mark.parametrize("there", [False, True], ids=["from Keras", "to Keras"])
def test_custom_classes(there: bool, rng: np.random.Generator, tmp_path: Path) -> None:
    keras = peers.keras()
    first, second = (nn, keras) if there else (keras, nn)
    x = rng.normal(size=(4, 3)).astype("float32")
    (twist, stack, bent, far), _ = custom(first), custom(second)
    start = first.Input((3,))
    end = first.layers.Lambda(bent)(first.layers.Dense(2, activation=bent)(twist(0.5)(start)))
    graph = first.Model(start, end)
    wide = twist(0.5)
    wide.build_from_config({"length": 3})
    wider = first.Sequential([first.Input((3,)), wide])
    subclass = stack(4)
    subclass(x)
    for model in (randomized(graph, rng), randomized(subclass, rng), randomized(wider, rng)):
        model.compile("sgd", "mse", metrics=[far])
        model.save(tmp_path / "m.keras")
        again = second.models.load_model(tmp_path / "m.keras")
        names = [list(m.evaluate(x, model.predict(x, verbose=0), return_dict=True, verbose=0)) for m in (again, model)]
        assert names == [["far", "loss"]] * 2
        same(again.predict(x, verbose=0), model.predict(x, verbose=0))
        assert len(again.weights) == len(model.weights)


def test_hdf5_files_of_whole_models(rng: np.random.Generator, tmp_path: Path) -> None:
    keras = peers.keras()
    for name in ("images", "branches", "prepared"):
        theirs = randomized(MODELS[name](keras), rng)
        x = inputs(theirs, rng)
        theirs.save(tmp_path / "m.h5")
        same(nn.models.load_model(tmp_path / "m.h5").predict(x), theirs.predict(x, verbose=0))
        fresh = randomized(MODELS[name](nn), rng)
        fresh.load_weights(tmp_path / "m.h5")
        same(fresh.predict(x), theirs.predict(x, verbose=0))
