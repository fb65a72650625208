"""Custom classes and functions: registered or in a scope, in configurations, files and strings."""

from __future__ import annotations

import contextvars
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn import activations, constraints, initializers, layers, losses, metrics, models, optimizers, regularizers, saving
from nn.config.config import Registered
from nn.saving import SavedFileError, register_keras_serializable

from .. import peers

X = np.random.default_rng(0).normal(size=(6, 4))
Y = X[:, :2]


def bent(x: Any) -> Any:
    return np.tanh(x) ** 3


def fourth(y_true: Any, y_pred: Any) -> Any:
    return ((y_true - y_pred) ** 4).mean(axis=-1)


def halves(shape: Any, dtype: Any = "float32") -> Any:
    return np.full(shape, 0.5, dtype)


def small(weight: Any) -> Any:
    return (weight**2).sum() * 0.01


def positive(weight: Any) -> Any:
    return np.maximum(weight, 0)


class Scale(layers.Layer):
    def __init__(self, factor: float, act: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor, self.act = factor, activations.get(act)

    def call(self, x: Any) -> Any:
        return self.act(x * self.factor)


class Squares(metrics.Mean):
    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state((y_true - y_pred) ** 2)


class Quartic(losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return fourth(y_true, y_pred)


class Slow(optimizers.SGD):
    pass


class Double:
    """An initializer that is not derived from one of nn's."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: Any = "float32") -> Any:
        return np.full(shape, self.value, dtype)

    def get_config(self) -> dict[str, Any]:
        return {"value": self.value}


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget after a test what it registers, and the classes that it defines."""
    monkeypatch.setattr(Registered, "_registry", dict(Registered._registry))
    before = dict(saving.get_custom_objects())
    yield
    saving.get_custom_objects().clear()
    saving.get_custom_objects().update(before)


def registered() -> None:
    for thing in (bent, fourth, halves, small, positive, Scale, Squares, Quartic, Slow, Double):
        assert register_keras_serializable("tests")(thing) is thing


def network() -> Any:
    nn.set_seed(0)
    own = {"kernel_initializer": halves, "kernel_regularizer": small, "kernel_constraint": positive}
    return nn.Sequential(
        [
            nn.Input((4,)),
            layers.Dense(3, activation=bent, **own),
            layers.Dense(3, kernel_initializer=Double(0.25)),  # type: ignore[arg-type]
            Scale(2.0, act=bent),
            layers.Dense(2),
        ]
    )


def trained(model: Any) -> list[Any]:
    nn.set_seed(1)
    history = model.fit(X, Y, batch_size=3, epochs=2, verbose=0).history
    return [history, *model.get_weights()]


def test_registered_things_are_saved_and_loaded(tmp_path: Path) -> None:
    registered()
    for loss, metric, optimizer in (
        (fourth, fourth, Slow(1e-3)),
        (Quartic(), Squares("squares"), optimizers.Adam(1e-3)),
    ):
        model = network()
        model.compile(optimizer, loss, metrics=[metric])
        model.fit(X, Y, verbose=0)
        model.save(tmp_path / "m.nn")
        again = models.load_model(tmp_path / "m.nn")
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        assert again.layers[0].activation is bent
        assert again.layers[0].kernel_initializer is halves
        assert again.layers[1].kernel_initializer.value == 0.25
        first, second = trained(model), trained(again)
        assert first[0] == second[0]
        for a, b in zip(first[1:], second[1:], strict=True):
            np.testing.assert_array_equal(a, b)


def test_json_clones_and_configurations_name_them() -> None:
    registered()
    model = network()
    again = models.model_from_json(model.to_json())
    assert again.to_json() == model.to_json()
    assert again.layers[0].activation is models.clone_model(model).layers[0].activation is bent
    assert layers.Dense.from_config(model.layers[0].get_config()).activation is bent
    assert layers.deserialize(layers.serialize(model.layers[2])).act is bent  # type: ignore[attr-defined]
    assert activations.deserialize(activations.serialize(bent)) is bent


def test_files_name_only_what_is_registered_or_given(tmp_path: Path) -> None:
    registered()
    network().save(tmp_path / "m.nn")
    network().to_json()
    saving.get_custom_objects().clear()
    with pytest.raises(SavedFileError, match=r"names the (class|function) 'tests>\w+', which is not one of nn's"):
        models.load_model(tmp_path / "m.nn")
    given = {
        f"tests>{thing.__name__}": thing
        for thing in (bent, halves, small, positive, Scale, Double)  # type: ignore[attr-defined]
    }
    assert models.load_model(tmp_path / "m.nn", given).layers[0].activation is bent
    with saving.custom_object_scope(given):
        assert models.load_model(tmp_path / "m.nn").layers[0].activation is bent
    with pytest.raises(SavedFileError, match=r"names the function 'tests>bent'"):
        models.load_model(tmp_path / "m.nn", {**given, "tests>bent": Scale})


def test_strings_name_them() -> None:
    registered()
    assert layers.Dense(2, activation="tests>bent").activation is bent
    assert activations.get("tests>bent") is bent
    assert initializers.get("tests>halves") is halves
    assert regularizers.get("tests>small") is small
    assert constraints.get("tests>positive") is positive
    assert isinstance(losses.get("tests>Quartic"), Quartic)
    assert losses.get("tests>fourth").function is fourth  # type: ignore[attr-defined]
    assert isinstance(metrics.get("tests>Squares"), Squares)
    assert isinstance(optimizers.get("tests>Slow"), Slow)
    with pytest.raises(ValueError, match="expected the name of an activation; received 'bent'"):
        activations.get("bent")


def test_scopes_nest_and_end() -> None:
    with saving.CustomObjectScope({"bent": bent}):
        with saving.custom_object_scope({"half": halves}):
            assert activations.get("bent") is bent
            assert layers.Dense(1, activation=bent).get_config()["activation"] == {
                "class_name": "function",
                "config": "bent",
            }
        with pytest.raises(ValueError, match="received 'half'"):
            activations.get("half")
        assert contextvars.copy_context().run(activations.get, "bent") is bent
    with pytest.raises(ValueError, match="received 'bent'"):
        activations.get("bent")
    scope = saving.CustomObjectScope({"bent": bent})
    with scope, scope:
        assert activations.get("bent") is bent
    with pytest.raises(ValueError, match="received 'bent'"):
        activations.get("bent")
    with pytest.raises(ZeroDivisionError), scope:
        _ = 1 / 0
    assert saving.get_registered_object("bent") is None


def test_names_and_objects() -> None:
    assert saving.get_registered_name(bent) == "bent"
    assert register_keras_serializable()(bent) is bent
    assert register_keras_serializable("tests", "third_power")(fourth) is fourth
    assert saving.get_registered_name(bent) == "Custom>bent"
    assert saving.get_registered_name(fourth) == "tests>third_power"
    assert saving.get_registered_name(layers.Dense) == "layers.Dense"
    assert saving.get_registered_object("Custom>bent") is bent
    assert saving.get_registered_object("Custom>nothing") is None
    assert saving.get_registered_object("f", {"f": fourth}) is fourth
    saving.get_custom_objects()["mine"] = halves
    assert saving.get_registered_name(halves) == "mine"
    assert initializers.get("mine") is halves
    assert nn.utils.get_custom_objects() is saving.get_custom_objects()


def test_a_class_that_is_defined_again_takes_the_place_of_the_old_one() -> None:
    def define() -> Any:
        @register_keras_serializable("tests")
        class Again(layers.Layer):
            def call(self, x: Any) -> Any:
                return x

        return Again

    old, new = define(), define()
    config = layers.serialize(old())
    assert config["class_name"] == "tests>Again"
    assert type(layers.deserialize(config)) is new


def test_a_class_of_the_users_own_does_not_take_the_place_of_ours() -> None:
    @register_keras_serializable("tests")
    class Dense(layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    assert layers.serialize(layers.Dense(2))["class_name"] == "layers.Dense"
    assert layers.serialize(Dense())["class_name"] == "tests>Dense"
    assert type(layers.deserialize(layers.serialize(layers.Dense(2)))) is layers.Dense


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (3, "expected custom_objects to be functions, and classes derived from nn's or with get_config; received '3'"),
        (dict, "expected custom_objects to be functions, and classes derived from nn's or with get_config"),
        (lambda x: x, "expected a function or class with a name; received .*<lambda>.* Give name="),
    ],
)
def test_what_cannot_be_registered(thing: Any, message: str) -> None:
    before = dict(saving.get_custom_objects())
    with pytest.raises(TypeError, match=message.replace("received '3'", "received 'None': 3")):
        register_keras_serializable()(thing)
    assert saving.get_custom_objects() == before


def test_objects_as_plain_values_and_back() -> None:
    registered()
    given = {
        "layer": layers.Dense(3, activation=bent),
        "parts": [losses.huber, activations.relu, bent, 2.0, None, "text", (1, 2)],
        "loss": losses.Huber(2.0),
        "rate": optimizers.schedules.ExponentialDecay(0.1, 10, 0.5),
    }
    config = saving.serialize_keras_object(given)
    found = saving.deserialize_keras_object(config)
    assert found["parts"] == [losses.huber, activations.relu, bent, 2.0, None, "text", [1, 2]]
    assert found["layer"].activation is bent
    assert saving.serialize_keras_object(found) == config
    with pytest.raises(TypeError, match="serialize_keras_object: .* received the function .*<lambda>"):
        saving.serialize_keras_object([lambda x: x])
    with pytest.raises(TypeError, match="received the object <object"):
        saving.serialize_keras_object(object())
    for name in ("os.system", "Unknown", 3):
        with pytest.raises(ValueError, match="deserialize_keras_object: the configuration names the class"):
            saving.deserialize_keras_object({"class_name": name, "config": {}})
    assert saving.deserialize_keras_object({"class_name": "function", "config": "f"}, {"f": bent}) is bent


@pytest.mark.ci
def test_names_are_those_of_keras() -> None:
    keras = peers.keras()

    def run(k: Any) -> list[Any]:
        def own(x: Any) -> Any:
            return x * 2

        k.saving.register_keras_serializable("here", "twice")(own)
        layer = k.layers.Dense(1, activation=own)
        with k.saving.custom_object_scope({"plain": own}):
            inside = k.saving.get_registered_object("plain") is own
        return [
            k.saving.get_registered_name(own),
            k.saving.get_registered_object("here>twice") is own,
            k.saving.get_registered_object("here>no") is None,
            inside,
            k.saving.get_registered_object("plain") is None,
            k.layers.Dense.from_config(layer.get_config()).activation is own,
            "here>twice" in k.saving.get_custom_objects(),
        ]

    assert run(nn) == run(keras)
