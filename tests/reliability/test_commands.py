"""Small parts of the commands that attack the package."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .memory import works

ROOT = Path(__file__).resolve().parents[2]


def test_nothing_waits_for_the_cyclic_collector(tmp_path: Path) -> None:
    left = {}
    gc.collect()
    gc.disable()
    try:
        for name, work in works(str(tmp_path)).items():
            work()  # what is made once may be cyclic
            gc.collect()
            work()
            left[name] = gc.collect()
    finally:
        gc.enable()
    assert len(left) > 10
    assert left == dict.fromkeys(left, 0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the memory of a process as Linux does")
@pytest.mark.parametrize("seconds", [0.5, pytest.param(10.0, marks=pytest.mark.ci)])
def test_readers_of_damaged_files(seconds: float) -> None:
    command = [sys.executable, "-m", "tests.fuzz", f"--seconds={seconds}", "--seed=3"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-5000:]
    rows = [line.rsplit(maxsplit=5) for line in done.stdout.splitlines()[1:8]]
    assert len(rows) == 7
    assert all(int(executions.replace(",", "")) > 20 for _, executions, *_ in rows), done.stdout
