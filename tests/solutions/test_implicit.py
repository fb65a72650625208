"""`implicit`: derivatives of opaque solvers."""

from __future__ import annotations

import math

import numpy as np
import pytest

import autograd_lite as ag

ROOT = ag.implicit(lambda a: math.sqrt(a), lambda x, a: x * x - a)


def test_orders() -> None:
    first, second, third = ag.grad(ROOT), ag.grad(ag.grad(ROOT)), ag.grad(ag.grad(ag.grad(ROOT)))
    a = 4.0
    expected = [0.5 * a**-0.5, -0.25 * a**-1.5, 0.375 * a**-2.5]
    np.testing.assert_allclose([first(a), second(a), third(a)], expected, rtol=1e-13)
    np.testing.assert_allclose(ag.jvp(ROOT)((a,), (1.0,))[1], expected[0], rtol=1e-13)


def test_batches_and_replays_solve_anew() -> None:
    a = np.array([1.0, 4.0, 9.0, 16.0, 25.0])
    np.testing.assert_allclose(ag.vmap(ag.grad(ROOT))(a), 0.5 / np.sqrt(a), rtol=1e-13)
    compiled = ag.compile(ag.grad(ROOT))
    np.testing.assert_allclose([compiled(x) for x in a], 0.5 / np.sqrt(a), rtol=1e-13)


def test_a_failure_has_no_derivative() -> None:
    fails = ag.implicit(lambda a: (np.sqrt(a), False), lambda x, a: x * x - a, has_success=True)
    with pytest.raises(ag.ImplicitError, match="succeeded"):
        ag.grad(lambda a: fails(a)[0])(4.0)
