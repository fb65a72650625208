"""What every test runs under: no window for plots, a seeded generator, no silent skips in CI."""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
from collections.abc import Generator
from typing import Any

import hypothesis
import numpy as np
import pytest
from _pytest.runner import runtestprotocol

from .browser import axe as axe, browser as browser
from .samples import mark_samples

# Before anything imports matplotlib, in this process and in those that tests start.
os.environ["MPLBACKEND"] = "Agg"

# A tenth of the time of all tests went into looking for cycles after every 700 objects.
gc.set_threshold(50_000, 20, 20)

# The same examples in every run, and no deadline: shared cores stall. To search for new examples, run with
# HYPOTHESIS_PROFILE=explore.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Hide the tests from the cyclic collector: a pass over the million objects of all takes most of a second."""
    # Hypothesis 6.100 looks for what refers to NumPy's generator when it first draws: not among hidden objects.
    hypothesis.find(hypothesis.strategies.none(), lambda _: True)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the cases to ci that are not in the sample, and long ones to `-m long`."""
    mark_samples(items)
    if "long" not in config.option.markexpr:
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("long")]


@pytest.fixture(autouse=True, scope="module")
def _young_heap() -> None:
    """Hide what earlier files left, be it an imported peer, from the collector: some tests call it a hundred times."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Start the generators that tests and peers share from the same state: a layer of Keras draws its seed there."""
    random.seed(20260101)
    np.random.seed(20260101)  # noqa: NPY002, the generator of NumPy that they share


@pytest.fixture
def no_test_runner_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the threads that run before the test, those of pytest-xdist: results are written in place only without."""
    frames, before = sys._current_frames, set(sys._current_frames()) - {threading.get_ident()}
    monkeypatch.setattr(sys, "_current_frames", lambda: {k: v for k, v in frames().items() if k not in before})


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that starts from the same state in every test."""
    return np.random.default_rng(20260101)


def _refuse_skip_for_missing_peer(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip by `pytest.importorskip` into a failure where the run promised that all peers are installed."""
    if os.environ.get("AUTOGRAD_LITE_REQUIRE_PEERS") != "1" or not report.skipped:
        return
    reason = str(report.longrepr)
    if "could not import" in reason:
        report.outcome = "failed"
        report.longrepr = f"AUTOGRAD_LITE_REQUIRE_PEERS=1 promises that every peer is installed, yet: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse_skip_for_missing_peer(report)
    return report


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """In a process of several, tell the first one of a test that passed once: three reports take as long as it."""
    if not hasattr(item.config, "workerinput"):
        return None
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    passed = all(report.outcome == "passed" for report in reports)
    for report in reports:
        if report.when == "call" or not passed:
            item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, pytest.CollectReport]:
    report = yield
    _refuse_skip_for_missing_peer(report)
    return report
