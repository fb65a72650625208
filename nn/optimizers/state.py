"""Checks of a saved state before an optimizer takes it over."""

from __future__ import annotations

from collections.abc import Mapping, Set as AbstractSet
from typing import Any

from autograd_lite import DtypeError, ShapeError, Tensor
from autograd_lite.arrays import to_numpy

from .rules import Array


def arrays(state: Mapping[str, Any]) -> dict[str, Array]:
    """Return the entries of a state as arrays."""
    return {key: to_numpy(value.data if isinstance(value, Tensor) else value) for key, value in state.items()}


def same_keys(caller: str, expected: AbstractSet[str], received: AbstractSet[str]) -> None:
    """Raise unless a state has exactly the expected entries."""
    if missing := sorted(expected - received):
        raise ValueError(f"{caller}: expected an entry {missing[0]!r} ({len(missing)} missing); received none")
    if unknown := sorted(received - expected):
        raise ValueError(
            f"{caller}: received {unknown[0]!r}, which this optimizer does not have ({len(unknown)} unknown). "
            "Load into an optimizer of the same class, options and number of parameters"
        )


def same_kinds(caller: str, expected: Mapping[str, Array], received: Mapping[str, Array]) -> None:
    """Raise unless the arrays of a state have the expected shapes and dtypes."""
    for key, a in received.items():
        if a.shape != expected[key].shape:
            raise ShapeError(f"{caller}: expected {key!r} of shape {expected[key].shape}; received {a.shape}")
        if a.dtype != expected[key].dtype:
            raise DtypeError(f"{caller}: expected {key!r} of dtype {expected[key].dtype}; received {a.dtype}")


def whole_number(caller: str, key: str, a: Array | None) -> int:
    """Return an entry that counts something as an int."""
    if a is None or a.shape or a.dtype.kind not in "iu" or a < 0:
        raise ValueError(f"{caller}: expected {key!r}, a whole number of at least 0; received {a!r:.80}")
    return int(a)
