"""A training run that goes on with the ranks that are left when one is lost: Open MPI's fault tolerance (ULFM).

Other MPI libraries end the job with the rank. Open MPI does so too, unless it is started with `--with-ft ulfm`; then
calls that need a lost rank raise, and the others can agree on a smaller world.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import TypeVar

from .communicator import Communicator
from .launch.rank import lead
from .mpi import MpiCommunicator
from .ranks import init, is_elastic, world

T = TypeVar("T")


def elastic(train: Callable[[Communicator], T]) -> T:
    """Call a function of all ranks, and call it again with the ranks that are left whenever one is lost; experimental.

    The function must find out itself how far the training has come: `nn.callbacks.InMemoryBackup` does so for `fit`,
    `nn.saving.InMemoryCheckpoint` for a custom loop. All ranks that are left return its result, once all of them
    have one. Ranks are numbered anew, without gaps; `world()` is the new communicator, which the function receives.

    Args:
        train: a function of the communicator.

    Raises:
        RuntimeError: if there are several ranks, and this MPI ends the job when one is lost.

    Example:
        >>> from nn import distributed
        >>> distributed.elastic(lambda comm: comm.size)
        1
    """
    init()
    comm = world()
    if comm.size > 1 and not (is_elastic() and isinstance(comm, MpiCommunicator)):
        raise RuntimeError(
            f"elastic: expected Open MPI with its fault tolerance; received {comm!r}, which ends when a rank is lost. "
            "Start it by python -m nn.distributed.run --elastic, or by mpiexec --with-ft ulfm"
        )
    while True:
        result, error = None, None
        try:
            result = train(comm)
        except Exception as failed:
            if not isinstance(comm, MpiCommunicator) or not comm.has_lost(failed):
                raise
            error = failed
            comm.revoke()  # so that no other rank waits for this one
        if not isinstance(comm, MpiCommunicator) or comm.agree(error is None):
            return result  # type: ignore[return-value]
        comm = init(_smaller(comm, error))


def _smaller(comm: MpiCommunicator, error: Exception | None) -> MpiCommunicator:
    """Return a communicator of the ranks that are left; another one may be lost on the way to it."""
    while True:
        smaller: MpiCommunicator | None = None
        try:
            smaller = comm.shrink()
        except Exception as failed:
            if not comm.has_lost(failed):
                raise
        if comm.agree(smaller is not None) and smaller is not None:
            break
    if smaller.size == comm.size and error is not None:
        raise error
    atexit.unregister(_leave)
    atexit.register(_leave)
    if smaller.rank == 0:
        lead()
        lost = ", ".join(map(str, comm.lost_ranks()))
        print(
            f"nn.distributed: lost rank{'s' * (',' in lost)} {lost} of {comm.size}; {smaller.size} go on",
            file=sys.stderr,
            flush=True,
        )
    return smaller


def _leave() -> None:
    """End a process that has lost others: in MPI's own end, Open MPI may wait for them without an end."""
    comm = world()
    if isinstance(comm, MpiCommunicator):
        comm.agree(True)  # the others end together, since one that ends alone would count as lost
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # a script that fails has ended the job before
