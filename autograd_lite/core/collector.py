"""Pausing Python's collector of cycles while many objects are created that all stay alive."""

from __future__ import annotations

import gc
from typing import Any

from .forks import fork_safe_lock, on_fork

_LOCK = fork_safe_lock()


class collector_at_rest:
    """Pause the collector of cycles: it would visit all new objects again and again, and find no cycle.

    It resumes, if it was on, when the last thread leaves this block.
    """

    _runs = 0
    _was_on = _holds = False

    def __enter__(self) -> None:
        this = collector_at_rest
        self._holds = True
        with _LOCK:
            if not this._runs:
                this._was_on = gc.isenabled()
                gc.disable()
            this._runs += 1

    def __exit__(self, *_: Any) -> None:
        self._holds = False
        _end(1)

    def __del__(self) -> None:
        if self._holds:  # an interrupt came before the code inside began
            self.__exit__()


def _end(runs: int) -> None:
    this = collector_at_rest
    with _LOCK:
        this._runs = max(this._runs - runs, 0)
        if not this._runs and this._was_on:
            gc.enable()


on_fork(after_in_child=lambda: _end(collector_at_rest._runs))  # the other threads do not exist in the child
