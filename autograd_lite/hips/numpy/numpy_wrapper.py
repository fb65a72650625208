"""HIPS's namespace: NumPy's, whose constructors make arrays, with what HIPS adds: `autograd.numpy.numpy_wrapper`."""

from typing import TYPE_CHECKING, Any

import numpy as _np

from ...numpy.covers import CONSTRUCTORS as _CONSTRUCTORS, covered_names as _covered_names
from .additions import ADDITIONS as _ADDITIONS

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


_NAMES = _covered_names(_np) | _CONSTRUCTORS | _ADDITIONS
_NAMES |= {"row_stack": _NAMES["vstack"], "numpy_version": _np.__version__}
globals().update(_NAMES)
__all__ = sorted(_NAMES)
