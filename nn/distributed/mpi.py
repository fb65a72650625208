"""The ranks of an MPI job, by mpi4py: arrays are reduced where they lie."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np

from .communicator import Array, Communicator, Request
from .launch.rank import abort

# MPI counts elements in 32 bits, and what is longer than this gains nothing by being sent at once.
_MOST_BYTES = 1 << 26
# Of mpi4py, which knows those of NumPy but half precision.
_HALF = np.dtype(np.float16)


class _Requests:
    def __init__(self, requests: list[Any], comm: MpiCommunicator) -> None:
        self._requests, self._comm = requests, comm

    def done(self) -> bool:
        return bool(self._comm.kinds.Request.Testall(self._requests))

    def wait(self) -> None:
        with self._comm.noted():
            self._comm.kinds.Request.Waitall(self._requests)


class MpiCommunicator(Communicator):
    """The ranks of an MPI communicator, a duplicate of it, so that no message meets one of the user's.

    Args:
        comm: an `mpi4py.MPI.Comm`, by default all ranks of the job.
        waits: since when this rank waits for others, if it does; duplicates share it, and the watch reads it.
    """

    def __init__(self, comm: Any = None, waits: list[float] | None = None) -> None:
        from mpi4py import MPI  # which starts MPI

        self.comm = (MPI.COMM_WORLD if comm is None else comm).Dup()
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        self.waits: list[float] = [] if waits is None else waits
        self.kinds = MPI
        self._half = MPI.UINT16_T, MPI.Op.Create(_sum_halves, commute=True)

    def start_sum(self, a: Array) -> Request:
        flat, most = a.reshape(-1), _MOST_BYTES // a.itemsize
        pieces = [flat[start : start + most] for start in range(0, flat.size, most)]
        half = self._half if a.dtype == _HALF else None
        op = self.kinds.SUM if half is None else half[1]
        given = pieces if half is None else [[piece, half[0]] for piece in pieces]
        return _Requests([self.comm.Iallreduce(self.kinds.IN_PLACE, piece, op) for piece in given], self)

    def broadcast(self, a: Array, root: int = 0) -> None:
        flat = a.reshape(-1).view(np.uint8)
        with self.noted():
            for start in range(0, flat.size, _MOST_BYTES):
                self.comm.Bcast(flat[start : start + _MOST_BYTES], root)

    def gathered_bytes(self, mine: bytes) -> list[bytes]:
        lengths = np.zeros(self.size, np.int64)
        with self.noted():
            self.comm.Allgather(np.array([len(mine)], np.int64), lengths)
            found = np.empty(int(lengths.sum()), np.uint8)
            ends = [0, *np.cumsum(lengths).tolist()]
            given = np.frombuffer(mine, np.uint8)
            self.comm.Allgatherv(given, [found, lengths.tolist(), ends[:-1], self.kinds.BYTE])
        return [found[start:stop].tobytes() for start, stop in pairwise(ends)]

    def duplicated(self) -> Communicator:
        return MpiCommunicator(self.comm, self.waits)

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note that this rank waits for others."""
        self.waits.append(time.monotonic())
        try:
            yield
        finally:
            self.waits.pop()

    def waiting(self) -> float:
        """Return for how many seconds this rank has waited for others."""
        since = self.waits[:1]
        return time.monotonic() - since[0] if since else 0.0

    def abort(self, code: int = 1) -> None:
        abort(code)


def _sum_halves(given: Any, summed: Any, datatype: Any) -> None:
    """Add numbers of half precision, which MPI has no type for."""
    mine, total = np.frombuffer(given, _HALF), np.frombuffer(summed, _HALF)
    np.add(mine, total, out=total)
