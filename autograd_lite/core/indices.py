"""Indices that are read again whenever a recorded program runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


class IndexArray(np.ndarray):
    """The values of a Tensor as an index: a parameter of ops that is read again at every replay.

    What is computed from it is not followed, so it must not become a parameter in its turn.
    """

    edge: Any = None
    derived: bool = False

    def __array_finalize__(self, made_from: Any) -> None:
        if isinstance(made_from, IndexArray):
            self.derived = True


def indices_in(params: Mapping[str, Any]) -> Iterator[IndexArray]:
    """Yield the indices among the parameters of an op, in order."""
    for value in params.values():
        for part in value if value.__class__ is tuple else (value,):
            if part.__class__ is IndexArray:
                yield part
