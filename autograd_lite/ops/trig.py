"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.duck_arrays import as_array, is_duck_array
from ..core.op import Op, applied, elementwise, fuse
from ..native import threaded_functions as fast


def _arcsinh_vjp(g: Any, out: Any, x: Any) -> Any:
    return g / (np.sqrt(x * x + 1) if x.dtype.kind == "c" else np.hypot(x, 1))


def _sum_of_squares(x: Any, y: Any) -> Any:
    """Return x² + y² if none of them over- or underflows, else None."""
    s = as_array(x * x + y * y)
    if is_duck_array(s) or s.dtype.kind != "f" or not s.size:
        return None
    limits = np.finfo(s.dtype)
    return s if limits.tiny / limits.eps <= s.min() and s.max() < np.inf else None


def _direction(x: Any, y: Any) -> Any:
    with np.errstate(all="ignore"):
        s = _sum_of_squares(x, y)
        if s is not None:
            return x / np.sqrt(s)
        h = np.hypot(x, y)
        # Scale small and large values; next to an infinite one the other vanishes; (0, 0) is the tip of the cone.
        by = np.where(h < 1, 1 / np.finfo(h.dtype).eps, 0.25).astype(h.dtype)
        infinite = np.isinf(x) | np.isinf(y)
        a, b = (np.where(infinite, np.where(np.isinf(v), np.copysign(1, v), v * 0)[()], v * by) for v in (x, y))
        return np.where(h == 0, 0, a / np.hypot(a, b)).astype(h.dtype)


def _turning(x: Any, y: Any) -> Any:
    with np.errstate(all="ignore"):
        s = _sum_of_squares(x, y)
        if s is not None:
            return x / s
        h = np.hypot(x, y)
        return (_direction(x, y) / np.where(h == 0, 1, h)).astype(h.dtype)


# g - (g*out)*out is g * (1 - out²) in one array operation with a Python number less.
_tanh_pullback = fuse("tanh_pullback", lambda g, out: g - g * out * out)

# fmt: off
# ---- trigonometric --------------------------------------------------------------------------------------------------
sin     = elementwise(np.sin,     lambda out, x: fast.cos(x),     saves="x", onnx="Sin")
cos     = elementwise(np.cos,     lambda out, x: -fast.sin(x),    saves="x", onnx="Cos")
tan     = elementwise(np.tan,     lambda out, x: out * out + 1, saves="o", onnx="Tan")
arcsin  = elementwise(np.arcsin,  applied(lambda g, out, x: g / np.sqrt((1 - x) * (1 + x))),
                                  saves="x", domain=("unit",), onnx="Asin")
arccos  = elementwise(np.arccos,  applied(lambda g, out, x: -g / np.sqrt((1 - x) * (1 + x))),
                                  saves="x", domain=("unit",), onnx="Acos")
arctan  = elementwise(np.arctan,  applied(lambda g, out, x: g / (x * x + 1)),
                                  saves="x", onnx="Atan")

# ---- hyperbolic -----------------------------------------------------------------------------------------------------
sinh    = elementwise(np.sinh,    lambda out, x: np.cosh(x), saves="x", onnx="Sinh")
cosh    = elementwise(np.cosh,    lambda out, x: np.sinh(x), saves="x", onnx="Cosh")
tanh    = elementwise(np.tanh,    applied(lambda g, out, x: _tanh_pullback(g, out)),
                                  saves="o", onnx="Tanh")
arcsinh = elementwise(np.arcsinh, applied(_arcsinh_vjp),
                                  saves="x", onnx="Asinh")
arccosh = elementwise(np.arccosh, applied(lambda g, out, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1))),
                                  saves="x", domain=("above one",), onnx="Acosh")
arctanh = elementwise(np.arctanh, applied(lambda g, out, x: g / ((1 - x) * (1 + x))),
                                  saves="x", domain=("unit",), onnx="Atanh")

# ---- in the plane ---------------------------------------------------------------------------------------------------
# x / hypot(x, y), a cosine, and that over the distance once more, x / (x² + y²): 0 at the tip of the cone, the limit
# where one is infinite, and right where the squares are too large or too small.
direction: Op = elementwise(_direction, lambda out, x, y: turning(y, x) * direction(y, x),
                                        lambda out, x, y: -turning(x, y) * direction(y, x),
                                        name="direction", saves="xy", kinks="x = y = 0")
turning: Op   = elementwise(_turning,   lambda out, x, y: (turning(y, x) - out) * (turning(y, x) + out),
                                        lambda out, x, y: -2 * out * turning(y, x),
                                        name="turning", saves=("oxy", "oxy"), kinks="x = y = 0")
hypot         = elementwise(np.hypot,   lambda out, x, y: direction(x, y),
                                        lambda out, x, y: direction(y, x),
                                        saves="xy", kinks="x = y = 0", commutes=True)
arctan2       = elementwise(np.arctan2, lambda out, x, y: turning(y, x),
                                        lambda out, x, y: -turning(x, y),
                                        saves="xy", domain=("nonzero", "nonzero"), kinks="x = 0 with y <= 0")
# fmt: on
