"""The structure of a matrix of derivatives: its pattern, its coloring, and what both were found from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .colorings import Coloring, read_nonzeros
from .pattern import Pattern


class Key(NamedTuple):
    """What a function does.

    Attributes:
        graph: its operations.
        constants: the arrays that these read from outside.
    """

    graph: Any
    constants: list[Any]


class Structure:
    """The structure of a matrix of derivatives, with which products become the matrix.

    Attributes:
        pattern: of the matrix.
        coloring: of its columns and rows.
        is_in_order: whether the products are the nonzeros in order.
        is_checked: whether a matrix with this pattern needs no look at whether the pattern is too small.
        key: equal for functions that have this structure: a graph, and copies of the constants in it.
        traces: how often a function with this structure was traced for a replay.
        watched: those of the constants that may change from outside and that the pattern depends on, each with a copy.
    """

    __slots__ = ("_template", "coloring", "is_checked", "is_in_order", "key", "pattern", "traces", "watched")

    def __init__(self, pattern: Pattern, coloring: Coloring, is_checked: bool, key: Key) -> None:
        self.pattern, self.coloring, self.is_checked = pattern, coloring, is_checked
        m, n = pattern.shape
        size = coloring.column_count * m + coloring.row_count * n
        self.is_in_order = size == pattern.nnz and np.array_equal(coloring.source, np.arange(size))
        self._template: Any = None
        self.traces = 0
        self.watched: list[tuple[Any, Any]] = []
        self.keep(key)

    def read(self, products: Any) -> Any:
        """Return the nonzeros from the products, which are one vector."""
        return products if self.is_in_order else read_nonzeros(self.coloring, products)

    def matrix(self, nonzeros: Any) -> Any:
        """Return the matrix with these nonzeros; it shares no memory with others."""
        if self._template is None:
            self._template = self.pattern.to_scipy(np.empty(self.pattern.nnz))
            self._template.has_canonical_format = True
            self._template.data = np.empty(0)
        a = object.__new__(self._template.__class__)  # its constructor would take most of the time
        attributes = vars(a)
        attributes.update(vars(self._template))
        attributes["data"] = nonzeros
        attributes["indices"], attributes["indptr"] = attributes["indices"].copy(), attributes["indptr"].copy()
        return a

    def is_of(self, key: Key) -> bool:
        """Return whether this is the structure of a function."""
        return bool(self.key.graph == key.graph and all(map(_same, self.key.constants, key.constants)))

    def watch(self, constants: Sequence[Any]) -> set[int]:
        """Watch the constants that the function reads from now on; return their places, from the second time on.

        Those that it has made for itself twice are left out: the second time, they are other arrays.
        """
        before, self.traces = self.watched, self.traces + 1
        self.watched = list(zip(constants, self.key.constants, strict=True))
        if self.traces == 1:
            return set()
        places = set(range(len(constants)))
        if self.traces == 2:
            places = {k for k in places if np.may_share_memory(constants[k], before[k][0])}
            self.watched = [self.watched[k] for k in sorted(places)]
        return places

    def keep(self, key: Key) -> None:
        """Be the structure of a function with these constants from now on."""
        self.key = key._replace(constants=[np.array(a) for a in key.constants])
        self.watched = [(a, np.array(a)) for a, _ in self.watched]

    def is_current(self) -> bool:
        """Return whether the constants that the pattern may depend on are as they were."""
        return all(_same(a, before) for a, before in self.watched)


def _same(a: Any, b: Any) -> bool:
    """Return whether arrays have the same bits, those of NaN included."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
