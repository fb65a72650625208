"""Tracing, planning and writing code take time in proportion to the number of operations."""

from __future__ import annotations

import gc
import itertools
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler.compiled_function import Compiled
from autograd_lite.compiler.replay import Replay
from autograd_lite.core import node
from benchmarks.tracing import adam
from nn.layers import Dense, Input
from nn.models import Sequential


def chain(n: int) -> Any:
    def f(h: Any, w: Any, x: Any) -> Any:
        for _ in range(n // 10):  # three operations forward and seven backward
            h = np.tanh(h * w + x)
        return h.sum()

    a = np.full(4, 0.3)
    return ag.grad(f, (0, 1, 2)), (a, a, a)


def fan(n: int) -> Any:
    """Return a program of many values of many sizes, which end in another order than that in which they began."""

    def f(x: Any) -> Any:
        made = [np.tanh(x[: 1 + k * 7919 % 997] + k) for k in range(n // 4)]
        total = x.sum()
        for k in range(n // 4):
            total = total + (made[k * 7919 % len(made)]).sum()
        return total

    return f, (np.linspace(0, 1, 1000),)


@pytest.mark.ci
@pytest.mark.parametrize(("program", "fewest"), [(chain, 4_000), (fan, 2_000)], ids=["chain", "fan"])
def test_time_is_linear(program: Any, fewest: int) -> None:
    least = {fewest: np.inf, 4 * fewest: np.inf}  # seconds: the least of three is least disturbed
    for n in [*least] * 3:
        f, arguments = program(n)
        compiled = ag.compile(f)
        compiled(*arguments)
        gc.collect()
        gc.disable()  # whose collections look at all objects of the process
        begin = time.thread_time()
        try:
            compiled(*arguments)  # the second run is traced too, and planned
        finally:
            gc.enable()
        least[n] = min(least[n], time.thread_time() - begin)
        (trace,) = compiled.traces
        assert 0.8 * n <= len(trace.replay.plan.calls) <= 1.3 * n
    assert least[4 * fewest] < 6 * least[fewest], least  # 4 if it is linear, 16 if it is quadratic


# ---- by the number of parameters: events are counted, which are the same in every run -------------------------------


def updates(n: int) -> Any:
    """Return the training of many parameters."""
    step, arguments = training(10 * n)
    compiled = ag.compile(step)
    return lambda: [compiled(*arguments) for _ in range(4)], lambda: compiled.traces[-1].replay is not None


def layered(n: int) -> Any:
    """Return the training of a network of many layers."""
    model = Sequential([Input((4,)), *[Dense(4) for _ in range(n // 2)]])
    model.compile("adam", "mse", jit_compile=True)
    x = np.linspace(-1, 1, 24).reshape(6, 4)
    return lambda: model.fit(x, x, batch_size=1, epochs=1, verbose=0), lambda: True


def events(f: Callable[[], Any]) -> int:
    """Return how many calls of functions, of Python and of C, and steps of generators there are in a call."""
    count = itertools.count()
    sys.setprofile(lambda *_: next(count) and None)
    try:
        f()
    finally:
        sys.setprofile(None)
    return next(count)


# ---- planning: by the number of operations, parameters and results ---------------------------------------------------


def filtering(n: int) -> Any:
    """Return the gradient of a filter whose steps are those of a Python loop."""

    def f(noise: Any, drift: Any) -> Any:
        mean, spread, total = np.zeros(2), np.eye(2), 0.0
        for k in range(n // 20):
            mean, spread = drift @ mean, drift @ spread @ drift.T + noise
            gain = np.linalg.solve(spread + np.eye(2), spread).T
            error = np.array([0.1 * k, 1.0]) - mean
            mean, spread = mean + gain @ error, spread - gain @ spread
            total = total + error @ error
        return total

    return ag.value_and_grad(f, (0, 1)), (np.eye(2) * 0.1, np.eye(2) * 0.9)


def elements(n: int) -> Any:
    """Return what a loop over the elements of an array gives: all of them."""

    def f(a: Any) -> Any:
        found = [a[0]]
        for k in range(1, n // 2):
            found.append(a[k] - found[-1] * 0.5)
        return tuple(found)

    return f, (np.linspace(0, 1, n // 2),)


def training(n: int) -> Any:
    """Return a step that trains many parameters."""
    return adam(n // 10)


def steps(f: Callable[[], Any]) -> int:
    """Return how many lines run in a call, those of loops and comprehensions as often as these go around.

    But for those of nodes, of which one in 32 has a tail by a hash of its moment: others in each run.
    """
    count = itertools.count()

    def seen(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code.co_filename == node.__file__:
            return None
        next(count)
        return seen

    around = sys.gettrace()
    gc.collect()  # what other tests have left behind would be cleared by lines of ours, and counted
    gc.disable()
    sys.settrace(seen)
    try:
        f()
    finally:
        sys.settrace(around)
        gc.enable()
    return next(count)


@pytest.mark.parametrize(
    "program", [chain, filtering, training, *[pytest.param(f, marks=pytest.mark.ci) for f in (fan, elements)]]
)
def test_planning_takes_as_many_steps_an_operation_at_any_size(program: Any) -> None:
    took, operations = [], []
    for n in (80, 160, 320):
        f, arguments = program(n)
        compiled = ag.compile(f)
        for _ in range(4):
            compiled(*arguments)
        trace = compiled.traces[-1]
        operations.append(len(trace.replay.passes[0].program.calls))
        took.append(steps(lambda traced=trace.replay.traced: Replay(traced)))
    before, after = ((took[k + 1] - took[k]) / (operations[k + 1] - operations[k]) for k in range(2))
    assert after < 1.02 * before, (took, operations)


@pytest.mark.parametrize("program", [updates, layered])
def test_tracing_is_linear_in_the_number_of_parameters(program: Any) -> None:
    counts = []
    for n in (40, 80):
        run, is_replayed = program(n)
        counts.append(events(run))
        assert is_replayed()
    assert counts[1] < 2.1 * counts[0], counts


# ---- tracing: by operations, results, captures, arguments ------------------------------------------------------------

Made = tuple[Callable[..., Any], tuple[Any, ...]]
X = np.linspace(0.5, 1.0, 3)


def chained(n: int) -> Made:
    def f(x: Any) -> Any:
        for _ in range(n):
            x = np.tanh(x * 0.5)
        return x.sum()

    return ag.value_and_grad(f), (X,)


def results(n: int) -> Made:
    return lambda x: {f"x{k}": x * k for k in range(n)}, (X,)


def results_with_a_history(n: int) -> Made:
    weights = [ag.tensor(X * k, requires_grad=True) for k in range(n)]

    return lambda x: [(w * x).sum() for w in weights], (X,)


def arguments(n: int) -> Made:
    return ag.grad(lambda xs: sum([(x * x).sum() for x in xs])), ([X * k for k in range(n)],)


def captured_arrays(n: int) -> Made:
    arrays = [X * k for k in range(n)]
    return lambda x: sum([x * a for a in arrays]), (X,)


def arrays_of_a_helper(n: int) -> Made:
    def helper(x: Any, arrays: Any, k: int) -> Any:
        return x + arrays[k]

    def f(x: Any) -> Any:
        arrays = [X * k for k in range(n)]
        for k in range(n):
            x = helper(x, arrays, k)
        return x

    return f, (X,)


def assigned_again(n: int) -> Made:
    w = ag.tensor(X)

    def f(x: Any) -> Any:
        for _ in range(n):
            w.assign(w * 0.5 + x)
        return w * 1.0

    return f, (X,)


def trained_one_by_one(n: int) -> Made:
    weights = [ag.tensor(X * k, requires_grad=True) for k in range(n)]

    def f(x: Any) -> Any:
        for w in weights:
            (w * w * x).sum().backward()
            with ag.no_grad():
                w.assign(w - 0.1 * w.grad)
            w.grad = None
        return x * 1.0

    return f, (X,)


def in_place(n: int) -> Made:
    def f(x: Any) -> Any:
        a = x.copy()
        for k in range(n):
            a[k % 3] = a[(k + 1) % 3] * 0.5
            a[1:] -= a[0]
        return a.sum()

    return ag.value_and_grad(f), (X,)


def slices(n: int) -> Made:
    return ag.grad(lambda x: np.stack([x[k % 3] * 2.0 for k in range(n)]).sum()), (X,)


def products(n: int) -> Made:
    a, b = np.eye(2) * 0.9, np.ones((1, 2))

    def f(x: Any) -> Any:
        p, total = np.diag(x[:2]), 0.0
        for k in range(n):
            p = a @ p @ a.T + np.eye(2)
            total = total + np.log((b @ p @ b.T)[0, 0]) * k
        return total

    return ag.value_and_grad(f), (X,)


def gradients_inside(n: int) -> Made:
    return ag.grad(lambda x: sum([ag.grad(lambda y: (y * y * x).sum())(x).sum() for _ in range(n)])), (X,)


@pytest.mark.parametrize(
    "program",
    [
        chained,
        results,
        results_with_a_history,
        arguments,
        captured_arrays,
        arrays_of_a_helper,
        assigned_again,
        trained_one_by_one,
        in_place,
        slices,
        products,
        gradients_inside,
    ],
)
def test_tracing_is_linear(program: Callable[[int], Made]) -> None:
    counts = []
    for n in (4, 8, 16, 32):
        f, given = program(n)
        compiled = Compiled(f)
        compiled.plans_later = True
        counts.append([steps(lambda: compiled(*given)) for _ in range(2)])  # noqa: B023 it runs here
        assert compiled.traces[-1].pending is not None, compiled.explain()
    for first, second, third in zip(*counts[1:], strict=True):  # after one that fills caches
        assert third - second < 1.02 * 2 * (second - first), counts
