"""A call that stores something on its layer is not replayed: it is said once, and nothing is traced again and again."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from nn import layers

X, Y = np.ones((80, 2), np.float32), np.ones((80, 1), np.float32)
STORES: dict[str, Callable[[Any, Any], Any]] = {
    "a counter": lambda layer, x: setattr(layer, "calls", layer.calls + 1),
    "a list": lambda layer, x: layer.log.append(x.shape),
    "a dict": lambda layer, x: layer.seen.__setitem__(len(layer.seen), 1),
    "a tensor": lambda layer, x: setattr(layer, "mean", x.mean()),
    "an array": lambda layer, x: setattr(layer, "mean", np.arange(3)),
    "a text": lambda layer, x: setattr(layer, "text", getattr(layer, "text", "") + "."),
}


class Storing(layers.Layer):
    def __init__(self, store: Any) -> None:
        super().__init__()
        self.store, self.calls, self.log, self.seen = (store,), 0, [], {}

    def call(self, x: Any) -> Any:
        self.store[0](self, x)
        return x * 1.0


def trained(store: Any, choice: Any) -> tuple[Any, list[str]]:
    nn.set_seed(0)
    model = nn.Sequential([layers.Input((2,)), Storing(store), layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=choice)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, Y, batch_size=2, epochs=3, verbose=0)
    return model, [str(w.message) for w in caught]


@pytest.mark.parametrize("name", STORES)
def test_it_is_said_once_and_nothing_is_traced_anew(name: str) -> None:
    model, said = trained(STORES[name], "auto")
    plain, silent = trained(STORES[name], False)
    assert silent == []
    assert len(said) == 1, said
    assert "the model is not compiled" in said[0]
    for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    inner, other = (m.layers[0] for m in (model, plain))
    assert (inner.calls, inner.log, inner.seen) == (other.calls, other.log, other.seen)
    steps = [step for key, step in model._replays.computations.items() if key[1].__name__ == "compute_gradients"]
    assert sum(len(step.compiled.traces) for step in steps) <= 2
