"""Where a matrix may have nonzeros: its sparsity pattern."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core.arguments import describe
from ..core.errors import ShapeError
from ..core.late import needs
from ..native.kernels import library

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
        indptr, indices, _ = transpose(self.indptr, self.indices, self.shape[1])
        return Pattern(indptr, indices, self.shape[::-1])

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


def _transpose(indptr: Indices, indices: Indices, n: int) -> tuple[Indices, Indices, Indices]:
    """Return the transposed pattern, whose rows are n, and where its nonzeros are in the pattern."""
    places = np.argsort(indices, kind="stable").astype(np.int32)
    ends = np.concatenate([[0], np.cumsum(np.bincount(indices, minlength=n))]).astype(np.int32)
    rows = np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))
    return ends, rows[places], places


transpose = getattr(library, "transpose_pattern", _transpose)


def pattern_of_array(a: Any) -> Pattern:
    """Return the pattern of a dense matrix."""
    rows, columns = np.nonzero(a)
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=a.shape[0]))]).astype(np.int32)
    return Pattern(indptr, columns.astype(np.int32), a.shape)


def as_pattern(called: str, sparsity: Any, name: str = "sparsity=") -> Pattern:
    """Return the pattern that a user gives: as one, as a sparse matrix of SciPy, or as an array.

    Raises:
        ShapeError: if it is not of two dimensions.
        ValueError: if it is a `Pattern` whose indices are not ascending, or out of range.
    """
    if isinstance(sparsity, Pattern):
        return _canonical(called, sparsity)
    if hasattr(sparsity, "tocsr"):
        a = sparsity.tocsr(copy=True)
        a.sum_duplicates()
        return Pattern(a.indptr.astype(np.int32), a.indices.astype(np.int32), a.shape)
    dense = np.asarray(sparsity)
    if dense.ndim != 2 or dense.dtype.kind not in "biufc":
        raise ShapeError(
            f"{called}: expected {name} to be a matrix: a sparse one of SciPy, an array of two dimensions, or a "
            f"Pattern; received {describe(sparsity)}"
        )
    return pattern_of_array(dense)


def _canonical(called: str, p: Pattern) -> Pattern:
    indptr, indices = np.asarray(p.indptr, np.int32), np.asarray(p.indices, np.int32)
    rows, columns = p.shape
    steps = np.diff(indptr)
    is_whole = len(indptr) == rows + 1 and indptr[0] == 0 and indptr[-1] == len(indices) and (steps >= 0).all()
    if not is_whole or (len(indices) and (indices.min() < 0 or indices.max() >= columns)):
        raise ValueError(
            f"{called}: expected the indptr of a Pattern of shape {p.shape} to go from 0 to its number of indices in "
            f"{rows + 1} steps, and its indices to be below {columns}; received others"
        )
    ascending = np.diff(indices) > 0
    ascending[indptr[1:-1][(indptr[1:-1] > 0) & (indptr[1:-1] < len(indices))] - 1] = True  # where a row begins
    if not ascending.all():
        row = int(np.searchsorted(indptr, int(np.argmin(ascending)) + 1, side="right")) - 1
        raise ValueError(
            f"{called}: expected the indices of each row of a Pattern to ascend, without repetitions; received row "
            f"{row}, where they do not. Pass a matrix of SciPy, whose indices are sorted by themselves"
        )
    return Pattern(indptr, indices, (rows, columns))


def symmetrize(p: Pattern) -> Pattern:
    """Return the pattern that also has the places of the transposed matrix."""
    rows, columns = p.shape
    if rows != columns:
        raise ShapeError(f"sparse.hessian: expected a square sparsity=; received shape {p.shape}")
    keys = np.concatenate([p.rows.astype(np.int64) * rows + p.indices, p.indices.astype(np.int64) * rows + p.rows])
    places = np.unique(keys)
    counts = np.bincount(places // rows, minlength=rows) if rows else np.zeros(0, int)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return Pattern(indptr, (places % max(rows, 1)).astype(np.int32), p.shape)
