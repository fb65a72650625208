"""What an explanation is made of: immutable data, with numbers where they are known."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...core.duck_arrays import to_numpy
from ...core.shape_arithmetic import Shape
from ...ir.graph_node import GraphNode


@dataclasses.dataclass(frozen=True, slots=True)
class Amount:
    """An array, as far as an explanation shows it.

    Attributes:
        id: of the node whose value it is; may be empty.
        shape, dtype: of the array.
        norm: its Euclidean norm; None if the numbers are not known.
        numbers: all its elements as nested tuples, if it is small and they are known.
    """

    id: str
    shape: Shape
    dtype: str
    norm: float | None = None
    numbers: Any = None


def amount(node: GraphNode | None, value: Any, limit: int, node_id: str = "") -> Amount:
    """Describe an array, with its numbers if there are no more than `limit`."""
    if value is None or isinstance(value, tuple):  # of several results each has a node of its own
        return Amount(node_id, node.shape if node else (), str(node.dtype) if node else "")
    a = to_numpy(value)
    with np.errstate(all="ignore"):
        norm = float(np.linalg.norm(a.reshape(-1).astype(np.result_type(a.dtype, np.float64), copy=False)))
    return Amount(node_id, a.shape, str(a.dtype), norm, _nest(a.tolist()) if a.size <= limit else None)


def _nest(values: Any) -> Any:
    return tuple(_nest(v) for v in values) if isinstance(values, list) else values


@dataclasses.dataclass(frozen=True, slots=True)
class ForwardValue:
    """A value of the forward pass, on the way from the requested tensors to the loss.

    Attributes:
        id: of its node.
        name: in formulas.
        kind: "op", or what else it is: "parameter", "input", "constant".
        words: how it was computed, such as "x @ w"; empty for a leaf.
        latex: name and formula as LaTeX.
        scope: the `nn` module that the op ran in, if it was recorded.
        source: the user's line, if it was recorded.
        value: what came out; None of a call with several results, which follow it.
    """

    id: str
    name: str
    kind: str
    words: str
    latex: str
    scope: str
    source: str
    value: Amount | None


@dataclasses.dataclass(frozen=True, slots=True)
class Incoming:
    """A cotangent that comes into a step.

    Attributes:
        name: in the rule: "g", or for the result of a call "g.Q" or "g[0]".
        result: the name of the result that it belongs to.
        latex: the derivative of the loss with respect to that, as LaTeX.
        value: its numbers.
    """

    name: str
    result: str
    latex: str
    value: Amount


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One step of the chain rule: from the result of an op to one of its arguments.

    Attributes:
        number: from 1, in the order in which the steps run.
        op: the id of the op.
        op_name: the op's name.
        argument: the position among its inputs, from 0.
        into: the id of the argument.
        result, target: what the op's result and the argument are called in formulas.
        forward: what the op computed, as text such as "tanh(n4)".
        scope: the `nn` module that the op ran in, if it was recorded.
        source: the user's line, if it was recorded.
        rule: the rule as text, in terms of `g`, the incoming cotangent.
        local: the local derivative as text; empty if the rule is not a product with one.
        reason: the reason for the rule, in a sentence; may be empty.
        remarks: what the engine did afterward: summed over broadcast axes, cast, added up.
        latex: the rule as an equation in LaTeX.
        local_latex: the local derivative as an equation in LaTeX; empty if there is none.
        incoming: the cotangents that come in: that of the op's result, or those of a call's results that have one.
        slope: the numbers of the local derivative, where there is one.
        contribution: what this step gives.
        total: the cotangent of the argument so far; the contribution if it is the first.
        use: which of the uses of the argument this is, from 1.
        uses: the number of uses of the argument that contribute to the gradient.
        nodes: the ids of the backward nodes that do this step.
    """

    number: int
    op: str
    op_name: str
    argument: int
    into: str
    result: str
    target: str
    forward: str
    scope: str
    source: str
    rule: str
    local: str
    reason: str
    remarks: tuple[str, ...]
    latex: str
    local_latex: str
    incoming: tuple[Incoming, ...]
    slope: Amount | None
    contribution: Amount
    total: Amount
    use: int
    uses: int
    nodes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Gap:
    """Steps that are left out of a long explanation.

    Attributes:
        after: the number of the step before them.
        count: their number.
        words: what they go through, such as "tanh ×40, add ×40".
    """

    after: int
    count: int
    words: str


@dataclasses.dataclass(frozen=True, slots=True)
class Use:
    """What one use of a tensor contributes to its gradient.

    Attributes:
        step: the number of its step.
        op: the id of the op.
        forward: what the op computed.
        contribution: its part of the gradient.
    """

    step: int
    op: str
    forward: str
    contribution: Amount


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """A requested tensor.

    Attributes:
        id: of its node.
        name: in formulas.
        kind: "parameter", or "op" if it is the result of one.
        shape, dtype: of the tensor.
        gradient: the derivative of the loss with respect to it, as `backward` gives it.
        uses: what its uses contribute; only the first and last of many.
        count: the number of uses.
    """

    id: str
    name: str
    kind: str
    shape: Shape
    dtype: str
    gradient: Amount
    uses: tuple[Use, ...]
    count: int


@dataclasses.dataclass(frozen=True, slots=True)
class Story:
    """The explanation of a gradient, which `text` and `markdown` write down.

    Attributes:
        outputs: the loss; or several results, whose sum is explained.
        forward: the values on the way from the requested tensors to the loss.
        seeds: what the backward pass starts with, for each output.
        steps: the chain rule, in the order in which it runs.
        gaps: the steps that are left out between them.
        targets: the requested tensors, with their gradients.
        notes: what else a reader should know, such as why there are no numbers.
    """

    outputs: tuple[ForwardValue, ...]
    forward: tuple[ForwardValue, ...]
    seeds: tuple[Amount, ...]
    steps: tuple[Step, ...]
    gaps: tuple[Gap, ...]
    targets: tuple[Target, ...]
    notes: tuple[str, ...]

    def __iter__(self) -> Iterator[Step]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.steps)
