"""Rules that users write, and the zeros, sums and numbers of arguments that go with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.foreign import home
from ..tree import map as map_leaves


class Rule(NamedTuple):
    """A rule.

    Attributes:
        call: takes `(argnums, first, out, *args, **kwargs)`, where `first` is a cotangent or tangents.
        user: the function that the user wrote.
        alike: `call` that gives arrays and Tensors the same bits.
        pulls: whether `first` is a cotangent.
        joint: whether it speaks of all arguments in `argnums` at once.
    """

    call: Callable[..., Any]
    user: Callable[..., Any]
    alike: Callable[..., Any]
    pulls: bool
    joint: bool


class KeepAll:
    """An `Op.keeps` that saves the result and the first n inputs, whatever others there are."""

    def __init__(self, n: int, others: int = 0) -> None:
        self._all = (True,) * (n + 1) + (False,) * others

    def __getitem__(self, mask: int) -> tuple[bool, ...]:
        return self._all


def of_one(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return the `Rule.call` of a rule of one argument."""
    return lambda argnums, first, out, *args, **kwargs: rule(first, out, *args, **kwargs)


def as_it_is(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Return the `Rule.call` of a rule of all arguments."""
    return rule


def numbers_of(rules: Sequence[Any], argnums: Sequence[int] | None) -> Sequence[int]:
    """Return the numbers of the arguments that rules are for."""
    if argnums is None:
        return range(len(rules))
    argnums = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if len(argnums) != len(rules):
        raise ValueError(f"expected as many argnums as rules, {len(rules)}; received {len(argnums)}: {argnums}")
    return argnums


def zeros(x: Any) -> Any:
    """Return zeros of the shape and dtype of an array."""
    return home(x).zeros(np.shape(x), getattr(x, "dtype", np.float64))


def zeros_like(tree: Any) -> Any:
    """Return zeros in the structure of a tree."""
    return map_leaves(zeros, tree)


def sum_of(x: Any, y: Any) -> Any:
    """Return the sum of two trees, in which None is zero."""
    return y if x is None else x if y is None else map_leaves(lambda a, b: a + b, x, y)
