"""Views by an index that is computed: a replay reads them where they lie then, and not where they lay when planned."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler import native_segments as segments

from ..laws.reading import same_bits
from .eager import eager

Function = Callable[..., Any]

# What an index takes out of an array of two axes.
INDEX: dict[str, Function] = {
    "row": lambda m, i: m[i],
    "column": lambda m, i: m[:, i],
    "last": lambda m, i: m[..., i],
    "part": lambda m, i: m[i, 1:],
    "part of a column": lambda m, i: m[::2, i],
    "new axis": lambda m, i: m[None, i],
    "element": lambda m, i: m[i, i],
    "element of a row": lambda m, i: m[i][i],
    "pair": lambda m, i: m[np.stack([i, 3 - i])],
    "take": lambda m, i: np.take(m, i, 0),
    "along": lambda m, i: np.take_along_axis(m, i[None, None], 1),
}
# Where the array comes from that it is taken out of, and where the index.
BASES: dict[str, Function] = {
    "argument": lambda m: m,
    "captured": lambda m: M,
    "computed": lambda m: np.tanh(m),
    "transposed": lambda m: m.T,
    "reshaped": lambda m: m.reshape(-1)[:16].reshape(4, 4),
    "reversed": lambda m: m[::-1],
}
INDICES: dict[str, Function] = {"given": lambda i: i, "computed": lambda i: (3 * i + 1) % 4}
# Views of that, and what reads them.
VIEWS: dict[str, Function] = {
    "itself": lambda r: r,
    "part": lambda r: r[..., 1:],
    "reversed": lambda r: r[..., ::-1],
    "transposed": lambda r: r.T,
    "reshaped": lambda r: np.reshape(r, (-1, 1)),
    "broadcast": lambda r: np.broadcast_to(r, (2, *r.shape)),
    "squeezed": lambda r: np.squeeze(np.expand_dims(r, 0)),
    "real": lambda r: np.real(r),
}
READERS: dict[str, Function] = {
    "nothing": lambda r: r,
    "ufunc": lambda r: r * 2 + 1,
    "sum": lambda r: r.sum(),
    "matmul": lambda r: np.matmul(r.reshape(1, -1), r.reshape(-1, 1)),
    "join": lambda r: np.concatenate([r.ravel(), r.ravel()]),
    "slope": lambda r: r,
}
M = ag.tensor(np.linspace(-2, 2, 16).reshape(4, 4))
A = np.random.default_rng(0).normal(size=(4, 4))
ROWS = list(itertools.product(INDEX, BASES, INDICES, VIEWS, READERS))


@pytest.fixture(autouse=True, params=["native", "python"])
def _executor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run plans in C, and in Python."""
    if request.param == "python":
        monkeypatch.setattr(segments, "library", None)


def agrees(index: str, base: str, number: str, view: str, reader: str) -> None:
    """Compare a function with itself compiled, at indices that come after it was planned."""

    def f(m: Any, i: Any) -> Any:
        r = VIEWS[view](INDEX[index](BASES[base](m), INDICES[number](i)))
        return READERS[reader](r)

    f = ag.grad(lambda m, i, f=f: (f(m, i) ** 2).sum()) if reader == "slope" else f
    compiled = ag.compile(f)
    try:
        eager(f)(A, ag.tensor(0))
    except (IndexError, ValueError):  # a number has no parts
        return
    for k in (0, 1, 2, 3, 0, 2):
        given = (A * (k + 1), np.int64(k))
        expected, found = eager(f)(given[0], ag.tensor(given[1])), compiled(*given)
        assert same_bits(np.asarray(found), np.asarray(expected)), (index, base, number, view, reader, k)


def test_a_sample() -> None:
    for row in ROWS[::97]:
        agrees(*row)


@pytest.mark.ci
def test_more() -> None:
    for row in ROWS[::37]:
        agrees(*row)


@pytest.mark.parametrize("number", INDICES)
@pytest.mark.parametrize("index", INDEX)
def test_programs_read_them_anew(index: str, number: str) -> None:
    """A `Program` that was traced with one index computes results and gradients for others."""

    def f(m: Any, i: Any) -> Any:
        return INDEX[index](m, INDICES[number](i))

    program, squares = ag.Program.trace(f, A, np.int64(0)), lambda m, i: (f(m, i) ** 2).sum()
    with_gradients = ag.Program.trace(squares, A, np.int64(0), backward=True)
    for k in range(4):
        given = A * (k + 1), np.array(k)
        assert same_bits(np.asarray(program(*given)), np.asarray(f(ag.tensor(given[0]), ag.tensor(k))))
        expected = eager(ag.grad(squares))(given[0], ag.tensor(k))
        assert same_bits(np.asarray(with_gradients.gradients(*given)["m"]), np.asarray(expected))


def _written(m: Any, index: Any) -> Any:
    out = m * 1.0
    out[index] = m[0, 0] * 3
    return out * out


def _written_through_a_view(m: Any, i: Any) -> Any:
    out = m * 1.0
    row = out[i]
    row *= m[0]
    return out * out


def _read_through_a_view(m: Any, i: Any) -> Any:
    out = m * 1.0
    row = out[i]
    out *= m
    return row * m[0]


WRITTEN: dict[str, Function] = {
    "a row that a view writes": _written_through_a_view,
    "a view of what is written": _read_through_a_view,
    "a row that is written": lambda m, i: _written(m, i),
    "an element that is written": lambda m, i: _written(m, (i, i)),
    "the largest": lambda m, i: m[i][np.argmax(m[i])],
}


# Derivatives, and whether they are compiled themselves or go through a compiled function.
SLOPES: dict[str, tuple[Function, bool]] = {
    "first": (ag.grad, False),
    "second": (lambda f: ag.grad(lambda m, i: (ag.grad(f)(m, i) ** 2).sum()), False),
    "matrix": (ag.hessian, True),
}


@pytest.mark.parametrize("index", [*INDEX, *WRITTEN])
def test_derivatives_read_them_anew(index: str) -> None:
    """Those through a compiled function, and compiled ones, are at the index of the call, not of the first."""
    for number, (slope, inside) in itertools.product(INDICES.values(), SLOPES.values()):

        def f(m: Any, i: Any, number: Function = number) -> Any:
            return ({**INDEX, **WRITTEN}[index](m, number(i)) ** 3).sum()

        compiled = ag.compile(slope(f)) if inside else slope(ag.compile(f))
        for k in (0, 0, 1, 2, 3, 0, 2):  # twice the same, or the second trace differs and the function runs eagerly
            given = A * (-1) ** k * (k + 1), np.array(k)
            np.testing.assert_allclose(compiled(*given), slope(f)(given[0], ag.tensor(given[1])), rtol=1e-12)


# More steps than it takes for a body to be planned.
STEPS = 132
LOOPS: dict[str, Function] = {
    "scan": lambda take, m: ag.scan(lambda c, i: (c + take(m, i).sum(), take(m, i)), m[0, 0] * 0, np.arange(STEPS) % 4),
    "fori_loop": lambda take, m: ag.fori_loop(0, STEPS, lambda i, c: 0.5 * c + take(m, i % 4), take(m, 0)),
    "the same at all steps": lambda take, m: ag.fori_loop(
        0, STEPS, lambda _, c: 0.5 * c + take(m, np.argmax(m[0])), take(m, 0)
    ),
    "while_loop": lambda take, m: ag.while_loop(
        lambda c: c[0] < STEPS, lambda c: (c[0] + 1, 0.5 * c[1] + take(m, c[0] % 4)), (np.int64(0), take(m, 0))
    ),
    "bounded": lambda take, m: ag.while_loop(
        lambda c: c[0] < STEPS,
        lambda c: (c[0] + 1, 0.5 * c[1] + take(m, c[0] % 4)),
        (np.int64(0), take(m, 0)),
        max_steps=STEPS,
    ),
}
TAKEN = {name: take for name, take in INDEX.items() if name not in ("along", "pair")}


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("index", ["row", *(pytest.param(name, marks=pytest.mark.ci) for name in [*TAKEN][1:])])
def test_loops(loop: str, index: str) -> None:
    def total(m: Any) -> Any:
        return sum((a * a).sum() for a in ag.tree.leaves(LOOPS[loop](TAKEN[index], m)))

    def steps(m: Any) -> Any:
        return _in_python(loop, TAKEN[index], m)

    for _ in range(2):
        m = ag.tensor(A)
        assert np.allclose(total(m).numpy(), steps(m).numpy(), rtol=1e-12)
        if loop in ("scan", "bounded", "the same at all steps"):
            assert np.allclose(ag.grad(total)(A), ag.grad(steps)(A), rtol=1e-9)
        assert np.allclose(ag.jvp(total)((A,), (A[::-1],))[1], (ag.grad(steps)(A) * A[::-1]).sum(), rtol=1e-9)


def _in_python(loop: str, take: Function, m: Any) -> Any:
    if loop == "scan":
        rows = [take(m, k % 4) for k in range(STEPS)]
        return sum(r.sum() for r in rows) ** 2 + sum((r * r).sum() for r in rows)
    c = take(m, 0)
    for k in range(STEPS):
        c = 0.5 * c + take(m, int(np.argmax(A[0])) if loop == "the same at all steps" else k % 4)
    return (c * c).sum() + (STEPS**2 if loop in ("while_loop", "bounded") else 0)


def test_what_depends_on_an_index_has_no_fixed_place() -> None:
    compiled = ag.compile(lambda m, i: (m[i][1:] * 2, m[1:] * 2))
    for k in range(2):
        compiled(A, np.int64(k))
    plan = compiled.plan()
    views = [plan.specs[call.value].offset for call in plan.calls if plan.specs[call.value].owner != call.value]
    assert sorted(views, key=str) == [32, None, None]
