"""Laws of expressions: each is the loop of its ufunc, bit for bit and flag for flag."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autograd_lite.native.kernels import library as extension

from . import loops_in_c as c

pytestmark = pytest.mark.skipif(extension is None, reason="native code is off")
ROWS = list(c.rows()) if extension is not None else []


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> c.Library:
    return c.compile_rows(ROWS, Path(tmp_path_factory.mktemp("rows")))


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


def failure(library: c.Library, k: int, row: c.Row) -> str:
    """Return how a row is not the loop of its ufunc."""
    inputs = operands(row)
    for n in (1, 7, 64, 1000):
        expected, flags = c.run(library, row, None, inputs, n)
        got, ours = c.run(library, row, library.functions[k], inputs, n)
        if (bad := wrong_at(row, got, expected, inputs)).size:
            at = bad[0]
            return f"{row}: {[x[at] for x in inputs]}, {n} at a time: {got[at]!r}, not {expected[at]!r}"
        if (bad := np.flatnonzero(flags != ours)).size:
            at = bad[0]
            some = [x[at * n : at * n + min(n, 3)] for x in inputs]
            return f"{row}: {some}, {n} at a time: invalid is {ours[at]}, not {flags[at]}"
    return ""


def failures(library: c.Library) -> list[str]:
    """Return how rows are not the loops of their ufuncs."""
    return [text for k, row in enumerate(ROWS) if (text := failure(library, k, row))]


def test_expressions_are_the_loops_of_their_ufuncs(library: c.Library) -> None:
    found = failures(library)
    assert not found, f"{len(found)} of {len(ROWS)} rows:\n" + "\n".join(found)
