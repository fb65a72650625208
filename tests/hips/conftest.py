"""For tests that install autograd_lite.hips under HIPS's name."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

import autograd_lite.hips as hips


@pytest.fixture
def no_autograd(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """HIPS itself may be imported by another test: here it is not."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "autograd"]:
        monkeypatch.delitem(sys.modules, name)
    yield
    hips.uninstall()
