"""A picture that moves: one matplotlib figure whose points and lines have a place in each frame, and its page.

The page is the figure as SVG, with a slider that moves the marked points and lines in it. It needs no network, and
without scripts it shows the last frame. Its colors follow the reader's choice of light or dark.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path as FilePath
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..config.arguments import checked
from .look import DARK, LIGHT

__all__ = ["Movie", "Moving", "save"]

Array = npt.NDArray[Any]
_BAR = 52  # pixels below the figure
_TENTHS = 10  # coordinates are stored in tenths of a point
_LONG = re.compile(r"-?\d+\.\d{4,}")
_NOWHERE = -32768  # where a line is interrupted


class Moving(NamedTuple):
    """A part of a figure that moves.

    Args:
        artist: a matplotlib line (`Line2D`), or what `scatter` returned.
        frames: its points in each of T frames, shape (T, N, 2); NaN interrupts a line.

    Example:
        >>> Moving(None, np.zeros((2, 1, 2))).frames.shape
        (2, 1, 2)
    """

    artist: Any
    frames: Array

    def show(self, frame: int) -> None:
        """Move the artist to where it is in a frame.

        Args:
            frame: its number, from 0.
        """
        if hasattr(self.artist, "set_offsets"):
            self.artist.set_offsets(self.frames[frame])
        else:
            self.artist.set_data(*self.frames[frame].T)


class Movie:
    """A figure with a slider: in a notebook, as a page, and, frame by frame, as the matplotlib Figure.

    Args:
        figure: the matplotlib Figure.
        moving: the parts that move, all with T frames.
        captions: the text below each frame, T strings.
        label: what the slider counts, such as "epoch".

    Attributes:
        figure, moving, captions, label: as given.

    Example:
        >>> from matplotlib.figure import Figure
        >>> figure = Figure()
        >>> (line,) = figure.subplots().plot([0.0], [0.0])
        >>> movie = Movie(figure, [Moving(line, np.zeros((2, 1, 2)))], ["before", "after"])
        >>> movie.label, len(movie.captions)
        ('step', 2)
    """

    def __init__(self, figure: Any, moving: Sequence[Moving], captions: Sequence[str], label: str = "step") -> None:
        if not moving or {len(part.frames) for part in moving} != {len(captions)}:
            lengths = sorted({len(part.frames) for part in moving})
            raise ValueError(f"Movie: expected a caption for each frame; received {len(captions)}, frames: {lengths}")
        self.figure = figure
        self.moving = list(moving)
        self.captions = list(captions)
        self.label = label
        self.figure_at(-1)

    def __len__(self) -> int:
        return len(self.captions)

    def __repr__(self) -> str:
        return f"<Movie of {len(self)} frames: {self.captions[0]!r} to {self.captions[-1]!r}>"

    def figure_at(self, frame: int) -> Any:
        """Return the figure as it is in a frame, counted from 0, or from -1 at the end.

        Args:
            frame: its number.

        Raises:
            IndexError: if there is no such frame.
        """
        if not -len(self) <= frame < len(self):
            raise IndexError(f"Movie.figure_at: expected a frame from 0 to {len(self) - 1}; received {frame}")
        for part in self.moving:
            part.show(frame)
        return self.figure

    def to_html(self) -> str:
        """Return the page: one file that needs no network."""
        self.figure_at(-1)
        for k, part in enumerate(self.moving):
            part.artist.set_gid(f"moving-{k}")
        svg, places = _draw_svg(self.figure, self.moving)
        data = {
            "label": self.label,
            "captions": self.captions,
            "parts": [
                {
                    "id": f"moving-{k}",
                    "count": int(part.frames.shape[1]),
                    "line": not hasattr(part.artist, "set_offsets"),
                }
                for k, part in enumerate(self.moving)
            ],
            "places": [base64.b64encode(place.tobytes()).decode() for place in places],
        }
        here = files(__package__)
        page = here.joinpath("movie.html").read_text(encoding="utf-8")
        script = here.joinpath("movie.js").read_text(encoding="utf-8")
        fill = {
            "SVG": svg.replace("@media (prefers-color-scheme: dark)", "@media screen and (prefers-color-scheme: dark)"),
            "DATA": json.dumps(data, ensure_ascii=False).replace("<", "\\u003c"),
            "SCRIPT": script,
            "TITLE": html.escape(_title(self.figure)),
        }
        return re.sub(r"\{\{(\w+)\}\}", lambda match: fill[match[1]], page)

    def save(self, path: str | FilePath) -> FilePath:
        """Write the page, and return its path; `figure_at(k).savefig(…)` writes single frames.

        Args:
            path: a file that ends in .html.

        Raises:
            ValueError: for another ending.
        """
        target = FilePath(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise ValueError(
                f"Movie.save: expected a path that ends in .html; received {str(path)!r}. Write a frame with "
                "movie.figure_at(k).savefig(path)"
            )
        target.write_text(self.to_html(), encoding="utf-8")
        return target

    def _repr_html_(self) -> str:
        width, height = (round(96 * inches) for inches in self.figure.get_size_inches())
        page = self.to_html().replace("&", "&amp;").replace("'", "&#39;")  # in single quotes: it has many double ones
        return (
            f'<iframe title="{html.escape(_title(self.figure))}" sandbox="allow-scripts" style="width:100%;'
            f"max-width:{width}px;aspect-ratio:{width}/{height + _BAR};border:0\" srcdoc='{page}'></iframe>"
        )


@checked
def save(figure: Any, path: str | FilePath) -> FilePath:
    """Write a picture of `nn.plots` to a file; the colors of an SVG follow the reader's choice of light or dark.

    Args:
        figure: a matplotlib Figure that `nn.plots` has drawn.
        path: the file; endings other than .svg are those that matplotlib's `savefig` takes.

    Returns:
        The path.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from nn import plots
        >>> with TemporaryDirectory() as folder:
        ...     save(plots.tensor_shapes((2, 3)), f"{folder}/shape.svg").read_text()[:4]
        '<svg'
    """
    target = FilePath(path)
    if target.suffix.lower() == ".svg":
        target.write_text(themed_svg(figure, target.stem), encoding="utf-8", newline="\n")
    else:
        figure.savefig(target, dpi=200)
    return target


def themed_svg(figure: Any, name: str) -> str:
    """Return a figure as SVG in both looks; its ids are made from the name, so that a picture has one text."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "path.simplify": False}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*|<!--.*?-->\s*", "", text, flags=re.S)
    text = re.sub(r"\n\s*", "\n", text)
    text = re.sub(r"<[^>]+>", lambda tag: _LONG.sub(_shorter, tag[0]), text)
    return _lean(_in_two_looks(text))


def _shorter(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")


def _in_two_looks(svg: str) -> str:
    """Replace the colors of a look by variables, which the reader's choice sets."""
    names = {}
    for look in (LIGHT, DARK):
        colors = [look.paper, look.ink, look.soft, look.faint, *look.series]
        names[look] = {color: f"--c{k}" for k, color in enumerate(colors)}
    drawn_on = re.search(r'id="patch_1">.*?fill: (#\w{6})', svg, re.S)
    look = DARK if drawn_on and drawn_on[1] == DARK.paper else LIGHT
    svg = re.sub(r"#[0-9a-f]{6}\b", lambda m: f"var({names[look][m[0]]}, {m[0]})" if m[0] in names[look] else m[0], svg)
    light, dark = ("; ".join(f"{name}: {color}" for color, name in names[one].items()) for one in (LIGHT, DARK))
    turned = "image[id^=ink] { filter: invert(1) hue-rotate(180deg) }"  # images drawn in ink, dot by dot
    scheme = "dark" if look is LIGHT else "light"
    style = f"svg {{ {light} }}\n@media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}\n"
    style += f"@media (prefers-color-scheme: {scheme}) {{ {turned} }}\n"
    head = svg.index(">") + 1
    return f"{svg[:head]}\n<style>\n{style}</style>{svg[head:]}"


def _lean(svg: str) -> str:
    """Return an SVG of matplotlib with styles that occur often as classes, and one clip for all marks in a row."""
    lines: list[str] = []
    clip = ""
    for line in svg.split("\n"):
        if lines and lines[-1] == "</g>" and line == clip:
            lines.pop()
            continue
        if line.startswith('<g clip-path="'):
            clip = line
        elif line != "</g>" and not line.startswith("<use "):
            clip = ""
        lines.append(line)
    text = "\n".join(lines)
    often = [style for style, times in Counter(re.findall(r' style="([^"]*)"', text)).items() if times > 3]
    for k, style in enumerate(often):
        text = text.replace(f' style="{style}"', f' class="s{k}"')
    rules = "".join(f".s{k} {{ {style} }}\n" for k, style in enumerate(often))
    return text.replace("</style>", f"{rules}</style>", 1)


def _draw_svg(figure: Any, moving: Sequence[Moving]) -> tuple[str, list[Array]]:
    """Return a figure as SVG, and where its moving parts are in it, in tenths of a point: int16 of shape (T, N, 2)."""
    dots, engine = figure.dpi, figure.get_layout_engine()
    figure.dpi = 72  # of SVG; the layout depends on it
    try:
        figure.canvas.draw()
        figure.set_layout_engine("none")
        height = 72 * figure.get_size_inches()[1]
        places = []
        for part in moving:
            flat = part.artist.axes.transData.transform(part.frames.reshape(-1, 2)).reshape(part.frames.shape)
            tenths = np.round(_TENTHS * np.stack([flat[..., 0], height - flat[..., 1]], axis=-1))
            gone = np.isnan(tenths).any(axis=-1, keepdims=True)
            places.append(np.where(gone, _NOWHERE, np.clip(np.nan_to_num(tenths), -32000, 32000)).astype("<i2"))
        return themed_svg(figure, "movie"), places
    finally:
        figure.dpi = dots
        figure.set_layout_engine(engine)


def _title(figure: Any) -> str:
    """Return what the figure says over its first axes."""
    return str(figure.axes[0].get_title(loc="left") or figure.axes[0].get_title() or figure.get_suptitle())
