"""Sparse derivatives and solves with them, beside CasADi, SciPy's differences, sparsediffpy and asdex.

    python -m benchmarks.sparse                         # derivatives of stencils and of three large problems
    python -m benchmarks.sparse --only power --c        # CasADi's also as C, which takes gcc minutes
    python -m benchmarks.sparse --solve                 # the large problems by Ipopt, here and in CasADi
    python -m benchmarks.sparse --peak                  # what preparing a million unknowns takes in memory
    AUTOGRAD_LITE_ASDEX_PYTHON=/path/to/python python -m benchmarks.sparse

asdex wants Python 3.12 and JAX 0.11 or newer, so it has a Python of its own, which that variable names; without it,
asdex is left out. All contenders take turns, one round each; times are medians with quartiles, in processor time, on
one thread. CasADi evaluates into buffers of its own; ours returns a new `csr_array` in each call.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as ag
from autograd_lite import sparse

from . import sparse_problems
from .sparse_problems import NUMPY, PROBLEMS, SPARSE, Large, Spelling

Run = Callable[[], Any]
ASDEX = "AUTOGRAD_LITE_ASDEX_PYTHON"


class Contender(NamedTuple):
    """What a contender does with a matrix.

    Attributes:
        prepare: seconds until the pattern is colored, or the matrix an expression.
        seconds: runs it a number of times; returns the seconds that one took.
        nnz: how many entries it stores.
        probe: the sum of the sizes of its product with random numbers.
    """

    prepare: float
    seconds: Callable[[int], float]
    nnz: int
    probe: float


def per_call(f: Run) -> Callable[[int], float]:
    """Return a function that times calls of `f`."""

    def seconds(count: int) -> float:
        begin = time.process_time()
        for _ in range(count):
            f()
        return (time.process_time() - begin) / count

    return seconds


def clocked(f: Run) -> tuple[float, Any]:
    """Return the seconds that a call takes, and its result."""
    begin = time.process_time()
    result = f()
    return time.process_time() - begin, result


def probe(matrix: Any) -> float:
    """Return what two matrices that are equal have in common."""
    return float(np.abs(matrix @ np.random.default_rng(1).normal(size=matrix.shape[1])).sum())


def ours(f: Callable[..., Any], args: tuple[Any, ...], hessian: bool) -> Contender:
    """Return this library as a contender."""
    derivative = (sparse.hessian if hessian else sparse.jacobian)(f)
    prepare, _ = clocked(lambda: derivative.colors(*args))
    for _ in range(5):  # traced, compiled
        matrix = derivative(*args)
    return Contender(prepare, per_call(lambda: derivative(*args)), matrix.nnz, probe(matrix))


# ---- CasADi ----------------------------------------------------------------------------------------------------------


def buffered(function: Any, args: tuple[Any, ...], keep: list[Any]) -> Run:
    """Return a call of a function of CasADi that reads and writes arrays where they are."""
    inputs = [np.ascontiguousarray(a, dtype=float) for a in args]
    outputs = [np.zeros(function.nnz_out(i)) for i in range(function.n_out())]
    buffer, run = function.buffer()
    for i, a in enumerate(inputs):
        buffer.set_arg(i, memoryview(a))
    for i, a in enumerate(outputs):
        buffer.set_res(i, memoryview(a))
    keep += [buffer, inputs, outputs]
    return run


def casadi_module() -> tuple[Any, Spelling]:
    """Return CasADi, whose functions of NumPy return symbols without a warning, and how it spells.

    A square of it is the transpose of NumPy's, on which the stencils act alike.
    """
    import casadi

    if hasattr(casadi.GlobalOptions, "setNumpyMode"):
        casadi.GlobalOptions.setNumpyMode(-1)
    spelling = Spelling(
        casadi.sum1,
        lambda *parts, axis=0: casadi.horzcat(*parts) if axis else casadi.vertcat(*parts),
        lambda x, places: x[places.tolist()],
        lambda matrix, x: casadi.mtimes(casadi.DM(matrix.tocsc()), x),
        lambda x, n: x.reshape((n, n)),
        lambda a: a.reshape((-1, 1)),
    )
    return casadi, spelling


def casadi_contender(
    f: Callable[..., Any], args: tuple[Any, ...], hessian: bool, c: bool = False, keep: list[Any] | None = None
) -> Contender:
    """Return CasADi as a contender, its own machine or C."""
    casadi, _ = casadi_module()

    def make() -> Any:
        symbols = [casadi.SX.sym(f"x{i}", len(a)) for i, a in enumerate(args)]
        value = f(*symbols)
        matrix = casadi.hessian(value, symbols[0])[0] if hessian else casadi.jacobian(value, symbols[0])
        compiled = {"jit": True, "compiler": "shell", "jit_options": {"flags": ["-O2"]}} if c else {}
        return casadi.Function("matrix", symbols, [matrix], compiled)

    prepare, function = clocked(make)
    matrix = function(*args).sparse()
    keep = [] if keep is None else keep
    run = buffered(function, args, keep)

    def seconds(count: int, keep: list[Any] = keep) -> float:
        return per_call(run)(count)

    return Contender(prepare, seconds, matrix.nnz, probe(matrix))


# ---- SciPy's differences, sparsediffpy, asdex ------------------------------------------------------------------------


def scipy_contender(f: Callable[..., Any], args: tuple[Any, ...], pattern: Any) -> Contender:
    """Return SciPy's differences of a Jacobian, told the pattern."""
    from scipy.optimize._numdiff import approx_derivative, group_columns

    prepare, groups = clocked(lambda: group_columns(pattern))

    def run() -> Any:
        return approx_derivative(f, args[0], method="2-point", sparsity=(pattern, groups), args=args[1:])

    matrix = run()
    return Contender(prepare, per_call(run), matrix.nnz, probe(matrix))


def sparsediffpy_contender(row: sparse_problems.Sparse) -> Contender | None:
    """Return sparsediffpy as a contender for the tridiagonal Jacobian, written in its expressions."""
    from scipy.sparse import csr_array
    from sparsediffpy import _sparsediffengine as engine

    n, x = row.size, row.point()

    def make() -> Any:
        v = engine.make_variable(n, 1, 0, n)
        part = [engine.make_index(v, n - 2, 1, np.arange(i, i + n - 2, dtype=np.int32)) for i in range(3)]
        square = engine.make_power(part[1], 2.0)
        terms = [(part[1], 3.0), (square, -2.0), (part[0], -1.0), (part[2], -2.0)]
        scaled = [
            engine.make_param_scalar_mult(engine.make_parameter(1, 1, -1, n, np.array([by])), a) for a, by in terms
        ]
        whole = scaled[0]
        for a in scaled[1:]:
            whole = engine.make_add(whole, a)
        problem = engine.make_problem(engine.make_sum(square, -1), [whole], False)
        engine.problem_init_derivatives(problem)
        engine.problem_constraint_forward(problem, x)
        return problem

    prepare, problem = clocked(make)
    data, indices, indptr, shape = engine.problem_jacobian(problem)

    def run() -> Any:
        engine.problem_constraint_forward(problem, x)
        return engine.problem_jacobian(problem)

    return Contender(prepare, per_call(run), len(data), probe(csr_array((data, indices, indptr), shape=shape)))


class Asdex:
    """The other Python."""

    def __init__(self, python: str) -> None:
        command = [python, "-m", "benchmarks.sparse_asdex"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, name: str, count: int = 0) -> dict[str, Any]:
        """Return its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{name}\t{count}\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def contender(self, name: str) -> Contender:
        """Return asdex under `jax.jit` as a contender."""
        answer = self.ask(name)
        return Contender(
            answer["prepare"], lambda count: self.ask(name, count)["seconds"], answer["nnz"], answer["probe"]
        )


# ---- rounds ----------------------------------------------------------------------------------------------------------


def race(contenders: dict[str, Contender], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each contender in each round, all taking turns."""
    counts = {name: max(1, int(0.02 / max(c.seconds(1), 1e-9))) for name, c in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            times[name].append(contender.seconds(counts[name]))
    return times


def lines(title: str, contenders: dict[str, Contender], rounds: int) -> list[str]:
    """Return rows of the table: what was prepared and evaluated, and ours over each of the others."""
    first = contenders["ours"]
    for name, contender in contenders.items():
        difference = abs(contender.probe - first.probe) / abs(first.probe)
        assert difference < (1e-4 if name == "SciPy's differences" else 1e-9), (title, name, contender.probe)
    times = race(contenders, rounds)
    result = []
    for name, contender in contenders.items():
        low, middle, high = 1e3 * np.percentile(times[name], [25, 50, 75])
        ratio = np.median(np.array(times["ours"]) / np.array(times[name]))
        cells = [title, name, f"{contender.nnz:,}", f"{1e3 * contender.prepare:.3g}"]
        cells.append(f"{middle:.3g} ({low:.3g} to {high:.3g})")
        result.append(f"| {' | '.join(cells)} | {'' if name == 'ours' else f'{ratio:.2g}'} |")
    return result


def of_stencil(name: str, row: sparse_problems.Sparse, asdex: Asdex | None) -> dict[str, Contender]:
    """Return the contenders for a matrix of `SPARSE`."""
    args = (row.point(),)

    f = partial(row.f, by=NUMPY)
    contenders = {"ours": ours(f, args, row.hessian)}
    if row.size <= 50_000:
        _, by = casadi_module()
        contenders["CasADi"] = casadi_contender(partial(row.f, by=by), args, row.hessian)
    if not row.hessian and row.size <= 200_000:
        pattern = sparse.jacobian(f)(*args)
        contenders["SciPy's differences"] = scipy_contender(f, args, pattern)
    if row.f is sparse_problems.tridiagonal:
        contenders["sparsediffpy"] = sparsediffpy_contender(row)
    if asdex is not None and row.size <= 200_000:
        contenders["asdex, jit"] = asdex.contender(name)
    return contenders


def of_large(make: Callable[..., Large], c: bool) -> dict[str, dict[str, Contender]]:
    """Return the contenders for the Jacobian of a problem's constraints and the Hessian of its Lagrangian."""
    problem, noise = make(), np.random.default_rng(0)
    x = problem.start + 0.01 * noise.normal(size=problem.start.size)
    weights = noise.normal(size=problem.g_low.size)
    _, by = casadi_module()

    def functions(by: Spelling) -> dict[str, Callable[..., Any]]:
        one = make(by)
        return {"Jacobian": one.g, "Hessian": lambda x, weights: one.f(x) + by.total(weights * one.g(x))}

    rows = {}
    own, other = functions(NUMPY), functions(by)
    for kind, args in (("Jacobian", (x,)), ("Hessian", (x, weights))):
        hessian = kind == "Hessian"
        rows[kind] = {"ours": ours(own[kind], args, hessian)}
        rows[kind]["CasADi"] = casadi_contender(other[kind], args, hessian)
        if c:
            rows[kind]["CasADi, C"] = casadi_contender(other[kind], args, hessian, c=True)
    return rows


HEADER = ["| matrix | by | nonzeros | prepare, ms | evaluate, ms | ours / it |", "|---|---|---|---|---|---|"]


def derivatives(only: str, rounds: int, c: bool) -> None:
    """Print the table of derivatives, row by row."""
    python = os.environ.get(ASDEX)
    asdex = Asdex(python) if python else None
    print("\n".join(HEADER))
    for name, row in SPARSE.items():
        if only in name and row.size <= 200_000:
            print("\n".join(lines(name, of_stencil(name, row, asdex), rounds)), flush=True)
    for name, make in PROBLEMS.items():
        if only not in name:
            continue
        problem = make()
        function = ag.compile(problem.g)
        for kind, contenders in of_large(make, c).items():
            print("\n".join(lines(f"{name}, {kind}", contenders, rounds)), flush=True)
        function(problem.start)
        for g, title in ((problem.g, "its constraints, NumPy"), (function, "its constraints, compiled")):
            times = [1e3 * per_call(partial(g, problem.start))(20) for _ in range(rounds)]
            low, middle, high = np.percentile(times, [25, 50, 75])
            print(f"| {name} | {title} | | | {middle:.3g} ({low:.3g} to {high:.3g}) | |", flush=True)


# ---- solves ----------------------------------------------------------------------------------------------------------


def by_ipopt(make: Callable[..., Large]) -> tuple[float, int]:
    """Solve it by `minimize(method="ipopt")`; return the value and how many iterations it took."""
    from scipy.optimize import Bounds, NonlinearConstraint

    from autograd_lite import optimize

    problem = make()
    limits = NonlinearConstraint(problem.g, problem.g_low, problem.g_high)
    bounds = Bounds(problem.low, problem.high)
    found = optimize.minimize(problem.f, problem.start, method="ipopt", bounds=bounds, constraints=limits)
    return float(found.fun), found.nit


def by_casadi(make: Callable[..., Large]) -> tuple[float, int]:
    """Solve it by CasADi's `nlpsol`."""
    casadi, by = casadi_module()
    problem = make(by)
    x = casadi.SX.sym("x", len(problem.start))
    quiet = {"ipopt.print_level": 0, "print_time": False, "ipopt.sb": "yes"}
    solver = casadi.nlpsol("solver", "ipopt", {"x": x, "f": problem.f(x), "g": problem.g(x)}, quiet)
    found = solver(x0=problem.start, lbx=problem.low, ubx=problem.high, lbg=problem.g_low, ubg=problem.g_high)
    return float(found["f"]), solver.stats()["iter_count"]


def solves(only: str, rounds: int) -> None:
    """Print the table of solves, everything from the Python functions on included."""
    print("| problem | optimum | ours | iterations | s | CasADi | iterations | s |\n|---|---|---|---|---|---|---|---|")
    for name, make in PROBLEMS.items():
        if only not in name:
            continue
        problem = make()
        cells = [name, f"{problem.optimum:.8g}"]
        turns = [[clocked(partial(by, make)) for by in (by_ipopt, by_casadi)] for _ in range(rounds)]
        for results in zip(*turns, strict=True):
            value, iterations = results[0][1]
            assert abs(value - problem.optimum) < 1e-6 * abs(problem.optimum), (name, value)
            seconds = sorted(one for one, _ in results)
            cells += [f"{value:.8g}", f"{iterations}", f"{seconds[len(seconds) // 2]:.2f} (from {seconds[0]:.2f})"]
        print(f"| {' | '.join(cells)} |", flush=True)


def peak() -> None:
    """Print what preparing a Jacobian of a million unknowns takes, and its first value."""
    import resource

    row = SPARSE["stencil 1000 x 1000"]
    x = row.point()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    derivative = sparse.jacobian(partial(row.f, by=NUMPY))
    prepare, coloring = clocked(lambda: derivative.colors(x))
    prepared = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    evaluate, matrix = clocked(lambda: derivative(x))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{row.size:,} unknowns, {matrix.nnz:,} nonzeros, {coloring.count} colors: prepared in {prepare:.2f} s, ")
    print(f"+{(prepared - before) / 1024:.0f} MiB; first value in {evaluate:.2f} s, {after / 1024:.0f} MiB in all")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="a part of the names of rows")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--c", action="store_true", help="CasADi's expressions of the large problems as C, too")
    parser.add_argument("--solve", action="store_true", help="solve the large problems")
    parser.add_argument("--peak", action="store_true", help="time and memory of a million unknowns")
    asked = parser.parse_args()
    if asked.peak:
        peak()
    elif asked.solve:
        solves(asked.only, asked.rounds)
    else:
        derivatives(asked.only, asked.rounds, asked.c)


if __name__ == "__main__":
    sys.exit(main())
