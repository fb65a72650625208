"""Hypothesis strategies for inputs to test gradients with; `from autograd_lite.testing import strategies as gst`.

All numbers lie on a grid of eighths: they are exact, they shrink to round numbers, and no two that differ are so near
that a finite difference could step over a kink between them. Shapes shrink to few and short axes.

Domains, for `arrays` and `property_test`:

    real        -8 … 8                           distinct    no value twice, over all arrays of a call
    positive    above 0                          spd         symmetric positive definite, (..., n, n)
    nonzero     all but 0                        invertible  diagonally dominant, (..., n, n)
    unit        inside -1 … 1                    onehot      one 1 along the last axis, (..., K)
    above one   above 1                          int, bool   of those dtypes
    (lo, hi)    a range, ends included           a strategy  whatever it draws

Needs Hypothesis: `pip install "autograd-lite[testing]"`; it is imported when the first strategy is made.

Example:
    >>> from hypothesis import find
    >>> from autograd_lite.testing import strategies as gst
    >>> find(gst.arrays(domain="positive"), lambda a: a.ndim == 1 and a.sum() > 2.3)
    array([3.])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .arrays import (
    arrays as arrays,
    axes as axes,
    axis as axis,
    broadcastable_shapes as broadcastable_shapes,
    dtypes as dtypes,
    elements as elements,
    indices as indices,
    layouts as layouts,
    shapes as shapes,
    signature_shapes as signature_shapes,
    tensors as tensors,
)
from .deferred import composite, st
from .ops import arguments as arguments

__all__ = [
    "Chain",
    "RandomFunction",
    "arguments",
    "arrays",
    "axes",
    "axis",
    "broadcastable_shapes",
    "dtypes",
    "elements",
    "functions",
    "indices",
    "layouts",
    "modules",
    "shapes",
    "signature_shapes",
    "tensors",
]
__dir__ = __all__.copy

# All of them smooth, bounded in slope on the grid, and defined everywhere.
_UNARY = ("np.sin({})", "np.tanh({})", "np.exp(-{} * {})", "np.arctan({})", "np.logaddexp({}, 0)", "{} * {}", "-{}")
_KINKED = ("np.abs({})", "np.maximum({}, 0)", "np.minimum({}, 1)")
_BINARY = ("{} + {}", "{} - {}", "{} * {}", "np.hypot({}, {} + 3)", "np.logaddexp({}, {})")
_REDUCING = ("{}.sum()", "{}.mean()", "np.square({}).sum()")


class RandomFunction:
    """A function of arrays that prints as the lambda it is.

    Args:
        names: of the arguments.
        body: expression in these and `np`.

    Example:
        >>> RandomFunction(("x", "y"), "np.sin(x) * y")
        lambda x, y: np.sin(x) * y
    """

    __slots__ = ("_call", "source")

    def __init__(self, names: Sequence[str], body: str) -> None:
        self.source = f"lambda {', '.join(names)}: {body}"
        self._call: Callable[..., Any] = eval(self.source, {"np": np})

    def __call__(self, *inputs: Any) -> Any:
        """Apply to arrays or Tensors."""
        return self._call(*inputs)

    def __repr__(self) -> str:
        return self.source


@composite
def functions(
    draw: Any, inputs: int = 1, *, max_ops: int = 5, kinks: bool = False, scalar: bool = False
) -> RandomFunction:
    """Draw a function of `inputs` arrays, elementwise or (`scalar`) reduced to a number; each input is used.

    Args:
        inputs: how many arrays it takes.
        max_ops: about how many ops it is made of; shrinks to few.
        kinks: use abs, maximum and minimum as well.
        scalar: end in a sum or a mean.

    Example:
        >>> from hypothesis import find
        >>> callable(find(functions(), lambda f: True))
        True
    """
    names = ["x", "y", "z", *(f"x{i}" for i in range(3, inputs))][:inputs]
    parts = list(names)
    unary = _UNARY + _KINKED if kinks else _UNARY
    for _ in range(draw(st.integers(0, max_ops))):
        k = draw(st.integers(0, len(parts) - 1))
        form = draw(st.sampled_from(unary))
        parts[k] = form.replace("{}", _bracket(parts[k]) if form != "np.sin({})" else parts[k])
        if len(parts) > 1 and draw(st.booleans()):
            parts[:2] = [_join(draw(st.sampled_from(_BINARY)), *parts[:2])]
    while len(parts) > 1:
        parts[:2] = [_join(draw(st.sampled_from(_BINARY)), *parts[:2])]
    body = draw(st.sampled_from(_REDUCING)).format(_bracket(parts[0])) if scalar else parts[0]
    return RandomFunction(names, body)


def _bracket(part: str) -> str:
    return part if part.isidentifier() else f"({part})"


def _join(form: str, left: str, right: str) -> str:
    return form.format(_bracket(left), _bracket(right))


@composite
def modules(
    draw: Any,
    factories: Sequence[Callable[[], Any]],
    *,
    combine: Callable[[list[Any]], Any] | None = None,
    max_layers: int = 3,
) -> Any:
    """Draw a small random model: one to `max_layers` layers, each made by one of the factories.

    Args:
        factories: called without arguments; each makes a layer that accepts what the others return.
        combine: makes the model of a list of layers, such as `nn.Sequential`; without it they are called in turn.
        max_layers: how many layers there are at most; shrinks to one, made by the first factory.

    Example:
        >>> import nn
        >>> from hypothesis import find
        >>> dense = {"dense": lambda: nn.layers.Dense(2)}
        >>> find(modules(dense), lambda drawn: True)  # doctest: +SKIP
    """
    layers = [make() for make in draw(st.lists(st.sampled_from(list(factories)), min_size=1, max_size=max_layers))]
    return combine(layers) if combine is not None else Chain(layers)


class Chain:
    """Layers that are called one after the other.

    Args:
        layers: functions of one argument.

    Example:
        >>> Chain([np.square, np.negative])(3.0)
        np.float64(-9.0)
    """

    def __init__(self, layers: Sequence[Callable[[Any], Any]]) -> None:
        self.layers = list(layers)

    def __call__(self, x: Any) -> Any:
        """Apply the layers in turn."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __repr__(self) -> str:
        return f"Chain({self.layers})"
