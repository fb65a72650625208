"""Arithmetic: what NumPy's operators and rounding functions do, element by element.

A row has the NumPy function; then for each input the derivative by it, a number, a partial or an `applied` one; then
what these read, and further facts. CONTRIBUTING.md, "Adding an op", explains the columns.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.op import OPS, Op, applied, elementwise, nondifferentiable
from ..core.rewrites import Rewrite, neutral, normal, scalar
from ..native import threaded_functions as fast
from .compare import greater


def _direction(x: Any) -> Any:
    return np.conjugate(np.sign(x)) if x.dtype.kind == "c" else np.sign(x)


def _absolute_jvp(tangents: Any, out: Any, x: Any) -> Any:
    change = _direction(x) * tangents[0]
    return np.real(change) if x.dtype.kind == "c" else change


def _power_by_base(out: Any, x: Any, y: Any) -> Any:
    # x**0 is constant, also at x = 0, where the bare formula gives 0 * inf.
    if y.__class__ in (int, float) and y != 0:
        return y * fast.power(x, y - 1)
    return np.where(y == 0, 0, y * fast.power(x, y - 1))


def _power_by_exponent(out: Any, x: Any, y: Any) -> Any:
    # 0**y is constant in y for y >= 0, where the bare formula gives 0 * log(0).
    constant = (x == 0) & (y >= 0)
    base = np.where(constant, 1, x)
    return np.where(constant, 0, out * fast.log(base + 0j if out.dtype.kind == "c" else base))


def _turn(v: Any, other: Any, size: Any) -> Any:
    # With s = x/|x|, ds = (dx - s² conj(dx)) / 2|x|: only a change of direction counts, and at 0 nothing does.
    still = size == 0
    return np.where(still, 0, (v - other) / np.where(still, 1, 2 * size))


def _sign_vjp(g: Any, out: Any, x: Any) -> Any:
    if x.dtype.kind != "c":
        return np.where(False, g, 0)  # flat, whatever g
    s = np.sign(x)
    return _turn(g, np.conjugate(g * s * s), np.abs(x))


def _sign_jvp(tangents: Any, out: Any, x: Any) -> Any:
    if x.dtype.kind != "c":
        return _sign_vjp(tangents[0], out, x)
    return _turn(tangents[0], np.conjugate(tangents[0]) * out * out, np.abs(x))


def _conjugate_jvp(tangents: Any, out: Any, x: Any) -> Any:
    return np.conjugate(tangents[0])


def _bind_round(a: Any, decimals: int = 0, out: Any = None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (a,), {"decimals": int(decimals)}


# ---- what the compiler may put in place of what: see `rewrites` ------------------------------------------------------
def _inverse(x: Any, y: Any, exact: bool) -> Any:
    """Return x times 1 / y for a known y; for a power of two that is x / y itself."""
    number = scalar(y)
    if number is None or x.dtype.kind != "f" or not normal(number, x) or not normal(1 / number, x):
        return None
    return multiply(x, 1 / number) if (abs(math.frexp(number)[0]) == 0.5) is exact else None


def _fold_factors(x: Any, y: Any, z: Any) -> Any:
    """Return the product of three, of which two are numbers, as a product of two."""
    x, y = (y, x) if scalar(y) is None else (x, y)
    a, b = scalar(y), scalar(z)
    if a is None or b is None or x.dtype.kind != "f" or not all(normal(n, x) for n in (a, b, a * b)):
        return None
    return multiply(x, a * b)


def _product_of(x: Any, y: Any) -> Any:
    """Return a small whole power of x as products: `np.power` takes about ten times as long."""
    if x.dtype.kind != "f":
        return None
    products = {2: lambda: square(x), 3: lambda: multiply(square(x), x), 4: lambda: square(square(x))}
    products[-2] = lambda: reciprocal(square(x))
    power_of_x = products.get(scalar(y))
    return None if power_of_x is None else power_of_x()


def _masked_before(g: Any, index: Any, y: Any, n: Any, size: Any, window: Any, stride: Any, padding: Any) -> Any:
    """Mask the cotangent of pooling where it has fewer elements: it goes to the largest z, so y > n is z > n there."""
    if scalar(n) is None or any(step < length for step, length in zip(stride, window, strict=True)):
        return None  # a sum of masked numbers may be 0.0 where the masked sum is -0.0
    op, inputs, results = index.call
    if op is not OPS["window_max"] or inputs != (y.id,) or 0 not in results:
        return None
    g = multiply(g, greater(results[0], n))
    return OPS["window_put"](g, index, size=size, window=window, stride=stride, padding=padding)


_SUMS = (
    *neutral(lambda x, y: add(x, y), -0.0, left=True),  # 0.0 would make 0.0 of -0.0
    Rewrite(lambda x, y: add(x, negative(y)), lambda x, y: subtract(x, y), exact=False),  # NaN may change its sign
    Rewrite(lambda x, y: add(negative(x), y), lambda x, y: subtract(y, x), exact=False),
)
_DIFFERENCES = (
    *neutral(lambda x, y: subtract(x, y), 0.0),
    Rewrite(lambda x, y: subtract(x, negative(y)), lambda x, y: add(x, y), exact=False),
)
_PRODUCTS = (
    *neutral(lambda x, y: multiply(x, y), 1, left=True),
    Rewrite(lambda x: multiply(x, x), lambda x: square(x) if x.dtype.kind == "f" else None),
    Rewrite(lambda x, y, z: multiply(multiply(x, y), z), _fold_factors, exact=False, constants=("z",)),
    Rewrite(lambda x, y, z: multiply(z, multiply(x, y)), _fold_factors, exact=False, constants=("z",)),
    Rewrite(
        lambda g, index, y, n, size, window, stride, padding: multiply(
            OPS["window_put"](g, index, size=size, window=window, stride=stride, padding=padding), greater(y, n)
        ),
        _masked_before,
    ),
)
_QUOTIENTS = (
    *neutral(lambda x, y: divide(x, y), 1),
    Rewrite(lambda x, y: divide(x, y), lambda x, y: _inverse(x, y, True), constants=("y",)),
    Rewrite(lambda x, y: divide(x, y), lambda x, y: _inverse(x, y, False), exact=False, constants=("y",)),
)
_POWERS = (Rewrite(lambda x, y: power(x, y), _product_of, exact=False, constants=("y",)),)
_NEGATIVES = (Rewrite(lambda x: negative(negative(x)), lambda x: x),)
_COPIES = (Rewrite(lambda x: positive(x), lambda x: x),)
_SIZES = (Rewrite(lambda x: absolute(negative(x)), lambda x: absolute(x) if x.dtype.kind == "f" else None),)

_JUMPS = "where x / y is an integer"

# ---- loops in C; those of integers wrap around -----------------------------------------------------------------------
_SUM = {"fc": "{0} + {1}", "iu": "({T})(({U}){0} + ({U}){1})", "b": "{0} | {1}"}
_DIFFERENCE = {"fc": "{0} - {1}", "iu": "({T})(({U}){0} - ({U}){1})"}
_PRODUCT = {"f": "{0} * {1}", "c": "al_{product}_{t}({0}, {1})", "iu": "({T})(({U}){0} * ({U}){1})", "b": "{0} & {1}"}
_SQUARE = {"f": "{0} * {0}", "c": "al_{product}_{t}({0}, {0})", "iu": "({T})(({U}){0} * ({U}){0})"}
_OPPOSITE = {"f": "al_negative_{t}({0})", "c": "al_complex_negative_{t}({0})", "iu": "({T})(0 - ({U}){0})"}
_SIZE = {"f": "fabs{s}({0})", "i": "({T})({0} < 0 ? 0 - ({U}){0} : ({U}){0})", "ub": "{0}"}
_WHOLE = {"iub": "{0}"}
_QUOTIENT = {"f": "{0} / {1}", "c": "al_complex_quotient_{t}({0}, {1})"}
_ROUNDS_DOWN = "(({0} % {1} != 0) & (({0} < 0) != ({1} < 0)))"  # whether the quotient of integers is one less than C's
_WHOLE_QUOTIENT = {  # by 0 it is 0
    "i": "{1} == 0 ? 0 : {1} == -1 ? ({T})(0 - ({U}){0}) : {0} / {1} - " + _ROUNDS_DOWN,
    "u": "{1} == 0 ? 0 : {0} / {1}",
}
_REMAINDER = {
    "f": "al_remainder_{t}({0}, {1})",
    "i": "{1} == 0 || {1} == -1 ? 0 : {0} % {1} + " + _ROUNDS_DOWN + " * {1}",
    "u": "{1} == 0 ? 0 : {0} % {1}",
}
_PI = "({T})3.141592653589793238462643383279502884"
_DEGREES, _RADIANS = {"f": f"{{0}} * (180 / {_PI})"}, {"f": f"{{0}} * ({_PI} / 180)"}
_SHIFTS = {  # by a negative number as by a large one
    "left": {"iu": "({U}){1} < {B} ? ({T})(({U}){0} << {1}) : 0"},
    "right": {"i": "({U}){1} < {B} ? {0} >> {1} : ({0} < 0 ? -1 : 0)", "u": "{1} < {B} ? {0} >> {1} : 0"},
}

# fmt: off
# ---- sums and products ----------------------------------------------------------------------------------------------
add: Op      = elementwise(np.add,          1,  1, glyph="+", onnx="Add", rewrites=_SUMS, commutes=True, c=_SUM)
subtract: Op = elementwise(np.subtract,     1, -1, glyph="−", onnx="Sub", rewrites=_DIFFERENCES, c=_DIFFERENCE)
negative: Op = elementwise(np.negative,        -1, glyph="−", onnx="Neg", rewrites=_NEGATIVES, c=_OPPOSITE)
positive: Op = elementwise(np.positive,         1, glyph="+", onnx="Identity", rewrites=_COPIES, c="{0}")
multiply: Op = elementwise(np.multiply,     lambda out, x, y: y,
                                            lambda out, x, y: x,
                                            saves=("y", "x"), glyph="×", onnx="Mul", rewrites=_PRODUCTS, commutes=True,
                                            c=_PRODUCT)
divide: Op   = elementwise(np.divide,       applied(lambda g, out, x, y: g / y),
                                            applied(lambda g, out, x, y: -(g * out) / y),
                                            saves=("y", "oy"), domain=("any", "nonzero"), glyph="÷", onnx="Div",
                                            rewrites=_QUOTIENTS, c=_QUOTIENT)
reciprocal: Op = elementwise(np.reciprocal,   lambda out, x: -(out * out),
                                            saves="o", domain=("nonzero",), onnx="Reciprocal", c={"f": "1 / {0}"})

# ---- powers and roots: nan**0 is 1 and 1**nan is 1, which hides a NaN -----------------------------------------------
square: Op   = elementwise(np.square,       lambda out, x: 2 * x, saves="x", glyph="x²", c=_SQUARE)
sqrt         = elementwise(np.sqrt,         applied(lambda g, out, x: g / (2 * out)),
                                            saves="o", domain=("positive",), onnx="Sqrt", c={"f": "sqrt{s}({0})"})
cbrt         = elementwise(np.cbrt,         applied(lambda g, out, x: g / (3 * out * out)),
                                            saves="o", domain=("nonzero",))
power: Op    = elementwise(np.power,        _power_by_base,
                                            _power_by_exponent,
                                            saves=("xy", "oxy"), domain=("positive", "any"), selects=True,
                                            glyph="xʸ", onnx="Pow", rewrites=_POWERS)
float_power  = elementwise(np.float_power,  _power_by_base,
                                            _power_by_exponent,
                                            saves=("xy", "oxy"), domain=("positive", "any"), selects=True, glyph="xʸ")

# ---- remainders -----------------------------------------------------------------------------------------------------
remainder    = elementwise(np.remainder,    1,
                                            lambda out, x, y: -np.floor_divide(x, y),
                                            saves=("", "xy"), domain=("any", "nonzero"), kinks=_JUMPS, glyph="mod",
                                            c=_REMAINDER)
fmod         = elementwise(np.fmod,         1,
                                            lambda out, x, y: -np.trunc(x / y),
                                            saves=("", "xy"), domain=("any", "nonzero"), kinks=_JUMPS,
                                            c={"f": "fmod{s}({0}, {1})"})

# ---- steps: the derivative is zero wherever there is one, and zero at the jumps -------------------------------------
floor_divide = elementwise(np.floor_divide, 0, 0, domain=("any", "nonzero"), kinks=_JUMPS, c=_WHOLE_QUOTIENT)
floor        = elementwise(np.floor,        0, kinks="integers", onnx="Floor", c=_WHOLE | {"f": "floor{s}({0})"})
ceil         = elementwise(np.ceil,         0, kinks="integers", onnx="Ceil", c=_WHOLE | {"f": "ceil{s}({0})"})
trunc        = elementwise(np.trunc,        0, kinks="integers", c=_WHOLE | {"f": "trunc{s}({0})"})
rint         = elementwise(np.rint,         0, kinks="half-integers", onnx="Round", c={"f": "rint{s}({0})"})
round_       = elementwise(lambda x, *, decimals: np.round(x, decimals), 0, name="round", bind=_bind_round,
                           numpy_functions=(np.round, np.around), kinks="half-integers at the last decimal")

# ---- magnitudes, signs and neighbors of floats ---------------------------------------------------------------------
absolute: Op = elementwise(np.absolute,     lambda out, x: _direction(x),
                                            saves="x", holomorphic=False, jvp=_absolute_jvp, kinks="x = 0",
                                            glyph="|x|", onnx="Abs", rewrites=_SIZES, c=_SIZE)
fabs         = elementwise(np.fabs,         lambda out, x: np.sign(x),
                                            saves="x", kinks="x = 0", glyph="|x|", onnx="Abs",
                                            c={"f": "fabs{s}({0})"})
sign         = elementwise(np.sign,         applied(_sign_vjp),
                                            saves="x", holomorphic=False, jvp=_sign_jvp, kinks="x = 0", onnx="Sign",
                                            c={"f": "al_sign_{t}({0})", "i": "({0} > 0) - ({0} < 0)", "u": "{0} > 0"})
copysign     = elementwise(np.copysign,     lambda out, x, y: np.sign(x) * np.copysign(1, y),
                                            0,
                                            saves=("xy", ""), domain=("nonzero", "nonzero"), selects=True,
                                            kinks="x = 0 or y = 0", c={"f": "copysign{s}({0}, {1})"})
heaviside    = elementwise(np.heaviside,    0,
                                            applied(lambda g, out, x, y: np.where(x == 0, g, 0)),
                                            saves=("", "x"), kinks="x = 0", selects=True,
                                            c={"f": "al_heaviside_{t}({0}, {1})"})
nextafter    = elementwise(np.nextafter,    1, 0)
ldexp        = elementwise(np.ldexp,        applied(lambda g, out, x, y: np.ldexp(g, y)), None, saves=("y", ""))
conjugate    = elementwise(np.conjugate,    applied(lambda g, out, x: np.conjugate(g)),
                                            holomorphic=False, jvp=_conjugate_jvp, glyph="conj", onnx="Identity",
                                            c={"fiu": "{0}", "c": "al_complex_conjugate_{t}({0})"})

# ---- angles ---------------------------------------------------------------------------------------------------------
degrees      = elementwise(np.degrees,      180 / math.pi, c=_DEGREES)
rad2deg      = elementwise(np.rad2deg,      180 / math.pi, c=_DEGREES)
radians      = elementwise(np.radians,      math.pi / 180, c=_RADIANS)
deg2rad      = elementwise(np.deg2rad,      math.pi / 180, c=_RADIANS)

# ---- of integers and bits, and the gaps between floats: no derivative -----------------------------------------------
spacing       = nondifferentiable(np.spacing)
gcd           = nondifferentiable(np.gcd, commutes=True)
lcm           = nondifferentiable(np.lcm, commutes=True)
invert        = nondifferentiable(np.invert, glyph="~", c={"iu": "~{0}", "b": "{0} == 0"})
bitwise_and   = nondifferentiable(np.bitwise_and, glyph="&", commutes=True, c="{0} & {1}")
bitwise_or    = nondifferentiable(np.bitwise_or, glyph="|", commutes=True, c="{0} | {1}")
bitwise_xor   = nondifferentiable(np.bitwise_xor, glyph="^", commutes=True, c="{0} ^ {1}")
bitwise_count = nondifferentiable(np.bitwise_count)
left_shift    = nondifferentiable(np.left_shift, glyph="<<", c=_SHIFTS["left"])
right_shift   = nondifferentiable(np.right_shift, glyph=">>", c=_SHIFTS["right"])
# fmt: on
