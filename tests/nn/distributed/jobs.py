"""Real jobs of several processes: started, bounded in time, and none of their processes left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
FAULTY = Path(__file__).with_name("faulty.py")
RUN = (sys.executable, "-m", "nn.distributed.run")
MPIEXEC = os.fspath(Path(sys.executable).with_name("mpiexec"))
_MARK = "AUTOGRAD_LITE_TEST_JOB"


class Done(NamedTuple):
    """How a command has ended: its status, what it printed, and after how many seconds."""

    code: int
    out: str
    err: str
    seconds: float


class Running(NamedTuple):
    """A command that runs, and the mark that all its processes bear."""

    process: subprocess.Popen[bytes]
    mark: str


def bearing(mark: str) -> list[int]:
    """Return the processes whose environment has a mark: those that a job has started, wherever they went."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:  # it has ended, or is another user's
            continue
    return found


@contextmanager
def running(command: Sequence[str | os.PathLike[str]], **environment: str) -> Iterator[Running]:
    """Start a command, and kill at the end what it has left, or after a minute and a half all of it."""
    mark = uuid.uuid4().hex
    # As a user's would be: without the variables of this test run.
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("PMI_", "OMPI_", "NN_DISTRIBUTED", "PYTHONUNBUFFERED"))
    }
    settings = {**kept, "PYTHONPATH": os.fspath(ROOT), **environment, _MARK: mark}
    process = subprocess.Popen(
        list(map(os.fspath, command)),
        env=settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )

    def kill() -> None:
        for pid in bearing(mark):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    timer = threading.Timer(90, kill)
    timer.start()
    try:
        yield Running(process, mark)
    finally:
        timer.cancel()
        kill()
        process.communicate()


def done(command: Sequence[str | os.PathLike[str]], timeout: float = 30, **environment: str) -> Done:
    """Run a command to its end; what it leaves behind is an error."""
    started = time.monotonic()
    with running(command, **environment) as job:
        try:
            out, err = job.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{command} runs for more than {timeout} s") from None
        seconds = time.monotonic() - started
        assert gone(job.mark), "processes are left"
        return Done(job.process.returncode, out.decode(), err.decode(), seconds)


def gone(mark: str, within: float = 3.0) -> bool:
    """Return whether all processes of a job end within some seconds."""
    until = time.monotonic() + within
    while bearing(mark) and time.monotonic() < until:
        time.sleep(0.05)
    return not bearing(mark)
