"""Sparse matrices and derivatives: their patterns, colors, Jacobians and Hessians, and equations with them.

Names and arguments are those of `scipy.sparse` and `scipy.sparse.linalg`, which do the computing.
"""

from typing import TYPE_CHECKING

from ..core.late import attach as _attach

if TYPE_CHECKING:
    from .colorings import Coloring as Coloring, color as color
    from .construction import (
        block_array as block_array,
        coo as coo,
        csr as csr,
        diags as diags,
        eye as eye,
        kron as kron,
    )
    from .derivatives import SparseDerivative as SparseDerivative, hessian as hessian, jacobian as jacobian
    from .eigen import eigsh as eigsh, norm as norm, svds as svds
    from .iterative import bicgstab as bicgstab, cg as cg, gmres as gmres, minres as minres
    from .least_squares import lsmr as lsmr, lsqr as lsqr
    from .linalg import SuperLU as SuperLU, factorized as factorized, splu as splu, spsolve as spsolve
    from .linearizations import Linearization as Linearization, linearize as linearize
    from .matrices import SparseTensor as SparseTensor
    from .operators import LinearOperator as LinearOperator, aslinearoperator as aslinearoperator
    from .pattern import Pattern as Pattern
    from .patterns import hessian_pattern as hessian_pattern, jacobian_pattern as jacobian_pattern
    from .pictures import picture as picture
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
