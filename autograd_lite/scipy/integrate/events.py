"""The moments of events: roots of a function of t and the solution, differentiated as such."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ...control.body import Body, run_body
from ...control.closure_conversion import close, record_body
from ...core.errors import UnsupportedError
from ...core.op import Op
from ...core.shape_arithmetic import ShapeDtype
from ...functional import vjp
from ...functions.custom_ops import structural
from ...ops import barrier
from ...ops.adjoints import user
from ...ops.operands import operand
from .quadrature import Always

_MOST_ITERATIONS = 10


def _bodies(body: Body) -> tuple[Body, Body]:
    """Return the derivative of a function of t and parameters by t, and its cotangents by the parameters."""
    if "moment" not in body.derived:
        more = body.examples[1:]
        argnums = tuple(k for k, c in enumerate(more) if c.dtype.kind in "fc")

        def slope(t: Any, *more: Any) -> list[Any]:
            _, back = vjp(lambda t: body(t, *more)[0])(t)
            return [back(np.float64(1))]

        def cotangents_of(g: Any, t: Any, *more: Any) -> list[Any]:
            _, back = vjp(lambda *more: body(t, *more)[0], argnums)(*more)
            return [user(c) for c in back(g)]

        body.derived["moment"] = (
            record_body("solve_ivp", slope, body.examples),
            record_body("solve_ivp", cotangents_of, [np.float64(0), *body.examples]),
        )
    bodies: tuple[Body, Body] = body.derived["moment"]
    return bodies


def _solve(start: Any, *more: Any, body: Body) -> Any:
    slope, _ = _bodies(body)
    t, best = start, np.inf
    for _ in range(_MOST_ITERATIONS):
        step = run_body(body, t, *more)[0] / run_body(slope, t, *more)[0]
        if not abs(step) < best:
            break
        t, best = t - step, abs(step)
    return np.asarray(t)


@functools.cache
def _root(n: int) -> Op:
    """Return the root of a function of t and n parameters as an op, near where it is known to be."""

    def pull(g: Any, out: Any, start: Any, *more: Any, body: Body) -> list[Any]:
        slope, cotangents_of = _bodies(body)
        results = iter(run_body(cotangents_of, -g / run_body(slope, out, *more)[0], out, *more))
        return [np.zeros(()), *(next(results) if c.dtype.kind in "fc" else np.zeros(c.shape) for c in more)]

    return structural(
        "moment_of_event",
        _solve,
        together=pull,
        infer=lambda *_, **__: ShapeDtype((), np.dtype(np.float64)),
        keeps=Always(n + 1),
    )


def moment(event: Callable[[Any, Any], Any], step: Callable[[Any], Any], t: Any) -> Any:
    """Return the moment of an event in a step, given its value.

    Args:
        event: a function of t and the state.
        step: the solution in that step, at times of shape `(m,)`.
        t: where SciPy has found the event.
    """
    refused = UnsupportedError("scipy.integrate.solve_ivp: expected events to change nothing outside")
    value = lambda t: operand(event(t, step(t.reshape(1))[:, 0])).reshape(())  # noqa: E731
    closed = close("solve_ivp", value, (np.float64(t),), refused)
    if not closed.captured:
        return np.float64(t)
    root = _root(len(closed.captured))(np.float64(t), *closed.captured, body=closed.body)
    return t + (root - barrier.stop_gradient(root))
