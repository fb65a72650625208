"""What it costs to compile: microseconds per operation, of each step on the way from a function to its replay.

    python -m benchmarks.tracing                      # five programs at two sizes each
    python -m benchmarks.tracing lu --rounds 5
    python -m benchmarks.tracing kalman --profile trace    # where the time goes: of `trace`, `passes`, `plan`
    python -m benchmarks.tracing --json results.json

`run` is the function without a compiler, `trace` one of the two calls that record it, `passes` what is made of the
program, `plan` the rest of making the replay; `operations` are those that were recorded, with the backward pass. Where
the cost is linear, the figures of both sizes are alike. Times are of the processor, of the fastest round.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import pstats
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as ag
from autograd_lite.compiler.compiled_function import Compiled
from autograd_lite.compiler.passes.pass_pipeline import optimize
from nn.layers import Dense, Input
from nn.losses import mean_squared_error
from nn.models import Sequential
from nn.optimizers import Adam

Made = tuple[Callable[..., Any], tuple[Any, ...]]
STEPS = ("run", "trace", "passes", "plan")
RNG = np.random.default_rng(0)


def chain(n: int) -> Made:
    """Return the gradients of an elementwise chain of n operations."""

    def f(h: Any, w: Any, x: Any) -> Any:
        for _ in range(n // 3):
            h = np.tanh(h * w + x)
        return h.sum()

    a = np.full(16, 0.3)
    return ag.grad(f, (0, 1, 2)), (a, a, a)


def kalman(n: int) -> Made:
    """Return the log-likelihood of a local linear trend over n observations, and its gradient."""
    observed = RNG.normal(size=n).cumsum()
    move, look = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 0.0]])

    def f(logs: Any) -> Any:
        noise, q = np.exp(logs[0]), np.diag(np.exp(logs[1:]))
        mean, cov, total = np.zeros(2), np.eye(2) * 10.0, 0.0
        for t in range(n):
            mean, cov = move @ mean, move @ cov @ move.T + q
            error = observed[t] - (look @ mean)[0]
            spread = (look @ cov @ look.T)[0, 0] + noise
            gain = (cov @ look.T)[:, 0] / spread
            mean, cov = mean + gain * error, cov - np.outer(gain, gain) * spread
            total = total - 0.5 * (np.log(spread) + error**2 / spread)
        return total

    return ag.value_and_grad(f), (np.array([0.1, -0.2, -0.3]),)


def lu(n: int) -> Made:
    """Return the log determinant of an n × n matrix by elimination, row by row in place, and its gradient."""

    def f(a: Any) -> Any:
        a = a.copy()
        for k in range(n - 1):
            for i in range(k + 1, n):
                a[i, k] = a[i, k] / a[k, k]
                a[i, k + 1 :] -= a[i, k] * a[k, k + 1 :]
        return sum([np.log(a[k, k]) for k in range(n)])

    return ag.value_and_grad(f), (RNG.normal(size=(n, n)) * 0.1 + n * np.eye(n),)


def adam(n: int) -> Made:
    """Return a step of Adam with n parameters of three elements."""
    weights = [ag.tensor(RNG.normal(size=3), requires_grad=True) for _ in range(n)]
    optimizer = Adam(0.01)
    optimizer.build(weights)

    def step(x: Any) -> Any:
        loss = sum([(w * x).sum() for w in weights], x.sum())
        loss.backward()
        optimizer.apply_gradients([(w.grad, w) for w in weights])
        for w in weights:
            w.grad = None
        return loss.detach()

    return step, (np.ones(3),)


def mlp(n: int) -> Made:
    """Return a training step of a network of n layers."""
    model = Sequential([Input((8,)), *[Dense(8, activation="tanh") for _ in range(n)]])
    optimizer = Adam(0.01, parameters=model.parameters())

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = mean_squared_error(y, model(x)).mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    x = RNG.normal(size=(16, 8)).astype(np.float32)
    return step, (x, np.tanh(x))


# Each program with its two sizes.
PROGRAMS: dict[str, tuple[Callable[[int], Made], int, int]] = {
    "chain": (chain, 1000, 4000),
    "kalman": (kalman, 50, 200),
    "lu": (lu, 20, 40),
    "adam": (adam, 500, 2000),
    "mlp": (mlp, 4, 16),
}


class Cost(NamedTuple):
    """What compiling a program costs.

    Attributes:
        operations: how many were recorded.
        seconds: of each step.
    """

    operations: int
    seconds: dict[str, float]


class Clock:
    """Times steps, and profiles one of them if asked to."""

    def __init__(self, profiled: str = "") -> None:
        self.seconds = dict.fromkeys(STEPS, float("inf"))
        self.profile = cProfile.Profile()
        self._profiled = profiled

    def time(self, step: str, call: Callable[[], Any]) -> float:
        """Time a call, keep the least of its step's times, and return this one."""
        if step == self._profiled:
            self.profile.enable()
        begin = time.process_time()
        try:
            call()
        finally:
            seconds = time.process_time() - begin
            self.profile.disable()
        self.seconds[step] = min(self.seconds[step], seconds)
        return seconds


def compile_once(made: Made, clock: Clock) -> int:
    """Compile a program step by step, and return how many operations were recorded."""
    f, arguments = made
    compiled = Compiled(f)
    compiled.plans_later = True  # the third call makes the replay of what the first two have recorded
    gc.collect()
    clock.time("run", lambda: f(*arguments))
    for _ in range(2):
        clock.time("trace", lambda: compiled(*arguments))
    (trace,) = compiled.traces
    assert trace.first is not None, compiled.explain()
    program = trace.first.program
    passes = clock.time("passes", lambda: optimize(program))
    profiled = clock.time("plan", lambda: compiled(*arguments))
    clock.seconds["plan"] = min(clock.seconds["plan"], max(profiled - passes, 0.0))
    return len(program.calls)


def cost_of(name: str, n: int, rounds: int, clock: Clock) -> Cost:
    """Return what compiling a program of a size costs."""
    program = PROGRAMS[name][0]
    operations = [compile_once(program(n), clock) for _ in range(rounds)][-1]
    return Cost(operations, clock.seconds)


def row(name: str, n: int, cost: Cost) -> str:
    """Return a row of the table."""
    each = {step: 1e6 * cost.seconds[step] / cost.operations for step in STEPS}
    first = 1e3 * (2 * cost.seconds["trace"] + cost.seconds["passes"] + cost.seconds["plan"])
    figures = " | ".join(f"{each[step]:.1f}" for step in STEPS)
    whole = each["trace"] + each["passes"] + each["plan"]
    return f"| {name} {n} | {cost.operations} | {figures} | {whole:.1f} | {first:.1f} |"


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="*", metavar="program", help=", ".join(PROGRAMS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", choices=STEPS, help="print where the time of a step goes, at the larger size")
    parser.add_argument("--json", help="write the times there, too")
    asked = parser.parse_args()
    print("| program | operations | run | trace | passes | plan | trace to plan, µs an operation | whole, ms |")
    print("|---|---|---|---|---|---|---|---|")
    costs: dict[str, Any] = {}
    for name in asked.programs or PROGRAMS:
        for n in PROGRAMS[name][1:]:
            clock = Clock(asked.profile if n == PROGRAMS[name][2] else "")
            cost = cost_of(name, n, asked.rounds, clock)
            costs[f"{name} {n}"] = cost._asdict()
            print(row(name, n, cost), flush=True)
            if asked.profile and n == PROGRAMS[name][2]:
                pstats.Stats(clock.profile).sort_stats("tottime").print_stats(45)
    if asked.json:
        with open(asked.json, "w") as file:
            json.dump(costs, file, indent=1)


if __name__ == "__main__":
    main()
