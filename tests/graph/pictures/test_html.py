"""The page as a file: what is in it, that nothing of the user's can break out of its place, and that it loads nothing.

What it does in a browser is tested in `browser/`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
from autograd_lite.graph import Graph, Program, build_graph
from autograd_lite.graph.marks import Mark, Overlay
from autograd_lite.graph.pictures.folding.fold import view_of
from autograd_lite.graph.pictures.page.groups import group_nodes
from autograd_lite.ir.graph_node import number_of
from autograd_lite.ir.node_labels import clip, op_text, result_types

from ..large import irregular, transformer
from ..samples import HOSTILE, SAMPLES, perceptron, recurrent

ROOT = Path(__file__).resolve().parents[3]


class Page(HTMLParser):
    """The elements of a page, as a browser finds them: scripts end at the first end tag, whatever is in them."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, text: str) -> None:
        self.texts.append((self._open[-1] if self._open else "", text))

    def count(self, tag: str) -> int:
        return sum(t == tag for t, _ in self.elements)

    def by_id(self, name: str) -> str:
        tags = [tag for tag, attrs in self.elements if attrs.get("id") == name]
        assert len(tags) == 1
        return tags[0]


def data_of(text: str) -> dict:
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert len(found) == 1
    return json.loads(found[0], parse_constant=pytest.fail)


@pytest.fixture(scope="module")
def page() -> str:
    return build_graph(perceptron(), backward=True).to_html()


# ---- what is in it --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("backward", [False, True])
def test_the_data_is_the_graph(name, backward) -> None:
    made = SAMPLES[name]()
    tensors = [made] if isinstance(made, ag.Tensor) else made
    if backward and not any(t.requires_grad for t in tensors):
        pytest.skip("nothing to differentiate")
    graph = build_graph(made, backward=backward)
    data = data_of(graph.to_html())
    assert len(data["nodes"]) == len(graph)
    for node, told in zip(graph, data["nodes"], strict=True):
        assert [f"n{i}" for i in told.get("inputs", [])] == list(node.inputs)
        assert told.get("op", "") == op_text(node, graph)
        assert told.get("result", 0) - 1 == (-1 if node.result is None else node.result)
        assert [text for _, text in told.get("results", [])] == result_types(node)
        assert told.get("kind", "op") == node.kind
        assert told.get("bytes", 0) == node.nbytes
        assert told.get("flops", 0) == node.flops
        assert bool(told.get("role")) == node.backward
        assert told.get("of", 0) - 1 == (int(node.of[1:]) if node.of else -1)
    assert [f"n{i}" for i in data["outputs"]] == list(graph.outputs)
    assert len(data["flows"]) == len(graph.flows)


def test_measured_numbers_are_in_it() -> None:
    graph = Program.build(perceptron(), backward=True).measure(values=True, seconds=True)
    for node, told in zip(graph, data_of(graph.to_html())["nodes"], strict=True):
        values, gradient, seconds = graph.measurement(node.id)
        if values is not None and values.finite:
            assert told["values"] == list(values)
        if gradient is not None:
            assert told["gradient"] == list(gradient)
        assert told.get("seconds") == seconds


def test_numbers_that_json_has_no_word_for() -> None:
    x = ag.tensor([np.nan, np.inf], requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        graph = Program.build((x * 0.0).sum(), backward=True).measure()
    told = data_of(graph.to_html())["nodes"][0]["values"]
    assert told[7:] == [1, 1]
    assert told[1] == "nan"


def test_overlays_are_in_it() -> None:
    graph = build_graph(perceptron())
    overlay = Overlay("cost", ("10 in all",), {"n4": Mark("nan", "NaN", "first", ("log(0)",), 0.5)}, {"n4": 10.0}, "B")
    (told,) = data_of(graph.to_html(overlay=overlay))["overlays"]
    mark = {"look": "nan", "badge": "NaN", "note": "first", "tip": ["log(0)"], "weight": 0.5}
    assert told == {"title": "cost", "caption": ["10 in all"], "marks": {"4": mark}, "totals": {"4": 10.0}, "unit": "B"}
    several = data_of(graph.to_html(overlay=[overlay, Overlay("other")], diff=Overlay("diff")))["overlays"]
    assert [o.get("title") for o in several] == ["diff", "cost", "other"]


# ---- frames ---------------------------------------------------------------------------------------------------------


def _ops(graph: Graph) -> list[str]:
    return [node.id for node in graph if node.kind == "op" and not node.backward]


@pytest.mark.parametrize("blocks", [2, 5])
def test_blocks_are_folded_from_three_on(blocks) -> None:
    graph = build_graph(transformer(blocks), backward=True)
    groups, _ = group_nodes(graph)
    repeats = [g for g in groups if g.kind == "repeat"]
    assert [g.times for g in repeats if g.parent < 0] == ([blocks] if blocks > 2 else [])


@pytest.mark.parametrize("backward", [False, True])
def test_no_frame_reads_from_itself_through_another(backward: bool) -> None:
    for make in (lambda: transformer(4), lambda: irregular(700), perceptron):
        graph = build_graph(make(), backward=backward)
        groups, homes = group_nodes(graph)
        around: list[set[int]] = [{-1} for _ in homes]
        for k, home in enumerate(homes):
            while home >= 0:
                around[k].add(home)
                assert groups[home].parent < home
                home = groups[home].parent
        left: list[set[int]] = [set() for _ in homes]  # the frames that a value comes from, after leaving them
        for k, node in enumerate(graph.nodes):
            if not node.backward:
                for source in map(number_of, node.inputs):
                    left[k] |= left[source] | (around[source] - around[k])
                assert left[k].isdisjoint(around[k])


def test_the_page_begins_with_the_boxes_of_the_picture() -> None:
    """The same titles, lines and slots, whatever opens inside."""
    for make in (lambda: transformer(6), lambda: irregular(700), lambda: recurrent(40)):
        graph = build_graph(make())
        groups, homes = group_nodes(graph)
        boxes: dict[int, list[str]] = {}
        for node, home in zip(graph.nodes, homes, strict=True):
            shut = -1
            while home >= 0:
                shut, home = home if groups[home].shut else shut, groups[home].parent
            boxes.setdefault(shut, []).append(node.id)
        seen = [(clip(groups[k].name, 36), frozenset(ids)) for k, ids in boxes.items() if k >= 0]
        view = view_of(graph)
        assert Counter(seen) == Counter((box.lines[0], frozenset(box.members)) for box in view.nodes if box.members)
        assert set(boxes.get(-1, ())) == {i for box in view.nodes if not box.members for i in box.nodes}


def test_a_long_chain_without_modules_is_cut_into_parts() -> None:
    x = ag.tensor(0.5, requires_grad=True)
    for i in range(12_000):
        x = np.sin(x) if i % 7 else np.cos(x) * (1.0 + i)
    groups, homes = group_nodes(build_graph(x))
    inside = [0] * (len(groups) + 1)
    for home in homes:
        inside[home] += 1
    for group in groups:
        inside[group.parent] += 1
    assert max(inside) <= 250


def test_the_backward_pass_stands_in_the_frames_of_its_ops() -> None:
    graph = build_graph(perceptron(), backward=True)
    _, homes = group_nodes(graph)
    for node, home in zip(graph, homes, strict=True):
        if node.backward and node.of in _ops(graph):
            assert home == homes[int(node.of[1:])]


# ---- a file of its own ----------------------------------------------------------------------------------------------


def test_it_loads_nothing(page) -> None:
    for tag, attrs in Page(page).elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "audio", "video", "source")
        assert not attrs.keys() & {"src", "href", "srcset", "action", "poster", "background"}, (tag, attrs)
    assert re.findall(r"\bhttps?:[^'\"\s]*", page) == ["http://www.w3.org/2000/svg"] * page.count(
        "http://www.w3.org/2000/svg"
    )
    for word in ("fetch(", "XMLHttpRequest", "WebSocket", "EventSource", "sendBeacon", "import(", "@import", "url("):
        assert word not in page, word


def test_its_policy_forbids_loading(page) -> None:
    (policy,) = [a["content"] for t, a in Page(page).elements if a.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'unsafe-inline'"
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    assert not any("http" in rule or "*" in rule or "self" in rule for rule in rules.values())
    text = page.index("Content-Security-Policy")
    assert all(text < page.index(f"<{tag}") for tag in ("style", "script", "body"))


def test_its_size(page) -> None:
    assert len(page.encode()) < 150_000
    assert len(json.dumps(data_of(page))) < 40_000


def test_the_files_of_the_page_are_packaged() -> None:
    folder = ROOT / "autograd_lite" / "graph" / "pictures" / "page"
    names = {path.suffix for path in folder.iterdir() if path.is_file()}
    assert {".html", ".css", ".js"} <= names
    for path in folder.glob("*.js"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 600


# ---- hostile names --------------------------------------------------------------------------------------------------

names = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=40))


def hostile_graph(name: str, value: str) -> Graph:
    """A graph with a text of the user's wherever there can be one."""
    with ag.record_source(), ag.extend.module_scope(f"{value}.{name}"):
        x = ag.tensor([1.0, 2.0], requires_grad=True, name=name)
        y = (x * ag.tensor([3.0, 4.0], name=value)).sum()
    y.name = name
    graph = build_graph(y, backward=True)
    nodes = tuple(
        replace(n, source=n.source._replace(file=f"/tmp/{name}", function=value) if n.source else None) for n in graph
    )
    return replace(graph, nodes=nodes)


@settings(max_examples=150)
@given(names, names)
def test_no_text_of_the_users_breaks_out(name, value) -> None:
    overlay = Overlay(name, (value,), {"n0": Mark("", name, value, (name, value))}, {}, "")
    explain = {"steps": [], "forward": [], "targets": [], "notes": [name, {"k": value}], name: value}
    graph = hostile_graph(name, value)
    text = graph.to_html(overlay=overlay, explain=explain, title=name)
    found, plain = Page(text), Page(hostile_graph("x", "y").to_html(title="t"))
    assert [tag for tag, _ in found.elements] == [tag for tag, _ in plain.elements]
    assert [sorted(attrs) for _, attrs in found.elements] == [sorted(attrs) for _, attrs in plain.elements]
    data = data_of(text)
    raw = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert raw is not None
    assert not set(raw[1]) & set("<>&\u2028\u2029\x00")
    assert len(data["nodes"]) == len(graph)
    text.encode("utf-8")


def test_a_mark_of_the_template_in_a_name_is_no_mark() -> None:
    text = build_graph(ag.tensor(1.0, requires_grad=True, name="@@data@@") * 2.0).to_html(title="@@style@@")
    assert data_of(text)["nodes"][0]["name"] == "@@data@@"
    assert "<title>@@style@@</title>" in text


# ---- notebooks ------------------------------------------------------------------------------------------------------


def test_show_puts_the_page_into_a_frame() -> None:
    graph = build_graph(ag.tensor(1.0, requires_grad=True, name='"></iframe><script>') * 2.0)
    shown = Page(graph.show(height=321)._repr_html_())
    assert [tag for tag, _ in shown.elements] == ["iframe"]
    attrs = shown.elements[0][1]
    assert attrs["srcdoc"] == graph.to_html()
    assert "height:321px" in (attrs["style"] or "")
    assert set((attrs["sandbox"] or "").split()) == {"allow-scripts", "allow-downloads"}


def test_a_part_of_a_graph_has_no_page() -> None:
    whole = build_graph(SAMPLES["perceptron"]())
    with pytest.raises(ValueError, match=r"to_html: expected a whole graph.*; received a part"):
        whole.around("n14", 1).to_html()
    assert whole.to_html()
