"""What the ranks of a training ask of the engine that connects them, and the world of one rank, which needs none."""

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

    def done(self) -> bool:
        """Return whether it has ended; asking lets it go on."""

    def wait(self) -> None:
        """Return when it has ended."""


class Communicator(ABC):
    """Some processes, the ranks, that work on one training; all of them make the same calls in the same order.

    Attributes:
        rank: the number of this process, from 0.
        size: the number of ranks.

    Example:
        >>> comm = Local()
        >>> comm.rank, comm.size, comm.gathered("mine")
        (0, 1, ['mine'])
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
    def gathered_bytes(self, mine: bytes) -> list[bytes]:
        """Return what each rank has given, in the order of the ranks."""

    @abstractmethod
    def duplicated(self) -> Communicator:
        """Return a communicator of the same ranks, whose calls need not be in order with those of this one."""

    @abstractmethod
    def abort(self, code: int = 1) -> None:
        """End all ranks at once, wherever they are."""

    def channel(self, name: str) -> Communicator:
        """Return a duplicate for one kind of call, always the same one; all ranks ask for it in the same order."""
        channels: dict[str, Communicator] = vars(self).setdefault("_channels", {})
        if name not in channels:
            channels[name] = self.duplicated()
        return channels[name]

    def sum(self, a: Array) -> None:
        """Replace the elements of an array by their sums over all ranks; see `start_sum`."""
        self.start_sum(a).wait()

    def gathered(self, mine: Any) -> list[Any]:
        """Return the object that each rank has given, in the order of the ranks.

        Args:
            mine: anything that pickle takes; large arrays are better summed or broadcast.
        """
        return [pickle.loads(given) for given in self.gathered_bytes(pickle.dumps(mine, 5))]

    def barrier(self) -> None:
        """Return when all ranks have come here."""
        self.sum(np.zeros(1))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: rank {self.rank} of {self.size}>"


class _Ended:
    """A request that ended when it began."""

    def done(self) -> bool:
        return True

    def wait(self) -> None:
        """Return at once."""


_ENDED = _Ended()


class Local(Communicator):
    """The world of one process: every sum is what it was.

    Example:
        >>> Local()
        <Local: rank 0 of 1>
    """

    rank, size = 0, 1

    def start_sum(self, a: Array) -> Request:
        return _ENDED

    def broadcast(self, a: Array, root: int = 0) -> None:
        """Leave the array as it is."""

    def gathered_bytes(self, mine: bytes) -> list[bytes]:
        return [mine]

    def duplicated(self) -> Communicator:
        return self

    def abort(self, code: int = 1) -> None:
        os._exit(code)
