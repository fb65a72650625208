"""Matrices of derivatives of functions that return several numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..functional import grad, hessian, jacobian
from .evaluation import Derivatives, stack
from .vectors import Layout


def jacobian_of(
    called: str, f: Callable[..., Any], layout: Layout, args: tuple[Any, ...], compiled: bool | None
) -> Derivatives:
    """Return the Jacobian of a function, an array of shape (numbers that it returns, parameters).

    Args:
        called, f, layout, args, compiled: as of `Derivatives`.
    """
    return Derivatives(called, f, layout, _matrix, args, compiled, remembers=True)


def _matrix(f: Callable[..., Any]) -> Callable[[Any], Any]:
    def results(x: Any) -> Any:
        return stack(f(x))

    one, forward, reverse = grad(lambda x: results(x)[0]), jacobian(results, mode="forward"), jacobian(results)
    best = reverse

    def rows(x: Any) -> Any:
        nonlocal best
        matrix = best(x).reshape(-1, x.size)
        m, n = matrix.shape  # known from the first call on
        best = one if m == 1 else forward if m > n else reverse
        return matrix

    return rows


def weighted_hessian(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function of (x, v) that is the Hessian of the sum of f's results at x, weighted by v."""
    return hessian(lambda x, v: (stack(f(x)) * v).sum())
