"""Mass matrices: M y' = f(t, y) at the door, with singular M for algebraic equations of index 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..control.closure_conversion import example_of, record_body
from ..core.arguments import describe
from ..core.errors import DtypeError, ShapeError, UnsupportedError
from ..core.late import needs
from ..functional import jacobian, jvp
from ..ops.operands import operand
from ..solutions.settings import Settings
from ..sparse.matrices import SparseTensor, is_sparse
from ..tensors.tensor import Tensor
from ..tensors.tracers import is_open
from .consistent_values import INITIALIZE, RANK, consistent, require_small, split_of
from .equations import Equations
from .implicit_equations import ImplicitEquations

with needs("autograd_lite.integrate", "scipy", "'autograd-lite[scipy]'"):
    from scipy.sparse import csc_array, diags_array

_SPARSE_FROM = 100  # unknowns, with which a diagonal becomes a sparse matrix


def mass_of(called: str, mass: Any, n: int, dtype: Any) -> Any:
    """Return a mass matrix as an array, or as a sparse matrix of SciPy by columns.

    Args:
        called: the caller, for messages.
        mass: shape (n, n), an array or a sparse matrix; or shape (n,), its diagonal.
        n, dtype: of the unknowns.

    Raises:
        DtypeError: if it is complex, and the unknowns are real.
        ShapeError: if it has another shape.
        UnsupportedError: if it is a Tensor by which there may be derivatives.
        ValueError: if it has entries that are not finite.
    """
    if isinstance(mass, SparseTensor):
        mass = mass.data if is_open(mass.data) else mass.to_scipy()
    if isinstance(mass, Tensor):
        if is_open(mass):
            raise UnsupportedError(
                f"{called}: expected mass without derivatives; received a Tensor that requires a gradient. Pass "
                "solve_dae the equations as F = M @ yp - f, which has derivatives by M, or detach it"
            )
        mass = mass.numpy()
    mass = csc_array(mass) if is_sparse(mass) else operand(mass)
    if mass.shape not in ((n, n), (n,)):
        raise ShapeError(f"{called}: expected mass of shape {(n, n)}, or its diagonal, {(n,)}; received {mass.shape}")
    if mass.dtype.kind not in "biufc":
        raise TypeError(f"{called}: expected mass to be a matrix of numbers; received {describe(mass)}")
    if mass.dtype.kind == "c" and np.dtype(dtype).kind != "c":
        raise DtypeError(f"{called}: expected a real mass matrix of real unknowns; received {mass.dtype}")
    mass = mass.astype(dtype)
    entries = mass.data if is_sparse(mass) else mass
    if not np.isfinite(entries).all():
        raise ValueError(
            f"{called}: expected a mass matrix of finite numbers; received {entries[~np.isfinite(entries)][0]}"
        )
    if mass.ndim == 1:
        return csc_array(diags_array(mass)) if n >= _SPARSE_FROM else np.diag(mass)
    return mass


def consistent_state(
    called: str, equations: Equations, mass: Any, t: Any, y0: Any, theta: Sequence[Any], initialize: str = "solve"
) -> Any:
    """Return y0, in which algebraic unknowns fulfill the equations: those in the null space of M.

    Args:
        called: the caller, for messages.
        equations: f.
        mass: M, as `mass_of` returns it; None for the identity.
        t: where it starts.
        y0: shape (n,).
        theta: what the equations depend on.
        initialize: "solve"; or "check", to raise if y0 has to be changed, or "keep".

    Returns:
        Shape (n,), with derivatives by t, the differential part of y0, and theta.

    Raises:
        ValueError: if the index is higher than 1, or no consistent values are found; or because of `initialize`.
    """
    if initialize not in INITIALIZE:
        raise ValueError(f"{called}: expected initialize among {', '.join(INITIALIZE)}; received {initialize!r}")
    if mass is None or initialize == "keep" or not split_of(mass).algebraic.any():
        return y0
    start = consistent(_with_mass(called, equations, mass), t, y0, 0 * y0, theta, Settings())
    if initialize == "check":
        require_small(called, example_of(start.change), example_of(y0))
        return y0
    is_plain = not any(map(is_open, (t, y0, *theta)))
    return start.y.numpy() if is_plain and isinstance(start.y, Tensor) else start.y


def flow_of(equations: Equations, mass: Any) -> Callable[..., Any]:
    """Return y' as a function of t, y and theta, for Tensors.

    With Q, the projector onto the left null space of M, the algebraic equations are Q f = 0, whose derivative by t is
    Q (df/dt + df/dy y') = 0. So (M - Q df/dy) y' = (1 - Q) f + Q df/dt.

    Args:
        equations: f; or a tangent lift, which has M in every block.
        mass: M, or None for the identity.
    """
    if mass is None:
        return equations.slopes
    dense = mass.toarray() if is_sparse(mass) else mass
    copies = equations.n // len(dense)
    left, values, _ = np.linalg.svd(dense)
    null = left[:, values <= RANK * values.max(initial=0)]
    matrix, projector = (np.kron(np.eye(copies), a) for a in (dense, null @ null.conj().T))

    def flow(t: Any, y: Any, *theta: Any) -> Any:
        slope, moving = jvp(lambda t: equations.slopes(t, y, *theta))((t,), (1.0 + 0 * t,))
        if not null.size:
            return np.linalg.solve(matrix, slope)
        by_y = jacobian(lambda y: equations.slopes(t, y, *theta))(y)
        right = slope + np.matmul(projector, moving - slope)
        return np.linalg.solve(matrix - np.matmul(projector, by_y), right)

    return flow


def _with_mass(called: str, equations: Equations, mass: Any) -> ImplicitEquations:
    """Return the equations M y' - f = 0, the same each time."""
    key = "with mass", (mass.data.tobytes(), mass.indices.tobytes()) if is_sparse(mass) else mass.tobytes()
    if key not in equations.body.derived:
        matrix = SparseTensor.of(mass) if is_sparse(mass) else mass

        def residual(t: Any, y: Any, slope: Any, *theta: Any) -> list[Any]:
            return [matrix @ slope - equations.slopes(t, y, *theta)]

        t, y, *theta = equations.body.examples
        body = record_body(called, residual, [t, y, y, *theta])
        equations.body.derived[key] = ImplicitEquations(called, body)
    implicit: ImplicitEquations = equations.body.derived[key]
    return implicit
