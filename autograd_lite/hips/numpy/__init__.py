"""NumPy as HIPS has it: `autograd.numpy`. Its arrays are NumPy's, and so are its ufuncs from NumPy 2.4 on."""

from typing import TYPE_CHECKING, Any

from . import (
    fft as fft,
    linalg as linalg,
    numpy_boxes as numpy_boxes,
    numpy_jvps as numpy_jvps,
    numpy_vjps as numpy_vjps,
    numpy_vspaces as numpy_vspaces,
    numpy_wrapper as numpy_wrapper,
    random as random,
)
from .numpy_wrapper import *  # noqa: F403
from .numpy_wrapper import __all__ as _names, numpy_version as __version__

if TYPE_CHECKING:

    def __getattr__(name: str) -> Any: ...


__all__ = [*_names, "__version__", "fft", "linalg", "numpy_boxes", "random"]
__dir__ = __all__.copy
