"""Frozen records behave as the frozen dataclass of the same fields does."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any, ClassVar

import pytest

from autograd_lite.core.frozen import Frozen


class Ours(Frozen):
    """Two fields."""

    kind: ClassVar[str] = "pair"

    first: Any
    second: Any = 2


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Theirs:
    """The same."""

    kind: ClassVar[str] = "pair"

    first: Any
    second: Any = 2


@pytest.mark.parametrize(
    "make",
    [
        lambda kind: kind(1),
        lambda kind: kind(1, 3),
        lambda kind: kind(second=1, first=[4]),
        lambda kind: copy.copy(kind(1)),
        lambda kind: copy.deepcopy(kind([1], 5)),
        lambda kind: pickle.loads(pickle.dumps(kind(1, 4))),
        lambda kind: kind(1).replace(second=6) if kind is Ours else dataclasses.replace(kind(1), second=6),
    ],
)
def test_values(make: Any) -> None:
    ours, theirs = make(Ours), make(Theirs)
    assert (ours.first, ours.second, ours.kind) == (theirs.first, theirs.second, theirs.kind)
    assert not hasattr(ours, "__dict__")


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda kind: kind(), TypeError),
        (lambda kind: kind(second=1), TypeError),
        (lambda kind: kind(1, 2, 3), TypeError),
        (lambda kind: kind(1, first=2), TypeError),
        (lambda kind: kind(1, third=2), TypeError),
        (lambda kind: setattr(kind(1), "first", 2), AttributeError),
        (lambda kind: delattr(kind(1), "first"), AttributeError),
    ],
)
def test_misuse(call: Any, error: type[Exception]) -> None:
    for kind in (Ours, Theirs):
        with pytest.raises(error):
            call(kind)


def test_each_is_itself() -> None:
    assert Ours(1) != Ours(1)
    assert len({Ours([]), Ours([])}) == 2
