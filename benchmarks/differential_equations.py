"""Whether solutions of differential equations and their derivatives are right: 33 problems, 8 methods, 3 tolerances.

    python -m benchmarks.differential_equations                          # the tables, half an hour
    python -m benchmarks.differential_equations --set robertson hires    # these problems, row by row
    python -m benchmarks.differential_equations --methods Tsit5 RK45 --tolerances 1e-6

The references are those of `differential_equation_problems`, which shares no code with what is judged. A tolerance is
rtol, and atol relative to the scale of the problem. Errors are relative to the scale and the size of the state at the
end, and divided by the tolerance; what a method of ours should have is what SciPy's method of about the same order has.

A gradient of J is right if its error, times |x|, is at most 1,000 times the solution's error, or the tolerance, times
the condition of the problem: 1 + the sum of |dJ/dx| |x| over initial values and parameters x. Beyond that it is
silently wrong; a solve that says that it failed is not. What a pullback computes is also compared with the tangent:
these two are one derivative of one chain of steps, and differ by rounding alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.integrate

import autograd_lite as ag
from benchmarks.differential_equation_problems import BY_NAME, PROBLEMS, Problem, Reference
from benchmarks.report import Spread, aligned, short

Array = np.ndarray

IMPLICIT = ("Rodas5P", "Radau", "BDF")
METHODS = ("Tsit5", "Dopri5", "Dopri8", "RK45", "DOP853", *IMPLICIT)
ALIKE = {"Tsit5": "RK45", "Dopri5": "RK45", "Dopri8": "DOP853"}
TOLERANCES = (1e-4, 1e-7, 1e-10)
FACTOR = 1000.0


class Row(NamedTuple):
    """What a method makes of a problem.

    Attributes:
        problem, method, tolerance: which.
        error: of the state, divided by the tolerance; infinite if the method says that it failed.
        alike: the same of SciPy's method of about the same order; its error if the method is SciPy's own.
        steps: how many steps were accepted.
        gradient_error: of the gradient, divided by its bound: above 1 it is wrong.
        apart: by how much forward mode and reverse mode differ, relative.
        second_error: of the second derivative by theta[0], relative; None if there is no reference.
        verdict: "right", "failed", or what is wrong.
        seconds: for all of it.
    """

    problem: str
    method: str
    tolerance: float
    error: float
    alike: float
    steps: int
    gradient_error: float
    apart: float
    second_error: float | None
    verdict: str
    seconds: float


def solve(problem: Problem, method: str, tolerance: float, y0: Any, theta: tuple[Any, ...]) -> Any:
    """Return the solution; the last column of `y` is the state at the end."""
    atol = tolerance * np.broadcast_to(problem.scale, problem.y0.shape)
    more = {} if method in ("RK45", "DOP853", "Radau", "BDF") else {"max_steps": 1_000_000}
    return ag.integrate.solve_ivp(
        problem.slopes, problem.t_span, y0, method, args=theta, rtol=tolerance, atol=atol, **more
    )


def error_of(problem: Problem, reference: Reference, y: Array) -> float:
    """Return the error of a state at the end."""
    return float((np.abs(y - reference.y) / (problem.scale + np.abs(reference.y))).max())


def alike(problem: Problem, method: str, tolerance: float, reference: Reference) -> float:
    """Return the error of SciPy's method, divided by the tolerance."""
    peer = ALIKE.get(method, method)
    if method == "Rodas5P":
        peer = "BDF" if problem.stiff else "RK45"
    answer = scipy.integrate.solve_ivp(
        lambda t, y: np.asarray(problem.slopes(t, y, *problem.theta), float),
        problem.t_span,
        problem.y0,
        peer,
        rtol=max(tolerance, 1e-13),
        atol=tolerance * np.broadcast_to(problem.scale, problem.y0.shape),
    )
    return error_of(problem, reference, answer.y[:, -1]) / tolerance if answer.success else np.inf


def gradient_error(problem: Problem, reference: Reference, gradients: Any, error: float, tolerance: float) -> float:
    """Return the largest error of the gradients, divided by its bound."""
    true = (reference.by_y0, *reference.by_theta)
    scale = np.broadcast_to(problem.scale, problem.y0.shape)
    sizes = (scale + np.abs(problem.y0), *[np.abs(x) for x in problem.theta])
    weighted = [np.abs(g) * size for g, size in zip(true, sizes, strict=True)]
    condition = sum(float(w.sum()) for w in weighted) + 1.0
    bound = FACTOR * max(error, tolerance) * condition * problem.amplification
    worst = 0.0
    for g, r, size in zip(gradients, true, sizes, strict=True):
        difference = np.abs(np.asarray(g) - r) * size
        worst = max(worst, float(difference.max()) if np.isfinite(difference).all() else np.inf)
    return worst / bound


def judge(problem: Problem, method: str, tolerance: float) -> Row:
    """Return a row of the table."""
    begin, reference = time.perf_counter(), problem.reference
    count = len(problem.theta)

    def total(y0: Any, *theta: Any) -> Any:
        answer = solve(problem, method, tolerance, y0, theta)
        answers.append(answer)
        return problem.scalar(answer.y[:, -1])

    answers: list[Any] = []
    points = (problem.y0, *[np.asarray(x, float) for x in problem.theta])
    gradients = ag.grad(total, tuple(range(1 + count)))(*points)
    y = np.asarray(ag.stop_gradient(answers[0].y))[:, -1]
    steps = len(np.asarray(ag.stop_gradient(answers[0].t))) - 1
    beside = alike(problem, method, tolerance, reference)
    if not answers[0].success:
        return Row(problem.name, method, tolerance, np.inf, beside, steps, 0, 0, None, "failed", 0.0)
    error = error_of(problem, reference, y)
    wrong = gradient_error(problem, reference, gradients, error, tolerance)
    directions = [np.cos(np.arange(1.0, 1.0 + x.size)).reshape(x.shape) * np.abs(x) for x in points]
    tangent = float(ag.jvp(total)(points, tuple(directions))[1])
    products = [np.asarray(g) * d for g, d in zip(gradients, directions, strict=True)]
    size = sum(float(np.abs(p).sum()) for p in products) + 1e-300
    apart = abs(tangent - sum(float(p.sum()) for p in products)) / size
    twice = second_error(problem, reference, total, points)
    verdict = "right"
    if wrong > 1:
        verdict = "silently wrong gradient"
    elif apart > (1e-9 if not problem.stiff else 1e-4):  # matrices of stiff equations have large conditions
        verdict = "forward and reverse differ"
    elif error / tolerance > 100 * max(beside, 1.0):
        verdict = "far from the solution"
    seconds = time.perf_counter() - begin
    return Row(problem.name, method, tolerance, error / tolerance, beside, steps, wrong, apart, twice, verdict, seconds)


def second_error(problem: Problem, reference: Reference, total: Any, points: Any) -> float | None:
    """Return the relative error of the second derivative by theta[0]."""
    if reference.second is None:
        return None
    y0, first, *rest = points
    value = float(ag.grad(ag.grad(lambda x: total(y0, x, *rest)))(first))
    return abs(value - reference.second) / (abs(reference.second) + np.abs(reference.by_theta[0]) / abs(first) + 1.0)


def rows(problems: Any, methods: Any, tolerances: Any) -> Iterator[Row]:
    """Yield all rows; errors of the solver are rows too."""
    for problem in problems:
        for method in methods:
            if problem.stiff and method not in IMPLICIT:
                continue
            for tolerance in tolerances:
                try:
                    yield judge(problem, method, tolerance)
                except Exception as e:  # whatever it is, it is in the table
                    said = f"{type(e).__name__}: {str(e).splitlines()[0]}"[:90]
                    yield Row(problem.name, method, tolerance, np.inf, np.inf, 0, 0, 0, None, said, 0.0)


def summary(judged: list[Row]) -> str:
    """Return a table with a line for each method and tolerance."""
    head = ["method", "rtol", "solved", "error / rtol", "beside SciPy", "steps", "gradient / bound", "second", "wrong"]
    lines = [head]
    for method in METHODS:
        for tolerance in sorted({row.tolerance for row in judged}, reverse=True):
            mine = [row for row in judged if (row.method, row.tolerance) == (method, tolerance)]
            right = [row for row in mine if np.isfinite(row.error)]
            if not right:
                continue
            relative = [row.error / max(row.alike, 1e-3) for row in right if np.isfinite(row.alike)]
            second = [row.second_error for row in right if row.second_error is not None]
            lines.append(
                [
                    method,
                    f"{tolerance:.0e}",
                    f"{len(right)} of {len(mine)}",
                    str(Spread.of(row.error for row in right)),
                    str(Spread.of(relative)) if relative else "",
                    short(float(np.median([row.steps for row in right]))),
                    f"{max(row.gradient_error for row in right):.1e}",
                    f"{max(second):.1e}" if second else "",
                    str(sum(row.verdict != "right" for row in right)),
                ]
            )
    return "\n".join(aligned(lines))


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--set", nargs="*", choices=BY_NAME, help="problems; all of them if there are none")
    parser.add_argument("--methods", nargs="*", default=METHODS, choices=METHODS)
    parser.add_argument("--tolerances", nargs="*", type=float, default=TOLERANCES)
    options = parser.parse_args()
    problems = [BY_NAME[name] for name in options.set] if options.set else PROBLEMS
    judged = []
    for row in rows(problems, options.methods, options.tolerances):
        judged.append(row)
        if options.set or row.verdict != "right":
            second = "" if row.second_error is None else f", second {row.second_error:.0e}"
            gradient = f"gradient {row.gradient_error:.0e} of its bound{second}, modes {row.apart:.0e}"
            print(
                f"{row.problem:22} {row.method:8} {row.tolerance:.0e} error / rtol {row.error:8.2g} (SciPy "
                f"{row.alike:8.2g}), {row.steps:6} steps, {gradient}, {row.seconds:.2f} s, {row.verdict}",
                flush=True,
            )
    print(summary(judged))
    print(f"{sum(row.verdict == 'silently wrong gradient' for row in judged)} silently wrong of {len(judged)}")


if __name__ == "__main__":
    main()
