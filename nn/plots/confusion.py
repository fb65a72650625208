"""Which classes a model takes for which, and its worst mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ..config.arguments import checked, not_negative
from .look import Look, figure_of, new_axes, new_figure, tidy, title

__all__ = ["confusion"]

Array = npt.NDArray[Any]


@checked
def confusion(
    y_true: npt.ArrayLike,
    y_pred: npt.ArrayLike,
    images: npt.ArrayLike | None = None,
    *,
    worst: int = 12,
    class_names: Sequence[str] | None = None,
    ax: Any = None,
) -> Any:
    """Draw the confusion matrix: how often each class was predicted as each, and, of images, the worst mistakes.

    A row is a class, and its tints are shares of that class: blue on the diagonal for right answers, orange off it.
    The worst mistakes are those about which the model was surest.

    Args:
        y_true: the classes of N samples: indices, shape (N,) or (N, 1), or one-hot rows, shape (N, K).
        y_pred: probabilities, shape (N, K), or classes, in the forms of `y_true`.
        images: shape (N, H, W), (N, H, W, 1), or (N, H * H) for squares; None draws the matrix alone.
        worst: how many mistakes are shown, at most.
        class_names: K names; by default the indices.
        ax: the matplotlib Axes to draw the matrix in, without images; by default those of a new figure.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: if matplotlib is not installed.
        ShapeError: if there is not one class in both, or one image, for each sample.
        ValueError: for an index out of range, or names that do not fit.

    Example:
        >>> figure = confusion([0, 0, 1, 1], [0, 1, 1, 1], class_names=["cat", "dog"])
        >>> figure.axes[0].get_title(loc="left")
        '3 of 4 right, 75.0 %'
    """
    called = "confusion"
    truth, answers, count = _both(called, y_true, y_pred, None if class_names is None else len(class_names))
    counts = np.bincount(truth * count + answers, minlength=count * count).reshape(count, count)
    names = [str(k) for k in range(count)] if class_names is None else [str(name) for name in class_names]
    shown = not_negative(called, "worst", worst)
    pictures = None if images is None else _images(called, images, len(truth))
    if pictures is not None and ax is not None:
        raise ValueError(f"{called}: expected ax without images; received both. The images need axes of their own")
    if pictures is None:
        ax, look = new_axes(called, ax, *(2 * [0.9 + 0.42 * max(count, 6)]))
        _draw_matrix(ax, counts, names, look)
        return figure_of(ax)
    figure, look = new_figure(called, 1.6 + 0.38 * max(count, 8) + 4.0, 0.9 + 0.38 * max(count, 8))
    left, right = figure.subfigures(1, 2, width_ratios=[1.5 + 0.38 * max(count, 8), 4.0])
    for part in (left, right):
        part.set_facecolor(look.paper)
    ax = left.add_subplot()
    tidy(ax, look)
    _draw_matrix(ax, counts, names, look)
    _draw_worst(right, pictures, worst_mistakes(truth, y_pred, answers)[:shown], truth, y_pred, answers, names, look)
    return figure


def worst_mistakes(truth: Array, y_pred: Any, answers: Array) -> Array:
    """Return the numbers of the samples with a wrong answer, those first about which the model was surest."""
    wrong = np.flatnonzero(truth != answers)
    return wrong[np.argsort(-_sureness(y_pred, answers)[wrong], kind="stable")]


def _draw_matrix(ax: Any, counts: Array, names: Sequence[str], look: Look) -> None:
    """Draw a square for each pair of classes, tinted by its share of the row, with its count."""
    from matplotlib.patches import Rectangle

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for i, j in np.ndindex(*counts.shape):
        # Mistakes are rare: their tint grows with the root of their share.
        alpha = 0.75 * shares[i, j] if i == j else 0.9 * np.sqrt(shares[i, j])
        color = look.series[0] if i == j else look.series[1]
        square = Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=color, alpha=float(alpha), edgecolor="none")
        ax.add_patch(square)
        if counts[i, j]:
            ax.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", color=look.ink, fontsize=8, gid=f"{i} {j}")
    size = len(names)
    ax.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal", xlabel="predicted", ylabel="true")
    ax.set_xticks(range(size), names, rotation=90 if max(map(len, names)) > 3 else 0)
    ax.set_yticks(range(size), names)
    ax.tick_params(length=0)
    for edge in np.arange(-0.5, size):
        ax.axhline(edge, color=look.faint, linewidth=0.6)
        ax.axvline(edge, color=look.faint, linewidth=0.6)
    for spine in ax.spines.values():
        spine.set_visible(False)
    total, right = int(counts.sum()), int(np.trace(counts))
    title(ax, f"{right:,} of {total:,} right, {100 * right / max(total, 1):.1f} %", look)


def _draw_worst(
    figure: Any,
    pictures: Array,
    chosen: Array,
    truth: Array,
    y_pred: Any,
    answers: Array,
    names: Sequence[str],
    look: Look,
) -> None:
    """Draw the images of some mistakes in rows of four."""
    figure.suptitle(
        "The surest mistakes" if len(chosen) else "No mistakes", x=0.02, ha="left", color=look.ink, fontsize=11
    )
    if not len(chosen):
        return
    sure = _sureness(y_pred, answers)
    certain = np.ndim(y_pred) == 2 and np.shape(y_pred)[1] > 1
    grid = figure.add_gridspec(max(-(-len(chosen) // 4), 2), 4)
    for k, sample in enumerate(chosen):
        ax = figure.add_subplot(grid[divmod(k, 4)])
        ax.imshow(_ink(pictures[sample], look), interpolation="nearest", gid=f"ink-{k}")
        ax.set_facecolor(look.paper)
        caption = f"is {names[truth[sample]]}, not {names[answers[sample]]}"
        ax.set_title(
            caption + (f"\n{100 * sure[sample]:.0f} % sure" if certain else ""), fontsize=8, color=look.ink, pad=3
        )
        ax.set(xticks=[], yticks=[])
        for spine in ax.spines.values():
            spine.set(edgecolor=look.faint)


def _ink(picture: Array, look: Look) -> Array:
    """Return an image in ink on whatever paper, shape (H, W, 4): its darkest value leaves the paper as it is."""
    from matplotlib.colors import to_rgb

    values = picture.astype(np.float64)
    strength = (values - values.min()) / (np.ptp(values) or 1.0)
    return np.concatenate([np.broadcast_to(to_rgb(look.ink), (*values.shape, 3)), strength[..., None]], axis=-1)


# ---- arguments ------------------------------------------------------------------------------------------------------


def _both(called: str, y_true: Any, y_pred: Any, classes: int | None) -> tuple[Array, Array, int]:
    """Return the true classes, the predicted ones, and the number of classes."""
    (truth, classes_true), (answers, classes_pred) = (
        _classes(called, n, y) for n, y in (("y_true", y_true), ("y_pred", y_pred))
    )
    if truth.shape != answers.shape or not len(truth):
        raise ag.ShapeError(
            f"{called}: expected one class in y_true and one in y_pred for each sample; received {len(truth)} and "
            f"{len(answers)}"
        )
    occurring = int(max(truth.max(), answers.max())) + 1
    count = max(classes_true, classes_pred, occurring if classes is None else classes, 2)
    if occurring > count or min(truth.min(), answers.min()) < 0 or (classes is not None and count != classes):
        raise ValueError(f"{called}: expected {count} classes, from 0 to {count - 1}; received {occurring - 1}")
    return truth, answers, count


def _classes(called: str, name: str, y: Any) -> tuple[Array, int]:
    """Return the class of each sample, and the number of columns, 0 if there is a single one."""
    values = np.asarray(y.data if isinstance(y, Tensor) else y)
    if values.dtype.kind not in "fiub":
        raise TypeError(f"{called}: expected numbers in {name}; received dtype {values.dtype}")
    if values.ndim == 2 and values.shape[1] > 1:
        return values.argmax(axis=1), values.shape[1]
    flat = values.reshape(-1) if values.ndim == 2 else values
    if flat.ndim != 1 or (flat != np.floor(flat)).any():
        raise ag.ShapeError(
            f"{called}: expected {name} as whole numbers of shape (N,), or as rows of shape (N, K); received shape "
            f"{values.shape}, dtype {values.dtype}. Round the probabilities of two classes first"
        )
    return flat.astype(np.int64), 0


def _sureness(y_pred: Any, answers: Array) -> Array:
    """Return the probability of each answer, 1 where there are answers alone."""
    values = np.asarray(y_pred.data if isinstance(y_pred, Tensor) else y_pred)
    if values.ndim != 2 or values.shape[1] == 1:
        return np.ones(len(answers))
    picked: Array = np.take_along_axis(values, answers[:, None], axis=1)[:, 0]
    return picked


def _images(called: str, images: Any, count: int) -> Array:
    """Return images of shape (N, H, W)."""
    values = np.asarray(images.data if isinstance(images, Tensor) else images)
    side = isqrt(values.shape[1]) if values.ndim == 2 else 0
    if values.ndim == 2 and side * side == values.shape[1]:
        values = values.reshape(-1, side, side)
    if values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3 or len(values) != count:
        raise ag.ShapeError(
            f"{called}: expected {count} images, shape ({count}, H, W); received shape {np.shape(images)}"
        )
    return values
