"""Elementwise functions that NumPy lacks: the error function and the activations of neural networks."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.op import applied, elementwise, gate

# ---- the error function ---------------------------------------------------------------------------------------------
# Chebyshev coefficients computed to 40 digits from the definitions: of erf(x)/x in 2x² - 1 on |x| <= 1, and of
# (1 + x) exp(x²) erfc(x) in (x - 3)/(x + 3) on x >= 0. Truncated where they fall below half a unit in the last place.
_ERF = (
    0.9754769393826541, -0.14226120510371365, 0.010035582187599796, -0.0005768764699767485, 2.741993125219606e-05,
    -1.1043175507344507e-06, 3.8488755420345036e-08, -1.1808582533875466e-09, 3.2334215826050907e-11,
    -7.991015947004549e-13, 1.7990725113961456e-14, -3.718635487818693e-16, 7.103599003714253e-18,
)  # fmt: skip
_ERFC = (
    0.7537126744747984, -0.2241538079990932, 0.03331141869936043, 0.004729202203160197, -0.004667584028574755,
    0.001505458991859158, -0.00026627940185075776, 1.4873372028813446e-05, 4.608056130651457e-06,
    -9.676802292406137e-07, -4.580496022125077e-08, 3.403835840664566e-08, -2.5183402321363816e-10,
    -1.1966477481246863e-09, 3.164433134105921e-11, 4.632116431522396e-11, -8.079023772848018e-13,
    -1.9623983381128617e-12, -3.400898553151644e-14, 8.654949127711561e-14, 6.547147159021365e-15,
    -3.6838636129756236e-15, -6.061318725319586e-16, 1.3273122009813715e-16, 4.393955273943723e-17,
    -2.4306309531444216e-18, -2.6443846953051216e-18,
)  # fmt: skip


def _chebyshev(coefficients: tuple[float, ...], s: Any) -> Any:
    """Sum a Chebyshev series by Clenshaw's recurrence."""
    b0, b1 = 0.0 * s, 0.0 * s
    for c in coefficients[:0:-1]:
        b0, b1 = 2 * s * b0 - b1 + c, b0
    return s * b0 - b1 + coefficients[0]


def _erfc_of_magnitude(z: Any) -> Any:
    """Return erfc(z) for z >= 0; exp(-z²) is split so that the rounding of z² does not spoil the last digits."""
    coarse = np.floor(z * 16) / 16
    with np.errstate(under="ignore"):
        gauss = np.exp(-coarse * coarse) * np.exp((coarse - z) * (coarse + z))
        return gauss * _chebyshev(_ERFC, (z - 3) / (z + 3)) / (z + 1)


def _as_float(x: Any) -> tuple[Any, np.dtype[Any]]:
    x = np.asarray(x)
    dtype = np.result_type(x.dtype, np.float16) if x.dtype.kind != "f" else x.dtype
    return x.astype(np.float64), dtype


def _erf(x: Any) -> Any:
    x, dtype = _as_float(x)
    z = np.minimum(np.abs(x), 30.0)
    small = x * _chebyshev(_ERF, 2 * np.minimum(z, 1.0) ** 2 - 1)
    return np.where(z < 1, small, np.copysign(1 - _erfc_of_magnitude(z), x)).astype(dtype)


# Terms that single precision does not see; blocks of this many elements stay in the cache.
_ERFC_SINGLE, _BLOCK = _ERFC[:12], 8192


def _erfc_single(x: Any) -> Any:
    """Return erfc(x) in single precision, a tenfold faster than in double: block by block, in place."""
    flat = np.ascontiguousarray(x).reshape(-1)
    out = np.empty_like(flat)
    with np.errstate(under="ignore"):
        for start in range(0, flat.size, _BLOCK):
            part, result = flat[start : start + _BLOCK], out[start : start + _BLOCK]
            z = np.minimum(np.abs(part), np.float32(30))
            coarse = np.floor(z * np.float32(16))
            coarse *= np.float32(1 / 16)
            np.multiply(coarse, -coarse, out=result)
            np.exp(result, out=result)
            result *= np.exp((coarse - z) * (coarse + z))
            twice_s = (z - np.float32(3)) / (z + np.float32(3))
            twice_s *= 2
            b0, b1, new = np.zeros_like(z), np.zeros_like(z), np.empty_like(z)
            for c in _ERFC_SINGLE[:0:-1]:
                np.multiply(twice_s, b0, out=new)
                new -= b1
                new += np.float32(c)
                b0, b1, new = new, b0, b1
            twice_s *= 0.5
            twice_s *= b0
            twice_s -= b1
            twice_s += np.float32(_ERFC_SINGLE[0])
            result *= twice_s
            result /= z + 1
            np.subtract(2, result, out=result, where=part < 0)
    return out.reshape(np.shape(x))


def _erfc(x: Any) -> Any:
    if np.asarray(x).dtype == np.float32:
        return _erfc_single(x)
    x, dtype = _as_float(x)
    tail = _erfc_of_magnitude(np.minimum(np.abs(x), 30.0))
    middle = 1 - x * _chebyshev(_ERF, 2 * np.minimum(np.abs(x), 1.0) ** 2 - 1)
    return np.where(np.abs(x) < 0.5, middle, np.where(x > 0, tail, 2 - tail)).astype(dtype)


_SLOPE = 2 / math.sqrt(math.pi)
erf = elementwise(_erf, lambda out, x: _SLOPE * np.exp(-(x * x)), name="erf", saves="x", onnx="Erf")
erfc = elementwise(_erfc, lambda out, x: -_SLOPE * np.exp(-(x * x)), name="erfc", saves="x")

# ---- activations ----------------------------------------------------------------------------------------------------


def floating(x: Any) -> Any:
    """Cast integers and booleans to the float that NumPy's exp would give."""
    return x if x.dtype.kind == "f" else x.astype(np.exp(np.ones(1, x.dtype)).dtype)


_FAR = 1e4  # exp(-1e4) is 0; an infinity times 0 would be NaN
# 0, 1 and the ends as arrays of no axes, which NumPy takes faster than numbers.
_NUMBERS = {dtype: tuple(np.array(v, dtype) for v in (0.0, 1.0, -_FAR, _FAR)) for dtype in "efdg"}


def _sigmoid(x: Any) -> Any:
    # exp of a non-positive number only, so that nothing overflows. One more exp costs less than np.where, which
    # stumbles over signs in no order.
    x = floating(x)
    zero, one, _, _ = _NUMBERS[x.dtype.char]
    return np.exp(np.minimum(x, zero)) / (one + np.exp(-np.abs(x)))


# The rule reads `out` alone. The input is kept so that a cross-entropy behind a sigmoid can find its logits.
sigmoid = elementwise(_sigmoid, lambda out, x: out * (1 - out), name="sigmoid", saves="ox", glyph="σ", onnx="Sigmoid")


def _relu(x: Any) -> Any:
    # A row of zeros, not the number: NumPy's loop over two arrays is twice as fast as its loop with a scalar.
    return np.maximum(x, np.zeros(x.shape[-1:], x.dtype))


def relu_over(x: Any) -> Callable[[], Any]:
    """Return the step, in C, that puts relu(x) in the place of x."""
    return functools.partial(np.maximum, x, np.zeros(x.shape[-1:], x.dtype), out=x)


relu = elementwise(
    _relu,
    gate(lambda out, x: out > 0),
    name="relu",
    saves="o",
    kinks="x = 0",
    onnx="Relu",
)
leaky_relu = elementwise(
    lambda x, *, negative_slope: np.where(x > 0, x, negative_slope * x),
    applied(lambda g, out, x, *, negative_slope: np.where(x > 0, g, negative_slope * g)),
    name="leaky_relu",
    saves="x",
    kinks="x = 0",
    onnx="LeakyRelu",
)
elu = elementwise(
    lambda x, *, alpha: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    applied(lambda g, out, x, *, alpha: np.where(x > 0, g, g * (alpha * np.exp(np.minimum(x, 0))))),
    name="elu",
    saves="x",
    kinks="x = 0, once for alpha != 1, from the second derivative otherwise",
    onnx="Elu",
)
_SMALL = 256


def _softplus(x: Any) -> Any:
    if x.size > _SMALL and x.dtype.kind == "f":  # NumPy's logaddexp goes element by element
        e = np.exp(-np.abs(x))
        return np.maximum(x, 0) + np.log1p(e)
    with np.errstate(invalid="ignore"):  # its comparison of NaN
        return np.logaddexp(x, 0)


softplus = elementwise(_softplus, lambda out, x: sigmoid(x), name="softplus", saves="x", onnx="Softplus")


def _silu_slope(x: Any) -> Any:
    # With e = exp(-|x|), sigmoid(x) and 1 - sigmoid(x) are 1 / (1 + e) and e / (1 + e): nothing cancels.
    x = floating(x)
    zero, one, low, high = _NUMBERS[x.dtype.char]
    e = np.exp(-np.abs(x))
    n = one + e
    return (np.exp(np.minimum(x, zero)) + np.minimum(np.maximum(x, low), high) * e / n) / n


def _silu(x: Any) -> Any:
    x = floating(x)
    return np.maximum(x, _NUMBERS[x.dtype.char][2]) * _sigmoid(x)


silu_slope = elementwise(
    _silu_slope,
    lambda out, x: sigmoid(x) * sigmoid(-x) * (2 - np.clip(x, -_FAR, _FAR) * np.tanh(0.5 * x)),
    name="silu_slope",
    saves="x",
)
silu = elementwise(_silu, lambda out, x: silu_slope(x), name="silu", saves="x")


def _mish(x: Any) -> Any:
    # With s = sigmoid(x), which is 1 - 1 / (1 + exp(x)), tanh(log(1 + exp(x))) is s (2 - s) / (1 + (1 - s)²).
    x = floating(x)
    s = _sigmoid(x)
    rest = 1 - s
    return np.maximum(x, -_FAR) * (s * (1 + rest) / (1 + rest * rest))


def _mish_slope(out: Any, x: Any) -> Any:
    s = sigmoid(x)
    rest = 1 - s
    below = rest * rest + 1
    return s * ((rest + 1) / below + np.clip(x, -_FAR, _FAR) * np.square(2 * rest / below))


mish = elementwise(_mish, _mish_slope, name="mish", saves="x")


def _softsign(x: Any) -> Any:
    x = floating(x)
    size = np.minimum(np.abs(x), np.finfo(x.dtype).max)
    return np.copysign(size / (size + 1), x)


softsign = elementwise(
    _softsign,
    applied(lambda g, out, x: g / (np.abs(x) + 1) / (np.abs(x) + 1)),
    name="softsign",
    saves="x",
    kinks="x = 0, from the second derivative on",
)


def _tanh_shrink(x: Any) -> Any:
    # tanh x = x / (1 + q) with a continued fraction q of x²: near 0 nothing cancels. 8 terms are enough below 1.
    x = floating(x)
    square = np.square(np.minimum(np.abs(x), 1))
    q: Any = 0
    for k in range(17, 1, -2):
        q = square / (q + k)
    return np.where(np.abs(x) < 1, x * (q / (q + 1)), x - np.tanh(x))


tanh_shrink = elementwise(_tanh_shrink, lambda out, x: np.square(np.tanh(x)), name="tanh_shrink", saves="x")

# Flat at its corners, unlike `clip`: the least of the slopes on either side. An infinite bound is none.
hard_tanh = elementwise(
    lambda x, *, low, high: np.minimum(np.maximum(x, low), high),
    gate(lambda out, x, *, low, high: (out > low) & (out < high) if high < math.inf else out > low),
    name="hard_tanh",
    saves="o",
    kinks="the corners",
)
