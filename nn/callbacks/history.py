"""The record of a training run that `fit` returns."""

from __future__ import annotations

from html import escape
from typing import Any
from weakref import ref

import numpy as np

from autograd_lite.extend import needs

from .base import Callback, Logs, Trained


class History(Callback):
    """Records the loss and the metrics of every epoch; `fit` returns one.

    `print` shows a table with a row for each epoch, counted from 1 as by `fit`, and so does a notebook.

    Attributes:
        epoch: the numbers of the epochs, from 0.
        history: by name, a list of one float per epoch; for validation, of the epochs that had one.

    Example:
        >>> import nn
        >>> model = nn.Sequential([nn.layers.Dense(1, input_shape=(1,))])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit([[1.0]], [[1.0]], epochs=3, verbose=0)
        >>> history.epoch, len(history.history["loss"])
        ([0, 1, 2], 3)
    """

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}
        self._epochs: dict[str, list[int]] = {}
        self._model: ref[Trained] | None = None

    def set_model(self, model: Trained) -> None:
        """Keep a weak reference: a record must not keep a model alive.

        Args:
            model: the one in training.
        """
        self._model = ref(model)

    @property
    def model(self) -> Any:  # type: ignore[override]  # only `set_model` sets it
        """The model that was trained, as long as something else refers to it; None after that, and in copies."""
        return None if self._model is None else self._model()

    def __getattr__(self, attribute: str) -> Any:
        fix = f". Write history.history[{attribute!r}]" if attribute in vars(self).get("history", {}) else ""
        raise AttributeError(f"'History' object has no attribute {attribute!r}{fix}")

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_model": None}

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value if np.ndim(value) else float(value))
            self._epochs.setdefault(name, []).append(epoch)

    def to_pandas(self) -> Any:
        """Return a `pandas.DataFrame` with one row per epoch and one column per name, NaN where an epoch has no value.

        Raises:
            ImportError: if pandas is not installed.
        """
        with needs("History.to_pandas", "pandas", _EXTRA):
            import pandas as pd

        columns = {name: pd.Series(values, self._epochs[name]) for name, values in self.history.items()}
        return pd.DataFrame(columns, index=pd.Index(self.epoch, name="epoch"), dtype=float)

    def plot(self, names: list[str] | None = None, ax: Any = None) -> Any:
        """Plot the values over the epochs with matplotlib: one panel per metric, training and validation together.

        Args:
            names: the metrics to plot, without `val_`; by default all.
            ax: a `matplotlib` Axes for everything; by default a new figure.

        Returns:
            The matplotlib Figure.

        Raises:
            ImportError: if matplotlib is not installed.
            ValueError: for a name that is not in the history, or an empty history.
        """
        with needs("History.plot", "matplotlib", _EXTRA):
            from matplotlib import pyplot
            from matplotlib.ticker import MaxNLocator

        recorded = list(dict.fromkeys(name.removeprefix("val_") for name in self.history))
        recorded.sort(key=lambda name: name != "loss")  # first
        curves = recorded if names is None else names
        if not curves or (unknown := [name for name in curves if name not in recorded]):
            received = repr(unknown[0]) if curves else "an empty history"
            raise ValueError(f"History.plot: expected names among {recorded}; received {received}")
        axes = [ax] * len(curves)
        if ax is None:
            figure = pyplot.figure(figsize=(4.5 * len(curves), 3.2), layout="constrained")
            axes = list(figure.subplots(1, len(curves), squeeze=False)[0])
            if "inline" in pyplot.get_backend():
                pyplot.close(figure)  # a notebook shows the value of a cell by itself
        for name, panel in zip(curves, axes, strict=True):
            for key, style in ((name, "-"), (f"val_{name}", "--")):
                if key in self.history:
                    epochs = [epoch + 1 for epoch in self._epochs[key]]
                    panel.plot(epochs, self.history[key], style, marker=".", label=key)
            panel.set_xlabel("epoch")
            panel.xaxis.set_major_locator(MaxNLocator("auto", integer=True))  # there is no epoch 1.5
            panel.set_ylabel(name if ax is None else "")
            panel.legend()
        return axes[0].figure.canvas.figure

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={_cell(values[-1])}" for name, values in self.history.items())
        many = "" if len(self.epoch) == 1 else "s"
        return f"<History of {len(self.epoch)} epoch{many}{': ' + last if last else ''}>"

    def __str__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    def _repr_html_(self) -> str:
        head, *rows = self._rows()
        titles = "".join(f"<th>{escape(title)}</th>" for title in head)
        lines = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
        body = "\n".join(f"<tr>{line}</tr>" for line in lines)
        return (
            f'<table style="text-align:right">\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>'
        )

    def _rows(self) -> list[list[str]]:
        """Return the cells of the table, its titles first; the middle of a long training is left out."""
        epochs = self._epochs
        values = {
            name: dict(zip(epochs.get(name, self.epoch), row, strict=False)) for name, row in self.history.items()
        }
        rows = [
            [str(epoch + 1), *(_cell(column[epoch]) if epoch in column else "" for column in values.values())]
            for epoch in self.epoch
        ]
        if len(rows) > 2 * _ROWS:
            rows[_ROWS:-_ROWS] = [["…"] * (len(values) + 1)]
        return [["epoch", *values], *rows]


def _cell(value: Any) -> str:
    return f"array {np.shape(value)}" if np.ndim(value) else f"{value:.4g}"


_EXTRA = "'autograd-lite[plot]'"
_ROWS = 10  # at each end of a table
