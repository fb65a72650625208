"""What holds with the kernels that this processor runs holds without them, and with those of every other set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from autograd_lite.native.kernels import REASON, SETS

from . import sampling

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", sampling.__name__]
TESTS = ["tests/laws", "tests/native", "tests/compiler/c_code"]


@pytest.mark.ci
def test_laws_hold_without_kernels_and_for_every_set() -> None:
    if not SETS:
        pytest.skip(f"there are no native kernels: {REASON}")
    others = {"off", *SETS} - {os.environ.get("AUTOGRAD_LITE_NATIVE") or SETS[0]}
    runs = {
        wanted: subprocess.Popen(
            [*COMMAND, *TESTS],
            cwd=ROOT,
            env={**os.environ, "AUTOGRAD_LITE_NATIVE": wanted, "OPENBLAS_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for wanted in others
    }
    said = {wanted: run.communicate()[0] for wanted, run in runs.items()}
    failed = [f"AUTOGRAD_LITE_NATIVE={wanted}:\n{said[wanted][-3000:]}" for wanted in runs if runs[wanted].returncode]
    assert not failed, "\n\n".join(failed)
    assert all(int(text.rpartition("\n")[0].rpartition("\n")[2].split()[0]) > 300 for text in said.values()), said
