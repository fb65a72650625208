"""Where NaN and infinities begin in a solve: at which step and time, in which component, and in which line of fun."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.nonfinite import fault_in, first_of, is_finite, number
from .equations import BoundEquations
from .trajectories import Trajectory


def where_nan_begins(equations: BoundEquations, t: float, y: Any) -> str:
    """Return where the slope at a point is not finite, and which operation of fun is the first to be so.

    Args:
        equations: the right-hand side.
        t, y: the point.

    Returns:
        A sentence; empty if the slope is finite.

    Example:
        >>> from autograd_lite.integrate.equations import equations_of
        >>> equations, theta = equations_of("solve_ivp", lambda t, y: np.log(y), 0.0, np.ones(2))
        >>> where_nan_begins(equations.at(theta), 0.5, np.array([1.0, -2.0])).partition(", in ")[0]
        'at t = 0.5 component 1 of the slope is nan: log(-2) is nan: log of a negative number'
    """
    body, program = equations.equations.body, equations.equations.body.program
    if not is_finite(y):
        k = first_of(~np.isfinite(y))[0]
        return f"at t = {t:g} component {k} of the state is {number(y[k])}"
    inputs = zip(program.inputs, (np.asarray(t, float), y, *equations.theta), strict=True)
    values: dict[str, Any] = {**body.constants, **{i: x for i, x in inputs if i is not None}}
    begins = ""
    with np.errstate(all="ignore"):
        for i in body.order:
            values[i] = program.compute(i, values)
            op, arguments, params = program.calls[i]
            if not begins and not _is_finite(values[i]) and all(_is_finite(values[a]) for a in arguments):
                fault = fault_in(op, [values[a] for a in arguments], values[i], dict(params))
                if fault is not None:
                    source = program.graph[i].source
                    begins = f": {fault.sentence}, in {op.name}" + (f" at {source}" if source else "")
    slope = values[body.outputs[0]]
    if is_finite(slope):
        return ""
    k = first_of(~np.isfinite(slope))[0]
    others = int((~np.isfinite(slope)).sum()) - 1
    more = f" (and {others} more)" if others else ""
    return f"at t = {t:g} component {k}{more} of the slope is {number(slope[k])}{begins or _of_theta(equations)}"


def why_it_failed(equations: BoundEquations, trajectory: Trajectory, y: Any) -> str:
    """Return where a solve has met a slope that is not finite, when it could not go on; empty if it has not.

    Args:
        equations, trajectory: of the solve.
        y: the state where it stopped.
    """
    t = float(trajectory.path.t[-1])
    step = f"in step {len(trajectory.path)}, "
    if text := where_nan_begins(equations, t, y):
        return step + text
    slope = equations.f(t, y)
    last = float(trajectory.path.h[-1]) if len(trajectory.path) else 0.0
    sign = -1.0 if last < 0 else 1.0
    lengths = [sign * np.spacing(abs(t)) * 10**k for k in range(1, 5)] + [last * 4**k for k in range(-2, 4)]
    lengths += [h for moment, h, error in trajectory.rejected[-64:] if moment == t and not np.isfinite(error)]
    for h in sorted(lengths, key=abs):
        if text := where_nan_begins(equations, t + h, y + h * slope):
            return step + text
    return ""


def _of_theta(equations: BoundEquations) -> str:
    return "" if all(map(_is_finite, equations.theta)) else ": an argument of fun is not finite"


def _is_finite(x: Any) -> bool:
    parts = x if isinstance(x, tuple) else (x,)
    return all(getattr(a, "dtype", np.dtype(bool)).kind not in "fc" or is_finite(a) for a in parts)
