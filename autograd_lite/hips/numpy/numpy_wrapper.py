"""HIPS's namespace: NumPy's, whose constructors make arrays, with what HIPS adds: `autograd.numpy.numpy_wrapper`."""

from functools import wraps as _wraps
from types import BuiltinFunctionType as _Builtin, FunctionType as _Function
from typing import TYPE_CHECKING, Any

import numpy as _np

from ...numpy.covers import CONSTRUCTORS as _CONSTRUCTORS, covered_names as _covered_names
from ...tensors.tensor import Tensor as _Tensor
from .additions import ADDITIONS as _ADDITIONS
from .signatures import with_signature as _signed

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


def _bare(function: Any) -> Any:
    """Return a constructor that makes arrays like boxes, as HIPS's do: `flat[...] = box` has no meaning there."""

    @_wraps(function)
    def unwrap_result(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return result.data if type(result) is _Tensor and result._node is None else result

    return unwrap_result


# From 2.4 on, NumPy's ufuncs and functions state theirs.
_UNSIGNED: tuple[type, ...] = (_Builtin,) if hasattr(_np.sin, "__signature__") else (_Builtin, _Function, _np.ufunc)
_NAMES = _covered_names(_np) | _CONSTRUCTORS | _ADDITIONS
_NAMES |= {name: _bare(_NAMES[name]) for name in ("empty_like", "full_like", "ones_like", "zeros_like")}
_NAMES |= {"row_stack": _NAMES["vstack"], "numpy_version": _np.__version__}
_NAMES = {name: _signed(value) if isinstance(value, _UNSIGNED) else value for name, value in _NAMES.items()}
globals().update(_NAMES)
__all__ = sorted(_NAMES)
