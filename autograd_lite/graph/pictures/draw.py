"""The pieces of SVG pictures: boxes of every shape, lines of text, tips of arrows, numbers, and safe text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from ...ir.node_labels import visible
from .boxes import LEADING, PILL, SHEET, Label, Line, pill_width
from .edge_labels import Area
from .layout.geometry import TIP, Box, Leg, Point
from .view import ViewNode
from .widths import fits_table

# How high an arrow out of nowhere is.
STUB = 18.0
_TIPS = {"down": "l-3.5 -7h7z", "up": "l-3.5 7h7z", "left": "l7 -3.5v7z", "right": "l-7 -3.5v7z"}


def shape(kind: str, center: Point, box: Box, double: bool) -> str:
    """Draw the outline of a box of the shape that its look names."""
    if kind == "cylinder":
        return _cylinder(center, box)
    if kind == "stacked":
        face = Box(box.width - 2 * SHEET, box.height - 2 * SHEET)
        behind = [_outline("rounded", Point(center.x + shift, center.y + shift), face, 0.0) for shift in (SHEET, 0.0)]
        front = Point(center.x - SHEET, center.y - SHEET)
        return "".join([*behind, shape("rounded", front, face, double)])
    return "".join(_outline(kind, center, box, inset) for inset in ((0.0, 3.0) if double else (0.0,)))


def _outline(kind: str, center: Point, box: Box, inset: float) -> str:
    wide, high = box.width - 2 * inset, box.height - 2 * inset
    left, top = center.x - wide / 2, center.y - high / 2
    if kind == "ellipse":
        size = f'rx="{n(wide / 2)}" ry="{n(high / 2)}"'
        return f'<ellipse class="box" cx="{n(center.x)}" cy="{n(center.y)}" {size}/>'
    if kind == "octagon":
        cut = min(9.0, box.height / 3) - inset * 0.6
        across, down = n(wide - 2 * cut), n(high - 2 * cut)
        corner = n(cut)
        return (
            f'<path class="box" d="M{n(left + cut)} {n(top)}h{across}l{corner} {corner}v{down}l-{corner} {corner}'
            f'h-{across}l-{corner} -{corner}v-{down}z"/>'
        )
    round_ = f' rx="{n(min(8.0, box.height / 3) - inset)}"' if kind == "rounded" else ""
    return f'<rect class="box" x="{n(left)}" y="{n(top)}" width="{n(wide)}" height="{n(high)}"{round_}/>'


def pill(badge: str, right: float, y: float) -> str:
    """Draw a badge that ends at x = right and is centred at height y."""
    wide, high = pill_width(badge), 15.0
    line = text(Line(badge, PILL, "pilled"), right - wide / 2, y)
    if not fits_table(badge):
        inner = text(Line(badge, PILL, "pilled"), (wide - 6) / 2, high / 2)
        line = (
            f'<svg x="{n(right - wide + 3)}" y="{n(y - high / 2)}" width="{n(wide - 6)}" height="{n(high)}" '
            f'overflow="hidden">{inner}</svg>'
        )
    size = f'width="{n(wide)}" height="{n(high)}" rx="{n(high / 2)}"'
    return f'<rect class="pill" x="{n(right - wide)}" y="{n(y - high / 2)}" {size}/>{line}'


def _cylinder(center: Point, box: Box) -> str:
    x, y, wide, lid = center.x - box.width / 2, center.y - box.height / 2, box.width, min(6.0, box.height / 4)
    arc = f"{n(wide / 2)} {n(lid)} 0 0"
    return (
        f'<path class="box" d="M{n(x)} {n(y + lid)}A{arc} 1 {n(x + wide)} {n(y + lid)}'
        f"V{n(y + box.height - lid)}A{arc} 1 {n(x)} {n(y + box.height - lid)}Z"
        f'M{n(x)} {n(y + lid)}A{arc} 0 {n(x + wide)} {n(y + lid)}"/>'
    )


def lines_text(lines: Sequence[Line], x: float, top: float, width: float) -> str:
    """Set the lines of a label below each other, centred at x, from `top` down; `width` is the label's."""
    parts = []
    for line in lines:
        height = line.size * LEADING
        if fits_table(line.text):
            parts.append(text(line, x, top + height / 2))
        else:
            # No table knows the width of these characters: a window of the label's size clips what would stick out.
            inner = text(line, width / 2, height / 2 + 2)
            parts.append(
                f'<svg x="{n(x - width / 2)}" y="{n(top - 2)}" width="{n(width)}" height="{n(height + 4)}" '
                f'overflow="hidden">{inner}</svg>'
            )
        top += height
    return "".join(parts)


def path_of(legs: Collection[Leg]) -> str:
    """Write legs as one path, from below: dashes continue through bends, and end where lines meet."""
    above = {leg.end: leg.start for leg in legs}
    branches = Counter(above.values())
    path, done = [], set()
    for end in sorted(above.keys() - branches.keys()):
        path.append(f"M{n(end.x)} {n(end.y)}")
        while end in above and end not in done:
            done.add(end)
            start = above[end]
            if start.x != end.x:
                middle = n((start.y + end.y) / 2)
                path.append(f"C{n(end.x)} {middle} {n(start.x)} {middle} {n(start.x)} {n(start.y)}")
            elif path[-1][0] == "V" and branches[end] == 1:
                path[-1] = f"V{n(start.y)}"
            else:
                path.append(f"V{n(start.y)}")
            end = start
    return "".join(path)


def tip(at: Point, way: str = "down") -> str:
    """Return the path of an arrow's tip that points down, up, left or right to a point."""
    return f"M{n(at.x)} {n(at.y)}{_TIPS[way]}"


def stub(at: Point) -> str:
    """Draw a dashed arrow out of nowhere down to a point."""
    return (
        f'<path class="edge data cut" d="M{n(at.x)} {n(at.y - STUB)}V{n(at.y - TIP)}"/>'
        f'<path class="tip data" d="{tip(at)}"/>'
    )


_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def xml(text: str) -> str:
    """Escape text for XML, attributes included."""
    return text.translate(_ENTITIES)


def text(line: Line, x: float, y: float, anchor: str = "middle") -> str:
    """Set a line centred at height y: the middle of letters is about a third of their size above the baseline."""
    style = f' class="{line.style}"' if line.style else ""
    where = f'x="{n(x)}" y="{n(y + 0.35 * line.size)}" font-size="{n(line.size)}" text-anchor="{anchor}"'
    sign = f'<tspan class="sign">{xml(line.sign)} </tspan>' if line.sign else ""
    return f"<text{style} {where}>{sign}{xml(line.text)}</text>"


def n(value: float) -> str:
    """Write a number with at most one decimal."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def node_svg(node: ViewNode, label: Label, center: Point) -> str:
    """Draw a box with its label and badge."""
    box = label.box
    back = SHEET if label.shape == "stacked" else 0.0
    top = center.y - back - label.text_size[1] / 2 + (4 if label.shape == "cylinder" else 0)
    parts = [
        f'<g class="node {label.css}" data-id="{xml(node.id)}">',
        f"<title>{xml(chr(10).join(map(visible, node.tip)))}</title>" if node.tip else "",
        shape(label.shape, center, box, label.double),
        lines_text(label.lines, center.x - back, top, label.text_size[0]),
    ]
    if label.badge:
        area = pill_area(label, center)
        parts.append(pill(label.badge, area.right, (area.top + area.bottom) / 2))
    return "".join([*parts, "</g>"])


def pill_area(label: Label, center: Point) -> Area:
    """Return the area of a box's badge: across its upper border, at the right."""
    box = label.box
    right = center.x + box.width / 2 + (5 if label.shape != "stacked" else 5 - 2 * SHEET)
    y = center.y - box.height / 2 - 2
    return Area(right - pill_width(label.badge), y - 7.5, right, y + 7.5)
