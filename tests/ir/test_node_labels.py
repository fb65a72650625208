"""What pictures and texts say of loops and branches: how often, what is carried, how large the body is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.graph import build_graph
from autograd_lite.ir.graph_node import GraphNode
from autograd_lite.ir.node_labels import brief_params, loop_of, name_of_result
from tests.rows import for_every


class Row(NamedTuple):
    """An operation of a program, and what is said of it.

    Attributes:
        name: of the row.
        run: the program, a function of an array (3,).
        op: which operation it is.
        text: what is said of it.
        results: the names of its first results.
        compiled: whether the program is a compiled one.
    """

    name: str
    run: Callable[[Any], Any]
    op: str
    text: str
    results: list[str]
    compiled: bool = False


def scanned(body: Callable[[Any, Any], Any], length: int = 5, **options: Any) -> Callable[[Any], Any]:
    return lambda x: ag.scan(body, x, np.ones((length, 3)), **options)


def _two(x: Any) -> Any:
    return ag.scan(lambda h, v: ((np.tanh(h[0] + v), h[1] * 2.0), None), (x, x.sum()), np.ones((5, 3)))[0]


def _four(x: Any) -> Any:
    return ag.scan(lambda h, v: (tuple(np.tanh(a + v) for a in h), None), (x,) * 4, np.ones((5, 3)))[0]


def _nothing(x: Any) -> Any:
    return ag.scan(lambda _, v: (None, np.tanh(v * x)), None, np.ones((5, 3)))[1]


def _nested(h: Any, v: Any) -> Any:
    return ag.fori_loop(0, 3, lambda _, a: np.sin(a), h) + v, None


def _while(x: Any) -> Any:
    return ag.while_loop(lambda h: h.sum() < 10.0, lambda h: h * 2.0, x)


def _cond(x: Any) -> Any:
    return ag.cond(x.sum() > 0.0, lambda v: np.tanh(v * 2.0), lambda v: v - 1.0, x)


def _fori(x: Any) -> Any:
    return ag.fori_loop(0, 4, lambda _, h: np.tanh(h), x)


def _step(h: Any, v: Any) -> Any:
    return np.tanh(h + v), h.sum()


ROWS = [
    Row("scan", scanned(_step), "scan", "×5: carry (3,), body 3 operations", ["carry", "[1]"]),
    Row("thousands", scanned(_step, 1500), "scan", "×1,500: carry (3,), body 3 operations", ["carry", "[1]"]),
    Row("reverse", scanned(_step, reverse=True), "scan", "×5 in reverse: carry (3,), body 3 operations", ["carry"]),
    Row("two", _two, "scan", "×5: carry ((3,), ()), body 3 operations", ["carry[0]", "carry[1]", "[2]"]),
    Row("four", _four, "scan", "×5: carry 4 arrays, body 8 operations", ["carry[0]", "carry[1]"]),
    Row("nothing carried", _nothing, "scan", "×5: body 2 operations", ["[0]"]),
    Row("nested", scanned(_nested), "scan", "×5: carry (3,), body 4 operations", ["carry"]),
    Row("fori_loop", _fori, "scan", "×4: carry (3,), body 1 operation", ["carry"]),
    Row("fori_loop, compiled", _fori, "scan", "×4: carry (3,), body 1 operation", ["carry"], compiled=True),
    Row("while_loop", _while, "while_loop", "carry ((3,), (), ()), body 4 operations", ["carry[0]"], compiled=True),
    Row("cond", _cond, "cond", "false=1 operation, true=2 operations", ["[0]"], compiled=True),
    Row("neither", lambda x: np.linalg.qr(x.reshape(3, 1)), "qr", "", ["Q", "R"]),
]


def _node(row: Row) -> GraphNode:
    """Return the node of a row's operation."""
    if row.compiled:
        step = ag.compile(row.run)
        for _ in range(3):
            step(np.ones(3))
        graph = step.changes().merge()[0]
    else:
        results = row.run(ag.tensor(np.ones(3), requires_grad=True))
        graph = build_graph([t for t in ag.tree.leaves(results) if isinstance(t, Tensor)])
    return next(node for node in graph if node.op == row.op)


@for_every(ROWS)
def test_what_is_said_of_a_loop(row: Row) -> None:
    node = _node(row)
    assert brief_params(node) == row.text
    assert "#" not in row.text
    loop = loop_of(node)
    assert (str(loop) == row.text) if row.op in ("scan", "while_loop") else loop is None
    names = [name_of_result(node, k) for k in range(len(node.kinds))]
    assert names[: len(row.results)] == row.results
    # As a part of the call, and none twice.
    assert [name_of_result(node, k, "n1").removeprefix("n1").lstrip(".") for k in range(len(names))] == names
    assert len(set(names)) == len(names)
