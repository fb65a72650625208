"""The algebraic equations of Riccati. With x fixed, their derivative is an equation of Lyapunov of the closed loop.

With F(x, a, b, q, r, s, e) = 0 and c = a - b k for the gain k, the residual of the continuous equation changes with x
by cᴴ dx e + eᴴ dx c, that of the discrete one by cᴴ dx c - eᴴ dx e.

References:
    Kao and Hennequin: Automatic differentiation of Sylvester, Lyapunov, and algebraic Riccati equations, 2020.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.linalg as original

from ...core import batching
from ...core.op import Op
from ...core.shape_arithmetic import ShapeDtype
from ...functional import jvp, vjp
from ...functional.derivative_rules import KeepSame
from ...functions.custom_ops import structural
from ...ops.adjoints import adjoint, hermitian_part, user
from ...ops.operands import operand
from ...ops.solve import in_lapack, lapack_dtype
from ..calls import floating, takes_tensors
from .equations import solve_equation, solve_stein
from .triangles import by_matrices, square

_NAMES = {False: "solve_continuous_are", True: "solve_discrete_are"}


def _product(*factors: Any) -> Any:
    return functools.reduce(np.matmul, factors)


def _gain(discrete: bool, x: Any, a: Any, b: Any, r: Any, s: Any, e: Any) -> Any:
    """Return k of the optimal control u = -k x."""
    into = _product(adjoint(b), x, a if discrete else e) + adjoint(s)
    return np.linalg.solve(r + _product(adjoint(b), x, b) if discrete else r, into)


def _residual(discrete: bool, x: Any, a: Any, b: Any, q: Any, r: Any, s: Any, e: Any = None) -> Any:
    e = np.eye(a.shape[-1]) if e is None else e
    moved = q - np.matmul(_product(adjoint(a if discrete else e), x, b) + s, _gain(discrete, x, a, b, r, s, e))
    if discrete:
        return _product(adjoint(a), x, a) - _product(adjoint(e), x, e) + moved
    return _product(adjoint(a), x, e) + _product(adjoint(e), x, a) + moved


def _solve_linear(discrete: bool, turned: bool, y: Any, x: Any, a: Any, b: Any, _: Any, r: Any, s: Any, *e: Any) -> Any:
    """Return the x whose change of the residual is y; with `turned` the solution of the adjoint equation."""
    closed = a - np.matmul(b, _gain(discrete, x, a, b, r, s, e[0] if e else np.eye(a.shape[-1])))
    closed = closed if turned else adjoint(closed)
    if e:
        side = e[0] if turned else adjoint(e[0])
        closed, y = np.linalg.solve(side, closed), np.linalg.solve(side, adjoint(np.linalg.solve(side, adjoint(y))))
    if discrete:
        return solve_stein(_NAMES[True], closed, -y, 2)
    return solve_equation(_NAMES[False], closed, adjoint(closed), y, 2)


def _pull(needs: Sequence[int], g: Any, saved: tuple[Any, ...], params: dict[str, Any]) -> list[Any]:
    x, *theta = saved
    discrete = params["discrete"]
    y = _solve_linear(discrete, True, hermitian_part(user(g)), x, *theta)
    _, back = vjp(functools.partial(_residual, discrete, x), tuple(needs))(*theta)
    return [-user(c) for c in back(y)]


def _push(tangents: Sequence[Any], x: Any, *theta: Any, discrete: bool, balanced: bool) -> Any:
    chosen = [k for k, t in enumerate(tangents) if t is not None]

    def along(*moving: Any) -> Any:
        new = dict(zip(chosen, moving, strict=True))
        return _residual(discrete, x, *[new.get(k, t) for k, t in enumerate(theta)])

    y = jvp(along)(tuple([theta[k] for k in chosen]), tuple([tangents[k] for k in chosen]))[1]
    return -_solve_linear(discrete, False, y, x, *theta)


def _solve_arrays(*theta: Any, discrete: bool, balanced: bool) -> Any:
    def solve(a: Any, b: Any, r: Any, s: Any, *more: Any) -> Any:
        *e, q = more
        # With e, SciPy balances parts of the pencil alone, and returns a matrix that does not solve the equation.
        x = getattr(original, _NAMES[discrete])(a, b, q, r, *(e or [None]), s, balanced and not e)
        left = np.linalg.norm(_residual(discrete, x, a, b, q, r, s, *e))
        size = np.linalg.norm(q) + np.linalg.norm(x) * (1 + np.linalg.norm(a)) * (1 + np.linalg.norm(e or [0.0]))
        if not left <= np.sqrt(np.finfo(x.dtype).eps) * size:
            raise np.linalg.LinAlgError(
                f"expected an equation that can be solved to some digits; received one with a residual of {left:.1e} "
                "at the solution that SciPy returns. Scale the states"
            )
        return x

    a, b, q, *rest = theta  # the result has the shape of the last one
    return by_matrices(solve, a, b, *rest, q)


@functools.cache
def _equation(n: int) -> Op:
    """Return the op of n inputs: a, b, q, r, s, and perhaps e."""
    return structural(
        "algebraic_riccati",
        in_lapack(_solve_arrays),
        asked=_pull,
        infer=lambda *theta, **_: ShapeDtype(
            (*np.broadcast_shapes(*(t.shape[:-2] for t in theta)), *theta[2].shape[-2:]),
            lapack_dtype(*(t.dtype for t in theta)),
        ),
        jvp=_push,
        batch=batching.gufunc(*[2] * n),
        keeps=KeepSame((True,) * (n + 1)),
        holomorphic=False,
    )


def _function(discrete: bool) -> Callable[..., Any]:
    """Return SciPy's function, for Tensors too."""
    name = _NAMES[discrete]

    def function(a: Any, b: Any, q: Any, r: Any, e: Any = None, s: Any = None, balanced: bool = True) -> Any:
        a, q, r = (square(name, t) for t in (a, q, r))
        b = operand(b)
        s = np.zeros(b.shape) if s is None else operand(s)
        theta = [floating(t) for t in (a, b, q, r, s, *([] if e is None else [square(name, e)]))]
        return _equation(len(theta))(*theta, discrete=discrete, balanced=balanced)

    function.__name__ = function.__qualname__ = name
    note = "q and r are Hermitian, and so are their gradients"
    return takes_tensors(getattr(original, name), "a, b, q, r, e, s", note)(function)


solve_continuous_are, solve_discrete_are = (_function(discrete) for discrete in (False, True))
