"""k ranks compute what one process computes, whatever is trained: weights, histories, states of optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from nn.distributed import Communicator
from nn.distributed.state import average_buffers
from nn.training import replays

from .programs import PROGRAMS
from .threads import run_ranks


def made(name: str, seed: int, where: Any = None) -> Any:
    nn.set_seed(seed)
    return PROGRAMS[name](where)


def trained(model: Any, fit: dict[str, Any], **more: Any) -> tuple[dict[str, list[float]], dict[str, Any]]:
    history = model.fit(**fit, **more)
    state = {f"optimizer {key}": a for key, a in model.optimizer.state_dict().items()}
    return history.history, {**model.state_dict(), **state}


# Programs that cannot be traced, or say themselves how they run.
UNTRACED = {
    "adam_eager",
    "dropout_in_time",
    "a_step_of_its_own",
    "a_step_around_ours",
    "penalties_alone",
    "stopped_by_a_batch",
}


@pytest.mark.parametrize(
    ("size", "warm"),
    [(2, 1), (3, 32), pytest.param(3, 1, marks=pytest.mark.ci), pytest.param(2, 32, marks=pytest.mark.ci)],
    ids=lambda n: {1: "replayed", 32: "eager"}.get(n, str(n)),
)
@pytest.mark.parametrize("name", PROGRAMS)
def test_ranks_train_as_one_process_does(name: str, size: int, warm: int, monkeypatch) -> None:
    monkeypatch.setitem(replays.WARM, "auto", warm)
    history, alone = trained(*made(name, 0))
    # The other ranks begin with other weights, which rank 0's replace.
    given = [made(name, rank, (rank, size)) for rank in range(size)]

    def work(comm: Communicator) -> Any:
        return trained(*given[comm.rank], distributed=comm)

    found = run_ranks(size, work)
    if warm == 1 and name not in UNTRACED:
        steps = given[0][0]._replays.computations.values()
        assert any(trace.replay is not None for step in steps for trace in step.compiled.traces), name
    for histories, state in found:
        assert histories.keys() == history.keys()
        for key, values in history.items():
            np.testing.assert_allclose(histories[key], values, rtol=1e-9, atol=1e-12, err_msg=key)
        assert state.keys() == alone.keys()
        for key, value in alone.items():
            np.testing.assert_allclose(state[key], value, rtol=1e-9, atol=1e-11, err_msg=key)
            np.testing.assert_array_equal(state[key], found[0][1][key], err_msg=key)


def test_running_statistics_of_parts_become_their_means() -> None:
    """Without `synchronized`, each rank normalizes its own rows; the averages become the same on all."""
    models = [PROGRAMS["batch_statistics"](None)[0] for _ in range(2)]
    for model in models:
        model.layers[1].synchronized = False
    x = np.concatenate([np.zeros((3, 4)), np.ones((3, 4))])

    def work(comm: Communicator) -> Any:
        models[comm.rank].fit(x, x[:, :2], batch_size=6, shuffle=False, verbose=0, distributed=comm)
        return models[comm.rank].state_dict()

    def inside(rows: slice) -> np.ndarray:
        return first_layer(x[rows]).data.mean(axis=0)

    models[1].set_weights(models[0].get_weights())
    first_layer = models[0].layers[0]
    expected = 0.01 * (inside(slice(3)) + inside(slice(3, 6))) / 2  # from 0 on, with momentum 0.99
    first, second = run_ranks(2, work)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)
    np.testing.assert_allclose(first["batch_normalization.moving_mean"], expected, rtol=1e-9, atol=1e-15)


def test_callbacks_that_write_or_print_are_called_on_the_first_rank_alone(capsys) -> None:
    class Noted(nn.callbacks.Callback):
        def __init__(self, only: bool) -> None:
            self.first_rank_only, self.calls = only, 0

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.calls += 1

    noted = [[Noted(only) for only in (True, False)] for _ in range(2)]
    given = [PROGRAMS["plain"](None) for _ in range(2)]

    def work(comm: Communicator) -> None:
        model, fit = given[comm.rank]
        rate = nn.callbacks.LearningRateScheduler(lambda epoch: 0.1, verbose=1)
        model.fit(**{**fit, "verbose": 2}, callbacks=[*noted[comm.rank], rate], distributed=comm)

    run_ranks(2, work)
    assert [[one.calls for one in rank] for rank in noted] == [[3, 3], [0, 3]]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6  # of the bar and of the callback, for three epochs


def test_what_is_frozen_stays_as_it_is_bit_by_bit() -> None:
    """The mean of equal numbers over three ranks would often be another one."""
    models = [nn.Sequential([nn.layers.Dense(300, input_shape=(4,), trainable=False)]) for _ in range(3)]
    before = models[0].layers[0].kernel.numpy()
    for model in models:
        model.layers[0].kernel.assign(before)

    def work(comm: Communicator) -> np.ndarray:
        average_buffers(models[comm.rank], comm)
        return models[comm.rank].layers[0].kernel.numpy()

    for after in run_ranks(3, work):
        np.testing.assert_array_equal(after, before)
