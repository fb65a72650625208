"""Mirrors for the tests: computations with a backward pass, and pictures read back."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.graph import Graph, build_graph

from ..samples import SAMPLES, parameter

SVG = "{http://www.w3.org/2000/svg}"


# ---- more computations ----------------------------------------------------------------------------------------------


def attention() -> Tensor:
    """Self-attention with a residual connection: three branches side by side, in modules."""
    x = ag.tensor(np.ones((16, 8)), name="x")
    w = {name: parameter(name, 8, 8) for name in ("W_q", "W_k", "W_v", "W_o")}
    with ag.record_source(), ag.extend.module_scope("attention"):
        with ag.extend.module_scope("q"):
            q = x @ w["W_q"]
        with ag.extend.module_scope("k"):
            k = x @ w["W_k"]
        with ag.extend.module_scope("v"):
            v = x @ w["W_v"]
        y = (ag.softmax(q @ k.T / 8.0) @ v) @ w["W_o"]
    z = x + y
    return (z * z).mean()


def residual() -> Tensor:
    h = ag.tensor(np.ones((4, 6)), name="x")
    with ag.record_source():
        for i in range(2):
            with ag.extend.module_scope(f"block_{i}"):
                with ag.extend.module_scope("up"):
                    u = ag.relu(h @ parameter(f"block_{i}.up.w", 6, 8) + parameter(f"block_{i}.up.b", 8))
                with ag.extend.module_scope("down"):
                    u = u @ parameter(f"block_{i}.down.w", 8, 6)
                h = h + u
        return (h**2).mean()


def reuse() -> Tensor:
    x = ag.tensor(3.0, requires_grad=True, name="x")
    return x * x


def flat() -> Tensor:
    """A rule to which no gradient flows, for the derivative of `floor` is zero."""
    x = parameter("x", 2)
    return (np.floor(x * 2) * x).sum()


def tied() -> Tensor:
    embed, i = parameter("embed", 10, 8), np.array([1, 2, 3])
    return ag.log_softmax(np.tanh(embed[i]) @ embed.T)[np.arange(3), i].mean()


def aside() -> Tensor:
    """A branch without gradient, whose results are read by one that has one."""
    x, weights = parameter("x", 3), ag.tensor(np.ones(3), name="weights")
    side = np.exp(weights * 2)
    return np.where(side > 1, x * side, -x).sum()


def leaf() -> list[Tensor]:
    return [parameter("y", 2)]


def crossed() -> Tensor:
    """Many parameters above one row of operations, several of which save what lies behind others."""
    parts = [np.tanh(parameter(f"p{i}", 3)) * np.exp(parameter(f"q{i}", 3)) for i in range(4)]
    return (parts[0] * parts[3] + parts[1] * parts[2]).sum()


MORE = {f.__name__: f for f in (attention, residual, reuse, flat, tied, aside, leaf, crossed)}
ALL: dict[str, Callable[[], Any]] = {**SAMPLES, **MORE}


def each_sample(test: Any) -> Any:
    return pytest.mark.parametrize("sample", ALL.values(), ids=ALL)(test)


# ---- reading the picture back ---------------------------------------------------------------------------------------


class Rect(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2

    def meets(self, other: Rect, by: float = 0.0) -> bool:
        across = self.left < other.right - by and other.left < self.right - by
        return across and self.top < other.bottom - by and other.top < self.bottom - by

    def holds(self, x: float, y: float, by: float) -> bool:
        return self.left + by < x < self.right - by and self.top + by < y < self.bottom - by


def outlines(group: ET.Element) -> list[ET.Element]:
    """The shapes of a box, with the sheets behind it."""
    return [shape for shape in group if "box" in shape.attrib.get("class", "").split()]


class Picture:
    """What is in an SVG, in the coordinates of the drawing."""

    def __init__(self, svg: str) -> None:
        self.root = ET.fromstring(svg)
        (self.drawing,) = self.root.findall(f"{SVG}g[@class='drawing']")
        self.groups = {g.attrib["data-id"]: g for g in self.drawing if "data-id" in g.attrib}
        self.boxes = {i: bounds(g) for i, g in self.groups.items()}
        self.chips = {g.attrib["data-saved"]: g for g in self.drawing if "data-bytes" in g.attrib}
        self.frames = {}
        titles = [g for g in self.drawing if not g.attrib and len(g) == 2]
        rects = [r for r in self.drawing if r.attrib.get("class") == "frame band"]
        for title, rect in zip(titles, rects, strict=True):
            self.frames.setdefault(title[0].text, []).append(rectangle(rect))

    def paths(self, kind: str, part: str = "edge") -> list[ET.Element]:
        return [p for p in self.drawing.iter(f"{SVG}path") if {kind, part} <= set(p.attrib["class"].split())]

    def lines(self, kind: str) -> list[tuple[str, list[Point]]]:
        """Return the lines of a kind, each with what it is of."""
        groups = [g for g in self.drawing if g.attrib.get("data-line") == kind]
        return [(g.attrib["data-of"], run) for g in groups for run in runs(g[0].attrib["d"])]

    def texts(self) -> list[str]:
        return ["".join(text.itertext()) for text in self.root.iter(f"{SVG}text")]


def rectangle(rect: ET.Element) -> Rect:
    x, y, wide, high = (float(rect.attrib[k]) for k in ("x", "y", "width", "height"))
    return Rect(x, y, x + wide, y + high)


def bounds(group: ET.Element) -> Rect:
    """Return the bounds of all outlines of a box."""
    found = []
    for shape in outlines(group):
        if shape.tag == f"{SVG}rect":
            found.append(rectangle(shape))
        elif shape.tag == f"{SVG}ellipse":
            cx, cy, rx, ry = (float(shape.attrib[k]) for k in ("cx", "cy", "rx", "ry"))
            found.append(Rect(cx - rx, cy - ry, cx + rx, cy + ry))
        else:  # a cylinder
            x, y, *rest = (float(v) for v in re.findall(r"-?[\d.]+", shape.attrib["d"]))
            lid = rest[1]
            found.append(Rect(x, y - lid, rest[5], rest[7] + lid))
    columns = list(zip(*found, strict=True))
    return Rect(min(columns[0]), min(columns[1]), max(columns[2]), max(columns[3]))


Point = tuple[float, float]


def runs(path: str) -> list[list[Point]]:
    """Return the points that each piece of a path goes through: corners, and along curves many."""
    found: list[list[Point]] = []
    for command, text in re.findall(r"([MLVHCQ])([^MLVHCQ]*)", path):
        v = [float(n) for n in re.findall(r"-?[\d.]+", text)]
        if command == "M":
            found.append([(v[0], v[1])])
            continue
        x, y = found[-1][-1]
        if command == "V":
            v = [x, v[0]]
        if command in "LV":
            found[-1] += [(x + (v[0] - x) * t / 8, y + (v[1] - y) * t / 8) for t in range(1, 9)]
        else:
            handles = [(x, y), *zip(v[::2], v[1::2], strict=True)]
            for t in (k / 12 for k in range(1, 13)):
                points = handles
                while len(points) > 1:
                    points = [(a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t) for a, b in pairwise(points)]
                found[-1].append(points[0])
    return found


def whole(graph: Graph) -> Picture:
    return Picture(graph.to_mirror(fold=False))


def graph_of(sample: Callable[[], Any]) -> Graph:
    return build_graph(sample(), backward=True)


def assert_clear(picture: Picture) -> None:
    boxes = list(picture.boxes.values())
    for kind in ("data", "gradient", "saved"):
        for path in picture.paths(kind):
            for run in runs(path.attrib["d"]):
                for x, y in run:
                    assert not any(box.holds(x, y, 1.0) for box in boxes), (kind, path.attrib["d"], x, y)
