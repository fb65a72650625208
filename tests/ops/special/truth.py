"""Values and derivatives of a function over a grid, to all digits, by mpmath.

A grid is a product: of values of the parameters, and of levels (probabilities of the lower or upper tail, mostly) that
place the argument. So neighbors are neighbors, and the scale of a derivative is that of its cell: the largest of the
corners, in the least of the cells around a point. That is strict in tails, and fair where a derivative is zero.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from scipy import special

try:
    import mpmath as mp
except ImportError:
    mp = None

FILE = Path(__file__).with_name("values.npz")
DIGITS = 110


class Exact(NamedTuple):
    """A function with its grid.

    Attributes:
        name: of the function in scipy.special; `airy_1` is the second result of `airy`.
        truth: the same in mpmath; of an inverse, the function whose root it is, with the result as its last argument.
        axes: the values on each axis of the grid.
        place: from one value of each axis to the arguments; by itself the values are the arguments.
        inverse: whether `truth` is a root's equation.
        wanted: which arguments are derived by; None for all of them.
    """

    name: str
    truth: Callable[..., Any]
    axes: Sequence[Sequence[float]]
    place: Callable[..., Sequence[float]] = lambda *values: values
    inverse: bool = False
    wanted: Sequence[int] | None = None

    def points(self) -> np.ndarray:
        """Return the arguments at each point of the grid, of shape (…, number of arguments)."""
        shape = tuple(len(axis) for axis in self.axes)
        with np.errstate(all="ignore"):
            rows = [self.place(*map(float, values)) for values in itertools.product(*self.axes)]
        return np.array(rows, float).reshape(*shape, -1)

    def by(self) -> tuple[int, ...]:
        """Return the arguments that are derived by."""
        return tuple(self.wanted) if self.wanted is not None else tuple(range(self.points().shape[-1]))


def function_named(name: str) -> Callable[..., Any]:
    """Return a function of scipy.special, or one result of a function with several.

    >>> bool(function_named("sici_1")(1.0) == special.sici(1.0)[1])
    True
    """
    if name in ("eval_hermite", "eval_hermitenorm"):  # which take no degree that is a float
        return lambda n, x: getattr(special, name)(np.asarray(n).astype(int), x)
    if name in ("bdtr", "bdtrc", "bdtri"):  # which warn of it
        return lambda k, n, x: getattr(special, name)(k, np.asarray(n).astype(int), x)
    if hasattr(special, name):
        return cast("Callable[..., Any]", getattr(special, name))
    whole, _, i = name.rpartition("_")
    return lambda *xs: getattr(special, whole)(*xs)[int(i)]


def derivatives(f: Callable[..., Any], at: Sequence[Any], by: Sequence[int]) -> tuple[Any, list[Any], list[list[Any]]]:
    """Return the value, the gradient and the Hessian, by differences of steps that are far below the digits wanted."""
    at = [mp.mpf(x) for x in at]
    steps = [(abs(x) or 1) * mp.mpf(10) ** -22 for x in at]

    def f_at(*moves: tuple[int, int]) -> Any:
        moved = list(at)
        for i, sign in moves:
            moved[i] += sign * steps[i]
        return f(*moved)

    middle = f_at()
    up, down = {i: f_at((i, 1)) for i in by}, {i: f_at((i, -1)) for i in by}
    first = [(up[i] - down[i]) / (2 * steps[i]) for i in by]
    second = [[mp.mpf(0)] * len(by) for _ in by]
    for m, i in enumerate(by):
        second[m][m] = (up[i] - 2 * middle + down[i]) / steps[i] ** 2
        for n, j in enumerate(by[:m]):
            # Of the four corners two suffice, with what is known on the axes.
            corners = f_at((i, 1), (j, 1)) + f_at((i, -1), (j, -1)) - up[i] - down[i] - up[j] - down[j] + 2 * middle
            second[m][n] = second[n][m] = corners / (2 * steps[i] * steps[j])
    return middle, first, second


def derivatives_of_root(
    f: Callable[..., Any], at: Sequence[Any], by: Sequence[int], guess: float
) -> tuple[Any, list[Any], list[list[Any]]]:
    """Return the same of the root x of f(*at, x), by the theorem on implicit functions."""
    x = mp.mpf(guess)
    for _ in range(40):
        step = f(*at, x) / ((f(*at, x * (1 + mp.mpf(10) ** -30)) - f(*at, x)) / (x * mp.mpf(10) ** -30))
        x -= step
        if abs(step) < abs(x) * mp.mpf(10) ** -45:
            break
    else:
        raise ArithmeticError(f"no root near {guess}")
    _, g, h = derivatives(f, [*at, x], [*by, len(at)])
    n = len(by)
    first = [-g[i] / g[n] for i in range(n)]
    second = [
        [-(h[i][j] + h[i][n] * first[j] + h[j][n] * first[i] + h[n][n] * first[i] * first[j]) / g[n] for j in range(n)]
        for i in range(n)
    ]
    return x, first, second


def solve(row: Exact, at: Sequence[float]) -> np.ndarray:
    """Return value, gradient and Hessian at one point as one vector; NaN where SciPy's value is off the range."""
    by = row.by()
    value = float(function_named(row.name)(*at))
    empty = np.full(1 + len(by) + len(by) ** 2, np.nan)
    if not np.isfinite(value) or not np.all(np.isfinite(at)) or (row.inverse and abs(value) < 1e-290):
        return empty
    mp.mp.dps = DIGITS
    exact_at = [mp.mpf(x) for x in at]
    try:
        if row.inverse:
            found = derivatives_of_root(row.truth, exact_at, by, value)
        else:
            found = derivatives(row.truth, exact_at, by)
    except (ArithmeticError, ValueError) as error:
        print(f"  {row.name}{tuple(at)}: {type(error).__name__} {error}")
        return empty
    sizes = [abs(exact_at[i]) or 1 for i in by]
    units = [1, *(1 / x for x in sizes), *(1 / (x * y) for x, y in itertools.product(sizes, repeat=2))]
    flat = [mp.re(v) for v in (found[0], *found[1], *itertools.chain(*found[2]))]
    least = abs(flat[0]) * mp.mpf(10) ** -30  # what is below it is what steps have left of a zero
    return np.array([float(v) if abs(v) > least * unit else 0.0 for v, unit in zip(flat, units, strict=True)])
