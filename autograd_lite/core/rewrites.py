"""Rewrites: equivalent expressions, as rows on the record of an op. The compiler's passes read them.

A row is two functions of the same variables. The first returns an expression of ops, which is traced once to get its
ops. The second is called with the values of the variables wherever that expression occurs.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Rewrite(NamedTuple):
    """An expression, and its replacement.

    Attributes:
        before: the expression; its outermost op is the one that the row is on, or takes one result out of that one,
            whose other results are not read. A variable among the arguments matches any value, one among the
            parameters for any parameter; a variable that turns up twice, for the same.
        after: of the same variables, the replacement: one of them, or an expression of ops; None where the rule does
            not hold. Arrays have `shape`, `dtype`, `constant`, the value if it is a constant, else None, and `call`.
        exact: whether the result is the same bit for bit. If not, it is within 4 ulp of the result's scale; n values of
            a matrix within 8 sqrt(n).
        constants: the names of variables, arguments of the outermost op, of which one must be a constant.
    """

    before: Callable[..., Any]
    after: Callable[..., Any]
    exact: bool = True
    constants: tuple[str, ...] = ()

    @property
    def pattern(self) -> Term:
        """The expression as data."""
        return _pattern(self.before)

    @property
    def variables(self) -> tuple[str, ...]:
        """The names of the variables."""
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
    pattern = before(*map(Variable, _variables(before)))
    if not isinstance(pattern, Term):
        raise TypeError(f"rewrite: expected an expression of ops; received {pattern!r}")
    return pattern


# ---- conditions and rows that many ops share ------------------------------------------------------------------------


def is_always(x: Any, number: float) -> bool:
    """Return whether a value in a rewrite is the constant `number` everywhere; 0.0 is not -0.0."""
    if x.constant.__class__ in (int, float):  # nearly always
        return bool(x.constant == number) and math.copysign(1, x.constant) == math.copysign(1, number)
    if x.constant is None or x.dtype.kind not in "fi":
        return False
    a = np.asarray(x.constant)
    a = a[tuple([slice(None) if stride else slice(1) for stride in a.strides])]  # each element once
    return bool(a.size) and bool((a == number).all() and (np.signbit(a) == np.signbit(number)).all())


def never_zero(x: Any) -> bool:
    """Return whether no element of a value in a rewrite can be zero."""
    return x.constant is not None and bool(np.all(x.constant))


def scalar(x: Any) -> Any:
    """Return a value in a rewrite as a number, if it is one constant real number; else None."""
    value = x.constant
    if value is None or x.size != 1 or x.dtype.kind not in "fi" or np.ndim(value):
        return None
    return value if isinstance(value, (int, float, np.generic)) else value[()]


def normal(number: Any, like: Any) -> bool:
    """Return whether a number is normal in the dtype of `like`: neither 0, infinite nor NaN, nor subnormal."""
    info = np.finfo(like.dtype)
    return bool(info.tiny <= abs(number) <= info.max)


def neutral(before: Callable[..., Any], number: float, *, left: bool = False) -> tuple[Rewrite, ...]:
    """Return the rows of an op of two real arguments with a neutral number.

    Args:
        before: the op of two variables.
        number: the number that is neutral on the right.
        left: whether it is neutral on the left, too.
    """

    def right_is(x: Any, y: Any) -> Any:
        return x if x.dtype.kind in "fi" and is_always(y, number) else None

    def left_is(x: Any, y: Any) -> Any:
        return right_is(y, x)

    x, y = _variables(before)
    return (Rewrite(before, right_is, constants=(y,)), *([Rewrite(before, left_is, constants=(x,))] if left else []))
