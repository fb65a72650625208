"""Running code where hidden faults show: on a small stack, under several hash seeds."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]

# For tests of what needs a tracer itself, or has a time limit.
untraced = pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer is at work: coverage, or a debugger")


def in_small_stack(f: Callable[[], Any], kilobytes: int = 256) -> Any:
    """Run in a thread with a small stack, where recursion of some hundreds of levels in C would crash."""
    before = threading.stack_size(kilobytes * 1024)
    try:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(f).result()
    finally:
        threading.stack_size(before)


def lines_for_every_hash_seed(code: str) -> list[str]:
    """Return what code prints, which must not depend on the hash seed, nor on programs: there is no search path."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PATH": "", "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(printed) == 1
    return printed.pop().splitlines()


def printed_by(code: str) -> str:
    """Return what a separate process prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=300
    )
    assert done.returncode == 0, f"exit code {done.returncode}"
    return done.stdout
