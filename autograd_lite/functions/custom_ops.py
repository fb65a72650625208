"""Custom ops: the same records that this package's tables are made of, defined by users."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import op as records
from ..core.op import BY_UFUNC, OPS, Op, applied as applied, gate
from ..tensors.record import owning
from ..tensors.user_rules import alike


def _outside_the_tables(op: Op) -> Op:
    """Remove a new op from the registry, so that a notebook cell can define it again."""
    del OPS[op.name]
    if op.name in OPS:  # in a file that has just been loaded for this question
        raise ValueError(f"op '{op.name}' is defined twice")
    return op


def _forward(function: Any) -> Any:
    if isinstance(function, np.ufunc):
        BY_UFUNC.get(function)  # the op of our own, if there is one, is to be defined before
        return function
    return owning(function, alone=True)


def _rule(rule: Any) -> Any:
    """Return a user's rule whose results belong to the engine, which may write into them."""
    if isinstance(rule, (applied, gate)):
        return type(rule)(owning(alike(rule.function)))
    return owning(alike(rule)) if callable(rule) else rule


def _own(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: _rule(fact) if name in ("jvp", "together", "asked") else fact for name, fact in facts.items()}


def elementwise(
    function: np.ufunc | Callable[..., Any], *partials: Any, name: str | None = None, saves: Any = "", **facts: Any
) -> Op:
    """Define an elementwise op by its local partial derivatives; backward, forward mode and vmap follow from them.

    Args:
        function: a ufunc, or a function of arrays that broadcasts like one. It runs as if outside all
            transformations. Its results and those of the rules are copied, unless they are large and nothing else holds
            them.
        partials: for each input a number, a function `d(out, *inputs, **params)` written in NumPy that Tensors
            support, the same in `applied(lambda g, out, *inputs: …)` form, or None for an input without derivative.
        name: the op's name; by default the function's.
        saves: which arrays the partials read, of "o" (the result), "x", "y", "z" (the inputs); one string for all, or
            one for each. The others arrive with only a shape and a dtype.
        facts: further fields of the record, such as `domain`, `kinks`, `selects`, `commutes`, `cost` (FLOPs).

    Returns:
        The op: call it on arrays or Tensors. A ufunc is also found by `np.`-style calls on Tensors.

    Raises:
        ValueError: if this package already has an op of that name.

    Example:
        >>> cube = elementwise(lambda x: x**3, lambda out, x: 3 * x**2, name="cube", saves="x")
        >>> from autograd_lite import grad
        >>> grad(grad(cube))(2.0)
        np.float64(12.0)
        >>> from autograd_lite.testing import check_op
        >>> check_op(cube, [np.array([0.5, -2.0])]).ok
        True
    """
    name = name or function.__name__
    partials = tuple(map(_rule, partials))
    return _outside_the_tables(
        records.elementwise(_forward(function), *partials, name=name, saves=saves, **_own(facts))
    )


def reduction(name: str, forward: Callable[..., Any], partial: Any, *, saves: str = "", **facts: Any) -> Op:
    """Define a reduction over axes by its local partial derivatives.

    Args:
        name: the op's name.
        forward: `f(x, *, axis, keepdims, **params)`; axis is None or a tuple of axes counted from the front.
        partial: `d(out, x, *, axis, **params)`, where out has its reduced axes back, with length 1.
        saves: of "o", "x".
        facts: further fields of the op, such as `cost=`.

    Example:
        >>> from autograd_lite import grad
        >>> energy = reduction(
        ...     "energy", lambda x, *, axis, keepdims: (x * x).sum(axis=axis, keepdims=keepdims),
        ...     lambda out, x, *, axis: 2 * x, saves="x",
        ... )
        >>> grad(lambda x: energy(x, axis=None, keepdims=False))(np.array([1.0, 2.0]))
        array([2., 4.])
    """
    op = records.reduction(name, _forward(forward), _rule(partial), saves=saves, **_own(facts))
    return _outside_the_tables(op)


def structural(name: str, forward: Callable[..., Any], *vjps: Any, infer: Any, saves: Any = "", **facts: Any) -> Op:
    """Define any other op by its vector-Jacobian products.

    Args:
        name: the op's name.
        forward: arrays positional, parameters by keyword, one array out, or a tuple of as many as `results=` says.
        vjps: for each input `f(g, out, *inputs, **params)`, or None. Of an op of several results `g` and `out` are
            tuples; `g` has None for a result through which no gradient flows.
        infer: the shape rule: specs with `shape` and `dtype` in, and one out, or a tuple of several.
        saves: of "o" (the result), "x", "y", "z" (the inputs), what the rules read.
        facts: further fields; for forward mode `linear=True`, `multilinear=True` or `jvp=`, for vmap `batch=`; for an
            op of several results their number, `results=`: its `jvp` returns a tuple, with None for zeros.

    Example:
        >>> from autograd_lite import grad
        >>> reverse = structural(
        ...     "reverse", lambda x: x[::-1], lambda g, out, x: g[::-1], infer=lambda x: x, linear=True
        ... )
        >>> grad(lambda x: (reverse(x) * np.array([1.0, 2.0])).sum())(np.zeros(2))
        array([2., 1.])
        >>> def by_x(g, out, x):
        ...     return (0 if g[0] is None else g[0] * 2 * x) + (0 if g[1] is None else g[1] * 3 * x**2) + 0 * x
        >>> powers = structural("powers", lambda x: (x**2, x**3), by_x, infer=lambda x: (x, x), saves="x", results=2)
        >>> grad(lambda x: powers(x)[1].sum())(np.array([1.0, 2.0]))
        array([ 3., 12.])
    """
    rules = tuple(map(_rule, vjps))
    return _outside_the_tables(
        records.structural(name, _forward(forward), *rules, infer=infer, saves=saves, **_own(facts))
    )
