"""`numpy.linalg`, whose functions also take lists that hold Tensors."""

from typing import TYPE_CHECKING, Any

import numpy as _np

from .covers import covered_names as _covered_names

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


_NAMES = _covered_names(_np.linalg)
globals().update(_NAMES)
__all__ = sorted(_NAMES)
__dir__ = __all__.copy
