"""The page of a picture: a caption above the drawing, a legend below it, and names for those who do not see it."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from ...ir.node_labels import visible
from .boxes import HEAD, LEADING, SHEET, SMALL, Label, Line
from .draw import Element, element, number, shape, text, tip, xml
from .layout.geometry import TIP, Box, Point
from .style import EDGE_LOOKS, FONT, HEATS, LOOKS, Stylesheet
from .view import EdgeKind
from .widths import text_width

MARGIN = 24.0
# The caption and the legend may make a narrow page this wide before they break; between samples of the legend.
_LEAST, _SPACE, _BOX, _LINE = 430.0, 14.0, 26.0, 30.0

_T = TypeVar("_T")


class Sample(NamedTuple):
    """A sample in the legend: its width, with its word, and its elements, drawn from the point (0, 0) to the right."""

    width: float
    elements: Sequence[Element]


class Sheet(NamedTuple):
    """The page around a drawing.

    Attributes:
        title: the name of the picture.
        caption: lines above the drawing; they may break at `separator`.
        legend: samples.
        style: the styles.
        heading: whether the title is also written above the caption.
        description: follows the caption for those who do not see the picture.
    """

    title: str
    caption: Sequence[str]
    legend: Sequence[Sample]
    style: Stylesheet
    separator: str = ", "
    heading: bool = False
    description: str = ""


class Scene(NamedTuple):
    """A whole picture, which `to_svg` writes and `export.paint` paints: its page, its size, and its elements."""

    sheet: Sheet
    width: float
    height: float
    elements: Sequence[Element]

    def to_svg(self) -> str:
        """Return the text of the SVG."""
        sheet, width, height = self.sheet, number(self.width), number(self.height)
        inside = [part.to_svg() for part in self.elements]
        # Two pictures on one page must not share ids, unless they are the same.
        key = f"ag{zlib.crc32(chr(10).join([sheet.title, *sheet.caption, *inside]).encode('utf-8', 'replace')):08x}"
        described = "; ".join(map(visible, sheet.caption)) + (f". {sheet.description}" if sheet.description else "")
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{sheet.style.css_class}" role="img" '
            f'aria-labelledby="{key}t {key}d" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            f'style="max-width:100%;height:auto" font-family="{FONT}">',
            f'<title id="{key}t">{xml(sheet.title)}</title>',
            f'<desc id="{key}d">{xml(described)}</desc>',
            f"<style>\n{sheet.style.css()}\n</style>",
            *inside,
            "</svg>",
        ]
        return "\n".join(lines) + "\n"


def page(sheet: Sheet, drawing: Iterable[Element], left: float, right: float, above: float, below: float) -> Scene:
    """Return the picture of a drawing that reaches from `left` to `right` and from `-above` to `below`."""
    room = max(right - left, _LEAST)
    facts = [line for fact in sheet.caption for line in _break_fact(visible(fact), room, sheet.separator)]
    legend = _break_evenly([(sample.width, sample) for sample in sheet.legend], room)
    rows = [sum(sample.width for sample in row) - _SPACE for row in legend]
    width = max([right - left, *(text_width(fact, SMALL) for fact in facts), *rows]) + 2 * MARGIN
    first = MARGIN + (HEAD * LEADING + 3 if sheet.heading else 0.0)
    top = first + len(facts) * SMALL * LEADING + above
    bottom = top + below + 22
    height = bottom + len(legend) * 20 + MARGIN - 8
    elements = [element("rect", "page", width=width, height=height, rx=10.0)]
    if sheet.heading:
        elements.append(text(Line(sheet.title, HEAD, "head"), width / 2, MARGIN + 0.5 * HEAD * LEADING))
    for i, fact in enumerate(facts):
        elements.append(text(Line(fact, SMALL, "soft"), width / 2, first + (i + 0.5) * SMALL * LEADING))
    elements.append(element("g", "drawing", *drawing, transform=(1, 0, 0, 1, (width - right - left) / 2, top)))
    for i, samples in enumerate(legend):
        x = (width - sum(sample.width for sample in samples) + _SPACE) / 2
        for sample in samples:
            elements.append(element("g", "sample", *sample.elements, transform=(1, 0, 0, 1, x, bottom + 20 * i + 6)))
            x += sample.width
    return Scene(sheet, round(width, 1), round(height, 1), elements)


# ---- words that break -----------------------------------------------------------------------------------------------


def _break_fact(fact: str, width: float, separator: str) -> list[str]:
    """Break a line of the caption between its parts."""
    words = [(text_width(word, SMALL) + 12, word) for word in fact.split(separator)]
    return [" · ".join(line) for line in _break_evenly(words, width)]


def _break_evenly(words: Sequence[tuple[float, _T]], width: float) -> list[list[_T]]:
    """Break words of known width into as few lines as that takes, of about the same length."""
    lines = _break_greedily(words, width)
    if len(lines) < 2:
        return lines
    widths = [size for size, _ in words]
    even = _break_greedily(words, sum(widths) / len(lines) + max(widths) / 2)
    return even if len(even) == len(lines) else lines


def _break_greedily(words: Sequence[tuple[float, _T]], width: float) -> list[list[_T]]:
    lines: list[list[_T]] = []
    used = 0.0
    for size, word in words:
        if not lines or used + size > width:
            lines.append([])
            used = 0.0
        lines[-1].append(word)
        used += size
    return lines


# ---- the legend -----------------------------------------------------------------------------------------------------


def sample_of(look: str, word: str = "") -> Sample:
    """Return the sample of a kind of box."""
    word = word or LOOKS[look].legend
    label = Label((), look)
    size = Box(20, 13) if label.shape != "stacked" else Box(18 + 2 * SHEET, 9 + 2 * SHEET)
    return box_sample(look, shape(label.shape, Point(10, 0), size, label.double), word)


def box_sample(css: str, box: Iterable[Element], word: str) -> Sample:
    """Return a sample of a box, which has a class, and its word."""
    words = text(Line(word, SMALL, "soft"), _BOX, 0, "start")
    return Sample(_BOX + text_width(word, SMALL) + _SPACE, [element("g", css, *box), words])


def line_sample(kind: EdgeKind, word: str = "") -> Sample:
    """Return the sample of a kind of line."""
    word, arrow = word or EDGE_LOOKS[kind].legend, EDGE_LOOKS[kind].arrow
    elements = [element("path", f"edge {kind}", d=(("M", 0, 0), ("h", _LINE - (TIP if arrow else 0) - 2)))]
    if arrow:
        elements.append(element("path", f"tip {kind}", d=tip(Point(_LINE - 2, 0), "right")))
    words = text(Line(word, SMALL, "soft"), _LINE + 6, 0, "start")
    return Sample(_LINE + 6 + text_width(word, SMALL) + _SPACE, [*elements, words])


def heat_sample() -> Sample:
    """Return the scale of weights."""
    cells = [
        element("g", f"heat{heat}", element("rect", "box cell", x=30 + 9 * heat, y=-6, width=9, height=12))
        for heat in range(HEATS)
    ]
    low = text(Line("less", SMALL, "soft"), 24, 0, "end")
    high = text(Line("more", SMALL, "soft"), 36 + 9 * HEATS, 0, "start")
    return Sample(HEATS * 9 + 60 + _SPACE, [low, *cells, high])
