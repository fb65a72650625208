"""Plans: no value is overwritten while it is needed, and `check` would notice."""

from __future__ import annotations

import gc
from dataclasses import replace
from itertools import combinations
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, strategies as st

import autograd_lite as ag
from autograd_lite.compiler.buffer_assignment import Arena, Buffer, Place, Span, lay_out
from autograd_lite.compiler.execution_plan import Plan
from autograd_lite.core.node import Node
from autograd_lite.core.op import OPS, elementwise


def make_plan(f: Any, *args: Any) -> Plan:
    compiled = ag.compile(f)
    compiled(*args)
    compiled(*args)
    (found,) = compiled.traces
    assert found.replay is not None
    return found.replay.plan


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 20)), max_size=60))
def test_spans_in_use_never_overlap(requests: list[tuple[int, int]]) -> None:
    arena = Arena()
    held: list[Span] = []
    for nbytes, give in requests:
        span = arena.take(nbytes)
        assert span.stop - span.start >= nbytes
        assert span.start % 64 == 0
        assert all(s.stop <= span.start or span.stop <= s.start for s in held)
        held.append(span)
        assert max(s.stop for s in held) <= arena.nbytes
        if give < len(held):
            arena.give(held.pop(give))
    most = arena.nbytes
    for span in held:
        arena.give(span)
    assert arena.take(most) == Span(0, max(most, 64))
    assert arena.nbytes == max(most, 64)


KB = 1 << 10


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 5), st.sampled_from([1, 100, KB, 70 * KB])), max_size=40))
def test_buffers_that_live_at_the_same_time_lie_apart(rows: list[tuple[int, int, int]]) -> None:
    buffers = [Buffer(n * unit, k, k + life) for k, (n, life, unit) in enumerate(rows)]
    spans, nbytes = lay_out(buffers)
    assert nbytes == max((s.stop for s in spans), default=0) <= lay_out_in_order(buffers)
    for (a, b), (s, t) in zip(combinations(buffers, 2), combinations(spans, 2), strict=True):
        together = a.first <= b.last and b.first <= a.last
        assert not together or s.stop <= t.start or t.stop <= s.start
    assert all(s.start % 64 == 0 and s.stop - s.start >= b.nbytes for s, b in zip(spans, buffers, strict=True))


def lay_out_in_order(buffers: list[Buffer]) -> int:
    """The bytes that buffers take where each goes into the smallest gap when it begins."""
    arena, held = Arena(), list[tuple[int, Span]]()
    for buffer in buffers:
        for end, span in sorted(held):
            if end < buffer.first:
                arena.give(span)
                held.remove((end, span))
        held.append((buffer.last, arena.take(buffer.nbytes)))
    return arena.nbytes


def test_a_step_back_through_pooling_holds_no_more_than_one_image_beside_what_is_pooled() -> None:
    """Neither relu's result nor a mask of its size lives on: the cotangent takes its place."""

    def f(x: Any, w: Any) -> Any:
        y = ag.max_pooling(ag.relu(ag.convolution(x, w)), 2)
        return (ag.convolution(y, np.ones((3, 3, 16, 1))) ** 2).sum()

    x, w = np.ones((8, 34, 34, 1)), np.ones((3, 3, 1, 16))
    image = 8 * 32 * 32 * 16 * 8
    assert make_plan(ag.grad(f, 1), x, w).nbytes < (1 + 3 / 4 + 1 / 8) * image


def links(h: Any, w: Any, x: Any) -> Any:
    for _ in range(20):
        h = np.tanh(h * w + x)
    return h.sum()


def test_values_share_memory() -> None:
    a = np.ones((8, 8))
    plan = make_plan(links, a, a, a)
    plan.check()
    assert plan.nbytes == a.nbytes  # each result over the one before
    backward = make_plan(ag.grad(links, (0, 1, 2)), a, a, a)
    backward.check()
    assert 20 * a.nbytes <= backward.nbytes <= 26 * a.nbytes


def test_check_sees_a_value_that_is_overwritten() -> None:
    a = np.ones((8, 8))
    plan = make_plan(ag.grad(links, (0, 1, 2)), a, a, a)
    where = [w._replace(span=Span(0, 512)) if w.place is Place.ARENA else w for w in plan.where]
    with pytest.raises(ValueError, match=r"call \d+, of n\d+, reads value \d+, which is gone"):
        replace(plan, where=tuple(where)).check()


def test_a_plan_can_be_read() -> None:
    head, titles, *rows = str(make_plan(lambda x: np.exp(x[1:]) + 1, np.ones(3))).splitlines()
    assert head == "3 calls, an arena of 64 bytes"
    assert titles.split() == ["call", "value", "where", "it", "lies", "your", "line"]
    assert "v2 = exp(v1)" in rows[1]
    assert "(2,) float64  in the arena 0:64  test_plans.py:" in rows[1]
    assert {row.index("test_plans.py") for row in rows} == {titles.index("your line")}


@pytest.mark.parametrize("n", [1, 30])
def test_the_map_of_an_arena(n: int) -> None:
    a = np.ones((8, 8))
    plan = make_plan(ag.grad(lambda h, w: [h := np.tanh(h * w) for _ in range(n)][-1].sum(), (0, 1)), a, a)
    svg = plan.to_svg()
    assert svg == plan._repr_svg_()
    root = ElementTree.fromstring(svg)
    values = [g for g in root.iter("{http://www.w3.org/2000/svg}g") if g.get("class", "").endswith(" value")]
    tips = [g[0].text or "" for g in values if len(g) and g[0].tag.endswith("title")]
    assert len(tips) == sum(place.span is not None for place in plan.where)
    assert sum("tanh, (8, 8) float64, 512 B, read for the last time by call" in tip for tip in tips) >= n - 1
    boxes = [tuple(float(g[1].get(k, "")) for k in ("x", "y", "width", "height")) for g in values if len(g) > 1]
    for i, (x, y, wide, high) in enumerate(boxes):  # no two values are at the same place at a time
        for u, v, w, h in boxes[:i]:
            assert x + wide <= u or u + w <= x or y + high <= v or v + h <= y


TABLE = np.arange(20_000.0)


@pytest.mark.parametrize("given", ["an argument", "a table", "a view", "a new array"])
def test_only_new_arrays_are_overwritten(given: str) -> None:
    """Of what an op returns that cannot be watched, only a run tells whose memory it is."""

    def forward(x: Any) -> Any:
        with_list = x.tolist()  # which cannot be watched
        made = {"an argument": x, "a table": TABLE, "a view": x[:], "a new array": np.array(with_list)}
        return made["a new array"] if with_list[0] == 0 else made[given]

    op = elementwise(forward, lambda out, x: 1, name=f"returns {given}")  # a custom op would copy what it is given
    del OPS[op.name]
    x, y = np.zeros(20_000), np.ones(20_000)
    compiled = ag.compile(lambda x: np.tanh(op(x)) + 1)
    compiled(x), compiled(x)
    plan = compiled.traces[0].replay.plan
    plan.check()
    in_parts = bool(plan.blocks)  # where only the last of the two results is an array
    assert [w.place for w in plan.where].count(Place.OVER) == 2 - in_parts
    for a in (x, y, x, y):
        expected = np.tanh(ag.tensor(forward(a))).numpy() + 1
        assert np.array_equal(compiled(a), expected)
    assert y.tolist() == [1] * 20_000
    assert TABLE.tolist() == list(range(20_000))


def test_a_view_in_the_arena_has_a_place_even_if_one_alike_elsewhere_has_none() -> None:
    """What a solve returns may lie in its right-hand side, and views of it anywhere."""

    def f(x: Any) -> Any:
        v = ag.linear_solve(lambda v: 2.0 * v, x.sum(0)).reshape(3)
        return x.sum(0) - (x.T @ (x @ v) + v).reshape(3)

    compiled = ag.compile(f)
    for k in range(4):
        x = np.arange(15.0).reshape(5, 3) - k
        np.testing.assert_array_equal(compiled(x), f(ag.tensor(x)))


def test_what_is_assigned_lies_in_the_arena() -> None:
    w = ag.tensor(np.ones(5), requires_grad=True)

    @ag.compile
    def step(x: Any) -> Any:
        with ag.no_grad():
            w.assign(w * x)
            return w + 1

    for x in (2, 3, 4, 5):
        before = w.numpy()
        assert np.array_equal(step(np.full(5, float(x))), before * x + 1)
        assert np.array_equal(w.numpy(), before * x)
    plan = step.traces[0].replay.plan
    assert plan.borrowed == {1}
    assert plan.where[plan.outputs[1]].place is Place.ARENA


@pytest.mark.parametrize("history", [False, True])
def test_nothing_of_the_traced_runs_is_kept(history: bool) -> None:
    """What was computed while tracing is memory that no replay needs."""
    w = ag.tensor(np.ones(50), requires_grad=True)

    @ag.compile
    def step(x: Any) -> Any:
        h = np.tanh(w * x).sum()
        if not history:
            h.backward()
            w.grad = None
        return h.detach()

    def nodes() -> int:
        gc.collect()
        return sum(isinstance(x, Node) for x in gc.get_objects())

    before = nodes()
    for k in range(3):
        step(np.full(50, 0.1 * k))
        assert nodes() == before
    assert step.traces[0].replay is not None


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("axis", [None, 0, (0, 2)])
def test_a_mean_is_a_sum_and_a_division_with_the_same_bits(dtype: str, axis: Any) -> None:
    a = np.random.default_rng(0).normal(size=(7, 3, 11)).astype(dtype)
    mean = ag.compile(lambda x: np.mean(x, axis=axis))
    found = [mean(a) for _ in range(3)]
    assert all(np.asarray(b).tobytes() == np.mean(a, axis=axis).tobytes() for b in found)
    assert [call.name for call in make_plan(mean._f, a).calls] == ["add.reduce", "divide"]
