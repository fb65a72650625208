"""Training by several processes, the ranks, each with a part of every batch: data parallelism on MPI."""

from .communicator import Communicator as Communicator, Local as Local, Request as Request
from .world import init as init, rank as rank, size as size, world as world
