"""Bounds, constraints and callbacks in terms of a tree of parameters, as SciPy takes them: in terms of a vector."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import Bounds, HessianUpdateStrategy, NonlinearConstraint, OptimizeResult

from ..tree import map as map_leaves, zip as zip_trees
from .evaluation import Derivatives, of_function, stack
from .jacobians import JACOBIAN, WEIGHTED_HESSIAN, Sparse, matrix_of
from .methods import Takes
from .vectors import Layout, bare


def pairs_of_bounds(bounds: Any, layout: Layout) -> Any:
    """Return the bounds of `minimize` for each number.

    For a tree they are a tree with a pair (lowest, highest) where each leaf lies; or a list as in SciPy.

    Raises:
        ValueError: if the bounds have another structure.
    """
    if layout.tree is None or bounds is None or isinstance(bounds, Bounds):
        return bounds
    ends: tuple[list[Any], list[Any]] = ([], [])
    try:
        for (_, _, pair), shape in zip(zip_trees(layout.tree, bounds), layout.shapes, strict=True):
            low, high = (None, None) if pair is None else pair
            for end, limit, none in zip(ends, (low, high), (-np.inf, np.inf), strict=True):
                end.append(np.broadcast_to(none if limit is None else limit, shape).ravel())
    except (ValueError, TypeError) as error:
        if isinstance(bounds, (list, tuple)) and len(bounds) == layout.size:
            return bounds  # a pair for each number
        raise ValueError(
            f"minimize: expected bounds as a container like the parameters, with a pair (lowest, highest) for each "
            f"array; received {bounds!r:.80} ({error})"
        ) from None
    return Bounds(*map(np.concatenate, ends))


def of_vector(
    constraints: Any, layout: Layout, takes: Takes, exact: bool, compiled: bool | None, sparse: Sparse | None = None
) -> list[Any]:
    """Return constraints as functions of the vector, with their Jacobians and Hessians.

    Args:
        constraints: as of `scipy.optimize.minimize`: one or several.
        layout: of the parameters.
        takes: what the method takes.
        exact: whether the second derivatives of the objective are exact; only then Hessians of constraints are.
        compiled: as of `minimize`.
        sparse: when matrices are sparse.
    """
    several = list(constraints) if isinstance(constraints, (list, tuple)) else [constraints]
    second = exact and takes.hess
    return [
        _of_dict(c, layout, takes, compiled)
        if isinstance(c, dict)
        else _of_object(c, layout, takes, second, compiled, sparse)
        if isinstance(c, NonlinearConstraint)
        else c
        for c in several
    ]


def as_objects(constraints: Any) -> list[Any]:
    """Return constraints in which those that were dicts are objects.

    Raises:
        ValueError: if a dict is not a constraint.
    """
    several = constraints if isinstance(constraints, (list, tuple)) else [constraints]
    return [_object_of_dict(c) if isinstance(c, dict) else c for c in several]


def _object_of_dict(c: dict[str, Any]) -> NonlinearConstraint:
    f, jac, highest = c.get("fun"), c.get("jac"), {"eq": 0, "ineq": np.inf}.get(c.get("type", ""))
    if highest is None or not callable(f):
        raise ValueError(
            f"minimize: expected a constraint with a type, 'eq' or 'ineq', and a function fun; received {c!r:.80}"
        )
    args = c.get("args", ())
    args = args if isinstance(args, tuple) else (args,)

    @functools.wraps(f)
    def fun(parameters: Any) -> Any:
        return f(parameters, *args)

    exact = (lambda parameters: jac(parameters, *args)) if callable(jac) else "2-point" if jac is None else jac
    return NonlinearConstraint(fun, 0, highest, exact)


def matrices_in(constraints: list[Any], name: str = "jac") -> list[Derivatives]:
    """Return the Jacobians that came by themselves; or the Hessians, "hess"."""
    matrices = [c.get(name) if isinstance(c, dict) else getattr(c, name, None) for c in constraints]
    return [matrix for matrix in matrices if isinstance(matrix, Derivatives)]


def _of_dict(constraint: dict[str, Any], layout: Layout, takes: Takes, compiled: bool | None) -> dict[str, Any]:
    args = constraint.get("args", ())
    args = args if isinstance(args, tuple) else (args,)
    new = {name: x for name, x in constraint.items() if name != "args"}
    f, jac = constraint.get("fun"), constraint.get("jac")
    if not callable(f):
        return constraint  # SciPy raises the error
    new["fun"] = plain(f, layout, args)
    if callable(jac):
        new["jac"] = given_matrix(jac, layout, args)
    elif jac is None and takes.jac:
        new["jac"] = matrix_of(JACOBIAN, "constraint", f, layout, args, compiled)
    return new


def _of_object(c: Any, layout: Layout, takes: Takes, second: bool, compiled: bool | None, sparse: Sparse | None) -> Any:
    jac, hess = c.jac, c.hess
    if callable(jac):
        jac = given_matrix(jac, layout)
    elif takes.jac and jac == "2-point":  # SciPy's default
        jac = matrix_of(JACOBIAN, "constraint", c.fun, layout, (), compiled, sparse)
    if callable(hess):
        hess = _hessian_given(hess, layout)
    elif second and callable(jac) and isinstance(hess, HessianUpdateStrategy):
        hess = matrix_of(WEIGHTED_HESSIAN, "constraint", c.fun, layout, (), compiled, sparse)
    rest = {"finite_diff_rel_step": c.finite_diff_rel_step, "finite_diff_jac_sparsity": c.finite_diff_jac_sparsity}
    return NonlinearConstraint(plain(c.fun, layout), c.lb, c.ub, jac, hess, c.keep_feasible, **rest)


def _hessian_given(hess: Callable[..., Any], layout: Layout) -> Callable[..., Any]:
    return lambda x, v: bare(hess(layout.unflatten(x), v))


def plain(f: Callable[..., Any], layout: Layout, args: tuple[Any, ...] = ()) -> Callable[[Any], Any]:
    """Return a function of parameters as a function of the vector, run on arrays: what SciPy calls for values."""

    def values(x: Any) -> Any:
        out = f(layout.unflatten(x), *args)
        if isinstance(out, (np.ndarray, float)):
            return out
        return bare(stack(out) if isinstance(out, (list, tuple, dict)) else out)

    return values


def first_of(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return the first of a function's results, as a function."""

    return of_function(_first, f)


def _first(f: Callable[..., Any], *args: Any) -> Any:
    return f(*args)[0]


def given_matrix(derivatives: Callable[..., Any], layout: Layout, args: tuple[Any, ...] = ()) -> Callable[[Any], Any]:
    """Return derivatives that were given as a function of the vector; by a vector they may be lists of rows."""
    if layout.tree is not None:
        return plain(derivatives, layout, args)
    return lambda x: map_leaves(bare, derivatives(x, *args))


def callback_of(callback: Any, layout: Layout) -> Any:
    """Return a callback that SciPy calls with vectors, for one that is called with parameters."""
    if callback is None or layout.tree is None:
        return callback
    if set(inspect.signature(callback).parameters) == {"intermediate_result"}:

        def with_result(intermediate_result: Any) -> Any:
            seen = OptimizeResult(intermediate_result)
            seen.x = layout.like_input(seen.x)
            return callback(intermediate_result=seen)

        return with_result

    def with_parameters(x: Any, *more: Any) -> Any:
        return callback(layout.like_input(x), *more)

    return with_parameters
