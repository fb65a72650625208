"""Iterative solvers: `cg`, `gmres`, `bicgstab`, `minres`, by SciPy, with derivatives of the exact solution.

For A x = b and a cotangent g, Aᵀ s = g is solved by the same method to the same relative tolerance; then s is the
cotangent of b, and -s that of A x. A derivative through a solve that has not converged raises.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.docstrings import arguments_from
from ..core.errors import ImplicitError, ShapeError
from ..core.frozen import Frozen
from ..core.messages import checked
from ..core.mode import MODE, TAPES
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from ..functional.derivative_rules import KeepSame
from ..functions.custom_ops import structural
from ..ops.adjoints import user
from ..ops.operands import operand
from ..ops.solve import lapack_dtype
from ..tensors.tensor import Tensor
from .linear_maps import Map, as_map
from .operators import LinearOperator, issparse, original

_HERMITIAN = frozenset({"cg", "minres"})  # methods for matrices that are their own adjoints


class Method(Frozen):
    """A way to solve, as a parameter of the op.

    Attributes:
        name: SciPy's.
        matrix: A, whose parameters are the first ones after the right-hand side, the scale and x0.
        preconditioner: M, whose parameters are the next ones.
        atol: the absolute tolerance.
        options: further arguments of SciPy's function, as pairs.
        once: the arguments that the solves of derivatives are without.
    """

    name: str
    matrix: Map
    preconditioner: Map | None
    atol: float
    options: tuple[tuple[str, Any], ...]
    once: tuple[tuple[str, Any], ...] = ()

    def __repr__(self) -> str:
        return f"<{self.name} of {self.matrix!r}, {self.preconditioner!r}, {self.atol}, {self.options}>"


# ---- the op ---------------------------------------------------------------------------------------------------------


@functools.cache
def convergence(method: str) -> Op:
    """Return the identity of x that raises where `info` says that a method has not converged."""

    def require(x: Any, info: Any) -> Any:
        if np.any(info):
            raise ImplicitError(
                f"derivative of {method}: expected a solve that has converged, since the derivative is that of the "
                f"exact solution; received info = {np.max(info)}. Raise maxiter or rtol, or give a preconditioner M; "
                "or detach the solution"
            )
        return x

    op: Op = structural(
        f"derivative of {method}",
        require,
        lambda g, out, x, info: op(g, info),
        None,
        saves=("y", ""),
        infer=lambda x, info: x,
        jvp=lambda tangents, out, x, info: tangents[0],
    )
    return op


def _solve(b: Any, scale: Any, x0: Any, *parameters: Any, method: Method, turned: bool) -> Any:
    """Return the solution, SciPy's `info`, and the size of the first right-hand side, to which `atol` is relative."""
    maps = [method.matrix] if method.preconditioner is None else [method.matrix, method.preconditioner]
    size = np.float64(np.linalg.norm(b))
    options = {**dict(method.options), **(dict(method.once) if np.isnan(scale) else {})}
    if method.name != "minres":
        options["atol"] = method.atol if np.isnan(scale) else method.atol * size / scale if scale else 0.0
    if len(maps) > 1:
        options["M"] = maps[1].native(parameters[_count(method) :], turned)
    if x0.shape == b.shape:
        options["x0"] = x0
    a = maps[0].native(parameters[: _count(method)], turned)
    x, info = getattr(original, method.name)(a, b, **options)
    return x, np.asarray(info), size if np.isnan(scale) else scale


def _count(method: Method) -> int:
    return 1 if not hasattr(method.matrix, "body") else len(method.matrix.body.examples) - 1


_NO_START = np.zeros(0)


def _solve_again(g: Any, scale: Any, parameters: Sequence[Any], method: Method, turned: bool) -> Any:
    """Return the solution for another right-hand side."""
    inputs = g, scale, _NO_START, *parameters
    x, info, _ = _operation(method.name, len(inputs))(*inputs, method=method, turned=turned)
    return convergence(method.name)(x, info)


def _solve_adjoint(g: Any, scale: Any, parameters: Sequence[Any], method: Method, turned: bool) -> Any:
    if method.name in _HERMITIAN:  # Aᵀ is the conjugate of A
        return user(_solve_again(user(g), scale, parameters, method, turned))
    return _solve_again(g, scale, parameters, method, not turned)


def _pull(needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
    (x, info, scale), _, _, _, *parameters = saved
    method, turned = params["method"], params["turned"]
    count = _count(method)
    s = _solve_adjoint(convergence(method.name)(g[0], info), scale, parameters, method, turned)
    by_parameter: list[Any] = []
    if any(3 <= k < 3 + count for k in needs):
        pair = (-s, x) if turned else (x, -s)
        by_parameter = method.matrix.pull(parameters[:count], *pair)
    cotangents = dict(enumerate(by_parameter, 3))
    return [s if k == 0 else cotangents.get(k) for k in needs]


def _push(tangents: Sequence[Any], out: Any, b: Any, scale: Any, x0: Any, *parameters: Any, **params: Any) -> Any:
    x, info, scale = out
    method, turned = params["method"], params["turned"]
    moved, along = tangents[0], tangents[3 : 3 + _count(method)]
    if any(t is not None for t in along):
        change = method.matrix.push(parameters[: len(along)], along, x, turned)
        moved = -change if moved is None else moved - change
    if moved is None:
        return None
    moved = convergence(method.name)(moved, info)
    return _solve_again(moved, scale, parameters, method, turned), None, None


def _infer(
    b: ShapeDtype, scale: ShapeDtype, x0: ShapeDtype, *parameters: ShapeDtype, method: Method, turned: bool
) -> Any:
    kinds = [p.dtype for p in parameters[: _count(method)]] if not hasattr(method.matrix, "body") else []
    kinds = kinds or [method.matrix.body.specs[0].dtype]  # type: ignore[union-attr]
    spec = ShapeDtype(b.shape, lapack_dtype(b.dtype, *kinds))
    return spec, ShapeDtype((), np.dtype(np.int64)), ShapeDtype((), np.dtype(np.float64))


@functools.cache
def _operation(name: str, n: int) -> Op:
    """Return a method as an op of n inputs, with the results x, `info` and the scale.

    The inputs are b, the scale of an earlier right-hand side or NaN, a first guess or none, and parameters.
    """
    return structural(
        name,
        _solve,
        asked=_pull,
        infer=_infer,
        jvp=_push,
        keeps=KeepSame((True,) * (n + 1)),
        results=3,
        result_names=("x", "info", "scale"),
    )


# ---- SciPy's functions ----------------------------------------------------------------------------------------------


def _run(name: str, A: Any, b: Any, x0: Any, M: Any, atol: float, options: dict[str, Any], once: dict[str, Any]) -> Any:
    """Solve by SciPy's function of a name."""
    if not any(map(may_have_tensors, (A, b, x0, M))):
        tolerance = {} if name == "minres" else {"atol": atol}
        return getattr(original, name)(A, b, x0, M=M, **tolerance, **options, **once)
    b = operand(b)
    n = b.shape[0] if b.ndim else 0
    if b.shape not in ((n,), (n, 1)):
        raise ShapeError(f"{name}: expected b of shape (n,) or (n, 1); received {b.shape}")
    b = b.reshape(n)
    b = b if b.dtype.kind in "fc" else b.astype(np.float64)
    matrix, parameters, dtype = as_map(name, A, n, b.dtype)
    if matrix.shape != (n, n):
        raise ShapeError(f"{name}: expected A of shape ({n}, {n}), as b has {n} elements; received {matrix.shape}")
    preconditioner: Map | None = None
    if M is not None:
        preconditioner, more, _ = as_map(name, M, n, lapack_dtype(dtype, b.dtype))
        parameters += more
    if isinstance(x0, str):
        options["x0"], x0 = x0, None
    x0 = _NO_START if x0 is None else operand(x0).reshape(-1)
    pairs = [tuple((k, v) for k, v in group.items() if v is not None) for group in (options, once)]
    method = Method(name, matrix, preconditioner, float(atol), *pairs)
    inputs = b, np.float64(np.nan), x0, *parameters
    x, info, _ = _operation(name, len(inputs))(*inputs, method=method, turned=False)
    traced = TAPES and MODE.get().tape is not None
    return x, int(info) if info.__class__ in (np.ndarray, Tensor) and not traced else info


def may_have_tensors(x: Any) -> bool:
    """Return whether a matrix, or what a function reads, may be a Tensor."""
    if isinstance(x, original.LinearOperator):
        return isinstance(x, LinearOperator)
    return not (x is None or isinstance(x, (np.ndarray, list, str)) or issparse(x))


@checked
def cg(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callable[[Any], Any] | None = None,
) -> tuple[Any, Any]:
    """Solve A x = b by conjugate gradients, for a symmetric (Hermitian) positive definite A.

    Args:
        A: a matrix of `autograd_lite.sparse` or SciPy, a dense one, a `LinearOperator`, or a function x ↦ A x. There
            are gradients by the nonzeros, and by Tensors that the functions of an operator close over.
        b: of shape `(n,)` or `(n, 1)`.
        x0: where to start.
        rtol, atol: the residual may have the norm max(rtol ‖b‖, atol). The backward pass solves to the same tolerance,
            relative to its own right-hand side, so that it limits the digits of gradients too.
        maxiter: the most iterations.
        M: a preconditioner, about A⁻¹, as A may be given. It has no effect on the exact solution, and no gradient.
        callback: called with x after every iteration of the value.

    Returns:
        `(x, info)` as SciPy's: info is 0 after success, else the number of iterations.

    Raises:
        ImplicitError: if a derivative is asked for of a solve that has not converged.

    Example:
        >>> import autograd_lite as ag
        >>> ag.grad(lambda t: cg(lambda x: t * x, np.ones(3))[0].sum())(2.0)
        np.float64(-0.75)
    """
    return _run("cg", A, b, x0, M, atol, {"rtol": rtol, "maxiter": maxiter}, {"callback": callback})


@arguments_from(cg)
@checked
def bicgstab(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callable[[Any], Any] | None = None,
) -> tuple[Any, Any]:
    """Solve A x = b by the stabilized method of biconjugate gradients, for any square A; see `cg`.

    Example:
        >>> bicgstab(np.array([[2.0, 1.0], [0.0, 4.0]]), np.array([3.0, 4.0]))[0].round(6)
        array([1., 1.])
    """
    return _run("bicgstab", A, b, x0, M, atol, {"rtol": rtol, "maxiter": maxiter}, {"callback": callback})


@arguments_from(cg)
@checked
def gmres(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    restart: int | None = None,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callable[[Any], Any] | None = None,
    callback_type: str | None = None,
) -> tuple[Any, Any]:
    """Solve A x = b by the generalized method of minimal residuals, for any square A; see `cg`.

    The backward pass solves with Aᵀ and Mᵀ: an operator needs `rmatvec` for it, or a `matvec` that Tensors can go
    through, of which the transpose is found.

    Args:
        restart: the number of iterations between restarts.
        callback_type: what `callback` gets, see `scipy.sparse.linalg.gmres`.

    Example:
        >>> gmres(np.array([[2.0, 1.0], [0.0, 4.0]]), np.array([3.0, 4.0]))[0].round(6)
        array([1., 1.])
    """
    options = {"rtol": rtol, "restart": restart, "maxiter": maxiter}
    return _run("gmres", A, b, x0, M, atol, options, {"callback": callback, "callback_type": callback_type})


@arguments_from(cg)
@checked
def minres(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    shift: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callable[[Any], Any] | None = None,
    show: bool = False,
    check: bool = False,
) -> tuple[Any, Any]:
    """Solve (A - shift I) x = b by the method of minimal residuals, for a symmetric A; see `cg`.

    Args:
        shift: a number that is subtracted from the diagonal.
        show: whether to print each iteration.
        check: whether to check that A and M are symmetric.

    Example:
        >>> minres(np.array([[2.0, 1.0], [1.0, -4.0]]), np.array([3.0, -3.0]))[0].round(6)
        array([1., 1.])
    """
    options = {"rtol": rtol, "shift": shift, "maxiter": maxiter}
    return _run("minres", A, b, x0, M, 0.0, options, {"callback": callback, "show": show, "check": check})
