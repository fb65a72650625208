"""Functions of one or more `Value`s that NumPy has and ONNX lacks, or that a runtime lacks in double precision.

Each is written so that it keeps its relative precision where the plain formula would lose it. The nodes compute in
float32 or float64; `log1p` and `expm1` follow Kahan's trick, in which the rounding error of 1 + x cancels.

References:
    N. J. Higham, Accuracy and Stability of Numerical Algorithms (2002), section 1.14.1 (expm1) and problem 1.5 (log1p).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....ops.erf import _ERF, _ERFC
from .emit import BOOL, DOUBLE, INT64, Scalar, Value


def one_to_one(op_type: str) -> Any:
    """Return the function that an ONNX operator of one or more operands of one dtype is."""
    return lambda *xs: xs[0].emitter.run(op_type, *xs)


exp, log, sqrt, sign, floor = (one_to_one(name) for name in ("Exp", "Log", "Sqrt", "Sign", "Floor"))
sin, cos, tanh = (one_to_one(name) for name in ("Sin", "Cos", "Tanh"))


# ---- choosing -------------------------------------------------------------------------------------------------------


def _like(x: Value, other: Value | Scalar) -> Value:
    return other if isinstance(other, Value) else x.of(other)


def select(condition: Value, x: Value | Scalar, y: Value | Scalar) -> Value:
    """Choose by a condition, element by element; one of the two at least is a Value."""
    first = x if isinstance(x, Value) else y
    assert isinstance(first, Value)
    x, y = _like(first, x), _like(first, y)
    shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
    emitter = x.emitter
    if x.dtype == BOOL:  # no kernel chooses between truth values
        return (condition & x) | (~condition & y)
    kernel = emitter.kernel("Where", x.dtype)
    chosen = emitter.call("Where", condition, x.cast(kernel), y.cast(kernel), dtype=kernel, shape=shape)
    return chosen.cast(x.dtype)


def maximum(x: Value, y: Value | Scalar) -> Value:
    """Return the larger one; NaN if one is."""
    return x | _like(x, y) if x.dtype == BOOL else x.emitter.run("Max", x, _like(x, y))


def minimum(x: Value, y: Value | Scalar) -> Value:
    """Return the smaller one; NaN if one is."""
    return x & _like(x, y) if x.dtype == BOOL else x.emitter.run("Min", x, _like(x, y))


def is_nan(x: Value) -> Value:
    """Return where there is a NaN."""
    return x.emitter.run("IsNaN", x) if x.kind == "f" else ~x.equals(x)


def finite(x: Value) -> Value:
    """Return where there is a finite number."""
    return (x - x).equals(0) if x.kind == "f" else x.equals(x)


def as_bool(x: Value) -> Value:
    """Return where an array is not zero."""
    return x if x.dtype == BOOL else ~x.equals(0)


def differs(x: Value, y: Value) -> Value:
    """Return where exactly one of two conditions holds."""
    return x.emitter.run("Xor", x, y)


def signbit(x: Value) -> Value:
    """Return where the sign is a minus, also that of a zero; that of a NaN is unknown."""
    return (x < 0) | (x.equals(0) & ((1 / x) < 0)) if x.kind == "f" else x < 0


def trunc(x: Value) -> Value:
    """Round towards zero."""
    return select(x < 0, x.emitter.run("Ceil", x), floor(x))


def product(x: Value, y: Value) -> Value:
    """Multiply arrays of matrices, or of rows, with a matrix."""
    return x.emitter.run("MatMul", x, y, shape=(*x.shape[:-1], y.shape[-1]))


# ---- exponentials and logarithms ------------------------------------------------------------------------------------


def log1p(x: Value) -> Value:
    """Return log(1 + x)."""
    u = x + 1
    d = u - 1
    plain = d.equals(0) | ~finite(u)
    return select(d.equals(0), x, select(plain, log(u), log(u) * (x / select(plain, 1, d))))


def expm1(x: Value) -> Value:
    """Return exp(x) - 1."""
    u = exp(x)
    d = u - 1
    small = d.equals(0)
    plain = small | d.equals(-1) | ~finite(u)
    return select(small, x, select(plain, d, d * (x / select(plain, 1, log(select(plain, 2, u))))))


def power(x: Value, y: Value) -> Value:
    """Return x to the power of y."""
    return x.emitter.run("Pow", x, y)


def cbrt(x: Value) -> Value:
    """Return the cube root: a power and one step of Newton's method, since 1/3 is not a binary fraction."""
    size = abs(x)
    plain = size.equals(0) | ~finite(size)
    safe = select(plain, 1, size)
    root = power(safe, x.of(1 / 3))
    root = root - (root - safe / (root * root)) / 3
    return sign(x) * select(plain, size, root)


# ---- trigonometric and hyperbolic functions, in double precision ----------------------------------------------------


def _native(op_type: str, x: Value) -> Value | None:
    return None if x.dtype == DOUBLE else x.emitter.run(op_type, x)


def tan(x: Value) -> Value:
    """Return the tangent."""
    return _native("Tan", x) or sin(x) / cos(x)


def arctan(x: Value) -> Value:
    """Return the arctangent: in single precision, and what is left to the true one, whose arctangent is itself."""
    found = _native("Atan", x)
    if found is not None:
        return found
    emitter = x.emitter
    # Beyond 1e17 the result is the same, and beyond 1e38 single precision ends.
    x = select(is_nan(x), x, maximum(minimum(x, 1e30), -1e30))
    near = emitter.run("Atan", x.cast(np.float32)).cast(DOUBLE)
    s, c = sin(near), cos(near)
    rest = (x * c - s) / (c + x * s)
    return near + rest


def arctan2(y: Value, x: Value) -> Value:
    """Return the angle of the point (x, y), with signed zeros and infinities as in C."""
    back = signbit(x)
    both = ~finite(x) & ~finite(y) & ~is_nan(x) & ~is_nan(y)
    zero = y.equals(0) & x.equals(0)
    over = select(both, sign(x) * sign(y), select(zero, 0, y / select(zero, 1, x)))
    # A zero of y keeps its sign: y / x has it where x is positive.
    base = select(zero, y, arctan(over))
    half = select(signbit(y), -math.pi, x.of(math.pi))
    turned = select(back, base + half, base)
    flat = y.equals(0) & back
    return select(flat, half, turned)


def arcsin(x: Value) -> Value:
    """Return the arcsine."""
    return _native("Asin", x) or arctan(x / sqrt((1 - x) * (1 + x)))


def arccos(x: Value) -> Value:
    """Return the arccosine."""
    return _native("Acos", x) or 2 * arctan(sqrt((1 - x) / (1 + x)))


def sinh(x: Value) -> Value:
    """Return the hyperbolic sine."""
    found = _native("Sinh", x)
    if found is not None:
        return found
    half = expm1(abs(x) / 2)  # exp of the whole would overflow before the result does
    e = half + 1
    t = half * (half + 2)  # expm1 of |x|
    small = t + t / (e * e)
    large = (0.5 * e) * e
    return sign(x) * select(abs(x) < 30, 0.5 * small, large)


def cosh(x: Value) -> Value:
    """Return the hyperbolic cosine."""
    found = _native("Cosh", x)
    if found is not None:
        return found
    e = exp(abs(x) / 2)
    return (0.5 * e) * e + (0.5 / e) / e


def arcsinh(x: Value) -> Value:
    """Return the inverse of the hyperbolic sine."""
    found = _native("Asinh", x)
    if found is not None:
        return found
    size = abs(x)
    large = size > 1e8
    z = select(large, 1, size)
    middle = log1p(z + z * z / (1 + sqrt(z * z + 1)))
    return sign(x) * select(large, log(select(large, size, 1)) + math.log(2), middle)


def arccosh(x: Value) -> Value:
    """Return the inverse of the hyperbolic cosine."""
    found = _native("Acosh", x)
    if found is not None:
        return found
    large = x > 1e8
    t = select(large, 1, x) - 1
    middle = log1p(select(t < 0, math.nan, t + sqrt(t * (t + 2))))
    return select(large, log(select(large, x, 1)) + math.log(2), middle)


def arctanh(x: Value) -> Value:
    """Return the inverse of the hyperbolic tangent."""
    return _native("Atanh", x) or 0.5 * log1p(2 * x / (1 - x))


# ---- the error function: the same series as in our own forward, in double precision ---------------------------------


def _chebyshev(coefficients: tuple[float, ...], s: Value) -> Value:
    twice = 2 * s
    b0, b1 = s.of(coefficients[-1]), s.of(0.0)
    for c in coefficients[-2:0:-1]:
        b0, b1 = twice * b0 - b1 + c, b0
    return s * b0 - b1 + coefficients[0]


def scaled_tail(z: Value) -> Value:
    """Return exp(z²) erfc(z) for z >= 0."""
    return _chebyshev(_ERFC, (z - 3) / (z + 3)) / (z + 1)


def _tail(z: Value) -> Value:
    """Return erfc(z) for z >= 0."""
    coarse = floor(z * 16) / 16
    gauss = exp(-(coarse * coarse)) * exp((coarse - z) * (coarse + z))
    return gauss * scaled_tail(z)


def _middle(x: Value, size: Value) -> Value:
    s = minimum(size, 1.0)
    return x * _chebyshev(_ERF, 2 * (s * s) - 1)


def erf(x: Value) -> Value:
    """Return the error function."""
    found = _native("Erf", x)
    if found is not None:
        return found
    size = abs(x)
    far = 1 - _tail(minimum(size, 30.0))
    return select(size < 1, _middle(x, size), select(is_nan(x), x, sign(x) * far))


def erfc(x: Value) -> Value:
    """Return 1 - erf(x), with all its digits far out, where single precision has none left: so in double."""
    dtype, x = x.dtype, x.cast(DOUBLE)
    size = abs(x)
    tail = _tail(minimum(size, 30.0))
    far = select(x > 0, tail, 2 - tail)
    return select(size < 0.5, 1 - _middle(x, size), select(is_nan(x), x, far)).cast(dtype)


# ---- bits -----------------------------------------------------------------------------------------------------------


def bits(x: Value) -> Value:
    """Return the two's complement of integers as truth values along a new last axis, the lowest bit first."""
    width = 8 * x.dtype.itemsize
    wide = x.cast(INT64).reshape(*x.shape, 1)
    powers = x.emitter.constant(2 ** np.arange(min(width, 63), dtype=np.int64))
    # The remainder has the sign of the divisor, so this divides downwards, as a shift does.
    shifted = x.emitter.run("Div", wide - x.emitter.run("Mod", wide, powers), powers)
    found = as_bool(x.emitter.run("Mod", shifted, powers.of(2)))
    return found if width < 64 else x.emitter.call("Concat", found, wide < 0, shape=(*x.shape, 64), axis=x.ndim)


def from_bits(found: Value, dtype: np.dtype[Any]) -> Value:
    """Return the integers of which these are the bits: in halves of 32, since runtimes may sum in floats."""
    last, width = found.ndim - 1, found.shape[-1]
    halves = []
    for start in range(0, width, 32):
        some = found.cut((last, slice(start, min(start + 32, width)))).cast(INT64)
        halves.append((some * found.emitter.constant(2 ** np.arange(some.shape[-1]))).sum((last,)))
    whole = halves[0] if len(halves) == 1 else halves[0] + halves[1] * 2**32
    return whole.cast(dtype)
