"""Locks and tables in forked processes, which lack the parent's other threads and what those held."""

from __future__ import annotations

import os
import threading
from typing import Any


def on_fork(**when: Any) -> None:
    """Call `os.register_at_fork`, on systems that fork."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(**when)


def guard() -> Any:
    """Return a lock for short sections that never wait; a fork waits for it, so that it is free in the child."""
    lock = threading.RLock()
    on_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock
