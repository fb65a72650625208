"""Arrays that Python code reads: which must stay as they are, and which are read anew at every replay."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from types import CodeType
from typing import Any, NamedTuple

import numpy as np

from ..core.bytecode import Use
from ..ir.captured_arrays import CapturedArrays
from .guards import Guard

LARGE = 1 << 16  # bytes, of a container's table
# Bytes of an array whose elements are compared before every replay, which takes some 0.1 ms at most: less than the
# function itself takes, if it computes with all of them.
COMPARED = 1 << 21


class ReadArray(NamedTuple):
    """An array from outside that code reads.

    Attributes:
        value: the array.
        name: for messages.
        before: a copy; None if it is too large.
        uses: the places where code reads it; None where that is not known.
        parents: the objects and code that led to it.
    """

    value: np.ndarray
    name: str
    before: np.ndarray | None
    uses: list[Use | None]
    parents: set[Any]


class ReadArrays:
    """The arrays that code reads.

    Attributes:
        sites: where code uses its variables, by the code and the name.
        large: why those of which no copy is made, and which are not sure to be read by operations alone, are in the
            way of a replay.
    """

    def __init__(self) -> None:
        self.sites: dict[tuple[CodeType, str], list[Use]] = {}
        self.large: list[str] = []
        self._arrays: dict[int, ReadArray] = {}

    def add(self, a: np.ndarray, name: str, use: Use | None, parent: Any) -> None:
        """Note that code reads an array.

        Args:
            a: the array.
            name: for messages.
            use: where; None if that is not known.
            parent: the object or code that led to it.
        """
        one = self._arrays.get(id(a))
        if one is None:
            is_small = a.nbytes <= COMPARED and not a.dtype.hasobject and a.dtype.kind != "T"
            before = np.array(a, order="C") if is_small else None
            one = self._arrays[id(a)] = ReadArray(a, name or "an array", before, [], set())
        one.uses.append(use)
        one.parents.add(parent)

    def keep(self, parents: Collection[Any]) -> None:
        """Keep only the arrays that were reached through one of these."""
        self._arrays = {i: one for i, one in self._arrays.items() if not one.parents.isdisjoint(parents)}

    def guards(self, operands: CapturedArrays, codes: Collection[CodeType]) -> Iterator[Guard]:
        """Yield guards on the elements of arrays that Python code may have read; too large ones are noted.

        Args:
            operands: where operations have taken arrays.
            codes: all code that is followed.
        """
        for one in self._arrays.values():
            use, is_sure = self._unexplained_use(one, operands, codes)
            if is_sure:
                continue
            a = one.value
            if one.before is None:
                size = f"of {a.nbytes >> 10} kB" if a.nbytes > COMPARED else f"of {a.dtype}"
                why = f"Python or NumPy may read the array {one.name!r} {size}, whose elements are not compared"
                where = f" at {place_of(use)}" if use else ""
                self.large.append(f"{why}{where}: pass it as an argument, or give it to operations on Tensors alone")
                continue
            yield Guard("elements", a, None, one.before, f"the array {one.name} has the same elements")

    def _unexplained_use(
        self, one: ReadArray, operands: CapturedArrays, codes: Collection[CodeType]
    ) -> tuple[Use | None, bool]:
        """Return where it is not sure that operations took an array, and whether it is sure everywhere."""
        stack, visited = list(one.uses), set[int]()
        while stack:
            use = stack.pop()
            if use is None:
                return None, False
            if id(use) in visited:
                continue
            visited.add(id(use))
            if use.taker == "store":
                stack += self.sites.get((use.code, use.other), ())
                continue
            holders = operands.holders_at(one.value, use.code, *use.offsets)
            if holders is None:
                return use, False
            for code, name in holders:
                if code not in codes:
                    return use, False
                stack += self.sites.get((code, name), ())
        return None, True


def place_of(use: Use) -> str:
    """Return the line of a use, as text."""
    return f"{os.path.basename(use.code.co_filename)}:{use.line}"
