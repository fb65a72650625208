"""`grad`, `value_and_grad` and recorded backward passes: nesting to any order, and nothing confused on the way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

# ---- grad -----------------------------------------------------------------------------------------------------------


def test_a_gradient_of_arrays_is_an_array_and_of_tensors_a_tensor() -> None:
    gradient = ag.grad(lambda x: (x * x).sum())
    for a in (np.array([1.0, 2.0]), [1.0, 2.0]):
        found = gradient(a)
        assert isinstance(found, np.ndarray)
        np.testing.assert_array_equal(found, [2, 4])
    found = gradient(ag.tensor([1.0, 2.0]))
    assert isinstance(found, ag.Tensor)
    assert not found.requires_grad
    assert isinstance(gradient(np.float32(1.5)), np.float32)
    assert isinstance(gradient(1.5), float)
    assert gradient(np.array(1.5)).shape == ()


def test_value_and_grad_gives_both() -> None:
    value, gradient = ag.value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
    assert value == 5.0
    assert isinstance(value, float)
    np.testing.assert_array_equal(gradient, [2, 4])
    value, gradient = ag.value_and_grad(lambda x: (x * x).sum())(ag.tensor([1.0, 2.0]))
    assert isinstance(value, ag.Tensor)
    assert isinstance(gradient, ag.Tensor)


def test_a_gradient_does_not_touch_grad_nor_the_arguments() -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    a = np.array([3.0, 4.0])
    found = ag.grad(lambda x, y: (x * x * y).sum(), (0, 1))(w, a)
    np.testing.assert_array_equal(found[0].detach().numpy(), [6, 16])
    np.testing.assert_array_equal(found[1].detach().numpy(), [1, 4])
    assert w.grad is None
    assert w.is_leaf
    np.testing.assert_array_equal(a, [3, 4])


@pytest.mark.parametrize(
    ("argnums", "expected"),
    [(0, 12.0), (1, 4.0), (2, 0.0), (-3, 12.0), ((0, 1), (12.0, 4.0)), ([1], (4.0,)), ((2, 0), (0.0, 12.0)), ((), ())],
)
def test_argnums_choose_the_arguments(argnums: Any, expected: Any) -> None:
    assert ag.grad(lambda x, y, z: x * x * y, argnums)(2.0, 3.0, 7.0) == expected


def test_an_argument_that_is_not_reached_has_a_zero_gradient_of_its_shape_and_dtype() -> None:
    found = ag.grad(lambda x, y: (y * 2).sum(), (0, 1))(np.ones((2, 3), np.float32), np.ones(2))
    assert found[0].shape == (2, 3)
    assert found[0].dtype == np.float32
    np.testing.assert_array_equal(found[0], 0)
    for f in (lambda x: 3.0, lambda x: np.float64(3), lambda x: ag.tensor(3.0), lambda x: (x > 0).sum()):
        assert ag.grad(f)(2.0) == 0.0


def test_keywords_and_other_arguments_pass_through() -> None:
    def f(x: Any, power: int, *, scale: float, flag: str) -> Any:
        assert flag == "on"
        assert isinstance(power, int)
        return scale * x**power

    gradient = ag.grad(f)
    assert gradient(2.0, 3, scale=10.0, flag="on") == 120.0
    assert gradient.__name__ == "f"


def test_a_function_of_numpy_alone_is_differentiated_as_it_is() -> None:
    def rosenbrock(x: Any) -> Any:
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2.0) ** 2.0 + (1 - x[:-1]) ** 2.0)

    np.testing.assert_allclose(ag.grad(rosenbrock)(np.ones(5)), 0, atol=1e-12)
    np.testing.assert_allclose(ag.grad(rosenbrock)(np.zeros(3)), [-2, -2, 0])


def test_a_gradient_has_the_shape_and_dtype_of_its_argument() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        found = ag.grad(lambda x: (x * np.float64(2)).sum())(np.ones((2, 3), dtype))
        assert (found.shape, found.dtype) == ((2, 3), dtype)


@pytest.mark.parametrize("argument", [2, np.arange(3), True, np.array([True]), "text", ag.tensor([1, 2])])
def test_an_argument_that_is_not_floating_is_refused(argument: Any) -> None:
    message = r"grad: expected a floating argument 0 to differentiate by; received dtype \w+\. Pass 2\.0 instead of 2"
    with pytest.raises(ag.DtypeError, match=message):
        ag.grad(lambda x: (x * x).sum())(argument)


def test_a_function_that_is_not_scalar_is_refused() -> None:
    message = r"grad: expected the function to return a scalar; received shape \(2,\)\. Reduce it, with \.sum\(\)"
    for f in (lambda x: x * x, lambda x: np.ones(2)):
        with pytest.raises(ag.GradError, match=message):
            ag.grad(f)(np.ones(2))


@pytest.mark.parametrize("result", ["text", None, [1.0], {"a": 1}])
def test_a_function_that_returns_no_array_is_refused(result: Any) -> None:
    with pytest.raises((ag.GradError, TypeError), match=r"grad: expected the function to return a scalar"):
        ag.grad(lambda x: result)(1.0)


def test_argnums_that_name_no_argument_are_refused() -> None:
    def two_arguments(x: Any, y: Any) -> Any:
        return x * y

    for argnums in (2, -3, (0, 5)):
        message = r"grad: argnums=-?\d names no positional argument of two_arguments, which was called with 2"
        with pytest.raises(ag.GradError, match=message):
            ag.grad(two_arguments, argnums)(1.0, 2.0)


def test_a_gradient_is_taken_inside_no_grad_too() -> None:
    with ag.no_grad():
        assert ag.grad(lambda x: x**3)(2.0) == 12.0
        assert not ag.is_grad_enabled()


def test_an_exception_in_the_function_leaves_the_machinery_as_it_was() -> None:
    def broken(x: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ag.grad(broken)(1.0)
    found = ag.grad(lambda x: x**2)(np.array(3.0))
    assert isinstance(found, np.ndarray)
    assert found == 6.0


# ---- nesting --------------------------------------------------------------------------------------------------------


def nth(f: Callable[..., Any], n: int) -> Callable[..., Any]:
    for _ in range(n):
        f = ag.grad(f)
    return f


@pytest.mark.parametrize("n", range(7))
def test_the_nth_derivative(n: int) -> None:
    x = 0.7
    assert nth(np.exp, n)(x) == pytest.approx(math.exp(x), rel=1e-13)
    assert nth(np.sin, n)(x) == pytest.approx(math.sin(x + n * math.pi / 2), rel=1e-12)
    assert nth(lambda t: t**4, n)(x) == pytest.approx(math.perm(4, n) * x ** max(4 - n, 0) if n < 5 else 0, rel=1e-12)
    expected = (-1) ** (n - 1) * math.factorial(n - 1) / x**n if n else math.log(x)
    assert nth(np.log, n)(x) == pytest.approx(expected, rel=1e-11)


def test_derivatives_of_tanh_satisfy_its_differential_equation() -> None:
    x, y = 0.3, math.tanh(0.3)
    assert nth(np.tanh, 1)(x) == pytest.approx(1 - y**2)
    assert nth(np.tanh, 2)(x) == pytest.approx(-2 * y * (1 - y**2))
    assert nth(np.tanh, 3)(x) == pytest.approx((6 * y**2 - 2) * (1 - y**2))


def test_a_hessian_is_symmetric_and_right() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.sin(x)) * x[0] * x[1] + np.exp(x[2] * x[0])

    x = np.array([0.5, 1.5, -0.3])
    rows = [ag.grad(lambda t, i=i: ag.grad(f)(t)[i])(x) for i in range(3)]
    np.testing.assert_allclose(rows, np.transpose(rows), rtol=1e-13)
    step = 1e-5
    numeric = [(ag.grad(f)(x + step * e) - ag.grad(f)(x - step * e)) / (2 * step) for e in np.eye(3)]
    np.testing.assert_allclose(rows, numeric, rtol=1e-8, atol=1e-9)


def test_inner_and_outer_variables_are_not_confused() -> None:
    """d/dx (x * d/dy (x + y) at y = 1) is 1, where a system that confuses the two says 2.

    Siskind, Pearlmutter: Perturbation Confusion and Referential Transparency, 2005, section 2.
    """
    assert ag.grad(lambda x: x * ag.grad(lambda y: x + y)(1.0))(3.0) == 1.0
    assert ag.grad(lambda x: x * ag.grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert ag.grad(lambda x: ag.grad(lambda y: x * y * y)(x))(3.0) == 12.0
    assert ag.grad(lambda x: x * ag.grad(lambda x: x * x)(x))(3.0) == 12.0


def test_the_same_value_as_both_arguments_is_two_variables() -> None:
    for value in (3.0, ag.tensor(3.0), ag.tensor(3.0, requires_grad=True)):
        found = ag.grad(lambda x, y: x * x * y, (0, 1))(value, value)
        assert [float(g) for g in found] == [18.0, 9.0]


def test_an_outer_gradient_flows_through_an_inner_one_to_a_closed_over_tensor() -> None:
    w = ag.tensor([1.0, 2.0], requires_grad=True)
    inner = ag.grad(lambda x: (w * x * x).sum())(ag.tensor([3.0, 4.0], requires_grad=True))
    assert inner.requires_grad
    inner.sum().backward()
    np.testing.assert_array_equal(w.grad.numpy(), [6, 8])
    w.grad = None


def test_an_inner_gradient_of_plain_arrays_inside_an_outer_one_records() -> None:
    def outer(x: Any) -> Any:
        return (ag.grad(lambda y: (x * y * y).sum())(np.array([1.0, 2.0])) ** 2).sum()

    np.testing.assert_array_equal(ag.grad(outer)(np.array([3.0, 4.0])), [24, 128])


def test_gradient_descent_on_a_gradient_penalty() -> None:
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=(3, 2)), rng.normal(size=(4, 3))

    def penalty(w: Any) -> Any:
        slope = ag.grad(lambda x: np.tanh(x @ w).sum())(x)
        return ((slope * slope).sum(axis=1) - 1.0).sum() ** 2

    gradient, step = ag.grad(penalty)(w), 1e-6
    numeric = np.zeros_like(w)
    for k in np.ndindex(w.shape):
        shift = np.zeros_like(w)
        shift[k] = step
        numeric[k] = (penalty(w + shift) - penalty(w - shift)) / (2 * step)
    np.testing.assert_allclose(gradient, numeric, rtol=1e-6)


# ---- backward(create_graph=True) ------------------------------------------------------------------------------------


def test_a_recorded_backward_can_be_differentiated() -> None:
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    (x**3).sum().backward(create_graph=True)
    first = x.grad
    assert first.requires_grad
    np.testing.assert_array_equal(first.detach().numpy(), [3, 12])
    x.grad = None
    (first * first).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.array([3, 12]) * [6, 12])
    x.grad = None


def test_a_recorded_backward_accumulates_with_its_graph() -> None:
    x = ag.tensor(2.0, requires_grad=True)
    (x**3).backward(create_graph=True)
    (x**2).backward(create_graph=True)
    total = x.grad
    assert float(total) == 12 + 4
    x.grad = None
    total.backward()
    assert float(x.grad) == 12 + 2
    x.grad = None


def test_a_cotangent_with_history_keeps_it() -> None:
    x, c = ag.tensor([1.0, 2.0], requires_grad=True), ag.tensor([3.0, 4.0], requires_grad=True)
    (x * x).backward(c * 1.0, create_graph=True)
    first = x.grad
    np.testing.assert_array_equal(first.detach().numpy(), [6, 16])
    x.grad = None
    first.sum().backward()
    np.testing.assert_array_equal(c.grad.numpy(), [2, 4])
    np.testing.assert_array_equal(x.grad.numpy(), [6, 8])


def test_create_graph_retains_the_graph() -> None:
    x = ag.tensor(2.0, requires_grad=True)
    y = np.sin(x) * x
    y.backward(create_graph=True)
    x.grad = None
    y.backward()
    assert float(x.grad) == pytest.approx(math.cos(2) * 2 + math.sin(2))


def test_without_create_graph_a_gradient_has_no_history() -> None:
    x = ag.tensor(2.0, requires_grad=True)
    (x**3).backward()
    assert x.grad.is_leaf
    assert not x.grad.requires_grad
    with pytest.raises(ag.GradError, match="expected a tensor that requires a gradient"):
        x.grad.backward()


def test_mixed_partial_derivatives_commute() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.sin(x * y) + x**2 * np.exp(y)

    xy = ag.grad(lambda y: ag.grad(lambda x: f(x, y))(0.7))(0.3)
    yx = ag.grad(lambda x: ag.grad(lambda y: f(x, y))(0.3))(0.7)
    assert xy == pytest.approx(yx, rel=1e-14)
    assert xy == pytest.approx(math.cos(0.21) - 0.21 * math.sin(0.21) + 2 * 0.7 * math.exp(0.3))
