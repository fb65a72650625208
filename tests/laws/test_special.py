"""Laws at special points: the conventions, and that a zero cotangent gives a zero gradient, to second order too."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import OPS

from ..all_cases import SPECIAL, Special
from ..rows import for_every

every_row = for_every(SPECIAL)
inf, nan = np.inf, np.nan


def expected_warning(row: Special) -> Any:
    return pytest.warns(RuntimeWarning, match=row.warns) if row.warns else contextlib.nullcontext()


def check(found: list[Any], row: Special) -> None:
    for got, expected, given in zip(found, row.gradients, row.inputs, strict=True):
        assert got.shape == np.shape(given)
        np.testing.assert_allclose(got, np.asarray(expected, float), rtol=1e-14)


def apply(row: Special, inputs: list[Any]) -> Any:
    with np.errstate(all="ignore"), expected_warning(row):
        return row.f(*inputs)


@every_row
def test_the_conventions_hold(row: Special) -> None:
    """The backward pass runs with warnings as errors, as every test does: it is silent whatever it meets."""
    for create_graph in (False, True):
        tensors = [ag.tensor(np.asarray(a, float), requires_grad=True) for a in row.inputs]
        out = apply(row, tensors)
        out.backward(np.ones(out.shape), create_graph=create_graph)
        check([t.grad.detach().numpy() for t in tensors], row)
        for t in tensors:
            t.grad = None


@every_row
def test_the_conventions_hold_for_each_input_alone(row: Special) -> None:
    """A node saves other arrays when only some of its inputs need a gradient."""
    for k in range(len(row.inputs)):
        tensors = [ag.tensor(np.asarray(a, float), requires_grad=i == k) for i, a in enumerate(row.inputs)]
        with np.errstate(all="ignore"):
            total = apply(row, tensors).sum()
        total.backward()
        np.testing.assert_allclose(tensors[k].grad.numpy(), np.asarray(row.gradients[k], float), rtol=1e-14)


@every_row
def test_a_zero_cotangent_gives_zero(row: Special) -> None:
    """Whatever the derivative is there, infinite or NaN: 0 times f, and where(False, f, 0)."""
    if any(op in row.name for op in OUTSIDE_THE_PROMISE):
        return
    for f in (lambda out: out * 0.0, lambda out: np.where(np.zeros(out.shape, bool), out, 0.0)):
        tensors = [ag.tensor(np.asarray(a, float), requires_grad=True) for a in row.inputs]
        with np.errstate(all="ignore"):
            total = f(apply(row, tensors)).sum()
        if np.isnan(total):
            continue  # 0 * NaN: the result itself says that something is wrong
        total.backward()
        for t in tensors:
            np.testing.assert_array_equal(t.grad.numpy(), np.zeros(t.shape), err_msg=row.name)


# The promise is for elementwise rules and for reductions with a partial.
OUTSIDE_THE_PROMISE = ("softmax of -inf",)


SECOND: list[tuple[str, Callable[..., Any], Any, Any]] = [
    ("where log²", lambda x: np.where(x > 0, np.log(x) ** 2, 0).sum(), [1.0, 0.0], [2, 0]),
    ("where log² of a scalar", lambda x: np.where(x > 0, np.log(x) ** 2, 0), 0.0, 0),
    ("where sqrt", lambda x: np.where(x > 0, np.sqrt(x), 0).sum(), [4.0, 0.0], [-1 / 32, 0]),
    ("0 sqrt", lambda x: 0 * np.sqrt(x), 0.0, 0),
    ("where 1/x", lambda x: np.where(x != 0, 1 / x, 0).sum(), [2.0, 0.0], [0.25, 0]),
    ("where power", lambda x: np.where(x > 0, x**1.5, 0).sum(), [4.0, 0.0], [3 / 8, 0]),
    ("where of NaN", lambda x: np.where([True, False], x**3, 0).sum(), [2.0, nan], [12, 0]),
    ("x² at 0", lambda x: x**2, 0.0, 2),
    ("x² by an array", lambda x: np.power(x, np.array(2.0)), 0.0, 2),
    ("x³ at 0", lambda x: x**3, 0.0, 0),
    ("x¹ at 0", lambda x: np.power(x, 1.0), 0.0, 0),
    ("x⁰ at 0", lambda x: x**0.0, 0.0, 0),
    ("x·x", lambda x: x * x, 0.0, 2),
    ("square at 0", np.square, 0.0, 2),
    ("sin at 0", np.sin, 0.0, 0),
    ("cosh at 0", np.cosh, 0.0, 1),
    ("sqrt", np.sqrt, 4.0, -1 / 32),
    ("cbrt of a negative", np.cbrt, -8.0, 2 / 9 / 32),
    ("tanh(1000)", np.tanh, 1000.0, 0),
    ("sigmoid(-1000)", ag.sigmoid, -1000.0, 0),
    ("sigmoid(0)", ag.sigmoid, 0.0, 0),
    ("softplus(±1000)", lambda x: ag.softplus(x).sum(), [1000.0, -1000.0], [0, 0]),
    ("softplus(0)", ag.softplus, 0.0, 0.25),
    ("silu(0)", ag.silu, 0.0, 0.5),
    ("silu(-1000)", ag.silu, -1000.0, 0),
    ("gelu(0)", ag.gelu, 0.0, np.sqrt(2 / np.pi)),
    ("gelu(±1000)", lambda x: ag.gelu(x).sum(), [1000.0, -1000.0], [0, 0]),
    ("elu(±1)", lambda x: ag.elu(x).sum(), [1.0, -1.0], [0, np.exp(-1.0)]),
    ("elu(-1000)", ag.elu, -1000.0, 0),
    ("relu(0)", ag.relu, 0.0, 0),
    ("abs(0)", np.abs, 0.0, 0),
    ("logaddexp of equals", lambda x: np.logaddexp(x, 0.0), 0.0, 0.25),
    ("logaddexp(-inf, 0)", lambda x: np.logaddexp(x, 0.0), -inf, 0),
    ("logsumexp([-inf, 0])", ag.logsumexp, [-inf, 0.0], [0, 0]),
    ("logsumexp([0, 0])", ag.logsumexp, [0.0, 0.0], [0.25, 0.25]),
    ("hypot at a distance", lambda x: np.hypot(x, 3.0), 4.0, 9 / 125),
    ("arctan2", lambda x: np.arctan2(x, 1.0), 1.0, -0.5),
    ("var", lambda x: x.var(), [5.0, 5.0], [0.5, 0.5]),
    ("prod with zeros", np.prod, [0.0, 0.0, 3.0], [0, 0, 0]),
    ("arcsin(0)", np.arcsin, 0.0, 0),
    ("erf(0)", ag.erf, 0.0, 0),
    ("clip at a bound", lambda x: np.clip(x, 0, 1) ** 2, 1.0, 2),
]


@for_every(SECOND, name=lambda row: row[0])
def test_the_diagonal_of_the_hessian(row: tuple[str, Callable[..., Any], Any, Any]) -> None:
    _, f, x, expected = row
    diagonal = hessian(f, np.asarray(x, float))
    found = np.array([diagonal[k + k] for k in np.ndindex(np.shape(x))]).reshape(np.shape(x))
    np.testing.assert_allclose(found, np.asarray(expected, float), rtol=1e-13, atol=1e-300)


def hessian(f: Callable[..., Any], x: np.ndarray) -> np.ndarray:
    """Return the second derivatives, row by row."""
    with np.errstate(all="ignore"):
        rows = [ag.grad(lambda t, k=k: ag.grad(f)(t)[k])(x) for k in np.ndindex(x.shape)]
    return np.array(rows).reshape(x.shape * 2)


def test_the_hessian_of_a_product_with_zeros_is_the_product_of_the_others() -> None:
    found = hessian(np.prod, np.array([0.0, 0.0, 3.0]))
    np.testing.assert_array_equal(found, [[0, 3, 0], [3, 0, 0], [0, 0, 0]])


def test_the_hessian_off_the_diagonal_of_a_masked_function() -> None:
    found = hessian(lambda x: np.where(x > 0, np.log(x) ** 2, 0).sum(), np.array([1.0, 0.0]))
    np.testing.assert_array_equal(found, [[2, 0], [0, 0]])


def test_the_third_derivative_of_a_masked_function() -> None:
    third = ag.grad(ag.grad(ag.grad(lambda x: np.where(x > 0, np.log(x), 0))))
    with np.errstate(all="ignore"):
        assert third(2.0) == pytest.approx(2 / 8)
        assert third(0.0) == 0


def test_only_nan_is_replaced_and_only_where_the_cotangent_is_zero() -> None:
    x = ag.tensor([0.0, 0.0, 4.0], requires_grad=True)
    np.sqrt(x).backward([0.0, 1.0, 1.0])
    np.testing.assert_array_equal(x.grad.numpy(), [0, inf, 0.25])
    y = ag.tensor([nan, nan], requires_grad=True)
    (y * y).backward([0.0, 1.0])
    np.testing.assert_array_equal(y.grad.numpy(), [0, nan])


def test_the_mask_itself() -> None:
    """It is where the cotangent y is zero and the result x is NaN, and the cotangent of x stops there alone."""
    x = ag.tensor([1.0, nan, nan, 0.0, inf], requires_grad=True)
    masked = OPS["zero_mask"](x, np.array([0.0, 0.0, 1.0, 0.0, 0.0]))
    np.testing.assert_array_equal(masked.detach().numpy(), [1, 0, nan, 0, inf])
    masked.backward(np.ones(5))
    np.testing.assert_array_equal(x.grad.numpy(), [1, 0, 1, 1, 1])


def test_the_mask_is_one_recorded_op() -> None:
    x = ag.tensor(0.0, requires_grad=True)
    (0 * np.sqrt(x)).backward(create_graph=True)
    assert x.grad is not None
    assert x.grad.op is OPS["zero_mask"]
    x.grad = None


def test_a_fully_masked_row_of_attention_stays_finite() -> None:
    scores = ag.tensor([[1.0, 2.0], [-inf, -inf]], requires_grad=True)
    with np.errstate(all="ignore"):
        weights = np.where(np.isfinite(scores), ag.softmax(scores), 0.0)
    weights.sum(axis=1)[0].backward()
    assert np.isfinite(scores.grad.numpy()[0]).all()
