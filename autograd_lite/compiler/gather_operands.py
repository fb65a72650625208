"""Operands of kernels for gathers and scatters: an array and some of its rows as these have them.

A kernel sees the whole as (…, n, k), with an n for each array of indices, its rows as (…, m, k), and indices as (m).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

CapturedArrays = tuple[Any, Any, list[Any]]


def join_axes(shape: Sequence[int], strides: Sequence[Sequence[int]]) -> tuple[int, list[int]] | None:
    """Return several axes as one: its length, and the stride of each array; None if they cannot be joined."""
    length, steps = 1, [0] * len(strides)
    for k in reversed(range(len(shape))):
        steps_of_axis = [s[k] for s in strides]
        if shape[k] == 1:
            continue
        if length == 1:
            steps = steps_of_axis
        elif steps_of_axis != [step * length for step in steps]:
            return None
        length *= shape[k]
    return length, steps


def by_rows(whole: Any, rows: Any, indices: Sequence[Any], first: int) -> CapturedArrays | None:
    """Return the operands for indices that are shared by all entries of the other axes; None if that needs copies.

    Args:
        whole, rows: the arrays.
        indices: for each axis from the first one on.
        first: this axis.
    """
    behind, shape = first + len(indices), indices[0].shape
    then = first + len(shape)
    places = join_axes(shape, [rows.strides[first:then], *(i.strides for i in indices)])
    if places is None:
        return None
    m, (step, *steps) = places
    ends = [(a.shape[at:], a.strides[at:]) for a, at in ((whole, behind), (rows, then))]
    row = join_axes(ends[0][0], [strides for _, strides in ends])
    outer: list[tuple[tuple[int, ...], tuple[int, ...]]] = [((), ()), ((), ())]
    if row is None:  # the last of these axes is the row
        outer = [(shape[:-1], strides[:-1]) for shape, strides in ends]
        row = ends[0][0][-1], [strides[-1] for _, strides in ends]
    k, row_steps = row
    operands = [
        a._replace(
            shape=(*a.shape[:first], *before[0], *joined[0], k),
            strides=(*a.strides[:first], *before[1], *joined[1], row_step),
        )
        for a, before, joined, row_step in (
            (whole, outer[0], (whole.shape[first:behind], whole.strides[first:behind]), row_steps[0]),
            (rows, outer[1], ((m,), (step,)), row_steps[1]),
        )
    ]
    return operands[0], operands[1], [i._replace(shape=(m,), strides=(s,)) for i, s in zip(indices, steps, strict=True)]


def by_elements(whole: Any, rows: Any, indices: Sequence[Any], axis: int) -> CapturedArrays:
    """Return the operands for indices that differ along all axes, as those of np.take_along_axis do."""

    def last(a: Any, *more: int) -> Any:
        shape, strides = ([*x[:axis], *x[axis + 1 :], x[axis]] for x in (a.shape, a.strides))
        return a._replace(shape=(*shape, *more), strides=(*strides, *[0] * len(more)))

    return last(whole, 1), last(rows, 1), [last(i) for i in indices]
