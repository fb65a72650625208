"""From tensors to their graph: one iterative walk over the record, in time linear in its length."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from .._tensor import Tensor
from ..core.node import Node
from ..core.shapes import Shape, ShapeDtype
from ..engine import edge_of
from ..random import Generator
from .ir import Graph
from .parts import GraphNode, Kind, make_param

__all__ = ["build_graph"]

_GENERATOR = np.dtype(object)


def build_graph(tensors: Tensor | Iterable[Tensor]) -> Graph:
    """Return the graph of the operations that made the given tensors.

    A tensor that requires a gradient and was made by no operation is a *parameter*; any other tensor without history
    an *input*; an array or a number used as an operand a *constant*, one for each use; a random generator *state*.
    The graph keeps no array alive, and is the same before and after `backward`.

    Args:
        tensors: one tensor, or several: the outputs of the graph.

    Returns:
        The graph. The same computation gives an equal one.

    Raises:
        TypeError: if an output is not a Tensor.
        ValueError: if there is no output.

    Example:
        >>> import autograd_lite as ag
        >>> x = ag.tensor([1.0, 2.0], name="x")
        >>> w = ag.tensor([0.5, 0.5], requires_grad=True, name="w")
        >>> print(build_graph((x * w).sum()))
        # 2 operations, 1 input, 1 parameter (2 values), 4 FLOP
        n0 : (2,) float64 = input 'x'
        n1 : (2,) float64 = parameter 'w'
        n2 : (2,) float64 = multiply n0 n1
        n3 : ()   float64 = sum[axis=None, dtype=None, keepdims=False] n2
        return n3
    """
    outputs = _checked(tensors)
    builder = _Builder(outputs)
    for node in _recorded(outputs):
        builder.add_op(node)
    results = tuple([builder.id_of(edge_of(t)) for t in outputs])
    return Graph(tuple(builder.nodes), results)


def _checked(tensors: Any) -> tuple[Tensor, ...]:
    outputs = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors) if isinstance(tensors, Iterable) else None
    if outputs is None or not all(isinstance(t, Tensor) for t in outputs):
        wrong = tensors if outputs is None else next(t for t in outputs if not isinstance(t, Tensor))
        raise TypeError(
            f"build_graph: expected a Tensor or a sequence of Tensors; received {type(wrong).__name__}. "
            "Make the inputs Tensors, ag.tensor(a, requires_grad=True), so that the operations are recorded"
        )
    if not outputs:
        raise ValueError("build_graph: expected at least one Tensor; received none. Name the outputs to draw")
    return outputs


def _recorded(outputs: tuple[Tensor, ...]) -> list[Node]:
    """Return every node that the outputs were made by, in recorded order: inputs before what is made from them."""
    found = {edge for t in outputs if isinstance(edge := edge_of(t), Node)}
    stack = list(found)
    while stack:
        for edge in stack.pop().inputs:
            if edge.__class__ is Node and edge not in found:
                found.add(edge)
                stack.append(edge)
    return sorted(found, key=lambda node: node.stamp)


class _Builder:
    """Numbers nodes as they come; a leaf is numbered at its first use."""

    def __init__(self, outputs: tuple[Tensor, ...]) -> None:
        self.nodes: list[GraphNode] = []
        # Keyed by identity: the graph's tensors are alive while it is built, and compare element by element.
        self._ids: dict[int, str] = {}
        self._names = {id(edge_of(t)): t.name for t in reversed(outputs) if t.name}

    def id_of(self, edge: Any) -> str:
        """Return the id of an edge's node, and make that of a leaf or a constant if it has none yet."""
        known = self._ids.get(id(edge))
        if known is not None:
            return known
        if isinstance(edge, (Tensor, Generator)):
            self._ids[id(edge)] = new = self._next_id()
            self.nodes.append(_leaf(new, edge))
            return new
        # Not shared between uses: backward replaces a large array by its bare shape, and the identity is lost with it.
        self.nodes.append(_constant(self._next_id(), edge))
        return self.nodes[-1].id

    def add_op(self, node: Node) -> None:
        """Add an operation after whatever it reads that is not there yet."""
        id_of, params = self.id_of, node.params
        inputs = tuple([id_of(edge) for edge in node.inputs])
        if params:
            # A generator is no value but a slot: what it holds is read, and changed, by the draw.
            inputs += tuple(id_of(v) for v in params.values() if isinstance(v, Generator))
            params = {k: params[k] for k in sorted(params) if not isinstance(params[k], Generator)}
        op, note, new = node.op, node.note, self._next_id()
        self._ids[id(node)] = new
        self.nodes.append(
            GraphNode(
                new,
                Kind.OP,
                op.name,
                op.glyph,
                inputs,
                tuple([make_param(k, v) for k, v in params.items()]) if params else (),
                node.shape,
                node.dtype,
                str(self._names.get(id(node), "")),
                needs=node.needs,
                flops=_flops(node),
                scope=note.scope if note else "",
                source=note.source if note else None,
            )
        )

    def _next_id(self) -> str:
        return f"n{len(self.nodes)}"


def _leaf(new: str, leaf: Tensor | Generator) -> GraphNode:
    if isinstance(leaf, Generator):
        return GraphNode(new, Kind.STATE, "", "", (), (), (), _GENERATOR, str(leaf.name))
    kind = Kind.PARAMETER if leaf.requires_grad else Kind.INPUT
    return GraphNode(new, kind, "", "", (), (), leaf.shape, leaf.dtype, str(leaf.name or ""))


def _constant(new: str, value: Any) -> GraphNode:
    if isinstance(value, (bool, int, float, complex)) and not isinstance(value, np.generic):
        dtype = np.dtype(type(value))
        return GraphNode(new, Kind.CONSTANT, "", "", (), (), (), dtype, value=repr(value), weak=True)
    spec = value if isinstance(value, ShapeDtype) else np.asarray(value)
    text = str(spec[()]) if isinstance(spec, np.ndarray) and not spec.ndim else ""
    return GraphNode(new, Kind.CONSTANT, "", "", (), (), spec.shape, spec.dtype, value=text)


def _flops(node: Node) -> int:
    """Estimate the operations: the op's cost for each element of its result, or of its input where it reduces."""
    op, size = node.op, math.prod(node.shape)
    if op.name == "matmul":
        return 2 * size * _shape(node.inputs[0])[-1]
    if not op.cost:
        return 0
    for edge in node.inputs:
        shape = _shape(edge)
        if shape != node.shape:
            size = max(size, math.prod(shape))
    return int(op.cost * size)


def _shape(edge: Any) -> Shape:
    return getattr(edge, "shape", ())
