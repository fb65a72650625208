"""Gradients of log densities where shapes make formulas 0/0, near there, and at the ends of the numbers, to 6 digits.

The values of `extremes` are exact. A gradient may be off by a millionth of itself; by what a thousand units in the last
place of the arguments do to it; or by what moves the log density by 1e-7, for an argument that changes by its size (or
by 1, if it is less than that).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.scipy import stats

from .cases import CONTINUOUS, DISCRETE, KNOWN
from .extremes import FILE, LOGS, reals

EXACT = dict(np.load(FILE))
# Distributions that are left out, and why.
LEFT_OUT = {
    "erlang": "it is gamma",
    "irwinhall": "its shape counts",
    "nchypergeom_fisher": "mpmath needs as long as it has terms",
    "nchypergeom_wallenius": "it is an integral",
    "reciprocal": "it is loguniform",
    "tukeylambda": "its density has no formula",
    "uniform": "its density is 1",
    "vonmises_line": "it is vonmises",
}


def test_every_distribution_is_there() -> None:
    assert set(EXACT) == set(LOGS) == {*CONTINUOUS, *DISCRETE} - set(LEFT_OUT)
    assert all(len(rows) > 3 for rows in EXACT.values())


def table(name: str) -> tuple[Any, Any, Any, Any]:
    """Return arguments, values, gradients, and how far these move with the last digit of the arguments."""
    rows = EXACT[name]
    n = (rows.shape[1] - 1) // 3
    return rows[:, :n], rows[:, n], rows[:, n + 1 : 2 * n + 1], rows[:, 2 * n + 1 :]


LONG = ("ncf",)  # sums of a thousand terms for each row


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.ci] if n in LONG else []) for n in LOGS if n in KNOWN]
)
def test_log_densities_and_their_gradients_at_extreme_arguments(name: str) -> None:
    at, values, slopes, moves = table(name)
    distribution = getattr(stats, name)

    def f(*xs: Any) -> Any:
        return (distribution.logpmf if distribution.discrete else distribution.logpdf)(*xs)

    with np.errstate(all="ignore"):
        found = np.stack(ag.grad(lambda *xs: f(*xs).sum(), argnums=tuple(range(at.shape[1])))(*at.T), axis=-1)
        value = f(*map(ag.tensor, at.T)).numpy()
        determined = (moves < 1e-3 * np.abs(slopes)) | (moves < 1e-9)
        by = np.isin(np.arange(at.shape[1]), reals(name))
        judged = by & np.isfinite(values)[:, None] & np.isfinite(slopes) & determined
        bound = 1e-6 * np.abs(slopes) + 1e3 * moves + 1e-7 / np.maximum(1, np.abs(at))
        off = judged & ~(np.abs(found - slopes) <= bound)
        assert not off.any(), [(tuple(at[i]), j, found[i, j], slopes[i, j]) for i, j in np.argwhere(off)[:9]]
        wrong = (judged | ~by).all(axis=1) & ~(np.abs(value - values) <= 1e-6 * np.maximum(1, np.abs(values)))
        assert not wrong.any(), [(tuple(at[i]), value[i], values[i]) for i in np.flatnonzero(wrong)[:9]]
