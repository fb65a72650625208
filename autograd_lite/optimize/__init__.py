"""SciPy's solvers with derivatives by themselves, and those of their solutions, and quadratic programs.

Example:
    >>> import numpy as np
    >>> from autograd_lite import optimize
    >>> found = optimize.minimize(lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(), [-1.2, 1, 1])
    >>> found.x.round(4).tolist()
    [1.0, 1.0, 1.0]
"""

from ..core.late import needs as _needs

with _needs("autograd_lite.optimize", "scipy", "'autograd-lite[scipy]'"):
    from scipy.optimize import (
        Bounds as Bounds,
        LinearConstraint as LinearConstraint,
        NonlinearConstraint as NonlinearConstraint,
        OptimizeResult as OptimizeResult,
    )

from .curve_fit import curve_fit as curve_fit
from .ipopt import Multipliers as Multipliers
from .least_squares import least_squares as least_squares
from .linear_program import linprog as linprog
from .minimize import minimize as minimize
from .quadratic_program import qp as qp
from .results import Estimate as Estimate, EstimateWithStderr as EstimateWithStderr, delta_method as delta_method
from .root import root as root
from .scalars import minimize_scalar as minimize_scalar, root_scalar as root_scalar

__all__ = [
    "Bounds",
    "Estimate",
    "EstimateWithStderr",
    "LinearConstraint",
    "Multipliers",
    "NonlinearConstraint",
    "OptimizeResult",
    "curve_fit",
    "delta_method",
    "least_squares",
    "linprog",
    "minimize",
    "minimize_scalar",
    "qp",
    "root",
    "root_scalar",
]
__dir__ = __all__.copy
