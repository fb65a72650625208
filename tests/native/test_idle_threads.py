"""NumPy's own threads sleep while we compute: each that runs beside our pool takes a processor from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograd_lite.native.kernels import INSTRUCTIONS, REASON

_PROGRAM = Path(__file__).with_name("idle_threads.py")


@pytest.mark.skipif(not INSTRUCTIONS, reason=f"the native extension is {REASON}")
@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the system does not tell the time of each thread")
def test_numpys_threads_sleep() -> None:
    env = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    env["OPENBLAS_NUM_THREADS"] = "2"  # also where one processor is all that there is
    run = subprocess.run([sys.executable, _PROGRAM], capture_output=True, text=True, env=env, check=False)
    assert run.returncode == 0, run.stderr
    lines = [line.split() for line in run.stdout.splitlines()]
    if ["threads", "0"] in lines:
        pytest.skip("NumPy has no threads of its own here")
    awake = {name: times for name, *times in lines[:-1] if set(times) != {"0"}}
    assert len(lines) == 9
    assert awake == {}, "nanoseconds of NumPy's threads, eager and compiled"
