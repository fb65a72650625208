"""Derivatives of solutions of differential equations: none is silently wrong, and the judge knows wrong from right."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("mpmath")

from benchmarks.differential_equation_problems import BY_NAME, NON_STIFF, PROBLEMS, STIFF, references
from benchmarks.differential_equation_truth import columns, second
from benchmarks.differential_equations import METHODS, gradient_error, judge, rows

_LARGE = ("arenstorf", "pleiades", "pollution", "pyrolysis", "diffusing_brusselator", "heat", "fast_van_der_pol")


def test_references_are_complete() -> None:
    assert len(NON_STIFF) >= 20
    assert len(STIFF) == 12
    assert set(references()) == {problem.name for problem in PROBLEMS}
    for problem in PROBLEMS:
        reference = problem.reference
        assert [np.shape(x) for x in reference.by_theta] == [np.shape(x) for x in problem.theta]
        assert reference.gradient_error < 1e-9
        if problem.literature is not None:
            known = np.isfinite(problem.literature)
            np.testing.assert_allclose(reference.y[known], np.asarray(problem.literature)[known], rtol=2e-12)


@pytest.mark.parametrize("name", ["lotka_volterra", "curtiss_hirschfelder"])
def test_references_are_computed_again(name: str) -> None:
    problem = BY_NAME[name]
    end = columns(problem, fine=False)
    gradient = problem.weights() @ end[:, 1:].astype(float)
    np.testing.assert_allclose(end[:, 0].astype(float), problem.reference.y, rtol=1e-12)
    by_theta = np.concatenate([np.ravel(x) for x in problem.reference.by_theta])
    np.testing.assert_allclose(gradient, np.concatenate([problem.reference.by_y0, by_theta]), rtol=1e-10, atol=1e-25)


def test_second_derivatives_of_references() -> None:
    problem = BY_NAME["decay"]
    assert abs(second(problem) / problem.reference.second - 1) < 1e-10
    assert abs(problem.reference.second / (400 * np.exp(-20.0) * np.cos(1.0)) - 1) < 1e-10


@pytest.mark.parametrize("method", ["Tsit5", "Rodas5P", "BDF"])
def test_no_derivative_is_silently_wrong(method: str) -> None:
    for name in ("logistic", "lotka_volterra", "kaps"):
        if BY_NAME[name].stiff and method == "Tsit5":
            continue
        row = judge(BY_NAME[name], method, 1e-5)
        assert row.verdict == "right", row


@pytest.mark.ci
def test_no_derivative_of_many_is_silently_wrong() -> None:
    problems = [problem for problem in PROBLEMS if problem.name not in _LARGE]
    judged = list(rows(problems, METHODS, (1e-5,)))
    assert [row for row in judged if row.verdict != "right"] == []
    assert len(judged) > 150


def test_the_judge_knows_wrong_from_right() -> None:
    problem = BY_NAME["lotka_volterra"]
    reference = problem.reference
    right = [reference.by_y0, *reference.by_theta]
    assert gradient_error(problem, reference, right, 1e-7, 1e-8) == 0.0
    for k in range(len(right)):
        wrong = [x.copy() for x in right]
        wrong[k] = wrong[k] * (1 + 1e-2)
        assert gradient_error(problem, reference, wrong, 1e-7, 1e-8) > 1
        wrong[k] = np.full_like(wrong[k], np.nan)
        assert gradient_error(problem, reference, wrong, 1e-7, 1e-8) == np.inf
