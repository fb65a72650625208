"""How a network moves its samples apart: the values of its last hidden layer, epoch by epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag

from ..callbacks.base import Callback
from ..config.arguments import checked, integer
from ..config.docstrings import arguments_from
from ..models import Sequential
from .look import MARKERS, Look, new_figure, tidy, title
from .movie import Movie, Moving

__all__ = ["ActivationRecorder", "unfolding", "unfolding_movie"]

Array = npt.NDArray[np.float64]
View = Callable[[Array], Array]


class ActivationRecorder(Callback):
    """Records where the last hidden layer of a Sequential model puts some samples, before training and at each epoch.

    Args:
        x: the samples, shape (N, D).
        lines: curves in the space of the samples that are carried along, each of shape (P, D); by default a square grid
            around samples with two features, and otherwise none.

    Attributes:
        epochs: the numbers of epochs that were trained: 0, 1, …
        values: for each, the values of H hidden units, shape (N, H).
        lines: for each, all curves in one array of shape (M, H), with rows of NaN between them.
        last: for each, the kernel and the bias of the last layer, shapes (H, K) and (K,).
        captions: of the epochs, for the picture.

    Example:
        >>> from nn import layers, models
        >>> from nn.datasets.shapes import two_moons
        >>> x, y = two_moons(50, seed=0)
        >>> model = models.Sequential([layers.Dense(3, "tanh", input_shape=(2,)), layers.Dense(1, "sigmoid")])
        >>> model.compile("adam", "binary_crossentropy")
        >>> seen = ActivationRecorder(x)
        >>> _ = model.fit(x, y, epochs=2, verbose=0, callbacks=[seen])
        >>> seen.epochs, seen.values[0].shape
        ([0, 1, 2], (50, 3))
    """

    def __init__(self, x: npt.ArrayLike, lines: Sequence[npt.ArrayLike] | None = None) -> None:
        self.x = np.asarray(x, np.float64)
        if self.x.ndim != 2 or not len(self.x):
            raise ag.ShapeError(f"ActivationRecorder: expected x of shape (N, D); received shape {self.x.shape}")
        curves = _grid(self.x) if lines is None and self.x.shape[1] == 2 else list(lines or [])
        self._curves = [np.asarray(curve, np.float64) for curve in curves]
        for curve in self._curves:
            if curve.ndim != 2 or curve.shape[1] != self.x.shape[1]:
                raise ag.ShapeError(
                    f"ActivationRecorder: expected lines of shape (P, {self.x.shape[1]}), as x; received shape "
                    f"{curve.shape}"
                )
        self.epochs: list[int] = []
        self.values: list[Array] = []
        self.lines: list[Array] = []
        self.last: list[tuple[Array, Array]] = []
        self.captions: list[str] = []

    def __repr__(self) -> str:
        return f"<ActivationRecorder of {len(self.x)} samples, recorded {len(self.values)} times>"

    def on_train_begin(self, logs: Any = None) -> None:
        if not self.epochs:
            self._record(0, "before training")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        right = (logs or {}).get("accuracy")
        share = "" if right is None else f", {100 * float(right):.0f} % right"
        self._record(len(self.epochs), f"epoch {len(self.epochs)}{share}")

    def _record(self, epoch: int, caption: str) -> None:
        model = self.model
        if not isinstance(model, Sequential) or len(model.layers) < 2 or not hasattr(model.layers[-1], "kernel"):
            raise TypeError(
                "ActivationRecorder: expected a Sequential model that ends in a dense layer after a hidden one; "
                f"received {type(model).__name__}"
            )
        values = _last_inputs(model, self.x)
        gap = np.full((1, values.shape[1]), np.nan)
        pieces = [piece for curve in self._curves for piece in (_last_inputs(model, curve), gap)]
        self.epochs.append(epoch)
        self.values.append(values)
        self.lines.append(np.concatenate(pieces[:-1]) if pieces else gap[:0])
        layer = model.layers[-1]
        bias = np.zeros(layer.kernel.shape[1]) if layer.bias is None else layer.bias.numpy()
        self.last.append((layer.kernel.numpy().astype(np.float64), bias.astype(np.float64)))
        self.captions.append(caption)


def _last_inputs(model: Sequential, points: Array) -> Array:
    """Return the inputs of the last layer."""
    with ag.no_grad(), model.mode(training=False):
        h: Any = points
        for layer in model.layers[:-1]:
            h = layer(h)
    return np.asarray(getattr(h, "data", h), np.float64)


def _grid(x: Array) -> list[Array]:
    """Return the lines of a square grid around samples."""
    low, high = x.min(axis=0), x.max(axis=0)
    along = np.linspace(0, 1, 25)[:, None]
    lines = []
    for t in np.linspace(0, 1, 9):
        for axis in (0, 1):
            ends = [[t, t], [t, t]]
            ends[0][axis], ends[1][axis] = 0, 1
            start, end = (low + np.array(corner) * (high - low) for corner in ends)
            lines.append(start + along * (end - start))
    return lines


@checked
def unfolding(
    seen: ActivationRecorder,
    y: npt.ArrayLike,
    *,
    panels: int = 4,
    class_names: Sequence[str] | None = None,
) -> Any:
    """Draw where a network puts its samples before training, at some epochs, and at the last one.

    Two hidden units are drawn as they are, each epoch with its cut, where both of two classes are equally likely. More
    units are seen along the last cut: to the right the distance from it, and upwards the direction in which the
    samples spread most beside that. All panels have one view, so that only the network moves the samples.

    Args:
        seen: the callback, after training.
        y: the classes of its samples, shape (N,), 0 to K - 1.
        panels: how many epochs are drawn, at least 2; the first ones are closer together.
        class_names: K names for the legend.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: if nothing was recorded, or the classes do not fit.

    Example:
        >>> from nn import layers, models
        >>> from nn.datasets.shapes import sphere_in_sphere
        >>> x, y = sphere_in_sphere(60, seed=0)
        >>> model = models.Sequential([layers.Dense(8, "tanh", input_shape=(3,)), layers.Dense(2, "softmax")])
        >>> model.compile("adam", "sparse_categorical_crossentropy")
        >>> seen = ActivationRecorder(x)
        >>> _ = model.fit(x, y, epochs=9, verbose=0, callbacks=[seen])
        >>> [ax.get_title(loc="left") for ax in unfolding(seen, y).axes]
        ['before training', 'epoch 1', 'epoch 4', 'epoch 9']
    """
    called = "unfolding"
    labels, names = _classes(called, seen, y, class_names)
    frames = _frames(len(seen.epochs), integer(2)(called, "panels", panels))
    view = _view(seen)
    figure, look = new_figure(called, 2.45 * len(frames) + 0.3, 2.9)
    axes = figure.subplots(1, len(frames), sharex=True, sharey=True, squeeze=False)[0]
    for ax, frame in zip(axes, frames, strict=True):
        _draw_frame(ax, seen, labels, names, view, frame, look)
        title(ax, seen.captions[frame], look, size=10)
        ax.label_outer()
    axes[0].legend(frameon=False, labelcolor=look.ink, fontsize=9, loc="upper left", handletextpad=0.1)
    _limit(axes[0], seen, view)
    return figure


@arguments_from(unfolding)
@checked
def unfolding_movie(
    seen: ActivationRecorder, y: npt.ArrayLike, *, every: int = 1, class_names: Sequence[str] | None = None
) -> Movie:
    """Return the same as `unfolding` with a slider over the epochs.

    Args:
        every: leaves out all epochs but each n-th and the last, at least 1.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: if nothing was recorded, or the classes do not fit.

    Example:
        >>> from nn import layers, models
        >>> from nn.datasets.shapes import two_moons
        >>> x, y = two_moons(50, seed=0)
        >>> model = models.Sequential([layers.Dense(3, "tanh", input_shape=(2,)), layers.Dense(1, "sigmoid")])
        >>> model.compile("adam", "binary_crossentropy")
        >>> seen = ActivationRecorder(x)
        >>> _ = model.fit(x, y, epochs=2, verbose=0, callbacks=[seen])
        >>> unfolding_movie(seen, y)
        <Movie of 3 frames: 'before training' to 'epoch 2'>
    """
    called = "unfolding_movie"
    labels, names = _classes(called, seen, y, class_names)
    last = len(seen.epochs) - 1
    shown = [*range(0, last, integer(1)(called, "every", every)), last]
    view = _view(seen)
    figure, look = new_figure(called, 5.6, 4.6)
    ax = figure.add_subplot()
    artists = _draw_frame(ax, seen, labels, names, view, len(seen.epochs) - 1, look)
    ax.legend(frameon=False, labelcolor=look.ink, fontsize=9, loc="upper left", handletextpad=0.1)
    title(ax, "Where the hidden layer puts the samples", look)
    _limit(ax, seen, view)
    frames = [_parts(seen, labels, len(names), view, frame) for frame in shown]
    moving = [Moving(artist, np.array(places)) for artist, *places in zip(artists, *frames, strict=True)]
    return Movie(figure, [part for part in moving if part.frames.shape[1]], [seen.captions[k] for k in shown], "epoch")


def _draw_frame(
    ax: Any, seen: ActivationRecorder, labels: Array, names: Sequence[str], view: View, frame: int, look: Look
) -> list[Any]:
    """Draw the lines, the cut and the samples of each class at an epoch, and return these artists."""
    tidy(ax, look)
    lines, cut, *groups = _parts(seen, labels, len(names), view, frame)
    artists = ax.plot(*lines.T, color=look.soft, linewidth=0.5, alpha=0.45, zorder=1)
    artists += ax.plot(*cut.T, color=look.ink, linewidth=1.3, zorder=2)
    for k, (group, name) in enumerate(zip(groups, names, strict=True)):
        style = {"color": look.series[k % len(look.series)], "marker": MARKERS[k % len(MARKERS)]}
        artists.append(
            ax.scatter(
                *group.T, s=16, **style, edgecolors=look.paper, linewidths=0.4, label=name, zorder=3 + len(names) - k
            )
        )
    units = seen.values[0].shape[1]
    if units == 2:
        ax.set(xlabel="first hidden unit", ylabel="second hidden unit")
    elif _boundary(seen, -1) is not None:
        ax.set(xlabel="distance from the last cut", ylabel="along the cut")
    else:
        ax.set(xlabel="direction of most spread", ylabel="of second most")
    return list(artists)


def _parts(seen: ActivationRecorder, labels: Array, classes: int, view: View, frame: int) -> list[Array]:
    """Return the parts of an epoch's picture: the lines, the boundary, the samples of each class; shapes (…, 2)."""
    values = view(seen.values[frame])
    groups = [values[labels == k] for k in range(classes)]
    return [view(seen.lines[frame]), _cut_line(seen, frame), *groups]


def _boundary(seen: ActivationRecorder, frame: int) -> tuple[Array, float] | None:
    """Return w and b of the boundary w · h + b = 0 between two classes."""
    kernel, bias = seen.last[frame]
    if kernel.shape[1] > 2:
        return None
    sides = (kernel[:, -1] - kernel[:, 0], bias[-1] - bias[0]) if kernel.shape[1] == 2 else (kernel[:, 0], bias[0])
    return sides[0], float(sides[1])


def _cut_line(seen: ActivationRecorder, frame: int) -> Array:
    """Return two points of the cut as it is drawn, far beyond the picture, or none."""
    cut = _boundary(seen, frame)
    if cut is None:
        return np.empty((0, 2))
    if seen.values[0].shape[1] != 2:
        return np.array([[0.0, -1e3], [0.0, 1e3]])
    w, b = cut
    length = np.linalg.norm(w) or 1.0
    foot, along = -b * w / length**2, np.array([-w[1], w[0]]) / length
    return np.array([foot - 20 * along, foot + 20 * along])


def _view(seen: ActivationRecorder) -> View:
    """Return the map from hidden values to the plane of the picture."""
    last = seen.values[-1]
    if last.shape[1] == 2:
        return lambda h: h
    middle = last.mean(axis=0)
    cut = _boundary(seen, -1)
    if last.shape[1] == 1:
        return lambda h: np.stack([h[:, 0], np.zeros(len(h))], axis=1)
    if cut is None:
        spread = np.linalg.svd(last - middle, full_matrices=False)[2][:2]
        return lambda h: (h - middle) @ spread.T
    w, b = cut
    length = np.linalg.norm(w) or 1.0
    beside = (last - middle) - np.outer((last - middle) @ w, w) / length**2
    most = np.linalg.svd(beside, full_matrices=False)[2][0]
    most = most * (1 if most[abs(most).argmax()] > 0 else -1)
    return lambda h: np.stack([(h @ w + b) / length, (h - middle) @ most], axis=1)


def _limit(ax: Any, seen: ActivationRecorder, view: View) -> None:
    """Give axes room for all epochs."""
    points = np.concatenate([view(values) for values in (*seen.values, *seen.lines)])
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    beyond = 0.06 * np.maximum(high - low, 1e-6)
    ax.set(xlim=(low[0] - beyond[0], high[0] + beyond[0]), ylim=(low[1] - beyond[1], high[1] + 3 * beyond[1]))


def _frames(count: int, panels: int) -> list[int]:
    """Return the frames to draw, from the first to the last, each further from the one before."""
    steps = np.linspace(0, 1, panels)
    return sorted({round(count**step - 1) for step in steps.tolist()})


def _classes(
    called: str, seen: ActivationRecorder, y: Any, class_names: Sequence[str] | None
) -> tuple[npt.NDArray[Any], Sequence[str]]:
    """Return the classes of the samples, and their names."""
    if not seen.epochs:
        raise ValueError(f"{called}: expected a record of epochs; received none. Give it to fit as a callback first")
    labels = np.asarray(y.data if isinstance(y, ag.Tensor) else y).reshape(-1)
    if len(labels) != len(seen.x):
        raise ag.ShapeError(f"{called}: expected the classes y of {len(seen.x)} samples; received {len(labels)}")
    count = int(labels.max()) + 1
    names = [f"class {k}" for k in range(count)] if class_names is None else [str(name) for name in class_names]
    if len(names) < count:
        raise ValueError(f"{called}: expected {count} class_names; received {len(names)}")
    return labels, names
