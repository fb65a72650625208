"""The kinds of arrays beyond NumPy's that the laws run with: the double of a device, and CuPy where a GPU answers."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from . import device_double
from .device_double import Device, DeviceArray

__all__ = ["DOUBLE", "KINDS", "Kind"]


class Kind(NamedTuple):
    """One kind of arrays.

    Attributes:
        name: shown in the ids of tests.
        to_kind: makes one of NumPy's array, where the laws put theirs.
        to_numpy: the way back.
        is_kind: whether something is an array of this kind that lies there.
        phases: whether vectors, of eigenvalues and the like, have the signs that NumPy gives them.
        absent: the reason why the machine has none, or "".
    """

    name: str
    to_kind: Callable[[np.ndarray], Any]
    to_numpy: Callable[[Any], np.ndarray]
    is_kind: Callable[[Any], bool]
    phases: bool = False
    absent: str = ""

    def skip_unless_there(self) -> None:
        """Skip a test of what the machine lacks."""
        if self.absent:
            pytest.skip(f"{self.name}: {self.absent}")


def _on_the_second_device(a: np.ndarray) -> DeviceArray:
    """Not on the one where arrays are made by default, so that what is made beside an array has to ask it."""
    with Device(1):
        return device_double.asarray(a)


DOUBLE = Kind(
    "double",
    _on_the_second_device,
    device_double.asnumpy,
    lambda x: isinstance(x, DeviceArray) and x.device == Device(1),
    phases=True,
)


def _cupy() -> Kind:
    """Return the row of CuPy, whose arrays lie on the current device."""
    try:
        cupy = importlib.import_module("cupy")
        here = cupy.cuda.Device()
        cupy.ones(1)
    except Exception as error:  # not installed, no driver, no GPU: CuPy has an exception for each
        return Kind("cupy", np.asarray, np.asarray, lambda x: False, absent=f"{type(error).__name__}: {error}")

    return Kind("cupy", cupy.asarray, cupy.asnumpy, lambda x: isinstance(x, cupy.ndarray) and x.device == here)


# For parametrize and fixtures; what needs another package is tried by the checks that need more.
KINDS = [pytest.param(DOUBLE, id="double"), pytest.param(_cupy(), id="cupy", marks=pytest.mark.ci)]
