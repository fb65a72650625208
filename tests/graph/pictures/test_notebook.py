"""What a notebook shows of a graph and of a tensor, as IPython asks for it and in a notebook that is executed."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from nbformat.v4 import new_code_cell, new_notebook

import autograd_lite as ag
from autograd_lite.core.hooks import HOOKS
from autograd_lite.graph import Graph, build_graph
from autograd_lite.graph.pictures.notebook import MOST_BYTES

from ...notebooks.books import execute
from ..large import chain
from ..samples import diamond, parameter, perceptron

SVG, PLAIN, HTML = "image/svg+xml", "text/plain", "text/html"


def shown(thing: Any, **asked: Any) -> dict[str, Any]:
    """Return what IPython shows, by MIME type."""
    data, metadata = DisplayFormatter().format(thing, **asked)
    assert metadata == {}
    return data


def picture_in(html: str) -> str:
    """Return the SVG that the HTML of a tensor shows below its numbers."""
    (address,) = re.findall(r'<img alt="How it was computed" .* src="data:image/svg\+xml;charset=utf-8,([^"]*)">', html)
    return unquote(address)


def boxes(svg: str) -> int:
    ElementTree.fromstring(svg)
    return len(re.findall(r'<g [^>]*class="node|<g class="node', svg))


def blocks(n: int) -> ag.Tensor:
    """Something with this many operations, no two stretches of which are alike."""
    y = parameter("x", 3)
    rng = np.random.default_rng(0)
    for i in rng.integers(0, 4, n):
        y = (np.sin, np.cos, np.tanh, np.arctan)[i](y)
    return y.sum()


def test_a_graph_is_shown_as_picture_and_text(capfd: pytest.CaptureFixture[str]) -> None:
    graph, joint = build_graph(diamond()), build_graph(diamond(), backward=True)
    assert shown(graph) == {PLAIN: graph.to_text(), SVG: graph.to_svg()}
    assert graph._repr_svg_() == graph.to_svg()
    assert repr(graph) == "<Graph of 12 nodes, 10 of them operations; returns n11>"
    assert shown(joint) == {PLAIN: joint.to_text(), SVG: joint.to_mirror()}
    assert capfd.readouterr() == ("", "")


def test_a_tensor_with_history_is_shown_as_values_and_picture(capfd: pytest.CaptureFixture[str]) -> None:
    loss = perceptron()
    assert shown(loss).keys() == {PLAIN, HTML}
    assert shown(loss)[PLAIN] == repr(loss)
    assert picture_in(shown(loss)[HTML]) == build_graph(loss).to_svg()
    loss.backward()
    assert picture_in(shown(loss)[HTML]) == build_graph(loss).to_svg()
    assert capfd.readouterr() == ("", "")


def test_the_values_come_first() -> None:
    y = ag.tensor([[1.0, 2.0], [3.0, 4.0]], "float32", requires_grad=True) * 2.0
    y.name = "<b>&"
    text, _, picture = re.sub(r' style="[^"]*"', "", shown(y)[HTML]).partition("<img ")
    head = "<b>&lt;b&gt;&amp;</b> · shape (2, 2) · float32 · result of multiply"
    assert text == f"<div>{head}</div>\n<pre>[[2., 4.],\n [6., 8.]]</pre>\n<div>"
    assert picture.endswith("></div>")


@pytest.mark.parametrize(
    ("size", "shape"), [((40, 40), ", shape=(40, 40)"), ((5000,), ", shape=(5000,)"), ((0, 3), ", shape=(0, 3)")]
)
def test_what_numbers_do_not_show_is_said(size: tuple[int, ...], shape: str) -> None:
    assert repr(ag.tensor(np.zeros(size))).endswith(f"]{shape})".replace("]]", "]"))
    assert f"shape {size} · " in shown(ag.tensor(np.zeros(size), requires_grad=True) * 2.0)[HTML]
    assert "shape" not in repr(ag.tensor(np.zeros((3, 4)))) + repr(ag.tensor([])) + repr(ag.tensor(1.0))


def test_a_long_history_costs_nothing_to_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HOOKS, "svg", None)  # calling it would raise
    loss, seconds = chain(40_000), []
    for _ in range(3):
        begin = time.process_time()
        html = shown(loss)[HTML]
        seconds.append(time.process_time() - begin)
    assert min(seconds) < 0.01
    assert "More than 1,000 operations led to it" in html
    assert ">40001.</pre>" in html


@pytest.mark.parametrize("tensor", [ag.tensor([1.0]), parameter("w", 2), parameter("w", 2).detach()])
def test_a_tensor_without_history_is_shown_as_it_was(tensor: ag.Tensor) -> None:
    assert shown(tensor) == {PLAIN: repr(tensor)}


@pytest.mark.parametrize(
    ("thing", "rich"), [(perceptron(), HTML), (build_graph(perceptron()), SVG)], ids=["tensor", "graph"]
)
def test_only_what_is_asked_for_is_made(thing: Any, rich: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = thing._repr_mimebundle_()
    assert whole.keys() == {PLAIN, rich}
    for kind in whole:
        assert thing._repr_mimebundle_(include={kind}) == {kind: whole[kind]}
        assert thing._repr_mimebundle_(exclude=[kind]).keys() == whole.keys() - {kind}
        assert shown(thing, include=[kind]) == {kind: whole[kind]}
    assert thing._repr_mimebundle_(include=["image/png"]) == {}
    monkeypatch.setattr(Graph, "to_svg", None)  # calling it would raise
    assert thing._repr_mimebundle_(exclude={rich}) == {PLAIN: whole[PLAIN]}


def tangle(n: int) -> ag.Tensor:
    """Something with this many operations that read each other in no order that could be folded."""
    rng = np.random.default_rng(0)
    values = [parameter("x", 3), parameter("y", 3)]
    for _ in range(n):
        i, j = rng.integers(0, len(values), 2)
        values.append((np.add, np.multiply, np.maximum, np.subtract)[rng.integers(0, 4)](values[i], values[j]))
    return np.concatenate(values).sum()


@pytest.mark.parametrize("make", [blocks, tangle])
def test_the_picture_of_a_tensor_is_not_huge(make: Callable[[int], ag.Tensor]) -> None:
    loss = make(400)
    picture = picture_in(shown(loss)[HTML])
    assert 1 < boxes(picture) <= 150
    assert len(picture) < MOST_BYTES


def test_no_picture_is_larger_than_a_notebook_should_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = build_graph(blocks(140))
    whole = graph.to_svg()
    assert shown(graph)[SVG] == whole
    monkeypatch.setattr("autograd_lite.graph.pictures.notebook.MOST_BYTES", len(whole) // 2)
    picture = shown(graph)[SVG]
    assert len(picture.encode()) <= len(whole) // 2
    assert 1 < boxes(picture) < boxes(whole)
    for large in (build_graph(blocks(1400)), build_graph(blocks(3000), backward=True)):
        assert len(shown(large, include=[SVG])[SVG].encode()) <= MOST_BYTES


def test_a_long_name_does_not_make_it_large() -> None:
    x = ag.tensor([1.0], requires_grad=True, name="x" * 2_000_000)
    assert len(picture_in(shown(np.sin(x))[HTML]).encode()) <= MOST_BYTES


def test_inside_a_transformation_a_tensor_can_be_shown() -> None:
    seen = []

    def f(x: ag.Tensor) -> ag.Tensor:
        y = (x * 2.0).sum()
        seen.append(shown(y))
        return y

    x = np.ones(3)
    ag.vmap(f)(ag.tensor(np.ones((2, 3))))
    ag.grad(f)(x)
    ag.jvp(f)((x,), (x,))
    ag.hessian(f)(x)
    assert len(seen) >= 4
    assert all(PLAIN in data for data in seen)


def test_in_a_real_notebook(tmp_path: Path) -> None:
    code = [
        "import sys\nimport numpy as np\nimport autograd_lite as ag\n'autograd_lite.graph' in sys.modules",
        "w = ag.tensor([1.0, 2.0], requires_grad=True, name='w')\nw",
        "loss = (np.sin(w) * 2.0).sum()\nloss",
        "ag.build_graph(loss, backward=True)",
        "display(loss)\nloss.backward()\nw.grad",
    ]
    book = execute(new_notebook(cells=[new_code_cell(text) for text in code]), tmp_path, {}, timeout=120)
    outputs = [[(o.output_type, sorted(o.get("data", {}))) for o in cell.outputs] for cell in book.cells]
    text, values, picture = (("execute_result", kinds) for kinds in ([PLAIN], [HTML, PLAIN], [SVG, PLAIN]))
    assert outputs == [[text], [text], [values], [picture], [("display_data", [HTML, PLAIN]), text]]
    assert book.cells[0].outputs[0].data[PLAIN] == "False"
    assert boxes(picture_in(book.cells[2].outputs[0].data[HTML])) == 5
    assert book.cells[3].outputs[0].data[PLAIN].splitlines()[-1].startswith("gradients w: n")


# ---- what loads late ------------------------------------------------------------------------------------------------

_LATE = """
import sys, types
import autograd_lite as ag
def loaded(): return "autograd_lite.graph" in sys.modules
assert not loaded()
assert {"graph", "trace", "build_graph", "Tensor"} <= set(dir(ag)) and not loaded()
x = ag.tensor(1.0, requires_grad=True)
repr(x * x), (x * x)._repr_mimebundle_(exclude=["text/html"]), x._repr_mimebundle_()
assert not loaded()
try:
    ag.build_grph
except AttributeError as error:
    assert "'autograd_lite' has no attribute 'build_grph'" in str(error)
else:
    raise AssertionError
assert not hasattr(ag, "__path_to_nowhere__") and not loaded()
%s
assert loaded()
"""


@pytest.mark.parametrize(
    "use",
    [
        'assert "data:image/svg+xml" in (x * x)._repr_mimebundle_()["text/html"]',
        "assert isinstance(ag.graph, types.ModuleType) and ag.graph is sys.modules['autograd_lite.graph']",
        "from autograd_lite import trace, Graph; assert isinstance(trace(lambda v: v * v, x), Graph)",
        "assert ag.build_graph is ag.graph.build_graph",
        "import autograd_lite.graph as g; assert g.Program is ag.Program",
    ],
)
def test_the_graph_loads_when_somebody_looks(use: str) -> None:
    subprocess.run([sys.executable, "-c", _LATE % use], check=True, cwd=Path(__file__).parents[3])
