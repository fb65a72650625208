"""`fixed_point`: x = f(x), with derivatives by whatever f reads."""

from __future__ import annotations

import functools
import numbers
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..control.closure_conversion import example_of, record_body
from ..control.early_part import Divided
from ..core.arguments import describe, require_function
from ..core.duck_arrays import innermost, is_duck_array, refuse_masked
from ..core.errors import ShapeError, UnsupportedError
from ..core.messages import checked
from ..core.mode import MODE, TAPES
from ..core.shape_arithmetic import ShapeDtype
from ..sparse.points import as_tree, as_vector
from ..tensors.tensor import Tensor
from ..tensors.tracers import TracedTensor
from ..tree import items, leaves, rebuild, structure
from .anderson import iterate
from .certificates import Sensitivity
from .closures import pure_functions
from .settings import Settings, certainty_arguments
from .solution import solution
from .systems import System

MOST_DENSE = 256
_METHODS = ("anderson", "picard")
_TOLERANCE = {2: 1e-2, 4: 1e-5, 8: 1e-10, 16: 1e-10}  # by the bytes of a number


class FixedPoint(NamedTuple):
    """A fixed point, and how it was reached.

    Attributes:
        x: the point, like x0: Tensors with a history where f reads something that has one.
        success: whether ‖f(x) - x‖ is as small as was asked for.
        nit: how often f was evaluated.
        residuals: ‖f(x) - x‖ at each evaluation; NaN in those that a compiled function leaves out.
        sensitivity: the certificate of the derivatives of x.

    Example:
        >>> fixed_point(np.cos, 1.0).success
        True
    """

    x: Any
    success: Any
    nit: Any
    residuals: Any
    sensitivity: Sensitivity


@certainty_arguments
@checked
def fixed_point(
    f: Callable[..., Any],
    x0: Any,
    args: Any = (),
    *,
    method: str = "anderson",
    memory: int = 5,
    damping: float = 1.0,
    tol: float | None = None,
    atol: float | None = None,
    maxiter: int = 200,
    digits: float = 4,
    on_uncertain: str = "raise",
    on_failure: str = "raise",
    linear: str = "auto",
) -> FixedPoint:
    """Solve x = f(x), by Anderson's acceleration of the iteration, with derivatives by what f reads.

    At the solution x(theta) of x = f(x, theta), dx = (I - J)⁻¹ (df/dtheta) dtheta with J = df/dx. The iteration is not
    differentiated: nothing of it is kept, and only I - J needs to be regular.

    With r = f(x) - x and its last differences Δr, Anderson's step is x + β r - Σ γ (Δx + β Δr), where γ minimizes
    ‖r - Σ γ Δr‖. Where residuals grow by a factor of 1000, or do not become smaller for long, it begins anew at the
    best point with a smaller β.

    Args:
        f: of x and `args`, returns a tree like x0, computed with NumPy's functions. There are derivatives by `args` and
            by Tensors that it closes over.
        x0: where to begin: an array, a list of numbers, or a container of arrays of any shapes. x keeps their dtypes
            and does not depend on it: it has no derivative.
        args: further arguments of f.
        method: "anderson", or "picard" for x + β (f(x) - x) alone.
        memory: how many differences Anderson's method remembers.
        damping: β.
        tol: the iteration ends at ‖f(x) - x‖ ≤ atol + tol ‖x‖; by default 1e-10, and 1e-5 in float32.
        atol: the absolute part of that limit; by default the rounding of numbers of size 1.
        maxiter: the most evaluations of f.
        linear: how to solve with I - J: "dense", "cholesky", "sparse", "gmres", "cg", or "anderson" for the same
            iteration, with `gmres` where that fails. "auto" is "dense" for up to 256 numbers, and "anderson" beyond
            that. Methods that take products alone solve to two digits more than are asked for, or to `tol`.

    Returns:
        A `FixedPoint`, whose `x` is like x0. In a compiled function all of it is data, and the iteration runs anew in
        each replay.

    Raises:
        ImplicitError: when a derivative is asked for that is not certain, such as that of an iteration without success.
        ShapeError, TypeError: if f returns something else than it takes.

    References:
        Walker, Ni: Anderson acceleration for fixed-point iterations, 2011. Bai, Kolter, Koltun: Deep equilibrium
        models, 2019.

    Example:
        >>> import autograd_lite as ag
        >>> def anomaly(e):  # Kepler's equation for the mean anomaly 1
        ...     return fixed_point(lambda E: 1.0 + e * np.sin(E), 1.0).x
        >>> float(anomaly(0.5).round(6)), round(float(ag.grad(anomaly)(0.5)), 6)
        (1.498701, 1.034667)
    """
    require_function("fixed_point", f)
    if method not in _METHODS:
        raise ValueError(f"fixed_point: expected method to be one of {_METHODS}; received {method!r}")
    args = args if isinstance(args, tuple) else (args,)
    _require_numpy(leaves((x0, args)))
    if isinstance(x0, list) and x0 and all(isinstance(a, numbers.Real) for a in x0):  # a vector, as for `optimize.root`
        x0 = np.asarray(x0)
    unknowns = _Unknowns(x0)
    tol = _TOLERANCE[unknowns.precision.dtype.itemsize] if tol is None else tol
    atol = 4 * float(unknowns.precision.eps) * unknowns.size**0.5 if atol is None else atol
    steps = memory if method == "anderson" else 0
    find = functools.partial(iterate, memory=steps, tol=tol, atol=atol, maxiter=maxiter, damping=damping)
    start = unknowns.vector(x0)
    is_constant = not (TAPES and MODE.get().tape is not None) and not _has_derivatives((x0, args))
    if is_constant and not _has_derivatives(f(unknowns.tree(start), *args)):
        it = find(lambda x: _plain(unknowns.vector_of_result(f(unknowns.tree(x), *args))) - x, _plain(start))
        return FixedPoint(unknowns.tree(it.x), it.success, len(it.residuals), np.array(it.residuals), Sensitivity())
    if linear == "auto":
        linear = "anderson" if unknowns.size > MOST_DENSE else "dense"
    settings = Settings(digits, on_uncertain, on_failure, False, linear, max(tol, 10.0 ** -(digits + 2)))
    return _with_derivatives(unknowns, f, start, args, find, maxiter, settings)


def _with_derivatives(
    unknowns: _Unknowns, f: Callable[..., Any], start: Any, args: Any, find: Any, maxiter: int, settings: Settings
) -> FixedPoint:
    """Return the fixed point as a solution of x - f(x) = 0, which begins at an input without a derivative."""
    (pure,), theta = pure_functions("fixed_point", [f], unknowns.example, args)
    _require_numpy(theta)
    example = np.zeros(unknowns.size, unknowns.dtype)
    z, inputs = ShapeDtype(example.shape, example.dtype), [_without_history(start), *theta]
    aux = ShapeDtype((), np.dtype(np.int64)), ShapeDtype((maxiter,), np.dtype(np.float64))

    def of_vector(z: Any, *theta: Any) -> Any:
        return unknowns.vector_of_result(pure(unknowns.tree(z), *theta))

    def equations(z: Any, aux: Any, start: Any, *theta: Any) -> Any:
        return z - of_vector(z, *theta)

    if maxiter not in pure.derived:
        body = record_body("fixed_point", lambda *args: [of_vector(*args)], [example, *map(example_of, theta)])
        pure.derived[maxiter] = Divided(body), System("fixed_point", equations, z, aux, inputs)
    divided, system = pure.derived[maxiter]

    def solve(start: Any, *theta: Any) -> tuple[Any, bool, tuple[Any, ...]]:
        early, _ = divided.compute_early(*theta)
        with divided.start(early) as call, np.errstate(all="ignore"):  # an iteration that diverges says so
            it = find(lambda x: call(x) - x, np.array(start))
        nit = len(it.residuals)
        return it.x, it.success, (nit, np.array([*it.residuals, *[np.nan] * (maxiter - nit)]))

    out = solution("fixed_point", solve, system, inputs, z, aux, settings)
    success, nit, residuals = map(_plain, (out.success, *out.aux))
    if isinstance(residuals, np.ndarray):
        success, nit, residuals = bool(success), int(nit), residuals[: int(nit)]
    return FixedPoint(unknowns.tree(out.z), success, nit, residuals, out.sensitivity)


class _Unknowns:
    """A tree of arrays as one vector of real numbers.

    Args:
        x0: the tree. Integers become float64; complex numbers are two real ones.

    Attributes:
        size: how many real numbers there are.
        dtype: of the vector: the widest of the leaves.
        precision: that of the narrowest of the leaves.
        example: a tree like x0, of zeros.
    """

    def __init__(self, x0: Any) -> None:
        refuse_masked(*leaves(x0), caller="fixed_point")
        self._tree, self._kinds = x0, []
        for path, a in items(x0, "x0"):
            dtype = a.dtype if hasattr(a, "dtype") else np.asarray(a).dtype
            if dtype.kind not in "fciu":
                raise TypeError(f"fixed_point: expected arrays of numbers in x0; received {describe(a)} at {path}")
            self._kinds.append((np.shape(a), dtype if dtype.kind in "fc" else np.dtype(np.float64)))
        if not self._kinds:
            raise ValueError("fixed_point: expected at least one array in x0; received none")
        parts = [(s, d) for s, d in self._kinds for _ in range(1 + (d.kind == "c"))]
        self._parts = [np.broadcast_to(np.zeros((), np.empty(0, d).real.dtype), s) for s, d in parts]
        self.dtype = np.result_type(*self._parts)
        self.precision = max([np.finfo(a.dtype) for a in self._parts], key=lambda info: info.eps)
        self.size = sum(a.size for a in self._parts)
        self.example = rebuild(x0, iter([np.zeros(shape, dtype)[()] for shape, dtype in self._kinds]))

    def vector(self, tree: Any) -> Any:
        """Return the numbers in a tree of arrays or Tensors."""
        parts: list[Any] = []
        for a, (_, dtype) in zip(leaves(tree), self._kinds, strict=True):
            parts += [np.real(a), np.imag(a)] if dtype.kind == "c" else [a]
        v = as_vector(parts)
        return v if v.dtype == self.dtype else v.astype(self.dtype)

    def tree(self, v: Any) -> Any:
        """Return numbers as a tree like x0."""
        parts = iter(as_tree(v, self._parts))
        whole = [next(parts) + 1j * next(parts) if d.kind == "c" else next(parts) for _, d in self._kinds]
        return rebuild(self._tree, iter([a[()] if isinstance(a, np.ndarray) else a for a in whole]))

    def vector_of_result(self, out: Any) -> Any:
        """Return the numbers in what f returns.

        Raises:
            ShapeError, TypeError: if that is not like x0.
        """
        if structure(out) != structure(self._tree):
            raise TypeError(
                f"fixed_point: expected f to return what it takes, {describe(self._tree)}; received {describe(out)}"
            )
        for (path, a), (shape, dtype) in zip(items(out, "the result"), self._kinds, strict=True):
            if np.shape(a) != shape:
                raise ShapeError(
                    f"fixed_point: expected f to return arrays of the shapes in x0, {shape}; received {np.shape(a)} "
                    f"at {path}"
                )
            if np.iscomplexobj(a) and dtype.kind != "c":
                raise TypeError(
                    f"fixed_point: expected f to return real numbers, as x0 has them; received complex ones at {path}. "
                    "Begin with a complex x0"
                )
        return self.vector(out)


def _has_derivatives(tree: Any) -> bool:
    """Return whether a derivative, a trace or a batch belongs to something in a tree."""
    return any(isinstance(a, Tensor) and (a.requires_grad or isinstance(a, TracedTensor)) for a in leaves(tree))


def _require_numpy(arrays: Sequence[Any]) -> None:
    for a in map(innermost, arrays):
        if is_duck_array(a):
            raise UnsupportedError(
                f"fixed_point: expected arrays of NumPy, since it solves with these; received {describe(a)}"
            )


def _plain(a: Any) -> Any:
    """Return the values of a Tensor that nothing belongs to as an array."""
    on_tape = TAPES and MODE.get().tape is not None
    return a._data if a.__class__ is Tensor and not on_tape else a


def _without_history(a: Any) -> Any:
    return a.detach() if isinstance(a, Tensor) else a
