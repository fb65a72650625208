"""Linear systems of general matrices, and the matrix equations of Sylvester and Lyapunov."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.linalg as original

from ...core import batching
from ...core.errors import ImplicitError, UnsupportedError
from ...core.forks import fork_safe_lock
from ...core.op import Op
from ...core.shape_arithmetic import ShapeDtype
from ...functions.custom_ops import structural
from ...ops.adjoints import adjoint, mirror_triangle, total, user
from ...ops.operands import operand
from ...ops.solve import in_lapack, lapack_dtype
from ..calls import takes_tensors
from .triangles import by_matrices, square

_HERMITIAN = ("her", "hermitian", "pos", "positive definite")


def _as_assumed(a: Any, assume_a: str | None, lower: bool) -> Any:
    """Return the matrix that is meant, where only a part of it is read."""
    if assume_a in (None, "gen", "general", "banded", "tridiagonal"):
        return a
    if assume_a == "diagonal":
        return a * np.eye(a.shape[-1])
    if assume_a in ("upper triangular", "lower triangular"):
        return np.tril(a) if assume_a.startswith("lower") else np.triu(a)
    if assume_a not in ("sym", "symmetric", *_HERMITIAN):
        raise UnsupportedError(f"scipy.linalg: the argument assume_a={assume_a!r} is not supported on Tensors")
    return mirror_triangle(a, lower, adjoint if assume_a in _HERMITIAN else np.matrix_transpose)


@takes_tensors(original.solve, "a, b")
def solve(a: Any, b: Any, lower: bool = False, assume_a: str | None = None, transposed: bool = False) -> Any:
    a, b = _as_assumed(square("solve", a), assume_a, lower), operand(b)
    return np.linalg.solve(a.mT if transposed else a, b)


@takes_tensors(original.inv, "a")
def inv(a: Any, assume_a: str | None = None, lower: bool = False) -> Any:
    return np.linalg.inv(_as_assumed(square("inv", a), assume_a, lower))


@takes_tensors(original.det, "a", "of singular matrices too")
def det(a: Any) -> Any:
    return np.linalg.det(square("det", a))


# ---- Sylvester ------------------------------------------------------------------------------------------------------

_MOST = 4  # factorizations that are kept
_UNCERTAIN = 1e-5  # rounding times the condition from which on a derivative is refused; its error is some times that


class Schurs:
    """The Schur forms of matrices in equations a x + x b = q, with which these and all their derivatives are solved.

    Args:
        called: the caller, for messages.
    """

    def __init__(self, called: str) -> None:
        self.called = called
        self._forms: list[tuple[Any, Any]] = []
        self._separations: list[tuple[Any, float]] = []
        self._lock = fork_safe_lock()

    def __repr__(self) -> str:
        return f"<Schur forms of {self.called}>"

    def _remember(self, entries: list[tuple[Any, Any]], key: Any, compute: Callable[[], Any]) -> Any:
        with self._lock:
            for other, value in entries:
                if other == key:
                    return value
        value = compute()
        with self._lock:
            entries[:] = [*entries[1 - _MOST :], (key, value)]
        return value

    def _form(self, a: Any) -> Any:
        return self._remember(self._forms, (a.dtype, a.tobytes()), lambda: original.schur(a, check_finite=False))

    def solve(self, a: Any, b: Any, q: Any, *, turned: bool, power: int) -> Any:
        """Return the solution x of a x + x b = q, or of aᵀ x + x bᵀ = q.

        Args:
            a, b, q: matrices.
            turned: whether to transpose a and b.
            power: of a derivative, whose digits are required: of the condition, to which its error is proportional; it
                is 2 where a and b come from solutions with such an error. Of a value 0.

        Raises:
            LinAlgError: if a and -b have an eigenvalue in common.
            ImplicitError: if they do, or nearly, in a derivative.
        """
        dtype = lapack_dtype(a.dtype, b.dtype, q.dtype)
        a, b, q = (x.astype(dtype, copy=False) for x in (a, b, q))
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            return np.full(q.shape, np.nan, dtype)
        is_same = np.array_equal(a, b)  # as for a root, which then takes one form
        forms = self._form(a), self._form(a if is_same else np.ascontiguousarray(adjoint(b))), is_same
        x, is_unique = _solve_by_forms(*forms, user(q) if turned else q, turned)
        if power:
            eps = float(np.finfo(dtype).eps)
            is_unique = is_unique and eps * self._condition(a, b, forms) ** power < max(_UNCERTAIN, 1e5 * eps)
        if not is_unique:
            raise (ImplicitError if power else np.linalg.LinAlgError)(
                f"{'derivative of ' if power else ''}{self.called}: expected an equation a x + x b = q where a and -b "
                "have no eigenvalue in common (in Lyapunov's no two eigenvalues of a add up to 0); received one where "
                "they have, to rounding: it has no unique solution"
            )
        return user(x) if turned else x

    def _condition(self, a: Any, b: Any, forms: tuple[Any, Any, bool]) -> float:
        """Estimate (‖a‖ + ‖b‖) / sep(a, -b)."""

        def estimate() -> float:
            shape, rng = (len(a), len(b)), np.random.default_rng(0)
            x, growth = rng.standard_normal(shape).astype(a.dtype), 0.0
            for turned in (False, True):  # an iteration for the largest singular value of the inverse
                x = _solve_by_forms(*forms, x / np.linalg.norm(x), turned)[0]
                growth = float(np.linalg.norm(x))
            return growth * float(np.linalg.norm(a) + np.linalg.norm(b))

        return float(self._remember(self._separations, (a.tobytes(), b.tobytes()), estimate)) if a.size else 0.0


def _solve_by_forms(left: Any, right: Any, is_same: bool, q: Any, turned: bool) -> tuple[Any, bool]:
    """Return the solution of a x + x b = q, or of aᴴ x + x bᴴ = q, and if it is unique.

    Args:
        left: the form of a.
        right: that of bᴴ, or that of b if `is_same`.
        is_same: whether b is a.
        q: the right-hand side.
        turned: whether the equation is that of the adjoint matrices.
    """
    (r, u), (s, v) = left, right
    if not q.size:
        return q, True
    (trsyl,) = original.get_lapack_funcs(("trsyl",), (r, s, q))
    sides = {"trana": "C" if turned else "N", "tranb": "C" if turned == is_same else "N"}
    y, scale, info = trsyl(r, s, adjoint(u) @ q @ v, **sides)
    return u @ (scale * y) @ adjoint(v), info == 0


def _turn(a: Any, turned: bool) -> Any:
    return a.mT if turned else a


def _by_a(g: Any, out: Any, a: Any, b: Any, q: Any, **params: Any) -> Any:
    return -_turn(np.matmul(_by_q(g, out, a, b, q, **params), out.mT), params["turned"])


def _by_b(g: Any, out: Any, a: Any, b: Any, q: Any, **params: Any) -> Any:
    return -_turn(np.matmul(out.mT, _by_q(g, out, a, b, q, **params)), params["turned"])


def _by_q(g: Any, out: Any, a: Any, b: Any, q: Any, *, forms: Schurs, turned: bool, power: int) -> Any:
    return sylvester(a, b, g, forms=forms, turned=not turned, power=power or 1)


def _sylvester_jvp(
    tangents: Sequence[Any], out: Any, a: Any, b: Any, q: Any, *, forms: Schurs, turned: bool, power: int
) -> Any:
    da, db = (None if t is None else _turn(t, turned) for t in tangents[:2])
    moved = total(None if da is None else -np.matmul(da, out), None if db is None else -np.matmul(out, db), tangents[2])
    return sylvester(a, b, moved, forms=forms, turned=turned, power=power or 1)


# The solution x of a x + x b = q, or of aᵀ x + x bᵀ = q. Its derivatives solve it again, with the same Schur forms.
# References: Bartels and Stewart, Solution of the matrix equation AX + XB = C, 1972.
sylvester: Op = structural(
    "solve_sylvester",
    in_lapack(lambda a, b, q, *, forms, **options: by_matrices(forms.solve, a, b, q, **options)),
    _by_a,
    _by_b,
    _by_q,
    saves=("oxy", "oxy", "xy"),
    infer=lambda a, b, q, **_: ShapeDtype(
        (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2]), *q.shape[-2:]),
        lapack_dtype(a.dtype, b.dtype, q.dtype),
    ),
    jvp=_sylvester_jvp,
    batch=batching.gufunc(2, 2, 2),
)


def solve_equation(called: str, a: Any, b: Any, q: Any, power: int = 0) -> Any:
    """Return the solution x of a x + x b = q; see `Schurs.solve`."""
    return sylvester(a, b, q, forms=Schurs(called), turned=False, power=power)


@takes_tensors(original.solve_sylvester, "a, b, q")
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    return solve_equation("solve_sylvester", square("solve_sylvester", a), square("solve_sylvester", b), operand(q))


@takes_tensors(original.solve_continuous_lyapunov, "a, q")
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    a = square("solve_continuous_lyapunov", a)
    return solve_equation("solve_continuous_lyapunov", a, adjoint(a), operand(q))


def solve_stein(called: str, a: Any, q: Any, power: int = 0) -> Any:
    """Return the solution x of x - a x aᴴ = q, by the equation of Sylvester that Cayley's transform makes of it."""
    one, high = np.eye(a.shape[-1]), adjoint(a)
    inverse = np.linalg.inv(high + one)
    b = np.matmul(high - one, inverse)
    c = 2 * np.matmul(np.matmul(np.linalg.inv(a + one), q), inverse)
    return solve_equation(called, adjoint(b), b, -c, power)


@takes_tensors(original.solve_discrete_lyapunov, "a, q")
def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Any:
    a, q = square("solve_discrete_lyapunov", a), operand(q)
    if method not in (None, "direct", "bilinear"):
        raise ValueError(f"scipy.linalg.solve_discrete_lyapunov: expected method direct or bilinear; received {method}")
    if method != "direct":
        return solve_stein("solve_discrete_lyapunov", a, q)
    left = np.eye(a.shape[-1] ** 2) - np.kron(a, np.conjugate(a))
    return np.linalg.solve(left, q.reshape(-1)).reshape(q.shape)
