"""`linear_solve`: the solution of A x = b for whatever multiplies by A, with derivatives by what that reads, and by b.

A matrix is factored once, for the value and for derivatives of all orders; of an operator products are taken, by the
methods of `sparse.iterative`. Derivatives pass a check of the condition of A.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.arguments import describe
from ..core.errors import ImplicitError, ShapeError
from ..core.forks import fork_safe_lock
from ..core.frozen import Frozen
from ..core.messages import checked
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..functional.derivative_rules import KeepSame
from ..functions.custom_ops import structural
from ..ops.adjoints import hermitian_part, mirror_triangle, user
from ..ops.barrier import stop_gradient
from ..ops.operands import operand
from ..ops.solve import in_lapack, lapack_dtype
from ..sparse import iterative
from ..sparse.linear_maps import Map, MatrixMap, as_map
from ..sparse.matrices import SparseTensor
from ..sparse.operators import LinearOperator, issparse, original
from ..sparse.points import as_tree, as_vector
from ..tree import map as map_leaves
from .batches import one_after_another
from .certificates import end_uncertain
from .factors import Factors, factor_dense, factor_positive, factor_sparse

_DIRECT, _PRODUCTS = ("lu", "cholesky"), ("cg", "minres", "gmres", "bicgstab")
_MOST = 4  # factorizations that are kept
_RESTART, _LEAST = 100, 200  # of gmres; of iterations, if fewer are not asked for
_MOST_LEFT = 1e-3  # of a right-hand side, by a solution that is called one


def floating(a: Any) -> Any:
    """Return an array of floating or complex numbers."""
    return a.astype(np.float64) if a.dtype.kind in "biu" else a


def mirror_evenly(a: Any, lower: bool = True) -> Any:
    """Return the Hermitian matrix of which one triangle is read, with its gradient spread over both."""
    a = floating(a)
    even = hermitian_part(a)
    return even + stop_gradient(mirror_triangle(a, lower) - even)


class Matrix:
    """A matrix, dense or sparse, whose numbers are an input of the op, and the factors of such matrices.

    Args:
        method: "lu" or "cholesky".
        sparse: where the numbers are in a sparse matrix.
    """

    def __init__(self, method: str, sparse: MatrixMap | None = None) -> None:
        self.method, self.sparse = method, sparse
        self._factors: list[tuple[Any, Factors]] = []
        self._lock = fork_safe_lock()

    def __repr__(self) -> str:
        return f"<{self.method} of {self.sparse or 'a dense matrix'}>"

    def multiply(self, a: Any, x: Any, turned: bool) -> Any:
        """Return A x, or Aᵀ x."""
        return self.sparse([a], x, turned) if self.sparse else np.matmul(a.mT if turned else a, x)

    def pull(self, a: Any, x: Any, s: Any) -> Any:
        """Return the cotangent of the numbers in A x, for the cotangent s."""
        if self.sparse:
            return self.sparse.pull([a], x, s)[0]
        return np.outer(s, x) if x.ndim == 1 else np.matmul(s, x.mT)

    def at(self, a: Any) -> Factors:
        """Return the factors of the matrix with these numbers."""
        key = a.dtype.char, a.tobytes()
        with self._lock:
            for numbers, factors in self._factors:
                if numbers == key:
                    return factors
        if self.sparse:
            factors = factor_sparse(self.sparse.native([a]).tocsc())
        else:
            factors = (factor_positive if self.method == "cholesky" else factor_dense)(a)
        with self._lock:
            self._factors = [*self._factors[1 - _MOST :], (key, factors)]
        return factors

    def uncertainty(self, a: Any) -> tuple[float, float]:
        """Estimate the condition of the matrix, and the relative residual of solves."""
        a = a.astype(lapack_dtype(a.dtype), copy=False)
        return self.at(a).condition, float(np.finfo(a.dtype).eps)


class Products(Frozen):
    """An operator of which products are taken.

    Attributes:
        map: the operator.
        method: SciPy's name of the method.
        rtol: the relative residual that it is asked for.
    """

    map: Map
    method: str
    rtol: float

    def uncertainty(self, left: Any, *parameters: Any) -> tuple[float, float]:
        """Estimate the condition from below, and return the relative residual of solves; `left` is one of them."""
        return self._condition(parameters), max(self.rtol, float(left))

    def _condition(self, parameters: Sequence[Any]) -> float:
        """Solve roughly for a random vector."""
        a, n = self.map.native(parameters), self.map.shape[0]
        v = np.random.default_rng(0).standard_normal(n).astype(a.dtype)
        v = v / np.linalg.norm(v)
        rtol = self.rtol if self.method == "minres" else 1e-2
        x, info = getattr(original, self.method)(
            a, v, rtol=rtol, maxiter=max(_LEAST, 10 * n), **_options(self.method, n)
        )
        if info or np.linalg.norm(a @ x - v) > 0.1:  # minres calls a least-squares solution a success
            return math.inf
        size = 0.0
        for _ in range(5):
            v = a @ v
            size = float(np.linalg.norm(v))
            v = v / (size or 1.0)
        return size * float(np.linalg.norm(x))


def _options(method: str, n: int) -> dict[str, Any]:
    return {"restart": min(n, _RESTART)} if method == "gmres" else {}


# ---- solves with factors ---------------------------------------------------------------------------------------------


def _solve_arrays(a: Any, b: Any, *, matrix: Matrix, turned: bool) -> Any:
    dtype = lapack_dtype(a.dtype, b.dtype)
    factors = matrix.at(a.astype(dtype, copy=False))
    if factors.is_singular:
        kind = "positive definite matrix" if matrix.method == "cholesky" else "matrix that can be inverted"
        raise np.linalg.LinAlgError(f"expected a {kind}; received one that is not")
    b = b.astype(dtype, copy=False)
    if turned and factors.method == "cholesky":  # Aᵀ is the conjugate of A
        return user(factors.solve(user(b)))
    return factors.solve(b, turned)


def _by_a(g: Any, out: Any, a: Any, b: Any, *, matrix: Matrix, turned: bool) -> Any:
    s = -solve(a, g, matrix=matrix, turned=not turned)
    return matrix.pull(a, *((s, out) if turned else (out, s)))


def _jvp(tangents: Sequence[Any], out: Any, a: Any, b: Any, *, matrix: Matrix, turned: bool) -> Any:
    da, moved = tangents
    if da is not None:
        change = matrix.multiply(da, out, turned)
        moved = -change if moved is None else moved - change
    return solve(a, moved, matrix=matrix, turned=turned)


# The solution of A x = b, or of Aᵀ x = b, for one right-hand side or columns.
solve: Op = structural(
    "linear_solve",
    in_lapack(_solve_arrays),
    _by_a,
    lambda g, out, a, b, *, matrix, turned: solve(a, g, matrix=matrix, turned=not turned),
    saves=("ox", "x"),
    infer=lambda a, b, **_: ShapeDtype(b.shape, lapack_dtype(a.dtype, b.dtype)),
    jvp=_jvp,
    batch=one_after_another,
)


# ---- the check of derivatives ----------------------------------------------------------------------------------------


class Check(Frozen):
    """What derivatives must fulfill.

    Attributes:
        matrix: estimates the condition by the parameters.
        digits: how many digits must be certain.
        on_uncertain: "raise", "warn" or "nan".
        called: the caller, for messages.
        advice: what to do; by default that of `linear_solve`.
        errors: how many relative errors of the size of the condition come together.
    """

    matrix: Matrix | Products
    digits: float = 4
    on_uncertain: str = "raise"
    called: str = "linear_solve"
    advice: str = ""
    errors: float = 4

    def verify(self, g: Any, *parameters: Any) -> Any:
        """Return a derivative, if it is certain."""
        condition, left = self.matrix.uncertainty(*parameters)
        if self.errors * condition * left <= 10.0**-self.digits or not np.any(g):
            return g
        lower = "" if isinstance(self.matrix, Matrix) else ", or lower rtol"
        text = (
            f"derivative of {self.called}: expected {self.digits:g} certain digits; received a condition of "
            f"{condition:.1e}, with which a relative residual of {left:.1e} is not enough. "
            f"{self.advice or f'Rescale the equations{lower}'}"
        )
        return end_uncertain(ImplicitError(text), self.on_uncertain, g)


@functools.cache
def _identity(n: int) -> Op:
    """Return the identity of a solution, or with `verifies` of a derivative of it, of n parameters."""
    op: Op = structural(
        "check of linear_solve",
        lambda x, *parameters, check, verifies: check.verify(x, *parameters) if verifies else x,
        asked=lambda needs, g, saved, params: [
            op(g, *saved[2:], check=params["check"], verifies=True) if k == 0 else None for k in needs
        ],
        infer=lambda x, *parameters, **_: x,
        jvp=lambda tangents, out, x, *parameters, check, verifies: (
            None if tangents[0] is None else op(tangents[0], *parameters, check=check, verifies=True)
        ),
        batch=one_after_another,
        keeps=KeepSame((False, False, *[True] * n)),
    )
    return op


def solve_for_derivative(called: str, a: Any, b: Any, advice: str, errors: float) -> Any:
    """Return the solution of A x = b for a dense matrix, which is itself a derivative and must be certain.

    Args:
        called: whose derivative it is.
        a, b: the matrix and one right-hand side.
        advice: what to do where it is not certain.
        errors: see `Check`.
    """
    matrix = Matrix("lu")
    x = solve(a, b, matrix=matrix, turned=False)
    return _identity(1)(x, a, check=Check(matrix, called=called, advice=advice, errors=errors), verifies=True)


def _require_convergence(x: Any, info: Any, left: Any, *, method: str) -> Any:
    if np.any(info) or not left <= _MOST_LEFT:
        raise np.linalg.LinAlgError(
            f"expected {method} to converge; received a solution with a relative residual of {float(left):.1e} and "
            f"info = {int(info)}. Raise maxiter or rtol, give a preconditioner, or choose another method"
        )
    return x


# The identity of a solution that has converged.
_converged: Op = structural(
    "convergence of linear_solve",
    _require_convergence,
    lambda g, out, x, info, left, *, method: g,
    None,
    None,
    infer=lambda x, info, left, *, method: x,
    jvp=lambda tangents, out, x, info, left, *, method: tangents[0],
    batch=one_after_another,
)


# ---- the function ----------------------------------------------------------------------------------------------------


@checked
def linear_solve(
    operator: Any,
    b: Any,
    *,
    method: str = "auto",
    symmetric: bool = False,
    positive: bool = False,
    rtol: float | None = None,
    maxiter: int | None = None,
    preconditioner: Any = None,
    digits: float = 4,
    on_uncertain: str = "raise",
) -> Any:
    """Solve A x = b for a matrix, an operator or a function that multiplies by A, with derivatives of every order.

    For a cotangent g, Aᵀ s = g is solved by the same method, with the same factors if there are any; then s is the
    cotangent of b, and -s that of A x. There are derivatives by b, by the numbers of a matrix, and by Tensors that an
    operator or a function closes over.

    Args:
        operator: a square matrix of shape `(n, n)`, an array or a Tensor; a sparse one, of `autograd_lite.sparse` or of
            SciPy; a `LinearOperator` of either; or a linear function of arrays like b, which returns such arrays.
        b: of shape `(n,)`, or `(n, k)` for k right-hand sides; for a function an array of any shape, or a container.
        method: "lu" or "cholesky" with factors of a matrix; "cg", "minres", "gmres" or "bicgstab" with products alone;
            or "auto": factors of a matrix, products with an operator or a function.
        symmetric: whether A is its own adjoint, so that "auto" takes "minres" for products.
        positive: whether it is positive definite besides: "cg", and for dense matrices "cholesky", which reads the
            lower triangle.
        rtol: the relative residual of solves by products; by default 1e-10, and 1e-4 in float32; of "minres" that of
            rounding.
        maxiter: the most iterations of these.
        preconditioner: about A⁻¹, for these.
        digits: how many digits of a derivative must be certain, by an estimate of the condition of A.
        on_uncertain: what to do if fewer are: "raise", "warn", or "nan" for a derivative of NaN.

    Returns:
        x, like b.

    Raises:
        LinAlgError: if the matrix is singular, or an iteration does not converge.
        ImplicitError: when a derivative is asked for that is not certain.
        ShapeError: if the shapes do not fit.

    Example:
        >>> import autograd_lite as ag
        >>> def energy(t):
        ...     ring = lambda x: t * x - np.roll(x, 1) - np.roll(x, -1)
        ...     return linear_solve(ring, np.arange(4.0), positive=True).sum()
        >>> float(ag.grad(energy)(4.0).round(6))
        -1.5
        >>> linear_solve(np.array([[2.0, 1.0], [0.0, 4.0]]), np.array([3.0, 4.0]))
        array([1., 1.])
    """
    if on_uncertain not in ("raise", "warn", "nan"):
        raise ValueError(f'linear_solve: expected on_uncertain "raise", "warn" or "nan"; received {on_uncertain!r}')
    like = map_leaves(lambda a: floating(operand(a)), b)
    if isinstance(operator, LinearOperator) and operator.args:
        operator = operator.args[0]  # the matrix that it was made of
    is_function = callable(operator) and not hasattr(operator, "shape")
    is_matrix = not (is_function or isinstance(operator, original.LinearOperator))
    is_sparse = is_matrix and (isinstance(operator, SparseTensor) or issparse(operator))
    if method == "auto":
        products = "cg" if positive else "minres" if symmetric else "gmres"
        method = products if not is_matrix else "cholesky" if positive and not is_sparse else "lu"
    if method not in (*_DIRECT, *_PRODUCTS) or (method in _DIRECT and not is_matrix) or (method, is_sparse) == _NEVER:
        raise ValueError(
            f"linear_solve: expected method to be 'auto', one of {_PRODUCTS}, with a matrix 'lu', or with a dense one "
            f"'cholesky'; received {method!r} for {describe(operator)}"
        )
    if is_function:
        inside = operator
        operator, right = lambda v: as_vector(inside(_as_tree(v, like))), as_vector(like)
    else:
        right = _right_side(like, operator)
    if method in _DIRECT:
        x = _solve_directly(operator, right, method, is_sparse, digits, on_uncertain)
    else:
        if rtol is None:  # minres counts relative to |A| |x|, and not to |b|
            eps = float(np.finfo(right.dtype).eps)
            rtol = 10 * eps if method == "minres" else 1e-4 if eps > 1e-10 else 1e-10
        maxiter = max(_LEAST, 10 * right.shape[0]) if maxiter is None else maxiter
        options = {"rtol": rtol, "maxiter": maxiter, "M": preconditioner}
        if right.ndim > 1:
            columns = [right[:, k] for k in range(right.shape[1])]
            x = np.stack([_iterate(operator, v, method, options, digits, on_uncertain) for v in columns], axis=1)
        else:
            x = _iterate(operator, right, method, options, digits, on_uncertain)
    return _as_tree(x, like) if is_function else x


def _as_tree(v: Any, like: Any) -> Any:
    """Return a vector as a tree like another one, but complex if the vector is."""
    if v.dtype.kind == "c":
        like = map_leaves(lambda a: np.broadcast_to(np.zeros((), np.result_type(a.dtype, np.complex64)), a.shape), like)
    return as_tree(v, like)


_NEVER = ("cholesky", True)  # SuperLU has none


def _right_side(b: Any, operator: Any) -> Any:
    n = operator.shape[0] if hasattr(operator, "shape") else len(operator)
    if getattr(operator, "shape", (n, n)) != (n, n):
        raise ShapeError(
            f"linear_solve: expected one square matrix; received shape {operator.shape}. See vmap for many"
        )
    if not hasattr(b, "shape") or b.ndim not in (1, 2) or b.shape[0] != n:
        raise ShapeError(
            f"linear_solve: expected b of shape ({n},) or ({n}, k), as A has {n} rows; received {describe(b)}"
        )
    return b


def _solve_directly(a: Any, b: Any, method: str, is_sparse: bool, digits: float, on_uncertain: str) -> Any:
    """Return the solution by the factors of a matrix."""
    sparse: Any = None
    if is_sparse:
        sparse, (a,), _ = as_map("linear_solve", a, None, b.dtype)
    else:
        a = mirror_evenly(operand(a)) if method == "cholesky" else floating(operand(a))
    matrix = Matrix(method, sparse)
    x = solve(a, b, matrix=matrix, turned=False)
    return _identity(1)(x, a, check=Check(matrix, digits, on_uncertain), verifies=False)


def _iterate(operator: Any, b: Any, method: str, options: dict[str, Any], digits: float, on_uncertain: str) -> Any:
    """Return the solution by products."""
    n = b.shape[0]
    x, info = getattr(iterative, method)(operator, b, **options, **_options(method, n))
    map, parameters, _ = as_map("linear_solve", operator, n, b.dtype)
    plain = [stop_gradient(a) for a in (b, x, *parameters)]
    left = np.linalg.norm(plain[0] - map(plain[2:], plain[1])) / np.maximum(np.linalg.norm(plain[0]), 1e-300)
    x = _converged(x, info, left, method=method)
    check = Check(Products(map, method, options["rtol"]), digits, on_uncertain)
    return _identity(1 + len(parameters))(x, left, *parameters, check=check, verifies=False)
