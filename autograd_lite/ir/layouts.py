"""Layouts of arrays in memory: their strides decide in which order a sum adds, and so its last bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from ..core.dynamic_scalars import plain_number
from ..core.errors import REFUSALS
from ..core.op import OPS, Op
from ..random import Generator
from .edits import is_pure
from .graph_node import GraphNode, Kind
from .keys import params_key
from .pure_program import PureProgram


class Layout(NamedTuple):
    """The layout of an array.

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


class _Example(NamedTuple):
    """One value, as an example for all that come from the same op on arrays of the same layouts.

    Attributes:
        value: None if it is not known.
        layout: of it; the class of a number; None if it is not known.
    """

    value: Any
    layout: Any

    @classmethod
    def of(cls, value: Any) -> Self:
        """Return the example that a value is."""
        if isinstance(value, tuple):  # several results
            return cls(value, tuple([cls.of(x).layout for x in value]))
        is_array = isinstance(value, (np.ndarray, np.generic))
        return cls(value, Layout.of(value) if is_array else None if value is None else value.__class__)


class Layouts:
    """The layouts of the values of a program; an op runs once for all arguments of the same layouts.

    Args:
        program: with its example arguments, on which operations run.
    """

    def __init__(self, program: PureProgram) -> None:
        self._program = program
        self._coming = iter(program.graph.nodes)
        self._found: dict[str, _Example] = {}  # of the nodes so far
        self._alike: dict[Any, _Example] = {}  # by op, parameters and the layouts of arguments

    def __getitem__(self, i: str) -> Layout | None:
        """Return how a node's value lies; None if that is not known."""
        examples = self._found
        while i not in examples:
            node = next(self._coming)
            examples[node.id] = self._example(node)
        layout = examples[i].layout
        return layout if layout.__class__ is Layout else None

    def _example(self, node: GraphNode) -> _Example:
        program, examples, i = self._program, self._found, node.id
        if node.kind is not Kind.OP:
            value = program.bindings[i]
            is_number = isinstance(value, Generator) or node.weak
            return _Example.of(plain_number(value) if is_number else getattr(value, "_data", value))
        op, arguments, params = program.calls[i]
        if not is_pure(program, node):  # not to be called now; draws lie like this
            return _Example.of(np.zeros(node.shape, node.dtype)[()] if OPS.defined.get(op.name) is op else None)
        inputs = [examples[k] for k in arguments]
        if len(node.inputs) > len(arguments):  # indices that are read at every run
            return self._compute(op, inputs, params)
        key = op, params_key(params), *[x.layout for x in inputs]
        example = self._alike.get(key)
        if example is None:
            example = self._alike[key] = self._compute(op, inputs, params)
        return example

    def _compute(self, op: Op, examples: Sequence[_Example], params: Mapping[str, Any]) -> _Example:
        if any(x.layout is None for x in examples):
            return _NOTHING
        try:
            with np.errstate(all="ignore"):
                return _Example.of(op.forward(*[x.value for x in examples], **params))
        except REFUSALS:  # as in a run, perhaps; what reads it is not known either
            return _NOTHING


_NOTHING = _Example(None, None)


def layout_of_call(op: Op, arguments: Sequence[Any], params: dict[str, Any]) -> Layout | None:
    """Return how the result of an op lies, by a call on ones.

    Args:
        op: what to call.
        arguments: a layout for each, or a known value.
        params: of the call.
    """
    try:
        with np.errstate(all="ignore"):
            values = [x.example() if isinstance(x, Layout) else x for x in arguments]
            return Layout.of(op.forward(*values, **params))
    except REFUSALS:
        return None
