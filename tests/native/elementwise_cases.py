"""The elementwise kernels: what arguments they take, how exact they are, and what they are compared with."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autograd_lite.ops import softmax

Wide = np.longdouble


class Kernel(NamedTuple):
    """A kernel of one operand.

    Attributes:
        exact: the function in extended precision, from NumPy's and the definitions alone.
        ulps: the largest error, in units in the last place, for float32 and float64.
        scale: near a zero of the result the error is measured in units of a number as large as this.
        domain: the least and the largest argument that gives a finite number.
    """

    exact: Callable[[Any], Any]
    ulps: tuple[float, float]
    scale: float = 0.0
    domain: tuple[float, float] = (-math.inf, math.inf)


def _square_parts(x: Any) -> tuple[Any, Any]:
    """Return x² as a number and what rounding has taken from it, for x of at most 53 bits."""
    high = x.astype(np.float32).astype(Wide)  # whose square is exact
    return high * high, (x - high) * (x + high)


def _erfc(x: Any) -> Any:
    """Return erfc by its series near 0, and by its continued fraction far out, on the right."""
    z = np.minimum(np.abs(x), Wide(100))
    square, rest = _square_parts(z)
    gauss = np.exp(-square) * np.exp(-rest)
    near, term = z.copy(), z.copy()
    for n in range(1, 120):
        term = term * (2 * z * z) / (2 * n + 1)
        near = near + term
    middle = 1 - 2 / np.sqrt(_PI) * gauss * near
    fraction = z
    for n in range(300, 0, -1):
        fraction = z + Wide(n) / 2 / fraction
    right = np.where(z < 2, middle, gauss / np.sqrt(_PI) / np.maximum(fraction, 1))
    return np.where(x < 0, 2 - right, right)


def _erf(x: Any) -> Any:
    z = np.minimum(np.abs(x), Wide(1))
    total, term = z.copy(), z.copy()
    for n in range(1, 40):
        term = -term * z * z / n
        total = total + term / (2 * n + 1)
    return np.copysign(np.where(np.abs(x) < 1, 2 / np.sqrt(_PI) * total, 1 - _erfc(np.abs(x))), x)


_PI = Wide(4) * np.arctan(Wide(1))


def _sigmoid(x: Any) -> Any:
    return np.where(x < 0, np.exp(np.minimum(x, 0)), 1) / (1 + np.exp(-np.abs(x)))


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _cumulative(x: Any) -> Any:
    """Return the normal distribution function, by erfc(-x / sqrt 2): its square is exact, so that the tail is."""
    size = np.minimum(np.abs(x), Wide(60))
    z = size / np.sqrt(Wide(2))
    square, rest = _square_parts(size)
    ratio = _erfc(z) * np.exp(z * z)  # smooth: errors of z matter little
    tail = ratio * np.exp(-square / 2) * np.exp(-rest / 2) / 2
    return np.where(x < 0, tail, 1 - tail)


def _density(x: Any) -> Any:
    square, rest = _square_parts(x)
    return np.exp(-square / 2) * np.exp(-rest / 2) / np.sqrt(2 * _PI)


KERNELS: dict[str, Kernel] = {
    "exp": Kernel(np.exp, (1, 1), domain=(-103, 709)),
    "expm1": Kernel(np.expm1, (2, 2), domain=(-math.inf, 709)),
    "tanh": Kernel(np.tanh, (3, 3)),
    "log": Kernel(np.log, (1, 1), domain=(0, math.inf)),
    "log1p": Kernel(np.log1p, (2, 2), domain=(-1, math.inf)),
    "sin": Kernel(np.sin, (1, 1)),
    "cos": Kernel(np.cos, (1, 1)),
    "erf": Kernel(_erf, (2, 2)),
    "erfc": Kernel(_erfc, (4, 4), domain=(-math.inf, 26)),
    "sigmoid": Kernel(_sigmoid, (3, 3), domain=(-700, math.inf)),
    "softplus": Kernel(_softplus, (2, 2), domain=(-700, math.inf)),
    "silu": Kernel(lambda x: x * _sigmoid(x), (4, 4), domain=(-690, math.inf)),
    "silu_slope": Kernel(lambda x: _sigmoid(x) * (1 + x * _sigmoid(-x)), (4, 4), scale=0.25, domain=(-690, math.inf)),
    "mish": Kernel(lambda x: x * np.tanh(_softplus(x)), (4, 4), domain=(-690, math.inf)),
    "gelu": Kernel(lambda x: x * _cumulative(x), (4, 4), domain=(-37, math.inf)),
    "gelu_slope": Kernel(lambda x: _cumulative(x) + x * _density(x), (4, 4), scale=0.25, domain=(-37, math.inf)),
    "relu": Kernel(lambda x: np.maximum(x, 0), (0, 0)),
}

# Kernels of more operands that compute an expression, bit for bit; `slope` stands for the kernel of that name.
EXPRESSIONS: dict[str, Callable[..., Any]] = {
    "tanh_pullback": lambda kernels: lambda g, out: g - g * out * out,
    "sigmoid_pullback": lambda kernels: lambda g, out: g * (out * (1 - out)),
    "silu_pullback": lambda kernels: lambda x, g: g * kernels["silu_slope"](x),
    "gelu_pullback": lambda kernels: lambda x, g: g * kernels["gelu_slope"](x),
    "below": lambda kernels: softmax.numbers_below,
}


def ulps(found: np.ndarray, exact: np.ndarray, scale: float = 0.0) -> np.ndarray:
    """Return errors in units in the last place of the exact result, or of `scale` where that is larger."""
    with np.errstate(over="ignore", under="ignore"):
        near = np.abs(exact).astype(found.dtype)
        near = np.maximum(near, found.dtype.type(scale)) if scale else near
        return np.abs(found.astype(exact.dtype) - exact) / np.spacing(near).astype(exact.dtype)


def arguments(kernel: Kernel, dtype: Any, rng: np.random.Generator, n: int) -> np.ndarray:
    """Return arguments of every size that give finite, normal numbers."""
    low, high = kernel.domain
    limit = 80.0 if np.dtype(dtype) == np.float32 else 700.0
    low, high = max(low, -limit if high != math.inf or low == -math.inf else low), min(high, limit)
    if dtype == np.float32 and kernel.domain[0] == -37:
        low = -12.0
    if dtype == np.float32 and kernel.domain[1] == 26:
        high = 9.0
    sizes = np.exp(rng.uniform(math.log(1e-12), math.log(limit), n)) * rng.choice([-1.0, 1.0], n)
    x = np.concatenate([sizes, rng.uniform(-8, 8, n), rng.uniform(-1.5, 1.5, n), 1 + rng.normal(size=n) * 1e-3])
    return x[(x > max(low, kernel.domain[0])) & (x < high)].astype(dtype)
