"""Set operations. Distinct values are gathered from the inputs, the first among equals, and so have gradients."""

# ruff: noqa: D103  (they are NumPy's functions, whose texts are NumPy's)

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..core.duck_arrays import array_namespace
from ..core.op import composes
from .operands import composed_as, composed_of_values, operand, values


@composes(np.unique)
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    ar = operand(ar)
    _, first, inverse, counts = np.unique(values(ar), True, True, True, axis, equal_nan=equal_nan)
    distinct = np.take(ar, first, axis)
    asked = ((first, return_index), (inverse, return_inverse), (counts, return_counts))
    rest = tuple(part for part, is_asked in asked if is_asked)
    return (distinct, *rest) if rest else distinct


def _as_numpy_orders(ar: Any, answer: Any) -> Any:
    """Gather from `ar` the distinct values of NumPy's answer, in its order."""
    ordered, first = np.unique(values(ar), return_index=True, equal_nan=False)
    places = array_namespace(ordered).empty(ordered.size, np.intp)
    places[np.argsort(answer, kind="stable")] = first
    return operand(ar).reshape(-1)[places]


@composes(np.unique_values)
def unique_values(x: Any) -> Any:
    return _as_numpy_orders(x, np.unique_values(values(x)))


def _with_values(function: Any, x: Any) -> Any:
    answer = function(values(x))
    return answer._replace(values=_as_numpy_orders(x, answer.values))


for _function in (np.unique_counts, np.unique_inverse, np.unique_all):
    composed_as(_function, functools.partial(_with_values, _function))


composed_of_values(np.isin)


@composes(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    return np.unique(np.concatenate([operand(ar1), operand(ar2)], axis=None))


@composes(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    ar1 = operand(ar1)
    _, first, second = np.intersect1d(values(ar1), values(ar2), assume_unique, return_indices=True)
    common = ar1.reshape(-1)[first]
    return (common, first, second) if return_indices else common


@composes(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    ar1 = operand(ar1).reshape(-1) if assume_unique else np.unique(operand(ar1))
    return ar1[np.isin(values(ar1), values(ar2), assume_unique=True, invert=True)]


@composes(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    both = [operand(ar).reshape(-1) if assume_unique else np.unique(operand(ar)) for ar in (ar1, ar2)]
    together = np.sort(np.concatenate(both))
    plain = values(together)
    differs = np.concatenate([[True], plain[1:] != plain[:-1], [True]])
    return together[differs[1:] & differs[:-1]]
