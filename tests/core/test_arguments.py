"""Annotations of arguments are read whatever they refer to."""

from __future__ import annotations

import pytest

from autograd_lite.extend import checked


class Shown(type):
    """Of classes that are shown as a type alias is since Python 3.12: by its name alone."""

    def __repr__(cls) -> str:
        return cls.__name__


class Number(metaclass=Shown):
    """One that any annotation may hold."""


Inner = Number
Number = int | Inner | None


@checked
def double(x: Number) -> int:
    return 2 * x


def test_an_alias_may_contain_another_of_its_name() -> None:
    assert double(3) == 6
    with pytest.raises(TypeError):
        double(None)
