"""DOT: golden files, the boxes and lines of the View, nothing that a name can break, and Graphviz's own opinion."""

from __future__ import annotations

import html
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import graphviz
import numpy as np
import pytest
from hypothesis import given, settings

import autograd_lite as ag
from autograd_lite.graph import Graph, build_graph
from autograd_lite.graph.marks import Mark, Overlay
from autograd_lite.graph.pictures.dot import dot_text
from autograd_lite.graph.pictures.folding.fold import view_of
from autograd_lite.graph.pictures.style import LOOKS, THEMES
from autograd_lite.graph.pictures.view import EdgeKind, View, ViewNode

from ..calls import box_in
from ..large import irregular, transformer
from ..samples import HOSTILE, SAMPLES, parameter, perceptron
from ..test_faces import GOLDEN, ROLES, hostile_graph, names

CASES = [(name, backward) for name in SAMPLES for backward in (False, True)]


def sample(name: str, backward: bool) -> Graph:
    return build_graph(SAMPLES[name](), backward=backward)


@pytest.mark.parametrize(("name", "backward"), CASES)
def test_golden(name: str, backward: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """To write the files anew, set AUTOGRAD_LITE_WRITE_GOLDEN=1, and look at what changed."""
    monkeypatch.setitem(THEMES, "light", ROLES)
    text = sample(name, backward).to_dot(fold=name == "blocks")
    file = GOLDEN / f"{name}{'.backward' if backward else ''}.dot"
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN") == "1":
        file.write_text(text, encoding="utf-8", newline="\n")
    assert text == file.read_bytes().decode("utf-8")


# ---- reading DOT ----------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z_0-9]*|[0-9.]+|->|[\[\]{}=;,]|\s+|(.)', re.DOTALL)


class Parsed:
    """A DOT file: nodes and edges with their attributes, and the labels of the clusters around each node."""

    def __init__(self, text: str) -> None:
        matches = list(_TOKEN.finditer(text))
        assert not [m[1] for m in matches if m[1]], "a character that DOT has no use for"
        self._tokens = [m[0] for m in matches if not m[0].isspace() and m[0] not in ";,"]
        assert self._tokens[:3] == ["digraph", "autograd_lite", "{"]
        assert self._tokens[-1] == "}"
        self.nodes: dict[str, dict[str, str]] = {}
        self.edges: list[tuple[str, str, dict[str, str]]] = []
        self.homes: dict[str, tuple[str, ...]] = {}
        self.label = ""
        self._at, clusters = 3, []
        while self._at < len(self._tokens) - 1:
            token, following = self._tokens[self._at], self._tokens[self._at + 1]
            if token == "subgraph":
                assert following == f"cluster_{sum(t == 'subgraph' for t in self._tokens[: self._at])}"
                clusters.append("")
                self._at += 3
            elif token == "}":
                clusters.pop()
                self._at += 1
            elif following == "=":
                if token == "label" and clusters:
                    clusters[-1] = unquoted(self._tokens[self._at + 2])
                elif token == "label":
                    self.label = unquoted(self._tokens[self._at + 2])
                self._at += 3
            elif following == "->":
                self._at += 3
                self.edges.append((token, self._tokens[self._at - 1], self._attributes()))
            else:
                self._at += 1
                attributes = self._attributes()
                if token not in ("graph", "node", "edge"):
                    assert token not in self.nodes
                    self.nodes[token], self.homes[token] = attributes, tuple(clusters)
        assert not clusters

    def _attributes(self) -> dict[str, str]:
        assert self._tokens[self._at] == "["
        end = self._tokens.index("]", self._at)
        flat = self._tokens[self._at + 1 : end]
        self._at = end + 1
        assert flat[1::3] == ["="] * (len(flat) // 3)
        return {key: unquoted(value) for key, value in zip(flat[::3], flat[2::3], strict=True)}


def unquoted(token: str) -> str:
    """Read a DOT string as Graphviz reads a label."""
    bare = token[1:-1] if token.startswith('"') else token
    lines = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], bare, flags=re.DOTALL)
    return html.unescape(lines)


# ---- what it shows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "backward"), CASES)
def test_dot_has_the_boxes_and_lines_of_the_view(name: str, backward: bool) -> None:
    graph = sample(name, backward)
    view, dot = view_of(graph), Parsed(graph.to_dot())
    assert sorted(dot.nodes) == sorted(node.id for node in view.nodes)
    assert [(a, b) for a, b, _ in dot.edges] == [(edge.source, edge.target) for edge in view.edges]
    assert dot.label.split("\n") == list(view.caption)
    for node in view.nodes:
        attributes = dot.nodes[node.id]
        assert attributes["class"] == node.look
        assert dot.homes[node.id] == node.scope
        assert attributes["label"].split("\n")[1:] == list(node.lines[1:])
        assert attributes["label"].startswith(node.lines[0])
    for edge, (_, _, attributes) in zip(view.edges, dot.edges, strict=True):
        assert attributes["class"] == edge.kind
        assert attributes.get("label", "") == edge.label
        assert attributes.get("headlabel", "") == (str(edge.argument) if edge.argument else "")
        assert (attributes.get("arrowhead") == "none") is (edge.kind is EdgeKind.SAVED)


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "blocks"])
def test_a_small_graph_is_drawn_whole(name: str) -> None:
    graph = sample(name, False)
    dot = Parsed(graph.to_dot())
    assert sorted(dot.nodes) == sorted(node.id for node in graph if node.result is None)
    wanted = Counter(
        (box_in(graph, source), node.id) for node in graph if node.result is None for source in node.inputs
    )
    assert Counter((a, b) for a, b, _ in dot.edges) == wanted
    for node in graph:
        if node.computes:
            assert dot.homes[node.id] == (tuple(node.scope.split(".")) if node.scope else ())


def test_dot_puts_parameters_into_their_module() -> None:
    graph = build_graph(perceptron())
    homes = Parsed(graph.to_dot()).homes
    named = {node.name: homes[node.id] for node in graph if node.name}
    assert named["dense_1.weight"] == ("dense_1",)
    assert named["x"] == ()


def test_dot_nests_modules() -> None:
    x = parameter("x", 2)
    with ag.record_source(), ag.extend.module_scope("a.b"):
        y = np.sin(x)
        with ag.extend.module_scope("a.c", absolute=True):
            y = np.cos(y)
    homes = Parsed(build_graph(np.tan(y)).to_dot()).homes
    assert homes == {"n0": ("a", "b"), "n1": ("a", "b"), "n2": ("a", "c"), "n3": ()}


def test_dot_puts_what_two_modules_read_into_what_they_share() -> None:
    x, shared, apart = ag.tensor([1.0]), parameter("shared", 1), parameter("apart", 1)
    for scope, factor in (("a.b", shared), ("a.c", shared), ("a.b.d", shared), ("a.c", apart), ("z", apart)):
        with ag.record_source(), ag.extend.module_scope(scope):
            x = x * factor
    graph = build_graph(x)
    dot = Parsed(graph.to_dot())
    assert {node.name: dot.homes[node.id] for node in graph if node.name} == {"shared": ("a",), "apart": ()}
    assert {node.name: dot.nodes[node.id]["label"].split("\n")[0] for node in graph if node.name} == {
        "shared": "shared [shared ×3]",
        "apart": "apart [shared ×2]",
    }


def test_dot_says_what_is_cut_off() -> None:
    view = view_of(build_graph(irregular(800)), fold=False, limit=50)
    dot = Parsed(dot_text(view))
    assert view.cut
    assert [b for a, b, _ in dot.edges if a.startswith("cut")] == list(view.cut)
    assert "nodes are not shown: those farthest from the results" in dot.label


@pytest.mark.parametrize("theme", THEMES)
def test_dot_shows_overlays(theme: str) -> None:
    graph = build_graph(perceptron())
    marks = {"n2": Mark("origin", "NaN", "log(0)"), "n4": Mark(weight=0.95), "n5": Mark(badge="12 %")}
    text = graph.to_dot(overlay=Overlay("cost", ("all: 3 B",), marks), theme=theme)
    nodes = Parsed(text).nodes
    assert nodes["n2"]["label"].split("\n") == ["matmul [NaN]", "(128, 512) float32", "log(0)"]
    assert nodes["n2"]["shape"] == "doubleoctagon"
    assert nodes["n4"]["fillcolor"] == THEMES[theme].heat[-1]
    assert nodes["n5"]["label"].startswith("relu [12 %]\n")
    assert Parsed(text).label.split("\n")[1:] == ["cost", "all: 3 B"]
    assert THEMES[theme].page in text


def test_every_look_can_be_drawn() -> None:
    nodes = tuple(ViewNode(f"n{i}", look, (look,), is_output=i % 2 == 0) for i, look in enumerate(LOOKS))
    drawn = Parsed(dot_text(View(nodes, ())))
    assert [n["class"] for n in drawn.nodes.values()] == list(LOOKS)
    assert drawn.nodes["n0"]["peripheries"] == "2"


def test_an_unknown_theme_is_refused() -> None:
    with pytest.raises(ValueError, match="to_dot: expected a theme among light, dark; received 'sepia'"):
        build_graph(perceptron()).to_dot(theme="sepia")  # type: ignore[arg-type]


# ---- hostile names --------------------------------------------------------------------------------------------------


@given(names, names, names)
def test_a_name_cannot_break_dot(name: str, op: str, scope: str) -> None:
    text = hostile_graph(name, op, scope).to_dot()
    assert text.encode("utf-8")
    dot = Parsed(text)
    assert sorted(dot.nodes) == ["n0", "n1", "n2"]
    assert [(a, b) for a, b, _ in dot.edges] == [("n0", "n2"), ("n1", "n2")]
    if name.isprintable() and 0 < len(name) < 36:
        assert dot.nodes["n0"]["label"].split("\n")[0] == name


def test_dot_labels_are_of_a_length_that_graphviz_can_lay_out() -> None:
    text = hostile_graph("x" * 10_000, "y" * 10_000, "z" * 10_000).to_dot()
    assert max(map(len, re.findall(r'"[^"]*"', text))) < 250


@pytest.mark.parametrize("name", ['"', "\\", "\\N", "&lt;", "&amp;amp;", '\\"', "<b>", "a:b", "{x|y}", "\\\\n"])
def test_dot_shows_signs_as_they_are(name: str) -> None:
    nodes = Parsed(hostile_graph(name).to_dot()).nodes
    assert nodes["n1"]["label"].splitlines() == [name, "(2,) float64"]


def test_dot_avoids_what_breaks_graphviz() -> None:
    for name, backward in CASES:
        text = sample(name, backward).to_dot()
        assert "=<" not in text  # HTML-like labels
        assert "ortho" not in text
        assert "concentrate" not in text
        assert "newrank=true" in text
        assert set(re.findall(r'fontname="?(\w+)', text)) == {"Helvetica"}


# ---- the package graphviz -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "backward"), CASES)
def test_digraph_has_the_same_source(name: str, backward: bool) -> None:
    graph = sample(name, backward)
    assert graph.to_graphviz().source == graph.to_dot()
    assert graph.to_graphviz(theme="dark", depth=0).source == graph.to_dot(theme="dark", depth=0)


def test_digraph_can_be_changed_as_any_other() -> None:
    digraph = build_graph(perceptron()).to_graphviz()
    assert type(digraph) is graphviz.Digraph
    digraph.attr(rankdir="LR")
    digraph.graph_attr["ranksep"] = "1"
    digraph.node_attr["fontsize"] = "20"
    digraph.node("mine", 'my "own" <node>')
    digraph.edge("mine", "n2")
    digraph.body.append('\tn0 [tooltip="added"]\n')
    dot = digraph.source
    assert "ranksep=1" in dot
    assert "fontsize=20" in dot
    assert "\tmine -> n2\n" in dot
    assert dot.index("rankdir=TB") < dot.index("rankdir=LR")
    assert dot.endswith('\tn0 [tooltip="added"]\n}\n')


# ---- the program dot ------------------------------------------------------------------------------------------------


def dot_program() -> str:
    found = shutil.which("dot")
    if found is None:
        if os.environ.get("AUTOGRAD_LITE_REQUIRE_PEERS") == "1":
            pytest.fail("the program dot is not installed: apt-get install graphviz")
        pytest.skip("the program dot is not installed")
    return found


def canonical(program: str, texts: list[str]) -> list[str]:
    """Let dot read files one after the other, and return what it understood."""
    done = subprocess.run(
        [program, "-Tcanon"], input="".join(texts).encode(), capture_output=True, timeout=120, check=True
    )
    assert done.stderr == b""
    graphs = re.split(r"(?m)^(?=digraph )", done.stdout.decode("utf-8"))
    return [graph for graph in graphs if graph]


def understood(text: str) -> tuple[set[str], Counter[tuple[str, str]]]:
    """Return the nodes and edges of a canonical file."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text, flags=re.DOTALL)
    edges = Counter(re.findall(r"(?m)^\s*(\w+) -> (\w+)", bare))
    nodes = set(re.findall(r"(?m)^\s*(\w+)\s+\[", bare)) - {"graph", "node", "edge"}
    return nodes, edges


@pytest.mark.ci
def test_graphviz_understands_every_golden_file() -> None:
    program = dot_program()
    graphs = [sample(name, backward) for name, backward in CASES]
    graphs.append(build_graph(transformer(), backward=True))
    read = canonical(program, [graph.to_dot() for graph in graphs])
    assert len(read) == len(graphs)
    for graph, text in zip(graphs, read, strict=True):
        view = view_of(graph)
        nodes, edges = understood(text)
        assert nodes == {node.id for node in view.nodes}
        assert edges == Counter((edge.source, edge.target) for edge in view.edges)


@pytest.mark.ci
def test_graphviz_understands_hostile_names() -> None:
    program = dot_program()
    hostile = [*HOSTILE, "subgraph cluster_0 {", "strict", "\\", "a\\", '"', "/* x */", "// x", "# x", "-- >", "\u00a0"]
    read = canonical(program, [hostile_graph(name, name, name).to_dot() for name in hostile])
    assert len(read) == len(hostile)
    for text in read:
        nodes, edges = understood(text)
        assert nodes == {"n0", "n1", "n2"}
        assert set(edges) == {("n0", "n2"), ("n1", "n2")}


@pytest.mark.ci
@settings(max_examples=30, deadline=None)
@given(names, names, names)
def test_graphviz_understands_any_name(name: str, op: str, scope: str) -> None:
    (read,) = canonical(dot_program(), [hostile_graph(name, op, scope).to_dot()])
    assert understood(read)[0] == {"n0", "n1", "n2"}


@pytest.mark.ci
def test_graphviz_draws_what_the_package_hands_it(tmp_path: Path) -> None:
    dot_program()
    digraph = build_graph(perceptron(), backward=True).to_graphviz(fold=False)
    digraph.attr(rankdir="LR")
    picture = Path(digraph.render(tmp_path / "graph", format="svg")).read_text("utf-8")
    drawn = re.findall(r'<g id="(n\d+)" class="node \w+"', picture)
    assert len(drawn) == len(build_graph(perceptron(), backward=True))
