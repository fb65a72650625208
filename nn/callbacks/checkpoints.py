"""Callbacks that save the model during training."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from ..saving.checkpoints import load_checkpoint, save_checkpoint
from .base import Callback, Logs, Monitor


class ModelCheckpoint(Callback):
    """Saves the model, or only its weights, after epochs or after a number of batches.

    Args:
        filepath: the file; may contain `{epoch}` (counted from 1), `{batch}` and names of the logs, formatted as
            `str.format` does: "model-{epoch:02d}-{val_loss:.3f}.nn". Missing folders are created.
        monitor: the name in the logs by which models are compared.
        verbose: 1 prints what is saved.
        save_best_only: save only if `monitor` has improved.
        save_weights_only: save with `model.save_weights` instead of `model.save`.
        mode: "min" if smaller is better, "max" if larger is better, "auto" to infer it from the name.
        save_freq: "epoch", or a number of batches, counted over all epochs.
        initial_value_threshold: a model counts as the best only if it is better than this.

    Raises:
        ValueError: for an unknown mode or `save_freq`; in training, if `monitor` or a name in `filepath` is not in the
            logs.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        self.filepath = os.fspath(filepath)
        self._monitor = Monitor("ModelCheckpoint", monitor, mode)
        if initial_value_threshold is not None:
            self._monitor.best = self._monitor.sign * initial_value_threshold
        self.monitor, self.verbose = monitor, verbose
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self._every = _frequency("ModelCheckpoint", save_freq)
        self._epoch = self._batches = 0

    @property
    def best(self) -> float:
        """The best value so far."""
        return self._monitor.sign * self._monitor.best

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._batches += 1
        if self._every and self._batches % self._every == 0:
            self._save(self._epoch, logs, batch)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if not self._every:
            self._save(epoch, logs, None)

    def _save(self, epoch: int, logs: Logs | None, batch: int | None) -> None:
        if self.save_best_only and not self._monitor.improves(self._monitor.read(logs)):
            return
        names: dict[str, Any] = {**(logs or {}), "epoch": epoch + 1} | ({} if batch is None else {"batch": batch + 1})
        try:
            path = Path(self.filepath.format(**names))
        except KeyError as error:
            raise ValueError(
                f"ModelCheckpoint: expected names in filepath among {sorted(names)}; received {error.args[0]!r}"
            ) from None
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if self.verbose:
            print(f"Epoch {epoch + 1}: ModelCheckpoint saved {path}")


class BackupAndRestore(Callback):
    """Lets a training survive being killed: writes a checkpoint after each epoch, and starts from it if there is one.

    The checkpoint holds the weights, the optimizer, the random stream and the position of a DataLoader. The same `fit`,
    started again, then continues bit for bit after the last epoch that was written.

    Args:
        backup_dir: the folder of the checkpoint.
        loader: the DataLoader that the training reads from, if there is one.
        save_freq: the number of epochs between checkpoints; "epoch" means 1.
        delete_checkpoint: whether to remove it at the end of a training that was not interrupted.

    Attributes:
        resumed_epoch: the epoch that this training started with, 0 if there was no checkpoint.
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        loader: Any = None,
        save_freq: str | int = "epoch",
        delete_checkpoint: bool = True,
    ) -> None:
        self.path = Path(backup_dir) / "checkpoint.safetensors"
        self.loader, self.delete_checkpoint = loader, delete_checkpoint
        self._every = _frequency("BackupAndRestore", save_freq) or 1
        self.resumed_epoch = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.resumed_epoch = 0
        if self.path.exists():
            model: Any = self.model
            found = load_checkpoint(self.path, model, model.optimizer, loader=self.loader)
            self.resumed_epoch = int(found["epoch"]) + 1

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if (epoch + 1) % self._every == 0 and all(math.isfinite(value) for value in (logs or {}).values()):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            model: Any = self.model
            save_checkpoint(self.path, model, model.optimizer, loader=self.loader, extra={"epoch": epoch})

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            self.path.unlink(missing_ok=True)


def _frequency(owner: str, save_freq: str | int) -> int:
    """Return 0 for "epoch", else the number of batches or epochs, at least 1."""
    if save_freq == "epoch":
        return 0
    if isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1:
        raise ValueError(f"{owner}: expected save_freq 'epoch' or an integer, at least 1; received {save_freq!r}")
    return save_freq
