"""When C code is compiled: in the background, once a segment has been used so much that it pays."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import platform
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from ...native import kernels
from .library_cache import LibraryCache, digest
from .toolchain import HEADERS, BuildError, Compiler, build, end, find_compiler, flags_of

VARIABLE = "AUTOGRAD_LITE_FUSED"
WAIT, OFF = "wait", "off"
PAYS = 20_000_000  # nanoseconds in which the executor has run a segment, from which compiling it is worth while


def mode() -> str:
    """Return when code is compiled, by AUTOGRAD_LITE_FUSED: "" in the background, "wait" at once, "off" never.

    Raises:
        ValueError: if it is another one.
    """
    choice = os.environ.get(VARIABLE, "")
    if choice not in ("", WAIT, OFF):
        raise ValueError(
            f"{VARIABLE}: expected off, or wait, which compiles before the first call; received {choice!r}"
        )
    return choice


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
            self.function, where = _function_of(self._make_text(), self._exact)
        except (BuildError, OSError) as error:
            self.state = " ".join(str(error).split())
        else:
            self.state = f"{where} in {1e3 * (time.perf_counter() - start):.0f} ms"
            self._then(self.function)
        finally:
            del self._make_text, self._then  # which refer to their users


class Fusion:
    """The C code of a segment, for all functions that are made of it.

    Args:
        make_text: returns the text, of a function `run` as `native/c/fused.h` describes it.
        exact: whether each operation is rounded.
    """

    def __init__(self, make_text: Callable[[], str], exact: bool = True) -> None:
        self._make_text, self._exact = make_text, exact
        self._segments: list[weakref.ref[Any]] = []
        self._build: Build | None = None

    @property
    def state(self) -> str:
        """Return a line about it."""
        if mode() == OFF:
            return f"not compiled: {VARIABLE} is off"
        return self._build.state if self._build else "compiled once it has been used more"

    def watch(self, segment: Any) -> None:
        """Let a segment run the code, as soon as there is some."""
        when = mode()
        if when == OFF:
            return
        self._segments.append(weakref.ref(segment, self._segments.remove))
        if self._build is None:
            if when == WAIT:
                self._start()
            else:
                segment.watch(PAYS, self._start)
        if self._build is not None and self._build.function is not None:
            segment.fuse(self._build.function)

    def _start(self) -> None:
        if self._build is None:
            self._build = request(self._text, self._fuse, self._exact)

    def _text(self) -> str:
        if not self._segments:
            raise BuildError("not compiled: no longer in use")
        return self._make_text()

    def _fuse(self, function: Any) -> None:
        for one in list(self._segments):
            segment = one()
            if segment is not None:
                segment.fuse(function)


def request(make_text: Callable[[], str], then: Callable[[Any], object], exact: bool = True) -> Build:
    """Compile a function in the background.

    Args:
        make_text: returns its text, in C; it is called in the background too.
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
