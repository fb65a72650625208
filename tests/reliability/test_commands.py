"""Small parts of the commands that attack the package."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from ..fuzz.readers import READERS, readers
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


@pytest.mark.parametrize("name", READERS)
def test_a_few_damaged_inputs(name: str, tmp_path: Path) -> None:
    reader, random = readers(tmp_path)[name], Random(5)
    refused = 0
    for _ in range(15):
        try:
            reader.read(reader.make(random))
        except reader.errors:
            refused += 1
    assert refused
    assert {entry.name for entry in tmp_path.iterdir()} <= {"damaged"}


@pytest.mark.ci
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the memory of a process as Linux does")
def test_many_damaged_inputs() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--seconds=10", "--seed=3"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-5000:]
    rows = [line.rsplit(maxsplit=5) for line in done.stdout.splitlines()[1 : 1 + len(READERS)]]
    assert len(rows) == len(READERS)
    assert all(int(executions.replace(",", "")) > 100 for _, executions, *_ in rows), done.stdout
