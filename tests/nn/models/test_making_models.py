"""Making a model of many layers takes work in proportion to their number, and names them as a walk would."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nn import layers, models


def calls_of(make: Callable[[], Any]) -> int:
    """Return how many functions of Python a call runs."""
    count = 0

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        make()
    finally:
        sys.setprofile(before)
    return count


def listed(n: int, *first: Any) -> models.Sequential:
    return models.Sequential([*first, layers.Dense(2), *[layers.Activation("relu") for _ in range(n)]])


def added(n: int) -> models.Sequential:
    model = models.Sequential([layers.Input((3,))])
    for _ in range(n):
        model.add(layers.Activation("relu"))
    return model


def functional(n: int) -> models.Model:
    x = inputs = models.Input((3,))
    for _ in range(n):
        x = layers.Activation("relu")(x)
    return models.Model(inputs, x)


WAYS: dict[str, Callable[[int], Any]] = {
    "listed": lambda n: listed(n, layers.Input((3,))),
    "of unknown length": lambda n: listed(n, layers.Input((None, 3))),
    "built later": lambda n: listed(n).build((None, 3)),
    "added": added,
    "functional": functional,
}


@pytest.mark.parametrize("make", WAYS.values(), ids=WAYS)
def test_making_a_model_is_linear_in_its_layers(make: Callable[[int], Any]) -> None:
    make(1)
    few, many = calls_of(lambda: make(20)), calls_of(lambda: make(80))
    assert many < 4.4 * few


@pytest.mark.parametrize("make", [WAYS["listed"], functional], ids=["sequential", "functional"])
def test_loading_a_model_is_linear_in_its_layers(make: Callable[[int], Any], tmp_path: Path) -> None:
    for n in (1, 20, 80):
        make(n).save(tmp_path / f"{n}.nn")
    models.load_model(tmp_path / "1.nn")
    few, many = (calls_of(lambda n=n: models.load_model(tmp_path / f"{n}.nn")) for n in (20, 80))
    assert many < 4.4 * few


def names_of(model: models.Sequential) -> list[tuple[str | None, list[str | None]]]:
    return [(module._path, [t.name for _, t in module._tensors()]) for _, module in model.named_modules()]


def test_a_layer_that_is_added_is_named_as_by_a_walk() -> None:
    shared = layers.Dense(3, name="own")
    used = layers.Dense(3)
    models.Sequential([layers.Input((3,)), layers.Dense(3), used])  # where it is dense_1
    model = models.Sequential([layers.Input((3,))])
    for layer in (shared, layers.Dense(3), layers.Dense(3), layers.SpectralNormalization(shared), used):
        model.add(layer)
        found = names_of(model)
        model._name_tree()
        assert found == names_of(model)
    assert list(model._layers) == ["own", "dense", "dense_1", "spectral_normalization", "dense_2"]
    model.pop()
    model.add(layers.Dense(3))
    assert model.layers[-1].name == "dense_2"
    assert shared._path == "own"


def test_the_first_free_name_is_taken_after_an_error() -> None:
    model = models.Sequential([layers.Input((3,)), layers.Dense(3)])
    with pytest.raises(ValueError, match="input_shape"):
        model.add(layers.Dense(3, input_shape=(4,)))
    model.add(layers.Dense(3, name="dense_2"))
    for _ in range(2):
        model.add(layers.Dense(3))
    assert [layer.name for layer in model.layers] == ["dense", "dense_2", "dense_1", "dense_3"]
