"""Guides repeat figures that a run of the benchmarks has made, and name what there is."""

from __future__ import annotations

import functools
import importlib
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


def rows(page: str) -> list[list[str]]:
    """Return the cells of the rows of a page's tables, without their heads."""
    lines = [line.strip("|").split("|") for line in page.split("\n") if line.startswith("| ")]
    return [[cell.strip() for cell in line] for line in lines]


def milliseconds(cell: str) -> float:
    found = re.fullmatch(r"([\d.]+) ?(µs|ms|s)?", cell)
    assert found is not None, cell
    return float(found[1]) * {"µs": 1e-3, "ms": 1, "s": 1e3, None: 1}[found[2]]


def test_the_guide_to_speed_shows_rows_of_the_benchmarks() -> None:
    results = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8").partition("## Results\n")[2]
    measured = {row[0]: row for row in rows(results.partition("\n## ")[0])}
    guide = (ROOT / "docs" / "guides" / "compile.md").read_text(encoding="utf-8")
    table = [row for row in rows(guide) if row[0] in measured and len(row) == 4 and row[0] != "work"]
    assert len(table) >= 5
    for work, eager, compiled, times in table:
        assert float(eager) == milliseconds(measured[work][1]), work
        assert float(compiled) == milliseconds(measured[work][2]), work
        assert times == f"{float(f'{float(eager) / float(compiled):.2g}'):g}", work


DOCS = ROOT / "docs"
NAME = re.compile(r"\b((?:ag|nn|np|layers|torch|jax|jnp|scipy)(?:\.[A-Za-z_]\w*)+)")
ROOTS = {"ag": "autograd_lite", "np": "numpy", "layers": "nn.layers", "jnp": "jax.numpy"}
# PyTorch's, in its own column of a table, and a private name of an old NumPy.
EXCUSED = {
    *(f"nn.{name}" for name in ("BCEWithLogitsLoss", "Conv2d", "CrossEntropyLoss", "LSTM", "Linear", "ReLU")),
    *("nn.ModuleDict", "nn.ModuleList", "nn.functional.relu", "np.linalg._dot"),
}


def named(page: str, roots: set[str]) -> set[str]:
    """Return the dotted names in a page's inline code, of these roots."""
    text = re.sub(r"^```.*?^```$", "", page, flags=re.DOTALL | re.MULTILINE)
    spans = re.findall(r"`([^`\n]+)`", text)
    return {name for span in spans for name in NAME.findall(span) if name.partition(".")[0] in roots}


def test_the_record_that_is_shown_is_one_of_ours() -> None:
    page = (DOCS / "explanation" / "how_it_works.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^\w+ = elementwise\(np.*$", page, re.MULTILINE)
    table = (ROOT / "autograd_lite" / "ops" / "trig.py").read_text(encoding="utf-8")
    assert shown in {" ".join(line.split()) for line in table.split("\n")}


def test_every_page_for_readers_has_code_that_runs_or_a_picture() -> None:
    pages = [p for p in DOCS.rglob("*.md") if p.parts[-2] in ("docs", "guides", "nn", "explanation", "help")]
    shows = re.compile(r'^```python|^!\[|<pre class="live">', re.MULTILINE)
    bare = [p.name for p in pages if not shows.search(p.read_text(encoding="utf-8"))]
    assert len(pages) > 30
    assert set(bare) <= {"index.md", "changelog.md"}


@functools.cache
def resolves(name: str) -> bool:
    root, *rest = name.split(".")
    thing: Any = importlib.import_module(ROOTS.get(root, root))
    for i, part in enumerate(rest):
        if not hasattr(thing, part):
            try:
                importlib.import_module(".".join([ROOTS.get(root, root), *rest[: i + 1]]))
            except ImportError:
                return False
        thing = getattr(thing, part)
    return True


def absent(roots: set[str]) -> dict[str, list[str]]:
    pages = {path.relative_to(DOCS).as_posix(): path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")}
    found = {where: sorted(n for n in named(page, roots) - EXCUSED if not resolves(n)) for where, page in pages.items()}
    assert sum(len(named(page, roots)) for page in pages.values()) > 20
    return {where: names for where, names in found.items() if names}


@pytest.mark.ci
def test_the_names_in_the_text_of_pages_are_there() -> None:
    assert absent({"ag", "nn", "np", "layers"}) == {}
    assert not resolves("ag.nothing")
    assert named("`ag.grad(f)` and\n```python\nag.no\n```\n`np.linalg.inv(a)`", {"ag", "np"}) == {
        "ag.grad",
        "np.linalg.inv",
    }


@pytest.mark.ci
def test_so_are_those_of_other_packages() -> None:
    for peer in ("torch", "jax", "scipy"):
        pytest.importorskip(peer, reason=f"{peer} is not installed")
    assert absent({"torch", "jax", "jnp", "scipy"}) == {}
