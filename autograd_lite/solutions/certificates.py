"""Certificates of derivatives of solutions: how many of their digits are certain."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..core.depth import outside
from ..core.errors import ImplicitError
from ..core.mode import is_derivation
from ..core.op import Op, by_need
from ..functional.derivative_rules import KeepSame
from ..graph.picture import DrawnPicture
from .batches import one_after_another
from .estimates import MOST_LEFT, Derivative, Errors, difference, estimate
from .krylov import Products
from .pictures import MAY_BE_ZERO, picture
from .products_certificate import uncertainties

if TYPE_CHECKING:
    from .factors import Factors
    from .linear_systems import LinearSystems

_MOST_SHOWN = 6
_KEPT = 1 << 14  # numbers of a point, for pictures


class Constraint(NamedTuple):
    """An inequality at a solution.

    Attributes:
        name: which it is.
        is_active: whether its limit holds.
        slack: how far the solution is from the limit, relative.
        multiplier: of the constraint, relative; negative if it has the wrong sign.
    """

    name: str
    is_active: bool
    slack: float
    multiplier: float

    @property
    def margin(self) -> float:
        """How far it is from the other state: the multiplier of an active one, the slack of another."""
        return self.multiplier if self.is_active else self.slack


class Sensitivity:
    """The certificate of a solution: how certain its derivatives are. It is filled when a first one is asked for.

    The digits are those of the derivative that was computed last: -log₁₀ of its relative error. In reverse mode that is
    a gradient by each parameter, an array, for the cotangent g of the solution: the error of the gradient of g·x in the
    2-norm, relative to the norm of the gradient by the same array. A gradient that is nearly zero counts by what its
    array does to the result beside the others: its error is relative to a thousandth of what those do by the same
    relative change; and a gradient of terms that cancel to zero is certain. In forward mode it is the tangent of all
    unknowns, and that of those other than multipliers. What follows the solution, such as a loss, has errors of its
    own.

    Attributes:
        called: whose solution it is.
        asked: how many digits are asked for.
        digits: how many are certain; None before a derivative was asked for.
        residual: the largest |F|.
        scaled_residual: that, relative to the terms that F is added up from.
        linear_residual: the largest residual of the linear system with dF/dx, relative to its terms.
        solution_error: an estimate of the relative error of the solution.
        by_solver: the relative error of the derivative because of what the solver has left.
        by_rounding: that because of rounding.
        retrace: solves again, and returns the residuals on the way; None where that may not be repeated.

    Example:
        >>> import autograd_lite as ag
        >>> a = ag.tensor(4.0, requires_grad=True)
        >>> solved = ag.optimize.root(lambda x: x * x - a, 1.0)
        >>> solved.sensitivity
        <certificate of root: unknown until a derivative is asked for, as by backward()>
        >>> solved.x.sum().backward()
        >>> solved.sensitivity.digits > 14
        True
    """

    digits: float | None = None
    residual: float | None = None
    scaled_residual: float | None = None
    linear_residual: float | None = None
    solution_error: float | None = None
    by_solver: float | None = None
    by_rounding: float | None = None

    def __init__(self, called: str = "a solution", asked: float = 4) -> None:
        self.called, self.asked = called, asked
        self._factors: Factors | None = None
        self._margins: Any = None
        self._point: Sequence[Any] | None = None
        self.retrace: Callable[..., Sequence[float]] | None = None

    @property
    def condition(self) -> float | None:
        """An estimate of ‖dF/dx‖₁ ‖(dF/dx)⁻¹‖₁; NaN where only products with the matrix are known."""
        return None if self._factors is None else self._factors.condition

    @property
    def constraints(self) -> list[Constraint]:
        """The inequalities, those that are nearest to another state first."""
        return [] if self._margins is None else sorted(self._margins(), key=lambda c: c.margin)

    def picture(self) -> DrawnPicture:
        """Return the certificate as a picture, with the residuals on the way of the solver and the constraints.

        The solver runs once more for it, unless it is the user's own or the parameters are large.

        Returns:
            The picture, with `.save`, for `.svg`, `.png` and `.pdf`; a notebook shows it.

        Raises:
            ValueError: if no derivative was asked for.

        Example:
            >>> import autograd_lite as ag
            >>> a = ag.tensor(4.0, requires_grad=True)
            >>> solved = ag.optimize.root(lambda x: x * x - a, 1.0)
            >>> solved.x.sum().backward()
            >>> solved.sensitivity.picture()
            <DrawnPicture: Certificate of root>
        """
        if self.digits is None:
            raise ValueError(
                f"{self.called}: expected a certificate of a derivative; received one of a solution of which none was "
                "asked for. Call backward() first"
            )
        if self.retrace is None or self._point is None:
            return picture(self)
        return picture(self, self.retrace(*self._point))

    def fill(self, errors: Errors, factors: Factors, point: Sequence[Any], margins: Any) -> None:
        """Enter the errors of a derivative at a point; what they are computed from may be overwritten later."""
        small = sum([x.size for x in point]) <= _KEPT
        self._point = [np.array(x) for x in point] if small else None
        self._factors, self._margins = factors, margins
        self.residual, self.scaled_residual, self.linear_residual = errors.residual, errors.scaled, errors.linear
        self.solution_error, self.by_solver, self.by_rounding = errors.solution, errors.by_solver, errors.by_rounding
        self.digits = digits_of(errors.total)

    def __repr__(self) -> str:
        if self.digits is None:
            return f"<certificate of {self.called}: unknown until a derivative is asked for, as by backward()>"
        rows = [
            ("residual", self.residual, f"the largest |F|; relative to its terms {_short(self.scaled_residual)}"),
            ("linear system", self.linear_residual, "its residual, relative"),
            ("condition", self.condition, "of dF/dx"),
            ("solution", self.solution_error, "its relative error"),
            ("by the solver", self.by_solver, "relative error of the derivative because of what the solver has left"),
            ("by rounding", self.by_rounding, "and because of rounding"),
        ]
        lines = [f"{name:<15}{_short(value):>8}   {text}" for name, value, text in rows if value is not None]
        constraints = self.constraints
        if constraints:
            active, nearest = sum(c.is_active for c in constraints), constraints[0]
            kind = "its multiplier" if nearest.is_active else "its slack"
            lines.append(
                f"{'constraints':<15}{f'{active}/{len(constraints)}':>8}   are active; nearest to a change: "
                f"{nearest.name}, {kind} is {nearest.margin:.1e}"
            )
        head = f"certificate of {self.called}: {self.digits:.1f} digits are certain, {self.asked:g} are asked for"
        return "\n  ".join([head, *lines])


def digits_of(error: float) -> float:
    """Return how many digits are certain with a relative error."""
    return min(max(-math.log10(error), 0.0), 16.0) if error > 0 else 16.0 if error == 0 else 0.0


def end_uncertain(error: ImplicitError, on_uncertain: str, derivative: Any) -> Any:
    """Raise an error, or return the derivative after a warning ("warn"), or NaN in its place ("nan")."""
    if on_uncertain == "raise":
        raise error
    if on_uncertain == "nan":
        return np.full_like(derivative, np.nan)
    warnings.warn(str(error), stacklevel=3)
    return np.array(derivative)


class Certificate:
    """Checks derivatives of a solution whenever they are computed.

    Args:
        called: the caller, for messages.
        linear: the linear systems with A = dF/dz, and the equations; `linear.at(*point)` has its factors.
        settings: see `solution.Settings`.
        sensitivity: the report that it fills.
    """

    def __init__(self, called: str, linear: LinearSystems, settings: Any, sensitivity: Sensitivity) -> None:
        self.called, self.linear, self.settings, self.sensitivity = called, linear, settings, sensitivity
        self._ops: dict[int, Op] = {}

    def check(
        self,
        s: Any,
        g: Any,
        success: Any,
        *point: Any,
        turned: bool = False,
        wrt: Sequence[int] = (),
        along: Sequence[Any] = (),
    ) -> Any:
        """Return s, the solution of a linear system with A or Aᵀ, if the derivative that follows from it is certain.

        It is an op, which is an identity of s, so that it checks at every replay too.

        Args:
            s: the solution.
            g: the right-hand side.
            success: whether the solver calls z a solution.
            point: z, aux and theta.
            turned: whether s solves a system with Aᵀ, for gradients; otherwise it is a tangent.
            wrt: by which theta the derivative is.
            along: tangents of these.

        Raises:
            ImplicitError: if it is not certain.
        """
        inputs = s, g, success, *along, *point
        op = self._ops.get(len(inputs))
        if op is None:
            op = self._ops[len(inputs)] = Op(
                f"certificate of {self.called}",
                lambda s, *inputs, **how: np.array(s) if is_derivation() else outside(self._verify, (s, *inputs), how),
                by_need(lambda needs, g, saved, params: [g if k == 0 else None for k in needs]),
                lambda s, *_, **__: s,
                jvp=lambda tangents, out, *_, **__: tangents[0],
                batch=one_after_another,
                keeps=KeepSame((False,) * (len(inputs) + 1)),  # type: ignore[arg-type]
            )
        return op(*inputs, turned=turned, wrt=tuple(wrt))

    def _verify(self, s: Any, g: Any, success: Any, *rest: Any, turned: bool, wrt: tuple[int, ...]) -> Any:
        if not success and self.settings.on_failure == "raise":
            words = self.settings.failure()
            raise self._error(
                f"expected a solve that has succeeded; received one that its solver calls a failure{words}. Let it run "
                'longer, start nearer to the solution, or pass on_failure="differentiate"'
            )
        if not (s.any() or g.any()) or not np.isfinite(g).all():
            return np.array(s)  # a derivative of nothing, and one that a value that is not finite has spoilt before
        count = 0 if turned else len(wrt)
        along, point = rest[:count], rest[count:]
        reason = self._reason_against(self.linear.at(*point), s, g if turned else None, along, point, wrt)
        if not reason:
            return np.array(s)
        return end_uncertain(self._error(reason), self.settings.on_uncertain, s)

    def _error(self, reason: str) -> ImplicitError:
        return ImplicitError(f"derivative of {self.called}: {reason}", self.sensitivity)

    def _reason_by_products(self, d: Derivative, products: Products) -> str:
        """Return why the derivative is not certain, of a matrix of which only products are known."""
        parts = uncertainties(d, products, self.settings.digits)
        total = sum(part.error for part in parts)
        total = total if total == total else math.inf
        self.sensitivity.residual = float(np.abs(products.equations).max(initial=0))
        self.sensitivity.digits, self.sensitivity.by_solver = digits_of(total), total
        worst = max(parts, key=lambda part: math.inf if part.error != part.error else part.error)
        return "" if total <= 10.0**-self.settings.digits else f"{self._begin(total)}{worst.reason}"

    def _begin(self, error: float) -> str:
        return f"expected {self.settings.digits:g} certain digits; received {digits_of(error):.1f}. "

    def _reason_against(
        self, factors: Factors, s: Any, g: Any, along: Sequence[Any], point: Sequence[Any], wrt: tuple[int, ...]
    ) -> str:
        """Return why the derivative is not certain; nothing if it is."""
        system = self.linear.system
        conditions, aux = self.settings.conditions, tuple(point[1 : system.first])
        if not np.isfinite(point[0]).all():
            return "expected a solution of finite numbers; received one with NaN or an infinity from its solver"
        d = Derivative(
            system.around(wrt, g is not None),
            factors,
            g is not None,
            s,
            g,
            along,
            point,
            [point[system.first + k] for k in wrt],
            point[0].size if conditions is None else conditions.n,
        )
        if isinstance(factors, Products):
            return self._reason_by_products(d, factors)
        if factors.is_singular or not np.isfinite(s).all():
            return self._singular(d, aux)
        errors = estimate(d)
        z = point[0] + errors.step
        margins = None if conditions is None else _constraints(conditions, z, aux, point[system.first :])
        self.sensitivity.fill(errors, factors, point, margins)
        if not errors.total <= 10.0**-self.settings.digits:
            return self._uncertain(errors, factors)
        tolerance = max(MAY_BE_ZERO, 10 * errors.noise, 10 * errors.left * errors.solution)
        doubts = "" if conditions is None else self._doubts(d, z, aux, tolerance)
        if doubts:
            self.sensitivity.digits = 0.0
        return doubts

    # ---- reasons ----------------------------------------------------------------------------------------------------

    def _uncertain(self, errors: Errors, factors: Factors) -> str:
        """Return which number is to blame, and what to do."""
        asked = self._begin(errors.total)
        if not math.isfinite(errors.residual):
            return f"{asked}The equations are not finite at the solution"
        if errors.is_elsewhere:
            order = ", and that the residual takes x first, then the solver's arguments" * (self.called == "implicit")
            return (
                f"{asked}The result does not solve the equations: their largest residual is {errors.residual:.1e}, "
                f"and relative to its terms {errors.scaled:.1e}. Let the solver run longer, or check that the "
                f"equations are zero at the solution{order}"
            )
        if not errors.left <= MOST_LEFT:
            return (
                f"{asked}Newton's step from the solution, where the largest residual is {errors.residual:.1e}, leaves "
                f"{min(errors.left, 99.0):.0%} of the error. Either this is not a solution of these equations, or "
                "several solutions meet near it. Check that the equations are zero at the solution, and tighten tol"
            )
        condition = f" (its condition is {factors.condition:.1e})" if len(errors.step) > 1 else ""
        if not errors.left_linear <= MOST_LEFT or not errors.by_solver >= errors.by_rounding:
            return (
                f"{asked}Rounding changes the derivative by {errors.by_rounding:.1e}, relative: several solutions "
                f"nearly meet, dF/dx is nearly singular{condition}, or numbers cancel in the equations. Rescale "
                "unknowns and equations to similar sizes, or make the solution unique"
            )
        return (
            f"{asked}The solver has left a residual of {errors.residual:.1e}, an error of the solution of "
            f"{errors.solution:.1e}, relative, which changes the derivative by {errors.by_solver:.1e}. Tighten tol, or "
            "pass refine=True, for Newton's steps from it"
        )

    def _doubts(self, d: Derivative, z: Any, aux: Sequence[Any], tolerance: float) -> str:
        """Return why a constraint may as well be active as inactive, with both derivatives, if these differ."""
        first = self.linear.system.first
        theta = d.point[first:]
        for doubt in self.settings.conditions.doubts(z, aux, theta, tolerance):
            sides = [self._values(d, (z, *other, *theta)) for other in (doubt.with_active, doubt.without)]
            exist = all(np.isfinite(v).all() for side in sides for v in side)
            if exist and difference(d, *sides) <= 10.0**-self.settings.digits:
                continue
            active, inactive = (", ".join(map(_text_of, v if d.turned else v[:1])) for v in sides)
            return (
                f"{doubt.name} is degenerate: its slack is {doubt.slack:.1e}, its multiplier {doubt.multiplier:.1e}: "
                f"the smallest change decides whether it is active. The derivative with it active is {active}; "
                f"without it, {inactive}. Tighten tol if the solution is not exact; otherwise choose parameters away "
                "from this kink"
            )
        return ""

    def _singular(self, d: Derivative, aux: Sequence[Any]) -> str:
        """Return why a matrix is singular."""
        conditions, z, theta = self.settings.conditions, d.point[0], d.point[self.linear.system.first :]
        if conditions is not None:
            if dependent := conditions.dependent(z, aux, theta):
                return (
                    "the gradients of active constraints depend on each other, so that their multipliers are not "
                    f"unique (LICQ does not hold): {', '.join(dependent[:_MOST_SHOWN])}. Leave out those that others "
                    "imply"
                )
            if doubts := self._doubts(d, z, aux, MAY_BE_ZERO):
                return f"dF/dx is singular, and {doubts}"
        return (
            "expected a matrix dF/dx (of a minimum the Hessian) that can be inverted; received a singular one. "
            "Solutions there do not follow from the parameters: they end, several meet, or some combination of "
            "unknowns is free"
        )

    def _values(self, d: Derivative, point: Sequence[Any]) -> list[Any]:
        """Return the derivative with another active set."""
        factors = self.linear.at(*point)
        other = d._replace(point=point, factors=factors, s=np.zeros_like(d.s))
        return other.at(point[0], factors.solve(other.at(point[0], other.s)[1], d.turned))[2]


def _constraints(conditions: Any, z: Any, aux: Any, theta: Sequence[Any]) -> Callable[[], list[Constraint]]:
    """Return what lists the inequalities at a solution."""
    margins = conditions.margins(z, tuple([np.array(a) for a in aux]), theta)

    def rows() -> list[Constraint]:
        out = []
        for kind, (sides, nearest, slack, multiplier, inequality) in zip(("row", "bound"), margins, strict=False):
            for i in np.flatnonzero(inequality & np.isfinite(slack)):
                name = f"{'lower' if nearest[i] < 0 else 'upper'} {conditions.name(kind, int(i))}"
                out.append(Constraint(name, bool(sides[i]), float(slack[i]), float(multiplier[i])))
        return out

    return rows


def _text_of(x: Any) -> str:
    x = np.asarray(x) + 0.0  # without negative zeros
    if not np.isfinite(x).all():
        return "not defined"
    if x.size > _MOST_SHOWN:
        return f"one of norm {np.linalg.norm(x):.6g}"
    return np.array2string(x, precision=6) if x.ndim else f"{float(x):.6g}"


def _short(x: float | None) -> str:
    return "unknown" if x is None or x != x else f"{x:.1e}"
