"""Sparse matrices of a Tensor: by their entries, by diagonals, and from other matrices."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core.arguments import describe
from ..core.errors import DtypeError, ShapeError
from .matrices import SparseTensor, as_entries, compress, move_to, rearrange, spread
from .pair_products import arrange
from .products import Layout, original, own_copy

if TYPE_CHECKING:
    import numpy.typing as npt


def _indices(call: str, name: str, a: Any, size: int) -> Any:
    a = np.asarray(a)
    if a.ndim != 1 or (a.dtype.kind not in "iu" and a.size):
        raise DtypeError(f"{call}: expected {name} to be integers of one axis; received {describe(a)}")
    if a.size and (a.min() < 0 or a.max() >= size):
        wrong = a[(a < 0) | (a >= size)][0]
        raise ShapeError(f"{call}: expected {name} from 0 to {size - 1}; received {wrong}")
    return a.astype(np.int64)


def _shape(call: str, shape: Any) -> tuple[int, int]:
    try:
        m, n = (int(k) for k in shape)
        if min(m, n) >= 0:
            return m, n
    except (TypeError, ValueError):
        pass
    raise ShapeError(f"{call}: expected a shape of two lengths, such as (3, 4); received {shape!r}")


class _Recent(NamedTuple):
    """What a constructor has made of arrays of indices, which often come again with other entries."""

    places_of: Any
    shape: tuple[int, int]
    arrays: tuple[Any, Any]
    layout: Layout
    places: Any

    def is_of(self, count: int, arrays: tuple[Any, Any], shape: tuple[int, int], places_of: Any) -> bool:
        """Return whether it is that of these arrays, for as many entries."""
        if places_of is not self.places_of or shape != self.shape or count != len(self.arrays[1]):
            return False
        return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(arrays, self.arrays, strict=True))


_RECENT: deque[_Recent] = deque(maxlen=4)


def _from_indices(data: Any, arrays: tuple[Any, Any], shape: tuple[int, int], places_of: Any) -> SparseTensor:
    """Return the matrix of entries and arrays of indices, which `places_of` checks and turns to rows and columns."""
    for recent in tuple(_RECENT):
        if recent.is_of(len(data), arrays, shape, places_of):
            return spread(data, recent.layout, recent.places)
    rows, columns = places_of(len(data), *arrays, shape)
    layout, places = arrange(rows, columns, shape)
    places = None if places is None else own_copy(places)
    _RECENT.appendleft(_Recent(places_of, shape, (arrays[0].copy(), arrays[1].copy()), layout, places))
    return spread(data, layout, places)


def csr(data: Any, indices: npt.ArrayLike, indptr: npt.ArrayLike, shape: Sequence[int]) -> SparseTensor:
    """Make a sparse matrix of its entries row by row, as `scipy.sparse.csr_array((data, indices, indptr), shape)` does.

    Args:
        data: the entries, a Tensor or an array of shape (nnz,).
        indices: their columns, integers of shape (nnz,); in any order within a row. Entries at one place are summed.
        indptr: where each row begins among them, and the end; integers of shape (rows + 1,).
        shape: of the matrix.

    Raises:
        ShapeError: if the arrays do not fit together or to the shape.
        DtypeError: if indices are not integers.

    Example:
        >>> import autograd_lite as ag
        >>> def f(data):
        ...     return (ag.sparse.csr(data, [0, 0, 1], [0, 1, 3], (2, 2)) @ np.array([1.0, 10.0])).sum()
        >>> ag.grad(f)(np.array([1.0, 2.0, 3.0]))
        array([ 1.,  1., 10.])
    """
    data, shape = as_entries("csr", data), _shape("csr", shape)
    return _from_indices(data, (np.asarray(indptr), np.asarray(indices)), shape, _places_of_csr)


def _places_of_csr(count: int, indptr: Any, indices: Any, shape: tuple[int, int]) -> tuple[Any, Any]:
    """Check the arrays of `csr`, and return the row and the column of each entry."""
    m, n = shape
    columns = _indices("csr", "indices", indices, n)
    starts = _indices("csr", "indptr", indptr, len(columns) + 1)
    if len(columns) != count:
        raise ShapeError(f"csr: expected as many indices as entries; received {len(columns)} and {count}")
    if len(starts) != m + 1 or starts[0] != 0 or starts[-1] != len(columns) or np.any(np.diff(starts) < 0):
        raise ShapeError(
            f"csr: expected indptr of {m + 1} ascending numbers from 0 to {len(columns)}, the number of entries; "
            f"received {len(starts)} of them, {starts[:1]} to {starts[-1:]}"
        )
    return np.repeat(np.arange(m), np.diff(starts)), columns


def coo(data: Any, coords: Sequence[npt.ArrayLike], shape: Sequence[int]) -> SparseTensor:
    """Make a sparse matrix of entries in any order, as `scipy.sparse.coo_array((data, (rows, columns)), shape)` does.

    Args:
        data: the entries, a Tensor or an array of shape (nnz,). Those at one place are summed.
        coords: their rows and their columns, integers of shape (nnz,).
        shape: of the matrix.

    Raises:
        ShapeError: if the arrays do not fit together or to the shape.
        DtypeError: if indices are not integers.

    Example:
        >>> import autograd_lite as ag
        >>> ag.sparse.coo(ag.tensor([1.0, 2.0, 3.0]), ([0, 1, 1], [0, 1, 1]), (2, 2)).toarray()
        Tensor([[1., 0.],
                [0., 5.]])
    """
    data, shape = as_entries("coo", data), _shape("coo", shape)
    if len(coords) != 2:
        raise ShapeError(f"coo: expected coords to be rows and columns; received {len(coords)} of them")
    return _from_indices(data, (np.asarray(coords[0]), np.asarray(coords[1])), shape, _places_of_coo)


def _places_of_coo(count: int, rows: Any, columns: Any, shape: tuple[int, int]) -> tuple[Any, Any]:
    """Check the arrays of `coo`, and return them."""
    rows, columns = _indices("coo", "rows", rows, shape[0]), _indices("coo", "columns", columns, shape[1])
    if not len(rows) == len(columns) == count:
        sizes = f"{len(rows)}, {len(columns)} and {count}"
        raise ShapeError(f"coo: expected as many rows and columns as entries; received {sizes}")
    return rows, columns


def diags(diagonals: Any, offsets: int | Sequence[int] = 0, shape: Sequence[int] | None = None) -> SparseTensor:
    """Make a sparse matrix of its diagonals, as `scipy.sparse.diags_array` does.

    Args:
        diagonals: a Tensor or an array of shape (n,), or a list of them, one for each offset. With `shape`, one of
            length 1 fills its whole diagonal.
        offsets: where they are, counted upwards from the main diagonal.
        shape: of the matrix; by default it is square, as large as it must be.

    Raises:
        ValueError: if lengths and shape do not fit together.

    Example:
        >>> import autograd_lite as ag
        >>> x = ag.tensor([1.0, 2.0, 3.0])
        >>> ag.sparse.diags([x, x[:2]], [0, 1]).toarray()
        Tensor([[1., 1., 0.],
                [0., 2., 2.],
                [0., 0., 3.]])
    """
    places = [offsets] if np.ndim(offsets) == 0 else list(offsets)  # type: ignore[arg-type]
    is_one = np.ndim(offsets) == 0 and not (isinstance(diagonals, (list, tuple)) and np.ndim(diagonals[0]) == 1)
    lines = [as_entries("diags", line) for line in ([diagonals] if is_one else diagonals)]
    ends = np.cumsum([1, *(len(line) for line in lines)])
    numbers = [np.arange(k, k + len(line)) for k, line in zip(ends[:-1].tolist(), lines, strict=True)]
    where = original.diags_array(numbers, offsets=places, shape=shape, dtype=np.int64)
    return move_to(np.concatenate(lines) if len(lines) > 1 else lines[0], where)


def eye(m: int, n: int | None = None, k: int = 0) -> SparseTensor:
    """Make a matrix with ones on a diagonal, as `scipy.sparse.eye_array` does.

    Args:
        m, n: numbers of rows and columns; n is m by default.
        k: number of the diagonal; above 0 it is above the main one.

    Example:
        >>> eye(2, 3, 1).toarray()
        Tensor([[0., 1., 0.],
                [0., 0., 1.]])
    """
    return SparseTensor.of(original.eye_array(m, n, k=k))


def kron(a: Any, b: Any) -> SparseTensor:
    """Return the Kronecker product of two sparse matrices, of ours or of SciPy's.

    Args:
        a, b: of shapes `(m, n)` and `(p, q)`; the result has shape `(m p, n q)`.

    Example:
        >>> import autograd_lite as ag
        >>> ag.sparse.kron(eye(2), ag.sparse.diags([[1.0, 3.0]])).diagonal()
        Tensor([1., 3., 1., 3.])
    """
    a, b = SparseTensor.of(a), SparseTensor.of(b)
    (m, n), (p, q) = a.shape, b.shape
    data = (a.data[:, None] * b.data).reshape(-1)
    places = zip((a.layout.rows, a.indices), (b.layout.rows, b.indices), (p, q), strict=True)
    rows, columns = ((i.astype(np.int64)[:, None] * length + j).reshape(-1) for i, j, length in places)
    return compress(data, rows, columns, (m * p, n * q))


def block_array(blocks: Sequence[Sequence[Any]]) -> SparseTensor:
    """Make a matrix of blocks, as `scipy.sparse.block_array` does.

    Args:
        blocks: rows of blocks: sparse matrices, of ours or of SciPy's, dense matrices, or None for zeros.

    Raises:
        ValueError: if the blocks' shapes do not fit together.

    Example:
        >>> import autograd_lite as ag
        >>> a = ag.sparse.diags([ag.tensor([2.0, 3.0])])
        >>> block_array([[a, None], [None, a @ a]]).diagonal()
        Tensor([2., 3., 4., 9.])
    """
    rows = [[None if block is None else _block(block) for block in row] for row in blocks]
    parts = [block for row in rows for block in row if block is not None]

    def join(*places: Any) -> Any:
        each = iter(places)
        return original.block_array([[None if block is None else next(each) for block in row] for row in rows])

    return rearrange(join, *parts)


def _block(block: Any) -> SparseTensor:
    if not hasattr(block, "__apply_op__"):
        return SparseTensor.of(block)
    rows, columns = (i.reshape(-1) for i in np.indices(block.shape))
    return compress(block.reshape(-1), rows, columns, block.shape)
