"""Pictures as trees of elements, which are written as SVG and painted as PNG: boxes, lines of text, tips of arrows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...ir.node_labels import visible
from .boxes import LEADING, PILL, SHEET, Label, Line, pill_width
from .edge_labels import Area
from .layout.geometry import TIP, Box, Leg, Point
from .view import ViewNode
from .widths import fits_table

# A path in SVG's letters M, L, H, V, C, Q, A and Z, each with its numbers; those of small letters are relative.
Path = Sequence[tuple[Any, ...]]
# How high an arrow out of nowhere is.
STUB = 18.0
_TIPS: dict[str, Path] = {
    "down": (("l", -3.5, -7), ("h", 7), ("z",)),
    "up": (("l", -3.5, 7), ("h", 7), ("z",)),
    "left": (("l", 7, -3.5), ("v", 7), ("z",)),
    "right": (("l", -7, -3.5), ("v", 7), ("z",)),
}
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


class Element(NamedTuple):
    """An element of SVG.

    Attributes:
        tag: g, rect, ellipse, circle, path, text, tspan, title for a tooltip, or svg for a window that clips.
        css: the classes by which a `Stylesheet` gives it colors and lines.
        attributes: numbers, texts, a path as "d", and six numbers as "transform".
        children: elements and texts, in the order of painting.
    """

    tag: str
    css: str
    attributes: Mapping[str, Any]
    children: tuple[Element | str, ...] = ()

    def to_svg(self) -> str:
        """Return it as text; the children of an element with a transform, which are many, each on a line."""
        css = f' class="{self.css}"' if self.css else ""
        attributes = "".join(
            f' {name.replace("_", "-")}="{_attribute(value)}"' for name, value in self.attributes.items()
        )
        if not self.children:
            return f"<{self.tag}{css}{attributes}/>"
        parts = [child.to_svg() if isinstance(child, Element) else xml(child) for child in self.children]
        inside = ("\n" if "transform" in self.attributes else "").join(parts)
        return f"<{self.tag}{css}{attributes}>{inside}</{self.tag}>"


def element(tag: str, css: str = "", *children: Element | str, tip: str | None = None, **attributes: Any) -> Element:
    """Return an element, with a tooltip; underscores in the names of attributes stand for hyphens."""
    if tip is not None:
        children = (Element("title", "", {}, (tip,)), *children)
    return Element(tag, css, attributes, children)


def xml(text: str) -> str:
    """Escape text for XML, attributes included."""
    return text.translate(_ENTITIES)


def _attribute(value: Any) -> str:
    if isinstance(value, str):
        return xml(value)
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value[0], tuple):
        return "".join(letter + " ".join(map(number, numbers)) for letter, *numbers in value)
    name, numbers = ("translate", value[4:]) if value[:4] == (1, 0, 0, 1) else ("matrix", value)
    return f"{name}({' '.join(map(number, numbers))})"


def number(value: float) -> str:
    """Write a number with at most one decimal."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


# ---- boxes ----------------------------------------------------------------------------------------------------------


def shape(kind: str, center: Point, box: Box, double: bool) -> list[Element]:
    """Draw the outline of a box of the shape that its look names."""
    if kind == "cylinder":
        return [_cylinder(center, box)]
    if kind == "stacked":
        face = Box(box.width - 2 * SHEET, box.height - 2 * SHEET)
        behind = [
            _outline("rounded", Point(center.x + shift, center.y + shift), face, 0.0, "box back")
            for shift in (SHEET, 0.0)
        ]
        return [*behind, *shape("rounded", Point(center.x - SHEET, center.y - SHEET), face, double)]
    return [_outline(kind, center, box, inset) for inset in ((0.0, 3.0) if double else (0.0,))]


def _outline(kind: str, center: Point, box: Box, inset: float, css: str = "box") -> Element:
    width, height = box.width - 2 * inset, box.height - 2 * inset
    left, top = center.x - width / 2, center.y - height / 2
    if kind == "ellipse":
        return element("ellipse", css, cx=center.x, cy=center.y, rx=width / 2, ry=height / 2)
    if kind == "octagon":
        cut = min(9.0, box.height / 3) - inset * 0.6
        across, down = width - 2 * cut, height - 2 * cut
        right_half: Path = (("h", across), ("l", cut, cut), ("v", down), ("l", -cut, cut))
        left_half: Path = (("h", -across), ("l", -cut, -cut), ("v", -down), ("z",))
        return element("path", css, d=(("M", left + cut, top), *right_half, *left_half))
    corners: dict[str, Any] = {"rx": min(8.0, box.height / 3) - inset} if kind == "rounded" else {}
    return element("rect", css, x=left, y=top, width=width, height=height, **corners)


def _cylinder(center: Point, box: Box) -> Element:
    lid = min(6.0, box.height / 4)
    left, right = center.x - box.width / 2, center.x + box.width / 2
    top, bottom = center.y - box.height / 2 + lid, center.y + box.height / 2 - lid
    arc = ("A", box.width / 2, lid, 0, 0)
    outline: Path = (("M", left, top), (*arc, 1, right, top), ("V", bottom), (*arc, 1, left, bottom), ("Z",))
    return element("path", "box", d=(*outline, ("M", left, top), (*arc, 0, right, top)))


def pill(badge: str, right: float, y: float) -> list[Element]:
    """Draw a badge that ends at x = right and is centered at height y."""
    width, height = pill_width(badge), 15.0
    line = Line(badge, PILL, "pilled")
    if fits_table(badge):
        words = text(line, right - width / 2, y)
    else:
        words = _window(line, right - width + 3, y - height / 2, width - 6, height)
    return [
        element("rect", "pill", x=right - width, y=y - height / 2, width=width, height=height, rx=height / 2),
        words,
    ]


def node_element(node: ViewNode, label: Label, center: Point) -> Element:
    """Draw a box with its label and badge."""
    back = SHEET if label.shape == "stacked" else 0.0
    top = center.y - back - label.text_size[1] / 2 + (4 if label.shape == "cylinder" else 0)
    parts = shape(label.shape, center, label.box, label.double)
    parts += lines_text(label.lines, center.x - back, top, label.text_size[0])
    if label.badge:
        area = pill_area(label, center)
        parts += pill(label.badge, area.right, (area.top + area.bottom) / 2)
    tip = "\n".join(map(visible, node.tip)) if node.tip else None
    return element("g", f"node {label.css}", *parts, tip=tip, data_id=node.id)


def pill_area(label: Label, center: Point) -> Area:
    """Return the area of a box's badge: across its upper border, at the right."""
    box = label.box
    right = center.x + box.width / 2 + (5 if label.shape != "stacked" else 5 - 2 * SHEET)
    y = center.y - box.height / 2 - 2
    return Area(right - pill_width(label.badge), y - 7.5, right, y + 7.5)


# ---- words ----------------------------------------------------------------------------------------------------------


def text(line: Line, x: float, y: float, anchor: str = "middle") -> Element:
    """Set a line centered at height y: the middle of letters is about a third of their size above the baseline."""
    sign = (element("tspan", "sign", f"{line.sign} "),) if line.sign else ()
    attributes = {"x": x, "y": y + 0.35 * line.size, "font-size": line.size, "text-anchor": anchor}
    return Element("text", line.style, attributes, (*sign, line.text))


def lines_text(lines: Sequence[Line], x: float, top: float, width: float) -> Iterator[Element]:
    """Set the lines of a label below each other, centered at x, from `top` down; `width` is the label's."""
    for line in lines:
        height = line.size * LEADING
        if fits_table(line.text):
            yield text(line, x, top + height / 2)
        else:
            yield _window(line, x - width / 2, top - 2, width, height + 4)
        top += height


def _window(line: Line, x: float, y: float, width: float, height: float) -> Element:
    """Set a line in the middle of a window that clips it, since no table knows the width of its characters."""
    words = text(line, width / 2, height / 2)
    return element("svg", "", words, x=x, y=y, width=width, height=height, overflow="hidden")


# ---- lines ----------------------------------------------------------------------------------------------------------


def path_of(legs: Collection[Leg]) -> Path:
    """Write legs as one path, from below: dashes continue through bends, and end where lines meet."""
    above = {leg.end: leg.start for leg in legs}
    branches = Counter(above.values())
    path: list[tuple[Any, ...]] = []
    done = set()
    for end in sorted(above.keys() - branches.keys()):
        path.append(("M", *end))
        while end in above and end not in done:
            done.add(end)
            start = above[end]
            if start.x != end.x:
                middle = (start.y + end.y) / 2
                path.append(("C", end.x, middle, start.x, middle, start.x, start.y))
            elif path[-1][0] == "V" and branches[end] == 1:
                path[-1] = ("V", start.y)
            else:
                path.append(("V", start.y))
            end = start
    return path


def tip(at: Point, way: str = "down") -> Path:
    """Return the path of an arrow's tip that points down, up, left or right to a point."""
    return (("M", *at), *_TIPS[way])


def stub(at: Point) -> list[Element]:
    """Draw a dashed arrow out of nowhere down to a point."""
    line = element("path", "edge data cut", d=(("M", at.x, at.y - STUB), ("V", at.y - TIP)))
    return [line, element("path", "tip data", d=tip(at))]
