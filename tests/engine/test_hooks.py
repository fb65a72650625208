"""Hooks on tensors: they see the gradient, may change it, and can be taken away."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag


def leaf() -> Any:
    return ag.tensor([1.0, 2.0], requires_grad=True)


@pytest.mark.parametrize("create_graph", [False, True])
def test_a_hook_sees_the_complete_gradient_once(create_graph: bool) -> None:
    x, seen = leaf(), []
    y = x * 2
    y.register_hook(seen.append)
    (y * y + y).sum().backward(create_graph=create_graph)
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0].detach().numpy(), [5.0, 9.0])
    assert isinstance(seen[0], ag.Tensor)
    x.grad = None


@pytest.mark.parametrize("of_leaf", [False, True])
def test_what_a_hook_returns_goes_on(of_leaf: bool) -> None:
    x = leaf()
    y = x * 2
    (x if of_leaf else y).register_hook(lambda g: g * 10)
    (x if of_leaf else y).register_hook(lambda g: np.array([7.0, 8.0]) + 0 * g)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [7.0, 8.0] if of_leaf else [14.0, 16.0])


def test_a_leafs_hook_is_called_at_every_backward_with_that_gradient_alone() -> None:
    x, seen = leaf(), []
    x.register_hook(lambda g: seen.append(g.numpy()))
    for _ in range(2):
        (x * 3).sum().backward()
    np.testing.assert_array_equal(seen, [[3.0, 3.0], [3.0, 3.0]])
    np.testing.assert_array_equal(x.grad, [6.0, 6.0])


def test_a_hook_can_be_removed() -> None:
    x, seen = leaf(), []
    handles = [t.register_hook(seen.append) for t in (x, x)]
    handles[0].remove()
    handles[0].remove()
    x.sum().backward()
    assert len(seen) == 1


def test_a_hook_that_changes_its_argument_changes_nothing() -> None:
    x = leaf()

    def clumsy(g: Any) -> None:
        g += 100

    y = x * 2
    y.register_hook(clumsy)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [2.0, 2.0])


def test_a_hook_keeps_the_dtype_and_must_keep_the_shape() -> None:
    x = ag.tensor(np.ones(2, np.float32), requires_grad=True)
    x.register_hook(lambda g: g.astype(np.float64))
    x.sum().backward()
    assert x.grad.dtype == np.float32
    x = leaf()
    x.register_hook(lambda g: g.sum())
    with pytest.raises(ag.ShapeError, match=r"register_hook: expected the hook to return shape \(2,\); received \(\)"):
        x.sum().backward()
    assert x.grad is None


def test_only_what_requires_a_gradient_takes_a_hook() -> None:
    with pytest.raises(ag.GradError, match="register_hook: this tensor does not require a gradient"):
        ag.tensor(1.0).register_hook(print)


def test_a_hook_makes_no_cycle() -> None:
    gc.disable()
    try:
        x = leaf()
        x.register_hook(lambda g: None)
        y = x * 2
        y.register_hook(lambda g: None)
        y.sum().backward()
        alive = [weakref.ref(x), weakref.ref(y)]
        del x, y
        assert [r() for r in alive] == [None, None]
    finally:
        gc.enable()


@pytest.mark.parametrize("first", ["retain", "register"])
def test_what_is_retained_is_what_the_hooks_made_of_it(first: str) -> None:
    x = leaf()
    y = x * 2
    if first == "retain":
        y.retain_grad()
    y.register_hook(lambda g: g * 3)
    y.register_hook(lambda g: g + 1)
    if first == "register":
        y.retain_grad()
    y.sum().backward()
    np.testing.assert_array_equal(y.grad, [4.0, 4.0])
    np.testing.assert_array_equal(x.grad, [8.0, 8.0])


# ---- hooks that are called when the gradient is in .grad -------------------------------------------------------------


@pytest.mark.parametrize("compiled", [False, True])
def test_an_arrival_hook_is_called_once_with_the_whole_gradient_while_the_pass_still_runs(compiled: bool) -> None:
    first, shared, last = (ag.tensor([1.0, 2.0], requires_grad=True, name=name) for name in ("first", "shared", "last"))
    came: list[tuple[str, Any, int]] = []

    def note(t: Any) -> None:
        waiting = sum(other.grad is None for other in (first, shared, last))
        ag.observe(lambda g: came.append((t.name, g.tolist(), waiting)), t.grad)

    for t in (first, shared, last):
        t.register_post_accumulate_grad_hook(note)

    def step() -> None:
        ((np.sin(first) * shared) * shared * last).sum().backward()

    run = ag.compile(step) if compiled else step
    expected = ag.grad(lambda a, b, c: ((np.sin(a) * b) * b * c).sum(), argnums=(0, 1, 2))(*[first.numpy()] * 3)
    for _ in range(4):
        came.clear()
        run()
        assert [name for name, _, _ in came] == ["last", "shared", "first"]
        assert [waiting for _, _, waiting in came] == [2, 1, 0]
        for (_, seen, _), t, g in zip(came, (last, shared, first), reversed(expected), strict=True):
            np.testing.assert_array_equal(seen, g)
            np.testing.assert_array_equal(t.grad, g)
            t.grad = None


def test_an_arrival_hook_sees_what_other_hooks_made_of_the_gradient_and_what_was_there_before() -> None:
    x, seen = leaf(), []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.tolist()))
    x.register_hook(lambda g: g * 10)
    for _ in range(2):
        (x * 3).sum().backward()
    assert seen == [[30.0, 30.0], [60.0, 60.0]]


def test_a_parameter_may_be_stepped_and_its_gradient_dropped_as_it_arrives() -> None:
    w, v = leaf(), leaf()

    def step(t: Any) -> None:
        t.assign(t.data - t.grad.data)
        t.grad = None

    handles = [t.register_post_accumulate_grad_hook(step) for t in (w, v)]
    (w * v * v).sum().backward()
    np.testing.assert_array_equal(w.numpy(), [0.0, -2.0])
    np.testing.assert_array_equal(v.numpy(), [-1.0, -6.0])
    assert w.grad is v.grad is None
    handles[0].remove()
    w.sum().backward()
    np.testing.assert_array_equal(w.grad, [1.0, 1.0])


def test_only_leaves_have_arrivals() -> None:
    with pytest.raises(ag.GradError, match=r"register_post_accumulate_grad_hook: expected a leaf that requires"):
        (leaf() * 2).register_post_accumulate_grad_hook(print)
