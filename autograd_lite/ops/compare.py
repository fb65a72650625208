"""Comparisons and tests, which have no derivative, and the ops that choose between values, which do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import batching
from ..core.op import applied, elementwise, nondifferentiable
from .operands import Finished

greater = nondifferentiable(np.greater, glyph=">", onnx="Greater")
greater_equal = nondifferentiable(np.greater_equal, glyph="≥", onnx="GreaterOrEqual")
less = nondifferentiable(np.less, glyph="<", onnx="Less")
less_equal = nondifferentiable(np.less_equal, glyph="≤", onnx="LessOrEqual")
equal = nondifferentiable(np.equal, glyph="=", onnx="Equal")
not_equal = nondifferentiable(np.not_equal, glyph="≠")
logical_and = nondifferentiable(np.logical_and, glyph="and", onnx="And")
logical_or = nondifferentiable(np.logical_or, glyph="or", onnx="Or")
logical_xor = nondifferentiable(np.logical_xor, glyph="xor", onnx="Xor")
logical_not = nondifferentiable(np.logical_not, glyph="not", onnx="Not")
isfinite = nondifferentiable(np.isfinite)
isinf = nondifferentiable(np.isinf, onnx="IsInf")
isnan = nondifferentiable(np.isnan, onnx="IsNaN")
signbit = nondifferentiable(np.signbit)

# ---- choosing: ties share the cotangent evenly; a NaN operand is the one that was chosen ----------------------------


def _larger(g: Any, x: Any, y: Any) -> Any:
    return np.where(x == y, 0.5 * g, np.where((x > y) | np.isnan(x), g, 0))


def _smaller(g: Any, x: Any, y: Any) -> Any:
    return np.where(x == y, 0.5 * g, np.where((x < y) | np.isnan(x), g, 0))


maximum = elementwise(
    np.maximum,
    applied(lambda g, out, x, y: _larger(g, x, y)),
    applied(lambda g, out, x, y: np.where(np.isnan(x), 0, _larger(g, y, x))),
    saves="xy",
    kinks="x = y",
    onnx="Max",
)
minimum = elementwise(
    np.minimum,
    applied(lambda g, out, x, y: _smaller(g, x, y)),
    applied(lambda g, out, x, y: np.where(np.isnan(x), 0, _smaller(g, y, x))),
    saves="xy",
    kinks="x = y",
    onnx="Min",
)
# fmax and fmin choose the other operand when one is NaN.
fmax = elementwise(
    np.fmax,
    applied(lambda g, out, x, y: np.where(x == y, 0.5 * g, np.where((x > y) | np.isnan(y), g, 0))),
    applied(lambda g, out, x, y: np.where(x == y, 0.5 * g, np.where((x < y) | (np.isnan(x) & ~np.isnan(y)), g, 0))),
    saves="xy",
    kinks="x = y",
    selects=True,
)
fmin = elementwise(
    np.fmin,
    applied(lambda g, out, x, y: np.where(x == y, 0.5 * g, np.where((x < y) | np.isnan(y), g, 0))),
    applied(lambda g, out, x, y: np.where(x == y, 0.5 * g, np.where((x > y) | (np.isnan(x) & ~np.isnan(y)), g, 0))),
    saves="xy",
    kinks="x = y",
    selects=True,
)


def _bind_clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    low, high = (min if a_min is None else a_min), (max if a_max is None else a_max)
    integer = np.dtype(getattr(a, "dtype", np.float64)).kind in "iu"
    info = np.iinfo(a.dtype) if integer else None
    low = (info.min if info else -np.inf) if low is None else low
    high = (info.max if info else np.inf) if high is None else high
    return (a, low, high), {}


# The one exception to the even split: clip passes the whole cotangent at its bounds, so that a parameter projected
# onto a bound can leave it again.
clip = elementwise(
    lambda x, y, z: np.clip(x, y, z),
    applied(lambda g, out, x, y, z: np.where((x >= y) & (x <= z), g, 0)),
    applied(lambda g, out, x, y, z: np.where((x < y) & (y <= z), g, 0)),
    applied(lambda g, out, x, y, z: np.where((x > z) | (y > z), g, 0)),
    name="clip",
    saves="xyz",
    bind=_bind_clip,
    numpy_functions=(np.clip,),
    kinks="at the bounds",
    selects=True,
    onnx="Clip",
)


def _bind_where(condition: Any, *choices: Any) -> Any:
    if not choices:
        return Finished(np.nonzero(condition))
    if len(choices) != 2:
        raise ValueError("either both or neither of x and y should be given")
    return (condition, *choices), {}


where = elementwise(
    lambda x, y, z: np.where(x, y, z),
    None,
    applied(lambda g, out, x, y, z: np.where(x, g, 0)),
    applied(lambda g, out, x, y, z: np.where(x, 0, g)),
    name="where",
    saves="x",
    bind=_bind_where,
    numpy_functions=(np.where,),
    selects=True,
    onnx="Where",
)


def _zero_mask(x: Any, y: Any) -> Any:
    bad = np.isnan(x) & (y == 0)
    return np.where(bad, 0, x) if bad.any() else x


def _batched_mask(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    x, y = inputs  # x alone gives the result its shape
    x = x if batched[0] else np.broadcast_to(x, (y.shape[0], *np.shape(x)))
    return batching.elementwise(op, (x, y), (True, batched[1]), params)


# A derivative is a linear map, so its value at cotangent 0 is 0 even where the map itself is infinite: the result x of
# a rule is 0 where the cotangent y was exactly 0 and the rule said NaN. Masking nothing else keeps higher derivatives.
zero_mask = elementwise(
    _zero_mask,
    applied(lambda g, out, x, y: np.where(np.isnan(x) & (y == 0), 0, g)),
    None,
    name="zero_mask",
    saves="xy",
    batch=_batched_mask,
    selects=True,
)
