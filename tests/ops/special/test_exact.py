"""Derivatives by every argument, first and second, against values of mpmath: see `exact`."""

from __future__ import annotations

import pytest

from tests.rows import for_every

pytest.importorskip("scipy.special")

from .accuracy import errors
from .exact import EXACT
from .truth import Exact


@for_every(EXACT, by=lambda row: row.name)
def test_derivatives_are_exact_to_ten_digits_or_as_good_as_the_value(row: Exact) -> None:
    found = errors(row)
    assert found.points >= 5
    bound = max(1e-10, found.value)
    assert found.first <= bound, f"first derivatives: {found}"
    assert found.second <= bound, f"second derivatives: {found}"
