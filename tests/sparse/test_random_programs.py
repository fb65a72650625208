"""Patterns of random programs over the table of ops hold every nonzero of dense derivatives, and few other places."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.errors import GradError, UnsupportedError
from autograd_lite.sparse.patterns import jacobian_pattern

from .random_programs import Program, check_programs, draw, points


def assert_good(totals: dict[str, int], exact: float) -> None:
    assert totals["jacobian missed"] == totals["hessian missed"] == 0
    assert totals["jacobian filled"] == totals["jacobian holes"] > 0
    assert totals["jacobian exact"] >= exact * totals["programs"]
    assert totals["hessian exact"] >= exact * totals["programs"]


def test_patterns_of_random_programs_hold() -> None:
    assert_good(check_programs(10), 0.6)


@pytest.mark.parametrize("n", [pytest.param(100, marks=pytest.mark.ci), pytest.param(300, marks=pytest.mark.long)])
def test_patterns_of_many_random_programs_hold_and_are_exact(n: int) -> None:
    assert_good(check_programs(n, seed=1), 0.85)


def test_a_planted_hole_is_found() -> None:
    """A pattern without one of its places is refused, with the entry."""
    holes = []

    def plant(program: Program) -> None:
        (x,) = points(program, 1)
        try:
            dense = abs(np.reshape(ag.jacobian(program)(x), (-1, x.size)))
        except (NotImplementedError, UnsupportedError):  # a row that has no derivative by an input
            return
        places = np.argwhere(dense > 1e-3 * dense.max(initial=1e-300))
        if not np.isfinite(dense).all() or not len(places):
            return
        holed = jacobian_pattern(program, x).toarray()
        holed[tuple(places[len(places) // 2])] = False
        with pytest.raises(GradError):
            ag.sparse.jacobian(program, sparsity=holed, verify=True)(x)
        holes.append(program)

    draw(8, 0, plant)
    assert len(holes) > 3
