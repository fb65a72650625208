"""The tables of docs/guides/optimize.md say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("scipy.optimize")

from autograd_lite.optimize.methods import LEAST_FOR_SPARSE, MINIMIZE, ROOT, ROOT_SCALAR

from .strd import MODELS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "optimize.md").read_text()


def test_the_table_of_methods() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \|([^|\n]*)\|([^|\n]*)\|([^|\n]*)\|([^|\n]*)\|([^|\n]*)\|$", PAGE, re.MULTILINE)
    told = {name: tuple(bool(cell.strip()) for cell in cells) for name, *cells in rows}
    assert told == {name: tuple(takes) for name, takes in MINIMIZE.items()}


def test_the_methods_of_other_functions() -> None:
    for name in ROOT:
        assert re.search(rf"^\| `root` \|.*`{name}`.*Jacobian", PAGE, re.MULTILINE)
    for name in ROOT_SCALAR:
        assert re.search(rf"^\| `root_scalar` \| `{name}` \|.*derivative", PAGE, re.MULTILINE)


def test_the_table_of_digits_has_every_data_set() -> None:
    digits = re.findall(r"^\| (\w+) \| ([\d.]+), ([\d.]+) \| [\d.]+, [\d.]+ \|", PAGE, re.MULTILINE)
    assert [name for name, *_ in digits] == list(MODELS)
    assert min(float(x) for _, *both in digits for x in both) >= 10


def test_the_table_of_sparse_methods() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `([\w-]+)`.*\| (\d+) \w+ \|$", PAGE, re.MULTILINE)
    least = {method if function == "minimize" else function: int(n) for function, method, n in rows}
    assert least == LEAST_FOR_SPARSE
    assert {name for name, takes in MINIMIZE.items() if takes.sparse} <= least.keys()
