"""What a transformed function closes over: a Tensor that requires a gradient keeps its history in every result.

The rule: called on arrays, a transformation returns arrays, unless its function's results depend on a Tensor that
requires a gradient, which is not among the arguments, and recording is on. Then it returns Tensors with that history.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag
import nn
from nn import layers

from .test_nesting import DERIVATIVES, ROWS

Function = Callable[[Any], Any]
X = np.array([0.4, -0.9, 1.3])
V = np.array([1.0, 0.5, -2.0])


def has_aux(f: Function) -> Function:
    return lambda x: ((f(x) ** 2).sum(), {"kept": f(x)})


# Each is one result of a transformation of an elementwise function, at x.
RESULTS: dict[str, Callable[[Function, Any], Any]] = {
    "grad": lambda f, x: ag.grad(lambda x: f(x).sum())(x),
    "grad by several": lambda f, x: ag.grad(lambda x, y: (f(x) * y).sum(), (0, 1))(x, V)[1],
    "grad of a container": lambda f, x: ag.grad(lambda p: f(p["x"]).sum())({"x": x})["x"],
    "value_and_grad, value": lambda f, x: ag.value_and_grad(lambda x: f(x).sum())(x)[0],
    "value_and_grad, gradient": lambda f, x: ag.value_and_grad(lambda x: f(x).sum())(x)[1],
    "value_and_grad, aux": lambda f, x: ag.value_and_grad(has_aux(f), has_aux=True)(x)[0][1]["kept"],
    "grad, aux": lambda f, x: ag.grad(has_aux(f), has_aux=True)(x)[1]["kept"],
    "vjp, out": lambda f, x: ag.vjp(f)(x)[0],
    "vjp, pullback": lambda f, x: ag.vjp(f)(x)[1](V),
    "jvp, out": lambda f, x: ag.jvp(f)((x,), (V,))[0],
    "jvp, tangent": lambda f, x: ag.jvp(f)((x,), (V,))[1],
    "hvp": lambda f, x: ag.hvp(lambda x: f(x).sum())(x, V),
    "hessian": lambda f, x: ag.hessian(lambda x: f(x).sum())(x),
    "jacobian, reverse": lambda f, x: ag.jacobian(f, mode="reverse")(x),
    "jacobian, forward": lambda f, x: ag.jacobian(f, mode="forward")(x),
    "jacobian, reverse, aux": lambda f, x: ag.jacobian(lambda x: (x, f(x)), mode="reverse", has_aux=True)(x)[1],
    "jacobian, forward, aux": lambda f, x: ag.jacobian(lambda x: (x, f(x)), mode="forward", has_aux=True)(x)[1],
    "linearize, out": lambda f, x: ag.linearize(f)(x)[0],
    "linearize, map": lambda f, x: ag.linearize(f)(x)[1](V),
    "linearize, transposed": lambda f, x: ag.linearize(f)(x)[1].transpose(V),
    "vmap": lambda f, x: ag.vmap(f)(x),
    "vmap of rows": lambda f, x: ag.vmap(f)(x.reshape(-1, 1)),
    "vmap of grad": lambda f, x: ag.vmap(ag.grad(f))(x),
    "checkpoint in grad": lambda f, x: ag.grad(ag.checkpoint(lambda x: f(x).sum()))(x),
}


def curve(x: Any, w: Any) -> Any:
    """Of both, nonlinear, so that no derivative by w is a constant."""
    return np.sin(w * x) * w + x**3 * w**2


W = 0.7


def number(result: Any) -> Any:
    """Every element of a result counts, with a weight of its own."""
    return (result * np.cos(np.arange(result.size)).reshape(result.shape)).sum()


def slope(of: Callable[[Any], Any]) -> float:
    """The derivative by w, by central differences with the error of order four taken away."""

    def difference(h: float) -> float:
        return float((number(of(W + h)) - number(of(W - h))) / (2 * h))

    return (4 * difference(1e-3) - difference(2e-3)) / 3


@pytest.mark.parametrize("name", RESULTS)
def test_a_closed_over_tensor_gets_its_gradient(name: str) -> None:
    result = RESULTS[name]
    w = ag.tensor(W, requires_grad=True)
    on_arrays = result(lambda x: curve(x, w), X)
    on_tensors = result(lambda x: curve(x, w), ag.tensor(X))
    plain = result(lambda x: curve(x, W), X)
    assert isinstance(on_arrays, ag.Tensor)
    assert isinstance(plain, (np.ndarray, np.generic))
    expected = slope(lambda w: result(lambda x: curve(x, w), X))
    by_argument = ag.grad(lambda w: number(result(lambda x: curve(x, w), X)))(W)
    np.testing.assert_allclose(by_argument, expected, rtol=1e-9)
    for found in (on_arrays, on_tensors):
        np.testing.assert_allclose(found.detach(), plain, rtol=1e-12)
        w.grad = None
        number(found).backward()
        assert w.grad is not None
        np.testing.assert_allclose(w.grad.item(), by_argument, rtol=1e-12)


@pytest.mark.parametrize("name", RESULTS)
def test_a_closed_over_result_gets_its_gradient(name: str) -> None:
    """A node, and not a leaf."""
    u = ag.tensor(2 * W, requires_grad=True)
    w = u / 2
    found = RESULTS[name](lambda x: curve(x, w), X)
    number(found).backward()
    assert u.grad is not None
    np.testing.assert_allclose(u.grad.item(), slope(lambda w: RESULTS[name](lambda x: curve(x, w), X)) / 2, rtol=1e-9)


@pytest.mark.parametrize("name", RESULTS)
def test_arrays_come_back_where_nothing_is_lost(name: str) -> None:
    w = ag.tensor(W, requires_grad=True)
    constant = ag.tensor(W)

    def without_influence(x: Any) -> Any:
        unused = curve(x, w)  # noqa: F841
        return curve(x, W)

    with ag.no_grad():
        found = [RESULTS[name](lambda x: curve(x, w), X)]
        assert not RESULTS[name](lambda x: curve(x, w), ag.tensor(X)).requires_grad
    found += [
        RESULTS[name](f, X)
        for f in (without_influence, lambda x: curve(x, ag.stop_gradient(w)), lambda x: curve(x, constant))
    ]
    for result in found:
        assert isinstance(result, (np.ndarray, np.generic))
        np.testing.assert_allclose(result, RESULTS[name](lambda x: curve(x, W), X), rtol=1e-12)


PAIRS = {**DERIVATIVES, **{name: lambda f, rows=rows: rows(f, ag.vmap) for name, rows in ROWS.items()}}


def elementwise(x: Any, w: Any) -> Any:
    """Also where `vmap` hands over a single number."""
    return np.sin(w * x) * w + x * x * x * w


@pytest.mark.ci
@settings(max_examples=150)
@given(st.sampled_from([*PAIRS]), st.sampled_from([*PAIRS]), st.booleans(), st.booleans())
def test_two_transformations_deep(outer: str, inner: str, node: bool, on_tensor: bool) -> None:
    def derivative(w: Any, x: Any) -> Any:
        return PAIRS[outer](PAIRS[inner](lambda x: elementwise(x, w)))(x)

    leaf = ag.tensor(W, requires_grad=True)
    w = leaf * 1.0 if node else leaf
    found = derivative(w, ag.tensor(X) if on_tensor else X)
    expected = derivative(W, X)
    assert isinstance(expected, np.ndarray)
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-9)
    number(found).backward()
    assert leaf.grad is not None
    np.testing.assert_allclose(leaf.grad.item(), slope(lambda w: derivative(w, X)), rtol=1e-7)
    with ag.no_grad():
        assert isinstance(derivative(leaf, X), np.ndarray)


def test_the_example_of_a_gradient_in_a_product() -> None:
    x = ag.tensor(1.5, requires_grad=True)
    y = x * ag.grad(lambda w: x * w)(2.0)
    y.backward()
    assert x.grad is not None
    assert x.grad.item() == 3.0


def gradients(model: nn.Sequential, loss: Any) -> list[np.ndarray]:
    for p in model.parameters():
        p.grad = None
    loss.backward()
    return [p.grad.numpy() for p in model.parameters()]


def test_losses_of_each_example_train_a_model() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 3)), rng.normal(size=(6, 1))
    model = nn.Sequential([layers.Dense(4, activation="tanh"), layers.Dense(1)])  # built in the batch

    def loss(x: Any, y: Any) -> Any:
        return ((model(x[None]) - y) ** 2).sum()

    each = gradients(model, ag.vmap(loss)(x, y).mean())
    together = gradients(model, ((model(x) - y) ** 2).sum(axis=1).mean())
    for one, other in zip(each, together, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)  # in float32


def test_a_penalty_on_the_gradient_by_the_input_trains_a_model() -> None:
    model = nn.Sequential([layers.Dense(3, activation="tanh"), layers.Dense(1, use_bias=False)])
    x = np.random.default_rng(1).normal(size=(4, 2))

    def penalty(x: Any) -> Any:
        return (ag.grad(lambda x: model(x).sum())(x) ** 2).sum()

    of_arrays, of_tensors = (gradients(model, penalty(a)) for a in (x, ag.tensor(x)))
    assert all(g.any() for g in of_arrays)
    for one, other in zip(of_arrays, of_tensors, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_pullback_called_under_no_grad_gives_arrays() -> None:
    w = ag.tensor(W, requires_grad=True)
    _, pullback = ag.vjp(lambda x: w * x)(X)
    _, linear = ag.linearize(lambda x: w * x)(X)
    for again in (pullback, linear, linear.transpose):
        assert again(V).requires_grad
        with ag.no_grad():
            assert isinstance(again(V), np.ndarray)
    with ag.no_grad():
        _, pullback = ag.vjp(lambda x: w * x)(X)
        _, linear = ag.linearize(lambda x: w * x)(X)
    for again in (pullback, linear, linear.transpose):
        assert isinstance(again(V), np.ndarray)


def test_what_is_computed_under_no_grad_inside_a_transformation_is_a_constant() -> None:
    def f(x: Any) -> Any:
        with ag.no_grad():
            slope = ag.grad(lambda z: z**3)(x)
        return x * slope

    assert ag.grad(f)(2.0) == 12.0


def test_a_linear_map_keeps_the_values_it_was_made_with() -> None:
    w = ag.tensor(W, requires_grad=True)
    _, linear = ag.linearize(lambda x: w * np.sin(x))(X)
    w.assign(2 * W)
    with pytest.raises(ag.GradError, match="linearize: a tensor of shape .* was assigned a new value"):
        linear(V)


def test_the_vector_of_a_product_with_the_hessian_gets_its_gradient() -> None:
    v = ag.tensor(V, requires_grad=True)
    ag.hvp(lambda x: (x**3).sum())(X, v).sum().backward()
    assert v.grad is not None
    np.testing.assert_allclose(v.grad.numpy(), 6 * X)


@pytest.mark.parametrize("given", [X, ag.tensor(X), ag.tensor(X, requires_grad=True)], ids=["array", "tensor", "leaf"])
def test_a_function_may_change_its_argument(given: Any) -> None:
    """It changes what its name stands for, and not what is differentiated by."""

    def f(x: Any) -> Any:
        x *= 2
        x[0] = 1.0
        return (x * x).sum()

    expected = [0.0, 8 * X[1], 8 * X[2]]
    found = ag.grad(f)(given)
    np.testing.assert_allclose(found.detach() if isinstance(found, ag.Tensor) else found, expected)
    if isinstance(given, np.ndarray):
        np.testing.assert_allclose(ag.jvp(f)((given,), (V,))[1], expected @ V)
        np.testing.assert_allclose(ag.jvp(ag.grad(f))((given,), (V,))[1], [0.0, 8 * V[1], 8 * V[2]])


def test_a_value_without_further_history_holds_no_record() -> None:
    """Only the function's own variables were behind it, which no one can ask for."""
    value, gradient = ag.value_and_grad(lambda x: x**3)(ag.tensor(2.0))
    assert not value.requires_grad
    assert not gradient.requires_grad
    with ag.no_grad():
        value, gradient = ag.value_and_grad(lambda x: x**3)(ag.tensor(2.0, requires_grad=True))
    assert not value.requires_grad
    assert not gradient.requires_grad
