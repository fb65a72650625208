"""The libraries that nn is compared with, imported as they are meant to be used here, or a skip with the reason."""

from __future__ import annotations

import os
import warnings
from typing import Any

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
