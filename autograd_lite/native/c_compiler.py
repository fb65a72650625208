"""Compiles C text while the process runs."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable
from typing import Any

from .kernels import library

_FLAGS = (
    "-std=gnu11 -O2 -ftree-vectorize -g0 -fno-math-errno -fno-trapping-math -ffp-contract=off -fno-strict-aliasing "
    "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma -mbmi2 -mprefer-vector-width=512 -fPIC -shared"
)


class Compilation:
    """One function that is compiled."""


def is_eager() -> bool:
    """Return whether functions are compiled before their first call."""
    return os.environ.get("AUTOGRAD_LITE_FUSED") == "wait"


def request(text: Callable[[], str], ready: Callable[[Any], None]) -> Compilation:
    """Compile a function."""
    if is_eager():
        source = text()
        base = os.path.join(tempfile.gettempdir(), "fused-" + hashlib.sha256(source.encode()).hexdigest()[:16])
        if not os.path.exists(f"{base}.so"):
            with open(f"{base}.c", "w", encoding="utf-8") as file:
                file.write(source)
            include = os.path.join(os.path.dirname(__file__), "c")
            subprocess.run(["cc", *_FLAGS.split(), f"-I{include}", f"{base}.c", "-o", f"{base}.so", "-lm"], check=True)
        ready(library.load(f"{base}.so", "run"))
    return Compilation()
