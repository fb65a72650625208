"""A replay is never stale: whatever Python code reads, and however it changes, the next call sees it."""

from __future__ import annotations

import ctypes
import gc
import io
import os
import random
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kiwisolver
import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler.guard_collector import GuardCollector
from autograd_lite.core.bytecode import uses_in

from ..rows import for_every
from ..running import untraced
from .reads import READINGS

X = np.array([1.0, -2.0, 0.5])


def in_a_scan(read: Callable[[], Any]) -> Callable[[Any], Any]:
    return lambda x: ag.scan(lambda c, _: (c * read(), None), x, None, length=2)[0]


def in_a_custom_rule(read: Callable[[], Any]) -> Callable[[Any], Any]:
    f = ag.custom_vjp(lambda x: x * 3)
    f.def_vjp(lambda g, out, x: (g * read(),))
    return ag.grad(lambda x: f(x).sum())


def in_a_function_with_a_rule(read: Callable[[], Any]) -> Callable[[Any], Any]:
    f = ag.custom_jvp(lambda x: x * read())
    f.def_jvp(lambda tangents, out, x: tangents[0])
    return lambda x: f(x) * 1.0


def in_a_compiled_function(read: Callable[[], Any]) -> Callable[[Any], Any]:
    inner = ag.compile(lambda x: x * read())
    return lambda x: inner(x) + 1


# What is computed with the number, as it is and compiled.
WAYS: dict[str, Callable[[Callable[[], Any]], Callable[[Any], Any]]] = {
    "a product": lambda read: lambda x: x * read(),
    "a gradient": lambda read: ag.grad(lambda x: (x * x * read()).sum()),
    "a batch": lambda read: ag.vmap(lambda x: x * read()),
    "a scan": in_a_scan,
    "a rule": in_a_custom_rule,
    "a function with a rule": in_a_function_with_a_rule,
    "a compiled function": in_a_compiled_function,
}


def rows_of(*ways: str) -> Any:
    rows = [(way, name) for way in ways for name in READINGS]
    return for_every(rows, by=lambda row: row[0], name=lambda row: row[1])


@rows_of("a product", "a rule", "a scan")
def test_what_python_reads_may_change(row: tuple[str, str]) -> None:
    notices(*row)


@pytest.mark.ci
@rows_of("a gradient", "a batch", "a compiled function", "a function with a rule")
def test_what_python_reads_may_change_in_transformations(row: tuple[str, str]) -> None:
    notices(*row)


def notices(way: str, name: str) -> None:
    (read, change), (its_read, its_change) = READINGS[name](), READINGS[name]()
    f, compiled = WAYS[way](its_read), ag.compile(WAYS[way](read))
    for k in range(6):
        if k == 3:
            change()
            its_change()
        found, expected = compiled(X), f(ag.tensor(X))
        np.testing.assert_array_equal(np.asarray(found), expected.numpy(), f"call {k}")
    assert any(trace.replay is not None for trace in compiled.traces)


@for_every(READINGS, name=str)
def test_a_scan_that_is_not_compiled_sees_it_too(name: str) -> None:
    (read, change), (its_read, its_change) = READINGS[name](), READINGS[name]()
    f = in_a_scan(read)
    for k in range(6):
        if k == 3:
            change()
            its_change()
        factor = its_read()
        expected = (ag.tensor(X) * factor * factor).numpy()
        np.testing.assert_array_equal(f(ag.tensor(X)).numpy(), expected)


@for_every(READINGS, name=str)
def test_what_does_not_change_is_traced_once(name: str) -> None:
    read, _change = READINGS[name]()
    compiled = ag.compile(lambda x: x * read())
    for _ in range(4):
        np.testing.assert_array_equal(compiled(X), X * 2)
    assert compiled.traces[-1].replay is not None
    assert len(compiled.traces) == 1 + (name in ("a cached property", "a sparse matrix"))  # the first call computes


# ---- what is read anew -----------------------------------------------------------------------------------------------


def product(a: Any, b: Any) -> Any:
    return a @ b


LARGE = np.ones((3000, 100))
ANEW: dict[str, Callable[[Any], Any]] = {
    "an operand": lambda x: LARGE @ x,
    "the other operand": lambda x: x @ LARGE.T,
    "in a helper": lambda x: product(LARGE, x),
    "in a variable": lambda x: (lambda a: a @ x)(LARGE),
    "of a default": lambda x, a=LARGE: a @ x,
    "a part": lambda x: LARGE[:10] @ x,
    "a transpose": lambda x: product(LARGE.T[:, :3], x[:3]),
    "beside its length": lambda x: LARGE @ x / len(LARGE) + LARGE.shape[1],
    "in a loop": lambda x: [x := x + LARGE[0] for _ in range(3)][-1],
    "in a gradient": lambda x: ag.grad(lambda y: (LARGE @ y).sum())(x),
    "in a tuple": lambda x: ag.jvp(lambda y: y * LARGE[0])((x,), (LARGE[0],))[1],
}


@pytest.mark.parametrize("name", ANEW)
def test_arrays_that_operations_take_are_read_anew(name: str) -> None:
    """Without a guard, however large they are."""
    f, x = ANEW[name], np.linspace(0, 1, 100)
    compiled = ag.compile(f)
    LARGE[...] = 1.0
    for k in range(6):
        LARGE[3, 5], LARGE[0, 0] = k, k
        np.testing.assert_array_equal(compiled(x), f(ag.tensor(x)).numpy())
    assert len(compiled.traces) == 1
    assert not [row for row in compiled.traces[0].replay.guards.rows if row.kind == "elements"]


READ_BY_PYTHON: dict[str, Callable[[Any], Any]] = {
    "by NumPy": lambda x: x * LARGE.sum(),
    "by a branch": lambda x: x * 2 if LARGE[3, 5] > 2 else x,
    "before an operation": lambda x: (LARGE + 1) @ x,
    "in a helper as well": lambda x: LARGE @ x + product(LARGE, np.ones(100)),
    "by an iteration": lambda x: x * sum(row[5] for row in LARGE),
}


@pytest.mark.parametrize("name", READ_BY_PYTHON)
def test_a_large_array_that_python_reads_makes_it_run(name: str) -> None:
    f, x = READ_BY_PYTHON[name], np.linspace(0, 1, 100)
    compiled = ag.compile(f)
    LARGE[...] = 1.0
    with pytest.warns(ag.CompileWarning, match=r"may read the array 'LARGE.*' of 2343 kB.*test_guards.py:\d+"):
        compiled(x)
    for k in range(6):
        LARGE[3, 5] = k
        np.testing.assert_array_equal(compiled(x), f(ag.tensor(x)).numpy())


# ---- what cannot be guarded ------------------------------------------------------------------------------------------

NUMBERS, FILE = iter(range(10**6)), io.StringIO("1\n" * 1000)
PATH, VARIABLE = Path(__file__), kiwisolver.Variable("x")
BUFFER, MEMORY = np.zeros(3), ctypes.c_double(1.0)


def counted() -> Any:
    BUFFER[0] += 1.0
    return BUFFER


def counted_in_all() -> Any:
    global BUFFER
    BUFFER += 1.0
    return BUFFER


RNG, OLD = np.random.default_rng(0), random.Random(0)
STATES: dict[str, tuple[Callable[[], Any], str]] = {
    "a clock": (lambda: time.perf_counter(), "it reads a clock, 'time.perf_counter', at test_guards.py:"),
    "a generator": (lambda: RNG.normal(), "it draws from a generator of random numbers"),
    "an old generator": (lambda: OLD.random(), "it draws from a generator of random numbers"),
    "the generator of a module": (lambda: random.random(), "it draws from a generator of random numbers"),
    "that of NumPy": (lambda: np.random.rand(), "it draws from a generator of random numbers"),  # noqa: NPY002
    "an iterator": (lambda: next(NUMBERS) + 1, "it reads an iterator"),
    "a file": (lambda: float(FILE.readline()), "it reads a file"),
    "a path": (lambda: len(PATH.read_text()) + next(NUMBERS), "it looks at files, 'PATH', at"),
    "whether a file is there": (lambda: os.path.exists(PATH) + random.random(), "it reads a file"),
    "a text as code": (lambda: eval("next(NUMBERS)"), "it runs code, or reads names, that a text has"),
    "a dict of globals": (lambda: globals()["NUMBERS"].__next__(), "it runs code, or reads names, that a text has"),
    "an object in C of others": (lambda: VARIABLE.value() + next(NUMBERS), "it reads an object of kiwisolver"),
    "memory of C": (
        lambda: setattr(MEMORY, "value", MEMORY.value + 1) or MEMORY.value,
        "it reads memory that is not Python's, 'MEMORY', at",
    ),
    "an array that it changes": (counted, "it changes itself what it reads: the array BUFFER has the same elements"),
    "a whole array": (counted_in_all, "it changes itself what it reads: the array BUFFER has the same elements"),
    "what it changes": (lambda n=[1]: n.append(1) or len(n), "it changes itself what it reads: the default n of"),
}


@pytest.mark.parametrize("name", STATES)
def test_what_has_a_state_makes_the_function_run(name: str) -> None:
    read, why = STATES[name]
    compiled = ag.compile(lambda x: x * read())
    with pytest.warns(ag.CompileWarning, match="compile: the function '<lambda>' runs as it is: ") as said:
        found = [compiled(X) for _ in range(5)]
    assert why in str(said[0].message)
    assert len(said) == 1
    assert said[0].filename == __file__
    assert name == "a file" or len({tuple(a) for a in found}) == 5


@untraced
@pytest.mark.parametrize("name", STATES)
def test_what_has_a_state_may_be_in_code_that_does_not_run(name: str) -> None:
    read, _ = STATES[name]
    flag = False

    def f(x: Any) -> Any:
        if flag:
            return x * read()
        return x * 2

    compiled = ag.compile(f)
    for _ in range(4):
        np.testing.assert_array_equal(compiled(X), X * 2)
    assert compiled.traces[0].replay is not None


@untraced
def test_code_that_does_not_run_may_read_what_changes() -> None:
    count, flag = [0], False

    def read() -> int:
        return count[0]

    def f(x: Any) -> Any:
        return x * read() if flag else x * 2

    compiled = ag.compile(f)
    for count[0] in range(6):
        np.testing.assert_array_equal(compiled(X), X * 2)
    assert compiled.traces[-1].replay is not None


def test_what_is_written_is_not_read() -> None:
    log: list[int] = []
    table: dict[str, int] = {}
    count = 0

    def f(x: Any) -> Any:
        nonlocal count
        count += 1
        log.append(1)
        table["x"] = len(x)
        return x * 2

    compiled = ag.compile(f)
    for _ in range(4):
        np.testing.assert_array_equal(compiled(X), X * 2)
    assert compiled.traces[0].replay is not None
    assert count == len(log) == 2


def test_many_traces_are_told_once() -> None:
    compiled = ag.compile(lambda x, by: x * 2)
    with pytest.warns(
        ag.CompileWarning, match=r"was traced 9 times, .* by is 'xxxxxxxx', and 'xxxxxxx' before"
    ) as said:
        assert all(compiled(X, "x" * k).shape == X.shape for k in range(20))
    assert len(said) == 1


# ---- the rest --------------------------------------------------------------------------------------------------------


def test_a_compiled_function_that_is_dropped_is_gone() -> None:
    def made() -> Any:
        w = ag.tensor(X, requires_grad=True)
        table = {"rate": 2.0}
        return ag.compile(lambda x: (x * w * table["rate"]).sum())

    first = made()
    for _ in range(3):  # modules that are loaded late leave cycles behind
        first(X)
    del first
    gc.collect()
    gc.disable()
    try:
        compiled = made()
        for _ in range(3):
            compiled(X)
        watched = weakref.ref(compiled)
        del compiled
        assert watched() is None
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_reading_code_tells_what_takes_each_value() -> None:
    table = {"a": [1.0]}

    def f(x: Any, box: Any) -> Any:
        y = box.w @ x + table["a"][0]
        box.count += 1
        product(table, k=y) if box.flag is None else [*table]
        return y

    uses = [(use.root, use.name, [step.key for step in use.path], use.taker) for use in uses_in(f.__code__)]
    for expected in (
        ("local", "box", ["w"], "operand"),
        ("cell", "table", ["a", 0], "operand"),
        ("local", "box", [], "target"),
        ("cell", "table", [], "argument"),
        ("local", "box", ["flag"], "is"),
        ("cell", "table", [], "unknown"),
    ):
        assert expected in uses
    assert [row.message for row in GuardCollector(f).rows if row.kind == "cell"] == ["table is as it was"]


def test_what_pytest_writes_into_assertions_is_not_followed() -> None:
    def f(x: Any) -> Any:
        assert x.shape == X.shape, "of another shape"
        return x * 2

    guards = GuardCollector(f)
    assert any(use.name.startswith("@") for use in uses_in(f.__code__))
    assert not guards.is_partial
    assert not [row for row in guards.rows if "pytest" in row.message]


@pytest.mark.ci
def test_too_many_objects_make_the_function_run() -> None:
    class Thing:
        def __init__(self, rate: float, other: Any) -> None:
            self.rate, self.other = rate, other

    one: Any = None
    for _ in range(20_000):
        one = Thing(1.0, one)

    def f(x: Any) -> Any:
        thing, total = one, x
        while thing is not None:
            total, thing = total + thing.rate, None if thing.rate > 1 else thing.other and None
        return total

    compiled = ag.compile(f)
    begun = time.process_time()
    with pytest.warns(ag.CompileWarning, match="it reaches more objects than can be looked through"):
        compiled(X)
    assert time.process_time() - begun < 10
