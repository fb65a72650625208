"""Training by several processes, the ranks, each with a part of every batch: data parallelism on MPI."""

from typing import TYPE_CHECKING

from autograd_lite.extend import attach as _attach

if TYPE_CHECKING:
    from .buckets import Reducer as Reducer
    from .communicator import Communicator as Communicator, Local as Local, Request as Request
    from .elastic_training import elastic as elastic
    from .optimizer import DistributedOptimizer as DistributedOptimizer
    from .ranks import init as init, rank as rank, size as size, world as world
    from .shard import all_reduce as all_reduce
    from .state import (
        RankMismatch as RankMismatch,
        assert_consistent as assert_consistent,
        broadcast_parameters as broadcast_parameters,
    )
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
