"""NumPy's namespace for code that makes its buffers inside: what its constructors make are Tensors.

    import autograd_lite.numpy as xnp

A Tensor can be written into, so `b = xnp.zeros(n); b[i] = t` carries the gradient of t, in every transformation.
NumPy's own namespace needs no such thing where a function computes with its arguments; here, besides, lists that
hold Tensors are arrays (`xnp.array([t, u])`, `xnp.sum([t, u])`), and iterators are sequences (`xnp.stack(generator)`).
Everything else is NumPy's, under our own conventions. Views do not write through: `b[0][1] = t` changes a copy, so
write `b[0, 1] = t`.

Example:
    >>> import autograd_lite as ag
    >>> import autograd_lite.numpy as xnp
    >>> def powers(x):
    ...     b = xnp.zeros(3)
    ...     for i in range(3):
    ...         b[i] = x**i
    ...     return b
    >>> ag.jacobian(powers)(2.0)
    array([0., 1., 4.])
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING, Any

import numpy as _np

from . import fft as fft, linalg as linalg, random as random
from .covers import (
    CONSTRUCTORS as _CONSTRUCTORS,
    beside as _beside,
    cover as _cover,
    covered_names as _covered_names,
    making_tensors as _made,
    ndarray as _ndarray,
)
from .standard import FUNCTIONS as _FUNCTIONS

if TYPE_CHECKING:
    from . import special as special

    def __getattr__(name: str) -> Any: ...
else:

    def __getattr__(name: str) -> Any:
        if name == "special":  # SciPy asks for it
            try:
                return _import_module(".special", __name__)
            except ModuleNotFoundError:
                pass
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_NAMES = _covered_names(_np) | {name: _cover(f) for name, f in _FUNCTIONS.items()} | _CONSTRUCTORS
_MAKING = """
    arange array asanyarray asarray ascontiguousarray asfortranarray copy empty empty_like eye full full_like
    from_dlpack fromfunction fromiter identity linspace ones ones_like tri zeros zeros_like
"""
_OF_INDICES = "broadcast_arrays isin meshgrid nonzero unique_all unique_counts unique_inverse"
_STANDARD = ("__array_api_version__", "__array_namespace_info__")
_NAMES |= {name: _made(_NAMES[name]) for name in _MAKING.split()}
_NAMES |= {name: _beside(_NAMES[name]) for name in _OF_INDICES.split()}
_NAMES |= {name: getattr(_np, name) for name in _STANDARD if hasattr(_np, name)}  # NumPy 2.0 has them not all
_NAMES["ndarray"] = _ndarray
globals().update(_NAMES)
__all__ = sorted([*_NAMES, "fft", "linalg", "random"])
__dir__ = __all__.copy
