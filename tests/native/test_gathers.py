"""Kernels for gathers and scatters: NumPy's results in every dtype and layout, and its errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from autograd_lite.core.gathers import kernels
from autograd_lite.native.kernels import REASON, library

needs_kernels = pytest.mark.skipif(not library, reason=f"the native extension is {REASON}")
pytestmark = needs_kernels


def laid(a: Any, rng: np.random.Generator) -> Any:
    """Return the same array, which lies in memory in some way."""
    how = rng.integers(4)
    if how == 0:
        return np.asfortranarray(a)
    if how == 1:
        return np.repeat(a, 2, axis=-1)[..., ::2]
    return a[::-1].copy()[::-1] if how == 2 else a


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("rounds", [10, pytest.param(150, marks=pytest.mark.ci)])
def test_every_dtype_and_layout(count: int, rounds: int) -> None:
    take, add, put = kernels(count, 0)
    rng = np.random.default_rng(count)
    for k in range(rounds):
        for types in take.types:
            dtype, outer = np.dtype(types[0]), (2,) if rng.integers(2) else ()
            lengths, row = tuple(rng.integers(1, 6, count)), int(rng.integers(0 if k else 1, 12))
            m = int(rng.integers(0, 9))
            whole = laid((rng.normal(size=(*outer, *lengths, row)) * 3).astype(dtype), rng)
            rows = laid((rng.normal(size=(*outer, m, row)) * 3).astype(dtype), rng)
            indices = [laid(rng.integers(-n, n, m), rng) if m else np.zeros(0, np.intp) for n in lengths]
            key = (..., *indices, slice(None))
            assert np.array_equal(take(whole, *indices), whole[key]), types
            expected = whole.copy()
            expected[(..., *map(np.ascontiguousarray, indices), slice(None))] = rows  # else backwards
            out = laid(whole.copy(), rng)
            assert np.array_equal(put(rows, *indices, out=out), expected), types
            if types[0] != "?":
                expected, out = np.zeros_like(whole), laid(whole.copy(), rng)
                np.add.at(expected, key, rows)
                assert add(rows, *indices, out=out).tobytes() == expected.tobytes(), types


@pytest.mark.parametrize("axis", [0, 2])
@pytest.mark.parametrize("bad", [[(0, 5), (0, 0)], [(0, 0), (4, 1)], [(-6, 0), (9, 0)], [(2**62, 0), (0, 0)]])
def test_what_is_out_of_bounds_is_named(axis: int, bad: list[tuple[int, int]]) -> None:
    indices = [np.array(part) for part in bad]
    whole, rows = np.ones((5, 4, 3)), np.ones((2, 3))
    with pytest.raises(IndexError) as expected:
        _ = whole[tuple(indices)]
    text = str(expected.value)
    for k in (1, 0):
        text = text.replace(f"axis {k}", f"axis {k + axis}")
    take, add, put = kernels(2, axis)
    for call in (
        lambda: take(whole, *indices),
        lambda: add(rows, *indices, out=np.empty((5, 4, 3))),
        lambda: put(rows, *indices, out=np.empty((5, 4, 3))),
    ):
        with pytest.raises(IndexError) as found:
            call()
        assert str(found.value) == text


def test_what_there_are_no_kernels_for_is_refused() -> None:
    for count in (0, 4, -1):
        with pytest.raises(ValueError, match="^gathers: expected 1 to 3 arrays of indices"):
            library.gathers(count, 0)
    with pytest.raises(ValueError, match="Output operand 0"):
        kernels(1, 0)[1](np.ones((2, 3)), np.zeros(2, np.intp))
