"""`no_grad` and `enable_grad`: as blocks, decorators and around generators, each thread and each task on its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import autograd_lite as ag


@pytest.fixture
def x() -> ag.Tensor:
    return ag.tensor(2.0, requires_grad=True)


def records(x: ag.Tensor) -> bool:
    return (x * 2).requires_grad


def test_nothing_is_recorded_in_a_block(x: ag.Tensor) -> None:
    assert ag.is_grad_enabled()
    with ag.no_grad():
        assert not ag.is_grad_enabled()
        y = x * x
        made = ag.tensor(1.0, requires_grad=True)
    assert ag.is_grad_enabled()
    assert y.is_leaf
    assert y.op is None
    assert not y.requires_grad
    assert made.requires_grad


def test_no_op_of_any_kind_is_recorded(x: ag.Tensor) -> None:
    with ag.no_grad():
        for y in (-x, x + 1, x**2, x.sum(), x.reshape(1), x > 0, x[...], ag.relu(x), ag.softmax(x.reshape(1))):
            assert y.op is None


def test_blocks_nest_and_are_restored(x: ag.Tensor) -> None:
    with ag.no_grad():
        with ag.enable_grad():
            assert records(x)
            with ag.no_grad():
                assert not records(x)
            assert records(x)
        assert not records(x)
    assert records(x)


def test_one_object_can_be_entered_again(x: ag.Tensor) -> None:
    off = ag.no_grad()
    with off, off:
        assert not records(x)
    assert records(x)
    with off:
        assert not records(x)
    assert records(x)


def test_an_exception_restores_the_mode(x: ag.Tensor) -> None:
    with pytest.raises(KeyError), ag.no_grad():
        raise KeyError
    assert records(x)


def test_a_decorated_function_records_nothing_and_keeps_its_name(x: ag.Tensor) -> None:
    @ag.no_grad()
    def off(t: Any, *, scale: float = 1.0) -> tuple[bool, float]:
        """Documented."""
        return records(t), scale

    @ag.enable_grad()
    def on(t: Any) -> bool:
        return records(t)

    assert off(x, scale=3.0) == (False, 3.0)
    assert (off.__name__, off.__doc__) == ("off", "Documented.")
    assert records(x)
    with ag.no_grad():
        assert on(x)
        assert not records(x)


def test_a_decorated_function_may_call_itself_and_raise(x: ag.Tensor) -> None:
    @ag.no_grad()
    def count(n: int) -> int:
        assert not records(x)
        if n == 3:
            raise ValueError("three")
        return count(n + 1)

    with pytest.raises(ValueError, match="three"):
        count(0)
    assert records(x)


def test_a_decorated_generator_does_not_leak_the_mode_to_its_caller(x: ag.Tensor) -> None:
    @ag.no_grad()
    def steps() -> Iterator[bool]:
        for _ in range(3):
            yield records(x)

    seen = []
    for inside in steps():
        seen.append((inside, records(x)))
    assert seen == [(False, True)] * 3
    unfinished = steps()
    next(unfinished)
    assert records(x)


def test_a_decorated_generator_is_a_whole_generator(x: ag.Tensor) -> None:
    """It takes what is sent and thrown into it, returns its value, and closes."""
    events = []

    @ag.no_grad()
    def echo() -> Generator[Any, Any, str]:
        received = None
        try:
            while received != "stop":
                try:
                    received = yield (received, records(x))
                except KeyError:
                    events.append(("thrown", records(x)))
                    received = "caught"
            return "done"
        finally:
            events.append(("closed", records(x)))

    generator = echo()
    assert next(generator) == (None, False)
    assert generator.send("hello") == ("hello", False)
    assert generator.throw(KeyError()) == ("caught", False)
    with pytest.raises(StopIteration) as stop:
        generator.send("stop")
    assert stop.value.value == "done"
    assert events == [("thrown", False), ("closed", False)]

    events.clear()
    generator = echo()
    next(generator)
    generator.close()
    assert events == [("closed", False)]
    assert records(x)


def test_a_decorated_coroutine_records_nothing(x: ag.Tensor) -> None:
    @ag.no_grad()
    async def off() -> list[bool]:
        seen = [records(x)]
        await asyncio.sleep(0.001)
        return [*seen, records(x)]

    async def main() -> None:
        task = asyncio.create_task(off())
        await asyncio.sleep(0)
        assert records(x)
        assert await task == [False, False]
        assert await off() == [False, False]
        assert records(x)

    asyncio.run(main())


def test_an_asynchronous_generator_is_refused_rather_than_half_decorated() -> None:
    async def steps() -> AsyncIterator[int]:
        yield 1

    with pytest.raises(TypeError, match=r"no_grad: .*asynchronous generator.*with (ag\.)?no_grad\(\)"):
        ag.no_grad()(steps)


def test_a_thread_starts_recording_whatever_its_parent_does(x: ag.Tensor) -> None:
    found = []
    with ag.no_grad():
        thread = threading.Thread(target=lambda: found.append(records(x)))
        thread.start()
        thread.join()
        assert not records(x)
    assert found == [True]


def test_threads_do_not_see_each_others_mode(x: ag.Tensor) -> None:
    barrier = threading.Barrier(2, timeout=10)

    def off() -> list[bool]:
        with ag.no_grad():
            barrier.wait()
            inside = records(x)
            barrier.wait()
        return [inside, records(x)]

    def on() -> list[bool]:
        barrier.wait()
        inside = records(x)
        barrier.wait()
        return [inside, records(x)]

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.submit(off), pool.submit(on)
        assert first.result() == [False, True]
        assert second.result() == [True, True]


def test_tasks_do_not_see_each_others_mode(x: ag.Tensor) -> None:
    async def off() -> list[bool]:
        with ag.no_grad():
            await asyncio.sleep(0.001)
            inside = records(x)
            await asyncio.sleep(0.001)
        return [inside, records(x)]

    async def on() -> list[bool]:
        seen = []
        for _ in range(5):
            seen.append(records(x))
            await asyncio.sleep(0.0005)
        return seen

    async def main() -> None:
        first, second = await asyncio.gather(off(), on())
        assert first == [False, True]
        assert second == [True] * 5

    asyncio.run(main())


def test_backward_runs_inside_no_grad_and_does_not_change_the_mode(x: ag.Tensor) -> None:
    y = x * x
    with ag.no_grad():
        y.backward()
        assert not ag.is_grad_enabled()
    assert float(x.grad) == 4.0
    z = x * x
    z.backward(create_graph=True)
    assert ag.is_grad_enabled()
    assert x.grad.requires_grad
    x.grad = None


def test_detach_leaves_the_graph_and_keeps_the_values(x: ag.Tensor) -> None:
    y = (x * 3).detach()
    assert y.is_leaf
    assert not y.requires_grad
    (x * y).backward()
    assert float(x.grad) == 6.0
