"""No picture is wider than a screen or taller than three unless it is asked for, and the text keeps its size."""

from __future__ import annotations

import re
from functools import cache

import pytest

from autograd_lite.graph import Graph, build_graph
from autograd_lite.graph.pictures.folding.fold import view_of

from ..hard import HARD

LARGE = ("adam_step", "branches", "chain_2000", "fan", "irregular_2000", "transformer")
CASES = [
    pytest.param(name, backward, marks=[pytest.mark.ci] * (name in LARGE))
    for name in HARD
    for backward in (False, True)
]


@cache
def hard(name: str, backward: bool) -> Graph:
    return build_graph(HARD[name](), backward=backward)


def size_of(svg: str) -> tuple[float, float]:
    found = re.search(r'width="([\d.]+)" height="([\d.]+)" viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert found
    width, height, *inside = map(float, found.groups())
    assert [width, height] == inside  # it is not shrunk
    return width, height


@pytest.mark.parametrize(("name", "backward"), CASES)
def test_hard_graphs_fit_on_three_screens(name: str, backward: bool) -> None:
    graph = hard(name, backward)
    for svg in (graph.to_svg(), graph.to_mirror()) if backward else (graph.to_svg(),):
        width, height = size_of(svg)
        assert width <= 1600
        assert height <= 3000
        assert set(re.findall(r'font-size="([\d.]+)"', svg)) <= {"9", "9.5", "10", "10.5", "11", "12", "14"}


@pytest.mark.parametrize(("name", "backward"), CASES)
def test_every_node_is_in_a_box(name: str, backward: bool) -> None:
    graph = hard(name, backward)
    view = view_of(graph)
    shown = [i for box in view.nodes for i in box.members or (box.id,)]
    assert sorted(shown) == sorted(node.id for node in graph)


def test_what_is_asked_for_is_not_folded() -> None:
    graph = hard("leaves", False)
    assert len(view_of(graph, fold=False).nodes) == len(graph)
    width, _ = size_of(graph.to_svg(fold=False))
    assert width > 1600


def test_many_leaves_share_a_box_with_their_names() -> None:
    leaves, reader, _ = view_of(hard("leaves", False)).nodes
    assert (leaves.lines, leaves.badge, leaves.look) == (
        ("features_0 … features_29", "(4,) float64"),
        "×30",
        "parameter",
    )
    assert reader.lines[0] == "concatenate"


def test_neighbors_are_joined_in_words() -> None:
    graph = hard("irregular_120", False)
    boxes = [box for box in view_of(graph).nodes if box.members]
    assert all(", " in box.lines[0] or "×" in box.lines[0] or " › " in box.lines[0] for box in boxes)
    assert all(len(box.members) <= 0.2 * len(graph) + 3 for box in boxes)
