"""What a graph records: kinds, order, parameters, and that the same computation gives the same graph."""

from __future__ import annotations

import copy
import dataclasses
import gc
import pickle
import weakref

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.graph import ArrayDigest, Graph, GraphNode, Kind, build_graph
from autograd_lite.ir.graph_node import make_param

from ..graph.samples import SAMPLES, diamond, dropout, indexing, parameter, perceptron, several
from ..running import in_small_stack


def kinds(graph: Graph) -> dict[str, str]:
    return {node.name: str(node.kind) for node in graph if node.name}


def test_leaves_are_numbered_at_their_first_use() -> None:
    graph = build_graph(perceptron())
    names = [node.name or node.op for node in graph]
    assert names[:6] == ["x", "dense_1.weight", "matmul", "dense_1.bias", "add", "relu"]
    assert [node.id for node in graph] == [f"n{i}" for i in range(len(graph))]
    assert graph["n2"].inputs == ("n0", "n1")
    assert graph.outputs == ("n15",)


def test_kinds() -> None:
    graph = build_graph(dropout())
    assert kinds(graph) == {"x": "parameter", "default": "state", "noise": "state"}
    assert [node.nbytes for node in graph if node.kind is Kind.STATE] == [0, 0]
    constants = [node for node in graph if node.kind is Kind.CONSTANT]
    assert [(c.value, c.shape, str(c.dtype), c.weak) for c in constants] == [
        ("0.5", (), "float64", True),
        ("", (4, 100), "float64", False),
        ("", (4, 100), "float64", False),
        ("0.5", (), "float32", False),
        ("3", (), "int64", False),
    ]
    assert kinds(build_graph(several()))["x"] == "input"


def test_draws_read_the_state_of_their_generator() -> None:
    graph = build_graph(dropout())
    draws = [node for node in graph if node.op.startswith("random_")]
    assert [graph[i].name for draw in draws for i in draw.inputs] == ["default", "default", "noise"]
    assert all(param.name != "generator" for draw in draws for param in draw.params)


def test_nodes_know_size_scope_line_and_cost() -> None:
    graph = build_graph(perceptron())
    matmul, relu, weight = graph["n2"], graph["n5"], graph["n1"]
    assert (matmul.shape, matmul.dtype, matmul.nbytes) == ((128, 512), np.float32, 128 * 512 * 4)
    assert (matmul.scope, weight.scope, graph["n14"].scope) == ("dense_1", "", "")
    assert matmul.source is not None
    assert matmul.source.file.endswith("samples.py")
    assert matmul.source.function == "perceptron"
    assert matmul.flops == 2 * 128 * 784 * 512
    assert relu.flops == 128 * 512
    assert graph["n13"].flops == 128 * 10  # a sum costs what it reads
    assert matmul.needs == (1,)
    assert weight.needs == ()
    assert graph["n2"].glyph == "@"


@pytest.mark.parametrize("backward", [False, True])
def test_names_of_intermediate_tensors(backward: bool) -> None:
    """A graph has them, also of what is gone by then, and of values in a transformation; arguments keep theirs."""

    def energy(x: ag.Tensor) -> ag.Tensor:
        potential = np.tanh(x) * 2.0
        potential.name = "potential"
        x.name = "row"
        return potential.sum()

    def names(*outputs: ag.Tensor) -> dict[str, str]:
        return {node.op: node.name for node in build_graph(outputs, backward=backward) if node.name and node.op}

    x = parameter("x", 2, 3)
    scaled = x * 1.0
    scaled.name = "scaled"
    assert names(energy(x) ** 2) == {"multiply": "potential"}
    mapped = ag.vmap(energy)
    assert names(mapped(np.tanh(x)).sum()) == {"multiply": "potential"}
    mapped(scaled)
    assert scaled.name == "scaled"
    assert names(ag.jvp(energy)((x,), (np.ones((2, 3)),))[0]) == {"multiply": "potential"}


def test_batched_and_vector_products_cost_what_they_multiply() -> None:
    a, v = parameter("a", 5, 2, 3), parameter("v", 3)
    assert build_graph(a @ np.ones((3, 4)))["n2"].flops == 5 * 2 * 4 * 3 * 2
    assert build_graph(a @ v)["n2"].flops == 5 * 2 * 3 * 2
    assert build_graph(v @ v)["n1"].flops == 3 * 2
    assert build_graph(v.reshape(3, 1))["n1"].flops == 0


def test_outputs_may_be_leaves_and_inner_nodes() -> None:
    graph = build_graph(several())
    assert [graph[i].name for i in graph.outputs] == ["z", "y", "scale"]
    alone = build_graph(ag.tensor([1.0], name="alone"))
    assert [(node.kind, node.name) for node in alone] == [(Kind.INPUT, "alone")]
    assert build_graph(parameter("p", 2)).nodes[0].kind is Kind.PARAMETER
    x = parameter("x", 2)
    assert build_graph([x, x]).outputs == ("n0", "n0")


def test_only_what_the_outputs_are_made_from() -> None:
    x = parameter("x", 2)
    used, unused = x * 2, x * 3
    assert len(build_graph(used)) == 3
    assert len(build_graph([used, unused])) == 5


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_same_computation_gives_an_equal_graph(sample) -> None:
    first, second = build_graph(sample()), build_graph(sample())
    assert first == second
    assert hash(first) == hash(second)
    assert len({first, second}) == 1
    assert first.to_text() == second.to_text()


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_graph_is_the_same_after_backward(sample) -> None:
    outputs = sample()
    before = build_graph(outputs)
    for t in outputs if isinstance(outputs, list) else [outputs]:
        if not t.is_leaf:
            t.backward(np.ones(t.shape))
            break
    assert build_graph(outputs) == before
    assert build_graph(outputs).to_svg() == before.to_svg()


def test_unequal_computations_give_unequal_graphs() -> None:
    def graphs() -> list[Graph]:
        x, y, n = parameter("x", 3), parameter("y", 3), ag.tensor([1.0, 1.0, 1.0], name="x")
        short, single = parameter("x", 2), parameter("x", 3, dtype="float32")
        tensors = [
            x - y, y - x, x + y, x - 1, x - 1.0, x - 2.0, x - True, x - np.float64(1), x - np.ones(3), single - y,
            short - 1, x[np.array([0, 1])], x[np.array([0, 2])], x[:2], x[0:2], x.sum(), x.sum(keepdims=True),
            ag.leaky_relu(x, 1), ag.leaky_relu(x, 1.0), (n - y), (x - y) * 1,
        ]  # fmt: skip
        return [*map(build_graph, tensors), build_graph([x - y, x]), build_graph([x, x - y])]

    made = graphs()
    assert len(set(made)) == len(made)
    assert len({graph.to_text() for graph in made}) == len(made)
    assert made == graphs()


def test_lines_of_the_user_do_not_count() -> None:
    def computed() -> tuple[Graph, Graph]:
        with ag.record_source():
            one = np.sin(parameter("x", 2))
            other = np.sin(parameter("x", 2))
        return build_graph(one), build_graph(other)

    one, other = computed()
    assert one["n1"].source != other["n1"].source
    assert one == other
    assert hash(one) == hash(other)
    assert one.to_text() == other.to_text() == build_graph(np.sin(parameter("x", 2))).to_text()
    assert one.to_text(sources=True) != other.to_text(sources=True)


def test_nan_in_a_parameter_equals_itself() -> None:
    padded = [build_graph(np.pad(parameter("x", 2), 1, constant_values=float("nan"))) for _ in range(2)]
    assert padded[0] == padded[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ((0, slice(1, None), slice(None, None, -1), ..., None), "(0, 1:, ::-1, ..., None)"),
        ([1, (2,)], "(1, (2,))"),
        (np.float32(0.5), "0.5"),
        (np.dtype(">f4"), ">f4"),
        ("it's", '"it\'s"'),
        ({"b": 1, "a": np.arange(3)}, f"{{a: {ArrayDigest.of(np.arange(3))}, b: 1}}"),
        (-0.0, "-0.0"),
        (Kind.OP, "<Kind.OP: 'op'>"),
    ],
)
def test_parameters_as_text(value, text: str) -> None:
    assert make_param("p", value).text == text


def test_parameter_text_has_no_addresses() -> None:
    class Rule:
        pass

    assert make_param("rule", Rule()) == make_param("rule", Rule())
    assert "0x" not in make_param("f", lambda: 0).text


def test_digests_tell_arrays_apart() -> None:
    a = np.arange(6)
    different = [a, a[::-1], a.reshape(2, 3), a.astype("int32"), a + 1, a.astype(float)]
    assert len({ArrayDigest.of(v) for v in different}) == len(different)
    assert ArrayDigest.of(a[::2]) == ArrayDigest.of(np.array([0, 2, 4]))


def test_graph_pickles() -> None:
    graph = build_graph(indexing())
    assert pickle.loads(pickle.dumps(graph)) == graph


def test_graph_is_immutable() -> None:
    graph = build_graph(diamond())
    for name in ("nodes", "outputs", "title"):
        with pytest.raises(AttributeError, match=f"'{name}' cannot be set or deleted: a Graph is immutable"):
            setattr(graph, name, ())
        with pytest.raises(AttributeError, match="a Graph is immutable"):
            delattr(graph, name)
    assert copy.deepcopy(graph) == dataclasses.replace(graph) == graph
    with pytest.raises(AttributeError):
        graph["n0"].name = "other"  # type: ignore[misc]


def test_graph_refuses_what_is_none() -> None:
    a, b = build_graph(np.sin(parameter("x", 2))).nodes
    for nodes, outputs in [((b, a), ("n0",)), ((b,), ("n1",)), ((a, b), ("n2",)), ((a, a), ("n0",))]:
        with pytest.raises(ValueError, match="Graph: expected"):
            Graph(nodes, outputs)
    loop = GraphNode("n0", Kind.OP, "sin", "", ("n0",), (), (), np.dtype(float))
    with pytest.raises(ValueError, match="received n0 = sin n0"):
        Graph((loop,), ("n0",))


def test_lookup() -> None:
    graph = build_graph(diamond())
    assert graph["n3"] in graph
    assert list(graph)[3] is graph["n3"]
    for wrong in ("n99", "x", "", "n", "n03", "n-1", "3"):
        with pytest.raises(KeyError, match="expected an id from 'n0' to 'n11'"):
            graph[wrong]


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (np.ones(3), TypeError, "received ndarray, which has no record. Make the inputs Tensors"),
        (np.float64(3), TypeError, "received float64, which has no record"),
        ({"a": ag.tensor(1.0)}, TypeError, r"received dict. Pass its values, build_graph\(list\(d.values\(\)\)\)"),
        (nn.layers.Dense(2), TypeError, r"received the module Dense, which .* trace\(model, x\)"),
        (3.0, TypeError, "expected a Tensor or a sequence of Tensors; received float"),
        ([ag.tensor(1.0), 2.0], TypeError, "received float"),
        ([], ValueError, "expected at least one Tensor"),
    ],
)
def test_wrong_outputs(wrong, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build_graph(wrong)


def test_a_graph_keeps_no_arrays_alive() -> None:
    def made() -> tuple[Graph, list[weakref.ref]]:
        index, constant, small = np.array([0, 1]), np.ones((2, 300)), np.ones(2)
        x = parameter("x", 3, 300)
        y = (x[index] * constant).sum(axis=1) + small
        arrays = [index, constant, small]
        return build_graph(y), [weakref.ref(a) for a in (*arrays, x, y)]

    gc.disable()
    try:
        graph, references = made()
        assert [r() for r in references] == [None] * 5
        assert len(graph) == 7
    finally:
        gc.enable()


def test_a_long_chain_is_built_without_recursion() -> None:
    results: list[object] = []

    def work() -> None:
        y = parameter("x")
        for _ in range(12_000):
            y = np.sin(y)
        graph = build_graph(y)
        results.extend([len(graph), graph == build_graph(y), hash(graph) == hash(build_graph(y))])
        results.append(len(graph.to_text().splitlines()))
        results.append("collapsed: 12,001 → 2 nodes" in graph.to_svg())

    in_small_stack(work)
    assert results == [12_001, True, True, 12_003, True]


def test_recorded_backward_is_a_graph_too() -> None:
    x = parameter("x", 2)
    np.sin(x * x).sum().backward(create_graph=True)
    assert x.grad is not None
    graph = build_graph(x.grad)
    assert "cos" in {node.op for node in graph}
    x.grad = None
