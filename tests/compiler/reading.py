"""The table of what Python code may read a number from, and objects for that; `reads` fills it."""

from __future__ import annotations

import dataclasses
import enum
from collections import namedtuple
from collections.abc import Callable
from typing import Any

# What reads a number, which is 2 at first, and what makes it another one.
Reading = tuple[Callable[[], Any], Callable[[], Any]]
READINGS: dict[str, Callable[[], Reading]] = {}


def reading(make: Callable[[], Reading]) -> Callable[[], Reading]:
    READINGS[make.__name__.replace("_", " ")] = make
    return make


class Box:
    rate = 2.0

    def __init__(self, **values: Any) -> None:
        vars(self).update(values)


class Slotted:
    __slots__ = ("rate",)

    def __init__(self) -> None:
        self.rate = 2.0


@dataclasses.dataclass
class Instruction:
    rate: float = 2.0
    inner: Any = None


class Kind(enum.Enum):
    LOW = 2.0
    HIGH = 5.0


Pair = namedtuple("Pair", "first second")
