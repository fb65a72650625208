"""The part of the library grain on which Keras's data sets rest without TensorFlow, so that they run without it too.

Its `shuffle` leaves the order as it is: only what Keras does by itself is compared.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

USERS = ("dataset_utils", "image_dataset_utils", "text_dataset_utils", "timeseries_dataset_utils")


class Elements:
    """A list of elements, and functions of them that run when one is asked for."""

    def __init__(self, elements: Iterable[Any]) -> None:
        self.elements = elements

    def __iter__(self) -> Iterator[Any]:
        return iter(self.elements)

    def map(self, function: Callable[[Any], Any]) -> Elements:
        return Elements([function(element) for element in self])

    def shuffle(self, seed: int | None = None) -> Elements:
        return self

    def to_iter_dataset(self) -> Elements:
        return self

    def batch(self, size: int, batch_fn: Callable[[list[Any]], Any]) -> Elements:
        rows = list(self)
        return Elements([batch_fn(rows[at : at + size]) for at in range(0, len(rows), size)])


def keras_with_grain(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return Keras, whose data sets take `format="grain"`."""
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    grain = SimpleNamespace(
        MapDataset=SimpleNamespace(source=Elements),
        experimental=SimpleNamespace(ZipMapDataset=lambda parts: Elements(list(zip(*parts, strict=True)))),
    )
    for user in USERS:
        monkeypatch.setattr(importlib.import_module(f"keras.src.utils.{user}"), "grain", grain)
    return keras
