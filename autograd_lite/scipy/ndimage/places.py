"""Images at other places: between the elements by the nearest one (order 0), linearly (1), or by splines (2 to 5).

A spline has coefficients for which it takes the elements' values: a banded system along each axis. At a place it is
the sum of the few coefficients around, with weights that are polynomials of the coordinate.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.ndimage as original

from ...core.errors import ShapeError
from ...ops.operands import operand, values
from ..calls import floating, takes_tensors
from ..linalg.banded import solve as solve_banded
from .edges import checked_mode, element, extend
from .filters import like

# What SciPy takes for the spline's continuation beyond the edges.
_CONTINUED = {"constant": "mirror", "wrap": "mirror", "grid-constant": "mirror", "nearest": "reflect"}
_PADDED = {"nearest": 12, "grid-constant": 12}  # where no condition is exact, SciPy adds this many elements


def _weights(share: Any, order: int) -> list[Any]:
    """Return the values of the splines around a place, by their recursion on equal intervals.

    References:
        de Boor: A Practical Guide to Splines, 1978, chapter X, equation 16.
    """
    weights: list[Any] = [1.0 + 0.0 * share]
    for r in range(1, order + 1):
        rising = [((share + r - j) / r) * w for j, w in enumerate(weights, 1)]
        falling = [((1 - share + j) / r) * w for j, w in enumerate(weights)]
        weights = [falling[0], *(a + b for a, b in zip(rising[:-1], falling[1:], strict=True)), rising[-1]]
    return weights


@functools.lru_cache(maxsize=64)
def _sampling(n: int, order: int, mode: str) -> Any:
    """Return the matrix that takes coefficients to values."""
    share = 0.0 if order % 2 else 0.5
    matrix = np.zeros((n, n))
    for k, weight in enumerate(_weights(share, order)):
        np.add.at(matrix, (np.arange(n), element(np.arange(n) + k - order // 2, n, mode)), weight)
    return matrix


def _coefficients(x: Any, order: int, mode: str) -> Any:
    """Return the coefficients of the spline that takes the values of an image."""
    for axis, n in enumerate(x.shape):
        if n == 1:
            continue
        matrix, k = _sampling(n, order, mode), order // 2
        columns = np.moveaxis(x, axis, 0)
        b = columns.reshape(n, -1)
        if mode == "grid-wrap" or n <= 2 * k:
            c = np.linalg.solve(matrix, b)
        else:
            i = np.arange(2 * k + 1)[:, None] - k + np.arange(n)
            bands = np.where((i >= 0) & (i < n), matrix[np.clip(i, 0, n - 1), np.arange(n)], 0)
            c = solve_banded(bands, b, below=k, above=k, definite=False)
        x = np.moveaxis(c.reshape(columns.shape), 0, axis)
    return x


def _sample(
    name: str, x: Any, coordinates: Sequence[Any], order: int, mode: str, cval: Any, prefilter: bool = True
) -> Any:
    """Return the values of an image at coordinates, an array for each axis, all of one shape."""
    if order not in range(6):
        raise ValueError(f"scipy.ndimage.{name}: expected order 0 to 5; received {order}")
    mode = checked_mode(name, mode)
    shape = coordinates[0].shape
    if order > 1 and prefilter:
        more = _PADDED.get(mode, 0)
        for axis in range(x.ndim):
            x = extend(x, axis, more, more, mode, cval)
        x, coordinates = _coefficients(x, order, _CONTINUED.get(mode, mode)), [c + more for c in coordinates]
    outside: Any = np.zeros(shape, bool)
    places: list[list[tuple[Any, Any, Any]]] = []
    for c, n in zip(coordinates, x.shape, strict=True):
        if mode == "wrap":  # SciPy's wrap puts the last element onto the first
            beyond = (c < 0) | (c > n - 1)
            c = np.where(beyond, c % max(n - 1, 1), c)
        elif mode == "constant":
            outside = outside | (c < 0) | (c > n - 1)
        elif mode == "nearest":
            c = np.clip(c, 0, n - 1)
        first = np.floor(c) if order % 2 else np.floor(c + 0.5)
        share = c - first if order % 2 else c - first + 0.5
        way = _CONTINUED.get(mode, mode) if order > 1 and mode != "grid-constant" else mode
        neighbors = []
        for k, part in enumerate(_weights(share, order)):
            place = first.astype(np.int64) + k - order // 2
            neighbors.append((element(place, n, way), part, (place < 0) | (place >= n)))
        places.append(neighbors)
    total = _gather(x, places, shape, cval if mode == "grid-constant" else None)
    return like(np.where(outside, cval, total) if mode == "constant" else total, x)


def _gather(x: Any, places: list[list[tuple[Any, Any, Any]]], shape: tuple[int, ...], cval: Any) -> Any:
    """Sum over the products of the weights along the axes; places that are missing have `cval`, if it is not None."""
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
        total = total + (value if cval is None else np.where(missing, cval, value)) * weight
    return total


@takes_tensors(original.map_coordinates, "input, coordinates (order 1 and more), cval")
def map_coordinates(
    input: Any, coordinates: Any, order: int = 3, mode: str = "constant", cval: Any = 0.0, prefilter: bool = True
) -> Any:
    x, coordinates = floating(operand(input)), floating(operand(coordinates))
    if coordinates.shape[0] != x.ndim:
        raise ShapeError(
            f"scipy.ndimage.map_coordinates: expected coordinates for {x.ndim} axes; received shape {coordinates.shape}"
        )
    return _sample("map_coordinates", x, list(coordinates), order, mode, cval, prefilter)


def _indices(shape: Sequence[int]) -> list[Any]:
    return [np.broadcast_to(i, shape).astype(float) for i in np.indices(shape, sparse=True)]


def _for_each(value: Any, ndim: int) -> Any:
    value = operand(value)
    return np.broadcast_to(value, (ndim,)) if value.ndim == 0 else value


@takes_tensors(original.shift, "input, shift (order 1 and more), cval")
def shift(
    input: Any, shift: Any, order: int = 3, mode: str = "constant", cval: Any = 0.0, prefilter: bool = True
) -> Any:
    x = floating(operand(input))
    steps = _for_each(shift, x.ndim)
    return _sample(
        "shift", x, [i - s for i, s in zip(_indices(x.shape), steps, strict=True)], order, mode, cval, prefilter
    )


@takes_tensors(original.zoom, "input, cval")
def zoom(
    input: Any,
    zoom: Any,
    order: int = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: bool = True,
    grid_mode: bool = False,
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
    return _sample("zoom", x, coordinates, order, mode, cval, prefilter)


@takes_tensors(original.affine_transform, "input, matrix, offset (order 1 and more), cval")
def affine_transform(
    input: Any,
    matrix: Any,
    offset: Any = 0.0,
    output_shape: Any = None,
    order: int = 3,
    mode: str = "constant",
    cval: Any = 0.0,
    prefilter: bool = True,
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
    return _sample("affine_transform", x, coordinates, order, mode, cval, prefilter)
