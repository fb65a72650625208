"""Every notebook is committed as its reader should see it, and runs: offline on the sample, and at full size."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from .books import (
    COURSE,
    MAX_BYTES,
    NOTEBOOKS,
    OFFLINE,
    blemishes,
    code_cells,
    differences,
    execute,
    output_kinds,
    printed,
    read,
)

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
# Those that train or draw examples for long take some seconds even when they are cut short.
LONG = {
    "01_first_look",
    "02_testing_gradients",
    "04_mnist_cnn",
    "05_characters",
    "06_decision_surfaces",
    "07_pictures_that_teach",
    "08_a_field_found_by_its_heat",
    "09_gradients_through_solvers",
    "10_a_reaction_network_fitted_to_data",
    *(p.stem for p in COURSE),
}
# Those that train on all of MNIST, or for minutes: they also run cut short, and without data.
OF_TWO_SIZES = ("01_first_look", "04_mnist_cnn", "05_characters")
long_ones_in_ci = pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.stem, marks=[pytest.mark.ci] * (path.stem in LONG)) for path in NOTEBOOKS]
)


def test_there_is_something_to_check() -> None:
    assert "01_first_look" in [path.stem for path in NOTEBOOKS]


@every_notebook
def test_committed_notebook_is_in_order(path: Path) -> None:
    found = blemishes(read(path))
    assert not found, "\n".join(found)
    assert path.stat().st_size < MAX_BYTES


@long_ones_in_ci
def test_runs_without_data_and_without_network(path: Path, tmp_path: Path) -> None:
    empty = {name: str(tmp_path) for name in ("AUTOGRAD_LITE_DATA", "XDG_CACHE_HOME", "LOCALAPPDATA")}
    committed = read(path)
    # A notebook that trains for long on what comes with the package takes a few steps here.
    short = {"AUTOGRAD_LITE_QUICK": "1", "OPENBLAS_NUM_THREADS": "1"}
    fresh = execute(committed, tmp_path, {**OFFLINE, **empty, **short}, timeout=120)
    for before, after in zip(code_cells(committed), code_cells(fresh), strict=True):
        missing, more = output_kinds(before) - output_kinds(after), output_kinds(after) - output_kinds(before)
        assert not missing, f"{before.id}: the committed notebook shows more: {missing}"
        assert not more or path.stem in OF_TWO_SIZES, f"{before.id}: the committed notebook shows less: {more}"
    assert_same(path, committed, fresh)
    if accuracies_in(printed(committed)):
        assert printed(fresh).count("using the embedded sample") == 1
        assert min(accuracies_in(printed(fresh))) > 0.92


@pytest.mark.ci
@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem in OF_TWO_SIZES], ids=lambda path: path.stem)
def test_runs_at_full_size(path: Path, tmp_path: Path) -> None:
    committed = read(path)
    fresh = execute(committed, tmp_path, {}, timeout=600)
    assert "embedded sample" not in printed(fresh), "MNIST is not here and could not be fetched: set AUTOGRAD_LITE_DATA"
    for before, after in zip(code_cells(committed), code_cells(fresh), strict=True):
        assert output_kinds(before) == output_kinds(after), before.id
    assert_same(path, committed, fresh)
    check_accuracies(path.stem, accuracies_in(printed(fresh)))
    if path.stem == "05_characters":
        check_characters(printed(fresh))


# What networks write is another text after every training.
BY_CHANCE = ("write-lstm", "write-transformer")


def assert_same(path: Path, committed: Any, fresh: Any) -> None:
    """Hold a committed notebook to the words that a run shows now."""
    stale = [line for line in differences(committed, fresh) if not line.startswith(BY_CHANCE)]
    assert not stale, "\n".join([f"run `python -m tests.notebooks {path.stem[:2]}`; lines that differ:", *stale])


def test_committed_characters_are_of_full_size() -> None:
    check_characters(printed(read(next(path for path in NOTEBOOKS if path.stem == "05_characters"))))


def check_characters(text: str) -> None:
    """Hold both networks to well below what counting threes of characters reaches, the LSTM further."""
    bits = {name: float(value) for name, value in re.findall(r"^(\w+)[: ]+(\d\.\d+) bits per character", text, re.M)}
    assert bits["LSTM"] < bits["threes"] - 0.6
    assert bits["transformer"] < bits["threes"] - 0.3


def test_committed_first_look_is_of_full_size() -> None:
    committed = printed(read(next(path for path in NOTEBOOKS if path.stem == "01_first_look")))
    assert "(60000, 28, 28)" in committed
    assert "embedded sample" not in committed
    assert len(accuracies_in(committed)) == 2
    check_accuracies("01_first_look", accuracies_in(committed))


def test_committed_convolutional_network_is_of_full_size() -> None:
    committed = printed(read(next(path for path in NOTEBOOKS if path.stem == "04_mnist_cnn")))
    assert "(60000, 28, 28, 1) (10000, 28, 28, 1)" in committed
    assert len(accuracies_in(committed)) == 1
    check_accuracies("04_mnist_cnn", accuracies_in(committed))


def check_accuracies(name: str, accuracies: list[float]) -> None:
    """Hold networks trained on all of MNIST to what they reach: 0.99 with convolutions, 0.977 without."""
    if name == "04_mnist_cnn":
        assert accuracies
        assert min(accuracies) >= 0.99
    elif accuracies:
        # One network in twenty ends a few digits short of it, by where its last steps happen to lead; two do not.
        assert max(accuracies) >= 0.977
        assert min(accuracies) >= 0.97


def accuracies_in(text: str) -> list[float]:
    """Return the accuracies on the test set that a notebook prints."""
    return [float(number) for number in re.findall(r"test accuracy: (0\.\d+)", text)]


# ---- the judge sees what it should -----------------------------------------------------------------------------------


def book_with(*outputs: Any, number: int = 1, code: str = "x", **metadata: Any) -> Any:
    return new_notebook(cells=[new_code_cell(code, execution_count=number, outputs=list(outputs), metadata=metadata)])


def text(value: str, kind: str = "text/plain") -> Any:
    return new_output("display_data", data={kind: value})


@pytest.mark.parametrize(
    ("book", "complaint"),
    [
        (book_with(), "no cell has an output"),
        (book_with(text("1"), number=2), "run all cells from the top"),
        (book_with(text("1"), code="x\n" + 89 * "x"), "a line of 89 columns"),
        (book_with(new_output("error", ename="E", evalue="", traceback=["E"])), "shows an error"),
        (book_with(new_output("stream", name="stderr", text="Warning")), "shows an stderr"),
        (book_with(new_output("stream", name="stdout", text="from /home/ada/data")), "stdout holds the path '/home/'"),
        (book_with(text("File '/tmp/x.py'", "text/html")), "text/html holds the path '/tmp/'"),
        (book_with(text("<History at 0x7f0d16e35278>")), "holds the address"),
        (book_with(text("{}", "application/vnd.jupyter.widget-view+json")), "needs a running kernel"),
        (book_with(text("1"), execution={"iopub.status.busy": "…"}), "keeps the times"),
    ],
)
def test_judge_complains(book: Any, complaint: str) -> None:
    assert complaint in "\n".join(blemishes(book))


def test_judge_is_content() -> None:
    assert (
        blemishes(book_with(text("https://example.org/home/x, 1/tmp/2, n/var/m"), text("<svg/>", "image/svg+xml")))
        == []
    )


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [
        (text("loss 0.25, 3 epochs, 12.1 ms"), text("loss 7e-05, 10 epochs, 1 s"), []),
        (text("gap  1"), text("gap 1"), []),
        (text("using the embedded sample\na"), text("a"), []),
        (text("a b"), text("a c"), ["-a b", "+a c"]),
        (text("<svg><text x='1'>tanh</text></svg>"), text("<svg><text x='2'>exp</text></svg>"), ["-tanh", "+exp"]),
        (text("<svg><text x='1'>tanh</text></svg>"), text("<svg><text x='2'>tanh</text></svg>"), []),
        (text("a"), text("a", "text/markdown"), ["+a", "-a"]),
    ],
)
def test_words_that_differ_are_seen_and_numbers_are_not(before: Any, after: Any, seen: list[str]) -> None:
    books = [book_with(output) for output in (before, after)]
    books[1].cells[0].id = books[0].cells[0].id
    assert [line.partition(": ")[2] for line in differences(*books)] == seen
