"""A rank that has failed ends all of them: one that raises, has stopped, has ended or sleeps while others wait.

An MPI job ends when a process of it is killed, but waits without an end for one that says nothing more. So each rank
has a thread that tells the next one, twice a second, that it lives, and listens to the one before it: a ring, whose
cost does not grow with the number of ranks. Whoever finds a rank silent tells all others why, and ends the job. The
thread lives on where the program does not: so it also tells for how long the program has neither computed nor waited
for other ranks, and whoever waits for such a one for as long takes it for lost.
"""

from __future__ import annotations

import atexit
import faulthandler
import os
import platform
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from ..config.forks import on_fork
from .launch.rank import Report, abort, report_of, write_report

PATIENCE = 30.0  # seconds of silence after which a rank counts as lost
PERIOD = 0.5  # seconds between two signs of life
_LISTEN = 0.1  # seconds between two looks for messages
_STOPPED = 2.0  # seconds that a process on this machine may be stopped
_ENDED = 2.0  # seconds that a rank waits for one that has ended, whose last messages may still be on their way
_NEWS_TIME = 4 * _LISTEN  # seconds that the others have to pass the news on
_ALIVE, _END, _NEWS = 1, 2, 3  # tags of messages
_SLEEPS = (
    "has computed nothing for {:.0f} s while others wait for it (a sleep, a lock, input, a network?). "
    "NN_DISTRIBUTED_PATIENCE sets how many seconds that may take, now {:.0f}; 0 is without an end"
)


_GUARDED: list[bool] = []  # one watch serves all communicators of a process


class Place(NamedTuple):
    """Where a rank is: its machine, as far as processes see each other there, and its process."""

    machine: str
    pid: int


def here() -> Place:
    """Return the place of this process.

    Example:
        >>> here() == here()
        True
    """
    try:
        space = os.readlink("/proc/self/ns/pid")  # containers of one machine may have the same name
    except OSError:
        space = ""
    return Place(f"{platform.node()} {space}", os.getpid())


def process(pid: int) -> tuple[str, float] | None:
    """Return the state of a process ("T" if it is stopped) and the ticks that it has computed, where Linux tells them.

    Example:
        >>> found = process(os.getpid())
        >>> found is None or found[0] in "RSD"
        True
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return fields[0], float(fields[11]) + float(fields[12])


class Silence:
    """How long a rank has said nothing, and whether that means that it is lost.

    A rank whose process holds Python's lock in one long call cannot speak, but its processor time goes on, which
    another rank on its machine sees. Time in which the listener itself did not run does not count.

    Args:
        patience: seconds.
        look: returns the state and the processor time of the rank's process, or None if it cannot be seen.
    """

    def __init__(self, patience: float, look: Callable[[], tuple[str, float] | None]) -> None:
        self.patience, self.look = patience, look
        self.silent, self.idle, self.stopped = 0.0, 0.0, 0.0
        self.computed = 0.0

    def heard(self) -> None:
        """Take note of a sign of life."""
        self.silent = self.idle = self.stopped = 0.0

    def after(self, seconds: float) -> str:
        """Return why the rank counts as lost, or nothing, after some more seconds without a sign of it."""
        seconds = min(seconds, 2 * PERIOD)
        self.silent += seconds
        self.idle += seconds
        if self.silent < min(2 * PERIOD, self.patience):
            return ""
        seen = self.look()
        state, computed = seen or ("", self.computed)
        self.stopped = self.stopped + seconds if state == "T" else 0.0
        # A debugger ("t") holds it on purpose.
        if computed > self.computed or state == "t":
            self.idle = 0.0
        self.computed = computed
        if self.stopped >= min(_STOPPED, self.patience):
            return "is stopped (SIGSTOP)"
        if self.idle >= self.patience:
            return f"has not been heard of for {self.silent:.0f} s"
        return ""


class Sleep:
    """For how many seconds a thread has used no processor time, but for those in which it waited for other ranks.

    Args:
        clock: returns the processor time of the thread.
        waiting: returns for how many seconds it has waited for others.
    """

    def __init__(self, clock: Callable[[], float], waiting: Callable[[], float]) -> None:
        self.clock, self.waiting = clock, waiting
        self.used, self.seconds = clock(), 0.0

    def after(self, seconds: float) -> float:
        """Return how long it sleeps, after some more seconds."""
        used = self.clock()
        awake = used > self.used or self.waiting() > 0
        self.used, self.seconds = used, 0.0 if awake else self.seconds + min(seconds, 2 * PERIOD)
        return self.seconds


def clock_of_this_thread() -> Callable[[], float]:
    """Return what tells the processor time of this thread to others; where the system does not, it never stands still.

    Example:
        >>> clock_of_this_thread()() > 0
        True
    """
    if not hasattr(time, "pthread_getcpuclockid"):
        return time.monotonic
    number = time.pthread_getcpuclockid(threading.get_ident())

    def clock() -> float:
        try:
            return time.clock_gettime(number)
        except OSError:  # it has ended; others go on
            return time.monotonic()

    return clock


class Watch:
    """The thread of a rank that listens to the one before it.

    Args:
        comm: a communicator of mpi4py for this alone.
        patience: seconds of silence after which a rank counts as lost.
        waiting: returns for how many seconds this rank has waited for others.
    """

    def __init__(self, comm: Any, patience: float, waiting: Callable[[], float]) -> None:
        from mpi4py import MPI

        self.mpi, self.comm, self.waiting = MPI, comm, waiting
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.before, self.after = (self.rank - 1) % self.size, (self.rank + 1) % self.size
        mine = here()
        places = comm.allgather(mine)
        self.machines = [place[0].partition(" ")[0] for place in places]
        machine, pid = places[self.before]
        self.silence = Silence(patience, lambda: process(pid) if machine == mine.machine else None)
        self.patience, self.sleep = patience, Sleep(clock_of_this_thread(), waiting)
        self.sleeps = 0.0  # seconds, the one before
        self.sent: Any = MPI.REQUEST_NULL
        self.ended = False  # the one before
        self._begin()
        on_fork(after_in_child=self._begin)  # where nothing watches
        self.thread = threading.Thread(target=self._run, name="nn.distributed: watch", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        last, spoken, gone = time.monotonic(), 0.0, False
        while not (self.ended and gone):
            time.sleep(_LISTEN)
            now = time.monotonic()
            self.sleep.after(now - last)
            if not gone and (self.ending.is_set() or now - spoken >= PERIOD) and self.sent.Test():
                spoken, gone = now, self.ending.is_set()
                self.message = b"%.1f" % self.sleep.seconds
                self.sent = self.comm.Isend([self.message, self.mpi.BYTE], self.after, _END if gone else _ALIVE)
            if self._listen() or self.ended:
                self.silence.heard()
            elif why := self.silence.after(now - last):
                self.fail(Report(why, about=self.before))
            if self.ended and self.waiting() > _ENDED:
                self.fail(Report("has ended while others wait for it (sys.exit on it alone?)", about=self.before))
            if not self.ended and min(self.sleeps, self.waiting()) >= self.patience:
                self.fail(Report(_SLEEPS.format(self.sleeps, self.patience), about=self.before))
            last = now
        self.sent.Wait()

    def _listen(self) -> bool:
        """Take in what has come, and return whether the rank before this one has given a sign of life."""
        status, heard = self.mpi.Status(), False
        while self.comm.Iprobe(self.mpi.ANY_SOURCE, self.mpi.ANY_TAG, status):
            text = bytearray(status.Get_count(self.mpi.BYTE))
            self.comm.Recv([text, self.mpi.BYTE], status.Get_source(), status.Get_tag())
            if status.Get_tag() == _NEWS:
                self._take_news(status.Get_source(), text.decode())
            elif status.Get_tag() == _END:
                self.ended = True
            else:
                heard, self.sleeps = True, float(text)
        return heard

    def _take_news(self, rank: int, why: str) -> None:
        """Say why another rank ends the job."""
        if self.failed.acquire(blocking=False):
            words = f"was ended by rank {rank}: {why}"
            if not write_report(Report(words, code=0, second=True)):
                self._print(f"rank {self.rank} {words}")

    def _print(self, text: str) -> None:
        """Print lines in one piece, so that those of other ranks come before or after."""
        sys.stderr.write(f"nn.distributed: {text} [{self.machines[self.rank]}, {self.size} ranks]\n")
        sys.stderr.flush()

    def fail(self, report: Report) -> None:
        """Tell all ranks why the job ends, and end it."""
        if not self.failed.acquire(blocking=False):
            time.sleep(2 * _NEWS_TIME)  # another rank, or another thread, has been first, and ends this one
        about = self.rank if report.about < 0 else report.about
        why = f"rank {about} {report.words}"
        if not write_report(report):
            sys.stderr.write(report.details)
            self._print(why if about == self.rank else f"{why}; rank {self.rank} has found it")
        others = [rank for rank in range(self.size) if rank not in (self.rank, about)]
        requests = [self.comm.Isend([why.encode(), self.mpi.BYTE], rank, _NEWS) for rank in others]
        until = time.monotonic() + _NEWS_TIME
        while time.monotonic() < until:
            self.mpi.Request.Testall(requests)
            time.sleep(_LISTEN / 2)
        abort(report.code)

    def _begin(self) -> None:
        self.ending = threading.Event()  # this rank
        self.failed = threading.Lock()  # taken by the first reason, for good

    def end(self) -> None:
        """Tell the next rank that this one has ended, and watch on until the one before it has."""
        self.ending.set()
        self.thread.join()


def guard(comm: Any, patience: float, waiting: Callable[[], float]) -> None:
    """Let the failure of one rank end all, with its reason.

    Args:
        comm: a communicator of mpi4py, which is duplicated.
        patience: seconds of silence after which a rank counts as lost; 0 for no watch.
        waiting: returns for how many seconds this rank has waited for others.
    """
    from mpi4py import MPI

    if _GUARDED:
        return
    _GUARDED.append(True)
    if not faulthandler.is_enabled():
        faulthandler.enable(all_threads=False)  # says where, if a signal kills this process
    threaded = MPI.Query_thread() == MPI.THREAD_MULTIPLE
    watch = Watch(comm.Dup(), patience, waiting) if patience and threaded else None
    process_id, before = os.getpid(), (sys.excepthook, threading.excepthook)

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if os.getpid() != process_id:  # a child, which must not speak MPI
            before[0](kind, error, trace)
            return
        report = report_of(kind, error, trace)
        if watch is not None:
            watch.fail(report)
        elif not write_report(report):
            sys.stderr.write(f"{report.details}nn.distributed: rank {comm.Get_rank()} {report.words}\n")
        abort(report.code)

    def thread_hook(args: Any) -> None:
        if os.getpid() != process_id:
            before[1](args)
        elif not issubclass(args.exc_type, SystemExit):
            hook(args.exc_type, args.exc_value, args.exc_traceback)

    sys.excepthook, threading.excepthook = hook, thread_hook
    if watch is not None:
        atexit.register(watch.end)
