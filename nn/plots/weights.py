"""The weights of a dense layer as images: what each unit looks for."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

import autograd_lite as ag
from autograd_lite import Tensor

from ..config.arguments import checked, integer
from .look import Look, new_figure

__all__ = ["weights"]

Array = npt.NDArray[np.float64]


@checked
def weights(
    kernel: Any,
    shape: tuple[int, int] | None = None,
    *,
    units: int | Sequence[int] = 20,
    columns: int = 10,
    names: Sequence[str] | None = None,
    label: str = "weight",
) -> Any:
    """Draw the weights of a dense layer as images, one for each unit: blue speaks for it, orange against it.

    All images share one scale; a weight of 0 is as the paper.

    Args:
        kernel: a built `Dense` layer, or an array of shape (D, U), such as the layer's kernel or its gradient.
        shape: the height and the width of an image of D values; by default a square.
        units: how many images, from the first unit on, or the numbers of the units.
        columns: the most images in a row, at least 1.
        names: one for each image; by default the numbers of the units.
        label: the name of the values, for the scale.

    Returns:
        The matplotlib Figure.

    Raises:
        ImportError: if matplotlib is not installed.
        ShapeError: if the kernel has another number of axes, or D is not the size of the images.

    Example:
        >>> figure = weights(np.eye(4), units=[0, 3])
        >>> [ax.get_title() for ax in figure.axes[:2]]
        ['0', '3']
    """
    called = "weights"
    values = _matrix(called, kernel)
    height, width = _image(called, shape, len(values))
    chosen = _units(called, units, values.shape[1])
    titles = [str(k) for k in chosen] if names is None else [str(name) for name in names]
    if len(titles) != len(chosen):
        raise ValueError(f"{called}: expected {len(chosen)} names, one an image; received {len(titles)}")
    across = min(integer(1)(called, "columns", columns), len(chosen))
    down = -(-len(chosen) // across)
    most = float(abs(values[:, chosen]).max()) or 1.0
    each = 0.95
    figure, look = new_figure(called, each * across + 1.0, (0.9 * each * height / width + 0.27) * down + 0.1)
    grid = figure.add_gridspec(down, across)
    axes = [figure.add_subplot(grid[divmod(k, across)]) for k in range(len(chosen))]
    for ax, unit, text in zip(axes, chosen, titles, strict=True):
        ax.imshow(_tint(values[:, unit].reshape(height, width) / most, look), interpolation="nearest")
        ax.set_title(text, fontsize=9, color=look.ink, pad=3)
        ax.set_facecolor(look.paper)
        ax.set(xticks=[], yticks=[])
        for spine in ax.spines.values():
            spine.set(edgecolor=look.faint, linewidth=0.8)
    _draw_scale(figure, axes, most, label, look)
    return figure


def _tint(values: Array, look: Look) -> Array:
    """Return colors of values from -1 to 1, shape (…, 4): transparent at 0, so that they suit any paper."""
    from matplotlib.colors import to_rgb

    colors = np.array([to_rgb(look.series[1]), to_rgb(look.series[0])])
    return np.concatenate([colors[(values > 0).astype(int)], abs(values)[..., None]], axis=-1)


def _draw_scale(figure: Any, axes: list[Any], most: float, label: str, look: Look) -> None:
    """Draw the scale of all images."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    colors = ListedColormap(_tint(np.linspace(-1, 1, 65), look))
    scale = ScalarMappable(Normalize(-most, most), colors)
    bar = figure.colorbar(scale, ax=axes, shrink=0.9, aspect=16, pad=0.02, ticks=[-most, 0, most])
    bar.ax.set_yticklabels([f"−{most:.2g}", "0", f"{most:.2g}"])
    bar.ax.set_facecolor(look.paper)
    bar.ax.tick_params(colors=look.soft, labelsize=8)
    bar.set_label(label, color=look.soft, fontsize=9)
    bar.outline.set_edgecolor(look.faint)


def _matrix(called: str, kernel: Any) -> Array:
    tensor = getattr(kernel, "kernel", kernel)
    values = np.asarray(tensor.data if isinstance(tensor, Tensor) else tensor)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "fiub":
        raise ag.ShapeError(
            f"{called}: expected the kernel of a dense layer, numbers of shape (D, U); received "
            f"{type(kernel).__name__} with shape {values.shape}. Build a layer with data before it is drawn"
        )
    return values.astype(np.float64)


def _image(called: str, shape: Any, size: int) -> tuple[int, int]:
    side = isqrt(size)
    height, width = (side, side) if shape is None else (int(n) for n in shape)
    if height * width != size or height < 1:
        asked = "the shape of the images, for D is not a square" if shape is None else f"shape of D = {size} pixels"
        raise ag.ShapeError(f"{called}: expected {asked}; received D = {size} and shape={shape!r}")
    return height, width


def _units(called: str, units: int | Sequence[int], count: int) -> list[int]:
    """Return the numbers of the units to draw."""
    if isinstance(units, (int, np.integer)):
        return list(range(min(integer(1)(called, "units", units), count)))
    check = integer(0, count - 1)
    chosen = [check(called, "units", unit) for unit in units]
    if not chosen:
        raise ValueError(f"{called}: expected at least one unit; received none")
    return chosen
