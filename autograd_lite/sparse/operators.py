"""Linear operators that take Tensors, and whose functions may close over Tensors: SciPy's class, with derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.arguments import describe
from ..core.errors import ShapeError, UnsupportedError
from ..core.late import needs
from ..core.messages import checked
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..functional import vjp
from ..functions.custom_ops import structural
from ..ops.adjoints import user
from ..ops.operands import carries_derivative, operand
from ..ops.solve import lapack_dtype
from ..tensors.tensor import Tensor
from .matrices import SparseTensor

with needs("autograd_lite.sparse", "scipy", "'autograd-lite[scipy]'"):
    import scipy.sparse
    import scipy.sparse.linalg

original, issparse, eye_array = scipy.sparse.linalg, scipy.sparse.issparse, scipy.sparse.eye_array

Function = Callable[[Any], Any]


def _apply_constant(x: Any, *, operator: Any, turned: bool) -> Any:
    try:
        if not turned:
            return np.asarray(operator.matvec(x) if x.ndim == 1 else operator.matmat(x))
        return user(np.asarray(operator.rmatvec(user(x)) if x.ndim == 1 else operator.rmatmat(user(x))))
    except NotImplementedError:
        raise UnsupportedError(
            f"expected an operator that has rmatvec, which the backward pass applies; received {operator!r}. Write "
            "LinearOperator(shape, matvec, rmatvec)"
        ) from None


# The product of one of SciPy's operators, or of its transpose, and a vector or columns.
_product: Op = structural(
    "operator_product",
    _apply_constant,
    lambda g, out, x, *, operator, turned: _product(g, operator=operator, turned=not turned),
    infer=lambda x, *, operator, turned: ShapeDtype(
        (operator.shape[turned], *x.shape[1:]), np.result_type(operator.dtype, x.dtype)
    ),
    linear=True,
)


class LinearOperator(scipy.sparse.linalg.LinearOperator):  # type: ignore[misc]
    """A matrix given by the functions that multiply by it, which may close over Tensors: SciPy's, with derivatives.

    Sums, products, powers and multiples of such operators, `.T` and `.H` are operators too. Without `rmatvec`, the
    adjoint follows from `matvec` by transposing it.

    Args:
        shape: of the matrix, (m, n).
        matvec: x ↦ A x, for x of shape `(n,)`.
        rmatvec: y ↦ Aᴴ y, for y of shape `(m,)`.
        matmat, rmatmat: the same for columns; by default one after the other.
        dtype: of the matrix; by default that of `matvec` of zeros.

    Raises:
        ShapeError: if an operand does not fit.

    Example:
        >>> import autograd_lite as ag
        >>> def energy(t):
        ...     A = LinearOperator((3, 3), lambda x: t * x - np.roll(x, 1))
        ...     return (A @ np.arange(3.0)).sum() + (A.H @ np.ones(3)).sum()
        >>> ag.grad(energy)(2.0)
        np.float64(6.0)
    """

    dtype: Any

    def __init__(
        self,
        shape: Any,
        matvec: Any,
        rmatvec: Function | None = None,
        matmat: Function | None = None,
        dtype: Any = None,
        rmatmat: Function | None = None,
    ) -> None:
        lengths = shape if isinstance(shape, (tuple, list)) else ()
        if len(lengths) != 2 or not all(isinstance(n, (int, np.integer)) and n >= 0 for n in lengths):
            raise ShapeError(f"LinearOperator: expected shape as (rows, columns); received {shape!r}")
        if not callable(matvec):
            raise TypeError(f"LinearOperator: expected matvec as a function of x; received {describe(matvec)}")
        super().__init__(dtype, shape)
        self.args: tuple[Any, ...] = ()
        self.functions = matvec, rmatvec, matmat, rmatmat
        if self.dtype is None:
            self.dtype = operand(matvec(np.zeros(self.shape[1], np.int8))).dtype

    # ---- products ---------------------------------------------------------------------------------------------------

    def matvec(self, x: Any) -> Any:
        """Return A x, for x of shape `(n,)` or `(n, 1)`."""
        return self._apply("matvec", x, self.shape[1], self.functions[0])

    def rmatvec(self, x: Any) -> Any:
        """Return Aᴴ x, for x of shape `(m,)` or `(m, 1)`."""
        return self._apply("rmatvec", x, self.shape[0], self.functions[1] or self._apply_adjoint)

    def matmat(self, X: Any) -> Any:
        """Return A X, for X of shape `(n, k)`."""
        return self._apply_columns("matmat", X, self.functions[2], self.matvec, self.shape[::-1])

    def rmatmat(self, X: Any) -> Any:
        """Return Aᴴ X, for X of shape `(m, k)`."""
        return self._apply_columns("rmatmat", X, self.functions[3], self.rmatvec, self.shape)

    _matvec, _rmatvec, _matmat, _rmatmat = matvec, rmatvec, matmat, rmatmat

    def _apply(self, name: str, x: Any, length: int, function: Function) -> Any:
        x = operand(x)
        if x.shape not in ((length,), (length, 1)):
            raise ShapeError(f"LinearOperator.{name}: expected shape ({length},); received {x.shape}")
        out = operand(function(x.reshape(length)))
        rows = sum(self.shape) - length
        if out.shape not in ((rows,), (rows, 1)):
            raise ShapeError(f"LinearOperator.{name}: expected its function to return ({rows},); received {out.shape}")
        return _like(x, out.reshape(rows, *x.shape[1:]))

    def _apply_columns(self, name: str, x: Any, function: Function | None, single: Function, shape: Any) -> Any:
        x = operand(x)
        if x.ndim != 2 or x.shape[0] != shape[0]:
            raise ShapeError(f"LinearOperator.{name}: expected shape ({shape[0]}, k); received {x.shape}")
        if function is not None:
            return _like(x, operand(function(x)))
        if not x.shape[1]:
            return np.zeros((shape[1], 0), np.result_type(self.dtype, x.dtype))
        return np.stack([single(x[:, j]) for j in range(x.shape[1])], axis=1)

    def _apply_adjoint(self, y: Any) -> Any:
        zeros = np.zeros(self.shape[1], lapack_dtype(self.dtype, y.dtype))
        return vjp(self.functions[0])(zeros)[1](y)

    def dot(self, x: Any) -> Any:
        """Return the product with an operator, a number, a vector or columns."""
        if isinstance(x, original.LinearOperator):
            other = aslinearoperator(x)
            if self.shape[1] != other.shape[0]:
                raise ShapeError(f"A @ B: expected as many columns as rows; received {self.shape} and {other.shape}")
            return _compose((self.shape[0], other.shape[1]), (self, other), lambda f, g: lambda v: f(g(v)))
        x = operand(x)
        if x.ndim == 0:
            return self._times(x)
        return self.matvec(x) if x.ndim == 1 else self.matmat(x)

    # ---- operators of operators -------------------------------------------------------------------------------------

    def __mul__(self, x: Any) -> Any:
        return self.dot(x)

    def __rmul__(self, x: Any) -> Any:
        if isinstance(x, original.LinearOperator):
            return aslinearoperator(x).dot(self)
        x = operand(x)
        return self._times(x) if x.ndim == 0 else self.T.dot(x.T).T

    def __matmul__(self, x: Any) -> Any:
        return self.dot(_not_a_number(x))

    def __rmatmul__(self, x: Any) -> Any:
        return self.__rmul__(_not_a_number(x))

    def _times(self, factor: Any) -> LinearOperator:
        dtype = np.result_type(self.dtype, factor.dtype)
        return LinearOperator(
            self.shape,
            lambda x: factor * self.matvec(x),
            lambda x: np.conjugate(factor) * self.rmatvec(x),
            dtype=dtype,
        )

    def __truediv__(self, x: Any) -> LinearOperator:
        return self._times(1.0 / operand(x))

    def __neg__(self) -> LinearOperator:
        return self._times(np.int8(-1))

    def __add__(self, x: Any) -> Any:
        if not isinstance(x, original.LinearOperator):
            return NotImplemented
        other = aslinearoperator(x)
        if self.shape != other.shape:
            raise ShapeError(f"A + B: expected operators of one shape; received {self.shape} and {other.shape}")
        return _compose(self.shape, (self, other), lambda f, g: lambda v: f(v) + g(v))

    def __sub__(self, x: Any) -> Any:
        return self + (-x)

    def __pow__(self, p: Any) -> Any:
        if not isinstance(p, (int, np.integer)) or p < 0 or self.shape[0] != self.shape[1]:
            raise ValueError(f"A ** p: expected a square operator and an integer p >= 0; received {self.shape} and {p}")
        out = LinearOperator(self.shape, lambda x: x, lambda x: x, dtype=self.dtype)
        for _ in range(p):
            out = self.dot(out)
        return out

    def _adjoint(self) -> LinearOperator:
        return LinearOperator(self.shape[::-1], self.rmatvec, self.matvec, self.rmatmat, self.dtype, self.matmat)

    def _transpose(self) -> LinearOperator:
        matvec, rmatvec, matmat, rmatmat = map(_conjugate, (self.rmatvec, self.matvec, self.rmatmat, self.matmat))
        return LinearOperator(self.shape[::-1], matvec, rmatvec, matmat, self.dtype, rmatmat)


def _conjugate(function: Function) -> Function:
    return lambda x: user(function(user(operand(x))))


def _compose(shape: tuple[int, int], parts: tuple[Any, Any], join: Callable[[Function, Function], Function]) -> Any:
    """Return an operator of two, of which `join` makes one function; the adjoint of a product is in reverse order."""
    a, b = parts
    return LinearOperator(
        shape,
        join(a.matvec, b.matvec),
        join(b.rmatvec, a.rmatvec),
        join(a.matmat, b.matmat),
        np.result_type(a.dtype, b.dtype),
        join(b.rmatmat, a.rmatmat),
    )


def _not_a_number(x: Any) -> Any:
    if not isinstance(x, original.LinearOperator) and operand(x).ndim == 0:
        raise ValueError("A @ x: expected an operator, a vector or columns; received a number. Write A * x")
    return x


def _like(x: Any, out: Any) -> Any:
    """Return an array where an array was given, unless a gradient would be lost."""
    plain = x.__class__ is np.ndarray and isinstance(out, Tensor) and not carries_derivative(out)
    return out.numpy() if plain and out.__class__ is Tensor else out


@checked
def aslinearoperator(A: Any) -> LinearOperator:
    """Return a matrix as a `LinearOperator`, which takes Tensors.

    Args:
        A: a matrix of `autograd_lite.sparse`, one of SciPy's, a Tensor or an array of two dimensions, or one of SciPy's
            operators, which is a constant.

    Raises:
        TypeError: if it is something else.

    Example:
        >>> A = aslinearoperator(np.array([[1.0, 2.0], [0.0, 1.0]]))
        >>> (A.T + 2 * A) @ np.ones(2)
        array([7., 5.])
    """
    if isinstance(A, LinearOperator):
        return A
    if isinstance(A, original.LinearOperator) or issparse(A):
        A = original.aslinearoperator(A)
        functions = [lambda x, turned=turned: _product(x, operator=A, turned=turned) for turned in (False, True)]
        back = _conjugate(functions[1])
        return LinearOperator(A.shape, functions[0], back, functions[0], A.dtype, back)
    if not isinstance(A, SparseTensor):
        A = operand(A)
        if A.ndim != 2 or A.dtype.kind not in "biufc":
            raise TypeError(f"aslinearoperator: expected a matrix; received {type(A).__name__} of shape {A.shape}")
    back = _conjugate(lambda x: A.T @ x)
    out = LinearOperator(A.shape, A.__matmul__, back, A.__matmul__, A.dtype, back)
    out.args = (A,)
    return out
