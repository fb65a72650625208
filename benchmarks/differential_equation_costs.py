"""What solutions of differential equations and their derivatives cost, beside SciPy, diffrax and CasADi.

    python -m benchmarks.differential_equation_costs                            # beside SciPy
    python -m benchmarks.differential_equation_costs --peers PYTHON             # and others, in a Python that has them
    python -m benchmarks.differential_equation_costs --rows small --peers PYTHON
    python -m benchmarks.differential_equation_costs --rows robertson --groups 1 10 100 1000 10000

Rows are "small" (six small systems), "first" (the first call in a process of its own), "robertson" (his reactions many
times over: forward, and a value with its gradient by all rates), "fits", and "memory" (a gradient through 10^6 steps).
Each ratio is of two times that are taken in turns, in processor time: the median and the quartiles. Compiled functions
are called until they are compiled to the end. Whether values and derivatives are right is what
`benchmarks.differential_equations` asks.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.integrate
import scipy.optimize
import scipy.sparse

import autograd_lite as ag
from autograd_lite.native.kernels import INSTRUCTIONS
from benchmarks.differential_equation_peers import SMALL, TOLERANCE
from benchmarks.differential_equation_problems import BY_NAME, Problem
from benchmarks.report import aligned
from benchmarks.solutions import Cost, measured

Array = np.ndarray
ROOT = Path(__file__).resolve().parents[1]


def timed(f: Callable[[], Any], warm: int = 1) -> Callable[[int], float]:
    """Return a function that times calls; before the first time f runs `warm` times."""
    left = [warm]

    def seconds(count: int) -> float:
        while left[0]:
            left[0] -= 1
            f()
        begin = time.process_time()
        for _ in range(count):
            f()
        return (time.process_time() - begin) / count

    return seconds


def fresh(x: Array) -> Callable[[], Array]:
    """Return a function whose results differ slightly, since solutions are kept for derivatives that may follow."""
    counter = itertools.count()
    return lambda: x * (1 + 1e-11 * next(counter))


class Peers:
    """Other libraries, in a Python of their own.

    Args:
        python: its path.
    """

    def __init__(self, python: Path) -> None:
        self.python = python
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "XLA_FLAGS": flags}
        command = [str(python), "-m", "benchmarks.differential_equation_peers", "serve"]
        self.processes: dict[str, Any] = {}
        self.start = partial(
            subprocess.Popen, command, env=self.environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __repr__(self) -> str:
        return f"<peers of {self.python}>"

    def ask(self, name: str, library: str, what: str, count: int) -> dict[str, float]:
        """Return the answer to a row."""
        kind = library.split()[0]
        process = self.processes.setdefault(kind, None) or self.start(bufsize=1)
        self.processes[kind] = process
        process.stdin.write(f"{name}\t{library}\t{what}\t{count}\n")
        answer: dict[str, float] = json.loads(process.stdout.readline())
        return answer

    def times(self, name: str, library: str, what: str) -> Callable[[int], float]:
        """Return what times a row."""
        return lambda count: self.ask(name, library, what, count)["seconds"]

    def first(self, name: str, library: str) -> float:
        """Return the seconds of the first gradient in a new process."""
        command = [str(self.python), "-m", "benchmarks.differential_equation_peers", "first", name, library]
        return float(json.loads(subprocess.check_output(command, env=self.environment, text=True))["seconds"])


# ---- small systems ---------------------------------------------------------------------------------------------------


def small(problem: Problem, method: str) -> dict[str, Callable[[], Any]]:
    """Return compiled functions: the sum of the state at the end, and that with its gradient."""
    at = (problem.y0, *[np.asarray(x, float) for x in problem.theta])
    end = np.array([problem.t_span[1]])

    def total(y0: Any, *theta: Any) -> Any:
        atol = TOLERANCE * problem.scale
        answer = ag.integrate.solve_ivp(
            problem.slopes, problem.t_span, y0, method, end, args=theta, rtol=TOLERANCE, atol=atol
        )
        return answer.y.sum()

    value, both = ag.compile(total), ag.compile(ag.value_and_grad(total, tuple(range(len(at)))))
    y0, *theta = at
    new = fresh(y0)
    return {"value": lambda: float(value(new(), *theta)), "gradient": lambda: float(both(new(), *theta)[0])}


def small_rows(peers: Peers | None, groups: Any) -> Iterator[Cost]:
    """Yield the rows of small systems."""
    for name in SMALL:
        problem = BY_NAME[name]
        true = float(problem.reference.y.sum())
        for method in ("Rodas5P",) if problem.stiff else ("Tsit5", "Dopri8"):
            ours = small(problem, method)
            libraries = ("diffrax" if method != "Dopri8" else "diffrax Dopri8", "casadi")
            for library in libraries if peers else ():
                errors = [abs(ours["value"]() - true), abs(peers.ask(name, library, "value", 1)["value"] - true)]
                print(f"  {name}, errors of {method} and {library}: {errors[0]:.1e}, {errors[1]:.1e}", flush=True)
                for what, run in ours.items():
                    peer = peers.times(name, library, what)
                    yield Cost(f"{name}, {what}: {method}, compiled / {library}", 1.0, timed(run, 60), peer)


def first_rows(peers: Peers | None, groups: Any) -> Iterator[Cost]:
    """Yield the rows of first calls, in processes of their own, imports included."""
    for name in ("lotka_volterra", "hires"):
        for library in ("diffrax", "casadi") if peers else ():
            command = [sys.executable, "-m", "benchmarks.differential_equation_costs", "--first", name]

            def ours(count: int, command: Any = command) -> float:
                return float(json.loads(subprocess.check_output(command, cwd=ROOT, text=True))["seconds"])

            def theirs(count: int, name: str = name, library: str = library) -> float:
                return peers.first(name, library) if peers else 0.0

            goal = 0.05 if library == "diffrax" else None
            yield Cost(f"{name}, the first gradient / {library}", goal, ours, theirs)


def first(name: str) -> float:
    """Return the seconds of the first gradient, compiled."""
    begin = time.perf_counter()
    problem = BY_NAME[name]
    small(problem, "Rodas5P" if problem.stiff else "Tsit5")["gradient"]()
    return time.perf_counter() - begin


# ---- Robertson's reactions, many times over --------------------------------------------------------------------------

RATES = np.array([0.04, 3e7, 1e4])


def reactions(t: Any, y: Any, k: Any) -> Any:
    """Robertson's reactions for m groups: y of shape (3 m,), k of shape (3, m)."""
    a, b, c = y.reshape(3, -1)
    first, second, third = k[0] * a, k[1] * b**2, k[2] * b * c
    return np.concatenate([third - first, first - third - second, second])


def robertson_rows(peers: Peers | None, groups: Any) -> Iterator[Cost]:
    """Yield the rows of large stiff systems."""
    for m in groups:
        k = RATES[:, None] * (1 + 0.1 * np.cos(np.arange(m)))
        y0 = np.concatenate([np.ones(m), np.zeros(2 * m)])
        atol = 1e-8 * np.repeat([1.0, 1e-4, 1.0], m)
        options: dict[str, Any] = {"rtol": 1e-8, "atol": atol}
        pattern = scipy.sparse.kron(np.ones((3, 3)), scipy.sparse.eye(m)).tocsc()
        sparse = {"jac_sparsity": pattern} if m >= 100 else {}

        def scipy_forward(k: Any = k, y0: Any = y0, more: Any = (options, sparse)) -> Any:
            more = {**more[0], **more[1]}
            return (
                scipy.integrate.solve_ivp(reactions, (0.0, 1e3), y0, "BDF", [1e3], args=(k,), **more)
                .y[: len(y0) // 3]
                .sum()
            )

        def total(k: Any, method: str, y0: Any = y0, options: Any = options) -> Any:
            answer = ag.integrate.solve_ivp(reactions, (0.0, 1e3), y0, method, [1e3], args=(k,), **options)
            return answer.y[: len(y0) // 3].sum()

        beside = "SciPy's, differences" + (" of its sparsity" if sparse else "")
        for method in ("BDF", "Rodas5P"):
            forward, both = (
                ag.compile(partial(total, method=method)),
                ag.compile(ag.value_and_grad(partial(total, method=method))),
            )
            warm = 3 if m < 1000 else 1
            goal = 1.0 if 3 * m >= 10 else None
            name = f"{3 * m} equations, {method}"
            rates = fresh(k)
            sides = [timed(lambda f=f, rates=rates: f(rates()), warm) for f in (forward, both)]
            yield Cost(f"{name}: forward / {beside}", goal, sides[0], timed(scipy_forward))
            yield Cost(f"{name}: gradient / {beside}", 3.0, sides[1], timed(scipy_forward))


# ---- fits ------------------------------------------------------------------------------------------------------------


def fit_rows(peers: Peers | None, groups: Any) -> Iterator[Cost]:
    """Yield the rows of fits: all parameters from the solution at 40 times, with noise."""
    rng = np.random.default_rng(0)
    cases = (
        ("lotka_volterra", np.linspace(0.25, 10.0, 40), np.array([1.5, 1.0, 3.0, 1.0]), "RK45", "Tsit5"),
        ("robertson", np.logspace(-2, 3, 40), np.ones(3), "BDF", "Rodas5P"),
    )
    for name, times, true, method, own in cases:
        problem = BY_NAME[name]
        span = (0.0, float(times[-1]))
        atol = 1e-8 * np.ones(problem.y0.size) * (np.array([1.0, 1e-4, 1.0]) if name == "robertson" else 1.0)

        def f(t: Any, y: Any, *p: Any, problem: Problem = problem) -> Any:
            if problem.name == "robertson":
                return problem.slopes(t, y, np.stack([RATES[i] * p[i] for i in range(3)]))
            return problem.slopes(t, y, *p)

        def states(solve: Any, method: str, p: Any, f: Any = f, more: Any = (span, problem.y0, times, atol)) -> Any:
            span, y0, times, atol = more
            return solve(f, span, y0, method, times, args=tuple(p), rtol=1e-8, atol=atol).y

        data = states(scipy.integrate.solve_ivp, method, true)
        scale = np.abs(data).max(1, keepdims=True)
        data = data + 0.01 * scale * rng.normal(size=data.shape)
        start = true * (1 + 0.1 * np.cos(np.arange(true.size)))

        def residuals(p: Any, solve: Any, method: str, of: Any = (states, data, scale)) -> Any:
            states, data, scale = of
            return ((states(solve, method, p) - data) / scale).ravel()

        beside = partial(residuals, solve=scipy.integrate.solve_ivp, method=method)
        for m in (method, own):
            ours = partial(residuals, solve=ag.integrate.solve_ivp, method=m)
            result, new = ag.optimize.least_squares(ours, start), fresh(start)
            other = scipy.optimize.least_squares(beside, start)
            print(
                f"  {name}, {m}: {result.nfev} and {other.nfev} residuals, x apart {abs(result.x - other.x).max():.1e}"
            )
            yield Cost(
                f"fit of {name}, {m} / SciPy's {method}, differences",
                1.0,
                timed(lambda ours=ours, new=new: ag.optimize.least_squares(ours, new())),
                timed(partial(scipy.optimize.least_squares, beside, start)),
            )


# ---- memory ----------------------------------------------------------------------------------------------------------


def memory(steps: int = 1_000_000) -> dict[str, float]:
    """Return what a gradient through many steps takes: peak memory beyond that of a short one, and times."""
    import resource

    def total(k: Any, count: int, budget: int | None) -> Any:
        h = 1e-2
        answer = ag.integrate.solve_ivp(
            lambda t, y, k: np.stack([y[1], -k * y[0]]), (0.0, h * count), np.array([1.0, 0.0]), "Dopri5",
            [h * count], args=(k,), rtol=1e3, atol=1e3, first_step=h, max_step=h, max_bytes=budget, max_steps=2 * count,
        )  # fmt: skip
        return answer.y.sum()

    both = ag.value_and_grad(total)
    same = [both(1.0, 20_000, budget)[1] for budget in (None, 50_000)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin = time.process_time()
    total(1.0, steps, 10_000_000)
    middle = time.process_time()
    both(1.0, steps, 10_000_000)
    end = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ratio = (end - middle) / (middle - begin)
    return {"megabytes": (peak - before) / 1024, "gradient / forward": ratio, "same bits": float(same[0] == same[1])}


def memory_rows(peers: Peers | None, groups: Any) -> Iterator[Cost]:
    """Print the row of memory."""
    command = [sys.executable, "-m", "benchmarks.differential_equation_costs", "--memory"]
    print(f"  10^6 steps: {subprocess.check_output(command, cwd=ROOT, text=True).strip()}; goal 100 MB", flush=True)
    yield from ()


ROWS = {"small": small_rows, "first": first_rows, "robertson": robertson_rows, "fits": fit_rows, "memory": memory_rows}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, help="a Python with diffrax and CasADi")
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--groups", nargs="*", type=int, default=[1, 10, 100, 1000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--first", help=argparse.SUPPRESS)
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first:
        print(json.dumps({"seconds": first(options.first)}))
        return
    if options.memory:
        print(json.dumps(memory()))
        return
    print(f"instructions: {INSTRUCTIONS}")
    peers = Peers(options.peers) if options.peers else None
    rows = [["what", "goal", "ratio, median (quartiles)", "", "ours, ms", "beside, ms"]]
    for kind in options.rows:
        for cost in ROWS[kind](peers, options.groups):
            rows.append(measured(cost, options.rounds))
            print(rows[-1], flush=True)
    print("\n".join(aligned(rows)))


if __name__ == "__main__":
    main()
