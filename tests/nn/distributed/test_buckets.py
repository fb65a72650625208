"""Gradients in buckets: their means over the ranks, in an order that is the same on all, begun while the pass runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
from nn import distributed as dist, optimizers
from nn.distributed import Communicator

from .threads import ThreadCommunicator, run_ranks

SHAPES = st.lists(
    st.tuples(st.lists(st.integers(0, 4), max_size=2), st.sampled_from(["float32", "float64"])), min_size=1, max_size=6
)


def parameters(shapes: list[tuple[list[int], str]]) -> list[ag.Tensor]:
    return [ag.tensor(np.zeros(shape), dtype, requires_grad=True) for shape, dtype in shapes]


@given(
    shapes=SHAPES,
    nbytes=st.integers(1, 200),
    size=st.integers(1, 3),
    left_out=st.sets(st.tuples(st.integers(0, 2), st.integers(0, 5))),
)
def test_gradients_become_their_means(shapes: Any, nbytes: int, size: int, left_out: set[tuple[int, int]]) -> None:
    """For any parameters and buckets; a rank without a gradient counts as zero, and if none has one it stays None."""
    values = [[np.random.default_rng((r, i)).normal(size=s[0]) for i, s in enumerate(shapes)] for r in range(size)]

    def work(comm: Communicator) -> list[Any]:
        leaves = parameters(shapes)
        reducer = dist.Reducer(comm, leaves, nbytes)
        reducer.attach()
        for _ in range(2):  # the second pass uses the buffers again
            for p in leaves:
                p.grad = None
            terms = [
                (p * ag.tensor(v, p.dtype)).sum()
                for i, (p, v) in enumerate(zip(leaves, values[comm.rank], strict=True))
                if (comm.rank, i) not in left_out
            ]
            if terms:
                sum(terms[1:], terms[0]).backward()
            found = reducer.finish()
        return [None if g is None else g.copy() for g in found]

    for found in run_ranks(size, work):
        for i, (g, (_, dtype)) in enumerate(zip(found, shapes, strict=True)):
            given_by = [r for r in range(size) if (r, i) not in left_out]
            if not given_by:
                assert g is None
                continue
            mean = sum(values[r][i].astype(dtype) for r in given_by) / size
            np.testing.assert_allclose(g, mean, rtol=1e-6, atol=1e-7)
            assert g.dtype == dtype


@pytest.mark.parametrize("compiled", [False, True])
def test_buckets_begin_while_the_pass_runs(compiled: bool) -> None:
    """When the last layers' gradients are sent, those of the first are not there yet."""
    names: list[list[str]] = [[], []]

    def work(comm: ThreadCommunicator) -> int:
        leaves = [ag.tensor(np.eye(3), requires_grad=True, name=f"w{i}") for i in range(5)]
        start, seen = comm.start_sum, names[comm.rank]

        def noted(a: Any) -> Any:
            seen.append("".join("1" if p.grad is not None else "0" for p in leaves))
            return start(a)

        comm.start_sum = noted  # type: ignore[method-assign]
        reducer = dist.Reducer(comm, leaves, 1)
        reducer.attach()

        def step() -> None:
            h: Any = ag.tensor(np.ones(3))
            for p in leaves:
                h = np.tanh(p @ h)
            h.sum().backward()

        run = ag.compile(step) if compiled else step
        for _ in range(4):
            for p in leaves:
                p.grad = None
            seen.clear()
            run()
            began = comm.calls
            reducer.finish()
            assert comm.calls == began  # all have begun before
        return len(seen)

    assert run_ranks(2, work) == [5, 5]
    if not compiled:  # replays leave gradients on leaves in the end, all at once
        assert names[0] == ["00001", "00011", "00111", "01111", "11111"]


def test_a_pass_that_runs_again_starts_nothing_again() -> None:
    """As where a replay gives up on one rank: the function itself runs in its place."""

    def work(comm: ThreadCommunicator) -> Any:
        w, v = (ag.tensor([1.0], requires_grad=True) for _ in range(2))
        reducer = dist.Reducer(comm, [w, v], 1)
        reducer.attach()
        for again in (comm.rank == 0, False, comm.rank == 1):
            w.grad = v.grad = None
            (w * (comm.rank + 1.0) + v).sum().backward()
            if again:
                reducer.restart()
                w.grad = v.grad = None
                (w * (comm.rank + 1.0) + v).sum().backward()
            found = [g.tolist() for g in reducer.finish()]
        return found, comm.calls

    assert run_ranks(2, work) == [([[1.5], [1.0]], 6)] * 2


def test_a_second_pass_before_the_step_sends_the_sums() -> None:
    def work(comm: Communicator) -> Any:
        w = ag.tensor([1.0, 2.0], requires_grad=True)
        optimizer = dist.DistributedOptimizer(optimizers.SGD(1.0), comm, parameters=[w])
        for _ in range(3):
            (w * (comm.rank + 1)).sum().backward()
        optimizer.step()
        return w.tolist()

    assert run_ranks(2, work) == [[-3.5, -2.5]] * 2


@settings(max_examples=25)
@given(exponents=st.lists(st.integers(-30, 30), min_size=2, max_size=4))
def test_half_precision_keeps_three_digits_of_the_largest(exponents: list[int]) -> None:
    """However large or small gradients are, and however they change from step to step."""

    def work(comm: Communicator) -> list[tuple[Any, Any]]:
        w = ag.tensor(np.zeros(50, np.float32), requires_grad=True)
        reducer = dist.Reducer(comm, [w], compression="float16")
        assert reducer.nbytes == 51 * 2
        found = []
        for e in exponents:
            every = [np.random.default_rng((r, e + 30)).normal(size=50) * 10.0**e for r in range(comm.size)]
            w.grad = ag.tensor(every[comm.rank].astype(np.float32))
            (g,) = reducer.finish()
            found.append((g.copy(), np.mean(every, axis=0)))
        return found

    first, second = run_ranks(2, work)
    for (g, mean), (other, _) in zip(first, second, strict=True):
        np.testing.assert_array_equal(g, other)
        assert np.abs(g - mean).max() <= 3e-3 * np.abs(mean).max()


def test_what_synchronize_leaves_is_the_mean() -> None:
    def work(comm: Communicator) -> Any:
        w = ag.tensor([1.0, 2.0], requires_grad=True)
        optimizer = dist.DistributedOptimizer(optimizers.SGD(1.0), comm, parameters=[w])
        (w * comm.rank).sum().backward()
        optimizer.synchronize()
        return w.grad.tolist()

    assert run_ranks(2, work) == [[0.5, 0.5]] * 2


def test_the_sum_over_ranks_has_the_gradient_of_the_sum() -> None:
    """y = sum_r x_r and L = sum_s c_s y² / 2 give dL/dx_r = (sum_s c_s) y, and its derivatives."""
    values = [2.0, 3.0, 5.0]

    def work(comm: Communicator) -> Any:
        def loss(x: Any) -> Any:
            return dist.all_reduce(x) ** 2 * (comm.rank + 1.0) / 2

        return float(ag.grad(loss)(values[comm.rank]))

    token = [run_ranks(3, work) for _ in range(2)]
    assert token == [[60.0] * 3] * 2
