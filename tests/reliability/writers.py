"""Attacks on everything that writes files: `python -m tests.reliability.writers [--rounds N] [--only NAME]`.

A writer may fail, be interrupted or be killed at any call to the system. Its path must then hold the old file or the
new one, whole; and where the process lives on, nothing may lie beside it. Prints how often that was tried, and how
often it was not so.

- faults: each call to the system of each writer raises an error of the disk, a full disk after half of the bytes, or a
  KeyboardInterrupt, before it is made and after.
- kills: a process kills itself (SIGKILL) at each such call, before it is made and after; and another one is killed at
  random moments.
- full disks: files may not be longer than a limit that the system enforces, for many limits.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import random
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import autograd_lite as ag
import nn
from autograd_lite.files import atomic_writes as files
from nn.datasets import fetch

Write = Callable[[Path], Any]


class Fault:
    """What happens at the n-th call to the system.

    Args:
        at: n, from 0.
        action: called with the call that was to be made; it raises or kills, or returns for the call to go on.
    """

    def __init__(self, at: int, action: Callable[[Callable[[], Any], str], Any]) -> None:
        self.at, self.action, self.calls = at, action, 0

    def __call__(self, call: Callable[[], Any], name: str, *args: Any) -> Any:
        self.calls += 1
        if self.calls - 1 != self.at:
            return call()
        return self.action(call, name, *args)


class Watched:
    """A module or a file, each call of which goes by a Fault."""

    def __init__(self, inner: Any, fault: Fault) -> None:
        self._inner, self._fault = inner, fault

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "path":
            return Watched(found, self._fault)
        if not callable(found) or isinstance(found, type) or name in ("fsdecode", "split", "join", "endswith"):
            return found
        return lambda *args, **kwargs: self._fault(lambda: found(*args, **kwargs), name, self._inner, *args)

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            self._fault(self._inner.close, "close")
        finally:
            self._inner.close()


def watch(fault: Fault) -> None:
    """Let every call to the system that `autograd_lite.files.atomic_writes` makes go by a fault."""

    def opened(*args: Any) -> Watched:
        return Watched(fault(lambda: open(*args), "open"), fault)

    files.os, files.open = Watched(os, fault), opened  # type: ignore[attr-defined]


@contextlib.contextmanager
def watched(fault: Fault) -> Iterator[None]:
    """Do so inside."""
    watch(fault)
    try:
        yield
    finally:
        files.os = os  # type: ignore[attr-defined]
        del files.open  # type: ignore[attr-defined]


# ---- what writes ----------------------------------------------------------------------------------------------------


def writers() -> dict[str, tuple[Write, Write]]:
    """Return, by name, what writes an old file and what writes a new one."""

    def model(seed: int) -> Any:
        nn.set_seed(seed)
        made = nn.Sequential([nn.Input((3,)), nn.layers.Dense(2), nn.layers.Dense(1)])
        made.compile("adam", "mse")
        return made

    old, new = model(0), model(1)
    graphs = [ag.build_graph((ag.tensor(float(n), requires_grad=True, name="x") * n).sum()) for n in (1, 2)]
    return {
        "model.save": (old.save, new.save),
        "save_weights": (old.save_weights, new.save_weights),
        "save_checkpoint": (
            lambda path: nn.saving.save_checkpoint(path, old),
            lambda path: nn.saving.save_checkpoint(path, new, extra={"epoch": 3}),
        ),
        "graph.save": (graphs[0].save, graphs[1].save),
        "datasets": (lambda path: fetch.install(b"old", path), lambda path: fetch.install(b"newer", path)),
    }


class Place:
    """A folder in which a path holds what an old writer wrote, or nothing; counts what goes wrong there."""

    def __init__(self, folder: Path, old: Write | None, new: Write) -> None:
        self.path, self.tried, self.wrong = folder / "file.svg", 0, 0
        self.old: bytes | None = None
        new(self.path)
        self.new, self._write = self.path.read_bytes(), new
        if old is not None:
            old(self.path)
            self.old = self.path.read_bytes()

    def calls(self) -> int:
        """Return how many calls to the system the new writer makes."""
        with watched(fault := Fault(-1, lambda call, name: None)):
            self._write(self.path)
        self._reset()
        return fault.calls

    def _reset(self) -> None:
        for entry in self.path.parent.iterdir():
            entry.unlink()
        if self.old is not None:
            self.path.write_bytes(self.old)

    def check(self, alive: bool) -> None:
        """Count one try, and whether the path holds something else than the old or the new file."""
        self.tried += 1
        found = self.path.read_bytes() if self.path.exists() else None
        beside = [entry for entry in self.path.parent.iterdir() if entry != self.path]
        self.wrong += found not in (self.old, self.new) or (alive and bool(beside))
        self._reset()

    def fail(self, fault: Fault) -> None:
        """Write with a fault."""
        with watched(fault), contextlib.suppress(OSError, KeyboardInterrupt):
            self._write(self.path)
        self.check(alive=True)

    def killed(self, prepare: Callable[[], Any], wait: Callable[[int], Any] | None = None) -> None:
        """Write in a process of its own, which is killed."""
        stream = ag.random.default_generator.state
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                ag.random.default_generator.state = stream  # a child draws other numbers, and would write their state
                prepare()
                while True:
                    self._write(self.path)
                    if wait is None:
                        break
            os._exit(0)
        if wait is not None:
            wait(child)
        os.waitpid(child, 0)
        self.check(alive=wait is None)


# ---- faults ---------------------------------------------------------------------------------------------------------


def raising(error: type[BaseException], *args: Any, late: bool) -> Callable[..., Any]:
    """Return an action that raises, before the call is made or after."""

    def action(call: Callable[[], Any], name: str, *given: Any) -> Any:
        if late:
            done = call()
            if hasattr(done, "close"):
                done.close()  # a file that was opened, whose owner will never see it
        raise error(*args)

    return action


def half(call: Callable[[], Any], name: str, *given: Any) -> Any:
    """Write half of the bytes, then find the disk full."""
    if name == "write":
        file, data = given
        file.write(data[: len(data) // 2])
        file.flush()
    raise OSError(errno.ENOSPC, "No space left on device", "a temporary name")


def kill(late: bool) -> Callable[..., Any]:
    """Return an action that kills this process, before the call is made or after; of a write, half of the bytes."""

    def action(call: Callable[[], Any], name: str, *given: Any) -> Any:
        if late and name == "write":
            given[0].write(given[1][: len(given[1]) // 2])
            given[0].flush()
        elif late:
            with contextlib.suppress(OSError):
                call()
        os.kill(os.getpid(), signal.SIGKILL)

    return action


FAULTS: dict[str, Callable[..., Any]] = {
    "an error of the disk": raising(OSError, errno.EIO, "Input/output error", late=False),
    "a full disk": half,
    "an interrupt before": raising(KeyboardInterrupt, late=False),
    "an interrupt after": raising(KeyboardInterrupt, late=True),
}


def faults(place: Place, rounds: int) -> None:
    """Fail at every call to the system, in every way."""
    for at in range(place.calls()):
        for action in FAULTS.values():
            place.fail(Fault(at, action))


def kills(place: Place, rounds: int) -> None:
    """Kill a process at every call to the system, then others at random moments."""
    for at in range(place.calls()):
        for late in (False, True):
            place.killed(partial(watch, Fault(at, kill(late))), lambda child: None)
    for _ in range(rounds):

        def shot(child: int) -> None:
            time.sleep(random.random() * 0.03)
            os.kill(child, signal.SIGKILL)

        place.killed(lambda: None, shot)


def full_disks(place: Place, rounds: int) -> None:
    """Write where files may have only a limited number of bytes."""
    size = len(place.new)
    for limit in sorted({0, 1, size - 1, size, *(size * i // (rounds + 1) for i in range(rounds))}):
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        place.killed(partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, most)))


def main(arguments: list[str] | None = None) -> int:
    """Attack every writer, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.writers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20, help="kills at random moments and limits for each writer")
    parser.add_argument("--only", help="the name of one writer")
    options = parser.parse_args(arguments)
    failed = 0
    print(f"{'attack':<12}{'writer':<18}{'tried':>8}{'wrong':>8}")
    for attack in (faults, kills, full_disks):
        for name, (old, new) in writers().items():
            if options.only not in (None, name):
                continue
            counts = [0, 0]
            for before in (old, None):
                with tempfile.TemporaryDirectory() as folder:
                    place = Place(Path(folder), before, new)
                    attack(place, options.rounds)
                counts = [counts[0] + place.tried, counts[1] + place.wrong]
            print(f"{attack.__name__:<12}{name:<18}{counts[0]:>8}{counts[1]:>8}", flush=True)
            failed += counts[1]
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
