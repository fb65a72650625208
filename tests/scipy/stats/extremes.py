"""Gradients of log densities at the ends of the numbers and around the places where a formula is 0/0, to all digits.

`python -m tests.scipy.stats.extremes` writes them to extremes.npz, beside this file; with names as arguments it writes
those anew. mpmath is needed for that alone.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import scipy.stats

from autograd_lite.scipy import stats

from .cases import CONTINUOUS, DISCRETE
from .densities import DENSITIES, PROBABILITIES, mp

LOGS = {**DENSITIES, **PROBABILITIES}
FILE = Path(__file__).with_name("extremes.npz")
DIGITS = 60
_STEP = 1e-18  # relative
LARGE = (1e5, 1e20, 1e160)
SMALL = (1e-5, 1e-20, 1e-160)
# Where shapes make formulas 0/0 (0, 1, 2), near there, and far from anything.
SHAPES = sorted(
    {
        sign * v
        for v in (0.0, 1e-12, 1e-8, 1e-6, 1e-5, 2e-5, 1e-3, 0.03, 1.0, 2.0, 30.0, 1e3, 1e5, 1e8)
        for sign in (1, -1)
    }
    | {1 - 1e-9, 1 + 1e-9, 2 + 1e-9}
)


class Late(Exception):
    """A computation takes too long."""


def _late(*_: Any) -> None:
    raise Late


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """Return what a call returns, or raise Late."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def reals(name: str) -> list[int]:
    """Return which arguments are derived by: x and the shapes that count nothing; of a discrete one, such shapes."""
    distribution = getattr(stats, name)
    shapes = [i + 1 for i, shape in enumerate(distribution.shapes) if shape not in distribution.row.integers]
    return shapes if name in PROBABILITIES else [0, *shapes]


def counts(name: str) -> Iterator[tuple[float, ...]]:
    """Yield arguments of a discrete distribution: k and the shapes."""
    distribution, shapes = getattr(scipy.stats, name), DISCRETE[name][-1]
    integers = getattr(stats, name).row.integers
    for i, shape in enumerate(getattr(stats, name).shapes):
        for value in SHAPES if shape not in integers else shapes[i : i + 1]:
            moved = (*shapes[:i], float(value), *shapes[i + 1 :])
            cancels = name.startswith("beta") and 0 < value < 1e-9  # 1 / value in two digammas, of which it is a part
            if distribution._argcheck(*moved) and not cancels:
                low, high = distribution.support(*moved)
                yield from ((float(k), *moved) for k in (-3, 0, 1, 2, 7, 1000, 100000) if low <= k <= high)


def places(name: str) -> Iterator[tuple[float, ...]]:
    """Yield arguments: x and the shapes."""
    distribution, shapes = getattr(scipy.stats, name), CONTINUOUS[name][-1]
    low, high = distribution.support(*shapes)
    numeric = type(distribution)._ppf is scipy.stats.rv_continuous._ppf  # a root of an integral, which takes long
    for x in sorted({s * v for v in (*LARGE, *SMALL) for s in (1, -1)}):
        if low < x < high and not (name == "vonmises" and abs(x) > 1e3):  # of so large angles a step is more than 2π
            yield (x, *shapes)
        if np.isfinite(high) and np.isfinite(low) and 0 < x < 1e-3:
            yield (high - x, *shapes)
    for i in range(len(shapes)):
        for value in SHAPES:
            moved = (*shapes[:i], value, *shapes[i + 1 :])
            if not np.all(distribution._argcheck(*moved)) or (name == "ncf" and value > 1e5):  # a sum of many terms
                continue
            low, high = distribution.support(*moved)
            try:
                at = shapes if numeric else moved
                quantiles = within(0.5, lambda at=at: distribution.ppf((0.1, 0.6, 0.97), *at))
            except (Late, RuntimeError, ValueError, ArithmeticError):
                quantiles = []
            for x in dict.fromkeys([*map(float, quantiles), 0.3, 1.7]):
                if low < x < high:
                    yield (x, *moved)


def exact(name: str, at: tuple[float, ...]) -> list[Any]:
    """Return the value, the derivatives, and how far each moves with the last digit of the arguments."""
    f, by = LOGS[name], reals(name)

    def gradient(xs: Sequence[Any]) -> list[Any]:
        found = [mp.mpf(0)] * len(xs)
        for i in by:
            x = xs[i]
            h = abs(x) * _STEP if x else mp.mpf(_STEP)
            ends = [f(*(v + s * h if j == i else v for j, v in enumerate(xs))) for s in (1, -1)]
            found[i] = (ends[0] - ends[1]) / (2 * h)
        return found

    # Digits for terms of any size beside each other, and for steps from them.
    mp.dps = DIGITS + 2 * int(max(abs(np.log10(abs(v or _STEP**2))) for v in at))
    xs = [mp.mpf(v) for v in at]
    value = abs(f(*xs))
    mp.dps += max(0, int(mp.log10(value))) if value else 0
    slopes = gradient(xs)
    moves = [mp.mpf(0)] * len(xs)
    for i in by:
        others = gradient([v * (1 + mp.mpf(2) ** -53) if j == i else v for j, v in enumerate(xs)])
        moves = [m + abs(a - b) for m, a, b in zip(moves, slopes, others, strict=True)]
    found = [f(*xs), *slopes, *moves]
    return [mp.nan if mp.im(v) else mp.re(v) for v in found]  # complex beyond the support


def main(names: Sequence[str]) -> None:
    """Compute what is missing, or the distributions that are named, and write the file."""
    known = dict(np.load(FILE)) if FILE.exists() else {}
    signal.signal(signal.SIGALRM, _late)
    np.seterr(all="ignore")
    for name in LOGS:
        if name in known and name not in names:
            continue
        rows, left_out = [], 0
        for at in (places if name in DENSITIES else counts)(name):
            try:
                row = [*at, *map(float, within(0.3, lambda at=at, name=name: exact(name, at)))]
            except (Late, ValueError, ZeroDivisionError, OverflowError, NotImplementedError, mp.NoConvergence):
                left_out += 1
                continue
            if not np.isfinite(row[: len(at)]).all() or np.isnan(row).any():
                left_out += 1
            else:
                rows.append(row)
        known[name] = np.array(rows)
        np.savez_compressed(FILE, **known)
        print(name, len(rows), "points,", left_out, "left out", flush=True)
    np.savez_compressed(FILE, **{name: known[name] for name in LOGS if name in known})


if __name__ == "__main__":
    main(sys.argv[1:])
