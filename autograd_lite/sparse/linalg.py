"""Sparse linear systems by SuperLU: `spsolve`, `splu`, `factorized`.

One op solves F x = b or Fᵀ x = b, where the nonzeros of F are an input and its pattern, by columns, is a parameter.
SciPy solves with a matrix stored by rows as with the transposed one stored by columns, so that this op has its bits.
The factors belong to the pattern, and with it to the record of the computation: the value, every backward pass and
every further derivative solve with the same ones, as long as the numbers are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from ..core import batching
from ..core.docstrings import arguments_from
from ..core.errors import ShapeError, UnsupportedError
from ..core.forks import fork_safe_lock
from ..core.late import needs
from ..core.messages import checked
from ..core.mode import MODE, TAPES
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..functions.custom_ops import structural
from ..ops.adjoints import user
from ..ops.operands import carries_derivative, operand
from ..ops.solve import in_lapack, lapack_dtype
from ..tensors.tensor import Tensor
from ..tensors.tracers import TracedTensor
from .matrices import SparseTensor, is_sparse, take
from .products import Layout, layout_of, sampled_matmul, sparse_matmul

with needs("autograd_lite.sparse", "scipy", "'autograd-lite[scipy]'"):
    import scipy.sparse as sp
    import scipy.sparse.linalg as original
    from scipy.sparse import issparse

Options = tuple[tuple[str, Any], ...]
_MOST = 8  # factorizations that one pattern keeps
_OTHER = {"N": "T", "T": "N"}


class Columns:
    """A square pattern by columns, SuperLU's options, and the factors of matrices that had these.

    Args:
        layout: of the transposed matrix, by rows.
        options: keywords of `scipy.sparse.linalg.splu`, as pairs.
    """

    def __init__(self, layout: Layout, options: Options = ()) -> None:
        self.layout, self.options, self.size = layout, options, layout.shape[0]
        self._factors: list[tuple[str, bytes, Any]] = []
        self._lock = fork_safe_lock()

    def __repr__(self) -> str:
        return f"<factors of {self.layout!r}, {self.options}>"

    def factor(self, data: Any) -> Any:
        """Return SciPy's factorization of the matrix with these nonzeros.

        Raises:
            LinAlgError: if the matrix is singular.
        """
        key = data.dtype.char, data.tobytes()
        with self._lock:
            for *numbers, factors in self._factors:
                if tuple(numbers) == key:
                    return factors
        factors = self.compute(self.layout.matrix(data, True))
        with self._lock:
            self._factors = [*self._factors[1 - _MOST :], (*key, factors)]
        return factors

    def compute(self, matrix: Any) -> Any:
        """Return an object that solves with a matrix of SciPy's."""
        try:
            return original.splu(matrix, **dict(self.options))
        except RuntimeError as error:
            if "singular" not in str(error):
                raise
            raise np.linalg.LinAlgError(
                f"expected a matrix that can be inverted, and one of {self.size} rows is exactly singular"
            ) from None


_SHARED: WeakValueDictionary[Any, Columns] = WeakValueDictionary()


def shared_columns(layout: Layout, options: Options = ()) -> Columns:
    """Return the one `Columns` of a pattern and options that is in use, so that its factors are shared."""
    key = id(layout), options
    columns = _SHARED.get(key)
    return _SHARED.setdefault(key, Columns(layout, options)) if columns is None else columns


# ---- the op ---------------------------------------------------------------------------------------------------------


def _solve_arrays(data: Any, b: Any, *, columns: Columns, trans: str) -> Any:
    dtype = lapack_dtype(data.dtype, b.dtype)
    return columns.factor(data.astype(dtype, copy=False)).solve(b.astype(dtype, copy=False), trans)


def _by_data(g: Any, out: Any, data: Any, b: Any, *, columns: Columns, trans: str) -> Any:
    s = solve(data, g, columns=columns, trans=_OTHER[trans])
    pair = (out, s) if trans == "N" else (s, out)
    return -sampled_matmul(*pair, layout=columns.layout)


def _jvp(tangents: Sequence[Any], out: Any, data: Any, b: Any, *, columns: Columns, trans: str) -> Any:
    by_data, moved = tangents
    if by_data is not None:
        change = sparse_matmul(by_data, out, layout=columns.layout, transposed=trans == "N")
        moved = -change if moved is None else moved - change
    return solve(data, moved, columns=columns, trans=trans)


def _batch(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    data, b = inputs
    if batched[0]:
        return batching.one_by_one(op, inputs, batched, params)
    many = np.moveaxis(b, 0, -1)
    out = op(data, many.reshape(b.shape[1], -1), **params)
    return np.moveaxis(out.reshape(many.shape), -1, 0)


# The solution of F x = b (trans "N") or Fᵀ x = b ("T") for one vector, or for columns.
solve: Op = structural(
    "spsolve",
    in_lapack(_solve_arrays),
    _by_data,
    lambda g, out, data, b, *, columns, trans: solve(data, g, columns=columns, trans=_OTHER[trans]),
    saves=("ox", "x"),
    infer=lambda data, b, **_: ShapeDtype(b.shape, lapack_dtype(data.dtype, b.dtype)),
    jvp=_jvp,
    batch=_batch,
)


# ---- SciPy's functions ----------------------------------------------------------------------------------------------


def _square(name: str, a: Any, b_shape: tuple[int, ...] = ()) -> Any:
    """Return a matrix that has rows or columns in order, without repetitions.

    Raises:
        TypeError: if it is not a sparse matrix.
        ShapeError: if it is not square, or does not fit the right-hand side.
    """
    if issparse(a):
        a = a if a.format in ("csc", "csr") else sp.csc_array(a)
        if not a.has_canonical_format:
            a = a.copy()
            a.sum_duplicates()
    elif not isinstance(a, SparseTensor):
        raise TypeError(
            f"{name}: expected A as a sparse matrix, of SciPy or of autograd_lite.sparse; received "
            f"{type(a).__name__}. Of a dense one write np.linalg.solve(A, b)"
        )
    if a.shape[0] != a.shape[1]:
        raise ShapeError(f"{name}: expected a square matrix; received shape {a.shape}")
    if b_shape and (b_shape[0] != a.shape[0] or len(b_shape) > 2):
        raise ShapeError(
            f"{name}: expected b of shape ({a.shape[0]},) or ({a.shape[0]}, k), as A has {a.shape[0]} rows; received "
            f"shape {b_shape}"
        )
    return a


@checked
def spsolve(A: Any, b: Any, permc_spec: str | None = None, use_umfpack: bool = True) -> Any:
    """Solve A x = b for a sparse matrix A, with gradients by its nonzeros and by b, to any order.

    The backward pass solves Aᵀ s = g with the factors of the value; the gradient by the nonzero in row i and column j
    is -s[i] x[j].

    Args:
        A: a square matrix of `autograd_lite.sparse`, or a constant one of SciPy.
        b: one right-hand side of shape `(n,)` or `(n, 1)`, or several, `(n, k)`; dense.
        permc_spec: how SuperLU orders columns, see `scipy.sparse.linalg.spsolve`.
        use_umfpack: read where nothing is a Tensor; SuperLU solves all others.

    Returns:
        x of shape `(n,)`, or `(n, k)`; where nothing is a Tensor, what SciPy returns.

    Raises:
        LinAlgError: if A is exactly singular (SciPy warns, and returns NaN).
        ShapeError: if the shapes do not fit.

    Example:
        >>> import autograd_lite as ag
        >>> from scipy.sparse import csc_array
        >>> A = csc_array([[2.0, 0.0], [1.0, 4.0]])
        >>> ag.grad(lambda b: spsolve(A, b).sum())(np.ones(2))
        array([0.375, 0.25 ])
    """
    b = b if is_sparse(b) else operand(b)
    if issparse(A) and not hasattr(b, "__apply_op__"):
        return original.spsolve(A, b, permc_spec, use_umfpack)
    b = _right_side("spsolve", b)
    a = _square("spsolve", A, b.shape)
    layout = layout_of(a.indices, a.indptr, a.shape)
    columns = shared_columns(layout, (("permc_spec", permc_spec),) if permc_spec else ())
    vector = b.reshape(-1) if b.ndim == 1 or b.shape[1] == 1 else b
    return solve(a.data, vector, columns=columns, trans="N" if a.format == "csc" else "T")


def _right_side(name: str, b: Any) -> Any:
    if is_sparse(b):
        raise UnsupportedError(f"{name}: a sparse right-hand side is not supported with Tensors; write b.toarray()")
    return operand(b)


class SuperLU:
    """The factors of a sparse matrix; see `splu`, which makes it.

    Args:
        data: the nonzeros.
        columns: their places.

    Attributes:
        shape: of the matrix.

    Example:
        >>> from scipy.sparse import csc_array
        >>> splu(csc_array([[2.0, 0.0], [1.0, 4.0]])).solve(np.ones(2))
        array([0.5  , 0.125])
    """

    def __init__(self, data: Any, columns: Columns) -> None:
        self._data, self._columns = data, columns
        self.shape = (columns.size, columns.size)
        if not (isinstance(data, TracedTensor) or (TAPES and MODE.get().tape is not None)):
            _ = self._factors  # so that a singular matrix is refused here

    @property
    def _factors(self) -> Any:
        data = self._data.detach().numpy() if isinstance(self._data, Tensor) else self._data
        return self._columns.factor(data.astype(lapack_dtype(data.dtype), copy=False))

    @property
    def nnz(self) -> int:
        """The number of nonzeros of both factors."""
        return self._factors.nnz

    @property
    def perm_r(self) -> Any:
        """The order of rows."""
        return self._factors.perm_r

    @property
    def perm_c(self) -> Any:
        """The order of columns."""
        return self._factors.perm_c

    @property
    def L(self) -> Any:
        """The lower factor, of a constant matrix."""
        return self._constant("L")

    @property
    def U(self) -> Any:
        """The upper factor, of a constant matrix."""
        return self._constant("U")

    def _constant(self, name: str) -> Any:
        if carries_derivative(self._data):
            raise UnsupportedError(f"splu: the factor {name} has no derivative; use solve, or detach the matrix")
        return getattr(self._factors, name)

    def solve(self, rhs: Any, trans: str = "N") -> Any:
        """Solve for one right-hand side or several.

        Args:
            rhs: b, of shape `(n,)` or `(n, k)`.
            trans: "N" for A x = b, "T" for Aᵀ x = b, "H" for Aᴴ x = b.

        Returns:
            x, of the shape of b.
        """
        b = _right_side("splu.solve", rhs)
        if b.shape[:1] != self.shape[:1] or b.ndim > 2:
            raise ShapeError(
                f"splu.solve: expected rhs of shape ({self.shape[0]},) or ({self.shape[0]}, k); received {b.shape}"
            )
        if str(trans) not in ("N", "T", "H"):
            raise ValueError(f"splu.solve: expected trans as 'N', 'T' or 'H'; received {trans!r}")
        if trans == "H":
            return user(solve(self._data, user(b), columns=self._columns, trans="T"))
        return solve(self._data, b, columns=self._columns, trans=trans)


@checked
def splu(
    A: Any,
    permc_spec: str | None = None,
    diag_pivot_thresh: float | None = None,
    relax: int | None = None,
    panel_size: int | None = None,
    options: dict[str, Any] | None = None,
) -> SuperLU:
    """Factorize a sparse matrix once, to solve with it often.

    Args:
        A: a square matrix of `autograd_lite.sparse`, or a constant one of SciPy.
        permc_spec: order of the columns: "COLAMD" (by default), "NATURAL", "MMD_ATA" or "MMD_AT_PLUS_A".
        diag_pivot_thresh: from 0 to 1, how large a diagonal element must be to be the pivot.
        relax, panel_size, options: of SuperLU, for experts.

    Returns:
        An object with `solve(rhs, trans="N")`, which has gradients by the nonzeros of A and by the right-hand side.

    Raises:
        LinAlgError: if A is exactly singular.

    Example:
        >>> import autograd_lite as ag
        >>> from scipy.sparse import csc_array
        >>> lu = splu(csc_array([[2.0, 0.0], [1.0, 4.0]]))
        >>> ag.grad(lambda b: lu.solve(b, "T").sum())(np.ones(2))
        array([0.5  , 0.125])
    """
    a = _square("splu", A)
    chosen = {
        "permc_spec": permc_spec,
        "diag_pivot_thresh": diag_pivot_thresh,
        "relax": relax,
        "panel_size": panel_size,
        "options": options,
    }
    data, indptr, indices = a.data, a.indptr, a.indices
    if a.format != "csc":
        places = sp.csr_array((np.arange(len(indices)), indices, indptr), shape=a.shape).tocsc()
        data, indptr, indices = take(data, places.data), places.indptr, places.indices
    options_of = tuple((k, x) for k, x in chosen.items() if x is not None)
    return SuperLU(data, Columns(layout_of(indices, indptr, a.shape), options_of))


@arguments_from(splu)
@checked
def factorized(A: Any) -> Callable[[Any], Any]:
    """Return the function b ↦ A⁻¹ b, with the factors of A computed once; see `splu`.

    Example:
        >>> from scipy.sparse import csc_array
        >>> factorized(csc_array([[2.0, 0.0], [1.0, 4.0]]))(np.ones(2))
        array([0.5  , 0.125])
    """
    return splu(A).solve
