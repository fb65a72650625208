"""`scipy.integrate` on Tensors: samples, functions, and differential equations.

Example:
    >>> import numpy as np
    >>> import autograd_lite as ag
    >>> from autograd_lite.scipy import integrate
    >>> def end(rate):
    ...     return integrate.solve_ivp(lambda t, y: -rate * y, (0, 1), [1.0], rtol=1e-10, atol=1e-10).y[0, -1]
    >>> bool(abs(ag.grad(end)(2.0) + np.exp(-2)) < 1e-8)
    True
"""

from ...core.late import names_in as _names_in
from .boundary_values import solve_bvp as solve_bvp
from .initial_values import odeint as odeint, solve_ivp as solve_ivp
from .quadrature import fixed_quad as fixed_quad, quad as quad
from .samples import (
    cumulative_simpson as cumulative_simpson,
    cumulative_trapezoid as cumulative_trapezoid,
    romb as romb,
    simpson as simpson,
    trapezoid as trapezoid,
)

__all__ = _names_in(__name__)
__dir__ = __all__.copy
