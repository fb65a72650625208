"""Callbacks that save the model during training."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from ..config.arguments import flag, number, one_of, optional, text
from ..config.fields import Converted, attribute, field
from ..distributed.ranks import size
from ..saving.checkpoints import InMemoryCheckpoint, load_checkpoint, save_checkpoint
from .arguments import frequency, path, path_text
from .base import Declared, Logs, say
from .monitor import Monitor


class ModelCheckpoint(Declared):
    """Saves the model, or only its weights, after epochs or after a number of batches.

    Args:
        filepath: the file; may contain `{epoch}` (counted from 1), `{batch}` and names of the logs, formatted as
            `str.format` does: "model-{epoch:02d}-{val_loss:.3f}.nn". Missing folders are created.
        monitor: the name in the logs by which models are compared.
        verbose: 1 prints the name of each saved file.
        save_best_only: save only if `monitor` has improved.
        save_weights_only: save with `model.save_weights` instead of `model.save`.
        mode: "min" if smaller is better, "max" if larger is better, "auto" to infer it from the name.
        save_freq: "epoch", or a number of batches, counted over all epochs.
        initial_value_threshold: a model counts as the best only if it is better than this.

    Raises:
        ValueError: for an unknown mode or `save_freq`; in training, if `monitor` or a name in `filepath` is not in the
            logs.

    Example:
        >>> import nn
        >>> import os
        >>> import tempfile
        >>> model = nn.Sequential([nn.layers.Dense(1, input_shape=(1,))])
        >>> model.compile("sgd", "mse")
        >>> path = os.path.join(tempfile.mkdtemp(), "best.safetensors")
        >>> history = model.fit([[1.0]], [[1.0]], epochs=2, verbose=0, callbacks=[ModelCheckpoint(path, "loss")])
        >>> os.path.exists(path)
        True
    """

    first_rank_only = True

    filepath: Converted[str | os.PathLike[str], str] = field(path_text)
    monitor: str = field(text, default="val_loss")
    verbose: int = field(default=0)
    save_best_only: bool = field(flag, default=False)
    save_weights_only: bool = field(flag, default=False)
    mode: str = field(one_of("auto", "min", "max"), default="auto")
    save_freq: int | str = field(frequency("epoch"), default="epoch")
    initial_value_threshold: float | None = field(optional(number()), default=None)
    _epoch: int = attribute(0)
    _batches: int = attribute(0)

    def __post_init__(self) -> None:
        self._every = 0 if isinstance(self.save_freq, str) else self.save_freq
        self._monitor = Monitor("ModelCheckpoint", self.monitor, self.mode)
        if self.initial_value_threshold is not None:
            self._monitor.best = self._monitor.sign * self.initial_value_threshold

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
            file = Path(self.filepath.format(**names))
        except KeyError as error:
            raise ValueError(
                f"ModelCheckpoint: expected names in filepath among {sorted(names)}; received {error.args[0]!r}"
            ) from None
        file.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(file)
        else:
            self.model.save(file)
        if self.verbose:
            say(f"Epoch {epoch + 1}: ModelCheckpoint saved {file}")


class BackupAndRestore(Declared):
    """Lets training survive being killed: writes a checkpoint after each epoch, and starts from it if there is one.

    The checkpoint holds the weights, the optimizer, the random stream and the position of a DataLoader. The same `fit`,
    started again, then continues bit for bit after the last epoch that was written.

    Args:
        backup_dir: the folder of the checkpoint.
        loader: the DataLoader that the training reads from, if there is one.
        save_freq: the number of epochs between checkpoints; "epoch" means 1.
        delete_checkpoint: whether to remove it at the end of a training run that was not interrupted.

    Attributes:
        resumed_epoch: the epoch that this training started with, 0 if there was no checkpoint.

    Example:
        >>> import nn
        >>> import tempfile
        >>> model = nn.Sequential([nn.layers.Dense(1, input_shape=(1,))])
        >>> model.compile("sgd", "mse")
        >>> backup = BackupAndRestore(tempfile.mkdtemp())
        >>> history = model.fit([[1.0]], [[1.0]], epochs=2, verbose=0, callbacks=[backup])
        >>> history.epoch
        [0, 1]
    """

    first_rank_only = True

    backup_dir: Converted[str | os.PathLike[str], Path] = field(path)
    loader: Any = field(default=None)
    save_freq: int | str = field(frequency("epoch"), default="epoch")
    delete_checkpoint: bool = field(flag, default=True)
    resumed_epoch: int = attribute(0)

    def __post_init__(self) -> None:
        self.path = self.backup_dir / "checkpoint.safetensors"
        self._every = 1 if isinstance(self.save_freq, str) else self.save_freq

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.resumed_epoch = 0
        if self.path.exists():
            model: Any = self.model
            extra = load_checkpoint(self.path, model, model.optimizer, loader=self.loader)
            self.resumed_epoch = int(extra["epoch"]) + 1

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if (epoch + 1) % self._every == 0 and all(math.isfinite(value) for value in (logs or {}).values()):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            model: Any = self.model
            save_checkpoint(self.path, model, model.optimizer, loader=self.loader, extra={"epoch": epoch})

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.delete_checkpoint:
            self.path.unlink(missing_ok=True)


class InMemoryBackup(Declared):
    """Lets a training run survive the loss of ranks: keeps its state in the memory of each rank.

    In `nn.distributed.elastic`, the ranks that are left call `fit` again, which then goes on after the last epoch that
    was kept. It is `BackupAndRestore` without a file, for processes that stay alive.

    Args:
        loader: the DataLoader that the training reads from, if there is one.
        save_freq: the number of epochs after which the state is kept; "epoch" means 1.

    Attributes:
        resumed_epoch: the epoch that this training started with, 0 if no rank was lost.

    Example:
        >>> import nn
        >>> model = nn.Sequential([nn.layers.Dense(1, input_shape=(1,))])
        >>> model.compile("sgd", "mse")
        >>> backup = InMemoryBackup()
        >>> train = lambda comm: model.fit([[1.0]], [[1.0]], epochs=2, verbose=0, distributed=comm, callbacks=[backup])
        >>> nn.distributed.elastic(train).epoch
        [0, 1]
    """

    loader: Any = field(default=None)
    save_freq: int | str = field(frequency("epoch"), default="epoch")
    resumed_epoch: int = attribute(0)

    def __post_init__(self) -> None:
        self._every = 1 if isinstance(self.save_freq, str) else self.save_freq
        self._checkpoint: InMemoryCheckpoint | None = None
        self._size = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.resumed_epoch = 0
        # Another `fit` of as many ranks is a new training.
        if self._checkpoint is not None and size() < self._size:
            self.resumed_epoch = int(self._checkpoint.restore()["epoch"]) + 1
        else:
            self._keep(-1)
        self._size = size()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if (epoch + 1) % self._every == 0:
            self._keep(epoch)

    def _keep(self, epoch: int) -> None:
        model: Any = self.model
        self._checkpoint = InMemoryCheckpoint(model, model.optimizer, self.loader, {"epoch": epoch})
