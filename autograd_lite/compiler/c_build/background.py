"""Compiling in the background: one function after the other, in a thread that ends when there is no more to do."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import platform
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ...native import kernels
from .fusing import WAIT, mode
from .library_cache import LibraryCache, digest
from .toolchain import HEADERS, BuildError, Compiler, build, end, find_compiler, flags_of


class Build:
    """A function that is compiled, now or later.

    Attributes:
        state: a line about it.
        function: it, once it is there: the executor takes it (`Segment.fuse`).
    """

    def __init__(self, make_text: Callable[[], str], then: Callable[[Any], object], exact: bool) -> None:
        self.state = "compiling"
        self.function: Any = None
        self._make_text, self._then, self._exact = make_text, then, exact

    def run(self) -> None:
        """Compile; a failure of the compiler is in `state` and nowhere else."""
        start = time.perf_counter()
        try:
            text = self._make_text()
            if not text:
                raise BuildError("not compiled: no longer in use")
            self.function, where = _function_of(text, self._exact)
        except (BuildError, OSError) as error:
            self.state = " ".join(str(error).split())
        else:
            self.state = f"{where} in {1e3 * (time.perf_counter() - start):.0f} ms"
            self._then(self.function)
        finally:
            del self._make_text, self._then  # which refer to their users


def request(make_text: Callable[[], str], then: Callable[[Any], object], exact: bool = True) -> Build:
    """Compile a function in the background.

    Args:
        make_text: returns its text, in C, or "" if it is no longer in use; it is called in the background too.
        then: is called there with the function, if there comes to be one.
        exact: whether each operation is rounded.
    """
    asked = Build(make_text, then, exact)
    if mode() == WAIT:
        asked.run()
    else:
        _worker.add(asked)
    return asked


def _function_of(text: str, exact: bool) -> tuple[Any, str]:
    """Return the function of a text, and where it is from."""
    compiler, cache = find_compiler(), LibraryCache()
    key = _key(compiler, text, exact)
    path = cache.find(key)
    if path is not None:
        with contextlib.suppress(OSError):  # another process may have removed it
            return kernels.library.load(str(path), "run"), "loaded from the cache"
    with cache.work_folder() as folder:
        path = cache.store(key, build(compiler, text, exact, folder, _worker.note))
        function = kernels.library.load(str(path), "run")
    aside = f", not kept ({cache.reason})" if cache.reason else ""
    return function, f"compiled by {compiler.command[0]}{aside}"


def _key(compiler: Compiler, text: str, exact: bool) -> str:
    parts = text, _headers(), compiler.identity, *flags_of(exact), sys.platform, platform.machine(), _processor()
    return digest(*[part.encode() for part in parts])


@functools.cache
def _headers() -> str:
    return digest(*[path.read_bytes() for path in sorted(HEADERS.rglob("*.h"))])


@functools.cache
def _processor() -> str:
    """Return the system's description of the processor, as far as it stays the same."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            first = file.read(1 << 14).split("\n\n")[0]
    except OSError:
        return platform.processor()
    return "\n".join(
        line for line in first.splitlines() if line.startswith(("model name", "flags", "Features", "CPU "))
    )


class _Worker:
    """A thread that compiles one function after the other; it ends when there is no more to do."""

    def __init__(self) -> None:
        self._waiting: deque[Build] = deque()
        self._running: list[Build] = []
        self._ends = False
        self.forget()

    def forget(self) -> None:
        """Begin anew in a forked process, which lacks the thread; the next request brings the others with it."""
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._process: Any = None
        self._waiting += self._running
        self._running.clear()

    def add(self, asked: Build) -> None:
        """Let a function be compiled."""
        self._waiting.append(asked)
        with self._lock:
            if self._ends or (self._thread is not None and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._work, name="autograd_lite compiles", daemon=True)
            try:
                self._thread.start()
            except RuntimeError as error:  # there are too many, or the interpreter is about to end
                asked.state = f"not compiled: {error}"

    def note(self, process: Any) -> None:
        """Note which process compiles, so that it ends with this one."""
        self._process = process
        if self._ends:
            end(process)

    def _work(self) -> None:
        while True:
            with self._lock:
                if self._ends or not self._waiting:
                    self._thread = self._process = None
                    return
                asked = self._waiting.popleft()
                self._running.append(asked)
            try:
                asked.run()
            except Exception as error:
                asked.state = f"not compiled: {type(error).__name__}: {error}"
            self._running.remove(asked)

    def end(self) -> None:
        """End compilation with the interpreter."""
        self._ends = True
        thread, process = self._thread, self._process
        if process is not None:
            end(process)
        if thread is not None:
            thread.join(1.0)


_worker = _Worker()
atexit.register(_worker.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_worker.forget)
