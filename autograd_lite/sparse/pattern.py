"""Where a matrix may have nonzeros: its sparsity pattern."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core.late import needs

Indices = npt.NDArray[np.int32]


class Pattern(NamedTuple):
    """The places where a matrix may have nonzeros, row by row (CSR).

    Attributes:
        indptr: where each row begins in `indices`, and the end; int32 of shape (rows + 1,).
        indices: the columns, ascending in each row, without repetitions; int32 of shape (nnz,).
        shape: of the matrix.

    Example:
        >>> Pattern(np.array([0, 1, 3], "i"), np.array([0, 0, 1], "i"), (2, 2)).toarray().astype(int).tolist()
        [[1, 0], [1, 1]]
    """

    indptr: Indices
    indices: Indices
    shape: tuple[int, int]

    @property
    def nnz(self) -> int:
        """The number of places."""
        return len(self.indices)

    @property
    def rows(self) -> Indices:
        """The row of each place."""
        return np.repeat(np.arange(self.shape[0], dtype=np.int32), np.diff(self.indptr))

    def transpose(self) -> Pattern:
        """Return the pattern of the transposed matrix."""
        order = np.argsort(self.indices, kind="stable")
        counts = np.bincount(self.indices, minlength=self.shape[1])
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return Pattern(indptr, self.rows[order], self.shape[::-1])

    def toarray(self) -> npt.NDArray[np.bool_]:
        """Return the pattern as a dense array of booleans."""
        dense = np.zeros(self.shape, bool)
        dense[self.rows, self.indices] = True
        return dense

    def to_scipy(self, data: Any = None) -> Any:
        """Return the matrix with these nonzeros as `scipy.sparse.csr_array`; by default all are True.

        Args:
            data: the nonzeros, row by row, of shape (nnz,).

        Raises:
            ModuleNotFoundError: without SciPy.
        """
        with needs("sparse", "scipy", "'autograd-lite[scipy]'"):
            from scipy.sparse import csr_array
        return csr_array((np.ones(self.nnz, bool) if data is None else data, self.indices, self.indptr), self.shape)


def pattern_of_array(a: Any) -> Pattern:
    """Return the pattern of a dense matrix."""
    rows, columns = np.nonzero(a)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=a.shape[0]))]).astype(np.int32)
    return Pattern(indptr, columns.astype(np.int32), a.shape)
