"""What derivatives of solutions cost, beside the solves, one factorization, and other libraries.

    python -m benchmarks.solutions                       # ours
    python -m benchmarks.solutions --peers PYTHON        # beside jaxopt, optimistix and qpax, in a Python that has them

Each row is a ratio of two times that are taken in turns, in processor time on one thread: the median and the quartiles.
No factorization is kept from one call to the next, and each quadratic program is another one.
Whether derivatives are right is what `benchmarks.solution_problems` asks.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
import scipy.sparse.linalg

import autograd_lite as ag
from autograd_lite import nn, sparse
from autograd_lite.solutions import factors, linear_systems
from benchmarks.report import Spread, aligned, short
from benchmarks.solution_peers import PROGRAMS, THREE, three

Array = np.ndarray
Run = Callable[[], Any]


class Cost(NamedTuple):
    """Two things whose times are compared.

    Attributes:
        what: the name of the row.
        goal: the most that the ratio may be; None if it is only published.
        ours: runs ours a number of times and returns seconds of one.
        beside: so does what it is compared with.
    """

    what: str
    goal: float | None
    ours: Callable[[int], float]
    beside: Callable[[int], float]


def timed(f: Run, undo: Run = lambda: None) -> Callable[[int], float]:
    """Return a function that times calls; `undo` comes before each, and is not timed."""

    def seconds(count: int) -> float:
        total = 0.0
        for _ in range(count):
            undo()
            linear_systems._RECENT = linear_systems.RecentResults(256, 1 << 26)
            begin = time.process_time()
            f()
            total += time.process_time() - begin
        return total / count

    return seconds


def backward(forward: Run) -> Callable[[int], float]:
    """Return a function that times the gradient of a number that `forward` returns, without the solve."""
    results: list[Any] = []
    return timed(lambda: results.pop().backward(), lambda: results.append(forward()))


@contextmanager
def counted() -> Iterator[list[str]]:
    """Count factorizations of matrices: their names, in order."""
    seen: list[str] = []
    names = [name for name in vars(factors) if name.startswith("factor_")]
    before = {name: vars(linear_systems)[name] for name in names if name in vars(linear_systems)}
    for name, f in before.items():

        def count(*args: Any, _name: str = name, _f: Any = f, **more: Any) -> Any:
            seen.append(_name)
            return _f(*args, **more)

        setattr(linear_systems, name, count)
    try:
        yield seen
    finally:
        for name, f in before.items():
            setattr(linear_systems, name, f)


# ---- rows ------------------------------------------------------------------------------------------------------------


def _factored(factor: Any, matrix: Any, z: Array, b: Array) -> Any:
    return factor(np.asarray(matrix(z, b)))


def dense(n: int = 500) -> Iterator[Cost]:
    """The gradients of a root and of a minimum with dense matrices, beside the matrix and one factorization of it."""
    rng = np.random.default_rng(0)
    m, b = rng.normal(size=(n, n)) / np.sqrt(n) + 3 * np.eye(n), rng.normal(size=n)
    square = m.T @ m

    def equations(z: Any, t: Any) -> Any:
        return m @ z + 0.1 * np.tanh(z) - t

    def objective(z: Any, t: Any) -> Any:
        return 0.5 * (z @ (square @ z)) + 0.1 * (z**4).sum() - t @ z

    def root(t: Any) -> Any:
        return ag.optimize.root(equations, np.zeros(n), (t,), compiled=True).x.sum()

    def minimum(t: Any) -> Any:
        return ag.optimize.minimize(objective, np.zeros(n), (t,), method="trust-exact", compiled=True).x.sum()

    rows = (
        (root, ag.jacobian(equations), scipy.linalg.lu_factor),
        (minimum, ag.hessian(objective), scipy.linalg.cho_factor),
    )
    for solve, matrix, factor in rows:
        compiled, z = ag.compile(matrix), np.zeros(n)

        def forward(solve: Any = solve) -> Any:
            return solve(ag.tensor(b, requires_grad=True))

        with counted() as seen:
            forward().backward()
        what = f"gradient of a {solve.__name__}, n = {n}"
        print(f"  {what}: {len(seen)} factorization(s), {', '.join(seen)}; goal 1.2")
        beside = timed(partial(_factored, factor, compiled, z, b))
        yield Cost(f"{what} / dF/dx and its factorization", 1.2, backward(forward), beside)


def chain(z: Any, t: Any) -> Any:
    """Broyden's tridiagonal equations."""
    zero = np.zeros(1)
    return (3 - t * z) * z - np.concatenate([zero, z[:-1]]) - 2 * np.concatenate([z[1:], zero]) + 1


def banded(n: int = 10_000) -> Cost:
    """The gradient of a root of n equations of a band, beside a step of Newton's method."""

    def forward() -> Any:
        t = ag.tensor(np.full(n, 2.0), requires_grad=True)
        return ag.optimize.root(lambda z: chain(z, t), -np.ones(n), tol=1e-10).x.sum()

    t = np.full(n, 2.0)
    z = np.asarray(ag.optimize.root(lambda z: chain(z, t), -np.ones(n)).x)
    jacobian = sparse.jacobian(lambda z: chain(z, t))

    def step() -> Any:
        return z - scipy.sparse.linalg.splu(jacobian(z).tocsc()).solve(chain(z, t))

    return Cost("banded root, n = 10,000: gradient / Newton's step", 3.0, backward(forward), timed(step))


def equilibrium(size: int = 128, batch: int = 32) -> Cost:
    """The backward of a deep equilibrium layer beside its forward."""
    rng = np.random.default_rng(0)
    w = 0.9 * np.linalg.qr(rng.normal(size=(size, size)))[0]
    x = rng.normal(size=(batch, size))

    def forward() -> Any:
        t = ag.tensor(w, requires_grad=True)
        out = ag.fixed_point(lambda z: np.tanh(z @ t + x), np.zeros((batch, size)))
        return (out.x * out.x).sum()

    return Cost(f"equilibrium layer, {batch} x {size}: backward / forward", 1.1, backward(forward), timed(forward))


def layer(units: int = 128, batch: int = 64) -> Cost:
    """The backward of a compiled `nn.layers.FixedPoint` beside its forward, in float32."""
    ag.set_seed(0)
    z, x = nn.layers.Input((units,)), nn.layers.Input((units,))
    h = nn.layers.Add()([nn.layers.Dense(units)(z), nn.layers.Dense(units, use_bias=False)(x)])
    equilibrium = nn.layers.FixedPoint(nn.models.Model([z, x], nn.layers.Activation("tanh")(h)))
    values = np.random.default_rng(0).normal(size=(batch, units)).astype(np.float32)

    def loss(x: Any) -> Any:
        return (equilibrium(x) ** 2).sum()

    def both(x: Any) -> Any:
        equilibrium.zero_grad()
        out = loss(x)
        out.backward()
        return out

    forward, training = [ag.compile(f) for f in (loss, both)]
    alone, together = timed(lambda: forward(values)), timed(lambda: training(values))
    for _ in range(40):  # plans are made
        alone(1), together(1)
    name = f"nn.layers.FixedPoint, {batch} x {units}, compiled: backward / forward"
    return Cost(name, 1.1, lambda count: together(count) - alone(count), alone)


def small_root(compiled: bool) -> Callable[[int], float]:
    """Return what times the gradient of a root of three equations, the solve included."""
    start, t = THREE
    gradient = ag.grad(lambda t: ag.optimize.root(lambda z: three(np, z, t), start).x.sum())
    run = ag.compile(gradient) if compiled else gradient
    return timed(lambda: run(t))


def small_program() -> Callable[[int], float]:
    """Return what times the compiled gradient of a quadratic program, the solve included; each is unrelated."""
    run = ag.compile(ag.grad(lambda q, p, *rest: ag.optimize.qp(p, q, *rest).x.sum()))
    programs = itertools.cycle([(q, p, *rest) for p, q, *rest in PROGRAMS])
    return timed(lambda: run(*next(programs)))


# ---- the run ---------------------------------------------------------------------------------------------------------


class Peers:
    """Other libraries, in a Python of their own.

    Args:
        python: its path.
    """

    def __init__(self, python: Path) -> None:
        here = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        command = [str(python), "-m", "benchmarks.solution_peers", "costs"]
        self.process = subprocess.Popen(
            command, env=here, text=True, bufsize=1, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __repr__(self) -> str:
        return f"<peers, process {self.process.pid}>"

    def times(self, name: str, library: str) -> Callable[[int], float]:
        """Return what times a row in a library."""

        def seconds(count: int) -> float:
            assert self.process.stdin is not None
            assert self.process.stdout is not None
            self.process.stdin.write(f"{name}\t{library}\t{count}\n")
            return float(json.loads(self.process.stdout.readline())["seconds"])

        return seconds


def costs(peers: Peers | None) -> Iterator[Cost]:
    """Yield the rows."""
    yield from dense()
    yield banded()
    yield equilibrium()
    yield layer()
    if peers is not None:
        for name, how in (("program", "tol=1e-3, its default"), ("exact program", "tol=1e-8")):
            yield Cost(
                f"program, n = 100: compiled / qpax, jit, {how}", 1.0, small_program(), peers.times(name, "qpax")
            )
        for library in ("jaxopt", "optimistix"):
            for compiled in (False, True):
                how = "compiled" if compiled else "eager"
                peer = peers.times("root", library)
                yield Cost(f"root, n = 3: {how} / {library}, jit", None, small_root(compiled), peer)


def measured(cost: Cost, rounds: int) -> list[str]:
    """Return a row of the table: its name, its goal, what was measured, and the two times."""
    ours, beside, ratios = [], [], []
    cost.ours(2), cost.beside(2)  # prepares
    count = max(1, int(0.05 / max(cost.ours(1), 1e-5)))
    for _ in range(rounds):
        ours.append(cost.ours(count))
        beside.append(cost.beside(count))
        ratios.append(ours[-1] / beside[-1])
    ratio = Spread.of(ratios)
    verdict = "" if cost.goal is None else "met" if ratio.median <= cost.goal else "MISSED"
    goal = "" if cost.goal is None else short(cost.goal)
    times = [f"{1e3 * np.median(side):.3g}" for side in (ours, beside)]
    return [cost.what, goal, str(ratio), verdict, *times]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, help="a Python with JAX, jaxopt, optimistix and qpax")
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    rows = [["what", "goal", "ratio, median (quartiles)", "", "ours, ms", "beside, ms"]]
    for cost in costs(Peers(options.peers) if options.peers else None):
        rows.append(measured(cost, options.rounds))
        print(rows[-1], flush=True)
    print("\n".join(aligned(rows)))


if __name__ == "__main__":
    main()
