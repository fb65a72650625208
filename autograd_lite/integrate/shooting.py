"""Multiple shooting: a solution in pieces, whose beginnings are unknowns and whose gaps are residuals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.docstrings import arguments_from
from ..core.errors import ShapeError
from ..ops.operands import operand, values
from .initial_values import solve_ivp


class Shots(NamedTuple):
    """A solution in pieces.

    Attributes:
        y: the solution at `t_eval`, shape (n, m).
        gaps: how far the end of each piece is from the beginning of the next, shape (K - 1, n).

    Example:
        >>> Shots(y=np.ones((1, 4)), gaps=np.zeros((0, 1))).y.shape
        (1, 4)
    """

    y: Any
    gaps: Any


@arguments_from(solve_ivp)
def multiple_shooting(
    fun: Callable[..., Any],
    times: Any,
    starts: Any,
    t_eval: Any,
    args: Sequence[Any] = (),
    method: str = "RK45",
    **options: Any,
) -> Shots:
    """Solve y' = fun(t, y, *args) in pieces, each from its own beginning.

    Piece k runs from times[k] to times[k + 1] and begins with starts[k]. The pieces are a solution if the gaps between
    them are zero. In a fit, the beginnings are unknowns beside the parameters, and the gaps are residuals with a large
    weight, or equations of `optimize.minimize`. Errors grow over one piece alone, so that a fit converges from poor
    parameters where the equations are unstable or chaotic; and measurements say where pieces begin.

    Each residual depends on one piece: the Jacobian is sparse. From 256 unknowns on `least_squares` finds that by
    itself; `sparse=True` has it do so for fewer.

    Args:
        times: where pieces begin and end, rising or falling, shape (K + 1,).
        starts: the state at the beginning of each piece, shape (K, n).
        t_eval: the times at which the solution is asked for, in order, shape (m,), from times[0] to times[K].
        options: further arguments of `solve_ivp`, such as `rtol` and `atol`.

    Returns:
        The solution at `t_eval` and the gaps, with derivatives by `starts`, `args`, and what `fun` reads.

    Raises:
        ShapeError: if `starts` is of another shape.
        ValueError: if `times` are not in order, or `t_eval` is not within them.
        RuntimeError: if a piece cannot be solved to its end.

    References:
        Bock: Recent advances in parameter identification techniques for O.D.E., 1983. Stoer, Bulirsch: Introduction
        to Numerical Analysis, 2002, section 7.3.5.

    Example:
        >>> import numpy as np
        >>> shots = multiple_shooting(lambda t, y: -y, [0, 1, 2], [[1.0], [0.4]], [0.0, 1.5, 2.0], rtol=1e-8, atol=1e-8)
        >>> shots.y.round(4), shots.gaps.round(4)
        (array([[1.    , 0.2426, 0.1472]]), array([[-0.0321]]))
    """
    starts, times, t = operand(starts), np.asarray(values(times), float), np.asarray(values(t_eval), float)
    _require_pieces(times, starts, t)
    forward = 1.0 if times[-1] > times[0] else -1.0
    firsts = np.searchsorted(forward * t, forward * times[:-1])
    bounds = np.append(firsts, len(t))
    parts, ends = [], []
    for k in range(len(starts)):
        here = t[bounds[k] : bounds[k + 1]]
        has_end = len(here) > 0 and here[-1] == times[k + 1]
        asked = here if has_end else np.append(here, times[k + 1])
        piece = solve_ivp(fun, times[k : k + 2], starts[k], method, asked, args=tuple(args), **options)
        if piece.status not in (0, None):  # None while the function is traced
            raise RuntimeError(
                f"multiple_shooting: expected piece {k}, from t = {times[k]:g} to {times[k + 1]:g}, to be solved to "
                f"its end; it stopped: {piece.message} Make pieces shorter, or start from other parameters"
            )
        parts.append(piece.y[:, : len(here)])
        ends.append(piece.y[:, -1])
    gaps = np.stack(ends[:-1]) - starts[1:] if len(ends) > 1 else starts[1:]
    return Shots(np.concatenate(parts, axis=1), gaps)


def _require_pieces(times: Any, starts: Any, t: Any) -> None:
    if times.ndim != 1 or len(times) < 2 or not (np.all(np.diff(times) > 0) or np.all(np.diff(times) < 0)):
        raise ValueError(
            f"multiple_shooting: expected times at which pieces begin and end, rising or falling; received {times}"
        )
    if starts.ndim != 2 or len(starts) != len(times) - 1:
        raise ShapeError(
            f"multiple_shooting: expected starts of shape ({len(times) - 1}, n), a state for each piece; received "
            f"{starts.shape}"
        )
    order = np.sign(times[-1] - times[0])
    low, high = sorted((times[0], times[-1]))
    if t.ndim != 1 or np.any(order * np.diff(t) < 0) or np.any((t < low) | (t > high)):
        raise ValueError(
            f"multiple_shooting: expected t_eval in order, from {times[0]:g} to {times[-1]:g}; received "
            f"{np.array2string(t, threshold=6)}"
        )
