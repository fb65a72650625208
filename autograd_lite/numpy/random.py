"""`numpy.random`, under this namespace's name: its draws are arrays."""

from typing import TYPE_CHECKING, Any

import numpy as _np

from .covers import covered_names as _covered_names

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


_NAMES = _covered_names(_np.random)
globals().update(_NAMES)
__all__ = sorted(_NAMES)
__dir__ = __all__.copy
