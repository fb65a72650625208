"""The mirror of large graphs and of parts, what it says of measured ones, its page, and its DOT."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

import autograd_lite as ag
from autograd_lite.graph import Graph, Kind, Role, build_graph, mirror
from autograd_lite.graph.marks import Mark, Overlay
from autograd_lite.graph.pictures.mirror.svg import drawing_of
from autograd_lite.ir.node_labels import amount

from ..large import transformer
from ..samples import HOSTILE, SAMPLES, parameter, perceptron, recurrent
from ..test_faces import names
from .mirrors import SVG, Picture, assert_clear, each_sample, graph_of, residual, reuse, whole

ROOT = Path(__file__).resolve().parents[3]


# ---- large graphs ---------------------------------------------------------------------------------------------------


def test_a_large_graph_is_folded_and_says_so() -> None:
    graph = graph_of(transformer)
    svg = graph.to_mirror()
    picture, mirrored = Picture(svg), drawing_of(graph).mirror
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
    assert total + mirrored.hidden_bytes == sum(graph[i].nbytes for i in graph.savers)
    assert sorted(i for s in mirrored.saved for i in s.ids) == sorted(graph.savers)


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
    mirrored, picture = drawing_of(graph, fold=False, limit=20).mirror, Picture(svg)
    assert sum(not i.startswith("vjp-") for i in picture.boxes) == 20
    assert "are not shown" in svg
    assert mirrored.hidden_bytes
    shown = sum(int(g.attrib["data-bytes"]) for g in picture.chips.values())
    assert shown + mirrored.hidden_bytes == 8 * len(graph.savers)


def test_a_long_chain() -> None:
    x = parameter("x")
    y = x
    for _ in range(12_000):
        y = np.sin(y)
    svg = build_graph(y, backward=True).to_mirror()
    assert "×12000" in svg or "12,000" in svg or "12000" in svg


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
    matmul = next(g for i, g in picture.groups.items() if "∇ matmul" in "".join(g.itertext()))
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
        "10 ops forward · 10 rules backward · 104 MFLOP forward, 106 MFLOP backward · 694 kB saved in 5 tensors"
    )
    rule = "derivative rule; g is the gradient that comes in"
    assert {rule, "gradient", "saved for a rule", "forward", "backward", "d loss/d loss = 1"} <= set(texts)


def test_flops_are_those_of_the_two_passes() -> None:
    graph = graph_of(perceptron)
    forward = sum(node.flops for node in graph if not node.backward)
    backward = sum(node.flops for node in graph if node.backward)
    assert f"{amount(forward, 'FLOP')} forward, {amount(backward, 'FLOP')} backward" in graph.to_mirror()


@pytest.mark.parametrize(
    ("names", "seeds"),
    [
        (["o"], ["do/do = 1"]),
        (["loss"], ["d loss/d loss = 1"]),
        ([None], ["dL/dL = 1"]),
        (["a", "b"], ["da/da = 1", "db/db = 1"]),
        (["a", None], ["da/da = 1", "d n4/d n4 = 1"]),
        (["a rather long name"], ["d a rather lo…/d a rather lo… = 1"]),
    ],
)
def test_the_foot_calls_a_result_by_its_name(names: list[str | None], seeds: list[str]) -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
    results = [f(w).sum() for f in (np.exp, np.tanh)[: len(names)]]
    for result, name in zip(results, names, strict=True):
        result.name = name
    texts = Picture(build_graph(results, backward=True).to_mirror()).texts()
    assert sorted(text for text in texts if text.endswith("= 1")) == sorted(seeds)


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
    svg = Graph(nodes, graph.outputs, graph.flows).to_mirror(fold=False)
    picture = Picture(svg)
    assert len(picture.boxes) == sum(not n.backward for n in graph) + len({f.op for f in graph.flows})
    assert svg.count("<script") == 0
    assert svg.encode("utf-8")
    assert_clear(picture)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_of_parameters(name: str) -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True, name=name)
    Picture(mirror((w * w).sum(), measured=True))


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


# ---- files and notebooks --------------------------------------------------------------------------------------------


def test_files_and_notebooks_show_the_mirror(tmp_path: Path) -> None:
    graph = graph_of(perceptron)
    assert graph.save(tmp_path / "x.svg").read_text("utf-8") == graph.to_mirror()
    assert graph._repr_mimebundle_()["image/svg+xml"] == graph.to_mirror()
    forward = build_graph(perceptron())
    assert forward.save(tmp_path / "y.svg").read_text("utf-8") == forward.to_svg()
