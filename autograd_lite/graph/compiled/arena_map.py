"""The map of an arena: the calls for which each value lives, and its place in the memory of a plan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ...compiler.buffer_assignment import Span
from ...compiler.execution_plan import Plan
from ...ir.node_labels import amount, clip, count_of, visible
from ..picture import DrawnPicture
from ..pictures.boxes import Line
from ..pictures.draw import Element, element, shape, text
from ..pictures.layout.geometry import Box, Point
from ..pictures.sheet import Sheet, box_sample, page
from ..pictures.style import Stylesheet, rule
from ..pictures.view import EdgeKind
from ..pictures.widths import text_width

# The looks of the largest groups of values, whose borders differ too; all smaller groups share the last.
_LOOKS = ("input", "output", "parameter", "backward", "exploding", "state", "changed")
_REST = "op"
_WIDE, _HIGH, _WIDEST = 760.0, 320.0, 46.0
_TEXT = 10.0
_MOST = 2000  # values to draw, the largest


class ArenaValue(NamedTuple):
    """A value in the arena.

    Attributes:
        begin, end: the position of the call that makes it, and of the one after the last that reads it, or of that
            which writes over it.
        start, stop: its bytes.
        name: of the call.
        group: the module or the line that it belongs to.
        tip: the text of its tooltip.
    """

    begin: int
    end: int
    start: int
    stop: int
    name: str
    group: str
    tip: str


def values_of(plan: Plan) -> list[ArenaValue]:
    """Return the values in the arena of a plan, in the order in which they are made."""
    modules = len({scope for scope in plan.scopes.values() if scope}) > 1
    values: list[ArenaValue] = []
    latest: dict[Span, int] = {}  # the last value in each span
    for position, call in enumerate(plan.calls):
        span, spec = plan.where[call.value].span, plan.specs[call.value]
        if span is None:
            continue
        if values and (before := latest.get(span)) is not None:  # of which this call may be the last reader
            values[before] = values[before]._replace(end=min(values[before].end, position))
        latest[span] = len(values)
        end = min(max(plan.last[call.value], position), len(plan.calls) - 1)
        line = plan.line_of(call)
        group = plan.scopes.get(call.node, "") if modules else line
        reads = "nothing reads it" if end == position else f"read for the last time by call {end}"
        tip = f"call {position}: {call.name}, {spec.shape} {spec.dtype}, {amount(spec.nbytes, 'B')}, {reads}"
        tip += "".join(f", {part}" for part in (line, plan.scopes.get(call.node, "")) if part)
        values.append(ArenaValue(position, end + 1, *span, call.name, group or "outside of modules", tip))
    return values


def arena_picture(plan: Plan) -> DrawnPicture:
    """Return the map: from left to right the calls, from top to bottom the bytes of the arena; its text is the plan."""
    values = values_of(plan)
    count = len(values)
    if count > _MOST:
        values = sorted(sorted(values, key=_weight)[-_MOST:])
    looks = _looks(values)
    calls = max(len(plan.calls), 1)
    across = min(_WIDE / calls, _WIDEST)
    right, down = calls * across, _HIGH / max(plan.nbytes, 1)
    drawing = list(_axes(plan, right, across, down))
    for value in values:
        drawing.append(_rectangle(value, looks[value.group], across, down))
    sizes = [plan.specs[call.value].nbytes for call in plan.calls if plan.where[call.value].span is not None]
    caption = (
        f"{amount(plan.nbytes, 'B')} of memory",
        f"for {count_of(count, 'value')} of {amount(sum(sizes), 'B')} together",
        f"in {count_of(len(plan.calls), 'call')}",
    )
    names = {look: group for group, look in looks.items() if look != _REST}
    rest = sum(look == _REST for look in looks.values())
    used = [look for look in (*_LOOKS, _REST) if look in looks.values()]
    box = shape("square", Point(10, 0), Box(20, 13), False)
    legend = [
        box_sample(f"{look} value", box, visible(clip(names.get(look, count_of(rest, "more place")), 40)))
        for look in used
    ]
    style = Stylesheet(used, (EdgeKind.DATA,), (), more=_LINES)
    description = "; ".join(value.tip for value in values[:20])
    sheet = Sheet("Where values lie", (", ".join(caption),), legend, style, heading=True, description=description)
    left = 16 + max(text_width(amount(size, "B"), _TEXT) for size in _steps(plan.nbytes))
    return DrawnPicture(page(sheet, drawing, -left, right, 14.0, _HIGH + 34), str(plan))


_LINES = (
    rule(".axis", stroke_width="1", opacity="0.35"),
    rule(".value .box", stroke_width="0.9"),
)


def _weight(value: ArenaValue) -> int:
    return (value.stop - value.start) * (value.end - value.begin)


def _looks(values: Sequence[ArenaValue]) -> Mapping[str, str]:
    """Return the look of each group: those that take most memory for longest come first."""
    weights: dict[str, float] = defaultdict(float)
    for value in values:
        weights[value.group] += _weight(value)
    order = sorted(weights, key=lambda group: -weights[group])
    few = _LOOKS if len(order) <= len(_LOOKS) + 1 else _LOOKS[:-1]
    look_of = dict(zip(order, few, strict=False))
    return {group: look_of.get(group, _REST) for group in order}


def _rectangle(value: ArenaValue, look: str, across: float, down: float) -> Element:
    x, y = value.begin * across, value.start * down
    width, height = (value.end - value.begin) * across, (value.stop - value.start) * down
    parts = [element("rect", "box", x=x, y=y, width=max(width - 0.8, 0.6), height=max(height - 0.8, 0.6))]
    if height >= _TEXT + 3 and text_width(value.name, _TEXT) + 6 <= width:
        parts.append(text(Line(value.name, _TEXT, ""), x + width / 2, y + height / 2))
    return element("g", f"{look} value", *parts, tip=value.tip)


def _axes(plan: Plan, right: float, across: float, down: float) -> Iterator[Element]:
    """Yield the lines and numbers at the left, and the numbers of calls below."""
    for size in _steps(plan.nbytes):
        yield element("path", "edge quiet axis", d=(("M", -4, size * down), ("H", right)))
        yield text(Line(amount(size, "B"), _TEXT, "soft"), -8, size * down, "end")
    calls = max(len(plan.calls), 1)
    every = next(step for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10**9) if step * across >= 34)
    for position in range(0, calls, every):
        yield text(Line(str(position), _TEXT, "soft"), (position + 0.5) * across, _HIGH + 11)
    yield text(Line("call", _TEXT, "soft"), right / 2, _HIGH + 25)


def _steps(nbytes: int) -> list[int]:
    """Return round numbers of bytes, the first 0 and the last that of all."""
    if nbytes <= 0:
        return [0]
    step = next(s for k in range(20) for s in (64 * 10**k, 128 * 10**k, 320 * 10**k) if nbytes / s <= 6)
    inner = [size for size in range(step, nbytes, step) if nbytes - size >= 0.4 * step]
    return [0, *inner, nbytes]
