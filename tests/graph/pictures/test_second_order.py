"""Derivatives of derivatives: cotangents have names, and what only spreads them is not drawn by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.graph import Graph, Kind, build_graph, trace, view_of
from tests.rows import for_every

from ..samples import parameter


def f(x: Tensor) -> Tensor:
    return (np.sin(x) * x**2).sum()


def create_graph() -> Graph:
    """A penalty on a gradient."""
    x = parameter("x", 4)
    y = (np.tanh(x) ** 2).sum()
    y.name = "y"
    y.backward(create_graph=True)
    gradient, x.grad = x.grad, None
    assert gradient is not None
    return build_graph((gradient * gradient).sum())


def of_a_number() -> Graph:
    """A gradient whose cotangent arrives as it began."""
    x = parameter("x")
    y = np.tanh(x) ** 2
    y.name = "y"
    y.backward(create_graph=True)
    gradient, x.grad = x.grad, None
    assert gradient is not None
    return build_graph(gradient * gradient)


def hessian() -> Graph:
    return trace(ag.hessian(f), np.ones(3))


def grad_of_grad() -> Graph:
    return trace(ag.grad(lambda x: ag.grad(f)(x).sum()), np.ones(3))


def hvp() -> Graph:
    return trace(lambda x: ag.hvp(f)(x, np.ones(3)), np.ones(3))


CASES: list[tuple[Callable[[], Graph], str]] = [
    (create_graph, "cotangent of square"),
    (of_a_number, "cotangent of y"),
    (hessian, "cotangent"),
    (grad_of_grad, "cotangent"),
    (hvp, "cotangent"),
]


@for_every(CASES, by=lambda row: row[0].__name__)
def test_cotangents_have_names(row: tuple[Callable[[], Graph], str]) -> None:
    graph = row[0]()
    inputs = [node.name for node in graph if node.kind is Kind.INPUT]
    assert row[1] in inputs
    assert all(inputs)
    shown = [*graph.to_svg().split(">"), *graph.to_dot().split('"'), *graph.to_mermaid().split('"')]
    assert sum(row[1] in text for text in shown) >= 3
    assert row[1] in graph.to_text()
    assert row[1] in graph.to_html()


@for_every(CASES, by=lambda row: row[0].__name__)
def test_what_only_spreads_a_cotangent_is_in_its_box(row: tuple[Callable[[], Graph], str]) -> None:
    graph = row[0]()
    view = view_of(graph)
    home = {i: box for box in view.nodes for i in box.nodes}
    slots = [node for node in graph if node.name.startswith("cotangent")]
    readers = {slot.id: [node for node in graph if slot.id in node.inputs] for slot in slots}
    for slot in slots:
        spread = len(readers[slot.id]) == 1 and readers[slot.id][0].op in ("reshape", "broadcast_to")
        assert (home[slot.id].id != slot.id) == spread
        assert home[slot.id].lines[0] == slot.name
        if spread:
            assert {graph[i].op for i in home[slot.id].members} <= {"", "reshape", "broadcast_to", "transpose", "copy"}
    everything = view_of(graph, fold=False)
    assert {box.id for box in everything.nodes} == {node.id for node in graph if node.result is None}


def test_the_broadcasts_of_users_are_drawn() -> None:
    x = parameter("x", 3)
    column = ag.tensor(np.ones(()), name="cotangents of mine")
    y = (np.broadcast_to(x.reshape(1, 3), (2, 3)) * column).sum()
    assert {"reshape", "broadcast_to"} <= {box.lines[0] for box in view_of(build_graph(y)).nodes}


@pytest.mark.parametrize("make", [lambda x: (x + 1.0).sum(), lambda x: x.sum(), lambda x: x[0]])
def test_the_gradients_of_users_have_no_names(make: Callable[[Tensor], Tensor]) -> None:
    x = parameter("x", 3)
    make(x).backward(create_graph=True)
    assert x.grad is not None
    assert x.grad.name is None
    _, gradient = ag.value_and_grad(make)(x)
    assert gradient.name is None
    mine = ag.tensor(2.0)
    make(x).backward(mine, create_graph=True)
    assert mine.name is None
