"""Lifetimes: nothing is read after its end, what lives to the end has a reason, and views own nothing."""

from __future__ import annotations

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.graph import Graph, Kind, build_graph
from autograd_lite.ir.lifetimes import Why, lifetimes

from ..graph.samples import SAMPLES

GRAPHS = {
    f"{name}{'.backward' * backward}": build_graph(make(), backward=backward)
    for name, make in SAMPLES.items()
    for backward in (False, True)
}


@pytest.mark.parametrize("name", GRAPHS)
def test_memory_lives_from_its_node_to_the_last_that_reads_it(name: str) -> None:
    graph = GRAPHS[name]
    life = lifetimes(graph)
    for at, node in enumerate(graph):
        owner = life.owner[node.id]
        begin = at if node.result is None else life.born[node.inputs[0]]
        assert (life.born[node.id], life.owner[owner]) == (begin, owner)
        assert life.born[owner] <= at <= life.ends[node.id]
        assert (life.nbytes[node.id] > 0) <= (owner == node.id)
        for i in node.inputs:
            # A rule may read what the forward op has saved, by whose lifetime it then lives; the results of a call have
            # lifetimes of their own.
            if node.result is None:
                assert at <= life.ends[life.owner[i]] or (node.backward and not graph[i].backward)
    last = len(graph) - 1
    for i in (*graph.outputs, *graph.gradients.values()):
        assert life.ends[life.owner[i]] == last
        assert life.why[life.owner[i]][0] in (Why.RESULT, Why.GRADIENT)


@pytest.mark.parametrize("name", GRAPHS)
def test_the_reason_is_about_the_node_where_it_ends(name: str) -> None:
    graph = GRAPHS[name]
    life = lifetimes(graph)
    for i, (why, by) in life.why.items():
        assert by in graph
        if why is Why.READ:
            assert life.born[by] == life.ends[i]
            assert i in {life.owner[x] for x in graph[by].inputs}
        if why is Why.MADE:
            assert (by, life.ends[i]) == (i, life.born[i])
        if why is Why.SAVED:
            assert graph[graph.nodes[life.ends[i]].id].of == by


def large(n: int) -> Graph:
    x = ag.tensor(np.ones(n), requires_grad=True)
    return build_graph(np.tanh(x).sum(), backward=True)


def test_only_large_temporaries_of_rules_are_reused() -> None:
    graph = large(1 << 16)
    reuses = lifetimes(graph).reuses
    assert reuses
    for i, temporary in reuses.items():
        assert graph[i].of == graph[temporary].of != ""
        assert (graph[i].shape, graph[temporary].kind) == (graph[temporary].shape, Kind.OP)
    assert lifetimes(large(1 << 10)).reuses == {}
