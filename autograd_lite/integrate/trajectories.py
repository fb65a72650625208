"""What a method for initial value problems is: how it steps, how the same steps are taken again, and their pullback.

A solve decides where steps end, and what else depends on error estimates: its `Path`. Given the path, a solution is a
smooth function of y0 and theta, a chain of steps, which is differentiated. Three facts carry all orders:

- The tangent of a chain for y' = f is the chain of the lifted equations (y, dy)' = (f, df) on the same path.
- The cotangent is the pullback of the chain, step by step from the last one.
- The tangent and the cotangent of a pullback are pullbacks of the chain of the lifted equations: J'g is the gradient of
  g'J u by u, so derivatives of it are those of g' applied to a tangent.

So a method states how it takes steps and pulls back through them, for any equations, and no rule of higher order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .equations import BoundEquations


@dataclass(frozen=True)
class Path:
    """What a solve has decided, apart from values.

    Attributes:
        t: where steps begin and end, shape (K + 1,).
        h: the lengths of the steps as the method used them, shape (K,).
        notes: of each step what else is not a function of the state before it, arrays of length K by name.
        mass: the constant matrix M of M y' = f, an array or a sparse matrix of SciPy; None for the identity.
    """

    t: Any
    h: Any
    notes: Mapping[str, Any] = field(default_factory=dict)
    mass: Any = None

    def __len__(self) -> int:
        return len(self.h)


@dataclass
class Trajectory:
    """A path, and states along it.

    A carry is what a step begins with: the state, shape (n,), for a method of one step; whatever shape (…, n) it has
    for others.

    Attributes:
        path: the decisions.
        kept: the numbers of the steps before which a carry is kept, rising; K for the one after the last step. All of
            them, without a budget.
        carries: the carries there, shape (len(kept), …, n).
        rejected: time, length and error estimate of each attempt that was rejected, shape (r, 3).
        status: 0 if the end was reached, 1 for a terminal event, -1 for a failure, -2 for an interrupt.
        message: why it ended.
        nfev, njev, nlu: counts.
    """

    path: Path
    kept: Any
    carries: Any
    rejected: Any = field(default_factory=lambda: np.zeros((0, 3)))
    status: int = 0
    message: str = ""
    nfev: int = 0
    njev: int = 0
    nlu: int = 0


class Points(NamedTuple):
    """Times at which the solution is read.

    Attributes:
        step: for each the number of the step in which it lies, rising, shape (m,).
        t: the times, shape (m,).
    """

    step: Any
    t: Any


class Settings(NamedTuple):
    """How to solve; the names are those of `scipy.integrate.solve_ivp`.

    Attributes:
        rtol: the relative tolerance.
        atol: the absolute one, a number or shape (n,).
        first_step: the length of the first step; None for a choice.
        max_step: the length of the longest.
        max_steps: after how many steps it gives up.
        max_bytes: what carries may take that are kept; None for all of them.
        progress: is called after steps with the time, and perhaps the length of the last step and the numbers of
            accepted and of rejected ones; or None.
        more: what else the method takes.
    """

    rtol: float = 1e-3
    atol: Any = 1e-6
    first_step: float | None = None
    max_step: float = np.inf
    max_steps: int = 10_000_000
    max_bytes: int | None = None
    progress: Callable[..., None] | None = None
    more: Mapping[str, Any] = {}


class Method(NamedTuple):
    """A method for initial value problems; all functions are of arrays.

    Attributes:
        name: as users say it, in `solve_ivp(method=)`.
        solve: `(equations, t_span, y0, settings) -> Trajectory`. Ends at t_span[1], or before it with status -1; it
            raises nothing for a failure.
        begin: `(equations, path, y0) -> carry`, the first carry.
        pull_begin: `(equations, path, y0, g) -> (gy0, gtheta)`, the pullback of that.
        follow: `(equations, path, carry, start, stop) -> carries`, those before steps start … stop, shape
            (stop - start + 1, …): the same steps, with the same bits where the equations are the same.
        between: `(equations, path, carries, start, points) -> y`, shape (m, n): the solution at points whose steps are
            within those that begin with `carries[0]`, the carry before step `start`.
        pull: `(equations, path, carries, start, g, points, gy) -> (g, gtheta)`: the pullback through the steps that
            `carries` bound, from the cotangent g of the last carry and those, gy of shape (m, n), of the solution at
            points, to that of the first carry and of each floating theta.
        read: `carry -> y`, the state in a carry.
    """

    name: str
    solve: Callable[[BoundEquations, Sequence[float], Any, Settings], Trajectory]
    begin: Callable[[BoundEquations, Path, Any], Any]
    pull_begin: Callable[[BoundEquations, Path, Any, Any], tuple[Any, list[Any]]]
    follow: Callable[[BoundEquations, Path, Any, int, int], Any]
    between: Callable[[BoundEquations, Path, Any, int, Points], Any]
    pull: Callable[[BoundEquations, Path, Any, int, Any, Points, Any], tuple[Any, list[Any]]]
    read: Callable[[Any], Any]
