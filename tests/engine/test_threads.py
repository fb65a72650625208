"""Threads and tasks: on graphs of their own, on one shared leaf, and on one shared graph."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

THREADS, ROUNDS = 4, 200


@pytest.fixture(autouse=True)
def _eager_switching() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def together(f: Callable[[int], Any]) -> list[Any]:
    """Run f(0), f(1), … in as many threads, all started at once."""
    barrier = threading.Barrier(THREADS, timeout=30)

    def run(k: int) -> Any:
        barrier.wait()
        return f(k)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def train(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(16, 4)), rng.normal(size=(16, 1))
    w = ag.tensor(rng.normal(size=(4, 1)), requires_grad=True)
    for _ in range(ROUNDS):
        error = np.tanh(x @ w) - y
        (error * error).mean().backward()
        with ag.no_grad():
            w -= 0.1 * w.grad
        w.grad = None
    return w.numpy()


def test_training_in_threads_is_training_alone() -> None:
    alone = [train(seed) for seed in range(THREADS)]
    for one, other in zip(together(train), alone, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_shared_leaf_gets_every_gradient() -> None:
    w = ag.tensor(np.ones(3), requires_grad=True)

    def run(k: int) -> None:
        for _ in range(ROUNDS * 5):
            (w * float(k + 1)).sum().backward()

    together(run)
    np.testing.assert_array_equal(w.grad.numpy(), np.full(3, ROUNDS * 5 * sum(range(1, THREADS + 1))))


def test_one_graph_can_be_walked_by_several_threads() -> None:
    w = ag.tensor(np.ones(3), requires_grad=True)
    loss = (np.exp(w * 0.5) ** 2).sum()
    expected = np.e * np.ones(3)

    def run(k: int) -> None:
        for _ in range(ROUNDS):
            loss.backward(retain_graph=True)

    together(run)
    np.testing.assert_allclose(w.grad.numpy(), THREADS * ROUNDS * expected, rtol=1e-10)


def test_functional_gradients_nest_in_threads() -> None:
    def run(k: int) -> list[float]:
        return [float(ag.grad(ag.grad(lambda x: x**3 * (k + 1)))(2.0)) for _ in range(ROUNDS)]

    assert together(run) == [[12.0 * (k + 1)] * ROUNDS for k in range(THREADS)]


def test_an_inner_gradient_in_one_thread_does_not_record_another() -> None:
    """Called on arrays, `grad` gives arrays, even while another thread is inside a gradient of its own."""
    inside, done = threading.Event(), threading.Event()

    def outer(x: Any) -> Any:
        inside.set()
        assert done.wait(30)
        return x * x

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(ag.grad(outer), 3.0)
        assert inside.wait(30)
        found = ag.grad(lambda x: (x * x).sum())(np.array([1.0]))
        done.set()
        assert future.result() == 6.0
    assert isinstance(found, np.ndarray)


def test_tasks_train_side_by_side() -> None:
    async def step(seed: int) -> float:
        w = ag.tensor(float(seed), requires_grad=True)
        for _ in range(20):
            loss = (w - 3.0) ** 2
            await asyncio.sleep(0)
            loss.backward()
            with ag.no_grad():
                await asyncio.sleep(0)
                w -= 0.25 * w.grad
            w.grad = None
        return float(w)

    async def main() -> list[float]:
        return await asyncio.gather(*(step(seed) for seed in range(5)))

    assert asyncio.run(main()) == pytest.approx([3.0] * 5, abs=1e-5)


def test_nan_in_one_thread_does_not_disturb_another() -> None:
    """The watch for NaN hangs on NumPy's error state, which is each thread's own."""

    def run(k: int) -> None:
        for _ in range(ROUNDS):
            x = ag.tensor([0.0, 4.0], requires_grad=True)
            if k % 2:
                (np.array([0.0, 1.0]) * np.sqrt(x)).sum().backward()
                np.testing.assert_array_equal(x.grad.numpy(), [0, 0.25])
            else:
                (x * x).sum().backward()
                np.testing.assert_array_equal(x.grad.numpy(), [0, 8])

    together(run)


def test_numpys_error_state_is_as_it_was() -> None:
    before, call = np.geterr(), np.geterrcall()
    x = ag.tensor([0.0, 4.0], requires_grad=True)
    (0 * np.sqrt(x)).sum().backward()
    with pytest.raises(ag.GradError):
        (0 * np.sqrt(x)).backward()
    assert np.geterr() == before
    assert np.geterrcall() is call


def test_no_number_is_drawn_twice() -> None:
    """Nor by the first draws after a seed, which make the stream."""

    def run(k: int) -> list[float]:
        return [float(ag.random.uniform((), generator=shared)) for _ in range(5)]

    for seed in range(50):
        shared = ag.Generator(seed)
        drawn = [x for numbers in together(run) for x in numbers]
        alone = ag.Generator(seed)
        assert sorted(drawn) == sorted(float(ag.random.uniform((), generator=alone)) for _ in drawn)


def test_checkpoint_replays_its_draws_beside_those_of_others() -> None:
    shared = ag.Generator(0)

    def run(k: int) -> None:
        for _ in range(30):
            masks: list[np.ndarray] = []

            def f(x: Any, masks: list[np.ndarray] = masks) -> Any:
                for _ in range(4):
                    masks.append(ag.random.uniform(20, 0.5, 1.5, generator=shared).numpy())
                    x = x * masks[-1]
                return x.sum()

            x = ag.tensor(np.ones(20), requires_grad=True)
            ag.checkpoint(lambda x: ag.checkpoint(f)(x) * 1.0)(x).backward()
            np.testing.assert_array_equal(masks[:4], masks[4:8])
            np.testing.assert_allclose(x.grad.numpy(), np.prod(masks[:4], axis=0), rtol=1e-12)

    together(run)
