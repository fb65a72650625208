"""The libraries that nn is compared with, imported as they are meant to be used here, or a skip with the reason."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest


def keras() -> Any:
    """Return Keras on PyTorch's backend."""
    pytest.importorskip("torch")
    os.environ["KERAS_BACKEND"] = "torch"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("keras")


def torch() -> Any:
    """Return PyTorch."""
    return pytest.importorskip("torch")


def compare(theirs: Any, ours: Any, place: str = "result") -> None:
    """Compare nested numbers to five digits, and whatever else is in them exactly, the order of names included."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), place
        theirs, ours = list(theirs.values()), list(ours.values())
    if isinstance(theirs, np.ndarray):
        theirs, ours = theirs.tolist(), np.asarray(ours).tolist()
    if isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), place
        for i, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            compare(one, other, f"{place}[{i}]")
    elif isinstance(theirs, (float, np.floating)):
        assert ours == pytest.approx(float(theirs), rel=1e-5, abs=1e-6), place
    else:
        assert ours == theirs, place
