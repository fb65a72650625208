"""What a problem of Hock and Schittkowski is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

Function = Callable[[Any], Any]
Values = float | Sequence[float]
INF = float("inf")


def total(values: Any) -> Any:
    """Return the sum of an array, a Tensor or a column of CasADi."""
    return values.sum() if hasattr(values, "sum") else sum(values.elements())


class Problem(NamedTuple):
    """Minimize `f(x)` subject to `low <= x <= high`, `ge(x) >= 0` and `eq(x) == 0`.

    Attributes:
        number: that of the book.
        start: the published starting point.
        f: the objective, of an array.
        published: the published optimum.
        at: a published minimizer; None: not checked.
        ge: a list of inequalities, of an array.
        eq: a list of equations, of an array.
        low: bounds from below.
        high: bounds from above.
        optimum: that of these formulas, where it is not the published one: `note` says why.
        others: values of further local optima that Ipopt reaches from the starting point.
        note: what is to be known about the formulas.
    """

    number: int
    start: np.ndarray
    f: Function
    published: float
    at: np.ndarray | None
    ge: Function | None
    eq: Function | None
    low: np.ndarray
    high: np.ndarray
    optimum: float
    others: tuple[float, ...]
    note: str


def many(
    number: int,
    start: Sequence[float],
    f: Function,
    published: float,
    at: Values | None = None,
    *,
    ge: Function | None = None,
    eq: Function | None = None,
    low: Values = -INF,
    high: Values = INF,
    optimum: float | None = None,
    others: tuple[float, ...] = (),
    note: str = "",
) -> Problem:
    """Return a problem whose functions take the vector."""
    x0 = np.array(start, dtype=float)
    low, high = (np.broadcast_to(np.asarray(side, dtype=float), x0.shape) for side in (low, high))
    minimizer = None if at is None else np.broadcast_to(np.asarray(at, dtype=float), x0.shape)
    reached = published if optimum is None else optimum
    return Problem(number, x0, f, float(published), minimizer, ge, eq, low, high, float(reached), others, note)


def few(
    number: int,
    start: Sequence[float],
    f: Callable[..., Any],
    published: float,
    at: Values | None = None,
    *,
    ge: Callable[..., Any] | None = None,
    eq: Callable[..., Any] | None = None,
    **more: Any,
) -> Problem:
    """Return a problem whose functions take the variables one by one, as the book writes them."""
    count = len(start)

    def by_vector(function: Callable[..., Any] | None) -> Any:
        return None if function is None else lambda x: function(*(x[i] for i in range(count)))

    return many(number, start, by_vector(f), published, at, ge=by_vector(ge), eq=by_vector(eq), **more)
