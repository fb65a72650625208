"""Several kinks at one point: each op may take another of its slopes, as long as each by itself is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.testing import GradientMismatch, check_grads

X, W = np.zeros((1, 2)), np.array([[1.0, -1.0, 2.0], [0.5, 3.0, -2.0]])


def steep(at_zero: float) -> Any:
    """Return a relu with a custom slope at 0."""

    @ag.custom_vjp
    def relu(x: Any) -> Any:
        return np.maximum(x, 0)

    relu.def_vjp(lambda g, out, x: (g * np.where(x < 0, 0.0, np.where(x > 0, 1.0, at_zero)),))
    return relu


@pytest.mark.parametrize("relu", [ag.relu, steep(0.0), steep(0.3), steep(1.0)])
def test_right_ops_make_a_right_whole(relu: Any) -> None:
    report = check_grads(lambda x: relu(x @ W), X)
    assert report.inputs["x"].n_kink == 2


@pytest.mark.parametrize("at_zero", [9.0, -9.0])
def test_a_wrong_slope_is_still_found(at_zero: float) -> None:
    relu = steep(at_zero)
    with pytest.raises(GradientMismatch, match="is taken at a kink"):
        check_grads(lambda x: relu(x @ W), X)


def test_a_lost_branch_is_still_found() -> None:
    with pytest.raises(GradientMismatch):
        check_grads(lambda x: ag.relu(x @ W) + 9 * (x @ W).detach(), X)
