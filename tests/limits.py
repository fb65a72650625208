"""What Python in a browser lacks, taken away from this process: to be applied before the packages are imported.

Pyodide starts no threads and no other programs, opens no sockets and leaves out parts of the standard library ("Pyodide
Python compatibility", pyodide.org). Its machine has 32 bits: so has NumPy's usual integer.
"""

from __future__ import annotations

import _thread
import importlib.abc
import sys
import threading
from typing import Any, NoReturn

import numpy as np

BLOCKED = {
    *("ctypes", "_ctypes", "subprocess", "_posixsubprocess", "multiprocessing", "_multiprocessing", "ssl", "_ssl"),
    *("socket", "_socket", "select", "fcntl", "mmap", "resource", "termios", "tty", "pty", "pwd", "grp", "syslog"),
    *("curses", "readline", "tkinter", "venv", "ensurepip", "dbm", "lzma", "bz2", "sqlite3"),
}


class Blocked(importlib.abc.MetaPathFinder):
    """Finds none of the modules that are not there."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise for a module that a browser lacks."""
        if name in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r} in a browser", name=name)


def no_thread(*_: Any, **__: Any) -> NoReturn:
    """Refuse to start a thread, in Pyodide's words."""
    raise RuntimeError("can't start new thread")


def apply() -> None:
    """Take everything away."""
    for name in [name for name in sys.modules if name in BLOCKED or name.partition(".")[0] in BLOCKED]:
        del sys.modules[name]
    sys.meta_path.insert(0, Blocked())
    threading.Thread.start = _thread.start_new_thread = no_thread  # type: ignore[method-assign,assignment]
    np.intp = np.int_ = np.int32  # type: ignore[misc,assignment]
