"""The table of cases that drives the laws in `tests/laws`: one row or more for every op. Data only.

A row names an op, the shapes and domains of its inputs, its parameters in canonical form (as the op record takes them)
and a NumPy reference that takes the same. `calls` are further public spellings of the same call on Tensors. `exempt`
names a law that a row cannot keep, with the reason.

Domains of one input:

    any         normal, about 1 in size            int      integers -4 … 4, of an integer dtype
    positive    0.3 … 2.5                          shift    integers 0 … 5, of an integer dtype
    nonzero     0.3 … 2.5, of either sign          bool     booleans
    unit        -0.9 … 0.9                         coarse   -1, 0 or 1 as floats, so that there are ties
    above one   1.2 … 3
    between     at least 0.1 from every multiple of 1/2
    distinct    no two values nearer than 1/4, over all inputs of that domain together
    more        integers 6 … 9, of an integer dtype
    a … b       between two numbers
    off jumps   x and y with x / y at least 0.05 from every integer
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

import autograd_lite as ag

__all__ = ["CASES", "RANDOM_CASES", "OpCase", "RandomCase"]

Shapes = tuple[tuple[int, ...], ...]


class OpCase(NamedTuple):
    """One row; it stands for every combination of its shapes and parameters."""

    op: str
    ref: Callable[..., Any]
    shapes: Sequence[Shapes]
    domain: str | tuple[str, ...] = "any"
    params: Sequence[dict[str, Any]] = ({},)
    calls: tuple[Callable[..., Any], ...] = ()
    exempt: Mapping[str, str] = {}


class RandomCase(NamedTuple):
    """A draw, and the same draw from NumPy's generator in the same state."""

    op: str
    draw: Callable[[Any], Any]
    ref: Callable[[np.random.Generator], Any]


UNARY: Sequence[Shapes] = (((),), ((3,),), ((2, 1, 3),), ((0, 3),))
BINARY: Sequence[Shapes] = (
    ((), ()),
    ((3,), (3,)),
    ((2, 1, 3), (4, 1)),
    ((2, 3), ()),
    ((1,), (2, 3)),
    ((0, 2), (2,)),
)
TERNARY: Sequence[Shapes] = (
    ((), (), ()),
    ((3,), (3,), (3,)),
    ((2, 1, 3), (4, 1), (3,)),
    ((), (2, 3), ()),
    ((0,), (1,), ()),
)


def ufuncs(shapes: Sequence[Shapes], domain: str | tuple[str, ...], *functions: np.ufunc, **more: Any) -> list[OpCase]:
    """Return a row for each ufunc, which is its own reference."""
    return [OpCase(f.__name__, f, shapes, domain, **more) for f in functions]


def axes(*pairs: tuple[tuple[int, ...], Any], keepdims: Iterable[bool] = (False, True), **more: Any) -> list[Any]:
    """Return (shape, parameters) of a reduction: every pair of shape and axis, with and without keepdims."""
    return [((shape,), {"axis": axis, "keepdims": k, **more}) for shape, axis in pairs for k in keepdims]


def rows(op: str, ref: Callable[..., Any], table: Iterable[Any], **more: Any) -> list[OpCase]:
    """Return a row for each (shapes, parameters) of an op whose parameters go with the shape."""
    return [OpCase(op, ref, (shapes,), params=(params,), **more) for shapes, params in table]


# ---- elementwise ----------------------------------------------------------------------------------------------------

SMOOTH = [
    *ufuncs(UNARY, "any", np.negative, np.positive, np.conjugate, np.square, np.absolute, np.fabs),
    *ufuncs(UNARY, "any", np.degrees, np.rad2deg, np.radians, np.deg2rad),
    *ufuncs(UNARY, "any", np.sin, np.cos, np.tan, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh),
    *ufuncs(UNARY, "any", np.exp, np.exp2, np.expm1),
    *ufuncs(UNARY, "positive", np.sqrt, np.log, np.log2, np.log10, np.log1p),
    *ufuncs(UNARY, "nonzero", np.reciprocal, np.cbrt),
    *ufuncs(UNARY, "unit", np.arcsin, np.arccos, np.arctanh, np.log1p),
    *ufuncs(UNARY, "above one", np.arccosh),
    *ufuncs(BINARY, "any", np.add, np.subtract, np.multiply, np.logaddexp, np.logaddexp2, np.hypot),
    *ufuncs(BINARY, ("any", "nonzero"), np.divide),
    *ufuncs(BINARY, ("positive", "any"), np.power),
    *ufuncs(BINARY, ("positive", "any"), np.float_power, exempt={"dtype": "its result is float64 for any input"}),
    *ufuncs(BINARY, "nonzero", np.arctan2, np.copysign),
    *ufuncs(BINARY, ("any", "int"), np.ldexp),
    *ufuncs(BINARY, "distinct", np.maximum, np.minimum, np.fmax, np.fmin, np.nextafter),
]

STEPS = [
    *ufuncs(UNARY, "between", np.floor, np.ceil, np.trunc, np.rint, np.sign),
    *ufuncs(BINARY, "off jumps", np.remainder, np.fmod, np.floor_divide),
    *ufuncs(BINARY, ("nonzero", "any"), np.heaviside),
    OpCase(
        "round",
        lambda x, decimals: np.round(x, decimals),
        UNARY,
        "between",
        ({"decimals": 0}, {"decimals": -1}),
        calls=(lambda x, decimals: x.round(decimals), lambda x, decimals: x.round(decimals=decimals)),
    ),
]

CHOICES = [
    OpCase(
        "clip",
        np.clip,
        TERNARY,
        "distinct",
        calls=(
            lambda x, low, high: np.clip(x, min=low, max=high),
            lambda x, low, high: x.clip(low, high),
            lambda x, low, high: x.clip(min=low, max=high),
        ),
    ),
    OpCase("where", np.where, TERNARY, ("bool", "any", "any")),
    OpCase("direction", lambda x, y: x / np.hypot(x, y), BINARY, "nonzero"),
    OpCase("turning", lambda x, y: x / (x * x + y * y), BINARY, "nonzero"),
    OpCase("zero_mask", lambda x, y: x + 0 * y, (((), ()), ((3,), (3,)), ((2, 3), (2, 3)), ((0,), (0,))), "any"),
]

CONSTANT = [
    *ufuncs(BINARY, "coarse", np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal),
    *ufuncs(BINARY, "coarse", np.logical_and, np.logical_or, np.logical_xor),
    *ufuncs(BINARY, "int", np.gcd, np.lcm, np.bitwise_and, np.bitwise_or, np.bitwise_xor),
    *ufuncs(BINARY, ("int", "shift"), np.left_shift, np.right_shift),
    *ufuncs(BINARY, "bool", np.bitwise_and, np.bitwise_or, np.bitwise_xor),
    *ufuncs(UNARY, "int", np.invert, np.bitwise_count),
    *ufuncs(UNARY, "bool", np.invert, np.logical_not),
    *ufuncs(UNARY, "any", np.isfinite, np.isinf, np.isnan, np.signbit, np.spacing),
]

# ---- activations and the error function -----------------------------------------------------------------------------

_erf, _erfc = np.vectorize(math.erf, otypes="d"), np.vectorize(math.erfc, otypes="d")


def _of_float(f: Callable[..., Any]) -> Callable[..., Any]:
    """Compute in float64 and give the dtype back."""
    return lambda x, **params: np.asarray(f(np.asarray(x, "d"), **params)).astype(np.result_type(x, np.float16))


def _gelu_slope(x: Any) -> Any:
    return (1 + _erf(x / math.sqrt(2))) / 2 + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


ACTIVATIONS = [
    OpCase("erf", _of_float(_erf), UNARY, calls=(ag.erf,)),
    OpCase("erfc", _of_float(_erfc), UNARY, calls=(ag.erfc,)),
    OpCase("sigmoid", _of_float(lambda x: 1 / (1 + np.exp(-x))), UNARY, calls=(ag.sigmoid, lambda x: x.sigmoid())),
    OpCase(
        "relu", lambda x: np.where(x > 0, x, 0).astype(x.dtype), UNARY, "nonzero", calls=(ag.relu, lambda x: x.relu())
    ),
    OpCase(
        "leaky_relu",
        lambda x, slope: np.maximum(x, slope * x),
        UNARY,
        "nonzero",
        ({"slope": 0.01}, {"slope": 0.5}),
        calls=(lambda x, slope: ag.leaky_relu(x, slope), lambda x, slope: ag.leaky_relu(x, negative_slope=slope)),
    ),
    OpCase(
        "elu",
        _of_float(lambda x, alpha: np.where(x > 0, x, alpha * (np.exp(x) - 1))),
        UNARY,
        "nonzero",
        ({"alpha": 1.0}, {"alpha": 0.7}),
        calls=(lambda x, alpha: ag.elu(x, alpha), ag.elu),
    ),
    OpCase("softplus", _of_float(lambda x: np.log(1 + np.exp(x))), UNARY, calls=(ag.softplus,)),
    OpCase("silu", _of_float(lambda x: x / (1 + np.exp(-x))), UNARY, calls=(ag.silu,)),
    OpCase("silu_slope", _of_float(lambda x: (1 + x / (1 + np.exp(x))) / (1 + np.exp(-x))), UNARY),
    OpCase("mish", _of_float(lambda x: x * np.tanh(np.log(1 + np.exp(x)))), UNARY, calls=(ag.mish,)),
    OpCase("softsign", _of_float(lambda x: x / (1 + abs(x))), UNARY, "nonzero", calls=(ag.softsign,)),
    OpCase("tanh_shrink", _of_float(lambda x: x - np.tanh(x)), UNARY, "nonzero", calls=(ag.tanh_shrink,)),
    OpCase(
        "hard_tanh",
        lambda x, low, high: np.clip(x, low, high),
        UNARY,
        "between",
        ({"low": -1.0, "high": 1.0}, {"low": 0.0, "high": 0.5}),
        calls=(lambda x, low, high: ag.hard_tanh(x, low, high), ag.hard_tanh),
    ),
    OpCase("gelu", _of_float(lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2), UNARY, calls=(ag.gelu,)),
    OpCase("running_mean", lambda x, y, z: (y - x) * z + x, TERNARY, calls=(ag.extend.running_mean,)),
    OpCase("running_mean_square", lambda x, y, z: (y * y - x) * z + x, TERNARY, calls=(ag.extend.running_mean_square,)),
    OpCase(
        "over_root",
        lambda x, y, z, u, v: x / (np.sqrt(y + z) + u) * v,
        (*(((*s, (), ())) for s in TERNARY), ((2, 3),) * 5),
        ("any", "positive", "positive", "positive", "any"),
        calls=(ag.extend.over_root,),
    ),
    OpCase("gelu_pullback", lambda x, y: y * _of_float(_gelu_slope)(x), BINARY),
]

# ---- reductions -----------------------------------------------------------------------------------------------------

SOME_AXES = axes(((), None), ((3,), None), ((3, 2), (0,)), ((2, 3, 2), (0, 2)), ((1, 3), (0,)), ((0, 3), (1,)))
EMPTY_AXES = axes(((0, 3), (0,)), ((2, 0), None), ((2, 3), ()), keepdims=(False,))
ALSO_FLOAT64 = [((shapes), {**params, "dtype": d}) for d in (None, np.dtype("d")) for shapes, params in SOME_AXES]
ALSO_DDOF = [(shapes, {**p, "ddof": d}) for d in (0, 0.5) for shapes, p in SOME_AXES if shapes != ((0, 3),)]

REDUCTIONS = [
    *rows(
        "sum",
        np.sum,
        [*ALSO_FLOAT64, *((s, {**p, "dtype": None}) for s, p in EMPTY_AXES)],
        calls=(lambda x, **p: x.sum(**p), lambda x, axis, keepdims, dtype: x.sum(axis, dtype, keepdims)),
    ),
    *rows(
        "mean",
        np.mean,
        ALSO_FLOAT64,
        calls=(lambda x, **p: x.mean(**p), lambda x, axis, keepdims, dtype: x.mean(axis, dtype, keepdims)),
    ),
    *rows(
        "prod",
        np.prod,
        [*ALSO_FLOAT64, *((s, {**p, "dtype": None}) for s, p in EMPTY_AXES)],
        calls=(lambda x, **p: x.prod(**p), lambda x, axis, keepdims, dtype: x.prod(axis, dtype, keepdims)),
    ),
    *rows("max", np.max, SOME_AXES, domain="distinct", calls=(lambda x, **p: x.max(**p),)),
    *rows("min", np.min, SOME_AXES, domain="distinct", calls=(lambda x, **p: x.min(**p),)),
    *rows("var", np.var, ALSO_DDOF, calls=(lambda x, **p: x.var(**p),)),
    *rows(
        "std", np.std, [r for r in ALSO_DDOF if r[0] != ((),) and r[0] != ((1, 3),)], calls=(lambda x, **p: x.std(**p),)
    ),
    *rows(
        "logsumexp",
        lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims)),
        SOME_AXES,
        calls=(lambda x, axis, keepdims: ag.logsumexp(x, axis, keepdims), ag.logsumexp),
    ),
]

SOFT_AXES = [(((3,),), {"axis": 0}), (((2, 3),), {"axis": 0}), (((2, 1, 3),), {"axis": 2}), (((0, 3),), {"axis": 1})]


def _standardize(x: Any, epsilon: float, center: bool) -> Any:
    n = max(x.shape[-1], 1)
    shifted = x - x.sum(axis=-1, keepdims=True) / n * center
    return shifted / np.sqrt((shifted**2).sum(axis=-1, keepdims=True) / n + epsilon)


def _standardize_pullback(x: Any, y: Any, epsilon: float, center: bool) -> Any:
    n = max(x.shape[-1], 1)
    result = np.result_type(x, y, np.float16)
    x, y = np.asarray(x, "d"), np.asarray(y, "d")
    standard = _standardize(y, epsilon, center)
    shifted = y - y.sum(axis=-1, keepdims=True) / n * center
    slope = np.eye(x.shape[-1]) - center / n - standard[..., :, None] * standard[..., None, :] / n
    root = np.sqrt((shifted**2).sum(axis=-1, keepdims=True) / n + epsilon)
    return ((slope @ x[..., None])[..., 0] / root).astype(result)


def _softmax_pullback(x: Any, y: Any, axis: int) -> Any:
    return y * x - y * np.sum(x * y, axis=axis, keepdims=True)


def _log_softmax_pullback(x: Any, y: Any, axis: int) -> Any:
    return x - np.exp(y) * np.sum(x, axis=axis, keepdims=True)


def _of_label(x: Any, y: Any) -> Any:
    return np.arange(x.shape[-1]) == y[..., None]


def _cross_entropy(x: Any, y: Any) -> Any:
    top = x.max(axis=-1)
    rest = np.log(np.exp(x - top[..., None]).sum(axis=-1))
    return top + rest - np.where(_of_label(x, y), x, 0).sum(axis=-1), top, rest


def _cross_entropy_pullback(g: Any, x: Any, y: Any, top: Any, rest: Any) -> Any:
    return g[..., None] * (np.exp(x - top[..., None] - rest[..., None]) - _of_label(x, y))


def _rotate_pairs(x: Any, cos: Any, sin: Any, step: int) -> Any:
    x = x.reshape(*x.shape[:-1], -1, 2) if step == 2 else x.reshape(*x.shape[:-1], 2, -1).swapaxes(-1, -2)
    a, b = x[..., 0], x[..., 1]
    turned = np.stack([a * cos - b * sin, b * cos + a * sin], axis=-1)
    return (turned if step == 2 else turned.swapaxes(-1, -2)).reshape(*a.shape[:-1], -1)


def _softmax(x: Any, axis: int) -> Any:
    return np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)


SOFT = [
    *rows("softmax", _softmax, SOFT_AXES, calls=(lambda x, axis: ag.softmax(x, axis), ag.softmax)),
    *rows("softmax_pullback", _softmax_pullback, [((s[0], s[0]), p) for s, p in SOFT_AXES]),
    *rows("log_softmax_pullback", _log_softmax_pullback, [((s[0], s[0]), p) for s, p in SOFT_AXES]),
    OpCase(
        "cross_entropy",
        _cross_entropy,
        (((2, 6), (2,)), ((2, 1, 6), (2, 1)), ((0, 6), (0,))),
        ("distinct", "shift"),
        exempt={"indices": "the second input holds classes, which are integers"},
    ),
    OpCase(
        "cross_entropy_pullback",
        _cross_entropy_pullback,
        (((2,), (2, 6), *[(2,)] * 3), ((2, 1), (2, 1, 6), *[(2, 1)] * 3), ((0,), (0, 6), *[(0,)] * 3)),
        ("any", "any", "shift", "any", "any"),
        exempt={"indices": "the third input holds classes, which are integers"},
    ),
    OpCase(
        "rotate_pairs",
        _rotate_pairs,
        (((6,), (3,), (3,)), ((2, 4, 2, 6), (4, 1, 3), (4, 1, 3)), ((2, 1, 4), (2,), (1, 2)), ((2, 8), (1,), (2, 4))),
        params=({"step": 1}, {"step": 2}),
    ),
    OpCase(
        "standardize",
        _of_float(_standardize),
        (((3,),), ((1,),), ((2, 4),), ((2, 1, 3),), ((0, 3),), ((2, 0),)),
        params=({"epsilon": 0.1, "center": True}, {"epsilon": 1.0, "center": False}),
        calls=(lambda x, epsilon, center: ag.standardize(x, -1, epsilon, center),),
    ),
    OpCase(
        "standardize_pullback",
        _standardize_pullback,
        (((3,), (3,)), ((1,), (1,)), ((2, 4), (2, 4)), ((2, 1, 3), (2, 1, 3)), ((0, 3), (0, 3)), ((2, 0), (2, 0))),
        params=({"epsilon": 0.1, "center": True}, {"epsilon": 1.0, "center": False}),
    ),
    *rows(
        "log_softmax",
        lambda x, axis: np.log(_softmax(x, axis)),
        SOFT_AXES,
        calls=(lambda x, axis: ag.log_softmax(x, axis), ag.log_softmax),
    ),
]

ONE_AXIS = axes(((), None), ((3,), None), ((2, 3), 0), ((2, 3, 2), 1))

INDICES_OF_REDUCTIONS = [
    *rows("argmax", np.argmax, ONE_AXIS, domain="coarse", calls=(lambda x, axis, keepdims: x.argmax(axis, keepdims),)),
    *rows("argmin", np.argmin, ONE_AXIS, domain="coarse", calls=(lambda x, axis, keepdims: x.argmin(axis, keepdims),)),
    *rows("any", np.any, SOME_AXES, domain="coarse", calls=(lambda x, axis, keepdims: x.any(axis, keepdims),)),
    *rows("all", np.all, SOME_AXES, domain="bool", calls=(lambda x, axis, keepdims: x.all(axis, keepdims),)),
    *rows("count_nonzero", np.count_nonzero, SOME_AXES, domain="coarse"),
]

# ---- shapes ---------------------------------------------------------------------------------------------------------

SHAPES = [
    *rows(
        "reshape",
        lambda x, shape: x.reshape(shape),
        [
            (((2, 3),), {"shape": (3, 2)}),
            (((),), {"shape": (1, 1)}),
            (((1,),), {"shape": ()}),
            (((0, 3),), {"shape": (3, 0, 2)}),
            (((2, 1, 3),), {"shape": (6,)}),
        ],
        calls=(lambda x, shape: x.reshape(shape), lambda x, shape: x.reshape(*shape) if shape else x.reshape(())),
    ),
    *rows(
        "transpose",
        lambda x, axes: np.transpose(x, axes),
        [
            (((2, 3),), {"axes": (1, 0)}),
            (((2, 1, 3),), {"axes": (2, 0, 1)}),
            (((3,),), {"axes": (0,)}),
            (((),), {"axes": ()}),
            (((0, 2),), {"axes": (1, 0)}),
        ],
        calls=(lambda x, axes: x.transpose(axes), lambda x, axes: x.transpose(*axes)),
    ),
    *rows(
        "broadcast_to",
        lambda x, shape: np.broadcast_to(x, shape),
        [
            (((3,),), {"shape": (2, 3)}),
            (((2, 1, 3),), {"shape": (2, 2, 3)}),
            (((),), {"shape": (2,)}),
            (((1,),), {"shape": (0,)}),
            (((2,),), {"shape": (2,)}),
        ],
    ),
    *rows(
        "concatenate",
        lambda *parts, axis: np.concatenate(parts, axis=axis),
        [
            (((2, 3), (1, 3)), {"axis": 0}),
            (((2, 1), (2, 0), (2, 2)), {"axis": 1}),
            (((2,),), {"axis": 0}),
            (((0, 2), (0, 1)), {"axis": 1}),
        ],
    ),
    *rows(
        "array",
        lambda *parts, shape: ag.array(parts) if len(shape) == 1 else ag.array([parts[:2], parts[2:]]),
        [
            (((), (), ()), {"shape": (3,)}),
            (((2, 3), (2, 3)), {"shape": (2,)}),
            (((2,), (2,), (2,), (2,)), {"shape": (2, 2)}),
            (((0,),), {"shape": (1,)}),
        ],
    ),
    *rows(
        "pad",
        lambda x, width, value: np.pad(x, width, constant_values=value),
        [
            (((3,),), {"width": ((1, 2),), "value": 0}),
            (((2, 3),), {"width": ((0, 1), (2, 0)), "value": 1.5}),
            (((2, 1),), {"width": ((1, 1), (0, 0)), "value": ((1.0, 2.0), (3.0, 4.0))}),
            (((0, 2),), {"width": ((1, 0), (0, 1)), "value": 0}),
        ],
        calls=(
            lambda x, width, value: np.pad(x, width, constant_values=value),
            lambda x, width, value: np.pad(x, width, "constant", constant_values=value),
        ),
    ),
    OpCase(
        "astype",
        lambda x, dtype: x.astype(dtype),
        UNARY,
        params=({"dtype": np.dtype("d")},),
        calls=(lambda x, dtype: x.astype(dtype), lambda x, dtype: x.astype(dtype=dtype)),
        exempt={"dtype": "it exists to have another dtype"},
    ),
    OpCase(
        "astype",
        lambda x, dtype: x.astype(dtype),
        (((2, 3),),),
        params=({"dtype": np.dtype("f")}, {"dtype": np.dtype("e")}),
        exempt={
            "dtype": "it exists to have another dtype",
            "difference": "a finite difference sees the rounding; the row above has the same rule",
        },
    ),
    OpCase("copy", lambda x: x, UNARY, calls=(lambda x: x.copy(),)),
]

# ---- indexing -------------------------------------------------------------------------------------------------------

_MASK = np.array([[True, False, True], [False, True, True]])
# (shape, index): one of every kind that NumPy has, and mixtures.
INDEXINGS: list[tuple[tuple[int, ...], tuple[Any, ...]]] = [
    ((3,), (1,)),
    ((2, 3), (-1,)),
    ((4,), (slice(1, 3),)),
    ((4,), (slice(None, None, -1),)),
    ((2, 5), (slice(None), slice(4, 0, -2))),
    ((2, 3), (Ellipsis, 0)),
    ((2, 3), (None, 1, None)),
    ((), ()),
    ((), (Ellipsis, None)),
    ((2, 3), (slice(2, 2),)),
    ((2, 3), (_MASK,)),
    ((3, 2), (np.array([True, False, True]),)),
    ((2, 3), (np.zeros((2, 3), bool),)),
    ((3,), (np.array([2, 0, 2, 2]),)),
    ((3, 2), (np.array([[0, -1], [2, 0]]),)),
    ((2, 3), (np.array([0, 1]), np.array([2, 2]))),
    ((2, 3), (np.array([[0], [1]]), np.array([0, 2, 0]))),
    ((2, 3, 2), (np.array([0, 0]), slice(None), 1)),
    ((2, 3, 2), (slice(None), np.array([2, 0, 2]), None, slice(None, None, -1))),
    ((2, 3, 2), (1, slice(0, 2), np.array([1, 1, 0]))),
    ((3, 2), (np.array([True, False, True]), np.array([1, 0]))),
    ((3,), (np.array([], dtype=np.intp),)),
    ((), (np.array(True),)),
    ((0, 3), (slice(None), np.array([1, 1]))),
]


def _scatter(x: Any, index: Any, shape: Any) -> Any:
    out = np.zeros(shape, x.dtype)
    np.add.at(out, index, x)
    return out


def _update(x: Any, y: Any, index: Any) -> Any:
    out = np.array(x)
    out[index] = y
    return out


def _picked(shape: tuple[int, ...], index: tuple[Any, ...]) -> tuple[int, ...]:
    return np.zeros(shape)[index].shape


INDEXING = [
    *rows(
        "getitem",
        lambda x, index: x[index],
        [((shape,), {"index": index}) for shape, index in INDEXINGS],
        calls=(lambda x, index: x[index], lambda x, index: x[index[0] if len(index) == 1 else index]),
    ),
    *rows("scatter_add", _scatter, [((_picked(s, i),), {"index": i, "shape": s}) for s, i in INDEXINGS]),
    *rows("index_update", _update, [((s, _picked(s, i)), {"index": i}) for s, i in INDEXINGS]),
    *rows("index_update", _update, [((s, ()), {"index": i}) for s, i in INDEXINGS[::3]]),
    *rows("index_update", _update, [(((2, 3), (1, 2)), {"index": (slice(None), np.array([0, 2]))})]),
]

# ---- products -------------------------------------------------------------------------------------------------------

MATMUL_SHAPES: Sequence[Shapes] = (
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((1, 1), (1, 1)),
    ((2, 2, 3), (3, 4)),
    ((2, 3), (2, 3, 2)),
    ((2, 1, 2, 3), (2, 3, 1)),
    ((1, 2, 3), (3, 3, 2)),
    ((3,), (2, 3, 2)),
    ((2, 2, 3), (3,)),
    ((0, 3), (3, 2)),
    ((2, 0), (0, 3)),
    ((0, 2, 3), (3, 2)),
    ((0,), (0,)),
    ((0, 0), (0,)),
    ((2, 2, 0), (0, 3)),
    ((2, 2, 3), (3, 0)),
)
PRODUCTS = [OpCase("matmul", np.matmul, MATMUL_SHAPES, calls=(lambda x, y: x @ y,))]

CASES: list[OpCase] = [
    *SMOOTH,
    *STEPS,
    *CHOICES,
    *CONSTANT,
    *ACTIVATIONS,
    *REDUCTIONS,
    *SOFT,
    *INDICES_OF_REDUCTIONS,
    *SHAPES,
    *INDEXING,
    *PRODUCTS,
]

# ---- random draws ---------------------------------------------------------------------------------------------------

RANDOM_CASES = [
    RandomCase(
        "random_normal",
        lambda generator: ag.random.normal((2, 3), 1.0, 2.0, generator=generator),
        lambda bits: bits.standard_normal((2, 3)) * 2.0 + 1.0,
    ),
    RandomCase(
        "random_normal",
        lambda generator: ag.random.normal(3, dtype=np.float32, generator=generator),
        lambda bits: bits.standard_normal(3, np.float32),
    ),
    RandomCase(
        "random_uniform",
        lambda generator: ag.random.uniform((4,), -1.0, 3.0, generator=generator),
        lambda bits: bits.random(4) * 4.0 - 1.0,
    ),
    RandomCase(
        "random_uniform",
        lambda generator: ag.random.uniform((), dtype=np.float16, generator=generator),
        lambda bits: np.float16(bits.random()),
    ),
    RandomCase(
        "random_bernoulli",
        lambda generator: ag.random.bernoulli((50,), 0.3, generator=generator),
        lambda bits: (bits.random(50, np.float32) < 0.3).astype(float),
    ),
    RandomCase(
        "random_permutation",
        lambda generator: ag.random.permutation(7, generator=generator),
        lambda bits: bits.permutation(7),
    ),
]
