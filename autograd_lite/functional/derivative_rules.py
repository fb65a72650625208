"""Rules that users write, and the zeros, sums and numbers of arguments that go with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.arguments import require_function
from ..core.duck_arrays import array_namespace
from ..tensors.user_rules import alike
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


class KeepSame:
    """An `Op.keeps` that saves the same, whichever inputs need a gradient: the result first, then the inputs."""

    def __init__(self, keep: tuple[bool, ...]) -> None:
        self._keep = keep

    @classmethod
    def first(cls, n: int, others: int = 0) -> Any:
        """Save the result and the first n inputs, and none of the others."""
        return cls((True,) * (n + 1) + (False,) * others)

    def __getitem__(self, mask: int) -> tuple[bool, ...]:
        return self._keep


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
    return array_namespace(x).zeros(np.shape(x), getattr(x, "dtype", np.float64))


def zeros_like(tree: Any) -> Any:
    """Return zeros in the structure of a tree."""
    return map_leaves(zeros, tree)


def sum_of(x: Any, y: Any) -> Any:
    """Return the sum of two trees, in which None is zero."""
    return y if x is None else x if y is None else map_leaves(lambda a, b: a + b, x, y)


class Stated:
    """A function with stated derivatives, by single arguments or for all, as vector- or Jacobian-vector products."""

    caller: str  # for messages
    arrays_stay = False  # whether rules get arrays as arrays even where Tensors would give other last bits
    _vjps: dict[int, Rule | None]
    _jvps: dict[int, Rule | None]
    _all_vjps: Rule | None
    _all_jvps: Rule | None
    _linear: frozenset[int] | None  # None: in all arguments
    _version: int  # rises with every statement; replays compare it
    _ops: dict[Any, Any]
    _ruled: dict[Any, Any]
    _guarded = ("_version",)

    def def_vjp(self, *rules: Callable[..., Any] | None, argnums: Sequence[int] | None = None) -> Any:
        """Set the vector-Jacobian products by single arguments; usable as a decorator.

        Args:
            rules: for each argument a function `(g, out, *args, **kwargs)` that returns its cotangent, or None for one
                that the result does not depend on. Only those asked for are called.
            argnums: which arguments the rules are for; by default the first ones.

        Returns:
            The first rule.
        """
        for i, rule in zip(numbers_of(rules, argnums), rules, strict=True):
            self._vjps[i] = None if rule is None else self._rule(rule, pulls=True)
        self._renew()  # which a rule of None changes too
        return rules[0] if rules else None

    def def_vjps(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set one rule for all arguments that have none of their own; usable as a decorator.

        Args:
            rule: a function `(argnums, g, out, *args, **kwargs)` that returns a sequence with the cotangent of each
                argument in `argnums`, which are those asked for; None is zero.
        """
        self._all_vjps = self._rule(rule, pulls=True, meant=as_it_is)
        return rule

    def def_jvp(self, *rules: Callable[..., Any] | None, argnums: Sequence[int] | None = None) -> Any:
        """Set the Jacobian-vector products by single arguments; usable as a decorator.

        Args:
            rules: for each argument a function `(t, out, *args, **kwargs)` that returns the tangent of the result along
                the tangent t of that argument, linear in t; None for an argument that the result does not depend on.
            argnums: which arguments the rules are for; by default the first ones.

        Returns:
            The first rule.
        """
        for i, rule in zip(numbers_of(rules, argnums), rules, strict=True):
            self._jvps[i] = None if rule is None else self._rule(rule, pulls=False)
        self._renew()
        return rules[0] if rules else None

    def def_jvps(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set one rule for all arguments that have none of their own; usable as a decorator.

        Args:
            rule: a function `(argnums, tangents, out, *args, **kwargs)` that returns the tangent of the result, for
                tangents of the arguments in `argnums`.
        """
        self._all_jvps = self._rule(rule, pulls=False, meant=as_it_is)
        return rule

    def def_linear(self, *argnums: int) -> None:
        """State that the function is linear in some arguments, in each while the others are held.

        Its own value with a tangent in the argument's place is then the Jacobian-vector product.

        Args:
            argnums: which arguments; none means all.
        """
        if not argnums:
            self._linear = None
        elif self._linear is not None:
            self._linear |= set(argnums)
        self._renew()

    def _renew(self) -> None:
        """Note that the rules have changed."""
        self._version += 1
        self._ops.clear()
        self._ruled.clear()

    def _rule(self, user: Callable[..., Any], *, pulls: bool, meant: Callable[..., Any] | None = None) -> Rule:
        """Return a user's function as a rule: of one argument, or what `meant` makes of it, for all at once."""
        require_function(f"{self.caller}: rules", user)
        self._renew()
        of = meant or of_one
        return Rule(of(user), user, of(alike(user, self.arrays_stay)), pulls, meant is not None)

    def user_rules(self, i: int) -> list[Callable[..., Any]]:
        """Return the rules that the user wrote for the i-th argument, the one that is read in reverse mode first."""
        rules = (self._vjps.get(i), self._all_vjps, self._jvps.get(i), self._all_jvps)
        return [rule.user for rule in rules if rule is not None]
