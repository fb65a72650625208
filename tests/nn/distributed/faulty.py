"""A training of several ranks in which one of them meets a fault: `python faulty.py FOLDER FAULT [STEP]`.

FOLDER has a copy of the data for each rank, and gets the checkpoint after each epoch of four steps. The fault comes in
the first start of the job only, on rank 1. The hash of the weights is printed at the end.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

import nn
from nn import distributed

EPOCHS = 6


def data(folder: Path, rank: int) -> np.ndarray:
    """Map the copy of a rank."""
    path = folder / f"data-{rank}.npy"
    if not path.exists():
        np.save(path, np.random.default_rng(1).standard_normal((256, 9)).astype(np.float32))
    return np.load(path, mmap_mode="r+")


def meet(fault: str, folder: Path, rank: int) -> None:
    """Do to this rank what the fault is."""
    print(f"rank {rank} meets {fault}", flush=True)
    (folder / "met").write_text(str(time.time()))
    if fault == "raise":
        raise ValueError("a row of nothing but NaN")
    if fault == "thread":
        threading.Thread(target=lambda: 1 / 0).start()
        time.sleep(60)
    if fault == "exit":
        sys.exit(3)
    if fault == "leave":
        os._exit(0)
    if fault == "sleep":
        time.sleep(60)
    if fault == "freeze":
        MODELS[0].layers[0].trainable = False
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if fault == "shrink":  # the file ends where the map goes on: reading it is SIGBUS
        os.truncate(folder / f"data-{rank}.npy", 0)
    if fault == "open":
        (folder / f"data-{rank}.npy").unlink()
        data(folder / "gone", rank)


MODELS: list[nn.Sequential] = []


def network() -> nn.Sequential:
    """Return the model, compiled."""
    nn.utils.set_random_seed(1)
    model = nn.Sequential([nn.layers.Dense(16, "tanh", input_shape=(8,)), nn.layers.Dropout(0.2), nn.layers.Dense(1)])
    model.compile(nn.optimizers.Adam(1e-2), "mse")
    MODELS.append(model)
    return model


class Fault(nn.callbacks.Callback):
    """Meets a fault at the beginning of a step, counted over all epochs from the one that this start begins with."""

    def __init__(self, fault: str, at: int, folder: Path) -> None:
        self.fault, self.left, self.folder = fault, at, folder
        self.begun = False
        self.due = distributed.rank() == 1 and os.environ.get("NN_DISTRIBUTED_RESTART", "0") == "0"

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if not self.begun:
            print(f"rank {distributed.rank()} begins with epoch {epoch}", flush=True)
        self.begun = True

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if self.due and not self.left:
            meet(self.fault, self.folder, 1)
        self.left -= 1


def main(folder: Path, fault: str, at: int) -> None:
    comm = distributed.init()
    rows = data(folder, comm.rank)
    model = network()
    backup = nn.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
    calls = [backup, Fault(fault, at, folder)]
    model.fit(rows[:, :8], rows[:, 8:], batch_size=64, epochs=EPOCHS, verbose=0, distributed=True, callbacks=calls)
    text = hashlib.sha256(b"".join(p.numpy().tobytes() for p in model.parameters())).hexdigest()
    assert comm.all_gather(text) == [text] * comm.size
    if comm.rank == 0:
        print(f"weights {text}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10)
