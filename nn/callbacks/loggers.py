"""Callbacks that write the values of a training run to files."""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path
from typing import Any, TextIO

from autograd_lite.extend import needs

from ..config.arguments import argument_error, flag, text
from ..config.fields import Converted, attribute, field
from .arguments import frequency, path
from .base import Declared, Logs


class CSVLogger(Declared):
    """Writes one line per epoch to a CSV file: its number, then all values in the order of the first epoch.

    A value that an epoch lacks, such as that of a validation, is left empty. Each line is on disk when its epoch ends.

    Args:
        filename: the file; missing folders are created.
        separator: between two values.
        append: whether to continue an existing file, with its columns.

    Example:
        >>> import nn
        >>> import tempfile
        >>> model = nn.Sequential([nn.layers.Dense(1, input_shape=(1,))])
        >>> model.compile("sgd", "mse")
        >>> path = Path(tempfile.mkdtemp(), "log.csv")
        >>> history = model.fit([[1.0]], [[1.0]], epochs=2, verbose=0, callbacks=[CSVLogger(path)])
        >>> path.read_text().split()[0]
        'epoch,loss'
    """

    first_rank_only = True

    filename: Converted[str | os.PathLike[str], Path] = field(path)
    separator: str = field(text, default=",")
    append: bool = field(flag, default=False)
    _file: TextIO | None = attribute(None)
    _keys: list[str] | None = attribute(None)

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.filename.parent.mkdir(parents=True, exist_ok=True)
        self._keys = None
        if self.append and self.filename.exists():
            with self.filename.open(newline="", encoding="utf-8") as file:
                header = next(csv.reader(file, delimiter=self.separator), None)
            self._keys = header[1:] if header else None
        self._file = self.filename.open("a" if self.append else "w", newline="", encoding="utf-8")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        assert self._file is not None
        values = dict(logs or {})
        writer = csv.writer(self._file, delimiter=self.separator, lineterminator="\n")
        if self._keys is None:
            self._keys = list(values)
            writer.writerow(["epoch", *self._keys])
        writer.writerow([epoch, *(values.get(key, "") for key in self._keys)])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:  # training has failed
            self.on_train_end()


def _never(caller: Any, name: str, value: Any) -> int:
    if value != 0:
        raise argument_error(ValueError, caller, name, "0, since only the values of training are written", value)
    return 0


class TensorBoard(Declared):
    """Writes the values of training for TensorBoard, with its own library (the extra `tensorboard`).

    Args:
        log_dir: the folder; values of training go to its subfolder `train`, those of validation to `validation`, as in
            Keras: `tensorboard --logdir logs` shows both in one plot.
        update_freq: "epoch"; or "batch", or a number of batches, to also write after each of them.
        histogram_freq, embeddings_freq, profile_batch: 0, since histograms, embeddings and profiles are not written.
        write_graph, write_images, write_steps_per_second: accepted for Keras's programs, without effect.

    Raises:
        ImportError: if the library is not installed.
        ValueError: for an unknown `update_freq`, or a frequency other than 0 of values that are not written.

    Example:
        >>> import nn  # doctest: +SKIP
        >>> model = nn.Sequential([nn.layers.Dense(1, input_shape=(1,))])  # doctest: +SKIP
        >>> model.compile("sgd", "mse")  # doctest: +SKIP
        >>> model.fit([[1.0]], [[1.0]], callbacks=[TensorBoard("logs")])  # doctest: +SKIP
    """

    first_rank_only = True

    log_dir: Converted[str | os.PathLike[str], Path] = field(path, default="logs")
    update_freq: int | str = field(frequency("epoch", "batch"), default="epoch")
    histogram_freq: int = field(_never, default=0)
    write_graph: bool = field(flag, default=True)
    write_images: bool = field(flag, default=False)
    write_steps_per_second: bool = field(flag, default=False)
    profile_batch: int = field(_never, default=0)
    embeddings_freq: int = field(_never, default=0)

    def __post_init__(self) -> None:
        with needs("TensorBoard", "tensorboard", "'autograd-lite[tensorboard]'"):
            from tensorboard.compat.proto import event_pb2, summary_pb2
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        self._every = (
            {"epoch": 0, "batch": 1}[self.update_freq] if isinstance(self.update_freq, str) else self.update_freq
        )
        self._open, self._event, self._summary = EventFileWriter, event_pb2.Event, summary_pb2.Summary
        self._writers: dict[str, Any] = {}
        self._step = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._step = 0

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._step += 1
        if self._every and self._step % self._every == 0:
            self._write("train", {f"batch_{name}": value for name, value in (logs or {}).items()}, self._step)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        values = dict(logs or {})
        validated = {name.removeprefix("val_"): v for name, v in values.items() if name.startswith("val_")}
        trained = {name: value for name, value in values.items() if not name.startswith("val_")}
        trained.setdefault("learning_rate", float(self.model.optimizer.learning_rate))
        for run, part in (("train", trained), ("validation", validated)):
            if part:
                self._write(run, {f"epoch_{name}": value for name, value in part.items()}, epoch)
                self._writers[run].flush()

    def _write(self, run: str, values: dict[str, float], step: int) -> None:
        if run not in self._writers:
            self._writers[run] = self._open(str(self.log_dir / run))
        parts = [self._summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        event = self._event(wall_time=time.time(), step=step, summary=self._summary(value=parts))
        self._writers[run].add_event(event)

    def on_train_end(self, logs: Logs | None = None) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers = {}
