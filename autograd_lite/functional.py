"""Gradients of functions: `grad` and `value_and_grad`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from ._record import apply, wrap
from ._tensor import Tensor
from .core.errors import DtypeError, GradError
from .core.mode import enable_grad
from .engine import conjugated, cotangents, edge_of
from .ops import shape

__all__ = ["grad", "value_and_grad"]

# How many gradient transformations are running around this one; an inner one must record its backward pass.
_DEPTH: ContextVar[int] = ContextVar("autograd_lite_depth", default=0)


def value_and_grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., tuple[Any, Any]]:
    """Return a function that computes `f(*args)` and its gradient in one pass.

    Args:
        f: a function that returns a scalar, written with NumPy or Tensor operations.
        argnums: which positional arguments to differentiate by; a sequence gives a tuple of gradients.

    Returns:
        A function of f's arguments that returns (value, gradient). Called on arrays it returns arrays; called on
        Tensors, or inside another gradient, it returns Tensors. A gradient has the shape and dtype of its argument,
        and is zero if f does not depend on it.

    Raises:
        DtypeError: if an argument to differentiate by is not floating.
        GradError: if f's result is not a scalar.

    Example:
        >>> value_and_grad(lambda x: (x * x).sum())(np.array([1.0, 2.0]))
        (np.float64(5.0), array([2., 4.]))
    """
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(f)
    def with_grad(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        nested = _DEPTH.get() > 0
        as_tensors = nested or any(isinstance(a, Tensor) for a in args)
        create_graph = nested or any(isinstance(a, Tensor) and a.requires_grad for a in args)
        positions = [_position(i, len(args), f) for i in wanted]
        inputs = list(args)
        for i in positions:
            inputs[i] = _variable(args[i], i)
        token = _DEPTH.set(_DEPTH.get() + 1)
        try:
            with enable_grad():
                out = f(*inputs, **kwargs)
        finally:
            _DEPTH.reset(token)
        variables = [inputs[i] for i in positions]
        grads: list[Any] = _gradients(out, variables, create_graph)
        if not as_tensors:
            out = _leave(out)
            grads = [
                _leave(g) if isinstance(a, (float, np.generic)) else g.numpy()
                for g, a in _pairs(grads, args, positions)
            ]
        return out, grads[0] if isinstance(argnums, int) else tuple(grads)

    return with_grad


def grad(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Return the gradient function of `f`: x -> df/dx.

    Args and conventions as in `value_and_grad`. Nests to any order.

    Example:
        >>> grad(grad(lambda x: x**3))(2.0)
        np.float64(12.0)
    """
    both = value_and_grad(f, argnums)

    @functools.wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def _pairs(grads: list[Tensor], args: tuple[Any, ...], positions: list[int]) -> list[tuple[Tensor, Any]]:
    return [(g, args[i]) for g, i in zip(grads, positions, strict=True)]


def _position(i: int, n: int, f: Callable[..., Any]) -> int:
    if not -n <= i < n:
        raise GradError(f"grad: argnums={i} names no positional argument of {_name(f)}, which was called with {n}")
    return i % n


def _name(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", repr(f))


def _variable(a: Any, i: int) -> Tensor:
    """Make the tensor that stands for argument `i`: a fresh leaf, or a fresh node over a tensor with history."""
    dtype = a.dtype if isinstance(a, Tensor) else np.asarray(a).dtype
    if dtype.kind not in "fc":
        raise DtypeError(
            f"grad: expected a floating argument {i} to differentiate by; received dtype {dtype}. "
            "Pass 2.0 instead of 2, or cast with .astype(float)"
        )
    if isinstance(a, Tensor) and a.requires_grad:
        with enable_grad():
            return apply(shape.copy, (a,), {})
    return Tensor(a, requires_grad=True)


def _gradients(out: Any, variables: list[Tensor], create_graph: bool) -> list[Tensor]:
    if not isinstance(out, (Tensor, np.ndarray, np.generic, int, float)):
        raise GradError(
            f"grad: expected the function to return a scalar; received {type(out).__name__}"
            + (". Did it forget to return?" if out is None else "; value_and_grad of one number at a time")
        )
    if np.shape(out.data if isinstance(out, Tensor) else out) not in ((), (1,)):
        raise GradError(
            f"grad: expected the function to return a scalar; received shape {np.shape(out)}. "
            "Reduce it, with .sum() or .mean()"
        )
    if (out.dtype.kind if isinstance(out, Tensor) else np.asarray(out).dtype.kind) == "c":
        raise GradError(
            "grad: expected a real loss; received a complex one. Take its .real or abs(), or use vjp with a cotangent"
        )
    found: dict[Any, Any] = {}
    if isinstance(out, Tensor) and out.requires_grad:
        one: Any = np.ones(out.shape, out.dtype)
        root = {edge_of(out): wrap(one, None) if create_graph else one}
        targets = {edge_of(v) for v in variables}
        found = cotangents(root, targets, retain_graph=create_graph, create_graph=create_graph)
    grads = []
    for v in variables:
        g = found.get(edge_of(v))
        if g is None:
            g = np.zeros(v.shape, v.dtype)
        g = conjugated(g)
        grads.append(g if isinstance(g, Tensor) else wrap(np.array(g), None))
    return grads


def _leave(x: Any) -> Any:
    """Turn a result into NumPy's: an array, or a NumPy scalar for a 0-d one."""
    return x.numpy()[()] if isinstance(x, Tensor) else x
