"""How arrays lie in memory: their strides, which decide in which order a sum adds, and so its last bits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import REFUSALS
from ..core.live import bare_number
from ..core.op import OPS, Op
from ..ir.node import GraphNode, Kind
from ..ir.program import PureProgram
from ..random import Generator
from ..tensors.tensor import Tensor
from .edits import is_pure


class Layout(NamedTuple):
    """What an array is like, apart from its values.

    Attributes:
        shape, dtype, strides: as of an array.
        scalar: whether it is one of NumPy's scalars.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    strides: tuple[int, ...]
    scalar: bool

    @classmethod
    def of(cls, a: Any) -> Layout:
        """Return how a value lies."""
        return cls(a.shape, a.dtype, a.strides, not isinstance(a, np.ndarray))

    @property
    def is_contiguous(self) -> bool:
        """Whether the elements lie in memory one after the other, in the order of the axes."""
        expected = self.dtype.itemsize
        for n, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if n != 1 and stride != expected:
                return False
            expected *= n
        return True

    def example(self) -> Any:
        """Return an array of ones that lies like this.

        Raises:
            ValueError: if it would need memory before its first element.
        """
        if self.scalar:
            return self.dtype.type(1)
        if min(self.strides, default=0) < 0:
            raise ValueError
        extent = sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True)) + self.dtype.itemsize
        memory = np.ones(-(-max(extent, 1) // self.dtype.itemsize), self.dtype)
        return np.ndarray(self.shape, self.dtype, memory, 0, self.strides)


class Layouts:
    """The layouts in a program: of all its values, found by one run on what it was made with, and of new ones."""

    def __init__(self, program: PureProgram) -> None:
        self._program = program

    def __getitem__(self, i: str) -> Layout | None:
        """Return how a node's value lies; None if that is not known."""
        found = self._found.get(i)
        return None if found is None else Layout(*found)

    @cached_property
    def _found(self) -> dict[str, tuple[Any, ...]]:
        nodes = self._program.graph.nodes
        last = {i: k for k, node in enumerate(nodes) for i in node.inputs}
        values: dict[str, Any] = {}
        found: dict[str, tuple[Any, ...]] = {}
        with np.errstate(all="ignore"):
            for k, node in enumerate(nodes):
                i = node.id
                value = self._value(node, values)
                if isinstance(value, np.ndarray):
                    found[i] = value.shape, value.dtype, value.strides, False
                elif isinstance(value, np.generic):
                    found[i] = (), value.dtype, (), True
                if value is not None and i in last:
                    values[i] = value
                for read in node.inputs:
                    if last[read] == k:
                        values.pop(read, None)
        return found

    def _value(self, node: GraphNode, values: dict[str, Any]) -> Any:
        if node.kind is not Kind.OP:
            thing = self._program.bindings[node.id]
            if isinstance(thing, Generator) or node.weak:
                return bare_number(thing)
            return thing._data if isinstance(thing, Tensor) else thing
        op, arguments, params = self._program.calls[node.id]
        if not is_pure(self._program, node):  # not to be called now; draws lie like this
            return np.zeros(node.shape, node.dtype)[()] if OPS.get(op.name) is op else None
        try:
            return op.forward(*[values[i] for i in arguments], **params)
        except REFUSALS:  # as in a run, perhaps; what reads it is not known either
            return None


def layout_of_call(op: Op, arguments: Sequence[Any], params: dict[str, Any]) -> Layout | None:
    """Return how the result of an op lies, by a call on ones.

    Args:
        op: what to call.
        arguments: a layout for each, or a known value.
        params: of the call.
    """
    try:
        with np.errstate(all="ignore"):
            given = [x.example() if isinstance(x, Layout) else x for x in arguments]
            return Layout.of(op.forward(*given, **params))
    except REFUSALS:
        return None
