"""Bounds and constraints as the conditions for a minimum, whose functions and limits may read Tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, NonlinearConstraint

from ..functional import grad, jacobian
from ..sparse.points import as_vector
from ..tensors.tensor import Tensor
from ..tree import items
from .active_set import Conditions, Limits
from .binding import Binding, Functions
from .evaluation import stack
from .vectors import Layout

CONSTRAINT = "constraint "


def constraint_values(functions: Functions) -> Callable[[Any], list[Any]]:
    """Return a function of the vector that returns the values of each constraint."""
    chosen = [f for name, f in functions.items() if name.startswith(CONSTRAINT)]
    return lambda x: [stack(f(x)) for f in chosen]


def within_limits(gradient: Callable[[Functions, Any, Any], Any]) -> Callable[[Binding], Conditions | None]:
    """Return the `conditions` of a minimum with this gradient.

    Its data have `bounds`, None or the lowest and the highest vector, and may have `limits`, the lowest and the highest
    values of each constraint, which are functions named "constraint 0", ….
    """

    def conditions(binding: Binding) -> Conditions | None:
        n, ends = binding.layout.size, binding.data.get("limits", [])
        if binding.data["bounds"] is None and not ends:
            return None
        sizes = [_size(f) for name, f in binding.pure.items() if name.startswith(CONSTRAINT)]

        def values(x: Any, *theta: Any) -> Any:
            parts = constraint_values(binding.of_vector(theta)[0])(x)
            return np.concatenate(parts) if parts else np.zeros(0)

        def slope(x: Any, mu: Any, *theta: Any) -> Any:
            functions, data = binding.of_vector(theta)
            first = gradient(functions, x, data)
            return first + grad(lambda x: (values(x, *theta) * mu).sum())(x) if sizes else first

        def limits(*theta: Any) -> Limits:
            data = binding.at(theta)[1]
            bounds = data["bounds"] or [None, None]
            lower, upper = (None if end is None else np.broadcast_to(end, (n,)) for end in bounds)
            pairs = zip(*data.get("limits", []), strict=True) if sizes else ((), ())
            low, high = (_join(side, sizes) for side in pairs)
            return Limits(lower, upper, low, high)

        def rows(x: Any, *theta: Any) -> Any:
            return jacobian(lambda x: values(x, *theta))(x) if sizes else np.zeros((0, n))

        return Conditions(
            n, sum(sizes), values, slope, limits, rows, lambda kind, i: _name(binding.layout, sizes, kind, i)
        )

    return conditions


def _size(pure: Any) -> int:
    return sum(int(np.prod(spec.shape)) for spec in pure.body.specs)


def _join(ends: Any, sizes: list[int]) -> Any:
    parts = [np.broadcast_to(end, (size,)) for end, size in zip(ends, sizes, strict=True)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _name(layout: Layout, sizes: list[int], kind: str, i: int) -> str:
    if kind == "row":
        k = int(np.searchsorted(np.cumsum(sizes), i, side="right"))
        row = i - sum(sizes[:k])
        return f"limit of constraint {k}" + (f", row {row}" if sizes[k] > 1 else "")
    if layout.tree is None:
        return f"bound of x[{i}]"
    for path, leaf in items(layout.tree, "x"):
        if i < np.size(leaf):
            return f"bound of {path}" + (
                f"[{', '.join(map(str, np.unravel_index(i, np.shape(leaf))))}]" if np.ndim(leaf) else ""
            )
        i -= np.size(leaf)
    raise IndexError(i)


# ---- SciPy's constraints ---------------------------------------------------------------------------------------------


def functions_of(constraints: list[Any]) -> dict[str, Callable[..., Any]] | str:
    """Return constraints as functions of the parameters, by name; or why that cannot be."""
    functions: dict[str, Callable[..., Any]] = {}
    for k, c in enumerate(constraints):
        if isinstance(c, LinearConstraint):
            f = _product(c.A)
        elif isinstance(c, NonlinearConstraint):
            f = _of_parameters(c.fun, ())
        elif isinstance(c, dict) and callable(c.get("fun")) and c.get("type") in ("eq", "ineq"):
            args = c.get("args", ())
            f = _of_parameters(c["fun"], args if isinstance(args, tuple) else (args,))
        else:
            return f"a constraint is of type {type(c).__name__}"
        functions[f"{CONSTRAINT}{k}"] = f
    return functions


def _product(matrix: Any) -> Callable[..., Any]:
    return lambda parameters, *_: matrix @ as_vector(parameters)


def _of_parameters(f: Callable[..., Any], args: tuple[Any, ...]) -> Callable[..., Any]:
    return lambda parameters, *_: f(parameters, *args)


def data_of(constraints: list[Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return the lowest and the highest values of constraints, and the matrices that are Tensors, by number."""
    limits, matrices = [], {}
    for k, c in enumerate(constraints):
        if isinstance(c, dict):
            limits.append((0.0, 0.0 if c.get("type") == "eq" else np.inf))
        else:
            limits.append((getattr(c, "lb", -np.inf), getattr(c, "ub", np.inf)))
        if isinstance(c, LinearConstraint) and isinstance(c.A, Tensor):
            matrices[str(k)] = c.A
    return limits, matrices


def at_values(constraints: list[Any], functions: Any, data: Any) -> list[Any]:
    """Return constraints whose functions, limits and matrices are those of a problem on arrays."""
    new: list[Any] = []
    for k, (c, (low, high)) in enumerate(zip(constraints, data["limits"], strict=True)):
        f = functions[f"{CONSTRAINT}{k}"]
        if isinstance(c, dict):
            new.append({"type": c["type"], "fun": f})
        elif isinstance(c, LinearConstraint):
            new.append(LinearConstraint(data["matrices"].get(str(k), c.A), low, high, c.keep_feasible))
        else:
            new.append(NonlinearConstraint(f, low, high, keep_feasible=c.keep_feasible))
    return new


def bounds_at(data: Any) -> Any:
    """Return the bounds of a problem on arrays, for SciPy."""
    return None if data["bounds"] is None else Bounds(*data["bounds"])
