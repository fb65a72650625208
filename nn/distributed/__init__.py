"""Training by several processes, the ranks, each with a part of every batch: data parallelism on MPI."""

from .buckets import Reducer as Reducer
from .communicator import Communicator as Communicator, Local as Local, Request as Request
from .elastic import elastic as elastic
from .optimizer import DistributedOptimizer as DistributedOptimizer
from .part import all_sum as all_sum
from .state import (
    RankMismatch as RankMismatch,
    broadcast_parameters as broadcast_parameters,
    prove_alike as prove_alike,
)
from .world import init as init, rank as rank, size as size, world as world
