"""A compiled function that itself runs is given what it was given when traced, and gives the same classes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler.compiled_function import _MOST_TRACES

from ..array_kinds import DOUBLE

X = np.array([0.5, -1.0, 2.0])
Function = Callable[..., Any]

# What a function does with its argument that an array has no method for.
BODIES: dict[str, Function] = {
    "a method": lambda x: x.tanh(),
    "the argument": lambda x: x if x.requires_grad is not None else 0,
    "a view": lambda x: x[1:].tanh() if x.ndim else x.tanh(),
    "a number": lambda x: x.tanh().sum(),
    "containers": lambda x: {"a": [x.tanh(), (x.exp(), 3.0)], "b": None},
    "a captured tensor": lambda x: x.tanh() * W,
    "a leaf": lambda x: x.tanh() * LEAF,
    "a write": lambda x: _written(x),
}
W, LEAF = ag.tensor(2.0), ag.tensor(3.0, requires_grad=True)


def _written(x: Any) -> Any:
    y = x.tanh()
    y[..., 0] = 5.0
    x[..., 0] = 1.0  # in place of the argument, of which the caller sees nothing
    return y + x


def _changing(f: Function, x: Any) -> Any:
    rng = np.random.default_rng(0)
    g = ag.compile(lambda x: f(x) if rng.normal() else 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ag.CompileWarning)
        found = [g(x) for _ in range(4)]
    assert g.traces[0].replay is None
    return found[-1]


def _of_many_shapes(f: Function, x: Any) -> Any:
    g = ag.compile(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ag.CompileWarning)
        for n in range(3, _MOST_TRACES + 5):
            g(np.ones(n + 1))
        return g(x)


def _watched(f: Function, x: Any) -> Any:
    with ag.raise_on_nan():
        return ag.compile(f)(x)


def _inside(transformed: Function) -> Function:
    def run(f: Function, x: Any) -> Any:
        g, found = ag.compile(f), []
        transformed(lambda y: (found.append(g(x)), y.sum())[1])(np.ones(2))
        return found[-1]

    return run


def _with_history(f: Function, x: Any) -> Any:
    older = ag.tensor(1.0, requires_grad=True) * 2
    g = ag.compile(lambda x: (f(x), older * 1)[0])
    return [g(x) for _ in range(3)][-1]


def _assuming(f: Function, x: Any) -> Any:
    def g(x: Any) -> Any:
        ag.extend.assume(lambda a: not a.any(), x)
        return f(x)

    compiled = ag.compile(g)
    zeros = np.zeros(3, x.dtype)
    for _ in range(2):
        compiled(zeros if x.__class__ is np.ndarray else ag.tensor(zeros, requires_grad=x.requires_grad))
    return compiled(x)


ROUTES: dict[str, Function] = {
    "first": lambda f, x: ag.compile(f)(x),
    "second": lambda f, x: [g(x) for g in [ag.compile(f)] for _ in range(2)][-1],
    "replayed": lambda f, x: [g(x) for g in [ag.compile(f)] for _ in range(3)][-1],
    "random": _changing,
    "many shapes": _of_many_shapes,
    "an assumption that fails": _assuming,
    "raise_on_nan": _watched,
    "inside grad": _inside(ag.grad),
    "inside jvp": _inside(lambda f: lambda x: ag.jvp(f)((x,), (x,))),
    "inside vmap": _inside(ag.vmap),
    "with a history": _with_history,
    "another memory": lambda f, x: ag.compile(f)(np.asarray(x).view(_Own)),
}


class _Own(np.ndarray):
    """A subclass without a meaning of its own, as memory maps are."""


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("body", BODIES)
def test_a_function_that_runs_itself(body: str, route: str) -> None:
    f = BODIES[body]
    for x in (X, X.astype("f4"), ag.tensor(X), ag.tensor(X, requires_grad=True)):
        if x.__class__ is not np.ndarray and route in ("another memory", "many shapes"):
            continue
        if body == "a write" and getattr(x, "requires_grad", False):
            continue  # a leaf is not written into
        given, expected = np.array(X), ag.compile(f)(x)
        found = ROUTES[route](f, x)
        assert ag.tree.structure(found) == ag.tree.structure(expected)
        for a, b in zip(ag.tree.leaves(found), ag.tree.leaves(expected), strict=True):
            assert type(a) is type(b)
            assert a is None or np.array_equal(_array(a), _array(b))
            assert getattr(a, "requires_grad", False) == getattr(b, "requires_grad", False)
            if isinstance(a, np.ndarray):
                a[...] = 7  # it is the caller's
        assert np.array_equal(X, given)
        assert W.item() == 2.0


def _array(x: Any) -> Any:
    return x.detach().numpy() if isinstance(x, ag.Tensor) else np.asarray(x)


@pytest.mark.parametrize("number", [np.float64(0.5), np.array(0.5), np.float32(0.5)])
@pytest.mark.parametrize("route", ROUTES)
def test_numbers(number: Any, route: str) -> None:
    if route in ("another memory", "many shapes", "an assumption that fails"):
        return
    found, expected = (ROUTES[r](BODIES["a method"], number) for r in (route, "first"))
    assert type(found) is type(expected)
    assert found == expected


def test_memory_maps(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "x", float, "w+", shape=(3,))
    mapped[:] = X
    compiled = ag.compile(lambda x: x.tanh())
    for _ in range(3):
        assert type(compiled(mapped)) is np.ndarray
        assert np.array_equal(compiled(mapped), compiled(X))


def test_classes_with_a_meaning_of_their_own_stay() -> None:
    doubled = ag.compile(lambda a: a * 2)
    for a in (np.ma.masked_array([1.0, 2.0], [0, 1]), np.ma.matrix([[1.0]]) if hasattr(np.ma, "matrix") else X):
        for _ in range(3):
            assert type(doubled(a)) is type(a)


def test_arrays_of_other_memory() -> None:
    x = DOUBLE.to_kind(X)
    found = ag.compile(lambda x: x.tanh())(x)
    assert type(found) is type(x)


def test_on_a_tape_results_are_what_is_recorded() -> None:
    inner = ag.compile(lambda x: x.tanh() * W)
    outer = ag.compile(lambda y: y * inner(X))
    for k in range(5):
        W.assign(k + 1.0)
        assert np.array_equal(outer(X), X * inner(X))
    W.assign(2.0)
