"""What analyses find, as files: one mechanism, by the ending of the path."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.graph import Program, build_graph, diff, find_nan, gradient_health, view_of

PICTURES = {".svg": b"<svg", ".png": b"\x89PNG", ".pdf": b"%PDF", ".html": b"<!doctype html>", ".dot": b"digraph"}
TEXTS = (".txt", ".md", ".json")


def loss(function: Callable[[Any], Any], name: str = "w") -> ag.Tensor:
    return (function(ag.tensor([[1.0, -1.0]], requires_grad=True, name=name)) * 2.0).sum()


def nan_report() -> Any:
    with np.errstate(all="ignore"):
        return find_nan(loss(lambda w: np.log(ag.relu(w))))


REPORTS: Mapping[str, Callable[[], Any]] = {
    "NanReport": nan_report,
    "Health": lambda: gradient_health(loss(ag.relu)),
    "GraphDiff": lambda: diff(build_graph(loss(np.tanh), backward=True), build_graph(loss(np.sin), backward=True)),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_saved_as_text_and_data(name: str, tmp_path: Path) -> None:
    report = REPORTS[name]()
    text, page, data = (report.save(tmp_path / f"report{ending}").read_text("utf-8") for ending in TEXTS)
    assert text == f"{report}\n"
    assert json.loads(data) == report.as_dict()
    assert page == (f"{report.to_markdown()}\n" if hasattr(report, "to_markdown") else f"```text\n{report}\n```\n")
    with pytest.raises(ValueError, match=r"expected no options of \.json; received title"):
        report.save(tmp_path / "more.json", title="x")
    assert not (tmp_path / "more.json").exists()


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_is_saved_as_a_picture_with_its_marks(name: str, tmp_path: Path) -> None:
    report = REPORTS[name]()
    for ending, head in PICTURES.items():
        assert report.save(tmp_path / f"report{ending}").read_bytes().startswith(head), ending
    words = {"NanReport": "first non-finite: log(0)", "Health": "dead", "GraphDiff": "− removed"}[name]
    assert words in (tmp_path / "report.svg").read_text("utf-8")
    dark = report.save(tmp_path / "dark.png", theme="dark", dpi=96)
    assert dark.read_bytes() != (tmp_path / "report.png").read_bytes()
    with pytest.raises(ValueError, match=r"expected a path ending in \.svg, .*; received '\.gif'"):
        report.save(tmp_path / "report.gif")


def test_without_a_graph_the_error_says_how_to_draw_it(tmp_path: Path) -> None:
    w = ag.tensor([1.0], requires_grad=True, name="w")
    (w * w).sum().backward()
    with pytest.raises(ValueError, match=r"Health\.save: .* received '\.svg'\. Its gradients .* overlay=health"):
        gradient_health([w]).save(tmp_path / "health.svg")
    assert not list(tmp_path.iterdir())


def test_facts_without_a_graph() -> None:
    facts = nan_report().as_dict()
    assert {"op": "log", "reason": "log(0)", "index": [0, 1]}.items() <= facts.items()
    assert "graph" not in facts
    (row,) = gradient_health(loss(np.sin)).as_dict()["parameters"]
    assert (row["name"], row["shape"]) == ("w", [1, 2])


def test_a_plan_is_saved(tmp_path: Path) -> None:
    compiled = ag.compile(lambda a: np.sin(a) * a + 1.0)
    for _ in range(3):
        compiled(np.ones(5))
    plan = compiled.plan()
    assert repr(plan).startswith("<Plan of 3 calls, an arena of ")
    assert plan.save(tmp_path / "plan.txt").read_text("utf-8") == f"{plan}\n"
    for ending in (".svg", ".png", ".pdf"):
        assert plan.save(tmp_path / f"plan{ending}").read_bytes().startswith(PICTURES[ending])
    with pytest.raises(ValueError, match=r"ending in \.svg, \.txt, \.png, \.pdf; received '\.json'"):
        plan.save(tmp_path / "plan.json")


@pytest.mark.parametrize("name", REPORTS)
def test_a_notebook_shows_the_text_and_a_small_graph_below(name: str) -> None:
    report = REPORTS[name]()
    text, picture = re.fullmatch(
        r"<pre[^>]*>(.*)</pre>\n<img [^>]* src=\"([^\"]*)\">", report._repr_html_(), re.S
    ).groups()
    assert html.unescape(text) == str(report)
    assert unquote(picture).startswith("data:image/svg+xml;charset=utf-8,<svg")


def test_numbers_about_a_graph_are_text_in_a_notebook() -> None:
    w = ag.tensor([1.0], requires_grad=True, name="w")
    (w * w).sum().backward()
    deep = w
    for _ in range(100):
        deep = np.sin(deep)
    graph = build_graph(deep)
    for report in (gradient_health([w]), gradient_health(deep), graph.cost(), graph.memory()):
        shown = re.sub(r" style=\"[^\"]*\"", "", report._repr_html_())
        assert html.unescape(shown) == f"<pre>{report}</pre>"


def test_a_repr_is_short() -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True, name="x")
    graph = build_graph(x * x)
    program = Program.trace(lambda a, b: a * b, np.ones(2), np.ones(2))
    expected = {
        "<GraphNode n0: (2,) float64 = parameter x>": graph["n0"],
        "<GraphNode n1: (2,) float64 = multiply n0 n0>": graph["n1"],
        "<Program of 3 nodes, 1 of them operations; takes a, b; returns n2>": program,
        "<Program of 2 nodes, 1 of them operations; returns n1>": Program.build(x * x),
        "<Overlay of 1 mark: floating-point operations>": graph.cost().overlay(),
        "<View of 2 boxes and 2 lines: Computation graph>": view_of(graph),
    }
    assert {repr(thing) for thing in expected.values()} == expected.keys()
