"""Options of `solve_ivp` as settings, checked in one place for all methods."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np

from ..core.errors import ShapeError
from ..ops.operands import operand, values
from .trajectories import Settings

# What SciPy's implicit methods take, which decides how fast a step is solved for, and not about the solution.
_OF_JACOBIANS = ("jac", "jac_sparsity", "lband", "uband", "min_step")
_NAMES = ("rtol", "atol", "first_step", "max_step", *_OF_JACOBIANS)


def state_of(called: str, y0: Any) -> Any:
    """Return an initial state in double precision.

    Raises:
        ShapeError: if it is not a vector.
        TypeError: if it does not hold numbers.
    """
    y0 = operand(y0)
    if y0.ndim != 1:
        raise ShapeError(f"{called}: expected y0 of shape (n,); received {y0.shape}. Write [y0] for one unknown")
    if y0.dtype.kind not in "fciub":
        raise TypeError(f"{called}: expected y0 as an array of numbers; received dtype {y0.dtype}")
    if y0.dtype not in (np.float64, np.complex128):
        y0 = y0.astype(np.complex128 if y0.dtype.kind == "c" else np.float64)
    return y0


def settings_of(options: Mapping[str, Any], n: int, length: float, called: str = "solve_ivp") -> Settings:
    """Return options as settings.

    Args:
        options: by name; None is the default.
        n: how many unknowns.
        length: |t1 - t0|.
        called: the caller, for messages.

    Raises:
        TypeError: if there is no option of a name.
        ValueError, ShapeError: if a value is impossible.
    """
    rest = {name: x for name, x in options.items() if x is not None}
    fields = {name: rest.pop(name) for name in list(rest) if name in Settings._fields}
    for name in rest:
        if name not in (*_OF_JACOBIANS, "mass"):
            near = get_close_matches(name, _NAMES, n=1)
            more = f". Did you mean {near[0]!r}?" if near else f"; options are {', '.join(_NAMES)}"
            raise TypeError(f"{called}: there is no option {name!r}{more}")
    for name in ("rtol", "atol"):
        if name in fields:
            fields[name] = _tolerance(called, name, fields[name], n)
    zero = not np.any(fields.get("rtol", 1.0)) and not np.any(fields.get("atol", 1.0))
    if zero:
        raise ValueError(f"{called}: expected rtol or atol above 0; received zeros, which no step can fulfill")
    if not fields.get("first_step", 1.0) > 0:
        raise ValueError(f"{called}: expected first_step > 0; received {fields['first_step']}")
    if fields.get("first_step", 0.0) > length > 0:
        raise ValueError(f"{called}: expected first_step <= |t1 - t0| = {length:g}; received {fields['first_step']:g}")
    if not fields.get("max_step", 1.0) > 0:
        raise ValueError(f"{called}: expected max_step > 0; received {fields['max_step']}")
    for name in ("max_steps", "max_bytes"):
        if not fields.get(name, 1) >= 1 or fields.get(name, 1) != int(fields.get(name, 1)):
            raise ValueError(f"{called}: expected {name} as a positive integer; received {fields[name]!r}")
    return Settings(**fields, more={name: x for name, x in rest.items() if name != "min_step"})


def _tolerance(called: str, name: str, x: Any, n: int) -> Any:
    """Return a tolerance as a number, or as an array of shape (n,)."""
    array = np.asarray(values(x) if hasattr(x, "__apply_op__") else x, float)
    if array.shape not in ((), (n,)):
        raise ShapeError(f"{called}: expected {name} as a number, or of y's shape ({n},); received {array.shape}")
    if not (array >= 0).all():
        raise ValueError(f"{called}: expected {name} >= 0; received {array.tolist()}")
    return array if array.ndim else float(array)
