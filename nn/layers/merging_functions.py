"""The merging layers as functions, for symbols of a functional model and for arrays: `add([a, b])` is `Add()([a, b])`.

Each takes a list of tensors; `kwargs` are the layer's `name` and `dtype`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..config.arguments import checked
from .merging import Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply, Subtract


@checked
def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the sum of tensors, as the layer `Add`.

    Args:
        inputs: a list of one or more Tensors, arrays or symbols, shapes (N, ...) that broadcast.
        kwargs: the layer's `name` and `dtype`.

    Example:
        >>> add([[[1.0]], [[2.0]]]).tolist()
        [[3.0]]
    """
    return Add(**kwargs)(inputs)


@checked
def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the first of two tensors less the second, as the layer `Subtract`.

    Args:
        inputs: a list of two Tensors, arrays or symbols, shapes (N, ...) that broadcast.
        kwargs: the layer's `name` and `dtype`.

    Example:
        >>> subtract([[[1.0]], [[2.0]]]).tolist()
        [[-1.0]]
    """
    return Subtract(**kwargs)(inputs)


@checked
def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the product of tensors, element by element, as the layer `Multiply`.

    Args:
        inputs: a list of one or more Tensors, arrays or symbols, shapes (N, ...) that broadcast.
        kwargs: the layer's `name` and `dtype`.

    Example:
        >>> multiply([[[2.0]], [[3.0]]]).tolist()
        [[6.0]]
    """
    return Multiply(**kwargs)(inputs)


@checked
def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the mean of tensors, element by element, as the layer `Average`.

    Args:
        inputs: a list of one or more Tensors, arrays or symbols, shapes (N, ...) that broadcast.
        kwargs: the layer's `name` and `dtype`.

    Example:
        >>> average([[[1.0]], [[2.0]]]).tolist()
        [[1.5]]
    """
    return Average(**kwargs)(inputs)


@checked
def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the largest of the elements at each place, as the layer `Maximum`.

    Args:
        inputs: a list of one or more Tensors, arrays or symbols, shapes (N, ...) that broadcast.
        kwargs: the layer's `name` and `dtype`.

    Example:
        >>> maximum([[[1.0, 4.0]], [[2.0, 3.0]]]).tolist()
        [[2.0, 4.0]]
    """
    return Maximum(**kwargs)(inputs)


@checked
def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the smallest of the elements at each place, as the layer `Minimum`.

    Args:
        inputs: a list of one or more Tensors, arrays or symbols, shapes (N, ...) that broadcast.
        kwargs: the layer's `name` and `dtype`.

    Example:
        >>> minimum([[[1.0, 4.0]], [[2.0, 3.0]]]).tolist()
        [[1.0, 3.0]]
    """
    return Minimum(**kwargs)(inputs)


@checked
def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Return tensors one behind the other along an axis, as the layer `Concatenate`.

    Args:
        inputs: a list of one or more Tensors, arrays or symbols, whose shapes differ along `axis` alone.
        axis: the axis along which they are joined, not that of the samples; the last by default.
        kwargs: the layer's `name` and `dtype`.

    Example:
        >>> concatenate([[[1.0]], [[2.0, 3.0]]]).tolist()
        [[1.0, 2.0, 3.0]]
    """
    return Concatenate(axis, **kwargs)(inputs)


@checked
def dot(inputs: Sequence[Any], axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> Any:
    """Return the products of two tensors' vectors along one axis of each, as the layer `Dot`.

    Args:
        inputs: a list of two Tensors, arrays or symbols, shapes (N, ...).
        axes: the axis of the vectors in both, or a pair with one for each; not that of the samples.
        normalize: whether to divide the vectors by their lengths first, which makes the products cosines.
        kwargs: the layer's `name` and `dtype`.

    Example:
        >>> dot([[[1.0, 2.0]], [[3.0, 4.0]]], axes=1).tolist()
        [[11.0]]
    """
    return Dot(axes, normalize, **kwargs)(inputs)
