"""The page of an SVG picture: a caption above the drawing, a legend below it, and names for those who do not see it."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from ...ir.node_labels import visible
from .boxes import HEAD, LEADING, SHEET, SMALL, Label, Line
from .draw import n, shape, text, tip, xml
from .layout.geometry import TIP, Box, Point
from .style import EDGE_LOOKS, FONT, HEATS, LOOKS
from .view import EdgeKind
from .widths import text_width

MARGIN = 24.0
# The caption and the legend may make a narrow page this wide before they break; between samples of the legend.
_LEAST, _SPACE, _BOX, _LINE = 430.0, 14.0, 26.0, 30.0

_T = TypeVar("_T")


class Sample(NamedTuple):
    """A sample in the legend.

    Attributes:
        wide: its width, with its word.
        draw: returns its SVG at the left end and middle height given.
    """

    wide: float
    draw: Callable[[float, float], str]


class Sheet(NamedTuple):
    """What a page says around its drawing.

    Attributes:
        title: the name of the picture.
        caption: lines above the drawing; they may break at `separator`.
        legend: samples.
        css: the styles.
        heading: whether the title is also written above the caption.
        description: what is said after the caption to those who do not see the picture.
        css_class: one more class of the picture.
    """

    title: str
    caption: Sequence[str]
    legend: Sequence[Sample]
    css: str
    separator: str = ", "
    heading: bool = False
    description: str = ""
    css_class: str = ""


def page(sheet: Sheet, drawing: Sequence[str], left: float, right: float, above: float, below: float) -> str:
    """Return the SVG of a drawing that reaches from `left` to `right` and from `-above` to `below`."""
    room = max(right - left, _LEAST)
    facts = [line for fact in sheet.caption for line in _broken(visible(fact), room, sheet.separator)]
    legend = _evenly([(sample.wide, sample) for sample in sheet.legend], room)
    rows = [sum(sample.wide for sample in row) - _SPACE for row in legend]
    width = max([right - left, *(text_width(fact, SMALL) for fact in facts), *rows]) + 2 * MARGIN
    said = MARGIN + (HEAD * LEADING + 3 if sheet.heading else 0.0)
    top = said + len(facts) * SMALL * LEADING + above
    bottom = top + below + 22
    height = bottom + len(legend) * 20 + MARGIN - 8
    inside = [f'<rect class="page" width="{n(width)}" height="{n(height)}" rx="10"/>']
    if sheet.heading:
        inside.append(text(Line(sheet.title, HEAD, "head"), width / 2, MARGIN + 0.5 * HEAD * LEADING))
    inside += [
        *(
            text(Line(fact, SMALL, "soft"), width / 2, said + (i + 0.5) * SMALL * LEADING)
            for i, fact in enumerate(facts)
        ),
        f'<g transform="translate({n((width - right - left) / 2)} {n(top)})">',
        *drawing,
        "</g>",
        *_legend(legend, width, bottom),
        "</svg>",
    ]
    # Two pictures on one page must not share ids, unless they are the same.
    key = f"ag{zlib.crc32(chr(10).join([sheet.title, *sheet.caption, *inside]).encode('utf-8', 'replace')):08x}"
    described = "; ".join(map(visible, sheet.caption)) + (f". {sheet.description}" if sheet.description else "")
    css_class = " ".join(filter(None, ("autograd-graph", sheet.css_class)))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{css_class}" role="img" aria-labelledby="{key}t {key}d" '
        f'width="{n(width)}" height="{n(height)}" viewBox="0 0 {n(width)} {n(height)}" '
        f'style="max-width:100%;height:auto" font-family="{FONT}">',
        f'<title id="{key}t">{xml(sheet.title)}</title>',
        f'<desc id="{key}d">{xml(described)}</desc>',
        f"<style>\n{sheet.css}\n</style>",
        *inside,
    ]
    return "\n".join(lines) + "\n"


# ---- words that break -----------------------------------------------------------------------------------------------


def _broken(fact: str, width: float, separator: str) -> list[str]:
    """Break a line of the caption between its parts."""
    words = [(text_width(word, SMALL) + 12, word) for word in fact.split(separator)]
    return [" · ".join(line) for line in _evenly(words, width)]


def _evenly(words: Sequence[tuple[float, _T]], width: float) -> list[list[_T]]:
    """Break words of known width into as few lines as that takes, of about the same length."""
    lines = _wrapped(words, width)
    if len(lines) < 2:
        return lines
    even = _wrapped(words, sum(wide for wide, _ in words) / len(lines) + max(wide for wide, _ in words) / 2)
    return even if len(even) == len(lines) else lines


def _wrapped(words: Sequence[tuple[float, _T]], width: float) -> list[list[_T]]:
    lines: list[list[_T]] = []
    used = 0.0
    for wide, word in words:
        if not lines or used + wide > width:
            lines.append([])
            used = 0.0
        lines[-1].append(word)
        used += wide
    return lines


# ---- the legend -----------------------------------------------------------------------------------------------------


def _legend(rows: Sequence[Sequence[Sample]], width: float, top: float) -> Iterator[str]:
    for r, samples in enumerate(rows):
        x = (width - sum(sample.wide for sample in samples) + _SPACE) / 2
        for sample in samples:
            yield sample.draw(x, top + 20 * r + 6)
            x += sample.wide


def sample_of(look: str, word: str = "") -> Sample:
    """Return the sample of a kind of box."""
    word = word or LOOKS[look].legend
    label = Label((), look)
    size = Box(20, 13) if label.shape != "stacked" else Box(18 + 2 * SHEET, 9 + 2 * SHEET)

    def draw(x: float, y: float) -> str:
        box = shape(label.shape, Point(x + 10, y), size, label.double)
        return f'<g class="{look}">{box}</g>{text(Line(word, SMALL, "soft"), x + _BOX, y, "start")}'

    return Sample(_BOX + text_width(word, SMALL) + _SPACE, draw)


def line_sample(kind: EdgeKind, word: str = "") -> Sample:
    """Return the sample of a kind of line."""
    word, arrow = word or EDGE_LOOKS[kind].legend, EDGE_LOOKS[kind].arrow

    def draw(x: float, y: float) -> str:
        line = f'<path class="edge {kind}" d="M{n(x)} {n(y)}h{n(_LINE - (TIP if arrow else 0) - 2)}"/>'
        if arrow:
            line += f'<path class="tip {kind}" d="{tip(Point(x + _LINE - 2, y), "right")}"/>'
        return line + text(Line(word, SMALL, "soft"), x + _LINE + 6, y, "start")

    return Sample(_LINE + 6 + text_width(word, SMALL) + _SPACE, draw)


def heat_sample() -> Sample:
    """Return the scale of weights."""

    def draw(x: float, y: float) -> str:
        parts = [text(Line("less", SMALL, "soft"), x + 24, y, "end")]
        for heat in range(HEATS):
            cell = f'<rect class="box cell" x="{n(x + 30 + 9 * heat)}" y="{n(y - 6)}" width="9" height="12"/>'
            parts.append(f'<g class="heat{heat}">{cell}</g>')
        return "\n".join([*parts, text(Line("more", SMALL, "soft"), x + 36 + 9 * HEATS, y, "start")])

    return Sample(HEATS * 9 + 60 + _SPACE, draw)
