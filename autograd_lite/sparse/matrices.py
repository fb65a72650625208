"""Sparse matrices whose entries are a Tensor, on a constant pattern."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import InitVar, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from ..core.arguments import describe
from ..core.errors import ShapeError, UnsupportedError
from ..ops.index import scatter_add
from ..tensors.conversions import left_to_us
from ..tensors.tensor import tensor
from .pair_products import arrange, pairs_of, sum_pairs
from .products import Layout, layout_of, original, own_copy, sparse_matmul

if TYPE_CHECKING:
    import numpy.typing as npt


def take(data: Any, places: Any) -> Any:
    """Return the entries at some places; all of them in order are the entries themselves."""
    if len(places) == len(data) and np.array_equal(places, np.arange(len(data))):
        return data
    return data[own_copy(places)]


def compress(data: Any, rows: Any, columns: Any, shape: tuple[int, int]) -> SparseTensor:
    """Return the matrix of entries in any order; those at one place are summed."""
    layout, places = arrange(rows, columns, shape)
    return spread(data, layout, None if places is None else own_copy(places))


def spread(data: Any, layout: Layout, places: Any) -> SparseTensor:
    """Return the matrix of entries of which each has a place; of those in order that is None."""
    if places is not None:
        data = scatter_add(data, index=(places,), shape=(len(layout.indices),))
    return SparseTensor(data, layout)


def rearrange(function: Callable[..., Any], *parts: SparseTensor) -> Any:
    """Apply one of SciPy's functions that only move entries, to the entries' positions, and move them alike."""
    ends = np.cumsum([0, *(part.nnz for part in parts)])
    places = [p.layout.matrix(np.arange(k + 1, k + 1 + p.nnz)) for k, p in zip(ends[:-1].tolist(), parts, strict=True)]
    data = parts[0].data if len(parts) == 1 else np.concatenate([part.data for part in parts])
    moved = function(*places)
    if not original.issparse(moved):  # one entry
        return data[int(moved) - 1] if moved else data[:0].sum()
    if moved.ndim != 2:
        moved = moved.reshape(1, -1)
    return move_to(data, moved)


def move_to(data: Any, places: Any) -> SparseTensor:
    """Return a matrix with `data[k]` where one of SciPy's has k + 1."""
    places = original.csr_array(places)
    places.sort_indices()
    return SparseTensor(take(data, places.data - 1), layout_of(places.indices, places.indptr, places.shape))


@dataclass(eq=False, repr=False)
class SparseTensor:
    """A sparse matrix in CSR whose entries are a Tensor; `csr`, `coo`, `diags`, `kron` and `block_array` make them.

    It has the operators and methods of `scipy.sparse.csr_array` that have a derivative. Its pattern is constant, and
    gradients by the entries have the shape of `data`: nothing dense is made. Functions that are differentiated, batched
    or compiled may take and return it, as a container of its entries.

    Attributes:
        data: the entries, row by row, a Tensor of shape (nnz,).
        layout: where they are.

    Example:
        >>> import autograd_lite as ag
        >>> A = ag.sparse.csr(ag.tensor([1.0, 2.0, 3.0]), [0, 0, 1], [0, 1, 3], (2, 2))
        >>> A @ np.array([1.0, 10.0])
        Tensor([ 1., 32.])
        >>> A.T.toarray()
        Tensor([[1., 2.],
                [0., 3.]])
    """

    data: Any
    layout: InitVar[Any] = None  # no field, so that as a container the matrix holds its entries alone

    __array_ufunc__ = None  # so that operators of arrays leave the work to ours
    format: ClassVar[str] = "csr"
    ndim: ClassVar[int] = 2

    def __post_init__(self, layout: Layout) -> None:
        vars(self).update(layout=layout)

    @property
    def _fixed_part(self) -> Layout:
        """What containers of one structure have in common, for `tree.structure`."""
        return self.layout

    @classmethod
    def of(cls, a: Any) -> SparseTensor:
        """Return a matrix of SciPy's, or one of ours, with Tensors as entries."""
        if isinstance(a, cls):
            return a
        matrix = original.csr_array(a)
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        return cls(tensor(matrix.data), layout_of(matrix.indices, matrix.indptr, matrix.shape))

    # ---- facts -------------------------------------------------------------------------------------------------------

    @property
    def indices(self) -> npt.NDArray[Any]:
        """The columns of the entries, row by row, in order; read-only."""
        return self.layout.indices

    @property
    def indptr(self) -> npt.NDArray[Any]:
        """Where each row begins in `indices`, and the end; read-only."""
        return self.layout.indptr

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of rows and columns."""
        return self.layout.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the entries."""
        return self.data.dtype

    @property
    def nnz(self) -> int:
        """The number of entries, zeros among them included."""
        return len(self.layout.indices)

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.nnz

    def __repr__(self) -> str:
        return f"SparseTensor(shape={self.shape}, nnz={self.nnz}, dtype={getattr(self.data, 'dtype', None)})"

    def to_scipy(self) -> Any:
        """Return a `scipy.sparse.csr_array` of the values, a copy without history."""
        data = self.data if isinstance(self.data, np.ndarray) else self.data.numpy()
        return original.csr_array((data, self.indices, self.indptr), self.shape, copy=True)

    def toarray(self) -> Any:
        """Return the matrix as a dense Tensor."""
        return scatter_add(self.data, index=(self.layout.rows, self.indices), shape=self.shape)

    todense = toarray

    def with_data(self, data: Any) -> SparseTensor:
        """Return a matrix of the same pattern with other entries, of shape (nnz,).

        Example:
            >>> import autograd_lite as ag
            >>> A = ag.sparse.diags([[1.0, 4.0]])
            >>> A.with_data(np.sqrt(A.data)).toarray()
            Tensor([[1., 0.],
                    [0., 2.]])
        """
        data = as_entries("with_data", data)
        if data.shape != self.data.shape:
            raise ShapeError(f"with_data: expected entries of shape {self.data.shape}; received {data.shape}")
        return SparseTensor(data, self.layout)

    # ---- entries elsewhere ------------------------------------------------------------------------------------------

    @property
    def T(self) -> SparseTensor:
        """The transposed matrix."""
        layout, order = self.layout.transpose()
        return SparseTensor(self.data[order], layout)

    def transpose(self) -> SparseTensor:
        """Return the transposed matrix."""
        return self.T

    def __getitem__(self, key: Any) -> Any:
        return rearrange(lambda a: a[key], self)

    def diagonal(self, k: int = 0) -> Any:
        """Return a diagonal as a dense Tensor; k counts upwards from the main one."""
        rows, columns = self.layout.rows, self.indices
        places = np.flatnonzero(columns.astype(np.int64) - rows == k)
        m, n = self.shape
        if not -m < k < n:
            raise ShapeError(f"diagonal: expected k between {1 - m} and {n - 1}; received {k}")
        length = min(m + min(k, 0), n - max(k, 0))
        return scatter_add(take(self.data, places), index=(own_copy(rows[places] + min(k, 0)),), shape=(length,))

    def tocsr(self) -> SparseTensor:
        """Return the matrix itself."""
        return self

    # ---- elementwise ------------------------------------------------------------------------------------------------

    def conj(self) -> SparseTensor:
        """Return the complex conjugate."""
        return SparseTensor(np.conj(self.data), self.layout)

    conjugate = conj

    def copy(self) -> SparseTensor:
        """Return a copy."""
        return SparseTensor(self.data.copy(), self.layout)

    def astype(self, dtype: npt.DTypeLike) -> SparseTensor:
        """Return the matrix with entries of another dtype."""
        return SparseTensor(self.data.astype(dtype), self.layout)

    def detach(self) -> SparseTensor:
        """Return the same values without history."""
        return SparseTensor(self.data.detach() if hasattr(self.data, "detach") else self.data, self.layout)

    def __neg__(self) -> SparseTensor:
        return SparseTensor(-self.data, self.layout)

    def __pos__(self) -> SparseTensor:
        return self

    def __add__(self, other: Any) -> Any:
        return self._plus(other, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        return self._plus(other, -other)

    def __rsub__(self, other: Any) -> Any:
        return (-self)._plus(other, other)

    def _plus(self, other: Any, term: Any) -> Any:
        if not is_sparse(other):
            if np.ndim(other) == 0:
                if other.__class__ in (int, float) and other == 0:
                    return self  # as Python's `sum` begins
                raise UnsupportedError(
                    "A + x: expected a matrix; received a number, which would make every entry of a sparse matrix "
                    "another one. Add it to A.data, or to A.toarray()"
                )
            return self.toarray() + term
        term = SparseTensor.of(term)
        self._fit("A + B", term)
        if term.layout is self.layout:
            return SparseTensor(self.data + term.data, self.layout)
        rows, columns = (
            np.concatenate(pair) for pair in ((self.layout.rows, term.layout.rows), (self.indices, term.indices))
        )
        return compress(np.concatenate([self.data, term.data]), rows, columns, self.shape)

    def _fit(self, call: str, other: Any) -> None:
        if other.shape != self.shape:
            raise ShapeError(f"{call}: expected two matrices of one shape; received {self.shape} and {other.shape}")

    def multiply(self, other: Any) -> Any:
        """Return the elementwise product with a number, a dense array that broadcasts, or a sparse matrix."""
        if not is_sparse(other):
            return SparseTensor(self.data * self._at_places("A * x", other), self.layout)
        other = SparseTensor.of(other)
        self._fit("A * B", other)
        if other.layout is self.layout:
            return SparseTensor(self.data * other.data, self.layout)
        keys = [part.layout.rows.astype(np.int64) * self.shape[1] + part.indices for part in (self, other)]
        _, here, there = np.intersect1d(keys[0], keys[1], assume_unique=True, return_indices=True)
        data = take(self.data, here) * take(other.data, there)
        return compress(data, self.layout.rows[here], self.indices[here], self.shape)

    __mul__ = multiply

    def __rmul__(self, other: Any) -> Any:
        return self.__rmatmul__(other) if isinstance(other, original.spmatrix) else self * other  # which say * for @

    def __truediv__(self, other: Any) -> Any:
        if is_sparse(other):
            raise UnsupportedError("A / B: expected a number or a dense array; received a sparse matrix")
        return SparseTensor(self.data / self._at_places("A / x", other), self.layout)

    def _at_places(self, call: str, x: Any) -> Any:
        """Return the elements of a dense operand that meet the entries."""
        if np.ndim(x) == 0:
            return x
        shape = (1,) * (2 - np.ndim(x)) + np.shape(x)
        if len(shape) != 2 or any(n not in (1, m) for n, m in zip(shape, self.shape, strict=True)):
            raise ShapeError(f"{call}: expected a shape that broadcasts to {self.shape}; received {np.shape(x)}")
        x = np.reshape(x, shape) if hasattr(x, "shape") else np.asarray(x).reshape(shape)
        return x[tuple([0 if n == 1 else i for n, i in zip(shape, (self.layout.rows, self.indices), strict=True)])]

    # ---- products and sums ------------------------------------------------------------------------------------------

    def __matmul__(self, other: Any) -> Any:
        if is_sparse(other):
            return multiply_sparse(self, SparseTensor.of(other))
        other = self._operand("A @ x", other, self.shape[1], 0)
        return sparse_matmul(self.data, other, layout=self.layout, transposed=False)

    def __rmatmul__(self, other: Any) -> Any:
        if is_sparse(other):
            return multiply_sparse(SparseTensor.of(other), self)
        other = np.transpose(self._operand("x @ A", other, self.shape[0], -1))
        return np.transpose(sparse_matmul(self.data, other, layout=self.layout, transposed=True))

    dot = __matmul__

    def _operand(self, call: str, x: Any, length: int, axis: int) -> Any:
        x = x if hasattr(x, "shape") else np.asarray(x)
        if x.ndim not in (1, 2) or x.shape[axis] != length:
            place = f"({length},) or ({length}, k)" if axis == 0 else f"({length},) or (k, {length})"
            raise ShapeError(f"{call}: expected shape {place}, as A has shape {self.shape}; received {describe(x)}")
        return x

    def sum(self, axis: int | None = None) -> Any:
        """Return the sum of all entries, or of each column (axis 0) or row (axis 1), as a dense Tensor."""
        if axis is None:
            return self.data.sum()
        if axis not in (-2, -1, 0, 1):
            raise ShapeError(f"sum: expected axis None, 0 or 1; received {axis}")
        which = axis % 2
        places = self.layout.rows if which else self.indices
        return scatter_add(self.data, index=(places,), shape=(self.shape[1 - which],))

    def trace(self, offset: int = 0) -> Any:
        """Return the sum of a diagonal."""
        return self.diagonal(offset).sum()

    # ---- refusals ---------------------------------------------------------------------------------------------------

    def __len__(self) -> NoReturn:
        raise TypeError("len(A): the length of a sparse matrix is ambiguous; use A.shape[0] or A.nnz")

    def __bool__(self) -> NoReturn:
        raise ValueError("bool(A): the truth value of a sparse matrix is ambiguous; use A.nnz")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        if (no_array := left_to_us()) is not None:
            return no_array
        raise UnsupportedError(
            "a SparseTensor was about to become a dense array. Functions of autograd_lite.sparse take it; A.toarray() "
            "is dense, and A.to_scipy() has no gradient"
        )

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise UnsupportedError(
            f"np.{function.__name__}: expected dense arrays; received a SparseTensor. Use its operators and methods, "
            "its entries A.data, or A.toarray()"
        )

    def __getattr__(self, name: str) -> Any:
        if hasattr(original.csr_array, name) and not hasattr(SparseTensor, name) and not name.startswith("_"):
            raise AttributeError(
                f"A.{name}: a SparseTensor does not have this method of scipy.sparse.csr_array. Compute with A.data "
                f"and A.with_data(…), or without a gradient with A.to_scipy().{name}"
            )
        raise AttributeError(f"'SparseTensor' object has no attribute '{name}'")


def is_sparse(a: Any) -> bool:
    """Return whether a value is a sparse matrix, of ours or of SciPy's."""
    return isinstance(a, SparseTensor) or bool(original.issparse(a))


def as_entries(call: str, data: Any) -> Any:
    """Return the entries of a matrix as a Tensor of numbers, one after the other."""
    data = data if hasattr(data, "__apply_op__") else tensor(data)
    if data.ndim != 1:
        raise ShapeError(f"{call}: expected entries of shape (nnz,); received shape {data.shape}")
    return data


def multiply_sparse(a: SparseTensor, b: SparseTensor) -> SparseTensor:
    """Return the product of two sparse matrices: the sum of the products of all pairs of entries that meet."""
    if a.shape[1] != b.shape[0]:
        raise ShapeError(f"A @ B: expected as many columns as rows; received shapes {a.shape} and {b.shape}")
    pairs = pairs_of(a.layout, b.layout)
    return SparseTensor(sum_pairs(a.data, b.data, pairs=pairs, roles=(0, 1, 2)), pairs.layouts[2])
