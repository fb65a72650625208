"""Sparse matrices and derivatives: their patterns, colors, Jacobians and Hessians, and equations with them.

Names and arguments are those of `scipy.sparse` and `scipy.sparse.linalg`, which do the computing.
"""

from typing import TYPE_CHECKING

from ..core.late import attach as _attach

if TYPE_CHECKING:
    from .linalg import SuperLU as SuperLU, factorized as factorized, splu as splu, spsolve as spsolve
    from .pattern import Pattern as Pattern
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
