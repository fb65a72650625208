"""Styles of texts: Unicode or ASCII, with or without colors, at full width or cut."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .graph_node import GraphNode, Kind
from .node_labels import visible

# A line is made of pieces, each with the name of its ink.
Line = Sequence[tuple[str, str]]

# ANSI colors, which terminals map to their own light or dark palette.
_INKS = {
    "": "",
    "head": "1",
    "soft": "2",
    "input": "34",
    "parameter": "32",
    "constant": "36",
    "state": "36",
    "op": "1",
    "output": "1;33",
    "backward": "35",
    "alarm": "1;31",
}
_PLAIN = {"…": "...", "×": "x", "−": "-", "µ": "u", "·": "*", "→": "->", "≤": "<=", "≥": ">=", "≠": "!="}


def shows_colors() -> bool:
    """Return whether standard output is a terminal that shows colors, and NO_COLOR is not set."""
    return (
        not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") != "dumb"
        and bool(getattr(sys.stdout, "isatty", lambda: False)())
    )


def columns(text: str) -> int:
    """Return how many columns a terminal gives a text: two for East Asian wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(
        2 if unicodedata.east_asian_width(c) in "WF" else unicodedata.category(c) not in ("Mn", "Me", "Cf")
        for c in text
    )


class Pen(NamedTuple):
    """A style of text.

    Attributes:
        ascii: use ASCII alone; other characters appear as `\\u…` escapes.
        color: write ANSI colors.
        width: cut longer lines; None for no limit.
    """

    ascii: bool = False
    color: bool = False
    width: int | None = None

    def safe(self, text: str) -> str:
        """Return a text from outside on one line, in the characters of this pen."""
        shown = visible(text)
        if not self.ascii or shown.isascii():
            return shown
        for sign, plain in _PLAIN.items():
            shown = shown.replace(sign, plain)
        return shown.encode("ascii", "backslashreplace").decode("ascii")

    def write(self, lines: Iterable[Line]) -> str:
        """Return the lines as one text."""
        return "\n".join(map(self._line, lines))

    def _line(self, line: Line) -> str:
        pieces = self._cut_line(line) if self.width is not None else line
        if not self.color:
            return "".join([text for text, _ in pieces]).rstrip(" ")
        return "".join([f"\x1b[{code}m{text}\x1b[0m" if (code := _INKS[ink]) else text for text, ink in pieces])

    def _cut_line(self, line: Line) -> Line:
        width = max(self.width or 0, 4)
        if sum(columns(text) for text, _ in line) <= width:
            return line
        more = "..." if self.ascii else "…"
        room, pieces = width - len(more), []
        for text, ink in line:
            end, used = 0, 0
            while end < len(text) and used + (width_of_char := columns(text[end])) <= room:
                end, used = end + 1, used + width_of_char
            room -= used
            pieces.append((text[:end], ink))
            if end < len(text):
                break
        return [*pieces, (more, "soft")]


PLAIN = Pen()


def ink_of(node: GraphNode, outputs: Iterable[str] = ()) -> str:
    """Return the ink in which a node is written."""
    if node.id in outputs:
        return "output"
    return "backward" if node.backward else "op" if node.kind is Kind.OP else str(node.kind)


def pad_texts(texts: Sequence[str], *, right: bool = False) -> list[str]:
    """Return texts in a column: all as wide as the widest."""
    widths = [columns(text) for text in texts]
    width = max(widths, default=0)
    gaps = [" " * (width - w) for w in widths]
    return [gap + text if right else text + gap for text, gap in zip(texts, gaps, strict=True)]
