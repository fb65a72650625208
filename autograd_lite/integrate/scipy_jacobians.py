"""Jacobians for SciPy's implicit methods on arrays, so that these need no differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.late import needs
from .equations import equations_of

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    from scipy.sparse import issparse

_OPTIONS = ("jac", "jac_sparsity", "lband", "uband")
# From how many equations on the program of the Jacobian is worth the time to record it, also in a single solve.
EXACT_FROM = {"Radau": 50, "BDF": 50, "LSODA": 100}


def jacobian_for(
    method: Any, fun: Callable[..., Any], t: Any, y0: Any, args: Sequence[Any] = (), options: Mapping[str, Any] = {}
) -> dict[str, Any]:
    """Return options for `scipy.integrate.solve_ivp` with the Jacobian of fun, or none.

    There are none for methods that read no Jacobian, where the user has given one, for few equations, whose differences
    cost less, and if fun is not computed with NumPy's functions alone. SciPy goes on calling fun itself.

    Args:
        method: a name, or one of SciPy's classes.
        fun: f(t, y, *args) of arrays, of shape (n,).
        t, y0: where to begin.
        args: further arguments of fun.
        options: those that the user has given.

    Returns:
        `jac`, a function of t and y as SciPy calls it, and for LSODA and banded matrices `lband` and `uband`.

    Example:
        >>> jacobian_for("BDF", lambda t, y: -(y**2), 0.0, np.ones(50))["jac"](0.0, np.arange(50.0))[3, 3]
        np.float64(-6.0)
        >>> jacobian_for("RK45", lambda t, y: -(y**2), 0.0, np.ones(50))
        {}
    """
    name = method if isinstance(method, str) else getattr(method, "__name__", "")
    if name not in EXACT_FROM or any(options.get(key) is not None for key in _OPTIONS):
        return {}
    try:
        y0 = np.array(y0, None if np.iscomplexobj(y0) else float)
        if y0.size < EXACT_FROM[name]:
            return {}
        equations, theta = equations_of("solve_ivp", fun, t, y0, tuple(args))
        bound = equations.at([np.asarray(x) for x in theta])
        first = bound.jacobian(t, y0)
    except Exception:  # whatever fun does with Tensors; SciPy calls it with arrays
        return {}

    def jac(t: Any, y: Any, *_: Any) -> Any:
        return bound.jacobian(t, y)

    if name != "LSODA" or not issparse(first):
        return {"jac": jac}
    rows, columns = first.tocoo().coords
    lower, upper = int((rows - columns).max(initial=0)), int((columns - rows).max(initial=0))
    if 2 * lower + upper < len(y0) // 2:

        def in_band(t: Any, y: Any, *_: Any) -> Any:
            packed = np.zeros((lower + upper + 1, len(y)))
            packed[rows - columns + upper, columns] = bound.jacobian(t, y).data
            return packed

        return {"jac": in_band, "lband": lower, "uband": upper}
    return {"jac": lambda t, y, *_: bound.jacobian(t, y).toarray()}
