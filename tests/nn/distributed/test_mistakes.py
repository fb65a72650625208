"""Ranks that do not do the same are told on every rank what differs, and nothing hangs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nn
from nn import distributed as dist, layers, metrics, optimizers

from .programs import X, Y, compiled, data, dense
from .threads import run_ranks


def fitted(model: Callable[[int], Any], **fit: Callable[[int], Any]) -> Callable[[dist.Communicator], Any]:
    """Return what a rank does: a model and arguments of `fit`, as functions of the rank."""

    def work(comm: dist.Communicator) -> Any:
        given = {name: of(comm.rank) for name, of in fit.items()}
        return model(comm.rank).fit(**{**data(), **given}, distributed=comm)

    return work


def batches(count: int, rows: int = 6) -> list[Any]:
    return [(X[:rows], Y[:rows])] * count


class Largest(metrics.Metric):
    """A metric whose state is not a sum; it says nothing of that."""

    def __init__(self) -> None:
        super().__init__("largest")
        self.value = self.add_variable(())

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        self.value.assign(np.maximum(self.value, np.max(y_pred)))

    def result(self) -> Any:
        return self.value


class Measured(layers.Layer):
    """A layer with such a metric."""

    def __init__(self) -> None:
        super().__init__()
        self.largest = Largest()

    def call(self, x: Any) -> Any:
        return x


MISTAKES = {
    "another width": (
        fitted(
            lambda rank: compiled(dense(units=2 if rank else 3)), y=lambda rank: Y[:, :2] if rank else Y[:, [0, 1, 1]]
        ),
        r"fit: expected the same tensors of the model on every rank; received .*\(5, 3\).* on rank 0 and .*\(5, 2\)",
    ),
    "another optimizer": (
        fitted(lambda rank: compiled(dense(), optimizers.SGD(0.1 + 0.1 * rank))),
        r"fit: expected the same optimizer on every rank; received .*0\.1.* on rank 0 and .*0\.2.* on rank 1",
    ),
    "another batch size": (
        fitted(lambda _: compiled(dense()), batch_size=lambda rank: 6 + rank),
        r"fit: expected the same batch_size on every rank; received 6 on rank 0 and 7 on rank 1",
    ),
    "fewer rows": (
        fitted(lambda _: compiled(dense()), x=lambda rank: X[: 24 - 6 * rank], y=lambda rank: Y[: 24 - 6 * rank]),
        r"fit: expected the same batches on every rank; received \(4, None, None\) on rank 0 and \(3, None, None\)",
    ),
    "another metric": (
        fitted(lambda rank: compiled(dense(), metrics=["mae" if rank else "mse"])),
        r"fit: expected the same metrics on every rank",
    ),
    "another class": (
        fitted(lambda rank: compiled(dense() if rank else nn.Model(t := layers.Input((4,)), layers.Dense(2)(t)))),
        r"fit: expected the same class of the model on every rank; received 'Functional|Model'",
    ),
    "a stream that ends early": (
        fitted(
            lambda _: compiled(dense()),
            x=lambda rank: iter(batches(4 - rank)),
            y=lambda _: None,
            batch_size=lambda _: None,
            epochs=lambda _: 1,
            shuffle=lambda _: True,
        ),
        r"fit: expected the same number of rows in a batch of the stream on every rank; received 6 on rank 0 and 0 on",
    ),
    "a stream of other batches": (
        fitted(
            lambda _: compiled(dense()),
            x=lambda rank: iter(batches(3, 6 - rank)),
            y=lambda _: None,
            batch_size=lambda _: None,
            epochs=lambda _: 1,
            shuffle=lambda _: True,
        ),
        r"fit: expected the same number of rows in a batch of the stream on every rank; received 6 on rank 0 and 5 on",
    ),
    "a metric in a layer": (
        fitted(lambda _: compiled(dense(Measured()))),
        r"fit: expected metrics of layers .* received Largest, which does not say so\. Set its attribute sums",
    ),
    "another call": (
        lambda comm: (
            fitted(lambda _: compiled(dense()))(comm) if comm.rank else dist.broadcast_parameters(dense(), comm)
        ),
        r"expected the same call on every rank; received 'broadcast_parameters' on rank 0 and 'fit' on rank 1",
    ),
    "another number of parameters": (
        lambda comm: dist.DistributedOptimizer(optimizers.SGD(0.1), comm, parameters=dense().parameters()[comm.rank :]),
        r"DistributedOptimizer: expected the same parameters on every rank",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_every_rank_is_told(name: str) -> None:
    work, message = MISTAKES[name]
    errors: list[BaseException] = []

    def told(comm: dist.Communicator) -> None:
        with pytest.raises(ValueError, match=message) as caught:
            work(comm)
        errors.append(caught.value)

    run_ranks(2, told)
    assert len({str(error).partition(": ")[2] for error in errors}) == 1
    assert len(errors) == 2


def test_weights_that_one_rank_alone_changes_are_told_at_the_next_epoch() -> None:
    models = [compiled(dense()) for _ in range(2)]

    def work(comm: dist.Communicator) -> None:
        model = models[comm.rank]

        def change(epoch: int, logs: Any) -> None:
            if comm.rank:
                model.parameters()[0].assign(np.zeros((4, 5)))

        used = [nn.callbacks.LambdaCallback(on_epoch_end=change)]
        with pytest.raises(dist.RankMismatch, match="fit: expected the same weights at an epoch's begin on every rank"):
            model.fit(**data(callbacks=used), distributed=comm)

    run_ranks(2, work)


def test_a_layer_that_one_rank_alone_freezes_while_it_trains_is_told() -> None:
    models = [compiled(dense()) for _ in range(2)]

    def work(comm: dist.Communicator) -> None:
        def freeze(batch: int, logs: Any) -> None:
            models[comm.rank].layers[0].trainable = not comm.rank

        used = [nn.callbacks.LambdaCallback(on_train_batch_end=freeze)]
        message = r"fit: expected the same tensors of the model on every rank; received .* on rank 0 and .*frozen.* on"
        with pytest.raises(dist.RankMismatch, match=message):
            models[comm.rank].fit(**data(callbacks=used), distributed=comm)

    run_ranks(2, work)


def test_a_part_of_a_loader_has_a_row_for_each_rank() -> None:
    with pytest.raises(ValueError, match=r"DataLoader: expected at least one row for each of 2 ranks .* of 1\. Choose"):
        nn.data.DataLoader(X, batch_size=6, shard=(0, 2))
    with pytest.raises(ValueError, match=r"DataLoader: expected shard=\(rank, size\) with 0 <= rank < size"):
        nn.data.DataLoader(X, shard=(2, 2))
    with pytest.raises(TypeError, match=r"DataLoader: expected shard=\(rank, size\), two integers; received 2"):
        nn.data.DataLoader(X, shard=2)
    with pytest.raises(ValueError, match=r"DataLoader: expected data with a length to divide among ranks"):
        nn.data.DataLoader(iter(X), shard=(0, 2))


def test_an_optimizer_for_ranks_says_what_it_takes() -> None:
    with pytest.raises(TypeError, match=r"DistributedOptimizer: expected inner_optimizer to be an optimizer of one"):
        dist.DistributedOptimizer(dist.DistributedOptimizer(optimizers.SGD(0.1)))
    with pytest.raises(ValueError, match=r"DistributedOptimizer: expected bucket_mb above 0 and at most 64; .* 65"):
        dist.DistributedOptimizer(optimizers.SGD(0.1), bucket_mb=65)
    with pytest.raises(ValueError, match=r"DistributedOptimizer: expected compression .*; received compression='int8'"):
        dist.DistributedOptimizer(optimizers.SGD(0.1), compression="int8")
