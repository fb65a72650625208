"""The Jacobian of a program as a sparse matrix: its nonzeros are in products with few vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..control.body import Body
from ..control.closure_conversion import record_body
from .colorings import color
from .compressed_products import compress
from .pattern import Pattern
from .patterns import detect


class ProgramJacobian:
    """The Jacobian of a program's first result by one of its arguments, both vectors of n numbers.

    Args:
        called: the caller, for messages.
        body: the program.
        position: of the argument.
        with_diagonal: whether the whole diagonal counts as nonzero, for matrices that differ by a multiple of one.

    Attributes:
        pattern: where it may have nonzeros, row by row.
        coloring: of the pattern.
        indices, indptr: where it may have them, by columns, as `scipy.sparse.csc_array` has it.
    """

    def __init__(self, called: str, body: Body, position: int, with_diagonal: bool = False) -> None:
        program, n = body.program, np.size(body.examples[position])
        pattern = detect(program, [(program.inputs[position], n)]).sets.to_pattern()
        self.pattern = _with_diagonal(pattern) if with_diagonal else pattern
        self.coloring = color(self.pattern)
        self._called, self._source, self._position = called, body, position
        turned = self.pattern.transpose()
        self.indptr, self.indices = turned.indptr, turned.indices
        # Nonzeros are read row by row; numbered so, and ordered by columns, they say where each comes from.
        self._places = self.coloring.source[np.lexsort((self.pattern.rows, self.pattern.indices))]

    def record(self) -> Body:
        """Return the program that computes the nonzeros by columns, of the same arguments."""
        body, position, n = self._source, self._position, self.pattern.shape[1]

        def compute(*point: Any) -> list[Any]:
            def f(y: Any, *others: Any) -> Any:
                return body(*others[:position], y, *others[position:])[0]

            others = point[:position] + point[position + 1 :]
            products = compress(self._called, f, (point[position], *others), (n, n), self.coloring)
            return [products[self._places]]

        return record_body(self._called, compute, body.examples)


def _with_diagonal(pattern: Pattern) -> Pattern:
    n = pattern.shape[1]
    places = np.union1d(pattern.rows * np.int64(n) + pattern.indices, np.arange(n, dtype=np.int64) * (n + 1))
    rows, columns = np.divmod(places, n)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))]).astype(np.int32)
    return Pattern(indptr, columns.astype(np.int32), pattern.shape)
