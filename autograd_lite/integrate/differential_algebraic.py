"""`solve_dae`: differential-algebraic equations F(t, y, y') = 0 of index 1, with derivatives of all orders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..control.closure_conversion import example_of
from ..core.arguments import describe, require_function
from ..core.docstrings import arguments_from
from ..core.errors import DtypeError, ShapeError, TraceError, UnsupportedError
from ..core.messages import checked
from ..ops.operands import operand
from ..solutions.settings import Settings as Certainty
from ..tensors.tensor import Tensor
from ..tensors.tracers import is_open
from .collocation_solve import COLLOCATION
from .consistent_values import INITIALIZE, Consistent, consistent, require_small
from .dense_output import DenseOutput
from .implicit_equations import ImplicitEquations, implicit_equations_of
from .initial_values import Solution, is_known
from .progress import Interrupted, progress_of
from .solution_op import SolutionOps
from .solver_options import settings_of
from .trajectory_store import Solver


@checked
def solve_dae(
    F: Callable[..., Any],
    t_span: Sequence[float],
    y0: Any,
    yp0: Any = None,
    t_eval: Any = None,
    dense_output: bool = False,
    args: Sequence[Any] | None = None,
    *,
    rtol: float = 1e-6,
    atol: Any = 1e-9,
    first_step: float | None = None,
    max_step: float = np.inf,
    max_steps: int = 10_000_000,
    initialize: str = "solve",
    progress: Any = False,
) -> Any:
    """Solve F(t, y, y') = 0, y(t0) = y0, where F may have equations without derivatives, of index 1.

    The method is Radau's collocation of order 5, on F itself, so that M(y) y' = f(t, y), conservation laws, and
    derivatives inside of functions need no solving for y'. The derivatives are those of the discrete solution, whose
    equations are solved to the last digits, of all orders, by `args`, by Tensors that F reads from around it, and by
    the differential part of y0. For that by a time, make it an argument that scales t.

    Args:
        F: F(t, y, y', *args), of a time, and of unknowns and slopes of shape (n,), returns the left-hand sides of n
            equations, shape (n,). It is computed with NumPy's functions, and run once on Tensors.
        t_span: t0 and the time t1 at which to end; t1 < t0 is allowed.
        y0: the unknowns at t0, shape (n,).
        yp0: a guess of their slopes, shape (n,); zeros if it is left out.
        t_eval: times at which the solution is read, shape (m,), within t_span and in its order; by default where steps
            end, which is not known in a compiled function or in a batch.
        dense_output: whether to return the solution as a function of t, `sol`.
        args: further arguments of F.
        rtol, atol: the error of a step is below `atol + rtol * abs(y)`; atol may have shape (n,).
        first_step, max_step: the length of the first step, and of the longest.
        max_steps: after how many steps it gives up.
        initialize: "solve" finds consistent initial values: the part of y0 whose slopes F does not read, algebraic
            unknowns, and y'; see `consistent_initial_values`. "check" raises if this part of y0 has to be changed,
            "keep" takes y0 as it is.
        progress: True for a bar on the time, or a function of the time.

    Returns:
        A `Solution`: t, shape (m,), y, shape (n, m), sol, status, message and counts. y is a Tensor where an argument
        is one, or F reads one.

    Raises:
        ValueError: if the index is higher than 1, or no consistent values are found near y0 and yp0.
        ShapeError: if F does not return n numbers.
        TraceError: if F asks for a value, as `if t > 0` does, or if in a compiled function t_eval is missing.
        GradError: when a derivative is asked for of a solution that has not come to its end.

    References:
        Hairer, Wanner: Solving Ordinary Differential Equations II, 1996, sections IV.8 and VI.1.
        Brenan, Campbell, Petzold: Numerical Solution of Initial-Value Problems in Differential-Algebraic Equations.

    Example:
        >>> import autograd_lite as ag
        >>> def F(t, y, yp, rate):  # y0 decays, y1 is what is left of 1
        ...     return [yp[0] + rate * y[0], y[0] + y[1] - 1]
        >>> def end(rate):
        ...     return solve_dae(F, (0, 1), [1.0, 0.0], args=(rate,), t_eval=[1.0]).y[1, 0]
        >>> round(float(ag.grad(end)(2.0)), 6), round(float(np.exp(-2)), 6)
        (0.135335, 0.135335)
    """
    if initialize not in INITIALIZE:
        raise ValueError(f"solve_dae: expected initialize among {', '.join(INITIALIZE)}; received {initialize!r}")
    span = _span_of(t_span)
    problem = _Problem.of("solve_dae", F, span[0], y0, yp0, () if args is None else tuple(args))
    options = {"rtol": rtol, "atol": atol, "first_step": first_step, "max_step": max_step, "max_steps": max_steps}
    settings = settings_of(options, problem.y0.shape[0], float(abs(span[1] - span[0])), "solve_dae")
    times = None if t_eval is None else _times_of(t_eval, span)
    has_values = is_known(problem.y0, problem.slope, problem.theta)
    if not has_values and (times is None or dense_output):
        raise TraceError(
            "solve_dae: expected t_eval= alone inside compile, trace and vmap, since the number of steps is not known "
            f"there; received {'t_eval=None' if times is None else 'dense_output=True'}. Write t_eval=[t1] for the end"
        )
    start = Consistent(problem.y0, problem.slope, 0 * problem.y0)
    if initialize != "keep":
        start = problem.consistent()
        if initialize == "check" and has_values:
            require_small("solve_dae", example_of(start.change), example_of(problem.y0))
    yp0_values = np.array(example_of(start.slope), float) if has_values else None
    more = {} if yp0_values is None else {"yp0": yp0_values}
    with progress_of(progress, *span.tolist()) as report:
        settings = settings._replace(progress=report, more=more)
        solver = Solver("solve_dae", problem.equations, COLLOCATION, settings)  # type: ignore[arg-type]
        inputs = [start.y, span, *problem.theta]
        return _solution(solver, inputs, times, dense_output, has_values)


@arguments_from(solve_dae)
@checked
def consistent_initial_values(
    F: Callable[..., Any], t0: float, y0: Any, yp0: Any = None, args: Sequence[Any] | None = None
) -> tuple[Any, Any]:
    """Return y and y' near y0 and yp0 with F(t0, y, y') = 0, with derivatives.

    Unknowns whose slopes F does not read are algebraic (more generally, the null space of dF/dy'); those of y0 are
    changed, and all slopes of the others. The rest stays.

    Args:
        t0: the time.

    Returns:
        y and y', shape (n,): Tensors where y0 or an argument is one, or F reads one. Slopes of algebraic unknowns are
        those of yp0.

    Raises:
        ValueError: if the index is higher than 1, or none are found.

    References:
        Brown, Hindmarsh, Petzold: Consistent Initial Condition Calculation for Differential-Algebraic Systems, 1998.

    Example:
        >>> y, yp = consistent_initial_values(lambda t, y, yp: [yp[0] + 2 * y[0], y[0] + y[1] - 1], 0.0, [0.25, 0.0])
        >>> y.tolist(), yp.tolist()
        ([0.25, 0.75], [-0.5, 0.0])
    """
    problem = _Problem.of("consistent_initial_values", F, t0, y0, yp0, () if args is None else tuple(args))
    start = problem.consistent()
    return start.y, start.slope


class _Problem:
    """The equations, and where they start.

    Args:
        t: the time.
        y0, slope: shape (n,).
        equations: F.
        theta: all that it depends on.
    """

    def __init__(self, t: float, y0: Any, slope: Any, equations: ImplicitEquations, theta: list[Any]) -> None:
        self.t, self.y0, self.slope, self.equations, self.theta = t, y0, slope, equations, theta

    @classmethod
    def of(cls, called: str, F: Any, t0: Any, y0: Any, yp0: Any, args: tuple[Any, ...]) -> _Problem:
        """Return the problem of arguments, which are checked."""
        require_function(called, F)
        y0 = operand(y0)
        if y0.ndim != 1 or not y0.shape[0]:
            raise ShapeError(f"{called}: expected y0 of shape (n,); received {describe(y0)}")
        slope = np.zeros(y0.shape) if yp0 is None else operand(yp0)
        if slope.shape != y0.shape:
            raise ShapeError(f"{called}: expected yp0 of y0's shape {y0.shape}; received {describe(slope)}")
        for name, x in (("y0", y0), ("yp0", slope)):
            if x.dtype.kind == "c":
                raise DtypeError(
                    f"{called}: expected real unknowns; received {name} of {x.dtype}. Make real and imaginary parts "
                    "unknowns of their own"
                )
        y0, slope, t = y0.astype(np.float64), slope.astype(np.float64), _constant("t0", t0, called)
        examples = [np.array(example_of(x)) for x in (y0, slope)]
        equations, theta = implicit_equations_of(called, F, t, examples[0], examples[1], args)
        return cls(t, y0, slope, equations, theta)

    def consistent(self) -> Consistent:
        """Return consistent values, as arrays where nothing has a history."""
        start = consistent(self.equations, np.float64(self.t), self.y0, self.slope, self.theta, Certainty())
        if is_known(start.y) and not any(map(is_open, (self.y0, self.slope, *self.theta))):
            return Consistent(*[x.numpy() if isinstance(x, Tensor) else x for x in start])
        return start


def _solution(solver: Solver, inputs: Sequence[Any], times: Any, dense_output: bool, has_values: bool) -> Solution:
    """Return the result."""
    ops = SolutionOps.of(solver)
    if not has_values:
        y, success = ops.value(inputs[0], inputs[1], times, *inputs[2:])
        message = "the solve runs in the compiled function"
        return Solution(
            t=times, y=y.T, sol=None, nfev=None, njev=None, nlu=None, status=None, message=message, success=success
        )
    values = [np.asarray(example_of(x)) for x in inputs]
    bound, trajectory = solver.solve(np.ascontiguousarray(values[0]), values[1], values[2:])
    grid = trajectory.path.t
    if times is None:
        times = grid
    elif trajectory.status < 0:
        times = times[np.abs(times - grid[0]) <= abs(grid[-1] - grid[0])]
    plain = trajectory.status == -2
    sol = DenseOutput(ops, values if plain else inputs, grid)
    result = Solution(
        t=times,
        y=sol.at(times, ends=True).T,
        sol=sol if dense_output else None,
        nfev=trajectory.nfev,
        njev=trajectory.njev,
        nlu=trajectory.nlu,
        status=trajectory.status,
        message=trajectory.message,
        success=trajectory.status >= 0,
    )
    if plain:
        raise Interrupted(f"solve_dae: {trajectory.message}", result)
    return result.with_steps(trajectory, bound)


def _constant(name: str, t: Any, called: str = "solve_dae") -> float:
    """Return a time, by which there is no derivative."""
    t = operand(t)
    if is_open(t):
        raise UnsupportedError(
            f"{called}: expected {name} without derivatives; received a Tensor that requires a gradient. Let an "
            "argument of F scale the time, F(s, y, y' / T) for t = T s, or detach it"
        )
    if t.ndim or t.dtype.kind not in "iuf":
        raise TypeError(f"{called}: expected {name} of numbers; received {describe(t)}")
    return float(example_of(t))


def _span_of(t_span: Any) -> Any:
    if not isinstance(t_span, (Sequence, np.ndarray, Tensor)) or isinstance(t_span, str) or len(t_span) != 2:
        raise ValueError(f"solve_dae: expected t_span as two times (t0, t1); received {t_span!r}")
    span = np.array([_constant("t_span", t) for t in t_span], float)
    if not np.isfinite(span).all():
        raise ValueError(f"solve_dae: expected finite times in t_span; received {span.tolist()}")
    return span


def _times_of(t_eval: Any, span: Any) -> Any:
    t = operand(t_eval)
    if t.ndim != 1:
        raise ShapeError(f"solve_dae: expected t_eval of shape (m,); received {describe(t)}")
    times = np.array([_constant("t_eval", t[k]) for k in range(t.shape[0])], float)
    away = (times < span.min()) | (times > span.max())
    if away.any():
        raise ValueError(f"solve_dae: expected t_eval within t_span, {span.tolist()}; received {times[away][0]:g}")
    if (np.diff(times) * np.sign(span[1] - span[0]) <= 0).any():
        raise ValueError("solve_dae: expected t_eval in the order in which the solution runs, without repetitions")
    return times
