"""The data that a plan is made of: places for tensors, and calls."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..module.module import Module


class Slot:
    """A place for a tensor in a plan's arguments: the number of a result."""

    __slots__ = ("i",)

    def __init__(self, i: int) -> None:
        self.i = i

    def __repr__(self) -> str:
        return f"Slot({self.i})"


class Step(NamedTuple):
    """One call: the module, its arguments with slots for tensors, and the slots that its results go to.

    `nested` is whether the module returns its tensors in a list, tuple or dict. `single` is (slot in, slot out) if it
    takes a single tensor and returns one, else None.
    """

    module: Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outs: list[int]
    nested: bool
    single: tuple[int, int] | None


def sorted_slots(structure: Any) -> list[int]:
    """Return the numbers of the slots in nested containers, in order; dicts by sorted key."""
    if isinstance(structure, Slot):
        return [structure.i]
    if isinstance(structure, dict):
        structure = [part for _, part in sorted(structure.items(), key=lambda item: str(item[0]))]
    return [i for part in structure for i in sorted_slots(part)] if isinstance(structure, (list, tuple)) else []
