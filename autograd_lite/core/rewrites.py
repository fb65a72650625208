"""Rewrites: rows on the record of an op that say what else computes an expression. The compiler's passes read them.

A row is two functions of the same variables. The first returns an expression of ops, which is run once on stand-ins to
see which ops it is made of. The second gets what the variables stand for where that expression was found.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Rewrite(NamedTuple):
    """An expression, and what may take its place.

    Attributes:
        before: the expression; its outermost op is the one that the row is on, or takes one result out of that one,
            whose other results are not read. A variable among the arguments stands for any value, one among the
            parameters for any parameter; a variable that turns up twice, for the same.
        after: of the same variables, what computes the same: one of them, or an expression of ops; None where the rule
            does not hold. Arrays have `shape`, `dtype`, and `known`, which is None unless the value never changes.
        exact: whether the result is the same bit for bit. If not, it is within 4 ulp of the result's scale; n values of
            a matrix within 8 sqrt(n).
        known: the names of variables, arguments of the outermost op, of which one must be known for the rule to hold.
    """

    before: Callable[..., Any]
    after: Callable[..., Any]
    exact: bool = True
    known: tuple[str, ...] = ()

    @property
    def pattern(self) -> Term:
        """The expression as data."""
        return _pattern(self.before)

    @property
    def variables(self) -> tuple[str, ...]:
        """Their names."""
        return _variables(self.before)


class Term(NamedTuple):
    """A call of an op in a pattern."""

    op: Any
    args: tuple[Any, ...]
    params: Mapping[str, Any]

    def __apply_op__(self, op: Any, inputs: Sequence[Any], params: Mapping[str, Any]) -> Term:
        return Term(op, tuple(inputs), params)


class Variable:
    """Stands for a value or a parameter in a pattern."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __apply_op__(self, op: Any, inputs: Sequence[Any], params: Mapping[str, Any]) -> Term:
        return Term(op, tuple(inputs), params)


def _variables(f: Callable[..., Any]) -> tuple[str, ...]:
    code = f.__code__  # inspect.signature takes 30 µs, which each row would add to the import
    return code.co_varnames[: code.co_argcount]


@functools.cache
def _pattern(before: Callable[..., Any]) -> Term:
    found = before(*map(Variable, _variables(before)))
    if not isinstance(found, Term):
        raise TypeError(f"rewrite: expected an expression of ops; received {found!r}")
    return found


# ---- what many rows say ---------------------------------------------------------------------------------------------


def is_always(x: Any, number: float) -> bool:
    """Return whether a value that a rewrite is given is known to be this number everywhere; 0.0 is not -0.0."""
    if x.known.__class__ in (int, float):  # of Python, as nearly always
        return bool(x.known == number) and math.copysign(1, x.known) == math.copysign(1, number)
    if x.known is None or x.dtype.kind not in "fi":
        return False
    a = np.asarray(x.known)
    a = a[tuple([slice(None) if stride else slice(1) for stride in a.strides])]  # each element once
    return bool(a.size) and bool((a == number).all() and (np.signbit(a) == np.signbit(number)).all())


def never_zero(x: Any) -> bool:
    """Return whether no element of a value that a rewrite is given can be zero."""
    return x.known is not None and bool(np.all(x.known))


def scalar(x: Any) -> Any:
    """Return a value that a rewrite is given as a number, if it is one real number that is known; else None."""
    known = x.known
    if known is None or x.size != 1 or x.dtype.kind not in "fi" or np.ndim(known):
        return None
    return known if isinstance(known, (int, float, np.generic)) else known[()]


def normal(number: Any, like: Any) -> bool:
    """Return whether a number is neither 0 nor infinite nor NaN, nor so small that it has fewer bits, as a `like`."""
    info = np.finfo(like.dtype)
    return bool(info.tiny <= abs(number) <= info.max)


def neutral(before: Callable[..., Any], number: float, *, left: bool = False) -> tuple[Rewrite, ...]:
    """Return the rows of an op of two real arguments of which one, if it is this number, leaves the other as it is.

    Args:
        before: the op of two variables.
        number: that is neutral on the right.
        left: whether it is neutral on the left, too.
    """

    def right_is(x: Any, y: Any) -> Any:
        return x if x.dtype.kind in "fi" and is_always(y, number) else None

    def left_is(x: Any, y: Any) -> Any:
        return right_is(y, x)

    x, y = _variables(before)
    return (Rewrite(before, right_is, known=(y,)), *([Rewrite(before, left_is, known=(x,))] if left else []))
