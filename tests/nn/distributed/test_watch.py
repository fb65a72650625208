"""When a silent rank counts as lost: not while it computes, nor for the time in which the listener was stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from nn.distributed import watch
from nn.distributed.watch import PERIOD, Silence, Sleep, clock_of_this_thread, process

SEEN = st.one_of(st.none(), st.tuples(st.sampled_from("RSDTt"), st.integers(0, 3)))


@given(patience=st.floats(0.1, 60), ticks=st.lists(st.tuples(st.floats(0.01, 99), SEEN), max_size=200))
def test_no_rank_is_lost_before_its_time(patience: float, ticks: list) -> None:
    seen, computed, counted, stopped = None, 0.0, 0.0, 0.0
    silence = Silence(patience, lambda: seen)
    for seconds, found in ticks:
        computed += found[1] if found else 0
        seen = found and (found[0], computed)
        lost = silence.after(seconds)
        # No tick counts for more than two signs of life, however long the listener was away.
        counted += min(seconds, 2 * PERIOD)
        stopped = stopped + min(seconds, 2 * PERIOD) if seen and seen[0] == "T" else 0.0
        if lost == "is stopped (SIGSTOP)":
            assert stopped >= min(2.0, patience) - 1e-6
        elif lost:
            assert counted >= patience - 1e-6
            assert not (found and found[1])
            break
        if lost:
            break


def after(silence: Silence, seconds: float) -> str:
    """Return the first verdict within some seconds of listening."""
    return next(filter(None, (silence.after(0.1) for _ in range(round(seconds / 0.1)))), "")


def test_a_rank_that_cannot_be_seen_is_lost_when_patience_ends() -> None:
    silence = Silence(5.0, lambda: None)
    assert after(silence, 4.9) == ""
    silence.heard()
    assert after(silence, 4.9) == ""
    assert after(silence, 0.2) == "has not been heard of for 5 s"


def test_a_rank_that_computes_is_waited_for_and_one_that_sleeps_is_not() -> None:
    ticks = iter(range(10_000))
    silence = Silence(5.0, lambda: ("R", next(ticks)))
    assert after(silence, 100) == ""
    silence.look = lambda: ("S", 10_000.0)
    assert after(silence, 4.9) == ""
    assert after(silence, 0.5).startswith("has not been heard of for 105 s")


def test_a_stopped_rank_is_lost_soon_and_one_in_a_debugger_never() -> None:
    assert after(Silence(60.0, lambda: ("T", 1.0)), 4) == "is stopped (SIGSTOP)"
    assert after(Silence(60.0, lambda: ("T", 1.0)), 2) == ""
    assert after(Silence(5.0, lambda: ("t", 1.0)), 1000) == ""


@given(ticks=st.lists(st.tuples(st.booleans(), st.booleans()), max_size=100))
def test_a_rank_sleeps_while_it_neither_computes_nor_waits(ticks: list[tuple[bool, bool]]) -> None:
    used, waited, expected = 0.0, 0.0, 0.0
    sleep = Sleep(lambda: used, lambda: waited)
    for computes, waits in ticks:
        used, waited = used + 0.01 * computes, 3.0 * waits
        expected = 0.0 if computes or waits else expected + 0.5
        assert sleep.after(0.5) == expected
    sleep.after(0.0)
    assert sleep.after(1000.0) <= expected + 2 * PERIOD  # this machine slept


def test_the_clock_of_a_thread_stands_still_while_it_sleeps_and_others_compute() -> None:
    clock, found = clock_of_this_thread(), []

    def look() -> None:
        until, before = time.process_time() + 0.03, clock()
        while time.process_time() < until:
            pass
        found.append(clock() - before)

    other = threading.Thread(target=look)
    other.start()
    other.join()
    assert found[0] < 0.01
    before, until = clock(), time.process_time() + 0.03
    while time.process_time() < until:
        pass
    assert clock() > before


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux, which tells the state of processes")
def test_the_state_of_a_process() -> None:
    state, computed = process(os.getpid()) or ("", 0.0)
    assert state == "R"
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass
    assert (process(os.getpid()) or ("", 0.0))[1] > computed
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        try:
            other.send_signal(signal.SIGSTOP)
            until = time.monotonic() + 5
            while (process(other.pid) or ("", 0.0))[0] != "T" and time.monotonic() < until:
                time.sleep(0.01)
            assert (process(other.pid) or ("", 0.0))[0] == "T"
        finally:
            other.kill()
    assert process(other.pid) is None
    assert watch.here().pid == os.getpid()
