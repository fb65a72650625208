"""Laws of expressions: each is the loop of its ufunc, bit for bit and flag for flag."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd_lite.native.kernels import library

from . import loops_in_c as c

pytestmark = [
    pytest.mark.skipif(library is None, reason="native code is off"),
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler, cc"),
]


def operands(row: c.Row) -> list[np.ndarray]:
    """Return special values against special values, and then random ones."""
    rng = np.random.default_rng(28)
    count = row.ufunc.nin
    values = [c.special_values(char, rng, (200, 200, 16, 16, 16)[count - 1]) for char in row.chars[:-1]]
    if row.exponent is not None:
        return [values[0], np.full(values[0].size, row.exponent, row.chars[1])]
    most = (4000, 120, 40, 9, 9)[count - 1]
    first = [v[:most] for v in values]
    pairs = [np.ascontiguousarray(a).ravel() for a in np.meshgrid(*first, indexing="ij")]
    whole = [np.resize(v[rng.permutation(v.size)], 1000) for v in values]
    return [np.concatenate(both) for both in zip(pairs, whole, strict=True)]


def wrong_at(row: c.Row, got: np.ndarray, expected: np.ndarray, inputs: list[np.ndarray]) -> np.ndarray:
    """Return where results differ: by bits, but where several NaNs meet, of which compilers choose one."""
    parts = np.dtype(got.dtype.char.lower())
    a, b = (x.view(parts).reshape(got.size, -1) for x in (got, expected))
    differs = a.view(f"u{parts.itemsize}") != b.view(f"u{parts.itemsize}")
    if parts.kind == "f" and row.ufunc.nin + (got.dtype.kind == "c") > 1:
        nans = sum(np.isnan(x).astype(int) for x in inputs)
        several = nans > 1 if got.dtype.kind == "f" and row.ufunc.nin == 2 else nans > 0
        differs &= ~(np.isnan(a) & np.isnan(b) & several[:, None])
    return np.flatnonzero(differs.any(1))


def failure(compiled: c.Library, row: c.Row, code: Any) -> str:
    """Return how a row is not the loop of its ufunc."""
    inputs = operands(row)
    for n in (1, 7, 64, 1000):
        expected, flags = c.run(compiled, row, None, inputs, n)
        got, ours = c.run(compiled, row, code, inputs, n)
        if (bad := wrong_at(row, got, expected, inputs)).size:
            at = bad[0]
            return f"{row}: {[x[at] for x in inputs]}, {n} at a time: {got[at]!r}, not {expected[at]!r}"
        if row.ufunc.__name__ == "divide" and row.chars[0] in "FD":  # comparing NaN raises it, or not, by the compiler
            continue
        if (bad := np.flatnonzero(flags != ours)).size:
            at = bad[0]
            some = [x[at * n : at * n + min(n, 3)] for x in inputs]
            return f"{row}: {some}, {n} at a time: invalid is {ours[at]}, not {flags[at]}"
    return ""


@pytest.mark.parametrize(
    ("dtypes", "exponents"),
    [
        pytest.param(c.USUAL, c.USUAL_EXPONENTS, id="usual"),
        pytest.param(c.PLAIN, c.EXPONENTS, id="all", marks=pytest.mark.ci),
    ],
)
def test_expressions_are_the_loops_of_their_ufuncs(dtypes: str, exponents: Sequence[float], tmp_path: Path) -> None:
    rows = list(c.rows(dtypes, exponents))
    compiled = c.compile_rows(rows, tmp_path)
    found = [text for row, code in zip(rows, compiled.functions, strict=True) if (text := failure(compiled, row, code))]
    assert not found, f"{len(found)} of {len(rows)} rows:\n" + "\n".join(found)
    assert len(rows) > 200
