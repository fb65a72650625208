"""Functions of matrices, such as the exponential. One theorem has all their derivatives.

For a function f, f([[x, e], [0, x]]) = [[f(x), L], [0, f(x)]], where L is the derivative of f at x along e: so a
derivative is the same function of a matrix twice as large, of which there are further derivatives. The adjoint of
e -> L(x, e) is e -> L(xᵀ, e) (in the engine's convention, in which cotangents are conjugated).

References:
    Mathias: A chain rule for matrix functions and applications, 1996, theorem 2.1.
    Higham: Functions of Matrices, 2008, section 3.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg as original

from ...core import batching
from ...core.errors import DtypeError
from ...core.op import Op
from ...functions.custom_ops import structural
from ...ops import barrier
from ...ops.solve import in_lapack, lapack_dtype, same_shape
from ..calls import takes_tensors
from .equations import solve_equation
from .triangles import square


def _each(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of many matrices whose dtype does not depend on their values."""

    def forward(x: Any, **params: Any) -> Any:
        x = x.astype(lapack_dtype(x.dtype))
        out = np.empty_like(x)
        for k in np.ndindex(*x.shape[:-2]):
            f = np.asarray(function(x[k], **params))
            if f.dtype.kind == "c" and x.dtype.kind != "c":
                if np.any(np.abs(f.imag) > 100 * np.finfo(x.dtype).eps * np.abs(f).max(initial=1)):
                    raise DtypeError(
                        f"scipy.linalg.{name}: of this real matrix it is complex, and whether a result is complex must "
                        "not depend on the values; write a.astype(complex)"
                    )
                f = f.real
            out[k] = f
        return out

    return forward


def _along(op: Op, x: Any, e: Any, params: dict[str, Any]) -> Any:
    """Return the derivative of a function of x along e: scaled, since the size of e must not decide on accuracy."""
    n = x.shape[-1]
    size = barrier.stop_gradient(np.max(np.abs(e), axis=(-2, -1), keepdims=True, initial=0))
    size = np.where(size == 0, 1, size)
    e = e / size
    zeros = np.zeros(e.shape, e.dtype)
    x = np.broadcast_to(x, e.shape)
    block = np.concatenate([np.concatenate([x, e], axis=-1), np.concatenate([zeros, x], axis=-1)], axis=-2)
    return op(block, **params)[..., :n, n:] * size


def _matrix_function(name: str, function: Callable[..., Any]) -> Op:
    op: Op = structural(
        name,
        in_lapack(_each(name, function)),
        lambda g, out, x, **params: _along(op, x.mT, g, params),
        saves="x",
        infer=same_shape,
        jvp=lambda tangents, out, x, **params: _along(op, x, tangents[0], params),
        batch=batching.gufunc(2),
    )
    return op


_exponential = _matrix_function("expm", original.expm)
_power = _matrix_function("fractional_matrix_power", lambda x, *, t: original.fractional_matrix_power(x, t))


def _function(op: Op, note: str = "") -> Callable[..., Any]:
    """Return SciPy's function of one matrix, for Tensors too."""
    name = op.name

    def function(A: Any) -> Any:
        return op(square(name, A))

    function.__name__ = function.__qualname__ = name
    return takes_tensors(getattr(original, name), "A", note)(function)


expm = _function(_exponential)
cosm, sinm, tanm, coshm, sinhm, tanhm = (
    _function(_matrix_function(name, getattr(original, name)))
    for name in ("cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")
)
logm = _function(
    _matrix_function("logm", original.logm), "of a real matrix whose logarithm is real, or of a complex one"
)


@takes_tensors(original.fractional_matrix_power, "A", "the power is a number")
def fractional_matrix_power(A: Any, t: float) -> Any:
    return _power(square("fractional_matrix_power", A), t=float(t))


@takes_tensors(original.expm_frechet, "A, E")
def expm_frechet(A: Any, E: Any, compute_expm: bool = True) -> Any:
    A, E = square("expm_frechet", A), square("expm_frechet", E)
    along = _along(_exponential, A, E, {})
    return (_exponential(A), along) if compute_expm else along


# The root has a cheaper derivative: a Sylvester equation of its own size.
# References: Higham, Functions of Matrices, 2008, section 6.1.
_root: Op = structural(
    "sqrtm",
    in_lapack(_each("sqrtm", original.sqrtm)),
    lambda g, out, x: solve_equation("sqrtm", out.mT, out.mT, g, 2),
    saves="o",
    infer=same_shape,
    jvp=lambda tangents, out, x: solve_equation("sqrtm", out, out, tangents[0], 2),
    batch=batching.gufunc(2),
)


@takes_tensors(original.sqrtm, "A", "of a real matrix whose root is real, or of a complex one")
def sqrtm(A: Any) -> Any:
    return _root(square("sqrtm", A))
