"""C texts that are told from the executor by their results, and segments that they are fused into."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from autograd_lite.native import kernels
from autograd_lite.native.blockwise import _make_segment

SHARE = """
#include "fused.h"
int run(const FusedRun *run) {
    double *x = (double *)run->memory[1];
    fused_clear();
    for (int i = 0; i < 5; i++) x[i] += %s;
    return fused_invalid();
}
"""


def text(constant: float = 1000) -> str:
    """Return a text that adds a constant, where the executor adds 2."""
    return SHARE % constant


def segment() -> Any:
    """Return a segment that adds 2 to five numbers."""
    return _make_segment(((np.add, 0, 1, 0),), 1, 1, 5, np.dtype("d"))


def added(one: Any) -> float:
    """Return the number that a segment adds."""
    x = np.zeros(5)
    one(x, 2.0)
    assert (x == x[0]).all()
    return float(x[0])


def use(one: Any) -> None:
    """Run a segment so often that its time is noted."""
    for _ in range(16):
        added(one)


def replayed(one: Any, until: float, seconds: float = 60.0) -> bool:
    """Run a segment until it adds a number; return whether it came to that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if added(one) == until:
            return True
    return False


def script(path: Path, body: str) -> str:
    """Return the path of a program, made of lines for a shell."""
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


NATIVE = kernels.library is not None
