"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.op import applied, elementwise

sin = elementwise(np.sin, lambda out, x: np.cos(x), saves="x", onnx="Sin")
cos = elementwise(np.cos, lambda out, x: -np.sin(x), saves="x", onnx="Cos")
tan = elementwise(np.tan, lambda out, x: out * out + 1, saves="o", onnx="Tan")
arcsin = elementwise(
    np.arcsin, applied(lambda g, out, x: g / np.sqrt((1 - x) * (1 + x))), saves="x", domain=("unit",), onnx="Asin"
)
arccos = elementwise(
    np.arccos, applied(lambda g, out, x: -g / np.sqrt((1 - x) * (1 + x))), saves="x", domain=("unit",), onnx="Acos"
)
arctan = elementwise(np.arctan, applied(lambda g, out, x: g / (x * x + 1)), saves="x", onnx="Atan")

sinh = elementwise(np.sinh, lambda out, x: np.cosh(x), saves="x", onnx="Sinh")
cosh = elementwise(np.cosh, lambda out, x: np.sinh(x), saves="x", onnx="Cosh")
# g - (g*out)*out is g * (1 - out²) in one array operation with a Python number less.
tanh = elementwise(np.tanh, applied(lambda g, out, x: g - g * out * out), saves="o", onnx="Tanh")


def _arcsinh_vjp(g: Any, out: Any, x: Any) -> Any:
    return g / (np.sqrt(x * x + 1) if x.dtype.kind == "c" else np.hypot(x, 1))


arcsinh = elementwise(np.arcsinh, applied(_arcsinh_vjp), saves="x", onnx="Asinh")
arccosh = elementwise(
    np.arccosh,
    applied(lambda g, out, x: g / (np.sqrt(x - 1) * np.sqrt(x + 1))),
    saves="x",
    domain=("above one",),
    onnx="Acosh",
)
arctanh = elementwise(
    np.arctanh, applied(lambda g, out, x: g / ((1 - x) * (1 + x))), saves="x", domain=("unit",), onnx="Atanh"
)


def _over(a: Any, b: Any) -> Any:
    # a / b, and the minimum-norm choice 0 where b = 0, the tip of the cone.
    tip = b == 0
    return np.where(tip, 0, a / np.where(tip, 1, b))


hypot = elementwise(
    np.hypot, lambda out, x, y: _over(x, out), lambda out, x, y: _over(y, out), saves=("ox", "oy"), kinks="x = y = 0"
)
arctan2 = elementwise(
    np.arctan2,
    lambda out, x, y: _over(y, x * x + y * y),
    lambda out, x, y: _over(-x, x * x + y * y),
    saves="xy",
    domain=("nonzero", "nonzero"),
    kinks="x = 0 with y <= 0",
)
