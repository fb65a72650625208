"""The MPI on this machine: its `mpiexec`, its kind, and the arguments that each kind needs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Kind(NamedTuple):
    """An implementation of MPI.

    Attributes:
        title: its name.
        known_by: a pattern of the output of `mpiexec --version`.
        arguments: those that let it start any number of ranks, as any user, on all cores.
        killed: a pattern of its output when a signal has ended a rank, with the group `signal`, and `rank` where that
            is the first one.
    """

    title: str
    known_by: str
    arguments: tuple[str, ...] = ()
    killed: str = r"EXIT STRING: [^\n]*\(signal (?P<signal>\d+)\)"


_ROOT = ("--allow-run-as-root",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
OPEN_MPI = Kind(
    "Open MPI",
    r"Open ?MPI|OpenRTE|PRRTE",
    (*_ROOT, "--oversubscribe", "--bind-to", "none"),
    r"process rank (?P<rank>\d+) with PID \d+ on node \S+\s+exited on\s+signal (?P<signal>\d+)",
)
KINDS = (
    Kind("Intel MPI", r"Intel\(R\) MPI"),
    OPEN_MPI,
    Kind("MPICH", r"HYDRA|MPICH"),
    Kind("Microsoft MPI", r"Microsoft MPI"),
)
_OTHER = Kind("an unknown MPI", "")


class Engine(NamedTuple):
    """An `mpiexec` and its kind."""

    mpiexec: str
    kind: Kind


def find_engine() -> Engine | None:
    """Return the MPI next to this Python, or the one on the PATH, or None.

    Example:
        >>> engine = find_engine()
        >>> engine is None or engine.kind.title != ""
        True
    """
    folder = os.fspath(Path(sys.executable).parent)
    for names in ("mpiexec", "mpirun"):
        mpiexec = shutil.which(names, path=folder) or shutil.which(names)
        if mpiexec:
            return Engine(mpiexec, kind_of(_version(mpiexec)))
    return None


def kind_of(version: str) -> Kind:
    """Return which MPI prints this as its version.

    Example:
        >>> kind_of("HYDRA build details:").title, kind_of("mpiexec (Open MPI) 5.0.11").title
        ('MPICH', 'Open MPI')
    """
    return next((kind for kind in KINDS if re.search(kind.known_by, version)), _OTHER)


def _version(mpiexec: str) -> str:
    try:
        done = subprocess.run([mpiexec, "--version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr
