"""Elementwise operations: in the dtypes that NumPy's promotion chooses, as ONNX operators or formulas of several.

Half precision computes in single and rounds once, as NumPy does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ....core.op import OPS
from . import functions as f
from .emit import BOOL, DOUBLE, FLOAT, INT64, Scalar, Value, wider
from .functions import select
from .table import RULES, Call, computes, exports

Formula = Callable[..., Value]


# ---- whole numbers --------------------------------------------------------------------------------------------------


def _mod(x: Value, y: Value) -> Value:
    """Return the remainder with the sign of the divisor; by 0 it is 0, as in NumPy, where a processor would trap."""
    if x.kind == "f":
        r = f_mod(x, y)
        r = select(~r.equals(0) & f.differs(r < 0, y < 0), r + y, r)
        return select(r.equals(0) & ~y.equals(0), select(y < 0, -0.0, y.of(0.0)), r)
    trap = y.equals(0) | (y.equals(-1) if y.kind == "i" else y.equals(0))
    return x.emitter.run("Mod", x, select(trap, 1, y))


def f_mod(x: Value, y: Value) -> Value:
    """Return the remainder with the sign of the dividend."""
    if x.kind == "f":
        return x.emitter.run("Mod", x, y, fmod=1)
    trap = y.equals(0) | (y.equals(-1) if y.kind == "i" else y.equals(0))
    return x.emitter.run("Mod", x, select(trap, 1, y), fmod=1)


def _floor_divide(x: Value, y: Value) -> Value:
    if x.kind == "f":
        r = f_mod(x, y)
        whole = (x - r) / y
        whole = select(~r.equals(0) & f.differs(r < 0, y < 0), whole - 1, whole)
        down = f.floor(whole)
        near = select((whole - down) > 0.5, down + 1, down)
        return select(y.equals(0), x / y, near)
    zero = y.equals(0)
    if x.kind == "u":
        safe = select(zero, 1, y)
        return select(zero, 0, x / safe)
    less = y.equals(-1)
    safe = select(zero | less, 1, y)
    return select(zero, 0, select(less, 0 - x, (x - x.emitter.run("Mod", x, safe)) / safe))


def _bitwise(op_type: str, on_bools: str) -> Formula:
    def formula(x: Value, y: Value) -> Value:
        if x.dtype == BOOL:
            return x.emitter.run(on_bools, x, y)
        if x.emitter.opset >= 18:
            return x.emitter.run(op_type, x, y)
        return f.from_bits(x.emitter.run(on_bools, f.bits(x), f.bits(y)), x.dtype)

    return formula


def _invert(x: Value) -> Value:
    return ~x if x.dtype == BOOL else (x.of(np.iinfo(x.dtype).max) if x.kind == "u" else x.of(-1)) - x


def _bit_count(x: Value) -> Value:
    return f.bits(abs(x)).cast(INT64).sum((x.ndim,))


def _power_of_two(y: Value, dtype: np.dtype[Any]) -> Value:
    """Return 2**y for 0 <= y < the width of the dtype, exactly."""
    table = (2 ** np.arange(8 * dtype.itemsize, dtype=np.uint64)).astype(dtype)
    return y.emitter.constant(table).gather(y.cast(INT64), 0)


def _left_shift(x: Value, y: Value) -> Value:
    out = (y < 0) | (y >= 8 * x.dtype.itemsize)
    return select(out, 0, x * _power_of_two(select(out, 0, y), x.dtype))


def _right_shift(x: Value, y: Value) -> Value:
    limit = 8 * x.dtype.itemsize - (x.kind == "i")
    out = (y < 0) | (y >= limit)
    power = _power_of_two(select(out, 0, y), x.dtype)
    shifted = x / power if x.kind == "u" else (x - x.emitter.run("Mod", x, power)) / power
    return select(out, select(x < 0, -1, x.of(0)) if x.kind == "i" else 0, shifted)


# ---- floating-point numbers -----------------------------------------------------------------------------------------


def _whole(rounding: Formula) -> Formula:
    return lambda x: rounding(x) if x.kind == "f" else x


def _sign(x: Value) -> Value:
    return select(f.is_nan(x), x, f.sign(x)) if x.kind == "f" else f.sign(x)


def _copysign(x: Value, y: Value) -> Value:
    size = abs(x)
    return select(f.signbit(y), -size, size)


def _heaviside(x: Value, y: Value) -> Value:
    return select(x.equals(0), y, select(f.is_nan(x), x, (x > 0).cast(x.dtype)))


def _ldexp(x: Value, y: Value) -> Value:
    # In two steps, since 2**y alone may be out of range where the product is not.
    y = f.minimum(f.maximum(y, -2400), 2400).cast(x.dtype)
    first = f.floor(y / 2)
    return x * f.power(x.of(2), first) * f.power(x.of(2), y - first)


def _logaddexp(x: Value, y: Value, base: float = math.e) -> Value:
    down = -abs(x - y)
    scale = math.log(base)
    more = f.log1p(f.exp(down if scale == 1 else down * scale))
    return select(x.equals(y), x + 1 / _log2(base), f.maximum(x, y) + (more if scale == 1 else more / scale))


def _log2(base: float) -> float:
    return 1.0 if base == 2 else 1 / math.log(2)


def _hypot(x: Value, y: Value) -> Value:
    x, y = abs(x), abs(y)
    infinite = x.equals(math.inf) | y.equals(math.inf)
    large = f.maximum(x, y)
    plain = infinite | large.equals(0)
    ratio = f.minimum(x, y) / select(plain, 1, large)
    return select(infinite, math.inf, large * f.sqrt(1 + ratio * ratio))


def _first_unless_nan(choose: Formula) -> Formula:
    def formula(x: Value, y: Value) -> Value:
        if x.kind != "f":
            return choose(x, y)
        return select(f.is_nan(x), y, select(f.is_nan(y), x, choose(x, y)))

    return formula


def _on_bools(op_type: str) -> Formula:
    return lambda *xs: xs[0].emitter.run(op_type, *map(f.as_bool, xs))


def _order(op_type: str) -> Formula:
    def formula(x: Value, y: Value) -> Value:
        if x.dtype == BOOL:
            x, y = x.cast(np.uint8), y.cast(np.uint8)
        return x.emitter.run(op_type, x, y)

    return formula


def _by_bools(op_type: str, on_bools: str) -> Formula:
    return lambda x, y: x.emitter.run(on_bools if x.dtype == BOOL else op_type, x, y)


def _is_inf(x: Value) -> Value:
    return x.emitter.run("IsInf", x) if x.kind == "f" else ~x.equals(x)


def _round_to_even(x: Value) -> Value:
    return x.emitter.run("Round", x)


# Ufuncs that are functions of the same name.
_NAMESAKES = (
    "maximum", "minimum", "signbit", "cbrt", "expm1", "log1p", "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh",
    "cosh", "arcsinh", "arccosh", "arctanh",
)  # fmt: skip
FORMULAS: dict[str, Formula] = {
    "add": _by_bools("Add", "Or"),
    "multiply": _by_bools("Mul", "And"),
    "negative": lambda x: -x,
    "square": lambda x: x * x,
    "absolute": lambda x: x if x.dtype == BOOL else abs(x),
    "float_power": f.power,
    "remainder": _mod,
    "fmod": f_mod,
    "floor_divide": _floor_divide,
    "floor": _whole(f.floor),
    "ceil": _whole(f.one_to_one("Ceil")),
    "trunc": _whole(f.trunc),
    "sign": _sign,
    "copysign": _copysign,
    "heaviside": _heaviside,
    "ldexp": _ldexp,
    **dict.fromkeys(("degrees", "rad2deg"), lambda x: x * (180 / math.pi)),
    **dict.fromkeys(("radians", "deg2rad"), lambda x: x * (math.pi / 180)),
    "conjugate": lambda x: x.emitter.run("Identity", x),
    "invert": _invert,
    "bitwise_and": _bitwise("BitwiseAnd", "And"),
    "bitwise_or": _bitwise("BitwiseOr", "Or"),
    "bitwise_xor": _bitwise("BitwiseXor", "Xor"),
    "bitwise_count": _bit_count,
    "left_shift": _left_shift,
    "right_shift": _right_shift,
    **{name: _order(OPS[name].onnx) for name in ("greater", "greater_equal", "less", "less_equal")},
    "not_equal": lambda x, y: ~x.equals(y),
    **{name: _on_bools(OPS[name].onnx) for name in ("logical_and", "logical_or", "logical_xor", "logical_not")},
    "isfinite": f.finite,
    "isinf": _is_inf,
    "isnan": f.is_nan,
    "fmax": _first_unless_nan(f.maximum),
    "fmin": _first_unless_nan(f.minimum),
    "exp2": lambda x: f.power(x.of(2), x),
    "log2": lambda x: f.log(x) * (1 / math.log(2)),
    "log10": lambda x: f.log(x) * (1 / math.log(10)),
    "logaddexp": _logaddexp,
    "logaddexp2": lambda x, y: _logaddexp(x, y, 2),
    "hypot": _hypot,
    **{name: getattr(f, name) for name in _NAMESAKES},
}


def _mixed_signs(call: Call, x: Value, y: Value) -> Value:
    """Compare int64 with uint64, which no dtype holds both: a negative number is less than all of the others."""
    if x.kind == "i":
        negative, as_unsigned = x < 0, (x.cast(np.uint64), y)
        below = call.op.name in ("less", "less_equal", "not_equal")
    else:
        negative, as_unsigned = y < 0, (x, y.cast(np.uint64))
        below = call.op.name in ("greater", "greater_equal", "not_equal")
    compared = _formula(call.op.name)(*as_unsigned)
    return negative | compared if below else ~negative & compared


def _formula(name: str) -> Formula:
    return FORMULAS.get(name) or f.one_to_one(OPS[name].onnx)


def by_ufunc(call: Call, *inputs: Value | Scalar) -> Value:
    """Write a ufunc: operands in the dtypes of the loop that NumPy would choose."""
    ufunc = call.op.ufunc
    assert ufunc is not None
    given = [x.dtype if isinstance(x, Value) else np.dtype(bool) if isinstance(x, bool) else type(x) for x in inputs]
    *loop, _ = ufunc.resolve_dtypes((*given, None))
    computed = [wider(dtype) for dtype in loop]
    # An operand goes through the dtype of the loop, which rounds it.
    values = [call.value(x, dtype).cast(wide) for x, dtype, wide in zip(inputs, loop, computed, strict=True)]
    if len({v.dtype for v in values}) == 2 and all(d.name in ("int64", "uint64") for d in loop):
        return _mixed_signs(call, *values)
    return _formula(call.op.name)(*values).cast(call.dtype)


for _name, _op in OPS.items():
    if _op.ufunc is not None and (_op.onnx or _name in FORMULAS) and _op.ufunc.signature is None:
        RULES[_name] = by_ufunc


# ---- ours -----------------------------------------------------------------------------------------------------------


@exports("round")
def _round(call: Call, x: Value, *, decimals: int) -> Value:
    if x.kind != "f":
        if decimals >= 0:
            return x.emitter.call("Identity", x)
        scale = 10.0**-decimals
        return (_round_to_even(x.cast(DOUBLE) / scale) * scale).cast(x.dtype)
    x = call.wide(x)
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return (_round_to_even(x * scale) / scale).cast(call.dtype)
    return (_round_to_even(x / scale) * scale if decimals else _round_to_even(x)).cast(call.dtype)


@exports("clip")
def _clip(call: Call, x: Value, low: Value | Scalar, high: Value | Scalar) -> Value:
    x, low, high = (call.value(v, call.dtype) for v in (x, low, high))
    kernel = x.emitter.kernel("Max", x.dtype)
    if not low.shape and not high.shape and x.dtype != BOOL:
        bounded = x.emitter.call("Clip", x.cast(kernel), low.cast(kernel), high.cast(kernel))
        return bounded.cast(call.dtype)
    return f.minimum(f.maximum(x, low), high)


@exports("where")
def _where(call: Call, x: Value | Scalar, y: Value | Scalar, z: Value | Scalar) -> Value:
    condition = f.as_bool(call.value(x, None if isinstance(x, Value) else bool))
    return select(condition, call.value(y, call.dtype), call.value(z, call.dtype))


@exports("zero_mask")
def _zero_mask(call: Call, x: Value, y: Value | Scalar) -> Value:
    y = call.value(y)
    return select(f.is_nan(x) & y.equals(0), 0, x)


@exports("real", "copy", "stop_gradient")
def _identity(call: Call, x: Value) -> Value:
    return x.emitter.call("Identity", x)


@exports("imag")
def _imag(call: Call, x: Value) -> Value:
    return call.emitter.filled(False if x.dtype == BOOL else 0, x.shape, x.dtype)


def _in_loop(call: Call, x: Value | Scalar) -> Value:
    """Return an operand as the loop of a ufunc with several results takes it, which has their dtype."""
    _, dtype = call.node.kinds[0]
    return call.value(x, dtype).cast(wider(dtype))


def _cast_each(call: Call, *values: Value) -> tuple[Value, ...]:
    return tuple([value.cast(dtype) for value, (_, dtype) in zip(values, call.node.kinds, strict=True)])


@exports("divmod")
def _divmod(call: Call, x: Value | Scalar, y: Value | Scalar) -> tuple[Value, ...]:
    pair = _in_loop(call, x), _in_loop(call, y)
    return _cast_each(call, _floor_divide(*pair), _mod(*pair))


@exports("modf")
def _modf(call: Call, x: Value) -> tuple[Value, ...]:
    x = _in_loop(call, x)
    whole = f.trunc(x)
    rest = _copysign(select(_is_inf(x), 0, x - whole), x)
    return _cast_each(call, rest, whole)


@exports("frexp")
def _frexp(call: Call, x: Value) -> tuple[Value, ...]:
    x = _in_loop(call, x)
    power = _exponent(x)
    return _cast_each(call, _ldexp(x, 0 - power), power)


def _exponent(x: Value) -> Value:
    wide = abs(x).cast(DOUBLE)
    plain = wide.equals(0) | ~f.finite(wide)
    size = select(plain, 1, wide)
    # The logarithm may be off by one unit; what is left of the number then says so.
    power = f.floor(f.log(size) * (1 / math.log(2)))
    half = f.floor(power / 2)
    rest = size / f.power(size.of(2), half) / f.power(size.of(2), power - half)
    power = select(rest < 1, power - 1, select(rest >= 2, power + 1, power))
    return select(plain, 0, power + 1).cast(np.dtype(np.int32))


def logistic(x: Value) -> Value:
    """Return 1 / (1 + exp(-x)): in double as our forward has it, since runtimes take shortcuts that lose the tail."""
    if x.dtype == FLOAT:
        return x.emitter.run("Sigmoid", x)
    e = f.exp(-abs(x))
    return select(x < 0, e, 1.0) / (1 + e)


def _turning(x: Value, y: Value) -> Value:
    h = _hypot(x, y)
    return _cosine(x, y) / select(h.equals(0), 1, h)


def _cosine(x: Value, y: Value) -> Value:
    h = _hypot(x, y)
    far_x, far_y = (v.equals(math.inf) | v.equals(-math.inf) for v in (x, y))
    a, b = select(far_x, f.sign(x), select(far_y, 0, x)), select(far_y, f.sign(y), select(far_x, 0, y))
    return select(h.equals(0), 0, a / select(h.equals(0), 1, _hypot(a, b)))


@computes("relu")
def _relu(x: Value) -> Value:
    return x.emitter.run("Relu", x) if x.kind == "f" else f.maximum(x, 0)


@computes("leaky_relu")
def _leaky_relu(x: Value, *, slope: float) -> Value:
    if x.dtype == FLOAT:  # the attribute is in single precision
        return x.emitter.run("LeakyRelu", x, alpha=float(slope))
    return select(x > 0, x, x * slope)


@computes("elu")
def _elu(x: Value, *, alpha: float) -> Value:
    if x.dtype == FLOAT:
        return x.emitter.run("Elu", x, alpha=float(alpha))
    return select(x > 0, x, f.expm1(f.minimum(x, 0)) * alpha)


@computes("softplus")
def _softplus(x: Value) -> Value:
    if x.dtype == FLOAT:
        return x.emitter.run("Softplus", x)
    return f.maximum(x, 0) + f.log1p(f.exp(-abs(x)))


@computes("silu_slope")
def _silu_slope(x: Value) -> Value:
    e, within = f.exp(-abs(x)), f.minimum(f.maximum(x, -1e4), 1e4)
    return (select(x < 0, e, 1) + within * e / (e + 1)) / (e + 1)


@computes("mish")
def _mish(x: Value) -> Value:
    s = logistic(x)
    rest = 1 - s
    return f.maximum(x, -1e4) * (s * (rest + 1) / (rest * rest + 1))


@computes("softsign")
def _softsign(x: Value) -> Value:
    size = abs(x)
    return select(size.equals(math.inf), f.sign(x), x / (size + 1))


@computes("tanh_shrink")
def _tanh_shrink(x: Value) -> Value:
    near = abs(x) < 1
    square, q = select(near, x * x, 1), x * 0
    for k in range(17, 1, -2):
        q = square / (q + k)
    return select(near, x * (q / (q + 1)), x - f.tanh(x))


@computes("gelu")
def _gelu(x: Value) -> Value:
    x = f.maximum(x, -40.0)  # an infinity times 0 would be NaN
    if x.dtype == FLOAT:  # what every runtime fuses
        return 0.5 * x * (1 + f.erf(x * math.sqrt(0.5)))
    return 0.5 * x * f.erfc(x * -math.sqrt(0.5))


@computes("gelu_pullback")
def _gelu_pullback(x: Value, g: Value) -> Value:
    x = f.minimum(f.maximum(x, -40.0), 40.0)
    slope = 0.5 * f.erfc(x * -math.sqrt(0.5)) + x * f.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))
    return slope * g


_OURS: dict[str, Formula] = {
    "erf": f.erf,
    "erfc": f.erfc,
    "sigmoid": logistic,
    "direction": _cosine,
    "turning": _turning,
    "running_mean": lambda x, y, z: (y - x) * z + x,
    "running_mean_square": lambda x, y, z: (y * y - x) * z + x,
    "over_root": lambda x, y, z, u, v: x / (f.sqrt(y + z) + u) * v,
    "silu": lambda x: f.maximum(x, -1e4) * logistic(x),  # -inf times 0 would be NaN
    "hard_tanh": lambda x, low, high: f.minimum(f.maximum(x, low), high),
}
for _name, _written in _OURS.items():
    computes(_name)(_written)


@exports("sinc")
def _sinc(call: Call, x: Value, *, order: int) -> Value:
    """Write a derivative of sin(πx)/(πx): near 0 its power series, elsewhere a recurrence, as in our forward."""
    if not order:
        u = call.wide(x) * math.pi
        zero = u.equals(0)
        return select(zero, 1, f.sin(u) / select(zero, 1, u)).cast(call.dtype)
    wide = x.cast(DOUBLE)
    near = abs(wide) * math.pi < max(3.0, order + 1.0)
    u, large = select(near, wide * math.pi, 0), select(near, 1, wide)
    first, square = (order + 1) // 2, u * u
    series = u * 0
    for k in range(first + 16 + order, first - 1, -1):
        series = series * square + (-1) ** k / ((2 * k + 1) * math.factorial(2 * k - order))
    series = series * (u * math.pi**order if order % 2 else u.of(math.pi**order))
    turn = large * math.pi
    far = f.sin(turn) / turn
    for n in range(1, order + 1):
        far = (f.sin(turn + n * math.pi / 2) * math.pi ** (n - 1) - far * n) / large
    return select(near, series, far).cast(call.dtype)
