"""What `fit`, `evaluate` and `predict` replay is what they would compute without it, bit for bit."""

from __future__ import annotations

import copy
import gc
import importlib
import pickle
import threading
import warnings
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler.replay import Replay
from nn import callbacks, layers, saving
from nn.training import replays

from ...laws.reading import same_bits
from .replay_cases import LABELS, ONE_HOT, ROWS_OF, Branching, K, Penalized, Row, X, mlp

EPOCHS = 6
Trained = tuple[Any, list[Any]]


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the second batch of a shape be traced already."""
    monkeypatch.setitem(replays.WARM, "auto", 1)


@pytest.fixture
def replayed(monkeypatch: pytest.MonkeyPatch) -> list[Replay]:
    """Return a list of all replays that have been made."""
    made: list[Replay] = []
    call = Replay.__call__

    def noted(self: Replay, *args: Any, **kwargs: Any) -> Any:
        made.append(self)
        return call(self, *args, **kwargs)

    monkeypatch.setattr(Replay, "__call__", noted)
    return made


def leaves(*found: Any) -> list[np.ndarray]:
    return [np.asarray(a.data if isinstance(a, ag.Tensor) else a) for a in ag.tree.leaves(found)]


def trained(row: Row, jit_compile: Any, **more: Any) -> tuple[Any, list[np.ndarray]]:
    """Return a model after training, and all that has come out of it."""
    ag.set_seed(1)
    model = row.model()
    model.compile(**row.compile(), jit_compile=jit_compile, **more)
    given = {"x": row.x, "y": row.y, "batch_size": 8, **row.fit()}
    size = given["batch_size"]
    history = model.fit(**given, epochs=EPOCHS, verbose=0).history
    state = {**model.state_dict(), **model.optimizer.state_dict()}
    x, y = (X, ONE_HOT) if row.x is None else (row.x, row.y)
    reports = [model.evaluate(x, y, batch_size=size, verbose=0) for _ in range(4)]
    outputs = [model.predict(x, batch_size=size) for _ in range(4)]
    return model, leaves(history, state, reports, outputs, model.losses, ag.random.uniform(3))


# The others take minutes together on a busy machine.
ALWAYS = (
    "batch statistics and dropout",
    "penalties",
    "several inputs and outputs",
    "its weights",
    "branches",
    "counts",
)


@pytest.mark.parametrize("name", [n if n in ALWAYS else pytest.param(n, marks=pytest.mark.ci) for n in ROWS_OF])
def test_training_is_the_same_whether_it_is_replayed_or_not(name: str, replayed: list[Replay]) -> None:
    row = ROWS_OF[name]
    _, expected = trained(row, False)
    assert not replayed
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model, found = trained(row, "auto")
    assert len(found) == len(expected)
    assert all(map(same_bits, found, expected))
    texts = [str(w.message) for w in said]
    if row.eager:
        assert len(texts) >= 1
        assert all("not compiled" in text and row.eager in text for text in texts)
    else:
        assert texts == []
        assert all(step.why == step.failure == "" for step in model._replays.computations.values())
        assert len(replayed) > EPOCHS + 8


# ---- what Python does -----------------------------------------------------------------------------------------------

CALLS: list[bool] = []


class Heard(layers.Layer):
    """Notes its calls where replays do not look."""

    def call(self, x: Any) -> Any:
        CALLS.append(self.training)
        return x


@pytest.mark.parametrize(
    ("choice", "calls"),
    [({}, 0), ({"jit_compile": True}, 0), ({"jit_compile": False}, 9), ({"run_eagerly": True, "jit_compile": True}, 9)],
)
def test_python_runs_until_a_batch_is_replayed(choice: dict[str, Any], calls: int) -> None:
    model = mlp(Heard())
    model.compile("sgd", "mse", **choice)
    model.fit(X[:24], ONE_HOT[:24], batch_size=8, epochs=1, verbose=0)
    CALLS.clear()
    model.fit(X[:24], ONE_HOT[:24], batch_size=8, epochs=3, verbose=0)
    assert CALLS.count(True) == calls


def test_a_short_training_is_not_compiled(replayed: list[Replay], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert replays.WARM["auto"] > 7
    model = mlp(Heard())
    model.compile("sgd", "mse")
    CALLS.clear()
    model.fit(X, ONE_HOT, batch_size=4, epochs=1, verbose=0)
    assert CALLS.count(True) == 7


def test_what_cannot_be_compiled_is_said_once_with_its_place(recwarn: pytest.WarningsRecorder) -> None:
    model = mlp(Branching())
    for _ in range(2):
        model.compile("sgd", "mse")
        model.fit(X, ONE_HOT, batch_size=4, epochs=2, verbose=0)
    (warning,) = recwarn
    said = str(warning.message)
    assert warning.filename == __file__
    assert said.startswith("Sequential.fit: the model is not compiled, and runs as before: ")
    assert "\n" not in said
    assert "replay_cases.py:" in said
    model.compile("sgd", "mse", jit_compile=True)
    before = model.state_dict()
    with pytest.raises(ag.TraceError, match=r"jit_compile=True; .*float\(t\).*replay_cases.py:"):
        model.fit(X[:8], ONE_HOT[:8], batch_size=4, epochs=1, shuffle=False, verbose=0)
    model.compile("sgd", "mse", jit_compile=False)
    other = mlp(Branching())
    other.load_state_dict(before)
    other.compile("sgd", "mse", jit_compile=False)
    other.train_on_batch(X[:4], ONE_HOT[:4])
    assert all(map(same_bits, leaves(model.state_dict()), leaves(other.state_dict())))  # of the step before


@pytest.mark.parametrize(("wrong", "error"), [("fast", ValueError), (3, TypeError), ([], TypeError)])
def test_choices_are_checked(wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"Sequential.compile: expected jit_compile to be 'auto', True or False; received"):
        mlp().compile("sgd", "mse", jit_compile=wrong)


def test_choices_are_part_of_the_configuration_where_they_are_none_of_the_defaults() -> None:
    model, twin = mlp(), mlp()
    model.compile("sgd", "mse")
    assert not {"run_eagerly", "jit_compile"} & set(model.get_compile_config())
    model.compile("sgd", "mse", run_eagerly=True, jit_compile=False)
    twin.compile_from_config(model.get_compile_config())
    assert (twin.run_eagerly, twin.jit_compile) == (True, False)


def test_hooks_on_parameters_see_all_gradients(replayed: list[Replay]) -> None:
    found = []
    for choice in ("auto", False):
        ag.set_seed(0)
        model = mlp()
        model.compile("sgd", "mse", jit_compile=choice)
        model.fit(X, ONE_HOT, batch_size=4, epochs=2, verbose=0)
        watch = callbacks.GradientHealth()
        model.fit(X, ONE_HOT, batch_size=4, epochs=2, verbose=0, callbacks=watch)
        found.append([str(watch.history), len(replayed)])
        model.fit(X, ONE_HOT, batch_size=4, epochs=2, verbose=0)
        found[-1].append(len(replayed))
    (text, before, after), (expected, *_) = found
    assert text == expected
    assert 0 < before < after


# ---- errors ---------------------------------------------------------------------------------------------------------


def test_a_bad_batch_is_refused_in_the_same_words(replayed: list[Replay]) -> None:
    found = []
    for choice in ("auto", False):
        ag.set_seed(0)
        model = mlp(layers.BatchNormalization(), layers.Dropout(0.5))
        model.compile("adam", "sparse_categorical_crossentropy", jit_compile=choice)
        labels = LABELS[:24].copy()
        labels[20] = K
        with pytest.raises(ValueError, match="class indices from 0 to 2"):
            model.fit(X[:24], labels, batch_size=4, shuffle=False, verbose=0)
        for _ in range(6):
            model.train_on_batch(X[:4], labels[:4])
        with pytest.raises(ValueError, match="class indices from 0 to 2") as caught:
            model.train_on_batch(X[20:24], labels[20:24])
        found.append((str(caught.value), model.state_dict(), model.optimizer.state_dict()))
    assert replayed
    assert found[0][0] == found[1][0]
    assert all(map(same_bits, leaves(found[0][1:]), leaves(found[1][1:])))


def test_a_metric_that_fails_undoes_a_replay(replayed: list[Replay]) -> None:
    limit = [99]

    def failing(y: Any, p: Any) -> Any:
        limit[0] -= 1
        if limit[0] < 0:
            raise ZeroDivisionError
        return np.zeros(len(y))

    model = mlp(layers.BatchNormalization())
    model.compile("adam", "mse", metrics=[failing])
    for _ in range(8):
        model.train_on_batch(X[:8], ONE_HOT[:8])
    assert len(replayed) == 5 + 2  # the gradients, and the optimizer's step
    before, limit[0] = model.state_dict(), 0
    with pytest.raises(ZeroDivisionError):
        model.train_on_batch(X[:8], ONE_HOT[:8])
    assert len(replayed) == 8
    assert all(map(same_bits, leaves(model.state_dict()), leaves(before)))
    assert all(p.grad is None for p in model.parameters())


def test_no_batch_waits_for_more_than_one_trace_or_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    longs: list[str] = []
    for name, home in (("trace", "compiled_function"), ("make_replay", "trace_cache")):
        module = importlib.import_module(f"autograd_lite.compiler.{home}")
        known = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, f=known, said=name: (longs.append(said), f(*args))[1])
    results = []
    for compiled in (False, "auto"):
        ag.set_seed(1)
        model = mlp(layers.Dropout(0.5), layers.BatchNormalization())
        model.compile("adam", "mse", jit_compile=compiled)
        counts = []
        for _ in range(9):
            before = len(longs)
            model.train_on_batch(X[:8], ONE_HOT[:8])
            counts.append(longs[before:])
        results.append(leaves(model.state_dict()))
    assert counts == [[], *[["trace"], ["trace"], ["make_replay"]] * 2, [], []]
    assert all(map(same_bits, *results))


# ---- models, copies, threads ----------------------------------------------------------------------------------------


def test_replays_belong_to_one_model_and_die_with_it(replayed: list[Replay]) -> None:
    model = mlp(Penalized(), layers.Dropout(0.5))
    model.compile("adam", "categorical_crossentropy")
    fit = {"batch_size": 4, "verbose": 0, "shuffle": False}
    model.fit(X, ONE_HOT, **fit)
    assert replayed
    twins = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    states = []
    for each in (model, *twins):
        ag.set_seed(0)
        each.fit(X, ONE_HOT, **fit)
        states.append(leaves(each.state_dict(), each.optimizer.state_dict()))
    for state in states[1:]:
        assert all(map(same_bits, state, states[0]))
    assert len({id(each._replays) for each in (model, *twins)}) == 3
    watched = [weakref.ref(each) for each in (model, *twins)]
    del model, twins, each
    gc.collect()
    assert [w() for w in watched] == [None] * 3


def test_threads_predict_evaluate_and_train(replayed: list[Replay]) -> None:
    def work(found: list[Any], shared: Any, seed: int) -> None:
        own = mlp()
        own.compile("adam", "mse")
        own.fit(X, ONE_HOT, batch_size=4, epochs=3, shuffle=False, verbose=0)
        found.append((seed, leaves(shared.predict(X, 4), shared.evaluate(X, ONE_HOT, 4, verbose=0), own.state_dict())))

    ag.set_seed(0)
    shared = mlp(layers.Dropout(0.5))
    shared.compile("adam", "mse", metrics=["mae"])
    expected: list[Any] = []
    weights = mlp().state_dict()
    found: list[Any] = []
    del weights
    work(expected, shared, 0)
    threads = [threading.Thread(target=work, args=(found, shared, seed)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert replayed
    for _, each in found:
        assert all(map(same_bits, each[:3], expected[0][1][:3]))


def test_more_shapes_than_are_traced_run_as_they_are(replayed: list[Replay], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "_MAX_SHAPES", 3)
    model = mlp()
    model.compile("sgd", "mse")
    for _ in range(5):
        for n in range(1, 7):
            model.predict_on_batch(X[:n])
    (step,) = model._replays.computations.values()
    assert len(step.runs) == 3
    assert len(replayed) == 2 * 3


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_training_goes_on_from_a_checkpoint(epochs: int, tmp_path: Path, replayed: list[Replay]) -> None:
    found = []
    for choice in ("auto", False):
        ag.set_seed(0)
        model: Any = mlp(layers.BatchNormalization(), layers.Dropout(0.5, seed=3))
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"], jit_compile=choice)
        model.fit(X, ONE_HOT, batch_size=4, epochs=epochs, shuffle=False, verbose=0)
        model.save(tmp_path / "model.nn")
        again = saving.load_model(tmp_path / "model.nn")
        assert again.jit_compile == choice
        history = again.fit(X, ONE_HOT, batch_size=4, epochs=2, shuffle=False, verbose=0).history
        found.append(leaves(history, again.state_dict(), again.optimizer.state_dict()))
    assert replayed
    assert all(map(same_bits, *found))


def test_a_model_that_changes_in_each_epoch_keeps_no_old_replays(replayed: list[Replay]) -> None:
    model = mlp(layers.Dropout(0.5))
    model.compile("sgd", "mse")
    kept = []
    for epoch in range(8):
        model.layers[1].rate = 0.1 * epoch
        model.fit(X, ONE_HOT, batch_size=7, epochs=2, verbose=0)
        kept.append(len(model._replays.computations))
    # Of eight batches: the gradients, and the optimizer's step; a trace waits for the batch after another one's plan.
    assert len(replayed) == (5 + 2) + 7 * (4 + 2)
    assert max(kept) <= replays._MAX_COMPUTATIONS
