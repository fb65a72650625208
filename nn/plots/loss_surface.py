"""A loss of two numbers as a landscape, and the ways that optimizers take down it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag

from ..config.arguments import checked, integer, number, positive
from ..config.docstrings import arguments_from
from ..optimizers import Optimizer
from .look import DASHES, MARKERS, Look, figure_of, new_axes, new_figure, tidy, title
from .movie import Movie, Moving
from .paths import Array, Function, Path, descend, usual_optimizers, value_at

__all__ = ["loss_surface", "loss_surface_movie"]

Ends = tuple[float, float]


@checked
def loss_surface(
    f: Function,
    start: npt.ArrayLike | None = None,
    *,
    optimizers: Mapping[str, Optimizer] | None = None,
    learning_rate: float = 0.05,
    steps: int = 60,
    x: tuple[float, float] | None = None,
    y: tuple[float, float] | None = None,
    resolution: int = 101,
    ax: Any = None,
) -> Any:
    """Draw a loss of two numbers as a map with lines of equal height, and the paths of optimizers on it.

    Args:
        f: a function of an array of shape (2,), written in NumPy, whose value is a number.
        start: where the paths begin, shape (2,); None draws the surface alone, which needs `x` and `y`.
        optimizers: by name; by default SGD, SGD with momentum, RMSprop and Adam, all with `learning_rate`. Copies of
            them make the steps.
        learning_rate: of the default optimizers, above 0.
        steps: how many steps each makes, at least 1.
        x, y: the ends of the two axes; by default a little beyond the paths.
        resolution: how often f is computed along each side, at least 2.
        ax: the matplotlib Axes to draw in; by default those of a new figure.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: if matplotlib is not installed.
        ShapeError: if the start is not of shape (2,), or f does not return one number.
        ValueError: without a start, and without `x` and `y`.

    Example:
        >>> figure = loss_surface(lambda w: w[0] ** 2 + 5 * w[1] ** 2, [2.0, 1.0], steps=20)
        >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        ['SGD', 'momentum', 'RMSprop', 'Adam']
    """
    called = "loss_surface"
    paths = _paths(called, f, start, optimizers, learning_rate, positive(called, "steps", steps))
    ends = surface_reach(called, list(paths.values()), x, y)
    points = integer(2)(called, "resolution", resolution)
    ax, look = new_axes(called, ax, 6.0, 4.8)
    draw_surface(ax, f, ends, points, look)
    for k, (name, path) in enumerate(paths.items()):
        draw_path(ax, path, name, k, look)
    if paths:
        begin = next(iter(paths.values())).points[0]
        ax.plot(*begin, "o", color=look.ink, markersize=7, markeredgecolor=look.paper, zorder=6, label="_start")
        ax.annotate("start", begin, xytext=(8, 6), textcoords="offset points", color=look.ink, fontsize=9, zorder=7)
        ax.legend(
            frameon=True, facecolor=look.paper, edgecolor="none", framealpha=0.85, labelcolor=look.ink, fontsize=9
        )
    ax.set(xlim=ends[0], ylim=ends[1], xlabel="first parameter", ylabel="second parameter")
    title(ax, f"{steps} steps down the same loss" if paths else "The loss as a map, with lines of equal height", look)
    return figure_of(ax)


@arguments_from(loss_surface)
@checked
def loss_surface_movie(
    f: Function,
    start: npt.ArrayLike,
    *,
    optimizers: Mapping[str, Optimizer] | None = None,
    learning_rate: float = 0.05,
    steps: int = 60,
    x: tuple[float, float] | None = None,
    y: tuple[float, float] | None = None,
    resolution: int = 101,
) -> Movie:
    """Return the paths of optimizers on a loss with a slider over their steps.

    Args:
        start: where the paths begin, shape (2,).

    Raises:
        ImportError: if matplotlib is not installed.
        ShapeError: if the start is not of shape (2,), or f does not return one number.

    Example:
        >>> movie = loss_surface_movie(lambda w: w[0] ** 2 + 5 * w[1] ** 2, [2.0, 1.0], steps=5, resolution=9)
        >>> movie.captions[0]
        'start: loss 9'
    """
    called = "loss_surface_movie"
    paths = _paths(called, f, start, optimizers, learning_rate, positive(called, "steps", steps))
    ends = surface_reach(called, list(paths.values()), x, y)
    points = integer(2)(called, "resolution", resolution)
    figure, look = new_figure(called, 6.0, 4.8)
    ax = figure.add_subplot()
    tidy(ax, look)
    draw_surface(ax, f, ends, points, look)
    count = np.arange(steps + 1)
    moving = []
    for k, (name, path) in enumerate(paths.items()):
        line, mark = draw_path(ax, path, name, k, look)
        been = path.points[np.minimum(count, count[:, None])]  # in frame k, all later points are where point k is
        moving += [Moving(line, been), Moving(mark, path.points[:, None])]
    ax.legend(facecolor=look.paper, edgecolor="none", framealpha=0.85, labelcolor=look.ink, fontsize=9)
    ax.set(xlim=ends[0], ylim=ends[1], xlabel="first parameter", ylabel="second parameter")
    title(ax, "Down the same loss", look)
    captions = [f"start: loss {next(iter(paths.values())).values[0]:.3g}"]
    for k in range(1, steps + 1):
        best = min(paths, key=lambda name: np.nan_to_num(paths[name].values[k], nan=np.inf))
        captions.append(f"step {k}: lowest is {best}, loss {paths[best].values[k]:.2g}")
    return Movie(figure, moving, captions)


def _paths(
    called: str, f: Function, start: Any, optimizers: Mapping[str, Optimizer] | None, learning_rate: float, steps: int
) -> dict[str, Path]:
    """Return the path of each optimizer."""
    if start is None:
        return {}
    if np.shape(start) != (2,):
        raise ag.ShapeError(f"{called}: expected start of shape (2,); received shape {np.shape(start)}")
    rate = number(above=0)(called, "learning_rate", learning_rate)
    chosen = usual_optimizers(rate) if optimizers is None else optimizers
    return {name: descend(f, start, optimizer, steps=steps) for name, optimizer in chosen.items()}


def surface_reach(
    called: str, paths: list[Path], x: tuple[float, float] | None, y: tuple[float, float] | None
) -> tuple[Ends, Ends]:
    """Return the ends of both axes."""
    ends = []
    for i, (name, ends_given) in enumerate((("x", x), ("y", y))):
        if ends_given is not None:
            low, high = (float(end) for end in ends_given)
        elif paths:
            ways = np.concatenate([path.points[:, i] for path in paths])
            ways = ways[np.isfinite(ways)]
            low, high = float(ways.min()), float(ways.max())
            beyond = 0.2 * (high - low) or 1.0
            low, high = low - beyond, high + beyond
        else:
            raise ValueError(f"{called}: expected {name} as the ends of an axis where there is no start; received None")
        if not low < high:
            raise ValueError(
                f"{called}: expected {name} as two numbers, the smaller one first; received {ends_given!r}"
            )
        ends.append((low, high))
    return ends[0], ends[1]


def draw_surface(ax: Any, f: Function, ends: tuple[Ends, Ends], resolution: int, look: Look) -> Array:
    """Draw bands of equal loss, closer together where it is low, and return the values on the grid."""
    columns, rows = (np.linspace(low, high, resolution) for low, high in ends)
    z = np.array([[value_at(f, np.array([a, b])) for a in columns] for b in rows])
    finite = z[np.isfinite(z)]
    if not finite.size or finite.min() == finite.max():
        return z
    levels = finite.min() + np.ptp(finite) * np.linspace(0, 1, 15) ** 2
    fills = [(*_rgb(look.soft), 0.03 + 0.45 * k / 14) for k in range(14)]
    ax.contourf(columns, rows, z, levels=levels, colors=fills, zorder=0)
    ax.contour(columns, rows, z, levels=levels[1:-1], colors=[(*_rgb(look.soft), 0.45)], linewidths=0.6, zorder=1)
    return z


def draw_path(ax: Any, path: Path, name: str, k: int, look: Look) -> tuple[Any, Any]:
    """Draw a path, with a mark at each step and a larger one at its end, and return the line and that mark."""
    color, marker = look.series[k % len(look.series)], MARKERS[k % len(MARKERS)]
    style = {"color": color, "marker": marker, "linestyle": DASHES[k % len(DASHES)], "linewidth": 1.5}
    (line,) = ax.plot(*path.points.T, **style, markersize=3, label=name, zorder=4)
    last = {"marker": marker, "color": color, "markersize": 9, "markeredgecolor": look.paper, "linestyle": ""}
    (mark,) = ax.plot(*path.points[-1:].T, **last, label="_end", zorder=5)
    return line, mark


def _rgb(color: str) -> tuple[float, ...]:
    return tuple(int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
