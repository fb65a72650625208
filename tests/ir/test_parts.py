"""Parts of a graph: which nodes they hold, what replaces what is cut, and that every face takes them."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, strategies as st

from autograd_lite.graph import Graph, GraphNode, Kind, build_graph, explain
from autograd_lite.ir.node_labels import op_text

from ..graph.large import chain, transformer
from ..graph.samples import SAMPLES, diamond, parameter, perceptron

GRAPHS = {
    f"{name}{'.backward' * backward}": build_graph(make(), backward=backward)
    for name, make in SAMPLES.items()
    for backward in (False, True)
}


def before(graph: Graph, i: str) -> set[str]:
    """All that a node depends on, by definition."""
    found = {i}
    for node in reversed(graph.nodes):
        if node.id in found:
            found.update(node.inputs)
    return found


def after(graph: Graph, i: str) -> set[str]:
    return {node.id for node in graph if i in before(graph, node.id)}


def real(part: Graph, whole: Graph) -> set[str]:
    """The nodes that are not substitutes."""
    return {node.id for node in part if node.kind is whole[node.id].kind}


def assert_part(part: Graph, whole: Graph, wanted: set[str]) -> None:
    """It holds what is wanted, with the same ids; beside it nothing but slots and stand-ins that it reads.

    With one result of a call comes the call.
    """
    wanted = wanted | {whole[i].inputs[0] for i in wanted if whole[i].result is not None}
    kept = real(part, whole)
    assert wanted <= kept
    read = {i for node in part for i in node.inputs}
    for node in part:
        old = whole[node.id]
        assert (node.shape, node.dtype, part[node.id]) == (old.shape, old.dtype, node)
        if node.id not in kept:
            assert (node.kind, node.name, node.id in read) == (Kind.INPUT, f"… {old.name or op_text(old, whole)}", True)
        else:
            assert (node.op, node.inputs, node.params) == (old.op, old.inputs, old.params)
        if node.id not in wanted:
            assert node.kind is not Kind.OP
            assert node.id in read
    assert set(part.outputs) >= {node.id for node in part} - read


@pytest.mark.parametrize("name", GRAPHS)
def test_parts_hold_what_their_names_say(name: str) -> None:
    graph = GRAPHS[name]
    for node in graph.nodes[:: 1 + len(graph) // 12]:
        assert_part(graph.ancestors(node.id), graph, before(graph, node.id))
        assert_part(graph.descendants(node.id), graph, after(graph, node.id))
        assert not [n for n in graph.ancestors(node) if n.name.startswith("…")]
    output = graph.outputs[0]
    for i in sorted(before(graph, output))[:5]:
        wanted = before(graph, output) & after(graph, i)
        assert_part(graph.between(i, output), graph, wanted)
        assert graph.between(output, i) == graph.between(i, output)


@given(st.sampled_from(sorted(GRAPHS)), st.integers(0, 10_000), st.integers(0, 6))
def test_around_is_a_ball(name: str, which: int, radius: int) -> None:
    graph = GRAPHS[name]
    center = graph.nodes[which % len(graph)].id
    ball = {center}
    for _ in range(radius):
        ball |= {i for node in graph if node.id in ball for i in node.inputs} | {
            node.id for node in graph if not ball.isdisjoint(node.inputs)
        }
    assert_part(graph.around(center, radius), graph, ball)


def test_nodes_are_found_by_id_name_and_op() -> None:
    graph = build_graph(perceptron())
    for asked in ("n2", "dense_1.weight", "relu", graph["n2"]):
        assert len(graph.around(asked, 0)) >= 1
    assert graph.ancestors("loss") == graph
    with pytest.raises(
        ValueError,
        match=r"around: expected the id of a node \('n0' to 'n15'\).*received 'matmul', which 2 nodes have: n2, n7",
    ):
        graph.around("matmul")
    with pytest.raises(ValueError, match="descendants: .*received 'n16', which none has"):
        graph.descendants("n16")
    with pytest.raises(ValueError, match="ancestors: .*received '', which none has"):
        graph.ancestors("")
    with pytest.raises(
        ValueError, match="between: expected two nodes of which one depends on the other; received n0 and n1"
    ):
        graph.between("x", "dense_1.weight")
    with pytest.raises(ValueError, match="around: expected radius >= 0; received -1"):
        graph.around("n2", -1)


def test_names_come_before_ops() -> None:
    x = parameter("sin", 2)
    graph = build_graph(np.sin(x))
    assert graph.around("sin", 0).nodes[0].id == "n0"
    assert len(graph.around("n1", 0)) == 2


def test_ids_stay_and_lookup_works_in_parts() -> None:
    graph = build_graph(transformer(3), backward=True)
    part = graph.around("block_1.mlp.up.kernel", 2)
    ids = [node.id for node in part]
    assert ids != [f"n{i}" for i in range(len(ids))]
    for node in part:
        assert part[node.id] is node
        assert node in part
        assert node.id in part
    for i in {node.id for node in graph} - set(ids):
        assert i not in part
        with pytest.raises(KeyError, match=f"expected an id from '{ids[0]}' to '{ids[-1]}'"):
            part[i]
    assert GraphNode("n0", Kind.INPUT, "", "", (), (), (), np.dtype(float)) not in part


@pytest.mark.parametrize("name", GRAPHS)
def test_every_face_takes_a_part(name: str) -> None:
    graph = GRAPHS[name]
    for node in graph.nodes[:: 1 + len(graph) // 4]:
        for part in (graph.around(node, 1), graph.ancestors(node), graph.descendants(node)):
            assert part.summary() in part.to_dot()
            assert part.to_svg().startswith("<svg")
            assert part.to_mermaid().startswith("flowchart TD")
            assert re.findall(r"(?m)^(n\d+) ", part.to_text())
            assert Graph.from_json(part.to_json()) == part
            assert not part.flows or str(explain(part)).startswith("How L changes")
            assert set(part.cotangents) <= {n.id for n in part}
            assert set(part.savers) <= {n.id for n in part}


def test_a_part_of_a_long_chain() -> None:
    graph = build_graph(chain(12_000))
    middle = graph.around("n12000", 10)
    assert 10 < len(middle) < 50
    assert len(graph.descendants("n23990").nodes) < 20


def test_graphs_with_wrong_ids_are_refused() -> None:
    nodes = build_graph(diamond()).nodes
    for wrong in ((nodes[1], nodes[0]), (nodes[0], nodes[0]), (nodes[1],)):
        with pytest.raises(ValueError, match="Graph: expected nodes"):
            Graph(wrong, ())
