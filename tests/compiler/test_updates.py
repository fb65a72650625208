"""New values are written over old ones only where nothing reads these any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler import tiling as blocks
from autograd_lite.compiler.buffer_assignment import Place

from ..laws.reading import same_bits


def in_order(w: Any, v: Any, x: Any) -> None:
    w.assign(w - 0.1 * v)
    v.assign(v * 0.5 + w)


def old_read_after_new(w: Any, v: Any, x: Any) -> None:
    new = w - 0.1
    other = w * 0.5 + v
    w.assign(new)
    v.assign(other)


def exchange(w: Any, v: Any, x: Any) -> None:
    a, b = w * 1.5, v * 0.5
    w.assign(b)
    v.assign(a)


def exchange_as_they_are(w: Any, v: Any, x: Any) -> None:
    old = w * 1
    w.assign(v)
    v.assign(old)


def argument_after_new(w: Any, v: Any, x: Any) -> None:
    w.assign(w - 0.25)
    v.assign(v - x * 0.5)


def views_of_the_old(w: Any, v: Any, x: Any) -> None:
    w.assign(w[::-1] * 0.5 + w)
    v.assign(v.T.T - w)


def view_of_the_new(w: Any, v: Any, x: Any) -> None:
    new = w * 0.75
    w.assign(new)
    v.assign(new[::-1] + v)


def the_same_twice(w: Any, v: Any, x: Any) -> None:
    new = w + v
    w.assign(new)
    v.assign(new)


def of_one_row(w: Any, v: Any, x: Any) -> None:
    w.assign(w - w[0] * 0.5)
    v.assign(v - v.max() * w)


def of_another_dtype(w: Any, v: Any, x: Any) -> None:
    w.assign((w.astype("f8") * 0.1).astype("f4"))
    v.assign(np.maximum(v, w))


# It branches on values, so that it stays one call; and returns its argument.
kept = ag.elementwise(lambda x: x if np.abs(x).max() < 99 else -x, lambda out, x: np.ones_like(x), name="kept")


def an_op_that_returns_its_argument(w: Any, v: Any, x: Any) -> None:
    same = kept(w)
    w.assign(w * 0.5)
    v.assign(v + same)


def a_view_of_what_an_op_returns(w: Any, v: Any, x: Any) -> None:
    same = kept(w)[::-1]
    w.assign(w * 0.5)
    v.assign(v + same)


UPDATES: dict[str, Callable[..., None]] = {
    f.__name__: f
    for f in (
        in_order,
        old_read_after_new,
        exchange,
        exchange_as_they_are,
        argument_after_new,
        views_of_the_old,
        view_of_the_new,
        the_same_twice,
        of_one_row,
        of_another_dtype,
        an_op_that_returns_its_argument,
        a_view_of_what_an_op_returns,
    )
}


@pytest.fixture(autouse=True)
def _parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_PART", 1 << 10)


def changed(update: Callable[..., None], compiled: bool) -> list[Any]:
    """Return what a function has made of two leaves, called with arrays and with a view of one of the leaves."""
    rng = np.random.default_rng(0)
    w, v = (ag.tensor(rng.normal(size=(64, 64)).astype("f4"), requires_grad=True) for _ in range(2))

    def step(x: Any) -> None:
        with ag.no_grad():
            update(w, v, x)

    run: Any = ag.compile(step) if compiled else step
    found = []
    for call in range(7):
        x = rng.normal(size=(64, 64)).astype("f4") if call < 3 else w.data
        run(ag.tensor(x, copy=not compiled))
        found += [w.numpy(), v.numpy()]
    if compiled:
        for trace in run.traces:
            if trace.replay is not None:
                trace.replay.plan.check()
    return found


@pytest.mark.parametrize("name", UPDATES)
def test_updates(name: str) -> None:
    assert all(map(same_bits, changed(UPDATES[name], True), changed(UPDATES[name], False)))


def test_a_plain_update_is_written_over_what_it_replaces() -> None:
    w = ag.tensor(np.ones(5), requires_grad=True)

    @ag.compile
    def step() -> None:
        (w * w).sum().backward()
        with ag.no_grad():
            w.assign(w - 0.1 * w.grad)
        w.grad = None

    for _ in range(3):
        step()
    plan = step.traces[-1].replay.plan
    assert plan.written == (True,)
    assert any(where.place is Place.REPLACES for where in plan.where)


@pytest.mark.parametrize("rows", [2, 600])
def test_parameters_move_by_views_of_what_a_call_has_made(rows: int) -> None:
    """Small and large: the views are made before the end of the plan, which only writes."""
    given = ag.primitive(lambda x: np.concatenate([x.ravel(), 2 * x.ravel()]), opaque=True)
    first, second = (ag.tensor(np.zeros((rows, 300)), "float32") for _ in range(2))
    n = first.size

    @ag.compile
    def step(x: Any) -> None:
        flat = given(x)
        with ag.no_grad():
            first.assign(first - flat[:n].reshape(first.shape) * 0.5)
            second.assign(second - flat[n:].reshape(second.shape) * 0.5)

    x = np.ones((rows, 300), np.float32)
    for k in range(1, 6):
        step(x)
        np.testing.assert_array_equal(first, np.full(x.shape, -0.5 * k))
        np.testing.assert_array_equal(second, np.full(x.shape, -1.0 * k))
    assert step.traces[-1].replay is not None
