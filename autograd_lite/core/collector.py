"""The collector of cycles, which rests while many objects are made that all stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from .forks import fork_safe_lock, on_fork

_LOCK = fork_safe_lock()


class _Rest:
    """How many runs need it, and whether it was on before the first of them."""

    runs = 0
    was_on = False


@contextmanager
def collector_at_rest() -> Iterator[None]:
    """Switch the collector of cycles off: it would look at all new objects again and again, and find nothing.

    It is on again, if it was, when the last of all threads that need this has ended.
    """
    with _LOCK:
        if not _Rest.runs:
            _Rest.was_on = gc.isenabled()
            gc.disable()
        _Rest.runs += 1
    try:
        yield
    finally:
        with _LOCK:
            _end(1)


def _end(runs: int) -> None:
    _Rest.runs = max(_Rest.runs - runs, 0)
    if not _Rest.runs and _Rest.was_on:
        gc.enable()


on_fork(after_in_child=lambda: _end(_Rest.runs))  # whose threads are not there
