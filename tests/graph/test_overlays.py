"""Every analysis can be put on every picture, and what it says is to be read there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.graph import Graph, Program, build_graph, diff, find_nan, gradient_health
from autograd_lite.graph.marks import Mark, Overlay

from .samples import perceptron


def loss(power: float = 0.5) -> ag.Tensor:
    x = ag.tensor([0.0, 1.0], requires_grad=True, name="x")
    return (np.log(x) * x**power).sum()


def nan() -> tuple[Graph, Any]:
    report = find_nan(loss())
    assert report is not None
    return report.graph, report.overlay()


def cost() -> tuple[Graph, Any]:
    graph = Program.build(perceptron(), backward=True).measure(seconds=True)
    return graph, graph.cost("flops").overlay()


def memory() -> tuple[Graph, Any]:
    graph = build_graph(perceptron(), backward=True)
    return graph, graph.memory().overlay()


def health() -> tuple[Graph, Any]:
    x, y = (ag.tensor([1.0, 2.0], requires_grad=True, name=n) for n in "xy")
    made = (x * 0 + (y > 0)).sum()
    return build_graph(made, backward=True), gradient_health(made).overlay()


def difference() -> tuple[Graph, Any]:
    return diff(build_graph(loss(), backward=True), build_graph(loss(2.0), backward=True)).merge()


FACES: dict[str, Callable[[Graph, Any], str]] = {
    "text": lambda graph, overlay: graph.to_text(overlay=overlay),
    "tree": lambda graph, overlay: graph.to_text(style="tree", overlay=overlay),
    "svg": lambda graph, overlay: graph.to_svg(overlay=overlay),
    "dot": lambda graph, overlay: graph.to_dot(overlay=overlay),
    "mermaid": lambda graph, overlay: graph.to_mermaid(overlay=overlay),
    "html": lambda graph, overlay: str(graph.to_html(overlay=overlay)),
}
SAID = {
    nan: "first non-finite: log(0)",
    cost: "49 %",
    memory: "high-water mark",
    health: "unreached",
    difference: "changed",
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("made", SAID, ids=lambda f: f.__name__)
@pytest.mark.parametrize("face", FACES)
def test_every_overlay_on_every_face(made: Callable[[], tuple[Graph, Any]], face: str) -> None:
    graph, overlay = made()
    shown = FACES[face](graph, overlay)
    plain = re.sub(r"#(\d+);", lambda code: chr(int(code[1])), shown)  # as Mermaid writes signs
    assert SAID[made] in plain
    assert FACES[face](graph, overlay) == shown
    assert overlay.title
    assert set(overlay.marks) <= {n.id for n in graph}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_page_of_a_difference() -> None:
    d = diff(build_graph(loss(), backward=True), build_graph(perceptron(), backward=True))
    page = d.to_html()
    assert "removed" in page
    assert page == d.b.to_html(diff=d)


ANALYSES: dict[str, Callable[[ag.Tensor], Any]] = {
    "cost": lambda made: build_graph(made, backward=True).cost("bytes"),
    "memory": lambda made: build_graph(made, backward=True).memory(),
    "nan": find_nan,
    "health": gradient_health,
    "diff": lambda made: diff(build_graph(loss(2.0), backward=True), build_graph(made, backward=True)),
}
MIRROR = {"mirror": lambda graph, overlay: graph.to_mirror(overlay=overlay)}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("face", FACES | MIRROR)
def test_an_analysis_itself_and_the_name_of_a_cost_are_shown(face: str) -> None:
    made = loss()
    graph, draw = build_graph(made, backward=True), (FACES | MIRROR)[face]
    plain = draw(graph, None)
    for analysis in ANALYSES.values():
        found = analysis(made)
        assert draw(graph, found) == draw(graph, found.overlay()) != plain
    for word in ("flops", "bytes", "saved"):
        assert draw(graph, word) == draw(graph, graph.cost(word).overlay()) != plain
    for wrong in (3, "beauty", [1], gradient_health, graph):
        with pytest.raises(TypeError, match="overlay: expected an Overlay, an analysis .*; received"):
            draw(graph, wrong)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("face", FACES | MIRROR)
def test_the_overlay_of_another_graph_is_refused(face: str) -> None:
    graph, draw = build_graph(loss(2.0), backward=True), (FACES | MIRROR)[face]
    other = build_graph(loss(), backward=True)
    for wrong in (other.cost(), find_nan(loss()), build_graph(perceptron()).cost(), Overlay(marks={"n999": Mark()})):
        with pytest.raises(ValueError, match="overlay: expected .* this graph; received one"):
            draw(graph, wrong)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_parts_of_the_graph_take_its_overlay() -> None:
    made = loss()
    whole, forward = build_graph(made, backward=True), build_graph(made)
    for graph in (forward, whole.around("n1", 1), whole.descendants("n1")):
        for analysis in (whole.cost("bytes"), find_nan(made), whole.memory()):
            graph.to_svg(overlay=analysis)
    whole.to_svg(overlay=forward.cost("bytes"))


def test_health_read_off_parameters_goes_by_their_names() -> None:
    made = perceptron()
    made.backward()
    leaves = [t for t in Program.build(made).bindings.values() if isinstance(t, ag.Tensor) and t.requires_grad]
    assert "‖grad‖" in build_graph(perceptron()).to_svg(overlay=gradient_health(leaves))
