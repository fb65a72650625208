"""Images at other places: between the elements by the nearest one (order 0) or linearly (order 1)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.ndimage as original

from ...core.errors import ShapeError, UnsupportedError
from ...ops.operands import operand, values
from ..calls import floating, takes_tensors
from .edges import checked_mode, element

_NOTE = "order 0 and 1; higher orders, SciPy's default 3 too, are refused"


def _sampled(name: str, x: Any, coordinates: Sequence[Any], order: int, mode: str, cval: Any) -> Any:
    """Return the values of an image at coordinates, an array for each axis, all of one shape."""
    if order not in (0, 1):
        raise UnsupportedError(f"scipy.ndimage.{name}: order={order} is not supported on Tensors; write order=1, or 0")
    mode = checked_mode(name, mode)
    is_constant, shape = mode == "grid-constant", coordinates[0].shape
    outside: Any = np.zeros(shape, bool)
    places: list[list[tuple[Any, Any, Any]]] = []
    for c, n in zip(coordinates, x.shape, strict=True):
        if mode == "wrap":  # SciPy's wrap puts the last element onto the first
            beyond = (c < 0) | (c > n - 1)
            c = np.where(beyond, c % max(n - 1, 1), c)
        if mode == "constant":
            outside = outside | (c < 0) | (c > n - 1)
        low = np.floor(c + 0.5) if order == 0 else np.floor(c)
        share = c - low
        corners = [(low, 1 - share), (low + 1, share)] if order else [(low, 1.0)]
        found = []
        for place, part in corners:
            place = place.astype(np.int64)
            found.append((element(place, n, mode), part, (place < 0) | (place >= n)))
        places.append(found)
    strides = [math.prod(x.shape[i + 1 :]) for i in range(x.ndim)]
    table = x.reshape(-1)
    total: Any = 0.0
    for corner in itertools.product(*places):
        index: Any = 0
        weight: Any = 1.0
        missing: Any = False
        for (place, share, beyond), stride in zip(corner, strides, strict=True):
            index, weight, missing = index + place * stride, weight * share, missing | beyond
        value = np.take_along_axis(table, index.reshape(-1), 0).reshape(shape)
        total = total + (np.where(missing, cval, value) if is_constant else value) * weight
    return np.where(outside, cval, total) if mode == "constant" else total


@takes_tensors(original.map_coordinates, "input, coordinates (order 1), cval", _NOTE)
def map_coordinates(input: Any, coordinates: Any, order: int = 3, mode: str = "constant", cval: Any = 0.0) -> Any:
    x, coordinates = floating(operand(input)), floating(operand(coordinates))
    if coordinates.shape[0] != x.ndim:
        raise ShapeError(
            f"scipy.ndimage.map_coordinates: expected coordinates for {x.ndim} axes; received shape {coordinates.shape}"
        )
    return _sampled("map_coordinates", x, list(coordinates), order, mode, cval)


def _indices(shape: Sequence[int]) -> list[Any]:
    return [np.broadcast_to(i, shape).astype(float) for i in np.indices(shape, sparse=True)]


def _for_each(given: Any, ndim: int) -> Any:
    given = operand(given)
    return np.broadcast_to(given, (ndim,)) if given.ndim == 0 else given


@takes_tensors(original.shift, "input, shift (order 1), cval", _NOTE)
def shift(input: Any, shift: Any, order: int = 3, mode: str = "constant", cval: Any = 0.0) -> Any:
    x = floating(operand(input))
    steps = _for_each(shift, x.ndim)
    return _sampled("shift", x, [i - s for i, s in zip(_indices(x.shape), steps, strict=True)], order, mode, cval)


@takes_tensors(original.zoom, "input, cval", _NOTE)
def zoom(
    input: Any, zoom: Any, order: int = 3, mode: str = "constant", cval: Any = 0.0, grid_mode: bool = False
) -> Any:
    x = floating(operand(input))
    factors = values(_for_each(zoom, x.ndim))
    shape = [round(n * float(f)) for n, f in zip(x.shape, factors, strict=True)]
    coordinates = []
    for i, n, m in zip(_indices(shape), x.shape, shape, strict=True):
        if grid_mode:
            coordinates.append((i + 0.5) * (n / m) - 0.5)
        else:
            coordinates.append(i * ((n - 1) / (m - 1) if m > 1 else 1.0))
    return _sampled("zoom", x, coordinates, order, mode, cval)


@takes_tensors(original.affine_transform, "input, matrix, offset (order 1), cval", _NOTE)
def affine_transform(
    input: Any,
    matrix: Any,
    offset: Any = 0.0,
    output_shape: Any = None,
    order: int = 3,
    mode: str = "constant",
    cval: Any = 0.0,
) -> Any:
    x, matrix = floating(operand(input)), floating(operand(matrix))
    d = x.ndim
    if matrix.ndim == 2 and matrix.shape[1] == d + 1:
        matrix, offset = matrix[:d, :d], matrix[:d, d]
    matrix = matrix * np.eye(d) if matrix.ndim == 1 else matrix
    offset = _for_each(offset, d)
    indices = _indices(x.shape if output_shape is None else tuple(output_shape))
    coordinates = []
    for i in range(d):
        parts = [matrix[i, j] * indices[j] for j in range(d)]
        coordinates.append(sum(parts[1:], parts[0]) + offset[i])
    return _sampled("affine_transform", x, coordinates, order, mode, cval)
