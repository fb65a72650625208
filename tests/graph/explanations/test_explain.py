"""Explanations: every number is NumPy's, every way is told, and a beginner can read it."""

from __future__ import annotations

import json
import re
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
from autograd_lite import Tensor
from autograd_lite.core.errors import GradError
from autograd_lite.core.op import OPS
from autograd_lite.graph import Explanation, Program, build_graph, explain
from autograd_lite.graph.explanations.parts import Amount, Step
from autograd_lite.testing import numeric_grad

from ...laws.samples import DIFFERENTIABLE, Sample, differentiable_inputs, op_name
from ...rows import for_every
from ...running import in_small_stack
from ..calls import all_results, between_calls, one_result
from ..samples import HOSTILE, diamond, dropout, indexing, parameter, perceptron, recurrent


def array(a: Amount | None) -> np.ndarray:
    """Return the numbers of an amount, which must be told."""
    assert a is not None
    assert a.numbers is not None
    return np.array(a.numbers, a.dtype or None).reshape(a.shape)


def leaf(name: str, *values: Any, **more: Any) -> Tensor:
    return ag.tensor(np.array(*values), requires_grad=True, name=name, **more)


def recorded(sample: Sample, dtype: Any = np.float64) -> tuple[Tensor, list[Tensor]]:
    """Record a loss of one op: a random combination of its results."""
    wanted = differentiable_inputs(sample)
    arrays = [
        ag.tensor(a, requires_grad=True, name=f"input{i}") if i in wanted else a
        for i, a in enumerate(sample.arrays(dtype))
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out = sample.call(*arrays)
    loss = (out * sample.cotangent(out.shape, out.dtype)).sum()
    return (loss.real if loss.dtype.kind == "c" else loss), [t for t in arrays if isinstance(t, Tensor)]


# ---- every number is NumPy's ----------------------------------------------------------------------------------------


@for_every(DIFFERENTIABLE[::3], by=op_name)
def test_gradients_are_those_of_backward_and_the_sum_of_their_uses(sample: Sample) -> None:
    loss, inputs = recorded(sample)
    if not loss.requires_grad:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = explain(loss, values=True)
        loss.backward()
    assert {target.name for target in told.targets} == {t.name for t in inputs}
    for target in told.targets:
        (t,) = (t for t in inputs if t.name == target.name)
        assert t.grad is not None
        got = array(target.gradient)
        np.testing.assert_allclose(got, t.grad.data, rtol=1e-12, atol=1e-14)
        assert got.dtype == t.dtype
        assert target.gradient.norm == pytest.approx(np.linalg.norm(t.grad.data.reshape(-1)), rel=1e-12)
        total = sum(array(use.contribution) for use in target.uses)
        np.testing.assert_allclose(total, got, rtol=1e-12, atol=1e-14)


SMOOTH = [
    *("tanh", "exp", "sin", "log", "divide", "multiply", "matmul", "sum", "mean", "softmax", "getitem", "power"),
    *("transpose", "reshape", "concatenate", "logsumexp", "std", "where", "broadcast_to", "inv", "cumsum"),
]


@pytest.mark.parametrize("name", SMOOTH)
def test_each_contribution_is_what_finite_differences_give(name: str) -> None:
    sample = [s for s in DIFFERENTIABLE if s.case.op == name and not any(0 in shape for shape in s.shapes)][-1]
    loss, _ = recorded(sample)
    program = Program.build(loss, backward=True)
    values = program.values()
    for step in explain(loss, values=True):
        node = program.graph[step.op]
        inputs = [values[i] for i in node.inputs]
        params = dict(program.calls[step.op][2])

        def op(*xs: Any, node: Any = node, params: Any = params) -> Any:
            return OPS[node.op].forward(*xs, **params)

        # Inside the chain complex cotangents are the conjugates of what users see.
        g = np.conjugate(array(step.incoming[0].value))
        (numeric,), (bar,) = numeric_grad(op, *inputs, wrt=[step.argument], cotangent=g)
        error = np.abs(np.conjugate(numeric) - array(step.contribution))
        assert np.all(error <= 10 * bar + 1e-7), step


def test_slopes_are_local_derivatives() -> None:
    x = leaf("x", [0.3, -1.2, 2.0])
    y = leaf("y", [0.7, 1.1, 0.4])
    checks = [
        (np.tanh(x), 1 - np.tanh(x.data) ** 2),
        (np.exp(x), np.exp(x.data)),
        (x * y, y.data),
        (y / x, 1 / x.data),
        (ag.relu(x), (x.data > 0).astype(float)),
        (np.maximum(x, 0.5), (x.data > 0.5).astype(float)),
        (np.where(x.data > 0, x, -1.0), (x.data > 0).astype(float)),
        (x.max(), np.array([0.0, 0.0, 1.0])),
    ]
    for t, expected in checks:
        told = explain(t.sum() if t.ndim else t)
        step = [s for s in told if s.argument == 0 or s.op_name == "where"][-1] if t.ndim else told.steps[-1]
        np.testing.assert_allclose(array(step.slope), expected, rtol=1e-12)
    (step,) = explain(x.sum())
    assert (step.local, step.slope) == ("1", None)


def test_a_layer_step_by_step_in_numpy() -> None:
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(3, 2)), leaf("w", rng.normal(size=(2, 2))), leaf("b", rng.normal(size=2))
    loss = (np.tanh(ag.tensor(x, name="x") @ w + b) ** 2).mean()
    told = explain(loss, [w, b])
    a = x @ w.data + b.data
    out = np.tanh(a)
    d_square = np.full((3, 2), 1 / 6)
    d_out = d_square * 2 * out
    d_a = d_out * (1 - out**2)
    expected = [d_square, d_out, d_a, d_a, d_a.sum(axis=0), x.T @ d_a]
    assert [step.op_name for step in told] == ["mean", "square", "tanh", "add", "add", "matmul"]
    for step, contribution in zip(told, expected, strict=True):
        np.testing.assert_allclose(array(step.contribution), contribution, rtol=1e-12)
    incoming = [np.array(1.0), d_square, d_out, d_a, d_a, d_a]
    for step, g in zip(told, incoming, strict=True):
        np.testing.assert_allclose(array(step.incoming[0].value), g, rtol=1e-12)
        assert step.incoming[0].value.norm == pytest.approx(np.linalg.norm(g))
    np.testing.assert_allclose(array(told.targets[0].gradient), x.T @ d_a, rtol=1e-12)
    assert told.steps[4].remarks == ("sum over axis 0 (b (2,) was broadcast to (3, 2))",)
    assert [made.name for made in told.forward] == ["x", "w", "n2", "b", "n4", "n5", "n6", "n7"]
    np.testing.assert_allclose(array(told.forward[4].value), a, rtol=1e-12)


@pytest.mark.parametrize(
    "make",
    [diamond, dropout, indexing, recurrent, perceptron, all_results, one_result, between_calls],
    ids=lambda f: f.__name__,
)
def test_a_step_receives_what_earlier_steps_gave(make: Any) -> None:
    t = make()
    t = t if t.size == 1 else t.sum()
    told = explain(t, values=True, max_steps=1000)
    graph = build_graph(t, backward=True)
    totals: dict[str, Any] = {told.outputs[0].id: told.seeds[0]}
    seen: dict[str, int] = {}
    for number, step in enumerate(told, start=1):
        assert step.number == number
        outs = [step.op, *(node.id for node in graph if node.result is not None and node.inputs[0] == step.op)]
        assert [g.value for g in step.incoming] == [totals[i] for i in outs if i in totals] != []
        seen[step.into] = seen.get(step.into, 0) + 1
        assert step.use == seen[step.into]
        totals[step.into] = step.total
    assert all(step.uses == seen[step.into] for step in told)


def test_only_steps_on_a_way_to_the_tensor_are_told() -> None:
    x, y = leaf("x", 2.0), leaf("y", 3.0)
    loss = np.sin(x) * np.exp(y)
    told = explain(loss, x)
    assert [(step.op_name, step.target) for step in told] == [("multiply", "n1"), ("sin", "x")]
    assert [step.target for step in explain(loss, y)] == ["n3", "y"]
    assert len(explain(loss)) == len(explain(loss, [x, y])) == 4


def test_complex_numbers_are_conjugated_at_the_end() -> None:
    z = leaf("z", [1 + 2j, 3 - 1j])
    loss = np.abs(z * z * (1 + 1j)).sum()
    told = explain(loss)
    loss.backward()
    assert z.grad is not None
    np.testing.assert_allclose(array(told.targets[0].gradient), z.grad.data)
    np.testing.assert_allclose(np.conjugate(array(told.steps[-1].total)), z.grad.data)
    assert "conjugate" in told.notes[0]
    assert "the conjugate of what the steps add up to" in str(told)
    (absolute,) = (step for step in told if step.op_name == "absolute")
    assert (absolute.local, absolute.slope) == ("", None)


# ---- what may be asked ----------------------------------------------------------------------------------------------


def test_a_tensor_its_name_or_its_id() -> None:
    x = leaf("x", [1.0, 2.0])
    hidden = np.tanh(x)
    loss = (hidden * x).sum()
    assert explain(loss, x) == explain(loss, "x") == explain(loss, ["n0"]) == explain(loss)
    assert explain(loss, hidden).targets[0].id == explain(loss, "n1").targets[0].id == "n1"
    assert explain(loss, [x, "x", "n0"]) == explain(loss, x)
    hidden.name = "hidden"
    told = explain(loss, hidden)
    assert told.targets[0].name == "hidden"
    assert "hidden * x" in str(told)
    np.testing.assert_allclose(array(told.targets[0].gradient), x.data)


def test_programs_and_graphs_are_explained_too() -> None:
    x = leaf("x", [1.0, 2.0])
    loss = (np.tanh(x) ** 2).sum()
    program = Program.build(loss, backward=True)
    assert explain(program) == explain(program, x) == explain(loss)
    bare = explain(program.graph, "x")
    assert [step.rule for step in bare] == [step.rule for step in explain(loss)]
    assert all(step.contribution.norm is None for step in bare)
    with pytest.raises(GradError, match="Pass backward=True"):
        explain(build_graph(loss))
    with pytest.raises(TypeError, match="expected no cotangent with a Program"):
        explain(program, cotangent=1.0)


def test_several_results_and_cotangents() -> None:
    x = leaf("x", [1.0, 2.0])
    told = explain([x.sum(), (x * x).sum()])
    np.testing.assert_array_equal(array(told.targets[0].gradient), [3, 5])
    assert "sum of several results" in str(told)
    told = explain(x * x, x, cotangent=[1.0, 10.0])
    np.testing.assert_array_equal(array(told.targets[0].gradient), [2, 40])
    assert "the cotangent that was given" in str(told)
    z = leaf("z", 1 + 2j)
    (z * z).backward(1 - 1j)
    assert z.grad is not None
    np.testing.assert_array_equal(array(explain(z * z, cotangent=1 - 1j).targets[0].gradient), z.grad.data)


def test_parameters_that_are_not_reached_are_named() -> None:
    a, gate = leaf("a", [1.0, 2.0]), leaf("gate", [1.0, 2.0])
    told = explain((a * (gate > 1.5)).sum())
    assert [target.name for target in told.targets] == ["a"]
    assert told.notes == ("Not reached by a gradient: gate. explain(loss, wrt=...) says why.",)
    assert not explain((a * (gate > 1.5)).sum(), a).notes


def test_the_loss_itself() -> None:
    x = leaf("x", 2.0)
    loss = x * x
    told = explain(loss, loss)
    assert not told.steps
    np.testing.assert_array_equal(array(told.targets[0].gradient), 1.0)
    assert "is L itself" in str(told)


x, other, plain_ = leaf("x", [1.0, 2.0]), leaf("other", [1.0, 2.0]), ag.tensor([1.0, 2.0], name="plain")


@pytest.mark.parametrize(
    ("loss", "wrt", "error", "message"),
    [
        (x * x, x, GradError, r"expected a loss of one number; .*cotangent=c\), c of shape \(2,\)"),
        ((plain_ * 2).sum(), None, GradError, "expected a loss that requires a gradient"),
        (3.0, None, TypeError, "expected a Tensor as the loss, or several; received float"),
        ((leaf("z", 1j) ** 2), None, GradError, "expected a real loss"),
        (x.sum(), other, GradError, "not reached: the loss was not computed from 'other'"),
        (
            (x * (other > 1.5)).sum(),
            other,
            GradError,
            "not reached: 'other' .* only through 'greater' .*result is bool",
        ),
        ((x * ag.stop_gradient(other)).sum(), other, GradError, "not reached: 'other' .*'stop_gradient'"),
        ((x * plain_).sum(), plain_, GradError, "not required: 'plain' was made without requires_grad=True"),
        ((x * plain_).sum(), "missing", KeyError, "received 'missing'. Its parameters are x"),
        ((x * leaf("x", 1.0)).sum(), "x", KeyError, "received 'x', the name of 2 tensors: n0, n1"),
        (x.sum(), [], ValueError, "received an empty list"),
        (x.sum(), 3, TypeError, "expected a Tensor, a name or None as wrt; received int"),
        (x.sum(), [3], TypeError, "expected a Tensor, a name or None as wrt; received int"),
    ],
)
def test_what_cannot_be_explained_says_why(loss: Any, wrt: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        explain(loss, wrt)


def test_wrong_options() -> None:
    with pytest.raises(ValueError, match="max_steps of at least 2; received 1"):
        explain(x.sum(), max_steps=1)
    with pytest.raises(GradError, match="cotangent of its shape"):
        explain(x * 1.0, cotangent=1.0)


# ---- nothing is changed, and what is not known is said --------------------------------------------------------------


def test_explaining_changes_nothing() -> None:
    calls: list[Any] = []
    generator = ag.Generator(3)
    w = leaf("w", [1.0, 2.0, 3.0])
    loss = (w * ag.random.bernoulli((3,), 0.5, generator=generator)).sum()
    w.register_hook(calls.append)
    first = explain(loss, w)
    state = ag.random.normal((2,), generator=ag.Generator(3)).data  # the stream of another goes on its own way
    assert explain(loss, w) == first
    assert w.grad is None
    assert not calls
    assert state.shape == (2,)
    loss.backward()
    assert w.grad is not None
    np.testing.assert_array_equal(array(first.targets[0].gradient), w.grad.data)


def test_after_backward_the_numbers_are_there_if_nothing_was_lost() -> None:
    w = leaf("w", [1.0, 2.0])
    loss = (np.tanh(w) * np.array([1.0, 3.0])).sum()
    before = explain(loss, w)
    loss.backward()
    assert explain(loss, w) == before


def test_a_draw_that_was_let_go_is_not_drawn_again() -> None:
    generator = ag.Generator(0)
    w = leaf("w", [1.0, 2.0, 3.0])
    loss = (w * ag.random.bernoulli((3,), 0.5, generator=generator)).sum()
    loss.backward()
    told = explain(loss, w)
    assert "The numbers are no longer known: the random draw n1 was released" in told.notes[0]
    assert all(step.contribution.numbers is step.contribution.norm is None for step in told)
    assert "random" in told.steps[-1].reason
    reference = ag.Generator(0)
    ag.random.bernoulli((3,), 0.5, generator=reference)
    np.testing.assert_array_equal(
        ag.random.normal((4,), generator=generator).data, ag.random.normal((4,), generator=reference).data
    )


def test_large_constants_that_were_let_go() -> None:
    w = leaf("w", 2.0)
    loss = (w * np.ones(100_000)).sum()
    loss.backward()
    told = explain(loss, w)
    assert "no longer known" in told.notes[0]
    assert "let go by backward" in told.notes[0]
    assert len(told) == 2


def test_tensors_that_were_assigned_since() -> None:
    w = leaf("w", [1.0, 2.0])
    loss = (w * w).sum()
    w.assign([5.0, 6.0])
    told = explain(loss, w)
    assert "assigned a new value" in told.notes[0]
    np.testing.assert_array_equal(array(told.targets[0].gradient), [10, 12])


def test_numbers_on_request_alone() -> None:
    w = parameter("w", 5, 5)
    loss = (w * w).sum()
    assert explain(loss).targets[0].gradient.numbers is None
    assert explain(loss).targets[0].gradient.norm == pytest.approx(10.0)
    assert np.array(explain(loss, values=True).targets[0].gradient.numbers).shape == (5, 5)
    told = explain(loss, values=False)
    assert told.targets[0].gradient.norm is None
    assert not told.notes
    assert all(step.slope is None for step in told)


# ---- large graphs ---------------------------------------------------------------------------------------------------


def test_the_middle_of_a_long_way_is_left_out() -> None:
    u, v = leaf("u", [0.5, 0.1]), leaf("v", [1.0, 2.0])
    t: Any = u
    for _ in range(60):
        t = np.tanh(t * v)
    loss = t.sum()
    whole, short = explain(loss, v, max_steps=1000), explain(loss, v, max_steps=6)
    assert len(whole) == 180
    assert not whole.gaps
    assert short.steps == (*whole.steps[:3], *whole.steps[-3:])
    assert [(gap.after, gap.count) for gap in short.gaps] == [(3, 174)]
    assert short.gaps[0].words == "multiply ×116, tanh ×58"
    assert short.targets == whole.targets
    assert short.targets[0].count == 60
    assert len(short.targets[0].uses) == 8
    text = str(short)
    assert "… 174 more steps: multiply ×116, tanh ×58 …" in text
    assert "… 52 more" in text
    assert "174 more steps" in short.to_markdown()


def test_a_long_chain_is_explained_without_recursion() -> None:
    results: list[Any] = []

    def work() -> None:
        y: Any = leaf("x", 0.5)
        for _ in range(12_000):
            y = np.sin(y)
        told = explain(y)
        results.extend([len(told), told.gaps[0].count, told.notes[0], len(str(told)) < 20_000])

    in_small_stack(work, 512)
    assert results[:2] == [40, 11_960], results
    assert "The numbers are left out because the graph is large" in results[2]
    assert results[3]


# ---- faces ----------------------------------------------------------------------------------------------------------


def sample_explanation() -> Explanation:
    x_ = ag.tensor([[1.0, -1.0], [0.5, 2.0], [0.0, 1.0]], name="x")
    w, b = leaf("w", [[1.0, 0.5], [-0.5, 1.0]]), leaf("b", [0.1, -0.2])
    with ag.record_source():
        loss = (ag.relu(x_ @ w + b) * w[0]).mean()
    return explain(loss, w)


def test_text() -> None:
    told = sample_explanation()
    text = str(told)
    assert text == told.to_text()
    for line in (
        "How L changes with w",
        "w is n1, a parameter, (2, 2) float64",
        "    why        each of the 6 elements of a mean counts 1/6",
        "    locally    dn5/dn4 = n5 > 0",
        "    gives      x.T @ g",
    ):
        assert line in text
    assert re.search(r"sum over axis 0 \(n6 \(2,\) was broadcast to \(3, 2\)\)", text)
    assert "w is used 2 times; this is the first part of dL/dw" in text
    assert "part 2 of 2, that is all of dL/dw" in text
    assert "# test_explain.py:" in text
    assert list(told) == list(told.steps)
    assert len(told) == len(told.steps)
    assert repr(told) == f"<Explanation of the gradient with respect to w: {len(told)} steps>"
    assert not re.search(r"[ \t]$", text, re.MULTILINE)


def test_modules_and_lines_are_told() -> None:
    told = explain(perceptron(), "dense_1.weight")
    assert {step.scope for step in told} == {"", "dense_1", "dense_2"}
    assert re.search(r"back to n4   # dense_1, samples.py:\d+ in perceptron", str(told))
    assert re.search(r"· `dense_2, samples.py:\d+ in perceptron`", told.to_markdown())


@pytest.mark.parametrize("width", [40, 60, 96, 200])
def test_prose_keeps_within_the_width(width: int) -> None:
    told = sample_explanation()
    assert all(len(line) <= width for line in told.to_text(width).splitlines() if re.match(r" {4}why|It |The op", line))


def test_numbers_in_the_text_are_those_of_the_data() -> None:
    told = sample_explanation()
    for step in told:
        for value in np.ravel(array(step.contribution)):
            assert f"{value + 0:.4g}" in str(told)


def test_markdown() -> None:
    told = sample_explanation()
    text = told.to_markdown()
    assert text == told._repr_markdown_()
    assert text.startswith("## How L changes with w\n")
    for step in told:
        assert f"$${step.latex}$$" in text
        assert not step.local_latex or f"${step.local_latex}$" in text
    assert r"\frac{\partial L}{\partial w} {+}{=} x^{\top} \frac{\partial L}{\partial n_{2}}" in text
    assert text.count("$") % 2 == 0
    assert text.count("```") % 2 == 0
    assert "\n\n\n" not in text


def test_mathtext_reads_the_formulas_of_the_markdown() -> None:
    parser = pytest.importorskip("matplotlib.mathtext").MathTextParser("agg")
    text = sample_explanation().to_markdown()
    found = set(re.findall(r"\$\$(.+?)\$\$|(?<!\$)\$([^$]+)\$(?!\$)", text))
    assert len(found) > 10
    for formula in found:
        parser.parse(f"${''.join(formula)}$")


def test_data() -> None:
    told = sample_explanation()
    data = told.as_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["version"] == 2
    assert [step["op"] for step in data["steps"]] == [step.op for step in told]
    assert data["steps"][0]["contribution"]["numbers"] == np.array(told.steps[0].contribution.numbers).tolist()
    assert data["targets"][0]["name"] == "w"
    w = leaf("w", [0.0, 1.0])
    with np.errstate(all="ignore"):
        loss = (np.log(w) * leaf("z", [1j, 2.0])).real.sum()
    data = explain(loss).as_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data


def test_ids_are_those_of_the_graph() -> None:
    x_ = leaf("x", [1.0, 2.0])
    loss = (np.tanh(x_) * x_).sum()
    graph = build_graph(loss, backward=True)
    for step in explain(loss):
        assert graph[step.op].op == step.op_name
        assert graph[step.op].inputs[step.argument] == step.into
        assert all(graph[i].backward for i in step.nodes)
        assert (step.contribution.id, step.total.id) in {(f.contribution, f.total) for f in graph.flows}


def test_explanations_are_immutable_and_comparable() -> None:
    first, second = sample_explanation(), sample_explanation()
    assert first == second
    assert hash(first) == hash(second)
    with pytest.raises(AttributeError):
        first.steps = ()  # type: ignore[misc]
    assert isinstance(first.steps[0], Step)


@given(st.sampled_from(HOSTILE) | st.text())
@settings(max_examples=60, deadline=None)
def test_names_of_the_users_cannot_break_a_face(name: str) -> None:
    u = ag.tensor([1.0, 2.0], requires_grad=True, name=name)
    told = explain((np.tanh(u) * u).sum(), u)
    assert all(line.isprintable() for line in str(told).splitlines())
    assert len(str(told).splitlines()) == len(str(explain((np.tanh(u) * u).sum(), u)).splitlines())
    text = told.to_markdown()
    assert "<" not in re.sub(r"\$[^$]*\$|`[^`]*`", "", text)
    assert text.count("$") % 2 == 0
    json.dumps(told.as_dict(), allow_nan=False).encode()
    with pytest.raises((KeyError, GradError)) as raised:
        explain((plain_ * x).sum(), name + "?")
    assert str(raised.value).isprintable()


def test_special_numbers_are_told_as_they_are() -> None:
    w = leaf("w", [0.0, 1.0, np.inf])
    with np.errstate(all="ignore"):
        loss = (1 / w).sum()
    told = explain(loss, w)
    np.testing.assert_array_equal(array(told.targets[0].gradient), [-np.inf, -1, 0])
    assert "[-inf, -1, 0]" in str(told)
    assert explain(parameter("e", 0, 3).sum()).targets[0].gradient.numbers == ()
