"""No call of a kernel ends the process or hangs, whatever its operands: empty along any axis, or layouts that lie."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from autograd_lite.native.kernels import KERNELS, REASON

ROOT = Path(__file__).resolve().parents[2]
needs_kernels = pytest.mark.skipif(not KERNELS, reason=f"the native extension is {REASON}")


@needs_kernels
@pytest.mark.parametrize(("calls", "seed"), [(100, 0), pytest.param(4_000, 1, marks=pytest.mark.ci)])
def test_every_call_is_answered_or_refused(calls: int, seed: int) -> None:
    program = f"from tests.native import instead, hostile; hostile.main({calls}, {seed})"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    last = run.stdout.rpartition("\n")[0].rpartition("\n")[2]  # the call at which it ended
    assert run.returncode == 0, f"{run.returncode} at {last}\n{run.stderr[-2000:]}"
    assert int(last.split()[0]) > 1000


@needs_kernels
@pytest.mark.parametrize(
    "layout",
    [[2, 0, 0], [2, 0, 0, 0], [0, 1, 0, 0], [2, 2, 0, 0], [3, 1, 0, 0], [2, 1, -1, 0], [2, 1, 0, 2**62], [2, 1, 0]],
)
def test_a_layout_that_does_not_fit_the_shapes_is_one_error(layout: list[int]) -> None:
    x, counts = np.ones((1, 4, 1), "f"), np.zeros(3, "i1")
    assert KERNELS["window_max_1"](x, counts, np.array([2, 1, 0, 0]))[0].tolist() == [[[1.0]] * 3]
    with pytest.raises(ValueError, match="^kernel over windows: expected a layout of 4 numbers, .*; received"):
        KERNELS["window_max_1"](x, counts, np.array(layout))
