"""Deep and tangled graphs: no recursion, however deep; linear time, however many paths."""

from __future__ import annotations

import copy
import gc
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..running import in_small_stack


@pytest.fixture(name="low_recursion_limit")
def _low_recursion_limit() -> Iterator[None]:
    limit = sys.getrecursionlimit()
    # pytest itself is on some frames.
    depth, frame = 0, sys._getframe()
    while frame is not None:
        depth, frame = depth + 1, frame.f_back  # type: ignore[assignment]
    sys.setrecursionlimit(depth + 60)
    yield
    sys.setrecursionlimit(limit)


def chain(n: int) -> tuple[float, float, float, float]:
    """Build, differentiate and drop a chain of `n` ops; return the gradient and the three times."""
    x = ag.tensor(1.0, requires_grad=True)
    start = time.perf_counter()
    y = x
    for _ in range(n // 2):
        y = y * 1.0000001
        y = y + 1e-9
    built = time.perf_counter()
    y.backward()
    is_differentiated = time.perf_counter()
    del y
    dropped = time.perf_counter()
    assert x.grad is not None
    return float(x.grad), built - start, is_differentiated - built, dropped - is_differentiated


@pytest.mark.usefixtures("low_recursion_limit")
def test_a_chain_of_200_000_ops_in_a_small_stack() -> None:
    gradient, *_ = in_small_stack(lambda: chain(200_000))
    assert gradient == pytest.approx(1.0000001**100_000, rel=1e-9)


@pytest.mark.ci
@pytest.mark.usefixtures("low_recursion_limit")
def test_a_chain_of_a_million_ops_in_a_small_stack_in_linear_time() -> None:
    def one_and_ten() -> tuple[float, float, float]:
        """Return the gradient and the times of ten short chains and of a long one, in turns: other work slows both."""
        chain(20_000)
        gc.collect()
        gc.disable()
        try:
            short = [sum(chain(100_000)[1:]) for _ in range(5)]
            gradient, *long = chain(1_000_000)
            short += [sum(chain(100_000)[1:]) for _ in range(5)]
        finally:
            gc.enable()
        return gradient, sum(short), sum(long)

    rounds = [in_small_stack(one_and_ten) for _ in range(3)]
    assert rounds[0][0] == pytest.approx(1.0000001**500_000, rel=1e-9)
    ratio = min(long / short for _, short, long in rounds)
    assert ratio < 1.3, f"{ratio:.2f} times the time of ten chains of a tenth of the length, {rounds}"


def test_a_deep_graph_that_is_never_differentiated_dies_quietly() -> None:
    def build_and_drop() -> bool:
        x = ag.tensor([1.0], requires_grad=True)
        for make in (lambda y: y * 1.0, np.tanh, lambda y: y.reshape(1), lambda y: y[0:1], lambda y: np.fmax(y, y)):
            y = x
            for _ in range(30_000):
                y = make(y)
            del y
        return True

    assert in_small_stack(build_and_drop)


@pytest.mark.parametrize("n", [2, 3, 8])
def test_chains_grown_in_turns_die_quietly(n: int) -> None:
    def build_and_drop() -> bool:
        chains = [ag.tensor([1.0], requires_grad=True) for _ in range(n)]
        for _ in range(60_000 // n):
            chains = [y * 1.0 for y in chains]
        while chains:
            chains.pop()
        return True

    assert in_small_stack(build_and_drop)


def test_a_deep_chain_of_in_place_changes() -> None:
    def run() -> float:
        x = ag.tensor([1.0, 2.0], requires_grad=True)
        t = x * 1.0
        for k in range(20_000):
            t += 1e-6
            t[k % 2] = t[k % 2] * 1.0
        t.sum().backward()
        return float(x.grad.sum())

    assert in_small_stack(run) == 2.0


def test_a_deep_graph_with_random_skips() -> None:
    """As PyTorch's test_free_deep_graph_complicated: every op may read any of the last results."""

    def run() -> float:
        rng = np.random.default_rng(0)
        x = ag.tensor(1.0, requires_grad=True)
        recent = [x, x]
        for k in rng.integers(0, 2, 50_000):
            recent = [recent[1], recent[1] * 0.5 + recent[k] * 0.5]
        recent[1].backward()
        return float(x.grad)

    assert in_small_stack(run) == pytest.approx(1.0, rel=1e-9)


def test_a_deep_graph_is_differentiated_twice() -> None:
    def run() -> float:
        def f(x: Any) -> Any:
            for _ in range(3_000):
                x = x * 1.0001
            return x * x

        return float(ag.grad(ag.grad(f))(1.0))

    assert in_small_stack(run) == pytest.approx(2 * 1.0001**6000)


@pytest.mark.usefixtures("low_recursion_limit")
def test_a_deep_graph_is_shown_read_and_refused_a_copy_without_recursion() -> None:
    y = ag.tensor(1.0, requires_grad=True)
    for _ in range(10_000):
        y = y + 1e-9
    assert repr(y).endswith("op=add)")
    assert y.inputs[0].op.name == "add"
    with pytest.raises(ag.GradError, match="with history cannot be copied"):
        copy.deepcopy(y)


def test_many_operands_of_one_op() -> None:
    parts = [ag.tensor([float(k)], requires_grad=True) for k in range(2000)]
    (np.concatenate(parts) * np.arange(2000)).sum().backward()
    assert [float(p.grad[0]) for p in parts[::500]] == [0, 500, 1000, 1500]


def test_a_ladder_of_diamonds_takes_linear_time() -> None:
    """60 times y = y + y has 2**60 paths and 60 nodes."""
    x = ag.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(60):
        y = y + y
    start = time.perf_counter()
    y.backward()
    assert time.perf_counter() - start < 1.0
    assert float(x.grad) == 2.0**60


def test_a_ladder_of_diamonds_is_differentiated_twice_in_linear_time() -> None:
    def f(x: Any) -> Any:
        y = x * x
        for _ in range(40):
            y = y + y
        return y

    start = time.perf_counter()
    assert ag.grad(ag.grad(f))(3.0) == 2.0**41
    assert time.perf_counter() - start < 2.0


def test_a_tensor_read_ten_thousand_times() -> None:
    x = ag.tensor(np.ones(3), requires_grad=True)
    y = x * 1.0
    total = ag.tensor(0.0)
    for k in range(10_000):
        total = total + y[k % 3]
    total.backward()
    np.testing.assert_array_equal(x.grad.numpy(), [3334, 3333, 3333])
