"""A replay may be made a call later than it could be, whatever happens in between; the collector of cycles rests."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler import trace_cache as traces
from autograd_lite.core.collector import collector_at_rest


class Program:
    """A step that reads and writes what is outside; its arguments and weights may change between two calls."""

    def __init__(self, *, later: bool | None) -> None:
        self.generator = ag.random.Generator(1)
        self.w = ag.tensor([0.5, -1.0, 2.0], requires_grad=True)
        self.count = ag.tensor(0.0)
        self.x = np.linspace(-1, 1, 3)

        def step(x: Any, rate: float) -> Any:
            loss = (np.tanh(self.w * x) + 0.1 * ag.random.normal(x.shape, generator=self.generator)).sum()
            loss.backward()
            with ag.no_grad():
                self.w.assign(self.w - rate * self.w.grad)
                self.count.assign(self.count + 1)
            self.w.grad = None
            return loss.detach()

        self.run = step
        if later is not None:
            self.run = ag.compile(step)
            self.run.plans_later = later


def longer(program: Program) -> None:
    program.w = ag.tensor(np.linspace(0, 1, 3).reshape(1, 3), requires_grad=True)


def in_place(program: Program) -> None:
    program.x[:] = np.nan
    program.x = np.full(3, 0.25)


def moved(program: Program) -> None:
    with ag.no_grad():
        program.w.assign(program.w * 2)


BETWEEN: dict[str, Callable[[Program], None]] = {
    "nothing": lambda program: None,
    "another argument, and the old one changes": in_place,
    "a captured tensor has other values": moved,
    "a captured tensor is another one, of another shape": longer,
}


@pytest.mark.parametrize("between", BETWEEN)
def test_a_replay_may_be_made_later(between: str) -> None:
    found = []
    for later in (None, False, True):
        program, results = Program(later=later), []
        for k in range(8):
            if k == 2:
                BETWEEN[between](program)
            results.append(np.asarray(program.run(program.x, 0.1)).tobytes())
        if later is not None:
            assert program.run.traces[-1].replay is not None
        found.append((results, program.w.numpy().tobytes(), program.count.item()))
    assert found[0] == found[1] == found[2]


def test_it_is_made_at_the_third_call_even_if_that_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    program, expected = Program(later=True), Program(later=None)
    for _ in range(2):
        assert program.run(program.x, 0.1) == expected.run(program.x, 0.1)
    assert "it is made at the next call" in program.run.explain()

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(traces, "make_replay", interrupted)
        with pytest.raises(KeyboardInterrupt):
            program.run(program.x, 0.1)
    assert program.run.traces[0].replay is None
    assert program.run(program.x, 0.1) == expected.run(program.x, 0.1)
    assert program.run.traces[0].replay is not None


def test_a_call_beside_the_one_that_makes_it_runs_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    double = ag.compile(lambda x: x * 2.0)
    double.plans_later = True
    for _ in range(2):
        double(np.ones(2))
    begun, end, make = threading.Event(), threading.Event(), traces.make_replay

    def slowly(*args: Any) -> Any:
        begun.set()
        end.wait(10)
        return make(*args)

    monkeypatch.setattr(traces, "make_replay", slowly)
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(double(np.ones(2))))
    thread.start()
    assert begun.wait(10)
    assert double.traces[0].replay is None
    assert (double(np.full(2, 3.0)) == 6).all()
    end.set()
    thread.join()
    assert (results[0] == 2).all()
    assert double.traces[0].replay is not None


def _resting_twice() -> None:
    with collector_at_rest():
        with collector_at_rest():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise KeyError


def test_the_collector_is_on_again_after_an_interrupt_at_the_begin() -> None:
    collector_at_rest().__enter__()  # and the code inside never begins
    assert gc.isenabled()


@pytest.mark.parametrize("was_on", [True, False])
def test_the_collector_is_as_it_was(was_on: bool) -> None:
    before = gc.isenabled()
    (gc.enable if was_on else gc.disable)()
    try:
        with pytest.raises(KeyError):
            _resting_twice()
        assert gc.isenabled() is was_on
    finally:
        (gc.enable if before else gc.disable)()
