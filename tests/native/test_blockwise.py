"""Calls part by part compute the bits that the same calls on whole arrays do, with the executor and without."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.native import blockwise as module
from autograd_lite.native.instructions import THREADS
from autograd_lite.native.kernels import INSTRUCTIONS, KERNELS, library

SHAPES = [(1,), (5,), (4097,), (70_001,), (300, 301), (0, 3), (3, 0), (2, 1, 3)]
UFUNCS: list[np.ufunc] = [np.add, np.subtract, np.multiply, np.maximum, np.absolute, np.square, *KERNELS.values()]


def program(rng: np.random.Generator, arrays: int, numbers: int) -> list[tuple[Any, ...]]:
    """Return calls at random; what lies beyond arrays and numbers is written before it is read."""
    known, calls = list(range(arrays + numbers)), []
    ufuncs = [u for u in UFUNCS if u.signature is None and u.nout == 1 and "f" * u.nin + "->f" in u.types]
    for _ in range(rng.integers(1, 12)):
        ufunc = ufuncs[rng.integers(len(ufuncs))]
        operands = [known[i] for i in rng.integers(len(known), size=ufunc.nin)]
        result = int(rng.choice([*range(arrays), *range(arrays + numbers, arrays + numbers + 3)]))
        known = [*known, result] if result not in known else known
        calls.append((ufunc, *operands, result))
    return calls


def whole(calls: list[tuple[Any, ...]], arrays: list[np.ndarray], numbers: list[float]) -> None:
    things = [*arrays, *numbers, *(np.empty_like(arrays[0]) for _ in range(3))]
    for ufunc, *operands, result in calls:
        # Operands that are all numbers would be computed in double precision.
        given = [arrays[0].dtype.type(x) if isinstance(x, float) else x for x in (things[i] for i in operands)]
        things[result][...] = ufunc(*given)


@pytest.mark.parametrize("dtype", ["f", "d", "e"])
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_parts_are_the_whole(dtype: str, layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for seed in range(16):
        shape = SHAPES[seed % len(SHAPES)]
        start = [rng.normal(size=shape).astype(dtype) for _ in range(3)]
        start = [np.asfortranarray(a) for a in start] if layout == "columns" else start
        numbers = [0.5, -2.0, 1e-7]
        calls = program(rng, 3, 3)
        expected = [a.copy("K") for a in start]
        with np.errstate(all="ignore"):
            whole(calls, expected, numbers)
            for used in {None, library}:
                monkeypatch.setattr(module, "library", used)
                found = [a.copy("K") for a in start]
                for function, *args in ag.extend.blockwise(calls, found, numbers, 20_000):
                    function(*args)
                for mine, true in zip(found, expected, strict=True):
                    assert np.array_equal(mine, true, equal_nan=True), (calls, shape)
                    assert (np.signbit(mine) == np.signbit(true))[~np.isnan(true)].all()


@pytest.mark.skipif(not INSTRUCTIONS, reason="no executor without native kernels")
def test_the_executor_makes_one_call() -> None:
    x = np.ones((300, 300), "f")
    assert len(list(ag.extend.blockwise([(np.add, 0, 1, 0)], [x], [1.0]))) == 1
    assert len(list(ag.extend.blockwise([(np.add, 0, 1, 0)], [x.astype("e")], [1.0], 10_000))) == 9
    assert (
        len(list(ag.extend.blockwise([(np.logical_not, 0, 0)], [x], [], 10_000))) == 9
    )  # no loop from floats to floats


@pytest.mark.skipif(not INSTRUCTIONS, reason="no executor without native kernels")
@pytest.mark.parametrize(("size", "threads"), [(1000, 1), (1 << 20, THREADS)])
def test_large_arrays_are_shared_by_threads(size: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "library", SimpleNamespace(Segment=lambda code, *_: code))
    assert module._make_segment(((np.add, 0, 1, 0),), 1, 1, size, np.dtype("f"))[5] == threads


def test_threads_do_not_share_what_lies_in_between() -> None:
    calls = [(np.multiply, 0, 1, 2), (np.add, 2, 1, 3), (np.subtract, 3, 2, 0)]
    found: list[bool] = []

    def work() -> None:
        x = np.arange(100_000, dtype="d")
        for _ in range(50):
            for function, *args in ag.extend.blockwise(calls, [x], [3.0]):
                function(*args)
        found.append(bool((x == 3).all()))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


X = np.ones((2, 3))


@pytest.mark.parametrize(
    ("calls", "arrays", "numbers"),
    [
        (1.5, [X], []),
        ([], [X], []),
        ([(np.add, 0, 0)], [X], []),
        ([(np.frexp, 0, 0)], [X], []),
        ([(np.add, 0, -1, 0)], [X], []),
        ([(np.add, 0, 1, 0)], [X, X[:1]], []),
        ([(np.add, 0, 1, 0)], [X, X.astype("f")], []),
        ([(np.add, 0, 1, 0)], [ag.tensor(X)], [1.0]),
        ([(np.add, 0, 1, 0)], [X], ["a"]),
        ([(np.negative, 0, 0)], [np.float64(1)], []),
    ],
)
def test_what_does_not_fit_is_refused_at_once(calls: Any, arrays: Any, numbers: Any) -> None:
    with pytest.raises(TypeError, match=r"^blockwise: expected calls as tuples .* received calls="):
        ag.extend.blockwise(calls, arrays, numbers)
