"""Boundary value problems: `solve_bvp`."""

from __future__ import annotations

from typing import Any

import scipy.integrate as original

from ...integrate.boundary_values import solve_bvp as differentiable
from ..calls import takes_tensors


@takes_tensors(
    original.solve_bvp,
    "the ends of x, and what fun and bc read from around them",
    "the collocation equations on SciPy's last mesh are solved to the last digits; in a compiled function, and in "
    "vmap, there are always max_nodes nodes, of which the last ones repeat the end",
    always=True,
)
def solve_bvp(fun: Any, bc: Any, x: Any, y: Any, **options: Any) -> Any:
    return differentiable(fun, bc, x, y, **options)
