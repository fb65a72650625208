"""What the tests of the pictures share."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import pytest

import nn


@pytest.fixture(autouse=True)
def _no_figures_left() -> Iterator[None]:
    nn.set_seed(0)
    yield
    plt.close("all")
