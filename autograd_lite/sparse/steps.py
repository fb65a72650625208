"""Calls of ops, and the steps from the sets of their inputs to those of their results.

A local pattern is a tuple of steps: elements taken, groups united, or both; the empty tuple leaves the sets as they
are, and None says that nothing depends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..core.multi_result import Several
from ..core.op import Op
from ..core.shape_arithmetic import ShapeDtype
from .index_sets import IndexSets, group, take, unite

Shape = tuple[int, ...]


class Partly(NamedTuple):
    """An array of which some elements are known, those where the mask is True."""

    value: Any
    mask: Any


class Call(NamedTuple):
    """A call of an op, with those of its arrays that are known.

    Attributes:
        op, params: as in the record.
        inputs: the shapes and dtypes of its arrays.
        out: those of its result, or of each.
        values: of the inputs; None for one that is not known.
        memory: for steps of calls that are alike.
        parts: of the inputs; None for one of which no element is known, or each is.
        result: the value of the result, or None.
        computed: whether there are indices among the parameters that are not known.
    """

    op: Op
    params: Mapping[str, Any]
    inputs: tuple[ShapeDtype, ...]
    out: tuple[ShapeDtype, ...]
    values: tuple[Any, ...]
    result: Any = None
    computed: bool = False
    parts: tuple[Partly | None, ...] = ()
    memory: dict[Any, Any] | None = None


class Take(NamedTuple):
    """Element r of the result depends on what element `positions[r]` depends on; -1: on nothing."""

    positions: npt.NDArray[np.integer]

    def __call__(self, sets: IndexSets) -> IndexSets:
        return take(sets, self.positions)


class Group(NamedTuple):
    """Element r of the result depends on all elements whose group is r."""

    groups: npt.NDArray[np.integer]
    number: int

    def __call__(self, sets: IndexSets) -> IndexSets:
        return group(sets, self.groups, self.number)


class Unite(NamedTuple):
    """Element r of the result depends on the elements `members[indptr[r]:indptr[r + 1]]`."""

    indptr: npt.NDArray[np.integer]
    members: npt.NDArray[np.integer]

    def __call__(self, sets: IndexSets) -> IndexSets:
        return unite(self.indptr, self.members, sets)


def unite_pairs(rows: list[Any], members: list[Any], count: int) -> Unite:
    """Return the step by which element `rows[k][j]` of `count` depends on element `members[k][j]`."""
    every_row = np.concatenate(rows) if rows else np.zeros(0, int)
    order = np.argsort(every_row, kind="stable")
    counts = np.bincount(every_row, minlength=count)
    every_member = np.concatenate(members) if members else np.zeros(0, int)
    return Unite(np.concatenate([[0], np.cumsum(counts)]), every_member[order])


Steps = tuple[Take | Group | Unite, ...] | None


def operands(call: Call) -> tuple[Any, ...]:
    """Return the result and the inputs for a rule; stand-ins of the right shapes take the place of unknown ones."""
    result = call.result
    if result is None:
        result = stand_in(call.out[0]) if call.op.results is None else Several.of(map(stand_in, call.out))
    values = [stand_in(s) if v is None else v for s, v in zip(call.inputs, call.values, strict=True)]
    return (result, *values)


def stand_in(spec: ShapeDtype) -> Any:
    """Return zeros of a shape and dtype, with the memory of one element."""
    return np.broadcast_to(np.zeros((), spec.dtype), spec.shape)


def is_known(call: Call, reads: frozenset[int]) -> bool:
    """Return whether all arrays that a rule reads are known."""
    return all((call.result if k == 0 else call.values[k - 1]) is not None for k in reads)


def spread(shape: Shape, target: Shape) -> npt.NDArray[np.integer]:
    """Return for each element of `target` which element of `shape` broadcasting puts there."""
    return np.broadcast_to(np.arange(math.prod(shape), dtype=np.int32).reshape(shape), target).ravel()


def without(shape: Shape, axes: Any) -> Shape:
    """Return a shape with 1 for some axes, all of them for None."""
    return tuple(1 if axes is None or k in axes else n for k, n in enumerate(shape))
