"""Integrals of functions of one variable, with derivatives by parameters and limits.

The integrand is made data first, with the Tensors that it reads from around it as parameters. By Leibniz's rule the
derivative by a parameter is an integral, too, of the integrand's derivative; so is each further one. Each integral
has its own error control.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate as original

from ...control.body import Body, Runner
from ...control.closure_conversion import close, record_body
from ...core.errors import ShapeError, UnsupportedError
from ...core.op import Op
from ...core.shape_arithmetic import ShapeDtype
from ...functional import vjp
from ...functions.custom_ops import structural
from ...ops import barrier
from ...ops.operands import operand
from ..calls import floating, has_tensors, takes_tensors

# ---- Gauss's rule ---------------------------------------------------------------------------------------------------


@takes_tensors(original.fixed_quad, "a, b, args, and what func reads from around it", always=True)
def fixed_quad(func: Callable[..., Any], a: Any, b: Any, args: Any = (), n: int = 5) -> Any:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    y = (b - a) * (nodes + 1) / 2.0 + a
    return (b - a) / 2.0 * (weights * operand(func(y, *args))).sum(axis=-1), None


# ---- adaptive -------------------------------------------------------------------------------------------------------


def _value_and_error(a: Any, b: Any, *parameters: Any, body: Body, options: dict[str, Any]) -> Any:
    run = Runner(body, 1, 0)
    results = original.quad(lambda x: run(np.float64(x), *parameters)[0], float(a), float(b), **options)
    run.end()
    return np.array(results[:2])


def _vector(a: Any, b: Any, *parameters: Any, body: Body, options: dict[str, Any]) -> Any:
    """Integrate each element by QUADPACK, which copes with singular ends; they share the values that they ask for."""
    run = Runner(body, 1, 0)
    seen = functools.cache(lambda x: np.array(run(np.float64(x), *parameters)[0]).reshape(-1))
    size = math.prod(body.specs[0].shape)
    integrals = [original.quad(lambda x, k=k: seen(x)[k], float(a), float(b), **options)[0] for k in range(size)]
    run.end()
    return np.array(integrals).reshape(body.specs[0].shape)


def _derivative(body: Body) -> Body:
    """Return the function of x, a cotangent and the parameters that gives the cotangents of these in one array."""
    if "derivative" not in body.derived:
        argnums = tuple(k for k, c in enumerate(body.examples[1:]) if c.dtype.kind in "fc")

        def cotangents_of(x: Any, g: Any, *parameters: Any) -> list[Any]:
            _, back = vjp(lambda *parameters: body(x, *parameters)[0], argnums)(*parameters)
            return [np.concatenate([_real(c).reshape(-1) for c in back(g)])]

        example = np.zeros(body.specs[0].shape)
        body.derived["derivative"] = record_body("quad", cotangents_of, [body.examples[0], example, *body.examples[1:]])
    derivative: Body = body.derived["derivative"]
    return derivative


def _real(c: Any) -> Any:
    """Return real and imaginary parts along an axis at the end, since QUADPACK integrates real functions."""
    return np.stack([np.real(c), np.imag(c)], axis=-1) if c.dtype.kind == "c" else c


def _cotangents(g: Any, a: Any, b: Any, parameters: tuple[Any, ...], body: Body, options: dict[str, Any]) -> list[Any]:
    """Return the cotangents of the limits and the parameters."""
    gradients = []
    for limit, sign in ((a, -1.0), (b, 1.0)):
        finite = np.isfinite(limit)
        end = (g * body(np.where(finite, limit, 0.0), *parameters)[0]).sum()
        gradients.append(np.where(finite, sign * end, 0.0))
    floating_parameters = [c.dtype.kind in "fc" for c in body.examples[1:]]
    packed: Any = None
    if any(floating_parameters):
        op = _integral(len(parameters) + 1, False)
        packed = op(a, b, g, *parameters, body=_derivative(body), options=options)
    start = 0
    for c, is_floating in zip(body.examples[1:], floating_parameters, strict=True):
        if not is_floating:
            gradients.append(np.zeros(c.shape))
            continue
        shape = _real(c).shape
        end = start + math.prod(shape)
        part, start = packed[start:end].reshape(shape), end
        gradients.append(part[..., 0] - 1j * part[..., 1] if c.dtype.kind == "c" else part)
    return gradients


class Always:
    """What an op saves that saves the result and all of n inputs, whichever of them need a gradient."""

    def __init__(self, n: int) -> None:
        self._all = (True,) * (n + 1)

    def __getitem__(self, mask: int) -> tuple[bool, ...]:
        return self._all


@functools.cache
def _integral(n: int, with_error: bool) -> Op:
    """Return the integral of a body as an op of its two limits and n parameters.

    Args:
        n: how many parameters.
        with_error: whether it is QUADPACK's integral of a number, with the estimate of its error as a second element;
            otherwise the body's result may have any shape.
    """

    def pull(g: Any, out: Any, a: Any, b: Any, *parameters: Any, body: Body, options: dict[str, Any]) -> list[Any]:
        return _cotangents(g[0] if with_error else g, a, b, parameters, body, options)

    def infer(*_: ShapeDtype, body: Body, options: dict[str, Any]) -> ShapeDtype:
        return ShapeDtype((2,) if with_error else body.specs[0].shape, np.dtype(np.float64))

    return structural(
        "quad" if with_error else "quad_of_elements",
        _value_and_error if with_error else _vector,
        together=pull,
        infer=infer,
        keeps=Always(n + 2),
    )


def _first_place(a: float, b: float, points: Any) -> float:
    """Return where QUADPACK looks first: at another place, func may raise."""
    low, high = min(a, b), max(a, b)
    if np.isinf(low):
        return high - 1.0 if np.isfinite(high) else 1.0
    if np.isinf(high):
        return low + 1.0
    between = [p for p in (() if points is None else points) if low < p < high]
    return 0.5 * (low + min(between, default=high))


@takes_tensors(
    original.quad,
    "a, b, args, and what func reads from around it",
    "each derivative is an integral with an error control of its own. func is run once on a Tensor, so it "
    "must not branch on values. weight= and complex_func= are refused",
    always=True,
)
def quad(
    func: Callable[..., Any],
    a: Any,
    b: Any,
    args: Any = (),
    full_output: int = 0,
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
    limit: int = 50,
    points: Any = None,
    **options: Any,
) -> Any:
    args = args if isinstance(args, tuple) else (args,)
    usual = {"args": args, "full_output": full_output, "epsabs": epsabs, "epsrel": epsrel, "limit": limit}
    if not has_tensors(a, b, args) and not has_tensors(func(_first_place(a, b, points), *args)):
        return original.quad(func, a, b, points=points, **usual, **options)
    for name in ("weight", "complex_func"):
        if options.get(name):
            raise UnsupportedError(f"scipy.integrate.quad: the argument {name}= is not supported on Tensors")
    refused = UnsupportedError("scipy.integrate.quad: expected func to change nothing outside")
    closed = close("quad", lambda x: floating(operand(func(x, *args))), (np.float64(0.5),), refused)
    if closed.body.specs[0].shape:
        raise ShapeError(
            f"scipy.integrate.quad: expected func to return a number; received shape {closed.body.specs[0].shape}"
        )
    settings = {"epsabs": epsabs, "epsrel": epsrel, "limit": limit, "points": points}
    a, b = (x if hasattr(x, "__apply_op__") else np.float64(x) for x in (a, b))
    op = _integral(len(closed.captured), True)
    results = op(a, b, *closed.captured, body=closed.body, options=settings)
    result = results[0], barrier.stop_gradient(results[1])
    return (*result, {}) if full_output else result
