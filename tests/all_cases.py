"""Every table of cases, put together: what the laws run over."""

from __future__ import annotations

from . import (
    composed_cases,
    linalg_cases,
    op_cases,
    recurrent_cases,
    scipy_cases,
    special_values,
    surface_cases,
    window_cases,
)
from .composed_cases import ComposedCase as ComposedCase
from .op_cases import RANDOM_CASES as RANDOM_CASES, OpCase as OpCase, RandomCase as RandomCase
from .special_values import Special as Special

__all__ = ["CASES", "COMPOSED_CASES", "RANDOM_CASES", "SPECIAL", "ComposedCase", "OpCase", "RandomCase", "Special"]

_PARTS = (linalg_cases, surface_cases, scipy_cases, recurrent_cases, window_cases)
CASES: list[OpCase] = [*op_cases.CASES, *(row for part in _PARTS for row in part.CASES)]
COMPOSED_CASES: list[ComposedCase] = [
    *composed_cases.COMPOSED_CASES,
    *(row for part in _PARTS for row in part.COMPOSED_CASES),
]
SPECIAL: list[Special] = [*special_values.SPECIAL, *(row for part in _PARTS for row in part.SPECIAL)]
