"""The table of exported operations: for each a rule that writes it, or the reason why ONNX cannot say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...core.op import Op
from ...core.shapes import Shape
from ..parts import GraphNode
from .emit import Emitter, Scalar, Value

__all__ = ["REASONS", "RULES", "Call", "Refused", "Rule", "exports"]


class Refused(Exception):
    """This call of an operation has no counterpart; the message is the reason, in a few words."""


class Call(NamedTuple):
    """One operation of a graph, as its rule sees it."""

    emitter: Emitter
    node: GraphNode
    op: Op

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the result."""
        return self.node.dtype

    @property
    def shape(self) -> Shape:
        """Of the result."""
        return self.node.shape

    def value(self, x: Value | Scalar, dtype: Any = None) -> Value:
        """Return an input as a Value of some dtype; without one, of its own, or that of the result for a number."""
        if isinstance(x, Value):
            return x if dtype is None else x.cast(dtype)
        return self.emitter.constant(np.asarray(x, self.dtype if dtype is None else dtype))


Rule = Callable[..., Value]
"""`rule(call, *inputs, **params)`; an input is a Value, or a Python number that took part as one."""

RULES: dict[str, Rule] = {}

REASONS: dict[str, str] = {
    **dict.fromkeys(("fft", "ifft", "rfft", "hfft", "irfft", "ihfft"), "complex numbers, which no operator takes"),
    **dict.fromkeys(("nextafter", "spacing"), "looks at the bits of a floating-point number"),
    **dict.fromkeys(("eigh", "eigvalsh", "eig", "eigvals"), "ONNX has no eigenvalues"),
    **dict.fromkeys(("svd", "svdvals", "pinv", "lstsq", "matrix_rank"), "ONNX has no singular values"),
    **dict.fromkeys(("gcd", "lcm"), "Euclid's algorithm takes as many steps as the numbers ask for"),
    **dict.fromkeys(("second_cofactor", "divide_by_gaps"), "part of a derivative that takes singular or eigenvalues"),
    **dict.fromkeys(("convolution_kernel", "window_put", "window_spread"), "part of a derivative of a window"),
    **dict.fromkeys(("convolution", "convolution_input"), "channels last, and not translated yet"),
    **dict.fromkeys(("window_argmax", "window_take", "window_sum"), "channels last, and not translated yet"),
    "lstm": "one operation for a whole sequence, and not translated yet",
    "lstm_adjoint": "part of a derivative of an LSTM",
    "qr": "ONNX has no QR decomposition",
    "bessel_i": "a sum of many terms, as ONNX has no Bessel functions",
}


def exports(*names: str) -> Callable[[Rule], Rule]:
    """Register the rule of some operations."""

    def register(rule: Rule) -> Rule:
        for name in names:
            assert name not in RULES, name
            RULES[name] = rule
        return rule

    return register
