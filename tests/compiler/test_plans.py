"""Plans: no value is overwritten while it is needed, and `check` would notice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, strategies as st

import autograd_lite as ag
from autograd_lite.compiler.arena import Arena, Span
from autograd_lite.compiler.plan import Place, Plan


def plan_of(f: Any, *args: Any) -> Plan:
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


def links(h: Any, w: Any, x: Any) -> Any:
    for _ in range(20):
        h = np.tanh(h * w + x)
    return h.sum()


def test_values_share_memory() -> None:
    a = np.ones((8, 8))
    plan = plan_of(links, a, a, a)
    plan.check()
    assert plan.nbytes == a.nbytes  # each result over the one before
    backward = plan_of(ag.grad(links, (0, 1, 2)), a, a, a)
    backward.check()
    assert 20 * a.nbytes <= backward.nbytes <= 26 * a.nbytes


def test_check_sees_a_value_that_is_overwritten() -> None:
    a = np.ones((8, 8))
    plan = plan_of(ag.grad(links, (0, 1, 2)), a, a, a)
    where = [w._replace(span=Span(0, 512)) if w.place is Place.ARENA else w for w in plan.where]
    with pytest.raises(ValueError, match=r"call \d+, of n\d+, reads value \d+, which is gone"):
        replace(plan, where=tuple(where)).check()


def test_a_plan_can_be_read() -> None:
    head, titles, *rows = str(plan_of(lambda x: np.exp(x[1:]) + 1, np.ones(3))).splitlines()
    assert head == "3 calls, an arena of 64 bytes"
    assert titles.split() == ["call", "value", "where", "it", "lies", "your", "line"]
    assert "v2 = exp(v1)" in rows[1]
    assert "(2,) float64  in the arena 0:64  test_plans.py:" in rows[1]
    assert {row.index("test_plans.py") for row in rows} == {titles.index("your line")}


@pytest.mark.parametrize("n", [1, 30])
def test_the_map_of_an_arena(n: int) -> None:
    a = np.ones((8, 8))
    plan = plan_of(ag.grad(lambda h, w: [h := np.tanh(h * w) for _ in range(n)][-1].sum(), (0, 1)), a, a)
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
