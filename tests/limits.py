"""What Python in a browser lacks, taken away from this process: to be imported before the packages.

Pyodide has no threads, no other processes and no sockets, and leaves parts of the standard library out
(its documentation, "Python compatibility"). Its machine has 32 bits, so that indices are int32.
"""

from __future__ import annotations

import importlib.abc
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

BLOCKED = frozenset(
    "ctypes _ctypes subprocess _posixsubprocess multiprocessing _multiprocessing concurrent.futures.process ssl _ssl "
    "socket _socket select selectors asyncio fcntl mmap resource termios tty pty pwd grp syslog curses readline "
    "tkinter venv ensurepip dbm lzma bz2 sqlite3 webbrowser".split()
)


class Blocked(importlib.abc.MetaPathFinder):
    """Refuses the modules that are not there."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Raise for a module that a browser lacks."""
        if name in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r} in a browser", name=name)


def no_thread(*_: Any, **__: Any) -> None:
    """Refuse to start a thread, in Pyodide's words."""
    raise RuntimeError("can't start new thread")


def narrow(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of NumPy whose indices are int32, as where pointers have 32 bits."""

    def narrowed(*args: Any, **kwargs: Any) -> Any:
        return cast(function(*args, **kwargs))

    def cast(found: Any) -> Any:
        if isinstance(found, tuple):
            return tuple(map(cast, found))
        return found.astype("int32") if getattr(found, "dtype", None) == "int64" else found

    return narrowed


def apply(also: Sequence[str] = ()) -> None:
    """Take everything away."""
    for name in [name for name in sys.modules if name in BLOCKED or name.partition(".")[0] in BLOCKED]:
        del sys.modules[name]
    sys.meta_path.insert(0, Blocked())
    threading.Thread.start = no_thread  # type: ignore[method-assign]
    import _thread

    _thread.start_new_thread = no_thread  # type: ignore[assignment]
