"""Layers that carry states from batch to batch: what is saved of them, and that no trial run disturbs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn import layers, models
from nn.saving import load_checkpoint, load_model, save_checkpoint

from ..classification import assert_equal_weights

X = np.random.default_rng(0).normal(size=(6, 5, 3)).astype(np.float32)
Y = X[:, 0, :1]


def recurrent(stateful: bool = True, seed: int = 0, compile: bool = True) -> models.Sequential:
    nn.set_seed(seed)
    model = models.Sequential(
        [
            nn.Input((5, 3)),
            layers.Bidirectional(layers.GRU(2, return_sequences=True, stateful=stateful)),
            layers.LSTM(4, stateful=stateful),
            layers.Dense(1),
        ]
    )
    if compile:
        model.compile("adam", "mse")
    return model


class Around(models.Model):
    """A model whose shapes are found by running it."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def call(self, x: Any) -> Any:
        return self.inner(x)


def states(model: Any) -> dict[str, np.ndarray]:
    return {path: a for path, a in model.state_dict().items() if ".states." in path}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all((a[key] == b[key]).all() for key in a)


def fit(model: models.Sequential) -> None:
    model.fit(X, Y, batch_size=6, epochs=1, shuffle=False, verbose=0)


def test_fit_carries_the_states_from_batch_to_batch() -> None:
    model, by_hand = recurrent(), recurrent()
    model.fit(X, Y, batch_size=6, epochs=3, shuffle=False, verbose=0)
    for _ in range(3):
        loss = np.square(by_hand(X) - Y).mean()
        loss.backward()
        by_hand.optimizer.step()
        by_hand.optimizer.zero_grad()
    assert_equal_weights(model, by_hand)
    assert len(states(model)) == 4


def test_a_trial_run_disturbs_nothing() -> None:
    model = recurrent()
    model(X)
    before = states(model)
    assert model.compute_output_shape((None, 5, 3)) == (None, 1)
    around = Around(model)
    assert around.compute_output_shape((None, 5, 3)) == (None, 1)
    with pytest.raises(ValueError, match="expected y_true and y_pred of the same shape"):
        model.fit(X, np.ones((6, 2)), verbose=0)
    assert same(states(model), before)
    lazy = models.Sequential([layers.LSTM(4, stateful=True), layers.Dense(1)])
    lazy.compile("adam", "mse")
    fit(lazy)
    assert states(lazy)["lstm.states.0"].shape == (6, 4)


@pytest.mark.parametrize("samples", [0, 2, 6])
def test_a_state_is_loaded_before_and_after_the_first_batch(samples: int) -> None:
    model, other = recurrent(), recurrent(seed=1)
    model(X)
    if samples:
        other(X[:samples])
    other.load_state_dict(model.state_dict())
    assert_equal_weights(model, other)
    np.testing.assert_array_equal(other(X).data, model(X).data)
    other.load_state_dict(recurrent().state_dict())
    assert states(other) == {}
    assert other(X[:3]).shape == (3, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lstm.states.0": np.zeros((6, 5), np.float32)}, r"mismatch: lstm.states.0 expected \(6, 4\) float32"),
        ({"lstm.states.2": np.zeros((6, 4), np.float32)}, r"unexpected: lstm.states.2"),
        ({"lstm.states.1": None}, r"missing: lstm.states.1"),
        ({"dense.bias": np.zeros(3)}, "mismatch: dense.bias"),
        ({"dense.bias": None, "lstm.states.0": None, "lstm.states.1": None}, "missing: dense.bias"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change: dict[str, Any], message: str) -> None:
    model = recurrent()
    model(X)
    before = model.state_dict()
    state = {**recurrent(seed=1).state_dict(), **{k: a + 1 for k, a in before.items() if ".states." in k}, **change}
    with pytest.raises(ValueError, match=message):
        model.load_state_dict({key: a for key, a in state.items() if a is not None})
    assert same(model.state_dict(), before)
    plain = recurrent(stateful=False)
    with pytest.raises(ValueError, match=r"unexpected: lstm.states.0"):
        plain.load_state_dict(before)


def test_states_that_a_partial_state_lacks_stay() -> None:
    model = recurrent()
    model(X)
    before = model.state_dict()
    assert model.load_state_dict({"dense.bias": before["dense.bias"] + 1}, strict=False).missing_keys == [
        name for name in before if name != "dense.bias"
    ]
    assert same(states(model), {name: a for name, a in before.items() if ".states." in name})
    held = {name: a + 1 for name, a in before.items() if ".states." in name}
    assert model.load_state_dict(held, strict=False) == ([name for name in before if name not in held], [])
    assert same(states(model), held)


def test_states_are_no_weights() -> None:
    model = recurrent()
    before = model.get_weights()
    model(X)
    held = states(model)
    model.set_weights([w + 1 for w in before])
    assert [a.tolist() for a in model.get_weights()] == [(w + 1).tolist() for w in before]
    assert same(states(model), held)


def test_a_model_is_saved_with_its_states(tmp_path: Path) -> None:
    for called in (False, True):
        model = recurrent()
        if called:
            fit(model)
        model.save(tmp_path / "m.nn")
        again = load_model(tmp_path / "m.nn")
        assert len(states(again)) == (4 if called else 0)
        fit(again)
        fit(model)
        assert_equal_weights(model, again)


def test_a_run_goes_on_bit_for_bit_in_a_new_model(tmp_path: Path) -> None:
    model = recurrent()
    fit(model)
    save_checkpoint(tmp_path / "c", model)
    fit(model)
    resumed = recurrent(seed=1)
    load_checkpoint(tmp_path / "c", resumed)
    fit(resumed)
    assert_equal_weights(model, resumed)


def test_a_model_without_weights_says_what_to_do(tmp_path: Path) -> None:
    recurrent(compile=False).save_weights(tmp_path / "w")
    lazy = models.Sequential([layers.LSTM(4, stateful=True), layers.Dense(1)])
    for call in (lazy.state_dict, lambda: lazy.load_state_dict({}), lambda: lazy.load_weights(tmp_path / "w")):
        with pytest.raises(
            ValueError, match=r"Give the first layer input_shape=\(...\), or call the module on a batch"
        ):
            call()
