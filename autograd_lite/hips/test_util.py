"""Checks against finite differences as HIPS makes them: `autograd.test_util`. See `autograd_lite.testing` for more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

from .core import make_jvp, make_vjp
from .vector_spaces import vspace
from .wrap_util import get_name, unary_to_nary

TOL = RTOL = EPS = 1e-6


def scalar_close(a: Any, b: Any) -> bool:
    """Return whether two numbers are equal up to TOL, or up to RTOL of their sum."""
    return bool(abs(a - b) < TOL or abs(a - b) < RTOL * abs(a + b))


def make_numerical_jvp(f: Callable[[Any], Any], x: Any) -> Callable[[Any], Any]:
    """Return a function that estimates the derivative of f along a tangent by a central difference."""
    points, values = vspace(x), vspace(f(x))

    def along(v: Any) -> Any:
        above, below = (f(points.add(x, points.scalar_mul(v, step))) for step in (EPS / 2, -EPS / 2))
        return values.scalar_mul(values.add(above, values.scalar_mul(below, -1.0)), 1 / EPS)

    return along


def check_equivalent(x: Any, y: Any) -> None:
    """Raise unless two values are of one vector space, and equal along a random direction.

    Raises:
        AssertionError: with both.
    """
    space, other = vspace(x), vspace(y)
    if space != other:
        raise AssertionError(f"VSpace mismatch:\nx: {space}\ny: {other}")
    v = space.randn()
    if not scalar_close(space.inner_prod(x, v), space.inner_prod(y, v)):
        raise AssertionError(f"Value mismatch:\nx: {x}\ny: {y}")


def check_vjp(f: Callable[[Any], Any], x: Any) -> None:
    """Raise unless the gradient of a random combination of f's results agrees with finite differences.

    Raises:
        AssertionError: with both numbers.
    """
    vjp, y = make_vjp(f, x)
    points, values = vspace(x), vspace(y)
    tangent, cotangent = points.randn(), values.randn()
    gradient = points.covector(vjp(values.covector(cotangent)))
    if vspace(gradient) != points:
        raise AssertionError(f"VSpace mismatch:\nargument: {points}\ngradient: {vspace(gradient)}")
    analytic = points.inner_prod(tangent, gradient)
    numeric = values.inner_prod(cotangent, make_numerical_jvp(f, x)(tangent))
    if not scalar_close(numeric, analytic):
        raise AssertionError(
            f"Derivative (VJP) check of {get_name(f)} failed with arg {x}:\nanalytic: {analytic}\nnumeric:  {numeric}"
        )


def check_jvp(f: Callable[[Any], Any], x: Any) -> None:
    """Raise unless the derivative along a random tangent agrees with finite differences."""
    tangent = vspace(x).randn()
    check_equivalent(make_jvp(f, x)(tangent)[1], make_numerical_jvp(f, x)(tangent))


def _once(mode: str, f: Callable[[Any], Any], x: Any) -> tuple[Callable[[Any, Any], Any], Callable[[], Any]]:
    """Check one mode; return its derivative as a function of the point and a direction, and what draws a direction."""
    if mode == "fwd":
        check_jvp(f, x)
        return (lambda x, v: make_jvp(f, x)(v)[1]), lambda: vspace(x).randn()
    check_vjp(f, x)
    return (lambda x, v: make_vjp(f, x)[0](v)), lambda: vspace(f(x)).randn()


@unary_to_nary
def check_grads(f: Callable[[Any], Any], x: Any, modes: Sequence[str] = ("fwd", "rev"), order: int = 2) -> None:
    """Raise unless derivatives up to an order agree with finite differences in each mode.

    Raises:
        AssertionError: for a mode that is neither "fwd" nor "rev", or derivatives that differ.
    """
    if not set(modes) <= {"fwd", "rev"}:
        raise AssertionError(f"check_grads: expected modes 'fwd' and 'rev'; received {modes}")
    for mode in modes:
        derivative, direction = _once(mode, f, x)
        if order > 1:
            derivative.__name__ = f"{'jvp' if mode == 'fwd' else 'vjp'}_{get_name(f)}"
            check_grads(derivative, (0, 1), modes, order=order - 1)(x, direction())


def combo_check(fun: Callable[..., Any], *options: Any, **named: Any) -> Callable[..., None]:
    """Return a function that takes a list for each argument of fun, and calls `check_grads` for every combination."""

    def check(*args: Sequence[Any], **kwargs: Sequence[Any]) -> None:
        for chosen in product(*args, *kwargs.values()):
            rest = dict(zip(kwargs, chosen[len(args) :], strict=True))
            check_grads(fun, *options, **named)(*chosen[: len(args)], **rest)

    return check
