"""The record of a training that `fit` returns."""

from __future__ import annotations

from typing import Any
from weakref import ref

import numpy as np

from autograd_lite.extend import needs

from .base import Callback, Logs, Trained


class History(Callback):
    """Records the loss and the metrics of every epoch; `fit` returns one.

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
        """Keep a weak reference: a record must not keep a model alive."""
        self._model = ref(model)

    @property
    def model(self) -> Any:  # type: ignore[override]  # only `set_model` sets it
        """The model that was trained, as long as something else refers to it; None after that, and in copies."""
        return None if self._model is None else self._model()

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
            The Axes, or an array of them.

        Raises:
            ImportError: if matplotlib is not installed.
            ValueError: for a name that is not in the history, or an empty history.
        """
        with needs("History.plot", "matplotlib", _EXTRA):
            from matplotlib import pyplot
            from matplotlib.ticker import MaxNLocator

        recorded = list(dict.fromkeys(name.removeprefix("val_") for name in self.history))
        recorded.sort(key=lambda name: name != "loss")  # first
        shown = recorded if names is None else names
        if not shown or (unknown := [name for name in shown if name not in recorded]):
            received = repr(unknown[0]) if shown else "an empty history"
            raise ValueError(f"History.plot: expected names among {recorded}; received {received}")
        axes = [ax] * len(shown)
        if ax is None:
            size = (4.5 * len(shown), 3.2)
            axes = list(pyplot.subplots(1, len(shown), squeeze=False, figsize=size, layout="constrained")[1][0])
        for name, panel in zip(shown, axes, strict=True):
            for key, style in ((name, "-"), (f"val_{name}", "--")):
                if key in self.history:
                    epochs = [epoch + 1 for epoch in self._epochs[key]]
                    panel.plot(epochs, self.history[key], style, marker=".", label=key)
            panel.set_xlabel("epoch")
            panel.xaxis.set_major_locator(MaxNLocator("auto", integer=True))  # there is no epoch 1.5
            panel.set_ylabel(name if ax is None else "")
            panel.legend()
        return axes[0] if len(axes) == 1 or ax is not None else axes

    def __repr__(self) -> str:
        last = ", ".join(f"{name}={values[-1]:.4g}" for name, values in self.history.items())
        return f"<History of {len(self.epoch)} epochs{': ' + last if last else ''}>"


_EXTRA = "'autograd-lite[plot]'"
