"""Losses and metrics as configurations: made again from JSON they compute the same; every class has its own name."""

from __future__ import annotations

import importlib
import json
import pkgutil
from typing import Any

import numpy as np
import pytest

import nn
from nn import activations, initializers, layers, losses, metrics, regularizers
from nn.config.config import Configurable, Registered, plain
from nn.config.fields import attributes_of

from ..layers import layer_cases
from ..losses import loss_cases
from ..metrics import metric_cases


def again(config: Any) -> Any:
    """Return a configuration as a file would give it back."""
    return json.loads(json.dumps(config))


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", None])
@pytest.mark.parametrize("name", loss_cases.CASES)
def test_losses_are_made_again(name: str, reduction: str | None) -> None:
    case = loss_cases.CASES[name]
    loss = case.loss(reduction=reduction, name="mine")
    config = again(losses.serialize(loss))
    assert config["class_name"] == f"losses.{type(loss).__name__}"
    twin = losses.deserialize(config)
    assert type(twin) is type(loss)
    assert repr(twin) == repr(loss)
    assert losses.serialize(twin) == config
    np.testing.assert_array_equal(twin(case.y, case.p).data, loss(case.y, case.p).data)


@pytest.mark.parametrize("name", [name for name in metric_cases.CASES if name != "of a function"])
def test_metrics_are_made_again(name: str) -> None:
    case = metric_cases.CASES[name]
    metric = case.make(**case.arguments, name="mine")
    metric.update_state(case.y[:9], case.p[:9])  # no part of the configuration
    config = again(metrics.serialize(metric))
    assert config["class_name"] == f"metrics.{type(metric).__name__}"
    twin = metrics.deserialize(config)
    assert type(twin) is type(metric)
    assert twin.name == "mine"
    assert metrics.serialize(twin) == config
    np.testing.assert_array_equal(twin(case.y, case.p), case.make(**case.arguments)(case.y, case.p))


def power(y_true: Any, y_pred: Any, power: float = 2.0) -> Any:
    return (abs(y_true - y_pred) ** power).mean(axis=-1)


@pytest.mark.parametrize("function", [losses.huber, metrics.binary_accuracy, metrics.pearson_correlation])
def test_functions_of_nn_have_names(function: Any) -> None:
    y, p = np.array([[0.0, 1.0, 1.0]]), np.array([[0.2, 0.4, 0.9]])
    config = again(metrics.serialize(function))
    assert config["config"]["fn"] == {
        "class_name": "function",
        "config": f"{function.__module__.split('.')[2]}.{function.__name__}",
    }
    assert metrics.deserialize(config).fn is function  # type: ignore[attr-defined]
    if function is losses.huber:
        twin = losses.deserialize(again(losses.serialize(function)))
        assert twin(y, p).item() == losses.get(function)(y, p).item()


def test_functions_of_the_user_stay_what_they_are() -> None:
    loss = losses.deserialize(losses.serialize(power))
    assert loss.function is power  # type: ignore[attr-defined]
    metric = metrics.MeanMetricWrapper(power, "mine", power=3.0)
    assert metrics.serialize(metric)["config"] == {"fn": power, "name": "mine", "power": 3.0}
    twin = metrics.deserialize(metrics.serialize(metric))
    assert twin([[1.0]], np.array([[3.0]])) == 8.0
    assert metrics.deserialize(metrics.serialize(metrics.MeanMetricWrapper(losses.Huber(2.0, reduction=None)))).name


def test_names_and_configurations_are_accepted_where_objects_are() -> None:
    assert type(losses.deserialize("mse")) is losses.MeanSquaredError
    assert metrics.deserialize("mse").name == "mse"
    assert losses.get({"class_name": "Huber", "config": {"delta": 2.0}}).delta == 2.0  # type: ignore[attr-defined]
    assert metrics.get(metrics.serialize(metrics.Hinge("mine"))).name == "mine"
    assert metrics.deserialize({"class_name": "Hinge", "config": {}}).name == "hinge"
    assert type(losses.deserialize({"class_name": "Hinge", "config": {}})) is losses.Hinge


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"class_name": "losses.Hinge"},
        {"class_name": "metrics.AUC", "config": {}},
        {"class_name": "os.system", "config": {}},
        {"class_name": ["losses.Hinge"], "config": {}},
        3,
    ],
)
def test_other_configurations_are_refused(config: Any) -> None:
    with pytest.raises(ValueError, match="expected the configuration of a loss, as serialize"):
        losses.deserialize(config)
    metric = {**config, "class_name": "losses.Hinge"} if isinstance(config, dict) else config
    with pytest.raises(ValueError, match="expected the configuration of a metric, as serialize"):
        metrics.deserialize(metric)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'delta'"):
        losses.deserialize({"class_name": "losses.Hinge", "config": {"delta": 1.0}})
    with pytest.raises(ValueError, match="expected delta"):
        losses.deserialize({"class_name": "losses.Huber", "config": {"delta": -1.0}})


def test_no_two_classes_have_the_same_name() -> None:
    modules = [importlib.import_module(m.name) for m in pkgutil.walk_packages(nn.__path__, "nn.")]
    found: dict[str, set[type]] = {}
    for module in modules:
        for thing in vars(module).values():
            if (
                isinstance(thing, type)
                and issubclass(thing, Registered)
                and thing is not Registered
                and not thing.__name__.startswith("_")
            ):
                found.setdefault(thing.config_name, set()).add(thing)
    assert {name for name, kinds in found.items() if len(kinds) > 1} == set()
    assert all(Registered._registry[name] in kinds for name, kinds in found.items())
    assert {"losses.Hinge", "metrics.Hinge", "layers.Identity", "initializers.Identity"} <= found.keys()


def test_a_class_of_the_user_never_stands_for_one_of_nn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Registered, "_registry", dict(Registered._registry))  # other tests should not meet this class

    class Dense(layers.Layer):
        """The user's own, of the same name."""

    assert Dense.config_name == "Dense"
    assert Registered._registry["layers.Dense"] is layers.Dense
    config = layers.Bidirectional(layers.LSTM(2, kernel_initializer=initializers.Identity(2.0))).get_config()
    assert config["layer"]["class_name"] == "layers.LSTM"
    assert config["layer"]["config"]["kernel_initializer"]["class_name"] == "initializers.Identity"
    assert issubclass(Configurable, Registered)
    assert layers.Activation(activations.relu).get_config()["activation"] == "relu"


def test_a_repr_has_the_arguments_that_differ_from_their_defaults() -> None:
    class Mine(nn.losses.Loss):
        def __init__(self, low: float, high: float = 1.0) -> None:
            super().__init__()
            self.low, self.inner = low, high * 2

    expected = {
        "MeanSquaredError()": nn.losses.MeanSquaredError(),
        "Huber(delta=2.0)": nn.losses.Huber(2),
        "GlorotUniform()": nn.initializers.GlorotUniform(),
        "L2(l2=0.1)": nn.regularizers.L2(0.1),
        "CosineDecay(initial_learning_rate=0.1, decay_steps=100.0)": nn.optimizers.schedules.CosineDecay(0.1, 100),
        "Mine(low=0.0)": Mine(0.0),
        "Mine(low=0.0, high=3.0)": Mine(0.0, 3.0),
    }
    assert {repr(thing) for thing in expected.values()} == expected.keys()


def test_the_settings_of_a_layer_are_a_line_before_its_parts() -> None:
    layer = nn.layers.MultiHeadAttention(2, 4)
    assert repr(layer).splitlines()[:3] == [
        "MultiHeadAttention(",
        "  num_heads=2, key_dim=4",
        "  (dropout): Dropout(0)",
    ]
    assert "_Projection" not in repr(layer)


def other(name: str, value: Any) -> Any:
    """Return another valid value of an argument, or None if none is known: the same for what is equal."""
    if name.endswith("_regularizer") and value is None:
        return regularizers.L2(0.5)
    if isinstance(value, bool):
        return not value
    if isinstance(value, float) and 0 < value < 1:
        return value / 2
    functions = {activations.relu: "tanh", activations.tanh: "relu", activations.linear: "relu"}
    return functions.get(value) if callable(value) and value.__hash__ else None


def test_what_is_assigned_later_is_in_the_configuration() -> None:
    """Otherwise a model would be saved, or cloned, that computes something else."""
    made = [case.make() for case in layer_cases.all_cases()]
    made += [case.loss() for case in loss_cases.CASES.values()]
    seen = set()
    for thing in made:
        before = thing.get_config()
        for name, _, value in attributes_of(thing):
            if (new := other(name, value)) is not None:
                seen.add(f"{type(thing).__name__}.{name}")
                setattr(thing, name, new)
                assert thing.get_config() == {**before, name: plain(new)}, f"{type(thing).__name__}.{name}"
                setattr(thing, name, value)
                assert thing.get_config() == before
    assert seen >= {"Dropout.rate", "Dense.activation", "LSTM.dropout", "GRU.bias_regularizer"}
    assert len(seen) > 200, len(seen)


@pytest.mark.parametrize("make", [lambda: layers.Dense(2), lambda: layers.LSTM(2)])
def test_a_rule_that_is_assigned_later_counts(make: Any) -> None:
    layer = make()
    layer.kernel_regularizer = "l2"  # before it is built, and after
    layer(np.ones((1, 3, 4)))
    kernel = layer.weights[0]
    assert layer.losses[0].item() == pytest.approx(0.01 * np.square(kernel.data).sum())
    layer.kernel_regularizer = regularizers.L1(1.0)
    assert layer.losses[0].item() == pytest.approx(np.abs(kernel.data).sum())
    layer.kernel_regularizer, layer.kernel_constraint = None, "non_neg"
    assert (layer.losses, layer.kernel_regularizer) == ([], None)
    model = nn.Sequential([nn.Input((3, 4)), layer])
    for rule, all_positive in [("non_neg", True), (None, False)]:
        layer.kernel_constraint = rule
        model.compile("sgd", "mse")
        kernel.assign(-np.ones(kernel.shape))
        model.train_on_batch(np.ones((1, 3, 4)), model.predict(np.ones((1, 3, 4))))
        assert (kernel.data >= 0).all() == all_positive
