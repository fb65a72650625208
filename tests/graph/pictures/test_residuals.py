"""Residual blocks: which computations are some, their frames, and the shapes at their doors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.graph import Kind, View, build_graph, view_of
from autograd_lite.graph.pictures.folding.plan import homes_of
from autograd_lite.graph.pictures.page.groups import group_nodes
from autograd_lite.graph.pictures.view import EdgeKind
from tests.rows import for_every

from ..large import transformer
from ..samples import SAMPLES, parameter


def _x(width: int = 8) -> Tensor:
    return ag.tensor(np.ones((4, width)), name="x") @ parameter("w_in", width, width)


def _branch(x: Tensor, name: str, width: int = 8) -> Tensor:
    return np.tanh(x @ parameter(f"{name}.u", 8, 16)) @ parameter(f"{name}.v", 16, width)


def identity() -> Tensor:
    """Two blocks, one after the other, the sum in either order."""
    x = _x()
    x = x + _branch(x, "a")
    return (_branch(x, "b") + x).sum()


def projection() -> Tensor:
    """A shortcut with weights of its own."""
    x = _x()
    return (_branch(x, "a", 12) + x @ parameter("shortcut", 8, 12)).sum()


def of_an_input() -> Tensor:
    """What is added again is an input, and another one comes in on the way."""
    x, mask = ag.tensor(np.ones((4, 8)), name="x"), ag.tensor(np.ones(16), name="mask")
    h = np.tanh(x @ parameter("u", 8, 16)) * mask
    return (x + h @ parameter("v", 16, 8)).sum()


def nested() -> Tensor:
    """A block in a block."""
    x = _x()
    h = np.tanh(x @ parameter("first", 8, 8))
    h = h + _branch(h, "inner")
    return (x + h @ parameter("last", 8, 8)).sum()


def in_modules() -> Tensor:
    """Layers that are modules, in three blocks that are not modules."""
    x = _x()
    with ag.record_source():
        for k in range(3):
            h = x
            for layer in ("dense", "out"):
                with ag.extend.module_scope(f"{layer}_{k}"):
                    h = np.tanh(h @ parameter(f"{layer}_{k}.w", 8, 8))
            x = x + h
    return x.sum()


def a_module() -> Tensor:
    """A module that is a block, with an operation after the sum."""
    x = _x()
    with ag.record_source(), ag.extend.module_scope("net"):
        for k in range(3):
            with ag.extend.module_scope(f"block_{k}"):
                x = np.tanh(x + _branch(x, f"block_{k}"))
    return x.sum()


def no_weights() -> Tensor:
    """Arithmetic that happens to add a value again."""
    x = _x()
    return (x + np.tanh(x * 0.5) ** 3).sum()


def recurrent_sum() -> Tensor:
    """The sum of two products of different values, as in a recurrent network."""
    h = _x()
    for k in range(3):
        step = ag.tensor(np.ones((4, 8)), name=f"x{k}")
        h = np.tanh(h @ parameter("W", 8, 8) + step @ parameter("U", 8, 8))
    return h.sum()


def two_equal_branches() -> Tensor:
    """Neither of them is a shortcut."""
    x = _x()
    return (_branch(x, "a") + _branch(x, "b")).sum()


def a_value_that_leaves() -> Tensor:
    """What is inside is read outside too."""
    x = _x()
    h = np.tanh(x @ parameter("u", 8, 8))
    return (x + h @ parameter("v", 8, 8) + h).sum() * h.mean()


def a_layer_used_twice() -> Tensor:
    """A module of which a part would be inside and a part outside."""
    x = _x()
    w = parameter("dense.w", 8, 8)
    with ag.record_source():
        for _ in range(3):
            with ag.extend.module_scope("dense"):
                h = np.tanh(x @ w)
            x = x + h @ parameter("v", 8, 8)
    return x.sum()


# For each computation the paths that are blocks, with the operations in them.
CASES: list[tuple[Callable[[], Tensor], dict[str, str]]] = [
    (identity, {"residual_1": "matmul tanh matmul add", "residual_2": "matmul tanh matmul add"}),
    (projection, {"residual_1": "matmul tanh matmul matmul add"}),
    (of_an_input, {"residual_1": "matmul tanh multiply matmul add"}),
    (nested, {
        "residual_1": "matmul tanh matmul tanh matmul add matmul add",
        "residual_1.residual_2": "matmul tanh matmul add",
    }),
    (in_modules, {f"residual_{k}": "matmul tanh matmul tanh add" for k in (1, 2, 3)}),
    (a_module, {f"net.block_{k}": "matmul tanh matmul add tanh" for k in range(3)}),
    (no_weights, {}),
    (recurrent_sum, {}),
    (two_equal_branches, {}),
    (a_value_that_leaves, {}),
    (a_layer_used_twice, {}),
]  # fmt: skip


@for_every(CASES, by=lambda row: row[0].__name__)
def test_which_computations_are_residual_blocks(row: tuple[Callable[[], Tensor], dict[str, str]]) -> None:
    graph = build_graph(row[0]())
    homes = homes_of(graph.nodes)
    assert {".".join(block) for block in homes.blocks} == set(row[1])
    for block, ops in row[1].items():
        inside = [node.op for node in graph if node.computes and _is_in(homes.own[node.id], block)]
        assert " ".join(inside) == ops


def _is_in(scope: tuple[str, ...], block: str) -> bool:
    path = tuple(block.split("."))
    return scope[: len(path)] == path


@pytest.mark.parametrize("blocks", [1, 12])
def test_blocks_of_a_transformer_are_the_modules(blocks: int) -> None:
    homes = homes_of(build_graph(transformer(blocks)).nodes)
    assert homes.blocks == {(f"block_{k}",) for k in range(blocks)}


def _crossing(view: View, block: str) -> list[tuple[str, str, str, bool]]:
    """Return the source, target and label of the lines across the border of a block, and whether they enter it."""
    inside = {box.id: _is_in(box.scope, block) for box in view.nodes}
    return [
        (edge.source, edge.target, edge.label, inside[edge.target])
        for edge in view.edges
        if inside[edge.source] != inside[edge.target] and edge.kind is EdgeKind.DATA
    ]


@for_every([row for row in CASES if row[1] and row[0] is not of_an_input], by=lambda row: row[0].__name__)
def test_the_doors_of_blocks_have_shapes(row: tuple[Callable[[], Tensor], dict[str, str]]) -> None:
    graph = build_graph(row[0]())
    view = view_of(graph)
    faces = {"svg": graph.to_svg(), "dot": graph.to_dot(), "mermaid": graph.to_mermaid()}
    for block in row[1]:
        lines = [line for line in _crossing(view, block) if graph[line[0]].kind is Kind.OP]
        for enters in (True, False):
            ways = [(source, label) for source, _, label, into in lines if into is enters]
            (source,) = {source for source, _ in ways}  # one way in, one way out
            shape = str(graph[source].shape)
            assert [label for _, label in ways if label] == [shape] or not enters
            assert shape in [label for _, label in ways] or _is_labelled_in_another(view, source, shape)
            for face, text in faces.items():
                assert shape in text, face
        assert block.rpartition(".")[2] in faces["dot"]
        assert block.rpartition(".")[2] in faces["svg"]
        assert block.rpartition(".")[2] in faces["mermaid"]
        groups, _ = group_nodes(graph)
        assert block.rpartition(".")[2] in [group.name for group in groups]


def _is_labelled_in_another(view: View, source: str, shape: str) -> bool:
    """Return whether the door out of one block is that into the next, with a label there."""
    return any(edge.source == source and edge.label == shape for edge in view.edges)


@pytest.mark.parametrize("backward", [False, True])
def test_the_backward_pass_of_a_block_is_in_a_frame_of_the_same_name(backward: bool) -> None:
    graph = build_graph(identity(), backward=backward)
    homes = homes_of(graph.nodes)
    for node in graph:
        if node.backward and node.kind is Kind.OP and node.of in homes.own:
            home = homes.own[node.of]
            assert homes.own[node.id] == tuple(f"{part} ∇" for part in home)


def test_a_name_that_is_taken_is_not_given_again() -> None:
    x = _x()
    with ag.record_source(), ag.extend.module_scope("residual_1"):
        x = np.tanh(x)
    x = x + _branch(x, "a")
    assert homes_of(build_graph(x.sum()).nodes).blocks == {("residual_2",)}


def test_other_samples_have_no_blocks() -> None:
    for name, sample in SAMPLES.items():
        graph = build_graph(sample())
        blocks = homes_of(graph.nodes).blocks
        assert blocks == ({(f"block_{k}",) for k in range(3)} if name == "blocks" else set()), name


def test_thousands_of_blocks_are_no_trouble() -> None:
    y, w = parameter("x", 2, 2), parameter("w", 2, 2)
    for _ in range(3000):
        y = y + np.tanh(y @ w)
    assert len(homes_of(build_graph(y).nodes).blocks) == 2999  # the first one begins at a parameter
