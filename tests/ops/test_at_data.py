"""`ufunc.at` by positions that are Tensors, in compiled functions and in batches: as NumPy changes an array."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..rows import for_every

X = np.random.default_rng(0).uniform(0.5, 2, size=(4, 3))
I = np.array([1, -1, 1, 0])  # noqa: E741
KEYS: dict[str, Callable[[Any], Any]] = {
    "i": lambda i: i,
    "i, 1": lambda i: (i, 1),
    ":, i": lambda i: (slice(None), i % 3),
    "i, i": lambda i: (i, i % 3),
    "1:, i": lambda i: (slice(1, None), i % 3),
    "..., i": lambda i: (..., i % 3),
    "i, [[0], [2]]": lambda i: (i, np.array([[0], [2]])),
}
UFUNCS = ("add", "subtract", "multiply", "divide", "maximum", "minimum", "power", "negative")
ROWS = list(itertools.product(UFUNCS, KEYS))


@for_every([row for row in ROWS if row[0] == "subtract" or row == ("maximum", "i")], name=" ".join)
def test_positions_are_read_anew(row: tuple[str, str]) -> None:
    _check(*row)


@pytest.mark.ci
@for_every(ROWS[::3], name=" ".join)
def test_positions_are_read_anew_by_every_ufunc(row: tuple[str, str]) -> None:
    _check(*row)


def _check(name: str, key: str) -> None:
    ufunc, at = getattr(np, name), KEYS[key]

    def changed(x: Any, i: Any, *v: Any) -> Any:
        t = x * 1.0
        ufunc.at(t, at(i), *v)
        return t

    rng = np.random.default_rng(1)
    v = [rng.uniform(0.5, 2, size=X[at(I)].shape)][: ufunc.nin - 1]
    weights = rng.normal(size=X.shape)
    places = tuple(k for k in range(2 + len(v)) if k != 1)
    slopes = ag.grad(lambda x, i, *v: (changed(x, i, *v) * weights).sum(), places)
    step, slope = ag.compile(changed), ag.compile(slopes)
    for shift in range(4):
        i = (I + shift) % 4 if shift else I
        assert np.allclose(step(X + shift, i, *v), changed(X + shift, i, *v))
        for found, expected in zip(slope(X + shift, i, *v), slopes(X + shift, i, *v), strict=True):
            assert np.allclose(found, expected)
    many = np.stack([I, I[::-1], (I + 2) % 4])
    xs, vs = np.stack([X, X + 1, X + 2]), [np.stack([a, a + 1, a * 2]) for a in v]
    expected = np.stack([changed(x, i, *a) for x, i, *a in zip(xs, many, *vs, strict=True)])
    assert np.allclose(ag.vmap(changed)(xs, many, *vs), expected)
