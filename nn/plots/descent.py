"""Gradient descent on a curve, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..config.arguments import checked, number, positive
from ..optimizers import SGD
from .look import Look, figure_of, new_axes, title
from .paths import Array, Function, Path, descend, value_at

__all__ = ["gradient_descent"]


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
    rate = number(above=0)(called, "learning_rate", learning_rate)
    path = descend(f, start, SGD(rate), steps=positive(called, "steps", steps))
    points = path.points[:, 0]
    low, high = curve_reach(called, points, reach)
    ax, look = new_axes(called, ax, 6.4, 4.0)
    x = np.linspace(low, high, 401)
    ax.plot(x, [value_at(f, p) for p in x], color=look.ink, linewidth=1.6, label="f(x)", zorder=2)
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
    _number_points(ax, path, (low, high), look)
    ax.set(xlim=(low, high), xlabel="x", ylabel="f(x)")
    plural = "s" if steps != 1 else ""
    title(ax, f"Gradient descent: {steps} step{plural} with learning rate {rate:g}", look)
    ax.legend(frameon=False, labelcolor=look.ink, fontsize=9)
    return figure_of(ax)


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
