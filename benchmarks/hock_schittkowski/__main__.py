"""Solve the problems, here and by CasADi with Ipopt, and print a table."""

from __future__ import annotations

import argparse
import contextlib
import io
import time
import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import Bounds

import autograd_lite as ag
from autograd_lite import optimize

from . import PROBLEMS
from .problem import Problem


class Solution(NamedTuple):
    """What a solver reached, after how many evaluations of the objective, its gradient and Hessian."""

    value: float
    violation: float
    evaluations: tuple[int, int, int]
    seconds: float


def violation(problem: Problem, x: np.ndarray) -> float:
    """Return how far a point is from satisfying all, relative to its variables where these are above 1."""
    sizes = np.maximum(1, np.abs(x))
    parts = [(problem.low - x) / sizes, (x - problem.high) / sizes]
    for g, excess in ((problem.ge, np.negative), (problem.eq, np.abs)):
        if g is not None:
            rows = lambda x, g=g: np.stack(list(g(x)))  # noqa: E731
            parts.append(excess(rows(x)) / np.maximum(1, np.abs(ag.jacobian(rows)(x)) @ sizes))
    return max(float(part.max()) for part in parts)


def agrees(problem: Problem, solution: Solution) -> str:
    """Return "optimum" or "local" (a local optimum that is in the table), or "" where a solver reached neither."""

    def near(value: float) -> bool:
        return abs(solution.value - value) <= 1e-5 * max(1, abs(value))

    if solution.violation > 1e-7:
        return ""
    return "optimum" if near(problem.optimum) else "local" if any(map(near, problem.others)) else ""


def ours(problem: Problem, **options: Any) -> Solution:
    """Solve it by `minimize(method="ipopt")`, from the objective and the constraints alone."""
    kinds = {"ineq": problem.ge, "eq": problem.eq}
    constraints = [
        {"type": kind, "fun": lambda x, g=g: np.stack(list(g(x)))} for kind, g in kinds.items() if g is not None
    ]
    begin = time.perf_counter()
    found = optimize.minimize(
        problem.f,
        problem.start,
        method="ipopt",
        bounds=Bounds(problem.low, problem.high),
        constraints=constraints,
        options={"max_iter": 3000, **options},
    )
    seconds = time.perf_counter() - begin
    counts = (found.nfev, found.njev, found.nhev)
    return Solution(float(problem.f(found.x)), violation(problem, found.x), counts, seconds)


def casadi_with_ipopt(problem: Problem) -> Solution:
    """Solve it by CasADi's `nlpsol`, the same Python functions on its symbols."""
    import casadi

    if hasattr(casadi.GlobalOptions, "setNumpyMode"):
        casadi.GlobalOptions.setNumpyMode(-1)  # a NumPy function of a symbol is a symbol, without a warning
    symbols = casadi.SX.sym("x", len(problem.start))
    x = np.array(casadi.vertsplit(symbols), dtype=object)
    rows: list[Any] = []
    high: list[float] = []
    for g, limit in ((problem.ge, np.inf), (problem.eq, 0.0)):
        if g is not None:
            values = list(g(x))
            rows, high = rows + values, high + [limit] * len(values)
    quiet = {"ipopt.print_level": 0, "print_time": False, "ipopt.sb": "yes", "error_on_fail": False}
    begin = time.perf_counter()
    program = {"x": symbols, "f": problem.f(x), "g": casadi.vertcat(*rows)}
    solver = casadi.nlpsol("solver", "ipopt", program, {**quiet, "ipopt.max_iter": 3000})
    found = solver(x0=problem.start, lbx=problem.low, ubx=problem.high, lbg=0, ubg=high)
    seconds = time.perf_counter() - begin
    calls = solver.stats()
    counts = tuple(calls.get(f"n_call_nlp_{name}", 0) for name in ("f", "grad_f", "hess_l"))
    at = np.asarray(found["x"]).ravel()
    return Solution(float(problem.f(at)), violation(problem, at), counts, seconds)


def table(numbers: list[int]) -> str:
    """Return the table as Markdown, and what all agree on."""
    lines = [
        "| problem | optimum | ours | evaluations | CasADi | evaluations | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    ratios, reached = [], []
    for number in numbers:
        problem = PROBLEMS[number]
        own, other = ours(problem), casadi_with_ipopt(problem)
        ratios.append(sum(own.evaluations) / max(1, sum(other.evaluations)))
        reached.append(agrees(problem, own))
        cells = [f"{number}", f"{problem.optimum:.10g}"]
        for solution in (own, other):
            cells.append(f"{solution.value:.10g} {agrees(problem, solution) or 'NOT'}")
            cells.append("+".join(map(str, solution.evaluations)))
        lines.append(f"| {' | '.join(cells)} | {ratios[-1]:.2f} |")
    missed = [number for number, how in zip(numbers, reached, strict=True) if not how]
    lines += [
        "",
        f"{reached.count('optimum')} of {len(numbers)} at the optimum, {reached.count('local')} at another local one, "
        f"missed: {missed or 'none'}",
        f"evaluations, ours / CasADi's: median {np.median(ratios):.2f}, largest {max(ratios):.2f}",
    ]
    return "\n".join(lines)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs="*", type=int, help="those of the book; all if none")
    asked = parser.parse_args()
    with warnings.catch_warnings(), np.errstate(all="ignore"), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        print(table(asked.numbers or list(PROBLEMS)))


if __name__ == "__main__":
    main()
