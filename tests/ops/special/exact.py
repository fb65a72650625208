"""Derivatives of special functions to all digits, by mpmath, over grids that are written down here.

`python -m tests.ops.special.exact` writes them to values.npz, beside this file, for what is not there yet; with names
as arguments it writes those anew. mpmath is needed for that alone.

A grid is a product: of values of the parameters, and of levels (probabilities of the lower or upper tail, mostly) that
place the argument. So neighbours are neighbours, and the scale of a derivative is that of its cell: the largest of the
corners, in the least of the cells around a point. That is strict in tails, and fair where a derivative is zero.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

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
        name: of the function in scipy.special.
        truth: the same in mpmath; of an inverse, the function whose root it is, with the result as its last argument.
        axes: the values on each axis of the grid.
        place: from one value of each axis to the arguments; by itself the values are the arguments.
        inverse: whether `truth` is a root's equation.
        orders: which arguments are derived by; all of them unless some are whole numbers.
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


# ---- the grids ------------------------------------------------------------------------------------------------------
# Levels: below 0 the probability of the lower tail is 10 to that, above 0 the upper one's; 0 is the median.
LEVELS = (-20.0, -6.0, -2.0, -0.5, 0.0, 0.5, 2.0, 6.0, 20.0)
FEW = (-8.0, -2.0, -0.5, 0.5, 2.0, 8.0)
SHAPES = (1e-3, 0.03, 0.3, 1.0, 2.5, 10.0, 40.0, 300.0, 1e4, 1e5)
TWO_SHAPES = (1e-2, 0.3, 1.0, 3.5, 20.0, 300.0, 1e4)
PROBABILITIES = (1e-12, 1e-3, 0.05, 0.3, 0.6, 0.9)
# Not so small that the result is next to 1, where its own rounding is what a derivative sees.
COMPLEMENTS = (0.1, 0.4, 0.7, 0.95, 0.999)


def quantile(lower: Callable[..., Any], upper: Callable[..., Any]) -> Callable[..., Sequence[float]]:
    """Return what places an argument by SciPy's inverses of the two tails."""

    def place(*values: float) -> Sequence[float]:
        *shapes, level = values
        p = 10.0 ** -abs(level) if level else 0.5
        x = float((lower if level <= 0 else upper)(*shapes, p))
        return (*shapes, x if x != 0 and x != 1 else np.nan)

    return place


def P(a: Any, x: Any) -> Any:
    """The regularized lower incomplete gamma function."""
    return mp.gammainc(a, 0, x, regularized=True)


def Q(a: Any, x: Any) -> Any:
    """The regularized upper incomplete gamma function."""
    return mp.gammainc(a, x, mp.inf, regularized=True)


def I(a: Any, b: Any, x: Any) -> Any:  # noqa: E743 - as the field calls it
    """The regularized incomplete beta function; the smaller tail is summed."""
    if not 0 < mp.re(x) < 1:
        raise ArithmeticError("outside of 0 to 1")
    if x > a / (a + b):
        return 1 - I(b, a, 1 - x)
    if min(a, b) < 1000:
        return mp.betainc(a, b, 0, x, regularized=True)
    # For large parameters, where mpmath gives up: the series of positive terms, DLMF 8.17.8.
    term = total = mp.exp(a * mp.log(x) + b * mp.log(1 - x) - mp.log(a)) / mp.beta(a, b)
    n = 0
    while term > total * mp.eps:
        term *= x * (a + b + n) / (a + 1 + n)
        total += term
        n += 1
    return total


GAMMA_X = quantile(special.gammaincinv, special.gammainccinv)
BETA_X = quantile(special.betaincinv, special.betainccinv)

EXACT: list[Exact] = [
    Exact("gammainc", P, (SHAPES, LEVELS), GAMMA_X),
    Exact("gammaincc", Q, (SHAPES, LEVELS), GAMMA_X),
    Exact("gammaincinv", lambda a, p, x: P(a, x) - p, (SHAPES[1:], PROBABILITIES), inverse=True),
    Exact("gammainccinv", lambda a, q, x: Q(a, x) - q, (SHAPES[1:], PROBABILITIES), inverse=True),
    Exact("betainc", I, (TWO_SHAPES, TWO_SHAPES, FEW), BETA_X),
    Exact("betaincc", lambda a, b, x: 1 - I(a, b, x), (TWO_SHAPES, TWO_SHAPES, FEW), BETA_X),
    Exact(
        "betaincinv", lambda a, b, p, x: I(a, b, x) - p, (TWO_SHAPES[1:], TWO_SHAPES[1:], PROBABILITIES), inverse=True
    ),
    Exact(
        "betainccinv",
        lambda a, b, q, x: 1 - I(a, b, x) - q,
        (TWO_SHAPES[1:], TWO_SHAPES[1:], COMPLEMENTS),
        inverse=True,
    ),
]


# ---- the truth ------------------------------------------------------------------------------------------------------


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
    value = float(getattr(special, row.name)(*at))
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
    return np.array([float(mp.re(v)) for v in (found[0], *found[1], *itertools.chain(*found[2]))])


def main(names: Sequence[str]) -> None:
    """Compute what is missing, or the functions that are named, and write the file."""
    known = dict(np.load(FILE)) if FILE.exists() else {}
    for row in EXACT:
        if row.name in known and row.name not in names:
            continue
        points = row.points()
        flat = points.reshape(-1, points.shape[-1])
        found = np.array([solve(row, at) for at in flat])
        known[row.name] = np.concatenate([flat, found], axis=1).reshape(*points.shape[:-1], -1)
        print(row.name, len(flat), "points,", int(np.isnan(found).any(axis=1).sum()), "left out", flush=True)
        np.savez_compressed(FILE, **known)
    np.savez_compressed(FILE, **{row.name: known[row.name] for row in EXACT})


if __name__ == "__main__":
    main(sys.argv[1:])
