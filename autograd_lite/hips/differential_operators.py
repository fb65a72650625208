"""Derivatives under HIPS's names: `autograd.differential_operators`. Each takes the function, then `argnum`."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..functional.dense_jacobians import hvp, rows
from ..functional.rematerialization import checkpoint as _checkpoint
from ..functional.reverse_mode import like_input
from ..tensors.tensor import Tensor
from ..tree import map as map_leaves
from .core import DerivativeError, OneByOne, gradient_of, make_jvp as _make_jvp, make_vjp as _make_vjp, record, slope
from .tracer import call_with_boxes
from .vector_spaces import vspace
from .wrap_util import unary_to_nary

make_vjp = unary_to_nary(_make_vjp)
make_jvp = unary_to_nary(_make_jvp)


def _dtype(x: Any) -> np.dtype[Any]:
    return x.dtype if isinstance(x, Tensor) else np.asarray(x).dtype


def _scalar(called: str, out: Any) -> Any:
    """Return `out` if it is one real number, whatever its shape."""
    if out.__class__ is Tensor and out._data.shape == () and out._data.dtype.kind == "f":
        return out
    if np.size(out) != 1 or _dtype(out).kind != "f":
        raise DerivativeError(
            f"{called}: expected a function with a real scalar result; received values of shape {np.shape(out)} and "
            f"dtype {_dtype(out)}. Reduce them, or use jacobian, elementwise_grad or holomorphic_grad"
        )
    return out


@unary_to_nary
def value_and_grad(fun: Callable[..., Any], x: Any) -> Any:
    """Return the value of a scalar function and its gradient.

    Example:
        >>> value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
        (np.float64(5.0), array([2., 4.]))
    """
    traced = record(fun, x)
    _scalar("value_and_grad", traced.out)
    return like_input(traced.out, traced), slope(traced)


@unary_to_nary
def grad(fun: Callable[..., Any], x: Any) -> Any:
    """Return the gradient of a scalar function, with the structure of its argument; for z = a + ib, ∂f/∂a − i ∂f/∂b.

    Example:
        >>> grad(lambda x, y: x * y, argnum=(0, 1))(2.0, 3.0)
        (np.float64(3.0), np.float64(2.0))
    """
    traced = record(fun, x)
    _scalar("grad", traced.out)
    return slope(traced)


@unary_to_nary
def elementwise_grad(fun: Callable[..., Any], x: Any) -> Any:
    """Return the sums of the columns of the Jacobian: for an elementwise function, its derivative at each element."""
    traced = record(fun, x)
    if _dtype(traced.out).kind == "c":
        raise DerivativeError("elementwise_grad: expected a function with a real result; received a complex one")
    return slope(traced)


@unary_to_nary
def deriv(fun: Callable[..., Any], x: Any) -> Any:
    """Return the derivative along ones, by forward mode."""
    return _make_jvp(fun, x)(vspace(x).ones())[1]


@unary_to_nary
def jacobian(fun: Callable[..., Any], x: Any) -> Any:
    """Return the Jacobian by an array, of shape `fun(x).shape + x.shape`.

    All its rows come from one batched backward pass, unless a user's rule takes bare arrays alone: then from one each.
    """
    traced = record(fun, x)
    shape = np.shape(traced.out)
    if np.size(traced.out) == 1 and _dtype(traced.out).kind == "f":
        row = slope(traced)
        return np.reshape(row if isinstance(row, Tensor) else np.asarray(row), shape + np.shape(row))
    try:
        return rows(traced.out, traced, single=True)
    except OneByOne:
        units = np.eye(np.size(traced.out), dtype=_dtype(traced.out)).reshape(-1, *shape)
        each = [gradient_of(traced, unit, retain=True) for unit in units]
        return map_leaves(lambda *row: np.reshape(np.stack(row), shape + np.shape(row[0])), *each)


@unary_to_nary
def holomorphic_grad(fun: Callable[..., Any], x: Any) -> Any:
    """Return the complex derivative of a holomorphic function."""
    if _dtype(x).kind != "c":
        warnings.warn("Input to holomorphic_grad is not complex", stacklevel=3)
    return grad(lambda z: np.real(fun(z)))(x)


def grad_named(fun: Callable[..., Any], argname: str) -> Any:
    """Return the gradient by the positional argument of a name."""
    return grad(fun, inspect.getfullargspec(fun).args.index(argname))


@unary_to_nary
def hessian(fun: Callable[..., Any], x: Any) -> Any:
    """Return the second derivatives, of shape `fun(x).shape + x.shape + x.shape`."""
    return jacobian(jacobian(fun))(x)


@unary_to_nary
def make_hvp(fun: Callable[..., Any], x: Any) -> Any:
    """Return `(hvp, gradient)`: hvp(v) is the Hessian times v, and the gradient is recorded once."""
    return _make_vjp(grad(fun), x)


def hessian_tensor_product(fun: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """Return a function of fun's arguments and, last, an array v: the Hessian times v."""

    @functools.wraps(fun)
    def one_number(*args: Any, **kwargs: Any) -> Any:
        out = _scalar("hessian_tensor_product", fun(*args, **kwargs))
        return out.reshape(()) if getattr(out, "ndim", 0) else out

    return functools.partial(call_with_boxes, hvp(one_number, argnum))


hessian_vector_product = hessian_tensor_product


def tensor_jacobian_product(fun: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """Return a function of fun's arguments and, last, an array v, which it contracts with the Jacobian's first axes."""

    def contract(*args: Any, **kwargs: Any) -> Any:
        *point, v = args
        return np.tensordot(v, fun(*point, **kwargs), axes=np.ndim(v))

    return jacobian(contract, argnum)


vector_jacobian_product = tensor_jacobian_product


@unary_to_nary
def make_jvp_reversemode(fun: Callable[..., Any], x: Any) -> Any:
    """Return a function that multiplies the Jacobian by a vector."""
    jvp = _make_jvp(fun, x)
    return lambda v: jvp(v)[1]


def _half_square(y: Any) -> Any:
    return np.sum(y**2, axis=-1) / 2.0


def make_ggnvp(f: Callable[..., Any], g: Callable[..., Any] = _half_square, f_argnum: int = 0) -> Any:
    """Return a function that returns v -> Jᵀ H J v, with the Jacobian J of f and the Hessian H of g at f(x)."""

    @unary_to_nary
    def product(f: Callable[..., Any], x: Any) -> Any:
        back, value = _make_vjp(f, x)
        curved, _ = _make_vjp(grad(g), value)
        forward = _make_jvp(f, x)
        return lambda v: back(curved(forward(v)[1]))

    return product(f, f_argnum)


def checkpoint(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that computes the same, and keeps only its arguments: the backward pass calls `fun` again."""
    return _checkpoint(functools.wraps(fun)(functools.partial(call_with_boxes, fun)))


@unary_to_nary
def grad_and_aux(fun: Callable[..., Any], x: Any) -> Any:
    """Return the gradient of the first of two results, and the second one."""
    traced = record(fun, x)
    out, aux = traced.out
    return slope(traced._replace(out=_scalar("grad_and_aux", out))), like_input(aux, traced)


def multigrad_dict(fun: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Return a function that returns the gradients by all arguments, by their names.

    Example:
        >>> multigrad_dict(lambda x, y=3.0: x * y)(2.0)
        {'x': np.float64(3.0), 'y': np.float64(2.0)}
    """
    signature = inspect.signature(fun)

    def gradients(*args: Any, **kwargs: Any) -> dict[str, Any]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()

        def of_arguments(arguments: dict[str, Any]) -> Any:
            bound = inspect.BoundArguments(signature, arguments)
            return fun(*bound.args, **bound.kwargs)

        return grad(of_arguments)(dict(bound.arguments))

    return gradients
