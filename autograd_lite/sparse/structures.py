"""The structure of a matrix of derivatives: its pattern, its coloring, and what both were found from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .colorings import Coloring
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
        source: the place of each nonzero in the products; None where they are the nonzeros in order.
        is_checked: whether a matrix with this pattern needs no look at whether the pattern is too small.
        key: equal for functions that have this structure: a graph, and copies of the constants in it.
        watched: those of the constants that may change from outside, each with its copy.
    """

    __slots__ = ("_seen", "_template", "coloring", "is_checked", "key", "pattern", "source", "watched")

    def __init__(self, pattern: Pattern, coloring: Coloring, is_checked: bool, key: Key) -> None:
        self.pattern, self.coloring, self.is_checked = pattern, coloring, is_checked
        m, n = pattern.shape
        size = coloring.column_count * m + coloring.row_count * n
        in_order = size == pattern.nnz and np.array_equal(coloring.source, np.arange(size))
        self.source = None if in_order else np.asarray(coloring.source, np.intp)
        self._template: Any = None
        self._seen = 1
        self.key = key._replace(constants=[np.array(a) for a in key.constants])
        self.watched = list(zip(key.constants, self.key.constants, strict=True))

    def matrix(self, values: Any) -> Any:
        """Return the matrix with these nonzeros, which shares no memory with others."""
        if self._template is None:
            self._template = self.pattern.to_scipy(np.empty(self.pattern.nnz))
            self._template.has_canonical_format = True
            self._template.data = np.empty(0)
        a = object.__new__(self._template.__class__)  # its constructor would take most of the time
        attributes = vars(a)
        attributes.update(vars(self._template))
        attributes["data"] = values
        attributes["indices"], attributes["indptr"] = attributes["indices"].copy(), attributes["indptr"].copy()
        return a

    def is_of(self, key: Key) -> bool:
        """Return whether this is the structure of a function, whose constants are watched from now on.

        Those that the function has made for itself twice are not: the second time, they are other arrays.
        """
        if self.key.graph != key.graph or not all(map(_same, self.key.constants, key.constants)):
            return False
        self._seen += 1
        pairs = list(zip(key.constants, self.key.constants, strict=True))
        if self._seen == 2:
            pairs = [
                pair for pair, old in zip(pairs, self.watched, strict=True) if np.may_share_memory(pair[0], old[0])
            ]
        self.watched = pairs
        return True

    def is_current(self) -> bool:
        """Return whether the constants that the pattern may depend on are as they were."""
        return all(_same(a, before) for a, before in self.watched)


def _same(a: Any, b: Any) -> bool:
    return a.dtype == b.dtype and np.array_equal(a, b)
