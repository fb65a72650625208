"""`fit` says once that threads of BLAS starve, where the system counts it and only then."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time

import numpy as np
import pytest

from nn import layers, models
from nn.training import contention
from nn.training.contention import Usage, Watch, is_starved, one_thread, usage

from ...running import ROOT

linux = pytest.mark.skipif(usage() is None, reason="the system does not count how long threads wait for a core")


@pytest.mark.parametrize(
    ("running", "waiting", "others", "expected"),
    [
        (1.00, 0.00, 1.00, False),  # two threads on two idle cores
        (0.90, 0.10, 0.17, False),  # one thread, and another program uses a core
        (0.24, 0.76, 0.00, False),  # one thread among many programs: there is nothing to choose
        (0.22, 0.78, 0.01, False),
        (0.10, 0.00, 0.05, False),  # a slow disk, or a generator that sleeps
        (0.80, 0.20, 0.80, False),  # a little company
        (
            0.54,
            0.46,
            0.48,
            True,
        ),  # measured: two threads on two busy cores, 12 times as slow as one
        (0.49, 0.51, 0.53, True),  # 5 times
        (0.17, 0.83, 0.17, True),  # 15 times
        (0.14, 0.86, 0.13, True),  # 6 times
        (0.50, 0.50, 30.0, True),  # many cores
    ],
)
def test_the_rule_on_what_was_measured(running: float, waiting: float, others: float, expected: bool) -> None:
    start = Usage(100.0, 20.0, 3.0, 40.0)
    assert is_starved(start, Usage(101.0, 20.0 + running, 3.0 + waiting, 40.0 + others)) is expected


@linux
def test_sleeping_is_not_waiting_for_a_core_and_computing_is_running() -> None:
    first = usage()
    time.sleep(0.2)
    slept = usage()
    end = time.thread_time() + 0.1
    while time.thread_time() < end:
        pass
    computed = usage()
    assert first is not None
    assert slept is not None
    assert computed is not None
    assert slept.clock - first.clock >= 0.2
    assert slept.running - first.running < 0.1
    assert computed.running - slept.running >= 0.09


@pytest.fixture
def starving(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look finds that half a second more was spent waiting, of one that has passed."""
    spent = iter(Usage(i, i / 2, i / 2, i / 2) for i in range(1, 1000))
    monkeypatch.setattr(contention, "usage", lambda: next(spent))
    monkeypatch.setattr(contention, "WATCH", Watch())
    monkeypatch.setattr("nn.training.trainer.WATCH", contention.WATCH)
    monkeypatch.setattr(contention, "_SECONDS", -1000.0)  # each step is a second
    for name in contention._LIMITS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "threadpoolctl", raising=False)


def fit() -> None:
    model = models.Sequential([layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=1, epochs=2, verbose=2)


@pytest.mark.usefixtures("starving")
def test_fit_says_it_once_with_the_cure_and_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    fit()  # warnings are errors in these tests
    fit()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("nn", logging.WARNING)
    assert "training had no core for 50 % of the time" in record.getMessage()
    assert "OPENBLAS_NUM_THREADS=1" in record.getMessage()


@pytest.mark.usefixtures("starving")
def test_nothing_is_said_with_one_thread(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    assert one_thread()
    fit()
    assert caplog.records == []


@pytest.mark.usefixtures("starving")
def test_the_bar_makes_room_first() -> None:
    watch, done = Watch(), list[str]()
    watch.look(lambda: done.append("room"))
    assert done == []  # there is nothing to compare with
    watch.look(lambda: done.append("room"))
    assert done == ["room"]
    assert watch.due == float("inf")


CROWDED = """
import numpy as np
from nn import layers, models

rng = np.random.default_rng(0)
x, y = rng.random((512, 784), dtype="float32"), np.eye(10)[rng.integers(0, 10, 512)]
network = models.Sequential([layers.Dense(512, activation="relu", input_shape=(784,)), layers.Dense(10, "softmax")])
network.compile("rmsprop", "categorical_crossentropy")
import time
end = time.perf_counter() + {seconds}
while time.perf_counter() < end:
    network.fit(x, y, batch_size=128, verbose=0)
"""


@linux
@pytest.mark.ci
@pytest.mark.parametrize(("threads", "said"), [(2, True), (1, False)])
def test_on_a_crowded_machine(threads: int, said: bool) -> None:
    if (os.cpu_count() or 1) < 2:
        pytest.skip("on a single core BLAS runs one thread")
    burn = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(burn) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        # Native kernels run products in threads of their own, which keep none waiting that has not begun.
        limits = {"AUTOGRAD_LITE_NATIVE": "off", **dict.fromkeys(contention._LIMITS, str(threads))}
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **limits}
        command = [sys.executable, "-c", CROWDED.format(seconds=5)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert ("OPENBLAS_NUM_THREADS=1" in done.stderr) is said
    assert done.stderr.count("\n") == said
