"""docs/reference/special.md says what the tables say, and its errors are those that are seen."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("scipy.special")

from .page import figures, rows, without_errors, written


def test_the_page_is_what_the_tables_and_the_grids_say() -> None:
    """An older SciPy has fewer functions, and other machines other last digits."""
    found = {row.split("|")[1]: row for row in rows()}
    page = {row.split("|")[1]: row for row in written()}
    assert found.keys() <= page.keys(), "python -m tests.ops.special.page"
    for name, row in found.items():
        assert without_errors(row) == without_errors(page[name]), "python -m tests.ops.special.page"
        for seen, said in itertools.zip_longest(figures(row), figures(page[name])):
            assert seen <= 10 * said, name
