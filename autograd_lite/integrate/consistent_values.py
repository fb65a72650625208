"""Consistent initial values of F(t, y, y') = 0: algebraic unknowns and slopes that fulfill the equations at the start.

The null space N of dF/dy' has the algebraic unknowns, and its orthogonal complement R the differential ones. With y =
y0 + N w and y' = y0' + R v, the n equations F = 0 have n unknowns (w, v), whose matrix (dF/dy N, dF/dy' R) can be
inverted if the index is 1. So the differential part of y0 stays as it is.

References:
    Brown, Hindmarsh, Petzold: Consistent Initial Condition Calculation for Differential-Algebraic Systems, 1998.
    Brenan, Campbell, Petzold: Numerical Solution of Initial-Value Problems in Differential-Algebraic Equations, 1996.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..control.closure_conversion import example_of
from ..core.late import needs
from ..core.shape_arithmetic import ShapeDtype
from ..solutions.factors import factor_dense, factor_sparse
from ..solutions.settings import Settings
from ..solutions.solution import solution
from ..solutions.systems import System
from .implicit_equations import BoundImplicitEquations, ImplicitEquations

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    from scipy.sparse import csc_array, diags_array, issparse

INITIALIZE = ("solve", "check", "keep")  # what may be done with initial values
_MISS = 1e-8  # by which y0 may miss, relative to 1 + |y0|, where it is checked
_MOST_ITERATIONS, _MOST_HALVINGS = 25, 12
_LEFT = 1e-8  # of the terms of an equation, by its residual
RANK = 1e-12  # singular values below this share of the largest one count as zero
_WORST = 1e13  # condition from which on a matrix counts as singular


class Split(NamedTuple):
    """Which unknowns are algebraic.

    Attributes:
        basis: an orthogonal matrix of shape (n, n), or None for the identity.
        algebraic: 1.0 for columns of it that are algebraic, otherwise 0.0; shape (n,).
    """

    basis: Any
    algebraic: Any

    def directions(self, z: Any) -> tuple[Any, Any]:
        """Return the changes of y and of y' for unknowns z, shape (n,)."""
        by_y, by_slope = self.algebraic * z, (1 - self.algebraic) * z
        if self.basis is None:
            return by_y, by_slope
        return np.matmul(self.basis, by_y), np.matmul(self.basis, by_slope)

    def matrix(self, by_y: Any, by_slope: Any) -> Any:
        """Return the derivative of F by z, an array or a sparse matrix."""
        if self.basis is None and issparse(by_y) and issparse(by_slope):
            return csc_array(by_y @ diags_array(self.algebraic) + by_slope @ diags_array(1 - self.algebraic))
        by_y, by_slope = (a.toarray() if issparse(a) else a for a in (by_y, by_slope))
        if self.basis is None:
            return np.where(self.algebraic > 0, by_y, by_slope)
        return np.where(self.algebraic > 0, by_y @ self.basis, by_slope @ self.basis)


def split_of(by_slope: Any) -> Split:
    """Return which unknowns are algebraic, for dF/dy': by its columns of zeros, if these leave full rank."""
    sizes = abs(by_slope).max(axis=0)
    sizes = np.asarray(sizes.toarray() if issparse(sizes) else sizes).reshape(-1)
    algebraic = sizes == 0
    columns = by_slope[:, ~algebraic]
    if issparse(columns):  # rows of zeros are as many, or the rank is smaller
        rows = np.diff(columns.tocsr().indptr) > 0
        square = columns.tocsr()[rows].tocsc()
        full = square.shape[0] == square.shape[1] and (
            not square.shape[0] or factor_sparse(csc_array(square)).condition < 1 / RANK
        )
        if full:
            return Split(None, algebraic.astype(float))
        columns, by_slope = columns.toarray(), by_slope.toarray()
    if not columns.size:
        return Split(None, algebraic.astype(float))
    values = np.linalg.svd(columns, compute_uv=False)
    if (values > RANK * values[0]).sum() == columns.shape[1]:
        return Split(None, algebraic.astype(float))
    _, values, turned = np.linalg.svd(by_slope)
    return Split(turned.T.copy(), (values <= RANK * values[0]).astype(float))


def _split_at(equations: BoundImplicitEquations, t: Any, y: Any, slope: Any) -> Split:
    with np.errstate(all="ignore"):
        return split_of(equations.jacobians(t, y, slope)[1])


def slopes_at(equations: BoundImplicitEquations, t: float, y: Any, guess: Any) -> Any:
    """Return y' that fulfills the equations where y does, shape (n,), for arrays; of algebraic unknowns the guess."""
    slope = np.zeros_like(y) if guess is None else np.array(guess, y.dtype)
    if not y.size:
        return slope
    split = _split_at(equations, t, y, slope)
    _, change = split.directions(find(equations, t, y, slope, split))
    return slope + change


def find(equations: BoundImplicitEquations, t: float, y: Any, slope: Any, split: Split) -> Any:
    """Return z such that F(t, y + N w, y' + R v) = 0, shape (n,), by Newton's method, for arrays.

    Raises:
        ValueError: if the index is higher than 1, or the method does not converge.
    """
    called = equations.equations.called
    z = np.zeros_like(y)
    y, slope = np.array(y), np.array(slope)
    with np.errstate(all="ignore"):
        r = equations.residual(t, y, slope)
        _require_finite(called, r, t)
        for _ in range(_MOST_ITERATIONS):
            matrix = split.matrix(*equations.jacobians(t, y, slope))
            factors = factor_sparse(matrix) if issparse(matrix) else factor_dense(_scale_rows(matrix)[0])
            _require_index_one(called, factors, split, matrix)
            step = factors.solve(r if issparse(matrix) else r * _scale_rows(matrix)[1])
            new, length = (y, slope, r), 1.0
            for _ in range(_MOST_HALVINGS):
                by_y, by_slope = split.directions(-length * step)
                new = y + by_y, slope + by_slope, equations.residual(t, y + by_y, slope + by_slope)
                if np.linalg.norm(new[2]) <= (1 - 1e-4 * length) * np.linalg.norm(r):
                    break
                length /= 2
            else:
                break
            z = z - length * step
            y, slope, r = new
            if not r.any():
                break
    by_y, by_slope = equations.jacobians(t, y, slope)
    terms = np.abs(by_y) @ np.abs(y) + np.abs(by_slope) @ np.abs(slope)  # which the residuals are added up from
    if not (np.abs(r) <= _LEFT * terms + 1e-14).all():
        worst = int(np.argmax(np.abs(r)))
        raise ValueError(
            f"{called}: expected initial values near consistent ones; received y0 and yp0 from which Newton's method "
            f"does not find them: equation {worst} is left with {r[worst]:.1e}. Pass values nearer to consistent ones"
        )
    return z


def _scale_rows(matrix: Any) -> tuple[Any, Any]:
    """Return a matrix whose rows have largest elements of 1, and the factors."""
    sizes = np.abs(matrix).max(axis=1, initial=0)
    factors = 1 / np.where(sizes > 0, sizes, 1)
    return matrix * factors[:, None], factors


def _require_finite(called: str, r: Any, t: float) -> None:
    bad = np.flatnonzero(~np.isfinite(r))
    if bad.size:
        raise ValueError(f"{called}: expected finite residuals at t = {t:g}; received {r[bad[0]]} of equation {bad[0]}")


def _require_index_one(called: str, factors: Any, split: Split, matrix: Any) -> None:
    """Raise if algebraic unknowns are not fixed by the equations."""
    sizes = np.abs(matrix).max(axis=0)
    sizes = np.asarray(sizes.toarray() if issparse(sizes) else sizes).reshape(-1)
    scaled = factors
    if not factors.is_singular and not issparse(matrix):
        scaled = factor_dense(factors.matrix / np.where(sizes > 0, np.abs(factors.matrix).max(axis=0), 1))
    if not factors.is_singular and scaled.condition < _WORST:
        return
    free = np.flatnonzero((sizes == 0) & (split.algebraic > 0))
    which = (
        f"no equation has the algebraic unknown {free[0]}"
        if free.size and split.basis is None
        else ("the equations without derivatives do not fix the algebraic unknowns")
    )
    raise ValueError(
        f"{called}: expected equations of index 1; received some of index 2 or higher, or a singular system: "
        f"{which}. Differentiate constraints by t, put them in the place of the original ones, and check how these "
        "drift; or remove unknowns that follow from others"
    )


class Consistent(NamedTuple):
    """Consistent initial values.

    Attributes:
        y, slope: shape (n,); Tensors where y0 or theta have a history.
        change: the change of y0's algebraic part, shape (n,).
    """

    y: Any
    slope: Any
    change: Any


def consistent(
    equations: ImplicitEquations, t: Any, y0: Any, slope: Any, theta: Sequence[Any], settings: Settings
) -> Consistent:
    """Return consistent values from y0 and y0' at t, with derivatives by t, the differential part of y0, and theta."""
    n, dtype, inputs = equations.n, equations.dtype, [t, y0, slope, *theta]
    start = [np.asarray(example_of(x)) for x in inputs]
    is_aligned = _split_at(equations.at(start[3:]), start[0], start[1], start[2]).basis is None
    aux = (ShapeDtype((n,), np.dtype(float)), *(() if is_aligned else (ShapeDtype((n, n), np.dtype(float)),)))

    def solve(t: Any, y: Any, slope: Any, *theta: Any) -> tuple[Any, bool, tuple[Any, ...]]:
        bound = equations.at(theta)
        split = _split_at(bound, t, y, slope)
        if split.basis is None and not is_aligned:
            split = Split(np.eye(n), split.algebraic)
        if is_aligned != (split.basis is None):
            raise ValueError(
                f"{equations.called}: expected the same unknowns to be algebraic for all values of a compiled function"
            )
        return find(bound, t, y, slope, split), True, (split.algebraic, *(() if is_aligned else (split.basis,)))

    def residual(z: Any, aux: Sequence[Any], t: Any, y: Any, slope: Any, *theta: Any) -> Any:
        by_y, by_slope = Split(None if is_aligned else aux[1], aux[0]).directions(z)
        return equations.residual(t, y + by_y, slope + by_slope, *theta)

    system = equations.once(
        ("consistent", is_aligned),
        lambda: System(equations.called, residual, ShapeDtype((n,), dtype), aux, inputs),
    )
    solved = solution(equations.called, solve, system, inputs, system.z, aux, settings)
    split = Split(None if is_aligned else solved.aux[1], solved.aux[0])
    by_y, by_slope = split.directions(solved.z)
    return Consistent(y0 + by_y, slope + by_slope, by_y)


def require_small(called: str, change: Any, y0: Any) -> None:
    """Raise if y0 misses consistent values by a change."""
    change, y0 = np.asarray(change), np.asarray(y0)
    worst = int(np.argmax(np.abs(change) / (1 + np.abs(y0))))
    if abs(change[worst]) > _MISS * (1 + abs(y0[worst])):
        raise ValueError(
            f'{called}: expected consistent initial values, as initialize="check" says; received y0[{worst}] = '
            f"{y0[worst]:.6g}, which misses {y0[worst] + change[worst]:.6g} by {abs(change[worst]):.1e}. Let "
            'initialize="solve" find it'
        )
