"""`solve_ivp`: initial value problems with derivatives by all that they depend on."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..control.closure_conversion import example_of
from ..core.errors import ShapeError, TraceError, UnsupportedError
from ..core.late import needs
from ..core.mode import MODE, TAPES, no_grad
from ..ops import barrier
from ..ops.operands import operand, values
from ..tensors.tensor import Tensor
from ..tensors.tracers import TracedTensor
from ..tree import leaves, map as map_leaves
from .dense_output import DenseOutput
from .equations import as_slope, equations_of
from .events import EventFunction, Search, find_events, moments
from .mass_matrices import consistent_state, mass_of
from .methods import METHODS
from .progress import Interrupted, progress_of
from .resets import has_resets, solve_with_resets
from .scipy_jacobians import jacobian_for
from .solution_op import SolutionOps
from .solver_options import settings_of, state_of
from .trajectories import Settings, Trajectory
from .trajectory_store import OF_SCIPY, Solver, cut

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    import scipy.integrate as original
    from scipy.optimize import OptimizeResult

_CHUNK = 256  # steps between two searches for events that end a solution


class Solution(OptimizeResult):  # type: ignore[misc]
    """The solution of an initial value problem, with the entries of SciPy's result.

    Attributes:
        t, y: times, shape (m,), and states, shape (n, m).
        sol: the solution as a function of t, see `DenseOutput`; None if it was not asked for.
        t_events, y_events: for each event its moments, shape (k,), and the states then, shape (k, n).
        nfev, njev, nlu: how many slopes, Jacobians and factorizations were computed.
        status: 0 if the end was reached, 1 if an event has ended it, -1 for a failure; None in compiled functions.
        message: why it ended.
        success: whether it ended as it was to.
        trajectory: the steps; None where they are not known, as in compiled functions.
        equations: the right-hand side for the values that it was solved for, or None.

    Example:
        >>> solve_ivp(lambda t, y: -y, (0, 1), [1.0], "DOP853").success
        True
    """

    trajectory: Any = None
    equations: Any = None

    def with_steps(self, trajectory: Any, equations: Any) -> Solution:
        """Return this, which has the steps as attributes that are not entries."""
        object.__setattr__(self, "trajectory", trajectory)
        object.__setattr__(self, "equations", equations)
        return self


def has_tensors(*trees: Any) -> bool:
    """Return whether a Tensor is among the leaves of some arguments."""
    return any(hasattr(x, "__apply_op__") for x in leaves(trees))


def is_known(*trees: Any) -> bool:
    """Return whether all values are known now: in a batch, and while a function is traced, they are not."""
    tracing = TAPES and MODE.get().tape is not None
    return not (tracing or any(isinstance(x, TracedTensor) and x._data.per_example for x in leaves(trees)))


def plain(tree: Any) -> Any:
    """Return arguments without what they are recorded with."""
    return map_leaves(lambda x: values(x) if hasattr(x, "__apply_op__") else x, tree)


def on_arrays(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Return a user's function for SciPy: arrays in and out, also where it reads Tensors from around it."""

    def call(*args: Any) -> Any:
        with no_grad():
            return values(fun(*args))

    return call


def solve_ivp(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    method: Any = "RK45",
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    vectorized: bool = False,
    args: Any = None,
    *,
    mass: Any = None,
    initialize: str = "solve",
    max_steps: int | None = None,
    max_bytes: int | None = None,
    progress: Any = False,
    **options: Any,
) -> Any:
    """Solve y' = f(t, y), y(t0) = y0, with derivatives of all orders by whatever y depends on.

    On arrays and with SciPy's methods it is `scipy.integrate.solve_ivp`. Otherwise the derivatives are those of the
    discrete solution, a chain of steps whose lengths are constants, and by times those of the exact flow: f(t, y) at a
    time at which the solution is read, and those along -f(t0, y0) by t0.

    Args:
        fun: f(t, y, *args), of a time and a state of shape (n,), returns slopes of this shape. It is computed with
            NumPy's functions, and run once on Tensors. There are derivatives by `args`, and by Tensors that it reads
            from around it.
        t_span: t0 and the time t1 at which to end; t1 < t0 is allowed.
        y0: the state at t0, shape (n,); complex for complex equations.
        method: SciPy's "RK45", the default, "RK23", "DOP853", "Radau" and "BDF", step for step, or a method of this
            library: "Tsit5", "Dopri5" and "Dopri8", explicit ones, or "Rodas5P" for stiff equations.
        t_eval: times at which the solution is read, shape (m,); by default where steps end, which is not known in a
            compiled function or in a batch.
        dense_output: whether to return the solution as a function of t, `sol`; False by default.
        events: functions of t, y and `args`, one or a list. An event happens where its value is 0, and with
            `event.terminal = True`, or the number of times, it ends the solution; `event.direction` > 0 is for values
            that rise, < 0 for those that fall. With a function `event.reset(t, y, *args)` the solution goes on from
            the state that this returns, and ends after `event.terminal` resets, if that is a number.
        vectorized: whether fun takes states of shape (n, k); False by default.
        args: a tuple of further arguments of fun and events; None for none.
        mass: M of the equations M y' = f(t, y), for "Rodas5P": a constant array or sparse matrix of shape (n, n), or
            its diagonal, shape (n,). It may be singular, for algebraic equations of index 1; see also `solve_dae`.
        initialize: with a singular M, "solve" changes the algebraic unknowns of y0, those in the null space of M, so
            that the algebraic equations hold; "check" raises if they do not, and "keep" takes y0 as it is.
        max_steps: after how many steps it gives up; None for no limit.
        max_bytes: what the states may take that are kept for derivatives; others are computed again. None to keep all.
        progress: True for a bar on the time, or a function of the time.
        options: rtol (1e-3 by default), atol (1e-6; a number or shape (n,)), first_step and max_step, and what else the
            method takes.

    Returns:
        A `Solution`, which has the entries of SciPy's result, such as the times `t`, shape (m,), and the states `y`,
        shape (n, m): Tensors where an argument is one, or fun reads one.

    Raises:
        UnsupportedError: for LSODA on Tensors.
        TraceError: if fun asks for a value, as `if t > 0` does, or if in a compiled function t_eval is missing.
        GradError: when a derivative is asked for of a solution that has not come to its end.

    References:
        Hairer, Nørsett, Wanner: Solving Ordinary Differential Equations I, 1993, sections II.4 to II.6.

    Example:
        >>> import autograd_lite as ag
        >>> solve_ivp(lambda t, y: -y, (0, 1), [1.0]).y[0, -1].round(3)
        np.float64(0.368)
        >>> def end(rate):
        ...     options = {"t_eval": [1.0], "rtol": 1e-9, "atol": 1e-9}
        ...     return solve_ivp(lambda t, y: -rate * y, (0, 1), [1.0], "DOP853", **options).y[0, 0]
        >>> round(float(ag.grad(end)(2.0)), 6), round(-float(np.exp(-2)), 6)
        (-0.135335, -0.135335)
    """
    if has_resets(events):
        solve = functools.partial(
            solve_ivp, mass=mass, initialize=initialize, max_steps=max_steps, max_bytes=max_bytes, progress=progress
        )
        more = {"dense_output": dense_output, "vectorized": vectorized, **options}
        return solve_with_resets(solve, fun, t_span, y0, method, t_eval, events, _tuple_of(args), more)
    arguments = _tuple_of(args)
    own = {"mass": mass, "max_steps": max_steps, "max_bytes": max_bytes}
    listed = [] if events is None else [events] if callable(events) else list(events)
    is_own = method in METHODS and method not in OF_SCIPY
    if not is_own and not progress and all(x is None for x in own.values()):
        probe = _probe(fun, listed, t_span, y0, method, arguments, vectorized)
        if not has_tensors(t_span, y0, t_eval, arguments, probe):
            alone = functools.partial(_column, fun) if vectorized else fun
            options |= jacobian_for(method, alone, t_span[0], y0, arguments, options)
            return original.solve_ivp(
                fun, t_span, y0, method, t_eval, dense_output, events, vectorized=vectorized, args=args, **options
            )
    if vectorized:
        fun = functools.partial(_column, fun)
    problem = _Problem(fun, t_span, y0, name_of(method), arguments, {**own, **options}, t_eval, listed, initialize)
    if not is_known(problem.inputs, t_eval):
        return problem.solve_unknown(dense_output, events)
    with progress_of(progress, *problem.span_values) as report:
        return problem.solve(dense_output, events, report)


def name_of(method: Any) -> str:
    """Return the name of a method, which may be one of SciPy's classes."""
    name = method if isinstance(method, str) else getattr(method, "__name__", repr(method))
    if name not in METHODS or not (isinstance(method, str) or method is getattr(original, name, None)):
        more = (
            ". Its steps cannot be taken again: use BDF, or odeint, whose values are LSODA's" if name == "LSODA" else ""
        )
        raise UnsupportedError(
            f"solve_ivp: on Tensors, expected method among {', '.join(METHODS)}; received {name!r}{more}"
        )
    return name


class _Problem:
    """A call of `solve_ivp` whose solution may have derivatives."""

    def __init__(
        self,
        fun: Callable[..., Any],
        t_span: Any,
        y0: Any,
        method: str,
        args: tuple[Any, ...],
        options: Mapping[str, Any],
        t_eval: Any,
        events: Sequence[Callable[..., Any]],
        initialize: str,
    ) -> None:
        y0, self.span = state_of("solve_ivp", y0), _span_of(t_span)
        self.args, self.functions, self.method = args, events, METHODS[method]
        start, end = self.span_values
        (n,) = y0.shape
        mass = options.get("mass")
        mass = None if mass is None else mass_of("solve_ivp", mass, n, y0.dtype)
        self.settings = settings_of({**options, "mass": mass}, n, abs(end - start))
        if mass is not None and method != "Rodas5P":
            raise UnsupportedError(
                f"solve_ivp: expected method='Rodas5P' with mass=; received {method!r}. For others, "
                "solve for y' in fun, if M can be inverted"
            )
        self.equations, theta = equations_of("solve_ivp", fun, start, y0, args)
        if mass is not None:
            y0 = consistent_state("solve_ivp", self.equations, mass, self.span[0], y0, theta, initialize)
        self.inputs = [y0, self.span, *theta]
        self.t_eval = None if t_eval is None else _floats(t_eval)
        self.events = [EventFunction.of(f) for f in events]

    @functools.cached_property
    def span_values(self) -> tuple[float, float]:
        start, end = np.asarray(example_of(self.span)).tolist()
        return start, end

    def solve_unknown(self, dense_output: bool, events: Any) -> Solution:
        """Return the solution where values are not known: in a batch, and in a compiled function."""
        if self.t_eval is None or dense_output or self.events:
            reason = "events" if self.events else "dense_output=True" if dense_output else "t_eval=None"
            raise TraceError(
                f"solve_ivp: expected t_eval= alone inside compile, trace and vmap; received {reason}, whose result "
                "has as many entries as there turn out to be steps or events. Write t_eval=np.linspace(t0, t1, 100), "
                "or t_eval=[t1] for the end, or solve outside"
            )
        settings = self.settings._replace(more={k: x for k, x in self.settings.more.items() if k == "mass"})
        solver = Solver("solve_ivp", self.equations, self.method, settings)
        y0, span, *theta = self.inputs
        y, success = SolutionOps.of(solver).value(y0, span, self.t_eval, *theta)
        more = {"sol": None, "t_events": None, "y_events": None, "nfev": None, "njev": None, "nlu": None}
        message = "the solve runs in the compiled function"
        return Solution(t=self.t_eval, y=y.T, **more, status=None, message=message, success=success)

    def solve(self, dense_output: bool, events: Any, report: Any) -> Solution:
        """Return the solution."""
        settings = self.settings._replace(progress=report, more=self._more_on_arrays())
        y0, span, *theta = [np.asarray(example_of(x)) for x in self.inputs]
        self._check_times(span)
        solver, bound, trajectory, search = self._search(settings, y0.astype(self.equations.dtype), span, theta)
        if trajectory.status == -2:
            solver = Solver("solve_ivp", self.equations, self.method, settings, len(trajectory.path))
            solver.take(y0, span, theta, replace(trajectory, status=-1))
            outcome = _Outcome(self, solver, [y0, span, *theta], trajectory, search)
            result = outcome.result(False, None).with_steps(trajectory, bound)
            raise Interrupted(f"solve_ivp: {trajectory.message}", result)
        outcome = _Outcome(self, solver, self.inputs, trajectory, search)
        return outcome.result(dense_output, events).with_steps(trajectory, bound)

    def _search(self, settings: Settings, y0: Any, span: Any, theta: Sequence[Any]) -> Any:
        """Return the solver of what the solution turns out to be, the equations, the trajectory, and the events."""
        functions = [self._on_arrays(f) for f in self.functions]
        can_end = any(event.most < np.inf for event in self.events)
        steps = min(_CHUNK, settings.max_steps) if can_end else settings.max_steps
        while True:
            solver = Solver("solve_ivp", self.equations, self.method, settings._replace(max_steps=steps))
            bound, trajectory = solver.solve(y0, span, theta)
            search = find_events(self.events, functions, solver, bound, trajectory)
            goes_on = trajectory.status == -1 and len(trajectory.path) == steps < settings.max_steps
            if search.end is not None or not goes_on:
                break
            steps = min(4 * steps, settings.max_steps)
        if search.end is not None:
            steps = search.end.step + 1
            trajectory = cut(trajectory, steps)
            solver = Solver("solve_ivp", self.equations, self.method, settings, steps)
            solver.take(y0, span, theta, trajectory)
        return solver, bound, trajectory, search

    def _more_on_arrays(self) -> dict[str, Any]:
        """Return further settings, with the user's Jacobian as a function of arrays."""
        more, args = dict(self.settings.more), plain(self.args)
        if callable(more.get("jac")):
            jacobian = on_arrays(more["jac"])
            more["jac"] = lambda t, y: jacobian(t, y, *args)
        return more

    def _on_arrays(self, event: Callable[..., Any]) -> Callable[[float, Any], float]:
        args = plain(self.args)
        call = on_arrays(event)
        return lambda t, y: call(t, y, *args)

    def _check_times(self, span: Any) -> None:
        """Raise if times are outside of the span, or not in its order."""
        if self.t_eval is None:
            return
        times = np.asarray(example_of(self.t_eval))
        if times.ndim != 1:
            raise ShapeError(f"solve_ivp: expected t_eval of shape (m,); received {times.shape}")
        if (times < span.min()).any() or (times > span.max()).any():
            outside = times[(times < span.min()) | (times > span.max())][0]
            raise ValueError(f"solve_ivp: expected t_eval within t_span, {span.tolist()}; received {outside:g}")
        if (np.diff(times) * np.sign(span[1] - span[0]) <= 0).any() and span[1] != span[0]:
            raise ValueError("solve_ivp: expected t_eval in the order in which the solution runs, without repetitions")


class _Outcome:
    """What a solve has come to, from which the result is made."""

    def __init__(
        self, problem: _Problem, solver: Solver, inputs: Sequence[Any], trajectory: Trajectory, search: Search
    ) -> None:
        self.problem, self.trajectory, self.search = problem, trajectory, search
        self.solution = DenseOutput(SolutionOps.of(solver), inputs, trajectory.path.t)
        self.inputs = inputs

    def result(self, dense_output: bool, events: Any) -> Solution:
        """Return the result."""
        end, trajectory = self.search.end, self.trajectory
        status = 1 if end is not None else trajectory.status
        happened = self._events() if events is not None else (None, None)
        t, y = self._times_and_states(happened)
        message = "A termination event occurred." if status == 1 else trajectory.message
        return Solution(
            t=t,
            y=y,
            sol=self.solution if dense_output else None,
            t_events=happened[0],
            y_events=happened[1],
            nfev=trajectory.nfev,
            njev=trajectory.njev,
            nlu=trajectory.nlu,
            status=status,
            message=message,
            success=status >= 0,
        )

    def _times_and_states(self, happened: Any) -> tuple[Any, Any]:
        grid, end, span = self.trajectory.path.t, self.search.end, self.inputs[1]
        times = self.problem.t_eval
        if times is not None:
            numbers, backward = np.asarray(example_of(times)), grid[-1] < grid[0]
            last = grid[-1] if end is None else end.t
            count = int((numbers >= last).sum() if backward else (numbers <= last).sum())
            times = times[:count]
            return times, self.solution.at(times).T
        if len(grid) == 1 and self.trajectory.status == 0:  # of no length, or without unknowns
            grid = np.array(self.problem.span_values)
        if end is not None:
            moment = next(ts[-1] for ts, os in zip(happened[0], self.search.occurrences, strict=True) if end in os[-1:])
            times = np.concatenate([grid[:-1], operand(moment).reshape(1)])
        elif hasattr(span, "__apply_op__"):
            last = span[1:] if grid[-1] == self.problem.span_values[1] else grid[-1:]
            times = np.concatenate([span[:1], grid[1:-1], last])
        else:
            times = grid
        y = self.solution.at(times, ends=True).T
        return times, y

    def _events(self) -> tuple[list[Any], list[Any]]:
        """Return the moments of each event, and the states then."""
        problem, all_moments, states = self.problem, [], []
        for function, occurrences in zip(problem.functions, self.search.occurrences, strict=True):
            n = problem.equations.n
            if not occurrences:
                all_moments.append(np.zeros(0))
                states.append(np.zeros((0, n)))
                continue
            event = functools.partial(_with, function, problem.args)
            t = np.stack(moments(event, self.solution.at, occurrences))
            y = self.solution.at(t)
            exact = np.stack([o.y for o in occurrences])
            all_moments.append(t)
            states.append(exact + (y - barrier.stop_gradient(y)) if isinstance(y, Tensor) else exact)
        return all_moments, states


def _signature_problem(fun: Any, *args: Any) -> str | None:
    """Return why a function cannot take some arguments; None if it can, or hides its signature."""
    try:
        inspect.signature(fun).bind(*args)
    except ValueError:
        return None
    except TypeError as error:
        return f"received a function of {inspect.signature(fun)}: {error}"
    return None


def _span_of(t_span: Any) -> Any:
    if not hasattr(t_span, "__len__") or len(t_span) != 2:
        raise ValueError(f"solve_ivp: expected t_span as two times (t0, t1); received {t_span!r}")
    return _floats([operand(t) for t in t_span])


def _floats(x: Any) -> Any:
    x = operand(x)
    return x if x.dtype == np.float64 else x.astype(np.float64)


def _tuple_of(args: Any) -> tuple[Any, ...]:
    try:
        return () if args is None else tuple(args)
    except TypeError:
        raise TypeError(f"solve_ivp: expected args as a tuple, such as args=({args!r},); received {args!r}") from None


def _column(fun: Callable[..., Any], t: Any, y: Any, *args: Any) -> Any:
    return operand(fun(t, y[:, None], *args))[:, 0]


def _with(event: Callable[..., Any], args: Sequence[Any], t: Any, y: Any) -> Any:
    return event(t, y, *args)


def _probe(
    fun: Any, events: Sequence[Any], t_span: Any, y0: Any, method: Any, args: tuple[Any, ...], vectorized: bool
) -> Any:
    """Return what the functions return at the beginning, which holds Tensors if they read some from around them."""
    if has_tensors(t_span, y0, args):
        return ()
    _span_of(t_span)
    y0, start = state_of("solve_ivp", y0), t_span[0]
    if isinstance(method, str) and method not in (*METHODS, *OF_SCIPY):
        raise ValueError(f"solve_ivp: expected method among {', '.join({**METHODS, 'LSODA': 0})}; received {method!r}")
    name = getattr(fun, "__name__", type(fun).__name__)
    try:
        slope = fun(start, y0[:, None], *args)[:, 0] if vectorized else fun(start, y0, *args)
    except TypeError as error:
        if (takes := _signature_problem(fun, start, y0, *args)) is None:
            raise
        words = ", ".join(["t", "y", *(f"args[{i}]" for i in range(len(args)))])
        raise TypeError(f"solve_ivp: expected {name} to take ({words}); {takes}") from error
    as_slope("solve_ivp", name, slope, y0.shape)
    return slope, [event(start, y0, *args) for event in events]
