"""Gathers and scatters: compiled code gives the bits of eager code for every index, with kernels and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

import autograd_lite as ag
from autograd_lite.compiler import lowering, native_segments as segments, recording_array as watched
from autograd_lite.core import gathers
from autograd_lite.ops import index as index_ops, selection
from autograd_lite.testing import check_grads

from ..laws.reading import same_bits
from .eager import eager
from .test_plans import make_plan
from .test_segments import laid, needs_c

Index = tuple[Any, ...]
checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
quietly = settings(max_examples=6, deadline=None, suppress_health_check=checks)
_SWITCHES = (gathers, watched, index_ops, selection, segments)
_LONG = 5


def without_kernels(patch: pytest.MonkeyPatch) -> None:
    """Leave all gathers and scatters to NumPy."""
    for module in _SWITCHES:
        patch.setattr(module, "library", None)


@st.composite
def rows_of(draw: Any, n: int, axes: int = 1) -> Any:
    """Return an array of indices into an axis of length n, which may name an entry more than once, or none."""
    if axes == 1 and draw(st.booleans()):
        step = draw(st.sampled_from((1, 2, -1, -2)))
        found = np.arange(n)[::step]
        return found - n if draw(st.booleans()) else found
    shape = draw(st.tuples(*[st.integers(0 if axes == 1 else 1, _LONG)] * axes))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    a = rng.integers(-n, n, shape).astype(draw(st.sampled_from(("i8", "i8", "i4", "i2"))))
    return np.asfortranarray(a) if draw(st.booleans()) else a


def _mask(draw: Any, shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(draw(st.integers(0, 99))).uniform(size=shape) < 0.6


# What an index is made of, for an array of these lengths.
KINDS: dict[str, Callable[[Any, tuple[int, ...]], Index]] = {
    "row": lambda draw, s: (draw(rows_of(s[0])),),
    "matrix": lambda draw, s: (draw(rows_of(s[0], 2)),),
    "last": lambda draw, s: (..., draw(rows_of(s[-1]))),
    "middle": lambda draw, s: (slice(None), draw(rows_of(s[1]))),
    "part": lambda draw, s: (slice(None, None, -1), draw(rows_of(s[1])), slice(1, None)),
    "new axis": lambda draw, s: (None, draw(rows_of(s[0])), None),
    "pair": lambda draw, s: tuple(np.broadcast_arrays(draw(rows_of(s[0]).filter(len))[:1], draw(rows_of(s[1])))),
    "grid": lambda draw, s: (draw(rows_of(s[0]))[:, None], draw(rows_of(s[1]))),
    "number before": lambda draw, s: (draw(st.integers(-s[0], s[0] - 1)), draw(rows_of(s[1]))),
    "number behind": lambda draw, s: (draw(rows_of(s[0])), draw(st.integers(-s[1], s[1] - 1))),
    "apart": lambda draw, s: (draw(rows_of(s[0])), slice(None), draw(st.integers(-s[2], s[2] - 1))),
    "three": lambda draw, s: tuple(draw(rows_of(n))[:1] for n in s),
    "mask": lambda draw, s: (_mask(draw, s[:1]),),
    "mask of all": lambda draw, s: (_mask(draw, s),),
    "mask of a column": lambda draw, s: (slice(None), _mask(draw, s[1:2])),
    "element": lambda draw, s: tuple(draw(st.integers(-n, n - 1)) for n in s),
    "slice": lambda draw, s: (slice(1, None), -1),
}


@st.composite
def cases(draw: Any, dtypes: Any) -> tuple[Any, Index]:
    """Return an array that lies in memory in some way, and an index."""
    shape = draw(st.tuples(*[st.integers(2, _LONG)] * 3))
    kind = draw(st.sampled_from(tuple(KINDS)))
    return draw(laid(shape, draw(dtypes))), KINDS[kind](draw, shape)


FORMS: dict[str, Callable[[Any, Any, Index], Any]] = {
    "read": lambda x, y, i: x[i] * 2,
    "read twice": lambda x, y, i: x[i] + x[i],
    "sum": lambda x, y, i: x[i].sum(),
    "axes of a number": lambda x, y, i: x[i].sum()[..., None] * x[i].sum()[None, ...],
    "write": lambda x, y, i: _written(x, y, i),
    "write a number": lambda x, y, i: _written(x, -0.0, i),
    "write, and read what was there": lambda x, y, i: _beside(x * 2, y, i),
    "write what overlaps": lambda x, y, i: _shifted(x * 2, i),
    "write again": lambda x, y, i: _written(_written(x * 2, y, i), 0.5, i) * 2,
    "slope": lambda x, y, i: ag.grad(lambda a: (a[i] * y).sum())(x),
    "slopes of a write": lambda x, y, i: ag.grad(lambda a, b: (_written(a, b, i) ** 2).sum(), argnums=(0, 1))(x, y),
    "curvature": lambda x, y, i: ag.grad(lambda b: (ag.grad(lambda a: (a[i] ** 3).sum())(b) * b).sum())(x),
}


def _written(x: Any, y: Any, index: Index) -> Any:
    out = np.copy(x)
    out[index] = y
    return out


def _beside(a: Any, y: Any, index: Index) -> Any:
    """Write into a copy of what is read afterward, as it is and as a view."""
    b = _written(a, y, index)
    return a - b, a[::-1] + b


def _shifted(a: Any, index: Index) -> Any:
    """Write what lies in the same memory."""
    out = np.copy(a)
    out[1:] = out[:-1]
    out[index] = out[index][::-1] if np.ndim(out[index]) else out[0, 0, 0]
    return out


def bits(found: Any, expected: Any, *context: Any) -> None:
    """Check that results agree in every bit."""
    for a, b in zip(ag.tree.leaves(found), ag.tree.leaves(expected), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype, context
        assert same_bits(np.asarray(a), np.asarray(b)), context


@quietly
@given(data=st.data())
def test_a_sample_of_indices_and_layouts(data: Any) -> None:
    agrees(data.draw(st.sampled_from(tuple(FORMS))), data)


@pytest.mark.ci
@pytest.mark.parametrize("form", FORMS)
@settings(quietly, max_examples=25)
@given(data=st.data())
def test_every_index_and_layout(form: str, data: Any) -> None:
    agrees(form, data)


def agrees(form: str, data: Any) -> None:
    """Compare code that is compiled, and code without kernels, with eager code."""
    smooth = "slope" in form or form == "curvature"
    dtypes = st.sampled_from(("f8", "f4") if smooth or "write" in form else ("f8", "f4", "c16", "i8", "?"))
    x, index = data.draw(cases(dtypes))
    rng = np.random.default_rng(0)
    y = rng.choice([-0.0, 1.5, -2.25, 0.1], size=x[index].shape).astype(x.dtype)
    f = FORMS[form]
    with np.errstate(all="ignore"), pytest.MonkeyPatch.context() as patch:
        expected = eager(lambda a, b: f(a, b, index))(x, y)
        compiled = ag.compile(lambda a, b: f(a, b, index))
        for _ in range(3):
            bits(compiled(x, y), expected, index)
        without_kernels(patch)
        bits(eager(lambda a, b: f(a, b, index))(x, y), expected, index)
        compiled = ag.compile(lambda a, b: f(a, b, index))
        for _ in range(3):
            bits(compiled(x, y), expected, index)


@quietly
@given(st.data())
def test_indices_that_are_arguments(data: Any) -> None:
    n, k = data.draw(st.integers(1, _LONG)), data.draw(st.integers(1, 3))
    x = data.draw(laid((n, k), data.draw(st.sampled_from(("f8", "f4")))))
    m = data.draw(st.integers(0, _LONG))
    draws = [np.random.default_rng(s).integers(-n, n, m) for s in range(4)]

    def f(a: Any, i: Any) -> Any:
        taken = a[i]
        one = np.take_along_axis(a, i[:, None] % n, 0)
        return taken, one, ag.grad(lambda b: (b[i] * b[i]).sum() + (np.take(b, i, 0) * one[:, :1]).sum())(a)

    compiled = ag.compile(f)
    with np.errstate(all="ignore"):
        for i in (draws[0], *draws):
            bits(compiled(x, i), eager(f)(x, ag.tensor(i)), i)


@quietly
@given(st.data())
def test_one_index_for_each_element(data: Any) -> None:
    shape = data.draw(st.tuples(*[st.integers(1, 4)] * 3))
    axis = data.draw(st.integers(-3, 2))
    x = data.draw(laid(shape, data.draw(st.sampled_from(("f8", "f4")))))
    wide = [*shape]
    wide[axis] = data.draw(st.integers(1, 5))
    i = np.random.default_rng(0).integers(-shape[axis], shape[axis], wide)

    def f(a: Any) -> Any:
        return np.take_along_axis(a, i, axis), ag.grad(lambda b: (np.take_along_axis(b, i, axis) ** 2).sum())(a)

    with np.errstate(all="ignore"), pytest.MonkeyPatch.context() as patch:
        expected, compiled = eager(f)(x), ag.compile(f)
        for _ in range(3):
            bits(compiled(x), expected)
        without_kernels(patch)
        bits(eager(f)(x), expected)


# Functions of an array and indices, and what NumPy says of those.
READS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "rows": (lambda x, i: x[i], lambda x, i: x[i]),
    "columns": (lambda x, i: x[:, i], lambda x, i: x[:, i]),
    "behind a number": (lambda x, i: x[0, i], lambda x, i: x[0, i]),
    "pair": (lambda x, i: x[i, 1 - i], lambda x, i: x[i, 1 - i]),
    "take": (lambda x, i: np.take(x, i, 1), lambda x, i: x[:, i]),
    "slope": (lambda x, i: ag.grad(lambda a: (a[:, i] ** 2).sum())(x), lambda x, i: x[:, i]),
}


@pytest.mark.parametrize("kernels", ["native", "numpy"])
@pytest.mark.parametrize("bad", [3, pytest.param(-4, marks=pytest.mark.ci), pytest.param(10**9, marks=pytest.mark.ci)])
@pytest.mark.parametrize("name", READS)
def test_errors_are_numpys(name: str, bad: int, kernels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kernels == "numpy":
        without_kernels(monkeypatch)
    f, numpys = READS[name]
    x, compiled, wrong = np.arange(9.0).reshape(3, 3), ag.compile(f), np.array([1, bad])
    for k in (1, 2, 0):
        compiled(x, np.array([k, 0]))
    with pytest.raises(IndexError) as expected:
        numpys(x, wrong)
    with pytest.raises(IndexError) as found:
        compiled(x, wrong)
    assert str(found.value).splitlines()[0] == str(expected.value)
    with pytest.raises(IndexError):
        eager(f)(x, ag.tensor(wrong))
    bits(compiled(x, np.array([1, 1])), eager(f)(x, ag.tensor(np.array([1, 1]))))


# ---- programs -------------------------------------------------------------------------------------------------------


def bonds(x: Any) -> Any:
    """Neighbor lists: arrays of first and second partners."""
    i, j = np.triu_indices(6, 1)
    d = x[i] - x[j]
    return (1.0 / (0.5 + (d * d).sum(1))).sum()


def elements(x: Any) -> Any:
    """Assembly of finite elements: local vectors are added where their nodes are."""
    cells = np.stack([np.arange(5), np.arange(1, 6), np.array([3, 0, 4, 1, 2])], 1)
    forces = np.tanh(x[cells].sum(-1)[:, :, None] * np.arange(1.0, 4.0))
    total = np.zeros_like(x)
    np.add.at(total, cells, forces)
    return (total * x).sum()


def sweep(x: Any) -> Any:
    """Thomas's algorithm on lists of numbers: b[i] is read and written."""
    a, b, c, d = x[:, 0] * 0.1, 3.0 + x[:, 1] ** 2, np.copy(x[:, 2]) * 0.1, np.copy(x[:, 0])
    for i in range(1, 6):
        w = a[i] / b[i - 1]
        b[i] = b[i] - w * c[i - 1]
        d[i] = d[i] - w * d[i - 1]
    d[5] = d[5] / b[5]
    for i in range(4, -1, -1):
        d[i] = (d[i] - c[i] * d[i + 1]) / b[i]
    return (d * d).sum()


def wave(x: Any) -> Any:
    """Verlet's steps on a ring, by indices that wrap around."""
    right, left = (np.arange(6) + 1) % 6, (np.arange(6) - 1) % 6
    q, p = x[:, 0], x[:, 1]
    for _ in range(4):
        p = p + 0.1 * (q[right] - 2 * q + q[left])
        q = q + 0.1 * p
    return (q[::-1] * p[np.arange(5, -1, -1)]).sum()


def smoothed(x: Any) -> Any:
    """Slices that are written into."""
    u = np.copy(x)
    for _ in range(3):
        u[1:-1] += 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
        u[0] = u[1] * 0.5
    return (u * x).sum()


PROGRAMS = [bonds, elements, pytest.param(sweep, marks=pytest.mark.ci), wave, smoothed]


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(size=(6, 3))
    f = ag.value_and_grad(program)
    assert check_grads(program, x).ok
    expected, compiled = eager(f)(x), ag.compile(f)
    for _ in range(3):
        bits(compiled(x), expected)
    without_kernels(monkeypatch)
    bits(eager(f)(x), expected)
    compiled = ag.compile(f)
    for _ in range(3):
        bits(compiled(x), expected)


@needs_c
@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_are_one_segment(program: Any) -> None:
    """So they make no call from Python."""
    plan = make_plan(ag.grad(program), np.random.default_rng(0).normal(size=(6, 3)))
    found = segments.find_segments(plan)
    assert [(s.first, s.stop) for s in found] == [(found[0].first, found[0].stop)]
    inside = range(found[0].first, found[0].stop)
    assert [
        call.name for k, call in enumerate(plan.calls) if call.how is not lowering.How.VIEW and k not in inside
    ] == []
