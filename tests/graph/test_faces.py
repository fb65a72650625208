"""Text and DOT against golden files; the same bytes everywhere; nothing that a name can break."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st

import autograd_lite as ag
from autograd_lite.core.hooks import HOOKS
from autograd_lite.graph import Graph, GraphNode, Kind, build_graph
from autograd_lite.graph.labels import visible
from autograd_lite.graph.window import nearest_outputs

from .samples import HOSTILE, SAMPLES, diamond, parameter, perceptron

GOLDEN = Path(__file__).parent / "golden"
ROOT = Path(__file__).resolve().parents[2]
FACES = {"txt": lambda graph: graph.to_text() + "\n", "dot": Graph.to_dot}

names = st.one_of(st.text(max_size=20), st.text(st.characters(exclude_categories=()), max_size=20))
names = st.one_of(names, st.sampled_from(HOSTILE))


# ---- golden files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", SAMPLES)
def test_golden(name: str, face: str) -> None:
    """To write the files anew, set AUTOGRAD_LITE_WRITE_GOLDEN=1, and look at what changed."""
    text = FACES[face](build_graph(SAMPLES[name]()))
    file = GOLDEN / f"{name}.{face}"
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN") == "1":
        file.write_text(text, encoding="utf-8", newline="\n")
    assert text == file.read_bytes().decode("utf-8")


_PRINT_DIGESTS = """
import hashlib
from autograd_lite.graph import build_graph
from tests.graph.samples import SAMPLES
for name, sample in SAMPLES.items():
    graph = build_graph(sample())
    for face in (graph.to_text(sources=True), graph.to_dot(), graph.to_svg()):
        print(name, hashlib.sha256(face.encode()).hexdigest())
"""


def test_the_same_bytes_for_every_hash_seed_and_without_programs() -> None:
    """The search path is empty, so no `dot` or other program can have helped."""
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
    assert len(printed.pop().splitlines()) == 3 * len(SAMPLES)


def test_imports_are_light() -> None:
    code = (
        "import sys, numpy; before = set(sys.modules); import autograd_lite.graph; "
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=ROOT, capture_output=True, check=True, text=True)
    assert set(done.stdout.split()) <= {"autograd_lite", "numpy"}


# ---- text -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_listing_is_aligned_and_complete(sample) -> None:
    graph = build_graph(sample())
    header, *body, results = graph.to_text().splitlines()
    assert header == f"# {graph.summary()}"
    assert results == f"return {', '.join(graph.outputs)}"
    assert len({line.index(" : ") for line in body}) == 1
    assert len({line.index(" = ") for line in body}) == 1
    assert len({line.index("  # ") for line in body if "  # " in line}) <= 1
    listed = [line.split()[0] for line in body]
    literals = [node.id for node in graph if node.value]
    assert sorted(listed + literals) == sorted(node.id for node in graph)


def test_listing_shows_numbers_where_they_are_used() -> None:
    x = parameter("x", 2, dtype="float32")
    text = build_graph((x * 2.5 + np.float32(0.1)) ** 3).to_text()
    assert "multiply n0 2.5\n" in text
    assert "add n2 0.1:float32\n" in text
    assert "power n4 3\n" in text


def test_remarks_name_module_and_line() -> None:
    text = build_graph(perceptron()).to_text(sources=True)
    assert re.search(r"= relu n4 +# dense_1  samples\.py:\d+ in perceptron\n", text)
    assert re.search(r"= negative n14 +# 'loss'  samples\.py:\d+ in perceptron\n", text)


@given(names, names, names)
def test_a_name_cannot_break_the_listing(name: str, op: str, scope: str) -> None:
    graph = hostile_graph(name, op, scope)
    text = graph.to_text(sources=True)
    assert len(text.splitlines()) == 5
    assert text.encode("utf-8")


def hostile_graph(name: str, op: str = "sin", scope: str = "") -> Graph:
    """A graph in which everything that a user can name has that name."""
    dtype = np.dtype(float)
    x = GraphNode("n0", Kind.INPUT, "", "", (), (), (2,), dtype, name)
    p = GraphNode("n1", Kind.PARAMETER, "", "", (), (), (2,), dtype, name)
    y = GraphNode("n2", Kind.OP, op, op[:1], ("n0", "n1"), (), (2,), dtype, name, scope=scope)
    return Graph((x, p, y), ("n2",))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünï 漢 🙂 \u200d", "plain ünï 漢 🙂 \u200d"),
        ("a\nb\r\tc\x0b\x0c\x1c\x85\u2028\u2029d", "a b  c      d"),
        ("\x00\x08\x0e\x7f\x9f", "\ufffd" * 5),
        ("\u202a\u202e\u2066\u2069\u200e\u200f\ufeff", "\ufffd" * 7),
        ("\ud800\udfff\ufffe\uffff", "\ufffd" * 4),
    ],
)
def test_what_cannot_be_shown_is_replaced(text: str, shown: str) -> None:
    assert visible(text) == shown


# ---- DOT ------------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z_0-9]*|[0-9.]+|->|[\[\]{}=;,]|(\S)', re.DOTALL)


def parse_dot(text: str) -> tuple[dict[str, dict[str, str]], list[tuple[str, str]], dict[str, tuple[str, ...]]]:
    """Return nodes with their attributes, edges, and the labels of the clusters around each node."""
    tokens = []
    for match in _TOKEN.finditer(text):
        assert match[1] is None, f"not DOT: {match[1]!r}"
        tokens.append(match[0])
    assert tokens[:3] == ["digraph", "autograd_lite", "{"]
    assert tokens[-1] == "}"
    nodes: dict[str, dict[str, str]] = {}
    edges, homes, clusters, i = [], {}, [], 3
    while i < len(tokens) - 1:
        if tokens[i] == "subgraph":
            assert tokens[i + 1].startswith("cluster_")
            clusters.append("")
            i += 3
        elif tokens[i] == "}":
            clusters.pop()
            i += 1
        elif tokens[i + 1] == "=":
            if clusters and tokens[i] == "label":
                clusters[-1] = unquoted(tokens[i + 2])
            i += 4
        elif tokens[i + 1] == "->":
            edges.append((tokens[i], tokens[i + 2]))
            i += 4
        else:
            end = tokens.index("]", i)
            keys, values = tokens[i + 2 : end : 4], tokens[i + 4 : end : 4]
            if tokens[i] not in ("graph", "node", "edge"):
                nodes[tokens[i]] = {k: unquoted(v) for k, v in zip(keys, values, strict=True)}
                homes[tokens[i]] = tuple(clusters)
            i = end + 2
    return nodes, edges, homes


def unquoted(token: str) -> str:
    """Read a DOT string as Graphviz reads a label."""
    bare = token[1:-1] if token.startswith('"') else token
    lines = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], bare, flags=re.DOTALL)
    return html.unescape(lines)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_dot_has_the_nodes_and_edges_of_the_graph(sample) -> None:
    graph = build_graph(sample())
    nodes, edges, homes = parse_dot(graph.to_dot())
    assert sorted(nodes, key=lambda i: int(i[1:])) == [node.id for node in graph]
    assert edges == [(source, node.id) for node in graph for source in node.inputs]
    for node in graph:
        attributes = nodes[node.id]
        kind = "output" if node.kind is Kind.OP and node.id in graph.outputs else node.kind
        assert attributes["class"] == kind
        if node.kind is Kind.OP:
            assert homes[node.id] == (tuple(node.scope.split(".")) if node.scope else ())
            assert node.op in attributes["label"].splitlines()[0]


def test_dot_puts_parameters_into_their_module() -> None:
    graph = build_graph(perceptron())
    _, _, homes = parse_dot(graph.to_dot())
    named = {node.name: homes[node.id] for node in graph if node.name}
    assert named["dense_1.weight"] == ("dense_1",)
    assert named["x"] == ()


def test_dot_nests_modules() -> None:
    x = parameter("x", 2)
    with ag.record_source(), ag.module_scope("a.b"):
        y = np.sin(x)
        with ag.module_scope("a.c"):
            y = np.cos(y)
    _, _, homes = parse_dot(build_graph(np.tan(y)).to_dot())
    assert homes == {"n0": ("a", "b"), "n1": ("a", "b"), "n2": ("a", "c"), "n3": ()}


def test_dot_puts_what_two_modules_read_into_what_they_share() -> None:
    x, shared, apart = ag.tensor([1.0]), parameter("shared", 1), parameter("apart", 1)
    for scope, factor in (("a.b", shared), ("a.c", shared), ("a.b.d", shared), ("a.c", apart), ("z", apart)):
        with ag.record_source(), ag.module_scope(scope):
            x = x * factor
    graph = build_graph(x)
    _, _, homes = parse_dot(graph.to_dot())
    assert {node.name: homes[node.id] for node in graph if node.name} == {"shared": ("a",), "apart": ()}


@given(names, names, names)
def test_a_name_cannot_break_dot(name: str, op: str, scope: str) -> None:
    text = hostile_graph(name, op, scope).to_dot()
    assert text.encode("utf-8")
    nodes, edges, _ = parse_dot(text)
    assert sorted(nodes) == ["n0", "n1", "n2"]
    assert edges == [("n0", "n2"), ("n1", "n2")]
    if name.isprintable() and 0 < len(name) < 60:
        assert nodes["n0"]["label"].splitlines()[0] == name


def test_dot_labels_are_of_a_length_that_graphviz_can_lay_out() -> None:
    text = hostile_graph("x" * 10_000, "y" * 10_000, "z" * 10_000).to_dot()
    assert max(map(len, re.findall(r'"[^"]*"', text))) < 200


@pytest.mark.parametrize("name", ['"', "\\", "\\N", "&lt;", "&amp;amp;", '\\"', "<b>", "a:b", "{x|y}", "\\\\n"])
def test_dot_shows_signs_as_they_are(name: str) -> None:
    nodes, _, _ = parse_dot(hostile_graph(name).to_dot())
    assert nodes["n1"]["label"].splitlines() == [name, "(2,) float64"]


# ---- files and notebooks --------------------------------------------------------------------------------------------


def test_save(tmp_path: Path) -> None:
    graph = build_graph(diamond())
    for suffix, text in [(".svg", graph.to_svg()), (".DOT", graph.to_dot()), (".txt", graph.to_text() + "\n")]:
        path = graph.save(tmp_path / f"graph{suffix}")
        assert path.read_bytes().decode("utf-8") == text
    assert graph.save(str(tmp_path / "other.svg")).exists()
    with pytest.raises(ValueError, match=r"expected a path ending in \.svg, \.dot, \.txt; received 'graph\.jpg'"):
        graph.save("graph.jpg")


def test_notebook_shows_picture_and_text() -> None:
    graph = build_graph(diamond())
    bundle = graph._repr_mimebundle_()
    assert bundle == {"text/plain": graph.to_text(), "image/svg+xml": graph.to_svg()}
    assert graph._repr_mimebundle_(include={"text/plain"}).keys() == {"text/plain"}
    assert graph._repr_mimebundle_(exclude=["text/plain"]).keys() == {"image/svg+xml"}
    assert graph._repr_svg_() == graph.to_svg()
    assert repr(graph) == "<Graph of 12 nodes, 10 of them operations; returns n11>"
    assert str(graph) == graph.to_text()


def test_tensors_find_their_picture() -> None:
    t = diamond()
    assert HOOKS.svg(t) == build_graph(t).to_svg()


# ---- large graphs ---------------------------------------------------------------------------------------------------


def chain(n: int) -> ag.Tensor:
    y = parameter("x")
    for _ in range(n):
        y = y + 1.0
    return y


def test_a_picture_shows_what_is_nearest_to_the_results() -> None:
    graph = build_graph(chain(2000))
    picture = graph.to_svg()
    assert picture.count('<g class="node') == 1500
    assert "2,501 of 4,001 nodes are not shown" in picture
    assert 'data-id="n4000"' in picture
    assert 'data-id="n0"' not in picture
    assert 'class="edge cut"' in picture
    assert "edge cut" not in build_graph(chain(700)).to_svg().partition("</style>")[2]
    for wrong in (0, 1501, -1):
        with pytest.raises(ValueError, match=f"from 1 to 1,500; received {wrong}"):
            graph.to_svg(max_nodes=wrong)


def test_a_window_has_no_gaps() -> None:
    graph = build_graph(SAMPLES["recurrent"]())
    for limit in range(1, len(graph) + 1):
        window = nearest_outputs(graph, limit)
        assert len(window.nodes) == limit
        assert window.hidden == len(graph) - limit
        shown = [node.id for node in window.nodes]
        assert shown == sorted(shown, key=lambda i: int(i[1:]))
        read = {source for node in window.nodes for source in node.inputs}
        assert set(shown) <= read | set(graph.outputs)
        assert graph.to_svg(max_nodes=limit).count('<g class="node') == limit


def test_a_window_shows_what_is_nearest_first() -> None:
    graph = build_graph(chain(20) * chain(20))
    shown = [int(node.id[1:]) for node in nearest_outputs(graph, 15).nodes]
    # The factors are nodes 0 to 40 and 41 to 81.
    assert (sum(i <= 40 for i in shown), sum(40 < i <= 81 for i in shown)) == (7, 7)
    assert [n.name for n in nearest_outputs(build_graph([parameter(c) for c in "abc"]), 2).nodes] == ["a", "b"]


def test_a_text_can_be_cut_too() -> None:
    graph = build_graph(chain(2000))
    text = graph.to_text(max_nodes=10)
    assert "# 3,991 of 4,001 nodes are not shown: those farthest from the results\n" in text
    assert len(text.splitlines()) < 13
    assert len(graph.to_text().splitlines()) == 2003
    assert graph._repr_mimebundle_()["text/plain"] == graph.to_text(max_nodes=1500)
