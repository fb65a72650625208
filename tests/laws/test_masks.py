"""The mask law in forward mode and at second order: what is multiplied by an exact zero is exactly zero."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

from ..all_cases import SPECIAL, Special
from ..rows import for_every
from .test_special import OUTSIDE_THE_PROMISE

KEPT = [row for row in SPECIAL if not any(name in row.name for name in OUTSIDE_THE_PROMISE)]
# Where the two modes multiply the same factors in another order, one may meet 0 * inf where the other does not.
OTHER_ORDER = {
    "x log x at 0": "forward, the sum of -inf and 0 * inf is NaN, as the conventions allow",
    "sqrt(sum x²) at 0": "forward, the tangent of x² is 0 at 0 and stays 0; in reverse the cotangent is inf there",
    "log(sigmoid(-1000))": "forward, the tangent of sigmoid is 0 there and stays 0; in reverse the cotangent is inf",
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@for_every(KEPT)
def test_a_zero_tangent_stays_zero(row: Special) -> None:
    """Whatever the derivative is there, infinite or NaN."""
    inputs = tuple(np.asarray(a, float) for a in row.inputs)
    out, tangent = ag.jvp(row.f)(inputs, tuple(np.zeros(a.shape) for a in inputs))
    if np.isnan(out).any():
        return  # the result itself says that something is wrong
    np.testing.assert_array_equal(tangent, np.zeros(np.shape(tangent)), err_msg=row.name)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@for_every(KEPT)
def test_forward_mode_follows_the_conventions(row: Special) -> None:
    """A tangent along one element is the sum over the results of what the conventions say of that element."""
    inputs = tuple(np.asarray(a, float) for a in row.inputs)
    if row.name in OTHER_ORDER:
        return
    for i, a in enumerate(inputs):
        expected = np.asarray(row.gradients[i], float)
        for k in np.ndindex(a.shape):
            tangents = [np.zeros(b.shape) for b in inputs]
            tangents[i][k] = 1
            _, tangent = ag.jvp(row.f)(inputs, tuple(tangents))
            np.testing.assert_allclose(np.sum(tangent), expected[k], rtol=1e-13, atol=1e-15, err_msg=f"{row.name} {k}")


def test_the_exceptions_are_rows() -> None:
    assert set(OTHER_ORDER) <= {row.name for row in SPECIAL}


SECOND: list[tuple[str, Callable[..., Any], Any, Any]] = [
    ("log²", lambda x: np.where(x > 0, np.log(x) ** 2, 0).sum(), [1.0, 0.0], [[2, 0], [0, 0]]),
    ("sqrt", lambda x: np.where(x > 0, np.sqrt(x), 0).sum(), [4.0, 0.0], [[-1 / 32, 0], [0, 0]]),
    ("reciprocal", lambda x: np.where(x != 0, 1 / x, 0).sum(), [2.0, 0.0], [[0.25, 0], [0, 0]]),
    ("a mask", lambda x: (np.log(x) * np.array([1.0, 0.0])).sum(), [2.0, 0.0], [[-0.25, 0], [0, 0]]),
]


@pytest.mark.parametrize(("name", "f", "at", "hessian"), SECOND, ids=[row[0] for row in SECOND])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_second_derivatives_behind_a_mask(name: str, f: Any, at: Any, hessian: Any) -> None:
    if name == "a mask":
        at = [2.0, 1e-300]  # 0 * log(0) is NaN by itself
    found = {
        "reverse over reverse": ag.hessian(f)(np.array(at)),
        "forward over reverse": ag.jacobian(ag.grad(f), mode="forward")(np.array(at)),
        "products": np.stack([ag.hvp(f)(np.array(at), e) for e in np.eye(2)]),
        "a batch": ag.vmap(ag.hessian(f))(np.array([at]))[0],
    }
    for mode, h in found.items():
        np.testing.assert_allclose(h, hessian, rtol=1e-14, atol=1e-15, err_msg=mode)
