"""docs/reference/solutions.md has a row for every solver, and what each row says of derivatives is true."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip("scipy.optimize")

import autograd_lite as ag
from autograd_lite import optimize
from autograd_lite.tree import leaves

from ..rows import for_every
from ..test_docs import blocks
from ..test_guides import rows

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGE = (REFERENCE / "solutions.md").read_text(encoding="utf-8")
SPARSE = (REFERENCE / "sparse.md").read_text(encoding="utf-8")
STEP = 1e-2


class Row(NamedTuple):
    """A row: the solvers, entries of the result, the equations or why there are none, and a function of p."""

    name: str
    entries: str
    equations: str
    example: str


TABLE = [Row(*row) for row in rows(PAGE) if row[0] != "solver"]
NAMES: dict[str, Any] = {}
for block in blocks(PAGE):
    exec(block.text, NAMES)


def value(row: Row, p: Any) -> Any:
    """Return the result of a row's example as one vector; where the example is one entry, all that the row names."""
    example = row.example.strip("`")
    call, entry = re.fullmatch(r"(.*?)(\.[a-z]+)?", example).groups()  # type: ignore[union-attr]
    entries = re.findall(r"`(\w+)`", row.entries) if entry else []
    result = eval(call if entries else example, {**NAMES, "p": p})
    parts = [getattr(result, name) for name in entries] if entries else result
    return np.concatenate([np.reshape(x, -1) for x in leaves(parts)])


def public_solvers() -> set[str]:
    """Return the names of all solvers: of functions, whichever module they are in."""
    found = {f"optimize.{name}" for name in optimize.__all__ if inspect.isroutine(getattr(optimize, name))}
    ours = [name for name in dir(ag) if inspect.isroutine(getattr(ag, name))]
    found |= {f"ag.{name}" for name in ours if getattr(ag, name).__module__.startswith("autograd_lite.solutions.")}
    listed = SPARSE.partition("## Equations")[2].partition("```\n")[0].split()
    return (found | {f"sparse.{name}" for name in listed if name.islower() and name.isalpha()}) - NO_SOLVERS


NO_SOLVERS = {"sparse.norm", "sparse.aslinearoperator", "ag.certificates"}


def test_every_public_solver_has_a_row() -> None:
    named = {name for row in TABLE for name in re.findall(r"`((?:optimize|ag|sparse|linalg)\.\w+)`", row.name)}
    assert public_solvers() - named == set()
    assert {"optimize.root", "ag.implicit", "sparse.spsolve"} <= public_solvers()


@for_every(TABLE, name=lambda row: f"{row.name}: {row.example}")
def test_the_derivative_of_an_example_is_that_of_the_solver(row: Row) -> None:
    p = NAMES["p"]
    if row.equations.startswith("none"):
        with pytest.raises(ag.GradError):
            ag.jacobian(lambda p: value(row, p))(p)
        return

    def change(along: Any) -> Any:
        ends = [value(row, ag.tensor(p + sign * along, requires_grad=True)) for sign in (1, -1)]
        return (ends[0] - ends[1]).detach().numpy()

    differences = [(8 * change(h) - change(2 * h)) / (12 * STEP) for h in STEP * np.eye(len(p))]
    exact = ag.jacobian(lambda p: value(row, p))(p)
    np.testing.assert_allclose(exact, np.stack(differences, axis=1), rtol=1e-4, atol=1e-5, err_msg=row.example)
    assert np.abs(exact).max() > 1e-3, "the example does not depend on p"
