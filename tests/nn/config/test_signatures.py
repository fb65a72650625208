"""`inspect.signature`, and so `help` and editors, show what a class of nn takes, in the words of its caller."""

from __future__ import annotations

import inspect
import pydoc

import numpy as np
import pytest

import nn
from nn.config.config import Registered
from nn.layers import Dense, Layer
from nn.metrics import AUC

KNOWN = sorted(
    {c for c in Registered._registry.values() if c.__module__.startswith("autograd_lite.nn.")},
    key=lambda c: c.__qualname__,
)
ANYTHING = ("args", "kwargs")


def test_a_signature_is_that_of_the_constructor() -> None:
    assert len(KNOWN) > 150
    for cls in KNOWN:
        whole = inspect.signature(cls.__init__) if cls.__init__ is not object.__init__ else None  # type: ignore[misc]
        written = list(whole.parameters.values())[1:] if whole else []
        shown = list(inspect.signature(cls).parameters.values())
        assert [(p.name, p.kind, p.default) for p in shown] == [(p.name, p.kind, p.default) for p in written], cls
        assert tuple(p.name for p in shown) != ANYTHING, cls


def test_it_has_what_a_field_takes_and_not_what_it_keeps() -> None:
    for cls in KNOWN:
        text = str(inspect.signature(cls))
        assert not any(word in text for word in ("Converted", "InitVar", "_SupportsArray", "collections.abc")), cls
    parameters = inspect.signature(AUC).parameters
    assert parameters["thresholds"].annotation == "ArrayLike | None"
    assert inspect.signature(nn.layers.MaxPool2D).parameters["strides"].annotation == "int | Sequence[int] | None"


def test_help_shows_it() -> None:
    assert "Dense(units: 'int', activation:" in pydoc.render_doc(Dense, renderer=pydoc.plaintext)


def test_an_instance_has_that_of_its_call() -> None:
    class Scale(Layer):
        def __call__(self, x: np.ndarray) -> np.ndarray:  # type: ignore[override]
            return x

    assert list(inspect.signature(Scale()).parameters) == ["x"]
    with pytest.raises(AttributeError):
        _ = Dense(2).__signature__
