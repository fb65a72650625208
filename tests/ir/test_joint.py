"""The backward pass as a part of the graph: what is replayed from it is what `backward` computes."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
import nn
from autograd_lite.core.errors import GradError, ShapeError
from autograd_lite.graph import Graph, Kind, Program, Role, build_graph, trace

from ..graph.samples import SAMPLES, diamond, parameter, perceptron
from ..laws.samples import DIFFERENTIABLE, Sample, differentiable_inputs, op_name
from ..rows import for_every
from ..running import in_small_stack


def leaves(sample: Sample) -> list[ag.Tensor]:
    wanted = differentiable_inputs(sample)
    return [ag.tensor(a, requires_grad=i in wanted, name=f"x{i}") for i, a in enumerate(sample.arrays())]


@for_every(DIFFERENTIABLE, by=op_name, stride=3)
def test_replayed_gradients_are_those_of_backward(sample: Sample) -> None:
    inputs = leaves(sample)
    with np.errstate(all="ignore"):
        out = sample.call(*inputs)
        program = Program.build(out, backward=True)
        values, gradients = program.values(), program.gradients()
        out.backward(np.ones(out.shape, out.dtype))
        freed = build_graph(out, backward=True)
    np.testing.assert_array_equal(values[program.graph.outputs[0]], out.data)
    for t in inputs:
        if t.requires_grad:
            assert t.grad is not None
            expected = t.grad.data
            found = gradients[t.name]
            assert found.shape == expected.shape
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
    assert len(freed) == len(program.graph)
    assert [(n.op, n.inputs, n.shape, n.dtype, n.of, n.toward) for n in freed] == [
        (n.op, n.inputs, n.shape, n.dtype, n.of, n.toward) for n in program.graph
    ]


def check_flows(graph: Graph) -> None:
    """Every step adds a contribution of the right shape to what stood there before, and nothing is missing."""
    totals = {node.of: node.id for node in graph if node.role is Role.SEED}
    for flow in graph.flows:
        assert graph[flow.op].inputs[flow.argument] == flow.into
        assert graph[flow.contribution].shape == graph[flow.total].shape == graph[flow.into].shape
        assert graph[flow.contribution].dtype == graph[flow.into].dtype
        if flow.into in totals:
            assert graph[flow.total].inputs == (totals[flow.into], flow.contribution)
            assert graph[flow.total].role is Role.ACCUMULATE
        else:
            assert flow.total == flow.contribution
        totals[flow.into] = flow.total
    assert graph.cotangents == {i: totals[i] for i in sorted(totals, key=lambda i: int(i[1:]))}
    for node in graph:
        assert node.backward == bool(node.of)
        if node.backward:
            assert graph[node.of].kind is Kind.OP or node.role is Role.SEED
            assert not graph[node.toward].backward


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_the_joint_graph_begins_with_the_forward_graph(sample: Any) -> None:
    outputs = sample()
    joint, forward = build_graph(outputs, backward=True), build_graph(outputs)
    assert joint.nodes[: len(forward)] == forward.nodes
    assert all(node.backward for node in joint.nodes[len(forward) :])
    assert joint == build_graph(sample(), backward=True)
    assert hash(joint) == hash(build_graph(sample(), backward=True))
    assert joint != forward
    check_flows(joint)


def test_every_use_adds_to_the_cotangent() -> None:
    x = ag.tensor([2.0, 3.0], requires_grad=True, name="x")
    program = Program.build((x * x + np.sin(x)).sum(), backward=True)
    into_x = [flow for flow in program.graph.flows if flow.into == "n0"]
    assert [(program.graph[f.op].op, f.argument) for f in into_x] == [("sin", 0), ("multiply", 0), ("multiply", 1)]
    values = program.values()
    np.testing.assert_allclose([values[f.contribution] for f in into_x], [np.cos([2.0, 3.0]), [2, 3], [2, 3]])
    np.testing.assert_allclose(values[program.graph.gradients["n0"]], [4 + np.cos(2.0), 6 + np.cos(3.0)])


def test_roles_tell_what_broadcasting_and_promotion_undo() -> None:
    x, b = parameter("x", 3, 4), parameter("b", 4, dtype="float32")
    graph = build_graph((np.tanh(x) + b).sum(), backward=True)
    assert [(n.op, n.shape) for n in graph if n.role is Role.UNBROADCAST] == [("sum", (4,))]
    assert [(n.op, str(n.dtype)) for n in graph if n.role is Role.CAST] == [("astype", "float32")]
    assert not any(n.role is Role.UNBROADCAST for n in build_graph(np.cumsum(x).sum(), backward=True))


def test_what_rules_read_at_once_have_recorded_stands_with_the_input_it_is_for() -> None:
    @ag.custom_vjp
    def product(x: Any, y: Any) -> Any:
        return x * y

    @product.def_vjp
    def rule(g: Any, out: Any, x: Any, y: Any) -> Any:
        doubled = g + g
        return doubled * (y / 2), doubled * (x / 2)

    x, y = parameter("x", 3), parameter("y", 3)
    joined = np.concatenate([np.sin(x), product(x, y), x])
    graph = build_graph(joined.sum(), backward=True)
    sin, made = (next(node.id for node in graph if node.op == op) for op in ("sin", "product"))
    slices = [node for node in graph if node.backward and node.op == "getitem"]
    assert [graph[node.of].op for node in slices] == ["concatenate"] * 3
    assert [node.toward for node in slices] == [sin, made, "n0"]
    ruled = [(node.op, graph[node.toward].name) for node in graph if node.of == made and node.role is Role.RULE]
    assert [name for op, name in ruled if op in ("divide", "multiply")] == ["x", "x", "y", "y"]
    assert ("add", "x") in ruled  # shared: it stands with the first
    assert ("add", "y") not in ruled


def test_saved_values_are_what_the_rules_read() -> None:
    graph = build_graph(perceptron(), backward=True)
    names = {graph[i].name or graph[i].op: [graph[j].op for j in readers] for i, readers in graph.savers.items()}
    assert names["x"] == ["matmul"]
    assert names["relu"] == ["matmul", "relu"]
    assert "add" not in names


def test_only_paths_to_parameters_are_differentiated() -> None:
    x, w = ag.tensor(np.ones(3), name="x"), parameter("w", 3)
    graph = build_graph((np.exp(x) * w).sum(), backward=True)
    assert list(graph.gradients) == [node.id for node in graph if node.name == "w"]


def test_hooks_are_not_called_and_nothing_is_freed() -> None:
    x = parameter("x", 3)
    y = np.sin(x)
    called: list[Any] = []
    y.register_hook(called.append)
    x.register_hook(called.append)
    z = y.sum()
    build_graph(z, backward=True)
    assert called == []
    assert x.grad is None
    z.backward()
    assert len(called) == 2


def test_after_an_optimizer_step_the_graph_is_the_same() -> None:
    w = parameter("w", 3)
    loss = (w * w).sum()
    before = build_graph(loss, backward=True)
    loss.backward()
    with ag.no_grad():
        w -= 0.1 * w.grad
    assert build_graph(loss, backward=True) == before


def test_without_a_gradient_to_compute() -> None:
    with pytest.raises(GradError, match="expected an output that requires a gradient"):
        build_graph(np.sin(ag.tensor(1.0)), backward=True)


def test_second_derivatives_have_a_backward_pass_too() -> None:
    x = parameter("x", 2)
    (first,) = [ag.grad(lambda t: np.sin(t * t).sum())(x)]
    assert build_graph(first.sum()).outputs
    program = Program.build(first.sum(), backward=True)
    hessian = ag.hessian(lambda t: np.sin(t * t).sum())(np.ones(2))
    np.testing.assert_allclose(program.gradients()["x"], np.diag(hessian))


def test_nothing_is_kept_alive() -> None:
    def made() -> tuple[Graph, list[Any]]:
        x, a = parameter("x", 3, 300), np.ones((3, 300))
        y = np.sin(x) * a
        return build_graph(y.sum(), backward=True), [weakref.ref(v) for v in (x, a, y)]

    gc.disable()
    try:
        graph, references = made()
        assert [r() for r in references] == [None] * 3
        assert graph.flows
    finally:
        gc.enable()


def test_long_chains_do_not_recurse() -> None:
    results: list[Any] = []

    def work() -> None:
        y = x = parameter("x")
        for _ in range(12_000):
            y = np.sin(y)
        graph = build_graph(y, backward=True)
        results.extend([len(graph.flows), graph.gradients["n0"] == graph.flows[-1].total, x.grad])

    in_small_stack(work)
    assert results == [12_000, True, None]


# ---- traces and programs --------------------------------------------------------------------------------------------


def f(x: Any, w: Any, b: Any) -> Any:
    return (ag.relu(x @ w + b) ** 2).mean()


ARRAYS = (np.linspace(-1, 1, 12).reshape(3, 4), np.linspace(-2, 1, 8).reshape(4, 2), np.array([0.5, -0.5]))


@pytest.mark.parametrize("backward", [False, True])
def test_a_trace_is_the_graph_of_its_result(backward: bool) -> None:
    x = ag.tensor(ARRAYS[0], name="x")
    w, b = (ag.tensor(a, requires_grad=True, name=n) for a, n in zip(ARRAYS[1:], "wb", strict=True))
    traced, built = trace(f, x, w, b, backward=backward), build_graph(f(x, w, b), backward=backward)
    assert traced == built
    assert hash(traced) == hash(built)
    assert traced.to_text() == built.to_text()


def test_a_trace_sees_what_needs_no_gradient() -> None:
    graph = trace(lambda image, scale: (image / 255 > 0.5).sum() * scale, np.ones((2, 2), np.uint8), 3)
    assert [node.op or node.kind for node in graph] == [
        "input", "constant", "divide", "constant", "greater", "sum", "constant", "multiply",
    ]  # fmt: skip
    assert graph["n0"].name == "image"
    assert graph["n2"].source is not None


def test_arrays_become_what_gradients_flow_to_if_nothing_else_does() -> None:
    program = Program.trace(f, *ARRAYS, backward=True)
    expected = ag.grad(f, (0, 1, 2))(*ARRAYS)
    for name, g in zip("xwb", expected, strict=True):
        np.testing.assert_allclose(program.gradients()[name], g)


def test_containers_of_arguments() -> None:
    def model(weights: dict[str, Any], batch: tuple[Any, Any]) -> dict[str, Any]:
        x, y = batch
        return {"loss": ((x @ weights["w"] - y) ** 2).sum()}

    w = ag.tensor(np.ones((4, 2)), requires_grad=True)
    program = Program.trace(model, {"w": w}, (np.ones((3, 4)), np.zeros((3, 2))), backward=True)
    assert program.names == ("weights['w']", "batch[0]", "batch[1]")
    np.testing.assert_allclose(program(w, 2 * np.ones((3, 4)), np.zeros((3, 2))), 6 * 64)


def test_a_program_runs_on_new_arrays_and_follows_its_parameters() -> None:
    x = np.arange(6.0).reshape(2, 3)
    w = parameter("w", 3)
    program = Program.trace(lambda x: np.tanh(x @ w), x)
    np.testing.assert_array_equal(program(x + 1), np.tanh((x + 1) @ np.ones(3)))
    w.assign(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(program(x), np.tanh(x @ np.array([1.0, 2.0, 3.0])))
    np.testing.assert_array_equal(program(), program(x))


def test_an_argument_that_is_not_read() -> None:
    program = Program.trace(lambda x, unused: np.sin(x), np.ones(2), np.ones(3))
    assert program.inputs == ("n0", None)
    np.testing.assert_array_equal(program(np.zeros(2), np.zeros(3)), np.zeros(2))


def test_wrong_inputs_say_what_is_expected() -> None:
    program = Program.trace(lambda x: np.sin(x), np.ones(2))
    with pytest.raises(ShapeError, match=r"expected x of shape \(2,\), as it was made with; received \(3,\)"):
        program(np.ones(3))
    with pytest.raises(TypeError, match=r"expected 1 inputs \(x\), or none .* received 2"):
        program(np.ones(2), np.ones(2))
    with pytest.raises(GradError, match="Pass backward=True"):
        program.gradients()
    with pytest.raises(TypeError, match="expected <lambda> to return a Tensor, .* received float"):
        trace(lambda x: 3.0, np.ones(()))
    with pytest.raises(TypeError, match="received nothing"):
        trace(lambda x: None, np.ones(()))


def test_a_freed_constant_is_named() -> None:
    x = parameter("x", 300)
    y = (x * np.ones(300)).sum()
    y.backward()
    with pytest.raises(GradError, match=r"constant n1 of shape \(300,\) was let go by backward"):
        Program.build(y)()


def test_draws_are_remembered_and_made_anew() -> None:
    x = parameter("x", 1000)
    ag.set_seed(1)
    y = (x * ag.random.bernoulli(1000, 0.5)).sum()
    program = Program.build(y, backward=True)
    assert program.values()[program.graph.outputs[0]] == y.item()
    np.testing.assert_array_equal(program.gradients()["x"].sum(), y.item())
    assert len({float(program()) for _ in range(5)}) > 1


def test_measurements_lie_beside_the_nodes_and_change_nothing_else() -> None:
    x = ag.tensor([[3.0, -4.0], [np.nan, np.inf]], requires_grad=True, name="x")
    program = Program.build((x * 2).sum(), backward=True)
    graph = program.measure(seconds=True)
    assert graph == program.graph
    assert hash(graph) == hash(program.graph)
    stats = graph.measurement("n0").values
    assert stats is not None
    assert (stats.low, stats.high, stats.mean, stats.norm, stats.nans, stats.infs) == (-4, 3, -0.5, 5, 1, 1)
    assert not stats.finite
    gradient = graph.measurement("n0").gradient
    assert gradient is not None
    assert (gradient.low, gradient.high, gradient.norm) == (2, 2, 4)
    assert all((graph.measurement(n.id).seconds is not None) == (n.kind is Kind.OP) for n in graph)
    assert not program.graph.measurements


def test_a_module_is_traced_with_its_paths_and_weights() -> None:
    model = nn.Sequential([nn.layers.Dense(8, activation="relu"), nn.layers.Dense(3)])
    x = np.ones((5, 4), np.float32)
    model(x)
    program = Program.trace(lambda x: (model(x) ** 2).mean(), x, backward=True)
    assert {node.scope for node in program.graph if node.kind is Kind.OP} >= {"dense", "dense_1"}
    (model(x) ** 2).mean().backward()
    gradients = program.gradients()
    assert len(gradients) == 4
    for name, p in model.named_parameters():
        assert p.grad is not None
        np.testing.assert_array_equal(gradients[p.name or name], p.grad.data)


def test_diamond_in_both_directions() -> None:
    check_flows(build_graph(diamond(), backward=True))


def cube(a: Any) -> Any:
    return (a**3).sum()


@pytest.mark.parametrize(
    "transformed",
    [
        ag.grad(cube),
        ag.hessian(cube),
        ag.jacobian(lambda a: np.sin(a) * a.sum()),
        ag.jacobian(np.sin, mode="reverse"),
        ag.vmap(ag.grad(lambda a: a**3)),
        ag.grad(lambda a: (ag.grad(cube)(a) ** 2).sum()),
        lambda a: ag.hvp(cube)(a, np.ones(2)),
        lambda a: ag.vjp(np.sin)(a)[1](np.ones(2)),
        lambda a: ag.jvp(np.sin)((a,), (np.ones(2),))[1],
    ],
)
def test_transformations_inside_a_trace_are_a_part_of_it(transformed: Any) -> None:
    program = Program.trace(transformed, np.array([1.0, 2.0]))
    for a in (np.array([1.0, 2.0]), np.array([5.0, -6.0])):
        np.testing.assert_allclose(program(a), transformed(a), rtol=1e-12)


def test_the_gradient_of_a_traced_gradient() -> None:
    program = Program.trace(lambda a: ag.grad(cube)(a).sum(), np.array([1.0, 2.0]), backward=True)
    np.testing.assert_allclose(program.gradients()["a"], [6.0, 12.0])


def test_what_cannot_be_traced_is_said() -> None:
    with pytest.raises(TypeError, match=r"trace: expected a function, and then its arguments.*received int as the fun"):
        trace(3, np.ones(2))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"None of the arguments is an array.*pass np.array\(3.0\)"):
        trace(lambda x: x * 2, 3.0)
