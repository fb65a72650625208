"""`PureGraph.check`: every graph that is recorded passes it, and none that says of an op what it does not do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.multi_result import Dtypes
from autograd_lite.core.op import BY_UFUNC
from autograd_lite.graph import Graph, GraphNode, Kind, build_graph, trace
from autograd_lite.ir.graph_check import Inconsistent, _is_hidden

from ..graph.samples import SAMPLES as COMPUTATIONS
from ..laws.samples import SAMPLES


def graph_of(result: ag.Tensor) -> Graph:
    return build_graph(result, backward=result.requires_grad)


def graphs_of_ops() -> Iterator[tuple[str, Graph]]:
    """Yield a graph, with its backward pass, for the last row of the table of every op: most have axes there."""
    for sample in {sample.case.op: sample for sample in SAMPLES}.values():
        arrays = sample.arrays(np.float32)
        with np.errstate(all="ignore"):
            inputs = [ag.tensor(a, requires_grad=a.dtype.kind in "fc") for a in arrays]
            yield sample.name, graph_of(sample.call(*inputs))


GRAPHS = dict(graphs_of_ops())


def complaint(graph: Graph) -> str:
    try:
        graph.check()
    except Inconsistent as wrong:
        return str(wrong)
    return ""


def changed(graph: Graph, node: GraphNode, **new: Any) -> Graph:
    return replace(graph, nodes=tuple(replace(n, **new) if n is node else n for n in graph))


def test_what_is_recorded_is_consistent() -> None:
    assert len(GRAPHS) > 180
    assert {name: said for name, graph in GRAPHS.items() if (said := complaint(graph))} == {}


def test_another_shape_and_another_dtype_are_seen_at_every_op() -> None:
    unseen, ops = [], set()
    for name, graph in GRAPHS.items():
        for node in graph:
            if node.kind is not Kind.OP or node.op in ops or any(_is_hidden(p.value) for p in node.params):
                continue
            ops.add(node.op)
            dtype: Any = np.dtype("float16" if node.dtype != np.float16 else "float64")
            shape: Any = (*node.shape, 2)
            if node.has_several:
                dtype, shape = Dtypes([dtype] * len(node.shape)), (*node.shape[:-1], (*node.shape[-1], 2))
            for what, new in (("shape", shape), ("dtype", dtype)):
                if f"at {node.id}.{what}; received {new}" not in complaint(changed(graph, node, **{what: new})):
                    unseen.append((name, node.op, what))
    assert unseen == []
    assert len(ops) > 200


def test_python_numbers_give_way_as_they_do_in_numpy() -> None:
    wrong, seen = {}, set()
    for ufunc in (u for u in BY_UFUNC if u.nin == 2):
        for dtype in ("float32", "int8", "complex64"):
            for number in (1, 2.0, True, 1j):
                for f in (lambda x, u=ufunc, n=number: u(x, n), lambda x, u=ufunc, n=number: u(n, x)):
                    try:
                        graph = trace(f, np.ones(2, dtype))
                    except (TypeError, ValueError):  # NumPy does not take these
                        continue
                    seen.add(graph.nodes[-1].op)
                    if said := complaint(graph):
                        wrong[ufunc.__name__, dtype, number] = said
    assert {"add", "ldexp", "power", "greater"} <= seen
    assert wrong == {}


@pytest.mark.parametrize("name", COMPUTATIONS)
def test_whole_computations_and_their_parts_are_consistent(name: str) -> None:
    graph = build_graph(COMPUTATIONS[name]())
    assert complaint(graph) == ""
    assert [complaint(graph.around(node, radius=1)) for node in graph.nodes[:50]] == [""] * len(graph.nodes[:50])


def test_the_error_names_the_node_and_says_how_to_mend_it() -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    graph = build_graph((x * x).sum())
    with pytest.raises(ValueError, match=r"^Graph.check: expected what multiply makes of .*, \(2,\) at n1.shape; rec"):
        changed(graph, graph["n1"], shape=(3,)).check()
    with pytest.raises(ValueError, match=r"float64 at n2.dtype; received float32. A node that is changed or put in"):
        changed(graph, graph["n2"], dtype=np.dtype("float32")).check()
    with pytest.raises(ValueError, match=r"expected 1 arguments of sum at n2; received 2"):
        changed(graph, graph["n2"], inputs=("n0", "n1")).check()
