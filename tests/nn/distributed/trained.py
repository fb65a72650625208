"""A training for `test_mpi`: `python trained.py FOLDER [float32]`, by one process or by several ranks of MPI."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import nn
from nn import callbacks, distributed, layers, optimizers


def main(folder: Path, dtype: str) -> None:
    comm = distributed.init()
    nn.set_seed(comm.rank)  # rank 0's weights and random numbers count
    rng = np.random.default_rng(0)
    x = rng.normal(size=(330, 20))
    labels = (x @ rng.normal(size=(20, 4))).argmax(axis=1)
    model = nn.Sequential(
        [
            layers.Dense(32, "relu", input_shape=(20,), dtype=dtype),
            layers.BatchNormalization(synchronized=True, dtype=dtype),
            layers.Dropout(0.2, dtype=dtype),
            layers.Dense(4, "softmax", dtype=dtype),
        ]
    )
    model.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    used = [
        callbacks.ModelCheckpoint(folder / f"best-{comm.size}.nn", "val_loss", save_best_only=True),
        callbacks.CSVLogger(folder / f"log-{comm.size}.csv"),
        callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True, verbose=1),
    ]
    history = model.fit(
        x, labels, 32, epochs=14, verbose=2, validation_split=0.1, callbacks=used, distributed=True
    ).history
    found = {f"history {name}": np.array(values) for name, values in history.items()}
    np.savez(folder / f"{dtype}-{comm.size}-{comm.rank}.npz", **model.state_dict(), **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
