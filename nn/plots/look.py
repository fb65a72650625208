"""The look that all pictures of `nn.plots` share: colors for light and for dark paper, new figures, quiet axes.

matplotlib is loaded here, when the first picture is drawn. A picture is dark if matplotlib's style is, for example
within `with matplotlib.pyplot.style.context("dark_background")`.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

from autograd_lite.extend import needs

__all__ = ["DARK", "LIGHT", "Look", "figure_of", "look_of", "matplotlib_for", "new_axes", "new_figure", "tidy", "title"]


class Look(NamedTuple):
    """Colors as hexadecimal strings.

    Attributes:
        paper: the background of the picture.
        ink: text and the most important lines.
        soft: axes, and text that explains.
        faint: grids.
        series: colors that stay apart for people with any kind of color vision, most different first.
    """

    paper: str
    ink: str
    soft: str
    faint: str
    series: tuple[str, ...]


# Series: the colors of Okabe and Ito, "Color Universal Design", 2008, and lighter ones of the same hues on dark paper.
# No color is in a look twice, so that `movie` can exchange one look for the other.
LIGHT = Look("#ffffff", "#0f172a", "#475569", "#e2e8f0", ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b"))
DARK = Look("#0f172a", "#f1f5f9", "#cbd5e1", "#334155", ("#56b4e9", "#ff8b3d", "#2fd0a0", "#f0a6cd", "#f0e442"))
MARKERS = "o^sDv"  # a second sign in addition to the color
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (8, 3)))


def matplotlib_for(called: str) -> Any:
    """Return `matplotlib.pyplot`, or say how to install it."""
    with needs(called, "matplotlib", "'autograd-lite[plot]'"):
        from matplotlib import pyplot
    return pyplot


def look_of(paper: Any) -> Look:
    """Return the look that suits a color of paper."""
    from matplotlib.colors import to_rgba

    *rgb, alpha = to_rgba(paper)
    return DARK if alpha and sum(w * c for w, c in zip((0.3, 0.6, 0.1), rgb, strict=True)) < 0.5 else LIGHT


def new_figure(called: str, width: float, height: float) -> tuple[Any, Look]:
    """Return a new figure of a size in inches, on paper of its look, and that look.

    A notebook shows the value of a cell by itself; there the figure is none of pyplot's, which would show it twice.
    """
    pyplot = matplotlib_for(called)
    look = look_of(pyplot.rcParams["figure.facecolor"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of more than twenty figures: they are the caller's to close
        figure = pyplot.figure(figsize=(width, height), layout="constrained", facecolor=look.paper)
    if "inline" in pyplot.get_backend():
        pyplot.close(figure)
    return figure, look


def new_axes(called: str, ax: Any, width: float, height: float) -> tuple[Any, Look]:
    """Return the axes to draw in, the given ones or those of a new figure, and their look."""
    if ax is None:
        figure, look = new_figure(called, width, height)
        ax = figure.add_subplot()
    else:
        matplotlib_for(called)
        look = look_of(figure_of(ax).get_facecolor())
    tidy(ax, look)
    return ax, look


def figure_of(ax: Any) -> Any:
    """Return the whole figure that axes belong to, also where they are in a part of it."""
    return ax.figure.canvas.figure


def tidy(ax: Any, look: Look) -> None:
    """Give axes their colors, and no lines at the top and the right."""
    ax.set_facecolor(look.paper)
    ax.tick_params(which="both", colors=look.soft, labelcolor=look.soft, labelsize=9)
    for side, spine in ax.spines.items():
        spine.set_edgecolor(look.soft)
        spine.set_linewidth(0.8)
        spine.set_visible(side in ("left", "bottom"))
    for text in (ax.xaxis.label, ax.yaxis.label):
        text.set_color(look.soft)
        text.set_fontsize(10)


def title(ax: Any, text: str, look: Look, size: float = 11) -> None:
    """Write what a picture shows over it, from the left."""
    ax.set_title(text, loc="left", color=look.ink, fontsize=size, pad=8)
