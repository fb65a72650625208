"""A thread that lets reductions go on while the ranks compute.

MPI moves messages only while it is called. What is under way when a rank computes stands still, unless something else
calls: this thread, which asks every half millisecond. It sleeps while nothing is under way.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ..config.forks import on_fork

_PERIOD = 5e-4  # seconds between two questions


class Progress:
    """Asks what is under way whether it has ended, from a thread of its own.

    Example:
        >>> asked = []
        >>> progress = Progress()
        >>> progress.follow(lambda: asked.append(1) or len(asked) > 2)
        >>> progress.idle.wait(5), len(asked)
        (True, 3)
    """

    def __init__(self) -> None:
        self._begin()
        on_fork(after_in_child=self._begin)  # where the thread does not exist

    def _begin(self) -> None:
        self.lock = threading.Lock()  # held while anything is asked, so that no two ask the same
        self.idle = threading.Event()
        self.idle.set()
        self._followed: list[Callable[[], bool]] = []
        self._some = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, done: Callable[[], bool]) -> None:
        """Call `done`, which returns whether it has ended, over and over until it returns True."""
        with self.lock:
            self._followed.append(done)
            self.idle.clear()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="progress of MPI", daemon=True)
            self._thread.start()
        self._some.set()

    def leave(self, done: Callable[[], bool]) -> None:
        """Ask no more; when this returns, nothing asks."""
        with self.lock:
            if done in self._followed:
                self._followed.remove(done)

    def _run(self) -> None:
        while True:
            self._some.wait()
            with self.lock:
                self._followed = [done for done in self._followed if not done()]
                if not self._followed:
                    self._some.clear()
                    self.idle.set()
            time.sleep(_PERIOD)
