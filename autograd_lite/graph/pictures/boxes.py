"""The labels of the boxes of a picture, and how large a box must be for its label."""

from __future__ import annotations

from typing import NamedTuple

from ...ir.node_labels import clip, visible
from .layout.geometry import Box
from .style import LOOKS, heat_of
from .view import ViewNode
from .widths import text_width

HEAD, SMALL, LEADING = 14.0, 11.0, 1.3
_PAD_X, _PAD_Y, _DOUBLE, _LID, _CUT = 12.0, 7.0, 5.0, 10.0, 6.0
# How far each of the two sheets behind a folded group sticks out; the size of the text in a badge.
SHEET, PILL = 4.0, 9.5
_LONGEST = 60


class Line(NamedTuple):
    """One line of a label, with a lighter sign in front of it."""

    text: str
    size: float
    style: str
    sign: str = ""

    @property
    def width(self) -> float:
        """An upper bound on its width."""
        return text_width(f"{self.sign} " if self.sign else "", self.size) + text_width(
            self.text, self.size, bold=self.style == "head"
        )


def pill_width(badge: str) -> float:
    """Return the width of a badge."""
    return round(text_width(badge, PILL, bold=True) + 11)


class Label(NamedTuple):
    """The text of a box, and its look."""

    lines: tuple[Line, ...]
    look: str
    is_output: bool = False
    badge: str = ""
    heat: int = -1

    @property
    def shape(self) -> str:
        """The shape of the box."""
        return LOOKS[self.look].shape

    @property
    def double(self) -> bool:
        """Whether its border is double."""
        return self.is_output or LOOKS[self.look].border == "double"

    @property
    def css(self) -> str:
        """The CSS classes that color it."""
        return self.look if self.heat < 0 else f"{self.look} heat{self.heat}"

    @property
    def text_size(self) -> tuple[float, float]:
        """Width and height of the lines together."""
        return max(line.width for line in self.lines), sum(line.size * LEADING for line in self.lines)

    @property
    def box(self) -> Box:
        """The box that holds the lines and, for a folded group, the sheets behind it."""
        width, height = self.text_size
        pad = _DOUBLE if self.double else 0.0
        # A badge sticks out of the box by 5, and arrows keep at least that far away. The middle stays free for them.
        pill = pill_width(self.badge) if self.badge else 0.0
        taken = max(pill - 10.0, 0.0)
        if self.shape == "ellipse":
            # An ellipse passes through the corners of the text if (1/1.3)² + (1/1.57)² <= 1.
            width, height = 1.3 * width + 14 + pad, 1.57 * height + 4 + pad
            return Box(round(max(width, 2 * pill)), round(height), taken)
        lid = _LID if self.shape == "cylinder" else 0.0
        cut = _CUT if self.shape == "octagon" else 0.0
        width, height = width + 2 * _PAD_X + pad + cut, height + 2 * _PAD_Y + lid + pad + cut / 2
        sheets = 2 * SHEET if self.shape == "stacked" else 0.0
        return Box(round(max(width, 2 * pill + sheets) + sheets), round(height + sheets), taken + sheets)


def label_of(node: ViewNode) -> Label:
    """Return the label of a box: its head, and the smaller lines below it."""
    texts = [visible(clip(text, _LONGEST)) for text in node.lines] or [node.look]
    if node.look == "constant" and len(texts) == 1:
        head = Line(texts[0], 12.0, "")
    else:
        # A slot without a name is labeled with its kind.
        head = Line(texts[0], HEAD, "none" if texts[0] == node.look else "head", visible(node.sign))
    lines = (head, *(Line(text, SMALL, "soft") for text in texts[1:]))
    badge = visible(clip(node.badge, 24)) or LOOKS[node.look].glyph
    heat = -1 if node.weight is None else heat_of(node.weight)
    return Label(lines, node.look, node.is_output, badge, heat)
