"""Figures that guides repeat are those of the README, which a run of the benchmarks has made."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def rows(page: str) -> list[list[str]]:
    """Return the cells of the rows of a page's tables, without their heads."""
    lines = [line.strip("|").split("|") for line in page.split("\n") if line.startswith("| ")]
    return [[cell.strip() for cell in line] for line in lines]


def milliseconds(cell: str) -> float:
    found = re.fullmatch(r"([\d.]+) ?(µs|ms|s)?", cell)
    assert found is not None, cell
    return float(found[1]) * {"µs": 1e-3, "ms": 1, "s": 1e3, None: 1}[found[2]]


def test_the_guide_to_speed_shows_rows_of_the_readme() -> None:
    speed = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Speed\n")[2]
    measured = {row[0]: row for row in rows(speed)}
    guide = (ROOT / "docs" / "guides" / "compile.md").read_text(encoding="utf-8")
    table = [row for row in rows(guide) if row[0] in measured and len(row) == 4 and row[0] != "work"]
    assert len(table) >= 5
    for work, eager, compiled, times in table:
        assert float(eager) == milliseconds(measured[work][1]), work
        assert float(compiled) == milliseconds(measured[work][2]), work
        assert times == f"{float(eager) / float(compiled):.2g}", work
