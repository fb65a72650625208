"""Notebooks as data: reading, executing and judging them."""

from __future__ import annotations

import copy
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MAX_BYTES = 1_000_000

# Neither data nor a network: every proxy that a download would go through refuses.
OFFLINE = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}

_MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:work|home|root|tmp|usr|var|Users|private)/|\b[A-Z]:\\\\?Users\b")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def read(path: Path) -> Any:
    """Return a notebook that keeps to the notebook format."""
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    return book


def execute(book: Any, folder: Path, environment: dict[str, str], timeout: int) -> Any:
    """Run a copy of a notebook from top to bottom, in a folder of its own, and return it with its new outputs.

    Args:
        book: the notebook; its old outputs do not matter.
        folder: where it runs, with what Jupyter and matplotlib keep beside it.
        environment: variables set for it alone.
        timeout: seconds that a cell may take.

    Raises:
        CellExecutionError: if a cell raises.
    """
    ours = {name: str(folder / name.lower()) for name in ("IPYTHONDIR", "MPLCONFIGDIR")}
    env = {**os.environ, **ours, "PYTHONPATH": str(ROOT), **environment}
    env.pop("MPLBACKEND", None)  # that of the tests shows no picture
    fresh = copy.deepcopy(book)
    client = NotebookClient(
        fresh,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=env)
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


def blemishes(book: Any) -> list[str]:
    """Say what a reader of a committed notebook should not find in it: one line for each, empty if it is in order."""
    found = []
    for i, cell in enumerate(code_cells(book), 1):
        kinds = output_kinds(cell)
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
    texts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            texts.append((output.name, output.text))
        elif output.output_type == "error":
            texts.append(("error", "\n".join(output.traceback)))
        else:
            texts += [(kind, str(value)) for kind, value in output.data.items() if kind not in _BYTES]
    return texts


_BYTES = frozenset(("image/png", "image/jpeg"))
