"""Blocks: parts of arrays, one after the other, give what whole arrays give, and overwrite nothing that is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import autograd_lite as ag
from autograd_lite.compiler import tiling as blocks
from autograd_lite.compiler.buffer_assignment import Place, Span
from autograd_lite.compiler.execution_plan import Plan
from autograd_lite.native.kernels import INSTRUCTIONS

from ..laws.reading import same_bits
from .test_plans import make_plan

UNARY = (np.tanh, np.exp, np.square, np.cos, np.sqrt, np.abs, np.isfinite)
BINARY = (np.add, np.multiply, np.copysign, np.maximum, np.greater, np.arctan2, np.divide)
SHAPE = (20, 8, 16)
SHAPES = (SHAPE, SHAPE, SHAPE, (16,), (8, 16), (1, 1, 16), (20, 8, 1), (1, 1), ())


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "_PART", 1 << 11)


def run(steps: list[tuple[int, int, int]], values: list[Any]) -> list[Any]:
    """Compute with the values so far, and return what the last few steps gave."""
    values = list(values)
    for function, i, j in steps:
        x, y = values[i % len(values)], values[j % len(values)]
        if function < len(UNARY):
            values.append(UNARY[function](x))
        elif function < len(UNARY) + len(BINARY):
            values.append(BINARY[function - len(UNARY)](x, y))
        else:  # something that no block contains, or a view
            made = [x[::-1], x[:1], x.sum(axis=0), x.reshape(-1)[:16]] if np.ndim(x) == 3 else [x * 2] * 4
            values.append(made[function - len(UNARY) - len(BINARY)])
    return values[-3:]


STEPS = st.lists(
    st.tuples(st.integers(0, len(UNARY) + len(BINARY) + 3), st.integers(-5, 0), st.integers(-5, len(SHAPES) - 1)),
    min_size=8,
    max_size=24,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(STEPS, st.sampled_from("fd"), st.integers(0, 9))
def test_random_programs_in_parts(small_parts: None, steps: list[tuple[int, int, int]], dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    compiled = ag.compile(lambda *xs: run(steps, list(xs)))
    for _ in range(3):
        arrays = [np.asarray(rng.normal(size=shape), dtype) for shape in SHAPES]
        with np.errstate(all="ignore"):
            expected = run(steps, [ag.tensor(a) for a in arrays])  # whose functions may have loops of their own
            found = compiled(*arrays)
        for a, b in zip(found, [t.numpy() for t in expected], strict=True):
            assert same_bits(a, b)
            assert np.array(a).strides == b.strides
    (trace,) = compiled.traces
    assert trace.replay is not None
    trace.replay.plan.check()


def links(h: Any, w: Any, x: Any) -> Any:
    for _ in range(6):
        h = np.tanh(h * w + x)
    return h.sum()


ARRAYS = np.random.default_rng(0).normal(size=(3, 80, 64))


def test_gradients_in_parts(small_parts: None) -> None:
    slopes = ag.value_and_grad(links, (0, 1, 2))
    compiled = ag.compile(slopes)
    for a in (ARRAYS, ARRAYS[::-1], ARRAYS * 2):
        for found, expected in zip(*map(ag.tree.leaves, (compiled(*a), slopes(*a))), strict=True):
            assert same_bits(found, expected)
    plan = compiled.traces[0].replay.plan
    plan.check()
    assert plan.blocks
    assert ("part by part, calls 0 to" if INSTRUCTIONS else "for p0, p1") in compiled.source()


def test_what_only_a_block_reads_takes_the_memory_of_a_part(small_parts: None) -> None:
    def f(x: Any) -> Any:
        return np.exp(np.tanh(x * 2) + 1)

    x = np.ones((100, 128))
    plan = make_plan(f, x)
    (block,) = plan.blocks
    assert (block.first, block.stop, block.row, block.step) == (0, 4, 1, 256)
    assert plan.nbytes == 256 * x.itemsize  # each step over the one before
    assert [w.place for w in plan.where].count(Place.PART) == 3
    assert "calls 0 to 3 in 50 parts of 256 elements" in str(plan)


@pytest.mark.parametrize("place", [Place.ARENA, Place.PART])
def test_check_sees_what_a_part_overwrites(small_parts: None, place: Place) -> None:
    plan: Plan = make_plan(ag.value_and_grad(links, (0, 1, 2)), *ARRAYS)
    size = {Place.ARENA: plan.specs[-1].nbytes, Place.PART: 2048}[place]
    moved = [w._replace(span=Span(0, size)) if w.place is place else w for w in plan.where]
    with pytest.raises(ValueError, match=r"call \d+, of n\d+, reads value \d+, which is gone"):
        replace(plan, where=tuple(moved)).check()


def test_what_other_parts_read_through_a_view_is_not_overwritten(small_parts: None) -> None:
    def f(x: Any, y: Any) -> Any:
        h = np.tanh(x + y)
        total = h.sum()
        row = h[0]
        scaled = x * row  # of which each part reads the first row of h
        return total, (h * scaled).sum()

    compiled = ag.compile(f)
    for a in (ARRAYS, ARRAYS[::-1], ARRAYS * 2):
        assert [float(t) for t in compiled(*a[:2])] == [float(t) for t in f(*map(ag.tensor, a[:2]))]
    plan = compiled.traces[0].replay.plan
    plan.check()
    assert len(plan.blocks) == 2


def test_check_knows_that_a_block_reads_its_arrays_part_by_part(small_parts: None) -> None:
    def f(x: Any, y: Any) -> Any:
        h = np.tanh(x * y)
        total = h.sum()
        z = (h * x + y) * total
        return z.sum()

    plan: Plan = make_plan(f, *ARRAYS[:2])
    _, block = plan.blocks
    call = plan.calls[block.first]
    h = next(n for n in call.reads if plan.where[n].place is Place.ARENA)
    z = plan.calls[block.stop - 1].value
    start, stop = plan.where[h].span or Span(0, 0)
    assert plan.last[h] < plan.last[z]

    def moved(by: int) -> Plan:
        where = [w._replace(span=Span(start + by, stop + by)) if i == z else w for i, w in enumerate(plan.where)]
        return replace(plan, where=tuple(where), nbytes=plan.nbytes + by)

    moved(0).check()  # h has been read for the last time, and each part of z lies over the same part of h
    with pytest.raises(ValueError, match=f"reads value {h}, which is gone"):
        moved(block.nbytes(plan.specs[z])).check()  # over the next part, which is still to be read


UFUNCS = sorted(
    {f for f in vars(np).values() if isinstance(f, np.ufunc) and f.signature is None and f.nout == 1},
    key=lambda f: f.__name__,
)


@pytest.mark.parametrize("dtype", ["f", "d", "e", "F", "l"])
def test_every_ufunc_gives_an_element_the_same_bits_in_a_part(dtype: str) -> None:
    """The loops of NumPy go through vectors of elements; a part begins where a vector begins."""
    rng = np.random.default_rng(1)
    for f in UFUNCS:
        arrays = [(rng.normal(size=1003) * 3 + 9 * (dtype == "l")).clip(-9).astype(dtype) for _ in range(f.nin)]
        try:
            with np.errstate(all="ignore"):
                whole = f(*arrays)
                parts = [f(*(a[i : i + 192] for a in arrays)) for i in range(0, 1003, 192)]
                over = [a.copy() for a in arrays]
                if whole.dtype == over[0].dtype:
                    f(*over, out=over[0])
                    assert same_bits(over[0], whole), f.__name__
        except TypeError:  # it has no loop for this dtype
            continue
        assert same_bits(np.concatenate(parts), whole), f.__name__
