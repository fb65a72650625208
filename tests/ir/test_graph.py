"""The two classes of graphs: `PureGraph` below, which knows no picture, and `Graph` with faces, equal by structure."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace

import pytest

import autograd_lite as ag
from autograd_lite.graph import Graph, Measurement, Program, PureGraph, PureProgram, build_graph, trace

from ..graph.samples import SAMPLES
from ..graph.test_faces import ROOT

W = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
GRAPH = build_graph((W * W).sum(), backward=True)
PURE = PureGraph(GRAPH.nodes, GRAPH.outputs, GRAPH.flows)


def test_they_are_equal_by_structure_whichever_comes_first() -> None:
    assert (PURE == GRAPH, GRAPH == PURE, hash(PURE) == hash(GRAPH)) == (True, True, True)
    assert {PURE: 1}[GRAPH] == 1
    other = replace(PURE, outputs=("n1",))
    assert (other == GRAPH, other == GRAPH, other == PURE, str(PURE) == PURE) == (False,) * 4
    measured = replace(PURE, measurements={"n0": Measurement(seconds=1.0)})
    assert (measured == PURE, hash(measured)) == (True, hash(PURE))


def test_of_adds_faces_and_keeps_everything() -> None:
    measured = replace(PURE, measurements={"n1": Measurement(seconds=0.5)})
    graph = Graph.of(measured)
    assert type(graph) is Graph
    assert graph == measured
    assert graph.cost("time").total == 0.5
    assert Graph.of(graph) is graph
    assert PureGraph.of(graph) is graph


def test_parts_and_copies_are_of_the_class_of_the_whole() -> None:
    for whole in (GRAPH, PURE):
        parts = [whole.around("n1", 1), whole.between("n0", "n2"), whole.ancestors("n2"), whole.descendants("n1")]
        copies = [copy.copy(whole), copy.deepcopy(whole), pickle.loads(pickle.dumps(whole)), replace(whole)]
        assert {type(part) for part in (*parts, *copies)} == {type(whole)}
        assert all(again == whole for again in copies)


def test_a_part_has_the_measurements_of_its_nodes_and_no_time_of_what_is_cut_off() -> None:
    graph = Program.build((W * W).sum()).measure(seconds=True)
    part = graph.around("n2", 0)
    assert part.measurements.keys() == {"n1", "n2"}
    assert part.measurement("n2") == graph.measurement("n2")
    assert part.measurement("n1") == graph.measurement("n1")._replace(seconds=None)


@pytest.mark.parametrize("name", SAMPLES)
def test_both_are_told_in_the_same_words(name: str) -> None:
    graph = build_graph(SAMPLES[name]())
    assert str(PureGraph(graph.nodes, graph.outputs)) == graph.to_text()
    assert repr(GRAPH).replace("Graph", "PureGraph", 1) == repr(PURE)


def test_everybody_sees_graphs_with_faces() -> None:
    program = Program.trace(lambda x: (x * W).sum(), W.numpy(), backward=True)
    graphs = [program.graph, program.measure(), trace(lambda: W.sum()), Program.build(W.sum()).graph]
    graphs += [Graph.from_json(GRAPH.to_json()), build_graph(W.sum())]
    assert {type(graph) for graph in graphs} == {Graph}
    assert type(PureProgram.build(W.sum()).measure()) is PureGraph


def test_neither_can_be_changed() -> None:
    for graph, name in ((GRAPH, "Graph"), (PURE, "PureGraph")):
        with pytest.raises(FrozenInstanceError, match=rf"'nodes' cannot be set or deleted: a {name} is immutable"):
            graph.nodes = ()  # type: ignore[misc]
        with pytest.raises(FrozenInstanceError, match="keep the value beside it"):
            graph.mine = 1  # type: ignore[attr-defined]


def test_the_floor_of_graphs_loads_no_face() -> None:
    told = "import sys, autograd_lite.ir.pure_program, autograd_lite.ir.lifetimes\n"
    told += "print(*[name for name in sys.modules if name.startswith('autograd_lite.graph')])"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
