"""The course: its solutions pass its checks, and its checks tell solutions from what is not one."""

from __future__ import annotations

import importlib
import itertools
import os
import re
import traceback
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from ..rows import for_every
from .books import COURSE, ROOT, code_cells, read, solutions, solved, tags

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


@pytest.fixture(autouse=True)
def _beside_the_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(COURSE[0].parent)


def work_through(book: Any) -> list[str]:
    """Run a notebook as a reader does; return the checks that passed."""
    names: dict[str, Any] = {"__name__": "__main__"}
    passed = []
    for cell in code_cells(book):
        exec(compile(cell.source, cell.id, "exec"), names)
        if "check" in tags(cell):
            passed.append(cell.id)
    return passed


def place_of(error: BaseException) -> str:
    """Return the first cell in the traceback of an error."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return next(file for file in files if file.startswith("step-"))


def name_of(row: tuple[Path, tuple[str, str] | None]) -> str:
    return f"{row[0].stem}, {row[1][1] if row[1] else 'solved'}"


def judge(row: tuple[Path, tuple[str, str] | None]) -> None:
    path, mistake = row
    book = solved(read(path))
    if mistake is None:
        assert len(work_through(book)) == sum("check" in tags(cell) for cell in code_cells(book)) > 0
        return
    changed = [cell for cell in book.cells if "exercise" in tags(cell) and mistake[0] in cell.source]
    assert changed
    for cell in changed:
        cell.source = cell.source.replace(*mistake)
    with pytest.raises(Exception) as error:  # noqa: PT011 - a mistake may fail in any way, in a check
        work_through(book)
    checks = [cell.id for cell in code_cells(book) if "check" in tags(cell)]
    assert place_of(error.value) in checks
    plt.close("all")


@for_every([row for row in ROWS if row[0].stem not in LONG], by=name_of)
def test_checks_accept_the_solution_and_find_mistakes(row: tuple[Path, tuple[str, str] | None]) -> None:
    judge(row)


@pytest.mark.ci
@for_every([row for row in ROWS if row[0].stem in LONG], by=name_of)
def test_checks_of_long_steps(row: tuple[Path, tuple[str, str] | None]) -> None:
    judge(row)


@for_every(COURSE, by=lambda path: path.stem)
def test_run_all_on_an_untouched_notebook_stops_at_the_first_exercise(path: Path) -> None:
    book = read(path)
    cells = code_cells(book)
    first = next(i for i, cell in enumerate(cells) if "exercise" in tags(cell))
    check = next(cell for cell in cells[first:] if "check" in tags(cell))
    with pytest.raises(NotImplementedError) as error:
        work_through(book)
    assert place_of(error.value) == check.id
    shown = error.value._render_traceback_()  # type: ignore[attr-defined]  # which IPython asks for
    (name,) = re.findall(r'^with check\("(\w+)"\):', check.source)
    assert shown[0] == f"Your turn: an exercise begins here, {name}, and there is a blank in it."
    assert f'hint("{name}")' in shown[2]
    assert max(map(len, shown)) < 120
    plt.close("all")


@for_every(COURSE, by=lambda path: path.stem)
def test_checks_stand_before_solutions_and_exercises_have_hints(path: Path) -> None:
    course = importlib.import_module("course")
    book = read(path)
    kinds = [kind for cell in book.cells for kind in tags(cell) if kind in ("exercise", "check", "solution")]
    assert re.fullmatch("(exercise check solution( check)* ?)+", " ".join(kinds))
    assert len(solutions(book)) == kinds.count("exercise")
    text = "\n".join(cell.source for cell in book.cells)
    for name in re.findall(r'^with check\("(\w+)"\):', text, re.MULTILINE):
        assert f'`hint("{name}")`' in text
        assert len(course.HINTS[name]) >= 2


def test_hints_come_one_after_another(capsys: pytest.CaptureFixture[str]) -> None:
    course = importlib.import_module("course")
    texts = [cell.source for path in COURSE for cell in code_cells(read(path))]
    assert {name for text in texts for name in re.findall(r'check\("(\w+)"\)', text)} == course.HINTS.keys()
    for _ in range(3):
        course.hint("numeric_slope")
    numbers = [line[:11] for line in capsys.readouterr().out.splitlines()]
    assert numbers == ["Hint 1 of 2", "Hint 2 of 2", "Hint 1 of 2"]
    with pytest.raises(ValueError, match="expected one of numeric_slope, .*; received 'slop'"):
        course.hint("slop")


def test_a_failed_check_says_where_hints_are() -> None:
    course = importlib.import_module("course")
    with pytest.raises(AssertionError) as error, course.check("fit"):
        raise AssertionError("wrong")
    assert 'Stuck? hint("fit")' in error.value.__notes__[-1]
    with pytest.raises(course.YourTurn, match="Your turn: an exercise begins here, fit"), course.check("fit"):
        course.your_turn()


@pytest.mark.ci
def test_jupyter_shows_the_text_of_the_course_alone(tmp_path: Path) -> None:
    book = read(COURSE[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, COURSE[0].parent)))}
    client = NotebookClient(book, timeout=60, resources={"metadata": {"path": str(tmp_path)}})
    with pytest.raises(CellExecutionError):
        client.execute(env=environment)
    cell = next(cell for cell in book.cells if "check" in tags(cell))
    (output,) = [output for output in cell.outputs if output.output_type == "error"]
    assert [line[:10] for line in output.traceback] == ["Your turn:", "Replace yo", "Stuck? hin"]


def test_the_engine_of_the_end_has_forty_lines() -> None:
    (engine,) = [cell for cell in code_cells(read(COURSE[-1])) if "engine" in tags(cell)]
    assert len([line for line in engine.source.splitlines() if line.strip()]) == 40


def test_steps_lead_on() -> None:
    assert len(COURSE) == 12
    for before, after in itertools.pairwise(COURSE):
        assert re.search(rf"\[on →\]\({after.name}\)", read(before).cells[-1].source)
