"""Elementwise activations of neural networks; `gelu`, `softmax` and `standardize` have their own tables."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.duck_arrays import array_namespace, is_duck_array
from ..core.op import OPS, applied, elementwise, fuse, gate
from ..native import threaded_functions as fast
from ..native.kernels import KERNELS, kernel


def floating(x: Any) -> Any:
    """Cast integers and booleans to the float that NumPy's exp would give."""
    return x if x.dtype.kind == "f" else x.astype(np.exp(np.ones(1, x.dtype)).dtype)


_FAR = 1e4  # exp(-1e4) is 0; an infinity times 0 would be NaN
# 0, 1 and the bounds as 0-d arrays, which NumPy handles faster than Python numbers.
_BOUNDS = (0.0, 1.0, -_FAR, _FAR)
_NUMBERS = {dtype: tuple(np.array(v, dtype) for v in _BOUNDS) for dtype in "efdg"}


def _numbers_for(x: Any) -> tuple[Any, ...]:
    return _BOUNDS if is_duck_array(x) else _NUMBERS[x.dtype.char]


def _sigmoid(x: Any) -> Any:
    # exp of non-positive numbers only, so that nothing overflows. A second exp costs less than np.where, which is slow
    # where signs are mixed (branch prediction).
    x = floating(x)
    zero, one, _, _ = _numbers_for(x)
    return fast.exp(np.minimum(x, zero)) / (one + fast.exp(-np.abs(x)))


def _relu(x: Any) -> Any:
    # A row of zeros, not the number: NumPy's loop over two arrays is twice as fast as its loop with a scalar.
    return np.maximum(x, array_namespace(x).zeros(x.shape[-1:], x.dtype))


def relu_over(x: Any) -> Callable[[], Any]:
    """Return a call, in C, that overwrites x with relu(x)."""
    if "relu" in KERNELS and x.dtype.char in "fd":
        return functools.partial(KERNELS["relu"], x, out=x)
    return functools.partial(np.maximum, x, np.zeros(x.shape[-1:], x.dtype), out=x)


_SMALL = 256


def _softplus(x: Any) -> Any:
    if x.size > _SMALL and x.dtype.kind == "f":  # NumPy's logaddexp goes element by element
        e = fast.exp(-np.abs(x))
        return np.maximum(x, 0) + fast.log1p(e)
    with np.errstate(invalid="ignore"):  # its comparison of NaN
        return np.logaddexp(x, 0)


def _silu_slope(x: Any) -> Any:
    # With e = exp(-|x|), sigmoid(x) and 1 - sigmoid(x) are 1 / (1 + e) and e / (1 + e): nothing cancels.
    x = floating(x)
    zero, one, low, high = _numbers_for(x)
    e = fast.exp(-np.abs(x))
    n = one + e
    return (fast.exp(np.minimum(x, zero)) + np.minimum(np.maximum(x, low), high) * e / n) / n


def _silu(x: Any) -> Any:
    x = floating(x)
    return np.maximum(x, _numbers_for(x)[2]) * sigmoid(x)


def _silu_curvature(out: Any, x: Any) -> Any:
    return sigmoid(x) * sigmoid(-x) * (2 - np.clip(x, -_FAR, _FAR) * fast.tanh(0.5 * x))


def _mish(x: Any) -> Any:
    # With s = sigmoid(x), which is 1 - 1 / (1 + exp(x)), tanh(log(1 + exp(x))) is s (2 - s) / (1 + (1 - s)²).
    x = floating(x)
    s = sigmoid(x)
    rest = 1 - s
    return np.maximum(x, -_FAR) * (s * (1 + rest) / (1 + rest * rest))


def _mish_slope(out: Any, x: Any) -> Any:
    s = sigmoid(x)
    rest = 1 - s
    below = rest * rest + 1
    return s * ((rest + 1) / below + np.clip(x, -_FAR, _FAR) * np.square(2 * rest / below))


def _softsign(x: Any) -> Any:
    x = floating(x)
    largest = np.finfo(x.dtype).max
    x = np.minimum(np.maximum(x, -largest), largest)  # an infinity over itself would be NaN
    return x / (np.abs(x) + 1)


def _tanh_shrink(x: Any) -> Any:
    # tanh x = x / (1 + q) with a continued fraction q of x²: near 0 nothing cancels. 8 terms are enough below 1.
    x = floating(x)
    square = np.square(np.minimum(np.abs(x), 1))
    q: Any = 0
    for k in range(17, 1, -2):
        q = square / (q + k)
    return np.where(np.abs(x) < 1, x * (q / (q + 1)), x - fast.tanh(x))


def _elu_vjp(g: Any, out: Any, x: Any, *, alpha: float) -> Any:
    return np.where(x > 0, g, g * (alpha * fast.exp(np.minimum(x, 0))))


def _between_corners(out: Any, x: Any, *, low: float, high: float) -> Any:
    return (out > low) & (out < high) if high < math.inf else out > low


_sigmoid_pullback = fuse("sigmoid_pullback", lambda g, out: g * (out * (1 - out)))
_silu_pullback = fuse("silu_pullback", lambda x, g: g * OPS["silu_slope"](x))

# fmt: off
# ---- smooth ---------------------------------------------------------------------------------------------------------
# The rule of sigmoid reads `out` alone. Its input is kept so that a cross-entropy behind it can find its logits.
sigmoid     = elementwise(kernel("sigmoid", _sigmoid),
                          applied(lambda g, out, x: _sigmoid_pullback(g, out)), name="sigmoid", saves="ox", glyph="σ",
                          onnx="Sigmoid")
softplus    = elementwise(kernel("softplus", _softplus),
                          lambda out, x: sigmoid(x), name="softplus", saves="x", onnx="Softplus")
silu_slope  = elementwise(kernel("silu_slope", _silu_slope), _silu_curvature, name="silu_slope", saves="x")
silu        = elementwise(kernel("silu", _silu),
                          applied(lambda g, out, x: _silu_pullback(x, g)), name="silu", saves="x")
mish        = elementwise(kernel("mish", _mish), _mish_slope, name="mish", saves="x")
tanh_shrink = elementwise(_tanh_shrink, lambda out, x: np.square(fast.tanh(x)), name="tanh_shrink", saves="x")
softsign    = elementwise(_softsign,    applied(lambda g, out, x: g / (np.abs(x) + 1) / (np.abs(x) + 1)),
                                        name="softsign", saves="x", kinks="x = 0, from the second derivative on")

# ---- with corners ---------------------------------------------------------------------------------------------------
relu        = elementwise(kernel("relu", _relu), gate(lambda out, x: out > 0),
                          name="relu", saves="o", kinks="x = 0", onnx="Relu")
leaky_relu  = elementwise(lambda x, *, slope: np.where(x > 0, x, slope * x),
                          applied(lambda g, out, x, *, slope: np.where(x > 0, g, slope * g)),
                          name="leaky_relu", saves="x", kinks="x = 0", onnx="LeakyRelu")
elu         = elementwise(lambda x, *, alpha: np.where(x > 0, x, alpha * fast.expm1(np.minimum(x, 0))),
                          applied(_elu_vjp),
                          name="elu", saves="x", onnx="Elu",
                          kinks="x = 0, once for alpha != 1, from the second derivative otherwise")
# Flat at its corners, unlike `clip`: the smaller of the slopes on either side. An infinite bound is not a corner.
hard_tanh   = elementwise(lambda x, *, low, high: np.minimum(np.maximum(x, low), high),
                          gate(_between_corners),
                          name="hard_tanh", saves="o", kinks="the corners")
# fmt: on
