"""Elementwise ops with several results, by their local partial derivatives, and NumPy's ufuncs that are such ops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.equivalents import LOOPS, Loops
from ..core.op import Op, applied, composes, structural
from ..core.shape_arithmetic import ShapeDtype
from .adjoints import total
from .zero_mask import zero_mask

# A number, or `d(out, *inputs)` with the tuple of all results, also in `applied` form; None where no gradient flows.
Partial = float | Callable[..., Any] | applied | None


def elementwise_several(
    function: Callable[..., Any], *partials: Sequence[Partial], saves: str | Sequence[str], name: str = "", **facts: Any
) -> Op:
    """Define an elementwise op with several results.

    Args:
        function: a ufunc, or a function of arrays that broadcasts like one.
        partials: for each result its partial derivatives, one for each input.
        saves: as in `elementwise`.
        name: the op's name; a ufunc brings its own.
        facts: further fields of `Op`.
    """
    inputs = range(len(partials[0]))

    def vjp_by(i: int) -> Callable[..., Any] | None:
        by = [row[i] for row in partials]
        return None if all(d is None for d in by) else lambda g, out, *xs: _sum_of_terms(g, by, out, xs)

    op = structural(
        name or function.__name__,
        function,
        *map(vjp_by, inputs),
        infer=_inferred_by(function),
        saves=saves,
        batch=batching.elementwise,
        results=len(partials),
        **{"jvp": jvp_by(partials), "cost": 1, **facts},
    )
    if isinstance(function, np.ufunc):
        LOOPS[function] = lambda *xs: Loops(function, function)
    return op


def jvp_by(partials: Sequence[Sequence[Partial]]) -> Callable[..., tuple[Any, ...]]:
    """Return the rule of forward mode: for each result the sum of tangents times its partial derivatives."""

    def jvp(tangents: Sequence[Any], out: Any, *xs: Any) -> tuple[Any, ...]:
        return tuple([_sum_of_terms(tangents, row, out, xs, zero=None) for row in partials])

    return jvp


def jvp_by_inputs(*by: Callable[..., Any]) -> Callable[..., Any]:
    """Return the rule of forward mode that sums `f(t, out, *inputs, **params)` over the tangents of all inputs."""

    def jvp(tangents: Sequence[Any], out: Any, *xs: Any, **params: Any) -> Any:
        return total(*[None if t is None else f(t, out, *xs, **params) for t, f in zip(tangents, by, strict=True)])

    return jvp


def _sum_of_terms(gs: Sequence[Any], by: Sequence[Partial], out: Any, xs: Sequence[Any], zero: Any = 0) -> Any:
    """Return the sum of cotangents, or tangents, times partial derivatives; where one is 0, its term is 0."""
    total = None
    for g, d in zip(gs, by, strict=True):
        if g is None or d is None or (d.__class__ is float and d == 0):
            continue
        if isinstance(d, applied):
            term = d.function(g, out, *xs)
        else:
            term = zero_mask(g * d(out, *xs), g) if callable(d) else g * d if d != 1 else g
        total = term if total is None else total + term
    if total is None and zero is not None:
        g = next(g for g in gs if g is not None)
        return np.zeros_like(g)
    return total


def _inferred_by(function: Callable[..., Any]) -> Callable[..., tuple[ShapeDtype, ...]]:
    """Return the shape rule: shapes broadcast, dtypes are those of the results for one element each."""

    def infer(*specs: ShapeDtype) -> tuple[ShapeDtype, ...]:
        shape = np.broadcast_shapes(*(s.shape for s in specs))
        with np.errstate(all="ignore"):
            return tuple([ShapeDtype(shape, a.dtype) for a in function(*(np.ones(1, s.dtype) for s in specs))])

    return infer


divmod_ = elementwise_several(np.divmod, (0.0, 0.0), (1.0, lambda out, x, y: -out[0]), saves=("", "o"))
modf = elementwise_several(np.modf, (1.0,), (0.0,), saves="")
frexp = elementwise_several(np.frexp, (applied(lambda g, out, x: np.ldexp(g, -out[1])),), (None,), saves="o")


# Not in the table of ufuncs, whose ops have one result.
@composes(np.divmod)
def _divmod(x: Any, y: Any, /) -> tuple[Any, ...]:
    return divmod_(x, y)


@composes(np.modf)
def _modf(x: Any, /) -> tuple[Any, ...]:
    return modf(x)


@composes(np.frexp)
def _frexp(x: Any, /) -> tuple[Any, ...]:
    return frexp(x)
