"""Modules nested deeply: every operation works at every depth, and leaves Python's recursion limit as it was."""

import copy
import pickle
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn import layers
from nn.config.nesting import MOST_LEVELS, room_for
from nn.models import clone_model, model_from_json
from nn.saving import load_model

X = np.ones((2, 2), "float32")


class Around(nn.Module):
    """A module of the user's, around another one."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.parts = {"inner": [inner]}

    def call(self, x: Any) -> Any:
        return self.parts["inner"][0](x)


def _sequential(depth: int, **first: Any) -> Any:
    model: Any = layers.Dense(2, **first)
    for _ in range(depth):
        model = nn.Sequential([model])
    return model


def _functional(depth: int) -> Any:
    model: Any = layers.Dense(2)
    for _ in range(depth):
        x = nn.Input((2,))
        model = nn.Model(x, model(x))
    return model


def _own(depth: int) -> Any:
    model: Any = layers.Dense(2)
    for _ in range(depth):
        model = Around(model)
    return nn.Sequential([model])


def _fitted(model: Any, _: Path) -> Any:
    model.compile("sgd", "mse")
    model.fit(X, X, verbose=0, epochs=4)
    return None


def _stored(model: Any, path: Path) -> Any:
    model.save(path)
    return load_model(path)


def _weighed(model: Any, path: Path) -> Any:
    model.save_weights(path)
    model.load_weights(path)
    return model


# What is done with a model, and whether it needs a configuration; a result is a model that computes the same.
OPERATIONS: dict[str, tuple[Callable[[Any, Path], Any], bool]] = {
    "call": (lambda m, _: m, False),
    "repr": (lambda m, _: repr(m) and None, False),
    "summary": (lambda m, _: m.summary(print_fn=lambda text: None, expand_nested=True), False),
    "fit": (_fitted, False),
    "predict": (lambda m, _: m.predict(X, verbose=0) is None or None, False),
    "symbols": (lambda m, _: nn.Model(x := nn.Input((2,)), m(x)), False),
    "compute_output_shape": (lambda m, _: m.compute_output_shape((None, 2)) and None, False),
    "weights": (lambda m, _: m.set_weights(m.get_weights()), False),
    "copy": (lambda m, _: copy.copy(m), False),
    "deepcopy": (lambda m, _: copy.deepcopy(m), False),
    "pickle": (lambda m, _: pickle.loads(pickle.dumps(m)), False),
    "config": (lambda m, _: type(m).from_config(m.get_config()) and None, True),
    "json": (lambda m, _: model_from_json(m.to_json()) and None, True),
    "clone": (lambda m, _: clone_model(m) and None, True),
    "save": (lambda m, path: _stored(m, path / "m"), True),
    "keras": (lambda m, path: _stored(m, path / "m.keras"), True),
    "save_weights": (lambda m, path: _weighed(m, path / "w"), False),
    "save_weights_h5": (lambda m, path: _weighed(m, path / "w.weights.h5"), False),
}
KINDS: dict[str, Callable[[int], Any]] = {
    "Sequential": _sequential,
    "Sequential, built": lambda depth: _sequential(depth, input_shape=(2,)),
    "Model": _functional,
    "the user's": _own,
}


def _hold(kind: str, depth: int, path: Path, skipped: tuple[str, ...] = ()) -> None:
    limit, make = sys.getrecursionlimit(), KINDS[kind]
    model = make(depth)
    for name, (operate, of_config) in OPERATIONS.items():
        if name in skipped or (of_config and kind == "the user's"):
            continue
        same = operate(model, path)
        assert same is None or np.array_equal(same(X).numpy(), model(X).numpy()), name
        assert sys.getrecursionlimit() == limit, name


def test_modules_nested_200_deep(tmp_path: Path) -> None:
    left_out = (
        "save",
        "keras",
        "summary",
        "clone",
        "json",
        "config",
        "save_weights_h5",
    )  # slow: in `ci`, with other depths
    _hold("Sequential, built", 200, tmp_path, left_out)


@pytest.mark.ci
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [20, 60])
def test_modules_nested_at_any_depth(kind: str, depth: int, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    _hold(kind, depth, tmp_path)


@pytest.mark.ci
def test_modules_nested_300_deep(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    _hold("Sequential", 300, tmp_path, ("summary", "clone", "json", "save"))  # which take longest, and others as deep


def test_more_levels_than_the_stack_may_hold_are_refused() -> None:
    with pytest.raises(RecursionError, match=rf"nested at most {MOST_LEVELS} deep.* side by side"):
        _own(MOST_LEVELS + 1)(X)


def test_the_recursion_limit_is_lowered_when_the_last_thread_is_done() -> None:
    limit, model = sys.getrecursionlimit(), _sequential(150, input_shape=(2,))
    expected = model(X).numpy()
    wrong: list[Any] = []

    def work() -> None:
        for _ in range(3):
            if not np.array_equal(model(X).numpy(), expected):
                wrong.append("values")

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sys.getrecursionlimit() == limit


def test_a_thread_that_is_deep_keeps_the_limit_until_it_has_come_up() -> None:
    limit, deep, done = sys.getrecursionlimit(), threading.Event(), threading.Event()

    def down(levels: int) -> None:
        if levels:
            down(levels - 1)
        else:
            deep.set()
            done.wait(10)

    with room_for(100):
        thread = threading.Thread(target=down, args=(limit + 100,))
        thread.start()
        assert deep.wait(10)
    assert sys.getrecursionlimit() > limit  # lowering it would end the process when that thread calls a function
    done.set()
    thread.join()
    with room_for(100):
        pass
    assert sys.getrecursionlimit() == limit


def test_an_error_at_the_bottom_lowers_the_limit() -> None:
    limit = sys.getrecursionlimit()
    model: Any = layers.Lambda(lambda x: x * (1 // 0))
    for _ in range(120):
        model = nn.Sequential([model])
    with pytest.raises(ZeroDivisionError):
        model(X)
    assert sys.getrecursionlimit() == limit
