"""A training of several ranks in which one of them meets a fault: `python faulty.py FOLDER FAULT [STEP]`.

FOLDER has the data of each rank, and gets the checkpoint after every third step. The fault comes in the first start of
the job only, on rank 1. The hash of the weights is printed at the end.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np

import nn
from nn import distributed

STEPS = 24


def data(folder: Path, rank: int) -> np.ndarray:
    """Map the rows of a rank, which the first to come here has drawn."""
    path = folder / f"data-{rank}.npy"
    if not path.exists():
        np.save(path, np.random.default_rng(rank).standard_normal((4096, 9)).astype(np.float32))
    return np.load(path, mmap_mode="r+")


def meet(fault: str, folder: Path, rank: int) -> None:
    """Do to this rank what the fault is."""
    print(f"rank {rank} meets {fault}", flush=True)
    if fault == "raise":
        raise ValueError("a row of nothing but NaN")
    if fault == "thread":
        threading.Thread(target=lambda: 1 / 0).start()
        time.sleep(60)
    if fault == "exit":
        sys.exit(3)
    if fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if fault == "shrink":  # the file ends where the map goes on: reading it is SIGBUS
        os.truncate(folder / f"data-{rank}.npy", 0)
    if fault == "open":
        (folder / f"data-{rank}.npy").unlink()
        data(folder / "gone", rank)


def network() -> tuple[nn.Sequential, nn.optimizers.Optimizer]:
    """Return the model and its optimizer."""
    nn.utils.set_random_seed(1)
    model = nn.Sequential([nn.layers.Dense(16, "tanh", input_shape=(8,)), nn.layers.Dropout(0.2), nn.layers.Dense(1)])
    return model, nn.optimizers.Adam(1e-2, parameters=model.parameters())


def main(folder: Path, fault: str, at: int) -> None:
    comm = distributed.init()
    first = os.environ.get("NN_DISTRIBUTED_RESTART", "0") == "0"
    rows = data(folder, comm.rank)
    model, optimizer = network()
    path, begin = folder / "checkpoint.safetensors", 0
    if path.exists():
        begin = nn.saving.load_checkpoint(path, model, optimizer)["step"]
        print(f"rank {comm.rank} goes on at step {begin}", flush=True)
    for step in range(begin, STEPS):
        if step == at and comm.rank == 1 and first:
            meet(fault, folder, comm.rank)
        if comm.rank == 0 and step % 3 == 0:
            nn.saving.save_checkpoint(path, model, optimizer, extra={"step": step})
        part = np.asarray(rows[64 * step : 64 * (step + 1)])
        optimizer.zero_grad()
        loss = ((model(part[:, :8], training=True) - part[:, 8:]) ** 2).mean() / comm.size
        loss.backward()
        for p in model.parameters():
            gradient = np.array(p.grad)
            comm.sum(gradient)
            p.grad = gradient
        optimizer.step()
        time.sleep(0.01)
    text = hashlib.sha256(b"".join(p.numpy().tobytes() for p in model.parameters())).hexdigest()
    assert comm.gathered(text) == [text] * comm.size
    if comm.rank == 0:
        print(f"weights {text}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 10)
