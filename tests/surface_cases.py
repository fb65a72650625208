"""Cases for the ops of this part of the tables; see `op_cases` and `composed_cases`. Data only."""

from __future__ import annotations

from .composed_cases import ComposedCase
from .op_cases import OpCase
from .special_values import Special

__all__ = ["CASES", "COMPOSED_CASES", "SPECIAL"]

CASES: list[OpCase] = []
COMPOSED_CASES: list[ComposedCase] = []
SPECIAL: list[Special] = []
