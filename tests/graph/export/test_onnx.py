"""Whole models: what the file says, that it runs the same, and what is refused."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings, strategies as st
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

import autograd_lite as ag
import nn
from autograd_lite.core.op import OPS, Op
from autograd_lite.graph import Program
from autograd_lite.graph.export.onnx import REASONS, RULES, model as onnx_model_module
from autograd_lite.testing import strategies as gst

from ..calls import CALLS
from ..samples import HOSTILE, SAMPLES
from .onnx_tools import ORT, assert_exports, assert_same, checked, op_types, outputs_of, run

RNG = np.random.default_rng(7)


def weights(name: str, *shape: int) -> ag.Tensor:
    return ag.tensor(RNG.normal(size=shape).astype("float32"), requires_grad=True, name=name)


def batch(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


# ---- models ---------------------------------------------------------------------------------------------------------


def perceptron() -> Callable[..., Any]:
    return nn.Sequential(
        [nn.layers.Dense(64, activation="relu", input_shape=(32,)), nn.layers.Dense(10, activation="softmax")]
    )


def residual() -> Callable[..., Any]:
    w, v, scale, shift = weights("w", 16, 32), weights("v", 32, 16), weights("scale", 16), weights("shift", 16)

    def call(x: Any) -> Any:
        for _ in range(3):
            centered = x - x.mean(axis=-1, keepdims=True)
            normal = centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + 1e-5)
            x = x + ag.gelu((normal * scale + shift) @ w) @ v
        return x

    return call


def attention() -> Callable[..., Any]:
    qkv, out = weights("qkv", 8, 24), weights("out", 8, 8)

    def call(x: Any) -> Any:
        n, t, d = x.shape
        q, k, v = (a.reshape(n, t, 2, d // 2).transpose(0, 2, 1, 3) for a in np.split(x @ qkv, 3, axis=-1))
        scores = np.where(np.tril(np.ones((t, t), bool)), q @ k.swapaxes(-1, -2) * 0.5, -1e9)
        return x + (ag.softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(n, t, d) @ out

    return call


def recurrent() -> Callable[..., Any]:
    w, u, b = weights("w", 8, 16), weights("u", 16, 16), weights("b", 16)

    def call(x: Any) -> Any:
        h = np.tanh(x[:, 0] @ w + b)
        for t in range(1, x.shape[1]):
            gate = ag.sigmoid(x[:, t] @ w)
            h = gate * np.tanh(h @ u + b) + (1 - gate) * h
        return h

    return call


MODELS: dict[str, tuple[Callable[[], Callable[..., Any]], tuple[int, ...]]] = {
    "perceptron": (perceptron, (32,)),
    "residual": (residual, (16,)),
    "attention": (attention, (6, 8)),
    "recurrent": (recurrent, (5, 8)),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    make, shape = MODELS[name]
    x = batch(5, *shape)
    program = Program.trace(make(), x)
    for opset in (17, 18):
        assert_exports(program, [x], opset=opset)
        # And on other inputs than it was traced with.
        assert_exports(program, [batch(5, *shape)], opset=opset)


@pytest.mark.parametrize("name", MODELS)
def test_models_with_their_gradients(name: str) -> None:
    make, shape = MODELS[name]
    model, x = make(), batch(5, *shape)
    program = Program.trace(lambda x: (model(x) ** 2).mean(), x, backward=True)
    exported = program.to_onnx(gradients=True)
    parsed = checked(exported)
    gradients = program.gradients(x)
    assert [o.name for o in parsed.graph.output][1:] == [f"{name}.grad" for name in gradients]
    for got, want in zip(run(exported, [x]), [program(x), *gradients.values()], strict=True):
        assert_same(got, want, 64, np.abs(np.asarray(want)).max())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("backward", [False, True])
def test_models_at_any_batch_size(name: str, backward: bool) -> None:
    make, shape = MODELS[name]
    model = make()

    def f(x: Any) -> Any:
        return (model(x) ** 2).mean() if backward else model(x)

    exported = Program.trace(f, batch(5, *shape), backward=backward).to_onnx(dynamic_batch=True, gradients=backward)
    parsed = checked(exported)
    assert parsed.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    for n in (1, 2, 5, 8):
        x = batch(n, *shape)
        program = Program.trace(f, x, backward=backward)
        expected = [*outputs_of(program, [x]), *(program.gradients(x).values() if backward else ())]
        for got, want in zip(run(exported, [x]), expected, strict=True):
            assert_same(got, want, 64, np.abs(np.asarray(want)).max())


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - {"dropout"} - CALLS.keys()))
def test_sample_graphs(name: str) -> None:
    program = Program.build(SAMPLES[name](), backward=name != "several")
    inputs = [program.bindings[i].data for i in program.inputs if i is not None]
    assert_exports(program, inputs)


@pytest.mark.parametrize("name", CALLS)
def test_calls_of_several_results(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An op of yours is written by its forward or by a rule, a Value for each result; or it is an operator of ours."""
    program = Program.build(CALLS[name]())
    assert "polar" not in op_types(checked(assert_exports(program, [], 8.0)))

    def rule(call: Any, x: Any, y: Any) -> tuple[Any, ...]:
        angle = call.emitter.call("Atan", (y / x).cast("float32")).cast("float64")
        return call.emitter.call("Sqrt", x * x + y * y), angle, (x * 0.0).cast(np.int64)

    monkeypatch.setitem(RULES, "polar", rule)
    assert_exports(program, [], 2.0**30)  # runtimes know the arc tangent in float32
    monkeypatch.delitem(RULES, "polar")
    monkeypatch.setitem(REASONS, "polar", "it is refused here")
    with pytest.raises(ag.UnsupportedError, match=r"received\n  polar \(n2.*\): it is refused here\n"):
        program.to_onnx()
    with pytest.warns(UserWarning, match="polar were written as operators"):
        model = onnx.load_from_string(program.to_onnx(custom_domain=True))
    calls = [node for node in program.graph if node.op == "polar"]
    made = [node for node in model.graph.node if node.op_type == "polar"]
    assert [len(node.output) for node in made] == [3] * len(calls)
    read = {i for node in model.graph.node for i in node.input} | {output.name for output in model.graph.output}
    taken = {node.id for node in program.graph if node.result is not None}
    assert len(read & {i for node in made for i in node.output}) == len(taken)


def test_ops_of_yours_are_written_by_their_record_or_their_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPS, "defined", dict(OPS.defined), raising=True)
    x = np.array([0.5, -2.0], "float32")
    versine = ag.elementwise(lambda x: 1 - np.cos(x), lambda out, x: np.sin(x), name="versine", saves="x")
    hyperbolic = ag.elementwise(lambda x: np.tanh(x), lambda out, x: 1 - out * out, name="th", saves="o", onnx="Tanh")
    product = ag.elementwise(lambda x, y: np.exp(np.log(x) + np.log(y)), None, None, name="product", onnx="Mul")
    below = ag.elementwise(lambda x, y: x < y, None, None, name="below", onnx="Less")
    program = Program.trace(lambda x: (product(hyperbolic(versine(x)), x * x), below(x, 1.0)), x)
    written = op_types(checked(assert_exports(program, [x])))
    assert set(written) == {"Cos", "Sub", "Identity", "Tanh", "Mul", "Less"}


def into_zeros(x: Any) -> Any:
    out = np.zeros(x.shape)
    out[:1] = x[:1]
    return out


@pytest.mark.parametrize(
    ("forward", "reason"),
    [
        (lambda x: x if x.sum() > 0 else -x, "its forward looks at values, or writes into an array"),
        (into_zeros, "its forward looks at values, or writes into an array"),
        (lambda x: np.asarray(x) * 2, "its forward looks at values, or writes into an array"),
        (lambda x: np.linalg.svdvals(x * 2)[0] + x, "ONNX has no singular values"),
        (lambda x: x + len(x.tobytes()), "ONNX has no such operator, and its forward fails: .* no attribute 'tobytes'"),
    ],
)
def test_forwards_that_are_no_formulas_are_refused(forward: Any, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OPS, "defined", dict(OPS.defined), raising=True)
    op = Op("odd", forward, None, lambda x: x)
    with pytest.raises(ag.UnsupportedError, match=rf"odd \(n1.*\): {reason}"):
        Program.trace(lambda x: op(x), np.eye(2)).to_onnx()


@settings(max_examples=40)
@given(f=gst.functions(inputs=2, kinks=True), shapes=gst.broadcastable_shapes(2), data=st.data())
def test_random_functions(f: Callable[..., Any], shapes: Any, data: st.DataObject) -> None:
    dtypes = data.draw(st.tuples(*[st.sampled_from(["float32", "float64", "int32"])] * 2))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    x, y = ((rng.integers(-8, 9, s) / 8).astype(d) for s, d in zip(shapes, dtypes, strict=True))
    program = Program.trace(f, x, y)
    want = np.asarray(program(x, y))
    (got,) = run(program.to_onnx(), [x, y])
    # Of the least precise dtype on the way, relative to the largest value there.
    known = [np.asarray(v) for v in program.values(x, y).values()]
    coarse = want.dtype == np.float64 and any(v.dtype == np.float32 for v in known)
    largest = max(float(np.abs(v).max(initial=0.0)) for v in known)
    assert_same(got, want, 64 * (2.0**29 if coarse else 1), min(largest, 1e300))


LAYERS = [
    lambda: nn.layers.Dense(4, activation="relu"),
    lambda: nn.layers.Dense(4, activation="tanh"),
    lambda: nn.layers.Dense(4, activation="softmax", use_bias=False),
    lambda: nn.layers.Activation("sigmoid"),
    lambda: nn.layers.Dropout(0.5),
]


@settings(max_examples=20)
@given(model=gst.modules(LAYERS, combine=nn.Sequential, max_layers=4), seed=st.integers(0, 100))
def test_random_models(model: Any, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(7, 4)).astype("float32")
    model(x)
    model.eval()
    exported = Program.trace(model, x).to_onnx(dynamic_batch=True)
    checked(exported)
    for rows in (x, x[:2]):
        assert_same(run(exported, [rows])[0], model(rows).numpy(), 16, 1.0)


# ---- what the file says ---------------------------------------------------------------------------------------------


def named(name: str) -> Program:
    w = ag.tensor(np.ones(3, "float32"), requires_grad=True, name=name)
    x = ag.tensor(np.ones(3, "float32"), name=name)
    with ag.record_source(), ag.extend.module_scope(name):
        y = np.tanh(x * w)
    y.name = name
    return Program.build([y, y, w])


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name: str) -> None:
    program = named(name)
    model = program.to_onnx(name=name)
    parsed = checked(model)
    taken = [x.name for x in (*parsed.graph.input, *parsed.graph.initializer, *parsed.graph.output)]
    assert len(set(taken)) == len(taken)
    assert all(taken)
    assert_same(run(model, [np.ones(3, "float32")])[0], np.tanh(np.ones(3, "float32")), 4)


@given(st.text(max_size=30))
@settings(max_examples=50)
def test_any_name(name: str) -> None:
    checked(named(name).to_onnx())


def test_names_of_inputs_parameters_and_outputs() -> None:
    w, x = weights("dense.weight", 4, 3), batch(5, 4)
    parsed = checked(Program.trace(lambda images: (images @ w, w.sum()), x).to_onnx(name="net"))
    graph = parsed.graph
    assert (graph.name, [i.name for i in graph.input]) == ("net", ["images"])
    assert [o.name for o in graph.output] == ["output_0", "output_1"]
    assert graph.initializer[0].name == "dense.weight"
    np.testing.assert_array_equal(numpy_helper.to_array(graph.initializer[0]), w.data)
    assert (parsed.ir_version, parsed.producer_name) == (8, "autograd_lite")
    assert parsed.metadata_props[0].key == "autograd_lite.graph"


def test_the_version_is_that_of_the_package() -> None:
    assert ag.__version__ == onnx_model_module.VERSION


def test_nodes_say_their_line_and_module() -> None:
    x = batch(5, 4)
    with ag.record_source(), ag.extend.module_scope("encoder.dense_1"):
        y = np.tanh(ag.tensor(x, requires_grad=True) * 2.0)
    node = checked(Program.build(y).to_onnx()).graph.node[-1]
    assert node.op_type == "Tanh"
    assert node.name.startswith("encoder.dense_1/n")
    assert "test_onnx.py:" in node.doc_string


def test_every_intermediate_shape_is_stated() -> None:
    parsed = checked(Program.trace(attention(), batch(2, 6, 8)).to_onnx())
    stated = {v.name for v in (*parsed.graph.value_info, *parsed.graph.output)}
    assert {o for node in parsed.graph.node for o in node.output} <= stated


def test_what_is_not_needed_for_the_outputs_is_left_out() -> None:
    w = weights("w", 3, 3)
    program = Program.trace(lambda x: np.tanh(x @ w).sum(), batch(2, 3), backward=True)
    assert op_types(checked(program.to_onnx())) == ["MatMul", "Tanh", "ReduceSum"]


def test_one_to_one_models_stay_small() -> None:
    x = batch(4, 32)
    assert op_types(checked(Program.trace(perceptron(), x).to_onnx())) == [
        "MatMul", "Add", "Relu", "MatMul", "Add", "Softmax",
    ]  # fmt: skip


def test_an_argument_that_is_not_read_is_an_input_all_the_same() -> None:
    model = Program.trace(lambda x, unused: x * 2, np.ones(2), np.ones(3)).to_onnx()
    assert [i.name for i in checked(model).graph.input] == ["x", "unused"]
    np.testing.assert_array_equal(run(model, [np.ones(2), np.zeros(3)])[0], [2, 2])


def test_parameters_are_taken_as_they_are_now() -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")
    program = Program.trace(lambda x: x * w, np.ones(2))
    before = program.to_onnx()
    w.assign([3.0, 4.0])
    np.testing.assert_array_equal(run(program.to_onnx(), [np.ones(2)])[0], [3, 4])
    np.testing.assert_array_equal(run(before, [np.ones(2)])[0], [1, 2])


def test_outputs_that_are_inputs_parameters_or_one_another() -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True, name="w")

    def f(x: Any) -> Any:
        y = x + w
        return y, y, x * 1, y * 2

    x = np.array([5.0, 6.0])
    program = Program.trace(f, x)
    assert_exports(program, [x])


def test_the_reference_evaluator_agrees() -> None:
    x = batch(3, 16)
    program = Program.trace(residual(), x)
    (got,) = ReferenceEvaluator(program.to_onnx()).run(None, {"x": x})
    np.testing.assert_allclose(got, program(x), rtol=1e-4, atol=1e-5)


def test_save(tmp_path: Path) -> None:
    program = Program.trace(np.tanh, np.ones(3))
    assert program.save(tmp_path / "x.onnx") == tmp_path / "x.onnx"
    assert (tmp_path / "x.onnx").read_bytes() == program.to_onnx()
    program = Program.trace(lambda x: np.tanh(x).sum(axis=1), np.ones((2, 3)), backward=True)
    for options in (
        {"opset": 18, "dynamic_batch": True, "name": "mine"},
        {"gradients": True, "custom_domain": True},
    ):
        path = program.save(tmp_path / "y.onnx", **options)  # type: ignore[arg-type]
        assert path.read_bytes() == program.to_onnx(**options) != program.to_onnx()  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"save: expected options of .onnx \(opset, .*; received depth"):
        program.save(tmp_path / "z.onnx", depth=1)
    with pytest.raises(ValueError, match="expected options of .svg .*; received opset"):
        program.save(tmp_path / "z.svg", opset=18)


SCRIPT = """
import hashlib, sys
import numpy as np
import autograd_lite as ag
from autograd_lite.graph import Program
w = ag.tensor(np.arange(12.0).reshape(4, 3), requires_grad=True, name="w")
f = lambda x: (ag.log_softmax(ag.gelu(x @ w)) ** 2).mean()
program = Program.trace(f, np.ones((5, 4)), backward=True)
for options in ({}, {"gradients": True}, {"dynamic_batch": True}):
    print(hashlib.sha256(program.to_onnx(**options)).hexdigest())
assert "onnx" not in sys.modules and "google" not in sys.modules
"""


def test_deterministic_to_the_byte_and_without_the_onnx_package() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("0", "1")
    }
    assert len(found) == 1


def test_long_chains() -> None:
    def f(x: Any) -> Any:
        for _ in range(3000):
            x = x * 1.0
        return x

    assert len(checked(Program.trace(f, np.ones(2)).to_onnx()).graph.node) == 3000


# ---- random draws ---------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:to_onnx. the graph draws random numbers:UserWarning")
@pytest.mark.parametrize(
    ("draw", "mean", "std"),
    [
        (lambda: ag.random.normal((200, 100), 3.0, 2.0), 3.0, 2.0),
        (lambda: ag.random.uniform((200, 100), -1.0, 3.0), 1.0, 4 / 12**0.5),
        (lambda: ag.random.bernoulli((200, 100), 0.3), 0.3, 0.21**0.5),
    ],
)
def test_random_draws_have_the_right_moments(draw: Callable[[], Any], mean: float, std: float) -> None:
    x = np.zeros((200, 100), "float32")
    program = Program.trace(lambda x: x + draw(), x)
    model = program.to_onnx()
    checked(model)
    session = onnxruntime.InferenceSession(model, ORT)
    (got,), (again,) = (session.run(None, {"x": x}) for _ in range(2))
    assert got.dtype == program.graph[program.graph.outputs[0]].dtype
    assert abs(got.mean() - mean) < 0.05
    assert abs(got.std() - std) < 0.05
    assert not np.array_equal(got, again)


def test_a_model_in_training_mode_is_warned_of() -> None:
    model = nn.models.Sequential([nn.layers.Dense(2), nn.layers.Dropout(0.5)])
    x = np.ones((2, 3), "float32")
    model(x)
    model.train()
    with pytest.warns(UserWarning, match=r"to_onnx: the graph draws random numbers .*Call model.eval\(\)"):
        Program.trace(model, x).to_onnx()
    model.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Program.trace(model, x).to_onnx()


@pytest.mark.filterwarnings("ignore:to_onnx. the graph draws random numbers:UserWarning")
def test_dropout_uses_one_draw_forward_and_backward() -> None:
    w = ag.tensor(np.ones((50, 40), "float32"), requires_grad=True, name="w")
    program = Program.trace(
        lambda x: (x * w * ag.random.bernoulli((50, 40), 0.5)).sum(), np.ones((50, 40), "float32"), backward=True
    )
    loss, gradient = run(program.to_onnx(gradients=True), [np.ones((50, 40), "float32")])
    assert set(np.unique(gradient)) == {0.0, 1.0}
    assert loss == gradient.sum()


# ---- what is refused ------------------------------------------------------------------------------------------------


def test_operations_without_counterpart_are_all_named() -> None:
    def f(x: Any) -> Any:
        return np.linalg.svd(x, compute_uv=False) + np.nextafter(x, 1.0).sum()

    with pytest.raises(ag.UnsupportedError) as caught:
        Program.trace(f, np.eye(3)).to_onnx()
    text = str(caught.value)
    assert "svdvals (n" in text
    assert "nextafter (n" in text
    assert "test_onnx.py:" in text
    assert "custom_domain=True" in text


def test_functions_as_operands_are_refused() -> None:
    def f(x: Any) -> Any:
        carry, ys = ag.scan(lambda c, row: (c * 0.5 + row, np.tanh(c)), np.zeros(2), x)
        return ag.cond(carry.sum() > 0, lambda y: y * 2, lambda y: -y, ys)

    with pytest.raises(ag.UnsupportedError, match=r"scan \(n\d.*\): has functions as operands: write a Python loop"):
        Program.trace(f, np.ones((3, 2))).to_onnx()


def test_complex_numbers_are_refused_with_the_reason() -> None:
    program = Program.trace(lambda x: np.abs(np.fft.fft(x)), np.ones(4))
    for custom_domain in (False, True):
        with pytest.raises(ag.UnsupportedError, match="complex128 numbers, which no operator takes"):
            program.to_onnx(custom_domain=custom_domain)


def test_a_domain_of_our_own() -> None:
    program = Program.trace(lambda x: np.tanh(np.linalg.svd(x, compute_uv=False)), np.eye(3))
    with pytest.warns(UserWarning, match="svdvals were written as operators of the domain 'autograd_lite'"):
        model = program.to_onnx(custom_domain=True)
    parsed = checked(model)
    assert [(node.op_type, node.domain) for node in parsed.graph.node] == [("svdvals", "autograd_lite"), ("Tanh", "")]
    assert [(o.domain, o.version) for o in parsed.opset_import] == [("", 17), ("autograd_lite", 1)]

    class SingularValues(onnx.reference.op_run.OpRun):
        op_domain = "autograd_lite"

        def _run(self, x: Any, **_: Any) -> Any:
            return (np.linalg.svd(x, compute_uv=False),)

    SingularValues.__name__ = "svdvals"
    (got,) = ReferenceEvaluator(model, new_ops=[SingularValues]).run(None, {"x": np.eye(3) * 0.5})
    np.testing.assert_allclose(got, np.tanh([0.5] * 3))


def test_the_batch_size_must_not_be_baked_in() -> None:
    w = weights("w", 4, 3)
    refused: dict[str, Callable[[Any], Any]] = {
        r"add \(n\d+, .*shape mismatch": lambda x: x @ w + np.zeros((len(x), 3)),
        r"the number 5 may come from the batch size": lambda x: x.sum(axis=0) / len(x),
        r"the number 0.2 may come from the batch size": lambda x: x.sum(axis=0) * (1 / len(x)),
        r"the number 0.4 may come from the batch size": lambda x: x * (2 / len(x)),
        r"the position 4 along the batch axis": lambda x: x[len(x) - 1],
        r"the slice None:3 along the batch axis": lambda x: x[: len(x) - 2] * 3,
        r"the slice 4:None along the batch axis": lambda x: np.roll(x, 1, axis=0),
        r"shapes \(6, 4\), \(5, 2\) do not fit": lambda x: np.concatenate([x, np.zeros((len(x), 2), "f4")], axis=1),
        r"array of positions along the batch axis": lambda x: x[np.arange(len(x)), 0],
        r"the slice 0:5 along the batch axis": lambda x: x[0:5] * 3,
        r"the same operators for every batch size": lambda x: np.cumprod(x, axis=0),
    }
    for reason, f in refused.items():
        program = Program.trace(f, batch(5, 4))
        program.to_onnx()
        with pytest.raises(ag.UnsupportedError, match=reason):
            program.to_onnx(dynamic_batch=True)


FREE: dict[str, Callable[[Any], Any]] = {
    "flat": lambda x: x.reshape(len(x), -1) * 3,
    "joined": lambda x: x.reshape(-1, x.shape[-1]).sum(axis=1),
    "split": lambda x: x.reshape(len(x) * 3, 2, 2).reshape(len(x), 3, 4),
    "ends": lambda x: (x[0] + x[-1], x[1:] - x[:-1], x[::-1]),
    "over it": lambda x: ((x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-3), x.std(), x.max(axis=0)),
    "last": lambda x: np.moveaxis(x, 0, -1)[1, 2:],
    "twice": lambda x: np.concatenate([x, x], axis=0),
    "sorted": lambda x: (np.sort(x, axis=0), np.cumsum(x, axis=0), x.argmax(axis=0)),
    "products": lambda x: (np.einsum("nij,mij->nm", x, x), x @ x.mT, np.tensordot(x, x, axes=(0, 0))),
    "padded": lambda x: np.pad(x, ((1, 2), (0, 0), (0, 1))),
    "new axes": lambda x: x[None, :, None] + x[:, None, None],
    "one row": lambda x: np.broadcast_to(x[:1], x.shape) if len(x) == 1 else x + x[:1],
    "noise": lambda x: x + 0 * ag.random.normal(x.shape),
}


@pytest.mark.filterwarnings("ignore:to_onnx. the graph draws random numbers:UserWarning")
@pytest.mark.parametrize("name", FREE)
def test_any_batch_size(name: str) -> None:
    f = FREE[name]
    model = Program.trace(f, batch(7, 3, 4)).to_onnx(dynamic_batch=True)
    checked(model)
    for n in (2, 3, 7, 40):
        x = batch(n, 3, 4)
        program = Program.trace(f, x)
        for got, want in zip(run(model, [x]), outputs_of(program, [x]), strict=True):
            assert_same(got, want, 64, np.abs(np.asarray(want, "float64")).max(initial=1.0))


@settings(max_examples=30)
@given(f=gst.functions(inputs=2, kinks=True, scalar=True))
def test_random_functions_and_gradients_at_any_batch_size(f: Callable[..., Any]) -> None:
    rng = np.random.default_rng(0)
    w = ag.tensor(np.linspace(-1, 1, 3), requires_grad=True, name="w")
    model = Program.trace(lambda x: f(x, w), np.ones((7, 3)), backward=True).to_onnx(dynamic_batch=True, gradients=True)
    for n in (1, 7, 10):
        x = rng.integers(-8, 9, (n, 3)) / 8
        program = Program.trace(lambda x: f(x, w), x, backward=True)
        expected = [program(x), *program.gradients(x).values()]
        largest = max(float(np.abs(v).max(initial=0.0)) for v in map(np.asarray, program.values(x).values()))
        for got, want in zip(run(model, [x]), expected, strict=True):
            assert_same(got, want, 64, min(largest, 1e300))


@pytest.mark.parametrize("shapes", [[(1, 4)], [(3, 4), (5, 4)], [()]])
def test_a_batch_axis_that_cannot_be_told(shapes: list[tuple[int, ...]]) -> None:
    program = Program.trace(lambda *xs: sum(x.sum() for x in xs), *map(np.zeros, shapes))
    with pytest.raises(ag.UnsupportedError, match="expected inputs whose axis 0 is the batch, of one length"):
        program.to_onnx(dynamic_batch=True)


def test_other_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    program = Program.trace(lambda x: x + np.ones(1000), np.ones(1000))
    with pytest.raises(ValueError, match=r"to_onnx: expected opset to be one of \(17, 18\); received 9"):
        program.to_onnx(opset=9)
    with pytest.raises(ag.GradError, match="expected a backward pass; received a forward graph"):
        program.to_onnx(gradients=True)
    monkeypatch.setattr(onnx_model_module, "LARGEST", 2**20 + 7000)
    with pytest.raises(ValueError, match="expected parameters and constants of less than 2 GB"):
        program.to_onnx()


def test_no_warning_without_a_domain_of_our_own() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Program.trace(np.tanh, np.ones(3)).to_onnx(custom_domain=True)
