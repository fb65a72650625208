"""A pytest plugin that draws the same examples for every library, and writes each test's outcome.

    ARRAY_API_OUT=tests.jsonl python -m pytest -p array_api_plugin …

Some tests draw one example with Python's own generator, which Hypothesis's `--derandomize` leaves as it is.
"""

from __future__ import annotations

import json
import os
import random
import zlib

import pytest

_SEEN: dict[str, str] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Start each test from a seed of its own."""
    _SEEN.clear()
    random.seed(zlib.crc32(item.nodeid.encode()))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write how a test went, after its last phase."""
    lines = str(report.longrepr).splitlines() if report.failed else []
    _SEEN.setdefault(report.outcome, next((line[1:].strip() for line in lines if line.startswith("E  ")), "")[:200])
    if report.when == "teardown":
        outcome = next(kind for kind in ("failed", "skipped", "passed") if kind in _SEEN)
        line = {"test": report.nodeid, "outcome": outcome, "text": _SEEN[outcome]}
        with open(os.environ["ARRAY_API_OUT"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
