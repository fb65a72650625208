"""The tables of names are those of the real Keras."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

import nn
from nn.config.config import Registered
from nn.config.registry import snake_case
from nn.saving.keras.tables import GROUPS, KINDS, OPERATIONS, OURS_ALONE, RENAMED

from ... import peers
from ...keras_values.rows import their_warnings

pytestmark = pytest.mark.ci


def public(kind: str) -> dict[str, Any]:
    """Return the classes of a module of nn that may be in files, by their names there."""
    found = [c for c in vars(importlib.import_module(f"nn.{kind}")).values() if isinstance(c, type)]
    return {c.config_name: c for c in found if issubclass(c, Registered) and c.config_name.startswith(kind)}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("activations", "random")])
def test_classes(kind: str) -> None:
    keras = peers.keras()
    theirs = {*dir(getattr(keras, kind)), *(dir(keras.optimizers.schedules) if kind == "optimizers" else ())}
    skipped = {"metrics.AutoAccuracy", "optimizers.LearningRateSchedule"}
    alone = {name for name in public(kind) if name.partition(".")[2] not in theirs} - skipped
    assert alone == {name for name in OURS_ALONE if name.startswith(f"{kind}.")} & public(kind).keys()


def test_groups_and_arguments() -> None:
    keras = peers.keras()
    for name, kind in public("layers").items():
        theirs = getattr(keras.layers, kind.__name__, None)
        if theirs is not None and name not in OURS_ALONE:
            assert GROUPS.get(kind.__name__, snake_case(kind.__name__)) == snake_case(theirs.__name__)
    with their_warnings():
        for name, renamed in RENAMED.items():
            theirs = getattr(keras.layers, name.partition(".")[2])
            known = inspect.signature(theirs).parameters
            assert all(other is None or other in known for other in renamed.values())
            assert all(other is not None or own not in known for own, other in renamed.items())


def test_operations() -> None:
    peers.keras()
    for module, names in OPERATIONS.items():
        for name in names:
            kind = "".join(part.capitalize() for part in name.split("_"))
            assert hasattr(importlib.import_module(module), kind), name
            assert name in nn.ops.TABLE
