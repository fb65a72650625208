"""What stands in the boxes of a picture, and how large a box has to be for it."""

from __future__ import annotations

from typing import NamedTuple

from .labels import brief_params, clip, text_width, type_text, visible
from .layout import Box
from .parts import GraphNode, Kind
from .style import LOOKS

__all__ = ["LEADING", "SMALL", "Label", "Line", "label_of"]

HEAD, SMALL, LEADING = 14.0, 11.0, 1.3
_PAD_X, _PAD_Y, _DOUBLE, _LID = 12.0, 7.0, 5.0, 10.0


class Line(NamedTuple):
    """One line of a label, with a lighter sign before it."""

    text: str
    size: float
    style: str
    sign: str = ""

    @property
    def width(self) -> float:
        """How wide it is set at most."""
        return text_width(f"{self.sign} " if self.sign else "", self.size) + text_width(
            self.text, self.size, bold=self.style == "head"
        )


class Label(NamedTuple):
    """What stands in a box, and the kind of look it has."""

    lines: tuple[Line, ...]
    look: str
    is_output: bool

    @property
    def shape(self) -> str:
        """The shape of the box."""
        return LOOKS[self.look].shape

    @property
    def text_size(self) -> tuple[float, float]:
        """Width and height of the lines together."""
        return max(line.width for line in self.lines), sum(line.size * LEADING for line in self.lines)

    @property
    def box(self) -> Box:
        """The box that holds the lines."""
        width, height = self.text_size
        pad = _DOUBLE if self.is_output else 0.0
        if self.shape == "ellipse":
            # An ellipse passes through the corners of the text if (1/1.3)² + (1/1.57)² <= 1.
            return Box(round(1.3 * width + 14 + pad), round(1.57 * height + 4 + pad))
        lid = _LID if self.shape == "cylinder" else 0.0
        return Box(round(width + 2 * _PAD_X + pad), round(height + 2 * _PAD_Y + lid + pad))


def label_of(node: GraphNode, is_output: bool) -> Label:
    """Return the label of a node: at most three lines; all else stands in the tooltip."""
    look = "output" if is_output and node.kind is Kind.OP else str(node.kind)
    kind = Line(type_text(node), SMALL, "soft")
    if node.kind is Kind.CONSTANT:
        return Label((Line(node.value, 12.0, ""),) if node.value else (kind,), look, is_output)
    name = visible(clip(node.name, 32))
    if node.kind is not Kind.OP:
        head = Line(name, HEAD, "head") if name else Line(str(node.kind), HEAD, "none")
        return Label((head, kind), look, is_output)
    op = visible(clip(node.op, 32))
    # Longer glyphs, like |x| and mod, are words beside a word.
    sign = visible(node.glyph) if len(node.glyph) == 1 and not name else ""
    head = Line(f"{name} = {op}" if name else op, HEAD, "head", sign)
    params = clip(brief_params(node), 30)
    return Label((head, *([Line(params, SMALL, "soft")] if params else []), kind), look, is_output)
