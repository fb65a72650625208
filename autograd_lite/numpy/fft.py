"""`numpy.fft`, whose functions also take lists that hold Tensors."""

from typing import TYPE_CHECKING, Any

import numpy as _np

from .covers import covered_names as _covered_names, making_tensors as _made
from .standard import FREQUENCIES as _FREQUENCIES

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


_NAMES = _covered_names(_np.fft)
_NAMES |= {name: _made(f) for name, f in _FREQUENCIES.items()}
globals().update(_NAMES)
__all__ = sorted(_NAMES)
__dir__ = __all__.copy
