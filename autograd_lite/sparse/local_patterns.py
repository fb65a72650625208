"""Which elements of an op's result depend on which elements of an input, by what its record says."""

from __future__ import annotations

import math

import numpy as np

from ..core import batching
from ..core.op import EachInput, Kind, Op
from .computed_indices import INDEXED, WINDOWS, by_index, in_windows
from .contractions import LETTERS, contraction
from .partial_values import known_part, nonzero_partial
from .probes import probe
from .steps import Call, Group, Partly, Steps, Take, Unite, spread, without
from .structural_patterns import structural

_ELEMENTWISE = {Kind.UNIT, Kind.CONSTANT, Kind.PARTIAL, Kind.GATE, Kind.APPLIED}


def local_pattern(call: Call, i: int) -> list[Steps]:
    """Return for each result of a call how its elements depend on those of input i."""
    op = call.op
    if op.rule(i) is None or call.inputs[i].dtype.kind not in "fc":
        return [None] * len(call.out)
    if op.depends is not None:
        return [(Unite(*op.depends(i, call.inputs, call.out[0], **call.params)),)]
    if op.name in WINDOWS and any(v is None for v in call.values):
        return in_windows(call, i)
    if op.results is None:
        if is_elementwise(op):
            return [_elementwise(call, i)]
        if op.batch is batching.reduction:
            return [_reduction(call, i)]
        if op.name in LETTERS:
            return [contraction(call, i)]
        if op.name in INDEXED and (steps := by_index(call, i)) is not False:
            return [steps]
        if not call.computed and (steps := structural(call, i)) is not False:
            return [steps]
    return [probe(call, i, k) for k in range(len(call.out))]


def known_result(call: Call, steps: dict[int, Steps]) -> Partly | None:
    """Return which elements of the result of a call are known although some of its inputs are not.

    Args:
        call: the call.
        steps: those from each input that is followed.
    """
    elementwise, product = is_elementwise(call.op), call.op.name in LETTERS
    if not elementwise and not product:
        rules = call.op.rules
        moves = call.op.linear or (isinstance(rules, tuple) and not any(r.reads for r in rules if r is not None))
        if call.computed or not moves:
            return None
        for i, value in enumerate(call.values):
            if value is None and i not in steps:
                steps[i] = local_pattern(call, i)[0]
    return known_part(call, steps, elementwise, product)


def is_elementwise(op: Op) -> bool:
    """Return whether each element of the result depends on one element of each input."""
    if op.results is not None or op.rules is None or isinstance(op.rules, EachInput):
        return op.is_elementwise and op.results is None
    kinds = {rule.kind for rule in op.rules if rule is not None}
    return op.is_elementwise or (bool(kinds) and kinds.issubset(_ELEMENTWISE))


def _elementwise(call: Call, i: int) -> Steps:
    rule, out = call.op.rule(i), call.out[0]
    if out.dtype.kind not in "fc" or (rule.kind is Kind.CONSTANT and rule.value == 0):  # type: ignore[union-attr]
        return None
    nonzero = nonzero_partial(call, i)
    if nonzero is None:
        return () if call.inputs[i].shape == out.shape else (Take(spread(call.inputs[i].shape, out.shape)),)
    if not nonzero.any():
        return None
    positions = spread(call.inputs[i].shape, out.shape)
    return (Take(np.where(np.broadcast_to(nonzero, out.shape).ravel(), positions, -1)),)


def _reduction(call: Call, i: int) -> Steps:
    if call.out[0].dtype.kind not in "fc":
        return None
    shape, axis = call.inputs[0].shape, call.params["axis"]
    groups = spread(without(shape, axis), shape)
    nonzero = nonzero_partial(call, i)
    if nonzero is not None:
        groups = np.where(np.broadcast_to(nonzero, shape).ravel(), groups, -1)
    return (Group(groups, math.prod(call.out[0].shape)),)
