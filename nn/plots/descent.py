"""Gradient descent on a curve, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..config.arguments import checked, number, positive
from ..config.docstrings import arguments_from
from ..optimizers import SGD, Optimizer
from .look import Look, figure_of, new_axes, new_figure, tidy, title
from .movie import Movie, Moving
from .paths import Array, Function, Path, descend, value_at

__all__ = ["gradient_descent", "gradient_descent_movie"]


@checked
def gradient_descent(
    f: Function,
    start: float,
    *,
    learning_rate: float = 0.1,
    steps: int = 6,
    reach: tuple[float, float] | None = None,
    ax: Any = None,
) -> Any:
    """Draw gradient descent on a curve, with the tangent at each step.

    A step follows the tangent, as if the curve were straight, over the distance -η f'(x). The dotted line leads from
    there to the curve, which is not straight: to the next point.

    Args:
        f: a function of one number, written in NumPy.
        start: the first point.
        learning_rate: η, above 0.
        steps: how many steps are made, at least 1.
        reach: the ends of the horizontal axis; by default a little beyond the path.
        ax: the matplotlib Axes to draw in; by default those of a new figure.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: if matplotlib is not installed.
        ShapeError: if f does not return one number.

    Example:
        >>> figure = gradient_descent(lambda x: x**2, 2.0, learning_rate=0.25, steps=3)
        >>> figure.axes[0].get_title(loc="left")
        'Gradient descent: 3 steps with learning rate 0.25'
    """
    called = "gradient_descent"
    path, ends = _path(called, f, start, learning_rate, steps, reach)
    points = path.points[:, 0]
    ax, look = new_axes(called, ax, 6.4, 4.0)
    _draw_curve(ax, f, ends, look)
    for k in range(len(points) - 1):
        tangent, fall = step_lines(path, k)
        ax.plot(*tangent.T, color=look.series[0], linewidth=1.8, label="_tangent" if k else "tangent", zorder=3)
        ax.plot(*fall.T, color=look.soft, linewidth=1, linestyle=":", label="_fall", zorder=1)
    ax.plot(
        points,
        path.values,
        "o",
        color=look.series[1],
        markeredgecolor=look.paper,
        markersize=7,
        label="steps",
        zorder=4,
    )
    _number_points(ax, path, ends, look)
    plural = "s" if steps != 1 else ""
    title(ax, f"Gradient descent: {steps} step{plural} with learning rate {learning_rate:g}", look)
    ax.legend(frameon=False, labelcolor=look.ink, fontsize=9)
    return figure_of(ax)


@arguments_from(gradient_descent)
@checked
def gradient_descent_movie(
    f: Function,
    start: float,
    *,
    learning_rate: float = 0.1,
    optimizer: Optimizer | None = None,
    steps: int = 20,
    reach: tuple[float, float] | None = None,
) -> Movie:
    """Return the way down a curve with a slider over its steps: the point, its tangent, and where it has been.

    Args:
        learning_rate: of plain gradient descent, above 0.
        optimizer: makes the steps in its place, with its own learning rate; a copy of it is used.

    Raises:
        ImportError: if matplotlib is not installed.
        ShapeError: if f does not return one number.

    Example:
        >>> movie = gradient_descent_movie(lambda x: x**2, 2.0, learning_rate=0.25, steps=3)
        >>> movie.captions[1]
        'step 1: x = 1, slope 2, f(x) = 1'
    """
    called = "gradient_descent_movie"
    path, ends = _path(called, f, start, learning_rate, steps, reach, optimizer)
    figure, look = new_figure(called, 6.4, 4.0)
    ax = figure.add_subplot()
    tidy(ax, look)
    heights = _draw_curve(ax, f, ends, look)
    ax.set_ylim(heights.min() - 0.08 * np.ptp(heights), heights.max() + 0.05 * np.ptp(heights))
    places = np.stack([path.points[:, 0], path.values], axis=1)
    count = np.arange(len(places))
    been = places[np.minimum(count, count[:, None])]  # in frame k, all later points are where point k is
    tangents = _tangents(path, ends, float(np.ptp(heights)) or 1.0)
    (trail,) = ax.plot(*places.T, "o", color=look.series[1], markersize=5, alpha=0.4, markeredgewidth=0, zorder=3)
    (tangent,) = ax.plot(*tangents[-1].T, color=look.series[0], linewidth=2, zorder=2)
    dot = ax.scatter(*places[-1:].T, s=80, color=look.series[1], edgecolors=look.paper, zorder=4)
    who = f"Gradient descent with learning rate {learning_rate:g}" if optimizer is None else _name(optimizer)
    title(ax, who, look)
    moving = [Moving(trail, been), Moving(tangent, tangents), Moving(dot, places[:, None])]
    captions = [
        f"step {k}: x = {x:.3g}, slope {slope:.3g}, f(x) = {y:.3g}".replace("-", "−")
        for k, ((x, y), slope) in enumerate(zip(places, path.gradients[:, 0], strict=True))
    ]
    return Movie(figure, moving, captions)


def _name(optimizer: Optimizer) -> str:
    momentum = getattr(optimizer, "momentum", 0.0)
    return f"{type(optimizer).__name__} down the curve" + (f", with momentum {momentum:g}" if momentum else "")


def _path(
    called: str,
    f: Function,
    start: float,
    learning_rate: float,
    steps: int,
    reach: tuple[float, float] | None,
    optimizer: Optimizer | None = None,
) -> tuple[Path, tuple[float, float]]:
    """Return the path, and the ends of the horizontal axis."""
    rate = number(above=0)(called, "learning_rate", learning_rate)
    path = descend(f, start, optimizer or SGD(rate), steps=positive(called, "steps", steps))
    return path, curve_reach(called, path.points[:, 0], reach)


def _draw_curve(ax: Any, f: Function, ends: tuple[float, float], look: Look) -> Array:
    """Draw the function, and return its values."""
    x = np.linspace(*ends, 401)
    values = np.array([value_at(f, p) for p in x])
    ax.plot(x, values, color=look.ink, linewidth=1.6, label="f(x)", zorder=2)
    ax.set(xlim=ends, xlabel="x", ylabel="f(x)")
    return values[np.isfinite(values)]


def _tangents(path: Path, ends: tuple[float, float], height: float) -> Array:
    """Return the ends of each tangent, shape (T + 1, 2, 2), all of one length in the picture."""
    width = ends[1] - ends[0]
    slope = path.gradients[:, 0]
    reach = 0.14 * width / np.hypot(1, slope * width / height)
    x = path.points[:, :1] + np.stack([-reach, reach], axis=1)
    y = path.values[:, None] + slope[:, None] * (x - path.points[:, :1])
    return np.stack([x, y], axis=-1)


def step_lines(path: Path, k: int) -> tuple[Array, Array]:
    """Return the part of the tangent that step k follows, and the line from its end to the curve, each two points."""
    here, there = path.points[k, 0], path.points[k + 1, 0]
    end = path.values[k] + path.gradients[k, 0] * (there - here)
    tangent = np.array([[here, path.values[k]], [there, end]])
    return tangent, np.array([[there, end], [there, path.values[k + 1]]])


def curve_reach(called: str, points: npt.NDArray[Any], reach: tuple[float, float] | None) -> tuple[float, float]:
    """Return the ends of the horizontal axis, to which the path's own are the least."""
    if reach is not None:
        low, high = (float(end) for end in reach)
        if not low < high:
            raise ValueError(f"{called}: expected reach as two numbers, the smaller one first; received {reach!r}")
        return low, high
    finite = points[np.isfinite(points)]
    low, high = finite.min(), finite.max()
    beyond = 0.25 * (high - low) or 1.0
    return float(low - beyond), float(high + beyond)


def _number_points(ax: Any, path: Path, ends: tuple[float, float], look: Look) -> None:
    """Number the points from 0, until there is no room, and on the side of the curve that is free."""
    width, marked = ends[1] - ends[0], [np.inf]
    for k, (x, y) in enumerate(zip(path.points[:, 0], path.values, strict=True)):
        if min(abs(x - other) for other in marked) < 0.03 * width:
            break
        marked.append(x)
        side = -1 if path.gradients[k, 0] > 0 else 1  # above the curve
        offset, align = (5 * side, 5), "left" if side > 0 else "right"
        ax.annotate(str(k), (x, y), offset, textcoords="offset points", ha=align, color=look.ink, fontsize=9)
