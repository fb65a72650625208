"""Differential-algebraic equations as data: F(t, y, y', theta) = 0 as programs, with its Jacobians and tangent lift.

They take the place of `equations.Equations` in methods that ask for F: the op of a solution, and the store of its
trajectories, serve both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..control.body import Body, needed_for, rearrange
from ..control.closure_conversion import record_body
from ..core.arguments import describe
from ..core.errors import DtypeError, ShapeError
from ..functional import jvp, vjp, vmap
from ..ops.adjoints import user
from ..ops.operands import operand
from ..solutions.closures import pure_functions
from ..tree import leaves
from .equations import BoundProgram
from .jacobians import StateJacobian

STAGES = 3  # points at which programs are evaluated at once


class ImplicitEquations:
    """F(t, y, y', theta) = 0 as programs.

    Args:
        called: the caller, for messages.
        body: of t, y, y' and theta, returns F.
        primal: the equations of which these are the tangent lift.

    Attributes:
        n: how many unknowns.
        dtype: of the unknowns.
        floating: the positions of those theta by which there are derivatives.
        num_theta: how many theta there are.
    """

    def __init__(self, called: str, body: Body, primal: ImplicitEquations | None = None) -> None:
        self.called, self.body, self.primal = called, body, primal
        y = np.asarray(body.examples[1])
        self.n, self.dtype = y.size, y.dtype
        shape, dtype = body.specs[0]
        if shape != y.shape:
            raise ShapeError(
                f"{called}: expected F to return as many equations as unknowns, shape {y.shape}; received {shape}"
            )
        if np.result_type(dtype, y.dtype) != y.dtype:
            raise DtypeError(f"{called}: expected F to return numbers of y's dtype {y.dtype}; received {dtype}")
        theta = body.examples[3:]
        self.num_theta = len(theta)
        self.floating = tuple([k for k, x in enumerate(theta) if np.asarray(x).dtype.kind in "fc"])

    def __repr__(self) -> str:
        return f"<{self.n} differential-algebraic equations, {self.body!r}>"

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return what follows from the equations, which is made the first time."""
        derived = self.body.derived
        if key not in derived:
            derived[key] = make()
        return derived[key]

    def residual(self, t: Any, y: Any, slope: Any, *theta: Any) -> Any:
        """Return F by its operations, for Tensors."""
        return self.body(t, y, slope, *theta)[0]

    def at(self, theta: Sequence[Any]) -> BoundImplicitEquations:
        """Return the equations for arrays theta."""
        return BoundImplicitEquations(self, theta)

    def lift(self, count: int | None = None) -> ImplicitEquations:
        """Return the equations of y and its tangents as one vector; see `Equations.lift`."""
        lift: ImplicitEquations = self.once(("lift", count), lambda: self._lift(count))
        return lift

    def _lift(self, count: int | None) -> ImplicitEquations:
        n, num_theta, floating = self.n, self.num_theta, self.floating

        def both(t: Any, state: Any, slopes: Any, *rest: Any) -> list[Any]:
            theta = rest[:num_theta]
            point = (state[:n], slopes[:n], *[theta[k] for k in floating])

            def along(y: Any, slope: Any, *chosen: Any) -> Any:
                at = dict(zip(floating, chosen, strict=True))
                return self.residual(t, y, slope, *[at.get(k, x) for k, x in enumerate(theta)])

            if count is None:
                return [np.concatenate(jvp(along)(point, (state[n:], slopes[n:], *rest[num_theta:])))]
            tangents = state[n:].reshape(count, n), slopes[n:].reshape(count, n), *rest[num_theta:]
            moved = vmap(lambda *tangents: jvp(along)(point, tangents)[1])(*tangents)
            return [np.concatenate([along(*point), moved.reshape(count * n)])]

        t, y, slope, *theta = self.body.examples
        copies = [np.stack([theta[k]] * count) if count is not None else theta[k] for k in floating]
        state, slopes = (np.concatenate([x] * (1 + (count or 1))) for x in (y, slope))
        body = record_body(self.called, both, [t, state, slopes, *theta, *copies])
        return ImplicitEquations(self.called, body, self)

    def jacobians(self) -> tuple[StateJacobian, StateJacobian]:
        """Return the programs of dF/dy, and of dF/dy', whose arguments are t, y', y and theta."""

        def make() -> tuple[StateJacobian, StateJacobian]:
            other = rearrange(self.body, [0, 2, 1, *range(3, 3 + self.num_theta)], [0])
            return StateJacobian(self.called, self.body), StateJacobian(self.called, other)

        both: tuple[StateJacobian, StateJacobian] = self.once("jacobians", make)
        return both

    def at_stages(self) -> Body:
        """Return the program of the residuals at three points."""
        return self._of_stages("residuals", lambda *point: [self._every(*point)])

    def pull_at_stages(self) -> Body:
        """Return the program of w, shape (3, n), and three points: its products with all derivatives of F."""
        places = (1, 2, *[3 + k for k in self.floating])

        def compute(w: Any, *point: Any) -> list[Any]:
            _, back = vjp(self._every, places)(*point)
            return [user(c) for c in back(user(w))]

        return self._of_stages("pull", compute, np.zeros((STAGES, self.n), self.dtype))

    def push_at_stages(self) -> Body:
        """Return the program of tangents of y and y' at three points, and these: the tangents of F."""

        def compute(dy: Any, dslopes: Any, t: Any, y: Any, slopes: Any, *theta: Any) -> list[Any]:
            return [jvp(lambda y, slopes: self._every(t, y, slopes, *theta))((y, slopes), (dy, dslopes))[1]]

        example = np.zeros((STAGES, self.n), self.dtype)
        return self._of_stages("push", compute, example, example)

    def _every(self, t: Any, y: Any, slopes: Any, *theta: Any) -> Any:
        return vmap(self.residual, (0, 0, 0, *[None] * len(theta)))(t, y, slopes, *theta)

    def _of_stages(self, key: str, function: Callable[..., list[Any]], *more: Any) -> Body:
        t, y, slope, *theta = self.body.examples
        point = [np.stack([np.asarray(x, x.dtype)] * STAGES) for x in (np.asarray(t, float), y, slope)]
        body: Body = self.once(key, lambda: record_body(self.called, function, [*more, *point, *theta]))
        return body


class BoundImplicitEquations:
    """F(t, y, y') = 0 for given theta, on arrays alone, in one thread.

    Args:
        equations: which.
        theta: arrays.

    Attributes:
        nfev: how many residuals, `njev` Jacobians, and `nlu` factorizations were computed.
    """

    def __init__(self, equations: ImplicitEquations, theta: Sequence[Any]) -> None:
        self.equations = equations
        kinds = [np.asarray(x).dtype for x in equations.body.examples[3:]]
        self.theta = [np.array(x, kind, order="C") for x, kind in zip(theta, kinds, strict=True)]
        self.n, self.dtype = equations.n, equations.dtype
        self.nfev = self.njev = self.nlu = 0
        self._programs: dict[Any, BoundProgram] = {}
        self._constant: dict[int, Any] = {}

    def primal(self) -> BoundImplicitEquations:
        """Return the equations without tangents, of a lift."""
        assert self.equations.primal is not None
        return self.equations.primal.at(self.theta[: self.equations.primal.num_theta])

    def _run(self, key: str, make: Callable[[], Body], *arrays: Any) -> list[Any]:
        if key not in self._programs:
            self._programs[key] = BoundProgram(make(), self.theta)
        inputs = [np.asarray(x, float) if np.ndim(x) == 0 else np.ascontiguousarray(x) for x in arrays]
        return self._programs[key](*inputs)

    def residual(self, t: Any, y: Any, slope: Any) -> Any:
        """Return F, shape (n,)."""
        self.nfev += 1
        return self._run("residual", lambda: self.equations.body, t, y, slope)[0]

    def residuals(self, t: Any, y: Any, slopes: Any) -> Any:
        """Return F at three points, shape (3, n)."""
        self.nfev += STAGES
        return self._run("residuals", self.equations.at_stages, t, y, slopes)[0]

    def pull(self, t: Any, y: Any, slopes: Any, w: Any) -> tuple[Any, Any, list[Any]]:
        """Return the products of w, shape (3, n), with dF/dy, dF/dy' and those by floating theta, at three points."""
        gy, gslopes, *rest = self._run("pull", self.equations.pull_at_stages, w, t, y, slopes)
        return gy, gslopes, rest

    def push(self, t: Any, y: Any, slopes: Any, dy: Any, dslopes: Any) -> Any:
        """Return the tangents of F along those of y and y' at three points, shape (3, n)."""
        return self._run("push", self.equations.push_at_stages, dy, dslopes, t, y, slopes)[0]

    def jacobians(self, t: Any, y: Any, slope: Any) -> tuple[Any, Any]:
        """Return dF/dy and dF/dy': arrays, or sparse matrices of SciPy by columns where these are smaller."""
        self.njev += 1
        points, matrices = ((t, y, slope), (t, slope, y)), []
        for k, (program, point) in enumerate(zip(self.equations.jacobians(), points, strict=True)):
            if k in self._constant:
                matrices.append(self._constant[k])
                continue
            body = program.body
            matrix = program.form(self._run(f"jacobian {k}", lambda body=body: body, *point)[0])  # type: ignore[misc]
            if program.is_constant and body.program.inputs[2] not in needed_for(body.program, body.outputs):
                self._constant[k] = matrix
            matrices.append(matrix)
        return matrices[0], matrices[1]


def implicit_equations_of(
    called: str, F: Callable[..., Any], t: Any, y: Any, slope: Any, args: Sequence[Any] = ()
) -> tuple[ImplicitEquations, list[Any]]:
    """Return F(t, y, y', *args) = 0 as equations, and theta: all that it depends on beside t, y, y'.

    Args:
        called: the caller, for messages.
        F: returns n numbers, shape (n,), or a list of them.
        t, y, slope: an example of the time, of the unknowns, and of their derivatives.
        args: further arguments, trees. Arrays, Tensors and floats among them, and Tensors that F closes over, are
            theta.

    Raises:
        ShapeError, DtypeError: if F returns something else.
        TraceError: if F asks for a value, as `if t > 0` does.
        UnsupportedError: if it changes something outside.
    """

    def residual(point: Any, *args: Any) -> Any:
        out = operand(F(*point, *args))
        if out.dtype.kind not in "biufc":
            raise TypeError(
                f"{called}: expected F to return n numbers; received {describe(out)}. Did it return nothing?"
            )
        return out if out.ndim == 1 else out.reshape(-1)

    residual.__name__ = getattr(F, "__name__", type(F).__name__)
    (pure,), theta = pure_functions(called, [residual], (np.float64(t), y, slope), tuple(args))
    if "implicit equations" not in pure.derived:
        if len(leaves(pure.out)) != 1:
            raise ShapeError(f"{called}: expected F to return one array; received {len(leaves(pure.out))}")
        pure.derived["implicit equations"] = ImplicitEquations(called, pure.body)
    equations: ImplicitEquations = pure.derived["implicit equations"]
    return equations, theta
