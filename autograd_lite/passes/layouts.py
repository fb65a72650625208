"""How arrays lie in memory: their strides, which decide in which order a sum adds, and so its last bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.errors import REFUSALS
from ..core.live import bare_number
from ..core.op import OPS, Op
from ..ir.node import GraphNode, Kind
from ..ir.program import PureProgram
from ..random import Generator
from .edits import is_pure
from .subexpressions import params_key


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
    """The layouts in a program: what is computed alike from values that lie alike lies alike, and runs once.

    Args:
        program: with what it was made with, on which operations run.
    """

    def __init__(self, program: PureProgram) -> None:
        self._program = program
        self._coming = iter(program.graph.nodes)
        self._found: dict[str, Any] = {}  # of the nodes so far; for a number its class
        self._alike: dict[Any, Layout | None] = {}  # by op, parameters and the layouts of arguments
        self._values: dict[str, Any] = {}  # that were needed

    def __getitem__(self, i: str) -> Layout | None:
        """Return how a node's value lies; None if that is not known."""
        found = self._found
        while i not in found:
            node = next(self._coming)
            found[node.id] = self._layout(node)
        layout = found[i]
        return layout if layout.__class__ is Layout else None

    def _layout(self, node: GraphNode) -> Any:
        program, found, i = self._program, self._found, node.id
        if node.kind is not Kind.OP:
            thing = program.bindings[i]
            value = bare_number(thing) if isinstance(thing, Generator) or node.weak else getattr(thing, "_data", thing)
            self._values[i] = value
            return Layout.of(value) if isinstance(value, (np.ndarray, np.generic)) else value.__class__
        op, arguments, params = program.calls[i]
        if not is_pure(program, node):  # not to be called now; draws lie like this
            self._values[i] = np.zeros(node.shape, node.dtype)[()] if OPS.get(op.name) is op else None
            return None if self._values[i] is None else Layout.of(self._values[i])
        if len(node.inputs) > len(arguments):  # indices that are read at every run
            return self._layout_of_value(i)
        key = op, params_key(params), *[found[k] for k in arguments]
        if key not in self._alike:
            self._alike[key] = self._layout_of_value(i)
        return self._alike[key]

    def _layout_of_value(self, i: str) -> Layout | None:
        value = self._value(i)
        return None if value is None else Layout.of(value)

    def _value(self, i: str) -> Any:
        """Return the value of an operation, or None if it has none."""
        values, stack = self._values, [i]
        with np.errstate(all="ignore"):
            while stack:
                k = stack[-1]
                op, arguments, params = self._program.calls[k]
                missing = () if k in values else [a for a in arguments if a not in values]
                if missing:
                    stack += missing
                    continue
                stack.pop()
                if k not in values:
                    given = [values[a] for a in arguments]
                    values[k] = None
                    try:
                        if all(x is not None for x in given):
                            values[k] = op.forward(*given, **params)
                    except REFUSALS:  # as in a run, perhaps; what reads it is not known either
                        pass
        return values[i]


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
