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

# MPI counts elements in 32 bits, and longer messages than this gain nothing.
_MOST_BYTES = 1 << 26
# Of mpi4py, which knows those of NumPy but half precision.
_HALF = np.dtype(np.float16)
# When this process began to wait for others, or 0 where it does not: for the watch, which asks from its thread.
_SINCE = [0.0]


def waiting() -> float:
    """Return for how many seconds this process has waited for other ranks."""
    since = _SINCE[0]
    return time.monotonic() - since if since else 0.0


@contextmanager
def _note_waiting() -> Iterator[None]:
    """Note that this process waits for others."""
    try:
        _SINCE[0] = time.monotonic()
        yield
    finally:
        _SINCE[0] = 0.0


class _Requests:
    def __init__(self, requests: list[Any], kind: Any) -> None:
        self._requests, self._kind = requests, kind

    def is_done(self) -> bool:
        return bool(self._kind.Testall(self._requests))

    def wait(self) -> None:
        with _note_waiting():
            self._kind.Waitall(self._requests)


class MpiCommunicator(Communicator):
    """The ranks of an MPI communicator, a duplicate of it, so that no message meets one of the user's.

    Args:
        comm: an `mpi4py.MPI.Comm`, by default all ranks of the job.
    """

    def __init__(self, comm: Any = None) -> None:
        from mpi4py import MPI  # which starts MPI

        self.comm = (MPI.COMM_WORLD if comm is None else comm).Dup()
        self.rank, self.size = self.comm.Get_rank(), self.comm.Get_size()
        self._mpi = MPI
        self._half = MPI.UINT16_T, MPI.Op.Create(_sum_halves, commute=True)

    def start_sum(self, a: Array) -> Request:
        flat, most = a.reshape(-1), _MOST_BYTES // a.itemsize
        pieces = [flat[start : start + most] for start in range(0, flat.size, most)]
        half = self._half if a.dtype == _HALF else None
        op = self._mpi.SUM if half is None else half[1]
        operands = pieces if half is None else [[piece, half[0]] for piece in pieces]
        requests = [self.comm.Iallreduce(self._mpi.IN_PLACE, piece, op) for piece in operands]
        return _Requests(requests, self._mpi.Request)

    def broadcast(self, a: Array, root: int = 0) -> None:
        flat = a.reshape(-1).view(np.uint8)
        with _note_waiting():
            for start in range(0, flat.size, _MOST_BYTES):
                self.comm.Bcast(flat[start : start + _MOST_BYTES], root)

    def all_gather_bytes(self, local: bytes) -> list[bytes]:
        lengths = np.zeros(self.size, np.int64)
        with _note_waiting():
            self.comm.Allgather(np.array([len(local)], np.int64), lengths)
            total = np.empty(int(lengths.sum()), np.uint8)
            ends = [0, *np.cumsum(lengths).tolist()]
            self.comm.Allgatherv(np.frombuffer(local, np.uint8), [total, lengths.tolist(), ends[:-1], self._mpi.BYTE])
        return [total[start:stop].tobytes() for start, stop in pairwise(ends)]

    def duplicate(self) -> Communicator:
        return MpiCommunicator(self.comm)

    def has_lost(self, error: Exception) -> bool:
        """Return whether an error says that a rank is lost, or that another rank has found one lost."""
        mpi = self._mpi
        lost = mpi.ERR_PROC_FAILED, mpi.ERR_PROC_FAILED_PENDING, mpi.ERR_REVOKED, mpi.ERR_IN_STATUS, mpi.ERR_PENDING
        return isinstance(error, mpi.Exception) and error.Get_error_class() in lost

    def revoke(self) -> None:
        """Let all calls on this communicator and its channels fail, on all ranks; for an MPI that survives losses."""
        for channel in vars(self).get("_channels", {}).values():
            channel.revoke()
        self.comm.Revoke()

    def agree(self, flag: bool) -> bool:
        """Return whether a flag is set on all ranks that are left, and none is lost that they do not know of."""
        try:
            self.comm.Ack_failed()
            return bool(self.comm.Agree(int(flag)))
        except self._mpi.Exception:
            return False

    def shrink(self) -> MpiCommunicator:
        """Return a communicator of the ranks that are left."""
        self.revoke()
        return MpiCommunicator(self.comm.Shrink())

    def lost_ranks(self) -> list[int]:
        """Return the ranks that are lost."""
        return sorted(self.comm.Get_failed().Translate_ranks(None, self.comm.Get_group()))

    def abort(self, code: int = 1) -> None:
        abort(code)


def _sum_halves(addend: Any, summed: Any, datatype: Any) -> None:
    """Add numbers of half precision, which MPI has no type for."""
    local, total = np.frombuffer(addend, _HALF), np.frombuffer(summed, _HALF)
    with np.errstate(over="ignore", invalid="ignore"):  # an infinity tells all ranks
        np.add(local, total, out=total)
