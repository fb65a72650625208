"""Random bodies: a `scan` of some operations on some carries is the loop of them, eagerly and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import autograd_lite as ag

from .test_control import RNG, assert_same, loop

# Each takes two of the values so far.
OPERATIONS: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a * b,
    lambda a, b: np.sin(a) + b,
    lambda a, b: np.where(a > b, a, b * 0.5),
    lambda a, b: np.roll(a, 1) - b,
    lambda a, b: a[::-1] * b.sum(),
    lambda a, b: np.tanh(a + b)[np.argsort([2, 0, 1])],
    lambda a, b: np.stack([a, b]).max(axis=0),
    lambda a, b: ag.cond(a.sum() > 0, lambda a: a * 0.5, lambda a: a + b, a),
]
PICK = st.tuples(st.integers(0, len(OPERATIONS) - 1), st.integers(0, 9), st.integers(0, 9))
BODIES = st.tuples(st.lists(PICK, min_size=1, max_size=5), st.integers(1, 2), st.integers(0, 2), st.booleans())


@pytest.mark.ci
@settings(max_examples=25, deadline=None)
@given(BODIES)
def test_a_random_body(body: tuple[Any, ...]) -> None:
    picks, carried, collected, reverse = body

    def run(scan: Any) -> Callable[..., Any]:
        def total(w: Any, start: Any, x: Any) -> Any:
            def step(carry: Any, x: Any) -> Any:
                values = [w, x, *carry]
                for k, i, j in picks:
                    values.append(OPERATIONS[k](values[i % len(values)], values[j % len(values)]))
                last = values[-carried:]
                return [np.tanh(v) for v in last], [values[-1 - k % len(values)] for k in range(collected)]

            carry, ys = scan(step, [start[k] for k in range(carried)], x, reverse=reverse)
            return sum((c**2).sum() for c in carry) + sum(np.cos(y).sum() for y in ys) + (w**3).sum()

        return total

    args = RNG.normal(size=3), RNG.normal(size=(2, 3)), RNG.normal(size=(4, 3))
    slopes = {scan: ag.grad(run(scan), (0, 1, 2)) for scan in (loop, ag.scan)}
    expected = slopes[loop](*args)
    tensors = [ag.tensor(a) for a in args]  # whose functions may have other loops than those of arrays
    assert_same(run(ag.scan)(*tensors), run(loop)(*tensors))
    assert_same(slopes[ag.scan](*args), expected)
    compiled = ag.compile(slopes[ag.scan])
    for _ in range(3):
        assert_same(compiled(*args), expected)
