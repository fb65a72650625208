"""Transformations nest in any order: whatever the tower, the derivative is the one that calculus gives."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag

Function = Callable[[Any], Any]
X = np.array([0.4, -0.9, 1.3])


def ones(x: Any) -> np.ndarray:
    return np.ones(np.shape(x))


def columns(jacobian: Any, x: Any) -> Any:
    """Sum over the outputs; the Jacobian of an elementwise function is diagonal."""
    return jacobian.reshape(x.size, x.size).sum(axis=0).reshape(x.shape)


# Each turns an elementwise function into its derivative, elementwise again.
DERIVATIVES: dict[str, Callable[[Function], Function]] = {
    "grad": lambda f: ag.grad(lambda x: f(x).sum()),
    "jvp": lambda f: lambda x: ag.jvp(f)((x,), (ones(x),))[1],
    "vjp": lambda f: lambda x: ag.vjp(f)(x)[1](ones(x)),
    "linearize": lambda f: lambda x: ag.linearize(f)(x)[1](ones(x)),
    "transpose": lambda f: lambda x: ag.linearize(f)(x)[1].transpose(ones(x)),
    "forward jacobian": lambda f: lambda x: columns(ag.jacobian(f, mode="forward")(x), x),
    "reverse jacobian": lambda f: lambda x: columns(ag.jacobian(f, mode="reverse")(x), x),
    "vmap grad": lambda f: lambda x: ag.vmap(ag.grad(f))(x.reshape(-1)).reshape(x.shape),
    "vmap jvp": lambda f: lambda x: ag.vmap(lambda r: ag.jvp(f)((r,), (1.0,))[1])(x.reshape(-1)).reshape(x.shape),
}


# Each turns an elementwise function into itself.
IDENTITIES: dict[str, Callable[[Function], Function]] = {
    "vmap": lambda f: lambda x: ag.vmap(f)(x.reshape(-1, 1)).reshape(x.shape),
    "checkpoint": ag.checkpoint,
}


every_pair = pytest.mark.parametrize("names", list(itertools.product(DERIVATIVES, repeat=2)), ids=" of ".join)


def polynomial(x: Any) -> Any:
    return x * x * x * x * x - 2 * x**3


DEGREE = [
    lambda x: x**5 - 2 * x**3,
    lambda x: 5 * x**4 - 6 * x**2,
    lambda x: 20 * x**3 - 12 * x,
    lambda x: 60 * x**2 - 12,
]


@every_pair
def test_second_derivatives(names: tuple[str, ...]) -> None:
    outer, inner = (DERIVATIVES[name] for name in names)
    np.testing.assert_allclose(outer(inner(polynomial))(X), DEGREE[2](X), rtol=1e-12)


@pytest.mark.parametrize("name", DERIVATIVES)
@pytest.mark.parametrize("other", IDENTITIES)
def test_what_changes_nothing_changes_nothing(name: str, other: str) -> None:
    derivative, same = DERIVATIVES[name], IDENTITIES[other]
    for f in (same(derivative(polynomial)), derivative(same(polynomial))):
        np.testing.assert_allclose(f(X), DEGREE[1](X), rtol=1e-12)


@pytest.mark.parametrize("name", DERIVATIVES)
def test_third_derivatives(name: str) -> None:
    """Two Latin squares: every pair of transformations, next to each other and with a third one between."""
    middle, names = DERIVATIVES[name], list(DERIVATIVES)
    k = names.index(name)
    for i, j in itertools.product(range(len(names)), (1, 2)):
        first, last = names[i], names[(j * i + k) % len(names)]
        f = DERIVATIVES[first](middle(DERIVATIVES[last](polynomial)))
        np.testing.assert_allclose(f(X), DEGREE[3](X), rtol=1e-11, err_msg=f"{first} of {name} of {last}")


# An array of variables beside a number is not elementwise, so vmap does not stand inside here.
@pytest.mark.parametrize(
    "names", [(a, b) for a, b in itertools.product(DERIVATIVES, repeat=2) if "vmap" not in b], ids=" of ".join
)
def test_a_variable_that_comes_through_a_closure(names: tuple[str, ...]) -> None:
    """d/dw d/dx sin(w x): no level mistakes another's variable for its own."""
    outer, inner = (DERIVATIVES[name] for name in names)
    x = 0.7

    def f(w: Any) -> Any:
        return inner(lambda x: np.sin(w * x) * (2 * w))(x * ones(w))

    expected = 4 * X * np.cos(X * x) - 2 * X * X * x * np.sin(X * x)
    np.testing.assert_allclose(outer(f)(X), expected, rtol=1e-12)


def test_perturbations_are_not_confused() -> None:
    """d/dx (x * d/dy (x + y)) is 1, the example that mixes up tangents which bear no level.

    References:
        Siskind, Pearlmutter: Perturbation Confusion and Referential Transparency, 2005, equation 2.
    """
    for outer, inner in itertools.product(DERIVATIVES, repeat=2):
        if "vmap" in inner:
            continue
        f = DERIVATIVES[outer](lambda x, inner=inner: x * DERIVATIVES[inner](lambda y: x + y)(ones(x)))
        np.testing.assert_allclose(f(np.array([3.0])), [1.0], err_msg=f"{outer} of {inner}")


def test_a_gradient_for_each_example_with_shared_parameters() -> None:
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=3)

    def loss(w: Any, x: Any, y: Any) -> Any:
        return (x @ w - y) ** 2

    each = ag.vmap(ag.grad(loss), in_axes=(None, 0, 0))
    np.testing.assert_allclose(each(w, x, y), 2 * (x @ w - y)[:, None] * x)
    penalty = ag.grad(lambda w: (each(w, x, y) ** 2).sum())
    np.testing.assert_allclose(penalty(w), 8 * ((x @ w - y) * (x * x).sum(axis=1)) @ x)


def test_hessian_of_a_function_that_calls_grad() -> None:
    a = np.array([0.3, 0.8])

    def f(x: Any) -> Any:
        return (ag.grad(lambda y: (np.sin(y) * x).sum())(x) * x).sum()  # cos(x) x²

    second = (2 - a * a) * np.cos(a) - 4 * a * np.sin(a)
    # d²/dx² of cos(x) x * x, by hand: (2 - x²) cos x - 4 x sin x.
    np.testing.assert_allclose(ag.hessian(f)(a), np.diag(second), atol=1e-14)
    np.testing.assert_allclose(ag.jacobian(ag.grad(f), mode="forward")(a), np.diag(second), atol=1e-14)


def test_backward_of_a_loss_with_a_gradient_inside() -> None:
    """The imperative face around the functional one."""
    w = ag.tensor([0.5, 1.5], requires_grad=True)
    loss = (ag.grad(lambda x: (x**3).sum())(w) ** 2).sum()
    loss.backward()
    np.testing.assert_allclose(w.grad, 36 * w.detach().numpy() ** 3)
    w.grad = None
    out = ag.jvp(lambda x: x**3)((w,), (np.ones(2),))[1]
    out.sum().backward()
    np.testing.assert_allclose(w.grad, 6 * w.detach().numpy())
    w.grad = None
    ag.vmap(lambda x: x**3)(w).sum().backward()
    np.testing.assert_allclose(w.grad, 3 * w.detach().numpy() ** 2)


# ---- batches of what a transformation returned ----------------------------------------------------------------------


def units(x: Any) -> np.ndarray:
    size = np.size(x)
    return np.eye(size).reshape((size, *np.shape(x)))


# Each turns an elementwise function and a way to apply a linear map to every unit vector into the derivative.
ROWS: dict[str, Callable[[Function, Callable[[Function], Function]], Function]] = {
    "pullbacks": lambda f, each: lambda x: columns(each(ag.vjp(f)(x)[1])(units(x)), x),
    "linear maps": lambda f, each: lambda x: columns(each(ag.linearize(f)(x)[1])(units(x)), x),
    "transposed maps": lambda f, each: lambda x: columns(each(ag.linearize(f)(x)[1].transpose)(units(x)), x),
    "tangents": lambda f, each: lambda x: columns(each(lambda v: ag.jvp(f)((x,), (v,))[1])(units(x)), x),
    "gradients": lambda f, each: lambda x: columns(each(lambda v: ag.grad(lambda y: (f(y) * v).sum())(x))(units(x)), x),
    "gradients of products": lambda f, each: (
        lambda x: columns(each(lambda v: ag.grad(lambda y: (v * x * f(y)).sum())(x))(units(x)), x) / x
    ),
}


def looped(f: Function) -> Function:
    return lambda xs: np.stack([f(x) for x in xs])


TOWER = [*DERIVATIVES, *ROWS]


def tower(names: tuple[str, ...], each: Callable[[Function], Function]) -> Function:
    f: Function = polynomial
    for name in names:
        f = ROWS[name](f, each) if name in ROWS else DERIVATIVES[name](f)
    return f


@pytest.mark.parametrize("outer", TOWER)
def test_a_batch_of_maps_inside_a_transformation(outer: str) -> None:
    """Also where the map was made further out than the batch, and its own transformation ended before."""
    for name in ROWS:
        for each in (ag.vmap, looped):
            result = tower((name, outer), each)(X)
            np.testing.assert_allclose(result, DEGREE[2](X), rtol=1e-11, err_msg=f"{outer} of {name}")


@pytest.mark.ci
@settings(max_examples=100)
@given(st.lists(st.sampled_from(TOWER), min_size=3, max_size=3).filter(lambda names: not ROWS.keys().isdisjoint(names)))
def test_batches_are_loops_three_deep(names: list[str]) -> None:
    expected = tower(tuple(names), looped)(X)
    np.testing.assert_allclose(expected, DEGREE[3](X), rtol=1e-10)
    np.testing.assert_allclose(tower(tuple(names), ag.vmap)(X), expected, rtol=1e-10)


def test_the_jacobian_written_as_a_batch_of_pullbacks() -> None:
    def rows(x: Any) -> Any:
        return ag.vmap(ag.vjp(lambda x: x**3)(x)[1])(np.eye(2))

    x = np.array([2.0, 3.0])
    np.testing.assert_array_equal(ag.jvp(rows)((x,), (np.ones(2),))[1], np.diag(6 * x))
    expected = np.zeros((2, 2, 2))
    expected[[0, 1], [0, 1], [0, 1]] = 6 * x
    for mode in ("forward", "reverse"):
        np.testing.assert_array_equal(ag.jacobian(rows, mode=mode)(x), expected)
    np.testing.assert_array_equal(ag.linearize(rows)(x)[1](np.ones(2)), np.diag(6 * x))
    batch = np.stack([x, 2 * x])
    np.testing.assert_array_equal(ag.vmap(ag.grad(lambda x: rows(x).sum()))(batch), 6 * batch)
    np.testing.assert_array_equal(ag.vmap(rows)(batch), [np.diag(3 * x**2), np.diag(12 * x**2)])
