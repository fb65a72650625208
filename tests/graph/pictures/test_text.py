"""Listing and tree: golden files, the same bytes everywhere, and texts from which the graph can be read back."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, strategies as st

import autograd_lite as ag
from autograd_lite.graph import Graph, GraphNode, Kind, Program, build_graph
from autograd_lite.graph.marks import Mark, Overlay
from autograd_lite.ir.pen import columns

from ..samples import SAMPLES, diamond, parameter, perceptron
from ..test_faces import GOLDEN, names

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")

JOINT = {name: build_graph(sample(), backward=True) for name, sample in SAMPLES.items()}
FACES: dict[str, Callable[[str], str]] = {
    "txt": lambda name: build_graph(SAMPLES[name]()).to_text(),
    "backward.txt": lambda name: JOINT[name].to_text(),
    "tree.txt": lambda name: JOINT[name].to_text(style="tree"),
}


def chain(n: int) -> ag.Tensor:
    y = parameter("x")
    for _ in range(n):
        y = y + 1.0
    return y


# ---- golden files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", SAMPLES)
def test_golden(name: str, face: str) -> None:
    """To write the files anew, set AUTOGRAD_LITE_WRITE_GOLDEN=1, and look at what changed."""
    text = FACES[face](name) + "\n"
    file = GOLDEN / f"{name}.{face}"
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN") == "1":
        file.write_text(text, encoding="utf-8", newline="\n")
    assert text == file.read_bytes().decode("utf-8")


# ---- the listing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_listing_is_aligned_and_complete(sample) -> None:
    graph = build_graph(sample())
    header, *body, results = graph.to_text().splitlines()
    assert header == f"# {graph.summary()}"
    assert results == f"return {', '.join(graph.outputs)}"
    assert len({line.index(" : ") for line in body}) == 1
    calls = [line for line in body if graph[line.split()[0]].has_several]  # as long as they are
    assert len({line.index(" = ") for line in body if line not in calls}) <= 1
    assert len({line.index("  # ") for line in body if "  # " in line}) <= 1
    ids = [line.split()[0] for line in body]
    literals = [node.id for node in graph if node.value]
    assert sorted(ids + literals) == sorted(node.id for node in graph)


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


_ENTRY = re.compile(r"(n\d+) +: .*? = (\S+)(.*?)(?:  #.*)?$")


def listed(text: str) -> dict[str, tuple[str, list[str]]]:
    """Read a listing: for each id what it is and the ids it names."""
    entries = [_ENTRY.match(line) for line in text.splitlines()]
    return {m[1]: (m[2].partition("[")[0], re.findall(r"(?<= )n\d+\b", m[3])) for m in entries if m}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_listing_says_what_the_graph_says(name: str) -> None:
    graph = JOINT[name]
    entries = listed(graph.to_text())
    literals = {node.id for node in graph} - entries.keys()
    assert all(graph[i].value for i in literals)
    assert literals.isdisjoint(graph.outputs)
    for i, (said, inputs) in entries.items():
        node = graph[i]
        if node.result is not None:
            assert (said, inputs) == (node.inputs[0], [])
            continue
        assert said == (node.op or node.kind)
        if node.op:
            assert inputs == [source for source in node.inputs if source not in literals]


@pytest.mark.parametrize("name", SAMPLES)
def test_the_backward_pass_stands_under_a_line_of_its_own(name: str) -> None:
    graph = JOINT[name]
    before, _, after = graph.to_text().partition("# the backward pass\n")
    assert all(not graph[i].backward for i in listed(before))
    assert all(graph[i].backward for i in listed(after))
    assert bool(after) == bool(graph.flows)
    purposes = {line.split()[0]: line.partition("  # ")[2] for line in after.splitlines() if _ENTRY.match(line)}
    totals = {}
    for into, total in graph.cotangents.items():
        totals.setdefault(total, set()).add(into)
    for i, purpose in purposes.items():
        whose = set(re.findall(r"\bd (n\d+)", purpose.partition(",")[0]))
        assert whose == totals.get(i, {graph[i].toward})
        assert purpose.startswith("d " if i in totals else "for d ")


def test_gradients_stand_at_the_end_by_name() -> None:
    graph = JOINT["perceptron"]
    last = graph.to_text().splitlines()[-1]
    named = {graph[i].name: total for i, total in graph.gradients.items()}
    assert last == f"gradients {', '.join(f'{name}: {total}' for name, total in named.items())}"
    assert "gradients" not in build_graph(perceptron()).to_text()


def test_a_name_that_says_little_is_replaced_by_the_id() -> None:
    x, y, z = parameter("same"), parameter("same"), parameter("two words")
    graph = build_graph(x * y * z, backward=True)
    assert re.search(r"^gradients n0: n\d+, n1: n\d+, n3: n\d+$", graph.to_text(), re.MULTILINE)


def test_a_gradient_that_is_a_number_is_listed() -> None:
    graph = build_graph(parameter("x") + parameter("y"), backward=True)
    assert graph.to_text().splitlines()[-1] == "gradients x: n3, y: n3"
    assert re.search(r"^n3 +: \(\) float64 = constant 1.0 ", graph.to_text(), re.MULTILINE)


# ---- the tree -------------------------------------------------------------------------------------------------------

_BRANCH = re.compile(r"((?:│  |   |├─ |└─ |\|  |\|- |`- )*)(?:(n\d+)(?: = (.*)| \((above|below)\))|(?:…|\.\.\.) (.*))$")


def grown(text: str) -> tuple[dict[str, list[str]], list[str], dict[str, int]]:
    """Read a tree: the children of each node that is written out; the roots; how often each node is written out."""
    children: dict[str, list[str]] = {}
    roots, counts, above = [], {}, []
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = _BRANCH.match(line)
        assert match, line
        depth = len(match[1]) // 3
        del above[depth:]
        ids = [match[2]] if match[2] else match[5].split()
        if depth:
            children[above[-1]] += ids
        else:
            roots += ids
        above.append(ids[0])
        if match[3] is not None:
            counts[ids[0]] = counts.get(ids[0], 0) + 1
            children.setdefault(ids[0], [])
    return children, roots, counts


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("name", SAMPLES)
def test_a_tree_is_the_graph(name: str, ascii: bool) -> None:
    graph = JOINT[name]
    children, roots, counts = grown(graph.to_text(style="tree", ascii=ascii))
    assert set(counts.values()) == {1}
    assert set(dict.fromkeys([*graph.outputs, *graph.gradients.values()])) <= set(roots)
    literals = {node.id for node in graph if node.value}
    for i, found in children.items():
        assert found == [s for s in dict.fromkeys(graph[i].inputs) if s not in literals or s in children]
    reached, queue = set(), [*graph.outputs, *graph.gradients.values()]
    while queue:
        i = queue.pop()
        if i not in reached:
            reached.add(i)
            queue += graph[i].inputs
    assert reached - literals <= children.keys() <= reached


@pytest.mark.parametrize("limit", [1, 2, 5, 11])
@pytest.mark.parametrize("style", ["listing", "tree"])
def test_a_text_can_be_cut(style: str, limit: int) -> None:
    graph = JOINT["recurrent"]
    text = graph.to_text(style=style, max_nodes=limit)
    hidden = len(graph) - limit
    assert f"# {hidden:,} of {len(graph):,} nodes are not shown: those farthest from the results\n" in text
    shown = grown(text)[2] if style == "tree" else listed(text)
    assert graph.outputs[0] in shown
    assert len(shown) <= limit
    if style == "tree":
        children, _, counts = grown(text)
        literals = {node.id for node in graph if node.value}
        assert all(sorted(children[i]) == sorted({*graph[i].inputs} - literals) for i in counts)
    with pytest.raises(ValueError, match="expected max_nodes of 1 or more"):
        graph.to_text(style=style, max_nodes=0)


def test_a_cut_text_has_something_of_both_passes() -> None:
    graph = JOINT["perceptron"]
    shown = [graph[i].backward for i in listed(graph.to_text(max_nodes=12))]
    assert len(set(shown)) == 2


def test_a_deep_tree_goes_on_below_and_does_not_recurse() -> None:
    graph = build_graph(chain(12_000))
    text = graph.to_text(style="tree")
    assert max(map(len, text.splitlines())) < 100
    _, roots, counts = grown(text)
    assert len(counts) == 12_001
    assert set(counts.values()) == {1}
    assert len(roots) == len(set(roots)) > 200
    assert len(graph.to_text().splitlines()) == 12_003


def test_what_two_branches_need_goes_on_below_once() -> None:
    shared = np.sin(chain(40))
    graph = build_graph(np.cos(shared) * np.tan(shared))
    counts = grown(graph.to_text(style="tree"))[2]
    assert set(counts.values()) == {1}
    assert len(counts) == 45


@pytest.mark.parametrize("name", SAMPLES)
def test_a_part_of_a_graph_has_its_texts(name: str) -> None:
    graph = JOINT[name]
    for node in graph:
        part = graph.around(node.id, 1)
        listing, tree = part.to_text(), part.to_text(style="tree")
        assert listed(listing).keys() <= {n.id for n in part}
        assert set(grown(tree)[2].values()) <= {1}
        assert Graph.from_json(part.to_json()) == part
        assert part.to_model_explorer()


# ---- manners --------------------------------------------------------------------------------------------------------


@given(names, names, names, st.booleans(), st.sampled_from(["listing", "tree"]))
def test_a_name_cannot_break_a_text(name: str, op: str, scope: str, ascii: bool, style: str) -> None:
    dtype = np.dtype(float)
    x = GraphNode("n0", Kind.INPUT, "", "", (), (), (2,), dtype, name)
    y = GraphNode("n1", Kind.OP, op, op[:1], ("n0",), (), (2,), dtype, name, scope=scope)
    graph = Graph((x, y), ("n1",))
    text = graph.to_text(style=style, ascii=ascii, sources=True, color=False)
    assert len(text.splitlines()) == (4 if style == "listing" else 3)
    assert text.encode("utf-8")
    assert "\x1b" not in text
    assert text.isascii() or not ascii
    colored = graph.to_text(style=style, ascii=ascii, sources=True, color=True)
    assert [line.rstrip(" ") for line in ESCAPES.sub("", colored).split("\n")] == text.split("\n")


@given(st.sampled_from(sorted(SAMPLES)), st.integers(4, 120), st.booleans(), st.sampled_from(["listing", "tree"]))
def test_no_line_is_wider_than_asked(name: str, width: int, ascii: bool, style: str) -> None:
    text = JOINT[name].to_text(style=style, width=width, ascii=ascii)
    whole = JOINT[name].to_text(style=style, ascii=ascii)
    more = "..." if ascii else "…"
    for line, full in zip(text.split("\n"), whole.split("\n"), strict=True):
        assert columns(line) <= width
        assert line == full or (columns(full) > width and full.startswith(line.removesuffix(more).rstrip(" ")))


def test_wide_characters_take_two_columns() -> None:
    assert columns("漢字e\u0301") == 5
    graph = build_graph(np.sin(parameter("漢字漢字漢字漢字漢字")))
    for width in range(4, 60):
        assert all(columns(line) <= width for line in graph.to_text(width=width).split("\n"))


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "colors"),
    [
        (_Terminal(), {}, True),
        (_Terminal(), {"NO_COLOR": "1"}, False),
        (_Terminal(), {"NO_COLOR": ""}, True),
        (_Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
    ],
)
def test_colors_are_for_terminals(monkeypatch, stream, environment, colors) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    graph = JOINT["diamond"]
    monkeypatch.setattr(sys, "stdout", stream)
    asked, plain, text = graph.to_text(color=None), graph.to_text(), str(graph)
    monkeypatch.undo()
    assert ("\x1b[" in asked) is colors
    assert plain == text == ESCAPES.sub("", plain)


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(ValueError, match="expected style 'listing' or 'tree'; received 'table'"):
        JOINT["diamond"].to_text(style="table")


# ---- what is added --------------------------------------------------------------------------------------------------


def test_measured_numbers_stand_in_columns() -> None:
    x = ag.tensor([2.0, -3.0, 0.0], requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        y = np.log(x).sum()
    graph = Program.build(y, backward=True).measure(seconds=True)
    text = graph.to_text()
    titles = text.splitlines()[1]
    assert titles.split() == ["#", "#", "low", "high", "|d|", "not", "finite", "time"]
    for node in (node for node in graph if not node.value):
        line = next(line for line in text.splitlines() if line.startswith(f"{node.id} "))
        cells = line.partition("  # ")[2]
        if node.op == "log":
            assert cells.split()[:-2] == ["0.693", "0.693", "1.73", "1", "NaN,", "1", "inf"]
        if node.name == "x":
            assert cells.split()[:2] == ["-3", "2"]
            assert not cells.rstrip().endswith("s")  # a slot takes no time
            assert line[: titles.index("low") + 3].endswith(" -3")
    tree = graph.to_text(style="tree", ascii=True)
    assert "# -3 ... 2" in tree
    assert "us" in tree or "ns" in tree
    assert "\x1b[1;31m" in graph.to_text(color=True)
    assert "low" not in JOINT["diamond"].to_text()


@pytest.mark.parametrize("style", ["listing", "tree"])
def test_an_overlay_is_written(style: str) -> None:
    graph = build_graph(diamond())
    marks = {"n3": Mark(look="nan", badge="NaN", note="first of them"), "n9": Mark(note="a number")}
    text = graph.to_text(style=style, overlay=Overlay("bytes saved", ("12 B in all", "two\nlines"), marks))
    head = text.splitlines()[1:4]
    assert head == ["# bytes saved", "# 12 B in all", "# two lines"]
    assert re.search(r"\bn3 .*multiply n1 n2.*  # \[NaN\] first of them$", text, re.MULTILINE)
    assert graph["n9"].value == "3.0"
    assert re.search(r"\bn9 .*= constant 3\.0 .*# a number$", text, re.MULTILINE)
    assert re.search(r"multiply n9 n3", text)
