"""Linear maps the other way round, and derivatives of a rule by running it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ..core.depth import inside
from ..core.errors import GradError
from ..core.mode import enable_grad
from ..engine.walk import cotangents, edge_of
from ..tensors.tensor import Tensor
from ..tensors.tracers import Level, Tracer, wrap_any
from ..tree import leaves, map as map_leaves
from .argument_selection import plain_value, variable
from .dual import Dual, ForwardLevel, tangent_of

# The most calls of a rule that stand in for one in the other direction.
MOST_UNITS = 10_000


def transpose_by_units(linear: Callable[[Any], Any], like: Any, reason: str) -> Any:
    """Return what `dual.transpose_linear` does, of a function that takes arrays alone: one call for each element.

    Args:
        linear: a function of an array of the shape and dtype of `like`; its result is a number.
        like: an array.
        reason: the rule that is lacking, for messages.

    Raises:
        GradError: if there are too many elements.
    """
    shape, dtype = np.shape(like), np.dtype(getattr(like, "dtype", np.float64))
    size = int(np.prod(shape))
    if size > MOST_UNITS:
        raise GradError(
            f"{reason}, and its other rule takes bare arrays, so it would be called once for each of {size:,} "
            "elements. Define the rule that is lacking"
        )
    slopes = []
    for unit in _units(shape, dtype):
        slope = np.real(linear(unit))
        slopes.append(slope - 1j * np.real(linear(1j * unit)) if dtype.kind == "c" else slope)
    return np.stack(slopes).reshape(shape) if slopes else np.zeros(shape, dtype)


def _units(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[Any]:
    for index in np.ndindex(shape):
        unit = np.zeros(shape, dtype)
        unit[index] = 1
        yield unit


def inner(xs: Any, ys: Any) -> Any:
    """Return the sum of the products of two trees, in which None is zero."""
    if xs is None or ys is None:
        return np.zeros(())
    total: Any = np.zeros(())
    for x, y in zip(leaves(xs), leaves(ys), strict=True):
        total = total + (x * y).sum()
    return total


def _wrap_tracers(inputs: Sequence[Any]) -> list[Any]:
    return [wrap_any(x, None) if isinstance(x, Tracer) else x for x in inputs]


def pull_through(f: Callable[..., Any], inputs: Sequence[Any], asked: Sequence[int], h: Any) -> list[Any]:
    """Run a function on Tensors and return the cotangents of some of its inputs.

    Args:
        f: a function of arrays.
        inputs: its arguments, which may have a history or belong to transformations.
        asked: which of them to differentiate by.
        h: the cotangent of what f returns, in its structure.
    """
    level = Level()
    values = _wrap_tracers(inputs)
    edges = {}
    for k in asked:
        values[k] = variable(values[k], level)
        edges[k] = edge_of(values[k])
    with enable_grad(), inside(tape=True):
        out = f(*values)
        roots: dict[Any, Any] = {}
        for t, g in zip(leaves(out), leaves(h), strict=True):
            if isinstance(t, Tensor) and t.requires_grad:
                edge = edge_of(t)
                roots[edge] = roots[edge] + g if edge in roots else g
        gradients = {}
        if roots:
            targets = set(edges.values())
            gradients = cotangents(roots, targets, retain_graph=False, create_graph=False, level=level)
    return [gradients.get(edges[k]) for k in asked]


def push_through(f: Callable[..., Any], inputs: Sequence[Any], tangents: dict[int, Any]) -> Any:
    """Run a function on Tensors and return the tangent of its result for tangents of some of its inputs."""
    level = ForwardLevel()
    values = _wrap_tracers(inputs)
    for k, t in tangents.items():
        values[k] = wrap_any(Dual(plain_value(values[k]), t, level), None)
    with inside(tape=False):
        out = f(*values)
    return map_leaves(lambda x: tangent_of(x, level), out)
