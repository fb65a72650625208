"""Batching rules: apply an op to all examples of a batch at once, whose inputs have one more axis in front.

A batching rule is `f(op, inputs, batched, params)`: those inputs whose flag in `batched` is set carry the batch as axis
0; the result, or each of several, carries it as axis 0 too. A rule calls the op itself, so it works on arrays and on
tracers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

BatchRule = Callable[[Any, tuple[Any, ...], Sequence[bool], dict[str, Any]], Any]


def elementwise(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Align the examples of every input on the right, as broadcasting does, with the batch in front of them all."""
    return op(*_align(inputs, batched, (0,) * len(inputs)), **params)


def _align(inputs: tuple[Any, ...], batched: Sequence[bool], core: Sequence[int]) -> list[Any]:
    loops = [np.ndim(x) - b - c for x, b, c in zip(inputs, batched, core, strict=True)]
    rank = max(loops)
    return [
        x.reshape(x.shape[0], *(1,) * (rank - n), *x.shape[1:]) if b and n < rank else x
        for x, b, n in zip(inputs, batched, loops, strict=True)
    ]


def gufunc(*core: int) -> BatchRule:
    """Return the rule of an op that already broadcasts over leading axes; `core` counts each input's other axes."""

    def rule(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        return op(*_align(inputs, batched, core), **params)

    rule.core = core  # type: ignore[attr-defined]
    return rule


def reduction(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Reduce the same axes of every example; `axis` is canonical: None or a tuple of axes counted from the front."""
    (x,), axis = inputs, params["axis"]
    axis = tuple(range(1, x.ndim)) if axis is None else tuple(i + 1 for i in axis)
    return op(x, **{**params, "axis": axis})


def along_axis(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Act along the same axis of every example; all inputs have the same rank, such as x and its indices."""
    return op(*broadcast_batch(inputs, batched), **{**params, "axis": params["axis"] + 1})


def broadcast_batch(inputs: tuple[Any, ...], batched: Sequence[bool]) -> list[Any]:
    """Broadcast the inputs without the batch axis to the batch."""
    size = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    return [x if b else np.broadcast_to(x, (size, *np.shape(x))) for x, b in zip(inputs, batched, strict=True)]


def with_leading_axis(change: Callable[[int, dict[str, Any]], dict[str, Any]]) -> BatchRule:
    """Return the rule of an op of one input whose parameters name axes or shapes: `change(batch size, params)`."""

    def rule(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
        (x,) = inputs
        return op(x, **change(x.shape[0], params))

    return rule


def one_by_one(op: Any, inputs: tuple[Any, ...], batched: Sequence[bool], params: dict[str, Any]) -> Any:
    """Apply the op to each example in turn and stack the results: the fallback for ops without a rule."""
    size = next(x.shape[0] for x, b in zip(inputs, batched, strict=True) if b)
    if not size:
        raise ValueError(f"{op.name}: expected at least one example; received none")
    results = [op(*(x[k] if b else x for x, b in zip(inputs, batched, strict=True)), **params) for k in range(size)]
    if op.results is None or not size:
        return np.stack(results)
    return tuple(map(np.stack, zip(*results, strict=True)))
