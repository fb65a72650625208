"""The table of exported operations: for each a rule that writes it, or the reason why ONNX cannot say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ....core.op import Op
from ....core.shape_arithmetic import Shape
from ....ir.graph_node import GraphNode
from .emit import Emitter, Scalar, Value, wider

Calls = Mapping[str, tuple[Op, tuple[str, ...], Mapping[str, Any]]]


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

    def wide(self, x: Value | Scalar) -> Value:
        """Return an input in the dtype of the result, or in single precision if that is half."""
        return self.value(x, self.dtype).cast(wider(self.dtype))


Rule = Callable[..., Any]  # a Value, or a tuple of them
"""`rule(call, *inputs, **params)`; an input is a Value, or a Python number that took part as one."""

RULES: dict[str, Rule] = {}


class Match(NamedTuple):
    """One operator in the place of several operations.

    Attributes:
        inputs: the ids of the nodes that it reads.
        write: `write(call, *values)`, which returns the result of the last of the operations.
    """

    inputs: tuple[str, ...]
    write: Rule


class Made(NamedTuple):
    """How the nodes of a graph were made, for patterns to look at; `bound` has the arrays and numbers of slots."""

    nodes: Mapping[str, GraphNode]
    calls: Calls
    bound: Mapping[str, Any]

    def op(self, node_id: str) -> str:
        """Return the name of the op; empty for what no op made."""
        return self.calls[node_id][0].name if node_id in self.calls else ""

    def inputs(self, node_id: str) -> tuple[str, ...]:
        """Return the ids of the arguments."""
        return self.calls[node_id][1] if node_id in self.calls else ()

    def params(self, node_id: str) -> Mapping[str, Any]:
        """Return the parameters."""
        return self.calls[node_id][2] if node_id in self.calls else {}


PATTERNS: dict[str, Callable[[Made, str], Match | None]] = {}

REASONS: dict[str, str] = {
    **dict.fromkeys(("fft", "ifft", "rfft", "hfft", "irfft", "ihfft"), "complex numbers, which no operator takes"),
    **dict.fromkeys(("nextafter", "spacing"), "looks at the bits of a floating-point number"),
    **dict.fromkeys(("eigh", "eigvalsh", "eig", "eigvals"), "ONNX has no eigenvalues"),
    **dict.fromkeys(("svd", "full_svd", "svdvals", "pinv", "lstsq", "matrix_rank"), "ONNX has no singular values"),
    **dict.fromkeys(("gcd", "lcm"), "Euclid's algorithm takes as many steps as the numbers ask for"),
    **dict.fromkeys(("second_cofactor", "divide_by_gaps"), "part of a derivative that takes singular or eigenvalues"),
    **dict.fromkeys(("qr", "qr_r"), "ONNX has no QR decomposition"),
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


def computes(*names: str) -> Callable[[Rule], Rule]:
    """Register a formula `formula(*inputs, **params)` in the dtype of the result; half precision computes in single."""

    def register(formula: Rule) -> Rule:
        @exports(*names)
        def rule(call: Call, *inputs: Value | Scalar, **params: Any) -> Value:
            found: Value = formula(*map(call.wide, inputs), **params)
            return found.cast(call.dtype)

        return formula

    return register


def fuses(*names: str) -> Callable[[Callable[[Made, str], Match | None]], Callable[[Made, str], Match | None]]:
    """Register a pattern that ends in some operations: it returns what stands for several, or None."""

    def register(pattern: Callable[[Made, str], Match | None]) -> Callable[[Made, str], Match | None]:
        for name in names:
            assert name not in PATTERNS, name
            PATTERNS[name] = pattern
        return pattern

    return register
