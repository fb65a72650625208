"""Segments: what the executor in C computes is what the same plan gives, line by line, in Python."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings, strategies as st

import autograd_lite as ag
from autograd_lite.compiler import native_segments as segments, tiling as blocks
from autograd_lite.compiler.execution_plan import Plan
from autograd_lite.compiler.source import Source
from autograd_lite.core.op import OPS
from autograd_lite.native.kernels import INSTRUCTIONS, REASON, library
from autograd_lite.native.threaded_functions import matmul

from ..laws.reading import same_bits
from .test_plans import make_plan
from .test_random_programs import strides

needs_c = pytest.mark.skipif(not INSTRUCTIONS, reason=f"there is no executor: {REASON}")
pytestmark = needs_c
quietly = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def python_of(plan: Plan) -> Callable[..., Any]:
    """Return a plan as Python alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "library", None)
        source = Source(plan)
    assert not source._segments
    return source.instance()


def agree(f: Callable[..., Any], draws: Sequence[Sequence[Any]]) -> Source:
    """Check that a plan gives the same in C and in Python, and return its source."""
    with np.errstate(all="ignore"):
        plan = make_plan(f, *draws[0])
    source = Source(plan)
    in_c, in_python = source.instance(), python_of(plan)
    for arrays in draws:
        with np.errstate(all="ignore"):
            for found, expected in zip(in_c(*arrays)[0], in_python(*arrays)[0], strict=True):
                assert type(found) is type(expected)
                assert same_bits(np.asarray(found), np.asarray(expected))
                assert strides(np.asarray(found)) == strides(np.asarray(expected))
    return source


# ---- layouts --------------------------------------------------------------------------------------------------------

_SIZES = st.sampled_from((1, 1, 2, 3, 5, 9, 20))
_DTYPES = st.sampled_from(("f4", "f8", "f8", "c16", "i8", "?"))
_ODD = np.array([-0.0, 0.0, np.nan, np.inf, -np.inf, 1e300, -1e-310])


@st.composite
def laid(draw: Any, shape: tuple[int, ...], dtype: str) -> Any:
    """Return an array that lies in memory in some way."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    how = draw(st.sampled_from(("C", "F", "permuted", "steps", "reversed", "odd", "broadcast")))
    a: Any = np.asarray(rng.normal(size=shape) * 3).astype(dtype)
    if how == "odd" and a.dtype.kind == "f" and a.size:
        with np.errstate(all="ignore"):
            a = rng.choice(_ODD, size=shape).astype(dtype)
    if how == "F":
        return np.asfortranarray(a)
    if how == "permuted" and a.ndim:
        order = rng.permutation(a.ndim)
        return np.ascontiguousarray(a.transpose(order)).transpose(np.argsort(order))
    if how == "steps" and a.ndim:
        k = int(rng.integers(a.ndim))
        wide = np.repeat(a, 3, axis=k)
        return wide[(*[slice(None)] * k, slice(None, None, 3))]
    if how == "reversed" and a.ndim:
        return a[::-1]
    if how == "broadcast" and a.ndim:
        return np.broadcast_to(a[:1], a.shape)
    return a


@quietly
@given(st.data())
def test_reductions_in_every_layout(data: Any) -> None:
    shape = tuple(data.draw(st.lists(_SIZES, max_size=4)))
    dtype = data.draw(st.sampled_from(("f4", "f8", "c16", "i8")))
    x = data.draw(laid(shape, dtype))
    axes = data.draw(st.one_of(st.none(), st.sets(st.integers(0, max(len(shape) - 1, 0)), min_size=1).map(tuple)))
    axes = axes if shape else None
    keepdims = data.draw(st.booleans())
    names = ("sum", "prod") if dtype == "c16" else ("sum", "prod", "max", "min")
    f = getattr(np, data.draw(st.sampled_from(names)))
    agree(lambda a: f(a, axis=axes, keepdims=keepdims), [(x,)] * 3)


@pytest.mark.parametrize("n", [3, 64])
def test_functions_that_equal_loops_run_in_c_whatever_their_size(n: int) -> None:
    a = np.random.default_rng(0).normal(size=(n, n))
    source = agree(lambda x: np.linalg.cholesky(x) * 2.0, [(a @ a.T + n * np.eye(n),)] * 3)
    assert re.findall(r"\b([fs])\d*\(", re.sub("#.*", "", source.text)) == ["s"]


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1), (0, 2), -1])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_plain_reductions_run_in_c(axis: Any, dtype: str) -> None:
    a = np.random.default_rng(0).normal(size=(130, 9, 257)).astype(dtype)
    for f in (np.sum, np.max):
        source = agree(lambda x, f=f: f(x, axis=axis), [(a,), (-a,)])
        assert "reduce(" not in re.sub("#.*", "", source.text)


@pytest.mark.parametrize("n", [2, 3, 7, 8, 9, 31, 128, 129])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_sums_of_short_rows_and_few_columns(n: int, dtype: str) -> None:
    rng = np.random.default_rng(n)
    a = (rng.normal(size=(2, 30, 2 * n)) * 10.0 ** rng.integers(-6, 6, (2, 30, 2 * n))).astype(dtype)
    a[:, :3] = -0.0
    agree(lambda x: (x.sum(-1), x[..., ::2].sum(-1), x.sum(1), x[..., :n].sum(1), x.T.sum(0)), [(a,), (-a,)])


@quietly
@given(st.data())
def test_products_of_matrices(data: Any) -> None:
    m, k, n = (data.draw(st.sampled_from((1, 2, 3, 18))) for _ in range(3))
    dtype = data.draw(st.sampled_from(("f4", "f8", "c16")))
    stack = data.draw(st.sampled_from(((), (3,), (2, 1), (2, 3))))
    x = data.draw(laid((*stack, m, k) if data.draw(st.booleans()) else (k,), dtype))
    y = data.draw(laid((*stack[1:], k, n) if data.draw(st.booleans()) else (k,), dtype))
    agree(lambda a, b: np.matmul(a, b), [(x, y)] * 2)


@quietly
@given(st.data())
def test_elementwise_calls_in_every_layout_and_dtype(data: Any) -> None:
    shape = tuple(data.draw(st.lists(_SIZES, max_size=4)))
    other = tuple(n if data.draw(st.booleans()) else 1 for n in shape[data.draw(st.integers(0, len(shape))) :])
    x, y = (data.draw(laid(s, data.draw(_DTYPES))) for s in (shape, other))
    number = data.draw(st.sampled_from((2, -0.5, 3.0)))

    def f(a: Any, b: Any) -> Any:
        c = a * b
        return c, np.maximum(a, b) + number * c, (c == b) * c, np.where(a > b, a, c)

    assume(x.dtype.kind != "c" and y.dtype.kind != "c")
    agree(f, [(x, y)] * 2)


def test_copies() -> None:
    rng = np.random.default_rng(0)

    def f(a: Any) -> Any:
        joined = np.concatenate([a[1:], a.T.reshape(-1, 3), a])
        wide = np.stack([a, a * 2], axis=1)
        return joined, wide, wide[:, 1].astype("f4") + 1, (a.T * 1).reshape(2, 6), a.astype("i4") * 2

    source = agree(f, [(rng.normal(size=(4, 3)),) for _ in range(3)])
    assert "fill" in source.text
    slopes = ag.value_and_grad(lambda a: (a[1:] * a[:-1] + a[2, ::-1]).sum())
    assert len(agree(slopes, [(rng.normal(size=(4, 3)),) for _ in range(3)])._segments) == 1


# ---- whole programs -------------------------------------------------------------------------------------------------


def links(h: Any, w: Any, x: Any) -> Any:
    for _ in range(6):
        h = np.tanh(h * w + x)
    return h.sum()


@pytest.mark.parametrize("shape", [(), (1,), (16, 16), (300, 128)])
def test_a_chain_is_one_segment(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    draws = [[np.asarray(rng.normal(size=shape)) for _ in range(3)] for _ in range(3)]
    source = agree(ag.value_and_grad(links, (0, 1, 2)), draws)
    assert len(source._segments) == 1
    with monkeypatch.context() as patch:
        patch.setattr(blocks, "_PART", 1 << 10)
        agree(ag.value_and_grad(links, (0, 1, 2)), draws)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(700, 130)) for _ in range(3)]
    compiled = ag.compile(ag.value_and_grad(links, (0, 1, 2)))
    before, found = ag.get_threads(), []
    try:
        for n in (1, 2, 5):
            ag.set_threads(n)
            for _ in range(3):
                loss, slopes = compiled(*arrays)
            found.append([np.asarray(loss).tobytes(), *(g.tobytes() for g in slopes)])
    finally:
        ag.set_threads(before)
    assert found[0] == found[1] == found[2]


def test_many_threads_may_call() -> None:
    rng = np.random.default_rng(0)
    draws = [[rng.normal(size=(64, 64)) for _ in range(3)] for _ in range(6)]
    compiled = ag.compile(ag.grad(links))
    expected = [compiled(*a).tobytes() for a in draws]
    wrong: list[int] = []

    def work(k: int) -> None:
        wrong.extend(k for _ in range(30) if compiled(*draws[k]).tobytes() != expected[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# ---- what a segment is given ----------------------------------------------------------------------------------------


def test_arrays_that_are_not_aligned_are_copied() -> None:
    compiled = ag.compile(lambda x, y: (x * y + 1, x @ y))
    rng = np.random.default_rng(0)
    for _ in range(3):
        memory = np.empty(8 * 16 + 1, np.uint8)[1:]
        x = memory.view(np.float64).reshape(4, 4)
        x[...], y = rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
        assert not x.flags.aligned
        for found, expected in zip(compiled(x, y), (x * y + 1, matmul(x.copy(), y)), strict=True):
            assert same_bits(found, expected)


@pytest.mark.filterwarnings("ignore:compile. the function .* two calls did not do the same")
def test_the_alarm_is_heard() -> None:
    """What is invalid in a backward pass makes the function itself run, which masks it."""
    w = ag.tensor([4.0, 1.0, 9.0], requires_grad=True)

    def step(x: Any) -> Any:
        w.grad = None
        (np.sqrt(w * x) * 2).sum().backward()
        return w.grad + 0

    compiled = ag.compile(step)
    for x in ([1.0, 1.0, 1.0], [2.0, 1.0, 1.0], [0.0, 1.0, 0.0], [3.0, 0.0, 1.0]):
        with np.errstate(all="ignore"):
            assert same_bits(np.asarray(compiled(np.array(x))), step(np.array(x)).numpy())


def test_comparisons_with_nan_are_no_alarm() -> None:
    compiled = ag.compile(ag.grad(lambda x: np.where(x > 0, x * 2, 0.0).sum()))
    x = np.array([1.0, 2.0, np.nan])
    for _ in range(4):
        compiled(x)
    assert compiled.traces[0].replay is not None
    assert compiled.traces[0].replay.source._segments


def test_systems_that_are_singular_raise() -> None:
    rng = np.random.default_rng(0)

    def f(a: Any, b: Any) -> Any:
        spd = a @ a.T
        return np.linalg.solve(a, b), np.linalg.inv(a) @ b, np.linalg.cholesky(spd), np.linalg.solve(a, a[0])

    source = agree(f, [(rng.normal(size=(4, 4)), rng.normal(size=(4, 3))) for _ in range(3)])
    assert len(source._segments) == 1
    compiled = ag.compile(f)
    good, bad = rng.normal(size=(4, 4)), np.ones((4, 4))
    for a in (good, good, good, bad, good, bad):
        if a is bad:
            with pytest.raises(np.linalg.LinAlgError, match="^Singular matrix$"):
                compiled(a, good)
        else:
            assert same_bits(compiled(a, good)[0], np.linalg.solve(ag.tensor(a), good).numpy())
    factor = ag.compile(lambda a: np.linalg.cholesky(a - 2))
    for _ in range(2):
        factor(np.eye(3) * 9)
    with pytest.raises(np.linalg.LinAlgError, match="Matrix is not positive definite"):
        factor(np.eye(3))


@pytest.mark.parametrize("wrong", ["code", "loop", "memory", "kinds"])
def test_code_that_is_not_sound_is_refused(wrong: str) -> None:
    assert library is not None
    (segment,) = Source(make_plan(lambda x: np.exp(x) * 2, np.ones(3)))._segments
    arena = np.zeros(1 << 10, np.uint8)
    segment.instance(arena)
    if wrong == "code":
        broken = segment._replace(code=segment.code[:-2])
    elif wrong == "loop":
        broken = segment._replace(loops=((np.add, 10_000), *segment.loops[1:]))
    elif wrong == "memory":
        broken = segment._replace(fixed=())
        broken = broken._replace(results=(), output_values=())
    else:
        broken = segment._replace(arguments=((np.dtype("f8"), (3,), "no strides", False, False, False),))
    with pytest.raises((ValueError, TypeError)):
        broken.instance(arena)
    with pytest.raises(TypeError, match="expected 1 arguments"):
        segment.instance(arena)()


def test_the_executor_names_no_operation() -> None:
    home = Path(segments.__file__).parent
    files = [
        home / name
        for name in (
            "native_segments.py",
            "call_instructions.py",
            "inner_loops.py",
            "tiling.py",
            "buffer_assignment.py",
        )
    ]
    files += [home.parent / "native" / "c" / name for name in ("executor.c", "reductions.c", "segment.c", "executor.h")]
    named = {op for op in OPS if isinstance(getattr(np, op, None), np.ufunc)}
    for file in files:
        code = re.sub(r'"""(.|\n)*?"""|/\*(.|\n)*?\*/', "", file.read_text())
        found = {word for pair in re.findall(r"\bnp\.(\w+)|\"(\w+)\"", code) for word in pair}
        assert not found & named, file.name
