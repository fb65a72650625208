"""HIPS's namespace: NumPy's, whose constructors make arrays, with what HIPS adds: `autograd.numpy.numpy_wrapper`."""

from types import BuiltinFunctionType as _Builtin, FunctionType as _Function
from typing import TYPE_CHECKING, Any

import numpy as _np

from ...numpy.covers import CONSTRUCTORS as _CONSTRUCTORS, covered_names as _covered_names
from .additions import ADDITIONS as _ADDITIONS
from .signatures import signed as _signed

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


# From 2.4 on, NumPy's ufuncs and functions state theirs.
_UNSIGNED: tuple[type, ...] = (_Builtin,) if hasattr(_np.sin, "__signature__") else (_Builtin, _Function, _np.ufunc)
_NAMES = _covered_names(_np) | _CONSTRUCTORS | _ADDITIONS
_NAMES |= {"row_stack": _NAMES["vstack"], "numpy_version": _np.__version__}
_NAMES = {name: _signed(value) if isinstance(value, _UNSIGNED) else value for name, value in _NAMES.items()}
globals().update(_NAMES)
__all__ = sorted(_NAMES)
