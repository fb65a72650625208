"""The mask law: an exactly zero cotangent contributes exactly zero and nothing else is masked, to the second order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import check_grads, property_test, strategies as gst


def masked_square_of_log(x: Any) -> Any:
    return np.where(x > 0, np.log(x) ** 2, 0).sum()


def hessian(f: Callable[..., Any], x: Any) -> np.ndarray:
    x = np.asarray(x, float)
    with np.errstate(all="ignore"):
        rows = [ag.grad(lambda t, k=k: ag.grad(f)(t)[k])(x) for k in np.ndindex(x.shape)]
    return np.array(rows).reshape(x.shape * 2)


def test_the_second_derivative_of_a_masked_square_of_a_logarithm() -> None:
    """At 1 the cotangent of the square is 2 log(1) = 0, yet its derivative is not: masking zeros there would say 0."""
    assert hessian(masked_square_of_log, [1.0, 0.0]).tolist() == [[2, 0], [0, 0]]


def test_the_same_by_the_transformation() -> None:
    with np.errstate(all="ignore"):
        assert ag.hessian(masked_square_of_log)(np.array([1.0, 0.0])).tolist() == [[2, 0], [0, 0]]


@pytest.mark.parametrize(("at", "expected"), [(1.0, 2.0), (np.e, 0.0), (0.5, 2 * (1 - np.log(0.5)) / 0.25)])
def test_the_square_of_a_logarithm_of_a_scalar(at: float, expected: float) -> None:
    second = ag.grad(ag.grad(lambda x: np.log(x) ** 2))(at)
    assert second == pytest.approx(expected, abs=1e-15)


MASKED: dict[str, Callable[..., Any]] = {
    "log": lambda x: np.where(x > 0, np.log(x) ** 2, 0),
    "sqrt": lambda x: np.where(x > 0, np.sqrt(x), 0),
    "reciprocal": lambda x: np.where(x != 0, 1 / x, 0),
    "power": lambda x: np.where(x > 0, x**1.5, 0),
    "cbrt": lambda x: np.where(x > 0, np.cbrt(x), 0),
    "arctanh": lambda x: np.where(np.abs(x) < 1, np.arctanh(x), 0),
}


@pytest.mark.parametrize("name", MASKED)
def test_masked_functions_are_right_to_the_second_order_on_both_sides(name: str) -> None:
    x = np.array([0.25, 0.75, 0.5])
    with np.errstate(all="ignore"):
        assert check_grads(MASKED[name], x, order=2).ok
        singular = 1.0 if name == "arctanh" else 0.0
        first = ag.grad(lambda x: MASKED[name](x).sum())(np.array([0.25, singular]))
        second = hessian(lambda x: MASKED[name](x).sum(), [0.25, singular])
    assert first[1] == 0
    assert second[1].tolist() == [0, 0]
    assert second[0, 0] == pytest.approx(hessian(lambda x: MASKED[name](x).sum(), [0.25])[0, 0])


# Whatever is masked away, by zeros and ones: the gradient is that of the rest.
test_a_mask_of_zeros_and_ones = property_test(
    lambda x, m: np.where(m > 0, np.sqrt(x), 0),
    2,
    domain=["positive", gst.elements("bool")],
    wrt=0,
    profile="quick",
    seek_kinks=0,
)
