"""Linear filters: correlations with weights, along one axis or several, with modes for the edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.ndimage as original

from ...core.shape_arithmetic import normalize_axis
from ...ops.operands import operand, values
from ..calls import floating, takes_tensors
from ..signal.convolutions import of_mode
from ..signal.filters import filtered
from .edges import checked_mode, extend


def _each(value: Any, axes: Sequence[int]) -> list[Any]:
    """Return one value for each axis."""
    one = isinstance(value, str) or getattr(value, "ndim", 0 if np.isscalar(value) or value is None else 1) == 0
    values = [value] * len(axes) if one else list(value)
    if len(values) != len(axes):
        raise ValueError(f"scipy.ndimage: expected one value, or one for each of {len(axes)} axes; received {value!r}")
    return values


def _axes(axes: Any, ndim: int) -> list[int]:
    numbers = range(ndim) if axes is None else [axes] if isinstance(axes, int) else axes
    return [normalize_axis(i, ndim) for i in numbers]


def _image(x: Any) -> Any:
    return floating(operand(x))


def like(out: Any, x: Any) -> Any:
    """Return a result in the precision of the image."""
    return out if out.dtype == x.dtype or out.dtype.kind != x.dtype.kind else out.astype(x.dtype)


def _along(name: str, x: Any, weights: Any, axis: int, mode: str, cval: Any, origin: int) -> Any:
    axis = normalize_axis(axis, x.ndim)
    weights = floating(operand(weights))
    size = weights.shape[0]
    before = size // 2 + origin
    if not 0 <= before < size:
        raise ValueError(f"scipy.ndimage.{name}: expected origin within the {size} weights; received {origin}")
    longer = extend(x, axis, before, size - 1 - before, checked_mode(name, mode), cval)
    out = filtered(np.flip(weights), np.ones(1, weights.dtype), longer, axis=axis)
    return like(out[(slice(None),) * axis + (slice(size - 1, None),)], x)


@takes_tensors(original.correlate1d, "input, weights, cval")
def correlate1d(
    input: Any, weights: Any, axis: int = -1, mode: str = "reflect", cval: Any = 0.0, origin: int = 0
) -> Any:
    return _along("correlate1d", _image(input), weights, axis, mode, cval, origin)


@takes_tensors(original.convolve1d, "input, weights, cval")
def convolve1d(
    input: Any, weights: Any, axis: int = -1, mode: str = "reflect", cval: Any = 0.0, origin: int = 0
) -> Any:
    weights = operand(weights)
    origin = -origin - (1 if weights.shape[0] % 2 == 0 else 0)
    return _along("convolve1d", _image(input), np.flip(weights), axis, mode, cval, origin)


def _several(name: str, x: Any, weights: Any, mode: Any, cval: Any, origins: list[int], axes: list[int]) -> Any:
    """Correlate with weights of as many axes."""
    longer, shape = x, [1] * x.ndim
    for axis, size, way, origin in zip(axes, weights.shape, _each(mode, axes), origins, strict=True):
        before = size // 2 + origin
        if not 0 <= before < size:
            raise ValueError(f"scipy.ndimage.{name}: expected origin within {size} weights; received {origin}")
        longer = extend(longer, axis, before, size - 1 - before, checked_mode(name, way), cval)
        shape[axis] = size
    order = np.argsort(axes)
    weights = np.flip(weights.transpose(*(int(i) for i in order)))
    return like(of_mode(name, longer, weights.reshape(shape), "valid", tuple(range(x.ndim)), "auto"), x)


@takes_tensors(original.correlate, "input, weights, cval")
def correlate(
    input: Any, weights: Any, mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0, axes: Any = None
) -> Any:
    x, weights = _image(input), floating(operand(weights))
    along = _axes(axes, x.ndim)
    return _several("correlate", x, weights, mode, cval, _each(origin, along), along)


@takes_tensors(original.convolve, "input, weights, cval")
def convolve(
    input: Any, weights: Any, mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0, axes: Any = None
) -> Any:
    x, weights = _image(input), floating(operand(weights))
    along = _axes(axes, x.ndim)
    sizes = zip(_each(origin, along), weights.shape, strict=True)
    origins = [-origin - (1 if size % 2 == 0 else 0) for origin, size in sizes]
    return _several("convolve", x, np.flip(weights), mode, cval, origins, along)


# ---- Gaussians ------------------------------------------------------------------------------------------------------


def _gaussian(sigma: Any, order: int, radius: int) -> Any:
    """Return the weights of a Gaussian, or of a derivative of it: a polynomial times the Gaussian."""
    variance = sigma * sigma
    x = np.arange(-radius, radius + 1)
    weights = np.exp(-0.5 / variance * x**2)
    weights = weights / weights.sum()
    if not order:
        return weights
    powers = np.arange(order + 1)
    step = np.diag(powers[1:].astype(float), 1) - np.eye(order + 1, k=-1) / variance
    q = step[:, 0]
    for _ in range(order - 1):
        q = np.matmul(step, q)
    return np.matmul(x[:, None].astype(float) ** powers, q) * weights


def _smooth(x: Any, sigma: Any, axis: int, order: int, mode: str, cval: Any, truncate: float, radius: Any) -> Any:
    radius = int(truncate * float(values(sigma)) + 0.5) if radius is None else radius
    return _along("gaussian_filter1d", x, np.flip(_gaussian(sigma, order, radius)), axis, mode, cval, 0)


_SIGMA = "the number of weights, which depends on sigma, is a constant"


@takes_tensors(original.gaussian_filter1d, "input, sigma, cval", _SIGMA)
def gaussian_filter1d(
    input: Any,
    sigma: Any,
    axis: int = -1,
    order: int = 0,
    mode: str = "reflect",
    cval: Any = 0.0,
    truncate: float = 4.0,
    radius: int | None = None,
) -> Any:
    return _smooth(_image(input), sigma, axis, order, mode, cval, truncate, radius)


@takes_tensors(original.gaussian_filter, "input, sigma, cval", _SIGMA)
def gaussian_filter(
    input: Any,
    sigma: Any,
    order: Any = 0,
    mode: Any = "reflect",
    cval: Any = 0.0,
    truncate: float = 4.0,
    radius: Any = None,
    axes: Any = None,
) -> Any:
    x = _image(input)
    along = _axes(axes, x.ndim)
    options = (_each(option, along) for option in (sigma, order, mode, radius))
    for axis, width, k, way, r in zip(along, *options, strict=True):
        if hasattr(width, "__apply_op__") or width > 1e-15:
            x = _smooth(x, width, axis, k, way, cval, truncate, r)
    return x


@takes_tensors(original.gaussian_laplace, "input, sigma, cval", _SIGMA)
def gaussian_laplace(
    input: Any, sigma: Any, mode: Any = "reflect", cval: Any = 0.0, axes: Any = None, **kwargs: Any
) -> Any:
    return _by_orders(_image(input), sigma, mode, cval, axes, 2, lambda x: x, kwargs)


@takes_tensors(original.gaussian_gradient_magnitude, "input, sigma, cval", _SIGMA)
def gaussian_gradient_magnitude(
    input: Any, sigma: Any, mode: Any = "reflect", cval: Any = 0.0, axes: Any = None, **kwargs: Any
) -> Any:
    return np.sqrt(_by_orders(_image(input), sigma, mode, cval, axes, 1, lambda x: x * x, kwargs))


def _by_orders(
    x: Any, sigma: Any, mode: Any, cval: Any, axes: Any, order: int, of_each: Callable[[Any], Any], more: dict[str, Any]
) -> Any:
    """Sum over the axes a function of the derivative of the smoothed image."""
    along = _axes(axes, x.ndim)
    total: Any = 0
    for axis in along:
        orders = [order if i == axis else 0 for i in along]
        smoothed = gaussian_filter(x, sigma, orders, mode=mode, cval=cval, axes=tuple(along), **more)
        total = total + of_each(smoothed)
    return total


# ---- with fixed weights ---------------------------------------------------------------------------------------------


@takes_tensors(original.uniform_filter1d, "input, cval")
def uniform_filter1d(
    input: Any, size: int, axis: int = -1, mode: str = "reflect", cval: Any = 0.0, origin: int = 0
) -> Any:
    return _along("uniform_filter1d", _image(input), np.full(size, 1 / size), axis, mode, cval, origin)


@takes_tensors(original.uniform_filter, "input, cval")
def uniform_filter(
    input: Any, size: Any = 3, mode: Any = "reflect", cval: Any = 0.0, origin: Any = 0, axes: Any = None
) -> Any:
    x = _image(input)
    along = _axes(axes, x.ndim)
    for axis, n, way, o in zip(along, *(_each(option, along) for option in (size, mode, origin)), strict=True):
        if n > 1:
            x = uniform_filter1d(x, int(n), axis, mode=way, cval=cval, origin=o)
    return x


def _slope(name: str, x: Any, axis: int, mode: Any, cval: Any, across: list[float]) -> Any:
    axis, modes = normalize_axis(axis, x.ndim), _each(mode, range(x.ndim))
    out = _along(name, x, [-1.0, 0.0, 1.0], axis, modes[axis], cval, 0)
    for other in range(x.ndim):
        if other != axis:
            out = _along(name, out, across, other, modes[other], cval, 0)
    return out


@takes_tensors(original.sobel, "input, cval")
def sobel(input: Any, axis: int = -1, mode: Any = "reflect", cval: Any = 0.0) -> Any:
    return _slope("sobel", _image(input), axis, mode, cval, [1.0, 2.0, 1.0])


@takes_tensors(original.prewitt, "input, cval")
def prewitt(input: Any, axis: int = -1, mode: Any = "reflect", cval: Any = 0.0) -> Any:
    return _slope("prewitt", _image(input), axis, mode, cval, [1.0, 1.0, 1.0])


@takes_tensors(original.laplace, "input, cval")
def laplace(input: Any, mode: Any = "reflect", cval: Any = 0.0, axes: Any = None) -> Any:
    x = _image(input)
    along = _axes(axes, x.ndim)
    ways = zip(along, _each(mode, along), strict=True)
    parts = [_along("laplace", x, [1.0, -2.0, 1.0], axis, way, cval, 0) for axis, way in ways]
    return sum(parts[1:], parts[0])
