"""`scan` within a budget: the states that it keeps fit, the steps that run again are the fewest, the bits the same."""

from __future__ import annotations

import tracemalloc
from functools import cache
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.control import body as bodies, checkpointed_scan as budget
from autograd_lite.control.checkpointed_scan import Advance, Back, first_checkpoints, forward_steps, schedule

from .test_control import RNG, assert_same

W = RNG.normal(size=(3, 3)) / 2
STATE = 2 * 3 * 8 + 4  # the bytes of a carry: six numbers in double precision, one integer


@cache
def fewest(steps: int, kept: int) -> int:
    """Return how many steps forward the best of all ways takes, by trying them."""
    if steps <= 1 or kept == 1:
        return steps * (steps - 1) // 2
    return min(m + fewest(steps - m, kept - 1) + fewest(m, kept) for m in range(1, steps))


def test_the_way_back_is_the_shortest() -> None:
    for steps in range(1, 30):
        for kept in range(1, 8):
            actions = list(schedule(steps, kept))
            forward = sum(a.stop - a.start for a in actions if isinstance(a, Advance))
            forward += sum(a.step - a.start for a in actions if isinstance(a, Back))
            assert forward == forward_steps(steps, kept) == fewest(steps, kept)
            assert [a.step for a in actions if isinstance(a, Back)] == list(range(steps))[::-1]
            now, most = {0}, 1
            for a in actions:
                if isinstance(a, (Advance, Back)):
                    assert a.start in now
                now = now | {a.stop} if isinstance(a, Advance) else now if isinstance(a, Back) else now - {a.step}
                most = max(most, len(now))
            assert most <= kept


def loss(h: Any, x: Any, w: Any, **kwargs: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        h, n = carry
        h = np.tanh(h @ w + x * n)
        return (h, n + np.int32(1)), h

    (last, _), hs = ag.scan(step, (h, np.int32(1)), x, **kwargs)
    return (last**2).sum() + np.sin(hs).sum()


@pytest.mark.parametrize("steps", [7, *(pytest.param(n, marks=pytest.mark.ci) for n in (1, 2, 23))])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_budget_is_kept(steps: int, reverse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    h, x = RNG.normal(size=(2, 3)), RNG.normal(size=(steps, 2, 3))
    counts: dict[str, int] = {}
    prepare, states = bodies.Runner._prepare, []

    def counted(self: Any, arrays: Any) -> Any:
        key = f"{self._body.name} of {len(self._body.specs)}"
        counts[key] = counts.get(key, 0) + 1
        return prepare(self, arrays)

    class Watched(budget.Checkpoints):
        def __init__(self) -> None:
            super().__init__()
            states.append(self)

    slope = ag.grad(lambda *a: loss(*a, reverse=reverse), (0, 1, 2))(h, x, W)
    monkeypatch.setattr(bodies.Runner, "_prepare", counted)
    monkeypatch.setattr(budget, "Checkpoints", Watched)
    for max_bytes in (0, STATE, 2 * STATE + 9, 5 * STATE, 10**9):
        counts.clear(), states.clear()
        f = ag.grad(lambda *a, b=max_bytes: loss(*a, reverse=reverse, max_bytes=b), (0, 1, 2))
        found = f(h, x, W)
        assert_same(found, slope, exact=False)  # products are added up step by step
        (kept,) = states
        assert kept.most <= max_bytes
        c = 1 + max_bytes // STATE
        again = forward_steps(steps, c) - (first_checkpoints(steps, c) or [0])[-1]
        assert counts.get("scan of 2", 0) == again  # the carry alone
        assert counts["scan of 3"] == steps  # the first pass
        assert counts["scan backward of 3"] == steps
        compiled = ag.compile(f)
        for _ in range(3):
            assert_same(compiled(h, x, W), found)


@pytest.mark.ci
def test_a_budget_bounds_the_memory() -> None:
    x = RNG.normal(size=(400, 1000))
    peaks = []
    step = lambda c, x: (np.sin(c) * np.cos(x[:1]), None)  # noqa: E731
    for max_bytes in (None, 20 * 8000):
        f = ag.grad(lambda c, x, b=max_bytes: ag.scan(step, c, x, max_bytes=b)[0].sum())
        f(x[0], x)
        tracemalloc.start()
        most = []
        for _ in range(3):  # what else the process does meanwhile, in other threads or for the collector, only adds
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            f(x[0], x)
            most.append(tracemalloc.get_traced_memory()[1] - before)
        tracemalloc.stop()
        peaks.append(min(most))
    assert peaks[1] < 0.25 * peaks[0]


@pytest.mark.ci
def test_second_derivatives_and_batches() -> None:
    h, x = RNG.normal(size=(2, 3)), RNG.normal(size=(5, 2, 3))
    free = lambda *a: loss(*a)  # noqa: E731
    bound = lambda *a: loss(*a, max_bytes=2 * STATE)  # noqa: E731
    rows = np.stack([h, -h, h * 2])
    axes = (0, None, None)
    table: list[tuple[Any, Any]] = [
        (ag.hessian, h),
        (lambda f: lambda *a: ag.jvp(ag.grad(f))(a, a), h),
        (lambda f: ag.vmap(ag.grad(f, (0, 1, 2)), axes), rows),
        (lambda f: ag.grad(lambda *a: ag.vmap(f, axes)(*a).sum(), (0, 2)), rows),
    ]
    for transform, first in table:
        assert_same(transform(bound)(first, x, W), transform(free)(first, x, W), exact=False)


def test_a_function_that_draws_cannot_run_again() -> None:
    with pytest.raises(ValueError, match="scan: expected a function without effects, since with max_bytes"):
        ag.scan(lambda c, _: (c + ag.random.normal(()), None), 0.0, None, 3, max_bytes=100)
