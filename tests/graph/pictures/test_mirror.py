"""The mirror: each rule beside its op, what is saved and what arrives, and lines that keep clear of boxes."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.graph import Graph, Kind, Program, Role, build_graph
from autograd_lite.graph.explanations.words.rules import Words
from autograd_lite.graph.pictures.folding.plan import homes_of
from autograd_lite.graph.pictures.mirror.svg import drawing_of
from autograd_lite.graph.pictures.widths import text_width
from autograd_lite.ir.node_labels import amount

from ..calls import box_in
from ..samples import diamond, parameter, perceptron
from .mirrors import SVG, Picture, Point, Rect, assert_clear, each_sample, graph_of, rectangle, residual, whole

# ---- boxes ----------------------------------------------------------------------------------------------------------


@each_sample
def test_each_rule_stands_in_the_row_of_its_op(sample) -> None:
    graph = graph_of(sample)
    picture = whole(graph)
    through = {flow.op for flow in graph.flows}
    forward = {node.id for node in graph if not node.backward and node.result is None}
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
    arrived = {box_in(graph, i) for i in graph.cotangents}
    for flow in graph.flows:
        group = picture.groups[f"vjp-{flow.op}"]
        head, *lines = ["".join(text.itertext()) for text in group.iter(f"{SVG}text")]
        assert head == f"∇ {graph[flow.op].op}"
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
    assert said["vjp-n4"] == ["∇ add", "→ matmul: g", "→ bias: sum over axis 0"]
    assert said["vjp-n7"] == ["∇ matmul", "→ relu: g @ dense_2.weight.T", "→ weight: u.T @ g"]
    assert said["vjp-n5"] == ["∇ relu", "g * (out > 0)"]


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
        into.setdefault(box_in(graph, flow.into), []).append(flow.op)
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
        # Dashes over dashes would look like a full line: what comes together goes on as one. The cotangents of the
        # results of a call are not added up, and meet at its foot.
        assert len(at_foot) == 1 or box is None or graph[i].has_several
        assert all(box is None or box.left < x < box.right for x, _ in at_foot)
        for run in lines[i]:
            others = [p for other in lines[i] if other is not run for p in other]
            near = any(abs(run[-1][0] - x) + abs(run[-1][1] - y) < 0.3 for x, y in others)
            assert run[-1] in at_foot or near


@each_sample
def test_each_seed_turns_from_its_result_to_its_rules(sample) -> None:
    graph = graph_of(sample)
    picture = whole(graph)
    seeds = {box_in(graph, node.of) for node in graph if node.role is Role.SEED}
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
    mirrored, picture = drawing_of(graph, fold=False).mirror, whole(graph)
    for number, saved in enumerate(mirrored.saved):
        source = picture.boxes[mirrored.view.nodes[saved.cell].id]
        lines = [run for i, run in picture.lines("saved") if i == str(number)]
        first = lines[0][0]
        assert first[0] == pytest.approx(source.right, abs=0.11)
        assert source.top < first[1] < source.bottom
        ends = [line[-1] for line in lines]
        readers = {op for i in saved.ids for op in graph.savers[i]}
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
    assert {i for ids in chips for i in ids.split()} == set(graph.savers)
    for ids, group in chips.items():
        arrays = [a for i in ids.split() for a in (values[i] if isinstance(values[i], tuple) else [values[i]])]
        nbytes = sum(np.asarray(a).nbytes for a in arrays)
        assert int(group.attrib["data-bytes"]) == nbytes
        assert amount(nbytes, "B") in "".join(group.itertext())
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
            with ag.extend.module_scope(draw(st.sampled_from(["", "a", "a.b", "a.c", "d"]))):
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
    assert sum(int(g.attrib["data-bytes"]) for g in picture.chips.values()) == sum(
        graph[i].nbytes for i in graph.savers
    )


# ---- modules --------------------------------------------------------------------------------------------------------


def assert_frames_are_true(graph: Graph, picture: Picture) -> None:
    """A frame holds whole boxes, and no operation of another module."""
    homes = homes_of(graph.nodes).own
    for path, frames in picture.frames.items():
        for frame in frames:
            for i, box in picture.boxes.items():
                if frame.meets(box):
                    node = graph[i.removeprefix("vjp-")]
                    if node.kind is Kind.OP:
                        assert f"{'.'.join(homes[node.id])}.".startswith(f"{path}."), (path, i)
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
