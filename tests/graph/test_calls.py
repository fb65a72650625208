"""Graphs with calls of operations that have several results: every view shows each call once, with its results."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.core.op import OPS, Rule
from autograd_lite.graph import Graph, Program, build_graph, diff, explain, find_nan, gradient_health, view_of
from autograd_lite.testing import GradientMismatch, check_grads

from .calls import CALLS, all_results, between_calls, one_result, polar, polar_of


def total(name: str) -> Tensor:
    made = CALLS[name]()
    return made if isinstance(made, Tensor) else sum(t.sum() for t in made)  # type: ignore[return-value]


def graph_of(name: str) -> Graph:
    program = Program.build(total(name), backward=True)
    return Graph.of(program.measure(seconds=True))


VIEWS: dict[str, Callable[[str], str]] = {
    "text": lambda name: graph_of(name).to_text(sources=True),
    "tree": lambda name: graph_of(name).to_text(style="tree"),
    "repr": lambda name: repr(graph_of(name)) + graph_of(name).summary(),
    "svg": lambda name: graph_of(name).to_svg(),
    "values": lambda name: graph_of(name).to_svg(overlay="values"),
    "shut": lambda name: graph_of(name).to_svg(depth=0),
    "dot": lambda name: graph_of(name).to_dot(),
    "mermaid": lambda name: graph_of(name).to_mermaid(),
    "mirror": lambda name: graph_of(name).to_mirror(),
    "page": lambda name: graph_of(name).to_html(explain=explain(total(name))),
    "model explorer": lambda name: graph_of(name).to_model_explorer(),
    **{by: lambda name, by=by: str(graph_of(name).cost(by)) for by in ("flops", "bytes", "saved", "time")},
    **{f"{by} shown": lambda name, by=by: graph_of(name).to_svg(overlay=by) for by in ("bytes", "saved", "time")},
    "memory": lambda name: str(graph_of(name).memory()) + graph_of(name).to_svg(overlay=graph_of(name).memory()),
    "explanation": lambda name: str(explain(total(name))) + explain(total(name)).to_markdown(),
    "differences": lambda name: str(diff(graph_of(name), graph_of("all_results"))),
    "health": lambda name: str(gradient_health(total(name))),
    "nan": lambda name: str(find_nan(total(name) * np.nan)) + str(find_nan(np.log(total(name) * 0.0))),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_shows_calls_and_not_what_takes_their_results_out(view: str, name: str) -> None:
    with np.errstate(all="ignore"):
        text = VIEWS[view](name)
    assert text
    assert "get_tuple_element" not in text
    assert "((" not in text.partition("</style>")[2] if view in ("svg", "mirror") else True  # no tuple of shapes


@pytest.mark.parametrize("name", CALLS)
def test_a_box_has_a_line_for_each_result(name: str) -> None:
    graph = build_graph(CALLS[name]())
    boxes = {box.id: box for box in view_of(graph).nodes}
    for call, results in graph.results_of_calls.items():
        assert [line.split(" ")[0] for line in boxes[call].lines[-3:]] == ["[0]", "[1]", "[2]"]
        assert boxes[call].results == tuple(node.id for node in results)
        assert boxes[call].is_output == any(node.id in graph.outputs for node in results)
    labels = [edge.label for edge in view_of(graph).edges if boxes[edge.source].results]
    assert len(labels) == sum(graph[i].result is not None for node in graph for i in node.inputs)
    assert set(labels) <= {"[0]", "[1]", "[2]"}


def test_results_are_called_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPS, "polar", polar)
    graph = build_graph(all_results(), backward=True)
    assert "n4  : (2,) float64 = n2.angle\n" in graph.to_text()
    (box,) = [box for box in view_of(graph).nodes if box.id == "n2"]
    assert box.lines == ("polar", "radius (2,) float64", "angle (2,) float64", "quadrant (2,) int64")
    told = explain(one_result()).steps[-1]
    assert [g.name for g in told.incoming] == ["g.angle"]
    assert told.rule == "g.angle * x / n2.radius²"
    assert repr(polar_of()[1]).endswith("op=polar.angle)")


# ---- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("used", [(0, 1), (0,), (1,)], ids=str)
def test_each_result_lives_by_itself(used: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    from .test_cost import measured

    monkeypatch.setitem(OPS, "polar", polar)

    def f(p: dict[str, Tensor]) -> Tensor:
        results = list(polar(p["x"], p["y"]))
        loss = p["x"][0]
        for k, (result, g) in enumerate(zip(results, (np.sin, np.exp, np.abs), strict=True)):
            loss = loss + g(result).sum() if k in used else loss
        return loss

    p = {name: ag.tensor(np.ones(100_000), requires_grad=True, name=name) for name in "xy"}
    after, peak = measured(f, p)
    memory = build_graph(f(p), backward=True).memory()
    assert memory.saved == pytest.approx(after, rel=0.3)  # what is left of the loop's variables is not saved
    assert memory.peak == pytest.approx(peak, rel=0.2)


def test_what_is_measured_is_of_each_result() -> None:
    graph = graph_of("all_results")
    for call, results in graph.results_of_calls.items():
        assert graph.measurement(call).values is None
        for node in results:
            assert graph.measurement(node.id).values is not None
            assert (graph.measurement(node.id).gradient is None) == (node.result == 2)


@pytest.mark.parametrize("name", CALLS)
def test_costs_of_a_call_have_those_of_its_results(name: str) -> None:
    graph = graph_of(name)
    for by in ("flops", "bytes", "saved", "time"):
        cost = graph.cost(by)  # type: ignore[arg-type]
        assert all(cost[node.id] == 0 for node in graph if node.result is not None)
    assert all(graph.cost("bytes")[call] == graph[call].nbytes for call in graph.results_of_calls)


# ---- what went wrong ------------------------------------------------------------------------------------------------


def zeros() -> Tensor:
    """The slope of a radius at 0."""
    x, y = (ag.tensor([1.0, 0.0], requires_grad=True, name=name) for name in "xy")
    radius, angle, _ = polar(x, y)
    return (angle + radius).sum()


def test_nan_is_found_in_a_rule_of_a_call() -> None:
    with np.errstate(all="ignore"):
        report = find_nan(zeros())
    assert report is not None
    assert (report.op, report.backward, report.index) == ("polar", True, (1,))
    assert [operand.name for operand in report.operands] == ["x", "y"]
    with pytest.raises(ag.NonFiniteError, match="in the backward pass of polar, element \\[1\\]"), ag.raise_on_nan():
        zeros().backward()


def test_nan_is_found_in_a_result_of_a_call() -> None:
    def large() -> Tensor:
        x = ag.tensor([1.0, 1.7e308], requires_grad=True, name="x")
        return polar(x, x)[0].sum()

    with np.errstate(all="ignore"):
        report = find_nan(large())
    assert report is not None
    assert (report.origin, report.op, report.backward, report.index) == ("n2", "polar", False, (1,))
    assert "n2 = polar[0] is the first value that is not finite" in str(report)
    with pytest.raises(ag.NonFiniteError, match="in its result radius\n  in polar, element \\[1\\]"), ag.raise_on_nan():
        large()


def test_a_whole_number_among_the_results_cuts_the_gradient() -> None:
    _, _, quadrant = polar_of()
    loss = (quadrant * ag.tensor(1.0, requires_grad=True)).sum()
    graph = build_graph(loss, backward=True)
    (x, *_) = [node for node in graph if node.name == "x"]
    assert "only through 'polar.quadrant', whose result is int64" in ag.why_no_grad(quadrant)
    assert "cut at n3 'polar[2]', whose result is int64" in str(gradient_health(loss))
    with pytest.raises(ag.GradError, match=r"only through 'polar\[2\]' \(n3\), which has no derivative: its result"):
        explain(loss, x.name)


def test_a_wrong_rule_of_a_call_is_blamed() -> None:
    right = polar.rules[1]
    doubled = Rule(right.kind, lambda *args: 2.0 * right.value(*args), right.reads)
    wrong = polar.replace(rules=(polar.rules[0], doubled))

    def loss(op: Any, x: Any, y: Any) -> Any:
        radius, angle, _ = op(x, y)
        return (np.sin(radius) * angle).sum()

    x, y = np.array([1.0, 2.0]), np.array([3.0, 1.0])
    check_grads(lambda x, y: loss(polar, x, y), x, y)
    with pytest.raises(GradientMismatch, match=r"op +polar, at (.*\n)* +its rule for input 1 at \[0\] gives"):
        check_grads(lambda x, y: loss(wrong, x, y), x, y)


# ---- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CALLS)
def test_files_keep_calls(name: str) -> None:
    graph = graph_of(name)
    again = Graph.from_json(graph.to_json())
    assert again == graph
    assert again.to_text() == graph.to_text()
    assert again.to_svg() == graph.to_svg()


DAMAGE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a result too few": lambda nodes: nodes["n2"]["metadata"]["shape"].pop(),
    "no result": lambda nodes: nodes["n2"]["metadata"].update(shape=[], dtype=[]),
    "one dtype": lambda nodes: nodes["n2"]["metadata"].update(dtype="float64"),
    "no such result": lambda nodes: nodes["n3"]["metadata"]["params"][0].update(value=3, text="3"),
    "no number": lambda nodes: nodes["n3"]["metadata"]["params"][0].update(value="0"),
    "no parameter": lambda nodes: nodes["n3"]["metadata"].pop("params"),
    "another shape": lambda nodes: nodes["n3"]["metadata"].update(shape=[3]),
    "another dtype": lambda nodes: nodes["n5"]["metadata"].update(dtype="float64"),
    "a result of no call": lambda nodes: nodes["n6"]["metadata"].update(op="get_tuple_element", shape=[2]),
    "a slot with results": lambda nodes: nodes["n0"]["metadata"].update(shape=[[2], [2]], dtype=["float64"] * 2),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_refused(damage: str) -> None:
    data = json.loads(build_graph(all_results()).to_json())
    DAMAGE[damage](data["graph"]["nodes"])
    with pytest.raises(ValueError, match=r"^Graph\.from_json: expected "):
        Graph.from_json(json.dumps(data))


def test_a_part_has_the_calls_of_its_results() -> None:
    graph = build_graph(between_calls(), backward=True)
    for node in graph:
        for part in (graph.around(node, 1), graph.descendants(node)):
            assert all(part.call_of(n).op == "polar" for n in part if n.result is not None)
            assert "get_tuple_element" not in part.to_svg()
