"""Mermaid: golden files, the limits, and what the real npm package `mermaid` understands of them."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from autograd_lite.graph import Graph, build_graph
from autograd_lite.graph.marks import Mark, Overlay
from autograd_lite.graph.pictures.folding.fold import view_of
from autograd_lite.graph.pictures.mermaid import MOST_CHARACTERS, MOST_EDGES, mermaid_text
from autograd_lite.graph.pictures.style import LOOKS, THEMES
from autograd_lite.graph.pictures.view import EdgeKind, View, ViewEdge, ViewNode

from ..large import chain, deep_perceptron, irregular, transformer
from ..samples import HOSTILE, diamond, perceptron
from ..test_faces import GOLDEN, ROLES, hostile_graph, names
from .test_dot import CASES, sample

# What means something to Mermaid, to Markdown or to KaTeX.
WORDS = [
    "end", "graph", "flowchart TD", "direction LR", "a direction  TB b", "direction\u00a0RL", "style x:y #a;",
    "classDef a:b #;", "linkStyle 0", "click n0", "call()", "href", "accTitle: x", "accDescr { x }", "default",
    "%%{init: {}}%%", "%% x", "---", "--- title: x ---", "x@{ shape: circle }", ":::op", "fa:fa-user", "$$x^2$$",
    "`code`", "**bold**", "__init__", "_it_", "~~x~~", "1. list", "1) list", "- list", "+ list", "* list", "# head",
    "> quote", "    code", "![x](y)", "[x](http://a)", "<b>hi</b>", "#quot;", "#35;", "&amp;", "a\\nb", "a<br/>b",
    "o--o", "x --- y", "-.->", "ﬂ°°35¶ß", "A & B", "subgraph s0", "'", "^", "a|b|c", "}}", "))", "]]", "/\\",
]  # fmt: skip
words = st.one_of(names, st.sampled_from(WORDS), st.lists(st.sampled_from(WORDS), min_size=2, max_size=3).map(" ".join))


@pytest.mark.parametrize(("name", "backward"), CASES)
def test_golden(name: str, backward: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """To write the files anew, set AUTOGRAD_LITE_WRITE_GOLDEN=1, and look at what changed."""
    monkeypatch.setitem(THEMES, "light", ROLES)
    text = sample(name, backward).to_mermaid(fold=name == "blocks")
    file = GOLDEN / f"{name}{'.backward' if backward else ''}.mmd"
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN") == "1":
        file.write_text(text, encoding="utf-8", newline="\n")
    assert text == file.read_bytes().decode("utf-8")


@pytest.mark.parametrize("make", [transformer, deep_perceptron, irregular, lambda: chain(3000)])
@pytest.mark.parametrize("options", [{}, {"fold": False}, {"depth": 9}, {"limit": 1500, "fold": False}])
def test_it_folds_itself_below_the_limits_and_says_so(make: Any, options: Any) -> None:
    text = build_graph(make(), backward=True).to_mermaid(**options)
    assert len(text) <= MOST_CHARACTERS
    assert len(re.findall(r"(?m)^\w+ -", text)) <= MOST_EDGES
    (caption,) = re.findall(r'(?m)^caption\["(.*)"\]', text)
    assert "collapsed" in caption or "are not shown" in caption


def test_long_names_do_not_break_the_limit() -> None:
    """200 boxes with names of 10,000 signs, each of which must be written as a number."""
    nodes = tuple(ViewNode(f"n{i}", "op", ("<" * 10_000,) * 3) for i in range(200))
    assert len(mermaid_text(View(nodes, ()))) < 200 * 1000


def test_what_is_small_is_drawn_whole_even_beyond_the_default() -> None:
    graph = build_graph(transformer(3))
    whole = graph.to_mermaid(fold=False)
    assert "caption" not in whole
    assert len(re.findall(r"(?m)^ +n\d+\W", whole)) == len(graph)


@pytest.mark.parametrize("theme", THEMES)
def test_overlays_are_seen(theme: Any) -> None:
    graph = build_graph(perceptron())
    marks = {"n2": Mark("nan", "NaN", "log(0)"), "n4": Mark(weight=0.95)}
    text = graph.to_mermaid(overlay=Overlay("cost", ("all: 3 B",), marks), theme=theme)
    assert 'n2{{"@ matmul #91;NaN#93;<br/>(128, 512) float32<br/>log(0)"}}:::nan' in text.replace("#64;", "@")
    assert f"classDef op_9 fill:{THEMES[theme].heat[9]}," in text
    assert 'caption["cost<br/>all#58; 3 B"]' in text
    with pytest.raises(ValueError, match="expected a theme among light, dark; received 'sepia'"):
        graph.to_mermaid(theme="sepia")  # type: ignore[arg-type]


@given(words)
def test_a_label_holds_no_sign_that_means_something(name: str) -> None:
    text = hostile_graph(name, name, name).to_mermaid()
    assert text.encode("utf-8")
    for label in re.findall(r'"(.*?)"', text):
        bare = re.sub(r"#\d+;|<br/>", "", label)
        assert not set(bare) & set("\"'`#;<>&[]{}|\\$%@:!?*~^+")
        assert "direction " not in bare
    modules = name.count(".") + 1 if name else 0
    assert len(text.splitlines()) == 11 + 2 * modules + 2 * (modules > 0)


# ---- the real package -----------------------------------------------------------------------------------------------

_PACKAGES = ["mermaid@11.17.0", "jsdom@26.1.0"]


@pytest.fixture(scope="session")
def mermaid_home() -> Path:
    """Install the packages once for each version, outside of the repository."""

    def without(reason: str) -> None:
        if os.environ.get("AUTOGRAD_LITE_REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)

    npm = shutil.which("npm")
    if shutil.which("node") is None or npm is None:
        without("node and npm are not installed: apt-get install nodejs npm")
    home = Path(tempfile.gettempdir()) / f"autograd_lite-{'-'.join(_PACKAGES)}"
    if not (home / "node_modules" / "jsdom").exists() or not (home / "done").exists():
        home.mkdir(exist_ok=True)
        (home / "package.json").write_text("{}")
        command = [str(npm), "install", "--no-audit", "--no-fund", "--ignore-scripts", *_PACKAGES]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=300)
        if done.returncode:
            without(f"npm cannot install {', '.join(_PACKAGES)}: {done.stderr[-300:]}")
        (home / "done").write_text("")
    return home


def parsed(home: Path, texts: list[str]) -> list[dict[str, Any]]:
    """Let the package parse texts, all in one process: starting it takes longer than parsing a hundred."""
    done = subprocess.run(
        ["node", str(Path(__file__).with_name("mermaid_check.cjs"))],
        input=json.dumps(texts),
        env={**os.environ, "MERMAID_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = json.loads(done.stdout)
    assert len(found) == len(texts)
    return found


def understood(home: Path, texts: list[str]) -> list[dict[str, Any]]:
    """Let the package parse texts, none of which may be an error."""
    found = parsed(home, texts)
    for text, one in zip(texts, found, strict=True):
        assert "error" not in one, f"{one}\n{text}"
    return found


def shown(text: str) -> list[str]:
    """Return the lines of a label as Mermaid draws it: it writes entities in signs of its own until then."""
    return [html.unescape(re.sub("ﬂ°°(.*?)¶ß", r"&#\1;", line)) for line in text.split("<br>")]


def assert_same(one: dict[str, Any], view: View) -> None:
    """Compare what Mermaid understood with the View."""
    extra = {i for i in one["nodes"] if i == "caption" or i.startswith("cut")}
    assert set(one["nodes"]) - extra == {node.id for node in view.nodes}
    assert Counter((a, b) for a, b, *_ in one["edges"] if a not in extra) == Counter(
        (edge.source, edge.target) for edge in view.edges
    )
    kinds = [(stroke, arrow) for a, _, stroke, arrow, _ in one["edges"] if a not in extra]
    wanted = {
        EdgeKind.DATA: ("normal", "arrow_point"),
        EdgeKind.GRADIENT: ("dotted", "arrow_point"),
        EdgeKind.SAVED: ("dotted", "arrow_open"),
    }
    assert kinds == [wanted[edge.kind] for edge in view.edges]
    for node in view.nodes:
        is_result = node.is_output and node.look != "output"
        assert one["classes"][node.id] == [node.look, *["result"] * is_result]
        first, *rest = shown(one["nodes"][node.id])
        badge = node.badge or LOOKS[node.look].glyph
        assert node.lines[0].strip() in first
        assert [line for line in rest if line != f"[{badge}]"] == list(node.lines[1:])
        assert f"[{badge}]" in (first, *rest) or first.endswith(f" [{badge}]") or not badge
    inside = {node.id: node.scope for node in view.nodes if node.scope}
    in_groups = [i for _, members in one["groups"] for i in members if i in inside]
    assert sorted(in_groups) == sorted(inside)
    for title, members in one["groups"]:
        assert {shown(title)[0]} >= {inside[i][-1] for i in members if i in inside}


@pytest.mark.ci
def test_mermaid_understands_every_golden_file(mermaid_home: Path) -> None:
    graphs = [sample(name, backward) for name, backward in CASES]
    graphs.append(build_graph(transformer(), backward=True))
    for graph, one in zip(graphs, understood(mermaid_home, [g.to_mermaid() for g in graphs]), strict=True):
        assert_same(one, view_of(graph))


@pytest.mark.ci
def test_mermaid_understands_what_is_cut_and_every_look(mermaid_home: Path) -> None:
    looks = View(
        tuple(ViewNode(f"n{i}", look, (look,)) for i, look in enumerate(LOOKS)),
        tuple(ViewEdge("n0", f"n{i + 1}", kind, "a label", 1) for i, kind in enumerate(EdgeKind)),
        caption=("1 operation", "more"),
        cut=("n3", "n4"),
    )
    cut = view_of(build_graph(irregular(800)), fold=False, limit=50)
    for view, one in zip((looks, cut), understood(mermaid_home, [mermaid_text(looks), mermaid_text(cut)]), strict=True):
        assert_same(one, view)
        assert [b for a, b, *_ in one["edges"] if a.startswith("cut")] == list(view.cut)


@pytest.mark.ci
def test_mermaid_understands_hostile_names(mermaid_home: Path) -> None:
    graphs = [hostile_graph(name, name, name) for name in [*HOSTILE, *WORDS]]
    for graph, one in zip(graphs, understood(mermaid_home, [g.to_mermaid() for g in graphs]), strict=True):
        assert set(one["nodes"]) == {"n0", "n1", "n2"}
        assert [(a, b) for a, b, *_ in one["edges"]] == [("n0", "n2"), ("n1", "n2")]
        wanted = view_of(graph).nodes[0].lines[0].replace("\u00a0", " ").strip() or "\u00a0"
        assert shown(one["nodes"]["n0"])[0] == wanted


@pytest.mark.ci
def test_mermaid_understands_any_name(mermaid_home: Path) -> None:
    """Graphs are collected first and parsed together: starting node takes longer than parsing a hundred."""
    graphs: list[Graph] = []

    @settings(max_examples=300, deadline=None, database=None)
    @given(words, words, words)
    def collect(name: str, op: str, scope: str) -> None:
        graphs.append(hostile_graph(name, op, scope))

    collect()
    for graph, one in zip(graphs, understood(mermaid_home, [g.to_mermaid() for g in graphs]), strict=True):
        assert_same_topology(graph, one)


def assert_same_topology(graph: Graph, one: dict[str, Any]) -> None:
    assert set(one["nodes"]) == {node.id for node in graph}
    assert [(a, b) for a, b, *_ in one["edges"]] == [("n0", "n2"), ("n1", "n2")]


@pytest.mark.ci
def test_the_check_sees_what_is_wrong(mermaid_home: Path) -> None:
    text = build_graph(diamond()).to_mermaid()
    broken = [text.replace("n3", "end", 1), text.replace('("sin', "(sin(", 1), text.replace("flowchart TD", "flow")]
    assert ["error" in one for one in parsed(mermaid_home, [text, *broken])] == [False, True, True, True]
