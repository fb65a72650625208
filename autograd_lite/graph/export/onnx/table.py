"""The table of exported operations: the rules that write them, and the reasons why ONNX cannot say some of them.

An op that is in neither table is written by its forward, which runs on `Value`s and so leads to ops that are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ....core.op import Op
from ....ir.graph_node import GraphNode

Calls = Mapping[str, tuple[Op, tuple[str, ...], Mapping[str, Any]]]
Rule = Callable[..., Any]
"""`rule(call, *inputs, **params)` returns a Value, or a tuple of them; NotImplemented leaves a call to the forward.

An input is a Value, or a Python number that took part as one."""

RULES: dict[str, Rule] = {}

# Of ufuncs, as functions of Values in the dtype to compute in, instead of the operator; and where that has no kernel.
FORMULAS: dict[str, Callable[..., Any]] = {}
FALLBACKS: dict[str, Callable[..., Any]] = {}

REASONS: dict[str, str] = {
    **dict.fromkeys(("fft", "ifft", "rfft", "hfft", "irfft", "ihfft"), "complex numbers, which no operator takes"),
    **dict.fromkeys(("nextafter", "spacing"), "looks at the bits of a floating-point number"),
    **dict.fromkeys(("eigh", "eigvalsh", "eig", "eigvals"), "ONNX has no eigenvalues"),
    **dict.fromkeys(("svd", "full_svd", "svdvals", "pinv", "lstsq", "matrix_rank"), "ONNX has no singular values"),
    **dict.fromkeys(("gcd", "lcm"), "Euclid's algorithm takes as many steps as the numbers ask for"),
    **dict.fromkeys(
        ("second_cofactor", "divide_by_gaps", "eigenvector_change"),
        "part of a derivative that takes singular or eigenvalues",
    ),
    **dict.fromkeys(("qr", "qr_r"), "ONNX has no QR decomposition"),
    **dict.fromkeys(("scan", "cond", "while_loop"), "has functions as operands: write a Python loop, or np.where"),
    "bessel_i": "a sum of many terms, as ONNX has no Bessel functions",
}


class Refused(Exception):
    """This call of an operation has no counterpart; the message is the reason, in a few words."""


def reason_of(op: Op) -> str:
    """Return why no call of an op can be exported; empty if there is no such reason."""
    if op.name.startswith("special.") and op.name not in FORMULAS:
        return "a special function that ONNX lacks"
    opaque = getattr(getattr(op.forward, "__self__", None), "opaque", "")
    return REASONS.get(op.name.removesuffix(" backward"), opaque)


def exports(*names: str) -> Callable[[Rule], Rule]:
    """Register the rule of some operations."""

    def register(rule: Rule) -> Rule:
        for name in names:
            assert name not in RULES, name
            RULES[name] = rule
        return rule

    return register


# ---- several ops that are one operator ------------------------------------------------------------------------------


class Match(NamedTuple):
    """One operator in the place of several operations.

    Attributes:
        inputs: the ids of the nodes that it reads.
        write: `write(call, *values)`, which returns the result of the last of the operations.
    """

    inputs: tuple[str, ...]
    write: Rule


class Origins(NamedTuple):
    """Where the nodes of a graph come from, for patterns to look at; `bound` has the arrays and numbers of slots."""

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


Pattern = Callable[[Origins, str], Match | None]
PATTERNS: dict[str, Pattern] = {}


def fuses(*names: str) -> Callable[[Pattern], Pattern]:
    """Register a pattern that ends in some operations: it returns what stands for several, or None."""

    def register(pattern: Pattern) -> Pattern:
        PATTERNS.update(dict.fromkeys(names, pattern))
        return pattern

    return register
