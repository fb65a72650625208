"""The ranks of a job: `init` finds them, and `world` connects them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..config.ambient import CALL, during
from .communicator import Communicator, Local
from .launch.rank import NUMBERS
from .mpi import MpiCommunicator, waiting
from .watch import PATIENCE, guard

# What the launchers tell each process: how many there are.
_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "PALS_LOCAL_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_NTASKS", "SLURM_NPROCS")
_ELASTIC = "OMPI_MCA_mpi_ft_enable"  # set by Open MPI's launcher
# Seconds, for `init`.
_PATIENCE = "NN_DISTRIBUTED_PATIENCE"

_EVERYWHERE: list[Communicator] = [Local()]  # the world of this process, once `init` has found it


def init(communicator: str | Communicator | Any = "auto", patience: float | None = None) -> Communicator:
    """Find the ranks of this job, and return the communicator that connects them; calling it again changes nothing.

    A program that no launcher has started is a world of one rank, where every call does nothing, so that one script
    serves for both.

    Args:
        communicator: "auto" for MPI if a launcher has started this process, otherwise one rank; "mpi"; "local" for one
            rank; a communicator of mpi4py; or a custom `Communicator`.
        patience: seconds after which a rank that gives no sign of life ends the job, by default 30, or those of the
            environment variable NN_DISTRIBUTED_PATIENCE; 0 waits forever. A rank holds its signs back as long as one
            call holds Python's lock; another rank on its machine sees that it computes, and waits. A rank that others
            wait for and whose thread computes nothing for as long (a sleep, a lock, input) ends the job too.

    Raises:
        ImportError: if a launcher has started several processes, and mpi4py is not installed.
        RuntimeError: if it has, and they do not see each other.

    Example:
        >>> from nn import distributed
        >>> distributed.init()
        <Local: rank 0 of 1>
    """
    if isinstance(communicator, Communicator):
        comm = communicator
    elif communicator == "local":
        comm = Local()
    elif communicator == "auto" and not _is_launched():
        comm = _EVERYWHERE[0]
    elif communicator in ("auto", "mpi"):
        comm = _EVERYWHERE[0] if isinstance(_EVERYWHERE[0], MpiCommunicator) else _mpi(None, patience)
    elif hasattr(communicator, "Iallreduce"):
        comm = _mpi(communicator, patience)
    else:
        raise ValueError(
            "init: expected communicator to be 'auto', 'mpi', 'local', or a communicator of mpi4py; received "
            f"{communicator!r:.80}"
        )
    _EVERYWHERE[0] = comm
    return comm


def is_elastic() -> bool:
    """Return whether the loss of a rank leaves the others running: Open MPI's launcher was told `--with-ft ulfm`.

    Example:
        >>> is_elastic()
        False
    """
    return os.environ.get(_ELASTIC, "") in ("1", "true")


def _is_launched() -> bool:
    """Return whether a launcher has started this process as one of several."""
    several = any(os.environ.get(name, "1") not in ("1", "") for name in _SIZES)
    return several and any(name in os.environ for name in NUMBERS)


def _mpi(comm: Any, patience: float | None) -> Communicator:
    try:
        world = MpiCommunicator(comm)
    except ImportError as error:
        raise ImportError(
            "init: expected mpi4py and an MPI library, since this process is one of several; received "
            f"{type(error).__name__}: {error}. Install both: pip install 'autograd-lite[mpi]'"
        ) from error
    started = next((int(os.environ[name]) for name in _SIZES[:2] if name in os.environ), 1)
    if comm is None and world.size == 1 < started:
        raise RuntimeError(
            f"init: expected {started} ranks, as the launcher has started; received an MPI world of one, so the "
            "launcher belongs to another MPI than mpi4py. Use the mpiexec next to this Python, or python -m "
            "nn.distributed.run"
        )
    if world.size > 1:
        patience = float(os.environ.get(_PATIENCE, PATIENCE)) if patience is None else patience
        # A world that survives the loss of a rank has its own way to find it.
        guard(world.comm, 0 if is_elastic() else patience, waiting)
    return world


def world() -> Communicator:
    """Return the communicator of this job: one rank until `init` was called.

    Example:
        >>> from nn import distributed
        >>> distributed.world().size
        1
    """
    return CALL.get().world or _EVERYWHERE[0]


@contextmanager
def inside(comm: Communicator) -> Iterator[None]:
    """Let this thread be a rank of another world in a block.

    Example:
        >>> with inside(Local()):
        ...     world()
        <Local: rank 0 of 1>
    """
    with during(world=comm):
        yield


def rank() -> int:
    """Return the number of this process, from 0.

    Example:
        >>> from nn import distributed
        >>> distributed.rank()
        0
    """
    return world().rank


def size() -> int:
    """Return the number of ranks.

    Example:
        >>> from nn import distributed
        >>> distributed.size()
        1
    """
    return world().size
