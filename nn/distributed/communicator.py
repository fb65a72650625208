"""The interface of an engine that connects the ranks of a training run, and the world of one rank, which needs none."""

from __future__ import annotations

import os
import pickle
from abc import ABC, abstractmethod
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Request(Protocol):
    """A reduction that is under way.

    Example:
        >>> import numpy as np
        >>> a = np.ones(2)
        >>> request = Local().start_sum(a)
        >>> request.wait()
        >>> a.tolist()
        [1.0, 1.0]
    """

    def is_done(self) -> bool:
        """Return whether it has ended; asking lets it go on."""

    def wait(self) -> None:
        """Return when it has ended."""


class Communicator(ABC):
    """Some processes, the ranks, that work on one training run; all of them make the same calls in the same order.

    Attributes:
        rank: the number of this process, from 0.
        size: the number of ranks.

    Example:
        >>> comm = Local()
        >>> comm.rank, comm.size, comm.all_gather("local")
        (0, 1, ['local'])
    """

    rank: int
    size: int

    @abstractmethod
    def start_sum(self, a: Array) -> Request:
        """Begin to replace the elements of an array by their sums over all ranks.

        Args:
            a: contiguous, of the same shape and dtype on every rank; until the request has ended it must neither be
                read nor changed.
        """

    @abstractmethod
    def broadcast(self, a: Array, root: int = 0) -> None:
        """Replace the elements of an array by those that the rank `root` has.

        Args:
            a: contiguous, of the same shape and dtype on every rank.
            root: a rank.
        """

    @abstractmethod
    def all_gather_bytes(self, local: bytes) -> list[bytes]:
        """Return the bytes of each rank, in the order of the ranks.

        Args:
            local: the bytes of this rank.
        """

    @abstractmethod
    def duplicate(self) -> Communicator:
        """Return a communicator of the same ranks, whose calls need not be in order with those of this one."""

    @abstractmethod
    def abort(self, code: int = 1) -> None:
        """End all ranks at once, wherever they are.

        Args:
            code: exit status of the processes.
        """

    def channel(self, name: str) -> Communicator:
        """Return a duplicate for one kind of call, always the same one; all ranks ask for it in the same order.

        Args:
            name: of the kind, such as "gradients".
        """
        channels: dict[str, Communicator] = vars(self).setdefault("_channels", {})
        if name not in channels:
            channels[name] = self.duplicate()
        return channels[name]

    def sum(self, a: Array) -> None:
        """Replace the elements of an array by their sums over all ranks; see `start_sum`.

        Args:
            a: contiguous, of one shape and dtype on all ranks; changed in place.
        """
        self.start_sum(a).wait()

    def all_gather(self, local: Any) -> list[Any]:
        """Return the objects of all ranks, in their order.

        Args:
            local: anything that pickle takes; large arrays are better summed or broadcast.
        """
        return [pickle.loads(data) for data in self.all_gather_bytes(pickle.dumps(local, 5))]

    def barrier(self) -> None:
        """Return when all ranks have come here."""
        self.sum(np.zeros(1))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: rank {self.rank} of {self.size}>"


class _FinishedRequest:
    """A request that ended when it began."""

    def is_done(self) -> bool:
        return True

    def wait(self) -> None:
        """Return at once."""


_FINISHED = _FinishedRequest()


class Local(Communicator):
    """The world of one process, where a sum over all ranks is the array itself.

    Example:
        >>> Local()
        <Local: rank 0 of 1>
    """

    rank, size = 0, 1

    def start_sum(self, a: Array) -> Request:
        return _FINISHED

    def broadcast(self, a: Array, root: int = 0) -> None:
        """Leave the array as it is.

        Args:
            a: array.
            root: 0, the only rank.
        """

    def all_gather_bytes(self, local: bytes) -> list[bytes]:
        return [local]

    def duplicate(self) -> Communicator:
        return self

    def abort(self, code: int = 1) -> None:
        os._exit(code)
