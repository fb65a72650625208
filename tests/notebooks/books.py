"""Notebooks as data: reading, executing and judging them."""

from __future__ import annotations

import copy
import difflib
import html
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
COURSE = sorted((ROOT / "notebooks" / "course").glob("*.ipynb"))
NOTEBOOKS = [*sorted((ROOT / "notebooks").glob("*.ipynb")), *COURSE]
MAX_BYTES = 1_000_000
MAX_COLUMNS = 88  # of code, which a page of the documentation then shows without a scroll bar

# Neither data nor a network: every proxy that a download would go through refuses.
OFFLINE = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}

_MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:work|home|root|tmp|usr|var|Users|private)/|\b[A-Z]:\\\\?Users\b")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def read(path: Path) -> Any:
    """Return a notebook that keeps to the notebook format."""
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    return book


def tags(cell: Any) -> list[str]:
    """Return the tags of a cell: exercise, check, solution, …"""
    return list(cell.metadata.get("tags", []))


def solutions(book: Any) -> list[str]:
    """Return the code of the folded solutions, in the order of the exercises."""
    texts = [cell.source for cell in book.cells if cell.cell_type == "markdown" and "solution" in tags(cell)]
    return [re.findall(r"```python\n(.*?)\n```", text, re.DOTALL)[0] for text in texts]


def solved(book: Any) -> Any:
    """Return a copy of a notebook with solutions in the place of its exercises, if it has any."""
    copied = copy.deepcopy(book)
    exercises = [cell for cell in copied.cells if "exercise" in tags(cell)]
    for cell, code in zip(exercises, solutions(book), strict=True):
        cell.source = code
    return copied


def execute(book: Any, folder: Path, environment: dict[str, str], timeout: int) -> Any:
    """Run a copy of a notebook from top to bottom, in a separate folder, and return it with its new outputs.

    Exercises run as their solutions, and stay as they are.

    Args:
        book: the notebook; its old outputs do not matter.
        folder: where it runs, with what Jupyter and matplotlib keep beside it.
        environment: variables set for it alone.
        timeout: seconds that a cell may take.

    Raises:
        CellExecutionError: if a cell raises.
    """
    ours = {name: str(folder / name.lower()) for name in ("IPYTHONDIR", "MPLCONFIGDIR")}
    env = {**os.environ, **ours, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'notebooks' / 'course'}", **environment}
    env.pop("MPLBACKEND", None)  # that of the tests shows no picture
    fresh = solved(book)
    client = NotebookClient(
        fresh,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=env)
    for cell, old in zip(fresh.cells, book.cells, strict=True):
        cell.source = old.source
    for cell in code_cells(fresh):  # what `fit` says of a busy machine: a test's may be busy
        cell.outputs = [out for out in cell.outputs if "other programs use this machine's cores" not in str(out)]
    return fresh


def code_cells(book: Any) -> list[Any]:
    """Return the cells that hold code."""
    return [cell for cell in book.cells if cell.cell_type == "code"]


def output_kinds(cell: Any) -> Counter[str]:
    """Count a cell's outputs by what a reader sees: "stdout", "stderr", "error", "image/png", "text/plain", …"""
    kinds: Counter[str] = Counter()
    for output in cell.outputs:
        if output.output_type == "stream":
            kinds[output.name] += 1
        elif output.output_type == "error":
            kinds["error"] += 1
        else:
            kinds.update(output.data.keys())
    return kinds


def printed(book: Any) -> str:
    """Return all that the cells printed, in order."""
    return "".join(
        output.text for cell in code_cells(book) for output in cell.outputs if output.output_type == "stream"
    )


# What one run prints and the next does not: colors, what a progress bar draws over, where data is from, which is worst.
_PASSING = re.compile(r"\x1b\[[0-9;]*m|[^\n]*\r|^.*(?:embedded sample|[Dd]ownloading|worst: ).*\n?", re.M)
_NUMBER = re.compile(r"(?<![\w.])[-+±]?\d[\d,_]*(?:\.\d+)?(?:e[-+]?\d+)?")
_TIME = re.compile(r"# ?(?:ns|µs|us|ms|s|min|h)\b(?:/\w+)?")
_TAG = re.compile(r"<(style|script|desc)\b.*?</\1>|<[^>]*>", re.S)


def differences(before: Any, after: Any) -> list[str]:
    """Return what readers of a committed notebook see that a fresh run does not show, and the other way round.

    Numbers and blanks do not count: they depend on the data, the machine and the run. Of pictures the texts are
    compared, not where they stand.
    """
    found = []
    for old, new in zip(code_cells(before), code_cells(after), strict=True):
        for kind in sorted({name for cell in (old, new) for name, _ in _texts(cell)}):
            pair = [
                [line for name, text in _texts(cell) if name == kind for line in _lasting(text)] for cell in (old, new)
            ]
            found += [
                f"{old.id}, {kind}: {line}"
                for line in difflib.unified_diff(*pair, "committed", "run now", lineterm="", n=0)
                if not line.startswith(("@@", "---", "+++"))
            ]
    return found


def keep_times(before: Any, after: Any) -> None:
    """Put back outputs of a committed notebook whose words a fresh run repeats: it may have run on a busy machine.

    Pictures made of text are those of the fresh run, where lines may lie elsewhere.
    """
    for old, new in zip(code_cells(before), code_cells(after), strict=True):
        for k, output in enumerate(new.outputs):
            pair = [[(name, _lasting(text)) for name, text in _texts_of(o)] for o in (*old.outputs[k : k + 1], output)]
            drawn = any(name in ("image/svg+xml", "text/html") for name, _ in pair[-1])
            if len(pair) == 2 and sorted(pair[0]) == sorted(pair[1]) and not drawn:
                new.outputs[k] = old.outputs[k]


def _lasting(text: str) -> list[str]:
    """Return the lines of an output without what differs from run to run."""
    text = html.unescape(_TAG.sub("\n", text)) if text.lstrip().startswith("<") else text
    text = re.sub("━+", "━", _TIME.sub("#", _NUMBER.sub("#", _PASSING.sub("", text))))  # bars get shorter in long lines
    lines = (re.sub(r"(?:# ?)+", "# ", re.sub(r"\s+", " ", line)).strip() for line in text.splitlines())
    return [line for line in lines if line]


def blemishes(book: Any) -> list[str]:
    """Say what a reader of a committed notebook should not find in it: one line for each, empty if it is in order."""
    found = []
    for i, cell in enumerate(code_cells(book), 1):
        kinds = output_kinds(cell)
        long = [line for line in cell.source.splitlines() if len(line) > MAX_COLUMNS]
        found += [f"{cell.id}: a line of {len(line)} columns, of at most {MAX_COLUMNS}: {line}" for line in long]
        if cell.execution_count != i:
            found.append(f"{cell.id}: cell {i} has the number {cell.execution_count}; run all cells from the top")
        found += [f"{cell.id}: shows an {kind}" for kind in ("error", "stderr") if kinds[kind]]
        for name, text in _texts(cell):
            found += [f"{cell.id}: {name} holds the path {m.group()!r}" for m in _MACHINE_PATH.finditer(text)]
            found += [f"{cell.id}: {name} holds the address{m.group()!r}" for m in _ADDRESS.finditer(text)]
            if "jupyter.widget" in name:
                found.append(f"{cell.id}: {name} needs a running kernel to be seen")
        if "execution" in cell.metadata:
            found.append(f"{cell.id}: keeps the times of its execution")
    if not any(cell.outputs for cell in code_cells(book)):
        found.append("no cell has an output")
    return found


def _texts(cell: Any) -> list[tuple[str, str]]:
    """Return a cell's outputs as text, each with its kind; pictures made of bytes are left out."""
    return [text for output in cell.outputs for text in _texts_of(output)]


def _texts_of(output: Any) -> list[tuple[str, str]]:
    if output.output_type == "stream":
        return [(output.name, output.text)]
    if output.output_type == "error":
        return [("error", "\n".join(output.traceback))]
    return [(kind, str(value)) for kind, value in output.data.items() if kind not in _BYTES]


_BYTES = frozenset(("image/png", "image/jpeg"))
