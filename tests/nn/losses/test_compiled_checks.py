"""What losses check of targets, compiled: it is noticed at every call, and then nothing has changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from nn import losses

BASE = losses.MeanSquaredError.check
PLAIN = sorted(name for name in losses.__all__ if getattr(getattr(losses, name), "check", None) is BASE)


def a_step(loss: Any, w: ag.Tensor) -> Any:
    def step(y: Any, x: Any) -> Any:
        found = loss(y, x * w)
        found.backward()
        w.assign_sub(0.1 * w.grad)
        w.grad = None
        return found.detach()

    return step


def called(step: Any, w: ag.Tensor, y: Any, x: Any) -> tuple[Any, Any]:
    """Return what a step returns, or says, and what it has made of the weights, which get back what they were."""
    before = w.numpy()
    try:
        found: Any = step(y, ag.tensor(x)).item()
    except ValueError as error:
        found = str(error)
    after = w.numpy()
    w.assign(before)
    return found, after


@pytest.mark.parametrize("name", PLAIN)
def test_targets_are_checked_at_every_replay(name: str, rng: np.random.Generator) -> None:
    x, y = rng.uniform(0.1, 0.9, (2, 4, 3)).astype(np.float32)
    if name == "Elementwise":
        pytest.skip("it is the base class of the others")
    loss = getattr(losses, name)()
    w, v = (ag.tensor(np.float32([0.5, 0.6, 0.7]), requires_grad=True) for _ in range(2))
    compiled, plain = ag.compile(a_step(loss, w)), a_step(loss, v)
    said = []
    for bad, row in ((0.5, 0), (0.25, 1), (0.5, 0), (np.nan, 0), (np.nan, 3), (np.inf, 1), (3e38, 2), (0.5, 0)):
        targets = y.copy()
        targets[row, -1] = bad
        (ours, weights), (theirs, expected) = called(compiled, w, targets, x), called(plain, v, targets, x)
        assert ours == theirs or (ours != ours and theirs != theirs)
        assert np.array_equal(weights, expected, equal_nan=True)
        said.append("NaN" in str(ours) and ours.__class__ is str)
    assert said == [False, False, False, True, True, False, False, False]
    assert compiled.traces[0].replay is not None


def test_some_losses_check_for_nan_alone() -> None:
    assert {"MeanSquaredError", "MeanAbsoluteError", "Huber"} <= set(PLAIN)
