"""What the curves of a training run say: whether its learning rate suits it, and where overfitting begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..callbacks import History
from ..config.arguments import checked
from .look import DASHES, Look, figure_of, new_axes, new_figure, tidy, title

__all__ = ["learning_rates", "overfitting"]

Array = npt.NDArray[np.float64]


@checked
def learning_rates(histories: Mapping[float, Any], *, name: str = "loss") -> Any:
    """Draw the same training with different learning rates: the loss over the epochs, and where it ends.

    A training run has failed if its loss is not finite at the end, or above where most training runs began.

    Args:
        histories: by learning rate, what `fit` returned, or a sequence of one value an epoch.
        name: which value of a history is drawn; smaller is better.

    Returns:
        The matplotlib Figure, with two sets of axes.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: without a history, or for a name that a history does not have.

    Example:
        >>> figure = learning_rates({0.001: [1.0, 0.9, 0.8], 0.1: [1.0, 0.3, 0.1], 10.0: [1.0, 40.0, 1600.0]})
        >>> figure.axes[1].get_title(loc="left")
        'Best: 0.1'
    """
    called = "learning_rates"
    curves = {float(rate): _values(called, histories[rate], name) for rate in sorted(histories)}
    if not curves or min(map(len, curves.values())) < 1:
        raise ValueError(f"{called}: expected the history of at least one epoch for each rate; received {histories!r}")
    figure, look = new_figure(called, 8.6, 3.7)
    over_time, by_rate = figure.subplots(1, 2, width_ratios=[1.25, 1])
    start = float(np.nanmedian([curve[0] for curve in curves.values() if np.isfinite(curve[0])] or [1.0]))
    ends = {rate: float(curve[-1]) for rate, curve in curves.items()}
    sound = {rate: end for rate, end in ends.items() if end <= start}
    _draw_rates(over_time, curves, sound, look)
    low = min(sound.values(), default=0.0)
    top = start + 0.25 * abs(start - min(0.0, low))
    over_time.set(xlabel="epoch", ylabel=name, ylim=(min(0.0, low), top))
    words = {"frameon": False, "labelcolor": look.ink, "fontsize": 9, "ncols": 6}
    figure.legend(*over_time.get_legend_handles_labels(), loc="outside lower left", **words)
    _draw_ends(by_rate, ends, sound, top, look)
    by_rate.set(xlabel="learning rate", ylabel=f"{name} after the last epoch", ylim=over_time.get_ylim())
    title(over_time, f"The {name} with each learning rate", look)
    title(by_rate, f"Best: {min(sound, key=lambda rate: sound[rate]):g}" if sound else "All fail", look)
    return figure


def _draw_rates(ax: Any, curves: Mapping[float, Array], sound: Mapping[float, float], look: Look) -> None:
    tidy(ax, look)
    for k, (rate, curve) in enumerate(curves.items()):
        color, dash = look.series[k % len(look.series)], DASHES[k % len(DASHES)]
        label = f"{rate:g}" if rate in sound else f"{rate:g}, fails"
        ax.plot(np.arange(1, len(curve) + 1), curve, color=color, linestyle=dash, linewidth=1.8, label=label)
    _whole_epochs(ax, look)


def _draw_ends(ax: Any, ends: Mapping[float, float], sound: Mapping[float, float], top: float, look: Look) -> None:
    tidy(ax, look)
    ax.plot(list(sound), list(sound.values()), color=look.soft, linewidth=1, zorder=1, label="_line")
    for k, rate in enumerate(ends):
        color = look.series[k % len(look.series)]
        y, marker = (sound[rate], "o") if rate in sound else (0.97 * top, "^")
        ax.plot(
            rate, y, marker, color=color, markersize=9, markeredgecolor=look.paper, label=f"{rate:g}", clip_on=False
        )
        if rate not in sound:
            style = {"ha": "center", "va": "top", "color": look.soft, "fontsize": 9}
            ax.annotate("fails", (rate, y), (0, -8), textcoords="offset points", **style)
    if min(ends) > 0:
        ax.set_xscale("log")
    ax.margins(x=0.12)
    ax.grid(axis="y", color=look.faint, linewidth=0.6)
    ax.set_axisbelow(True)
    tidy(ax, look)


@checked
def overfitting(history: Any, *, name: str = "loss", ax: Any = None) -> Any:
    """Draw a value on training and on validation data, where the second is best, and the gap that opens after that.

    Args:
        history: the History that `fit` with validation data returned, or a mapping with `name` and `val_` + `name`, one
            value an epoch.
        name: of the value to draw; the best is the smallest, or the largest if the values on training data rise.
        ax: the matplotlib Axes to draw in; by default those of a new figure.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: if the history lacks the values.

    Example:
        >>> figure = overfitting({"loss": [1.0, 0.5, 0.2, 0.1], "val_loss": [1.1, 0.7, 0.6, 0.8]})
        >>> figure.axes[0].get_title(loc="left")
        'Best on validation data after epoch 3 of 4'
    """
    called = "overfitting"
    train, valid = (_values(called, history, key) for key in (name, f"val_{name}"))
    if len(train) != len(valid) or not len(train):
        raise ValueError(
            f"{called}: expected a value of {name} and of val_{name} for each epoch; received {len(train)} and "
            f"{len(valid)}"
        )
    rises = train[-1] > train[0]
    best = int(np.nanargmax(valid) if rises else np.nanargmin(valid))
    epochs = np.arange(1, len(train) + 1)
    ax, look = new_axes(called, ax, 6.0, 3.6)
    ax.fill_between(epochs, train, valid, color=look.series[1], alpha=0.12, linewidth=0, label="_gap")
    ax.plot(epochs, train, color=look.series[0], linewidth=1.9, label="training data")
    ax.plot(epochs, valid, color=look.series[1], linestyle=DASHES[1], linewidth=1.9, label="validation data")
    ax.axvline(best + 1, color=look.soft, linewidth=1, linestyle=":")
    ax.plot(best + 1, valid[best], "o", color=look.series[1], markeredgecolor=look.paper, markersize=9, label="_best")
    if best + 1 < 0.75 * len(train):
        style = {"color": look.soft, "fontsize": 9, "va": "top"}
        ax.annotate(
            "from here on it learns\nthe training data by heart",
            (best + 1, 1),
            (6, -2),
            ("data", "axes fraction"),
            "offset points",
            **style,
        )
    _whole_epochs(ax, look)
    ax.set(xlabel="epoch", ylabel=name)
    ax.legend(frameon=False, labelcolor=look.ink, fontsize=9, loc="best")
    title(ax, f"Best on validation data after epoch {best + 1} of {len(train)}", look)
    return figure_of(ax)


def _whole_epochs(ax: Any, look: Look) -> None:
    """Number whole epochs only, and rule the heights."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.grid(axis="y", color=look.faint, linewidth=0.6)
    ax.set_axisbelow(True)


def _values(called: str, history: Any, name: str) -> Array:
    """Return the values of one name in a history, or a sequence of values as it is."""
    entries = history.history if isinstance(history, History) else history
    if isinstance(entries, Mapping):
        if name not in entries:
            raise ValueError(f"{called}: expected a history with {name!r}; received one with {sorted(entries)}")
        entries = entries[name]
    values = np.asarray(entries, np.float64)
    if values.ndim != 1:
        raise ValueError(f"{called}: expected one value of {name} an epoch; received shape {values.shape}")
    return values
