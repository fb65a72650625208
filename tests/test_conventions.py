"""docs/reference/conventions.md is the table of special values, which the laws hold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from . import linalg_cases, surface_cases
from .special_values import GROUPS, Special

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "conventions.md"
# Beside those of the table itself.
MORE = {"Sorting, scans and statistics": surface_cases.SPECIAL, "Linear algebra": linalg_cases.SPECIAL}


def number(v: Any) -> str:
    return f"{float(v):.4g}".replace("inf", "∞").replace("nan", "NaN").replace("-", "−")


def shown(a: Any) -> str:
    a = np.asarray(a)
    if a.ndim == 0:
        return number(a) if a.dtype.kind in "fiub" else str(a)
    return "[" + ", ".join(shown(row) for row in a) + "]"


def table(rows: list[Special]) -> list[str]:
    lines = ["| | at | gradient |", "|---|---|---|"]
    for row in rows:
        at, gradient = (" ; ".join(shown(a) for a in part) for part in (row.inputs, row.gradients))
        lines.append(f"| {row.name.replace('|', chr(92) + '|')} | {at} | {gradient} |")
    return lines


def page() -> str:
    """Return the page: the words above the tables as they stand, and the tables anew."""
    head = PAGE.read_text(encoding="utf-8").split("## Linear functions")[0].rstrip()
    parts = [head]
    for title, rows in {**GROUPS, **MORE}.items():
        parts += ["", f"## {title}", "", *table(rows)]
    return "\n".join(parts) + "\n"


def test_the_page_of_conventions_is_the_table() -> None:
    text = page()
    if os.environ.get("AUTOGRAD_LITE_WRITE_GOLDEN"):
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "conventions.md is old: run with AUTOGRAD_LITE_WRITE_GOLDEN=1"
