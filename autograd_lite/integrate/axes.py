"""Scales, axes and curves of pictures over the time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..graph.pictures.boxes import Line
from ..graph.pictures.draw import Element, element, text
from ..graph.pictures.style import rule

WIDTH, SMALL = 452.0, 9.5
# The looks of curves, in turn: every color has dashes of its own.
LOOKS = ("input", "exploding", "parameter", "backward", "state", "changed", "dead", "unreached")
# The most points of a curve.
_MOST_POINTS = 800
LINES = (
    rule(".curve .box", fill="none", stroke_width="1.7", stroke_dasharray="none"),
    *[
        rule(f".{look}.curve .box", stroke_dasharray=dashes)
        for look, dashes in zip(LOOKS, ("none", "7 3", "1.5 3", "9 3 2 3", "4 2", "12 3", "2 2", "1 4"), strict=True)
    ],
    rule(".band .pill", stroke="none", stroke_width="0", fill_opacity="0.2"),
    rule(".mark .box", fill="none", stroke_width="1.4", stroke_dasharray="none"),
    rule(".edge.grid", stroke_width="0.5"),
    rule(".edge.axis", stroke_width="0.9"),
    rule(".edge.limit", stroke_width="1.3", stroke_dasharray="5 3"),
    rule(".panel", font_weight="bold"),
)


class Scale(NamedTuple):
    """Where numbers are along an axis.

    Attributes:
        low, high: the numbers at its ends.
        length: from the one end to the other; below zero for an axis that leads up.
        is_log: whether it is logarithmic.
    """

    low: float
    high: float
    length: float
    is_log: bool = False

    def at(self, x: Any) -> Any:
        """Return the places of numbers, which have an end where the axis has one."""
        low, high = self.low, self.high
        x = np.asarray(x, float)
        if self.is_log:
            x, low, high = np.log10(np.maximum(x, self.low)), math.log10(low), math.log10(high)
        return self.length * (x - low) / (high - low)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return round numbers along the axis, and how they are written."""
        if self.is_log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            stride = max(1, math.ceil((last - first + 1) / most))
            return [(10.0**k, f"1e{k}" if abs(k) > 3 else f"{10.0**k:g}") for k in range(first, last + 1, stride)]
        low, high = sorted((self.low, self.high))
        raw = (high - low) / most
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * k for k in (1, 2, 5, 10) if power * k >= raw * (1 - 1e-9))
        numbers = [step * k for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
        return [(x, f"{x:.10g}") for x in numbers]


def scale_of(values: Any, length: float, is_log: bool = False) -> Scale:
    """Return a scale that holds all finite numbers, or all above zero of them if it is logarithmic."""
    values = np.asarray(values, float).ravel()
    values = values[np.isfinite(values) & ((values > 0) | (not is_log))]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.1, 1.0)
    if is_log:
        low, high = 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high))
        return Scale(low, high if high > low else 10 * low, length, True)
    margin = 0.04 * (high - low) or max(abs(high), 1.0) * 0.1
    return Scale(low - margin, high + margin, length)


def axes(t: Scale, y: Scale, heading: str, ticks: int = 4) -> Iterator[Element]:
    """Yield lines for round numbers, their words, and the heading of a panel."""
    height = -y.length
    yield text(Line(heading, 10.5, "soft panel"), 0, -height - 13, "start")
    for value, word in y.ticks(ticks):
        yield element("path", "edge quiet grid", d=(("M", 0, float(y.at(value))), ("H", WIDTH)))
        yield text(Line(word, SMALL, "soft"), -7, float(y.at(value)), "end")
    yield element("path", "edge quiet axis", d=(("M", 0, -height), ("V", 0), ("H", WIDTH)))
    for value, word in t.ticks(7):
        x = float(t.at(value))
        yield element("path", "edge quiet axis", d=(("M", x, 0), ("v", 4)))
        yield text(Line(word, SMALL, "soft"), x, 13)


def curve(look: str, x: Any, y: Any, tip: str) -> Element:
    """Return a line through points, which breaks where they are not finite."""
    if len(x) > _MOST_POINTS:
        chosen = np.unique(np.linspace(0, len(x) - 1, _MOST_POINTS).astype(int))
        x, y = x[chosen], y[chosen]
    path: list[tuple[Any, ...]] = []
    begins = True
    for point in zip(x.tolist(), y.tolist(), strict=True):
        if all(map(math.isfinite, point)):
            path.append(("M" if begins else "L", *point))
            begins = False
        else:
            begins = True
    return element("g", f"{look} curve", element("path", "box", d=path or (("M", 0, 0),)), tip=tip)


def band(look: str, x: Any, low: Any, high: Any, tip: str) -> Element:
    """Return the area between two lines."""
    chosen = np.isfinite(low) & np.isfinite(high) & np.isfinite(x)
    x, low, high = x[chosen], low[chosen], high[chosen]
    points = [*zip(x.tolist(), high.tolist(), strict=True), *zip(x[::-1].tolist(), low[::-1].tolist(), strict=True)]
    path = [("L" if k else "M", *point) for k, point in enumerate(points)] or [("M", 0, 0)]
    return element("g", f"{look} band", element("path", "pill", d=[*path, ("Z",)]), tip=tip)


def stairs(look: str, x: Any, y: Any, tip: str) -> Element:
    """Return a line that is level between neighbors: y has one number less than x."""
    return curve(look, np.repeat(x, 2)[1:-1], np.repeat(y, 2), tip)


def crosses(look: str, x: Any, y: Any, tip: str) -> Element:
    """Return crosses at points."""
    path: list[tuple[Any, ...]] = []
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        path += [("M", a - 3, b - 3), ("l", 6, 6), ("M", a - 3, b + 3), ("l", 6, -6)]
    return element("g", f"{look} mark", element("path", "box", d=path), tip=tip)


def names_at_ends(places: Sequence[float], names: Sequence[str], looks: Sequence[str], low: float) -> Iterator[Element]:
    """Yield the names of curves where they end, one below the other.

    Args:
        places: the heights at which curves end.
        names, looks: theirs.
        low: the height that no name goes below.
    """
    order = sorted(range(len(places)), key=lambda k: places[k])
    heights: list[float] = []
    for k in order:
        heights.append(max(places[k], heights[-1] + 13 if heights else -math.inf))
    for i in range(len(heights) - 1, -1, -1):
        heights[i] = min(heights[i], low if i == len(heights) - 1 else heights[i + 1] - 13)
    for height, k in zip(heights, order, strict=True):
        line = element("path", "box", d=(("M", WIDTH + 7, height), ("h", 16)))
        yield element("g", f"{looks[k]} curve", line)
        yield text(Line(names[k], 10.0, ""), WIDTH + 28, height, "start")
