"""`pop`, `to_json`, `model_from_json` and `clone_model`: models made shorter, and made again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from nn import layers, models

from .. import peers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(5, 4))


class Scaled(models.Model):
    def __init__(self, units: int, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = factor
        self.inner = layers.Dense(units)

    def call(self, x: ag.Tensor) -> ag.Tensor:
        return self.inner(x) * self.factor


def sequential() -> Any:
    return nn.Sequential(
        [nn.Input((4,)), layers.Dense(3, activation="relu"), layers.BatchNormalization(), layers.Dense(2)], name="net"
    )


def lazy() -> Any:
    model = nn.Sequential([layers.Dense(3), layers.Dense(2)])
    model(X)
    return model


def functional() -> Any:
    x = nn.Input((4,), name="x")
    shared = layers.Dense(4)
    return nn.Model(x, {"a": layers.Dense(1)(np.tanh(shared(x)) + shared(x * 2.0)), "b": x[:, :1]}, name="net")


def nested() -> Any:
    inner = sequential()
    x = nn.Input((4,))
    return nn.Model(x, layers.Dense(1)(inner(x)))


def subclass() -> Any:
    model = Scaled(2, factor=3.0)
    model(X)
    return model


KINDS = [sequential, lazy, functional, nested, subclass]


def outputs(model: Any) -> list[Any]:
    with ag.no_grad():
        out = model(X, training=False)
    return [t.numpy() for t in (out.values() if isinstance(out, dict) else [out])]


def same(a: list[Any], b: list[Any]) -> bool:
    return all(np.array_equal(p, q) for p, q in zip(a, b, strict=True))


def alike_but_new(model: Any, twin: Any) -> None:
    """Assert that twin has model's architecture, built, with initial values of its own."""
    assert type(twin) is type(model)
    assert twin.name == model.name
    state, other = model.state_dict(), twin.state_dict()
    assert {path: a.shape for path, a in state.items()} == {path: a.shape for path, a in other.items()}
    assert not {id(t) for t in model.weights} & {id(t) for t in twin.weights}
    kernels = [path for path in state if path.endswith("kernel")]
    assert kernels
    assert not any(np.array_equal(state[path], other[path]) for path in kernels)
    twin.set_weights(model.get_weights())
    assert same(outputs(model), outputs(twin))


# ---- JSON and clones ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", KINDS)
def test_a_model_of_its_json(make: Any) -> None:
    nn.set_seed(0)
    model = make()
    model.layers[0].trainable = False
    text = model.to_json(indent=1)
    assert json.loads(text)["class_name"] in ("models.Sequential", "models.Model", "Scaled")
    twin = models.model_from_json(text, {"Scaled": Scaled})
    assert [name for name, part in twin.named_modules() if not part.trainable] == [
        name for name, part in model.named_modules() if not part.trainable
    ]
    alike_but_new(model, twin)
    assert twin.to_json() == model.to_json()


@pytest.mark.parametrize("make", KINDS)
def test_a_clone(make: Any) -> None:
    nn.set_seed(0)
    model = make()
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    twin = models.clone_model(model)
    assert [p.shape for p in twin.parameters()] == [p.shape for p in model.parameters()]
    alike_but_new(model, twin)
    assert twin.get_compile_config() == model.get_compile_config()


def test_a_clone_is_made_of_the_very_classes_of_the_original() -> None:
    def define() -> Any:
        class Again(layers.Layer):
            def call(self, x: Any) -> Any:
                return x

        return Again

    old, new = define(), define()
    for model in (nn.Sequential([nn.Input((4,)), old(), layers.Dense(2)]), old()):
        twin = models.clone_model(model)
        assert type(twin.layers[0] if isinstance(twin, nn.Sequential) else twin) is old
    assert type(layers.deserialize(layers.serialize(old()))) is new


def test_an_unbuilt_model_gives_an_unbuilt_one() -> None:
    model = nn.Sequential([layers.Dense(3)])
    assert not models.clone_model(model).built
    assert not models.model_from_json(model.to_json()).built


@pytest.mark.parametrize("make", [sequential, lazy, functional, nested])
def test_a_clone_function_is_asked_for_every_layer(make: Any) -> None:
    nn.set_seed(0)
    model, seen = make(), []

    def wider(layer: Any) -> Any:
        seen.append(layer)
        config = layer.get_config()
        if type(layer) is layers.Dense and config["units"] == 3:
            config["units"] = 7
        return type(layer).from_config(config)

    twin = models.clone_model(model, clone_function=wider)
    assert [type(layer) for layer in seen] == [
        type(m) for _, m in model._members() if not isinstance(m, layers.InputLayer)
    ]
    assert twin(X) is not None
    if make in (sequential, lazy):
        assert [p.shape for p in twin.parameters() if p.ndim == 2] == [(4, 7), (7, 2)]
        assert [p.shape for p in model.parameters() if p.ndim == 2] == [(4, 3), (3, 2)]
    else:
        alike_but_new(model, twin)


def test_a_clone_for_inputs_of_another_shape() -> None:
    x = nn.Input((8, 8, 1), name="image")
    model = nn.Model(x, layers.Conv2D(2, 3)(x))
    larger = models.clone_model(model, input_tensors=nn.Input((20, 30, 1), name="large"))
    assert larger.output_shape == (None, 18, 28, 2)
    assert larger.input_names == ["large"]
    larger.set_weights(model.get_weights())
    image = RNG.normal(size=(1, 20, 30, 1)).astype("float32")
    np.testing.assert_array_equal(larger.predict(image)[:, :6, :6], model.predict(image[:, :8, :8]))
    chain = nn.Sequential([nn.Input((8, 8, 1)), layers.Conv2D(2, 3)])
    assert models.clone_model(chain, nn.Input((20, 30, 1))).output_shape == (None, 18, 28, 2)
    assert chain.output_shape == (None, 6, 6, 2)


def test_clones_that_cannot_be() -> None:
    with pytest.raises(TypeError, match="expected a Sequential or a functional model .*; received a Scaled"):
        models.clone_model(subclass(), clone_function=lambda layer: layer)
    with pytest.raises(TypeError, match="return a new layer for 'dense'; received the layer itself"):
        models.clone_model(sequential(), clone_function=lambda layer: layer)
    with pytest.raises(TypeError, match="received None"):
        models.clone_model(sequential(), clone_function=lambda layer: None)  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError, match="expected 1 input tensors; received 2"):
        models.clone_model(functional(), [nn.Input((4,)), nn.Input((4,))])
    with pytest.raises(ValueError, match="expected one input tensor for a Sequential; received 2"):
        models.clone_model(sequential(), [nn.Input((4,)), nn.Input((4,))])
    with pytest.raises(TypeError, match=r"symbols made by nn.Input, one or a list; received array"):
        models.clone_model(sequential(), np.ones(3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "expected JSON text"),
        (3, "expected JSON text"),
        ("[]", "expected the text of model.to_json()"),
        ('{"class_name": "os.system", "config": {}}', "the text names the class 'os.system', which is not one of nn's"),
        ('{"class_name": "Scaled", "config": {"units": 1}}', "the text names the class 'Scaled'"),
        ('{"class_name": "losses.MeanSquaredError", "config": {}}', "expected a model; received MeanSquaredError"),
        ('{"class_name": "models.Sequential", "config": {"layers": 3}}', "does not describe a model"),
        ('{"class_name": "models.Model", "config": {"calls": [], "layers": [{}]}}', "does not describe a model"),
    ],
)
def test_other_texts_are_refused(text: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace(")", r"\)")):
        models.model_from_json(text)


def test_what_has_no_plain_form_is_named() -> None:
    model = nn.Sequential([layers.Dense(2, activation=lambda x: x, name="odd")])
    with pytest.raises(
        TypeError, match=r"to_json: .*received the function .*<lambda> as 'activation' of layers.Dense 'odd'"
    ):
        model.to_json()


# ---- pop ------------------------------------------------------------------------------------------------------------


def test_pop_returns_the_last_layer_and_leaves_the_others() -> None:
    nn.set_seed(0)
    model = sequential()
    kept = {path: a for path, a in model.state_dict().items() if not path.startswith("dense_1")}
    last = model.layers[-1]
    assert model.pop() is last
    assert model.output_shape == (None, 3)
    assert same([*kept.values()], [*model.state_dict().values()])
    assert model(X).shape == (5, 3)
    model.add(layers.Dense(7))
    assert model.output_shape == (None, 7)
    assert [path for path, _ in model.named_parameters()][-2:] == ["dense_1.kernel", "dense_1.bias"]
    assert model.summary(lambda text: None) is None


def test_pop_of_a_model_that_learned_its_shape_from_data() -> None:
    model = lazy()
    model.pop()
    assert model.output_shape == (None, 3)
    model.add(layers.Dense(6))
    assert model(X).shape == (5, 6)


def test_pop_of_lengths_and_dtypes_that_change() -> None:
    model = nn.Sequential([nn.Input((None,), dtype="int32"), layers.Embedding(9, 2), layers.LSTM(3), layers.Dense(1)])
    shapes = [(None, 3), (None, None, 2)]
    for shape in shapes:
        model.pop()
        assert model.output_shape == shape
    model.add(layers.GRU(4))
    assert model(np.ones((2, 6), np.int32)).shape == (2, 4)


def test_pop_until_nothing_is_left() -> None:
    model = nn.Sequential([layers.Dense(2, input_shape=(4,))])
    model.pop()
    with pytest.raises(ValueError, match="sequential.pop: expected at least one layer; found none"):
        model.pop()
    model.add(nn.Input((3,)))
    model.add(layers.Dense(5))
    assert model.output_shape == (None, 5)
    of_input = nn.Sequential([nn.Input((4,)), layers.Dense(2)])
    of_input.pop()
    of_input.add(layers.Dense(3))
    assert of_input.output_shape == (None, 3)
    learned = nn.Sequential([layers.Dense(2)])
    learned(X)
    learned.pop()
    learned.add(layers.Dense(3))
    assert learned(X[:, :2]).shape == (5, 3)


def test_a_model_trains_on_after_pop_when_compiled_again() -> None:
    model = sequential()
    model.compile("adam", "mse")
    model.fit(X, np.ones((5, 2)), verbose=0)
    model.pop()
    model.compile("adam", "mse")
    model.fit(X, np.ones((5, 3)), verbose=0)


@pytest.mark.ci
def test_pop_and_clones_as_in_keras() -> None:
    keras = peers.keras()

    def run(k: Any) -> list[Any]:
        model = k.Sequential([k.Input((4,)), k.layers.Dense(3), k.layers.Dense(2)])
        model.pop()
        model.add(k.layers.Dense(6))
        found: list[Any] = [model.output_shape, len(model.layers)]

        def swap(layer: Any) -> Any:
            config = layer.get_config()
            return type(layer).from_config({**config, "units": 9})

        twin = k.models.clone_model(model, clone_function=swap)
        again = k.models.model_from_json(model.to_json())
        return [*found, twin.output_shape, again.output_shape, [tuple(w.shape) for w in again.weights]]

    assert run(nn) == run(keras)


def halved(y: Any, p: Any) -> Any:
    return ((y - p) ** 2).mean() / 2


class Doubled(nn.losses.Loss):
    def call(self, y_true: Any, y_pred: Any) -> Any:
        return 2 * (y_true - y_pred) ** 2


COMPILATIONS: dict[str, Any] = {
    "names": lambda: {"optimizer": "sgd", "loss": "mse", "metrics": ["mae"], "run_eagerly": True},
    "objects": lambda: {
        "optimizer": nn.optimizers.Adam(0.01, beta_1=0.8, clipnorm=2.0),
        "loss": nn.losses.Huber(0.5),
        "metrics": [nn.metrics.RootMeanSquaredError()],
        "weighted_metrics": ["mse"],
    },
    "a function": lambda: {"optimizer": "rmsprop", "loss": halved},
    "a custom class": lambda: {"optimizer": nn.optimizers.SGD(0.1, momentum=0.9), "loss": Doubled()},
}
COPIES: dict[str, Any] = {
    "clone_model": nn.models.clone_model,
    "clone_model with a function": lambda model: nn.models.clone_model(
        model, clone_function=lambda layer: type(layer).from_config(layer.get_config())
    ),
    "model_from_json": lambda model: nn.models.model_from_json(model.to_json(), {"halved": halved, "Doubled": Doubled}),
}


@pytest.mark.parametrize("compilation", COMPILATIONS)
@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("functional", [False, True])
def test_a_copy_is_compiled_as_its_model(copy: str, compilation: str, functional: bool) -> None:
    start = nn.Input((4,))
    model = nn.Model(start, layers.Dense(2)(start)) if functional else nn.Sequential([start, layers.Dense(2)])
    assert not COPIES[copy](model).compiled
    model.compile(**COMPILATIONS[compilation]())
    again = COPIES[copy](model)
    assert again.get_compile_config() == model.get_compile_config()
    assert again.optimizer is not model.optimizer
    again.set_weights(model.get_weights())
    x, y = np.random.default_rng(0).normal(size=(2, 8, 4))
    kept = [w.copy() for w in model.get_weights()]
    histories = [m.fit(x, y[:, :2], epochs=2, shuffle=False, verbose=0).history for m in (again, model)]
    assert histories[0] == histories[1]
    assert all(np.array_equal(a, b) for a, b in zip(again.get_weights(), model.get_weights(), strict=True))
    assert not np.array_equal(kept[0], model.get_weights()[0])


def test_a_text_that_names_a_function_that_is_not_there_makes_a_model_that_is_not_compiled() -> None:
    model = nn.Sequential([nn.Input((4,)), layers.Dense(2)])
    model.compile("sgd", halved)
    with pytest.warns(UserWarning, match=r"names the function 'halved'.* custom_objects"):
        assert not nn.models.model_from_json(model.to_json()).compiled
