"""What is never folded away, over programs of many kinds: each law holds for every row of `KINDS`."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest

import nn
from autograd_lite.graph import Kind, build_graph
from autograd_lite.graph.overlays import overlay_of
from autograd_lite.graph.pictures.describe import stem_of
from autograd_lite.graph.pictures.folding.fold import view_of
from autograd_lite.graph.pictures.folding.plan import homes_of
from autograd_lite.graph.pictures.scopes import Scope
from autograd_lite.graph.pictures.view import View, ViewNode
from nn import layers

from .kinds import KINDS, Drawn

_QUICK = ["MLP, backward", "GAN", "reuse", "30 leaves", "by hand", "irregular", "cost", "differences"]
_REST = [name for name in KINDS if name not in _QUICK]
for_kinds = pytest.mark.parametrize("kind", [*_QUICK, *(pytest.param(name, marks=pytest.mark.ci) for name in _REST)])


@functools.cache
def drawn(kind: str) -> tuple[Drawn, View]:
    picture = KINDS[kind]()
    return picture, view_of(picture.graph, overlay=picture.overlay)


def box_of(view: View) -> dict[str, ViewNode]:
    return {i: box for box in view.nodes for i in box.nodes}


def says(box: ViewNode, name: str) -> bool:
    """Return whether a box has a name, or a series of names that differ from it in their digits."""
    text = " ".join(box.lines)
    plain = re.sub(r"\d+", "", name)
    return name in text or plain[-20:] in re.sub(r"\d+", "", text) or bool(re.search(r"and \d+ more", text))


@for_kinds
def test_nothing_is_hidden(kind: str) -> None:
    """A person can read it, every node is in a box, and no box is a remainder."""
    (graph, _), view = drawn(kind)
    assert set(box_of(view)) == {node.id for node in graph}
    assert len(view.nodes) <= 60
    assert not any("more operations" in line for box in view.nodes for line in box.lines)


@for_kinds
def test_results_stay_visible(kind: str) -> None:
    (graph, _), view = drawn(kind)
    boxes = box_of(view)
    for i in graph.outputs:
        box = boxes[i]
        assert box.is_output
        assert not box.members or says(box, graph[i].name) or box.members[-1] == i


@for_kinds
def test_the_title_names_all_results(kind: str) -> None:
    picture, view = drawn(kind)
    names = [picture.graph[i].name for i in picture.graph.outputs if picture.graph[i].name]
    assert all(name in view.title for name in names) or view.title.endswith("…")


@for_kinds
def test_inputs_and_parameters_stay_visible(kind: str) -> None:
    """One has a box, is named in a box, or belongs to a module that is closed."""
    (graph, _), view = drawn(kind)
    boxes = box_of(view)
    for node in graph:
        if node.kind not in (Kind.PARAMETER, Kind.INPUT) or not node.name:
            continue
        box = boxes[node.id]
        modules = {graph[i].scope for i in box.members if node.id in graph[i].inputs and graph[i].scope}
        owned = any(scope.count(".") >= len(box.scope) for scope in modules)
        assert not box.members or says(box, node.name) or owned, node.name


@for_kinds
def test_no_box_without_a_name_is_above_a_fifth(kind: str) -> None:
    """Neither of the operations nor of the cost: only modules and repetitions hold more."""
    (graph, overlay), view = drawn(kind)
    marks = overlay_of(graph, overlay)
    totals = marks.totals if marks else {}
    count, whole = sum(node.computes for node in graph), sum(totals.values())
    scopes = {part.removesuffix(" ∇") for node in graph for part in node.scope.split(".") if part}
    for box in view.nodes:
        named = box.lines[0].removesuffix(" ∇") in scopes or box.badge.startswith("×")
        if box.members and not named:
            assert sum(graph[i].computes for i in box.members) <= max(0.2 * count, 3)
            assert sum(totals.get(i, 0.0) for i in box.members) <= 0.2 * whole + 1e-9 or len(box.members) == 1


@for_kinds
def test_the_largest_module_is_open(kind: str) -> None:
    """No closed module has over half of a picture that has room."""
    (graph, _), view = drawn(kind)
    count = sum(node.computes for node in graph)
    for box in view.nodes:
        if box.members and "×" not in box.badge:
            assert sum(graph[i].computes for i in box.members) <= 0.5 * count or len(view.nodes) > 24


@for_kinds
def test_equal_modules_are_open_or_closed_together(kind: str) -> None:
    """Their names differ in numbers alone; a repetition is both."""
    (graph, _), view = drawn(kind)
    homes, opened, closed = homes_of(graph.nodes).own, set[Scope](), set[Scope]()
    for box in view.nodes:
        scopes = [homes[i] for i in box.nodes if graph[i].computes and len(homes[i]) > len(box.scope)]
        if box.members and "×" not in box.badge:
            closed |= {stems(path[: len(box.scope) + 1]) for path in scopes}
        opened |= {stems(box.scope[:k]) for k in range(1, len(box.scope) + 1)}
    assert not opened & closed


def stems(path: Scope) -> Scope:
    return tuple([stem_of(re.sub(r" \(\d+ calls\)", "", name)) for name in path])


@for_kinds
def test_a_title_says_something_by_itself(kind: str) -> None:
    """It is not "layers", a number, or dots, and its words are whole."""
    _, view = drawn(kind)
    for box in view.nodes:
        if box.members:
            assert not re.fullmatch(r"(layers|\d+|[… ›,])+( ∇)?", box.lines[0])
            assert "› … ›" not in box.lines[0] or "_" not in box.lines[0]
            assert not re.search(r"\w…", box.lines[0])


class Blocks(nn.Module):
    """Blocks that are in a list, of layers in a list."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.layers = [Blocks(depth - 1) if depth else layers.Dense(4) for _ in range(2)]

    def call(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x


@pytest.mark.parametrize(("depth", "title"), [(1, "layers.0"), (2, "layers.0.layers"), (3, "layers.0.layers.0")])
def test_the_title_of_a_list_is_its_path(depth: int, title: str) -> None:
    view = view_of(build_graph(Blocks(1)(np.ones((2, 4)))), depth=depth)
    assert next(box.lines[0] for box in view.nodes if box.members) == title


@for_kinds
def test_modules_that_are_called_again_say_so(kind: str) -> None:
    """In a frame's title or on a closed box; the parameters of such a module are there once."""
    calls = {"Siamese": {"tower": 2}, "GAN": {"discriminator": 2}, "GAN, backward": {"discriminator": 2}}
    (graph, _), view = drawn(kind)
    titles = {name for box in view.nodes for name in box.scope if name.endswith(" calls)")}
    titles |= {f"{box.lines[0]} ({box.badge})" for box in view.nodes if box.badge.endswith(" calls")}
    assert titles == {f"{name} ({n} calls)" for name, n in calls.get(kind, {}).items()}
    assert all(text in graph.to_svg() for text in titles if kind == "Siamese")


@for_kinds
def test_a_group_says_what_it_holds(kind: str) -> None:
    (graph, _), view = drawn(kind)
    for box in view.nodes:
        if box.members:
            words = re.findall(r"[a-z_]+", box.lines[0])
            inside = " ".join(f"{graph[i].scope} {graph[i].op} {graph[i].name}" for i in box.members)
            said = [word for word in words if word.rstrip("_") in inside]
            assert said or any(str(graph[i].kind) in box.lines[0] for i in box.members), box.lines
