"""What a forked process, which has none of its parent's other threads, does about what they held."""

from __future__ import annotations

import os
import threading
from typing import Any


def on_fork(**when: Any) -> None:
    """`os.register_at_fork`, where processes fork: not on Windows."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(**when)


def guard() -> Any:
    """Return a lock for a few lines that wait for nothing; a fork waits for it, so that it is free in the child."""
    lock = threading.RLock()
    on_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock
