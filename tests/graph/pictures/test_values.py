"""Values and gradients of measured graphs in their boxes: scalars say theirs, arrays when asked."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.graph import Graph, Program, Stats, build_graph, view_of
from autograd_lite.graph.graph import tensor_picture
from autograd_lite.ir.stats import single

from ..samples import SAMPLES, perceptron


def expression() -> ag.Tensor:
    """The example of micrograd's readme, more or less: scalars, one used twice."""
    a = ag.tensor(-4.0, requires_grad=True, name="a")
    b = ag.tensor(2.0, requires_grad=True, name="b")
    c = a + b
    d = c * c + ag.relu(b - a) * 0.5
    d.name = "d"
    return d


def lines(graph: Graph, **options: object) -> dict[str, tuple[str, ...]]:
    return {box.id: box.lines for box in view_of(graph, **options).nodes}  # type: ignore[arg-type]


def test_scalars_say_their_values_and_gradients() -> None:
    d = expression()
    said = lines(build_graph(d, measured=True))
    d.backward()
    leaves = {node.name: node.id for node in build_graph(d) if node.name}
    a, b = -4.0, 2.0
    assert said[leaves["a"]] == ("a", f"value -4 · grad {2 * (a + b) - 0.5:.4g}")
    assert said[leaves["b"]] == ("b", f"value 2 · grad {2 * (a + b) + 0.5:.4g}")
    assert said[leaves["d"]] == ("d = add", f"value {(a + b) ** 2 + (b - a) / 2:.4g} · grad 1")
    c = next(node for node in build_graph(d) if node.op == "add")
    assert said[c.id] == ("add", f"value {a + b:.4g} · grad {2 * (a + b):.4g}")
    assert ("0.5",) in said.values()  # a constant is its value already
    assert view_of(build_graph(d, measured=True)).caption[1] == "grad: the derivative of d with respect to the box"
    # What was not measured says its type, and no gradient is 0 that was not computed.
    assert all(line[-1] in ("() float64", "0.5") for line in lines(build_graph(d)).values())
    free = ag.tensor(3.0, name="x") * 2.0
    assert lines(build_graph(free, measured=True)) == {"n0": ("input", "value 6")}


def test_a_mirror_has_values_at_the_left_and_gradients_at_the_right() -> None:
    svg = build_graph(expression(), backward=True, measured=True).to_mirror()
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert {
        "value -4",
        "value 2",
        "value 7",
        "grad -4.5 · sum of 2 uses",
        "grad -3.5 · sum of 2 uses",
        "g = 1",
        "g = -4",
    } <= set(texts)
    assert not any("value" in text and "grad" in text for text in texts)


def test_arrays_say_how_large_they_are_when_asked() -> None:
    rng = np.random.default_rng(0)
    x, w = ag.tensor(rng.normal(size=(4, 3)), name="x"), ag.tensor(rng.normal(size=3), requires_grad=True, name="w")
    loss = (x * w).sum()
    graph = build_graph(loss, measured=True)
    loss.backward()
    assert w.grad is not None
    assert lines(graph)["n1"] == ("w", "(3,) float64")
    said = lines(graph, overlay="values")
    assert said["n0"][2] == f"{x.data.min():.3g} to {x.data.max():.3g}"
    assert said["n1"][2] == f"{w.data.min():.3g} to {w.data.max():.3g} · |g| {np.linalg.norm(w.grad.data):.3g}"
    ones = build_graph(ag.tensor([1.0, 1.0], name="x") + 0.0, measured=True)
    assert lines(ones, overlay="values")["n0"][2] == "all 1"
    bad = build_graph(ag.tensor([1.0, np.nan], requires_grad=True, name="x") * 2.0, measured=True)
    assert lines(bad, overlay="values")["n0"][2] == "all 1 · 1 NaN · |g| 2.83"
    with pytest.raises(ValueError, match=r"received one without\. Build it with build_graph\(loss, measured=True\)"):
        build_graph(loss).to_svg(overlay="values")


def test_a_notebook_shows_the_numbers_of_an_expression_while_they_are_true() -> None:
    x = ag.tensor(3.0, requires_grad=True, name="x")
    y = x * x
    assert "value 9 · grad 1" in tensor_picture(y)
    y.backward()
    assert "value 3 · grad 6" in tensor_picture(y)
    x.assign(4.0)  # y is still 9
    assert ">value " not in tensor_picture(y)
    vector = (ag.tensor([1.0, 2.0], requires_grad=True, name="v") * 2.0).sum()
    assert ">value " not in tensor_picture(vector)
    for _ in range(40):
        x = x * 1.5
    assert ">value " not in tensor_picture(x)

    def refuses(g: object, out: object, x: object) -> object:
        raise RuntimeError("not twice")

    odd = ag.structural("odd", lambda x: x + 1, refuses, infer=lambda x: x)
    assert "odd" in tensor_picture(odd(ag.tensor(1.0, requires_grad=True)))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_measured_graph_is_the_same_graph(name: str) -> None:
    result = SAMPLES[name]()
    measured = build_graph(result, measured=True)
    assert measured == build_graph(result)
    if not any(tensor.requires_grad for tensor in (result if isinstance(result, list) else [result])):
        return
    both = build_graph(result, measured=True, backward=True)
    assert both == build_graph(result, backward=True)
    assert both.forward() == measured
    for node in measured if name != "dropout" else ():  # its numbers are drawn again
        assert measured.measurement(node.id) == both.measurement(node.id)
    again = Program.build(result, backward=True).measure()
    assert both.measurements.keys() == again.measurements.keys()


@pytest.mark.parametrize(
    ("value", "dtype", "said"),
    [
        (3.14159, "float64", "3.142"),
        (-0.5, "float32", "-0.5"),
        (1e-9, "float64", "1e-09"),
        (123456, "int64", "123456"),
        (True, "bool", "True"),
        (np.nan, "float64", "NaN"),
        (-np.inf, "float64", "infinite"),
        (1 + 2j, "complex128", ""),
        ([1.0, 2.0], "float64", ""),
    ],
)
def test_how_one_number_is_written(value: object, dtype: str, said: str) -> None:
    assert single(Stats.of(np.array(value, dtype)), np.dtype(dtype)) == said


def test_the_page_has_the_same_words() -> None:
    page = build_graph(expression(), backward=True, measured=True).to_html()
    data = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[0])
    by_name = {node["name"]: node["numbers"] for node in data["nodes"] if "name" in node}
    assert by_name == {"a": ["-4", "-4.5"], "b": ["2", "-3.5"], "d": ["7", "1"]}
    assert not any(
        "numbers" in node for node in _nodes(build_graph(perceptron(), measured=True)) if node.get("shape") != "()"
    )


def _nodes(graph: Graph) -> list[dict[str, object]]:
    found = re.findall(r'<script type="application/json" id="data">(.*?)</script>', graph.to_html(), re.DOTALL)
    nodes: list[dict[str, object]] = json.loads(found[0])["nodes"]
    return nodes
