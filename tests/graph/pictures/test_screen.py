"""What `print(graph)` shows of large graphs: a screen, from which one learns what there is and how to see all."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.graph import Graph, build_graph

from ..large import chain, deep_perceptron, irregular, transformer
from ..samples import SAMPLES, parameter


def one_model() -> ag.Tensor:
    """All operations in one module, in parts of which one has most."""
    y = parameter("x", 4)
    with ag.record_source(), ag.extend.module_scope("net"):
        for part, times in (("small", 5), ("large", 120)):
            with ag.extend.module_scope(part):
                for _ in range(times):
                    y = np.tanh(y * 2.0)
    return y.sum()


def many_modules() -> ag.Tensor:
    """More modules than fit on a screen, of different sizes."""
    y = parameter("x", 4)
    with ag.record_source():
        for k in range(30):
            with ag.extend.module_scope(f"part{'abc'[k % 3]}{k}"):
                for _ in range(1 + k):
                    y = np.tanh(y)
    return y.sum()


LARGE = {
    "transformer": lambda: build_graph(transformer()),
    "passes": lambda: build_graph(transformer(), backward=True),
    "perceptron": lambda: build_graph(deep_perceptron()),
    "irregular": lambda: build_graph(irregular(1500)),
    "chain": lambda: build_graph(chain(2000)),
    "one model": lambda: build_graph(one_model(), backward=True),
    "many modules": lambda: build_graph(many_modules()),
    "wide": lambda: build_graph([parameter(f"a rather long name {i} " * 9, 2) * 2.0 for i in range(300)]),
}


@pytest.fixture(scope="module", params=LARGE)
def graph(request: pytest.FixtureRequest) -> Graph:
    return LARGE[request.param]()


def test_a_screen_shows_both_ends_of_the_listing(graph: Graph) -> None:
    shown, every = str(graph).splitlines(), graph.to_text(width=120).splitlines()
    assert len(shown) <= 36
    assert all(len(line) <= 120 for line in shown)
    assert shown[0] == every[0]
    assert shown[-1] == every[-1]
    plain = [line for line in shown[1:] if not line.startswith("# ") or line == "# the backward pass"]
    rest = iter(every)
    assert all(line in rest for line in plain)  # in the same order
    (more,) = [re.match(r"# … ([\d,]+) more lines: print\(graph.to_text\(\)\) shows all", line) for line in shown
               if "more lines" in line]  # fmt: skip
    assert more is not None
    assert int(more[1].replace(",", "")) == len(every) - 1 - len(plain)


def test_the_modules_on_a_screen_add_up(graph: Graph) -> None:
    shown = str(graph).splitlines()
    if "# modules:" not in shown:
        assert any(line.startswith(("# operations: ", "# the largest of ")) for line in shown)
        return
    rows = [line for line in shown if line.startswith("#   ")]
    total = sum(
        int(times or 1) * int(number.replace(",", ""))
        for row in rows
        for times, number in re.findall(r"(?:(\d+) × )?([\d,]+) (?:operation|backward)", row)
    )
    assert total == sum(node.computes and bool(node.scope) for node in graph)
    assert 1 < len(rows) <= 8


def test_of_many_modules_the_largest_are_listed() -> None:
    shown = str(build_graph(many_modules())).splitlines()
    assert "# the largest of 30 modules:" in shown
    rows = [line for line in shown if line.startswith("#   ")]
    assert [re.findall(r"part(.)(\d+) .* (\d+) op", row) for row in rows] == [
        [("abc"[k % 3], str(k), str(k + 1))] for k in range(22, 30)
    ]


def test_blocks_that_are_alike_share_a_line() -> None:
    text = str(build_graph(transformer()))
    assert "block_0 … block_11  12 × 47 operations" in text


def test_small_graphs_and_files_are_whole(tmp_path: Path) -> None:
    for sample in SAMPLES.values():
        graph = build_graph(sample())
        assert (str(graph) == graph.to_text()) == (len(graph) <= 100)
    graph = build_graph(chain(150))
    assert graph.save(tmp_path / "graph.txt").read_text(encoding="utf-8") == graph.to_text() + "\n"
    assert str(graph) != graph.to_text()
