"""Arithmetic on matrices with short rows is done in one call; bits are those of NumPy, which goes row by row."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite.compiler.inner_loops import CASTS, SHORT_ROWS
from autograd_lite.native.kernels import INSTRUCTIONS, REASON

from ..laws.reading import same_bits

OPERATIONS = (np.add, np.subtract, np.multiply, np.divide)
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e308, -1.5])
SHAPES = [
    ((5, 3), (3,)),
    ((5, 3), (5, 1)),
    ((1, 3), (5, 1)),
    ((7, 2, 4), (7, 1, 4)),
    ((7, 2, 4), (2, 1)),
    ((2, 3, 4, 5), (3, 1, 5)),
    ((6, 32), (32,)),
    ((6, 33), (33,)),
    ((4, 1), (1, 1)),
    ((3000, 3), (3,)),  # carried out part by part
    ((9000, 7), (9000, 1)),
]


def _values(shape: tuple[int, ...], dtype: str, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=shape)
    a.reshape(-1)[::7] = rng.choice(SPECIAL, len(a.reshape(-1)[::7]))
    with np.errstate(all="ignore"):
        return a.astype(dtype)


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_compiled_arithmetic_on_short_rows_has_the_bits_of_numpy(shapes: Any, dtype: str) -> None:
    def all_of_them(x: Any, y: Any) -> Any:
        turned = np.transpose(x + y)
        pairs = [(x, y), (y, x), (turned, 2 * turned), (x[..., ::-1], y), (x - y, y)]
        return [f(a, b) for f in OPERATIONS for a, b in pairs]

    x, y = (_values(shape, dtype, seed) for seed, shape in enumerate(shapes))
    compiled = ag.compile(all_of_them)
    with np.errstate(all="ignore"):
        compiled(x, y)
        for made, expected in zip(compiled(x, y), all_of_them(x, y), strict=True):
            assert same_bits(np.asarray(made), expected)


@pytest.mark.skipif(not INSTRUCTIONS, reason=f"there are no loops in C: {REASON}")
@pytest.mark.parametrize("ufunc", [*OPERATIONS, np.positive], ids=lambda f: f.__name__)  # the last one copies
def test_loops_over_short_rows_take_any_strides(ufunc: Any) -> None:
    for dtype, steps in itertools.product("fd", itertools.product((0, 1, 2, -1), repeat=2)):
        whole = _values((4, 6, 24), dtype, 3)
        operands = []
        for k, step in enumerate(steps):
            part = whole[:, k : k + 4, 10 - k :]
            strides = (*part.strides[:2], step * part.itemsize)
            operands.append(np.lib.stride_tricks.as_strided(part, (4, 4, 5), strides))
        operands, out = operands[: ufunc.nin], np.zeros((4, 5, 4), dtype).mT
        rows = SHORT_ROWS[CASTS[dtype] if ufunc is np.positive else ufunc]
        with np.errstate(all="ignore"):
            assert same_bits(rows(*operands), ufunc(*operands))
            assert same_bits(rows(*operands, out=out), ufunc(*operands))


@pytest.mark.parametrize("dtype", "fdlD")
def test_copies_of_short_rows_are_those_of_numpy(dtype: str) -> None:
    def copies(x: Any, y: Any) -> Any:
        both = np.concatenate([x, y[..., ::-1]], axis=-1)
        turned = np.swapaxes(both, -1, -2)
        return [
            both,
            np.concatenate([turned, turned[:, ::2]], axis=1),
            turned.reshape(-1, 3),
            np.stack([x, x], axis=-1),
        ]

    x, y = np.arange(60).reshape(5, 4, 3).astype(dtype), np.arange(60).reshape(5, 4, 3)[::-1].astype(dtype)
    compiled = ag.compile(copies)
    compiled(x, y)
    for made, expected in zip(compiled(x, y), copies(x, y), strict=True):
        assert same_bits(np.asarray(made), expected)
