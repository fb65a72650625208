"""The page: the picture as one HTML file that loads nothing, to be folded, searched and stepped through.

The file holds its style, its program and its data, and no address: it opens from a disk, an attachment or a notebook,
and asks no server for anything. Its program is the `.js` files next to this module, in the order of `_SCRIPTS`.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Protocol

from ....ir.graph_node import number_of
from ....ir.node_labels import visible
from ....ir.pure_graph import PureGraph
from ...marks import Overlaid, Overlay
from ...overlays import overlay_of
from ..folding.assemble import title_of
from ..style import HEATS, THEMES, Theme
from .data import page_data

__all__ = ["Differences", "Page", "html_text"]

_SCRIPTS = ("model.js", "draw.js", "canvas.js", "panel.js", "player.js", "app.js")

# Characters that would end the element with the data, or begin a comment; and the two line ends that JSON allows and
# JavaScript once did not.
_ESCAPES = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})


class Differences(Protocol):
    """Two graphs in one, with marks, for a page; `GraphDiff` is one."""

    def merge(self) -> tuple[PureGraph, Overlay]:
        """Return one graph made of both, and the marks that tell them apart."""


def html_text(
    graph: PureGraph,
    *,
    overlay: Overlaid | Sequence[Overlaid] | None = None,
    explain: Any = None,
    diff: Differences | Overlay | None = None,
    title: str | None = None,
) -> str:
    """Return the page of a graph; see `Graph.to_html`."""
    if number_of(graph.nodes[-1].id) != len(graph) - 1:
        raise ValueError(
            "to_html: expected a whole graph, whose ids are the places of its nodes; received a part of one. Draw the "
            "part with to_svg(), or the whole with to_html()"
        )
    listed = overlay if isinstance(overlay, (list, tuple)) else [overlay]
    overlays = [marks_shown for one in listed if (marks_shown := overlay_of(graph, one)) is not None]
    single = diff is None or isinstance(diff, Overlay)
    if isinstance(diff, Overlay):
        overlays.insert(0, diff)
    elif diff is not None:
        # Both graphs in one, so that removed operations are visible too.
        graph, marks = diff.merge()
        overlays = [marks]
    heading = title_of(graph) if title is None else title
    steps = explain.as_dict() if hasattr(explain, "as_dict") else explain
    data = json.dumps(
        page_data(graph, overlays, steps, heading, formulas=single),
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
    )
    parts = {
        "title": html.escape(visible(heading)),
        "style": _colors() + _lean(_file("style.css")),
        "layout": _lean(_file("layout.js")),
        "script": '"use strict";\n(() => {\n' + "".join(_lean(_file(name)) for name in _SCRIPTS) + "})();\n",
        "data": data.translate(_ESCAPES),
    }
    # Split first and fill in afterward, so that the parts are never searched for further marks.
    pieces = _file("page.html").split("@@")
    return "".join(parts[piece] if i % 2 else piece for i, piece in enumerate(pieces))


@dataclass(frozen=True, slots=True)
class Page:
    """A page for a notebook, in a separate frame: no style or script of one reaches the other.

    Attributes:
        text: the whole page.
        height: of the frame, in pixels.
    """

    text: str = field(repr=False)
    height: int = 480

    def _repr_html_(self) -> str:
        return (
            '<iframe title="Computation graph" sandbox="allow-scripts allow-downloads" '
            f'style="width:100%;height:{self.height}px;border:1px solid {THEMES["light"].frame};border-radius:8px" '
            f'srcdoc="{html.escape(self.text)}"></iframe>'
        )


def _file(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _lean(code: str) -> str:
    """Strip indentation and comment lines; no string in the page's code spans several lines."""
    lines = (line.strip() for line in code.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith(("//", "/*")))


def _colors() -> str:
    """Return the colors of both themes, the same as in every other picture, as CSS variables."""
    light, dark = (_variables(THEMES[theme]) for theme in ("light", "dark"))
    inks = "".join(
        f".look-{name} {{ --fill: var(--{name}-fill); --line: var(--{name}-line) }}\n" for name in THEMES["light"].inks
    )
    inks += "".join(f".heat-{i} {{ --fill: var(--heat{i}) }}\n" for i in range(HEATS))
    return f":root {{ {light} }}\n:root[data-theme=dark] {{ {dark} }}\n{inks}"


def _variables(theme: Theme) -> str:
    plain = ("page", "text", "soft", "edge", "quiet", "gradient", "saved", "frame")
    variables = [f"--{name}: {getattr(theme, name)}" for name in plain]
    variables += [f"--{name}-fill: {ink.fill}; --{name}-line: {ink.border}" for name, ink in theme.inks.items()]
    variables += [f"--heat{i}: {color}" for i, color in enumerate(theme.heat)]
    return "; ".join(variables)
