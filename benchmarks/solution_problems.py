"""Derivatives of solutions of random problems, judged by numbers of many digits.

`python -m benchmarks.solution_problems --count 10000 --peers PYTHON` runs them, and the peers' in their own Python.

What is counted, for each family of problems:

- right: each parameter's gradient differs by less than 10^-digits of its length, 2, 4 or 6 digits being asked for;
- silently wrong: it differs by more, or no derivative exists, and there was no error;
- refused: an error instead, rightly or although the problem is well posed: a derivative exists, the condition is at
  most 1e8, no constraint is nearer than 1e-6 to degenerate, the solver has succeeded, its solution is right to one
  digit more than is asked for, and so is the formula of implicit differentiation, evaluated exactly at that solution
  and a few units in the last place away (with constraints: the solution is right to 1e-8).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize

from benchmarks.solution_families import FAMILIES, Problem, distance_in, draw
from benchmarks.solution_truth import HIGH, Truth, constrained, derivative, equations, exact, stationary

Array = np.ndarray
CONDITION, MARGIN, SMALL = 1e8, 1e-6, 1e-3  # beyond which a problem counts as ill posed
VERDICTS = ("right", "silently wrong", "refused rightly", "refused though well posed", "another error")
_ROUNDING = 1e-12  # of the result, where no parameter changes it


class Answer(NamedTuple):
    """What a library says about a problem.

    Attributes:
        x: its solution; None if there is none.
        gradient: by each parameter, as vectors; None if it refuses.
        success: whether its solver says that it has succeeded.
        message: of the error.
        refused: whether the error is one that says that the derivative is not certain, or that the solver failed.
    """

    x: Array | None
    gradient: list[Array] | None
    success: bool = True
    message: str = ""
    refused: bool = True


# ---- the truth -------------------------------------------------------------------------------------------------------


def truth_of(problem: Problem, x: Array, at: bool = False) -> Truth:
    """Return what is true near a solution; or the formula at the solution, exactly."""
    data, f = [exact(d) for d in problem.data], problem.f
    rest = x, problem.theta, problem.weight, list(problem.places)

    def of_theta(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda z, *theta: function(HIGH, z, *theta, *data)

    if problem.kind in ("constrained", "qp", "linprog"):
        limits = [g and of_theta(g) for g in (problem.equal, problem.above)]
        return constrained(of_theta(f), *limits, *rest)
    if problem.kind == "minimize":
        system = stationary(of_theta(f), None, x.size)
    elif problem.kind == "least_squares":
        system = stationary(lambda z, *theta: (of_theta(f)(z, *theta) ** 2).sum() / 2, None, x.size)
    elif problem.kind == "fixed_point":
        system = equations(lambda z, *theta: z - of_theta(f)(z, *theta))
    else:
        system = equations(of_theta(f))
    return derivative(system, *rest, at=x if at else None)


def difference(gradient: list[Array], truth: Truth, problem: Problem) -> float:
    """Return the largest difference from the truth, relative to the length of the gradient by the same parameter.

    A gradient that is zero, or nearly, is held to a thousandth of what the others would do to the result: gradients by
    two parameters are compared by what changing the parameters by the same part changes.
    """
    true, places = truth.gradient or [], problem.places
    x = np.zeros(0) if truth.solution is None else truth.solution[: problem.weight.size].astype(float)
    sizes = [float(np.linalg.norm(p)) or 1.0 for p in problem.theta]
    effect = max(float(np.linalg.norm(t)) * size for t, size in zip(true, sizes, strict=True))
    result = float((np.linalg.norm(x) + 1e-9) * np.linalg.norm(problem.weight))  # bounds may be zero
    rounding = _ROUNDING * result if effect < 1e-25 * result else 0.0
    worst = 0.0
    for g, t, size, where in zip(gradient, true, sizes, places, strict=True):
        scale = max(float(np.linalg.norm(t)), SMALL * effect / size)
        error = float(np.linalg.norm(np.ravel(g)[where] - t))
        if not error <= max(worst * scale, rounding / size):
            worst = error / scale if scale and error == error else np.inf
    return worst


def verdict(problem: Problem, answer: Answer) -> tuple[str, str]:
    """Return which of the verdicts an answer gets, and numbers that tell why."""
    if answer.gradient is None and not answer.refused:
        return "another error", answer.message
    if answer.x is None or not np.isfinite(answer.x).all():
        return ("refused rightly", answer.message) if answer.gradient is None else ("silently wrong", "x is not finite")
    if answer.gradient is None and not answer.success:
        return "refused rightly", answer.message
    truth = truth_of(problem, answer.x)
    if truth.gradient is None:
        return ("refused rightly", truth.why) if answer.gradient is None else ("silently wrong", truth.why)
    numbers = f"condition {truth.condition:.1e}, margin {truth.margin:.1e}"
    if answer.gradient is not None:
        error = difference(answer.gradient, truth, problem)
        which = "right" if error <= 10.0**-problem.digits else "silently wrong"
        return which, f"error {error:.1e} for {problem.digits} digits, {numbers}"
    if truth.condition > CONDITION or truth.margin < MARGIN:
        return "refused rightly", numbers
    goal, solution = 0.1 * 10.0**-problem.digits, truth.solution[: answer.x.size].astype(float)
    error = float(np.linalg.norm(solution - answer.x)) / max(float(np.linalg.norm(solution)), 1e-3)
    if problem.kind in ("constrained", "qp", "linprog"):
        goal = 1e-8
    elif error <= goal:
        signs = (-1.0) ** np.arange(answer.x.size)
        error = max(_error_at(problem, truth, answer.x * (1 + move * signs)) for move in (0.0, 1e-15, -1e-15))
    well = error <= goal
    numbers = f"{numbers}, the solution is good for {error:.1e} and {problem.digits} digits are asked for"
    return ("refused though well posed" if well else "refused rightly"), f"{numbers}: {answer.message}"


def _error_at(problem: Problem, truth: Truth, x: Array) -> float:
    here = truth_of(problem, x, at=True)
    return np.inf if here.gradient is None else difference(here.gradient, truth, problem)


# ---- ours ------------------------------------------------------------------------------------------------------------


def _iterations(problem: Problem) -> dict[str, Any]:
    """Return the options of a method that limit its iterations."""
    o = problem.options
    if "maxiter" not in o:
        return {}
    name = {"hybr": "maxfev", "lm": "maxiter", "df-sane": "maxfev", "TNC": "maxfun"}.get(o["method"], "maxiter")
    return {"options": {name: o["maxiter"] * (3 if name == "maxfev" else 1)}}


def _by_root(problem: Problem, theta: Any) -> Any:
    import autograd_lite as ag

    def f(z: Any, *theta: Any) -> Any:
        return problem.f(np, z, *theta, *problem.data)

    o = problem.options
    result = ag.optimize.root(
        f, problem.start, tuple(theta), o["method"], tol=o.get("tol"), **_iterations(problem), digits=problem.digits
    )
    return result.x, result.success


def _by_implicit(problem: Problem, theta: Any) -> Any:
    import autograd_lite as ag

    o, success = problem.options, []

    def solver(*theta: Array) -> Any:
        method = "hybr" if o["method"] == "newton" else o["method"]
        found = scipy.optimize.root(
            lambda z: problem.f(np, z, *theta, *problem.data),
            problem.start,
            (),
            method,
            tol=o.get("tol"),
            **_iterations(problem),
        )
        success.append(bool(found.success))
        lie = np.random.default_rng(o["seed"]).normal(size=found.x.shape) * o["error"] if "error" in o else 0
        return found.x * (1 + lie), found.success or "error" in o

    solve = ag.implicit(
        solver, lambda z, *theta: problem.f(np, z, *theta, *problem.data), has_success=True, digits=problem.digits
    )
    return solve(*theta)


def _by_minimize(problem: Problem, theta: Any) -> Any:
    import autograd_lite as ag

    o, data, more = problem.options, problem.data, {}
    if o.get("bounds"):
        more["bounds"] = [(0, None)] * problem.start.size
    limits = [("eq", problem.equal), ("ineq", None if o.get("bounds") else problem.above)]
    constraints = [
        {"type": kind, "fun": lambda z, *theta, g=g: g(np, z, *theta, *data), "args": tuple(theta)}
        for kind, g in limits
        if g
    ]
    if constraints:
        more["constraints"] = constraints
    result = ag.optimize.minimize(
        lambda z, *theta: problem.f(np, z, *theta, *data), problem.start, tuple(theta), o["method"],
        tol=o.get("tol"), **_iterations(problem), **more, digits=problem.digits,
    )  # fmt: skip
    return result.x, result.success


def _by_least_squares(problem: Problem, theta: Any) -> Any:
    import autograd_lite as ag

    o, more = problem.options, {}
    if "tol" in o:
        more = dict.fromkeys(("ftol", "xtol", "gtol"), max(o["tol"], 1e-15))
    if "maxiter" in o:
        more["max_nfev"] = 2 * o["maxiter"]
    result = ag.optimize.least_squares(
        lambda z, *theta: problem.f(np, z, *theta, *problem.data), problem.start, method=o["method"], args=tuple(theta),
        digits=problem.digits, **more,
    )  # fmt: skip
    return result.x, result.success


def _by_qp(problem: Problem, theta: Any) -> Any:
    import autograd_lite as ag

    a, h, p, g = [*theta, *problem.data]
    matrix = p.T @ p
    slope = -matrix @ a if problem.f is distance_in else a
    result = ag.optimize.qp(matrix, slope, g, h, digits=problem.digits)
    return result.x, result.success


def _by_linprog(problem: Problem, theta: Any) -> Any:
    import autograd_lite as ag

    c, h, g = [*theta, *problem.data]
    result = ag.optimize.linprog(c, g, h, bounds=(None, None), digits=problem.digits)
    return result.x, result.success


def _by_fixed_point(problem: Problem, theta: Any) -> Any:
    import autograd_lite as ag

    o, more = problem.options, {}
    more |= {"tol": o["tol"]} if "tol" in o else {}
    more |= {"maxiter": o["maxiter"]} if "maxiter" in o else {}
    result = ag.fixed_point(
        lambda z, *theta: problem.f(np, z, *theta, *problem.data),
        problem.start,
        tuple(theta),
        digits=problem.digits,
        **more,
    )
    return result.x, result.success


def _by_linear_solve(problem: Problem, theta: Any) -> Any:
    import autograd_lite as ag

    return ag.linear_solve(*theta, digits=problem.digits), True


def _by_eigsh(problem: Problem, theta: Any) -> Any:
    import autograd_lite as ag

    value, vector = ag.sparse.eigsh(theta[0], k=1, which="LA")
    sign = np.sign(_plain(vector)[:, 0] @ problem.start[:-1])
    return np.concatenate([vector[:, 0] * sign, value]), True


SOLVERS: dict[str, Callable[[Problem, Any], Any]] = {
    "root": _by_root,
    "implicit": _by_implicit,
    "minimize": _by_minimize,
    "constrained": _by_minimize,
    "least_squares": _by_least_squares,
    "qp": _by_qp,
    "linprog": _by_linprog,
    "fixed_point": _by_fixed_point,
    "linear_solve": _by_linear_solve,
    "eigsh": _by_eigsh,
}


def ours(problem: Problem) -> Answer:
    """Return our answer."""
    import autograd_lite as ag

    theta = [ag.tensor(p, requires_grad=True) for p in problem.theta]
    x, success = None, True
    try:
        out, success = SOLVERS[problem.kind](problem, theta)
        success = bool(_plain(success))
        x = np.array(_plain(out), float).ravel()
        (out * problem.weight).sum().backward()
    except (ag.ImplicitError, np.linalg.LinAlgError) as error:
        return Answer(x, None, success, f"{type(error).__name__}: {error}")
    except (ValueError, OverflowError) as error:  # SciPy's methods of Broyden end so
        expected = isinstance(error, OverflowError) or "Jacobian inversion" in str(error)
        return Answer(x, None, False, str(error), expected)
    except Exception as error:  # it is counted, and shown
        return Answer(x, None, success, f"{type(error).__name__}: {error}", refused=False)
    gradient = [
        np.zeros(p.size) if t.grad is None else np.ravel(_plain(t.grad))
        for p, t in zip(problem.theta, theta, strict=True)
    ]
    return Answer(x, gradient, success)


def _plain(x: Any) -> Any:
    return x.detach().numpy() if hasattr(x, "detach") else x


# ---- the run ---------------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """What came out of one problem.

    Attributes:
        number: of the problem, in the sequence of the seed.
        family: of the problem.
        kind: of the problem.
        verdict: one of `VERDICTS`.
        why: the numbers behind it.
        seconds: that the answer took, without the judgement.
    """

    number: int
    family: str
    kind: str
    verdict: str
    why: str
    seconds: float


def judged(seed: int, numbers: Iterator[int], families: tuple[str, ...] | None, answer: Any = ours) -> Iterator[Row]:
    """Yield what comes out of each problem that is answered."""
    for number in numbers:
        problem = draw(seed, number, families)
        begin = time.perf_counter()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            reply = answer(problem)
            seconds = time.perf_counter() - begin
            if reply is not None:
                yield Row(number, problem.family, problem.kind, *verdict(problem, reply), seconds)


def table(rows: list[Row]) -> str:
    """The verdicts by family, as text."""
    from benchmarks.report import aligned

    counts: dict[str, Counter[str]] = {name: Counter() for name in FAMILIES}
    for row in rows:
        counts[row.family][row.verdict] += 1
    total = sum(counts.values(), Counter())
    lines = [["family", "problems", *VERDICTS]]
    for name, count in [*counts.items(), ("all", total)]:
        if count:
            lines.append([name, str(sum(count.values())), *[str(count[v]) for v in VERDICTS]])
    well = total["refused though well posed"]
    part = well / max(total["right"] + well, 1)
    return "\n".join([*aligned(lines), f"  {well} refused though well posed: {part:.1%} of those and the right ones"])


def answers_of(peer: str, python: Path, seed: int, count: int, families: tuple[str, ...] | None) -> dict[int, Answer]:
    """Return what a library in another Python says, by the numbers of the problems that it has a solver for."""
    command = [str(python), "-m", "benchmarks.solution_peers", str(seed), str(count), peer, *(families or ())]
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    run = subprocess.run(command, env=here, capture_output=True, text=True, check=False)
    out = {}
    for line in map(json.loads, run.stdout.splitlines()):
        gradient = line.get("gradient")
        if gradient is None:
            out[line["number"]] = Answer(None, None, False, line["message"])
        else:
            out[line["number"]] = Answer(np.array(line["x"], float), [np.array(g, float) for g in gradient])
    return out


def _one_by_one(answers: dict[int, Answer]) -> Callable[[Problem], Answer]:
    left = iter(answers.values())
    return lambda problem: next(left)


def beside(rows: list[Row], options: argparse.Namespace, families: tuple[str, ...] | None) -> str:
    """Each peer's verdicts beside ours, on the problems that it has a solver for; refusals are not judged."""
    from benchmarks.report import aligned
    from benchmarks.solution_peers import PEERS

    lines = [
        ["library", "problems", "right", "silently wrong", "an error", "ours: right", "silently wrong", "an error"]
    ]
    verdicts = {row.number: row.verdict for row in rows}
    for peer in PEERS:
        answers = answers_of(peer, options.peers, options.seed, options.peer_count, families)
        same = {number: answer for number, answer in answers.items() if number in verdicts}
        theirs = judged(options.seed, iter(same), families, _one_by_one(same))
        sides = [Counter(row.verdict for row in theirs), Counter(verdicts[number] for number in same)]
        cells = [[c["right"], c["silently wrong"], sum(c.values()) - c["right"] - c["silently wrong"]] for c in sides]
        lines.append([peer, str(len(same)), *map(str, cells[0] + cells[1])])
    return "\n".join(aligned(lines))


def main() -> None:
    """Run, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the number of the first problem")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of problems, which are shown")
    parser.add_argument("--family", nargs="*", help="families to draw from")
    parser.add_argument("--show", type=int, default=20, help="how many failures to show")
    parser.add_argument("--json", type=Path, help="a file to add the rows to, a line each")
    parser.add_argument("--peers", type=Path, help="a Python with JAX, jaxopt, optimistix and others")
    parser.add_argument("--peer-count", type=int, default=1000, help="how many problems the peers are given")
    options = parser.parse_args()
    families = tuple(options.family) if options.family else None
    begin, rows, shown = time.perf_counter(), [], 0
    for row in judged(
        options.seed, iter(options.only or range(options.first, options.first + options.count)), families
    ):
        rows.append(row)
        if options.json:
            with options.json.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row._asdict()) + "\n")
        if options.only or row.verdict in ("silently wrong", "refused though well posed", "another error"):
            shown += 1
            if shown <= options.show:
                print(f"{row.number} {row.family} ({row.kind}): {row.verdict}: {row.why}"[:600], flush=True)
    print(table(rows))
    if options.peers:
        print(beside(rows, options, families))
    print(
        f"  {time.perf_counter() - begin:.0f} s, of which the derivatives took {sum(row.seconds for row in rows):.0f} s"
    )


if __name__ == "__main__":
    main()
