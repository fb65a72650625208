"""Arrays from outside that operations took while a function was traced, with the places in the user's code."""

from __future__ import annotations

import sys
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ..core.duck_arrays import is_sparse
from ..core.node import is_hidden

_DEEP = 24  # frames of the user's that are noted

# A variable that holds the array in a function that was called on the way to the operation.
Holder = tuple[CodeType, str]


class CapturedArrays:
    """Notes where operations took arrays that are not Tensors.

    Every place is a code object and an instruction of it: the one in the user's innermost function, and those in the
    functions that have called it, each with the variables that hold the array in the function that it has called.

    Args:
        outermost: the code of the function that runs the user's.
    """

    def __init__(self, outermost: CodeType) -> None:
        self._outermost = outermost
        self._places: dict[tuple[int, CodeType], dict[int, set[Holder]]] = {}
        self._held: list[Any] = []
        # The arrays in containers of variables, by the containers' ids: looked up anew only for arrays not yet in them.
        self._inside: dict[int, tuple[Any, dict[int, np.ndarray]]] = {}

    def took(self, a: np.ndarray) -> None:
        """Note that an operation takes an array now."""
        owner, inner = owner_of(a), None
        self._held.append(owner)
        frame: FrameType | None = sys._getframe(1)
        for _ in range(_DEEP):
            while frame is not None and (code := frame.f_code) is not self._outermost and _is_between(frame):
                frame = frame.f_back
            if frame is None or code is self._outermost:
                return
            here = self._places.setdefault((id(owner), code), {}).setdefault(frame.f_lasti, set())
            if inner is not None:
                variables = inner.f_locals.items()
                here.update([(inner.f_code, name) for name, value in variables if self._holds(value, owner)])
            inner, frame = frame, frame.f_back

    def _holds(self, value: Any, owner: np.ndarray) -> bool:
        """Return whether a variable has an array of this memory, or has it in a container that was made for a call."""
        kind = type(value)  # and not `value.__class__`, which takes a view anew that is stale
        if kind is tuple or kind is list or kind is dict:
            _, inside = self._inside.get(id(value), (None, {}))
            return id(owner) in inside or id(owner) in self._look_inside(value)
        if is_sparse(value):
            return any(self._holds(part, owner) for part in vars(value).values())
        return issubclass(kind, np.ndarray) and owner_of(value) is owner

    def _look_inside(self, container: Any) -> dict[int, np.ndarray]:
        """Return the arrays whose memory those in a container show, by their ids; note them."""
        parts = container.values() if container.__class__ is dict else container
        kinds = {kind for kind in set(map(type, parts)) if issubclass(kind, np.ndarray)}
        if not kinds:
            return {}
        owners = {id(owner): owner for part in parts if type(part) in kinds for owner in (owner_of(part),)}
        self._inside[id(container)] = container, owners
        return owners

    def holders_at(self, a: np.ndarray, code: CodeType, start: int, stop: int) -> set[Holder] | None:
        """Return the variables that hold an array in the function called there; None if no operation took it there.

        Args:
            a: the array, or another part of the same memory.
            code: of the function.
            start, stop: where an instruction begins, and the next one.
        """
        places = self._places.get((id(owner_of(a)), code), {})
        here = [holders for offset, holders in places.items() if start <= offset < stop]
        return set().union(*here) if here else None

    def join(self, other: CapturedArrays) -> None:
        """Take over what others note, of a function that is called and does not run again."""
        for place, holders in other._places.items():
            offsets = self._places.setdefault(place, {})
            for offset, variables in holders.items():
                offsets.setdefault(offset, set()).update(variables)
        self._held += other._held

    def forget(self) -> None:
        """Let go of the arrays."""
        self._held.clear()
        self._inside.clear()


def _is_between(frame: FrameType) -> bool:
    """Return whether a frame lies between the user's code and an operation; `dot` of sparse matrices may, too."""
    return is_hidden(frame.f_code) or frame.f_globals.get("__name__", "").startswith("scipy.sparse.")


def owner_of(a: np.ndarray) -> np.ndarray:
    """Return the array whose memory a view shows."""
    while isinstance(a.base, np.ndarray):
        a = a.base
    return a
