"""Derivatives against their own algebra: the adjoint identity, linearity, the symmetry of the Hessian."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.core.op import elementwise  # noqa: F401 - the registry must be complete before the ops below
from autograd_lite.testing import GradientMismatch, check_hessian, check_transpose

from .wrong_ops import clipped, op_with

X, W = np.random.default_rng(0).normal(size=(2, 3, 3))
# Its derivative forward is right, its transpose is not.
half_transposed = op_with(
    "half_transposed",
    np.matmul,
    lambda g, out, x, y: g @ y.T,
    lambda g, out, x, y: (x.T @ g).T,
    jvp=lambda t, out, x, y: (0 if t[0] is None else t[0] @ y) + (0 if t[1] is None else x @ t[1]),
)
offset = op_with("offset", lambda x: x * 1.0, lambda g, out, x: g + 1.0)


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        (lambda x, w: np.tanh(x @ w), (X, W)),
        (lambda x: np.sort(x, axis=None) if isinstance(x, np.ndarray) else x * x, (X,)),
        (lambda x: (x * 2, [x.sum()]), (X,)),
        (lambda z: np.abs(z) ** 2 + np.real(np.exp(z)), (X + 1j * W,)),
        (lambda z: np.conj(z) * z**2, (X + 1j * W,)),
        (lambda x, w: np.exp(x) @ w, (X.astype(np.float32), W.astype(np.float32))),
        (lambda x: x * 0.0, (X,)),
    ],
)
def test_what_is_right_passes(f: Any, inputs: Any) -> None:
    report = check_transpose(f, *inputs)
    assert report.ok
    assert max(entry.max_rel_err for entry in report.inputs.values()) < 1e-6


def test_machine_precision() -> None:
    report = check_transpose(lambda x, w: np.sin(x @ w).sum(), X, W)
    assert max(entry.max_rel_err for entry in report.inputs.values()) < 1e-14


def test_a_wrong_transpose_is_found_and_its_input_named() -> None:
    with pytest.raises(GradientMismatch, match=r"not the transpose of its derivative by 'w'(.|\n)*<J'v, u>") as caught:
        check_transpose(lambda x, w: half_transposed(x, w), X, W)
    assert caught.value.name == "w"
    assert "check_transpose(" in caught.value.snippet


@pytest.mark.parametrize(("op", "says"), [(clipped, "differs from 2 J'v"), (offset, "J'0 is not 0|differs from 2 J'v")])
def test_a_backward_that_is_not_linear_is_found(op: Any, says: str) -> None:
    report = check_transpose(lambda x: op(x), X, raise_=False)
    assert not report.ok
    assert any("not linear in its cotangent" in str(failure) for failure in report.failures)


def test_a_lost_history_is_found() -> None:
    report = check_transpose(lambda x, w: x @ w + (ag.tensor(w) * 0 if False else w.detach()), X, W, raise_=False)
    assert isinstance(report.ok, bool)


def test_hessian() -> None:
    report = check_hessian(lambda x, y: np.exp(x * y).sum() + np.prod(x), np.array([1.0, 2.0]), np.array([0.5, 0.1]))
    assert set(report.inputs) == {"x", "y"}
    assert check_hessian(lambda x: np.tanh(x @ W), X).ok
    assert check_hessian(lambda x: x.sum(), X).ok
    assert check_hessian(lambda z: np.abs(np.exp(z)).sum(), X + 1j * W).ok


def test_a_wrong_hessian_is_found() -> None:
    """The gradient is right by value, but a part of it is a constant to the second differentiation."""
    cube = op_with("cube", lambda x: x**3, lambda g, out, x: 3 * g * ag.tensor(x).detach() ** 2)
    with pytest.raises(GradientMismatch, match="the gradient of f by x"):
        check_hessian(lambda x: cube(x), np.array([1.0, 2.0]))


def test_an_asymmetric_hessian_is_found() -> None:
    skew = op_with("skew", lambda x: (x * x).sum(), lambda g, out, x: g * x @ np.array([[2.0, 1.0], [0.0, 2.0]]))
    with pytest.raises(GradientMismatch, match=r"Hessian of f is not symmetric(.|\n)*<u, H w>"):
        check_hessian(lambda x: skew(x), np.array([1.0, 2.0]))
