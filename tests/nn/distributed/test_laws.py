"""k ranks compute what one process computes, whatever is trained: weights, histories, states of optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from nn.distributed import Communicator
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
UNTRACED = {"adam_eager", "dropout_in_time", "a_step_of_its_own", "penalties_alone", "stopped_by_a_batch"}


@pytest.mark.parametrize(
    ("size", "warm"),
    [(2, 1), (3, 32), pytest.param(3, 1, marks=pytest.mark.ci), pytest.param(2, 32, marks=pytest.mark.ci)],
    ids=lambda n: {1: "replayed", 32: "eager"}.get(n, str(n)),
)
@pytest.mark.parametrize("name", PROGRAMS)
def test_ranks_train_as_one_process_does(name: str, size: int, warm: int, monkeypatch) -> None:
    monkeypatch.setitem(replays.WARM, "auto", warm)
    if name == "a_step_of_its_own" and size == 3:
        size = 4  # a loss that is not told of its rows is right for equal parts alone
    history, alone = trained(*made(name, 0))
    # The other ranks begin with other weights, which rank 0's replace.
    given = [made(name, rank, (rank, size)) for rank in range(size)]

    def work(comm: Communicator) -> Any:
        return trained(*given[comm.rank], distributed=comm)

    found = run_ranks(size, work)
    if warm == 1 and name not in UNTRACED:
        steps = given[0][0]._replays.steps.values()
        assert any(trace.replay is not None for step in steps for trace in step.fast.traces), name
    for histories, state in found:
        assert histories.keys() == history.keys()
        for key, values in history.items():
            np.testing.assert_allclose(histories[key], values, rtol=1e-9, atol=1e-12, err_msg=key)
        assert state.keys() == alone.keys()
        for key, value in alone.items():
            np.testing.assert_allclose(state[key], value, rtol=1e-9, atol=1e-11, err_msg=key)
            np.testing.assert_array_equal(state[key], found[0][1][key], err_msg=key)
