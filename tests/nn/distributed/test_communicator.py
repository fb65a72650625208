"""The communicators: sums, broadcasts and gathers are what the definition says, in threads and over MPI."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

from nn import distributed as dist

from .threads import Mismatch, run_ranks


@given(size=st.integers(1, 4), data=arrays(np.float64, st.integers(1, 5), elements=st.integers(-9, 9)))
def test_sum_broadcast_and_gather(size: int, data: np.ndarray) -> None:
    def work(comm: dist.Communicator) -> tuple[np.ndarray, np.ndarray, list]:
        total, first = data * (comm.rank + 1), data + comm.rank
        comm.sum(total)
        comm.broadcast(first, size - 1)
        return total, first, comm.all_gather((comm.rank, "x"))

    for total, first, gathered in run_ranks(size, work):
        np.testing.assert_array_equal(total, data * (size * (size + 1) / 2))
        np.testing.assert_array_equal(first, data + size - 1)
        assert gathered == [(rank, "x") for rank in range(size)]


def test_ranks_that_make_different_calls_are_told() -> None:
    with pytest.raises(Mismatch, match="different calls"):
        run_ranks(2, lambda comm: comm.barrier() if comm.rank else comm.all_gather(1))


def test_without_a_launcher_there_is_one_rank(monkeypatch) -> None:
    monkeypatch.delenv("PMI_RANK", raising=False)
    assert (dist.init().size, dist.rank(), dist.size()) == (1, 0, 1)
    with pytest.raises(ValueError, match=r"init: expected communicator to be .*; received 'nccl'"):
        dist.init("nccl")
