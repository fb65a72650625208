"""The conditions for a minimum with bounds and constraints, as equations of one size for all active sets.

minimize f(x)  where  low ≤ c(x) ≤ high  and  lower ≤ x ≤ upper

The unknowns are z = (x, mu), with a multiplier for each constraint: positive where its upper limit holds, negative
where its lower one does. An equation holds for each: where a bound is active, x equals it, elsewhere the Lagrangian's
gradient ∇f + Jᵀmu is zero; where a limit is active, c equals it, elsewhere mu is zero. The active set is data (-1 for
a lower limit, 1 for an upper one, 0 for none). The multipliers of bounds are minus the Lagrangian's gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from ..control.body import Body, run_body
from ..control.closure_conversion import record_body
from ..core.depth import outside
from ..core.shape_arithmetic import ShapeDtype

Vector = npt.NDArray[np.float64]
Sides = npt.NDArray[np.int8]
Active = tuple[Sides, Sides]

SIDE = np.dtype(np.int8)
# How far from its limit an active constraint may be, relative, where the solver tells no multipliers.
NEAR = 1e-4
# And where it tells them: an interior-point method that stops early is far from all limits.
FAR = 1e-2


DEPENDENT = 1e-10  # a singular value of active gradients, each of length 1, up to which they depend on each other


class Limits(NamedTuple):
    """Limits of the parameters and of the constraints; None for no bounds."""

    lower: Any
    upper: Any
    low: Any
    high: Any


class Facts(NamedTuple):
    """What the conditions are made of at a point.

    Attributes:
        values: c(x).
        slope: the Lagrangian's gradient.
        gradient: the objective's.
        lower, upper, low, high: the limits; infinite for none.
    """

    values: Vector
    slope: Vector
    gradient: Vector
    lower: Vector
    upper: Vector
    low: Vector
    high: Vector

    @property
    def unit(self) -> float:
        """The size of the objective's gradient, in whose unit multipliers are, or 1 if it is smaller."""
        return max(1.0, float(np.abs(self.gradient).max(initial=0.0)))


class Doubt(NamedTuple):
    """A constraint of which it is not certain whether it is active.

    Attributes:
        name: of the constraint.
        slack: how far it is from its limit, relative.
        multiplier: of it, relative; negative if it has the wrong sign.
        with_active: the active set if it is, `aux` of the equations.
        without: the active set if it is not.
    """

    name: str
    slack: float
    multiplier: float
    with_active: Active
    without: Active


class Conditions:
    """The conditions for a minimum of a function of n parameters with m constraints.

    Args:
        n, m: the numbers of parameters and constraints.
        values: c(x, *theta).
        slope: the Lagrangian's gradient, of (x, mu, *theta).
        limits: of theta.
        rows: the Jacobian of c, of (x, *theta).
        name: of a constraint for messages, by "row" or "bound" and its index.
        two_sided: whether constraints may be active at their lower limits.
    """

    def __init__(
        self,
        n: int,
        m: int,
        values: Callable[..., Any],
        slope: Callable[..., Any],
        limits: Callable[..., Limits],
        rows: Callable[..., Any],
        name: Callable[[str, int], str],
        two_sided: bool = True,
    ) -> None:
        self.n, self.m = n, m
        self.values, self.slope, self.limits, self.rows, self.name = values, slope, limits, rows, name
        self.two_sided = two_sided
        self._bodies: dict[str, Body] = {}

    @property
    def example(self) -> ShapeDtype:
        """The shape of the unknowns."""
        return ShapeDtype((self.n + self.m,), np.dtype(np.float64))

    @property
    def aux(self) -> tuple[ShapeDtype, ShapeDtype]:
        """The shapes of the active set: of constraints and of bounds."""
        return ShapeDtype((self.m,), SIDE), ShapeDtype((self.n,), SIDE)

    def equations(self, z: Any, aux: Active, *theta: Any) -> Any:
        """Return the residual, of shape (n + m,), recorded where the arguments are Tensors."""
        x, mu = z[: self.n], z[self.n :]
        of_rows, of_bounds = aux
        limits = self.limits(*theta)
        slope = self.slope(x, mu, *theta)
        if limits.lower is not None:
            slope = np.where(of_bounds == 0, slope, x - _on_side(of_bounds, limits.lower, limits.upper))
        if not self.m:
            return slope
        ends = limits.low if self.two_sided else limits.high, limits.high
        gap = self.values(x, *theta) - _on_side(of_rows, *ends)
        return np.concatenate([slope, np.where(of_rows == 0, mu, gap)])

    def facts(self, z: Vector, theta: tuple[Any, ...]) -> Facts:
        """Return what the conditions are made of at arrays, by a program that runs outside of all transformations."""

        def compute(z: Any, *theta: Any) -> list[Any]:
            x, mu = z[: self.n], z[self.n :]
            lower, upper, low, high = self.limits(*theta)
            none = np.full(self.n, np.inf)
            ends = [-none, none] if lower is None else [lower, upper]
            slopes = [self.slope(x, v, *theta) for v in (mu, np.zeros(self.m))]
            return [self.values(x, *theta), *slopes, *ends, low, high]

        return Facts(*self._run("facts", compute, z, theta))

    def _rows(self, z: Vector, theta: tuple[Any, ...]) -> Any:
        return self._run("rows", lambda z, *theta: [self.rows(z[: self.n], *theta)], z, theta)[0]

    def _run(self, key: str, compute: Callable[..., Any], z: Vector, theta: tuple[Any, ...]) -> list[Any]:
        def run() -> list[Any]:
            if key not in self._bodies:
                self._bodies[key] = record_body(key, compute, [z, *theta])
            return run_body(self._bodies[key], z, *theta)

        return outside(run, (), {})

    def doubts(self, z: Vector, aux: Active, theta: tuple[Any, ...], tolerance: float) -> list[Doubt]:
        """Return the constraints that are too near to being active and inactive at once, or that are neither.

        Args:
            z: the unknowns, as exact as they are known.
            aux: which constraints are active.
            theta: arrays.
            tolerance: the relative size of a slack and a multiplier up to which they may be zero.
        """
        doubts = []
        for kind, margins in enumerate(self.margins(z, aux, theta)):
            sides, nearest, slack, multiplier, inequality = margins
            margin = np.where(sides == 0, slack, multiplier)
            for i in np.flatnonzero(inequality & ~(margin > tolerance)):
                active, inactive = ((np.array(aux[0]), np.array(aux[1])) for _ in range(2))
                active[kind][i], inactive[kind][i] = nearest[i], 0
                name = f"{'lower' if nearest[i] < 0 else 'upper'} {self.name(('row', 'bound')[kind], int(i))}"
                doubts.append(Doubt(name, float(slack[i]), float(multiplier[i]), active, inactive))
        return doubts

    def margins(self, z: Vector, aux: Active, theta: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Return for constraints and bounds the active set, the nearest side, slacks, multipliers, and inequalities.

        Slacks and multipliers are relative, and negative where they have the wrong sign; multipliers are those of the
        nearest side.
        """
        x, mu, f = z[: self.n], z[self.n :], self.facts(z, theta)
        return [
            _margins(aux[0], f.values, f.low, f.high, mu / f.unit),
            _margins(aux[1], x, f.lower, f.upper, -f.slope / f.unit),
        ]

    def dependent(self, z: Vector, aux: Active, theta: tuple[Any, ...]) -> list[str]:
        """Return the names of active constraints whose gradients depend on each other."""
        of_rows, of_bounds = aux
        active = np.flatnonzero(of_rows)
        if not active.size:
            return []
        rows = self._rows(z, theta)[active][:, of_bounds == 0]
        rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(float).tiny)
        left, sizes, _ = np.linalg.svd(rows)
        small = np.ones(active.size, bool)
        small[: sizes.size] = sizes <= DEPENDENT
        weights = np.abs(left[:, small]).max(1, initial=0.0)
        return [self.name("row", int(i)) for i in active[weights > 1e-3]]

    def find_active(
        self, x: Vector, theta: tuple[Any, ...], multipliers: tuple[Vector, Vector] | None = None
    ) -> tuple[Vector, Active]:
        """Return the unknowns z and the active set at a solver's solution, which is moved onto active bounds.

        Args:
            x: the solver's.
            theta: arrays.
            multipliers: of constraints and bounds, if the solver has computed them; otherwise they come from the
                Lagrangian's gradient, which they make as small as they can with the signs that they may have.
        """
        z = np.concatenate([x, np.zeros(self.m)])
        f, rows = self.facts(z, theta), self._rows(z, theta)
        gradient, unit = f.gradient, f.unit
        size = np.maximum(np.linalg.norm(rows, axis=1), np.finfo(float).tiny)
        side, slack, equal = _nearest(f.values, f.low, f.high)
        near = slack / (size * (1 + np.abs(x).max(initial=0.0)))
        bound, bound_slack, bound_equal = _nearest(x, f.lower, f.upper)
        bound_near = bound_slack / (1 + np.abs(x))
        if multipliers is None:
            candidates, free = equal | (near < NEAR), ~(bound_equal | (bound_near < NEAR))
            mu = _signed_least_squares(rows, gradient, np.where(candidates, side, 0), equal, free)
            push = -(gradient + rows.T @ mu)
        else:
            mu, push = multipliers
        holds = (mu * side * size / unit > near) & (near < FAR)
        holds_bound = (push * bound / unit > bound_near) & (bound_near < FAR)
        active = np.where(equal | holds, side, 0).astype(SIDE)
        of_bounds = np.where(bound_equal | holds_bound, bound, 0).astype(SIDE)
        if self.m:
            mu, held, free = np.zeros(self.m), np.flatnonzero(active), of_bounds == 0
            mu[held] = np.linalg.lstsq(rows[held][:, free].T, -gradient[free], rcond=None)[0]
        x = np.where(of_bounds == 0, x, np.where(of_bounds < 0, f.lower, f.upper))
        return np.concatenate([x, mu]), (active, of_bounds)

    def active_by(self, x: Vector, mu: Vector, push: Vector, theta: tuple[Any, ...]) -> Active:
        """Return the active set by exact multipliers: the constraints whose multiplier is larger than their slack.

        Args:
            x: a solution.
            mu: multipliers of constraints.
            push: those of bounds.
            theta: arrays.
        """
        f = self.facts(np.concatenate([x, mu]), theta)
        return _larger(mu / f.unit, f.values, f.low, f.high), _larger(push / f.unit, x, f.lower, f.upper)


def _on_side(side: Any, low: Any, high: Any) -> Any:
    """Return the limit that holds, and 0 where none does: it may be infinite."""
    return np.where(side == 0, 0.0, high if low is high else np.where(side < 0, low, high))


def _nearest(values: Vector, low: Any, high: Any) -> tuple[Sides, Vector, npt.NDArray[np.bool_]]:
    """Return the side of the nearest limit, how far it is (at least 0), and where both are the same."""
    below, above = values - low, high - values
    side = np.where(below < above, -1, 1).astype(SIDE)
    return side, np.maximum(np.minimum(below, above), 0.0), np.broadcast_to(np.equal(low, high), values.shape)


def _margins(sides: Sides, values: Vector, low: Any, high: Any, push: Vector) -> tuple[Any, ...]:
    below, above = values - low, high - values
    nearest = np.where(sides != 0, sides, np.where(below < above, -1, 1)).astype(SIDE)
    limit = np.where(nearest < 0, low, high)
    slack = np.where(nearest < 0, below, above) / (1 + np.abs(np.where(np.isfinite(limit), limit, 0.0)))
    return sides, nearest, slack, push * nearest, np.broadcast_to(np.not_equal(low, high), values.shape)


def _signed_least_squares(rows: Any, gradient: Vector, side: Sides, equal: Any, free: Any) -> Vector:
    """Return the multipliers that make the Lagrangian's gradient smallest: of the sign of their side, 0 for none."""
    mu = np.zeros(len(side))
    k = np.flatnonzero(side)
    if not k.size:
        return mu
    signs = np.concatenate([side[k], -side[k][equal[k]]]).astype(float)
    index = np.concatenate([k, k[equal[k]]])
    scale = 1 / np.maximum(np.linalg.norm(rows[index][:, free], axis=1), np.finfo(float).tiny)
    sizes = nnls((rows[index][:, free] * (signs * scale)[:, None]).T, -gradient[free])[0] if free.any() else 0 * scale
    np.add.at(mu, index, sizes * signs * scale)
    return mu


def _larger(push: Vector, values: Vector, low: Vector, high: Vector) -> Sides:
    with np.errstate(invalid="ignore"):
        above = push > np.maximum(high - values, 0) / (1 + np.abs(high))
        below = -push > np.maximum(values - low, 0) / (1 + np.abs(low))
        return np.where(np.equal(low, high) | above, 1, np.where(below, -1, 0)).astype(SIDE)
