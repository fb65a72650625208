"""`implicit`: any solver with the derivatives of the equations that its results fulfill."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..control.closure_conversion import example_of
from ..core.arguments import describe, require_function
from ..core.depth import outside
from ..core.errors import GradError, ShapeError
from ..core.messages import checked
from ..core.mode import MODE, TAPES
from ..core.shape_arithmetic import ShapeDtype
from ..core.traceback_folding import folding
from ..sparse.points import as_tree, as_vector, size_of
from ..tensors.tensor import Tensor, tensor
from ..tensors.tracers import is_open
from ..tree import items, leaves, map as map_leaves, rebuild
from .closures import as_operand, is_variable, pure_functions
from .settings import Settings, certainty_arguments
from .solution import solution
from .systems import System


@certainty_arguments
@checked
def implicit(
    solver: Callable[..., Any],
    residual: Callable[..., Any],
    *,
    has_success: bool = False,
    digits: float = 4,
    on_uncertain: str = "raise",
    on_failure: str = "raise",
    refine: bool = False,
    linear: str = "auto",
) -> Callable[..., Any]:
    """Return a function that solves by any means, and is differentiated by the equations that its result fulfills.

    Where x(theta) solves F(x, theta) = 0, the implicit function theorem gives dx/dtheta = -(dF/dx)⁻¹ dF/dtheta. The
    solver is never differentiated: it may be a library in C, another process, or a table.

    Args:
        solver: returns x, an array or a container of arrays, for the arguments as arrays. It runs again in each replay
            of a compiled function, and for each example of a batch.
        residual: of x and the same arguments, returns F(x, *args): as many numbers as there are in x, computed with
            NumPy's functions. There are derivatives by the arguments, and by Tensors that it closes over.
        has_success: whether the solver returns `(x, success)`; a solution that it calls a failure has no derivative.
        linear: how to solve with dF/dx: "dense", "cholesky", "sparse", "gmres", "cg", or "auto", which chooses.

    Returns:
        A function of the solver's arguments that returns x: Tensors if a derivative may be asked for, whose certificate
        `certificates(x)` returns; otherwise what the solver has returned.

    Raises:
        ImplicitError: when a derivative is asked for that is not certain.
        TraceError: if the residual asks for a value, as `if x > 0` does.

    References:
        Blondel et al.: Efficient and Modular Implicit Differentiation, 2022, equation 3.

    Example:
        >>> import autograd_lite as ag
        >>> import math
        >>> root = implicit(lambda a: math.sqrt(a), lambda x, a: x * x - a)
        >>> float(ag.grad(root)(4.0))
        0.25
    """
    require_function("implicit", solver)
    require_function("implicit", residual)
    settings = Settings(digits, on_uncertain, on_failure, refine, linear).check("implicit")
    return Implicit(solver, residual, has_success, settings)


class Implicit:
    """A solver with the derivatives of a residual, as `implicit` makes it.

    Example:
        >>> isinstance(implicit(np.sqrt, lambda x, a: x * x - a), Implicit)
        True
    """

    _unguarded = ("solver", "__wrapped__")  # which a replay calls anew

    def __init__(
        self, solver: Callable[..., Any], residual: Callable[..., Any], has_success: bool, settings: Settings
    ) -> None:
        functools.update_wrapper(self, solver, updated=())
        self.solver, self.residual, self.has_success, self.settings = solver, residual, has_success, settings

    def __repr__(self) -> str:
        return f"<implicit {getattr(self.solver, '__name__', type(self.solver).__name__)}>"

    @folding
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return the solution for these arguments."""
        operands = map_leaves(as_operand, (args, kwargs))
        values = map_leaves(_value_of, operands)
        x, success = self._solve(values)
        is_known = not (TAPES and MODE.get().tape is not None) and not any(map(is_open, leaves(operands)))
        is_known = is_known and not self._is_open_at(x, *values)
        if is_known and not self.settings.refine:
            return (x, success) if self.has_success else x
        (pure,), theta = pure_functions("implicit", [self.residual], x, *operands)
        _require_as_many(x, pure.body.specs)
        z = ShapeDtype((size_of(x),), np.result_type(*leaves(x)))
        first = [(x, success, [np.asarray(example_of(t)).tobytes() for t in theta])]

        def find(*values: Any) -> tuple[Any, bool, tuple[Any, ...]]:
            if first and first[0][2] == [np.asarray(a).tobytes() for a in values]:  # what has been solved above
                return as_vector(first[0][0]), first[0][1], ()
            flat = iter(values)
            new = rebuild(operands, iter([next(flat) if is_variable(a) else a for a in leaves(operands)]))
            result, success = self._solve(map_leaves(_value_of, new))
            return as_vector(result), success, ()

        def equations(z: Any, aux: Any, *theta: Any) -> Any:
            return as_vector(pure(as_tree(z, x), *theta))

        if "implicit" not in pure.derived:
            pure.derived["implicit"] = System("implicit", equations, z, (), theta)
        inputs = theta if any(isinstance(t, Tensor) for t in theta) else [*map(tensor, theta[:1]), *theta[1:]]
        out = solution("implicit", find, pure.derived["implicit"], inputs, z, (), self.settings)
        first.clear()
        tree = as_tree(out.z.data if is_known and isinstance(out.z, Tensor) else out.z, x)
        return (tree, success if is_known else out.success) if self.has_success else tree

    def _is_open_at(self, x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Return whether the residual reads Tensors that a derivative may be asked for by, in an evaluation."""
        try:
            with np.errstate(all="ignore"):
                x, args, kwargs = map_leaves(_value_of, (x, args, kwargs))  # it may write into them
                return any(map(is_open, leaves(self.residual(x, *args, **kwargs))))
        except Exception:
            return True  # and then it is called with Tensors, which fails by itself

    def _solve(self, operands: tuple[tuple[Any, ...], dict[str, Any]]) -> tuple[Any, bool]:
        """Return what the solver returns for arrays, as arrays, and whether it has succeeded."""
        out = outside(self.solver, *operands)
        if not self.has_success:
            return _as_arrays(out, ". A solver that returns (x, success) is announced by has_success=True"), True
        if not isinstance(out, tuple) or len(out) != 2:
            raise TypeError(
                f"implicit: expected the solver to return (x, success), as has_success=True says; received "
                f"{describe(out)}"
            )
        return _as_arrays(out[0]), bool(out[1])


def _value_of(a: Any) -> Any:
    """Return the values of an argument, which a solver may overwrite."""
    a = example_of(a.detach()) if isinstance(a, Tensor) else a
    return np.array(a)[()] if isinstance(a, np.ndarray) else a


def _as_arrays(x: Any, more: str = "") -> Any:
    if x.__class__ is np.ndarray and x.dtype.kind in "fc":
        return x
    parts = list(items(x, "x")) or [("x", x)]  # None has no parts
    return rebuild(x, iter([_as_array(path, a, more) for path, a in parts]))


def _require_as_many(x: Any, residual: Sequence[ShapeDtype]) -> None:
    """Raise if a residual has another number of elements than x."""
    expected, received = [[a.shape for a in arrays] for arrays in (leaves(x), residual)]
    count = sum(map(math.prod, received))
    if sum(map(math.prod, expected)) != count:
        shapes, others = [" and ".join(map(str, listed)) for listed in (expected, received)]
        raise ShapeError(
            f"implicit: expected the residual to have as many elements as x, which has the shape {shapes}; received "
            f"{others if count else 'nothing. Did it forget to return?'}"
        )


def _as_array(path: str, a: Any, more: str) -> Any:
    """Return one array of a solver's result; integers, as of a solver that counts, are floats."""
    if isinstance(a, Tensor):
        raise GradError(
            f"implicit: expected the solver to return arrays; received a Tensor at {path}. Tensors that it reads "
            "are to be its arguments, which it receives as arrays"
        )
    array = np.asarray(a)
    if array.dtype.kind not in "iufc":
        raise TypeError(
            f"implicit: expected the solver to return an array of numbers, or a container of such arrays; received "
            f"{describe(a)} at {path}{more}"
        )
    return array if array.dtype.kind in "fc" else array.astype(np.float64)
