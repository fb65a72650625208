"""The configuration of this machine: versions, instruction sets, threads, and why kernels are missing."""

from __future__ import annotations

import platform
import shutil
import sysconfig
from pathlib import Path

import numpy as np

from ..native.kernels import CHOICE, INSTRUCTIONS, KERNELS, REASON, SETS
from ..native.threads import get_threads
from . import VERSION


def _lacking() -> str:
    """Return a text with the requirement of the kernels that this machine lacks, or how to see why the build failed."""
    header = Path(sysconfig.get_path("include"), "Python.h")
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if platform.system() == "Windows":
        return "they are not built on Windows"
    if not shutil.which(compiler):
        return f"there is no C compiler, {compiler} (on Debian, apt-get install gcc), so install this again with one"
    if not header.exists():
        return f"there is no {header} (on Debian, apt-get install python3-dev), so install this again with it"
    return "install this again with pip's -v, which shows what the compiler says"


def _kernels() -> str:
    """Return a text with the kernels in use, and the reason for them."""
    if not INSTRUCTIONS:
        return f"none, {REASON}" + ("" if SETS else f": {_lacking()}")
    others = ", ".join(name for name in SETS if name != INSTRUCTIONS) or "none"
    why = "as AUTOGRAD_LITE_NATIVE says" if CHOICE else "the best that this processor has"
    return f"{len(KERNELS)} for {INSTRUCTIONS}, {why}; others: {others}"


def show_config() -> None:
    """Print the configuration of this machine: a line each for versions, NumPy, native kernels and threads.

    Native kernels are built when the package is installed, if there is a C compiler. Without them NumPy computes
    everything. The environment variable AUTOGRAD_LITE_NATIVE names another set of instructions, or is `off`.

    Example:
        >>> import autograd_lite as ag
        >>> ag.show_config()
        autograd_lite ..., Python 3...
        NumPy ...
        native kernels: ...
        threads: ...
    """
    built: dict[str, dict[str, dict[str, object]]] = np.show_config(mode="dicts")  # type: ignore[assignment]
    blas = built["Build Dependencies"]["blas"]
    extensions = built["SIMD Extensions"]
    simd = [str(name) for kind in ("baseline", "found") for name in extensions.get(kind, ())]
    machine = f"{platform.system()} {platform.machine()}"
    print(f"autograd_lite {VERSION}, Python {platform.python_version()}, {machine}")
    print(f"NumPy {np.__version__} for {', '.join(simd)}; BLAS: {blas['name']} {blas['version']}")
    print(f"native kernels: {_kernels()}")
    print(f"threads: {get_threads()}, see set_threads; those of BLAS are its own")
