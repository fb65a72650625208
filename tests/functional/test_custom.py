"""Functions with derivatives of their own, stop_gradient, and checkpoint."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

X = np.array([0.3, 0.7, 1.2])
V = np.array([1.0, 2.0, -1.0])
BATCH = np.stack([X, 2 * X])


@ag.custom_vjp
def scaled_square(x: Any, y: Any, *, power: int = 2) -> Any:
    # What only arrays can do: a Tensor has no such method.
    assert isinstance(x, (np.ndarray, float))
    return np.asarray(x) ** power * y


@scaled_square.def_vjp
def _(g: Any, out: Any, x: Any, y: Any) -> Any:
    return 2 * x * y * g, x**2 * g


@ag.custom_jvp
def cube(x: Any) -> Any:
    return np.asarray(x) ** 3


@cube.def_jvp
def _(tangents: Any, out: Any, x: Any) -> Any:
    return 3 * x**2 * tangents[0]


def quartic(x: Any) -> Any:
    return (scaled_square(x, 2.0 * x) * x).sum()  # 2 x⁴


def cubic(x: Any) -> Any:
    return (cube(x) * x).sum()  # x⁴


@pytest.mark.parametrize(("f", "scale"), [(quartic, 2.0), (cubic, 1.0)])
def test_a_custom_rule_serves_every_mode_and_order(f: Any, scale: float) -> None:
    first, second = 4 * scale * X**3, 12 * scale * X**2
    np.testing.assert_allclose(ag.grad(f)(X), first)
    np.testing.assert_allclose(ag.jvp(f)((X,), (V,))[1], first @ V)
    np.testing.assert_allclose(ag.hessian(f)(X), np.diag(second), atol=1e-14)
    np.testing.assert_allclose(ag.jacobian(ag.grad(f), mode="forward")(X), np.diag(second), atol=1e-14)
    np.testing.assert_allclose(ag.vmap(ag.grad(f))(BATCH), 4 * scale * BATCH**3)
    np.testing.assert_allclose(ag.jvp(lambda x: ag.jvp(f)((x,), (V,))[1])((X,), (V,))[1], second @ V**2)
    t = ag.tensor(X, requires_grad=True)
    f(t).backward()
    np.testing.assert_allclose(t.grad, first)


def test_the_rule_is_really_used() -> None:
    @ag.custom_vjp
    def identity(x: Any) -> Any:
        return x * 1

    identity.def_vjp(lambda g, out, x: (g * 7,))
    np.testing.assert_array_equal(ag.grad(lambda x: identity(x).sum())(X), [7, 7, 7])
    push = ag.jvp(identity)
    np.testing.assert_array_equal(push((X,), (V,))[1], 7 * V)
    assert push.report == ("identity",)

    @ag.custom_jvp
    def other(x: Any) -> Any:
        return x * 1

    other.def_jvp(lambda tangents, out, x: tangents[0] * 7)
    push = ag.jvp(other)
    np.testing.assert_array_equal(push((X,), (V,))[1], 7 * V)
    assert push.report == ()
    np.testing.assert_array_equal(ag.grad(lambda x: other(x).sum())(X), [7, 7, 7])


def test_containers_and_several_results() -> None:
    @ag.custom_vjp
    def f(p: Any, n: int) -> Any:
        return {"scaled": p["u"] * n, "total": np.sum(p["u"])}

    @f.def_vjp
    def _(g: Any, out: Any, p: Any, n: int) -> Any:
        return {"u": g["scaled"] * n + g["total"]}, None

    def loss(u: Any) -> Any:
        out = f({"u": u}, 2)
        return (out["scaled"] ** 2).sum() + 3 * out["total"]

    np.testing.assert_allclose(ag.grad(loss)(X), 8 * X + 3)
    plain = f({"u": X}, 2)
    np.testing.assert_array_equal(plain["scaled"], 2 * X)


def test_what_is_wrong_with_a_custom_rule_is_said() -> None:
    @ag.custom_vjp
    def f(x: Any, y: Any) -> Any:
        return x * y

    with pytest.raises(ag.GradError, match=r"custom_vjp: f has no derivative yet; decorate one with @f\.def_vjp"):
        f(X, X)
    f.def_vjp(lambda g, out, x, y: (g,))
    with pytest.raises(ag.ShapeError, match=r"expected the rule of f to return 2 cotangents, .* received 1"):
        ag.grad(lambda x: f(x, x).sum())(X)
    f.def_vjp(lambda g, out, x, y: (g, g[:2]))
    with pytest.raises(ag.ShapeError, match=r"cotangent of shape \(3,\) for argument 1 of f; received \(2,\)"):
        ag.grad(lambda x: f(x, x).sum())(X)


def test_stop_gradient_stops_every_mode() -> None:
    def f(x: Any) -> Any:
        return (x * ag.stop_gradient(x * x)).sum()

    np.testing.assert_array_equal(ag.grad(f)(X), X * X)
    np.testing.assert_allclose(ag.jvp(f)((X,), (V,))[1], (X * X) @ V)
    np.testing.assert_array_equal(ag.hessian(f)(X), np.zeros((3, 3)))
    np.testing.assert_array_equal(ag.vmap(ag.grad(f))(BATCH), BATCH * BATCH)
    assert ag.stop_gradient({"a": X, "n": 3})["n"] == 3


# ---- checkpoint -----------------------------------------------------------------------------------------------------


def block(x: Any, w: Any) -> Any:
    for _ in range(20):
        x = np.tanh(x * w)
    return x


def loss(x: Any, w: Any, wrap: Any) -> Any:
    for _ in range(6):
        x = wrap(block)(x, w)
    return (x * x).sum()


def test_the_gradients_are_the_same_to_the_last_bit() -> None:
    plain = ag.grad(lambda x, w: loss(x, w, lambda f: f), (0, 1))(X, 1.1)
    again = ag.grad(lambda x, w: loss(x, w, ag.checkpoint), (0, 1))(X, 1.1)
    np.testing.assert_array_equal(plain[0], again[0])
    # Of what several blocks share, the sum over ops becomes a sum over blocks: the same but for the order.
    np.testing.assert_allclose(plain[1], again[1], rtol=1e-14)
    for f in (ag.hessian, lambda f: ag.jacobian(ag.grad(f), mode="forward"), lambda f: ag.jacobian(f, mode="forward")):
        plain = f(lambda x: loss(x, 1.1, lambda block: block))(X)
        np.testing.assert_allclose(f(lambda x: loss(x, 1.1, ag.checkpoint))(X), plain, rtol=1e-13)


def test_less_is_kept() -> None:
    big = np.random.default_rng(0).normal(size=50_000)
    peak = {}
    for name, wrap in (("plain", lambda f: f), ("checkpoint", ag.checkpoint)):
        tracemalloc.start()
        ag.grad(lambda x, wrap=wrap: loss(x, 1.1, wrap))(big)
        peak[name] = tracemalloc.get_traced_memory()[1] / big.nbytes
        tracemalloc.stop()
    # Plain keeps 2 arrays an op, 240 in all; with checkpoints 6 arguments, and one block of 40.
    assert peak["plain"] > 120
    assert peak["checkpoint"] < peak["plain"] / 2.5


def test_parameters_that_come_through_a_closure_get_their_gradients() -> None:
    w = ag.tensor(1.1, requires_grad=True)
    scale = w * 2
    grads = []
    for wrap in (lambda f: f, ag.checkpoint):
        x = ag.tensor(X, requires_grad=True)
        out = wrap(lambda x: {"a": np.sin(x * w), "b": (x * scale).sum()})(x)
        (out["a"].sum() * out["b"]).backward(retain_graph=True)
        grads.append((x.grad.numpy(), w.grad.numpy()))
        w.grad = None
    np.testing.assert_array_equal(grads[0][0], grads[1][0])
    np.testing.assert_allclose(grads[0][1], grads[1][1], rtol=1e-14)


def test_random_draws_are_drawn_again() -> None:
    own = ag.Generator(3)

    def noisy(x: Any) -> Any:
        return x * ag.random.normal((3,)) * ag.random.uniform((3,), generator=own)

    found = []
    for wrap in (lambda f: f, ag.checkpoint):
        ag.set_seed(5)
        own.seed(3)
        x = ag.tensor(X, requires_grad=True)
        (wrap(noisy)(x) ** 2).sum().backward()
        found.append((x.grad.numpy(), float(ag.random.normal(())), float(ag.random.normal((), generator=own))))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    assert found[0][1:] == found[1][1:]


def test_a_freed_checkpoint_says_so() -> None:
    x = ag.tensor(X, requires_grad=True)
    out = ag.checkpoint(np.sin)(x).sum()
    out.backward()
    with pytest.raises(ag.GradError, match="freed by an earlier backward"):
        out.backward()
