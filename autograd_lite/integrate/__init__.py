"""Differential equations with derivatives by all that they depend on, under SciPy's names.

Example:
    >>> import numpy as np
    >>> import autograd_lite as ag
    >>> def end(rate):
    ...     return ag.integrate.solve_ivp(lambda t, y: -rate * y, (0, 1), [1.0], "Rodas5P", rtol=1e-9).y[0, -1]
    >>> bool(abs(ag.grad(end)(2.0) + np.exp(-2)) < 1e-6)
    True
"""

from typing import TYPE_CHECKING

from ..core.late import attach as _attach

if TYPE_CHECKING:
    from .boundary_values import solve_bvp as solve_bvp
    from .dense_output import DenseOutput as DenseOutput
    from .differential_algebraic import (
        consistent_initial_values as consistent_initial_values,
        solve_dae as solve_dae,
    )
    from .initial_values import Solution as Solution, solve_ivp as solve_ivp
    from .lsoda import odeint as odeint
    from .pictures import picture as picture
    from .progress import Interrupted as Interrupted
    from .shooting import Shots as Shots, multiple_shooting as multiple_shooting
else:
    __getattr__, __dir__, __all__ = _attach(__name__)
