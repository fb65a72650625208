"""Elementwise operations: in the dtypes that NumPy's promotion chooses, as ONNX operators or formulas of several.

Half precision computes in single and rounds once, as NumPy does. Where ONNX lacks a function, or a runtime lacks it in
double precision, it is a formula that keeps its relative precision where the plain one would lose it: `log1p` and
`expm1` follow Kahan's trick, in which the rounding error of 1 + x cancels.

References:
    N. J. Higham, Accuracy and Stability of Numerical Algorithms (2002), section 1.14.1 (expm1) and problem 1.5 (log1p).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ....core.op import OPS
from ....ops.erf import erf
from .emit import BOOL, DOUBLE, FLOAT, INT64, Call, Value, wider
from .table import FALLBACKS, FORMULAS, exports

Formula = Callable[..., Any]


def run(op_type: str, **attributes: Any) -> Formula:
    """Return the function that an ONNX operator of operands of one dtype is."""
    return lambda *xs: xs[0].emitter.run(op_type, *xs, **attributes)


def as_bool(x: Any) -> Any:
    """Return where an array is not zero."""
    return x if x.dtype == BOOL else x != 0


def _on_bools(op_type: str) -> Formula:
    return lambda *xs: xs[0].emitter.run(op_type, *map(as_bool, xs))


def _or_on_bools(op_type: str, on_bools: str) -> Formula:
    return lambda *xs: xs[0].emitter.run(on_bools if xs[0].dtype == BOOL else op_type, *xs)


# ---- whole numbers --------------------------------------------------------------------------------------------------


def _quotient(x: Any, y: Any) -> Any:
    """Return the quotient of integers, rounded towards zero."""
    return x.emitter.run("Div", x, y if isinstance(y, Value) else x.of(y))


def _without_trap(x: Any, y: Any) -> Any:
    """Return divisors with 1 in the place of those for which a processor traps; the remainder is 0 by these too."""
    return np.where((y == 0) | (y == -1) if y.kind == "i" else y == 0, 1, y)


def _fmod(x: Any, y: Any) -> Any:
    return run("Mod", fmod=1)(x, y if x.kind == "f" else _without_trap(x, y))


def _remainder(x: Any, y: Any) -> Any:
    if x.kind != "f":
        return run("Mod")(x, _without_trap(x, y))
    r = np.fmod(x, y)
    r = np.where((r != 0) & ((r < 0) ^ (y < 0)), r + y, r)
    return np.where((r == 0) & (y != 0), np.where(y < 0, x.of(-0.0), 0), r)


def _floor_divide(x: Any, y: Any) -> Any:
    if x.kind == "f":
        r = np.fmod(x, y)
        whole = (x - r) / y
        whole = np.where((r != 0) & ((r < 0) ^ (y < 0)), whole - 1, whole)
        down = np.floor(whole)
        return np.where(y == 0, x / y, np.where(whole - down > 0.5, down + 1, down))
    safe = _without_trap(x, y)
    whole = _quotient(x - run("Mod")(x, safe) if x.kind == "i" else x, safe)
    return np.where(y == 0, 0, whole if x.kind == "u" else np.where(y == -1, 0 - x, whole))


def _bits(x: Any) -> Any:
    """Return the two's complement of integers as truth values along a new last axis, the lowest bit first."""
    width = 8 * x.dtype.itemsize
    number = x.astype(INT64).reshape(*x.shape, 1)
    powers = x.emitter.constant(2 ** np.arange(min(width, 63), dtype=np.int64))
    # The remainder has the sign of the divisor, so this divides downwards, as a shift does.
    bits = as_bool(run("Mod")(_quotient(number - run("Mod")(number, powers), powers), powers.of(2)))
    return bits if width < 64 else np.concatenate([bits, number < 0], axis=-1)


def _from_bits(bits: Any, dtype: np.dtype[Any]) -> Any:
    """Return the integers of which these are the bits: in halves of 32, since runtimes may sum in floats."""
    halves = [bits[..., k : k + 32].astype(INT64) for k in range(0, bits.shape[-1], 32)]
    low, *high = [(half * 2 ** np.arange(half.shape[-1])).sum(axis=-1) for half in halves]
    return (low + high[0] * 2**32 if high else low).astype(dtype)


def _bitwise(op_type: str, on_bools: str) -> Formula:
    def formula(x: Any, y: Any) -> Any:
        if x.dtype == BOOL or x.emitter.opset >= 18:
            return _or_on_bools(op_type, on_bools)(x, y)
        return _from_bits(run(on_bools)(_bits(x), _bits(y)), x.dtype)

    return formula


def _power_of_two(y: Any, outside: Any, dtype: np.dtype[Any]) -> Any:
    """Return 2**y exactly, and 1 where y is outside of 0 <= y < the width of the dtype."""
    table = y.emitter.constant((2 ** np.arange(8 * dtype.itemsize, dtype=np.uint64)).astype(dtype))
    return table.gather(np.where(outside, 0, y).astype(INT64), 0)


def _left_shift(x: Any, y: Any) -> Any:
    outside = (y < 0) | (y >= 8 * x.dtype.itemsize)
    return np.where(outside, 0, x * _power_of_two(y, outside, x.dtype))


def _right_shift(x: Any, y: Any) -> Any:
    outside = (y < 0) | (y >= 8 * x.dtype.itemsize - (x.kind == "i"))
    power = _power_of_two(y, outside, x.dtype)
    shifted = _quotient(x - run("Mod")(x, power) if x.kind == "i" else x, power)
    return np.where(outside, np.where(x < 0, x.of(-1), 0) if x.kind == "i" else 0, shifted)


# ---- floating-point numbers -----------------------------------------------------------------------------------------


def _log1p(x: Any) -> Any:
    u = x + 1
    d = u - 1
    plain = (d == 0) | ~np.isfinite(u)
    return np.where(d == 0, x, np.where(plain, np.log(u), np.log(u) * (x / np.where(plain, 1, d))))


def _expm1(x: Any) -> Any:
    u = np.exp(x)
    d = u - 1
    small = d == 0
    plain = small | (d == -1) | ~np.isfinite(u)
    return np.where(small, x, np.where(plain, d, d * (x / np.where(plain, 1, np.log(np.where(plain, 2, u))))))


def _cbrt(x: Any) -> Any:
    # A power and one step of Newton's method, since 1/3 is not a binary fraction.
    size = abs(x)
    plain = (size == 0) | ~np.isfinite(size)
    safe = np.where(plain, 1, size)
    root = np.power(safe, 1 / 3)
    root = root - (root - safe / (root * root)) / 3
    return run("Sign")(x) * np.where(plain, size, root)


def _ldexp(x: Any, y: Any) -> Any:
    # In two steps, since 2**y alone may be out of range where the product is not.
    y = np.minimum(np.maximum(y, -2400), 2400).astype(x.dtype)
    first = np.floor(y / 2)
    return x * np.exp2(first) * np.exp2(y - first)


def _logaddexp2(x: Any, y: Any) -> Any:
    more = np.log1p(np.exp(-abs(x - y) * math.log(2))) / math.log(2)
    return np.where(x == y, x + 1, np.maximum(x, y) + more)


def _logaddexp(x: Any, y: Any) -> Any:
    return np.where(x == y, x + math.log(2), np.maximum(x, y) + np.log1p(np.exp(-abs(x - y))))


def _copysign(x: Any, y: Any) -> Any:
    size = abs(x)
    return np.where(np.signbit(y), -size, size)


def _hypot(x: Any, y: Any) -> Any:
    x, y = abs(x), abs(y)
    infinite = (x == math.inf) | (y == math.inf)
    large = np.maximum(x, y)
    ratio = np.minimum(x, y) / np.where(infinite | (large == 0), 1, large)
    return np.where(infinite, math.inf, large * np.sqrt(1 + ratio * ratio))


def _unless_nan(choose: Formula) -> Formula:
    def formula(x: Any, y: Any) -> Any:
        if x.kind != "f":
            return choose(x, y)
        return np.where(np.isnan(x), y, np.where(np.isnan(y), x, choose(x, y)))

    return formula


def _arctan(x: Any) -> Any:
    # In single precision, plus a small rest, which is its own arctangent. Beyond 1e17 the result is the same, and
    # beyond 1e38 single precision ends.
    x = np.where(np.isnan(x), x, np.maximum(np.minimum(x, 1e30), -1e30))
    near = np.arctan(x.astype(FLOAT)).astype(DOUBLE)
    s, c = np.sin(near), np.cos(near)
    return near + (x * c - s) / (c + x * s)


def _arctan2(y: Any, x: Any) -> Any:
    """Return the angle of the point (x, y), with signed zeros and infinities as in C."""
    back = np.signbit(x)
    both = np.isinf(x) & np.isinf(y)
    zero = (y == 0) & (x == 0)
    over = np.where(both, np.sign(x) * np.sign(y), np.where(zero, 0, y / np.where(zero, 1, x)))
    # A zero of y keeps its sign: y / x has it where x is positive.
    base = np.where(zero, y, np.arctan(over))
    half = np.where(np.signbit(y), -math.pi, x.of(math.pi))
    return np.where((y == 0) & back, half, np.where(back, base + half, base))


def _sinh(x: Any) -> Any:
    half = np.expm1(abs(x) / 2)  # exp of the whole would overflow before the result does
    e = half + 1
    t = half * (half + 2)  # expm1 of |x|
    return run("Sign")(x) * np.where(abs(x) < 30, 0.5 * (t + t / (e * e)), (0.5 * e) * e)


def _cosh(x: Any) -> Any:
    e = np.exp(abs(x) / 2)
    return (0.5 * e) * e + (0.5 / e) / e


def _arcsinh(x: Any) -> Any:
    size = abs(x)
    large = size > 1e8
    z = np.where(large, 1, size)
    middle = np.log1p(z + z * z / (1 + np.sqrt(z * z + 1)))
    return run("Sign")(x) * np.where(large, np.log(np.where(large, size, 1)) + math.log(2), middle)


def _arccosh(x: Any) -> Any:
    large = x > 1e8
    t = np.where(large, 1, x) - 1
    middle = np.log1p(np.where(t < 0, math.nan, t + np.sqrt(t * (t + 2))))
    return np.where(large, np.log(np.where(large, x, 1)) + math.log(2), middle)


def _gelu(x: Any) -> Any:
    x = np.maximum(x, -40.0)  # an infinity times 0 would be NaN
    return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))


# ---- the tables of ufuncs -------------------------------------------------------------------------------------------

FORMULAS.update({
    "square": lambda x: x * x,
    "float_power": np.power,
    "remainder": _remainder,
    "fmod": _fmod,
    "floor_divide": _floor_divide,
    "trunc": lambda x: np.where(x < 0, np.ceil(x), np.floor(x)) if x.kind == "f" else x,
    "sign": lambda x: np.where(np.isnan(x), x, run("Sign")(x)) if x.kind == "f" else run("Sign")(x),
    "signbit": lambda x: (x < 0) | ((x == 0) & (1 / x < 0)) if x.kind == "f" else x < 0,
    "copysign": _copysign,
    "heaviside": lambda x, y: np.where(x == 0, y, np.where(np.isnan(x), x, (x > 0).astype(x.dtype))),
    "ldexp": _ldexp,
    **dict.fromkeys(("degrees", "rad2deg"), lambda x: x * (180 / math.pi)),
    **dict.fromkeys(("radians", "deg2rad"), lambda x: x * (math.pi / 180)),

    "invert": lambda x: run("Not")(x) if x.dtype == BOOL else x.of(np.iinfo(x.dtype).max if x.kind == "u" else -1) - x,
    "bitwise_and": _bitwise("BitwiseAnd", "And"),
    "bitwise_or": _bitwise("BitwiseOr", "Or"),
    "bitwise_xor": _bitwise("BitwiseXor", "Xor"),
    "bitwise_count": lambda x: _bits(abs(x)).astype(INT64).sum(axis=-1),
    "left_shift": _left_shift,
    "right_shift": _right_shift,
    "not_equal": lambda x, y: ~(x == y),
    **{name: _on_bools(OPS[name].onnx) for name in ("logical_and", "logical_or", "logical_xor", "logical_not")},
    "isfinite": lambda x: x - x == 0 if x.kind == "f" else x == x,
    "fmax": _unless_nan(np.maximum),
    "fmin": _unless_nan(np.minimum),
    "exp2": lambda x: np.power(x.of(2), x),
    "expm1": _expm1,
    "log1p": _log1p,
    "log2": lambda x: np.log(x) * (1 / math.log(2)),
    "log10": lambda x: np.log(x) * (1 / math.log(10)),
    "logaddexp": _logaddexp,
    "logaddexp2": _logaddexp2,
    "cbrt": _cbrt,
    "hypot": _hypot,
    "arctan2": _arctan2,
})  # fmt: skip
FALLBACKS.update({
    "add": _or_on_bools("Add", "Or"),
    "multiply": _or_on_bools("Mul", "And"),
    "maximum": _or_on_bools("Max", "Or"),
    "minimum": _or_on_bools("Min", "And"),
    "negative": lambda x: 0 - x,
    **dict.fromkeys(("absolute", "floor", "ceil"), lambda x: x),
    **dict.fromkeys(("isnan", "isinf"), lambda x: x != x),
    "tan": lambda x: np.sin(x) / np.cos(x),
    "arcsin": lambda x: np.arctan(x / np.sqrt((1 - x) * (1 + x))),
    "arccos": lambda x: 2 * np.arctan(np.sqrt((1 - x) / (1 + x))),
    "arctan": _arctan,
    "sinh": _sinh,
    "cosh": _cosh,
    "arcsinh": _arcsinh,
    "arccosh": _arccosh,
    "arctanh": lambda x: 0.5 * np.log1p(2 * x / (1 - x)),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-abs(x))),
})  # fmt: skip


# ---- with several results -------------------------------------------------------------------------------------------


def _in_loop(call: Call, *inputs: Any) -> list[Any]:
    """Return operands as the loop of a ufunc with several results takes them, which has their dtype."""
    return [call.value(x, call.dtype).astype(wider(call.dtype)) for x in inputs]


def _cast_each(call: Call, *values: Any) -> tuple[Any, ...]:
    return tuple([value.astype(dtype) for value, (_, dtype) in zip(values, call.kinds, strict=True)])


@exports("divmod")
def _divmod(call: Call, *inputs: Any) -> tuple[Any, ...]:
    x, y = _in_loop(call, *inputs)
    return _cast_each(call, x // y, x % y)


@exports("modf")
def _modf(call: Call, x: Any) -> tuple[Any, ...]:
    (x,) = _in_loop(call, x)
    whole = np.trunc(x)
    return _cast_each(call, np.copysign(np.where(np.isinf(x), 0, x - whole), x), whole)


@exports("frexp")
def _frexp(call: Call, x: Any) -> tuple[Any, ...]:
    (x,) = _in_loop(call, x)
    size = abs(x).astype(DOUBLE)
    plain = (size == 0) | ~np.isfinite(size)
    size = np.where(plain, 1, size)
    # The logarithm may be off by one unit; the rest of the number then says so.
    power = np.floor(np.log2(size))
    half = np.floor(power / 2)
    rest = size / np.exp2(half) / np.exp2(power - half)
    power = np.where(rest < 1, power - 1, np.where(rest >= 2, power + 1, power))
    power = np.where(plain, 0, power + 1).astype(np.int32)
    return _cast_each(call, np.ldexp(x, 0 - power), power)


# ---- others ---------------------------------------------------------------------------------------------------------


@exports("gelu")
def _single_gelu(call: Call, x: Any) -> Any:
    x = call.wide(x)
    return _gelu(x).astype(call.dtype) if x.dtype == FLOAT else NotImplemented  # what every runtime fuses


@exports("sinc")
def _sinc(call: Call, x: Any, *, order: int) -> Any:
    if order:
        return NotImplemented
    u = call.wide(x) * math.pi
    return np.where(u == 0, 1, np.sin(u) / np.where(u == 0, 1, u)).astype(call.dtype)


@exports("round")
def _round(call: Call, x: Any, *, decimals: int) -> Any:
    scale = 10.0 ** abs(decimals)
    if x.kind != "f":
        return +x if decimals >= 0 else (np.rint(x.astype(DOUBLE) / scale) * scale).astype(x.dtype)
    x = call.wide(x)
    if decimals > 0:
        return (np.rint(x * scale) / scale).astype(call.dtype)
    return (np.rint(x / scale) * scale if decimals else np.rint(x)).astype(call.dtype)


@exports("clip")
def _clip(call: Call, *inputs: Any) -> Any:
    x, low, high = (call.value(x, call.dtype) for x in inputs)
    if low.shape or high.shape or x.dtype == BOOL:
        x, low, high = map(call.wide, inputs)
        return np.minimum(np.maximum(x, low), high).astype(call.dtype)
    kernel = x.emitter.kernel("Max", x.dtype)
    return x.emitter.call("Clip", x.astype(kernel), low.astype(kernel), high.astype(kernel)).astype(call.dtype)


@exports("where")
def _where(call: Call, condition: Any, *choices: Any) -> Any:
    condition = as_bool(call.value(condition, None if isinstance(condition, Value) else bool))
    dtype = np.result_type(*[x.dtype if isinstance(x, Value) else x for x in choices])
    x, y = (call.value(x, dtype) for x in choices)
    shape, emitter = np.broadcast_shapes(condition.shape, x.shape, y.shape), call.emitter
    if dtype == BOOL:  # no kernel chooses between truth values
        return np.broadcast_to((condition & x) | (~condition & y), shape)
    kernel = emitter.kernel("Where", dtype)
    return emitter.call("Where", condition, x.astype(kernel), y.astype(kernel), dtype=kernel, shape=shape).astype(dtype)


@exports("imag")
def _imag(call: Call, x: Any) -> Any:
    return call.emitter.full(x.shape, False if x.dtype == BOOL else 0, x.dtype)
