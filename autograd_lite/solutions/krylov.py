"""Solves with matrices of which only products with vectors are taken, by Anderson's iteration and GMRES, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..control.early_part import Divided, Rest
from ..core.shape_arithmetic import ShapeDtype
from .anderson import iterate, norm
from .factors import Factors
from .systems import System

# The numbers in the basis at most, and the vectors in it and products altogether.
_NUMBERS, _LEAST, _MOST, _PRODUCTS = 1 << 24, 20, 400, 2000
# A vector of which so little is left is made orthogonal to the basis once more.
_CANCELLED = 0.1
# How many differences Anderson's iteration remembers, and how long it is tried.
_REMEMBERED, _ITERATIONS = 5, 150


class LinearSolve(NamedTuple):
    """A solution of A s = b.

    Attributes:
        s: the solution.
        residual: ‖b - A s‖ / ‖b‖.
        inverse: an estimate of ‖A⁻¹‖ from below: that on the basis.
        products: how many products were taken.
    """

    s: Any
    residual: float
    inverse: float
    products: int


def gmres(product: Callable[[Any], Any], b: Any, tol: float) -> LinearSolve:
    """Solve A s = b until ‖b - A s‖ ≤ tol ‖b‖, or until that becomes smaller no more.

    Args:
        product: returns A v; its result may be overwritten by the next call.
        b: the right-hand side.
        tol: the relative tolerance.
    """
    n, s, size = b.size, np.zeros_like(b), norm(b)
    if not size or not math.isfinite(size):
        return LinearSolve(b.copy(), 0.0 if not size else math.nan, 0.0, 0)
    most = min(n, max(_LEAST, min(_MOST, _NUMBERS // n)))
    r, left, inverse, products = b, size, 0.0, 0
    while True:
        correction, estimate, steps = _cycle(product, r, left, tol * size, most)
        s = s + correction
        r = b - product(s)
        before, left = left, norm(r)
        inverse, products = max(inverse, estimate), products + steps + 1
        if not left > tol * size or not left < 0.9 * before or products > _PRODUCTS:
            return LinearSolve(s, left / size, inverse, products)


def _cycle(product: Callable[[Any], Any], r: Any, size: float, target: float, most: int) -> tuple[Any, float, int]:
    """Return the best correction in a Krylov space of A and r, an estimate of ‖A⁻¹‖, and the number of products."""
    basis = np.empty((min(most, 15) + 1, r.size), r.dtype)
    basis[0] = r / size
    left, columns, rotations = size, list[Any](), list[tuple[float, float]]()
    tiny = float(np.finfo(r.dtype).eps)
    while len(columns) < most:
        k = len(columns) + 1
        if k == len(basis):
            basis = np.concatenate([basis, np.empty((min(k, most + 1 - k), r.size), r.dtype)])
        w = product(basis[k - 1])
        first, inside = norm(w), basis[:k]
        along = inside @ w
        w = w - along @ inside
        last = norm(w)
        if last < _CANCELLED * first:
            again = inside @ w
            w, along = w - again @ inside, along + again
            last = norm(w)
        if not math.isfinite(last):
            break
        columns.append([*along.tolist(), last])
        left *= _turn(columns[-1], rotations)
        if left <= target or last <= 10 * tiny * first:
            break
        basis[k] = w / last
    if not columns:
        return np.zeros_like(r), math.inf, 1
    n = len(columns)
    h = np.zeros((n + 1, n))
    for k, column in enumerate(columns):
        h[: k + 2, k] = column
    u, values, rows = np.linalg.svd(h, full_matrices=False)
    clear = values > tiny * values[0]
    y = (size * u[0, clear] / values[clear]) @ rows[clear]
    return y.astype(r.dtype) @ basis[:n], 1 / float(values[-1]) if clear[-1] else math.inf, n


def _turn(column: list[float], rotations: list[tuple[float, float]]) -> float:
    """Turn a new column by all rotations, add one that makes it triangular, and return by what the residual shrinks."""
    *values, below = column
    for i, (c, s) in enumerate(rotations):
        values[i], values[i + 1] = c * values[i] + s * values[i + 1], c * values[i + 1] - s * values[i]
    size = math.hypot(values[-1], below) or 1.0
    rotations.append((values[-1] / size, below / size))
    return below / size


def cg(product: Callable[[Any], Any], b: Any, tol: float) -> LinearSolve:
    """Solve A s = b as `gmres` does, by conjugate gradients: A must be symmetric and positive."""
    size = left = norm(b)
    s, r, p = np.zeros_like(b), b, b
    diagonal, beside = list[float](), list[float]()
    change = 0.0  # what the diagonal of the tridiagonal matrix, that A is on the Krylov space, has of the last step
    while tol * size < left < math.inf and len(diagonal) < _PRODUCTS:
        moved = product(p)
        curvature = float(np.vdot(p, moved))
        if not curvature > 0:
            return LinearSolve(s, left / size, math.inf, len(diagonal) + 1)
        step = left * left / curvature
        s, r = s + step * p, r - step * moved
        before, left = left, norm(r)
        ratio = (left / before) ** 2
        diagonal.append(1 / step + change)
        beside.append(math.sqrt(ratio) / step)
        p, change = r + ratio * p, ratio / step
    if not diagonal or not math.isfinite(left):
        return LinearSolve(s, left / size if size else 0.0, 0.0, len(diagonal))
    whole = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
    return LinearSolve(s, norm(b - product(s)) / size, 1 / float(np.linalg.eigvalsh(whole)[0]), len(diagonal) + 1)


class Products(Factors):
    """A matrix A = dF/dz at a point, of which only products are taken.

    Args:
        method: "anderson" for Anderson's iteration s + (b - A s), and GMRES where that fails; "gmres"; or "cg", for a
            symmetric positive matrix.
        system: the equations.
        point: z, aux and theta, as arrays.
        tol: the relative tolerance of solves.

    Attributes:
        inverse: an estimate of ‖A⁻¹‖ from below, by all solves so far.
    """

    def __init__(self, method: str, system: System, point: Sequence[Any], tol: float) -> None:
        n = system.z.shape[0]
        super().__init__(method, ShapeDtype((n, n), system.z.dtype), self._run, lambda: math.nan)
        self._system, self._point, self._tol = system, [np.array(x) for x in point], tol  # they may be overwritten
        self._early: dict[bool, tuple[list[Any], list[Any]]] = {}
        self.inverse = 0.0

    def multiply(self, x: Any, turned: bool = False) -> Any:
        """Return A x, or Aᵀ x, for a vector."""
        with self._start(turned) as product:
            return np.array(product(x))

    @property
    def equations(self) -> Any:
        """F at the point."""
        return self._program(True)[1][1][0]

    def _program(self, turned: bool) -> Any:
        """Return the program of products, in two parts, and what the first one has computed: for products, and F."""
        derived, key = self._system.body.derived, ("divided", turned)
        if key not in derived:
            derived[key] = Divided(self._system.product(turned, with_residual=turned))
        if turned not in self._early:
            self._early[turned] = derived[key].compute_early(*self._point)
        return derived[key], self._early[turned]

    def _start(self, turned: bool) -> Rest:
        divided, (early, _) = self._program(turned)
        rest: Rest = divided.start(early)
        return rest

    def solve_to(self, b: Any, turned: bool, tol: float) -> LinearSolve:
        """Solve to a relative tolerance."""
        with self._start(turned) as product, np.errstate(all="ignore"):
            out = _METHODS[self.method](product, b, tol)
        self.inverse = max(self.inverse, out.inverse)
        return out

    def probe(self, turned: bool) -> None:
        """Solve for a random right-hand side, once for each system, after which a singular matrix has no inverse."""
        derived = self._system.body.derived
        if "inverse" not in derived:
            b = np.random.default_rng(0).standard_normal(self.matrix.shape[:1]).astype(self.matrix.dtype)
            out = self.solve_to(b, turned, self._tol)
            derived["inverse"] = out.inverse if out.residual <= math.sqrt(self._tol) else math.inf
        self.inverse = max(self.inverse, derived["inverse"])

    def _run(self, b: Any, turned: bool) -> Any:
        if b.ndim > 1:
            return np.stack([self._run(column, turned) for column in b.T], axis=1)
        return self.solve_to(b, turned, self._tol).s


def _anderson(product: Callable[[Any], Any], b: Any, tol: float) -> LinearSolve:
    """Solve A s = b as the fixed point of s + (b - A s), which is a contraction where I - A is one."""
    size = norm(b)
    it = iterate(lambda s: b - product(s), b, _REMEMBERED, 0.0, tol * size, _ITERATIONS, 1.0)
    if it.success or not size:
        return LinearSolve(it.x, min(it.residuals) / (size or 1.0), it.inverse, len(it.residuals))
    out = gmres(product, b, tol)
    return LinearSolve(out.s, out.residual, max(out.inverse, it.inverse), len(it.residuals) + out.products)


_METHODS = {"anderson": _anderson, "gmres": gmres, "cg": cg}
