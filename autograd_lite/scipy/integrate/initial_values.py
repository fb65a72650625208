"""Initial value problems, which `autograd_lite.integrate` solves, under SciPy's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import scipy.integrate as original

from ...integrate.initial_values import solve_ivp as solve_initial_value_problem
from ...integrate.lsoda import odeint as solve_on_grid
from ..calls import takes_tensors


@takes_tensors(
    original.solve_ivp,
    "y0, args, t_span, t_eval, and what fun reads from around it",
    "the discrete solution of SciPy's accepted steps, whose lengths and orders are constants; by times the slope "
    "of the solution. Moments and states of events, too. LSODA is refused. [integrate](integrate.md) has more options "
    "and methods",
    always=True,
)
def solve_ivp(
    fun: Callable[..., Any],
    t_span: Any,
    y0: Any,
    method: Any = "RK45",
    t_eval: Any = None,
    dense_output: bool = False,
    events: Any = None,
    vectorized: bool = False,
    args: Any = None,
    **options: Any,
) -> Any:
    return solve_initial_value_problem(
        fun, t_span, y0, method, t_eval, dense_output, events, vectorized, args, **options
    )


@takes_tensors(
    original.odeint,
    "y0, t, args, and what func reads from around it",
    "the values are LSODA's; the derivatives are those of the discrete solution by DOP853, or by Radau for a "
    "stiff problem, with tighter tolerances, since a multistep method has no steps to take again",
    always=True,
)
def odeint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    args: Any = (),
    Dfun: Any = None,
    full_output: Any = 0,
    rtol: Any = None,
    atol: Any = None,
    tfirst: bool = False,
    **options: Any,
) -> Any:
    return solve_on_grid(func, y0, t, args, Dfun, full_output, rtol, atol, tfirst, **options)
