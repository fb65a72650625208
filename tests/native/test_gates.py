"""The kernels of recurrent cells compute what the NumPy functions beside them do, wherever their operands lie."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from autograd_lite.native.kernels import REASON, extension
from autograd_lite.ops import gru, lstm

from ..rows import for_every


class Cell(NamedTuple):
    """A kernel: its name, what it computes, and for inputs and results whether each has k rows, or 0 for none."""

    name: str
    truth: Any
    inputs: tuple[int, ...]
    results: tuple[int, ...]


CELLS = [
    Cell("lstm_cell", lstm.cell, (4, 4, 4, 0), (0, 0, 4)),
    Cell("lstm_cell_pullback", lstm.cell_pullback, (4, 0, 0, 0, 0, 0, 0), (4, 0)),
    Cell("gru_cell", gru.cell, (3, 3, 4, 0), (0, 4)),
    Cell("gru_cell_pullback", gru.cell_pullback, (4, 0, 0, 0), (3, 3, 0)),
]
SETS = extension.instruction_sets() if extension else []
ROWS = [(instructions, cell, dtype) for instructions in SETS or ["none"] for cell in CELLS for dtype in "fd"]
needs_library = pytest.mark.skipif(not SETS, reason=f"native kernels are {REASON}")
SHAPES = [(3, 7), (2, 16), (1, 1), (2, 300), (0, 4), (3, 0)]


def operands(cell: Cell, batch: int, n: int, dtype: str, scale: float = 1.0) -> list[np.ndarray]:
    """Return inputs; gates, where they are given, lie between 0 and 1."""
    rng = np.random.default_rng(batch * 1000 + n)
    found = [rng.normal(size=(batch, k, n) if k else (batch, n)).astype(dtype) * scale for k in cell.inputs]
    if cell.name.endswith("pullback"):
        found[0] = np.abs(np.tanh(found[0]))
    elif cell.inputs[2] == 4:
        found[2] = rng.normal(size=(1, 4, n)).astype(dtype) * scale
    return found


def results(cell: Cell, batch: int, n: int, dtype: str) -> list[np.ndarray]:
    return [np.empty((batch, k, n) if k else (batch, n), dtype) for k in cell.results]


def truth(cell: Cell, given: list[np.ndarray]) -> list[np.ndarray]:
    """Return the results of the NumPy function in the widest dtype."""
    wide = [a.astype("g") for a in given]
    if cell.name == "gru_cell":
        wide[2] = wide[2][0]  # the biases are the same for all rows
    return list(cell.truth(*wide))


def computed(cell: Cell, instructions: str, given: list[np.ndarray], batch: int, n: int) -> list[np.ndarray]:
    made = results(cell, batch, n, given[0].dtype.char)
    extension.ufuncs(instructions)[cell.name](*given, out=tuple(made))
    return made


def called(row: tuple[str, Cell, str]) -> str:
    return f"{row[0]} {row[1].name} {row[2]}"


@needs_library
@for_every(ROWS, by=lambda row: row[0], name=called)
def test_a_step_is_that_of_numpy(row: tuple[str, Cell, str]) -> None:
    instructions, cell, dtype = row
    for batch, n in SHAPES:
        for scale in (1e-3, 1.0, 3.0):
            given = operands(cell, batch, n, dtype, scale)
            with np.errstate(all="raise", under="ignore"):
                found = computed(cell, instructions, given, batch, n)
            for mine, true in zip(found, truth(cell, given), strict=True):
                # A sum of terms of this size is known to a few units in the last place of the largest of them.
                size = max([scale * scale, scale, *np.abs(true).ravel()[:1]])
                np.testing.assert_allclose(
                    mine, true, rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps * size
                )


@needs_library
@for_every(ROWS, by=lambda row: row[0], name=called)
def test_bits_do_not_depend_on_where_operands_lie(row: tuple[str, Cell, str]) -> None:
    instructions, cell, dtype = row
    kernel = extension.ufuncs(instructions)[cell.name]
    for batch, n in SHAPES:
        given = operands(cell, batch, n, dtype, 3.0)
        whole = [a.tobytes() for a in computed(cell, instructions, given, batch, n)]
        spread = [np.repeat(a, 2, axis=-1)[..., ::2] for a in given]
        by_gate = [np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1) if a.ndim == 3 else a for a in given]
        for moved in (spread, by_gate):
            assert [a.tobytes() for a in computed(cell, instructions, moved, batch, n)] == whole
        made = [np.empty((*a.shape[:-1], 2 * n), dtype)[..., ::2] for a in results(cell, batch, n, dtype)]
        kernel(*given, out=tuple(made))
        assert [a.tobytes() for a in made] == whole
        half = [
            computed(cell, instructions, [a if len(a) < batch else a[part] for a in given], len(range(batch)[part]), n)
            for part in (slice(batch // 2), slice(batch // 2, None))
            if batch > 1
        ]
        assert not half or [np.concatenate(parts).tobytes() for parts in zip(*half, strict=True)] == whole
        for i, k in enumerate(cell.inputs):
            over = [a.copy() for a in given]
            for j, same in enumerate(cell.results):
                if same == k and over[i].shape == made[j].shape:
                    into = results(cell, batch, n, dtype)
                    into[j] = over[i]
                    kernel(*over, out=tuple(into))
                    assert [a.tobytes() for a in into] == whole, (i, j)
                    over = [a.copy() for a in given]


@needs_library
@for_every(ROWS, by=lambda row: row[0], name=called)
def test_what_is_not_finite_stays_in_its_place(row: tuple[str, Cell, str]) -> None:
    """As in NumPy, an element depends on those at its place alone; no flags rise for NaN."""
    instructions, cell, dtype = row
    for special in (np.nan, np.inf, -np.inf):
        given = operands(cell, 2, 40, dtype)
        for a in given:
            a[0, ..., 5] = special
        true = truth(cell, [a.copy() for a in given]) if np.isnan(special) else None
        with np.errstate(all="ignore" if true is None else "raise", under="ignore"):
            found = computed(cell, instructions, given, 2, 40)
            if true is None:
                true = truth(cell, given)
        for mine, theirs in zip(found, true, strict=True):
            assert (np.isnan(mine) == np.isnan(theirs)).all()
            assert (np.isinf(mine) == np.isinf(theirs)).all()
