"""Ops with several results: one node for the call, one for each result, and no difference from as many ops of one."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
from autograd_lite.core import batching
from autograd_lite.core.multi_result import Dtypes, Several, get_tuple_element
from autograd_lite.core.node import Node
from autograd_lite.core.op import OPS, Op, structural
from autograd_lite.core.shape_arithmetic import ShapeDtype
from autograd_lite.engine.walk import cotangents, edge_of
from autograd_lite.native import threaded_functions as fast

INT = np.dtype(np.int64)


def _forward(x: Any, y: Any) -> tuple[Any, Any, Any]:
    return fast.sin(x) * y, x * x + y, np.sign(x).astype(INT)


def _rule(i: int) -> Any:
    def rule(g: Any, out: Any, x: Any, y: Any) -> Any:
        SEEN.append(tuple(t is not None for t in g))
        by_first = fast.cos(x) * y if i == 0 else fast.sin(x)
        by_second = 2 * x if i == 0 else 1
        terms = [t * d for t, d in zip(g, (by_first, by_second), strict=False) if t is not None]
        return sum(terms[1:], terms[0])

    return rule


def _infer(x: ShapeDtype, y: ShapeDtype) -> tuple[ShapeDtype, ...]:
    return x, x, ShapeDtype(x.shape, INT)


def define(name: str, forward: Any = _forward, *rules: Any, **facts: Any) -> Op:
    """Define an op that no table keeps."""
    facts = {"infer": _infer, "saves": "xy", "results": 3, "batch": batching.elementwise, **facts}
    op = structural(name, forward, *(rules or (_rule(0), _rule(1))), **facts)
    del OPS[name]
    return op


SEEN: list[tuple[bool, ...]] = []
three = define("three")
X, Y = np.array([0.3, -1.2, 2.0]), np.array([1.5, 0.7, -0.4])


def as_many(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Return the same by ops of one result."""
    return np.sin(x) * y, x * x + y, np.sign(x)


def leaves() -> tuple[Any, Any]:
    """Return the inputs as parameters."""
    return ag.tensor(X, requires_grad=True), ag.tensor(Y, requires_grad=True)


# What is computed from the results: of one alone, of both, of one twice, with the integer as a number.
USES = {
    "first": lambda a, b, c: (a * a).sum(),
    "second": lambda a, b, c: np.exp(b).sum(),
    "both": lambda a, b, c: (a * np.tanh(b)).sum(),
    "one in two places": lambda a, b, c: (a * a).sum() + (a * b).mean(),
    "with the integer": lambda a, b, c: (a * c).sum() + b[c == 1].sum(),
}


@pytest.mark.parametrize("use", USES)
def test_derivatives_are_those_of_as_many_ops(use: str) -> None:
    f = lambda x, y: USES[use](*three(x, y))  # noqa: E731
    g = lambda x, y: USES[use](*as_many(x, y))  # noqa: E731
    both = (0, 1)
    np.testing.assert_allclose(f(X, Y), g(X, Y))
    for order in (ag.grad, lambda h, n: ag.jacobian(ag.grad(h), n)):
        for mine, theirs in zip(order(f, both)(X, Y), order(g, both)(X, Y), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-12)
    third = lambda h: ag.grad(lambda x: ag.grad(lambda x: ag.grad(lambda x: h(x, Y))(x).sum())(x).sum())  # noqa: E731
    np.testing.assert_allclose(third(f)(X), third(g)(X), atol=1e-12)
    tangents = (np.ones(3), np.array([0.2, 0.0, -1.0]))
    for along in (lambda h: ag.jvp(h), lambda h: lambda p, t: ag.jvp(ag.grad(h, both))(p, t)[1]):
        for mine, theirs in zip(along(f)((X, Y), tangents), along(g)((X, Y), tangents), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-12)
    rows = np.stack([X, 2 * X])
    if use != "with the integer":  # whose number of elements differs from example to example
        np.testing.assert_allclose(ag.vmap(f, (0, None))(rows, Y), ag.vmap(g, (0, None))(rows, Y))
        np.testing.assert_allclose(
            ag.vmap(ag.grad(f), (0, None))(rows, Y), ag.vmap(ag.grad(g), (0, None))(rows, Y), atol=1e-12
        )
    np.testing.assert_allclose(ag.linearize(f)(X, Y)[1](*tangents), ag.linearize(g)(X, Y)[1](*tangents))


@pytest.mark.parametrize("use", [use for use in USES if use != "with the integer"])
@pytest.mark.parametrize("kernels", ["native", "numpy"])
def test_compiled_code_gives_the_same_bits(use: str, kernels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kernels == "numpy":
        monkeypatch.setattr("autograd_lite.compiler.native_segments.library", None)
    f = ag.value_and_grad(lambda x, y: USES[use](*three(x, y)), (0, 1))
    compiled = ag.compile(f)
    for k in range(4):
        (value, grads), (expected, grads_expected) = compiled(X + k, Y), f(X + k, Y)
        assert value == expected
        assert all(a.tobytes() == b.tobytes() for a, b in zip(grads, grads_expected, strict=True))


def test_rules_are_read_once_with_none_for_a_result_without_a_cotangent() -> None:
    expected = {"first": (True, False, False), "second": (False, True, False), "both": (True, True, False)}
    for use, seen in expected.items():
        x, y = leaves()
        SEEN.clear()
        USES[use](*three(x, y)).backward()
        assert [seen, seen] == SEEN  # once for each input


def test_no_result_is_used_and_a_result_is_dropped() -> None:
    x, y = leaves()
    (x * y).sum().backward()
    before = x.grad.numpy()
    a, b, c = three(x, y)
    assert not c.requires_grad
    assert c.dtype == INT
    node, call = weakref.ref(a._node), a._node.inputs[0]
    del a
    gc.collect()
    assert node() is None  # nothing keeps what takes a result out that is not held
    assert call.results[0]() is None
    b.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), before + 2 * X)


def test_the_record_has_one_node_for_the_call() -> None:
    x, y = leaves()
    a, b, c = three(x, y)
    (call,) = {t._node.inputs[0] for t in (a, b, c)}
    assert call.op is three
    assert call.shape == ((3,), (3,), (3,))
    assert list(call.dtype) == [np.dtype(float), np.dtype(float), INT]
    assert call.size == 9
    assert [t._node.op for t in (a, b, c)] == [get_tuple_element] * 3
    graph = ag.build_graph([a, b], backward=False)
    assert [node.op for node in graph.nodes if node.op] == ["three", "get_tuple_element", "get_tuple_element"]
    read = type(graph).from_json(graph.to_json())
    assert read == graph
    graph.check()


def test_a_result_is_a_target_of_gradients_of_every_order() -> None:
    x, y = leaves()
    a, b, _ = three(x, y)
    loss = (a * a * b).sum()
    roots, targets = {edge_of(loss): ag.tensor(1.0)}, {edge_of(a)}
    g = cotangents(roots, targets, retain_graph=True, create_graph=True)[edge_of(a)]
    np.testing.assert_allclose(g.numpy(), (2 * a * b).numpy())
    (second,) = cotangents(
        {edge_of(g.sum()): 1.0 * np.ones(())}, targets, retain_graph=True, create_graph=False
    ).values()
    np.testing.assert_allclose(second, 2 * b.numpy())

    # The rule reads the results of the call that is differentiated again.
    op = define("three_by_out", _forward, lambda g, out, x, y: g[0] * out[1], None, saves="o")
    a, b, _ = op(x, Y)
    a.sum().backward(create_graph=True)
    assert x.grad._node.inputs[1] is b._node  # and not another node for the same result
    x.grad = None


def test_hooks_see_the_cotangent_of_one_result_and_may_change_it() -> None:
    x, y = leaves()
    a, b, _ = three(x, y)
    seen: list[Any] = []
    a.register_hook(lambda g: seen.append(g.copy()) or g * 3)
    (a.sum() + b.sum()).backward()
    np.testing.assert_allclose(seen, [np.ones(3)])
    np.testing.assert_allclose(x.grad.numpy(), 3 * np.cos(X) * Y + 2 * X)


def test_a_write_into_one_result_leaves_the_others_and_the_gradient() -> None:
    x, y = leaves()
    a, b, _ = three(x, y)
    before = b.numpy().copy()
    a[0] = 10.0
    assert a.numpy()[0] == 10.0
    np.testing.assert_array_equal(b.numpy(), before)
    (a.sum() + b.sum()).backward()
    np.testing.assert_allclose(x.grad.numpy(), np.cos(X) * Y * [0, 1, 1] + 2 * X)


def test_a_leaf_that_changes_before_backward_is_refused() -> None:
    x, y = leaves()
    a, *_ = three(x, y)
    x.assign(X + 1)
    with pytest.raises(ag.GradError, match="assigned a new value after the op 'three'"):
        a.sum().backward()


def test_a_second_pass_needs_what_was_freed() -> None:
    x, y = leaves()
    a, b, _ = three(x, y)
    a.sum().backward()
    with pytest.raises(ag.GradError, match="freed"):
        b.sum().backward()


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (lambda x, y: (x, y), r"three_wrong: expected 3 arrays, as its results=3; received 2"),
        (lambda x, y: (x, y, x, y), r"three_wrong: expected 3 arrays, as its results=3; received 4"),
        (
            lambda x, y: x * y,
            r"three_wrong: expected a tuple of 3 arrays, as its results=3; received an array of shape",
        ),
        (lambda x, y: [x, y, x], r"three_wrong: expected a tuple of 3 arrays, as its results=3; received list"),
    ],
)
@pytest.mark.parametrize("kind", ["recorded", "not recorded", "jvp", "vmap"])
def test_an_op_that_does_not_return_what_it_states_is_named(result: Any, message: str, kind: str) -> None:
    op = define("three_wrong", result)
    calls = {
        "recorded": lambda: op(*leaves()),
        "not recorded": lambda: op(ag.tensor(X), ag.tensor(Y)),
        "jvp": lambda: ag.jvp(lambda x: op(x, Y)[0])((X,), (X,)),
        "vmap": lambda: ag.vmap(lambda x: op(x, 1.0)[0])(X),
    }
    with pytest.raises(TypeError, match=message):
        calls[kind]()


def test_a_rule_with_too_few_cotangents_is_named() -> None:
    def too_few(g: Any, out: Any, x: Any, y: Any) -> Any:
        return [g[0]]

    op = structural("three_few", _forward, infer=_infer, results=3, together=too_few)
    del OPS["three_few"]
    message = r"three_few: its derivative rule .*too_few was to return 2 cotangents, one for each input; received 1"
    with pytest.raises(TypeError, match=message):
        op(*leaves())[0].sum().backward()
    with pytest.raises(
        TypeError, match="three_jvp: its jvp rule: expected 3 tangents, one for each of them; received 1"
    ):
        ag.jvp(lambda x: define("three_jvp", jvp=lambda t, out, x, y: (t[0],))(x, Y)[0])((X,), (X,))


def test_cotangents_of_a_call_add_up_where_there_are_any() -> None:
    shape, dtype = ((3,), (3,)), Dtypes([X.dtype, X.dtype])
    one, two = Several.of([X, None], shape, dtype), Several.of([Y, Y], shape, dtype)
    both = one + two
    np.testing.assert_array_equal(both[0], X + Y)
    assert both[1] is Y
    assert isinstance(both, Several)


# Random programs: calls of several results, elementwise ops and indices, of results in any order.
STEPS = st.lists(st.tuples(st.sampled_from("tsmai"), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12)


def program(steps: Any, call: Any = three) -> Any:
    """Return a function of two arrays that makes these steps."""

    def f(x: Any, y: Any) -> Any:
        values = [x, y]
        for kind, i, j in steps:
            a, b = values[i % len(values)], values[j % len(values)]
            if kind == "t":
                values += call(np.tanh(a), np.tanh(b))[:2]
            else:
                values.append({"s": np.sin(a), "m": np.tanh(a) * b, "a": a + b, "i": a[::-1] - np.tanh(b)}[kind])
        return sum(v.sum() for v in values[-3:])

    return f


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_random_programs(steps: Any) -> None:
    f = program(steps)
    eager = ag.value_and_grad(f, (0, 1))
    compiled = ag.compile(eager)
    expected = eager(X, Y)
    for _ in range(3):
        value, grads = compiled(X, Y)
        assert value == expected[0]
        assert all(a.tobytes() == b.tobytes() for a, b in zip(grads, expected[1], strict=True))
    same = ag.value_and_grad(program(steps, as_many), (0, 1))(X, Y)
    for mine, theirs in zip((expected[0], *expected[1]), (same[0], *same[1]), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)


def test_nodes_can_be_referred_to_weakly_and_cost_one_slot() -> None:
    x, _ = leaves()
    node = np.sin(x)._node
    assert weakref.ref(node)() is node
    assert not hasattr(node, "results")
    assert isinstance(node, Node)
