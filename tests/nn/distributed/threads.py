"""Ranks that are threads of this process: a communicator of a lock and a list, for laws about what ranks compute."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import numpy as np

from nn.distributed import Communicator
from nn.distributed.ranks import inside

WAIT = 15.0  # seconds after which a rank that waits for others gives up: they have made other calls


class Mismatch(AssertionError):
    """Ranks have made different calls."""


class _Group:
    """What the ranks share: the board that each posts on, by the number of its call."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.changed = threading.Condition()
        self.posts: dict[int, dict[int, Any]] = {}
        self.failed: BaseException | None = None
        self.duplicates: list[_Group] = []

    def post(self, call: int, rank: int, what: Any) -> None:
        with self.changed:
            self.posts.setdefault(call, {})[rank] = what
            self.changed.notify_all()

    def fail(self, error: BaseException) -> None:
        with self.changed:
            self.failed = self.failed or error
            self.changed.notify_all()
        for group in self.duplicates:
            group.fail(error)

    def all_of(self, call: int) -> list[Any]:
        """Return what all ranks have posted for a call, in their order, once they have."""
        with self.changed:
            posted = self.posts[call]
            if not self.changed.wait_for(lambda: len(posted) == self.size or self.failed, WAIT):
                raise Mismatch(f"call {call}: {sorted(posted)} of {self.size} ranks have come within {WAIT} s")
            if len(posted) < self.size:
                raise Mismatch("another rank has failed") from self.failed
        return [posted[rank] for rank in range(self.size)]


class _Request:
    def __init__(self, comm: ThreadCommunicator, call: int, a: Any) -> None:
        self.comm, self.call, self.a = comm, call, a
        self.ended = False

    def is_done(self) -> bool:
        if not self.ended and len(self.comm.group.posts[self.call]) == self.comm.size:
            self.wait()
        return self.ended

    def wait(self) -> None:
        if not self.ended:
            parts = self.comm._alike(self.call, "sum", self.a)
            with np.errstate(over="ignore", invalid="ignore"):
                self.a[...] = np.sum(parts, axis=0, dtype=self.a.dtype)
            self.ended = True


class ThreadCommunicator(Communicator):
    """One rank of several threads; a call that others answer with another one is an error, not a hang."""

    def __init__(self, group: _Group, rank: int) -> None:
        self.group, self.rank, self.size = group, rank, group.size
        self.calls = 0
        self.nbytes = 0

    def _post(self, kind: str, what: Any) -> int:
        self.calls += 1
        self.group.post(self.calls, self.rank, (kind, what))
        return self.calls

    def _alike(self, call: int, kind: str, mine: Any = None) -> list[Any]:
        given = self.group.all_of(call)
        kinds = {k for k, _ in given}
        if kinds != {kind}:
            raise Mismatch(f"call {call}: the ranks make different calls: {sorted(kinds)}")
        parts = [what for _, what in given]
        if mine is not None and len(forms := {(p.shape, p.dtype) for p in parts}) > 1:
            raise Mismatch(f"call {call}: the ranks give different arrays: {sorted(map(str, forms))}")
        return parts

    def start_sum(self, a: Any) -> _Request:
        assert a.flags.c_contiguous
        assert a.flags.writeable
        self.nbytes += a.nbytes
        return _Request(self, self._post("sum", a.copy()), a)

    def broadcast(self, a: Any, root: int = 0) -> None:
        assert a.flags.c_contiguous
        assert a.flags.writeable
        a[...] = self._alike(self._post(f"broadcast {root}", a.copy()), f"broadcast {root}", a)[root]

    def all_gather_bytes(self, mine: bytes) -> list[bytes]:
        return self._alike(self._post("gather", mine), "gather")

    def duplicate(self) -> ThreadCommunicator:
        groups = self._alike(self._post("duplicate", _Group(self.size)), "duplicate")
        self.group.duplicates.append(groups[0])
        return ThreadCommunicator(groups[0], self.rank)

    def abort(self, code: int = 1) -> None:
        self.group.fail(SystemExit(code))


def run_ranks(size: int, work: Callable[[Communicator], Any]) -> list[Any]:
    """Call `work` with its communicator in a thread for each rank, and return what they return, in order.

    The first error of a rank that did not come of another's is raised.
    """
    group, found, errors = _Group(size), [None] * size, [None] * size

    def run(rank: int) -> None:
        comm = ThreadCommunicator(group, rank)
        try:
            with inside(comm):
                found[rank] = work(comm)
        except BaseException as error:
            errors[rank] = error
            group.fail(error)

    threads = [threading.Thread(target=copy_context().run, args=(run, rank)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = [error for error in errors if error is not None and "another rank" not in str(error)]
    for error in first or [error for error in errors if error is not None]:
        raise error
    return found
