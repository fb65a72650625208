"""Events that change the state: a solve that goes on from what `event.reset` returns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..ops.operands import operand, values

# After this many resets the solve is given up: of a ball that bounces, in a finite time there is no end to them.
MOST_RESETS = 10_000


def has_resets(events: Any) -> bool:
    """Return whether an event, or one of a list of events, changes the state."""
    listed = [] if events is None else [events] if callable(events) else list(events)
    return any(callable(getattr(event, "reset", None)) for event in listed)


class Pieces:
    """The solution between its ends, which jumps at resets; at a reset, it is the state after it.

    Args:
        times: where pieces begin and end.
        pieces: of each, the solution as a function of t.

    Attributes:
        t_min, t_max: where it is defined.
    """

    def __init__(self, times: Sequence[float], pieces: Sequence[Any]) -> None:
        self.times, self.pieces = np.array(times), list(pieces)
        self.t_min, self.t_max = float(min(times)), float(max(times))

    def __call__(self, t: Any) -> Any:
        """Return the solution at times of shape `(m,)` or `()`: shape `(n, m)` or `(n,)`."""
        t = operand(t)
        order = 1.0 if self.times[-1] >= self.times[0] else -1.0
        numbers = np.searchsorted(order * self.times[1:-1], order * values(t), side="right")
        if t.ndim == 0:
            return self.pieces[int(numbers)](t)
        parts = [self.pieces[k](t[i]) for i, k in enumerate(numbers.tolist())]
        return np.stack(parts, axis=1)


class _Terminal:
    """An event at which a piece ends."""

    terminal = 1

    def __init__(self, event: Callable[..., Any]) -> None:
        self.event, self.direction = event, getattr(event, "direction", 0)

    def __call__(self, t: Any, y: Any, *args: Any) -> Any:
        return self.event(t, y, *args)


def solve_with_resets(
    solve: Callable[..., Any],
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    method: str,
    t_eval: Any,
    events: Any,
    args: Sequence[Any],
    options: dict[str, Any],
) -> Any:
    """Return a solution that goes on from `event.reset(t, y, *args)` after each event that has this function.

    Where an event with a reset has a count as `terminal`, the solve ends at that many of them.

    Args:
        solve: `solve_ivp`, for events without resets.
        fun, t_span, y0, method, t_eval, events, args: as of `solve_ivp`.
        options: its further arguments.

    Raises:
        ShapeError: if a reset changes the shape of the state.
        RuntimeError: if an event happens again where its reset has left it, or there are more than 10,000 of them.
    """
    listed = [events] if callable(events) else list(events)
    pieces_of = [_Terminal(event) if hasattr(event, "reset") else event for event in listed]
    asked = None if t_eval is None else operand(t_eval)
    pieces: list[Any] = []
    (t, end), y, counts = t_span, y0, [0] * len(listed)
    order = 1.0 if float(values(operand(end))) >= float(values(operand(t))) else -1.0
    while True:
        begin = float(values(operand(t)))
        later = None if asked is None else asked[order * values(asked) >= order * begin]
        if later is not None and pieces:  # at a reset the state before it has been read
            later = later[order * values(later) > order * begin]
        piece = solve(fun, (t, end), y, method, later, events=pieces_of, args=tuple(args), **options)
        pieces.append(piece)
        which = _last_event(piece, order)
        if piece.status != 1 or which is None or not hasattr(listed[which], "reset"):
            break
        counts[which] += 1
        t, before = piece.t_events[which][-1], piece.y_events[which][-1]
        most = getattr(listed[which], "terminal", 0)
        if not isinstance(most, bool) and most == counts[which]:
            break
        _require_progress(listed[which], float(values(operand(t))), begin, len(pieces))
        y = listed[which].reset(t, before, *args)
        if np.shape(values(operand(y))) != np.shape(values(operand(before))):
            raise ShapeError(
                f"solve_ivp: expected event.reset to return a state of shape {np.shape(before)}; received {np.shape(y)}"
            )
        if order * float(values(operand(end))) <= order * float(values(operand(t))):
            break
    return _join(pieces, len(listed), t_span, options)


def _last_event(piece: Any, order: float) -> int | None:
    """Return the number of the event at which a piece has ended."""
    moments = [(order * float(values(operand(ts[-1]))), k) for k, ts in enumerate(piece.t_events) if len(ts)]
    return max(moments)[1] if moments else None


def _require_progress(event: Any, t: float, begin: float, count: int) -> None:
    name = getattr(event, "__name__", type(event).__name__)
    if t == begin and count > 1:
        raise RuntimeError(
            f"solve_ivp: expected {name}.reset to return a state from which the event does not happen at once; it "
            f"happened again at t = {t:g}. Give the event a direction: {name}.direction = -1 for one that falls to zero"
        )
    if count > MOST_RESETS:
        raise RuntimeError(
            f"solve_ivp: expected at most {MOST_RESETS:,} resets; {name} still happens at t = {t!r}. Let the solve end "
            f"at a number of them, by {name}.terminal = 100, or before they become too dense"
        )


def _join(pieces: list[Any], count: int, t_span: Any, options: dict[str, Any]) -> Any:
    """Return the results of pieces as one."""
    last = pieces[-1]
    full = [piece for piece in pieces if len(piece.t)] or [last]  # SciPy's y has no shape where nothing is asked for
    joined = {
        "t": np.concatenate([piece.t for piece in full]),
        "y": np.concatenate([piece.y for piece in full], axis=-1),
        **{name: sum(piece[name] for piece in pieces) for name in ("nfev", "njev", "nlu")},
    }
    for name in ("t_events", "y_events"):
        of_event = [[piece[name][k] for piece in pieces if len(piece[name][k])] for k in range(count)]
        joined[name] = [np.concatenate(parts) if parts else last[name][k] for k, parts in enumerate(of_event)]
    if options.get("dense_output"):
        moments = [float(values(operand(x))) for x in (t_span[0], t_span[1])]
        inner = [float(piece.sol.t_min if moments[1] >= moments[0] else piece.sol.t_max) for piece in pieces[1:]]
        joined["sol"] = Pieces([moments[0], *inner, moments[1]], [piece.sol for piece in pieces])
    return type(last)({**last, **joined})
