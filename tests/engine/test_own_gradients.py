"""What users' functions give and `.grad` holds: memory that nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.ownership import SMALL

N = 2 * SMALL


def leaf(*values: float) -> ag.Tensor:
    return ag.tensor(list(values), float, requires_grad=True)


# ---- what rules give ------------------------------------------------------------------------------------------------


def half_square(rule: Any) -> Any:
    f = ag.custom_vjp(lambda x: 0.5 * x * x)
    f.def_vjp(rule)
    return f


def test_a_rule_that_returns_what_it_saved() -> None:
    w = leaf(1, 2)
    half_square(lambda g, out, x: x)(w).sum().backward()
    before = w.grad
    assert not np.shares_memory(before.data, w.data)
    w.assign_sub(before)
    np.testing.assert_array_equal(before.numpy(), [1, 2])
    w.assign_sub(before)
    np.testing.assert_array_equal(w.numpy(), [-1, -2])


KEPT = np.array([5.0, 5.0])
LARGE_KEPT = np.full(N, 5.0)


def kept_by(made: Callable[[Any], Any], w: ag.Tensor, kept: Any) -> None:
    """Check that the gradient 5 that a user's function gave stays what it is when they write into theirs."""
    made(w).sum().backward()
    got = w.grad
    assert not np.shares_memory(got.data, kept if isinstance(kept, np.ndarray) else kept.data)
    if isinstance(kept, ag.Tensor):
        kept.assign(np.zeros(kept.shape))
    else:
        kept[:] = 0
    np.testing.assert_array_equal(got.numpy(), np.full(w.shape, 5.0))
    assert w.grad is got


def hooked(x: ag.Tensor, kept: Any) -> ag.Tensor:
    x.register_hook(lambda g: kept)
    return x


GIVERS: dict[str, Callable[[Any, Any], Any]] = {
    "a hook of a leaf": lambda w, kept: hooked(w, kept) * 2.0,
    "a hook of a result": lambda w, kept: hooked(w + 0.0, kept) + 0.0,
    "custom_vjp": lambda w, kept: half_square(lambda g, out, x: kept)(w),
    "custom_vjp of a view": lambda w, kept: half_square(lambda g, out, x: kept[::-1])(w),
    "structural": lambda w, kept: ag.structural("s_", lambda x: x * 2, lambda g, out, x: kept, infer=lambda s: s)(w),
    "elementwise": lambda w, kept: ag.elementwise(lambda x: x * 2, ag.applied(lambda g, out, x: kept), name="e_")(w),
    "reduction": lambda w, kept: ag.reduction(
        "r_", lambda x, *, axis, keepdims: x.sum(), ag.applied(lambda g, out, x, **_: kept)
    )(w, axis=None, keepdims=False),
}


@pytest.mark.parametrize("name", GIVERS)
@pytest.mark.parametrize("n", [2, N])
@pytest.mark.parametrize("kind", [np.asarray, ag.tensor])
def test_what_a_users_function_keeps_is_not_the_gradient(name: str, n: int, kind: Any) -> None:
    kept = kind(np.full(n, 5.0))
    if kind is ag.tensor and "hook" not in name:  # rules of bare arrays give arrays
        kept = kept.data.base
    kept_by(lambda w: GIVERS[name](w, kept), ag.tensor(np.ones(n), requires_grad=True), kept)


@pytest.mark.parametrize("name", GIVERS)
def test_nor_in_a_pass_that_is_recorded(name: str) -> None:
    kept = leaf(5, 5)
    w = leaf(1, 1)
    GIVERS[name](w, kept).sum().backward(create_graph=True)
    assert w.grad is not kept
    assert w.grad.requires_grad
    w.grad.sum().backward()
    np.testing.assert_array_equal(kept.grad.numpy(), [1, 1])
    kept.assign([0.0, 0.0])
    np.testing.assert_array_equal(w.grad.detach().numpy(), [5, 5])
    w.grad = None


def test_a_hook_sees_a_gradient_of_its_own() -> None:
    def doubles(g: ag.Tensor) -> None:
        g *= 2.0  # and returns None, so that nothing is to change

    for create_graph, watch in ((False, nullcontext), (True, nullcontext), (False, ag.raise_on_nan)):
        w = leaf(1, 2)
        w.register_hook(doubles)
        y = w * w
        y.register_hook(doubles)
        with watch():
            y.sum().backward(create_graph=create_graph)
        np.testing.assert_array_equal(w.grad.detach().numpy(), [2, 4])
        w.grad = None


@pytest.mark.parametrize("n", [2, N])
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("kind", [np.asarray, ag.tensor])
def test_the_cotangent_that_backward_is_given(n: int, create_graph: bool, kind: Any) -> None:
    for use in (lambda w: w, lambda w: w + 1.0, lambda w: w.reshape(-1)):
        w, c = ag.tensor(np.ones(n), requires_grad=True), kind(np.full(n, 5.0))
        kept_by(lambda w, use=use, c=c: _With(use(w), c, create_graph), w, c)  # type: ignore[misc]
        w.grad = None


class _With:
    """A result whose backward pass has a cotangent."""

    def __init__(self, t: ag.Tensor, c: Any, create_graph: bool) -> None:
        self.args = t, c, create_graph

    def sum(self) -> _With:
        return self

    def backward(self) -> None:
        t, c, create_graph = self.args
        t.backward(c, create_graph=create_graph)


@pytest.mark.parametrize("create_graph", [False, True])
def test_leaves_that_get_one_cotangent(create_graph: bool) -> None:
    a, b = leaf(1, 2), leaf(3, 4)
    y = a + b
    y.retain_grad()
    y.sum().backward(create_graph=create_graph)
    grads = [t.grad for t in (a, b, y)]
    assert len({id(g) for g in grads}) == 3
    with ag.no_grad():
        a.grad += 1.0
        a.grad.assign([7.0, 7.0])
    for t in (b, y):
        np.testing.assert_array_equal(t.grad.detach().numpy(), [1, 1])
    a.grad = b.grad = y.grad = None


# ---- what is set ----------------------------------------------------------------------------------------------------


def test_grad_is_set_to_a_copy() -> None:
    for kind in (np.array, ag.tensor):
        w, g = leaf(1, 2), kind([3.0, 4.0])
        w.grad = g
        g[:] = 9.0
        if isinstance(g, ag.Tensor):
            g.assign([9.0, 9.0])
        np.testing.assert_array_equal(w.grad.numpy(), [3, 4])
    w, v = leaf(1, 2), leaf(1, 2)
    w.grad = v * 3.0  # its history goes with it
    w.grad.sum().backward()
    np.testing.assert_array_equal(v.grad.numpy(), [3, 3])


# ---- and yet nothing is copied for nothing --------------------------------------------------------------------------


def test_a_large_gradient_that_nobody_holds_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    from autograd_lite.engine import walk as engine

    taken = []

    def asked(found: Any, leaf: Any, *rest: Any) -> bool:
        taken.append(real(found, leaf, *rest))
        return taken[-1]

    real = engine.is_unshared
    monkeypatch.setattr(engine, "is_unshared", asked)
    w, x = ag.tensor(np.ones(N), requires_grad=True), np.ones(N)
    (w * x).sum().backward()
    (w.reshape(2, -1) * 2.0).sum().backward()
    assert taken == [True]
    w.grad = None
    ((w * 2.0).reshape(2, -1) * 2.0).sum().backward()
    assert taken == [True, True]


# ---- results of custom ops ------------------------------------------------------------------------------------------

SAME: dict[str, Callable[[], Any]] = {
    "structural": lambda: ag.structural("s_", lambda x: x, lambda g, out, x: g, infer=lambda s: s),
    "structural, a view": lambda: ag.structural("s_", lambda x: x[:], lambda g, out, x: g, infer=lambda s: s),
    "elementwise": lambda: ag.elementwise(lambda x: x, 1, name="e_"),
    "custom_vjp": lambda: _with_vjp(lambda x: x),
    "custom_vjp, a view": lambda: _with_vjp(lambda x: x[::-1][::-1]),
    "custom_vjp, in a container": lambda: lambda x: _with_vjp(lambda x: {"a": x})(x)["a"],
    "custom_jvp": lambda: _with_jvp(lambda x: x),
    "checkpoint": lambda: ag.checkpoint(lambda x: x[:]),
}


def _with_vjp(f: Any) -> Any:
    same = ag.custom_vjp(f)
    same.def_vjp(lambda g, out, x: g["a"] if isinstance(g, dict) else g)
    return same


def _with_jvp(f: Any) -> Any:
    same = ag.custom_jvp(f)
    same.def_jvp(lambda tangents, out, x: tangents[0])
    return same


@pytest.mark.parametrize("name", SAME)
@pytest.mark.parametrize("requires_grad", [True, False])
@pytest.mark.parametrize("n", [2, N])
def test_a_result_that_is_the_input_follows_no_assignment(name: str, requires_grad: bool, n: int) -> None:
    w = ag.tensor(np.ones(n), requires_grad=requires_grad)
    y = SAME[name]()(w)
    z = (y * y).sum()
    w.assign(np.zeros(n))
    np.testing.assert_array_equal(y.detach().numpy(), np.ones(n))
    if requires_grad:
        try:
            z.backward()
        except ag.GradError as error:
            assert "was assigned a new value" in str(error)  # noqa: PT017
        else:
            np.testing.assert_array_equal(w.grad.numpy(), np.full(n, 2.0))


def test_a_result_that_is_kept_elsewhere() -> None:
    buffer = np.zeros(N)

    def into_buffer(x: Any) -> np.ndarray:
        return np.multiply(x, 2.0, out=buffer)

    for op in (_with_vjp(into_buffer), ag.elementwise(into_buffer, 2.0, name="e_")):
        w = ag.tensor(np.ones(N), requires_grad=True)
        y = op(w)
        buffer[:] = 7
        np.testing.assert_array_equal(y.detach().numpy(), np.full(N, 2.0))


FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "vjp": lambda x, c: ag.vjp(lambda x: x)(x)[1](c),
    "linearize": lambda x, c: ag.linearize(lambda x: x)(x)[1](c),
    "transpose": lambda x, c: ag.linearize(lambda x: x)(x)[1].transpose(c),
    "jvp": lambda x, c: ag.jvp(lambda x: x)((x,), (c,))[1],
    "vmap": lambda x, c: ag.vmap(lambda x: x)(c),
    "grad": lambda x, c: ag.grad(lambda x: (x * c).sum())(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("kind", [np.asarray, ag.tensor])
def test_what_transformations_give_is_nobody_elses(name: str, kind: Any) -> None:
    x, c = kind(np.array([1.0, 2.0])), kind(np.array([3.0, 4.0]))
    got = FUNCTIONS[name](x, c)
    assert got is not c
    for given in (x, c):
        assert not np.shares_memory(getattr(got, "data", got), getattr(given, "data", given))
