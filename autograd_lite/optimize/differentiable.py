"""Solves whose results have derivatives: where a function reads a Tensor, the solve begins anew as a solution.

Every solver makes a `Problem` and calls `solve`. A solve of plain arrays runs as it is. If it meets a Tensor that a
derivative, a batch or a trace may belong to, the functions become pure ones, of the parameters and of all that they
read, theta. Then the same solver runs on values of theta, inside of the op `solution`, whose rule has the equations
that the result fulfils.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import GradError, TraceError
from ..core.mode import MODE, TAPES
from ..core.shape_arithmetic import ShapeDtype
from ..solutions.closures import PureFunction, pure_functions
from ..solutions.settings import Settings
from ..solutions.solution import solution
from ..solutions.systems import System
from ..tensors.tensor import Tensor
from ..tree import leaves, map as map_leaves, rebuild, structure
from .evaluation import FunctionAt, name_of
from .optimality import Functions, Optimality
from .results import Estimate, OpenEstimate
from .vectors import Layout, TensorMet, is_known, is_open, value_of


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
        optimality: the equations that the solution fulfils; or why it has no derivatives.
        finish: makes what the user gets of the result: that of `plain`, or one with Tensors.
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


def solve(problem: Problem, settings: Settings) -> Any:
    """Return the result of a solver, with derivatives where there may be some."""
    tracing = TAPES and MODE.get().tape is not None
    if not (tracing or settings.refine or any(map(is_open, leaves((problem.args, problem.data))))):
        try:
            data = map_leaves(value_of, problem.data)
            return problem.finish(problem.plain(problem.functions, data, problem.args, False))
        except TensorMet:
            pass
    return problem.finish(_solve_as_solution(problem, settings))


def _solve_as_solution(problem: Problem, settings: Settings) -> Any:
    called, layout, optimality = problem.called, problem.layout, problem.optimality
    if isinstance(optimality, str):
        raise GradError(
            f"{called}: expected functions and limits that read no Tensor by which there are derivatives: {optimality}. "
            "If none are meant, solve inside ag.no_grad(), or detach the Tensors"
        )
    pure, theta = _pure(problem)
    flat = [x if isinstance(x, Tensor) else np.asarray(x) for x in leaves(problem.data)]
    every, reports = [*theta, *flat], list[Any]()

    def bind(values: Sequence[Any]) -> tuple[dict[str, FunctionAt], Any]:
        functions = {name: FunctionAt(f, values[: len(theta)]) for name, f in pure.items()}
        return functions, rebuild(problem.data, iter(values[len(theta) :]))

    def find(*values: Any) -> tuple[Any, bool, tuple[Any, ...]]:
        functions, data = bind(values)
        reports[:] = [problem.plain(functions, data, (), True)]
        z, aux = optimality.unknowns(reports[0], functions, data)
        return z, bool(reports[0].success), aux

    def equations(z: Any, aux: tuple[Any, ...], *values: Any) -> Any:
        functions, data = bind(values)
        return optimality.residual(_of_vector(functions, layout), z, aux, data)

    size, aux = optimality.shapes(pure, layout.size, problem.data)
    z = ShapeDtype((size,), np.dtype(np.float64))
    programs = next(iter(pure.values())).derived
    key = optimality, structure(problem.data), *[(np.shape(x), x.dtype) for x in flat], *map(id, pure.values())
    if key not in programs:
        programs[key] = System(called, equations, z, aux, every)
    solved = solution(called, find, programs[key], every, z, aux, settings)
    functions, data = bind(every)
    entries, later = optimality.entries(_of_vector(functions, layout), solved.z, solved.aux, data)
    entries |= {"x": solved.z[: layout.size], "sensitivity": solved.sensitivity}
    if not is_known(solved.z):
        result: Estimate = OpenEstimate(called, reports[0].keys(), {**entries, "success": solved.success})
    else:
        result = Estimate({**reports[0], **entries})
    result.__dict__["later"] = later
    return result


def _pure(problem: Problem) -> tuple[dict[str, PureFunction], list[Any]]:
    """Return the functions as pure ones, by name, and theta.

    Raises:
        TraceError: if they cannot be traced.
    """
    names, called = list(problem.functions), problem.called
    try:
        functions, theta = pure_functions(
            called, list(problem.functions.values()), problem.layout.unflatten(problem.start), problem.args
        )
    except TraceError as error:
        raise TraceError(
            f"{called}: expected {name_of(problem.functions[names[0]])} to compute with NumPy's functions on Tensors "
            "alone, since it reads a Tensor by which the solution has derivatives. If none are meant, solve inside "
            f"ag.no_grad(), or detach the Tensor. {error}"
        ) from error
    return dict(zip(names, functions, strict=True)), theta


def _of_vector(functions: Mapping[str, FunctionAt], layout: Layout) -> Functions:
    return {name: lambda z, f=f: f(layout.unflatten(z)) for name, f in functions.items()}  # type: ignore[misc]

