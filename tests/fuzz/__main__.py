"""Fuzz every reader: `python -m tests.fuzz [--seconds S | --executions N] [--seed K] [--only READER]`.

Inputs are mutations of small files and texts. What makes a reader fail in a way that has not been seen before, told by
the lines through which its error came, is kept and mutated further. Prints for each reader how many inputs it was
given, how many it took, in how many ways it refused the others, and the findings; see `readers` for what is one.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import pkgutil
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import nn

from .mutation import changed_again
from .readers import READERS, Reader, readers

MEMORY, SECONDS = 3 << 30, 10
TURN, KEPT = 0.2, 1000  # seconds of one reader before the next has its turn, and inputs that it keeps
_FORBIDDEN = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "subprocess.Popen",
    "socket.connect",
    "pickle.find_class",
    "exec",
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Finding(Exception):
    """Something happened that no reader may do."""


class Tally:
    """What one reader did with its inputs."""

    def __init__(self) -> None:
        self.executions = self.taken = 0
        self.seconds = 0.0
        self.ways: set[Any] = set()
        self.kept: list[Any] = []
        self.findings: Counter[str] = Counter()


class Guard:
    """Hears of everything that Python's audit hooks report while a reader is at work."""

    def __init__(self, folder: Path) -> None:
        self.reading, self.folder, self.heard = False, str(folder), ""
        sys.addaudithook(self._hear)

    def _hear(self, event: str, given: tuple[Any, ...]) -> None:
        if not self.reading:
            return
        if event in _FORBIDDEN:
            self.heard = f"{event}{given!r:.200}"
        elif event == "open" and given[2] & _WRITES and not str(given[0]).startswith(self.folder):
            self.heard = f"opened {given[0]!r} to write"

    @contextlib.contextmanager
    def on_watch(self) -> Iterator[None]:
        """Hear what happens inside."""
        self.reading, self.heard = True, ""
        try:
            yield
        finally:
            self.reading = False


def attempt(reader: Reader, given: Any, guard: Guard, tally: Tally) -> bool:
    """Let a reader read, count it, and return whether it went in a way that is new."""
    tally.executions += 1
    begin = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    way: tuple[Any, ...] = ()
    try:
        with guard.on_watch():
            reader.read(given)
        tally.taken += 1
    except Exception as error:
        lines = [(f.f_code.co_filename, n) for f, n in traceback.walk_tb(error.__traceback__)]
        way = (type(error).__name__, hash((*lines[-8:], *_causes(error))))
        if not isinstance(error, reader.errors):
            file, line = lines[-1]
            tally.findings[f"{type(error).__name__} at {file.rpartition('/wt/')[2]}:{line}: {error!s:.150}"] += 1
            raise Finding(traceback.format_exc()) from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        tally.seconds += time.process_time() - begin
    if guard.heard:
        tally.findings[guard.heard] += 1
        raise Finding(guard.heard)
    if way in tally.ways:
        return False
    tally.ways.add(way)
    return True


def _causes(error: BaseException) -> Iterator[tuple[str, int]]:
    """Yield the lines through which what an error was made of came."""
    cause = error.__cause__ or error.__context__
    while cause is not None:
        for frame, line in traceback.walk_tb(cause.__traceback__):
            yield frame.f_code.co_filename, line
        cause = cause.__cause__ or cause.__context__


def campaign(options: argparse.Namespace, folder: Path, guard: Guard) -> dict[str, Tally]:
    """Fuzz until the time or the number of executions is over."""
    random, found = Random(options.seed), readers(folder)
    for module in pkgutil.walk_packages(nn.__path__, "nn."):  # what is compiled late is compiled now
        for kind in vars(importlib.import_module(module.name)).values():
            getattr(kind, "__init__", None)
    for reader in found.values():  # what is imported late is imported now
        for _ in range(20):
            with contextlib.suppress(Exception):
                reader.read(reader.make(random))
    names = [options.only] if options.only else list(READERS)
    tallies = {name: Tally() for name in names}
    end, left, report = time.process_time() + (options.seconds or float("inf")), options.executions, 0.0
    while left > 0 and time.process_time() < end:
        for name in names:
            reader, tally = found[name], tallies[name]
            begin = time.process_time()
            while time.process_time() - begin < TURN and left > 0:
                given = reader.make(random)
                if tally.kept and random.random() < 0.3:
                    given = changed_again(random, random.choice(tally.kept), given)
                seen = set(tally.findings)
                try:
                    if attempt(reader, given, guard, tally) and len(tally.kept) < KEPT:
                        tally.kept.append(given)
                except Finding as finding:
                    if set(tally.findings) - seen:
                        print(f"{name}: {given!r:.3000}\n{finding}", file=sys.stderr, flush=True)
                left -= 1
        if time.process_time() > report + 60:
            report = time.process_time()
            show(tallies)
    return tallies


def show(tallies: dict[str, Tally]) -> None:
    """Print a table."""
    print(f"{'reader':<18}{'executions':>12}{'taken':>10}{'ways to refuse':>16}{'seconds':>10}{'findings':>10}")
    for name, t in tallies.items():
        bad = sum(t.findings.values())
        print(f"{name:<18}{t.executions:>12,}{t.taken:>10,}{len(t.ways):>16,}{t.seconds:>10.0f}{bad:>10,}")
    print(f"{'all':<18}{sum(t.executions for t in tallies.values()):>12,}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Fuzz, print the table and every kind of finding, and return 1 if there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.0, help="of the processor, not of the clock")
    parser.add_argument("--executions", type=float, default=float("inf"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=READERS)
    options = parser.parse_args(arguments)
    if not options.seconds and options.executions == float("inf"):
        options.seconds = 60.0

    def late(*_: Any) -> NoReturn:
        raise Finding(f"it takes more than {SECONDS} seconds")

    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, late)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, resource.RLIM_INFINITY))
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        tallies = campaign(options, Path(folder), Guard(Path(folder)))
        stray = sorted(entry.name for entry in Path(folder).iterdir() if entry.name != "damaged")
    show(tallies)
    for name, tally in tallies.items():
        for finding, times in tally.findings.most_common():
            print(f"{name}: {times} times {finding}")
    if stray:
        print(f"files that no one should have written: {stray}")
    return int(bool(stray) or any(t.findings for t in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
