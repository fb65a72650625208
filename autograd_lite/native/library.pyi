"""The extension module in C, built from the files in `c/`."""

from typing import Any

import numpy as np

def ufuncs(instructions: str) -> dict[str, np.ufunc]: ...
def instruction_sets() -> list[str]: ...
def casts() -> dict[str, np.ufunc]: ...

class Segment:
    def __new__(
        cls,
        code: np.ndarray[Any, Any],
        loops: tuple[tuple[np.ufunc, int], ...],
        memory: tuple[np.ndarray[Any, Any], ...],
        arguments: tuple[Any, ...],
        results: tuple[Any, ...],
        scratch: np.ndarray[Any, Any],
        is_long: bool,
    ) -> Segment: ...
    def __call__(self, *arguments: Any) -> Any: ...
