"""Noticing that BLAS's threads wait for each other, because other programs use the cores.

A product of matrices ends when its slowest thread does. Where other programs use the cores, a thread that was sent away
keeps all others waiting, and those wait in a loop that takes processor time from it in turn: a step of training then
takes 5 to 25 times as long in two threads as in one, on a machine that is only half as fast. No other symptom shows it,
since every core is busy; but Linux counts for each thread how long it was ready to run and had no core.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

_SECONDS = 1.0  # of a look: shorter ones see chance
_WAITING = 1 / 3  # of the time; 0 on an idle machine, 0.46 to 0.87 where two threads were 3 to 25 times as slow as one
_OTHERS = 1 / 2  # of this thread's time on a core; 1 for each more thread of BLAS, below 0.2 with a single one
_LIMITS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Usage(NamedTuple):
    """Seconds since some moment: on the clock, of this thread on a core and ready for one, of BLAS's threads on one."""

    clock: float
    running: float
    waiting: float
    others: float


def usage() -> Usage | None:
    """Return what this process has used so far; None where the system does not tell (it is not Linux)."""
    me, python = threading.get_native_id(), {thread.native_id for thread in threading.enumerate()}
    running = waiting = others = 0
    try:
        for name in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{name}/schedstat", "rb") as file:
                on_core, ready, _ = map(int, file.read().split())
            if int(name) == me:
                running, waiting = on_core, ready
            elif int(name) not in python:  # started by a library in C
                others += on_core
    except (OSError, ValueError):
        return None
    return Usage(time.perf_counter(), running / 1e9, waiting / 1e9, others / 1e9)


def is_starved(before: Usage, after: Usage) -> bool:
    """Return whether this thread waited for a core much of the time, while BLAS's threads took the cores.

    Reading a disk or waiting for a generator is not waiting for a core; nor do other programs alone count.
    """
    clock, running, waiting, others = (b - a for a, b in zip(before, after, strict=True))
    return waiting > _WAITING * clock and others > _OTHERS * running


def one_thread() -> bool:
    """Return whether BLAS was told to use a single thread."""
    threadpoolctl: Any = sys.modules.get("threadpoolctl")
    if threadpoolctl is not None:
        return all(pool["num_threads"] == 1 for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas")
    return any(os.environ.get(name) == "1" for name in _LIMITS)


class Watch:
    """Looks at each second of training, and logs once that threads are starved.

    It logs a line to "nn", which goes to standard error unless the program sets up logging otherwise. A warning would
    fail the tests of projects that turn warnings into errors, and only while their machine is busy.

    Attributes:
        due: when, on the clock of `time.perf_counter`, the next `look` is worth calling.
    """

    def __init__(self) -> None:
        self.due = 0.0
        self._last: tuple[int, Usage] | None = None  # the thread, and its usage

    def look(self, before_logging: Callable[[], None]) -> None:
        """Compare with the last look.

        Args:
            before_logging: makes room for a line on the screen.
        """
        now, thread = usage(), threading.get_native_id()
        if now is None:
            self.due = float("inf")
            return
        last, self._last = self._last, (thread, now)
        self.due = now.clock + _SECONDS
        if last is None or last[0] != thread or not is_starved(last[1], now) or one_thread():
            return
        self.due = float("inf")
        before_logging()
        logging.getLogger("nn").warning(
            "fit: other programs use this machine's cores, and the threads of matrix products wait for each other: "
            "training had no core for %.0f %% of the time. One thread may be several times as fast: set "
            "OPENBLAS_NUM_THREADS=1 before Python starts, or call fit inside threadpoolctl.threadpool_limits(1)",
            100 * (now.waiting - last[1].waiting) / (now.clock - last[1].clock),
        )


WATCH = Watch()  # one for the process, since it speaks once
