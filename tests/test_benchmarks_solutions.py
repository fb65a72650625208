"""Derivatives of solutions of random problems: none is wrong without an error, and the judge knows wrong from right."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("mpmath")

from benchmarks.solution_families import FAMILIES, draw
from benchmarks.solution_problems import Answer, judged, verdict

_BAD = ("silently wrong", "refused though well posed", "another error")


@pytest.mark.parametrize("family", FAMILIES)
def test_no_derivative_is_silently_wrong(family: str) -> None:
    rows = list(judged(0, iter(range(2)), (family,)))
    assert len(rows) == 2
    assert [row for row in rows if row.verdict in _BAD] == []


@pytest.mark.ci
def test_no_derivative_of_many_is_silently_wrong() -> None:
    rows = list(judged(2, iter(range(300)), None))
    assert [row for row in rows if row.verdict in ("silently wrong", "another error")] == []
    right, refused = (sum(row.verdict == name for row in rows) for name in ("right", "refused though well posed"))
    assert right > 100
    assert refused <= 0.05 * (right + refused)


def _answer(family: str, gradient: list[float] | None, x: list[float]) -> str:
    number = next(k for k in range(100) if draw(0, k, (family,)).start.size == len(x))
    problem = draw(0, number, (family,))
    theta = [np.full(len(x), value) for value in (2.0, 2.0, 2.0)][: len(problem.theta)]
    problem = problem._replace(theta=theta, weight=np.ones(len(x)), digits=4, options={"method": "hybr"})
    return verdict(problem, Answer(np.array(x), None if gradient is None else [np.array(gradient)]))[0]


def test_the_judge_knows_wrong_from_right() -> None:
    root = 2**0.5
    assert _answer("square", [0.5 / root], [root]) == "right"
    assert _answer("square", [0.5 / root * (1 + 0.5e-4)], [root]) == "right"
    assert _answer("square", [0.5 / root * (1 + 2e-4)], [root]) == "silently wrong"
    assert _answer("square", [0.0], [root]) == "silently wrong"
    assert _answer("square", [float("nan")], [root]) == "silently wrong"
    assert _answer("square", None, [root]) == "refused though well posed"
    assert _answer("square", None, [root + 1e-3]) == "refused rightly"
    assert _answer("square", [-0.5 / root], [-root]) == "right"
    assert _answer("multiple roots", [1 / 3], [2.0]) == "silently wrong"  # threefold
    assert _answer("multiple roots", None, [2.0]) == "refused rightly"
