"""Costs add up exactly, FLOPs are those of the textbooks, and the high-water mark is the one that is measured."""

from __future__ import annotations

import gc
import math
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import autograd_lite as ag
import nn
from autograd_lite.graph import Cost, Graph, Kind, Measurement, Program, build_graph
from autograd_lite.ir.lifetimes import owners

from .samples import HOSTILE, SAMPLES, parameter, perceptron

WAYS = ("flops", "bytes", "saved", "time")


def timed(graph: Graph, seconds: list[float]) -> Graph:
    """Return the graph with these times at its operations, over and over."""
    measured = {n.id: Measurement(seconds=seconds[k % len(seconds)]) for k, n in enumerate(graph) if n.kind is Kind.OP}
    return replace(graph, measurements=measured)


def in_modules() -> Graph:
    """A training step of a network of layers in layers."""
    block = nn.models.Sequential([nn.layers.Dense(8, activation="relu"), nn.layers.Dense(8)])
    model = nn.models.Sequential([nn.layers.Dense(8), block, nn.layers.Dense(2, activation="softmax")])
    with ag.record_source():
        model(np.ones((4, 6)))
        loss = nn.losses.get("mse")(np.ones((4, 2), "float32"), model(np.ones((4, 6))))
    return build_graph(loss, backward=True)


def check(cost: Cost, graph: Graph) -> None:
    """Hold a cost against the definition of its sums: every one of them exact."""
    ops = [n for n in graph if n.kind is Kind.OP]
    exact = math.fsum(cost.numbers)
    assert cost.total == exact == cost.forward + cost.backward
    assert cost.forward == math.fsum(cost[n.id] for n in ops if not n.backward)
    assert sum(m.own for m in cost.modules) == cost.total
    for m in cost.modules:
        inside = [n for n in ops if not m.path or n.scope == m.path or n.scope.startswith(m.path + ".")]
        assert m.total == math.fsum(cost[n.id] for n in inside) == m.forward + m.backward
        assert m.own == math.fsum(cost[n.id] for n in ops if n.scope == m.path)
        children = [c for c in cost.modules if c.path and c.path.rpartition(".")[0] == m.path]
        assert m.total == m.own + sum(c.total for c in children)
    overlay = cost.overlay()
    assert sum(overlay.totals.values()) == cost.total
    assert all(0 <= (mark.weight or 0) <= 1 for mark in overlay.marks.values())


@pytest.mark.parametrize("by", WAYS)
@pytest.mark.parametrize("sample", [*SAMPLES.values(), in_modules], ids=[*SAMPLES, "modules"])
def test_numbers_add_up_exactly(sample: Callable[[], Any], by: Any) -> None:
    made = sample()
    graph = made if isinstance(made, Graph) else build_graph(made, backward=True)
    check(timed(graph, [1e-6, 3.3e-5, 0.1]).cost(by), graph)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20))
def test_times_add_up_exactly_whatever_they_are(seconds: list[float]) -> None:
    graph = timed(build_graph(perceptron(), backward=True), seconds)
    check(graph.cost("time"), graph)
    assert graph.cost("time").total == pytest.approx(
        math.fsum(m.seconds or 0 for m in graph.measurements.values()), abs=1e-9
    )


def test_the_modules_stand_as_a_tree() -> None:
    cost = in_modules().cost()
    paths = [m.path for m in cost.modules]
    assert paths[0] == ""
    assert len(set(paths)) == len(paths)
    for path in paths[1:]:
        parent = path.rpartition(".")[0]
        assert paths.index(parent) < paths.index(path)
    with pytest.raises(KeyError, match="expected a module of the graph"):
        cost.module("nowhere")


def test_the_table() -> None:
    text = str(build_graph(perceptron(), backward=True).cost())
    lines = text.splitlines()
    assert re.fullmatch(
        r"floating-point operations: [\d,]+ FLOP = [\d,]+ FLOP forward \+ [\d,]+ FLOP backward", lines[0]
    )
    assert lines[1].split() == ["module", "own", "total", "share", "forward", "backward"]
    assert lines[2].split()[0] == "all"
    assert {lines[3].split()[0], lines[4].split()[0]} == {"dense_1", "dense_2"}
    assert "the 10 nodes that cost most" in lines
    assert "in the derivative of" in text


@given(st.sampled_from(HOSTILE), st.sampled_from(HOSTILE))
def test_hostile_names(name: str, scope: str) -> None:
    with ag.record_source(), ag.extend.module_scope(scope):
        loss = (parameter(name, 3) * 2).sum()
    graph = build_graph(loss, backward=True)
    assert "\x1b" not in str(graph.cost()) + str(graph.memory())
    check(graph.cost(), graph)


def test_what_cannot_be_told() -> None:
    graph = build_graph(perceptron())
    with pytest.raises(ValueError, match=r"by to be one of 'flops', 'bytes', 'saved', 'time'; received 'money'"):
        graph.cost("money")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"expected a graph with times.*measure\(seconds=True\)"):
        graph.cost("time")


def test_measured_times() -> None:
    graph = Program.build(perceptron(), backward=True).measure(seconds=True)
    cost = graph.cost("time")
    assert cost.total > 0
    assert cost.most(1)[0].op == "matmul"
    check(cost, graph)


def test_a_part_of_a_graph_has_its_part_of_the_cost() -> None:
    graph = build_graph(perceptron(), backward=True)
    part = graph.around("n5", 2)
    for by in ("flops", "bytes", "saved"):
        check(part.cost(by), part)
    assert part.cost()["n5"] == graph.cost()["n5"]
    assert part.memory().peak <= graph.memory().peak


def test_saved_bytes_count_each_array_once_and_no_inputs() -> None:
    x = parameter("x", 100)
    y = np.sin(x) * 2
    loss = (y * y.reshape(10, 10).reshape(100)).sum() + (y * 3.0 * y).sum()
    cost = build_graph(loss, backward=True).cost("saved")
    saved = {n.op: cost[n.id] for n in cost.most()}
    assert saved == {"multiply": 800}
    assert cost.total == 1600  # y, and 3 y; not x, which is there anyway


# ---- FLOPs ----------------------------------------------------------------------------------------------------------


def flops(tensor: ag.Tensor) -> int:
    return build_graph(tensor).cost().numbers[-1]  # type: ignore[return-value]


def test_flops_of_products() -> None:
    a, b, v = parameter("a", 5, 2, 3), parameter("b", 5, 3, 4), parameter("v", 3)
    product = 2 * 5 * 2 * 3 * 4
    assert flops(a @ b) == flops(np.einsum("nij,njk->nik", a, b)) == product
    assert flops(np.tensordot(a[0], b[0], 1)) == 2 * 2 * 3 * 4
    assert flops(np.outer(v, v)) == 9
    assert flops(np.inner(v, v)) == flops(np.vdot(v, v)) == 6
    assert sum(build_graph(np.convolve(parameter("x", 100), v)).cost().numbers) == 2 * 100 * 3


def test_flops_of_linear_algebra() -> None:
    def dear(tensor: ag.Tensor) -> float:
        return max(build_graph(tensor).cost().numbers)

    n = 30
    m = ag.tensor(np.eye(n) + 0.01, requires_grad=True)
    stack = ag.tensor(np.stack([np.eye(n)] * 7), requires_grad=True)
    assert dear(np.linalg.cholesky(m)) == n**3 // 3
    assert dear(np.linalg.inv(m)) == 2 * n**3
    assert dear(np.linalg.inv(stack)) == 7 * 2 * n**3
    assert dear(np.linalg.det(m)) == 2 * n**3 // 3
    assert dear(np.linalg.solve(m, parameter("b", n, 4))) == 2 * n**3 // 3 + 2 * n * n * 4
    assert dear(np.linalg.eigh(m)[0]) == 9 * n**3
    assert dear(np.linalg.svd(m)[1]) > dear(np.linalg.qr(m)[0]) > dear(np.linalg.det(m))


def test_flops_of_transforms_and_orders() -> None:
    x = parameter("x", 8, 1024)
    assert max(build_graph(np.fft.fft(x)).cost().numbers) == 5 * 8 * 1024 * 10
    assert max(build_graph(np.fft.rfft(x)).cost().numbers) == 2.5 * 8 * 1024 * 10
    assert flops(np.cumsum(x, axis=1)) == 8 * 1024
    assert max(build_graph(np.sort(x, axis=1)).cost().numbers) == 8 * 1024 * 10
    assert flops(x.T) == flops(x.reshape(-1)) == 0


# ---- memory ---------------------------------------------------------------------------------------------------------

Parameters = dict[str, ag.Tensor]


# With arctan, whose rule is NumPy's: the native kernel behind that of tanh makes fewer arrays than the record tells of.
def layers(p: Parameters) -> ag.Tensor:
    h = p["x"]
    for _ in range(4):
        h = np.arctan(h @ p["w"] + p["b"])
    return (h * h).mean()


def attention(p: Parameters) -> ag.Tensor:
    x = p["s"]
    scores = ag.softmax((x @ p["q"]) @ (x @ p["k"]).transpose(0, 2, 1) / 8.0, axis=-1)
    return (scores @ (x @ p["v"])).var()


def recurrent(p: Parameters) -> ag.Tensor:
    h = p["x"]
    for _ in range(10):
        h = np.arctan(p["x"] @ p["w"] + h @ p["w"] + p["b"])
    return (h * h).sum()


def elements(p: Parameters) -> ag.Tensor:
    x = p["w"]
    return (np.exp(np.sin(x)) * x + np.sqrt(x * x + 1.0) / (x + 2.0)).sum()


def values() -> Parameters:
    rng = np.random.default_rng(0)
    trained = {"w": (300, 300), "b": (300,), "q": (64, 64), "k": (64, 64), "v": (64, 64)}
    given = {"x": (400, 300), "s": (4, 128, 64)}
    made = {n: ag.tensor(rng.random(s) / s[0], requires_grad=True, name=n) for n, s in trained.items()}
    return made | {n: ag.tensor(rng.random(s), name=n) for n, s in given.items()}


def measured(f: Callable[[Parameters], ag.Tensor], p: Parameters) -> tuple[int, int]:
    """Return the bytes that are in use after the forward pass, and the most that were in the whole step."""
    f(p).backward()
    for t in p.values():
        t.grad = None
    gc.collect()
    tracemalloc.start()
    try:
        begin = tracemalloc.get_traced_memory()[0]
        loss = f(p)
        after = tracemalloc.get_traced_memory()[0] - begin
        loss.backward()
        return after, tracemalloc.get_traced_memory()[1] - begin
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("f", [layers, attention, recurrent, elements])
def test_the_high_water_mark_is_what_is_measured(f: Callable[[Parameters], ag.Tensor]) -> None:
    """Within 5 %: what is not counted is the record itself, and the memory inside of a reduction."""
    p = values()
    after, peak = measured(f, p)
    memory = build_graph(f(p), backward=True).memory()
    assert memory.saved == pytest.approx(after, rel=0.05)
    assert memory.peak == pytest.approx(peak, rel=0.05)
    assert memory.peak == max(memory.timeline)
    assert memory.at


@pytest.mark.parametrize("sample", [*SAMPLES.values(), in_modules], ids=[*SAMPLES, "modules"])
def test_what_is_alive_adds_up(sample: Callable[[], Any]) -> None:
    made = sample()
    graph = made if isinstance(made, Graph) else build_graph(made, backward=True)
    memory = graph.memory()
    assert len(memory.timeline) == len(graph)
    assert sum(h.nbytes for h in memory.held) == memory.peak
    assert min(memory.timeline) >= 0
    assert 0 <= memory.saved <= memory.peak
    kept = {owners(graph)[i] for i in (*graph.outputs, *graph.gradients.values())}
    assert memory.timeline[-1] >= sum(n.nbytes for n in graph if n.id in kept and n.kind is Kind.OP)
    assert memory.overlay().marks[memory.at].badge == "high-water mark"
    assert repr(memory).startswith("<Memory high-water mark: ")


def test_views_own_no_memory() -> None:
    x = parameter("x", 100, 100)
    y = np.exp(x)
    plain = build_graph(y.sum(), backward=True).memory()
    viewed = build_graph(y.T.reshape(10, 1000)[:, ::2].T[None].sum() + y.reshape(-1)[:0].sum(), backward=True).memory()
    assert plain.timeline[1] == 80_000
    assert viewed.saved == plain.saved == 80_000 + 8


def test_views_cost_no_bytes() -> None:
    x = parameter("x", 100, 100)
    y = np.exp(x)
    cost = build_graph(y.T.reshape(10, 1000)[:, ::2] + y[np.arange(100)].reshape(-1)[:1]).cost("bytes")
    by_op = {n.op: cost[n.id] for n in cost.graph if n.kind is Kind.OP and n.op != "getitem"}
    assert by_op == {"exp": 80_000, "transpose": 0, "reshape": 0, "add": 40_000}
    assert [cost[n.id] for n in cost.graph if n.op == "getitem"] == [0, 80_000, 0]


def test_a_forward_pass_alone_needs_less() -> None:
    p = values()
    forward, both = build_graph(layers(p)).memory(), build_graph(layers(p), backward=True).memory()
    assert forward.peak < both.peak
    assert "operation" in str(build_graph(p["x"]).memory())


def test_a_long_chain() -> None:
    y = parameter("x", 10)
    for _ in range(6_000):
        y = np.sin(y)
    graph = build_graph(y.sum(), backward=True)
    assert graph.memory().peak > 0
    check(graph.cost("saved"), graph)
