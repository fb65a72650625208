"""One contender in one process: `python -m benchmarks.worker CONTENDER CASE [FOLDER]`.

A steady case speaks one line of JSON per message: a first line when it is set up, then one line
for each `round` read from standard input, until that is closed. Other cases send a single line.
What a contender prints goes to standard error, so that it cannot break the protocol.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from benchmarks.cases import CASES, CONTENDERS, Case
from benchmarks.problems import Job, Mlp, Problem, digest


def main(contender: str, name: str, before: str | None = None) -> None:
    """Serves rounds of the case `name`; an exception is reported as a message, not a traceback.

    With `before`, the packages come from that checkout; the benchmarks stay those of this one.
    """
    if before:
        sys.path.insert(0, before)
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    case = CASES[name]
    try:
        shared = CONTENDERS[contender].module if contender in CONTENDERS else ""
        module = import_module(f"benchmarks.contenders.{shared or contender}")
        if case.mode == "steady":
            _serve(channel, module, case, CONTENDERS[contender].package)
        elif case.mode == "peak":
            _send(channel, values={"peak": _peak(module, case)})
        else:
            _send(channel, values=getattr(module, case.job)(**case.options))
    except Exception as error:  # whatever a contender raises is a result of the benchmark
        _send(channel, error=f"{type(error).__name__}: {error}".splitlines()[0])


def _send(channel: IO[str], **message: Any) -> None:
    channel.write(json.dumps(message) + "\n")
    channel.flush()


def _serve(channel: IO[str], module: ModuleType, case: Case, package: str) -> None:
    assert case.problem is not None
    problem = case.problem()
    job: Job = getattr(module, case.job)(problem)
    job.reset()
    _repeat(job, max(1, case.warm))
    rows = len(problem.x) if isinstance(problem, Mlp) else None
    _send(channel, version=_version(package), threads=_threads(), rows=rows)
    for line in sys.stdin:
        if line.strip() == "round":
            _send(channel, **timed_round(case, problem, job))


def _peak(module: ModuleType, case: Case) -> int:
    """Bytes of the process at their highest during some runs, beyond what it holds before the first, on Linux.

    A rehearsal has loaded and filled by then what does not depend on the size of the work. What a contender keeps from
    one run to the next counts as if each run had taken it anew.
    """
    assert case.problem is not None
    job_of: Callable[[Problem], Job] = getattr(module, case.job)
    if case.rehearsal is not None:
        _repeat(job_of(case.rehearsal()), case.warm)
    job = job_of(case.problem())
    before = _held()
    _repeat(job, case.warm)  # a step does not include compilation
    _held()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the high-water mark begins anew
    _repeat(job, case.repeat)
    return _status("VmHWM") - before


def _repeat(job: Job, times: int) -> None:
    for _ in range(times):
        job.read(job.run())


def _held() -> int:
    """Bytes that the process cannot do without, on Linux."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what the C library keeps of freed memory is not held by the model
    return _status("VmRSS")


def _status(name: str) -> int:
    """Bytes of one entry in what Linux says of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


def timed_round(case: Case, problem: Problem, job: Job) -> dict[str, Any]:
    """Times `case.repeat` runs; the values are those of the first one after a reset, made when the clock has stopped.

    Values after many steps would tell rounding apart as much as mistakes: float32 steps amplify the noise of another
    processor's kernels.
    """
    job.reset()
    for _ in range(case.warm):
        job.read(job.run())
    if case.warm:
        job.reset()
    gc.collect()
    run = job.run
    start = time.perf_counter()
    for _ in range(case.repeat):
        loss = run()
    loss = job.read(loss)
    seconds = time.perf_counter() - start
    if case.warm + case.repeat > 1:
        job.reset()
        loss = job.read(job.run())
    values = digest({"loss": loss, **problem.summary(job.result())})
    return {"seconds": seconds / (case.repeat * case.per_run), "values": values}


def _version(package: str) -> str:
    try:
        return version(package.replace("_", "-"))
    except PackageNotFoundError:
        return "unknown"


def _threads() -> list[dict[str, Any]]:
    """The thread pools that live in this process, if threadpoolctl is installed."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    keys = ("user_api", "internal_api", "num_threads", "version")
    return [{key: pool.get(key) for key in keys} for pool in threadpool_info()]


if __name__ == "__main__":
    main(*sys.argv[1:])
