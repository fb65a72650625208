"""Locks that are usable after a fork."""

from __future__ import annotations

import os
import threading
from typing import Any

_LOCKS: list[Any] = []


def on_fork(**when: Any) -> None:
    """`os.register_at_fork`, on systems with fork: not on Windows."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(**when)


def fork_safe_lock() -> Any:
    """Return a reentrant lock that is free in a forked process.

    A fork copies a lock that another thread holds, but not the thread, so the copy would never be released. Therefore a
    fork first acquires all of these locks; the data that they guard is then consistent in both processes.
    """
    lock = threading.RLock()
    _LOCKS.append(lock)
    return lock


def _take_all() -> None:
    while True:
        locks = []
        for lock in _LOCKS:
            if not lock.acquire(blocking=False):
                break
            locks.append(lock)
        else:
            return
        for held in locks:  # never wait for one while holding another: its holder may be waiting for that
            held.release()
        with lock:
            pass


def _give_all_back() -> None:
    for lock in _LOCKS:
        lock.release()


on_fork(before=_take_all, after_in_parent=_give_all_back, after_in_child=_give_all_back)
