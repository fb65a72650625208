"""The course: its solutions pass its checks, and its checks tell solutions from what is not one."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest

from ..rows import for_every
from .books import COURSE, code_cells, read

# What a reader may get wrong: what a solution says, and what is written in its place.
MISTAKES = {
    "01_a_slope": [("(2 * h)", "h"), ("f(x - h)", "f(x)")],
    "02_a_number_that_remembers": [("self.data * other.data, (self, other)", "self.data * other.data, (other, self)")],
    "03_the_chain_rule": [
        ("(other.data, self.data)", "(self.data, other.data)"),
        ("slope * y.slopes[0]", "y.slopes[0]"),
    ],
    "04_many_paths": [("parent.grad += slope", "parent.grad = slope"), ("reversed(order)", "order")],
    "05_a_table_of_rules": [("y, a, b: -1.0", "y, a, b: 1.0"), ("-y / b", "-a / b"), ("1 / a)", "a)")],
    "06_a_wrong_rule": [("0.5 / y", "0.5 / a"), ("-math.sin", "math.sin")],
    "07_arrays": [("g / b, ", "g * b, "), ("g * (a > 0)", "g"), ("g * y)", "g)")],
    "08_broadcasting": [("n == 1 and g.shape[i] > 1", "n == 1 and i == 0"), ("keepdims=True", "keepdims=False")],
    "09_sums_and_products": [("g @ b.T", "b @ g.T"), ("np.full(a.shape, g)", "np.full(a.shape, g / a.size)")],
    "10_a_loss": [("top + np.log", "np.log"), ("np.exp(a - y)", "np.exp(a)")],
    "11_training": [("p.data - rate", "p.data + rate")],
    "12_forty_lines": [("Tensor(x), wanted, parameters", "Tensor(x * x), wanted, parameters")],
}
LONG = {"08_broadcasting", "11_training", "12_forty_lines"}
ROWS = [(path, mistake) for path in COURSE for mistake in (None, *MISTAKES[path.stem])]


def tags(cell: Any) -> list[str]:
    return cell.metadata.get("tags", [])


def work_through(book: Any, mistake: tuple[str, str] | None) -> list[str]:
    """Run a notebook as a reader does, with a mistake in the solution or without; return the checks that passed."""
    names: dict[str, Any] = {"__name__": "__main__"}
    passed = []
    for cell in code_cells(book):
        source = cell.source
        if mistake and "solution" in tags(cell):
            source = source.replace(*mistake)
        exec(compile(source, cell.id, "exec"), names)
        if "check" in tags(cell):
            passed.append(cell.id)
    return passed


def name_of(row: tuple[Path, tuple[str, str] | None]) -> str:
    return f"{row[0].stem}, {row[1][1] if row[1] else 'solved'}"


def judge(row: tuple[Path, tuple[str, str] | None]) -> None:
    path, mistake = row
    book = read(path)
    if mistake is None:
        assert len(work_through(book, None)) == sum("check" in tags(cell) for cell in code_cells(book)) > 0
        return
    assert any(mistake[0] in cell.source for cell in code_cells(book) if "solution" in tags(cell))
    with pytest.raises(Exception) as error:  # noqa: PT011 - a mistake may fail in any way, in a check
        work_through(book, mistake)
    assert any(f"{entry.path}".startswith("step-") for entry in error.traceback)
    plt.close("all")


@for_every([row for row in ROWS if row[0].stem not in LONG], by=name_of)
def test_checks_accept_the_solution_and_find_mistakes(row: tuple[Path, tuple[str, str] | None]) -> None:
    judge(row)


@pytest.mark.ci
@for_every([row for row in ROWS if row[0].stem in LONG], by=name_of)
def test_checks_of_long_steps(row: tuple[Path, tuple[str, str] | None]) -> None:
    judge(row)


@for_every(COURSE, by=lambda path: path.stem)
def test_a_reader_who_has_written_nothing_does_not_pass(path: Path) -> None:
    book = read(path)
    book.cells = [cell for cell in book.cells if "solution" not in tags(cell)]
    (first, *_) = [i for i, cell in enumerate(code_cells(book)) if "exercise" in tags(cell)]
    with pytest.raises(Exception) as error:  # noqa: PT011 - it is the exercise that is missing, in whatever way
        work_through(book, None)
    (place, *_) = [f"{entry.path}" for entry in error.traceback if f"{entry.path}".startswith("step-")]
    assert place in [cell.id for cell in code_cells(book)[first:]]
    plt.close("all")


def test_the_engine_of_the_end_has_forty_lines() -> None:
    (engine,) = [cell for cell in code_cells(read(COURSE[-1])) if "engine" in tags(cell)]
    assert len([line for line in engine.source.splitlines() if line.strip()]) == 40


def test_steps_lead_on() -> None:
    assert len(COURSE) == 12
    for before, after in itertools.pairwise(COURSE):
        assert re.search(rf"\[on →\]\({after.name}\)", read(before).cells[-1].source)
