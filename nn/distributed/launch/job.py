"""One start of all ranks on this machine: their output, the signals that they get, and how they have ended."""

from __future__ import annotations

import json
import os
import re
import select
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

from .engines import Engine
from .rank import FOLDER, Report

_TURN = 0.2  # seconds between two looks at the reports
_GRACE = 10.0  # seconds that the ranks have to end, once one of them has failed or they were told to
_TAIL = 40  # lines that are kept of a rank whose output is not shown
# Python's names of the signals that it can still report.
_FATAL = {
    "Segmentation fault": signal.SIGSEGV,
    "Bus error": getattr(signal, "SIGBUS", signal.SIGSEGV),
    "Aborted": signal.SIGABRT,
    "Floating": signal.SIGFPE,
    "Illegal": signal.SIGILL,
}
# Where ranks have pipes of their own to the launcher.
PIPES = hasattr(os, "mkfifo")


class Outcome(NamedTuple):
    """How a job has ended.

    Attributes:
        code: the exit status of the rank that failed, 128 + its number if a signal did it, or 0.
        reports: of each rank about its end, by its number.
        killed: the number of the rank that a signal has ended, or -1 if it is unknown, and the signal.
        stopped_by: the signal that the launcher has received, or 0.
        last: the last lines of the ranks whose output was not shown, by their number.
        engine: the output of `mpiexec` itself.
    """

    code: int
    reports: Mapping[int, Report]
    killed: tuple[int, int] | None
    stopped_by: int
    last: Mapping[int, Sequence[str]]
    engine: str


class _Stream:
    """Standard output or error: the text of rank 0 as it comes, and whole lines of other ranks between its lines."""

    def __init__(self, target: IO[bytes]) -> None:
        self.target = target
        self.held: list[bytes] = []
        self.between = True

    def write(self, text: bytes) -> None:
        self.target.write(text)
        self.between = text.endswith(b"\n")
        self.insert()

    def insert(self, *lines: bytes) -> None:
        self.held += lines
        if self.between:
            self.target.write(b"".join(self.held))
            self.held.clear()
        self.target.flush()


class _Output:
    """The output of a rank on one of them."""

    def __init__(self, rank: int, stream: _Stream, shown: bool, tail: deque[str]) -> None:
        self.rank, self.stream, self.shown, self.tail = rank, stream, shown, tail
        self.part = b""
        self.leads = rank == 0

    def take(self, text: bytes) -> None:
        if self.leads:
            self.stream.write(text)
            return
        *lines, self.part = (self.part + text).split(b"\n")
        for line in lines:
            self.tail.append(line.decode(errors="replace"))
            if self.shown:
                self.stream.insert(b"[%d] %s\n" % (self.rank, line))

    def close(self) -> None:
        """Show the rest of a line, and of the lines that had to wait."""
        if self.part:
            self.take(b"\n")
        if self.stream.held:
            self.stream.write(b"\n")


class Job:
    """The ranks of one `mpiexec`, from their start to their end.

    Args:
        engine: the MPI.
        n: the number of ranks.
        command: the script and its arguments, as `python` takes them.
        environment: of the ranks.
        options: more arguments for `mpiexec`.
        all_output: whether to show what ranks other than 0 print.
    """

    def __init__(
        self,
        engine: Engine,
        n: int,
        command: Sequence[str],
        environment: Mapping[str, str],
        options: Sequence[str] = (),
        all_output: bool = False,
    ) -> None:
        self.n, self.all_output, self.engine = n, all_output, engine
        self.folder = Path(tempfile.mkdtemp(prefix="nn-distributed-"))
        self.command = [
            *(engine.mpiexec, *engine.kind.arguments, *options, "-n", str(n)),
            *(sys.executable, os.fspath(Path(__file__).with_name("rank.py")), *command),
        ]
        self.environment = {**environment, **({FOLDER: os.fspath(self.folder)} if PIPES else {})}
        self.signals: list[int] = []
        self.engine_output = bytearray()
        self.outputs: dict[int, _Output] = {}
        self.tails = [deque[str](maxlen=_TAIL) for _ in range(n)]
        self.selector = selectors.DefaultSelector()
        self.lives: dict[int, int] = {}  # pipes that end with a rank's process, and whose they are
        self.ended: list[int] = []  # ranks, in the order in which their processes did
        self.deadline = float("inf")

    def run(self) -> Outcome:
        """Start the ranks, and return when all of them have ended."""
        descriptors: list[int] = []
        try:
            descriptors = [*self._pipes(), self._alive()] if PIPES else []
            self._follow_lives()
            with (
                _handle_signals(self._on_signal),
                subprocess.Popen(
                    self.command,
                    env=self.environment,
                    stdout=subprocess.PIPE if PIPES else None,
                    stderr=subprocess.STDOUT if PIPES else None,
                    start_new_session=True,  # the terminal's Ctrl-C comes to us alone
                ) as mpiexec,
            ):
                try:
                    self._follow(mpiexec)
                finally:
                    self._end(mpiexec)
            return self._outcome(mpiexec.returncode)
        finally:
            for descriptor in [*descriptors, *self.lives]:
                os.close(descriptor)
            self.selector.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    def _pipes(self) -> Iterator[int]:
        """Make the pipes that the ranks print to."""
        for name, target in (("out", sys.stdout), ("err", sys.stderr)):
            stream = _Stream(target.buffer)
            for rank, tail in enumerate(self.tails):
                path = self.folder / f"{name}-{rank}"
                if rank == 0 and target.isatty():
                    path.symlink_to(os.ttyname(target.fileno()))  # a bar draws itself in a terminal alone
                    continue
                os.mkfifo(path, 0o600)
                pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # as a writer too, so that it never seems to end
                self.outputs[pipe] = _Output(rank, stream, self.all_output, tail)
                self.selector.register(pipe, selectors.EVENT_READ)
                yield pipe

    def _alive(self) -> int:
        """Open the pipe whose end tells the ranks that the launcher has gone."""
        os.mkfifo(self.folder / "alive", 0o600)
        reader = os.open(self.folder / "alive", os.O_RDONLY | os.O_NONBLOCK)
        writer = os.open(self.folder / "alive", os.O_WRONLY)
        os.close(reader)
        return writer

    def _follow(self, mpiexec: subprocess.Popen[bytes]) -> None:
        """Pass the output on until the job has ended, or has had the time for it."""
        if mpiexec.stdout is None:
            mpiexec.wait()
            return
        self.selector.register(mpiexec.stdout, selectors.EVENT_READ)
        while mpiexec.poll() is None and time.monotonic() < self.deadline:
            self._read(_TURN)
            if self.deadline == float("inf") and self._ranks("report"):
                self.deadline = time.monotonic() + _GRACE

    def _follow_lives(self) -> None:
        """Learn which process ends first: an MPI ends all others within milliseconds, and names one of them."""
        if not hasattr(select, "epoll"):  # elsewhere a pipe without a writer has ended before it begins
            return
        for rank in range(self.n):
            os.mkfifo(self.folder / f"life-{rank}", 0o600)
            pipe = os.open(self.folder / f"life-{rank}", os.O_RDONLY | os.O_NONBLOCK)
            self.lives[pipe] = rank
            self.selector.register(pipe, selectors.EVENT_READ)

    def _read(self, wait: float) -> None:
        """Pass on the output that has come, and as long as there is more."""
        while ready := self.selector.select(wait):
            wait = 0
            for key, _ in ready:  # epoll's order is that of what has happened
                if key.fd in self.lives:
                    self.selector.unregister(key.fd)
                    self.ended.append(self.lives[key.fd])
                    continue
                text = os.read(key.fd, 1 << 16)
                if key.fd in self.outputs:
                    if 0 in self.ended:
                        self._find_first()
                    self.outputs[key.fd].take(text)
                elif text:
                    self.engine_output += text
                else:
                    self.selector.unregister(key.fileobj)

    def _find_first(self) -> None:
        """Learn which rank shows its output, now that the first one has ended and others may go on."""
        with suppress(OSError, ValueError):
            first = int((self.folder / "first").read_text())
            for output in self.outputs.values():
                output.leads = output.rank == first

    def _on_signal(self, number: int, _: Any) -> None:
        """Pass a signal on to the ranks; the second one kills them."""
        self.signals.append(number)
        self.deadline = min(self.deadline, time.monotonic() + _GRACE)
        for pid in self._pids().values():
            _send(pid, number if len(self.signals) == 1 else signal.SIGKILL)
        if len(self.signals) > 1:
            self.deadline = 0

    def _pids(self) -> dict[int, int]:
        """Return the processes of the ranks that have started here."""
        texts = {rank: path.read_text() for rank, path in self._ranks("pid").items()}
        return {rank: int(text) for rank, text in texts.items() if text}

    def _ranks(self, name: str) -> dict[int, Path]:
        """Return the files of this name that ranks have left in the folder."""
        files = {path.name[len(name) + 1 :]: path for path in self.folder.glob(f"{name}-*")}
        return {int(rank): path for rank, path in files.items() if rank.isdecimal()}

    def _end(self, mpiexec: subprocess.Popen[bytes]) -> None:
        """Leave no process behind."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if mpiexec.poll() is None:
                mpiexec.send_signal(number)
                with suppress(subprocess.TimeoutExpired):
                    mpiexec.wait(2)
        for pid in self._pids().values():
            if self._is_ours(pid):
                _send(pid, signal.SIGKILL)
        if PIPES:
            self._read(0)
        for output in self.outputs.values():
            output.close()

    def _is_ours(self, pid: int) -> bool:
        """Return whether a process still is the rank that it was; numbers are given again."""
        try:
            return os.fsencode(self.folder) in Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False

    def _outcome(self, code: int) -> Outcome:
        reports = {rank: Report(*json.loads(path.read_text())) for rank, path in self._ranks("report").items()}
        if not code and not self.signals and (left := self._rank_that_left()) >= 0:
            code = 1
            reports[left] = Report(
                "ended before the end of its script, with status 0 (os._exit on it alone?)", about=left
            )
        output = self.engine_output.decode(errors="replace")
        killed = self._rank_killed(output)
        last = {rank: tail for rank, tail in enumerate(self.tails) if tail and not self.all_output}
        return Outcome(code, reports, killed, self.signals[0] if self.signals else 0, last, output)

    def _rank_that_left(self) -> int:
        """Return which rank has ended in the middle of its script, which MPI takes for success; or -1.

        Where all ranks leave by `os._exit(0)` they mean to, and where jobs survive a loss, a rank may be missing.
        """
        finished, left = self._ranks("finished"), self._ranks("left")
        missing = [rank for rank in self._pids() if rank not in finished]
        if not missing or len(left) == self.n or "--with-ft" in self.command:
            return -1
        return next((rank for rank in [*left, *self.ended] if rank in missing), missing[0])

    def _rank_killed(self, output: str) -> tuple[int, int] | None:
        """Return which rank a signal has ended, and the signal, by the texts of Python and MPI."""
        for rank, path in self._ranks("fatal").items():
            text = path.read_text(errors="replace")
            for name, number in _FATAL.items():
                if text.startswith(f"Fatal Python error: {name}"):
                    self.tails[rank].extend(text.splitlines())
                    return rank, number
        if not (match := re.search(self.engine.kind.killed, output)):
            return None
        named = match.groupdict()
        first = int(named["rank"]) if "rank" in named else (*self.ended, -1)[0]
        return first, int(named["signal"])


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


@contextmanager
def _handle_signals(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Handle the signals that ask a program to end."""
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
