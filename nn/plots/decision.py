"""Decision surfaces: the class that a model chooses at each point of a plane through the space of its inputs.

`decision_surface` computes one, `plot_decision_surface` draws it with matplotlib, the extra `plot`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ..config.arguments import checked, integer
from ..config.docstrings import arguments_from
from ..models import Model
from .look import Look, figure_of, look_of, matplotlib_for, new_figure

__all__ = ["DecisionSurface", "decision_surface", "plot_decision_surface"]

Array = npt.NDArray[Any]

# Eight colors that people with any kind of color vision tell apart (Okabe and Ito, "Color Universal Design", 2008),
# most different first; each class also has its own marker.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
MARKERS = "o^sDvPX*"
_PREDICTED_AT_ONCE = 8192


class DecisionSurface(NamedTuple):
    """The probabilities of K classes on a grid of R by R points.

    Args:
        horizontal: the coordinates of the grid's columns, shape (R,).
        vertical: those of its rows, shape (R,).
        probabilities: shape (R, R, K); those at [i, j] belong to the point (horizontal[j], vertical[i]).

    Example:
        >>> x = np.array([0.0, 1.0])
        >>> DecisionSurface(x, x, np.full((2, 2, 1), 0.5)).probabilities.shape
        (2, 2, 1)
    """

    horizontal: Array
    vertical: Array
    probabilities: Array


@checked
def decision_surface(
    model: Any,
    x: npt.ArrayLike,
    *,
    features: tuple[int, int] = (0, 1),
    at: float | Sequence[float] | None = None,
    resolution: int = 200,
    margin: float = 0.1,
    from_logits: bool = False,
) -> DecisionSurface:
    """Return the probabilities of a model's classes on a grid around some samples.

    The grid lies in the plane of two features; all others have fixed values.

    Args:
        model: an `nn` model or module, another object with `predict_proba` or `predict`, or a function. For arrays of
            shape (N, D) it returns the probabilities of K classes, shape (N, K), or of the second of two, (N,) or
            (N, 1).
        x: samples, shape (N, D) with D at least 2; they determine the extent of the grid.
        features: the two columns of x that span the plane, the horizontal one first.
        at: the values of the other features: one number, or D numbers, where those of `features` do not matter; by
            default the means of x.
        resolution: R, the number of points on each side of the grid, at least 2.
        margin: how far the grid extends beyond the samples, as a fraction of their range, at least 0.
        from_logits: whether the model returns logits, to which softmax, or for one output sigmoid, is applied.

    Raises:
        ShapeError: if x, or the model's output, has another shape.
        ValueError: if the model's outputs are not probabilities, or an argument is out of range.

    Example:
        >>> surface = decision_surface(lambda p: p[:, 0] > p[:, 1], [[0, 0], [1, 1]], resolution=3, margin=0)
        >>> surface.horizontal.tolist(), surface.probabilities[:, :, 1].tolist()
        ([0.0, 0.5, 1.0], [[0.0, 1.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    """
    called = "decision_surface"
    samples = _samples(called, x)
    first, second = _features(called, features, samples.shape[1])
    count = integer(2)(called, "resolution", resolution)
    if not margin >= 0:
        raise ValueError(f"{called}: expected margin of at least 0; received {margin!r}")
    horizontal, vertical = (_reach(samples[:, i], count, margin) for i in (first, second))
    points = np.tile(_fixed_values(called, samples, at), (count * count, 1))
    points[:, first] = np.tile(horizontal, count)
    points[:, second] = np.repeat(vertical, count)
    probabilities = _probabilities(called, _predict(model, points), len(points), from_logits)
    return DecisionSurface(horizontal, vertical, probabilities.reshape(count, count, -1))


@arguments_from(decision_surface)
@checked
def plot_decision_surface(
    model: Any,
    x: npt.ArrayLike,
    y: npt.ArrayLike | None = None,
    *,
    features: tuple[int, int] = (0, 1),
    at: float | Sequence[float] | None = None,
    thickness: float | None = None,
    resolution: int = 200,
    margin: float = 0.1,
    from_logits: bool = False,
    class_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    colors: Sequence[Any] | None = None,
    ax: Any = None,
) -> Any:
    """Draw the class that a model chooses at each point, with samples on top.

    Each point of the plane has the tint of the most likely class, paler where it is less likely. Lines show where the
    choice changes.

    Args:
        y: the classes of the samples: indices of shape (N,) or (N, 1), or one-hot rows (N, K); None draws no samples.
        thickness: with more than two features, only samples whose other features lie within this distance of the plane
            are drawn; by default a tenth of each feature's range.
        class_names: K names for the legend.
        feature_names: D names for the axes; by default `x[:, 0]` and so on.
        colors: one per class, in any form that matplotlib takes; needed for more than 8 classes.
        ax: the `matplotlib` Axes to draw in; by default those of a new figure.

    Returns:
        The Axes.

    Raises:
        ImportError: if matplotlib is not installed.
        ShapeError: if x, or the model's output, has another shape.
        ValueError: if the model's outputs are not probabilities, or classes, names or colors do not fit.

    Example:
        >>> from nn.datasets.shapes import two_moons
        >>> x, y = two_moons(50, seed=0)
        >>> ax = plot_decision_surface(lambda p: p[:, 1] < 0.25, x, y, class_names=["upper", "lower"])
        >>> ax.get_xlabel(), [text.get_text() for text in ax.get_legend().get_texts()]
        ('x[:, 0]', ['upper', 'lower'])
    """
    called = "plot_decision_surface"
    pyplot = matplotlib_for(called)
    to_rgb = pyplot.matplotlib.colors.to_rgb
    samples = _samples(called, x)
    surface = decision_surface(
        model, samples, features=features, at=at, resolution=resolution, margin=margin, from_logits=from_logits
    )
    classes = surface.probabilities.shape[2]
    names = _names(called, "class_names", class_names, [f"class {k}" for k in range(classes)])
    axis_names = _names(called, "feature_names", feature_names, [f"x[:, {i}]" for i in range(samples.shape[1])])
    labels = None if y is None else _labels(called, y, len(samples), classes)
    tints = np.array([to_rgb(color) for color in _colors(called, colors, classes)])
    first, second = _features(called, features, samples.shape[1])
    near = _near(samples, _fixed_values(called, samples, at), (first, second), thickness)
    if ax is None:
        figure, look = new_figure(called, 5.2, 4.4)
        ax = figure.add_subplot()
    else:
        look = look_of(figure_of(ax).get_facecolor())
    _draw_surface(ax, surface, tints, look)
    for k in range(classes):
        chosen = samples[near & (labels == k)] if labels is not None else samples[:0]
        _draw_samples(ax, chosen[:, [first, second]], names[k], tints[k], k, look)
    ax.set(xlabel=axis_names[first], ylabel=axis_names[second])
    for text in (ax.xaxis.label, ax.yaxis.label):
        text.set_color(look.soft)
    ax.legend(facecolor=look.paper, edgecolor="none", framealpha=0.85, fontsize="small", labelcolor=look.ink)
    return ax


# ---- drawing --------------------------------------------------------------------------------------------------------


def _draw_surface(ax: Any, surface: DecisionSurface, tints: Array, look: Look) -> None:
    """Draw the tints and the lines between the classes."""
    columns, rows, p = surface
    classes = p.shape[2]
    best = p.argmax(axis=2)
    certainty = (p.max(axis=2) * classes - 1) / (classes - 1)  # from 0, all alike, to 1
    strength = (0.06 + 0.32 * np.clip(certainty, 0, 1))[:, :, None]
    paper = np.array([int(look.paper[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    half = (columns[1] - columns[0]) / 2, (rows[1] - rows[0]) / 2
    ax.imshow(
        paper - strength * (paper - tints[best]),
        origin="lower",
        extent=(columns[0] - half[0], columns[-1] + half[0], rows[0] - half[1], rows[-1] + half[1]),
        aspect=ax.get_aspect(),
        zorder=0,
    )
    for k in range(classes - 1):  # the lines of the other classes bound the last one
        lead = p[:, :, k] - np.delete(p, k, axis=2).max(axis=2)
        if lead.min() < 0 < lead.max():
            ax.contour(columns, rows, lead, levels=[0.0], colors=look.ink, linewidths=1.2, zorder=1)
    ax.set(xlim=(columns[0], columns[-1]), ylim=(rows[0], rows[-1]))
    ax.tick_params(colors=look.soft)
    for spine in ax.spines.values():
        spine.set_edgecolor(look.soft)


def _draw_samples(ax: Any, points: Array, name: str, color: Array, k: int, look: Look) -> None:
    """Draw the samples of one class, or, if there are none, its entry in the legend."""
    marker = MARKERS[k % len(MARKERS)]
    ax.scatter(
        points[:, 0], points[:, 1], s=20, marker=marker, color=color, edgecolors=look.paper, linewidths=0.5, label=name
    )


def _near(samples: Array, fixed: Array, drawn: tuple[int, int], thickness: float | None) -> Array:
    """Return which samples are near the plane."""
    others = [i for i in range(samples.shape[1]) if i not in drawn]
    if thickness is not None and not thickness >= 0:
        raise ValueError(f"plot_decision_surface: expected thickness of at least 0; received {thickness!r}")
    reach = 0.1 * np.ptp(samples, axis=0) if thickness is None else np.full(samples.shape[1], thickness)
    return np.all(abs(samples - fixed)[:, others] <= reach[others], axis=1)


# ---- arguments ------------------------------------------------------------------------------------------------------


def _samples(called: str, x: Any) -> Array:
    samples = np.asarray(x.data if isinstance(x, Tensor) else x)
    if samples.dtype.kind not in "fiub" or samples.ndim != 2 or samples.shape[1] < 2 or not len(samples):
        raise ag.ShapeError(
            f"{called}: expected x of numbers, shape (N, D) with D of at least 2; received dtype {samples.dtype}, "
            f"shape {samples.shape}"
        )
    if not np.isfinite(samples).all():
        raise ValueError(f"{called}: expected finite samples; received NaN or infinity in x. Remove those rows")
    return samples.astype(np.float64)


def _features(called: str, features: Any, count: int) -> tuple[int, int]:
    try:
        first, second = (range(count)[i] for i in features)
    except (TypeError, ValueError, IndexError):
        first = second = 0
    if first == second:
        raise ValueError(
            f"{called}: expected features as two different columns of x, from 0 to {count - 1}; received {features!r}"
        )
    return first, second


def _reach(values: Array, count: int, margin: float) -> Array:
    """Return the coordinates of the grid along one feature."""
    low, high = values.min(), values.max()
    beyond = margin * (high - low) if high > low else 1.0  # all equal, so there is no range
    return np.linspace(low - beyond, high + beyond, count)


def _fixed_values(called: str, samples: Array, at: Any) -> Array:
    """Return the values of the features that are not drawn, shape (D,)."""
    if at is None:
        return samples.mean(axis=0)
    others = np.asarray(at, np.float64)
    if others.shape not in ((), samples.shape[1:]):
        raise ag.ShapeError(
            f"{called}: expected `at` as one number, or one for each of {samples.shape[1]} features; received shape "
            f"{others.shape}"
        )
    return np.broadcast_to(others, samples.shape[1:])


def _names(called: str, argument: str, argument_names: Sequence[str] | None, default: list[str]) -> list[str]:
    names = default if argument_names is None else [str(name) for name in argument_names]
    if len(names) != len(default):
        raise ValueError(f"{called}: expected {len(default)} {argument}; received {len(names)}: {names}")
    return names


def _colors(called: str, argument: Sequence[Any] | None, classes: int) -> Sequence[Any]:
    colors = COLORS[:classes] if argument is None else argument
    if len(colors) != classes:
        received = "none" if argument is None else len(colors)
        raise ValueError(f"{called}: expected {classes} colors, one a class; received {received}")
    return colors


def _labels(called: str, y: Any, count: int, classes: int) -> Array:
    """Return the class of each sample, shape (N,)."""
    labels = np.asarray(y.data if isinstance(y, Tensor) else y)
    if labels.ndim == 2:
        labels = labels.argmax(axis=1) if labels.shape[1] > 1 else labels[:, 0]
    if labels.shape != (count,):
        raise ag.ShapeError(
            f"{called}: expected the classes y of {count} samples, shape ({count},) or one-hot; received shape "
            f"{np.shape(y)}"
        )
    if wrong := set(labels.tolist()) - set(range(classes)):
        raise ValueError(
            f"{called}: expected classes from 0 to {classes - 1}, as the model has; received {wrong.pop()!r}. Map "
            "other names to them with np.unique(y, return_inverse=True)[1]"
        )
    return labels


# ---- predictions ----------------------------------------------------------------------------------------------------


def _predict(model: Any, points: Array) -> Array:
    """Return a model's outputs for points, in evaluation mode and without a record."""
    if isinstance(model, Model):
        return np.asarray(model.predict(points, batch_size=_PREDICTED_AT_ONCE))
    function: Callable[[Array], Any] = getattr(model, "predict_proba", None) or getattr(model, "predict", model)
    if not callable(function):
        raise TypeError(
            f"decision_surface: expected a model, or a function of an array; received {type(model).__name__}"
        )
    with ag.no_grad(), model.mode(training=False) if hasattr(model, "mode") else nullcontext():  # of an nn module
        out = function(points)
    return np.asarray(out.data if isinstance(out, Tensor) else out)


def _probabilities(called: str, out: Array, count: int, from_logits: bool) -> Array:
    """Return a model's outputs as the probabilities of K classes, shape (N, K)."""
    if out.ndim not in (1, 2) or len(out) != count or out.dtype.kind not in "fiub" or not out.size:
        raise ag.ShapeError(
            f"{called}: expected the model to make numbers of shape ({count}, K), ({count}, 1) or ({count},); received "
            f"dtype {out.dtype}, shape {out.shape}"
        )
    single = out.ndim == 1 or out.shape[1] == 1
    p = out.astype(np.float64).reshape(count, -1)
    if from_logits:
        p = ag.sigmoid(p) if single else ag.softmax(p, axis=1)
    if single:
        p = np.concatenate([1 - p, p], axis=1)
    # Single precision may round a sum of probabilities a little off 1.
    if not (p.min() >= -1e-3 and p.max() <= 1 + 1e-3 and abs(p.sum(axis=1) - 1).max() <= 1e-3):
        raise ValueError(
            f"{called}: expected probabilities, from 0 to 1 with a sum of 1 over the classes; the model makes values "
            f"from {out.min():g} to {out.max():g}. Pass from_logits=True if its last layer has no softmax or sigmoid"
        )
    return p
