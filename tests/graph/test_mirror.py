"""The mirror: each rule beside its op, what is saved and what arrives, and lines that keep clear of boxes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.graph import Graph, Kind, Program, Role, build_graph, mirror
from autograd_lite.graph.describe import amount
from autograd_lite.graph.labels import text_width
from autograd_lite.graph.mirror_model import mirror_of
from autograd_lite.graph.view import Mark, Overlay
from autograd_lite.graph.words import Words

from .large import transformer
from .samples import HOSTILE, SAMPLES, diamond, parameter, perceptron, recurrent
from .test_faces import names

SVG = "{http://www.w3.org/2000/svg}"
ROOT = Path(__file__).resolve().parents[2]


# ---- more computations ----------------------------------------------------------------------------------------------


def attention() -> Tensor:
    """Self-attention with a residual connection: three branches side by side, in modules."""
    x = ag.tensor(np.ones((16, 8)), name="x")
    w = {name: parameter(name, 8, 8) for name in ("W_q", "W_k", "W_v", "W_o")}
    with ag.record_source(), ag.module_scope("attention"):
        with ag.module_scope("attention.q"):
            q = x @ w["W_q"]
        with ag.module_scope("attention.k"):
            k = x @ w["W_k"]
        with ag.module_scope("attention.v"):
            v = x @ w["W_v"]
        y = (ag.softmax(q @ k.T / 8.0) @ v) @ w["W_o"]
    z = x + y
    return (z * z).mean()


def residual() -> Tensor:
    h = ag.tensor(np.ones((4, 6)), name="x")
    with ag.record_source():
        for i in range(2):
            with ag.module_scope(f"block_{i}"):
                with ag.module_scope(f"block_{i}.up"):
                    u = ag.relu(h @ parameter(f"block_{i}.up.w", 6, 8) + parameter(f"block_{i}.up.b", 8))
                with ag.module_scope(f"block_{i}.down"):
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
    """Many parameters above one row of operations, several of which save what stands behind others."""
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


class Picture:
    """What stands in an SVG, in the coordinates of the drawing."""

    def __init__(self, svg: str) -> None:
        self.root = ET.fromstring(svg)
        (self.drawing,) = (g for g in self.root.findall(f"{SVG}g") if "translate" in g.attrib.get("transform", ""))
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
    for shape in group.findall("*[@class='box']"):
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


# ---- boxes ----------------------------------------------------------------------------------------------------------


@each_sample
def test_each_rule_stands_in_the_row_of_its_op(sample) -> None:
    graph = graph_of(sample)
    picture = whole(graph)
    through = {flow.op for flow in graph.flows}
    forward = {node.id for node in graph if not node.backward}
    assert set(picture.boxes) == forward | {f"vjp-{i}" for i in through}
    for i in through:
        assert picture.boxes[f"vjp-{i}"].middle == pytest.approx(picture.boxes[i].middle, abs=0.51)
    rightmost = max((picture.boxes[i].right for i in forward), default=0)
    assert all(picture.boxes[f"vjp-{i}"].left > rightmost for i in through)


@each_sample
def test_the_right_half_is_in_the_opposite_order(sample) -> None:
    graph = graph_of(sample)
    boxes = whole(graph).boxes
    rows: dict[int, list[str]] = {}
    for i in {flow.op for flow in graph.flows}:
        rows.setdefault(round(boxes[i].middle), []).append(i)
    for row in rows.values():
        there = sorted(row, key=lambda i: boxes[i].left)
        assert sorted(row, key=lambda i: -boxes[f"vjp-{i}"].left) == there


@each_sample
def test_a_box_says_its_rules_in_words(sample) -> None:
    graph = graph_of(sample)
    picture, words = whole(graph), Words(graph)
    arrived = graph.cotangents
    for flow in graph.flows:
        group = picture.groups[f"vjp-{flow.op}"]
        head, *lines = ["".join(text.itertext()) for text in group.iter(f"{SVG}text")]
        assert head == f"vjp {graph[flow.op].op}"
        rule = words.rule(flow, limit=52)
        if flow.op not in arrived:
            assert lines == ["g = 0: no gradient arrives"]
        elif rule.formula == "g" and rule.remarks and not rule.remarks[0].startswith("+"):
            assert any(rule.remarks[0].partition(" (")[0] in line for line in lines)
        else:
            assert any(rule.formula in line for line in lines)
        assert f"{flow.contribution}, " in (group[0].text or "")


def test_rules_of_several_arguments_say_whose_they_are() -> None:
    picture = whole(graph_of(perceptron))
    said = {i: ["".join(t.itertext()) for t in g.iter(f"{SVG}text")] for i, g in picture.groups.items()}
    assert said["vjp-n4"] == ["vjp add", "→ matmul: g", "→ bias: sum over axis 0"]
    assert said["vjp-n7"] == ["vjp matmul", "→ relu: g @ dense_2.weight.T", "→ weight: x.T @ g"]
    assert said["vjp-n5"] == ["vjp relu", "g * (out > 0)"]


def test_what_several_uses_contribute_is_summed() -> None:
    graph = graph_of(diamond)
    picture = whole(graph)
    uses = Counter(flow.into for flow in graph.flows)
    for i in {flow.op for flow in graph.flows}:
        said = "".join(picture.groups[f"vjp-{i}"].itertext())
        assert (f"sum of {uses[i]} uses" in said) == (uses[i] > 1)
    signs = [c for c in picture.drawing.iter(f"{SVG}circle") if c.attrib["class"] == "sum"]
    assert len(signs) == sum(n > 1 for n in uses.values())


@each_sample
def test_nothing_overlaps(sample) -> None:
    picture = whole(graph_of(sample))
    chips = [rectangle(g.find(f"{SVG}rect")) for g in picture.chips.values()]
    words = []
    for group in picture.drawing:
        if "data-gradient" in group.attrib:
            (text,) = group.iter(f"{SVG}text")
            x, y, size = (float(text.attrib[k]) for k in ("x", "y", "font-size"))
            half = text_width(text.text or "", size) / 2
            words.append(Rect(x - half, y - 0.75 * size, x + half, y + 0.2 * size))
    assert len(words) == len(graph_of(sample).gradients)
    everything = [*picture.boxes.values(), *chips, *words]
    for i, one in enumerate(everything):
        for other in everything[:i]:
            assert not one.meets(other, by=0.6), (one, other)


@each_sample
def test_everything_is_on_the_page(sample) -> None:
    picture = whole(graph_of(sample))
    root = picture.root
    x, y = (float(v) for v in re.findall(r"[-\d.]+", picture.drawing.attrib["transform"]))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    frames = [frame for found in picture.frames.values() for frame in found]
    for rect in [*picture.boxes.values(), *frames]:
        assert rect.left + x >= 2
        assert rect.right + x <= width - 2
        assert rect.top + y >= 2
        assert rect.bottom + y <= height - 2


# ---- lines ----------------------------------------------------------------------------------------------------------


@each_sample
def test_no_line_runs_through_a_box(sample) -> None:
    assert_clear(whole(graph_of(sample)))


def assert_clear(picture: Picture) -> None:
    boxes = list(picture.boxes.values())
    for kind in ("data", "gradient", "saved"):
        for path in picture.paths(kind):
            for run in runs(path.attrib["d"]):
                for x, y in run:
                    assert not any(box.holds(x, y, 1.0) for box in boxes), (kind, path.attrib["d"], x, y)


@each_sample
def test_gradients_run_up_and_values_down(sample) -> None:
    picture = whole(graph_of(sample))
    for kind in ("flow", "data", "quiet"):
        for _, run in picture.lines(kind):
            ys = [y for _, y in run]
            assert ys == sorted(ys, reverse=True)  # written from below
    wings = {"flow": {"7"}, "data": {"-7"}, "quiet": {"-7"}}  # below the tip, or above it
    for group in picture.drawing:
        if group.attrib.get("data-line") in wings:
            for tip in group[1:]:
                assert set(re.findall(r"l-3.5 (-?[\d.]+)h7z", tip.attrib["d"])) == wings[group.attrib["data-line"]]


def tips(path: ET.Element) -> list[tuple[str, str]]:
    return re.findall(r"M([-\d.]+) ([-\d.]+)l", path.attrib["d"])


@each_sample
def test_every_flow_is_drawn_between_its_rules(sample) -> None:
    """What leaves the top of an op's rules leads, piece by piece, to the foot of those of each of its inputs."""
    graph = graph_of(sample)
    picture = whole(graph)
    lines: dict[str, list[list[Point]]] = {}
    for i, run in picture.lines("flow"):
        lines.setdefault(i, []).append(run)
    into: dict[str, list[str]] = {}
    for flow in graph.flows:
        into.setdefault(flow.into, []).append(flow.op)
    assert set(lines) == set(into)
    for i, ops in into.items():
        assert len(lines[i]) == len(ops)
        for op, count in Counter(ops).items():
            box = picture.boxes[f"vjp-{op}"]
            starts = [run[0] for run in lines[i]]
            leaving = [s for s in starts if s[1] == pytest.approx(box.top, abs=0.2) and box.left < s[0] < box.right]
            assert len(leaving) == count
        box = picture.boxes.get(f"vjp-{i}")
        ends = [run[-1] for run in lines[i]]
        at_foot = [end for end in ends if box is None or end[1] == pytest.approx(box.bottom + 7, abs=0.2)]
        # Dashes over dashes would look like a full line: what comes together goes on as one.
        assert len(at_foot) == 1 or box is None
        assert all(box is None or box.left < x < box.right for x, _ in at_foot)
        for run in lines[i]:
            others = [p for other in lines[i] if other is not run for p in other]
            near = any(abs(run[-1][0] - x) + abs(run[-1][1] - y) < 0.3 for x, y in others)
            assert run[-1] in at_foot or near


@each_sample
def test_each_seed_turns_from_its_result_to_its_rules(sample) -> None:
    graph = graph_of(sample)
    picture = whole(graph)
    seeds = [node.of for node in graph if node.role is Role.SEED]
    turns = picture.lines("seed")
    assert sorted(i for i, _ in turns) == sorted(seeds)
    for i, run in turns:
        assert run[0][1] == pytest.approx(picture.boxes[i].bottom, abs=0.11)
        rule = picture.boxes.get(f"vjp-{i}")
        assert run[-1][1] < max(y for _, y in run)
        if rule is not None:
            assert run[-1] == pytest.approx(((rule.left + rule.right) / 2, rule.bottom + 7), abs=0.6)


@each_sample
def test_a_gradient_arrives_at_each_reached_parameter(sample) -> None:
    graph = graph_of(sample)
    picture = whole(graph)
    ends = [tuple(map(float, tip)) for p in picture.paths("gradient", "tip") for tip in tips(p)]
    for i, box in picture.boxes.items():
        if i.startswith("vjp-"):
            continue
        from_right = [e for e in ends if e[0] == pytest.approx(box.right, abs=0.11) and box.top < e[1] < box.bottom]
        from_above = [e for e in ends if e[1] == pytest.approx(box.top, abs=0.11) and box.left < e[0] < box.right]
        assert len(from_right) + len(from_above) == (i in graph.gradients)
    seeds = [node for node in graph if node.role is Role.SEED]
    said = {g.attrib["data-gradient"]: g for g in picture.drawing if "data-gradient" in g.attrib}
    assert list(said) == list(graph.gradients)
    for i, group in said.items():
        (text,) = group.iter(f"{SVG}text")
        assert f"grad {graph[i].shape}" in (text.text or "")
        contributions = [flow for flow in graph.flows if flow.into == i] + [n for n in seeds if n.of == i]
        summed = f"sum of {len(contributions)} uses"
        assert ("sum of" in (text.text or ""), summed in (text.text or "")) == (len(contributions) > 1,) * 2
        assert (group[0].text or "").startswith(f"gradient of {graph[i].name}")


@each_sample
def test_what_is_saved_leads_to_the_rules_that_read_it(sample) -> None:
    graph = graph_of(sample)
    mirrored, picture = mirror_of(graph, fold=False), whole(graph)
    for number, saved in enumerate(mirrored.saved):
        source = picture.boxes[mirrored.view.nodes[saved.cell].id]
        lines = [run for i, run in picture.lines("saved") if i == str(number)]
        first = lines[0][0]
        assert first[0] == pytest.approx(source.right, abs=0.11)
        assert source.top < first[1] < source.bottom
        ends = [line[-1] for line in lines]
        readers = graph.saved[saved.ids[0]]
        assert len(ends) == len(readers)
        for reader in readers:
            box = picture.boxes[f"vjp-{reader}"]
            assert any(x == pytest.approx(box.left, abs=0.11) and box.top < y < box.bottom for x, y in ends)


@each_sample
def test_bytes_are_those_of_the_arrays_and_add_up(sample) -> None:
    program = Program.build(sample(), backward=True)
    graph, values = program.graph, program.values()
    svg = graph.to_mirror(fold=False)
    chips = Picture(svg).chips
    assert set(chips) == set(graph.saved)
    for i, group in chips.items():
        assert int(group.attrib["data-bytes"]) == np.asarray(values[i]).nbytes
        assert amount(np.asarray(values[i]).nbytes, "B") in "".join(group.itertext())
    total = sum(int(group.attrib["data-bytes"]) for group in chips.values())
    said = f"{amount(total, 'B')} saved in" if chips else "nothing saved"
    assert said in svg


def test_a_line_between_halves_is_straight_where_nothing_stands_in_its_way() -> None:
    picture = whole(graph_of(perceptron))
    straight = [run for _, run in picture.lines("saved") if {y for _, y in run} == {picture.boxes["n5"].middle}]
    assert straight


# ---- any graph ------------------------------------------------------------------------------------------------------

_UNARY = [np.sin, np.exp, np.tanh, lambda x: -x, lambda x: x * x, lambda x: x * 2.0, lambda x: np.floor(x)]
_BINARY = [np.add, np.multiply, np.subtract, np.maximum]


@st.composite
def computations(draw: Any) -> list[Tensor]:
    """Random expressions of a few parameters and inputs, in a few modules, with one result or more."""
    values: list[Tensor] = [parameter("p", 3)]
    for k in range(draw(st.integers(0, 4))):
        values.append(parameter(f"p{k}", 3) if draw(st.booleans()) else ag.tensor(np.ones(3), name=f"x{k}"))
    with ag.record_source():
        for _ in range(draw(st.integers(1, 14))):
            a, b = (draw(st.sampled_from(values)) for _ in range(2))
            with ag.module_scope(draw(st.sampled_from(["", "a", "a.b", "a.c", "d"]))):
                binary = draw(st.booleans())
                op = draw(st.sampled_from(_BINARY if binary else _UNARY))
                values.append(op(a, b) if binary else op(a))
    trained = [t for t in values[::-1] if t.requires_grad]
    return trained[: draw(st.integers(1, 3))]


@settings(max_examples=120, deadline=None)
@given(computations())
def test_laws_hold_for_any_graph(results: list[Tensor]) -> None:
    graph = build_graph(results, backward=True)
    assume(graph.flows)
    picture = whole(graph)
    assert_clear(picture)
    boxes = list(picture.boxes.items())
    for i, (_, one) in enumerate(boxes):
        assert not any(one.meets(other) for _, other in boxes[:i])
    for i in {flow.op for flow in graph.flows}:
        assert picture.boxes[f"vjp-{i}"].middle == pytest.approx(picture.boxes[i].middle, abs=0.51)
    assert_frames_are_true(graph, picture)
    assert sum(int(g.attrib["data-bytes"]) for g in picture.chips.values()) == sum(graph[i].nbytes for i in graph.saved)


# ---- modules --------------------------------------------------------------------------------------------------------


def assert_frames_are_true(graph: Graph, picture: Picture) -> None:
    """A frame holds whole boxes, and no operation of another module."""
    for path, frames in picture.frames.items():
        for frame in frames:
            for i, box in picture.boxes.items():
                if frame.meets(box):
                    node = graph[i.removeprefix("vjp-")]
                    if node.kind is Kind.OP:
                        assert f"{node.scope}.".startswith(f"{path}."), (path, i)
                        assert frame.left <= box.left
                        assert box.right <= frame.right
                        assert frame.top <= box.top
                        assert box.bottom <= frame.bottom


@each_sample
def test_frames_hold_their_module_alone(sample) -> None:
    graph = graph_of(sample)
    assert_frames_are_true(graph, whole(graph))


def test_a_module_has_one_frame_around_both_halves() -> None:
    graph = graph_of(residual)
    picture = whole(graph)
    assert {path: len(frames) for path, frames in picture.frames.items()} == {
        f"block_{i}{part}": 1 for i in range(2) for part in ("", ".up", ".down")
    }
    (frame,) = picture.frames["block_0.up"]
    inside = {i for i, box in picture.boxes.items() if frame.meets(box)}
    ops = {node.id for node in graph if node.scope == "block_0.up" and not node.backward}
    slots = {node.id for node in graph if node.name in ("block_0.up.w", "block_0.up.b")}
    assert inside == ops | slots | {f"vjp-{i}" for i in ops}
    (outer,) = picture.frames["block_0"]
    assert outer.left < frame.left
    assert outer.right > frame.right


# ---- large graphs ---------------------------------------------------------------------------------------------------


def test_a_large_graph_is_folded_and_says_so() -> None:
    graph = graph_of(transformer)
    svg = graph.to_mirror()
    picture, mirrored = Picture(svg), mirror_of(graph)
    assert len(picture.boxes) < 90
    assert "collapsed: " in svg
    assert_clear(picture)
    groups = [(k, box) for k, box in enumerate(mirrored.view.nodes) if box.members]
    assert groups
    for _, box in groups:
        rules = {flow.op for flow in graph.flows} & set(box.members)
        said = "".join(picture.groups[f"vjp-{box.id}"].itertext())
        assert f"{len(rules)} rules" in said
        assert picture.boxes[f"vjp-{box.id}"].middle == pytest.approx(picture.boxes[box.id].middle, abs=0.51)
    inside = {i for _, box in groups for i in box.members}
    shown = {g.attrib["data-gradient"] for g in picture.drawing if "data-gradient" in g.attrib}
    assert shown == set(graph.gradients) - inside
    total = sum(int(g.attrib["data-bytes"]) for g in picture.chips.values())
    assert total + mirrored.hidden_bytes == sum(graph[i].nbytes for i in graph.saved)
    assert sorted(i for s in mirrored.saved for i in s.ids) == sorted(graph.saved)


def test_modules_open_and_close_on_request() -> None:
    graph = graph_of(residual)
    closed = Picture(graph.to_mirror(collapse=["block_0"]))
    assert any(i.startswith("vjp-m") for i in closed.boxes)
    assert len(closed.boxes) < len(Picture(graph.to_mirror()).boxes)


def test_what_does_not_fit_is_left_out_and_counted() -> None:
    x = parameter("x")
    y = x
    for k in range(100):
        y = np.sin(y) if k % 2 else np.exp(y)
    graph = build_graph(y, backward=True)
    svg = graph.to_mirror(fold=False, limit=20)
    mirrored, picture = mirror_of(graph, fold=False, limit=20), Picture(svg)
    assert sum(not i.startswith("vjp-") for i in picture.boxes) == 20
    assert "are not shown" in svg
    assert mirrored.hidden_bytes
    shown = sum(int(g.attrib["data-bytes"]) for g in picture.chips.values())
    assert shown + mirrored.hidden_bytes == 8 * len(graph.saved)


def test_a_chain_of_50_000_ops() -> None:
    x = parameter("x")
    y = x
    for _ in range(50_000):
        y = np.sin(y)
    svg = build_graph(y, backward=True).to_mirror()
    assert "×50000" in svg or "50,000" in svg or "50000" in svg


# ---- what is measured, and marked -----------------------------------------------------------------------------------


def test_norms_are_numpys() -> None:
    rng = np.random.default_rng(0)
    w = ag.tensor(rng.normal(size=(4, 3)), requires_grad=True, name="w")
    x = ag.tensor(rng.normal(size=(5, 4)), name="x")
    loss = np.tanh(x @ w).sum()
    svg = mirror(loss, measured=True)
    loss.backward()
    assert w.grad is not None
    assert f"grad (4, 3) · |g| {np.linalg.norm(w.grad.data):.2g}" in svg
    g = 1 - np.tanh(x.data @ w.data) ** 2
    picture = Picture(svg)
    matmul = next(g for i, g in picture.groups.items() if "vjp matmul" in "".join(g.itertext()))
    assert f"|g| {np.linalg.norm(g):.2g}" in "".join(matmul.itertext())


def test_a_gradient_that_is_not_finite_says_so() -> None:
    w = ag.tensor([0.0, 1.0], requires_grad=True, name="w")
    with np.errstate(all="ignore"):
        svg = mirror(np.log(w).sum(), measured=True)
    assert "1 of 2 not finite" in svg


def test_an_overlay_marks_both_halves() -> None:
    graph = graph_of(reuse)
    rule = graph.flows[0].contribution
    svg = graph.to_mirror(
        overlay=Overlay("a title", ("a total",), {"n1": Mark(badge="here"), rule: Mark("nan", "NaN")})
    )
    picture = Picture(svg)
    assert "here" in "".join(picture.groups["n1"].itertext())
    assert "NaN" in "".join(picture.groups["vjp-n1"].itertext())
    assert picture.groups["vjp-n1"].attrib["class"] == "node nan"
    assert "a title" in svg
    assert "a total" in svg


# ---- the page -------------------------------------------------------------------------------------------------------


def test_the_page_says_what_it_is() -> None:
    root = ET.fromstring(graph_of(perceptron).to_mirror())
    assert root.attrib["role"] == "img"
    assert [child.tag for child in root[:3]] == [f"{SVG}title", f"{SVG}desc", f"{SVG}style"]
    assert root[0].text == "loss, forward and backward"
    assert "the derivative rules run up" in (root[1].text or "")
    texts = Picture(graph_of(perceptron).to_mirror()).texts()
    assert texts[0] == "loss, forward and backward"
    assert texts[1] == (
        "10 ops forward · 10 vjps backward · 104 MFLOP forward, 106 MFLOP backward · 694 kB saved in 5 tensors"
    )
    assert {"derivative rule", "gradient", "saved for a rule", "forward", "backward", "dL/dL = 1"} <= set(texts)


def test_flops_are_those_of_the_two_passes() -> None:
    graph = graph_of(perceptron)
    forward = sum(node.flops for node in graph if not node.backward)
    backward = sum(node.flops for node in graph if node.backward)
    assert f"{amount(forward, 'FLOP')} forward, {amount(backward, 'FLOP')} backward" in graph.to_mirror()


def test_several_results_have_a_seed_each() -> None:
    graph = build_graph(SAMPLES["several"](), backward=True)
    assert Picture(graph.to_mirror()).texts().count("seed (2,)") == 3
    a = parameter("a")
    named = [np.sin(a), np.cos(a)]
    named[0].name, named[1].name = "u", "v"
    assert {"du/du = 1", "dv/dv = 1"} <= set(Picture(build_graph(named, backward=True).to_mirror()).texts())


def test_a_forward_graph_has_no_mirror() -> None:
    with pytest.raises(ValueError, match="expected a graph with a backward pass.*received one without.*backward=True"):
        build_graph(perceptron()).to_mirror()


def test_mirror_of_a_loss_is_that_of_its_graph() -> None:
    picture = mirror(recurrent())
    assert picture == graph_of(recurrent).to_mirror()
    assert picture._repr_svg_() == picture
    assert len(repr(picture)) < 40  # a notebook keeps it beside the picture


@settings(max_examples=60, deadline=None)
@given(names, names, names)
def test_a_name_cannot_break_the_picture(name: str, op: str, scope: str) -> None:
    graph = graph_of(residual)
    nodes = tuple(
        replace(
            node,
            name=name if node.role is Role.FORWARD else node.name,
            op=op if node.kind is Kind.OP and not node.backward else node.op,
            glyph=op[:1] if node.kind is Kind.OP and not node.backward else node.glyph,
            scope=scope and f"{scope}{node.scope}",
        )
        for node in graph
    )
    svg = Graph(nodes, graph.outputs, graph.flows).to_mirror()
    picture = Picture(svg)
    assert len(picture.boxes) == sum(not n.backward for n in graph) + len({f.op for f in graph.flows})
    assert svg.count("<script") == 0
    assert svg.encode("utf-8")
    assert_clear(picture)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_of_parameters(name: str) -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True, name=name)
    Picture(mirror((w * w).sum(), measured=True))


_PRINT_DIGESTS = """
import hashlib
from autograd_lite.graph import build_graph
from tests.graph.test_mirror import ALL
for name, sample in ALL.items():
    print(name, hashlib.sha256(build_graph(sample(), backward=True).to_mirror().encode()).hexdigest())
"""


def test_the_same_bytes_for_every_hash_seed() -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", _PRINT_DIGESTS],
            env={**os.environ, "PYTHONHASHSEED": seed, "PATH": "", "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(printed) == 1
    assert len(printed.pop().splitlines()) == len(ALL)


def test_it_is_fast() -> None:
    graph = graph_of(perceptron)
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        graph.to_mirror()
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.05


# ---- parts of a graph -----------------------------------------------------------------------------------------------


@each_sample
def test_parts_have_mirrors(sample) -> None:
    graph = graph_of(sample)
    for flow in graph.flows[:: max(len(graph.flows) // 4, 1)]:
        part = graph.around(flow.contribution, 3)
        if part.flows:
            picture = whole(part)
            assert_clear(picture)
            through = {f.op for f in part.flows if part[f.op].kind is Kind.OP}
            assert {i for i in picture.boxes if i.startswith("vjp-")} == {f"vjp-{i}" for i in through}


# ---- DOT ------------------------------------------------------------------------------------------------------------


def edges_of(dot: str, css: str) -> list[tuple[str, str]]:
    return re.findall(rf'^\t(\w+)(?::s)? -> (\w+)(?::s)? \[[^\n]*class="{css}"', dot, re.MULTILINE)


@each_sample
def test_dot_has_the_same_boxes_and_lines(sample) -> None:
    graph = graph_of(sample)
    dot = graph.to_mirror_dot(fold=False)
    through = {flow.op for flow in graph.flows}
    assert set(re.findall(r"^\t\{ rank=same; (\w+); vjp_(\w+) \}$", dot, re.MULTILINE)) == {(i, i) for i in through}
    expected = [(f"vjp_{f.into}" if f.into in through else f.into, f"vjp_{f.op}") for f in graph.flows]
    seeds = [(node.of, f"vjp_{node.of}") for node in graph if node.role is Role.SEED and node.of in through]
    assert Counter(edges_of(dot, "gradient")) == Counter(expected + seeds)
    assert Counter(edges_of(dot, "saved")) == Counter((i, f"vjp_{op}") for i, ops in graph.saved.items() for op in ops)
    values = [edge for edge in edges_of(dot, "data") if not edge[1].startswith("vjp_")]
    assert Counter(values) == Counter((i, node.id) for node in graph if not node.backward for i in node.inputs)


_ENGINE = shutil.which("dot") or shutil.which("graphviz-pure", path=str(Path(sys.executable).parent))


@pytest.mark.skipif(_ENGINE is None, reason="no Graphviz")
@pytest.mark.parametrize("name", ["perceptron", "diamond", "several", "attention", "residual", "tied", "crossed"])
def test_graphviz_sets_rules_beside_their_ops(name: str) -> None:
    assert _ENGINE is not None
    dot = graph_of(ALL[name]).to_mirror_dot()
    done = subprocess.run([_ENGINE, "-Tplain"], input=dot.encode(), capture_output=True, check=True, timeout=60)
    height = {
        line.split()[1]: float(line.split()[3]) for line in done.stdout.decode().splitlines() if line[:5] == "node "
    }
    rules = [i for i in height if i.startswith("vjp_")]
    assert rules
    assert all(height[i] == pytest.approx(height[i.removeprefix("vjp_")], abs=0.02) for i in rules)


@settings(max_examples=30, deadline=None)
@given(names)
def test_a_name_cannot_break_dot(name: str) -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True, name=name)
    dot = build_graph((w * w).sum(), backward=True).to_mirror_dot()
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", dot)
    assert '"' not in outside
    assert outside.count("{") == outside.count("}") == 1 + 2
    assert dot.encode("utf-8")


# ---- files and notebooks --------------------------------------------------------------------------------------------


def test_files_and_notebooks_show_the_mirror(tmp_path: Path) -> None:
    graph = graph_of(perceptron)
    assert graph.save(tmp_path / "x.svg").read_text("utf-8") == graph.to_mirror()
    assert graph._repr_mimebundle_()["image/svg+xml"] == graph.to_mirror()
    forward = build_graph(perceptron())
    assert forward.save(tmp_path / "y.svg").read_text("utf-8") == forward.to_svg()
