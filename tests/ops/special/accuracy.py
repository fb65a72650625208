"""How far derivatives of special functions are from the values of `exact`, in units of the scale of their cell."""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as ag

from .truth import FILE, Exact, function_named


class Errors(NamedTuple):
    """The worst errors over a grid: of SciPy's value, and of our derivatives."""

    points: int
    value: float
    first: float
    second: float
    where: tuple[Any, ...] = ()


@functools.cache
def _values() -> dict[str, np.ndarray]:
    with np.load(FILE) as file:
        return dict(file)


def scale(exact: np.ndarray) -> np.ndarray:
    """Return for each point of a grid the scale of its cell: the largest corner, in the least of the cells around it.

    >>> scale(np.array([1.0, 0.0, -2.0, 10.0]))
    array([ 1.,  1.,  2., 10.])
    """
    size = np.abs(exact)
    for axis in range(exact.ndim):
        if exact.shape[axis] > 1:
            along = functools.partial(np.take, axis=axis)
            n = size.shape[axis]
            largest = np.fmax(along(size, range(n - 1)), along(size, range(1, n)))
            before = along(largest, [0, *range(n - 1)])
            after = along(largest, [*range(n - 1), n - 2])
            size = np.fmin(before, after)
    return size


def ours(name: str, points: np.ndarray, by: tuple[int, ...]) -> tuple[Any, Any, list[Any]]:
    """Return the value, the first and the second derivatives at points of shape (…, arguments)."""
    f = function_named(name)
    xs = [points[..., i] for i in range(points.shape[-1])]
    first = ag.grad(lambda *xs: f(*xs).sum(), argnums=by)
    with np.errstate(all="ignore"):
        second = [ag.grad(lambda *xs, i=i: first(*xs)[i].sum(), argnums=by)(*xs) for i in range(len(by))]
        return f(*xs), first(*xs), second


@functools.cache
def errors(row: Exact) -> Errors:
    """Return the worst errors of a function over its grid."""
    stored = _values()[row.name]
    by = row.by()
    count = len(by)
    arguments = stored.shape[-1] - 1 - count - count * count
    points, exact = stored[..., :arguments], stored[..., arguments:]
    good = np.isfinite(exact).all(axis=-1)
    at = np.where(good[..., None], points, points[good][0])
    out, first, second = ours(row.name, at, by)
    return Errors(
        int(good.sum()),
        worst(out, exact[..., 0], good),
        max(worst(first[i], exact[..., 1 + i], good) for i in range(count)),
        max(
            worst(second[i][j], exact[..., 1 + count + i * count + j], good)
            for i, j in itertools.product(range(count), repeat=2)
        ),
    )


def worst(found: Any, exact: np.ndarray, good: np.ndarray) -> float:
    """Return the largest error of an array in units of the scale."""
    unit = scale(np.where(good, exact, 0))
    error = np.abs(np.asarray(found) - exact)
    return float(np.max(np.where(good & (unit > 0), error / np.where(unit > 0, unit, 1), 0)))
