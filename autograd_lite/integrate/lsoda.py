"""`odeint`: LSODA's values, with the derivatives of steps that can be taken again.

A multistep method of variable order, inside of a library, has no steps to take again. So the derivatives are those of a
solution by DOP853, or by Radau for a stiff problem, with tighter tolerances.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..control.closure_conversion import example_of
from ..core.depth import outside
from ..core.errors import ShapeError, UnsupportedError
from ..core.late import needs
from ..core.mode import is_derivation
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..ops import barrier
from ..ops.operands import operand
from .equations import BoundEquations, Equations, equations_of
from .initial_values import has_tensors, is_known, on_arrays, plain
from .methods import METHODS
from .solution_op import SolutionOps
from .trajectories import Method, Path, Points, Settings, Trajectory
from .trajectory_store import Solver

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    import scipy.integrate as original

# DOP853 may take this many times the steps of LSODA before a problem counts as stiff.
_STIFF = 30
_TOLERANCE = 1.49e-8  # of LSODA by default


def odeint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    args: Any = (),
    Dfun: Any = None,
    full_output: Any = 0,
    rtol: Any = None,
    atol: Any = None,
    tfirst: bool = False,
    *,
    max_bytes: int | None = None,
    **options: Any,
) -> Any:
    """Do as `scipy.integrate.odeint` does, with derivatives of all orders by y0, t, args, and what func reads.

    The values are LSODA's. The derivatives are those of a solution by DOP853 with tolerances tighter by 100, or by
    Radau, by 10, where DOP853 needs many more steps than LSODA.

    Args:
        func: the slopes, of (y, t, *args), or with `tfirst=True` of (t, y, *args), shape (n,).
        y0: the state at t[0], shape (n,).
        t: times, shape (m,), rising or falling.
        args: further arguments.
        Dfun: the Jacobian, of the same arguments, for LSODA alone.
        full_output: whether to return LSODA's counts, too.
        rtol, atol: tolerances, numbers or shape (n,).
        tfirst: the order of func's arguments.
        max_bytes: what the states may take that are kept for derivatives.
        options: as SciPy takes them.

    Returns:
        The states, shape (m, n), and with `full_output` a dict.

    Raises:
        TraceError: if func asks for a value, as `if t > 0` does, where it reads a Tensor.

    References:
        Petzold: Automatic selection of methods for solving stiff and nonstiff systems, 1983.

    Example:
        >>> import autograd_lite as ag
        >>> end = lambda rate: odeint(lambda y, t: -rate * y, [1.0], [0.0, 1.0])[-1, 0]
        >>> round(float(ag.grad(end)(2.0)), 6)
        -0.135335
    """
    args = args if isinstance(args, tuple) else (args,)
    fun = func if tfirst else _time_first(func)
    tolerances = {"rtol": rtol, "atol": atol}
    if not has_tensors(y0, t, args):
        probe, start = np.atleast_1d(np.asarray(y0, np.float64)), np.asarray(t).reshape(-1)[0]
        if not has_tensors(fun(start, probe, *args)):
            return original.odeint(
                func, y0, t, args, Dfun, full_output=full_output, tfirst=tfirst, **tolerances, **options
            )
    y0, t = np.atleast_1d(operand(y0)), operand(t)
    y0, t = (x if x.dtype == np.float64 else x.astype(np.float64) for x in (y0, t))
    if t.ndim != 1 or not t.shape[0]:
        raise ShapeError(f"odeint: expected times t of shape (m,), at least one; received shape {t.shape}")
    equations, theta = equations_of("odeint", fun, np.asarray(example_of(t))[0], y0, args)
    solver = Solver("odeint", equations, _STEPS, _settings(max_bytes, **tolerances))
    span = np.stack([t[0], t[-1]])
    ours, _ = SolutionOps.of(solver).value(y0, span, t, *theta)
    if is_known(y0, t, theta):
        slope = None if Dfun is None else on_arrays(Dfun if tfirst else _time_first(Dfun))
        constants = plain(args)
        theirs, information = original.odeint(
            on_arrays(fun), plain(y0), plain(t), constants, slope, full_output=1, tfirst=True, **tolerances, **options
        )
    elif full_output or Dfun is not None:
        raise UnsupportedError(
            "odeint: full_output= and Dfun= are not supported inside compile and vmap; leave them out"
        )
    else:
        theirs, information = _values_of(equations, {**tolerances, **options})(y0, t, *theta), {}
        theirs = barrier.stop_gradient(theirs)
    y = theirs + (ours - barrier.stop_gradient(ours))
    return (y, information) if full_output else y


def _time_first(func: Callable[..., Any]) -> Callable[..., Any]:
    return lambda t, y, *args: func(y, t, *args)


def _settings(max_bytes: int | None, rtol: Any, atol: Any) -> Settings:
    rtol, atol = (np.asarray(_TOLERANCE if x is None else plain(x), float) for x in (rtol, atol))
    return Settings(float(rtol.min()), atol if atol.ndim else float(atol), max_bytes=max_bytes)


def _values_of(equations: Equations, options: dict[str, Any]) -> Op:
    """Return LSODA's values as an op of y0, times and theta, without a derivative."""

    def forward(y0: Any, t: Any, *theta: Any) -> Any:
        if is_derivation():
            return np.zeros((*t.shape, *y0.shape))
        return outside(compute, (y0, t, *theta), {})

    def compute(y0: Any, t: Any, *theta: Any) -> Any:
        return original.odeint(equations.at(theta).f, y0, t, tfirst=True, **options)

    infer = lambda y0, t, *_: ShapeDtype((*t.shape, *y0.shape), np.dtype(np.float64))  # noqa: E731
    return Op("lsoda", forward, None, infer)


# ---- the steps whose derivatives are taken ---------------------------------------------------------------------------


def _solve(equations: BoundEquations, t_span: Sequence[float], y0: Any, settings: Settings) -> Trajectory:
    """Return DOP853's steps, or Radau's if DOP853 needs many more than LSODA."""
    tolerances = {"rtol": settings.rtol, "atol": settings.atol}
    _, information = original.odeint(equations.f, y0, t_span, full_output=1, tfirst=True, **tolerances)
    limit = _STIFF * (int(information["nst"].max(initial=0)) + 20)
    trajectory = METHODS["DOP853"].solve(equations, t_span, y0, _tighter(settings, 1e-2)._replace(max_steps=limit))
    if trajectory.status == -1:
        trajectory = METHODS["Radau"].solve(equations, t_span, y0, _tighter(settings, 1e-1))
    return trajectory


def _tighter(settings: Settings, factor: float) -> Settings:
    rtol, atol = (np.maximum(factor * np.asarray(x), 1e-13) for x in (settings.rtol, settings.atol))
    return settings._replace(rtol=float(rtol), atol=atol)


def _of(path: Path) -> Method:
    """Return the method that has found a path: Radau's steps come with notes."""
    return METHODS["Radau" if path.notes else "DOP853"]


def _begin(equations: BoundEquations, path: Path, y0: Any) -> Any:
    return _of(path).begin(equations, path, y0)


def _pull_begin(equations: BoundEquations, path: Path, y0: Any, g: Any) -> tuple[Any, list[Any]]:
    return _of(path).pull_begin(equations, path, y0, g)


def _follow(equations: BoundEquations, path: Path, carry: Any, start: int, stop: int) -> Any:
    return _of(path).follow(equations, path, carry, start, stop)


def _between(equations: BoundEquations, path: Path, carries: Any, start: int, points: Points) -> Any:
    return _of(path).between(equations, path, carries, start, points)


def _pull(
    equations: BoundEquations, path: Path, carries: Any, start: int, g: Any, points: Points, gy: Any
) -> tuple[Any, list[Any]]:
    return _of(path).pull(equations, path, carries, start, g, points, gy)


def _read(carry: Any) -> Any:
    return METHODS["DOP853" if carry.ndim == 1 else "Radau"].read(carry)


_STEPS = Method("odeint", _solve, _begin, _pull_begin, _follow, _between, _pull, _read)
