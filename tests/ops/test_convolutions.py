"""Convolutions of sequences: values of NumPy in each mode, batches and derivatives, and no more work than they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag

MODES = ("full", "same", "valid")
every = pytest.mark.parametrize("lengths", [(7, 3), (3, 7), (5, 5), (1, 4)], ids=str)


@every
@pytest.mark.parametrize("batched", [(True, False), (False, True), (True, True)], ids=str)
@pytest.mark.parametrize("function", [np.convolve, np.correlate])
def test_batches_of_convolutions_are_those_of_the_examples(
    function: Any, batched: tuple[bool, bool], lengths: tuple[int, int]
) -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(4, n) if b else n) for n, b in zip(lengths, batched, strict=True))
    axes = tuple(0 if b else None for b in batched)
    for mode in MODES:

        def loss(x: Any, y: Any, mode: str = mode) -> Any:
            return (function(x, y, mode) ** 2).sum()

        programs: list[Callable[..., Any]] = [lambda x, y, mode=mode: function(x, y, mode)]
        programs += [ag.grad(loss, k) for k in (0, 1)] + [ag.jacobian(ag.grad(loss, k), 1 - k) for k in (0, 1)]
        for f in programs:
            examples = [f(x[k] if batched[0] else x, y[k] if batched[1] else y) for k in range(4)]
            np.testing.assert_allclose(ag.vmap(f, axes)(x, y), examples, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_gradients_by_a_short_sequence_make_no_long_one(mode: str) -> None:
    x, y = np.arange(1000.0), np.arange(5.0)
    f = ag.compile(ag.grad(lambda x, y: (np.convolve(x, y, mode) ** 2).sum(), (0, 1)))
    f(x, y)
    f(x, y)
    plan = f.plan()
    assert max(plan.specs[call.value].shape[0] for call in plan.calls if plan.specs[call.value].shape) <= 1008
