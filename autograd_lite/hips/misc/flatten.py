"""Containers as vectors and back: `autograd.misc.flatten`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...numpy.covers import asarray
from ...tensors.tensor import Tensor


def _leaves(value: Any) -> list[Any]:
    """Return the arrays of a container, those of a dict by sorted keys, as HIPS orders them."""
    if isinstance(value, (list, tuple)):
        return [leaf for part in value for leaf in _leaves(part)]
    if isinstance(value, dict):
        return [leaf for key in sorted(value) for leaf in _leaves(value[key])]
    return [value if isinstance(value, Tensor) else np.asarray(value)]


def _like(value: Any, parts: Any) -> Any:
    """Return a container of the structure of `value` that takes its leaves from an iterator."""
    if isinstance(value, (list, tuple)):
        return type(value)([_like(part, parts) for part in value])
    if isinstance(value, dict):
        values = {key: _like(value[key], parts) for key in sorted(value)}
        return {key: values[key] for key in value}
    return next(parts)


def flatten(value: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return the arrays of nested containers as one vector, and the function that puts a vector back.

    Example:
        >>> vector, unflatten = flatten({"b": 1.0, "a": [2.0, np.array([3.0, 4.0])]})
        >>> vector
        array([2., 3., 4., 1.])
        >>> unflatten(vector * 2)
        {'b': np.float64(2.0), 'a': [np.float64(4.0), array([6., 8.])]}
    """
    arrays = _leaves(value)
    specs = [(x.shape, x.size, x.dtype.kind == "c") for x in arrays]
    structure = _like(value, iter([None] * len(arrays)))
    vector = np.concatenate([x.ravel() for x in arrays]) if arrays else np.zeros(0)

    def unflatten(vector: Any) -> Any:
        vector, start, parts = asarray(vector), 0, []
        for shape, size, iscomplex in specs:
            part = vector[start : start + size].reshape(shape)
            part = part if iscomplex or part.dtype.kind != "c" else np.real(part)
            parts.append(part if shape or isinstance(part, Tensor) else part[()])
            start += size
        return _like(structure, iter(parts))

    return vector, unflatten


def flatten_func(func: Callable[..., Any], example: Any) -> tuple[Callable[..., Any], Callable[[Any], Any], Any]:
    """Return `func` as a function of a vector that returns a vector, how to unflatten vectors, and example as one."""
    start, unflatten = flatten(example)
    return (lambda x, *args: flatten(func(unflatten(x), *args))[0]), unflatten, start
