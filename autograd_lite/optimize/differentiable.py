"""Solves whose results have derivatives: where a function reads a Tensor, the solve begins anew as a solution.

Every solver makes a `Problem` and calls `solve`. A solve of plain arrays runs as it is. If it meets a Tensor that a
derivative, a batch or a trace may belong to, the functions become pure ones, of the parameters and of all that they
read, theta. Then the same solver runs on values of theta, inside of the op `solution`, whose rule has the equations
that the result fulfills.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import GradError, TraceError, UnsupportedError
from ..core.mode import MODE, TAPES
from ..core.shape_arithmetic import ShapeDtype
from ..solutions.closures import pure_functions
from ..solutions.settings import Settings, check_choices
from ..solutions.solution import solution
from ..solutions.systems import System
from ..tensors.tensor import Tensor
from ..tensors.tracers import is_open
from ..tree import leaves, map as map_leaves
from .binding import Binding
from .evaluation import name_of
from .optimality import Optimality
from .results import DifferentiableEstimate, estimate, words_of_failure
from .vectors import Layout, TensorMet, is_known, value_of


class Problem(NamedTuple):
    """A call of a solver.

    Attributes:
        called: the solver, for messages.
        functions: of (parameters, *args), by name: all that the equations need, and no derivatives.
        layout: of the parameters.
        args: further arguments of the functions.
        data: a tree of what else may be Tensors: starts, by which there are no derivatives, and limits.
        plain: `(functions, data, args, exact) -> result`: runs the solver on arrays. The result's `x` is the vector.
            With `exact`, the functions are pure, and derivatives that the user has given are not used.
        start: the vector of parameters to start from.
        optimality: the equations that the solution fulfills; or why it has no derivatives.
        finish: makes what the user gets of the result: that of `plain`, or one with Tensors.
        is_slow: whether functions take long to call, such as those of a model: they run as programs where they can.
    """

    called: str
    functions: Mapping[str, Callable[..., Any]]
    layout: Layout
    args: tuple[Any, ...]
    data: Any
    plain: Callable[[Mapping[str, Any], Any, tuple[Any, ...], bool], Any]
    start: Any
    optimality: Optimality | str
    finish: Callable[[Any], Any]
    is_slow: bool = False


def solve(problem: Problem, how: tuple[float, str, str, bool]) -> Any:
    """Return the result of a solver, with derivatives where there may be some.

    Args:
        problem: the call.
        how: `digits`, `on_uncertain`, `on_failure` and `refine`, see `Settings`.
    """
    check_choices(problem.called, *how[1:3])
    tracing = TAPES and MODE.get().tape is not None
    if problem.is_slow and not tracing:
        with suppress(TraceError, UnsupportedError):
            return problem.finish(_solve_as_solution(problem, Settings(*how)))
    if not (tracing or how[-1] or any(map(is_open, leaves((problem.args, problem.data))))):
        try:
            data = map_leaves(value_of, problem.data)
            return problem.finish(problem.plain(problem.functions, data, problem.args, False))
        except TensorMet:
            pass
    return problem.finish(_solve_as_solution(problem, Settings(*how)))


def _solve_as_solution(problem: Problem, settings: Settings) -> Any:
    called, layout, optimality = problem.called, problem.layout, problem.optimality
    if isinstance(optimality, str):
        raise GradError(
            f"{called}: expected functions and limits that read no Tensor by which there are derivatives: "
            f"{optimality}. If none are meant, solve inside ag.no_grad(), or detach the Tensors"
        )
    binding, theta = _bind(problem)
    if is_known(None) and not any(map(is_open, theta)):
        theta = list(map(value_of, theta))
    conditions = binding.cache((optimality, "conditions"), lambda: optimality.conditions(binding.without_values()))
    reports: list[Any] = []

    def find(*values: Any) -> tuple[Any, bool, tuple[Any, ...]]:
        functions, data = binding.at(values)
        result = problem.plain(functions, data, (), True)
        reports[:] = [result]
        if conditions is None:
            return result.x, bool(result.success), ()
        z, active = conditions.find_active(result.x, values, optimality.multipliers(result))
        return z, bool(result.success), active

    def equations(x: Any, aux: tuple[Any, ...], *values: Any) -> Any:
        functions, data = binding.of_vector(values)
        return optimality.residual(functions, x, data)

    if conditions is None:
        z, aux = ShapeDtype((layout.size,), np.dtype(np.float64)), ()
    else:
        z, aux, equations = conditions.example, conditions.aux, conditions.equations
    system = binding.cache((optimality, aux), lambda: System(called, equations, z, aux, theta))
    settings = settings.replace(conditions=conditions, failure=lambda: words_of_failure(reports))
    solved = solution(called, find, system, theta, z, aux, settings)
    entries, later = optimality.entries(*binding.of_vector(theta), solved.z, solved.aux)
    entries |= {"x": solved.z[: layout.size], "sensitivity": solved.sensitivity}
    if not isinstance(solved.z, Tensor):
        report = {name: x for name, x in reports[0].items() if name not in later}
        return estimate({**report, **entries}, later)
    if not is_known(solved.z):
        entries["success"] = solved.success
    report = reports[0] if reports else {}  # of a rehearsal, in which the solver does not run
    return DifferentiableEstimate(called, report, entries, later, is_known(solved.z))


def _bind(problem: Problem) -> tuple[Binding, list[Any]]:
    """Return the functions as pure ones, and theta: what they read, and the data.

    Raises:
        TraceError, UnsupportedError: if a function cannot be traced, or changes something outside.
    """
    names, called = list(problem.functions), problem.called
    try:
        functions, theta = pure_functions(
            called, list(problem.functions.values()), problem.layout.unflatten(problem.start), problem.args
        )
    except (TraceError, UnsupportedError) as error:
        raise type(error)(
            f"{called}: expected {name_of(problem.functions[names[0]])} to compute with NumPy's functions on Tensors "
            "alone, since it reads a Tensor by which the solution has derivatives. If none are meant, solve inside "
            f"ag.no_grad(), or detach the Tensor. {error}"
        ) from error
    data = map_leaves(lambda x: x if isinstance(x, Tensor) else np.asarray(x), problem.data)
    pure = dict(zip(names, functions, strict=True))
    return Binding(pure, problem.layout, data, len(theta)), [*theta, *leaves(data)]
