"""Folding: what a View shows is the graph, whatever is folded; what repeats is one box; sums and marks add up."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.graph import Graph, GraphNode, Kind, build_graph
from autograd_lite.graph.marks import Mark, Overlay
from autograd_lite.graph.pictures.drawing import drawing_of
from autograd_lite.graph.pictures.folding.fold import view_of
from autograd_lite.graph.pictures.folding.repeats import Run, runs_in
from autograd_lite.graph.pictures.view import EdgeKind, View
from autograd_lite.ir.node_labels import amount
from nn import layers, losses, models

from ...running import in_small_stack
from ..large import chain, deep_perceptron, irregular, transformer
from ..samples import SAMPLES, parameter, recurrent

OPTIONS: list[dict[str, Any]] = [
    {},
    {"fold": False},
    {"depth": 0},
    {"depth": 1},
    {"depth": 9},
    {"limit": 10},
    {"limit": 1},
    {"fold": False, "limit": 7},
    {"expand": lambda path: path.endswith("1")},
    {"collapse": lambda path: path.endswith("attention")},
]
GRAPHS: dict[str, Graph] = {
    f"{name}{'.backward' * backward}": build_graph(make(), backward=backward)
    for name, make in [*SAMPLES.items(), ("deep", lambda: deep_perceptron(60)), ("irregular", lambda: irregular(400))]
    for backward in (False, True)
}


def box_of(view: View) -> dict[str, str]:
    return {i: node.id for node in view.nodes for i in node.nodes}


def assert_sound(graph: Graph, view: View, limit: int) -> None:
    """The View is a quotient of the graph, in an order in which edges go forwards."""
    ids = [node.id for node in view.nodes]
    assert len(ids) == len(set(ids)) <= limit
    box = box_of(view)
    assert len(box) == sum(len(node.nodes) for node in view.nodes)
    assert set(box) <= {node.id for node in graph}
    wanted = {(box[i], box[n.id]) for n in graph if n.id in box for i in n.inputs if i in box and box[i] != box[n.id]}
    assert {(edge.source, edge.target) for edge in view.edges} == wanted
    place = {i: k for k, i in enumerate(ids)}
    assert all(place[edge.source] < place[edge.target] for edge in view.edges)
    cut = {box[n.id] for n in graph if n.id in box for i in n.inputs if i not in box}
    assert set(view.cut) == cut
    groups = [node for node in view.nodes if node.members]
    assert [node.id for node in groups] == [f"m{k}" for k in range(len(groups))]
    said = " ".join(view.caption)
    hidden = set(box) != {node.id for node in graph}
    assert not groups or "collapsed" in said
    assert "collapsed" not in said or groups or hidden
    assert ("are not shown" in said) is hidden


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(o) or "none")
@pytest.mark.parametrize("name", GRAPHS)
def test_a_view_is_the_graph(name: str, options: dict[str, Any]) -> None:
    graph = GRAPHS[name]
    view = view_of(graph, **options)
    assert_sound(graph, view, options.get("limit", 1500))
    if "limit" not in options:
        assert set(box_of(view)) == {node.id for node in graph}
    if not options.get("fold", True):
        assert not any(node.members for node in view.nodes)


@st.composite
def modular_graphs(draw: st.DrawFn) -> Graph:
    """Graphs whose operations lie in random modules, interleaved, nested, repeated; with slots of all kinds."""
    paths = ["", "a", "a", "a.b", "a.b.c", "d", "d.b", "a.e", "f.g.h"]
    nodes: list[GraphNode] = []
    dtype = np.dtype(float)
    stretch = draw(st.lists(st.tuples(st.sampled_from(paths), st.integers(1, 3), st.integers(0, 2)), max_size=12))
    for path, length, repeats in stretch:
        kinds = draw(st.lists(st.sampled_from(["sin", "add", "slot", "input"]), min_size=length, max_size=length))
        back = draw(st.lists(st.integers(1, 6), min_size=2 * length, max_size=2 * length))
        for _ in range(1 + 2 * repeats):
            for k, kind in enumerate(kinds):
                i, ops = len(nodes), [node.id for node in nodes]
                if kind in ("slot", "input") or not ops:
                    slot = Kind.INPUT if kind == "input" else Kind.PARAMETER
                    nodes.append(GraphNode(f"n{i}", slot, "", "", (), (), (2,), dtype, f"p{i}"))
                else:
                    inputs = tuple(ops[-min(b, i)] for b in back[2 * k : 2 * k + (1 if kind == "sin" else 2)])
                    nodes.append(GraphNode(f"n{i}", Kind.OP, kind, "", inputs, (), (2,), dtype, flops=i, scope=path))
    if not nodes:
        nodes.append(GraphNode("n0", Kind.INPUT, "", "", (), (), (2,), dtype))
    return Graph(tuple(nodes), (nodes[-1].id,))


@settings(max_examples=300, deadline=None)
@given(modular_graphs(), st.integers(0, 4) | st.none(), st.integers(1, 40), st.booleans())
def test_any_graph_folds_soundly(graph: Graph, depth: int | None, limit: int, fold: bool) -> None:
    view = view_of(graph, depth=depth, limit=limit, fold=fold)
    assert_sound(graph, view, limit)
    if fold and depth is None and limit >= 16:  # whatever remains of it fits into a few boxes
        assert set(box_of(view)) == {node.id for node in graph}


@settings(deadline=None)
@given(modular_graphs(), st.integers(0, 3), st.integers(20, 40))
def test_totals_add_up(graph: Graph, depth: int, limit: int) -> None:
    totals = {node.id: float(node.flops) for node in graph if node.flops}
    view = view_of(graph, depth=depth, overlay=Overlay("cost", (), {}, totals, "FLOP"))
    shown = 0.0
    for node in view.nodes:
        own = sum(totals.get(i, 0.0) for i in node.nodes)
        shown += own
        if node.members and any(i in totals for i in node.members):
            assert f"{own:,.0f} FLOP" in node.lines
    assert shown == sum(totals.values())
    if any(node.members for node in view.nodes) and totals:
        weights = [node.weight for node in view.nodes if node.weight is not None]
        assert max(weights) == 1.0
        assert min(weights) >= 0.0


# ---- depth, expand, collapse ----------------------------------------------------------------------------------------


def heads(view: View) -> list[str]:
    return [node.lines[0] for node in view.nodes if node.members]


def test_a_training_step_of_a_transformer_fits_on_a_page() -> None:
    graph = build_graph(transformer(12), backward=True)
    assert len(graph) > 2000
    times = []
    for _ in range(3):
        begin = time.process_time()
        view = view_of(graph)
        times.append(time.process_time() - begin)
    assert min(times) < 0.3
    assert len(view.nodes) < 60
    assert heads(view) == [
        "embedding", "block_0 … block_11", "norm", "head", "loss",
        "loss ∇", "head ∇", "norm ∇", "block_11 ∇ … block_0 ∇", "embedding ∇",
    ]  # fmt: skip
    blocks, back = [node for node in view.nodes if node.badge == "×12"]
    assert blocks.look == "group"
    assert back.look == "backward_group"
    assert blocks.lines[1].startswith("12 × 47 ops, 39.4 k params")
    assert f"collapsed: {len(graph):,} → {len(view.nodes)} nodes" in view.caption[-1]
    saved = [
        edge
        for edge in view.edges
        if edge.kind is EdgeKind.SAVED and (edge.source, edge.target) == (blocks.id, back.id)
    ]
    assert [edge.label[-2:] for edge in saved] == ["kB"]


def test_depth_opens_levels_of_modules() -> None:
    graph = build_graph(transformer(2))
    shown = [view_of(graph, depth=d) for d in range(5)]
    sizes = [len(view.nodes) for view in shown]
    assert sizes == sorted(sizes)
    assert heads(shown[0]) == ["embedding", "block_0", "block_1", "norm", "head", "loss"]
    block = ["norm_1", "attention", "norm_2", "mlp"]
    assert heads(shown[1]) == block * 2
    assert {node.scope for node in shown[1].nodes if node.members} == {("block_0",), ("block_1",)}
    assert heads(shown[2]) == ["query, key, value", "out", "up", "down"] * 2
    # Open modules that are alike are folded nevertheless: only `fold=False` shows all.
    assert heads(shown[3]) == ["query, key, value"] * 2
    assert len(view_of(graph, fold=False).nodes) == len(graph)


def test_small_graphs_are_shown_whole() -> None:
    whole = 0
    for name, graph in GRAPHS.items():
        width, height = drawing_of(view_of(graph, fold=False)).size if len(graph) <= 150 else (math.inf, math.inf)
        fits = width <= 1500 and height <= 2800
        assert bool(heads(view_of(graph))) is not fits, name
        whole += fits
    assert whole >= 30


def test_modules_are_opened_and_closed_by_name() -> None:
    graph = build_graph(transformer(12), backward=True)
    view = view_of(graph, expand=["block_5.mlp"])
    names = heads(view)
    assert [n for n in names if n.startswith("block") and "∇" not in n] == ["block_0 … block_4", "block_6 … block_11"]
    assert {"norm_1", "attention", "norm_2"} <= set(names)
    assert {("block_5", "mlp"), ("block_5 ∇", "mlp ∇")} <= {node.scope for node in view.nodes}
    only_forward = view_of(graph, expand=["block_5 ∇.mlp ∇"])
    assert ("block_5", "mlp") not in {node.scope for node in only_forward.nodes}
    assert ("block_5 ∇", "mlp ∇") in {node.scope for node in only_forward.nodes}
    closed = view_of(build_graph(transformer(1)), collapse=["block_0.attention"])
    assert heads(closed) == ["attention"]
    assert heads(view_of(build_graph(transformer(1)), collapse=lambda path: "norm" in path)) == [
        "norm_1",
        "norm_2",
        "norm",
    ]
    assert heads(view_of(graph, depth=0, expand=lambda path: path == "head"))[:3] == [
        "embedding",
        "block_0 … block_11",
        "norm",
    ]
    both = view_of(build_graph(transformer(1)), expand=["block_0"], collapse=["block_0"])
    assert heads(both) == ["block_0"]
    assert heads(view_of(graph, expand="norm")) == [n for n in heads(view_of(graph)) if not n.startswith("norm")]


def test_wrong_arguments_are_refused() -> None:
    graph = build_graph(transformer(1))
    with pytest.raises(
        ValueError, match=r"expand: expected module paths of the graph \('embedding', .*received 'encoder'"
    ):
        view_of(graph, expand=["encoder"])
    with pytest.raises(ValueError, match=r"collapse: .*none: it has no modules.*received 'x'"):
        view_of(build_graph(chain(3)), collapse=["x"])
    for wrong in ({"limit": 0}, {"depth": -1}):
        with pytest.raises(ValueError, match="expected limit >= 1 and depth >= 0"):
            view_of(graph, **wrong)
    for wrong in ({"limit": "x"}, {"depth": "x"}, {"depth": True}, {"limit": None}):
        with pytest.raises(TypeError, match="view_of: expected whole numbers as limit and depth; received"):
            view_of(graph, **wrong)
    for wrong in ({"expand": 3}, {"collapse": [3]}, {"expand": None}):
        with pytest.raises(TypeError, match=r"(expand|collapse): expected module paths, such as .*; received"):
            view_of(graph, **wrong)


def test_a_module_entered_again_later_is_two_boxes() -> None:
    """One box would read from itself through what lies between."""
    x = parameter("x", 2)
    with ag.record_source():
        for scope in ("a", "b", "a"):
            with ag.extend.module_scope(scope):
                x = np.sin(np.cos(x)) if scope == "a" else np.tanh(np.cos(x))
    view = view_of(build_graph(x), depth=0)
    assert heads(view) == ["a", "b", "a"]


def test_a_cell_called_in_a_loop_is_counted() -> None:
    h = parameter("h", 2)
    with ag.record_source(), ag.extend.module_scope("cell"):
        for _ in range(5):
            h = np.tanh(h * 0.5 + 1.0)
    (group,) = [node for node in view_of(build_graph(h), depth=0).nodes if node.members]
    assert (group.lines[0], group.badge, group.lines[1]) == ("cell", "×5", "5 × 3 ops")


# ---- repetitions ----------------------------------------------------------------------------------------------------


def loop(body: Callable[[Tensor, int], Tensor], times: int = 60) -> View:
    x = parameter("x", 4, 4)
    for t in range(times):
        x = body(x, t)
    return view_of(build_graph(x.sum()))


def test_a_loop_without_modules_is_one_box() -> None:
    graph = build_graph(recurrent(60))
    view = view_of(graph)
    (group,) = [node for node in view.nodes if node.members]
    assert (group.badge, group.lines[1:]) == ("×60", ("60 × 5 ops", "x0 … x59"))
    outside = {"W_x", "h0", "W_h", "b", "multiply", "mean"}  # what every step reads
    assert {node.lines[0] for node in view.nodes if not node.members} == outside
    assert {node.badge for node in view.nodes if node.look == "parameter"} == {"used ×60"}


def test_what_a_loop_does_now_and_then_is_not_folded_over() -> None:
    whole = loop(lambda x, _: np.tanh(x @ x) + 1.0)
    assert [node.badge for node in whole.nodes if node.members] == ["×60"]
    broken = loop(lambda x, t: np.tanh(x @ x) + 1.0 if t != 20 else np.exp(np.tanh(x @ x)) + 1.0)
    assert [node.badge for node in broken.nodes if node.members] == ["×20", "×39"]
    axes = loop(lambda x, t: x - x.sum(axis=1 if t == 30 else 0), 90)
    assert [node.badge for node in axes.nodes if node.members] == ["×30", "×59"]


def test_wiring_matters_and_shapes_may_vary() -> None:
    wiring = loop(lambda x, t: (lambda a, b: a * b - (a if t < 30 else b))(np.sin(x), np.cos(x)))
    assert [node.badge for node in wiring.nodes if node.members] == ["×30", "×30"]
    x = ag.tensor(np.ones((2, 100)), name="x")
    for i, width in enumerate(range(99, 39, -1)):
        x = np.tanh(x @ parameter(f"w{i}", width + 1, width))
    (group,) = [node for node in view_of(build_graph(x)).nodes if node.members]
    assert "(2, 99) to (2, 40)" in group.lines


def test_what_follows_without_a_branch_is_joined_where_nothing_else_helps() -> None:
    functions = [np.sin, np.cos, np.tanh, np.arctan, np.negative]
    rng, x = np.random.default_rng(3), parameter("x", 4)
    results = []
    for _ in range(300):
        x = functions[rng.integers(5)](x)
        if rng.random() < 0.02:
            x = x.reshape(2, 2).reshape(4) * results[-1] if results else x
            results.append(x)
    graph = build_graph([x, *results])
    view = view_of(graph)
    groups = [node for node in view.nodes if node.members]
    assert len(view.nodes) < len(graph) / 2
    assert all(" › " in node.lines[0] for node in groups)
    for node in groups:
        assert all(graph[b].inputs == (a,) for a, b in pairwise(node.members) if graph[b].kind is Kind.OP)
        assert len({graph[i].shape for i in node.members}) == 1
        assert not set(node.members[:-1]) & set(graph.outputs)


def test_two_of_a_kind_are_two_boxes() -> None:
    assert [n for n in heads(view_of(build_graph(transformer(2)), depth=0)) if "block" in n] == ["block_0", "block_1"]
    assert "block_0 … block_2" in heads(view_of(build_graph(transformer(3)), depth=0))


def test_alike_modules_that_are_joined_otherwise_are_apart() -> None:
    """Three in a row, then three that all read the same."""
    x = y = parameter("x", 2)
    results = []
    with ag.record_source():
        for i in range(6):
            with ag.extend.module_scope(f"part_{i}"):
                y = np.sin(np.cos(y if i < 3 else x))
                results.append(y)
    view = view_of(build_graph(results), depth=0)
    assert [(node.lines[0], node.badge) for node in view.nodes if node.members] == [
        ("part_0 … part_2", "×3"),
        ("part_3 … part_5", "×3"),
    ]


def test_a_loop_is_cut_where_its_body_begins() -> None:
    """What comes before looks like the end of the body."""
    x, w = parameter("x", 3, 4) + parameter("start", 3, 4), ag.tensor(np.ones((4, 4)), name="w")
    for _ in range(60):
        x = np.tanh(x @ w) + x
    (group,) = [node for node in view_of(build_graph(x)).nodes if node.members]
    assert (group.lines[0], group.badge) == ("matmul › tanh › add", "×60")


def test_a_limit_folds_before_it_hides() -> None:
    for options in ({"depth": 9}, {"expand": ["norm"]}, {}):
        view = view_of(build_graph(transformer(5)), limit=12, **options)  # type: ignore[arg-type]
        assert len(view.nodes) <= 12
        assert "are not shown" not in " ".join(view.caption) or "expand" in options


def test_tied_parameters_stand_outside_and_say_so() -> None:
    view = view_of(build_graph(transformer(12)))
    (table,) = [node for node in view.nodes if node.lines[0] == "embedding.table"]
    assert table.badge == "shared ×2"
    assert not any(node.badge.startswith("shared") for node in view.nodes if node is not table)


@given(
    st.lists(st.integers(0, 2), max_size=30),
    st.integers(0, 30),
    st.lists(st.integers(0, 3), min_size=1, max_size=6),
    st.integers(3, 5),
)
def test_runs_are_found(rest: list[int], at: int, body: list[int], times: int) -> None:
    tokens = [*rest[:at], *body * times, *rest[at:]]
    runs = runs_in(tokens)
    for run in runs:
        assert run.times >= 3
        assert all(
            a == b
            for a, b in zip(
                tokens[run.start : run.stop - run.period], tokens[run.start + run.period : run.stop], strict=True
            )
        )
    assert all(a.stop <= b.start for a, b in pairwise(runs))
    best = max(longest_runs(tokens), key=lambda r: r.times * r.period)
    assert max((r.times * r.period for r in runs), default=0) == best.times * best.period


def longest_runs(tokens: list[int]) -> list[Run]:
    """Every period, every beginning: the plain way."""
    found = []
    for period in range(1, len(tokens) // 3 + 1):
        for start in range(len(tokens) - period):
            stop = start + period
            while stop < len(tokens) and tokens[stop] == tokens[stop - period]:
                stop += 1
            if stop - start >= 3 * period:
                found.append(Run(start, stop, period))
    return found


# ---- marks ----------------------------------------------------------------------------------------------------------


def test_the_worst_mark_of_a_group_is_seen() -> None:
    graph = build_graph(transformer(12))
    inside = view_of(graph).nodes[4].members
    assert len(inside) > 100
    marks = {
        inside[50]: Mark("nan", "NaN", "", ("3 NaNs",)),
        inside[90]: Mark("origin", "first NaN", "log(0)", ("here it began",)),
        inside[3]: Mark("changed", "~"),
    }
    (group,) = [node for node in view_of(graph, overlay=Overlay(marks=marks)).nodes if inside[90] in node.members]
    assert group.look == "origin"
    assert group.badge == "×12 · first NaN"
    assert "log(0)" in group.lines
    assert {"3 NaNs", "here it began"} <= set(group.tip)
    (plain,) = [node for node in view_of(graph).nodes if inside[90] in node.members]
    assert (plain.look, plain.badge) == ("group", "×12")


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_a_group_counts_what_differs_in_it(share: float, backward: bool) -> None:
    graph = build_graph(transformer(12), backward=backward)
    ops = [node.id for node in graph if node.computes]
    removed = set(random.Random(0).sample(ops, int(share * len(ops))))
    marks = {i: Mark("removed", "− removed", tip=("gone",)) for i in removed} | {ops[-1]: Mark("changed", "~ changed")}
    groups = [box for box in view_of(graph, overlay=Overlay(marks=marks)).nodes if box.members]
    assert groups
    for group in groups:
        members = [i for i in group.members if graph[i].computes]
        gone = [i for i in members if marks.get(i, Mark()).look == "removed"]
        badge = group.badge.partition(" · ")[2] if "×" in group.badge else group.badge
        if members and len(gone) == len(members):
            assert (group.look, badge) == ("removed", "− removed")
        elif gone:
            assert group.look in ("group", "backward_group")
            assert badge == f"− {len(gone):,} of {len(members):,}"
            assert group.lines[-1].startswith(f"{len(gone):,} of {len(members):,} removed")
            assert "gone" in group.tip
        else:
            assert "removed" not in " ".join((*group.lines, badge))


@pytest.mark.parametrize("number", [0.0, -1.0, math.nan, math.inf, 0.25])
def test_any_totals_can_be_shown(number: float) -> None:
    graph = GRAPHS["blocks"]
    totals = {node.id: number for node in graph if node.kind is Kind.OP}
    view = view_of(graph, overlay=Overlay("odd", (), {}, totals, "s"))
    assert all(node.weight is None or 0 <= node.weight <= 1 for node in view.nodes)
    assert graph.to_dot(overlay=Overlay("odd", (), {}, totals)).startswith("digraph")


def test_marks_of_nodes_and_the_caption() -> None:
    graph = build_graph(SAMPLES["diamond"]())
    mark = Mark("exploding", "!", "12 GB", ("much",), 0.5)
    view = view_of(graph, overlay=Overlay("health", ("all: well",), {"n3": mark}))
    node = view.nodes[3]
    assert (node.look, node.badge, node.lines[-1], node.tip[-1], node.weight) == (
        "exploding",
        "!",
        "12 GB",
        "much",
        0.5,
    )
    assert view.caption == (graph.summary(), "health", "all: well")


def test_the_backward_pass_is_told_apart() -> None:
    graph = GRAPHS["perceptron.backward"]
    view = view_of(graph, fold=False)
    by_id = {node.id: node for node in view.nodes}
    for leaf, total in graph.gradients.items():
        assert by_id[total].lines[0].startswith(f"{graph[leaf].name}.grad = ")
        assert by_id[total].is_output
    for edge in view.edges:
        source, target = graph[edge.source], graph[edge.target]
        if edge.kind is EdgeKind.SAVED:
            assert target.backward
            assert not source.backward
            assert edge.label == amount(source.nbytes, "B")
        if edge.kind is EdgeKind.GRADIENT:
            assert source.backward
            assert target.backward
    assert {edge.source for edge in view.edges if edge.kind is EdgeKind.SAVED} == set(graph.savers)


def test_arguments_are_numbered_where_it_matters() -> None:
    view = view_of(build_graph(SAMPLES["diamond"]()))
    arguments: dict[str, list[int]] = {}
    for edge in view.edges:
        arguments.setdefault(edge.target, []).append(edge.argument)
    ops = {node.id: node.lines[0] for node in view.nodes}
    assert {tuple(v) for i, v in arguments.items() if "subtract" in ops[i] or "divide" in ops[i]} == {(1, 2)}
    assert {tuple(v) for i, v in arguments.items() if "multiply" in ops[i]} == {(0, 0)}


# ---- windows --------------------------------------------------------------------------------------------------------


def test_a_window_has_no_gaps() -> None:
    graph = GRAPHS["recurrent"]
    for limit in range(1, len(graph) + 1):
        view = view_of(graph, fold=False, limit=limit)
        shown = [node.id for node in view.nodes]
        assert len(shown) == limit
        read = {source for i in shown for source in graph[i].inputs}
        assert set(shown) <= read | set(graph.outputs)


def test_a_window_shows_what_is_nearest_first() -> None:
    graph = build_graph(chain(20) * chain(20))
    shown = [int(node.id[1:]) for node in view_of(graph, fold=False, limit=15).nodes]
    # The factors are nodes 0 to 40 and 41 to 81.
    assert (sum(i <= 40 for i in shown), sum(40 < i <= 81 for i in shown)) == (7, 7)
    leaves = build_graph([parameter(c) for c in "abc"])
    assert [node.lines[0] for node in view_of(leaves, fold=False, limit=2).nodes] == ["a", "b"]


# ---- large ----------------------------------------------------------------------------------------------------------


def test_a_long_chain_needs_no_stack() -> None:
    results: list[object] = []

    def work() -> None:
        graph = build_graph(chain(12_000))
        results.append(len(view_of(graph, fold=False).nodes))
        results.append(len(graph.to_dot().splitlines()))
        results.append(len(graph.ancestors("n12000")))

    in_small_stack(work)
    assert results == [1500, 9, 12_001]


def test_time_grows_with_the_size_alone() -> None:
    took = []
    for n in (2000, 20_000):
        graph = build_graph(irregular(n))
        begin = time.process_time()
        view_of(graph)
        took.append((time.process_time() - begin) / len(graph))
    assert took[1] < 4 * took[0]
    assert math.isfinite(took[0])


def test_a_model_and_its_loss_have_frames() -> None:
    network = models.Sequential([layers.Dense(3), layers.Dense(2)])
    with ag.record_source():
        prediction = network(np.ones((4, 5), "float32"))
        loss = losses.MeanSquaredError()(np.zeros((4, 2), "float32"), prediction)
    assert {box.scope[0] for box in view_of(build_graph(prediction)).nodes if box.scope} == {"dense", "dense_1"}
    graph = build_graph(loss, backward=True)
    outer = {box.scope[0] for box in view_of(graph, fold=False).nodes if box.scope}
    assert outer == {"sequential", "mean_squared_error", "sequential ∇", "mean_squared_error ∇"}
    # The names of layers alone still open and close them.
    for name in ("dense", "sequential.dense"):
        assert heads(view_of(graph, collapse=[name])) == ["dense", "dense ∇"]
    assert heads(view_of(graph, depth=0)) == [
        "sequential", "mean_squared_error", "mean_squared_error ∇", "sequential ∇"
    ]  # fmt: skip
