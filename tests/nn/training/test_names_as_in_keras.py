"""The keys of `History`, the lists of `evaluate` and `train_on_batch`, and `metrics_names`, in Keras's order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import nn
from tests.nn import peers

X = np.random.default_rng(0).normal(size=(12, 3)).astype("f")
A, B = (X[:, :1] > 0).astype("f"), X[:, :2]
W = np.linspace(0.5, 2, 12).astype("f")


def single(k: Any) -> Any:
    x = k.Input((3,))
    return k.Model(x, k.layers.Dense(1, name="out")(x))


def listed(k: Any) -> Any:
    x = k.Input((3,))
    return k.Model(x, [k.layers.Dense(1, name="zed")(x), k.layers.Dense(2, name="abc")(x)])


def by_key(k: Any) -> Any:
    x = k.Input((3,))
    return k.Model(x, {"z": k.layers.Dense(1, name="one")(x), "a": k.layers.Dense(2, name="two")(x)})


class Case(NamedTuple):
    """A model, its targets, what it is compiled with, and the names of what `evaluate` returns, in order."""

    make: Callable[[Any], Any]
    y: Any
    order: str
    how: dict[str, Any]


LISTED, KEYED = [A, B], {"z": A, "a": B}
CASES = {
    "one loss": Case(single, A, "loss", {"loss": "mse"}),
    "metrics": Case(single, A, "loss mse mae", {"loss": "mse", "metrics": ["mse", "mae"]}),
    "accuracy": Case(single, A, "loss accuracy", {"loss": "mse", "metrics": ["accuracy"]}),
    "weighted": Case(single, A, "loss mse mae", {"loss": "mse", "metrics": ["mse"], "weighted_metrics": ["mae"]}),
    "a dict of one": Case(single, A, "loss mae", {"loss": {"out": "mse"}, "metrics": {"out": ["mae"]}}),
    "one loss for all": Case(listed, LISTED, "loss zed_loss abc_loss", {"loss": "mse"}),
    "a list": Case(
        listed,
        LISTED,
        "loss zed_loss abc_loss abc_mae abc_mse zed_mae",
        {"loss": ["mse", "mae"], "metrics": [["mae"], ["mse", "mae"]], "loss_weights": [0.3, 2.0]},
    ),
    "a dict, in the order of the outputs": Case(
        listed,
        LISTED,
        "loss zed_loss abc_loss abc_mae zed_mse",
        {"loss": {"abc": "mae", "zed": "mse"}, "metrics": {"abc": ["mae"], "zed": ["mse"]}},
    ),
    "weighted by output": Case(
        listed,
        LISTED,
        "loss zed_loss abc_loss abc_mae abc_weighted_mae zed_mae zed_weighted_mae",
        {"loss": ["mse", "mae"], "metrics": [["mae"], ["mae"]], "weighted_metrics": [["mae"], ["mae"]]},
    ),
    "an output without a loss": Case(
        listed, LISTED, "loss abc_mae zed_mae", {"loss": ["mse", None], "metrics": [["mae"], ["mae"]]}
    ),
    "one loss for a dict": Case(by_key, KEYED, "loss a_loss z_loss", {"loss": "mse"}),
    "a dict for a dict, in its own order": Case(
        by_key,
        KEYED,
        "loss z_loss a_loss a_mae a_mse z_mae",
        {"loss": {"z": "mse", "a": "mae"}, "metrics": {"z": ["mae"], "a": ["mse", "mae"]}},
    ),
    "lists for a dict, by sorted key": Case(
        by_key,
        KEYED,
        "loss z_loss a_loss a_mae z_mse",
        {"loss": {"z": "mse", "a": "mae"}, "metrics": [["mae"], ["mse"]]},
    ),
}


def run(k: Any, case: Case) -> tuple[Any, ...]:
    """Return what a model reports, which has the same weights in both libraries."""
    model = case.make(k)
    model.set_weights([np.random.default_rng(i).normal(size=w.shape) for i, w in enumerate(model.weights)])
    model.compile(k.optimizers.SGD(0.0), **case.how)
    given: Any = {"sample_weight": W} if "weighted_metrics" in case.how else {}
    seen: list[list[str]] = []

    class Keys(k.callbacks.Callback):  # type: ignore[name-defined,misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append(list(logs))

        on_train_batch_end = on_test_batch_end = on_epoch_end

    history = model.fit(X, case.y, validation_data=(X, case.y), verbose=0, callbacks=[Keys()], **given).history
    listed = np.ravel(model.evaluate(X, case.y, verbose=0, **given))
    named = model.evaluate(X, case.y, verbose=0, return_dict=True, **given)
    on_batch = np.ravel(model.train_on_batch(X, case.y))
    return [*history], [*named], seen, model.metrics_names, listed, np.array([*named.values()]), on_batch


@pytest.mark.parametrize("name", CASES)
def test_the_order_of_what_is_reported(name: str) -> None:
    case = CASES[name]
    order = case.order.split()
    history, named, seen, names, listed, values, on_batch = run(nn, case)
    assert history == sorted([*order, *(f"val_{key}" for key in order)])
    assert named == sorted(order)
    assert seen == [sorted(order), sorted(order), history]
    assert len(on_batch) == len(order)
    np.testing.assert_array_equal(listed, [values[named.index(key)] for key in order])
    losses = [key for key in order if key.endswith("loss")]
    assert names == [losses[0], *["compile_metrics"] * (losses != order), *losses[1:]]


@pytest.mark.ci
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of Keras's variables
@pytest.mark.filterwarnings("ignore:Gradients do not exist:UserWarning")  # of Keras, for an output without a loss
@pytest.mark.parametrize("name", CASES)
def test_the_same_in_keras(name: str) -> None:
    mine, theirs = run(nn, CASES[name]), run(peers.keras(), CASES[name])
    assert mine[:2] == theirs[:2]
    assert mine[2][-1] == theirs[2][-1]
    assert mine[3] == theirs[3]
    for a, b in zip(mine[4:], theirs[4:], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)


def test_a_compile_config_keeps_the_order() -> None:
    case = CASES["a dict for a dict, in its own order"]
    model, twin = case.make(nn), case.make(nn)
    model.compile("sgd", **case.how)
    twin.compile_from_config(model.get_compile_config())
    assert [m.name for m in twin.metrics] == [m.name for m in model.metrics]
    assert [m.name for m in twin.metrics[1].metrics] == [m.name for m in model.metrics[1].metrics]
    assert nn.Sequential([nn.layers.Dense(1)]).metrics_names == []


def test_weights_and_metrics_by_position_in_either_order() -> None:
    for given in (([0.5, 2.0], [["mae"], ["mse"]]), ([["mae"], ["mse"]], [0.5, 2.0])):
        model = listed(nn)
        model.compile("sgd", ["mse", "mae"], *given)
        total, first, second, *_ = model.evaluate(X, [A, B], verbose=0)
        np.testing.assert_allclose(total, 0.5 * first + 2 * second, rtol=1e-6)
        assert {"abc_mse", "zed_mae"} <= set(model.evaluate(X, [A, B], verbose=0, return_dict=True))
